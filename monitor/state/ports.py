"""The seams: what may be swapped for another implementation, and what each must keep to."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from alerting.incident import Incident, Storm
from alerting.incidents import IncidentUpdate
from alerting.model import Alert, AlertKey, Transition
from alerting.notification import OutboxMessage
from alerting.outbox import Delivery, Outbox, OutboxError
from alerting.silences import Silence
from alerting.timeline import TimelineEntry
from checks.model import Family, RememberedRecords, TransferFigures, Zone, ZonePoll
from checks.model.zone_table import ZoneTable
from checks.zone_state.first_row import NewZones
from checks.zone_state.model import Propagation, StateChange, ZoneState
from checks.zone_state.witness import WitnessWord
from monitor.probe.message.soa_forms import FormedAnswer
from monitor.state.alike_zones import Look
from monitor.state.label_search import SoughtLabel


class QueueClosed(Exception):
    """Nobody takes polls any more: the service is stopping."""


@dataclass(frozen=True, slots=True)
class UnchangedZones:
    """A poll each of many zones, in which every address said what it had said before.

    ``numbers`` are the zones' numbers in ``zone_table``, typecode "I"; ``at`` is when the last of them was complete.
    ``over_tcp``: every address was asked over TCP, too, and gave a good answer. ``alike``: those whose result does not
    stand said what zones say that are good, and may take over their result (``monitor.state.alike``); ``looks``, one
    for each, are what they said, unless that was over TCP.
    """

    check: str
    at: datetime
    cadence: timedelta
    numbers: "array[int]"
    zone_table: ZoneTable[Zone]
    vantage: str = "local"
    over_tcp: bool = False
    alike: bool = False
    looks: Sequence[Look] = ()


@dataclass(frozen=True, slots=True)
class PollOrigin:
    """What formed polls of one sweep have in common."""

    check: str
    cadence: timedelta
    zone_table: ZoneTable[Zone]
    vantage: str = "local"


class FormedPoll(NamedTuple):
    """A poll, complete ``at``, in which every address gave a response that was recognised.

    ``number`` is the zone's in the origin's table; ``answers`` are those of its addresses, in the order of
    ``Zone.server_addresses``.
    """

    origin: PollOrigin
    number: int
    at: datetime
    answers: tuple[FormedAnswer, ...]


@dataclass(frozen=True, slots=True)
class WitnessPoll:
    """What the witnesses of an address family said."""

    family: Family
    word: WitnessWord


PollMessage = ZonePoll | UnchangedZones | FormedPoll | WitnessPoll
"""What travels from those who ask to those who judge."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """One row says that a sweep ran: what did not change in it was as before."""

    check: str
    started: datetime
    finished: datetime
    zones: int
    queries: int
    answered: int
    vantage: str = "local"


class RecordMemory(NamedTuple):
    """What a check is to be told again of a zone's records."""

    check: str
    zone: str
    remembered: RememberedRecords


class KeptTransfers(NamedTuple):
    """What a check last measured of the transfers of a zone; without any figures: nothing is to be kept of them."""

    check: str
    zone: str
    figures: TransferFigures


class ZoneSource(NamedTuple):
    """What a source of zones said when it was believed last, as whoever reads it writes that; an empty ``body``: it is
    no source any more.
    """

    source: str
    body: str


