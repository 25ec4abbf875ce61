"""The lines, the news and the lost zones of an incident out of all its alerts: what is compared with what is kept up
to date alert by alert.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerting.audience_news import Views
from alerting.firing import Firing, patience_of
from alerting.incident import IncidentFinding
from alerting.incident_lines import LineKey, _ended, _grown, _kept, _without, gravity, line_key
from alerting.incident_members import IncidentMembers
from alerting.incident_news import Rules
from alerting.incident_tally import CONSEQUENCES
from alerting.line_tally import SAMPLE_SIZE
from alerting.model import Alert, AlertKey, Phase
from alerting.root_cause import OUT_OF_SERVICE, DependencyGraph
from alerting.silences import ActiveSilences
from alerting.strays import Elsewhere
from alerting.unserved import BAD, ServerAddress, Unserved, _certainty, _since, is_served, places_gone
from checks.model.finding_type import Severity


@dataclass(frozen=True, slots=True)
class LackingZones:
    """Zones of an incident that no server answers for, or too few; and those of them of which it is ``certain``."""

    zones: tuple[str, ...] = ()
    certain: frozenset[str] = frozenset()
    silenced: frozenset[str] = frozenset()
    """Those of which nobody is told."""

    def heard(self) -> tuple[str, ...]:
        certain = self.certain - self.silenced
        return tuple(zone for zone in self.zones if zone not in self.silenced) if certain else ()


@dataclass(frozen=True, slots=True)
class LostZones:
    """Those that have none left, and those that have too few."""

    unserved: LackingZones = LackingZones()
    short: LackingZones = LackingZones()


@dataclass(frozen=True, slots=True)
class Members:
    """The alerts of an incident: those that are not OK, pending ones of its cause included, and those just over."""

    active_alerts: Sequence[Alert] = ()
    over: Sequence[Alert] = ()
    grave: Sequence[Alert] = ()
    """All that are more than information, of whatever incident."""
    lost: Mapping[str, Unserved] = field(default_factory=dict)
    """All zones for which no server is left, or too few are."""
    dependency_graph: DependencyGraph = field(default_factory=DependencyGraph)

    @property
    def keys(self) -> Collection[AlertKey]:
        return {alert.key for alert in self.active_alerts}

    @property
    def elsewhere(self) -> Elsewhere:
        def of_zone(zone: str) -> Iterable[Alert]:
            return [alert for alert in self.grave if alert.key.zone == zone]

        zones = {alert.key.zone for alert in self.grave}
        return Elsewhere(zones, of_zone, self.keys.__contains__, self.lost, self.dependency_graph)


def whole_lines(
    before: Sequence[IncidentFinding],
    standing: Iterable[Alert],
    over: Iterable[Alert],
    unwatched: Collection[AlertKey],
    now: datetime,
    strays: Sequence[Alert] = (),
) -> tuple[IncidentFinding, ...]:
    """The lines of an incident whose alerts in ``standing`` are not OK, and those in ``over`` just became so.

    A line of which nothing stands any more is kept as it was and says since when; ``unwatched`` are the alerts that
    ended only because nobody looks any more.
    """
    found: dict[LineKey, list[Alert]] = defaultdict(list)
    for alert in standing:
        found[line_key(alert.key)].append(alert)
    gone: dict[LineKey, list[Alert]] = defaultdict(list)
    for alert in over:
        gone[line_key(alert.key)].append(alert)
    was = {(line.code, line.server, line.address): line for line in before}
    for where in {line_key(alert.key) for alert in strays}:
        if where in was and where not in found and (was[where].ended_at is None or where in gone):
            away = [alert for alert in strays if line_key(alert.key) == where]
            less = _without(was[where], away, gone.pop(where, []), unwatched, now)
            was = was | {where: less} if less is not None else {key: line for key, line in was.items() if key != where}
    lines = [_grown(_line(alerts), was.get(where)) for where, alerts in found.items()]
    lines += [_ended(line, gone.get(where, ()), unwatched, now) for where, line in was.items() if where not in found]
    lines += [
        _ended(_line(alerts), alerts, unwatched, now)
        for where, alerts in gone.items()
        if where not in was and where not in found
    ]
    return _kept(sorted(lines, key=gravity))


def _line(alerts: Sequence[Alert]) -> IncidentFinding:
    """One line for alerts of one place; it speaks for the first of those that are bad now, the gravest before."""
    first = min(alerts, key=lambda a: (a.phase is Phase.RECOVERING, -a.severity, a.bad_since or a.since, a.key.zone))
    key, zones = first.key, sorted({alert.key.zone for alert in alerts})
    return IncidentFinding(
        code=key.code,
        severity=max(alert.severity for alert in alerts),
        zone=key.zone,
        server=key.server,
        address=str(key.address) if key.address is not None else None,
        text=first.text,
        since=min(alert.bad_since or alert.since for alert in alerts),
        ended_at=_good_since(alerts),
        subject=key.subject,
        count=len(alerts),
        zones=len(zones),
        sample=tuple([key.zone, *(zone for zone in zones if zone != key.zone)][:SAMPLE_SIZE]) if len(zones) > 1 else (),
        flaps=first.flaps if first.flapping else None,
        pending=all(alert.phase is Phase.PENDING for alert in alerts),
    )


def _good_since(alerts: Iterable[Alert]) -> datetime | None:
    """Since when none of them is bad; None while one is."""
    since = [alert.good_since if alert.phase is Phase.RECOVERING else None for alert in alerts]
    known = [each for each in since if each is not None]
    return max(known) if len(known) == len(since) else None


def firing_of(
    alerts: Collection[Alert],
    cadences: Mapping[str, Collection[timedelta]],
    unserved: frozenset[str] = frozenset(),
    short: frozenset[str] = frozenset(),
) -> Firing:
    """``alerts`` are all of the incident that are not OK."""
    firing = [alert for alert in alerts if alert.phase is Phase.FIRING]
    message = [alert for alert in firing if alert.key.code not in CONSEQUENCES] or firing
    codes = frozenset(alert.key.code for alert in message)
    gravest = max((alert.severity for alert in firing), default=Severity.INFO)
    pending = (alert for alert in alerts if alert.phase is Phase.PENDING)
    return Firing(
        zones=frozenset(alert.key.zone for alert in message if alert.key.zone),
        servers=frozenset(alert.key.server for alert in message if alert.key.server is not None),
        codes=codes,
        patience=max(
            (patience_of(cadence) for a in firing for cadence in cadences.get(a.key.check, ())), default=timedelta(0)
        ),
        more_to_come=any(a.severity > gravest or a.key.code not in codes | CONSEQUENCES for a in pending),
        unserved=unserved,
        short=short,
    )


def unserved_zones(
    alerts: Iterable[Alert], dependency_graph: DependencyGraph, silences: ActiveSilences
) -> Mapping[str, Unserved]:
    """The zones of which so many servers have an alert that they are of no use that too few are left.

    Hidden servers are not counted where there are others: no resolver asks them. What recovers counts as good.
    """
    out: dict[str, dict[ServerAddress, Alert]] = defaultdict(dict)
    for alert in alerts:
        key = alert.key
        if alert.phase in BAD and key.code in OUT_OF_SERVICE and key.server is not None:
            known = out[key.zone].get((key.server, key.address))
            if known is None or _certainty(known) < _certainty(alert):
                out[key.zone][key.server, key.address] = alert
    found = {}
    for name, places in out.items():
        zone = dependency_graph.template(name)
        if zone is not None and (gone := places_gone(zone, places.keys())):
            lost = [places[place] for place in gone]
            certain = all(alert.phase is Phase.FIRING for alert in lost)
            heard, short = (
                [alert for alert in lost if not silences.of(alert, dependency_graph.labels)],
                is_served(zone, places.keys()),
            )
            found[name] = Unserved(max(heard or lost, key=_since), certain, silenced=not heard, short=short)
    return found


def members_anew(members: Members, lost: LostZones, rules: Rules) -> IncidentMembers:
    """What the product keeps of an incident alert by alert."""
    anew = IncidentMembers()
    for number, alert in enumerate(members.active_alerts):
        anew.put(alert, number, rules.silences.of(alert, rules.labels_of))
    for each, short in ((lost.unserved, False), (lost.short, True)):
        for name in each.zones:
            anew.lose(name, certain=name in each.certain, silenced=name in each.silenced, short=short)
    return anew


def views_anew(
    members: Mapping[str, Members],
    unserved: Mapping[str, LostZones],
    alerts: Mapping[AlertKey, Alert],
    rules: Rules,
    now: datetime,
) -> Views:
    """The open incidents as they are to be told of among many."""
    whole = {name: members_anew(each, unserved[name], rules) for name, each in members.items()}
    return Views(whole, {}, dict(alerts), rules, now)
