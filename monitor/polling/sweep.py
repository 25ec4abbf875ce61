"""The sweep of any other check: its zones are asked once, spread over time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from checks.base import Check
from checks.canary import Canary
from checks.model import Observation, Outcome, Query, Zone, ZonePoll
from checks.model.zone_table import ZoneTable
from monitor.clock import Now
from monitor.config.low_caps import SWEEP_SHARE
from monitor.polling.follow import follow
from monitor.polling.sweep_order import SweepOrder
from monitor.probe.settings import Probe

ProbeQueries = Callable[[Iterable[Query]], AsyncIterator[Sequence[Observation]]]
"""What a Prober does when it is called."""

PublishPoll = Callable[[ZonePoll], Awaitable[None]]

Current = Callable[[str], Zone | None]
"""The zone of that name as it is to be watched now; None when it is not any more."""

MAX_POLLS_IN_FLIGHT = 1024
"""Zones under way at once: so many that those of a dead server, which take seconds each, do not hold up the others."""


POLLS_PER_TURN = 100
"""Polls that a sweep begins before all others have a turn: some milliseconds. With a tenth of that the first looks of
3000 zones take a third more (`bench.default`)."""

MAX_SHARE = 0.95
"""Of a cadence, within which a sweep ends though its last zone is waited for."""

OPEN_TRANSFER_RATE = 2.0
"""Zones a second, at most, that are asked for a transfer of which nobody has said anything, after a start as well."""

CHUNK_SIZE = 250
"""Zones whose turn comes together at most …"""

MAX_CHUNK_SIZE = 2000
"""… for each process that asks; and at most for all of them."""

MAX_CHUNKS_IN_FLIGHT = 16
"""So many times a chunk is under way at once."""

MIN_TICK, MAX_TICK = 0.05, 1.0
"""Seconds of zones whose turn comes together when a sweep is spread over its cadence: no less, no more …"""

TICK_ZONES = 25
"""… and in between so long that there are so many zones, because being woken costs more than asking a few."""


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What a sweep came to. ``zones`` were asked, by ``queries``, of which ``answered`` got an answer."""

    zones: int
    queries: int
    answered: int
    started: datetime
    finished: datetime

    def plus(self, more: "SweepResult") -> "SweepResult":
        """This sweep, and how it went on."""
        return SweepResult(
            self.zones + more.zones,
            self.queries + more.queries,
            self.answered + more.answered,
            self.started,
            more.finished,
        )


def window(cadence: timedelta, patience: float, rounds: int = 1) -> float:
    """Seconds to spread a sweep over, such that it ends within its cadence though its last zone is silent.

    ``rounds``: so many times that zone is waited for, where that leaves half of the cadence.
    """
    seconds = cadence.total_seconds()
    left = max(seconds / 2, MAX_SHARE * seconds - rounds * patience)
    return max(0.0, min(SWEEP_SHARE * seconds, seconds - patience, left))


def unhurried(zones: int, cadence: timedelta, probe: Probe) -> float:
    """Seconds that the sweep of so many zones takes at OPEN_TRANSFER_RATE, within its cadence."""
    return min(zones / OPEN_TRANSFER_RATE, window(cadence, probe.timeout * probe.attempts))


def longest_poll(check: str, templates: Iterable[Zone], probe: Probe) -> float:
    """Seconds that a poll of a zone by this check may take where somebody is silent, or a canary does not arrive."""
    silent = probe.timeout * probe.attempts
    if check != Canary.name:
        return silent
    canaries = ((zone.canary.max_lag or zone.max_lag).total_seconds() for zone in templates if zone.canary is not None)
    return silent + max(canaries, default=0.0)


def chunk_size(workers: int) -> int:
    """Zones whose turn comes together at most, where so many processes ask."""
    return min(MAX_CHUNK_SIZE, CHUNK_SIZE * workers)


def tick(zones: int, duration: float) -> float:
    """Seconds of zones whose turn comes together, in a sweep of so many that is spread over ``duration`` seconds."""
    return max(MIN_TICK, min(MAX_TICK, duration / 100, TICK_ZONES * duration / max(1, zones)))


async def poll_zone(
    check: Check, zone: Zone, probe: ProbeQueries, cadence: timedelta, now: Now, vantage: str = "local"
) -> ZonePoll:
    """Ask until the check wants nothing more, or is given nothing more; an empty poll when there is nobody to ask."""
    seen: tuple[Observation, ...] = ()
    while queries := tuple(check.queries(zone, seen)):
        known = len(seen)
        asked = follow(queries, probe) if any(query.until is not None for query in queries) else probe(queries)
        async for batch in asked:
            seen = (*seen, *batch)
        if len(seen) == known:
            break
    return ZonePoll(zone.name, check.name, now(), cadence, seen, vantage)


