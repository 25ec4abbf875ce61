"""The bulk prober whose zones are spread over ``probe.workers`` processes."""

import asyncio
from array import array
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from typing import TypeVar

from checks.model import Observation, Query
from monitor.clock import Now
from monitor.polling.bulk import ChunkResult, RrsetChunk, ZoneChunk
from monitor.polling.workers.pending import PendingChunk, PendingRrsetPoll, PendingRrsets, PendingTcp, some_zones
from monitor.polling.workers.process import WorkerMetrics, WorkerProcess
from monitor.polling.workers.tcp_owners import TcpOwners
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.bulk.remap import remap
from monitor.probe.client.tcp_pipelines import MAX_PER_CONNECTION
from monitor.probe.message.soa_forms import SharedForms
from monitor.probe.settings import Probe, worker_of
from monitor.state.columns import AddressLayout

NOBODY = 255

_Result = TypeVar("_Result")


class WorkerPool:
    """A BulkProber. A zone is always asked by the same worker, told by its name, so that what that one remembers
    counts.

    Each has its share of the rates and of ``max_in_flight``, of which connections are a part, beside the service. Those
    that die are started again, know nothing, and are asked again for what they owe: that comes back changed, once, and
    is blamed on nobody. ``metrics`` counts for all of them.
    """

    def __init__(self, settings: Probe, now: Now, metrics: WorkerMetrics) -> None:
        self._count = settings.workers
        worker = settings.part(MAX_PER_CONNECTION)
        forms = SharedForms()
        self._workers = [WorkerProcess(worker, now, metrics, forms) for _ in range(self._count)]
        self._owners = bytearray()
        """Slot → which worker asks there, or NOBODY so far."""
        self._tcp_owners = TcpOwners(self._count)
        self._layouts: Sequence[AddressLayout] = ()
        self._address_metrics = AddressMetrics()

    def use(
        self, layouts: Sequence[AddressLayout], address_metrics: AddressMetrics, old_slots: "array[int] | None" = None
    ) -> None:
        owners = bytearray((NOBODY,)) * len(address_metrics.rtts)
        if old_slots is not None:
            remap(((self._owners, owners),), old_slots)
        self._layouts, self._owners, self._address_metrics = layouts, owners, address_metrics
        for worker in self._workers:
            worker.use(layouts, len(address_metrics.rtts), old_slots)

    def ask(self, chunk: ZoneChunk) -> AsyncIterator[ChunkResult]:
        results: asyncio.Queue[ChunkResult | None] = asyncio.Queue()
        parts = self._split(chunk, [len(layout) for layout in self._layouts])
        for worker, part in parts:
            worker.ask(PendingChunk(part, self._layouts, self._address_metrics, worker.forms, results.put_nowait))
        return _all_of(results, len(parts))

    def unchanged_rrsets(self, chunk: RrsetChunk) -> Awaitable["array[int]"]:
        layouts = self._layouts
        sizes = {layout: len(layouts[layout]) * len(some) for layout, some in chunk.questions.items()}
        asked: list[PendingRrsets] = []
        for worker, part in self._split(chunk.zones, sizes):
            questions = {layout: chunk.questions[layout] for layout in set(part.layouts)}
            asked.append(PendingRrsets(RrsetChunk(part, questions)))
            worker.ask(asked[-1])
        return _joined(asked)

    def poll_rrsets(self, queries: Sequence[tuple[Query, int]]) -> AsyncIterator[Sequence[Observation]]:
        results: asyncio.Queue[Sequence[Observation] | None] = asyncio.Queue()
        parts: dict[int, list[tuple[Query, int]]] = {}
        for query, slot in queries:
            owner = self._owners[slot] = self._owner(query.zone)
            parts.setdefault(owner, []).append((query, slot))
        for owner, part in parts.items():
            self._workers[owner].ask(PendingRrsetPoll(part, results.put_nowait))
        return _all_of(results, len(parts))

    async def ask_tcp(self, batches: Sequence[Sequence[Query]]) -> AsyncIterator[Sequence[tuple[int, bytes]]]:
        results: asyncio.Queue[Sequence[tuple[int, bytes]] | None] = asyncio.Queue()
        parts: dict[int, dict[int, Sequence[Query]]] = {}
        for index, queries in enumerate(batches):
            owner = self._tcp_owners.begin(queries[0].address, len(queries))
            parts.setdefault(owner, {})[index] = queries

        def on_heard(heard: Sequence[tuple[int, bytes]] | None) -> None:
            for index, _ in heard or ():
                self._tcp_owners.end(batches[index][0].address)
            results.put_nowait(heard)

        for owner, part in parts.items():
            self._workers[owner].ask(PendingTcp(part, on_heard))
        async for heard in _all_of(results, len(parts)):
            yield heard

    def enable_fast_path(self, slots: Sequence[int], min_expires: Sequence[int]) -> None:
        owners = self._owners
        for owner, worker in enumerate(self._workers):
            mine = [index for index, slot in enumerate(slots) if owners[slot] == owner]
            if mine:
                worker.enable_fast_path(
                    array("I", (slots[index] for index in mine)), array("I", (min_expires[index] for index in mine))
                )

    def disable_fast_path(self, slots: Sequence[int]) -> None:
        owners = self._owners
        for owner, worker in enumerate(self._workers):
            mine = array("I", (slot for slot in slots if owners[slot] == owner))
            if mine:
                worker.disable_fast_path(mine)

    def pending(self) -> int:
        return sum(worker.pending for worker in self._workers)

    async def close(self) -> None:
        await asyncio.gather(*(worker.close() for worker in self._workers))

    def _owner(self, zone: str) -> int:
        return worker_of(zone, self._count)

    def _split(
        self, chunk: ZoneChunk, sizes: Sequence[int] | Mapping[int, int]
    ) -> list[tuple[WorkerProcess, ZoneChunk]]:
        """What each worker is to ask, of those that are to ask anything. ``sizes`` has the slots of each layout."""
        names, layouts, owners = chunk.names, chunk.layouts, self._owners
        indices: list[list[int]] = [[] for _ in self._workers]
        for index, slot in enumerate(chunk.slots):
            owner = owners[slot]
            if owner == NOBODY:
                owner, end = self._owner(names[index]), slot + sizes[layouts[index]]
                owners[slot:end] = bytes((owner,)) * (end - slot)
            indices[owner].append(index)
        return [(worker, some_zones(chunk, some)) for worker, some in zip(self._workers, indices, strict=True) if some]


async def _all_of(results: "asyncio.Queue[_Result | None]", count: int) -> AsyncIterator[_Result]:
    """Until so many have come to their end."""
    while count:
        result = await results.get()
        if result is None:
            count -= 1
        else:
            yield result


async def _joined(asked: Iterable[PendingRrsets]) -> "array[int]":
    unchanged = array("I")
    for one in asked:
        unchanged += await one.unchanged
    return unchanged
