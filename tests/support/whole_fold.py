"""The fold over all alerts that stand, made anew for each batch: what the incremental one is compared with."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from alerting.audience_news import readdressed, tell_audiences
from alerting.incident import RESOLVED, Cause, Incident
from alerting.incident_lines import _kept, current, gravity, line_key
from alerting.incident_members import is_undecided
from alerting.incident_news import Rules, announce, announce_end
from alerting.incident_now import Ended
from alerting.incident_told import told_as
from alerting.incidents import RELATED, IncidentUpdate, OpenIncidents
from alerting.model import Alert, AlertKey, Phase, Reason, Transition
from alerting.notification import OutboxMessage
from alerting.reopening import PastIncidents, opened_by, with_past
from alerting.root_cause import WIDER, family
from alerting.routing import with_labels
from alerting.storm_guard import StormGuard, is_due
from alerting.unserved import Unserved
from checks.model.finding_type import Severity
from tests.support.whole_causes import whole_root_causes
from tests.support.whole_members import (
    LackingZones,
    LostZones,
    Members,
    firing_of,
    members_anew,
    unserved_zones,
    views_anew,
    whole_lines,
)
from tests.support.whole_strays import lost_elsewhere, past, silenced_zones, whole_handed_on, whole_strays

ActiveAlerts = Mapping[AlertKey, Alert]
Causes = Mapping[AlertKey, Cause]


def whole_update(
    open_incidents: OpenIncidents,
    active_alerts: ActiveAlerts,
    changed: Sequence[Alert],
    transitions: Iterable[Transition],
    rules: Rules,
    now: datetime,
    *,
    anew: bool = False,
) -> IncidentUpdate:
    """Alerts that fire join the incident of their cause; one without alerts is resolved; what must be told is told.

    ``active_alerts`` are all alerts that are not OK, as they are after the batch; ``changed`` those the batch changed,
    OK ones too. An alert stays in its incident until it is OK, or no more than information. ``anew``: by other rules
    than before, so every incident is looked at.
    """
    grave = [alert for alert in active_alerts.values() if alert.severity > Severity.INFO]
    joining = [a for a in grave if a.phase is not Phase.PENDING and a.incident not in open_incidents.incidents]
    if not (open_incidents.incidents or joining or is_due(open_incidents.storms, now)):
        return IncidentUpdate(open_incidents)
    pending = any(alert.phase is Phase.PENDING for alert in grave)
    causes = whole_root_causes(grave, rules.dependency_graph) if joining or pending else {}
    before = open_incidents.incidents
    handed = whole_handed_on(before, grave, causes) if causes else {}
    wider = _widened(replace(open_incidents, incidents={**before, **handed}), grave, joining, causes)
    over_before = open_incidents.past
    joined = _assigned(wider, grave, joining, causes, over_before, now)
    opened = _opened(wider, joined, causes, over_before, now)
    after = dict(wider.incidents) | opened
    if joined:
        placed = {alert.key: alert for alert in joined}
        grave = [placed.get(alert.key, alert) for alert in grave]
    members = _members(after, grave, changed, causes, rules)
    unserved = _unserved(members, grave, rules)
    unwatched = {t.key for t in transitions if t.reason is Reason.WITHDRAWN}
    unwatched |= {a.key for a in changed if a.phase is not Phase.OK and a.severity is Severity.INFO}
    moved = {alert.incident for alert in (*changed, *joined)}
    changes, messages = [], []
    for name, incident in list(after.items()):
        if not (anew or name in moved or incident is not open_incidents.incidents.get(name)) and _as_it_was(
            incident, current(members[name].active_alerts), unserved[name], now
        ):
            continue
        done, new_messages = _go_on(incident, members[name], unserved[name], unwatched, rules, now)
        if done.phase == RESOLVED:
            del after[name]
        else:
            after[name] = done
        if done != open_incidents.incidents.get(name):
            changes.append(done)
        messages += new_messages
    newly = [*opened.values(), *(i for name, i in wider.incidents.items() if i is not open_incidents.incidents[name])]
    over = (each for each in changes if each.phase == RESOLVED)
    views = views_anew({name: members[name] for name in after}, unserved, active_alerts, rules, now)
    guard = StormGuard(open_incidents.storms, after, over, views, rules, now)
    messages = guard.take(messages)
    changes = list(({each.id: each for each in changes} | guard.held).values())
    over_now = with_past(over_before, newly, (each for each in changes if each.phase == RESOLVED), now)
    left = (a for a in active_alerts.values() if a.severity <= Severity.INFO and a.incident is not None)
    return IncidentUpdate(
        OpenIncidents(after, past=over_now, storms=guard.storms),
        (*joined, *(replace(a, incident=None) for a in left)),
        tuple(changes),
        tuple(messages),
        storms=guard.changed(),
    )


def _widened(
    open_incidents: OpenIncidents, grave: Iterable[Alert], joining: Iterable[Alert], causes: Causes
) -> OpenIncidents:
    """An incident of a zone becomes that of a server when all that is in it turns out to be that server's."""
    wanted = {causes[alert.key] for alert in joining if causes[alert.key].kind in WIDER}
    wanted -= {incident.cause for incident in open_incidents.incidents.values()}
    if not wanted:
        return open_incidents
    held: dict[str, set[Cause]] = defaultdict(set)
    for alert in grave:
        if alert.incident in open_incidents.incidents:
            held[alert.incident or ""].add(causes[alert.key])
    wider = {}
    for name in sorted(held):
        if len(held[name]) == 1 and held[name] <= wanted:
            wider[name] = replace(open_incidents.incidents[name], cause=held[name].pop())
            wanted.discard(wider[name].cause)
    return replace(open_incidents, incidents={**open_incidents.incidents, **wider})


