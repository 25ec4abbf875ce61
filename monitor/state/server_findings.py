"""Findings that stand at a server, not at each of its zones: which zones decide that, and what the others take over.

TCP/53 belongs to an address. A check says of a finding type that it is ``of_address``; it then *stands at the server*
once ``WITNESSES`` zones, polled in full, have found it at one address and nothing else there, and none has been good
there since the first of them; it is *over* once as many in a row are good there. As soon as one says otherwise than
what stands, it is in doubt and others are polled at once; where these do not agree it is *open*, a matter of each zone,
until enough agree again. The more often they have contradicted each other by then, the more looks must agree, up to
``MAX_LOOKS``: so where TCP is dead for some zones of an address only, nothing is said of the others for long.

While it stands every other zone whose result stands good takes it over without a poll, unless it was itself found good
there in the meantime; such a zone *inherits* (``columns.INHERITS``), and goes on with what is found at others: its
grace and its settle end with their polls, and when it is over the zone takes over the good result. A few zones that
have found it themselves (``MAX_DECIDING``) are polled at each sweep, and decide; others inherit, too, and are polled in
full at their turn over TCP, or when something else is to be seen of them. ``monitor.state.inheritance`` does it.
"""

import heapq
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from checks.base import Check
from checks.common.text import enumerated
from checks.model import Address, CheckResult, Finding, Health, Zone

WITNESSES = 3
"""Zones that must agree, in a row."""

MAX_TURNS, MAX_LOOKS = 2, 24
"""Where zones contradict each other more often, ``WITNESSES`` looks more must agree each time; at most so many."""

MAX_DECIDING = 16
"""Zones with the finding that are polled at each sweep."""

MIN_ASKING_INTERVAL = timedelta(minutes=1)
"""So seldom a doubt has others polled at once."""

Place = tuple[str, str, Address]
"""A check, a server, and an address of it."""


class Stand(Enum):
    OPEN = "open"
    STANDS = "stands"
    OVER = "over"


@dataclass(slots=True)
class ServerFinding:
    """What zones say of one finding at one place."""

    finding: Finding
    """As the first of those has it that have found it in a row."""
    since: datetime
    """The first look of those that agree."""
    heard_at: datetime
    """The latest look."""
    stand: Stand = Stand.OPEN
    has_stood: bool = False
    """Zones may have taken it over."""
    bad: bool = True
    """What the latest said."""
    agreeing: list[str] = field(default_factory=list)
    """The first of those that have said so in a row."""
    looks: int = 0
    """Looks that have said so in a row."""
    turns: int = 0
    """How often a look has said otherwise than the one before, since something stood or was over."""
    deciding: set[str] = field(default_factory=set)
    """Zones that have found it and are polled at each sweep."""
    good: set[str] = field(default_factory=set)
    """Zones that were good there though it had been found, and take nothing over."""
    asked_at: dict[bool, datetime] = field(default_factory=dict)
    """When others were to be polled at once last, because one was bad, or good, where that was not what stands."""
    waiting: list[tuple[datetime, str]] = field(default_factory=list)
    """A heap: when grace or settle of a zone that inherits ends."""

    @property
    def in_doubt(self) -> bool:
        """The latest look says otherwise than what stands."""
        return self.stand is (Stand.OVER if self.bad else Stand.STANDS)

    @property
    def settled(self) -> bool:
        return self.stand is not Stand.OPEN and not self.in_doubt

    @property
    def _is_agreed(self) -> bool:
        """Whether enough have said so in a row."""
        wanted = WITNESSES * max(1, self.turns - MAX_TURNS)
        ends_nothing = not (self.bad or self.has_stood)  # then one zone will do: there may be no more at the address
        return (ends_nothing or len(self.agreeing) == WITNESSES) and self.looks >= min(wanted, MAX_LOOKS)

    def hear(self, zone: str, at: datetime, found: Finding | None) -> None:
        """The zone was asked, and this was found there, or nothing."""
        bad = found is not None
        if bad is not self.bad or not self.agreeing:
            was_in_doubt = self.in_doubt
            self.turns += bad is not self.bad
            self.bad, self.since, self.agreeing, self.looks, self.finding = bad, at, [], 0, found or self.finding
            if was_in_doubt:
                self.stand = Stand.OPEN
        if zone not in self.agreeing and len(self.agreeing) < WITNESSES:
            self.agreeing.append(zone)
        self.looks += 1
        self.heard_at = at
        if bad:
            self.good.discard(zone)
        else:
            self.deciding.discard(zone)
            if self.stand is not Stand.OVER:
                self.good.add(zone)
        if not self._is_agreed or self.settled:
            return
        self.stand, self.turns = Stand.STANDS if bad else Stand.OVER, 0
        self.waiting.clear()  # every zone that inherits takes this over, and waits for something else by that
        if bad:
            self.has_stood = True
            self.deciding.update(self.agreeing)
        else:
            self.good.clear()

    def decides(self, zone: str) -> bool:
        """Whether a zone that has just found it is to be polled at each sweep."""
        if not (self.stand is Stand.STANDS and self.settled):
            return True
        if len(self.deciding) < MAX_DECIDING:
            self.deciding.add(zone)
        return zone in self.deciding

    def takes_asking(self, at: datetime) -> bool:
        """Whether others are to be polled at once, to see what they say: not again and again where zones differ."""
        before = self.asked_at.get(self.bad)
        if before is not None and timedelta(0) <= at - before < MIN_ASKING_INTERVAL:
            return False
        self.asked_at[self.bad] = at
        return True

    def inherited(self) -> Finding:
        """As it is shown of a zone that has taken it over."""
        text = f"{self.finding.text}; found with {enumerated(self.agreeing)} at this server"
        return Finding(self.finding.code, text, self.finding.server, self.finding.address, inherited=True)

    def wait(self, zone: str, until: datetime) -> None:
        """Grace or settle of a zone that inherits ends then."""
        heapq.heappush(self.waiting, (until, zone))

    def due(self) -> Sequence[str]:
        """The zones whose grace or settle is over by the latest look."""
        found = []
        while self.waiting and self.waiting[0][0] <= self.heard_at:
            found.append(heapq.heappop(self.waiting)[1])
        return found


