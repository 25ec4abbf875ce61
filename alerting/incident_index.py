"""Which alert is in which open incident, kept up to date change by change."""

from collections.abc import Generator, Iterable, Mapping, Set
from dataclasses import replace
from datetime import datetime
from heapq import heappop, heappush

from alerting.audience_members import AudienceMembers
from alerting.incident import RESOLVED, Cause, Incident
from alerting.incident_members import IncidentMembers, is_undecided
from alerting.model import Alert, AlertKey, Phase
from alerting.root_cause import OUT_OF_SERVICE, Causes, DependencyGraph
from alerting.silences import NO_SILENCES, ActiveSilences
from alerting.unserved import Unserved, unserved
from checks.model.finding_type import Severity

Alerts = dict[AlertKey, Alert]

Home = str | Cause
"""Where an alert belongs: to an open incident, by its id, or to that of its cause, as long as it is in its grace."""


class IncidentIndex:
    """What the alerts that stand come to, incident by incident, so that a batch costs what it changes.

    ``note`` is told of what changed, ``settle`` follows it, ``open``, ``join`` and ``go_on`` of what is decided then.
    Alerts are numbered in the order in which they are known, which decides where nothing else does.
    """

    def __init__(
        self,
        dependency_graph: DependencyGraph,
        incidents: Mapping[str, Incident],
        silences: ActiveSilences = NO_SILENCES,
    ) -> None:
        self.dependency_graph, self.silences = dependency_graph, silences
        self.incidents = incidents
        """The open incidents that it is about."""
        self.whole = True
        """Not while what was noted is being followed: if that is broken off, another is to be made."""
        self.position = {name: number for number, name in enumerate(incidents)}
        self.of_cause = {incident.cause: name for name, incident in incidents.items()}
        self.members: dict[Home, IncidentMembers] = {name: IncidentMembers() for name in incidents}
        """By incident; and by cause what is in its grace where that has no incident yet: it will begin with it."""
        self.parts: dict[str, dict[str, AudienceMembers]] = {}
        """By incident, and by audience: the alerts as these are told of them."""
        self._due_at = {name: i.due_at for name, i in incidents.items() if i.due_at is not None}
        self._due = sorted((at, name) for name, at in self._due_at.items())
        self._numbers: dict[AlertKey, int] = {}
        self._last = len(incidents)
        self._grave: dict[AlertKey, Alert] = {}
        self._by_zone: dict[str, dict[AlertKey, Alert]] = {}
        self.causes = Causes(dependency_graph, self._by_zone)
        self._unplaced: dict[AlertKey, None] = {}
        self._home: dict[AlertKey, Home] = {}
        self._cause: dict[AlertKey, Cause] = {}
        """Of those that are in no incident yet: in their grace, or joining one now."""
        self._joining: dict[AlertKey, Alert] = {}
        self._lost: dict[str, Unserved] = {}
        self._lost_in: dict[str, Home] = {}
        self._doubtful: set[str] = set()
        self._left: dict[AlertKey, Alert] = {}
        self._moved: set[str] = set()
        self._straying = {name for name, incident in incidents.items() if incident.has_strays}

    @classmethod
    def of(
        cls,
        dependency_graph: DependencyGraph,
        incidents: Mapping[str, Incident],
        active_alerts: Alerts,
        silences: ActiveSilences = NO_SILENCES,
    ) -> "IncidentIndex":
        """Made of all alerts that are not OK."""
        index = cls(dependency_graph, incidents, silences)
        index.note(active_alerts, active_alerts)
        return index

    def is_of(self, dependency_graph: DependencyGraph, incidents: Mapping[str, Incident]) -> bool:
        """Whether it goes on from here: nothing but what will be noted has changed."""
        return self.whole and self.dependency_graph is dependency_graph and self.incidents is incidents

    def knows(self, active_alerts: Alerts) -> bool:
        """Whether it has been told of all of them: a way to see a mistake before it is told."""
        return len(self._numbers) == len(active_alerts)

    @property
    def zones(self) -> Set[str]:
        return self._by_zone.keys()

    def of_zone(self, zone: str) -> list[Alert]:
        """What stands of a zone and is more than information, in order."""
        return sorted(self._by_zone.get(zone, {}).values(), key=self.number)

    def is_in(self, key: AlertKey, name: str) -> bool:
        """Whether an alert is in the incident of that id, or waits for it."""
        home = self._home.get(key)
        return home is not None and self._at(home) == name

    @property
    def lost(self) -> Mapping[str, Unserved]:
        """All zones for which no server is left that answers, or too few are."""
        return self._lost

    def number(self, alert: Alert) -> int:
        """In which order it became known."""
        return self._numbers[alert.key]

    def note(self, keys: Iterable[AlertKey], active_alerts: Alerts) -> None:
        """These alerts are as ``active_alerts`` has them now. What was noted before costs nothing."""
        changed = dict.fromkeys(keys)
        self._renumber(changed, active_alerts)
        for key in changed:
            alert = active_alerts.get(key)
            if alert is None:
                self._numbers.pop(key, None)
            if alert is not self._grave.get(key) or key in self._left:
                self._note(key, alert)

    def _renumber(self, changed: Mapping[AlertKey, None], active_alerts: Alerts) -> None:
        """The latest are at the end; who went and came again is one of them."""
        latest, last = [], 0
        for key in reversed(active_alerts):
            if key not in changed:
                last = self._numbers.get(key, 0)
                break
            latest.append(key)
        for key in reversed(latest):
            if self._numbers.get(key, 0) <= last:
                self._number(key)
            last = self._numbers[key]
        for key in changed:  # of a part of a batch: one before another that is yet to be noted
            if key not in self._numbers and key in active_alerts:
                self._number(key)

    def _number(self, key: AlertKey) -> None:
        self._numbers[key] = self._last = self._last + 1
        self._unplaced[key] = None

    def _note(self, key: AlertKey, alert: Alert | None) -> None:
        before, after = self._grave.get(key), alert
        if alert is not None and alert.severity <= Severity.INFO:
            after = None
        self._left.pop(key, None)
        if alert is not None and after is None and alert.incident is not None:
            self._left[key] = alert
        if before is None and after is None:
            return
        if before is None:
            self.causes.add(key)
        elif after is None:
            self.causes.remove(key)
        elif before.phase is not after.phase:
            self.causes.touch(key)
        self._set(key, after)
        self._unplaced[key] = None
        if key.code in OUT_OF_SERVICE:
            self._doubtful.add(key.zone)

    def _set(self, key: AlertKey, alert: Alert | None) -> None:
        if alert is not None:
            self._grave[key] = self._by_zone.setdefault(key.zone, {})[key] = alert
            return
        del self._grave[key], self._by_zone[key.zone][key]
        if not self._by_zone[key.zone]:
            del self._by_zone[key.zone]

    def settle(self) -> None:
        """Each alert that was noted is where it belongs."""
        zones, everywhere = self.causes.refresh()
        doubtful = dict.fromkeys(self._unplaced)
        if everywhere:
            doubtful |= dict.fromkeys(self._cause)
        else:
            doubtful |= {key: None for zone in zones for key in self._by_zone.get(zone, ())}
        for key in doubtful:
            self._await(key)
        self._place()

    def _await(self, key: AlertKey) -> None:
        """What is in no incident waits for that of its cause, and counts there as soon as there is one; but not what
        the monitor could not decide for a while, before that is long enough to be said.
        """
        alert = self._grave.get(key)
        self._joining.pop(key, None)
        known = alert is not None and alert.phase is not Phase.PENDING and alert.incident in self.members
        if alert is None or known or is_undecided(alert):
            self._cause.pop(key, None)
            return
        if alert.phase is not Phase.PENDING:
            self._joining[key] = alert
        cause = self.causes.cause(key)
        if cause != self._cause.get(key):
            self._cause[key] = cause
            self._unplaced[key] = None

    @property
    def grave(self) -> Mapping[AlertKey, Alert]:
        """All that is more than information."""
        return self._grave

    def separate(self, key: AlertKey) -> Generator[None, None, None]:
        """What is heard of the incident of an alert is kept apart from now on."""
        if (home := self._home.get(key)) is not None:
            yield from self.members[self._at(home)].separate()

    def place_again(self, key: AlertKey) -> None:
        """The alert is silenced by others than before."""
        self._unplaced[key] = None
        self._place()

    def joining(self) -> list[Alert]:
        """Those that have come out of their grace and are in no incident yet, in order."""
        return sorted(self._joining.values(), key=self.number)

    def cause(self, key: AlertKey) -> Cause:
        """The cause of an alert that is in no incident yet."""
        return self._cause[key]

    def open(self, incident: Incident) -> None:
        """A new incident, or one that has another cause now."""
        before = self.incidents.get(incident.id)
        if before is None:
            self.position[incident.id] = self._last = self._last + 1
            self.members[incident.id] = self.members.pop(incident.cause, IncidentMembers())
        else:
            for key in [*filter(self.is_waiting, self.members[incident.id]), *self.members.get(incident.cause, ())]:
                self._served(key.zone)
                self._leave(key, self._home.pop(key))
                self._unplaced[key] = None
            del self.of_cause[before.cause]
        self.of_cause[incident.cause] = incident.id
        self._moved.add(incident.id)

    def join(self, joined: Iterable[Alert]) -> None:
        """These alerts are in their incidents now, and those in their grace in what was opened."""
        for alert in joined:
            key, home = alert.key, alert.incident or ""
            self._set(key, alert)
            del self._joining[key]
            if self._at(self._cause.pop(key)) == home and key in self._home:
                self._home[key] = home
                self.members[home].renew(alert)
                self._doubt(key.zone)
            else:
                self._unplaced[key] = None
        self._place()

    def _place(self) -> None:
        for key in self._unplaced:
            self._place_alert(key)
        self._unplaced = {}
        doubtful, self._doubtful = self._doubtful, set()
        for zone in doubtful:
            self._set_unserved(zone)
        self._doubtful = set()

    def _place_alert(self, key: AlertKey) -> None:
        alert, before, home = self._grave.get(key), self._home.get(key), None
        if alert is not None:
            home = self._cause.get(key) or alert.incident
        if before is not None and (home is None or self._at(before) != self._at(home)):
            self._leave(key, before)
            del self._home[key]
        if alert is not None and home is not None:
            self._home[key] = home
            at = self._at(home)
            if at not in self.members:
                self.members[at] = IncidentMembers()
            self.members[at].put(alert, self._numbers[key], self.silences.of(alert, self.dependency_graph.labels))
            self._touch(at)
        self._doubt(key.zone)

    def _doubt(self, zone: str) -> None:
        """An alert of the zone has another home: so may have what is told of it."""
        if zone in self._lost:
            self._doubtful.add(zone)

    def _at(self, home: Home) -> Home:
        """Under what its members are kept: an alert in its grace is in the incident of its cause, if there is one."""
        return self.of_cause.get(home, home) if isinstance(home, Cause) else home

    def _touch(self, at: Home) -> None:
        if isinstance(at, str):
            self._moved.add(at)

    def _leave(self, key: AlertKey, home: Home) -> None:
        at = self._at(home)
        self.members[at].remove(key)
        self._touch(at)
        if isinstance(at, Cause) and not self.members[at].count:
            del self.members[at]

    def _served(self, zone: str) -> None:
        """The zone is told of nowhere as one that lacks servers, until it is looked at again."""
        home = self._lost_in.pop(zone, None)
        if home is not None and (at := self._at(home)) in self.members:
            self.members[at].served(zone)
            self._touch(at)
            self._doubtful.add(zone)

    def _set_unserved(self, zone: str) -> None:
        """Whether enough servers answer for the zone, and in which incident it is told of if not."""
        lost = unserved(zone, self._by_zone.get(zone, {}).values(), self.dependency_graph, self.silences)
        home = self._home.get(lost.latest.key) if lost is not None else None
        if self._lost_in.get(zone, home) != home:
            self._served(zone)
        if lost is None:
            self._lost.pop(zone, None)
        else:
            self._lost[zone] = lost
        if lost is not None and home is not None:
            self._lost_in[zone] = home
            at = self._at(home)
            if self.members[at].lose(zone, certain=lost.certain, silenced=lost.silenced, short=lost.short):
                self._touch(at)

    def is_waiting(self, key: AlertKey) -> bool:
        """Whether an alert is in an incident only because it may be going to fire, or joins one now."""
        return key in self._cause

    def take_left(self) -> list[Alert]:
        """Alerts that are no more than information, without the incident that they were in."""
        left, self._left = self._left, {}
        return [replace(alert, incident=None) for alert in sorted(left.values(), key=self.number)]

    def take_moved(self, now: datetime) -> set[str]:
        """The incidents that may not be as they were, and those of which something is to be told by now."""
        moved, self._moved = self._moved | self._straying, set()
        while self._due and self._due[0][0] <= now:
            at, name = heappop(self._due)
            if self._due_at.get(name) == at:
                del self._due_at[name]
                moved.add(name)
        return moved

    def go_on(self, incident: Incident) -> None:
        """The incident as it is by now."""
        (self._straying.add if incident.has_strays else self._straying.discard)(incident.id)
        if incident.phase == RESOLVED:
            self.parts.pop(incident.id, None)
            del self.position[incident.id], self.of_cause[incident.cause], self.members[incident.id]
            self._due_at.pop(incident.id, None)
        elif incident.due_at is None:
            self._due_at.pop(incident.id, None)
        elif incident.due_at != self._due_at.get(incident.id):
            self._due_at[incident.id] = incident.due_at
            heappush(self._due, (incident.due_at, incident.id))
