"""The sweep of soa-serial: every zone says which serial it has, and only what changed is evaluated.

This is the sweep of soa-serial. The bulk prober asks what the check asks, in the check's order; only where an address
is dead over UDP, or the serials of a zone differ, it does not know how to go on, and the check is asked what it still
wants to know.
"""

import asyncio
import contextlib
from array import array
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from checks.base import Check
from checks.model import Address, Observation, Outcome, Query, Zone, ZonePoll
from monitor.clock import Now
from monitor.polling.bulk import BulkProber, ChunkResult, ZoneChunk
from monitor.polling.sweep import CHUNK_SIZE, Current, ProbeQueries, SweepResult, tick
from monitor.polling.sweep_order import SweepOrder
from monitor.probe.circuit_breaker import CircuitBreaker
from monitor.state.columns import ZoneColumns
from monitor.state.first_polls import zone_poll
from monitor.state.ports import FormedPoll, PollMessage, PollOrigin, UnchangedZones

PublishMessages = Callable[..., Awaitable[None]]
"""Takes what was heard, in this order."""

MAX_ZONES_IN_FLIGHT = 50_000
"""Zones under way at once: so many that those of a dead server, which take seconds each, do not hold up the others."""

MAX_CHUNKS_AHEAD = 6
"""Chunks under way of which most has not come back; there is no hurry to ask more …"""

SOON = 0.1
"""… unless they are out for so many seconds: then it is their servers that are slow, and not we."""

MAX_FOLLOW_UPS = 256
"""Zones at once of which more is asked than the bulk prober did: others wait, and mostly need not be asked any more."""

TCP_AT_ONCE = 64
"""Questions over TCP to one address that is dead over UDP."""


class TcpTarget:
    """How an address that is dead over UDP does over TCP: for most zones it is not tried any more once that is open."""

    __slots__ = ("breaker", "busy", "room")

    def __init__(self) -> None:
        self.breaker = CircuitBreaker()
        self.room = asyncio.Semaphore(TCP_AT_ONCE)
        self.busy = 0

    @property
    def is_open(self) -> bool:
        return self.breaker.is_open(self.busy)


@dataclass(slots=True)
class SweepContext:
    """What the sweeps of one table have in common. ``busy`` marks the zones that are being asked, by number."""

    columns: ZoneColumns
    bulk_prober: BulkProber
    probe: ProbeQueries
    publish: PublishMessages
    current: Current
    now: Now
    vantage: str = "local"
    chunk_size: int = CHUNK_SIZE
    """Zones asked together at most."""
    closed: bool = False
    """There is another table, or another bulk prober: nothing is asked here any more."""
    busy: bytearray = field(default_factory=bytearray)
    tcp_targets: defaultdict[Address, TcpTarget] = field(default_factory=lambda: defaultdict(TcpTarget))

    def __post_init__(self) -> None:
        self.busy = bytearray(len(self.columns.zone_table))

    def close(self) -> None:
        """Ask nothing here any more; each sweep goes on elsewhere, with what it was asking here as well."""
        self.closed = True

    def chunk(self, numbers: Sequence[int]) -> ZoneChunk:
        """These zones for the bulk prober, but those that are being asked already."""
        zone_table, starts, busy = self.columns.zone_table, self.columns.slot_starts, self.busy
        idle = array("I", (number for number in numbers if not busy[number]))
        for number in idle:
            busy[number] = 1
        return ZoneChunk(
            idle,
            [zone_table.names[number] for number in idle],
            array("I", (zone_table.template_ids[number] for number in idle)),
            array("I", (starts[number] for number in idle)),
        )