def _assigned(
    open_incidents: OpenIncidents,
    grave: Iterable[Alert],
    joining: Sequence[Alert],
    causes: Causes,
    past: PastIncidents,
    now: datetime,
) -> tuple[Alert, ...]:
    """To each alert its incident: the open one of its cause; else the one that holds a related alert of the same
    zone at the same server, for that is most likely the same trouble; else a new one.
    """
    if not joining:
        return ()
    of_cause = {incident.cause: incident.id for incident in open_incidents.incidents.values()}
    nearby = _places(open_incidents, grave) if any(causes[alert.key] not in of_cause for alert in joining) else {}
    joined = []
    for alert in joining:
        cause = causes[alert.key]
        where = of_cause.get(cause)
        if where is None and family(alert.key.code) in RELATED:
            where = nearby.get((alert.key.zone, alert.key.server))
        if where is None:
            where = of_cause[cause] = opened_by(alert, cause, past, now).id
        joined.append(replace(alert, incident=where))
    return tuple(joined)


def _places(open_incidents: OpenIncidents, grave: Iterable[Alert]) -> Mapping[tuple[str, str | None], str | None]:
    """In which incident what is wrong with a zone at a server is."""
    held = (
        alert for alert in grave if alert.incident in open_incidents.incidents and family(alert.key.code) in RELATED
    )
    return {(a.key.zone, a.key.server): a.incident for a in held if a.key.server is not None}


def _opened(
    open_incidents: OpenIncidents, joined: Iterable[Alert], causes: Causes, past: PastIncidents, now: datetime
) -> dict[str, Incident]:
    opened: dict[str, Incident] = {}
    for alert in joined:
        name = alert.incident or ""
        if name not in open_incidents.incidents and name not in opened:
            opened[name] = opened_by(alert, causes[alert.key], past, now)
    return opened


def _members(
    incidents: Mapping[str, Incident], grave: Sequence[Alert], changed: Iterable[Alert], causes: Causes, rules: Rules
) -> Mapping[str, Members]:
    of_cause = {incident.cause: incident.id for incident in incidents.values()}
    active_alerts: dict[str, list[Alert]] = defaultdict(list)
    over: dict[str, list[Alert]] = defaultdict(list)
    for alert in grave:
        if is_undecided(alert):
            continue
        where = of_cause.get(causes[alert.key]) if alert.phase is Phase.PENDING else alert.incident
        if where is not None:
            active_alerts[where].append(alert)
    for alert in changed:
        if alert.quiet and alert.incident is not None:
            over[alert.incident].append(alert)
    lost = unserved_zones(grave, rules.dependency_graph, rules.silences)
    rest = grave, lost, rules.dependency_graph
    return {name: Members(active_alerts[name], over[name], *rest) for name in incidents}


