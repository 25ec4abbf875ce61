"""What alerts of one incident come to, kept up to date alert by alert."""

from collections.abc import Hashable, Mapping, Set
from datetime import datetime
from typing import TypeVar

from alerting.finding_types import FINDING_TYPES
from alerting.incident import IncidentFinding
from alerting.incident_lines import LineKey, line_key
from alerting.line_tally import LineTally
from alerting.model import Alert, AlertKey, Phase
from alerting.name_counts import NameCounts
from checks.model.finding_type import Severity

CONSEQUENCES = frozenset(found.code for found in FINDING_TYPES.values() if found.consequence)
"""What follows from anything that keeps the monitor from looking: in an open incident it is no news."""

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


class LostZones:
    """Zones that lack servers; of those that are ``certain`` all that is bad has come out of its grace."""

    __slots__ = ("certain", "names")

    def __init__(self) -> None:
        self.certain: set[str] = set()
        self.names = NameCounts()

    def lose(self, zone: str, *, certain: bool, doubtful: bool) -> bool:
        """One more; whether that may be news. ``doubtful``: something is in its grace."""
        new, sure, any_before = zone not in self.names, zone in self.certain, bool(self.certain)
        self.names.hold(zone)
        (self.certain.add if certain else self.certain.discard)(zone)
        return new or (sure != certain and doubtful) or bool(self.certain) != any_before

    def served(self, zone: str) -> bool:
        """One less, if it was one; whether it was."""
        known = zone in self.names
        self.names.hold(zone, times=0)
        self.certain.discard(zone)
        return known

    def told(self) -> tuple[str, ...]:
        """Once it is certain of one of them, those count too whose last alert is still in its grace."""
        return self.names.inorder if self.certain else ()


class IncidentTally:
    """Counts, names and lines of alerts that say what is so now. An alert more or less costs a few searches."""

    def __init__(self) -> None:
        self.findings = 0
        """How many they are."""
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
        self.unserved = LostZones()
        """Zones that no server answers for, where what came last to make it so is in here …"""
        self.short = LostZones()
        """… and those that too few servers do."""
        self._lines: dict[LineKey, LineTally] = {}

    def lose(self, zone: str, *, certain: bool, short: bool = False) -> bool:
        """No server answers for the zone, or too few: ``short``; whether that may be news."""
        here, other = (self.short, self.unserved) if short else (self.unserved, self.short)
        moved = other.served(zone)
        return here.lose(zone, certain=certain, doubtful=Phase.PENDING in self.phases) or moved

    def served(self, zone: str) -> None:
        """It is told of elsewhere, or enough servers answer again."""
        self.unserved.served(zone)
        self.short.served(zone)

    def lose_as(self, other: "IncidentTally") -> None:
        """The same zones as the other."""
        for zones, short in ((other.unserved, False), (other.short, True)):
            for zone in zones.names.inorder:
                self.lose(zone, certain=zone in zones.certain, short=short)

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

    @property
    def line_keys(self) -> Set[LineKey]:
        """What tells their lines apart."""
        return self._lines.keys()

    def count(self, number: int, alert: Alert, by: int) -> None:
        """One more, or one that was counted less; no other has its ``number``."""
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


def _add(counts: dict[_T, int], what: _T, by: int) -> None:
    counts[what] = counts.get(what, 0) + by
    if not counts[what]:
        del counts[what]
