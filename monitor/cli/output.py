"""Prints a look at a zone for people, and for programs."""

import os
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.text import Text

from checks.common.text import format_duration, one_line, plural
from checks.model import Health
from checks.model.finding_type import Severity
from monitor.cli.zone_check.look import Asked
from monitor.probe.message import names
from monitor.state.status import AddressStatus
from monitor.web.api_schema import zone_data

COLORS = {"in-sync": "green", "propagating": "cyan", "unknown": "yellow"}
SEVERITY_COLORS = {Severity.CRITICAL: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}

COLUMNS = ("server", "address", "serial", "state", "lag", "answer", "time", "expires")
RIGHT = ("serial", "lag", "time")
DISPENSABLE = ("time", "answer", "expires")
"""What is left out first where a terminal is narrow."""
GAP = 2


def table(asked: Asked) -> None:
    """For people: who serves what, what is wrong, what to do. Colours only on a terminal that wants them.

    No line is broken or cut: a pipe has no width, and a terminal breaks lines itself.
    """
    console = Console(highlight=False, soft_wrap=True, no_color=bool(os.environ.get("NO_COLOR")) or None)

    def say(text: str, style: str = "", more: str = "") -> None:
        console.print(Text(one_line(text), style=style).append(one_line(more), style="default"))

    say(heading(asked), "bold")
    for line in servers(asked, console.width if console.is_terminal else None):
        console.print(line)
    for problem in asked.problems:
        say(f"note: {problem}", "yellow")
    if not asked.status.addresses:
        say("To name servers yourself: --server NAME=ADDRESS", "dim")
    for sentence in asked.offline_families:
        say(f"not judged: {sentence}", "yellow")
    for finding in asked.findings:
        severity = asked.severity(finding)
        say(f"{severity} {finding.code}: ", SEVERITY_COLORS[severity], finding.text)
    for finding in asked.moving:
        say("in motion: ", "cyan", finding.text)
    for why in (*asked.unknown, *unknowns(asked)):
        say(f"unknown: {why}", "yellow")
    if asked.findings:
        console.print()
        say(f"soawatch explain {asked.findings[0].code} says what it means and how to cure it.", "dim")


def heading(asked: Asked) -> str:
    name = names.show(asked.zone.name)
    memory = f" (with the memory of {asked.memory})" if asked.memory else ""
    return f"{name}: {summary(asked)}{memory}"


def summary(asked: Asked) -> str:
    if asked.health is Health.BAD:
        return plural(len(asked.findings), "finding")
    if asked.status.health is Health.UNKNOWN or asked.unknown:
        return "cannot tell"
    well = "a change is in motion" if asked.moving else "all is well"
    return f"{well}; {plural(len(asked.findings), 'remark')}" if asked.findings else well


def unknowns(asked: Asked) -> Iterator[str]:
    """What could not be evaluated, each reason once; nothing that follows from what was found, or from no servers."""
    if asked.findings or not asked.status.addresses:
        return
    reasons: dict[str, list[str]] = {}
    for result in asked.results.values():
        if result.health is Health.UNKNOWN:
            reasons.setdefault(result.reason, []).append(result.check)
    for why, checks in reasons.items():
        yield f"{why} ({', '.join(checks)})"


def servers(asked: Asked, width: int | None) -> Iterator[Text]:
    """The addresses in columns; with a ``width`` as many columns as there is room for."""
    rows = [dict(zip(COLUMNS, cells(asked, a), strict=True)) for a in asked.status.addresses]
    if not rows:
        return
    columns = {title: max(len(title), *(len(row[title]) for row in rows)) for title in COLUMNS}
    for title in DISPENSABLE:
        if width is not None and sum(columns.values()) + GAP * (len(columns) - 1) > width:
            columns.pop(title)
    yield aligned({title: title for title in columns}, columns, "dim", "dim")
    for address, row in zip(asked.status.addresses, rows, strict=True):
        yield aligned(row, columns, "", COLORS.get(address.state, "red"))


def aligned(row: dict[str, str], columns: dict[str, int], style: str, state: str) -> Text:
    line = Text()
    for title, size in columns.items():
        cell = row[title].rjust(size) if title in RIGHT else row[title].ljust(size)
        line.append(cell + " " * GAP, style=state if title == "state" else style)
    line.rstrip()
    return line


def cells(asked: Asked, a: AddressStatus) -> tuple[str, ...]:
    found = (
        f"{a.server}{' (primary)' if a.primary else ''}",
        str(a.address),
        "" if a.serial is None else str(a.serial),
        a.state,
        lag_text(asked, a),
        a.outcome,
        "" if a.rtt is None else f"{a.rtt * 1000:.1f} ms",
        expiry_text(a),
    )
    return tuple(map(one_line, found))


def expiry_text(address: AddressStatus) -> str:
    if address.expires is None or address.checked_at is None or address.primary:
        return ""
    left = address.expires - address.checked_at
    when = f"in {format_duration(left)}" if left.total_seconds() > 0 else "now"
    return f"{when} (estimated)" if address.estimated else when


def lag_text(asked: Asked, address: AddressStatus) -> str:
    lag = address.lag(address.checked_at) if address.checked_at is not None else None
    if lag is None:
        return ""
    if not lag:
        return "0"
    return format_duration(lag) if asked.memory else f"≥ {format_duration(lag)}"


def as_data(asked: Asked) -> dict[str, Any]:
    """As in the API's /api/v1/zones/{zone}, with what only a one-shot look knows beside it."""
    at = max((r.at for polls in asked.looks for r in polls), default=asked.status.since)
    assert at is not None  # noqa: S101 - a status that was just drawn has a time
    return {
        **zone_data(asked.status, at),
        "health": str(asked.health),
        "looks": len(asked.looks),
        "memory": asked.memory or None,
        "in_motion": [{"code": f.code, "server": f.server, "text": f.text} for f in asked.moving],
        "offline": list(asked.offline_families),
        "unknown": list(asked.unknown),
        "problems": list(asked.problems),
    }
