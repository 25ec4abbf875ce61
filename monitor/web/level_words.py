"""The word that stands beside each level."""

from collections.abc import Iterable

from alerting.model import Phase, Severity
from monitor.state.level import MOVING, Level, level_of
from monitor.state.status import AddressStatus, FindingStatus, ZoneStatus

_PHASE = {Phase.PENDING: "new, not alerted yet", Phase.FIRING: "alerted", Phase.RECOVERING: "clearing", Phase.OK: ""}


def zone_level(zone: ZoneStatus) -> Level:
    return level_of(zone.health, (a.state for a in zone.addresses), (f.severity for f in zone.findings))


def zone_word(level: Level) -> str:
    return {Level.GOOD: "Well", Level.PROPAGATING: "Propagating"}.get(level, level.name.capitalize())


def state_word(state: str) -> str:
    """``in-sync`` → ``In sync``"""
    return state.replace("-", " ").capitalize()


def phase_word(finding: FindingStatus) -> str:
    if finding.severity is Severity.INFO:
        return "for information"
    return _PHASE[finding.phase]


def propagating(addresses: Iterable[AddressStatus]) -> int:
    return sum(a.state == MOVING for a in addresses)
