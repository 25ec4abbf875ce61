"""How grave does something look? One scale for zones, addresses, findings and incidents, each tone with its word."""

from collections.abc import Iterable
from enum import IntEnum

from alerting.model import Phase, Severity
from checks.model import Health
from monitor.status import AddressStatus, FindingStatus, ZoneStatus


class Tone(IntEnum):
    """In order: the gravest comes first. Each has its colour and its icon; the word beside it is the view's."""

    CRITICAL = 0
    WARNING = 1
    UNKNOWN = 2
    BUSY = 3
    NOTE = 4
    GOOD = 5

    def __str__(self) -> str:
        return self.name.lower()


_SEVERITY = {Severity.CRITICAL: Tone.CRITICAL, Severity.WARNING: Tone.WARNING, Severity.INFO: Tone.NOTE}
_STATE = {
    "in-sync": Tone.GOOD,
    "propagating": Tone.BUSY,
    "late": Tone.WARNING,
    "overdue": Tone.CRITICAL,
    "stuck": Tone.CRITICAL,
    "ahead": Tone.CRITICAL,
    "unordered": Tone.CRITICAL,
    "silent": Tone.CRITICAL,
    "not-served": Tone.CRITICAL,
}
_PHASE = {Phase.PENDING: "new, not alerted yet", Phase.FIRING: "alerted", Phase.RECOVERING: "clearing", Phase.OK: ""}


def severity_tone(severity: Severity) -> Tone:
    return _SEVERITY[severity]


def zone_tone(zone: ZoneStatus) -> Tone:
    """A good zone is busy while a version is still on its way; a bad one is as bad as its worst finding."""
    if zone.health is Health.UNKNOWN:
        return Tone.UNKNOWN
    if zone.health is Health.GOOD:
        return Tone.BUSY if propagating(zone.addresses) else Tone.GOOD
    worst = max((f.severity for f in zone.findings), default=Severity.WARNING)
    return severity_tone(max(worst, Severity.WARNING))


def address_tone(address: AddressStatus) -> Tone:
    """States that are not known here, like the one of an address not yet looked at, are unknown."""
    return _STATE.get(address.state, Tone.UNKNOWN)


def zone_word(tone: Tone) -> str:
    return {Tone.GOOD: "Well", Tone.BUSY: "Propagating"}.get(tone, tone.name.capitalize())


def state_word(state: str) -> str:
    """``in-sync`` → ``In sync``"""
    return state.replace("-", " ").capitalize()


def phase_word(finding: FindingStatus) -> str:
    if finding.severity is Severity.INFO:
        return "for information"
    return _PHASE[finding.phase]


def propagating(addresses: Iterable[AddressStatus]) -> int:
    return sum(a.state == "propagating" for a in addresses)
