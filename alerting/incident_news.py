"""What must be told of an incident, to whom, and when."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from alerting.audience import Audience, audiences
from alerting.firing import GROUP_WAIT, Firing
from alerting.incident import RESOLVED, Cause, Incident, IncidentEvent, NotifiedState
from alerting.incident_change import change_since
from alerting.incident_told import ToldAs, is_over
from alerting.model import Policy, Route
from alerting.notification import OutboxMessage
from alerting.root_cause import DependencyGraph
from alerting.routing import MONITOR_CAUSES, LabelsOf, matches, route
from alerting.silences import NO_SILENCES, ActiveSilences

UPDATE_INTERVAL = timedelta(minutes=5)
"""The shortest time between two messages of one incident, but for what cannot wait; it doubles with each …"""

MAX_UPDATE_INTERVAL = timedelta(hours=1)
"""… up to this."""

QUIET_PERIOD = timedelta(minutes=1)
"""So long nothing more must have ended before it is told that a part is over."""

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration says of incidents: who feeds whom, and who hears what, how often.

    ``receivers`` are all that there are; ``cadences`` are how often each check comes, by name: it may ask some zones
    more often than others. ``silences`` are those that are active now.
    """

    dependency_graph: DependencyGraph = field(default_factory=DependencyGraph)
    routes: Sequence[Route] = ()
    receivers: Sequence[str] = ()
    policy: Policy = field(default_factory=Policy)
    cadences: Mapping[str, Collection[timedelta]] = field(default_factory=dict)
    state_receivers: Collection[str] = ()
    """Those that keep incidents of their own, and have to hear of every end …"""
    standing_receivers: Collection[str] = ()
    """… and those of them that are told again and again what stands."""
    silences: ActiveSilences = NO_SILENCES
    hearing: Collection[str] = ()
    """Those that are told what people do about incidents."""
    audience: Audience | None = None
    """Whom it is decided for; none: for all those who are in no audience."""

    @property
    def labels_of(self) -> LabelsOf:
        return self.dependency_graph.labels

    @property
    def audiences(self) -> Sequence[Audience]:
        return audiences(tuple(self.routes), self.policy)

    def for_audience(self, audience: Audience) -> "Rules":
        """What holds for one audience."""
        return replace(self, audience=audience, policy=replace(self.policy, remind=audience.remind))

    def matching(self, incident: Incident) -> tuple[str, ...]:
        """Who is to hear of the incident, of those for whom it is decided."""
        if self.audience is not None:
            wanted = any(matches(each, incident, self.labels_of) for each in self.audience.routes)
            return tuple(
                name for name in self.audience.receivers if wanted and incident.cause != Cause("receiver", name)
            )
        names = route(incident, self.routes, self.receivers, self.labels_of)
        if self.is_for_all(incident):
            return names
        others = {name for audience in self.audiences for name in audience.receivers}
        return tuple(name for name in names if name not in others)

    def is_for_all(self, incident: Incident) -> bool:
        """Whether it is the monitor's own, and no route wants it."""
        return incident.cause.kind in MONITOR_CAUSES and not any(matches(each, incident) for each in self.routes)


def announce(
    incident: Incident, told: ToldAs, firing: Firing, rules: Rules, now: datetime
) -> tuple[Incident, list[OutboxMessage]]:
    """The open incident with what is told of it now, and the messages.

    Who hears of it for the first time hears that it opened, as long as anything is bad. The first word waits a little
    for what belongs to it. A higher severity, and a zone that no server answers for any more, are told at once;
    what else came in addition, or is over, in messages that come less and less often. Who heard of it only because of
    a part that is over hears that it is resolved. Of what is silenced only the end is told, to those who heard of it
    before; what of it still stands when a silence ends is told again then.
    """
    matching = rules.matching(told.heard)
    notified = incident.notified
    if notified is None:
        ready = _ready_at(told.heard, firing)
        if not (matching and firing.codes):
            return replace(incident, due_at=None), []
        if now < ready and not (told.heard.unserved or told.heard.short):
            return replace(incident, due_at=ready), []
        return _notify(incident, told, None, dict.fromkeys(matching, IncidentEvent.OPENED), firing, rules, now)
    if is_over(told, notified):
        return _announce_end_of_known(incident, told.heard, notified, now)
    incident = replace(incident, hushed=incident.hushed or told.hides_known)
    event = _event(incident, told, notified, firing, rules.policy, now)
    concerned = matching if told.known is told.heard else rules.matching(told.known)
    to: dict[str, IncidentEvent] = {}
    for name in incident.receivers:
        if name in matching or name not in rules.receivers:
            to |= {name: event} if event is not None else {}
        elif name not in concerned and _eased_at(incident, notified) <= now and not incident.recovering:
            to[name] = IncidentEvent.RESOLVED
    if firing.codes:
        to |= {name: IncidentEvent.OPENED for name in matching if name not in incident.receivers}
    if not to:
        return replace(incident, due_at=_due_at(incident, told, notified, firing, rules)), []
    return _notify(incident, told, event, to, firing, rules, now)


