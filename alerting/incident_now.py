"""An incident as it is now, out of its alerts and what it was before."""

from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime

from alerting.incident import Incident
from alerting.incident_lines import lines_of
from alerting.incident_members import IncidentMembers
from alerting.model import Alert, AlertKey, Phase, Reason, Transition
from alerting.name_counts import NameCounts
from alerting.strays import Elsewhere, strays
from checks.model.finding_type import Severity


@dataclass(frozen=True, slots=True)
class Ended:
    """The alerts of an incident that have just become OK; what is ``no_longer_told``, those of it that became OK only
    because nobody looks any more; and what stands beside those of the incident.
    """

    alerts: Sequence[Alert]
    unwatched: Collection[AlertKey]
    elsewhere: Elsewhere


def no_longer_told(changed: Iterable[Alert], transitions: Iterable[Transition]) -> Set[AlertKey]:
    """What was withdrawn, and what stands but is no more than information, as by a reload: nobody saw it to be well."""
    lowered = {alert.key for alert in changed if not alert.quiet and alert.severity <= Severity.INFO}
    return lowered | {one.key for one in transitions if one.reason is Reason.WITHDRAWN}


def as_of_now(
    incident: Incident,
    members: IncidentMembers,
    ended: Ended,
    alerts: dict[AlertKey, Alert],
    now: datetime,
) -> Incident:
    """What is bad now, out of the alerts; what is not any more becomes past, unless it is bad elsewhere."""
    zones, servers, codes = members.all.names.zones, members.all.names.servers, members.all.names.codes
    unserved, short = members.all.unserved.told(), members.all.short.told()
    past_zones = _past(incident.past_zones, incident.zones, zones)
    if incident.moved_zones:
        past_zones = tuple(sorted({*past_zones, *incident.moved_zones}.difference(zones.names)))
    severity = max(members.all.severities, default=incident.severity)
    severity = Severity.CRITICAL if unserved or short else severity
    elsewhere = ended.elsewhere
    told = incident.notified
    no_server, too_few = (told.unserved, told.short) if told is not None else ((), ())
    away = strays(incident, members.all, elsewhere, ended.alerts)
    moved = {alert.key.zone for alert in away}.difference(zones.names) if away else set()
    gone = {a.key.zone for a in ended.alerts if a.key in ended.unwatched}
    went = zones.moved_since(incident.zones)
    gone |= {name for name in went if not elsewhere.is_watched(name)}
    gone |= {key.zone for key in ended.unwatched if key.zone in went and key.code in incident.codes}
    left = gone.union(incident.left_zones).difference(zones.names, moved) if gone or incident.left_zones else set()
    eased = severity < incident.severity or _are_less(incident.zones, zones) or _are_less(incident.servers, servers)
    eased = eased or (unserved != incident.unserved and not set(unserved).issuperset(incident.unserved))
    return replace(
        incident,
        left_zones=tuple(sorted(left)),
        severity=severity,
        worst=max(incident.worst, severity),
        began_at=min(incident.began_at, members.all.began()) if members.all.findings else incident.began_at,
        zones=zones.inorder,
        servers=servers.inorder,
        codes=codes.inorder,
        moved_zones=tuple(sorted(moved)),
        moved_servers=_still(away, servers, incident.servers + incident.moved_servers),
        moved_unserved=_lost(incident.unserved + incident.moved_unserved + no_server, unserved, elsewhere, short=False),
        moved_short=_lost(incident.short + incident.moved_short + too_few, short + unserved, elsewhere, short=True),
        past_zones=_without(past_zones, left, moved),
        past_servers=_past(incident.past_servers, incident.servers, servers),
        past_codes=_past(incident.past_codes, incident.codes, codes),
        findings=members.all.findings,
        recovering=members.all.phases.get(Phase.RECOVERING, 0),
        unserved=unserved,
        short=short,
        flapping=2 * members.all.flapping > sum(members.all.severities.values()),
        lines=lines_of(incident.lines, members.all.lines(alerts), ended.alerts, ended.unwatched, now, away),
        eased_at=now if eased else incident.eased_at,
        silenced=members.silenced,
        silenced_zones=_only_silenced(members) if members.silenced else (),
        silences=tuple(sorted(members.silences)),
    )


def _without(names: tuple[str, ...], *others: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name in names if not any(name in each for each in others)) if any(others) else names


def _still(away: Sequence[Alert], now: NameCounts, known: Collection[str]) -> tuple[str, ...]:
    """Servers at which something is bad elsewhere."""
    there = {alert.key.server for alert in away if alert.key.server is not None}
    return tuple(sorted(name for name in there if name in known and name not in now))


def _lost(before: Iterable[str], now: Iterable[str], elsewhere: Elsewhere, *, short: bool) -> tuple[str, ...]:
    """Zones for which no server is left, or too few are (``short``), though not by what is here."""
    lost, gone = elsewhere.lost, set(before).difference(now)
    return tuple(sorted(zone for zone in gone if zone in lost and (short or not lost[zone].short)))


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
