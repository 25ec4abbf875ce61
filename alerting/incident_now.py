"""An incident as it is now, out of its alerts and what it was before."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from alerting.incident import Incident
from alerting.incident_lines import lines_of
from alerting.incident_members import IncidentMembers
from alerting.model import Alert, AlertKey, Phase
from alerting.name_counts import NameCounts
from checks.model.finding_type import Severity


@dataclass(frozen=True, slots=True)
class Ended:
    """The alerts of an incident that have just become OK, and which did only because nobody looks any more."""

    alerts: Sequence[Alert]
    unwatched: Collection[AlertKey]


def as_of_now(
    incident: Incident, members: IncidentMembers, ended: Ended, alerts: dict[AlertKey, Alert], now: datetime
) -> Incident:
    """What is bad now, out of the alerts; what is not any more becomes past."""
    zones, servers, codes = members.all.names.zones, members.all.names.servers, members.all.names.codes
    unserved, short = members.all.unserved.told(), members.all.short.told()
    past_zones = _past(incident.past_zones, incident.zones, zones)
    severity = max(members.all.severities, default=incident.severity)
    severity = Severity.CRITICAL if unserved or short else severity
    gone = {a.key.zone for a in ended.alerts if a.key in ended.unwatched}
    left = gone.union(incident.left_zones).difference(zones.names) if gone or incident.left_zones else set()
    eased = severity < incident.severity or _are_less(incident.zones, zones) or _are_less(incident.servers, servers)
    return replace(
        incident,
        left_zones=tuple(sorted(left)),
        severity=severity,
        worst=max(incident.worst, severity),
        began_at=min(incident.began_at, members.all.began()) if members.all.findings else incident.began_at,
        zones=zones.inorder,
        servers=servers.inorder,
        codes=codes.inorder,
        past_zones=tuple(name for name in past_zones if name not in left) if left else past_zones,
        past_servers=_past(incident.past_servers, incident.servers, servers),
        past_codes=_past(incident.past_codes, incident.codes, codes),
        findings=members.all.findings,
        recovering=members.all.phases.get(Phase.RECOVERING, 0),
        unserved=unserved,
        short=short,
        flapping=2 * members.all.flapping > sum(members.all.severities.values()),
        lines=lines_of(incident.lines, members.all.lines(alerts), ended.alerts, ended.unwatched, now),
        eased_at=now if eased else incident.eased_at,
        silenced=members.silenced,
        silenced_zones=_only_silenced(members) if members.silenced else (),
        silences=tuple(sorted(members.silences)),
    )


def _only_silenced(members: IncidentMembers) -> tuple[str, ...]:
    """Zones of which nothing is heard."""
    return tuple(sorted(members.all.names.zones.names - members.heard.names.zones.names))


def _are_less(before: tuple[str, ...], now: NameCounts) -> bool:
    return any(name not in now for name in now.moved_since(before))


def _past(past: tuple[str, ...], before: tuple[str, ...], now: NameCounts) -> tuple[str, ...]:
    """What was there before and is not now."""
    moved = now.moved_since(before)
    if not moved:
        return past
    return tuple(sorted([*(name for name in past if name not in moved), *(name for name in moved if name not in now)]))