def announce_end(incident: Incident, now: datetime) -> tuple[Incident, list[OutboxMessage]]:
    """The resolved incident is told to exactly those who heard that it opened, with the severity that they know."""
    done = replace(incident, announcements=incident.announcements + 1, change=None, due_at=None)
    notified = incident.notified
    known = tuple(line for line in done.lines if notified is not None and line.code in notified.codes)
    severity = notified.severity if notified is not None else done.severity
    shown = as_told(replace(done, lines=known or done.lines, severity=severity))
    return done, [_message(shown, IncidentEvent.RESOLVED, name, now) for name in done.receivers]


def release(incident: Incident, receivers: Collection[str], now: datetime) -> tuple[Incident, list[OutboxMessage]]:
    """Told that it goes on without them: those of ``receivers`` who heard that it opened, and to whom no route leads
    any more; with none given all of them.
    """
    names = [name for name in incident.receivers if not receivers or name in receivers]
    left = tuple(name for name in incident.receivers if name not in names)
    done = replace(incident, announcements=incident.announcements + bool(names), change=None, receivers=left)
    over = replace(as_told(done), phase=RESOLVED, ended_at=now, resolved_at=now, goes_on=True, unrouted=True)
    return done, [_message(over, IncidentEvent.RESOLVED, name, now) for name in names]


def _announce_end_of_known(
    incident: Incident, heard: Incident, notified: NotifiedState, now: datetime
) -> tuple[Incident, list[OutboxMessage]]:
    """What was told is over, and what still stands is silenced: should it be told one day, it opens."""
    done = replace(
        incident, announcements=incident.announcements + 1, receivers=(), notified=None, change=None, hushed=False,
        updates=0, due_at=None,
    )  # fmt: skip
    lines = tuple(line for line in heard.lines if line.code in notified.codes)
    shown = replace(
        heard, announcements=done.announcements, severity=notified.severity, worst=notified.severity, lines=lines,
        phase=RESOLVED, ended_at=incident.eased_at or now, resolved_at=now, change=None,
    )  # fmt: skip
    return done, [_message(as_told(shown), IncidentEvent.RESOLVED, name, now) for name in incident.receivers]


def message_id(incident: Incident, receiver: str) -> str:
    """Unique to incident, piece of news and receiver; without dots, which separate the parts of a signature."""
    return f"{incident.id}-{incident.announcements}-{sha256(receiver.encode()).hexdigest()[:8]}"


def _ready_at(incident: Incident, firing: Firing) -> datetime:
    """When the first word may go out: each zone had its turn, and what is bad of other codes is out of its grace."""
    latest = incident.opened_at + GROUP_WAIT
    return latest if firing.more_to_come else min(latest, incident.began_at + firing.patience)


def _event(
    incident: Incident, told: ToldAs, notified: NotifiedState, firing: Firing, policy: Policy, now: datetime
) -> IncidentEvent | None:
    """What those hear who know of it already."""
    update_at = notified.at + _pause(incident)
    if told.heard.severity > notified.severity:
        return IncidentEvent.WORSENED
    if any(at <= now for at in _urgent(firing, notified)):
        return IncidentEvent.WORSENED
    stays = notified.flapping and not told.heard.flapping and bool(firing.codes)
    if (stays or _grown(told.heard, notified, firing)) and update_at <= now:
        return IncidentEvent.WORSENED
    if told.heard.flapping and not notified.flapping and firing.codes and update_at <= now:
        return IncidentEvent.REMINDED
    eased = _eased(told, notified)
    if eased and _eased_at(incident, notified) <= now and not incident.recovering:
        return IncidentEvent.IMPROVED
    if incident.hushed and not (told.hides_known or eased or incident.acknowledged) and firing.codes:
        return IncidentEvent.REMINDED
    if _remind_at(incident, notified, firing, policy) <= now:
        return IncidentEvent.REMINDED
    return None


def _remind_at(incident: Incident, notified: NotifiedState, firing: Firing, policy: Policy) -> datetime:
    """Nobody is reminded of what somebody has acknowledged."""
    wanted = policy.remind and firing.codes and incident.acknowledged is None
    return notified.at + policy.remind if wanted else NEVER


def _eased(told: ToldAs, notified: NotifiedState) -> bool:
    """Whether a part of what was told is over; of what stands nothing is told while all of it is silenced."""
    less = told.known.severity < notified.severity or _shrunk(told.known, notified)
    return less and (told.known is told.heard or told.heard.findings > 0)


def _urgent(firing: Firing, notified: NotifiedState) -> Iterator[datetime]:
    """When zones are to be told of that no server answers for any more, or too few: the first of them at once; where
    one was told more follow a minute later.
    """
    if _grew(firing.unserved, notified.unserved):
        yield notified.at + GROUP_WAIT if notified.unserved else notified.at
    if _grew(firing.short, (*notified.short, *notified.unserved)):
        yield notified.at + GROUP_WAIT if notified.short else notified.at


