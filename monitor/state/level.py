"""Levels: one scale of gravity for zones, addresses, findings and incidents."""

from collections.abc import Iterable, Mapping
from enum import IntEnum

from checks.model import Health
from checks.model.finding_type import Severity
from checks.registry import FINDINGS


class Level(IntEnum):
    """In order: the gravest comes first. Each has its colour and its icon; the word beside it is the view's."""

    CRITICAL = 0
    WARNING = 1
    UNKNOWN = 2
    PROPAGATING = 3
    INFO = 4
    GOOD = 5

    def __str__(self) -> str:
        return self.name.lower()


HEALTH_OF_LEVEL: Mapping[Level, Health] = {
    Level.CRITICAL: Health.BAD,
    Level.WARNING: Health.BAD,
    Level.UNKNOWN: Health.UNKNOWN,
    Level.PROPAGATING: Health.GOOD,
    Level.GOOD: Health.GOOD,
}
"""The levels a zone can have, the gravest first, and the health of each."""

UNKNOWN_STATE = "unknown"
"""The state, and the outcome, of an address of which nothing was heard."""

PROPAGATING_STATE = "propagating"
"""The state of an address that a new version has yet to reach."""

NOT_ASKED_STATE = "not-asked"
"""The state of the addresses of a zone for which soa-serial is off."""

_SEVERITY = {Severity.CRITICAL: Level.CRITICAL, Severity.WARNING: Level.WARNING, Severity.INFO: Level.INFO}
_STATE = {
    "in-sync": Level.GOOD,
    PROPAGATING_STATE: Level.PROPAGATING,
    NOT_ASKED_STATE: Level.INFO,
    "silent": Level.CRITICAL,
    "not-served": Level.CRITICAL,
} | {found.state: _SEVERITY[found.severity] for found in FINDINGS if found.state is not None}


def severity_level(severity: Severity) -> Level:
    return _SEVERITY[severity]


def state_level(state: str) -> Level:
    """Of an address. States that are not known here, like the one of an address not yet looked at, are unknown."""
    return _STATE.get(state, Level.UNKNOWN)


def level_of(health: Health, states: Iterable[str], severities: Iterable[Severity]) -> Level:
    """Of a zone. A good one is propagating while a version is on its way; a bad one is as bad as its worst finding."""
    if health is Health.UNKNOWN:
        return Level.UNKNOWN
    if health is Health.GOOD:
        return Level.PROPAGATING if PROPAGATING_STATE in states else Level.GOOD
    return severity_level(max([Severity.WARNING, *severities]))


def server_level(states: Iterable[str], severities: Iterable[Severity]) -> Level:
    """Of a server, by the states of its addresses at its zones and what was found there.

    Zones that are not asked which version they have weigh nothing.
    """
    asked = [state for state in states if state != NOT_ASKED_STATE]
    return min(
        [*map(state_level, asked), *(_SEVERITY[s] for s in severities if s >= Severity.WARNING)], default=Level.UNKNOWN
    )


def health_after_redaction(health: Health, before: int, left: Iterable[Severity]) -> Health:
    """The health of a zone of whose findings (``before``) some may not be told: what cannot be told weighs nothing."""
    severities = list(left)
    if health is not Health.BAD or len(severities) == before or any(s >= Severity.WARNING for s in severities):
        return health
    return Health.GOOD
