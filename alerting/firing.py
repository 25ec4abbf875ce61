"""What of an incident has come out of its grace, and is to be told."""

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from datetime import timedelta

from alerting.incident_tally import CONSEQUENCES, IncidentTally
from checks.model.finding_type import Severity

GROUP_WAIT = timedelta(minutes=1)
"""The longest that the first word of an incident waits for what belongs to it."""

SHORT_WAIT = timedelta(seconds=10)
"""How long it waits where a poll of the check would take longer than that."""


@dataclass(frozen=True, slots=True)
class Firing:
    """What of an incident is bad now, not silenced, and has come out of its grace.

    ``patience`` is how long its first word waits for its checks to get round; ``more_to_come``: something graver, or
    of another code, is bad too, but still in its grace.
    """

    zones: Set[str] = frozenset()
    servers: Set[str] = frozenset()
    codes: Set[str] = frozenset()
    patience: timedelta = timedelta(0)
    more_to_come: bool = False
    unserved: Set[str] = frozenset()
    """Zones of which it is certain that no server answers for them …"""
    short: Set[str] = frozenset()
    """… or too few."""

    @classmethod
    def of(cls, heard: IncidentTally, cadences: Mapping[str, Collection[timedelta]]) -> "Firing":
        """``heard`` is what is not silenced; while that is as it is, this is."""
        names = heard.firing()
        codes = names.codes.names
        gravest = max(heard.firing_severities, default=Severity.INFO)
        return cls(
            zones=names.zones.names,
            servers=names.servers.names,
            codes=codes,
            patience=max(
                (patience_of(cadence) for check in heard.firing_checks for cadence in cadences.get(check, ())),
                default=timedelta(0),
            ),
            more_to_come=any(
                severity > gravest or not (code in codes or code in CONSEQUENCES) for severity, code in heard.pending
            ),
            unserved=heard.unserved.certain,
            short=heard.short.certain,
        )


def patience_of(cadence: timedelta) -> timedelta:
    return cadence if cadence <= GROUP_WAIT else SHORT_WAIT
