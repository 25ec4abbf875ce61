"""The Check protocol: settings as fields, pure verbs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Protocol, runtime_checkable

from checks.common.agreement import Likeness
from checks.model import (
    Cadences,
    CanaryArrival,
    Finding,
    Inconclusive,
    IxfrResponse,
    Observation,
    Query,
    RememberedRecords,
    SignatureEnd,
    Transport,
    Zone,
    ZonePoll,
    ZoneTransfer,
)
from checks.model.finding_type import FindingType
from checks.zone_state.model import ZoneState


@dataclass(frozen=True, slots=True)
class StandingQuestion:
    """A question that a check puts to every address of a zone at each of its polls. ``name`` is absolute."""

    name: str
    type: str
    transport: Transport = Transport.UDP
    dnssec: bool = False
    """With signatures (DO)."""

    def is_for_soa(self, zone: Zone) -> bool:
        """Whether it is the question that soa-serial asks of the zone: for its SOA, over UDP."""
        return self == StandingQuestion(zone.name, "SOA")


Statement = Finding | Inconclusive | SignatureEnd | ZoneTransfer | IxfrResponse | CanaryArrival | RememberedRecords
"""What a check may say of a poll."""


class Check(Protocol):
    """Settings as fields, pure verbs. The class docstring is its specification."""

    name: ClassVar[str]
    finding_types: ClassVar[tuple[FindingType, ...]]
    cadence: ClassVar[timedelta]
    version_bound: ClassVar[bool]
    """Whether what it says depends on who serves which version (the zone state)."""

    def applies(self, zone: Zone) -> bool:
        """Whether there is anything to check for this zone; if not it is not swept, and no result is given."""
        ...

    def standing_questions(self, zone: Zone) -> tuple[StandingQuestion, ...]:
        """What it asks every address whatever comes: while all say the same to that, and no server has another version
        of the zone than before, a result without findings or doubts stands. Empty: each of its polls is made in full.
        """
        ...

    def queries(self, zone: Zone, seen: tuple[Observation, ...]) -> Iterable[Query]:
        """What it still wants to know; called again with what has been seen until it wants nothing more."""
        ...

    def evaluate(self, zone: Zone, poll: ZonePoll, zone_state: ZoneState) -> Iterable[Statement]:
        """What the answers mean, and what is to be remembered of them. Raises CheckInconclusive when nothing can be
        said of the whole zone.
        """
        ...


@runtime_checkable
class ComparesZones(Protocol):
    """A check that can tell from answers alone that a zone is like another, whose result was good."""

    def likeness(self, zone: Zone, answers: Sequence[Observation]) -> Likeness | None:
        """What its result rests on: where the answers of two zones that are watched alike are of one kind, each address
        of both serves its group's reference, no records of the other are known to vary, and the result of one is good
        and nothing more, that of the other is, too. None: that cannot be told from these.

        ``answers`` are those of all addresses to all of its standing questions but for the one that soa-serial asks.
        """
        ...


def cadence_of(check: Check | type[Check], own: Cadences, usual: Mapping[str, timedelta]) -> timedelta:
    """How often the check asks a zone; zero: never. ``own`` is what the zone has of its own, ``usual``, by check, what
    was said for all zones.
    """
    return next((every for name, every in own if name == check.name), usual.get(check.name, check.cadence))
