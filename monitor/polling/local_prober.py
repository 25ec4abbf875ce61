"""The bulk prober on the engine and the TCP pipelines of this very process."""

import asyncio
from array import array
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from weakref import WeakSet

from checks.model import Address, Observation, Outcome, Query
from monitor.clock import Now
from monitor.polling.bulk import ChunkResult, RrsetChunk, ZoneChunk
from monitor.polling.local_rrsets import LocalRrsets
from monitor.polling.local_tcp import LocalTcp
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.bulk.batches import BatchUpdate, QueryBatch
from monitor.probe.bulk.call import BulkCall
from monitor.probe.bulk.engine import BulkEngine
from monitor.probe.bulk.observations import formed_observation
from monitor.probe.message.bulk_names import wire_names
from monitor.probe.message.soa_forms import FormedAnswer
from monitor.probe.prober import ServiceProber
from monitor.state.columns import AddressLayout, Endpoint

Groups = dict[tuple[str, Address], tuple[list[bytes], list[int]]]
"""Server and address → names and slots to be asked there."""


class LocalBulkProber:
    """A BulkProber. Of zones whose every response is recognised no observations are made."""

    def __init__(self, prober: ServiceProber, now: Now) -> None:
        """``prober`` is the caller's, who closes it."""
        self._engine, self._now = prober.engine, now
        self._rrsets, self._tcp = LocalRrsets(prober.engine), LocalTcp(prober.tcp_pipelines)
        self._layouts: Sequence[AddressLayout] = ()
        self._polls: WeakSet[_ChunkPoll] = WeakSet()

    def use(
        self, layouts: Sequence[AddressLayout], address_metrics: AddressMetrics, old_slots: "array[int] | None" = None
    ) -> None:
        for chunk_poll in self._polls:
            chunk_poll.cancel()
        self._layouts = layouts
        self._engine.use(address_metrics, old_slots)

    def ask(self, chunk: ZoneChunk) -> AsyncIterator[ChunkResult]:
        """By the plan that is in use at the call, whenever the first of the returns is waited for."""
        chunk_poll = _ChunkPoll(self._engine, self._layouts, chunk, self._now)
        self._polls.add(chunk_poll)
        return chunk_poll.results()

    def unchanged_rrsets(self, chunk: RrsetChunk) -> Awaitable["array[int]"]:
        return self._rrsets.unchanged(self._layouts, chunk)

    def poll_rrsets(self, queries: Sequence[tuple[Query, int]]) -> AsyncIterator[Sequence[Observation]]:
        return self._rrsets.poll(queries)

    def ask_tcp(self, batches: Sequence[Sequence[Query]]) -> AsyncIterator[Sequence[tuple[int, bytes]]]:
        return self._tcp.ask(batches)

    def enable_fast_path(self, slots: Sequence[int], min_expires: Sequence[int]) -> None:
        self._engine.enable_fast_path(slots, min_expires)

    def disable_fast_path(self, slots: Sequence[int]) -> None:
        self._engine.disable_fast_path(slots)

    def pending(self) -> int:
        """None: what is asked here is pending in the prober."""
        return 0

    async def close(self) -> None:
        """Nothing is held here; what is in flight ends with the prober."""


