"""The bulk prober on the engine of this very process."""

import asyncio
from array import array
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from weakref import WeakSet

from checks.model import Address, Observation, Outcome
from monitor.clock import Now
from monitor.polling.bulk import ChunkResult, ZoneChunk
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.bulk.batches import BatchUpdate, QueryBatch
from monitor.probe.bulk.call import BulkCall
from monitor.probe.bulk.engine import BulkEngine
from monitor.probe.message.bulk_names import wire_names
from monitor.state.columns import AddressLayout, Endpoint

Groups = dict[tuple[str, Address], tuple[list[bytes], list[int]]]
"""Server and address → names and slots to be asked there."""


class LocalBulkProber:
    """A BulkProber. The engine is the caller's, who closes it."""

    def __init__(self, engine: BulkEngine, now: Now) -> None:
        self._engine = engine
        self._now = now
        self._layouts: Sequence[AddressLayout] = ()
        self._under_way: WeakSet[_Asked] = WeakSet()

    def use(
        self, layouts: Sequence[AddressLayout], address_metrics: AddressMetrics, was: "array[int] | None" = None
    ) -> None:
        for asked in self._under_way:
            asked.end()
        self._layouts = layouts
        self._engine.use(address_metrics, was)

    def ask(self, chunk: ZoneChunk) -> AsyncIterator[ChunkResult]:
        """By the plan that is in use at the call, whenever the first of the returns is waited for."""
        asked = _Asked(self._engine, self._layouts, chunk, self._now)
        self._under_way.add(asked)
        return asked.all()

    def enable_fast_path(self, slots: Sequence[int], min_expires: Sequence[int]) -> None:
        self._engine.enable_fast_path(slots, min_expires)

    def disable_fast_path(self, slots: Sequence[int]) -> None:
        self._engine.disable_fast_path(slots)

    def pending(self) -> int:
        """None: what is asked here is pending in the engine."""
        return 0

    async def close(self) -> None:
        """Nothing is held here; what is in flight ends with the engine."""


