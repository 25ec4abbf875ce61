"""The timeline of an incident: what became of it, and what people did about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from alerting.audience_news import as_part
from alerting.incident import RESOLVED, Incident, IncidentChange
from alerting.incident_change import change_since
from checks.model.finding_type import Severity


class TimelineEvent(StrEnum):
    """What happened. The first ones are the monitor's, the others somebody's."""

    OPENED = "opened"
    REOPENED = "reopened"
    WORSENED = "worsened"
    """A higher severity, or a zone more that no server answers for, or too few."""
    GREW = "grew"
    IMPROVED = "improved"
    FLAPPING = "flapping"
    """It comes and goes, from now on."""
    OUTDATED = "acknowledgement-ended"
    """It is worse than what was acknowledged."""
    RESOLVED = "resolved"
    TOLD_AMONG_MANY = "told-among-many"
    """In one message about many incidents somebody was told that it is open, or over."""
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """``severity``, and how many ``zones`` and ``servers`` were bad then. ``who``: empty for the monitor itself.

    ``change``: against what was told before, where anything was. ``message``: of what was told among many, its id.
    """

    incident: str
    at: datetime
    event: TimelineEvent
    severity: Severity
    zones: int = 0
    servers: int = 0
    who: str = ""
    note: str = ""
    change: IncidentChange | None = None
    message: str = ""


def entry(
    incident: Incident, event: TimelineEvent, at: datetime, *, who: str = "", note: str = "",
    change: IncidentChange | None = None,
) -> TimelineEntry:  # fmt: skip
    """One about the incident as it is."""
    return TimelineEntry(
        incident.id, at, event, incident.severity, len(incident.zones), len(incident.servers), who, note, change
    )


def told_among_many(incident: str, message: str, severity: Severity, at: datetime) -> TimelineEntry:
    """Where among the messages to find who was told of it; ``severity`` is that of all these incidents."""
    return TimelineEntry(incident, at, TimelineEvent.TOLD_AMONG_MANY, severity, message=message)


def entries(before: Incident | None, after: Incident, now: datetime) -> Iterator[TimelineEntry]:
    """What became of it in one batch; ``before`` is what it was, None where it has just opened.

    What grew or shrank is noted when it is told, and a severity where nobody is told of anything as well.
    """
    if before is None:
        yield entry(after, TimelineEvent.OPENED if after.openings == 1 else TimelineEvent.REOPENED, now)
    elif after.phase == RESOLVED:
        yield entry(after, TimelineEvent.RESOLVED, now)
    elif changed := _news(before, after):
        event, change = changed
        yield entry(after, event, now, change=change)
    elif not (after.notified or after.parts) and after.severity is not before.severity:
        yield entry(after, TimelineEvent.WORSENED if after.severity > before.severity else TimelineEvent.IMPROVED, now)
    if before is not None and before.acknowledged is not None and after.acknowledged is None:
        yield entry(after, TimelineEvent.OUTDATED, now, who=before.acknowledged.by)


def _news(before: Incident, after: Incident) -> tuple[TimelineEvent, IncidentChange] | None:
    """What was told of it, to those who hear of all of it, or of a part."""
    if after.notified is not before.notified and after.change is not None:
        event = _told(after, after.change)
        return None if event is None else (event, after.change)
    known = {part.audience: part.notified for part in before.parts}
    for part in after.parts:
        told, own = known.get(part.audience), as_part(after, part)
        if told is not None and part.notified is not told:
            change = change_since(told, own)
            if event := _told(own, change):
                return event, change
    return None


def _told(incident: Incident, change: IncidentChange) -> TimelineEvent | None:
    """What a piece of news was; None for a reminder that nothing has changed."""
    if change.unserved or change.short or (change.severity is not None and change.severity < incident.severity):
        return TimelineEvent.WORSENED
    if change.flapping:
        return TimelineEvent.FLAPPING
    if change.more_zones or change.servers or change.codes or change.flapping is False:
        return TimelineEvent.GREW
    better = change.severity or change.back or change.left or change.servers_back
    better = better or change.served_again or change.enough_again
    return TimelineEvent.IMPROVED if better else None