class SerialSweep:
    """One sweep of the zones of a table."""

    def __init__(
        self,
        context: SweepContext,
        check: Check,
        cadence: timedelta,
        *,
        after: float = -1.0,
        max_in_flight: int = MAX_ZONES_IN_FLIGHT,
    ) -> None:
        """``after`` is the place in the order up to which an earlier context has come."""
        self._context, self._check, self._cadence = context, check, cadence
        self._max_in_flight, self._under_way = max_in_flight, 0
        self._room = asyncio.Event()
        self._blocked = 0
        """Chunks whose polls the evaluator has no room for."""
        self._waiting: deque[tuple[int, Zone, tuple[Observation, ...]]] = deque()
        self._followed = 0
        self._young: dict[int, tuple[float, int]] = {}
        """Chunk, by its first zone → since when it is out, and how many zones must come back for it to be half done."""
        self.reached = after
        self.broken_off: list[str] = []
        """Zones of which nothing will be heard here, because the context was closed while they were being asked."""
        self._origin = PollOrigin(check.name, cadence, context.columns.zone_table, context.vantage)
        self._asked = self._queries = self._answered = 0

    async def sweep(self, order: SweepOrder, duration: float, begin: float, again: Sequence[int] = ()) -> SweepResult:
        """Ask each zone at its place in the ``duration`` seconds from ``begin`` on, by the loop's clock.

        What becomes of it is published as soon as that is known. It ends early when its context is closed. ``again``
        are zones, by number, that an earlier context has broken off: they are asked first.
        """
        clock, started = asyncio.get_running_loop().time, self._context.now()
        first, together = order.after(self.reached), tick(len(order), duration)
        try:
            async with asyncio.TaskGroup() as group:
                for place in range(0, len(again), self._context.chunk_size):
                    await self._begin(again[place : place + self._context.chunk_size], group)
                while first < len(order) and not self._context.closed:
                    if (wait := begin + order.positions[first] * duration - clock()) > 0:
                        await asyncio.sleep(wait)
                        continue
                    last = order.due(
                        first,
                        (clock() - begin + together) / duration if duration else 1.0,
                        min(self._context.chunk_size, self._max_in_flight),
                    )
                    self.reached = order.positions[last - 1]
                    numbers, first = order.numbers[first:last], last
                    await self._begin(numbers, group)
        finally:
            self._release(number for number, _, _ in self._waiting)
        return SweepResult(self._asked, self._queries, self._answered, started, self._context.now())

    async def _begin(self, numbers: Sequence[int], group: asyncio.TaskGroup) -> None:
        """These zones, as soon as there is room for them."""
        chunk = self._context.chunk(numbers)
        if chunk.numbers:
            await self._acquire(chunk)
            group.create_task(self._chunk(chunk, group))

    async def _acquire(self, chunk: ZoneChunk) -> None:
        """Wait until there is room for it: here, on the way, and with the evaluator."""
        zones, clock = len(chunk.numbers), asyncio.get_running_loop().time
        while self._blocked or (self._under_way and self._under_way + zones > self._max_in_flight):
            self._room.clear()
            await self._room.wait()
        while len(self._young) >= MAX_CHUNKS_AHEAD:
            first, (since, _) = next(iter(self._young.items()))
            if (left := since + SOON - clock()) <= 0:
                del self._young[first]
                break
            self._room.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._room.wait(), left)
        self._under_way += zones
        self._young[chunk.numbers[0]] = (clock(), zones // 2)

    def _release(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            if self._context.busy[number]:
                self._context.busy[number] = 0
                self._under_way -= 1
        self._room.set()

    async def _chunk(self, chunk: ZoneChunk, group: asyncio.TaskGroup) -> None:
        first, back = chunk.numbers[0], 0
        try:
            if self._context.closed:  # while there was no room for it: the bulk prober has other slots by now
                return
            async for returns in self._context.bulk_prober.ask(chunk):
                back += len(returns.unchanged) + len(returns.changed) + len(returns.formed)
                if first in self._young and back > self._young[first][1]:
                    del self._young[first]
                await self._take(returns, group)
        finally:
            self._young.pop(first, None)
            left = [number for number in chunk.numbers if self._context.busy[number] == 1]
            self.broken_off += [self._context.columns.zone_table.names[number] for number in left]
            self._release(left)

    async def _take(self, returns: ChunkResult, group: asyncio.TaskGroup) -> None:
        """Publish the unchanged zones and the polls that are complete; go on asking for the others."""
        context = self._context
        messages: list[PollMessage] = []
        done = list(returns.unchanged)
        if done:
            unchanged = UnchangedZones(
                self._check.name,
                returns.at,
                self._cadence,
                returns.unchanged,
                context.columns.zone_table,
                context.vantage,
            )
            messages.append(unchanged)
        changed = list(returns.changed)
        for number, answers in returns.formed:
            formed = FormedPoll(self._origin, number, returns.at, answers)
            if seen := self._odd(formed):
                changed.append((number, seen))
            else:
                done.append(number)
                messages.append(formed)
        for number, seen in changed:
            zone = context.columns.zone_table.at(number)
            if not self._remaining_queries(zone, seen):
                done.append(number)
                self._add(messages, zone, seen)
            else:
                context.busy[number] = 2
                self._waiting.append((number, zone, seen))
        self._queries += returns.queries
        self._answered += returns.answered
        await self._done(done, messages)
        await self._go_on(group)

    def _odd(self, formed: FormedPoll) -> tuple[Observation, ...]:
        """What was seen of a zone whose serials differ so that more is to be asked; () if it is complete."""
        if len({answer.serial for answer in formed.answers}) == 1:
            return ()
        poll = zone_poll(formed)
        zone = self._context.columns.zone_table.at(formed.number)
        return poll.seen if self._remaining_queries(zone, poll.seen) else ()

    async def _done(self, numbers: Sequence[int], messages: list[PollMessage]) -> None:
        self._asked += len(numbers)
        self._release(numbers)
        if messages:
            await self._publish(messages)

    async def _go_on(self, group: asyncio.TaskGroup) -> None:
        """Follow the zones that wait for it, as far as there is room; those of which nothing is wanted now are done."""
        while True:
            done: list[int] = []
            messages: list[PollMessage] = []
            while self._waiting and self._followed < MAX_FOLLOW_UPS and len(done) < CHUNK_SIZE:
                number, zone, seen = self._waiting.popleft()
                if wanted := self._remaining_queries(zone, seen):
                    self._followed += 1
                    group.create_task(self._complete_zone(number, zone, seen, wanted, group))
                else:
                    done.append(number)
                    self._add(messages, zone, seen)
            if not done:
                return
            await self._done(done, messages)

    async def _publish(self, messages: list[PollMessage]) -> None:
        """Nothing more is asked while the evaluator is behind."""
        self._blocked += 1
        try:
            await self._context.publish(*messages)
        finally:
            self._blocked -= 1
            self._room.set()

    def _add(self, messages: list[PollMessage], zone: Zone, seen: tuple[Observation, ...]) -> None:
        """Its poll, unless the zone has changed while it was asked: it was asked of another zone than there is now."""
        context = self._context
        if context.current(zone.name) == zone:
            messages.append(ZonePoll(zone.name, self._check.name, context.now(), self._cadence, seen, context.vantage))

    def _remaining_queries(self, zone: Zone, seen: tuple[Observation, ...]) -> list[Query]:
        """What the check still wants to know, and is worth asking: of an address that is dead altogether, it is not."""
        return [
            query for query in self._check.queries(zone, seen) if not self._context.tcp_targets[query.address].is_open
        ]

    async def _complete_zone(
        self, number: int, zone: Zone, seen: tuple[Observation, ...], wanted: list[Query], group: asyncio.TaskGroup
    ) -> None:
        try:
            while wanted:
                async with asyncio.TaskGroup() as few:
                    asking = [few.create_task(self._probe_tcp(query, seen)) for query in wanted]
                answers = tuple(answer for task in asking if (answer := task.result()) is not None)
                seen += answers
                self._queries += len(answers)
                self._answered += sum(answer.outcome is Outcome.ANSWERED for answer in answers)
                wanted = self._remaining_queries(zone, seen) if answers else []
            messages: list[PollMessage] = []
            self._add(messages, zone, seen)
            self._asked += 1
        finally:
            self._release((number,))
            self._followed -= 1
        if messages:
            await self._publish(messages)
        await self._go_on(group)

    async def _probe_tcp(self, query: Query, before: Sequence[Observation]) -> Observation | None:
        """Asks when there is room; None where it has turned out meanwhile that nobody is there.

        Nobody is there if nothing comes back, or no more than came back ``before``.
        """
        target = self._context.tcp_targets[query.address]
        same = {one.outcome for one in before if one.query.address == query.address and one.outcome.transport_failed}
        async with target.room:
            if target.is_open:
                return None
            target.busy += 1
            try:
                async for batch in self._context.probe((query,)):
                    for seen in batch:
                        failed = seen.outcome.no_response or seen.outcome in same
                        target.breaker.failure() if failed else target.breaker.success()
                        return seen
            finally:
                target.busy -= 1
        return None
