"""Shows what a zone differs in on two servers: as diff(1) does, or as JSON."""

import json
import os
import sys

import click

from checks.common.text import one_line, plural, truncate
from checks.common.zone_difference import ADDED, ComparedZone, ZoneComparison, left_out
from monitor.probe.message.names import show
from monitor.web.diff_schema import comparison_data

MAX_LINE = 1000
"""Characters of a record that are shown; a TXT record may have 65 535."""


def print_comparison(found: ZoneComparison, lines: int) -> None:
    """For people: the serials, where they differ, then at most ``lines`` records, then what was left out."""
    if found.equal:
        both = f"{found.before} and {found.after}"
        _say(
            f"{show(found.zone)}: {both} have the same {plural(found.before.records, 'record')}, "
            f"{_serial(found.before)}"
        )
        return
    if found.before.soa.serial != found.after.soa.serial:
        _say(f"{show(found.zone)}: different serials, so that other records may be a change on its way", "yellow")
    for sign, one in (("---", found.before), ("+++", found.after)):
        _say(f"{sign} {one}: {_serial(one)}, {plural(one.records, 'record')}", "bold")
    shown = 0
    for sign, line in found.difference:
        if shown == lines:
            break
        shown += 1
        _say(f"{sign} {truncate(line, MAX_LINE)}", "green" if sign == ADDED else "red")
    for text in _rest(found, shown):
        _say(text)


def print_data(found: ZoneComparison, lines: int) -> None:
    """For programs."""
    click.echo(json.dumps(comparison_data(found, lines), indent=2))


def _rest(found: ZoneComparison, shown: int) -> list[str]:
    told = left_out(found, shown)
    counts = f"{plural(len(found.difference.removed), 'record')} only at {found.before.server}"
    read = "" if found.complete else "of what was read, "
    told.append(f"{show(found.zone)}: {read}{counts}, {len(found.difference.added)} only at {found.after.server}")
    return told


def _serial(one: ComparedZone) -> str:
    return f"serial {one.soa.serial}"


def _say(text: str, style: str = "") -> None:
    line = one_line(text)
    if not style or os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        click.echo(line)
    elif style == "bold":
        click.secho(line, bold=True)
    else:
        click.secho(line, fg=style)
