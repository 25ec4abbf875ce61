"""Incidents that open again: what is bad again soon after it was over is the same one."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from types import MappingProxyType

from alerting.incident import OPEN, Cause, Incident
from alerting.model import Alert, AlertKey
from checks.model.finding_type import Severity

REOPEN_WINDOW = timedelta(hours=1)
"""So long after an incident was over, its cause has the same incident."""

MAX_PAST_INCIDENTS = 1000
"""Of more the oldest do not open again."""

PastIncidents = Mapping[Cause, Incident]
"""Those that are over, by cause, the last to be over last."""

NO_PAST: PastIncidents = MappingProxyType({})


def past_incidents(over: Iterable[Incident]) -> PastIncidents:
    """Of these incidents, which are over, the last of each cause."""
    found: dict[Cause, Incident] = {}
    for incident in over:
        found.pop(incident.cause, None)
        found[incident.cause] = incident
    return found


def with_past(
    past: PastIncidents, opened: Iterable[Incident], over: Iterable[Incident], now: datetime
) -> PastIncidents:
    """Those that may open again from now on."""
    causes = {incident.cause for incident in opened}
    kept = [each for each in past.values() if each.cause not in causes]
    ended = list(over)
    if not ended and len(kept) == len(past) and all(_may_reopen(each, now) for each in kept[:1]):
        return past
    return past_incidents([each for each in (*kept, *ended) if _may_reopen(each, now)][-MAX_PAST_INCIDENTS:])


def opened_by(alert: Alert, cause: Cause, past: PastIncidents, now: datetime) -> Incident:
    """What an alert of this cause opens: the incident that was over just now, or a new one."""
    again = _same(past, cause, alert.key, now)
    if again is not None:
        return _reopened(again, alert, now)
    name = incident_id(cause, now)
    return Incident(name, cause, Severity.INFO, OPEN, (), (), opened_at=now, began_at=alert.began)


def incident_id(cause: Cause, opened_at: datetime) -> str:
    """Short, in the order of time, and unique also where ten thousand open at once (48 bits of a hash)."""
    return f"{opened_at:%Y%m%dT%H%M%S}-{sha256(f'{cause} {opened_at.isoformat()}'.encode()).hexdigest()[:12]}"


def _same(past: PastIncidents, cause: Cause, key: AlertKey, now: datetime) -> Incident | None:
    """That of the cause, or of its server, if that was of this zone and code too: which was over just now."""
    found = past.get(cause)
    if found is not None and _may_reopen(found, now):
        return found
    if cause.kind != "zone" or key.server is None:
        return None
    found = past.get(Cause("server", key.server))
    was_it = found is not None and key.zone in found.past_zones and key.code in found.past_codes
    return found if found is not None and was_it and _may_reopen(found, now) else None


def _reopened(incident: Incident, alert: Alert, now: datetime) -> Incident:
    """With nothing in it yet, and nobody who has heard of it; what was said of it before is history."""
    return replace(
        incident,
        severity=Severity.INFO,
        phase=OPEN,
        zones=(),
        servers=(),
        opened_at=now,
        began_at=alert.began,
        ended_at=None,
        resolved_at=None,
        lines=(),
        findings=0,
        recovering=0,
        codes=(),
        unserved=(),
        short=(),
        past_zones=(),
        past_servers=(),
        past_codes=(),
        left_zones=(),
        moved_zones=(),
        moved_servers=(),
        moved_unserved=(),
        moved_short=(),
        worst=Severity.INFO,
        notified=None,
        change=None,
        eased_at=None,
        updates=0,
        due_at=None,
        receivers=(),
        hushed=False,
        held=(),
        over_at=incident.ended_at or incident.resolved_at,
        openings=incident.openings + 1,
    )


def _may_reopen(incident: Incident, now: datetime) -> bool:
    return incident.resolved_at is not None and now - incident.resolved_at <= REOPEN_WINDOW
