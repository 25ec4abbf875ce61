"""The outbox: messages that receivers are owed, leased to whoever sends them, and what became of each attempt.

It is written in the same transaction as the alerts that made the messages, so nothing is lost or told twice by a
process that ends (the transactional outbox pattern).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from alerting.incident import IncidentEvent
from alerting.notification import OutboxMessage


class OutboxError(Exception):
    """The outbox can be neither read nor written now; the sentence says why and what to do."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A message taken to be sent for the ``attempt``-th time, from 1: nobody else's until ``until``."""

    message: OutboxMessage
    attempt: int
    until: datetime
    resumed: bool = False
    """Whoever had it before has not said how that ended: it may have been taken, and is handed over as it was."""


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """How an attempt to send the message ``id`` ended.

    ``again`` is when to try next; None with ``error``: given up; None without: delivered. ``in_part``: delivered, but
    some of the receiver's addresses were refused for good, as ``error`` says.
    """

    id: str
    at: datetime
    error: str = ""
    permanent: bool = False
    again: datetime | None = None
    in_part: bool = False
    together: tuple[str, ...] = ()
    """Messages that were handed over in one with it …"""
    superseded: tuple[str, ...] = ()
    """… and others that these made superfluous."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """All that one receiver is owed of one incident, in order: the ids, what each says, and the last of them."""

    ids: tuple[str, ...]
    events: tuple[IncidentEvent, ...]
    last: OutboxMessage

    @property
    def unheard(self) -> bool:
        """It began and ended, and the receiver knows of neither."""
        return self.events[0] is IncidentEvent.OPENED and self.events[-1] is IncidentEvent.RESOLVED


class DeliveryState(StrEnum):
    """How far a message is."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    SUPERSEDED = "superseded"
    """Not sent: what was delivered in its place says how it stands."""
    GIVEN_UP = "given-up"


@dataclass(frozen=True, slots=True)
class Delivery:
    """That a receiver is told of an incident: what, and how far that is.

    ``at`` is when it was decided, ``settled_at`` when it was taken or given up. ``error`` is why the last attempt
    failed, or which of the receiver's addresses were refused.
    """

    receiver: str
    event: IncidentEvent
    at: datetime
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0
    error: str = ""
    settled_at: datetime | None = None
    among_many: bool = False
    """In one message about many incidents, of which ``event`` is the news."""


@dataclass(frozen=True, slots=True)
class ReceiverStatus:
    """What one receiver is owed (``pending`` messages, the oldest of ``oldest``) and what it was sent.

    ``delivered`` and ``given_up`` count since the database was made; ``permanent``: its last error is one.
    """

    name: str
    kind: str = ""
    pending: int = 0
    delivered: int = 0
    last_delivered: datetime | None = None
    last_error: str = ""
    last_error_at: datetime | None = None
    permanent: bool = False
    given_up: int = 0
    oldest: datetime | None = None

    @property
    def in_part(self) -> bool:
        """What it took last did not reach all of its addresses."""
        return bool(self.last_error) and self.last_error_at == self.last_delivered


class Outbox(Protocol):
    """What the dispatcher needs of a store. Coroutines, none of which blocks the loop; each may raise OutboxError."""

    async def enqueue(self, messages: Sequence[OutboxMessage]) -> None:
        """Owed from now on; one whose id is there already is not added again."""
        ...

    async def lease(self, now: datetime, *, duration: float, limit: int, busy: Iterable[str] = ()) -> Sequence[Lease]:
        """Due messages, at most one per receiver, each ours for ``duration`` seconds, with all that waits for that
        receiver about its incident. Those that are ``resumed`` come first, and with them what was leased together.

        Skipped are receivers in ``busy`` or with a lease that still runs, and messages of an incident of which the
        same receiver is owed an earlier one.
        """
        ...

    async def backlog(self, message: OutboxMessage) -> Backlog:
        """What is leased with a message of what waits for its receiver about its incident; that alone where nothing
        else does.
        """
        ...

    async def unheard(self, receiver: str, limit: int, *, resumed: bool = False) -> Sequence[Backlog]:
        """The incidents that came and went while the receiver took nothing, eldest first: they are leased, too.

        ``resumed``: those that are leased already, and no others.
        """
        ...

    async def settle(self, result: DeliveryResult) -> None:
        """Keep the result; of a message that was settled before nothing changes. Nothing is leased for its receiver
        any more.
        """
        ...

    async def expedite(self, receivers: Collection[str], now: datetime) -> None:
        """What waits for these is due now: something about them was mended."""
        ...

    async def receivers(self) -> Sequence[ReceiverStatus]:
        """One per receiver that is or was owed anything, by name; their ``kind`` is not known here."""
        ...

    async def next_due(self) -> datetime | None:
        """When the earliest waiting message is due or its lease over; None: nothing waits."""
        ...


class UnwrittenOutbox(Protocol):
    """Messages in memory that the disk does not take."""

    @property
    def messages(self) -> Sequence[OutboxMessage]:
        """What would be in the outbox; empty while the disk works."""
        ...

    async def take(self, message: OutboxMessage) -> bool:
        """Whether it still waits for the disk; then it is the caller's, to be sent or to be requeued."""
        ...

    def requeue(self, message: OutboxMessage) -> None:
        """It did not reach its receiver: it is in the outbox as soon as there is one."""
        ...