def _as_it_was(incident: Incident, active_alerts: Sequence[Alert], lost: LostZones, now: datetime) -> bool:
    """Whether an incident none of whose own alerts changed is as it was, and nothing of it is to be told now."""
    return (
        len(active_alerts) == incident.findings
        and (lost.unserved.zones, lost.short.zones) == (incident.unserved, incident.short)
        and (incident.due_at is None or now < incident.due_at)
        and not any(alert.phase is Phase.PENDING for alert in active_alerts)
        and not incident.has_strays
    )


def _unserved(members: Mapping[str, Members], grave: Iterable[Alert], rules: Rules) -> Mapping[str, LostZones]:
    """Incident → the zones that no server answers for, or too few, where the latest of the alerts that make it so is in
    it.

    As soon as that is certain of one of them those count too whose last alert is still in its grace.
    """
    lost = unserved_zones(grave, rules.dependency_graph, rules.silences)
    found: dict[str, LostZones] = defaultdict(LostZones)
    for name, incident in members.items() if lost else ():
        here = {a.key: a.key.zone for a in incident.active_alerts if a.key.zone in lost}
        zones = sorted(zone for key, zone in here.items() if lost[zone].latest.key == key)
        found[name] = LostZones(
            *(_lacking([z for z in zones if lost[z].short is each], lost) for each in (False, True))
        )
    return found


def _lacking(zones: Sequence[str], lost: Mapping[str, Unserved]) -> LackingZones:
    certain = frozenset(zone for zone in zones if lost[zone].certain)
    silenced = frozenset(zone for zone in zones if lost[zone].silenced)
    return LackingZones(tuple(zones), certain, silenced) if certain else LackingZones()


def _go_on(
    incident: Incident,
    members: Members,
    lost: LostZones,
    unwatched: Collection[AlertKey],
    rules: Rules,
    now: datetime,
) -> tuple[Incident, list[OutboxMessage]]:
    """The incident as it is by now, and what is told of it, each audience made anew."""
    whole, messages = _go_on_in_whole(readdressed(incident, rules), members, lost, unwatched, rules, now)
    if not (rules.audiences or whole.parts):
        return whole, messages
    anew, alerts = members_anew(members, lost, rules), {alert.key: alert for alert in members.active_alerts}
    ended = Ended(members.over, unwatched, members.elsewhere)
    done, more = tell_audiences(whole, anew, {}, ended, alerts, rules, now)
    told = done.told or whole.told
    return done, [replace(each, incident=replace(each.incident, receivers=told)) for each in (*messages, *more)]


def _go_on_in_whole(
    incident: Incident,
    members: Members,
    lost: LostZones,
    unwatched: Collection[AlertKey],
    rules: Rules,
    now: datetime,
) -> tuple[Incident, list[OutboxMessage]]:
    fresh = with_labels(_as_of_now(incident, members, lost, unwatched, rules, now), rules.labels_of)
    if members.active_alerts:
        heard = [alert for alert in current(members.active_alerts) if not rules.silences.of(alert, rules.labels_of)]
        certain = [each.certain - each.silenced for each in (lost.unserved, lost.short)]
        firing = firing_of(heard, rules.cadences, *certain)
        return announce(fresh, told_as(fresh, _as_heard(fresh, members, heard, lost)), firing, rules, now)
    ended = max((a.good_since or a.since for a in members.over), default=incident.eased_at or now)
    ended = max([ended, *(line.ended_at for line in fresh.lines if line.ended_at is not None)])
    return announce_end(replace(fresh, phase=RESOLVED, resolved_at=now, ended_at=ended), now)


