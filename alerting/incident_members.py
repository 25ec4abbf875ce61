"""The alerts of one incident, and what they come to, kept up to date alert by alert."""

from collections.abc import Hashable, Iterator, Mapping, Set
from datetime import datetime
from typing import TypeVar

from alerting.finding_types import FINDING_TYPES
from alerting.incident import IncidentFinding
from alerting.incident_lines import LineKey, current, line_key
from alerting.line_tally import LineTally
from alerting.model import Alert, AlertKey, Phase
from alerting.name_counts import NameCounts
from checks.model import Address
from checks.model.finding_type import Severity

CONSEQUENCES = frozenset(found.code for found in FINDING_TYPES.values() if found.consequence)
"""What follows from anything that keeps the monitor from looking: in an open incident it is no news."""

Place = tuple[str, str | None, Address | None]
"""A zone, at a server, at an address of it."""

Numbered = tuple[int, Alert]
"""An alert, and which of all alerts it is."""

_T = TypeVar("_T", bound=Hashable)


class Names:
    """The zones, servers and codes of some alerts."""

    __slots__ = ("codes", "servers", "zones")

    def __init__(self) -> None:
        self.zones, self.servers, self.codes = NameCounts(), NameCounts(), NameCounts()

    def add(self, key: AlertKey, by: int) -> None:
        """So many alerts more of this key."""
        if key.zone:
            self.zones.add(key.zone, by)
        if key.server:
            self.servers.add(key.server, by)
        self.codes.add(key.code, by)