class PassOver(Protocol):
    """Knows zones that need not be polled in full."""

    queries: int
    """What it has asked of the zones that it passed over."""

    async def pass_over(self, numbers: Sequence[int], zone_table: ZoneTable[Zone]) -> list[str]:
        """The names of those of the zones that are to be polled in full. Others may be left to ``ask_gathered``."""
        ...

    def ask_gathered(self, *, last: bool) -> AsyncIterator[Sequence[str]]:
        """The names of those of the gathered zones that are to be polled in full, soon after that is known.

        None as long as it is worth gathering more, or waiting, unless these are the ``last``.
        """
        ...

    def probe(self, zone: Zone) -> ProbeQueries:
        """What asks the queries of a poll of this zone, or some of them: others are left out."""
        ...


async def sweep(
    check: Check,
    order: SweepOrder,
    asking: PassOver,
    publish: PublishPoll,
    *,
    cadence: timedelta,
    duration: float,
    now: Now,
    max_in_flight: int = MAX_POLLS_IN_FLIGHT,
    size: int = CHUNK_SIZE,
    vantage: str = "local",
    current: Current | None = None,
    asks: Callable[[Zone], bool] | None = None,
) -> SweepResult:
    """Ask every zone of the order, and publish its poll as soon as it is complete.

    Zones have their turn at a stable place of the ``duration`` seconds, those of a tick together, ``size`` of them at
    most. At most ``max_in_flight`` are polled in full at once, and publishing waits when the evaluator is behind, so
    nothing piles up. A zone is asked as it is when its turn comes, and what changed while it was asked is not
    published: it was asked of another zone than there is now. One that the sweep does not ask any more (``asks``) is
    left to others.
    """
    known, wanted = current or order.zone_table.get, asks or check.applies
    running = _Sweep(check, order, asking, publish, cadence, now, vantage, known, wanted, max_in_flight)
    return await running.run(duration, size)


@dataclass(slots=True)
class _Sweep:
    """One sweep under way, and what it has come to so far."""

    check: Check
    order: SweepOrder
    asking: PassOver
    publish: PublishPoll
    cadence: timedelta
    now: Now
    vantage: str
    current: Current
    asks: Callable[[Zone], bool]
    max_in_flight: int
    group: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)
    room: asyncio.Semaphore = field(init=False)
    """For polls in full."""
    chunks: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_CHUNKS_IN_FLIGHT))
    beginning: asyncio.Lock = field(default_factory=asyncio.Lock)
    """For who begins some: what all chunks begin in one turn holds up everybody else."""
    zones: int = 0
    queries: int = 0
    answered: int = 0

    def __post_init__(self) -> None:
        self.room = asyncio.Semaphore(self.max_in_flight)

    async def run(self, duration: float, size: int) -> SweepResult:
        order, clock, started = self.order, asyncio.get_running_loop().time, self.now()
        begin, first, together = clock(), 0, tick(len(order), duration)
        async with self.group:
            while first < len(order):
                if (wait := begin + order.positions[first] * duration - clock()) > 0:
                    await asyncio.sleep(wait)
                    continue
                last = order.due(first, (clock() - begin + together) / duration if duration else 1.0, size)
                await self.chunks.acquire()
                self.group.create_task(self._chunk(order.numbers[first:last], last=last == len(order)))
                first = last
        passed = self.asking.queries
        return SweepResult(self.zones, self.queries + passed, self.answered + passed, started, self.now())

    async def _chunk(self, numbers: Sequence[int], *, last: bool) -> None:
        try:
            self.zones += len(numbers)
            await self._poll_in_full(await self.asking.pass_over(numbers, self.order.zone_table))
        finally:
            self.chunks.release()
        async for names in self.asking.ask_gathered(last=last):
            await self._poll_in_full(names)

    async def _poll_in_full(self, names: Sequence[str]) -> None:
        """Each is counted when its poll is published."""
        self.zones -= len(names)
        async with self.beginning:
            for number, name in enumerate(names):
                await self.room.acquire()
                self.group.create_task(self._poll(name))
                if number % POLLS_PER_TURN == POLLS_PER_TURN - 1:
                    await asyncio.sleep(0)

    async def _poll(self, name: str) -> None:
        try:
            zone = self.current(name)
            if zone is None or not self.asks(zone):
                return
            probe = self.asking.probe(zone)
            poll = await poll_zone(self.check, zone, probe, self.cadence, self.now, self.vantage)
            if self.current(name) != zone:
                return
            await self.publish(poll)
        finally:
            self.room.release()
        self.zones += 1
        self.queries += len(poll.seen)
        self.answered += sum(seen.outcome is Outcome.ANSWERED for seen in poll.seen)