def _pause(incident: Incident) -> timedelta:
    return min(UPDATE_INTERVAL * (1 << min(incident.updates, 10)), MAX_UPDATE_INTERVAL)


def _grown(incident: Incident, notified: NotifiedState, firing: Firing) -> bool:
    """More zones, servers or codes are bad than was told."""
    return (
        (incident.zones != notified.zones and _grew(firing.zones, notified.zones))
        or _grew(firing.servers, notified.servers)
        or _grew(firing.codes, notified.codes)
    )


def _grew(names: Iterable[str], before: Iterable[str]) -> bool:
    return names != before and not set(before).issuperset(names)


def _shrunk(incident: Incident, notified: NotifiedState) -> bool:
    """Fewer zones or servers are bad than was told. How much the monitor itself cannot check is no news."""
    return incident.cause.kind != "vantage" and (
        _grew(notified.zones, incident.zones + incident.left_zones + incident.moved_zones)
        or _grew(notified.servers, incident.servers + incident.moved_servers)
        or _grew(notified.unserved, incident.unserved + incident.moved_unserved)
        or _grew(notified.short, incident.short + incident.unserved + incident.moved_short)
    )


def _eased_at(incident: Incident, notified: NotifiedState) -> datetime:
    """From when on it may be told that a part is over, if nothing recovers then: nothing has ended just now, and not
    every few minutes, should that part come and go.
    """
    calm_at = (incident.eased_at or notified.at) + QUIET_PERIOD
    return max(calm_at, notified.at + _pause(incident)) if incident.updates > 1 else calm_at


def _due_at(incident: Incident, told: ToldAs, notified: NotifiedState, firing: Firing, rules: Rules) -> datetime | None:
    """When there will be something to tell although nothing changes."""
    policy, update_at, eased_at = rules.policy, notified.at + _pause(incident), _eased_at(incident, notified)
    remind_at = _remind_at(incident, notified, firing, policy)
    when = [remind_at] if remind_at < NEVER else []
    if _grown(told.heard, notified, firing) or (told.heard.flapping is not notified.flapping and firing.codes):
        when.append(update_at)
    when += _urgent(firing, notified)
    if not incident.recovering:
        released = set(incident.receivers).intersection(rules.receivers)
        if _eased(told, notified) or released.difference(rules.matching(told.known)):
            when.append(eased_at)
    return min(when, default=None)


def _notify(
    incident: Incident,
    told: ToldAs,
    event: IncidentEvent | None,
    to: Mapping[str, IncidentEvent],
    firing: Firing,
    rules: Rules,
    now: datetime,
) -> tuple[Incident, list[OutboxMessage]]:
    """What was told becomes what is known, unless only newcomers were told."""
    before, notified, updates, known = incident.notified, incident.notified, incident.updates, told.known
    if notified is None or event is not None:
        afresh = notified is None or event is IncidentEvent.REMINDED or now - notified.at >= 2 * _pause(incident)
        updates = 0 if event in (None, IncidentEvent.REMINDED) else 1 if afresh else updates + 1
        notified = NotifiedState(
            now, known.severity, known.zones, known.servers, known.codes, known.unserved, told.heard.flapping,
            known.short,
        )  # fmt: skip
    heard = dict.fromkeys((*incident.receivers, *to))
    done = replace(
        incident,
        receivers=tuple(name for name in heard if to.get(name) is not IncidentEvent.RESOLVED),
        announcements=incident.announcements + 1,
        change=change_since(before, told.heard, told.known) if before is not None else None,
        notified=notified,
        hushed=told.hides_known,
        updates=updates,
        eased_at=incident.eased_at if notified is before else None,
    )
    done = replace(done, due_at=_due_at(done, told, notified, firing, rules))
    shown = as_told(_without_silenced(done, told.heard if told.heard.findings else known))
    over = replace(shown, phase=RESOLVED, ended_at=incident.eased_at or now, resolved_at=now, goes_on=True)
    return done, [
        _message(over if each is IncidentEvent.RESOLVED else shown, each, name, now) for name, each in to.items()
    ]


def _without_silenced(incident: Incident, heard: Incident) -> Incident:
    """The incident after it was told of, with nothing in it that is not ``heard``."""
    if not incident.silenced:
        return incident
    return replace(
        heard,
        receivers=incident.receivers,
        announcements=incident.announcements,
        change=incident.change,
        updates=incident.updates,
        eased_at=incident.eased_at,
    )


def as_told(incident: Incident) -> Incident:
    """As its receivers see it: without what is kept only to know what they know."""
    return replace(incident, notified=None, due_at=None, hushed=False, parts=(), held=())


def _message(incident: Incident, event: IncidentEvent, receiver: str, now: datetime) -> OutboxMessage:
    return OutboxMessage(message_id(incident, receiver), receiver, event, incident, now)