class _ChunkPoll:
    """One chunk under way. Its zones are known here by their place in the chunk."""

    def __init__(self, engine: BulkEngine, layouts: Sequence[AddressLayout], chunk: ZoneChunk, now: Now) -> None:
        self._engine, self._layouts, self._chunk, self._now = engine, layouts, chunk, now
        self._names = wire_names(chunk.names)
        self._zone_of_slot: dict[int, int] = {}
        """Slot → zone."""
        self._remaining = [0] * len(chunk.numbers)
        """Addresses that have not been heard yet, in this turn of the zone."""
        self._primary_layouts: dict[int, tuple[Endpoint, ...]] = {}
        """Layout → its primary's addresses, where there are others to be asked before."""
        self._primary_calls: dict[int, BulkCall] = {}
        """Zone → the call in which its primary is asked, once its turn has come."""
        self._changed: dict[int, Observation] = {}
        self._formed: dict[int, FormedAnswer] = {}
        """By slot, as ``_changed``: an address is in one of them at most."""
        self._changed_zones: set[int] = set()
        """Zones with a changed address."""
        self._updates: asyncio.Queue[tuple[BulkCall, BatchUpdate] | None] = asyncio.Queue()
        self._pumps: set[asyncio.Task[None]] = set()
        self._queries = self._answered = 0
        self._cancelled = False
        """There is another plan: the engine's slots are no longer ours, nor are those heard already."""

    async def results(self) -> AsyncIterator[ChunkResult]:
        if self._cancelled:
            return
        try:
            async for result in self._results():
                yield result
        finally:
            for pump in self._pumps:
                pump.cancel()
            await asyncio.gather(*self._pumps, return_exceptions=True)

    def cancel(self) -> None:
        self._cancelled = True
        self._updates.put_nowait(None)

    async def _results(self) -> AsyncIterator[ChunkResult]:
        self._first_call = self._ask(self._first_groups())
        while self._pumps or not self._updates.empty():
            update = await self._updates.get()
            if self._cancelled:
                return
            if update is None:
                continue
            done = self._apply(*update)
            if complete := self._ask_primaries(done):
                yield self._result(complete)

    # --- asking ---

    def _first_groups(self) -> Groups:
        """Everybody but the primaries; a zone that has nobody else begins with its primary."""
        groups: Groups = defaultdict(lambda: ([], []))
        zones_by_layout: dict[int, list[int]] = defaultdict(list)
        for zone, layout in enumerate(self._chunk.layouts):
            zones_by_layout[layout].append(zone)
        for layout, zones in zones_by_layout.items():
            endpoints = list(enumerate(self._layouts[layout]))
            first = [(offset, endpoint) for offset, endpoint in endpoints if not endpoint.primary]
            if first and len(first) < len(endpoints):
                self._primary_layouts[layout] = tuple(self._layouts[layout])
            self._add(groups, zones, first or endpoints)
        return groups

    def _add(self, groups: Groups, zones: Sequence[int], endpoints: Iterable[tuple[int, Endpoint]]) -> None:
        names = [self._names[zone] for zone in zones]
        starts = self._chunk.slots
        count = 0
        for offset, endpoint in endpoints:
            slots = [starts[zone] + offset for zone in zones]
            self._zone_of_slot.update(zip(slots, zones, strict=True))
            group = groups[endpoint.server, endpoint.address]
            group[0].extend(names)
            group[1].extend(slots)
            count += 1
        for zone in zones:
            self._remaining[zone] = count

    def _ask(self, groups: Groups) -> BulkCall:
        batches = [QueryBatch(server, address, names, slots) for (server, address), (names, slots) in groups.items()]
        call = self._engine.ask(batches, formed=True)
        pump = asyncio.create_task(self._pump(call))
        self._pumps.add(pump)
        pump.add_done_callback(self._ended)
        return call

    async def _pump(self, call: BulkCall) -> None:
        try:
            async for update in call:
                self._updates.put_nowait((call, update))
        finally:
            await call.aclose()

    def _ended(self, pump: asyncio.Task[None]) -> None:
        self._pumps.discard(pump)
        self._updates.put_nowait(None)

    # --- what comes back ---

    def _apply(self, call: BulkCall, update: BatchUpdate) -> list[int]:
        """The zones of which nobody is left to be heard in this turn."""
        owner, remaining, done = self._zone_of_slot, self._remaining, []
        for slot in update.unchanged:
            zone = owner[slot]
            remaining[zone] -= 1
            if not remaining[zone]:
                done.append(zone)
        for slot, seen in update.changed:
            zone = owner[slot]
            self._changed[slot] = seen
            self._changed_zones.add(zone)
            self._answered += seen.outcome is Outcome.ANSWERED
            remaining[zone] -= 1
            if not remaining[zone]:
                done.append(zone)
        for slot, answer in update.formed:
            zone = owner[slot]
            self._formed[slot] = answer
            self._changed_zones.add(zone)
            remaining[zone] -= 1
            if not remaining[zone]:
                done.append(zone)
        self._queries += len(update.unchanged) + len(update.changed) + len(update.formed)
        self._answered += len(update.unchanged) + len(update.formed)
        if call.result.failures:
            self._answered -= sum(slot in call.result.failures for slot in update.unchanged)
        return done

    def _ask_primaries(self, done: Iterable[int]) -> list[int]:
        """Asks the primaries of zones whose other addresses have been heard; which zones are complete."""
        if not self._primary_layouts:
            return list(done)
        complete: list[int] = []
        zones_by_layout: dict[int, list[int]] = defaultdict(list)
        for zone in done:
            layout = self._chunk.layouts[zone]
            if layout in self._primary_layouts and zone not in self._primary_calls:
                zones_by_layout[layout].append(zone)
            else:
                complete.append(zone)
        if zones_by_layout:
            groups: Groups = defaultdict(lambda: ([], []))
            for layout, zones in zones_by_layout.items():
                self._add(
                    groups,
                    zones,
                    [(n, endpoint) for n, endpoint in enumerate(self._primary_layouts[layout]) if endpoint.primary],
                )
            call = self._ask(groups)
            for zones in zones_by_layout.values():
                self._primary_calls.update(dict.fromkeys(zones, call))
        return complete

    def _result(self, zones: Sequence[int]) -> ChunkResult:
        numbers = self._chunk.numbers
        changed_zones = self._changed_zones
        changed: list[tuple[int, tuple[Observation, ...]]] = []
        formed: list[tuple[int, tuple[FormedAnswer, ...]]] = []
        if changed_zones:
            unchanged = array("I", (numbers[zone] for zone in zones if zone not in changed_zones))
            for zone in zones:
                if zone in changed_zones:
                    if answers := self._answers(zone):
                        formed.append((numbers[zone], answers))
                    else:
                        changed.append((numbers[zone], self._observations(zone)))
        else:
            unchanged = array("I", map(numbers.__getitem__, zones))
        queries, answered = self._queries, self._answered
        self._queries = self._answered = 0
        return ChunkResult(self._now(), unchanged, changed, queries, answered, formed)

    def _answers(self, zone: int) -> tuple[FormedAnswer, ...]:
        """What all its addresses said, in order, where all of it was recognised; none is on the fast path then."""
        start, size, formed = self._chunk.slots[zone], len(self._layouts[self._chunk.layouts[zone]]), self._formed
        try:
            return tuple([formed[slot] for slot in range(start, start + size)])
        except KeyError:
            return ()

    def _observations(self, zone: int) -> tuple[Observation, ...]:
        """What all its addresses said, in the order of asking. Changed together: none stays on the fast path."""
        start, layout = self._chunk.slots[zone], self._layouts[self._chunk.layouts[zone]]
        self._engine.disable_fast_path(range(start, start + len(layout)))
        order = sorted(range(len(layout)), key=lambda offset: layout[offset].primary)
        return tuple(self._observation(zone, start + offset, layout[offset]) for offset in order)

    def _observation(self, zone: int, slot: int, endpoint: Endpoint) -> Observation:
        changed = self._changed.pop(slot, None)
        if changed is not None:
            return changed
        answer = self._formed.pop(slot, None)
        if answer is not None:
            return formed_observation(self._chunk.names[zone], endpoint.server, endpoint.address, answer)
        call = self._primary_calls.get(zone, self._first_call) if endpoint.primary else self._first_call
        return call.observation(slot)
