"""What keeps a receiver from very many messages at once: after so many, one that says how many more there are."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from types import MappingProxyType

from alerting.audience_news import Views
from alerting.firing import GROUP_WAIT
from alerting.headline import headline, subject
from alerting.incident import (
    OPEN,
    RESOLVED,
    Cause,
    Incident,
    IncidentEvent,
    IncidentFinding,
    ManyIncidents,
    Storm,
)
from alerting.incident_lines import gravity
from alerting.incident_news import Rules, message_id
from alerting.notification import OutboxMessage
from alerting.timeline import TimelineEntry, told_among_many
from checks.model.finding_type import Severity

STORM_WINDOW = timedelta(minutes=10)
"""In so long a receiver has at most so many messages, as the configuration says."""

MAX_NAMED = 20
"""Incidents that the message about many names."""

MAX_OVER_NAMED = 5

Storms = Mapping[str, Storm]
"""By receiver."""

NO_STORMS: Storms = MappingProxyType({})


class StormGuard:
    """Lets through what a receiver can take, and marks the incidents of the rest as held back from it.

    What is held back is told in one message for all, a minute after the first of it, and again when it is another ten
    minutes later: at once it is told when it is graver, and when nothing of it is left. Of an incident that is told of
    in that message nothing is told by itself any more, not even its end.
    """

    def __init__(
        self,
        storms: Storms,
        incidents: dict[str, Incident],
        over: Iterable[Incident],
        views: Views,
        rules: Rules,
        now: datetime,
    ) -> None:
        """``incidents`` are the open ones, by id; those that are held back are marked there. ``over`` are those that
        have just ended.
        """
        self._views = views
        self._over = {incident.id: incident for incident in over}
        self.storms = dict(storms)
        self.held: dict[str, Incident] = {}
        """Incidents that have another mark than before, those that are over too."""
        self.timeline: list[TimelineEntry] = []
        """Of incidents that were told of among many."""
        self._before, self._open, self._rules, self._now = storms, incidents, rules, now

    def take(self, messages: Sequence[OutboxMessage]) -> list[OutboxMessage]:
        """Those that are to be sent, and the messages about many that are due."""
        room: dict[str, Collection[str]] = {}
        by_receiver: dict[str, list[OutboxMessage]] = defaultdict(list)
        for message in messages:
            by_receiver[message.receiver].append(message)
        for name, theirs in by_receiver.items():
            room[name] = self._chosen(name, theirs)
        sent = [message for message in messages if message.id in room[message.receiver]]
        for name in sorted(self.storms):
            if name not in self._rules.receivers:
                self.storms[name] = Storm(name)
            due = self.storms[name].due_at
            if due is not None and due <= self._now:
                sent += self._about_many(name)
        return sent

    def changed(self) -> tuple[Storm, ...]:
        """What is to be kept of receivers that is not as it was."""
        return tuple(storm for name, storm in self.storms.items() if storm != self._before.get(name))

    def _chosen(self, name: str, messages: Iterable[OutboxMessage]) -> Collection[str]:
        """The ids of what the receiver is told one by one."""
        storm = self.storms.get(name, Storm(name))
        told = [at for at in storm.told if self._now - at < STORM_WINDOW]
        chosen, left = set[str](), []
        news: list[Severity] = []
        for message in messages:
            if name in self._now_of(message).held:
                news += self._follow(message)
            elif self._is_free(message):
                chosen.add(message.id)
            else:
                left.append(message)
        limit = self._rules.policy.max_messages
        room = max(0, limit - len(told))
        left.sort(key=lambda message: -message.incident.severity)
        chosen |= {message.id for message in left[:room]}
        told += [self._now] * len(left[:room])
        if name in self._rules.receivers and (left or name in self.storms):
            before = self.storms.get(name, storm)
            self.storms[name] = replace(before, told=tuple(told[-limit:]))
        for message in left[room:]:
            news.append(self._hold(message))
        if news and name in self.storms:
            self._await(name, max(news))
        return chosen

    def _is_free(self, message: OutboxMessage) -> bool:
        """Whether it is told however much else is: to a program that has to hear of every end, or repeats what stands;
        and to one that is no receiver any more, whose messages go elsewhere.
        """
        name, rules = message.receiver, self._rules
        if name in rules.standing_receivers or name not in rules.receivers:
            return True
        return name in rules.state_receivers and message.event is not IncidentEvent.OPENED

    def _now_of(self, message: OutboxMessage) -> Incident:
        name = message.incident.id
        return self.held.get(name) or self._open.get(name) or self._over[name]

    def _mark(self, message: OutboxMessage, marks: Iterable[str]) -> None:
        incident = replace(self._now_of(message), held=tuple(marks))
        self.held[incident.id] = incident
        if incident.id in self._open:
            self._open[incident.id] = incident

    def _hold(self, message: OutboxMessage) -> Severity:
        """From now on it is told of among many; its end, if that is what it says."""
        if message.event is IncidentEvent.RESOLVED:
            self._note_over(message)
        else:
            self._mark(message, (*self._now_of(message).held, message.receiver))
        return message.incident.severity

    def _follow(self, message: OutboxMessage) -> list[Severity]:
        """News of one that is told of among many: how severe it is, if there is something to tell."""
        name = message.receiver
        if message.event is IncidentEvent.REMINDED:
            return []
        if message.event is IncidentEvent.RESOLVED:
            self._mark(message, (each for each in self._now_of(message).held if each != name))
            self._note_over(message)
        return [message.incident.severity]

    def _note_over(self, message: OutboxMessage) -> None:
        storm = self.storms.get(message.receiver, Storm(message.receiver))
        over = (*storm.over_names, subject(message.incident))[:MAX_OVER_NAMED]
        ended = tuple(dict.fromkeys((*storm.over, message.incident.id)))
        self.storms[message.receiver] = replace(storm, over=ended, over_names=over)

    def _await(self, name: str, severity: Severity) -> None:
        storm = self.storms[name]
        told_at = storm.told_at
        due = max(self._now + GROUP_WAIT, (told_at or self._now - STORM_WINDOW) + STORM_WINDOW)
        if told_at is not None and (severity > storm.severity or not any(self._held_from(name))):
            due = max(self._now, told_at + GROUP_WAIT)
        self.storms[name] = replace(storm, due_at=min(due, storm.due_at or due))

    def _held_from(self, name: str) -> Iterable[Incident]:
        return (incident for incident in self._open.values() if name in incident.held)

    def _about_many(self, name: str) -> list[OutboxMessage]:
        """One message for all that is held back, if it is news."""
        before = storm = self.storms[name]
        held = sorted(
            (self._views.of(each, name) for each in self._held_from(name)),
            key=lambda each: (-each.severity, each.began_at, each.id),
        )
        ids = tuple(each.id for each in held)
        severity = max((each.severity for each in held), default=storm.severity)
        event = self._event(storm, ids, severity)
        if event is None:
            self.storms[name] = replace(storm, due_at=self._remind_at(storm, storm.told_at) if ids else None)
            return []
        many = ManyIncidents(
            count=len(ids),
            more=len(set(ids).difference(storm.known)),
            over=self._ended(storm, ids),
            over_names=storm.over_names,
            common=_common(held),
        )
        storm = replace(
            storm,
            incident=storm.incident or _storm_id(name, self._now),
            opened_at=storm.opened_at or self._now,
            announcements=storm.announcements + 1,
        )
        named = [self._views.of(self._open[each.id], name, in_words_of_now=True) for each in held[:MAX_NAMED]]
        shown = replace(_incident(storm, held, named, many, self._now), severity=severity)
        after = Storm(name, told=storm.told)
        if ids:
            due = self._remind_at(storm, self._now)
            after = replace(
                storm, known=ids, severity=severity, told_at=self._now, over_told=len(storm.over), due_at=due
            )
        news = set(ids).difference(before.known).union(many.over).difference(before.over[: before.over_told])
        message = OutboxMessage(message_id(shown, name), name, event, shown, self._now)
        self.timeline += (told_among_many(each, message.id, shown.severity, self._now) for each in sorted(news))
        self.storms[name] = after
        return [message]

    def _ended(self, storm: Storm, ids: Iterable[str]) -> tuple[str, ...]:
        """What the receiver took for open, and is not any more."""
        gone = dict.fromkeys((*storm.known, *storm.over))
        still = {each.id for each in self._open.values() if storm.receiver in each.told}
        return tuple(name for name in gone if name not in still.union(ids))

    def _event(self, storm: Storm, ids: Collection[str], severity: Severity) -> IncidentEvent | None:
        if not ids:
            return IncidentEvent.RESOLVED if storm.over or storm.known else None
        if storm.told_at is None:
            return IncidentEvent.OPENED
        if severity > storm.severity or not set(ids) <= set(storm.known):
            return IncidentEvent.WORSENED
        if len(storm.over) > storm.over_told or not set(storm.known) <= set(ids):
            return IncidentEvent.IMPROVED
        remind_at = self._remind_at(storm, storm.told_at)
        return IncidentEvent.REMINDED if remind_at is not None and remind_at <= self._now else None

    def _remind_at(self, storm: Storm, told_at: datetime | None) -> datetime | None:
        remind = self._rules.policy.remind
        return told_at + remind if remind and told_at is not None else None


def is_due(storms: Storms, now: datetime) -> bool:
    """Whether a message about many is to be looked at by now."""
    return any(storm.due_at is not None and storm.due_at <= now for storm in storms.values())


def _storm_id(receiver: str, now: datetime) -> str:
    return f"{now:%Y%m%dT%H%M%S}-{sha256(f'storm {receiver} {now.isoformat()}'.encode()).hexdigest()[:12]}"


def _incident(
    storm: Storm, held: Sequence[Incident], named: Sequence[Incident], many: ManyIncidents, now: datetime
) -> Incident:
    """Many incidents in the shape of one, so that it is delivered as one; ``named`` are the gravest of them."""
    began = min((each.began_at for each in held), default=storm.opened_at or now)
    return Incident(
        id=storm.incident,
        cause=Cause("many", "incidents"),
        severity=Severity.INFO,
        phase=OPEN if held else RESOLVED,
        zones=tuple(sorted({zone for each in held for zone in each.zones})),
        servers=tuple(sorted({server for each in held for server in each.servers})),
        codes=tuple(sorted({code for each in held for code in each.codes})),
        opened_at=storm.opened_at or now,
        began_at=began,
        ended_at=None if held else now,
        resolved_at=None if held else now,
        lines=tuple(_line(each) for each in named if each.lines),
        findings=sum(each.findings for each in held),
        worst=max((each.severity for each in held), default=storm.severity),
        announcements=storm.announcements,
        receivers=(storm.receiver,),
        many=many,
        incidents=tuple(each.id for each in held),
    )


def _line(incident: Incident) -> IncidentFinding:
    """An incident among many: the gravest of what it has found, in the words of its headline."""
    first = min(incident.lines, key=gravity)
    return replace(first, severity=incident.severity, text=headline(incident), ended_at=None, flaps=None)


def _common(held: Sequence[Incident]) -> tuple[str, ...]:
    """What all of them have: a server, a code. Nothing where there is but one."""
    if len(held) < 2:
        return ()
    servers = Counter(name for each in held for name in set(each.servers))
    codes = Counter(code for each in held for code in set(each.codes))
    return tuple(sorted(name for name, count in (*servers.items(), *codes.items()) if count == len(held)))
