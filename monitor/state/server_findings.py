"""Findings that stand at a server, not at each of its zones: which zones decide that, and what the others take over.

TCP/53 belongs to an address; UDP is asked of each zone all the time, by soa-serial. So what is left to be said of a
zone at an address, once soa-serial has said what UDP brings of it there (``OverUdp``), is what TCP does. A check says
of a finding type that it is ``of_address``: of the zones that UDP answers for (tcp-unreachable), or of those that it is
silent about (server-unreachable). Each of the two is known on its own, for what is found of silent zones may be their
own trouble, and says nothing of the others.

Such a finding *stands at the server* once ``WITNESSES`` zones, polled in full, have found it at one address and nothing
else there, and no zone has been answered over TCP there since the first of them; it is *over* once as many in a row are
answered over TCP, whatever comes of UDP. As soon as one says otherwise than what stands, it is in doubt and others are
polled at once; where these do not agree it is *open*, a matter of each zone, until enough agree again. The more often
they have contradicted each other by then, the more looks must agree, up to ``MAX_LOOKS``: so where TCP is dead for some
zones of an address only, nothing is said of the others for long.

While it stands every other zone of which UDP brings the same, and whose result stands, takes it over without a poll,
unless it was itself found good there in the meantime; such a zone *inherits* (``columns.INHERITS``), and goes on with
what is found at others: its grace and its settle end with their polls, and when it is over the zone takes over the good
result, as soon as UDP answers for it. When UDP brings something else of a zone than it did, the zone has what stands
there of zones like that; where nothing does it is *unsettled* (``columns.UNSETTLED``), and polled in full at its turn.

A few zones that have found it themselves (``MAX_DECIDING``) are polled at each sweep, and decide; others inherit, too,
and are polled in full at their turn over TCP, or when something else is to be seen of them. Where UDP falls silent and
nothing stands, a few are polled and the others wait for them (``monitor.polling.waiting_zones``). A zone whose result
does not stand is polled, too, but leaves out the addresses that it is silent at where that finding stands, and takes it
over. So a server that dies costs some tens of polls in full, whenever that is, and so does one that comes back. While
the monitor is offline over a family nothing is taken over there. ``monitor.state.inheritance`` does it.
"""

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from checks.base import Check
from checks.common.text import enumerated
from checks.model import Address, CheckResult, Finding, Health, Zone
from checks.model.finding_type import OverUdp

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

ServerKey = tuple[str, str, Address, OverUdp]
"""A place, and what UDP brings there of the zones in question."""


class Stand(Enum):
    OPEN = "open"
    STANDS = "stands"
    OVER = "over"


