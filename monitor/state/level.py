"""Levels: one scale of gravity for zones, addresses, findings and incidents."""

from collections.abc import Iterable, Mapping
from enum import IntEnum

from alerting.model import Severity
from checks.model import Health


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


OF: Mapping[Tone, Health] = {
    Tone.CRITICAL: Health.BAD,
    Tone.WARNING: Health.BAD,
    Tone.UNKNOWN: Health.UNKNOWN,
    Tone.BUSY: Health.GOOD,
    Tone.GOOD: Health.GOOD,
}
"""The tones a zone can have, the gravest first, and the health each tells."""

MOVING = "propagating"
"""The state of an address that a new version has yet to reach."""

_SEVERITY = {Severity.CRITICAL: Tone.CRITICAL, Severity.WARNING: Tone.WARNING, Severity.INFO: Tone.NOTE}
_STATE = {
    "in-sync": Tone.GOOD,
    MOVING: Tone.BUSY,
    "late": Tone.WARNING,
    "overdue": Tone.CRITICAL,
    "stuck": Tone.CRITICAL,
    "ahead": Tone.CRITICAL,
    "unordered": Tone.CRITICAL,
    "silent": Tone.CRITICAL,
    "not-served": Tone.CRITICAL,
}


def severity_tone(severity: Severity) -> Tone:
    return _SEVERITY[severity]


def state_tone(state: str) -> Tone:
    """Of an address. States that are not known here, like the one of an address not yet looked at, are unknown."""
    return _STATE.get(state, Tone.UNKNOWN)


def tone_of(health: Health, states: Iterable[str], severities: Iterable[Severity]) -> Tone:
    """Of a zone. A good one is busy while a version is still on its way; a bad one is as bad as its worst finding."""
    if health is Health.UNKNOWN:
        return Tone.UNKNOWN
    if health is Health.GOOD:
        return Tone.BUSY if MOVING in states else Tone.GOOD
    return severity_tone(max([Severity.WARNING, *severities]))


def left_over(health: Health, before: int, left: Iterable[Severity]) -> Health:
    """The health of a zone of whose findings (``before``) some may not be told: what cannot be told weighs nothing."""
    severities = list(left)
    if health is not Health.BAD or len(severities) == before or any(s >= Severity.WARNING for s in severities):
        return health
    return Health.GOOD
