"""Prints a look at a zone for people, and for programs."""

import os
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from checks.common.text import format_duration, format_time, one_line, plural
from checks.model import Health
from checks.model.finding_type import Severity
from monitor.cli.zone_check.check_zone import ZoneReport
from monitor.probe.message import names
from monitor.state.status import AddressStatus
from monitor.web.api_schema import zone_data
from monitor.web.identity_view import identity_lines
from monitor.web.transfer_view import transfer_lines
from monitor.web.tree_view import tree_lines

COLORS = {"in-sync": "green", "propagating": "cyan", "unknown": "yellow"}
SEVERITY_COLORS = {Severity.CRITICAL: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}

COLUMNS = ("server", "address", "serial", "state", "lag", "answer", "time", "expires")
RIGHT = ("serial", "lag", "time")
DISPENSABLE = ("time", "answer", "expires")
"""What is left out first where a terminal is narrow."""
GAP = 2


def table(report: ZoneReport) -> None:
    """For people: who serves what, what is wrong, what to do. Colours only on a terminal that wants them.

    No line is broken or cut: a pipe has no width, and a terminal breaks lines itself.
    """
    console = Console(highlight=False, soft_wrap=True, no_color=bool(os.environ.get("NO_COLOR")) or None)

    def say(text: str, style: str = "", more: str = "") -> None:
        console.print(Text(one_line(text), style=style).append(one_line(more), style="default"))

    say(heading(report), "bold")
    for line in servers(report, console.width if console.is_terminal else None):
        console.print(line)
    at = last_look(report)
    for text in (*identity_lines(report.status.addresses, at), *tree_lines(report.status.tree, at)):
        say(text)
    for sentence in (*signatures_text(report), *transfer_lines(report.status.addresses, at)):
        say(sentence)
    for problem in report.notes:
        say(f"note: {problem}", "yellow")
    if not report.status.addresses:
        say("To name servers yourself: --server NAME=ADDRESS", "dim")
    for sentence in report.offline_families:
        say(f"not judged: {sentence}", "yellow")
    for finding in report.findings:
        severity = report.severity(finding)
        say(f"{severity} {finding.code}: ", SEVERITY_COLORS[severity], finding.text)
    for finding in report.in_motion:
        say("in motion: ", "cyan", finding.text)
    for why in (*report.unknown, *unknowns(report)):
        say(f"unknown: {why}", "yellow")
    if report.findings:
        console.print()
        say(f"soawatch explain {report.findings[0].code} says what it means and how to cure it.", "dim")


def heading(report: ZoneReport) -> str:
    name = names.show(report.zone.name)
    memory = f" (with the memory of {report.memory})" if report.memory else ""
    return f"{name}: {summary(report)}{memory}"


def summary(report: ZoneReport) -> str:
    if report.health is Health.BAD:
        return plural(len(report.findings), "finding")
    if report.status.health is Health.UNKNOWN or report.unknown:
        return "cannot tell"
    well = "a change is in motion" if report.in_motion else "all is well"
    return f"{well}; {plural(len(report.findings), 'remark')}" if report.findings else well


def unknowns(report: ZoneReport) -> Iterator[str]:
    """What could not be evaluated, each reason once; nothing that follows from what was found, or from no servers."""
    if report.findings or not report.status.addresses:
        return
    reasons: dict[str, list[str]] = {}
    for result in report.results.values():
        if result.health is Health.UNKNOWN:
            reasons.setdefault(result.reason, []).append(result.check)
    for why, checks in reasons.items():
        yield f"{why} ({', '.join(checks)})"


def servers(report: ZoneReport, width: int | None) -> Iterator[Text]:
    """The addresses in columns; with a ``width`` as many columns as there is room for."""
    rows = [dict(zip(COLUMNS, cells(report, a), strict=True)) for a in report.status.addresses]
    if not rows:
        return
    columns = {title: max(len(title), *(len(row[title]) for row in rows)) for title in COLUMNS}
    for title in DISPENSABLE:
        if width is not None and sum(columns.values()) + GAP * (len(columns) - 1) > width:
            columns.pop(title)
    yield aligned({title: title for title in columns}, columns, "dim", "dim")
    for address, row in zip(report.status.addresses, rows, strict=True):
        yield aligned(row, columns, "", COLORS.get(address.state, "red"))


def aligned(row: dict[str, str], columns: dict[str, int], style: str, state: str) -> Text:
    line = Text()
    for title, size in columns.items():
        cell = row[title].rjust(size) if title in RIGHT else row[title].ljust(size)
        line.append(cell + " " * GAP, style=state if title == "state" else style)
    line.rstrip()
    return line


def cells(report: ZoneReport, a: AddressStatus) -> tuple[str, ...]:
    found = (
        f"{a.server}{' (primary)' if a.primary else ' (signer)' if a.signer else ''}",
        str(a.address),
        "" if a.serial is None else str(a.serial),
        a.state,
        lag_text(report, a),
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


def signatures_text(report: ZoneReport) -> Iterator[str]:
    """Where the zone is signed, when the first of its signatures ends that were looked at."""
    ends = [(end.at, result.at, end) for result in report.results.values() for end in result.ends]
    if not ends:
        return
    at, now, end = min(ends, key=lambda each: each[0])
    when = f"ended {format_duration(now - at)} ago" if at <= now else f"ends in {format_duration(at - now)}"
    yield f"signatures: the first {when}, {format_time(at)} ({end.what} at {end.server}, {end.address})"


def lag_text(report: ZoneReport, address: AddressStatus) -> str:
    lag = address.lag(address.checked_at) if address.checked_at is not None else None
    if lag is None:
        return ""
    if not lag:
        return "0"
    return format_duration(lag) if report.memory else f"≥ {format_duration(lag)}"


def as_data(report: ZoneReport) -> dict[str, Any]:
    """As in the API's /api/v1/zones/{zone}, with what only a one-shot look knows beside it."""
    return {
        **zone_data(report.status, last_look(report)),
        "health": str(report.health),
        "looks": len(report.looks),
        "memory": report.memory or None,
        "in_motion": [{"code": f.code, "server": f.server, "text": f.text} for f in report.in_motion],
        "offline": list(report.offline_families),
        "unknown": list(report.unknown),
        "problems": list(report.notes),
    }


def last_look(report: ZoneReport) -> datetime:
    """When the last look ended, or the status was drawn where nobody was asked."""
    at = max((r.at for polls in report.looks for r in polls), default=report.status.since)
    assert at is not None  # noqa: S101 - a status that was just drawn has a time
    return at