@dataclass(slots=True)
class ServerFinding:
    """What zones of which UDP brings the same say of one finding at one place."""

    finding: Finding
    """As the first of those has it that have found it in a row."""
    over_udp: OverUdp
    since: datetime
    """The first look of those that agree."""
    heard_at: datetime
    """The latest look."""
    stand: Stand = Stand.OPEN
    has_stood: bool = False
    """Zones may have taken it over."""
    bad: bool = True
    """What the latest said: TCP is dead, or it answers."""
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

    def takes_asking(self, at: datetime, *, bad: bool | None = None) -> bool:
        """Whether others are to be polled at once, to see what they say: not again and again where zones differ."""
        bad = self.bad if bad is None else bad
        before = self.asked_at.get(bad)
        if before is not None and timedelta(0) <= at - before < MIN_ASKING_INTERVAL:
            return False
        self.asked_at[bad] = at
        return True

    def inherited(self) -> Finding:
        """As it is shown of a zone that has taken it over."""
        text = f"{self.finding.text}; found with {enumerated(self.agreeing)} at this server"
        if self.over_udp is OverUdp.SILENT:
            text += ", which gives no answer over UDP for this zone either"
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
        self.known: dict[ServerKey, ServerFinding] = {}
        self.moved: dict[ServerKey, bool] = {}
        self.silent_looks: Counter[Place] = Counter()
        """Polls in full of zones that were silent over UDP there."""
        self._confirmed: dict[Place, datetime] = {}
        """Where others were polled at once within the last minute, and when; in this order."""

    def clear(self) -> None:
        """Nothing stands at a server until it is found anew; zones that inherit are polled in full."""
        self.known.clear()
        self.moved.clear()
        self._confirmed.clear()
        self.silent_looks.clear()

    def has_stood(self, place: Place) -> bool:
        """Whether zones may have taken over what was found there."""
        return any(one.has_stood for one in self._at(place))

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

    def of_code(self, place: Place, code: str) -> ServerFinding | None:
        """What is known of that finding at the place."""
        return next((one for one in self._at(place) if one.finding.code == code), None)

    def standing(self, key: ServerKey, since: datetime) -> ServerFinding | None:
        """What stands there by a look after ``since``, and is not in doubt."""
        one = self.known.get(key)
        return one if one is not None and one.stand is Stand.STANDS and one.settled and one.heard_at >= since else None

    def note(self, check: Check, zone: Zone, result: CheckResult, over_udp: Sequence[OverUdp]) -> Sequence[str]:
        """A zone was polled in full, of which UDP brings this by address. Returns zones that are to be polled at once:
        what stands is in doubt by that.
        """
        codes = {found.code: found.of_address for found in check.finding_types if found.of_address}
        if not codes or not (self.known or result.findings or OverUdp.SILENT in over_udp):
            return ()
        doubted: list[str] = []
        for (server, address), brought in zip(zone.server_addresses(), over_udp, strict=True):
            place = (check.name, server.name, address)
            here = [found for found in result.findings if (found.server, found.address) == (server.name, address)]
            if any(found.inherited for found in here):
                continue  # it was left out
            if brought is OverUdp.SILENT:
                self.silent_looks[place] += 1
            if result.health is Health.UNKNOWN or any(one.covers(server.name, address, "") for one in result.unsure):
                continue
            about_tcp = next((found for found in here if found.code in codes), None)
            if about_tcp is None:
                doubted += self.note_good(place, zone.name, result.at)
                continue
            code = codes[about_tcp.code]
            assert code is not None  # noqa: S101 - those without one are left out
            for one in self._at(place):
                if one.over_udp is not code or len(here) > 1:
                    one.deciding.discard(zone.name)
            if len(here) == 1:
                doubted += self._note_bad((*place, code), zone.name, about_tcp, result.at)
        return doubted

    def note_good(self, place: Place, zone: str, at: datetime) -> Iterable[str]:
        """A zone is answered over TCP at a place. Returns those that are to be polled at once because what stands is in
        doubt.
        """
        doubted: set[str] = set()
        for one in self._at(place):
            self._hear((*place, one.over_udp), one, zone, at, None)
            if one.in_doubt and one.takes_asking(at):
                doubted |= one.deciding
        return sorted(doubted)

    def note_answered(self, key: ServerKey, at: datetime) -> Iterable[str]:
        """A zone that has what stands there of silent ones is answered over UDP. Returns those that are to be polled at
        once.
        """
        one = self.known.get(key)
        if one is None or one.stand is not Stand.STANDS or not one.takes_asking(at, bad=False):
            return ()
        return sorted(one.deciding)

    def _at(self, place: Place) -> list[ServerFinding]:
        return [one for brought in OverUdp if (one := self.known.get((*place, brought))) is not None]

    def _note_bad(self, key: ServerKey, zone: str, finding: Finding, at: datetime) -> Iterable[str]:
        one = self.known.get(key)
        if one is None:
            one = self.known[key] = ServerFinding(finding, key[3], at, at)
        before = one.agreeing
        self._hear(key, one, zone, at, finding)
        return before if one.in_doubt and one.takes_asking(at) else ()

    def _hear(self, key: ServerKey, one: ServerFinding, zone: str, at: datetime, found: Finding | None) -> None:
        before = one.stand
        one.hear(zone, at, found)
        if one.stand is Stand.OVER and not one.has_stood:
            self.forget(key)
        elif one.settled:
            self.moved[key] = self.moved.get(key, False) or one.stand is not before

    def forget(self, key: ServerKey) -> None:
        self.known.pop(key, None)
        self.moved.pop(key, None)

    def take_moved(self) -> Iterator[tuple[ServerKey, ServerFinding, bool]]:
        """Those at which zones have something to take over now; of all of the place, or of those that are due."""
        moved, self.moved = self.moved, {}
        for key, whole in moved.items():
            one = self.known.get(key)
            if one is not None and one.settled:
                yield key, one, whole

    def inherits(self, check: str, zone: Zone, result: CheckResult) -> bool:
        """Whether a zone that was just polled in full, with this result, has nothing but what stands at its servers,
        and others decide that.
        """
        if result.unsure or not result.findings:
            return False
        standing = [
            found.address is not None
            and (one := self.of_code((check, found.server or "", found.address), found.code)) is not None
            and (found.inherited or not one.decides(zone.name))
            for found in result.findings
        ]
        return all(standing)

    def lets_pass(
        self, check: str, places: Iterable[tuple[str, Address, OverUdp]], suspects: Collection[Place], since: datetime
    ) -> datetime | None:
        """Until which look of soa-serial zones that inherit, served at these, of which UDP brings this there, need no
        poll; None: they need one. At each of the places it is known what is found, by a look after ``since``. Where it
        is over, and the zone was silent still, soa-serial must not have found it silent after that.
        """
        until, known = datetime.max.replace(tzinfo=since.tzinfo), False
        for server, address, brought in places:
            place = (check, server, address)
            every = {one.over_udp: one for one in self._at(place)}
            known |= any(one.heard_at >= since for one in every.values())
            one = every.get(brought)
            if any(each.stand is Stand.OPEN for each in every.values()) or (one is not None and one.heard_at < since):
                return None
            if one is None or one.stand is Stand.OVER:
                if brought is OverUdp.ANSWERED and place not in suspects:
                    continue
                if one is None or brought is not OverUdp.SILENT:
                    return None
                until = min(until, one.since)
        return until if known else None
