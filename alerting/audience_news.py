"""What the audiences of an incident are told of it: each of its own part, by its own clocks."""

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, fields, replace
from datetime import datetime

from alerting.audience import Audience
from alerting.audience_members import AudienceMembers
from alerting.firing import Firing
from alerting.incident import OPEN, RESOLVED, Cause, Incident, IncidentEvent, IncidentPart, NotifiedState
from alerting.incident_index import IncidentIndex
from alerting.incident_lines import worded
from alerting.incident_members import IncidentMembers
from alerting.incident_news import Rules, announce, announce_end, release
from alerting.incident_now import Ended, as_of_now
from alerting.incident_told import as_heard, told_as
from alerting.model import Alert, AlertKey, Phase
from alerting.notification import OutboxMessage
from alerting.routing import covers, with_labels
from checks.model.finding_type import Severity

_OWN = tuple(field.name for field in fields(IncidentPart) if field.name != "audience")

Parts = MutableMapping[str, AudienceMembers]
"""By the key of the audience: what goes along with the alerts of one incident."""


def readdressed(incident: Incident, rules: Rules) -> Incident:
    """Every receiver where it is told by the present routes, with what it knows; nothing is told for that.

    Who has no route any more stays where he is: he hears of nothing but the end.
    """
    if not (incident.parts or rules.audiences) or rules.is_for_all(incident):
        return incident
    home = {name: audience.key for audience in rules.audiences for name in audience.receivers}
    routed = set(rules.receivers if not rules.routes else (name for each in rules.routes for name in each.receivers))
    for name in incident.told:
        before = next((part.audience for part in incident.parts if name in part.receivers), "")
        if name in routed and (after := home.get(name, "")) != before:
            incident = _moved(incident, name, before, after)
    return incident


def tell_audiences(
    incident: Incident,
    members: IncidentMembers,
    parts: Parts,
    ended: Ended,
    alerts: dict[AlertKey, Alert],
    rules: Rules,
    now: datetime,
) -> tuple[Incident, list[OutboxMessage]]:
    """The incident, about which all others have been told, with what each audience knows by now; and the messages.

    What begins, changes and ends for an audience is decided as it is for a whole incident.
    """
    messages: list[OutboxMessage] = []
    known, kept, due = {part.audience: part for part in incident.parts}, [], [incident.due_at]
    for audience in rules.audiences:
        fresh = audience.key not in parts
        own = (
            parts.setdefault(audience.key, AudienceMembers(audience, members, rules.labels_of))
            if fresh
            else parts[audience.key]
        )
        own.refresh(now)
        due.append(own.next_at())
        part = known.pop(audience.key, None)
        if part is None and Phase.FIRING not in own.members.heard.phases:
            continue
        view = as_part(incident, part) if part is not None else _begun(incident, own.members, now)
        seen = _within(view, audience, rules) if fresh else view
        done, news = _go_on(seen, own.members, _ended(seen, ended), alerts, rules.for_audience(audience), now)
        if own.members.count or done.receivers:
            kept.append(_part(audience.key, done))
            due.append(done.due_at)
        incident = replace(incident, announcements=done.announcements)
        messages += [each for each in news if audience.send_resolved or each.event is not IncidentEvent.RESOLVED]
    for part in known.values():  # of routes that are no more
        view = as_part(incident, part)
        done, news = announce_end(view, now) if incident.phase == RESOLVED else release(view, rules.receivers, now)
        incident = replace(incident, announcements=done.announcements)
        messages += news
        kept += [_part(part.audience, done)] if done.receivers else []
    over = incident.phase == RESOLVED
    moments = [] if over else [at for at in due if at is not None]
    return replace(incident, parts=() if over else tuple(kept), due_at=min(moments, default=None)), messages


def as_part(incident: Incident, part: IncidentPart) -> Incident:
    """The incident as those are told of it whose part it is."""
    own = {name: getattr(part, name) for name in _OWN}
    return replace(incident, parts=(), due_at=None, change=None, over_at=None, **own)


def heard_incidents(
    incidents: Mapping[str, Incident], index: IncidentIndex | None, alerts: dict[AlertKey, Alert]
) -> Mapping[str, Incident]:
    """The open incidents, by id, without what is silenced; what nothing is heard of is as it was told."""
    if index is None or not any(incident.silenced for incident in incidents.values()):
        return incidents
    return {name: _heard(incident, index, alerts) for name, incident in incidents.items()}


def _heard(incident: Incident, index: IncidentIndex, alerts: dict[AlertKey, Alert]) -> Incident:
    if not incident.silenced:
        return incident
    own, parts = index.parts.get(incident.id, {}), []
    for part in incident.parts:
        view = as_part(incident, part)
        seen = as_heard(view, own[part.audience].members, alerts) if part.audience in own else view
        parts.append(_part(part.audience, seen) if seen.findings else part)
    heard = as_heard(incident, index.members[incident.id], alerts)
    return replace(heard if heard.findings else incident, parts=tuple(parts))


def as_told_to(incident: Incident, receiver: str) -> Incident | None:
    """The open incident as the receiver is told of it; None if it has not heard of it."""
    if receiver in incident.receivers:
        return incident
    return next((as_part(incident, part) for part in incident.parts if receiver in part.receivers), None)