class IncidentMembers:
    """The alerts of an incident: those that are not OK, pending ones of its cause included.

    All but ``count`` and ``unserved`` is about those that say what is so now (``current``). An alert more or less
    costs a few searches, however many there are.
    """

    def __init__(self) -> None:
        self.count = 0
        self.findings = 0
        """How many say what is so now."""
        self.phases: dict[Phase, int] = {}
        self.names = Names()
        self.severities: dict[Severity, int] = {}
        """Of those that are not pending."""
        self.flapping = 0
        """How many of those come and go."""
        self._news: Names | None = None
        self._consequences: Names | None = None
        self.firing_severities: dict[Severity, int] = {}
        self.firing_checks: dict[str, int] = {}
        self.pending: dict[tuple[Severity, str], int] = {}
        """Severity and code of those that are in their grace."""
        self.certain: set[str] = set()
        """Zones of which it is certain that no server answers for them; what came last to make it so is in here."""
        self._unserved = NameCounts()
        """Those, and such of which it is not."""
        self.followers: list[dict[AlertKey, None]] = []
        """Who wants to know which alerts change puts its dict in here; it has these as keys then."""
        self._at: dict[Place, dict[AlertKey, Numbered]] = {}
        self._current: dict[Place, list[Numbered]] = {}
        self._lines: dict[LineKey, LineTally] = {}

    def put(self, alert: Alert, number: int) -> None:
        """An alert as it is now."""
        place = _place(alert.key)
        self._tell_followers(alert.key)
        here = self._at.setdefault(place, {})
        self.count += alert.key not in here
        here[alert.key] = (number, alert)
        self._refresh(place)

    def renew(self, alert: Alert) -> None:
        """One that was put in, and differs in nothing that counts here."""
        place = _place(alert.key)
        before = self._at[place][alert.key]
        after = self._at[place][alert.key] = before[0], alert
        self._current[place] = [after if each is before else each for each in self._current[place]]

    def remove(self, key: AlertKey) -> None:
        """One that was put in."""
        place = _place(key)
        self._tell_followers(key)
        del self._at[place][key]
        self.count -= 1
        self._refresh(place)
        if not self._at[place]:
            del self._at[place], self._current[place]

    def __iter__(self) -> Iterator[AlertKey]:
        """What all that are in here are about, in no order."""
        return (key for here in self._at.values() for key in here)

    def numbered(self, key: AlertKey) -> Numbered | None:
        """The alert of this key, if it is in here."""
        return self._at.get(_place(key), {}).get(key)

    def _tell_followers(self, key: AlertKey) -> None:
        for moved in self.followers:
            moved[key] = None

    @property
    def lost(self) -> Set[str]:
        """The zones that no server answers for, be that certain or not."""
        return self._unserved.names

    def lose(self, zone: str, *, certain: bool) -> bool:
        """No server answers for the zone; whether that may be news."""
        new, sure, any_before = zone not in self._unserved, zone in self.certain, bool(self.certain)
        self._unserved.hold(zone)
        (self.certain.add if certain else self.certain.discard)(zone)
        doubted = sure != certain and Phase.PENDING in self.phases
        return new or doubted or bool(self.certain) != any_before

    def served(self, zone: str) -> None:
        """It is told of elsewhere, or some server answers again."""
        self._unserved.hold(zone, times=0)
        self.certain.discard(zone)

    def unserved(self) -> tuple[str, ...]:
        """Once it is certain of one of them, those count too whose last alert is still in its grace."""
        return self._unserved.inorder if self.certain else ()

    def firing(self) -> Names:
        """Of those that fire: what is news if there is any, else what follows from it."""
        if self._news is not None and len(self._news.codes):
            return self._news
        return self._consequences or Names()

    def _firing(self, key: AlertKey) -> Names:
        if key.code in CONSEQUENCES:
            self._consequences = self._consequences or Names()
            return self._consequences
        self._news = self._news or Names()
        return self._news

    def began(self) -> datetime:
        """The first bad look."""
        return min(tally.began for tally in self._lines.values())

    def lines(self, alerts: Mapping[AlertKey, Alert]) -> Mapping[LineKey, IncidentFinding]:
        """Their lines, that of the first alert first, in the words that ``alerts`` has."""
        inorder = sorted(self._lines.items(), key=lambda line: line[1].number)
        return {where: tally.line(alerts) for where, tally in inorder}

    def _refresh(self, place: Place) -> None:
        """What is so now at a place, where an alert has changed: one may make history of others."""
        before, after = self._current.get(place, []), [*self._at[place].values()]
        if len(after) > 1:
            now = current([alert for _, alert in sorted(after, key=_number)])
            after = [self._at[place][alert.key] for alert in now]
        for each in after:  # first, so that no name goes and comes again
            if not any(each is other for other in before):
                self._count(*each, 1)
        for each in before:
            if not any(each is other for other in after):
                self._count(*each, -1)
        self._current[place] = after

    def _count(self, number: int, alert: Alert, by: int) -> None:
        key = alert.key
        self.findings += by
        self.names.add(key, by)
        _add(self.phases, alert.phase, by)
        if alert.phase is Phase.PENDING:
            _add(self.pending, (alert.severity, key.code), by)
        else:
            _add(self.severities, alert.severity, by)
            self.flapping += by * alert.flapping
        if alert.phase is Phase.FIRING:
            self._firing(key).add(key, by)
            _add(self.firing_severities, alert.severity, by)
            _add(self.firing_checks, key.check, by)
        where = line_key(key)
        if by > 0:
            if where not in self._lines:
                self._lines[where] = LineTally()
            self._lines[where].add(alert, number)
        else:
            self._lines[where].remove(alert, number)
            if not self._lines[where]:
                del self._lines[where]


def is_undecided(alert: Alert) -> bool:
    """Whether the monitor could not tell, and that has not lasted for its grace yet: nothing is said of that."""
    return alert.phase is Phase.PENDING and alert.key.code in CONSEQUENCES


def _place(key: AlertKey) -> Place:
    return key.zone, key.server, key.address


def _number(numbered: Numbered) -> int:
    return numbered[0]


def _add(counts: dict[_T, int], what: _T, by: int) -> None:
    counts[what] = counts.get(what, 0) + by
    if not counts[what]:
        del counts[what]