class ServerFindings:
    """All of one zone table. ``moved`` has the places at which zones have something to take over: True where that is
    all of the place, else those whose grace or settle is over.
    """

    def __init__(self) -> None:
        self.known: dict[Place, ServerFinding] = {}
        self.moved: dict[Place, bool] = {}
        self._confirmed: dict[Place, datetime] = {}
        """Where others were polled at once within the last minute, and when; in this order."""

    def clear(self) -> None:
        """Nothing stands at a server until it is found anew; zones that inherit are polled in full."""
        self.known.clear()
        self.moved.clear()
        self._confirmed.clear()

    def has_stood(self, place: Place) -> bool:
        """Whether zones may have taken over what was found there."""
        return place in self.known and self.known[place].has_stood

    def takes_confirming(self, place: Place, at: datetime) -> bool:
        """Whether others are to be polled at once, where something is found that was not there: not again and again
        where zones differ.
        """
        while self._confirmed and at - next(iter(self._confirmed.values())) >= MIN_ASKING_INTERVAL:
            del self._confirmed[next(iter(self._confirmed))]
        if place in self._confirmed:
            return False
        self._confirmed[place] = at
        return True

    def note(self, check: Check, zone: Zone, result: CheckResult) -> Sequence[str]:
        """A zone was polled in full. Returns zones that are to be polled at once: what stands is in doubt by that."""
        codes = {found.code for found in check.finding_types if found.of_address}
        if not codes or result.health is Health.UNKNOWN or not (self.known or result.findings):
            return ()
        doubted: list[str] = []
        for server, address in zone.server_addresses():
            if any(unsure.covers(server.name, address, "") for unsure in result.unsure):
                continue
            here = [found for found in result.findings if (found.server, found.address) == (server.name, address)]
            place = (check.name, server.name, address)
            if not here:
                doubted += self.note_good(place, zone.name, result.at)
            elif len(here) == 1 and here[0].code in codes:
                doubted += self._note_bad(place, zone.name, here[0], result.at)
            elif place in self.known:
                self.known[place].deciding.discard(zone.name)
        return doubted

    def note_good(self, place: Place, zone: str, at: datetime) -> Iterable[str]:
        """A zone is good at a place. Returns those that are to be polled at once because what stands is in doubt."""
        one = self.known.get(place)
        if one is None:
            return ()
        self._hear(place, one, zone, at, None)
        return sorted(one.deciding) if one.in_doubt and one.takes_asking(at) else ()

    def _note_bad(self, place: Place, zone: str, finding: Finding, at: datetime) -> Iterable[str]:
        one = self.known.get(place)
        if one is None:
            one = self.known[place] = ServerFinding(finding, at, at)
        before = one.agreeing
        if one.finding.code == finding.code:
            self._hear(place, one, zone, at, finding)
        return before if one.in_doubt and one.takes_asking(at) else ()

    def _hear(self, place: Place, one: ServerFinding, zone: str, at: datetime, found: Finding | None) -> None:
        before = one.stand
        one.hear(zone, at, found)
        if one.stand is Stand.OVER and not one.has_stood:
            del self.known[place]
            self.moved.pop(place, None)
        elif one.settled:
            self.moved[place] = self.moved.get(place, False) or one.stand is not before

    def take_moved(self) -> Iterator[tuple[Place, ServerFinding, bool]]:
        """Those at which zones have something to take over now; of all of the place, or of those that are due."""
        moved, self.moved = self.moved, {}
        for place, whole in moved.items():
            one = self.known.get(place)
            if one is not None and one.settled:
                yield place, one, whole

    def inherits(self, check: str, zone: Zone, result: CheckResult) -> bool:
        """Whether a zone that was just polled in full, with this result, has nothing but what stands at its servers,
        and others decide that.
        """
        known = [self.known.get((check, one.server or "", one.address)) for one in result.findings if one.address]
        if len(known) != len(result.findings) or result.unsure or not known:
            return False
        standing = [
            one is not None and one.finding.code == found.code and not one.decides(zone.name)
            for one, found in zip(known, result.findings, strict=True)
        ]
        return all(standing)

    def lets_pass(
        self, check: str, places: Collection[tuple[str, Address]], suspects: Collection[Place], since: datetime
    ) -> bool:
        """Whether zones that inherit, served at these, need no poll: at each of them it is known what is found, by a
        look after ``since``.
        """
        here = {place: self.known[place] for one in places if (place := (check, *one)) in self.known}
        at_servers = {place for place, one in here.items() if one.stand is Stand.STANDS}
        return (
            bool(here)
            and all(one.stand is not Stand.OPEN and one.heard_at >= since for one in here.values())
            and not any(place in suspects for one in places if (place := (check, *one)) not in at_servers)
        )