@dataclass(frozen=True, slots=True)
class Views:
    """Open incidents as they are to be told of now; ``members`` and ``parts`` are those of their index."""

    members: Mapping[str | Cause, IncidentMembers]
    parts: Mapping[str, Mapping[str, AudienceMembers]]
    alerts: dict[AlertKey, Alert]
    rules: Rules
    now: datetime

    def of(self, incident: Incident, receiver: str, *, in_words_of_now: bool = False) -> Incident:
        """What of it the receiver is told of, without what is silenced; where nothing is heard of it as it was told."""
        part = next((part for part in incident.parts if receiver in part.receivers), None)
        view = incident if part is None else as_part(incident, part)
        members = self.members[incident.id] if part is None else self._members(incident.id, part.audience)
        heard = as_heard(view, members, self.alerts)
        seen = heard if heard.findings else view
        if not in_words_of_now:
            return seen
        return replace(seen, lines=worded(seen.lines, members.all.lines(self.alerts)))

    def _members(self, name: str, key: str) -> IncidentMembers:
        """The alerts as an audience is told of them; none, where no route leads to it any more."""
        if (own := self.parts.get(name, {}).get(key)) is not None:
            return own.members
        audience = next((each for each in self.rules.audiences if each.key == key), None)
        if audience is None:
            return IncidentMembers()
        made = AudienceMembers(audience, self.members[name], self.rules.labels_of)
        made.refresh(self.now)
        made.leave()
        return made.members


def _part(audience: str, incident: Incident) -> IncidentPart:
    return IncidentPart(audience, **{name: getattr(incident, name) for name in _OWN})


def _begun(incident: Incident, members: IncidentMembers, now: datetime) -> Incident:
    """The part of an audience for which something has just come out of its grace."""
    nothing = IncidentPart("", Severity.INFO, (), (), opened_at=now, began_at=members.all.began())
    return as_part(incident, nothing)


def _go_on(
    view: Incident, members: IncidentMembers, ended: Ended, alerts: dict[AlertKey, Alert], rules: Rules, now: datetime
) -> tuple[Incident, list[OutboxMessage]]:
    fresh = as_of_now(replace(view, phase=OPEN), members, ended, alerts, now)
    seen = with_labels(fresh, rules.labels_of)
    if members.count:
        told = told_as(seen, as_heard(seen, members, alerts))
        return announce(seen, told, Firing.of(members.heard, rules.cadences), rules, now)
    if not seen.lines and not seen.past_zones:
        return release(seen, (), now)
    times = [line.ended_at for line in seen.lines if line.ended_at is not None]
    ended_at = max([*(alert.good_since or alert.since for alert in ended.alerts), *times], default=now)
    done, news = announce_end(replace(seen, phase=RESOLVED, resolved_at=now, ended_at=ended_at), now)
    return replace(done, receivers=()), news


def _ended(view: Incident, ended: Ended) -> Ended:
    """Of the alerts that have just ended, those that the audience was told of."""
    zones = {"", *view.zones, *view.past_zones, *view.moved_zones}
    return Ended([alert for alert in ended.alerts if alert.key.zone in zones], ended.unwatched, ended.elsewhere)


def _within(view: Incident, audience: Audience, rules: Rules) -> Incident:
    """Without zones that the audience is not told of any more, by other routes than before: of them nothing is said."""

    def inside(zone: str) -> bool:
        gone = bool(zone) and rules.dependency_graph.template(zone) is None
        return gone or any(covers(route, zone, rules.labels_of(zone)) for route in audience.routes)

    def kept(zones: Iterable[str]) -> tuple[str, ...]:
        return tuple(filter(inside, zones))

    notified = view.notified
    return replace(
        view,
        zones=kept(view.zones),
        past_zones=kept(view.past_zones),
        left_zones=kept(view.left_zones),
        moved_zones=kept(view.moved_zones),
        moved_unserved=kept(view.moved_unserved),
        moved_short=kept(view.moved_short),
        unserved=kept(view.unserved),
        short=kept(view.short),
        lines=tuple(line for line in view.lines if inside(line.zone)),
        notified=notified
        and replace(notified, zones=kept(notified.zones), unserved=kept(notified.unserved), short=kept(notified.short)),
    )


def _moved(incident: Incident, name: str, before: str, after: str) -> Incident:
    """One receiver told from now on as another audience is; the empty key is that of all who are in none."""
    parts: Mapping[str, IncidentPart] = {part.audience: part for part in incident.parts}
    known = as_part(incident, parts[before]) if before else incident
    others = tuple(each for each in known.receivers if each != name)
    if before:
        left = {before: replace(parts[before], receivers=others)} if others else {}
        parts = {key: part for key, part in parts.items() if key != before} | left
    else:
        incident = replace(incident, receivers=others)
    if after:
        joined = replace(parts[after], receivers=(*parts[after].receivers, name)) if after in parts else None
        parts = {**parts, after: joined or _part(after, replace(known, receivers=(name,)))}
    else:
        incident = _told_in_whole(incident, known.notified, name)
    return replace(incident, parts=tuple(parts.values()))


def _told_in_whole(incident: Incident, notified: NotifiedState | None, name: str) -> Incident:
    return replace(incident, receivers=(*incident.receivers, name), notified=incident.notified or notified)
