"""What the page of an incident shows: its timeline, and who was told when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerting.incident import Incident, IncidentEvent
from alerting.outbox import Delivery, DeliveryState
from alerting.timeline import TimelineEntry, TimelineEvent
from checks.common.text import one_line
from monitor.state.level import Level, severity_level
from monitor.state.ports import IncidentRecord
from monitor.web.formatting import clock, many
from monitor.web.incident_records import sentences

WORDS: Mapping[TimelineEvent, str] = {
    TimelineEvent.OPENED: "Opened",
    TimelineEvent.REOPENED: "Bad again",
    TimelineEvent.WORSENED: "Worse",
    TimelineEvent.GREW: "More",
    TimelineEvent.IMPROVED: "Better",
    TimelineEvent.FLAPPING: "Comes and goes",
    TimelineEvent.OUTDATED: "Acknowledgement ended",
    TimelineEvent.RESOLVED: "Over",
    TimelineEvent.TOLD_AMONG_MANY: "Told",
    TimelineEvent.ACKNOWLEDGED: "Acknowledged",
    TimelineEvent.UNACKNOWLEDGED: "Acknowledgement taken back",
}
NEWS: Mapping[IncidentEvent, str] = {
    IncidentEvent.OPENED: "it opened",
    IncidentEvent.REMINDED: "a reminder",
    IncidentEvent.WORSENED: "it is worse",
    IncidentEvent.IMPROVED: "it is better",
    IncidentEvent.ACKNOWLEDGED: "it is acknowledged",
    IncidentEvent.UNACKNOWLEDGED: "it is no longer acknowledged",
    IncidentEvent.RESOLVED: "it is over",
    IncidentEvent.TEST: "a specimen",
}
AMONG_MANY = "how many incidents there are, this among them"
_ACTS = frozenset({TimelineEvent.ACKNOWLEDGED, TimelineEvent.UNACKNOWLEDGED, TimelineEvent.OUTDATED})
_GOOD = frozenset({TimelineEvent.RESOLVED, TimelineEvent.IMPROVED})


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """``text``: what was bad then, or what somebody said; ``more``: what was different from before."""

    at: datetime
    level: Level
    word: str
    text: str
    more: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """``news``: what the receiver was told; ``text``: how far that is, and why no further."""

    at: datetime
    receiver: str
    news: str
    level: Level
    word: str
    text: str


def known_text(incident: Incident, now: datetime) -> str:
    """Who knows of it, since when, and what they say; empty where nobody does."""
    known = incident.acknowledged
    if known is None:
        return ""
    by, said = f" by {known.by}" if known.by else "", f": {one_line(known.note)}" if known.note else ""
    return f"Acknowledged{by}, {clock(known.at, now)}{said}"


def timeline_rows(record: IncidentRecord) -> Sequence[TimelineRow]:
    """Newest first."""
    return [_timeline_row(record.incident, each) for each in reversed(record.timeline)]


def delivery_rows(record: IncidentRecord, now: datetime) -> Sequence[DeliveryRow]:
    """Newest first."""
    return [_delivery_row(each, now) for each in reversed(record.deliveries)]


def _timeline_row(incident: Incident, entry: TimelineEntry) -> TimelineRow:
    if entry.event in _ACTS:
        by = f"by {entry.who}" if entry.who else ""
        text = ": ".join(filter(None, (by, one_line(entry.note))))
        why = "It is worse than what was known by then." if entry.event is TimelineEvent.OUTDATED else ""
        return TimelineRow(entry.at, Level.INFO, WORDS[entry.event], text, why)
    if entry.event is TimelineEvent.TOLD_AMONG_MANY:
        return TimelineRow(entry.at, Level.INFO, WORDS[entry.event], "in one message about many incidents")
    over = entry.event is TimelineEvent.RESOLVED
    how = "" if over else str(entry.severity)
    zones = many(entry.zones, "zone") if entry.zones else ""
    text = ", ".join(filter(None, (how, zones)))
    level = Level.GOOD if entry.event in _GOOD else severity_level(entry.severity)
    return TimelineRow(entry.at, level, WORDS[entry.event], text, sentences(incident, entry))


def _delivery_row(delivery: Delivery, now: datetime) -> DeliveryRow:
    level, word, text = _how_far(delivery, now)
    news = AMONG_MANY if delivery.among_many else NEWS[delivery.event]
    return DeliveryRow(delivery.at, delivery.receiver, news, level, word, text)


def _how_far(delivery: Delivery, now: datetime) -> tuple[Level, str, str]:
    error, tries = one_line(delivery.error), many(delivery.attempts, "attempt")
    if delivery.state is DeliveryState.WAITING:
        return (Level.WARNING, "Waiting", f"{tries}: {error}") if error else (Level.UNKNOWN, "Waiting", "")
    if delivery.state is DeliveryState.GIVEN_UP:
        return Level.CRITICAL, "Given up", ", ".join(filter(None, (f"after {tries}", error)))
    at = clock(delivery.settled_at, now) if delivery.settled_at else ""
    level, word = (Level.WARNING, "Delivered in part") if error else (Level.GOOD, "Delivered")
    return level, word, ", ".join(filter(None, (at, error)))