class _Asked:
    """One chunk under way. Its zones are known here by their place in the chunk."""

    def __init__(self, engine: BulkEngine, layouts: Sequence[AddressLayout], chunk: ZoneChunk, now: Now) -> None:
        self._engine, self._layouts, self._chunk, self._now = engine, layouts, chunk, now
        self._names = wire_names(chunk.names)
        self._owner: dict[int, int] = {}
        """Slot → zone."""
        self._left = [0] * len(chunk.numbers)
        """Addresses that have not been heard yet, in this turn of the zone."""
        self._last: dict[int, tuple[Endpoint, ...]] = {}
        """Layout → its primary's addresses, where there are others to be asked before."""
        self._turns: dict[int, BulkCall] = {}
        """Zone → the call in which its primary is asked, once its turn has come."""
        self._odd: dict[int, Observation] = {}
        self._loud: set[int] = set()
        """Zones with a changed address."""
        self._heard: asyncio.Queue[tuple[BulkCall, BatchUpdate] | None] = asyncio.Queue()
        self._pumps: set[asyncio.Task[None]] = set()
        self._queries = self._answered = 0
        self._over = False
        """There is another plan: the engine's slots are no longer ours, nor are those heard already."""

    async def all(self) -> AsyncIterator[ChunkResult]:
        if self._over:
            return
        try:
            async for returns in self._returned():
                yield returns
        finally:
            for pump in self._pumps:
                pump.cancel()
            await asyncio.gather(*self._pumps, return_exceptions=True)

    def end(self) -> None:
        self._over = True
        self._heard.put_nowait(None)

    async def _returned(self) -> AsyncIterator[ChunkResult]:
        self._first = self._ask(self._opening())
        while self._pumps or not self._heard.empty():
            heard = await self._heard.get()
            if self._over:
                return
            if heard is None:
                continue
            done = self._take(*heard)
            if complete := self._primaries(done):
                yield self._returns(complete)

    # --- asking ---

    def _opening(self) -> Groups:
        """Everybody but the primaries; a zone that has nobody else begins with its primary."""
        groups: Groups = defaultdict(lambda: ([], []))
        template_ids: dict[int, list[int]] = defaultdict(list)
        for zone, kind in enumerate(self._chunk.layouts):
            template_ids[kind].append(zone)
        for kind, zones in template_ids.items():
            places = list(enumerate(self._layouts[kind]))
            first = [(offset, place) for offset, place in places if not place.primary]
            if first and len(first) < len(places):
                self._last[kind] = tuple(self._layouts[kind])
            self._add(groups, zones, first or places)
        return groups

    def _add(self, groups: Groups, zones: Sequence[int], places: Iterable[tuple[int, Endpoint]]) -> None:
        names = [self._names[zone] for zone in zones]
        starts = self._chunk.slots
        count = 0
        for offset, place in places:
            slots = [starts[zone] + offset for zone in zones]
            self._owner.update(zip(slots, zones, strict=True))
            group = groups[place.server, place.address]
            group[0].extend(names)
            group[1].extend(slots)
            count += 1
        for zone in zones:
            self._left[zone] = count

    def _ask(self, groups: Groups) -> BulkCall:
        batches = [QueryBatch(server, address, names, slots) for (server, address), (names, slots) in groups.items()]
        asking = self._engine.ask(batches)
        pump = asyncio.create_task(self._pump(asking))
        self._pumps.add(pump)
        pump.add_done_callback(self._ended)
        return asking

    async def _pump(self, asking: BulkCall) -> None:
        try:
            async for heard in asking:
                self._heard.put_nowait((asking, heard))
        finally:
            await asking.aclose()

    def _ended(self, pump: asyncio.Task[None]) -> None:
        self._pumps.discard(pump)
        self._heard.put_nowait(None)

    # --- hearing ---

    def _take(self, asking: BulkCall, heard: BatchUpdate) -> list[int]:
        """The zones of which nobody is left to be heard in this turn."""
        owner, left, done = self._owner, self._left, []
        for slot in heard.unchanged:
            zone = owner[slot]
            left[zone] -= 1
            if not left[zone]:
                done.append(zone)
        for slot, seen in heard.changed:
            zone = owner[slot]
            self._odd[slot] = seen
            self._loud.add(zone)
            self._answered += seen.outcome is Outcome.ANSWERED
            left[zone] -= 1
            if not left[zone]:
                done.append(zone)
        self._queries += len(heard.unchanged) + len(heard.changed)
        self._answered += len(heard.unchanged)
        if asking.result.failures:
            self._answered -= sum(slot in asking.result.failures for slot in heard.unchanged)
        return done

    def _primaries(self, done: Iterable[int]) -> list[int]:
        """Asks the primaries of zones whose other addresses have been heard; which zones are complete."""
        if not self._last:
            return list(done)
        complete: list[int] = []
        template_ids: dict[int, list[int]] = defaultdict(list)
        for zone in done:
            kind = self._chunk.layouts[zone]
            if kind in self._last and zone not in self._turns:
                template_ids[kind].append(zone)
            else:
                complete.append(zone)
        if template_ids:
            groups: Groups = defaultdict(lambda: ([], []))
            for kind, zones in template_ids.items():
                self._add(groups, zones, [(n, place) for n, place in enumerate(self._last[kind]) if place.primary])
            asking = self._ask(groups)
            for zones in template_ids.values():
                self._turns.update(dict.fromkeys(zones, asking))
        return complete

    def _returns(self, zones: Sequence[int]) -> ChunkResult:
        numbers = self._chunk.numbers
        loud = self._loud
        if loud:
            quiet = array("I", (numbers[zone] for zone in zones if zone not in loud))
            odd = [(numbers[zone], self._seen(zone)) for zone in zones if zone in loud]
        else:
            quiet, odd = array("I", map(numbers.__getitem__, zones)), []
        queries, answered = self._queries, self._answered
        self._queries = self._answered = 0
        return ChunkResult(self._now(), quiet, odd, queries, answered)

    def _seen(self, zone: int) -> tuple[Observation, ...]:
        """What all its addresses said, in the order of asking. Odd together: none is on the fast path any more."""
        start, layout = self._chunk.slots[zone], self._layouts[self._chunk.layouts[zone]]
        self._engine.disable_fast_path(range(start, start + len(layout)))
        order = sorted(range(len(layout)), key=lambda offset: layout[offset].primary)
        return tuple(self._observation(zone, start + offset, primary=layout[offset].primary) for offset in order)

    def _observation(self, zone: int, slot: int, *, primary: bool) -> Observation:
        odd = self._odd.pop(slot, None)
        if odd is not None:
            return odd
        asking = self._turns.get(zone, self._first) if primary else self._first
        return asking.observation(slot)
