"""The Check protocol: settings as fields, two pure verbs."""

from collections.abc import Iterable
from datetime import timedelta
from typing import ClassVar, Protocol

from checks.model import Finding, Inconclusive, Observation, Query, Zone, ZonePoll
from checks.model.finding_type import FindingType
from checks.zone_state.model import ZoneState


class Check(Protocol):
    """Settings as fields, two pure verbs. The class docstring is its specification."""

    name: ClassVar[str]
    finding_types: ClassVar[tuple[FindingType, ...]]
    cadence: ClassVar[timedelta]

    def applies(self, zone: Zone) -> bool:
        """Whether there is anything to check for this zone; if not it is not swept, and no result is given."""
        ...

    def queries(self, zone: Zone, seen: tuple[Observation, ...]) -> Iterable[Query]:
        """What it still wants to know; called again with what has been seen until it wants nothing more."""
        ...

    def evaluate(self, zone: Zone, poll: ZonePoll, zone_state: ZoneState) -> Iterable[Finding | Inconclusive]:
        """What the answers mean. Raises CheckInconclusive when nothing can be said of the whole zone."""
        ...