@dataclass(frozen=True, slots=True)
class Commit:
    """Everything that one batch of polls changed: kept whole or not at all."""

    zone_states: tuple[ZoneState, ...] = ()
    state_changes: tuple[StateChange, ...] = ()
    propagations: tuple[Propagation, ...] = ()
    alerts: tuple[Alert, ...] = ()
    """An alert back in phase OK is forgotten by the store."""
    transitions: tuple[Transition, ...] = ()
    incidents: tuple[Incident, ...] = ()
    storms: tuple[Storm, ...] = ()
    messages: tuple[OutboxMessage, ...] = ()
    dropped_zones: tuple[str, ...] = ()
    """Zones no longer monitored: their zone states go, their history stays until retention takes it.

    One that also has a zone state here has come back since, and begins anew with it.
    """
    readdressed: Mapping[str, str] = field(default_factory=dict)
    """Receiver → who is owed now what that one is owed in the outbox; at once for all, before ``messages``."""
    destinations: Mapping[str, str] | None = None
    """What is kept of where each receiver leads; None: as before."""
    new_zones: NewZones | None = None
    """Zones that had no zone state, before anything else that is said of them here."""
    record_memories: tuple[RecordMemory, ...] = ()
    zone_sources: tuple[ZoneSource, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    silences: tuple[Silence, ...] = ()
    """As they are now: made, or ended."""
    transfers: tuple[KeptTransfers, ...] = ()

    @classmethod
    def of_incidents(cls, update: IncidentUpdate) -> "Commit":
        """What is to be kept of it where nothing else has changed."""
        return cls(
            alerts=update.alerts,
            incidents=update.incidents,
            messages=update.messages,
            timeline=update.timeline,
            storms=update.storms,
        )

    @property
    def empty(self) -> bool:
        return not (
            self.new_zones
            or self.zone_states
            or self.state_changes
            or self.propagations
            or self.alerts
            or self.transitions
            or self.incidents
            or self.storms
            or self.messages
            or self.dropped_zones
            or self.readdressed
            or self.destinations is not None
            or self.record_memories
            or self.zone_sources
            or self.timeline
            or self.silences
            or self.transfers
        )


@dataclass(frozen=True, slots=True)
class StoredState:
    """What a restart needs, exactly as it was last committed."""

    zone_states: Mapping[str, ZoneState] = field(default_factory=dict)
    alerts: Mapping[AlertKey, Alert] = field(default_factory=dict)
    past_alerts: Sequence[Alert] = ()
    """Those that are OK and came and went, the last to be over last."""
    incidents: Mapping[str, Incident] = field(default_factory=dict)
    """The open ones."""
    past_incidents: Sequence[Incident] = ()
    """The latest that are over, the last to be over last."""
    storms: Sequence[Storm] = ()
    destinations: Mapping[str, str] = field(default_factory=dict)
    record_memories: Sequence[RecordMemory] = ()
    zone_sources: Sequence[ZoneSource] = ()
    silences: Sequence[Silence] = ()
    """All there are, the oldest first."""
    transfers: Sequence[KeptTransfers] = ()


@dataclass(frozen=True, slots=True)
class AddressHistoryRow:
    """What an address served from ``since`` to ``until``, which is None while it lasts."""

    zone: str
    server: str
    address: str
    serial: int | None
    outcome: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class IncidentRecord:
    """An incident, what became of it, and who was told when; oldest first."""

    incident: Incident
    timeline: Sequence[TimelineEntry] = ()
    deliveries: Sequence[Delivery] = ()


@dataclass(frozen=True, slots=True)
class Recreated:
    """That the database's files were deleted or overwritten under the running service: when they were made anew the
    last time, and what from.
    """

    at: datetime
    how: str


class StoreError(OutboxError):
    """The database cannot be used; the sentence says why and what to do."""


class NotKept(StoreError):
    """What somebody wanted was not done, since the database does not take it; why is in the sentence."""


class StoreUnavailable(StoreError):
    """The disk does not take or give it now, and may do so later: it is full, mounted read-only, or failing."""


class StoreMisplaced(StoreError):
    """The configuration names a place that cannot hold the database: trying again would not mend it."""


class StoreBlank(StoreError):
    """Nothing of the database is left to be read: it can be made anew from what is remembered only."""


class Store(Outbox, Protocol):
    """The record. All calls are coroutines; none blocks the loop. Times are aware UTC."""

    @property
    def recreated(self) -> Recreated | None:
        """When the files were deleted and made anew last; None: never since it was opened."""
        ...

    async def verify(self) -> None:
        """StoreError while changes cannot be kept where they are looked for; mends what can be mended."""
        ...

    async def rewrite(self, whole: Commit) -> None:
        """After StoreBlank: begin anew with this, and what the outbox still owes."""
        ...

    async def restore(self) -> StoredState:
        """What a restart goes on from."""
        ...

    async def commit(self, commit: Commit) -> None:
        """All of it in one durable transaction, or StoreError and none of it."""
        ...

    async def sweep(self, row: Sweep) -> None:
        """Keep that a sweep ran."""
        ...

    async def address_history(self, zone: str, since: datetime, limit: int = 2000) -> Sequence[AddressHistoryRow]:
        """What each address of that zone served since then, oldest first; the newest ``limit`` if there are more."""
        ...

    async def incidents(
        self,
        *,
        limit: int = 100,
        before: datetime | None = None,
        zone: str | None = None,
        labels: Sequence[SoughtLabel] = (),
    ) -> Sequence[Incident]:
        """Newest first, open and resolved; of those that have all the labels."""
        ...

    async def incident_record(self, id: str) -> IncidentRecord | None:
        """One of them as of one moment; of what became of it, and of who was told, the newest 1000 each."""
        ...

    async def propagations(
        self, since: datetime, *, zone: str | None = None, server: str | None = None, limit: int = 5000
    ) -> Sequence[Propagation]:
        """Arrivals of versions since then, of that zone, at that server, oldest first; the newest ``limit`` if there
        are more.
        """
        ...

    async def prune(self, before: datetime, limit: int = 1000) -> int:
        """Takes at most ``limit`` rows of closed history older than ``before``; how many went."""
        ...

    async def backup(self, path: str) -> None:
        """A whole copy as of now; StoreError where there is a file already, or nothing to be copied."""
        ...

    async def close(self) -> None: ...