def _as_of_now(
    incident: Incident,
    members: Members,
    lost: LostZones,
    unwatched: Collection[AlertKey],
    rules: Rules,
    now: datetime,
) -> Incident:
    """What is bad now, out of the alerts; what is not any more becomes past."""
    active_alerts = current(members.active_alerts)
    unserved, short = lost.unserved.zones, lost.short.zones
    known = [alert for alert in active_alerts if alert.phase is not Phase.PENDING]
    zones = tuple(sorted({alert.key.zone for alert in active_alerts if alert.key.zone}))
    servers = tuple(sorted({alert.key.server for alert in active_alerts if alert.key.server}))
    codes = tuple(sorted({alert.key.code for alert in active_alerts}))
    severity = max((alert.severity for alert in known), default=incident.severity)
    severity = Severity.CRITICAL if unserved or short else severity
    eased = severity < incident.severity or not set(incident.zones) <= set(zones)
    eased = eased or not set(incident.servers) <= set(servers) or not set(incident.unserved) <= set(unserved)
    away = whole_strays(incident, members.keys, members.grave)
    moved = {alert.key.zone for alert in away}.difference(zones)
    left = {a.key.zone for a in members.over if a.key in unwatched}.union(incident.left_zones)
    left |= {zone for zone in incident.zones if not members.elsewhere.is_watched(zone)}
    left |= {k.zone for k in unwatched if k.zone in incident.zones and k.code in incident.codes}
    left = left.difference(zones, moved)
    known_servers = incident.servers + incident.moved_servers
    lines = whole_lines(incident.lines, active_alerts, members.over, unwatched, now, away)
    return replace(
        incident,
        left_zones=tuple(sorted(left)),
        moved_zones=tuple(sorted(moved)),
        moved_servers=tuple(sorted({a.key.server for a in away if a.key.server in known_servers}.difference(servers))),
        **lost_elsewhere(incident, members, unserved, short),
        severity=severity,
        worst=max(incident.worst, severity),
        began_at=min([incident.began_at, *(alert.bad_since or alert.since for alert in active_alerts)]),
        zones=zones,
        servers=servers,
        codes=codes,
        past_zones=past(incident.past_zones, incident.zones + incident.moved_zones, left.union(zones, moved)),
        past_servers=past(incident.past_servers, incident.servers, servers),
        past_codes=past(incident.past_codes, incident.codes, codes),
        findings=len(active_alerts),
        recovering=sum(alert.phase is Phase.RECOVERING for alert in active_alerts),
        unserved=unserved,
        short=short,
        flapping=2 * sum(alert.flapping for alert in known) > len(known),
        lines=lines,
        eased_at=now if eased else incident.eased_at,
        silenced=sum(bool(rules.silences.of(alert, rules.labels_of)) for alert in active_alerts),
        silenced_zones=silenced_zones(active_alerts, rules),
        silences=tuple(sorted({name for alert in active_alerts for name in rules.silences.of(alert, rules.labels_of)})),
    )


def _as_heard(incident: Incident, members: Members, heard: Sequence[Alert], lost: LostZones) -> Incident:
    """Without what is silenced."""
    if not incident.silenced:
        return incident
    unserved, short = lost.unserved.heard(), lost.short.heard()
    known = [alert.severity for alert in heard if alert.phase is not Phase.PENDING]
    severity = max(known, default=incident.notified.severity if incident.notified else Severity.INFO)
    standing = {line_key(alert.key) for alert in current(members.active_alerts)}
    past = [line for line in incident.lines if (line.code, line.server, line.address) not in standing]
    lines = whole_lines((), heard, (), (), incident.began_at)
    return replace(
        incident,
        severity=Severity.CRITICAL if unserved or short else severity,
        began_at=min((alert.began for alert in heard), default=incident.began_at),
        zones=tuple(sorted({alert.key.zone for alert in heard if alert.key.zone})),
        servers=tuple(sorted({alert.key.server for alert in heard if alert.key.server})),
        codes=tuple(sorted({alert.key.code for alert in heard})),
        findings=len(heard),
        recovering=sum(alert.phase is Phase.RECOVERING for alert in heard),
        unserved=unserved,
        short=short,
        flapping=2 * sum(alert.flapping for alert in heard if alert.phase is not Phase.PENDING) > len(known),
        lines=_kept(sorted([*lines, *past], key=gravity)),
        silenced=0,
        silenced_zones=(),
        silences=(),
    )
