"""What a receiver is sent of all that it is owed: how it stands by now, and not each step to it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from alerting.incident import IncidentEvent
from alerting.notification import OutboxMessage
from alerting.outbox import Backlog, DeliveryResult, Lease

log = structlog.get_logger(__name__)

OF_PEOPLE = (IncidentEvent.ACKNOWLEDGED, IncidentEvent.UNACKNOWLEDGED)
"""What somebody did, which stays news."""

MAX_IN_DIGEST = 500
"""Incidents that came and went told of at once; of more there is another."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is handed over at once: a message, which may be a digest of several, and the ids of all that wait and are
    settled with it. ``told`` are those of them that it says.
    """

    message: OutboxMessage
    told: tuple[str, ...]
    ids: tuple[str, ...]


def alone(message: OutboxMessage) -> Parcel:
    return Parcel(message, (message.id,), (message.id,))


def parcel_of(backlog: Backlog, *, begun: bool = False) -> Parcel:
    """The one message that stands for all that waits of an incident; ``begun``: some have heard the first of them.

    What the receiver has not heard of opens with it. What changed before the last message is not told, so nothing is
    said of changes at all. Of what is over the end is told, and whether that is all that was ever heard of it.
    """
    last = backlog.last
    if len(backlog.ids) == 1:
        return alone(last)
    if last.event is IncidentEvent.RESOLVED:
        return Parcel(replace(last, unheard=backlog.unheard and not begun), (last.id,), backlog.ids)
    heard = last.event if last.event in OF_PEOPLE else IncidentEvent.REMINDED
    event = IncidentEvent.OPENED if backlog.events[0] is IncidentEvent.OPENED else heard
    shown = replace(last, event=event, incident=replace(last.incident, change=None))
    return Parcel(shown, (last.id,), backlog.ids)


def digest_of(backlogs: Sequence[Backlog]) -> Parcel:
    """All that came and went, in one. It has the same id whenever it says the same."""
    messages = tuple(each.last for each in backlogs)
    last = messages[-1]
    digest = replace(last, id=f"{last.id}-{len(messages)}", unheard=True, digest=messages)
    return Parcel(digest, tuple(each.id for each in messages), tuple(id for each in backlogs for id in each.ids))


def settled(result: DeliveryResult, lease: Lease, parcel: Parcel) -> DeliveryResult:
    """The result of handing over the parcel: of the message that was leased, if it is to be tried again; else of all
    that the parcel stands for.
    """
    if result.again is not None:
        return replace(result, id=lease.message.id)
    superseded = tuple(id for id in parcel.ids if id not in parcel.told)
    return replace(result, id=parcel.told[0], together=parcel.told[1:], superseded=superseded)


def put_off(result: DeliveryResult, now: datetime, seconds: float) -> DeliveryResult:
    """Tried again so much later, if it is to be tried again."""
    return result if result.again is None else replace(result, again=now + timedelta(seconds=seconds))


def log_result(lease: Lease, result: DeliveryResult) -> str:
    """Said in the log; the outcome as the metric calls it."""
    message = lease.message
    about = log.bind(
        receiver=message.receiver,
        event_type=message.event.value,
        incident=message.incident.id,
        attempt=lease.attempt,
    )
    if not result.error:
        outcome = "delivered"
        about.info(outcome)
    elif result.in_part:
        outcome = "in-part"
        about.warning("delivered in part", error=result.error)
    elif result.again is None:
        outcome = "given-up"
        about.error("given up", error=result.error, id=message.id)
    else:
        outcome = "rejected" if result.permanent else "retried"
        about.warning("not delivered", error=result.error, again=result.again.isoformat(timespec="seconds"))
    return outcome
