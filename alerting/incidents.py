"""Incidents: which alerts are one, what of it is bad now, and when it is over."""

from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import TypeVar, cast

from alerting.acknowledgement import tell_late, while_it_holds
from alerting.audience_news import Parts, Views, readdressed, tell_audiences
from alerting.firing import Firing
from alerting.incident import RESOLVED, Cause, Incident, Storm
from alerting.incident_index import IncidentIndex
from alerting.incident_members import IncidentMembers
from alerting.incident_news import Rules, announce, announce_end
from alerting.incident_now import Ended, as_of_now, no_longer_told
from alerting.incident_told import as_heard, told_as
from alerting.model import Alert, AlertKey, Phase, Transition
from alerting.notification import OutboxMessage
from alerting.reopening import NO_PAST, PastIncidents, opened_by, with_past
from alerting.root_cause import FOLLOWS_FROM_SERVICE, WIDER, DependencyGraph, family
from alerting.routing import with_labels
from alerting.silence_steps import follow_silences
from alerting.silences import NO_SILENCES, ActiveSilences
from alerting.storm_guard import NO_STORMS, StormGuard, Storms, is_due
from alerting.strays import Elsewhere, handed_on
from alerting.timeline import TimelineEntry, entries
from checks.model.finding_type import SERVICE

RELATED = FOLLOWS_FROM_SERVICE | {SERVICE}
"""Troubles of a zone at a server that are most likely one."""

INCIDENTS_PER_STEP = 50
"""So many are looked at before others have their turn …"""

ALERTS_LIKE_ONE_INCIDENT = 500
"""… where one with very many alerts counts for several."""

ActiveAlerts = dict[AlertKey, Alert]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OpenIncidents:
    """The open incidents, by id. Which alerts are in one is written on the alerts; ``index`` has it at hand, for as
    long as nothing is made of them but by ``update_in_steps``.
    """

    incidents: Mapping[str, Incident] = field(default_factory=lambda: MappingProxyType({}))
    index: IncidentIndex | None = field(default=None, compare=False, repr=False)
    past: PastIncidents = field(default_factory=lambda: NO_PAST, compare=False, repr=False)
    """Others that are over, and may open again."""
    storms: Storms = field(default_factory=lambda: NO_STORMS, compare=False, repr=False)
    """What receivers were told of late, and what is held back from them."""


