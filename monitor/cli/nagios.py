"""Plugin output for Nagios, Icinga and their like (Monitoring Plugins Development Guidelines)."""

from collections.abc import Iterator

from checks.common.text import one_line, plural
from checks.model import Health
from checks.model.finding_type import Severity
from monitor.cli.output import summary
from monitor.cli.zone_check.look import Asked

STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
UNKNOWN = 3
MOST = 3
"""Findings that are told; the others are counted."""


def line(asked: Asked) -> tuple[str, int]:
    """The line with perfdata, and the exit status (guidelines, "Plugin Output" and "Plugin Return Codes")."""
    status = {Health.GOOD: 0, Health.UNKNOWN: UNKNOWN}.get(
        asked.health, 2 if asked.worst is Severity.CRITICAL else 1
    )  # fmt: skip
    numbers = " ".join(perfdata(asked))
    said = spoken(f"SOAWATCH {STATES[status]} - {asked.zone.name} {text(asked, status)}")
    return f"{said} | {numbers}" if numbers else said, status


def text(asked: Asked, status: int) -> str:
    if asked.findings:
        more = len(asked.findings) - MOST
        told = [f.text for f in asked.findings[:MOST]]
        return "; ".join((*told, *([f"and {more} more"] if more > 0 else ()), *asked.unknown[:MOST]))
    if status == UNKNOWN and (asked.unknown or asked.status.health is Health.UNKNOWN):
        whys = asked.problems or tuple(dict.fromkeys(v.reason for v in asked.results.values() if v.reason))
        return "; ".join((*asked.unknown, *asked.offline_families, *whys)[:MOST]) or "nothing could be checked"
    return "; ".join((well(asked), *asked.offline_families))


def well(asked: Asked) -> str:
    """How many addresses serve which version; what is in motion."""
    serving = sum(a.serial is not None for a in asked.status.addresses)
    addresses = plural(serving, "address")
    if asked.moving:
        told = "; ".join(f.text for f in asked.moving[:MOST])
        return f"{addresses}: {summary(asked)}, to {served(asked)}: {told}"
    return f"{addresses} {'serves' if serving == 1 else 'serve'} {served(asked)}"


def served(asked: Asked) -> str:
    """The serial; one for each group of servers that counts on its own."""
    return ", ".join(str(serial) for serial in dict.fromkeys(asked.status.reference_serials.values()))


def spoken(text: str) -> str:
    """One line without the sign that begins perfdata, and without what a page that shows it would take for HTML."""
    return one_line(text).replace("|", "/").replace("<", "(").replace(">", ")")


def perfdata(asked: Asked) -> Iterator[str]:
    """'label'=value[unit];warn;crit;min;max (guidelines, "Performance data"); what is not known is left out."""
    warn = asked.zone.max_lag.total_seconds()
    timers = asked.status.soa_timers
    critical = timers[0] + timers[1] if timers else ""
    for a in asked.status.addresses:
        label = spoken(f"{a.server}/{a.address}").replace("'", "").replace("=", "_")
        lag = a.lag(a.checked_at) if a.checked_at is not None else None
        if lag is not None:
            yield f"'{label} lag'={lag.total_seconds():.3f}s;{warn:g};{critical};0;"
        if a.rtt is not None:
            yield f"'{label} time'={a.rtt:.6f}s;;;0;"
