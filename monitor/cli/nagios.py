"""Plugin output for Nagios, Icinga and their like (Monitoring Plugins Development Guidelines)."""

from collections.abc import Iterator

from checks.common.text import one_line, plural
from checks.model import Health
from checks.model.finding_type import Severity
from monitor.cli.output import summary
from monitor.cli.zone_check.check_zone import ZoneReport

STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
UNKNOWN = 3
MAX_FINDINGS = 3
"""Findings that are told; the others are counted."""


def line(report: ZoneReport) -> tuple[str, int]:
    """The line with perfdata, and the exit status (guidelines, "Plugin Output" and "Plugin Return Codes")."""
    status = {Health.GOOD: 0, Health.UNKNOWN: UNKNOWN}.get(
        report.health, 2 if report.worst is Severity.CRITICAL else 1
    )  # fmt: skip
    numbers = " ".join(perfdata(report))
    said = plugin_text(f"SOAWATCH {STATES[status]} - {report.zone.name} {text(report, status)}")
    return f"{said} | {numbers}" if numbers else said, status


def text(report: ZoneReport, status: int) -> str:
    if report.findings:
        more = len(report.findings) - MAX_FINDINGS
        told = [f.text for f in report.findings[:MAX_FINDINGS]]
        return "; ".join((*told, *([f"and {more} more"] if more > 0 else ()), *report.unknown[:MAX_FINDINGS]))
    if status == UNKNOWN and (report.unknown or report.status.health is Health.UNKNOWN):
        whys = report.problems or tuple(dict.fromkeys(v.reason for v in report.results.values() if v.reason))
        return (
            "; ".join((*report.unknown, *report.offline_families, *whys)[:MAX_FINDINGS]) or "nothing could be checked"
        )
    return "; ".join((serving_text(report), *report.offline_families))


def serving_text(report: ZoneReport) -> str:
    """How many addresses serve which version; what is in motion."""
    serving = sum(a.serial is not None for a in report.status.addresses)
    addresses = plural(serving, "address")
    if report.in_motion:
        told = "; ".join(f.text for f in report.in_motion[:MAX_FINDINGS])
        return f"{addresses}: {summary(report)}, to {reference_serials(report)}: {told}"
    return f"{addresses} {'serves' if serving == 1 else 'serve'} {reference_serials(report)}"


def reference_serials(report: ZoneReport) -> str:
    """The serial; one for each group of servers that counts on its own."""
    return ", ".join(str(serial) for serial in dict.fromkeys(report.status.reference_serials.values()))


def plugin_text(text: str) -> str:
    """One line without the sign that begins perfdata, and without what a page that shows it would take for HTML."""
    return one_line(text).replace("|", "/").replace("<", "(").replace(">", ")")


def perfdata(report: ZoneReport) -> Iterator[str]:
    """'label'=value[unit];warn;crit;min;max (guidelines, "Performance data"); what is not known is left out."""
    warn = report.zone.max_lag.total_seconds()
    timers = report.status.soa_timers
    critical = timers[0] + timers[1] if timers else ""
    for a in report.status.addresses:
        label = plugin_text(f"{a.server}/{a.address}").replace("'", "").replace("=", "_")
        lag = a.lag(a.checked_at) if a.checked_at is not None else None
        if lag is not None:
            yield f"'{label} lag'={lag.total_seconds():.3f}s;{warn:g};{critical};0;"
        if a.rtt is not None:
            yield f"'{label} time'={a.rtt:.6f}s;;;0;"