@dataclass(frozen=True, slots=True)
class IncidentUpdate:
    """What a batch made of the open incidents. ``alerts`` had their ``incident`` set; all is to be committed."""

    open_incidents: OpenIncidents
    alerts: tuple[Alert, ...] = ()
    incidents: tuple[Incident, ...] = ()
    messages: tuple[OutboxMessage, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    storms: tuple[Storm, ...] = ()


def update_in_steps(
    open_incidents: OpenIncidents,
    active_alerts: ActiveAlerts,
    changed: Sequence[Alert],
    transitions: Iterable[Transition],
    rules: Rules,
    now: datetime,
    *,
    anew: bool = False,
) -> Generator[None, None, IncidentUpdate]:
    """Alerts that fire join the incident of their cause; one without alerts is resolved; what must be told is told.
    ``active_alerts`` are all alerts that are not OK, as they are after the batch; ``changed`` those the batch changed,
    OK ones too. An alert stays in its incident until it is OK, or no more than information. ``anew``: by other rules
    than before, so every incident is looked at. Otherwise a batch costs what it changes, and silences what they match.
    It pauses every few milliseconds, so that others have their turn; these must leave the alerts as they are.
    """
    before, index_before = open_incidents.incidents, open_incidents.index
    index, known = _indexed(open_incidents, active_alerts, changed, rules, anew=anew)
    index.whole = False
    yield
    if not known:
        anew = anew or (index_before is not None and index_before.silences != rules.silences)
    elif index.silences != rules.silences:
        yield from follow_silences(index, rules.silences)
    joining = index.joining()
    if not (before or joining or is_due(open_incidents.storms, now)):
        index.whole = True
        return IncidentUpdate(replace(open_incidents, index=index))
    handed = handed_on(index)
    wider = [*handed, *_widened(index, joining)]
    for incident in wider[len(handed) :]:
        index.open(incident)
    past = open_incidents.past
    joined = _assigned(index, joining, past, now)
    yield
    opened = _opened(index, joined, past, now)
    for incident in opened:
        index.open(incident)
    index.join(joined)
    yield
    after = {**before, **{incident.id: incident for incident in (*wider, *opened)}}
    moved = index.take_moved(now)
    if anew:
        moved = set(after)
    elif not known:
        as_before = {name for name in before if _as_it_was(after[name], index.members[name], now)}
        moved = after.keys() - as_before.difference(incident.id for incident in wider)
    moved |= {a.incident for a in (*changed, *joined) if a.incident in after}
    over = _over(changed)
    unwatched = no_longer_told(changed, transitions)
    changes: list[Incident] = []
    messages: list[OutboxMessage] = []
    timeline: list[TimelineEntry] = []
    work = 0
    for name in sorted(moved, key=index.position.__getitem__):
        work += 1 + index.members[name].count // ALERTS_LIKE_ONE_INCIDENT
        if work > INCIDENTS_PER_STEP:
            work = 0
            yield
        ended = Ended(over.get(name, ()), unwatched, Elsewhere.than(name, index))
        parts = index.parts.setdefault(name, {}) if rules.audiences else {}
        done, new_messages = _go_on(after[name], index.members[name], parts, ended, active_alerts, rules, now)
        index.go_on(done)
        after[name] = done
        if done.phase == RESOLVED:
            del after[name]
        if done != before.get(name):
            changes.append(done)
            timeline += entries(before.get(name), done, now)
        messages += new_messages
    left = index.take_left()
    index.incidents, index.whole = after, True
    over_now = (each for each in changes if each.phase == RESOLVED)
    views = Views(index.members, index.parts, active_alerts, rules, now)
    guard = StormGuard(open_incidents.storms, after, over_now, views, rules, now)
    sent = guard.take(messages)
    kept = tuple(({each.id: each for each in changes} | guard.held).values())
    timeline += guard.timeline
    past = with_past(past, (*wider, *opened), (each for each in kept if each.phase == RESOLVED), now)
    known_now = OpenIncidents(after, index, past, guard.storms)
    return IncidentUpdate(known_now, (*joined, *left), kept, tuple(sent), tuple(timeline), guard.changed())


def act_on(
    open_incidents: OpenIncidents, incident: Incident, messages: tuple[OutboxMessage, ...], done: TimelineEntry
) -> IncidentUpdate:
    """What comes of what somebody has ``done`` about an open incident, which is ``incident`` from then on: as soon as
    that is kept, and ``acted`` is told.
    """
    after = {**open_incidents.incidents, incident.id: incident}
    return IncidentUpdate(replace(open_incidents, incidents=after), (), (incident,), messages, (done,))


def acted(open_incidents: OpenIncidents, update: IncidentUpdate) -> OpenIncidents:
    """The open incidents after what ``act_on`` made of them; their index goes along."""
    index = open_incidents.index
    if index is not None and index.is_of(index.dependency_graph, open_incidents.incidents):
        for incident in update.incidents:
            index.go_on(incident)
        index.incidents = update.open_incidents.incidents
    return update.open_incidents


def begin_index(
    open_incidents: OpenIncidents,
    active_alerts: ActiveAlerts,
    dependency_graph: DependencyGraph,
    silences: ActiveSilences = NO_SILENCES,
) -> OpenIncidents:
    """Where nothing is open and there is no index yet: with one, so that ``note_alerts`` has something to do."""
    if open_incidents.index is not None or open_incidents.incidents:
        return open_incidents
    index = IncidentIndex.of(dependency_graph, open_incidents.incidents, active_alerts, silences)
    index.settle()
    return replace(open_incidents, index=index)


def note_alerts(
    open_incidents: OpenIncidents,
    active_alerts: ActiveAlerts,
    keys: Iterable[AlertKey],
    dependency_graph: DependencyGraph,
) -> None:
    """Work that ``update_in_steps`` need not do then: some alerts of a batch have changed, and the rest is to come."""
    index = open_incidents.index
    if index is not None and index.is_of(dependency_graph, open_incidents.incidents):
        index.note(keys, active_alerts)
        index.settle()


def _indexed(
    open_incidents: OpenIncidents, active_alerts: ActiveAlerts, changed: Iterable[Alert], rules: Rules, *, anew: bool
) -> tuple[IncidentIndex, bool]:
    """The index of all alerts as they are now, and whether it is the one of before."""
    index = open_incidents.index
    if index is not None and not anew and index.is_of(rules.dependency_graph, open_incidents.incidents):
        index.note((alert.key for alert in changed), active_alerts)
        if index.knows(active_alerts):
            index.settle()
            return index, True
    index = IncidentIndex.of(rules.dependency_graph, open_incidents.incidents, active_alerts, rules.silences)
    index.settle()
    return index, False


def remind_in_steps(
    open_incidents: OpenIncidents, active_alerts: ActiveAlerts, rules: Rules, now: datetime
) -> Generator[None, None, IncidentUpdate]:
    """What is to be told because time has passed: waited for, growing, over in part, or to be told again."""
    if not is_due(open_incidents.storms, now) and not any(
        incident.due_at is not None and incident.due_at <= now for incident in open_incidents.incidents.values()
    ):
        return IncidentUpdate(open_incidents)
    return (yield from update_in_steps(open_incidents, active_alerts, (), (), rules, now))


def at_once(steps: Generator[None, None, T]) -> T:
    """What comes of all steps, without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast("T", end.value)


def _widened(index: IncidentIndex, joining: Iterable[Alert]) -> list[Incident]:
    """An incident becomes a wider one, of a server or of what several have in common, when all that is in it turns out
    to be that.
    """
    causes = {index.cause(alert.key) for alert in joining}
    wanted = {cause for cause in causes if cause.kind in WIDER and cause not in index.of_cause}
    wider = []
    for name in sorted(index.incidents) if wanted else ():
        cause = _only_cause(index, name)
        if cause in wanted:
            wider.append(replace(index.incidents[name], cause=cause))
            wanted.discard(cause)
    return wider


def _only_cause(index: IncidentIndex, name: str) -> Cause | None:
    """The cause that all alerts of an incident have, if it is one."""
    only = None
    for key in index.members[name]:
        if index.is_waiting(key):
            continue
        cause = index.causes.cause(key)
        if only is not None and cause != only:
            return None
        only = cause
    return only


def _assigned(index: IncidentIndex, joining: Iterable[Alert], past: PastIncidents, now: datetime) -> list[Alert]:
    """To each alert its incident: the open one of its cause; else the one that holds a related alert of the same
    zone at the same server, for that is most likely the same trouble; else one that was over just now; else a new one.
    """
    new: dict[Cause, str] = {}
    joined = []
    for alert in joining:
        cause = index.cause(alert.key)
        where = index.of_cause.get(cause) or new.get(cause)
        if where is None and family(alert.key.code) in RELATED:
            where = _nearby(index, alert.key)
        if where is None:
            where = new[cause] = opened_by(alert, cause, past, now).id
        joined.append(replace(alert, incident=where))
    return joined


def _nearby(index: IncidentIndex, key: AlertKey) -> str | None:
    """In which incident what is wrong with the zone at the server is."""
    here = (a for a in index.of_zone(key.zone) if a.key.server is not None and a.key.server == key.server)
    held = (a for a in here if family(a.key.code) in RELATED)
    return next((a.incident for a in reversed([*held]) if a.incident in index.incidents), None)


def _opened(index: IncidentIndex, joined: Iterable[Alert], past: PastIncidents, now: datetime) -> list[Incident]:
    opened: dict[str, Incident] = {}
    for alert in joined:
        name = alert.incident or ""
        if name not in index.incidents and name not in opened:
            opened[name] = opened_by(alert, index.cause(alert.key), past, now)
    return list(opened.values())


def _over(changed: Iterable[Alert]) -> Mapping[str, Sequence[Alert]]:
    """By incident the alerts that have just become OK."""
    over: dict[str, list[Alert]] = defaultdict(list)
    for alert in changed:
        if alert.quiet and alert.incident is not None:
            over[alert.incident].append(alert)
    return over


def _as_it_was(incident: Incident, members: IncidentMembers, now: datetime) -> bool:
    """Whether an incident none of whose own alerts changed is as it was, and nothing of it is to be told now."""
    return (
        members.all.findings == incident.findings
        and members.all.unserved.told() == incident.unserved
        and members.all.short.told() == incident.short
        and (incident.due_at is None or now < incident.due_at)
        and Phase.PENDING not in members.all.phases
        and not incident.has_strays
    )


def _go_on(
    incident: Incident,
    members: IncidentMembers,
    parts: Parts,
    ended: Ended,
    alerts: ActiveAlerts,
    rules: Rules,
    now: datetime,
) -> tuple[Incident, list[OutboxMessage]]:
    """The incident as it is by now, and what is told of it."""
    done, messages = _go_on_in_whole(readdressed(incident, rules), members, ended, alerts, rules, now)
    if rules.audiences or done.parts:
        whole, (done, more) = done, tell_audiences(done, members, parts, ended, alerts, rules, now)
        told = done.told or whole.told
        messages = [replace(each, incident=replace(each.incident, receivers=told)) for each in (*messages, *more)]
    done, acts = tell_late(done, rules.hearing, now)
    return done, [*messages, *acts]


def _go_on_in_whole(
    incident: Incident, members: IncidentMembers, ended: Ended, alerts: ActiveAlerts, rules: Rules, now: datetime
) -> tuple[Incident, list[OutboxMessage]]:
    """As it is told to those who hear of all of it."""
    fresh = with_labels(as_of_now(incident, members, ended, alerts, now), rules.labels_of)
    if members.count:
        firing, heard = Firing.of(members.heard, rules.cadences), as_heard(fresh, members, alerts)
        if while_it_holds(heard, firing.unserved, firing.short).acknowledged is None and fresh.acknowledged is not None:
            fresh = replace(fresh, acknowledged=None, act_untold=False)
            heard = as_heard(fresh, members, alerts)
        return announce(fresh, told_as(fresh, heard), firing, rules, now)
    ended_at = max((a.good_since or a.since for a in ended.alerts), default=incident.eased_at or now)
    ended_at = max([ended_at, *(line.ended_at for line in fresh.lines if line.ended_at is not None)])
    return announce_end(replace(fresh, phase=RESOLVED, resolved_at=now, ended_at=ended_at), now)
