"""The alerts of one incident, which of them are silenced, and what they come to, kept up to date alert by alert."""

from collections.abc import Generator, Iterator
from typing import NamedTuple

from alerting.incident_lines import current
from alerting.incident_tally import CONSEQUENCES, IncidentTally
from alerting.model import Alert, AlertKey, Phase
from checks.model import Address

ALERTS_PER_STEP = 200
"""So many are counted before others have their turn."""

Place = tuple[str, str | None, Address | None]
"""A zone, at a server, at an address of it."""


class Numbered(NamedTuple):
    """An alert, which of all alerts it is, and by which silences nobody is told of it."""

    number: int
    alert: Alert
    silences: tuple[str, ...] = ()


class IncidentMembers:
    """The alerts of an incident: those that are not OK, pending ones of its cause included.

    ``all`` is what those come to that say what is so now (``current``), ``heard`` those of them that are not silenced:
    the same, while none is.
    """

    def __init__(self) -> None:
        self.count = 0
        self.all = IncidentTally()
        self._heard: IncidentTally | None = None
        self.silences: dict[str, int] = {}
        """Silence → how many it keeps from being told."""
        self.silenced = 0
        """How many are silenced."""
        self.followers: list[dict[AlertKey, None]] = []
        """Who wants to know which alerts change puts its dict in here; it has these as keys then."""
        self._at: dict[Place, dict[AlertKey, Numbered]] = {}
        self._current: dict[Place, list[Numbered]] = {}

    @property
    def heard(self) -> IncidentTally:
        """What is not silenced."""
        return self.all if self._heard is None else self._heard

    def put(self, alert: Alert, number: int, silences: tuple[str, ...] = ()) -> None:
        """An alert as it is now; ``silences`` are those that match it."""
        place = _place(alert.key)
        self._tell_followers(alert.key)
        here = self._at.setdefault(place, {})
        self.count += alert.key not in here
        here[alert.key] = Numbered(number, alert, silences)
        self._refresh(place)

    def renew(self, alert: Alert) -> None:
        """One that was put in, and differs in nothing that counts here."""
        place = _place(alert.key)
        before = self._at[place][alert.key]
        after = self._at[place][alert.key] = before._replace(alert=alert)
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

    def lose(self, zone: str, *, certain: bool, silenced: bool = False, short: bool = False) -> bool:
        """No server answers for the zone, or too few: ``short``; whether that may be news. ``silenced``: nobody is
        told.
        """
        may_be = self.all.lose(zone, certain=certain, short=short)
        if self._heard is not None and silenced:
            self._heard.served(zone)
        elif self._heard is not None:
            may_be = self._heard.lose(zone, certain=certain, short=short) or may_be
        return may_be

    def served(self, zone: str) -> None:
        """It is told of elsewhere, or enough servers answer again."""
        self.all.served(zone)
        if self._heard is not None:
            self._heard.served(zone)

    def _refresh(self, place: Place) -> None:
        """What is so now at a place, where an alert has changed: one may make history of others."""
        before, after = self._current.get(place, []), [*self._at[place].values()]
        if len(after) > 1:
            now = current([one.alert for one in sorted(after, key=_number)])
            after = [self._at[place][alert.key] for alert in now]
        if self._heard is None and any(each.silences for each in after):
            for _ in self.separate():
                pass
        for each in after:  # first, so that no name goes and comes again
            if not any(each is other for other in before):
                self._count(each, 1)
        for each in before:
            if not any(each is other for other in after):
                self._count(each, -1)
        self._current[place] = after

    def _count(self, one: Numbered, by: int) -> None:
        self.all.count(one.number, one.alert, by)
        if not one.silences:
            if self._heard is not None:
                self._heard.count(one.number, one.alert, by)
            return
        self.silenced += by
        for silence in one.silences:
            self.silences[silence] = self.silences.get(silence, 0) + by
            if not self.silences[silence]:
                del self.silences[silence]

    def separate(self) -> Generator[None, None, None]:
        """``heard`` is kept apart from ``all`` from now on, while none is silenced yet: in steps, between which nothing
        may change.
        """
        if self._heard is not None:
            return
        tally = IncidentTally()
        for number, one in enumerate([one for here in self._current.values() for one in here]):
            tally.count(one.number, one.alert, 1)
            if number % ALERTS_PER_STEP == ALERTS_PER_STEP - 1:
                yield
        tally.lose_as(self.all)
        self._heard = tally


def is_undecided(alert: Alert) -> bool:
    """Whether the monitor could not tell, and that has not lasted for its grace yet: nothing is said of that."""
    return alert.phase is Phase.PENDING and alert.key.code in CONSEQUENCES


def _place(key: AlertKey) -> Place:
    return key.zone, key.server, key.address


def _number(one: Numbered) -> int:
    return one.number
