"""Acknowledgements: somebody knows of an incident, so nobody is reminded of it.

One holds until the incident is over, over a short recovery too, or until it is worse than was known by then: a higher
severity, or one more zone that no server answers for, or too few. What else comes in addition is told as before: more
zones and servers are news to who knows of the others.
"""

from collections.abc import Collection, Set
from dataclasses import replace
from datetime import datetime, timedelta

from alerting.audience_news import as_told_to
from alerting.incident import RESOLVED, Acknowledgement, Incident, IncidentEvent, NotifiedState
from alerting.incident_news import as_told, message_id
from alerting.notification import OutboxMessage

MAX_ACTS_TOLD = 3
"""So much of what people do about one incident is told at once in …"""

ACT_WINDOW = timedelta(minutes=10)
"""… this; what comes of more is told when the first of these is as long ago."""

Told = tuple[Incident, tuple[OutboxMessage, ...]]


def acknowledge(incident: Incident, by: str, note: str, hearing: Collection[str], now: datetime) -> Told:
    """The incident as acknowledged, in place of an earlier acknowledgement, and what those of its receivers are told
    that are ``hearing``: they have a notion of it. The very incident, and nothing to tell, where it says nothing that
    the earlier one does not: who is not sure that it was taken sends it again.
    """
    views: list[Incident | NotifiedState] = [incident, *_notified(incident)]
    unserved = tuple(sorted({zone for each in views for zone in each.unserved}))
    short = tuple(sorted({zone for each in views for zone in each.short}))
    known = Acknowledgement(now, by, note, max(each.severity for each in views), unserved, short)
    before = incident.acknowledged
    if before is not None and replace(known, at=before.at) == before:
        return incident, ()
    return _told(replace(incident, acknowledged=known), IncidentEvent.ACKNOWLEDGED, hearing, now)


def unacknowledge(incident: Incident, hearing: Collection[str], now: datetime) -> Told:
    """The incident as nobody's. Whether a reminder is due by now is found at the next look. The very incident where it
    is nobody's already.
    """
    if incident.acknowledged is None:
        return incident, ()
    return _told(replace(incident, acknowledged=None, due_at=now), IncidentEvent.UNACKNOWLEDGED, hearing, now)


def while_it_holds(incident: Incident, unserved: Set[str], short: Set[str] = frozenset()) -> Incident:
    """Without the acknowledgement, if it is worse by now than was known then, or than everybody was told since.

    ``unserved``, ``short``: zones of which it is certain that no server answers for them, or too few.
    """
    acknowledged = incident.acknowledged
    if acknowledged is None:
        return incident
    known = [each if each.at > acknowledged.at else acknowledged for each in _notified(incident)] or [acknowledged]
    worse = incident.severity > max(each.severity for each in known)
    lost = {zone for each in known for zone in each.unserved}
    worse = worse or bool(unserved - lost) or bool(short - lost - {zone for each in known for zone in each.short})
    return replace(incident, acknowledged=None) if worse else incident


def _notified(incident: Incident) -> list[NotifiedState]:
    """What its receivers know, those of all of it and those of a part."""
    return [each for each in (incident.notified, *(part.notified for part in incident.parts)) if each is not None]


def tell_late(incident: Incident, hearing: Collection[str], now: datetime) -> Told:
    """The incident, and whose it is by now, if that was put off because people did so much about it."""
    if not incident.act_untold or incident.phase == RESOLVED:
        return incident, ()
    event = IncidentEvent.UNACKNOWLEDGED if incident.acknowledged is None else IncidentEvent.ACKNOWLEDGED
    return _told(incident, event, hearing, now)


def _told(incident: Incident, event: IncidentEvent, hearing: Collection[str], now: datetime) -> Told:
    recent = tuple(at for at in incident.acts_told if abs(now - at) < ACT_WINDOW)
    if len(recent) >= MAX_ACTS_TOLD:
        due = recent[0] + ACT_WINDOW
        return replace(incident, acts_told=recent, act_untold=True, due_at=min(due, incident.due_at or due)), ()
    done = replace(incident, announcements=incident.announcements + 1, acts_told=(*recent, now), act_untold=False)
    return done, tuple(_message(done, event, name, now) for name in done.told if name in hearing)


def _message(incident: Incident, event: IncidentEvent, receiver: str, now: datetime) -> OutboxMessage:
    """As the receiver is told of it."""
    own = as_told_to(incident, receiver) or incident
    shown = as_told(replace(own, change=None, receivers=incident.told))
    return OutboxMessage(message_id(incident, receiver), receiver, event, shown, now)
