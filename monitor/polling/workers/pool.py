"""The bulk prober whose zones are spread over ``probe.workers`` processes."""

import asyncio
from array import array
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from zlib import crc32

from monitor.clock import Now
from monitor.polling.bulk import ChunkResult, ZoneChunk
from monitor.polling.workers.process import WorkerMetrics, WorkerProcess
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.settings import Probe
from monitor.state.columns import AddressLayout


class WorkerPool:
    """A BulkProber. A zone is always asked by the same worker, told by its name, so that what that one remembers
    counts.

    Each has its share of the rates. Those that die are started again, know nothing, and are asked again for
    what they owe: that comes back changed, once, and is blamed on nobody. ``metrics`` counts for all of them.
    """

    def __init__(self, settings: Probe, now: Now, metrics: WorkerMetrics) -> None:
        self._count = settings.workers
        worker = replace(
            settings,
            max_qps_per_server=settings.max_qps_per_server / self._count,
            max_qps=None if settings.max_qps is None else settings.max_qps / self._count,
            workers=1,
        )
        self._workers = [WorkerProcess(worker, now, metrics) for _ in range(self._count)]
        self._owners = bytearray()
        """Slot → which worker asks there."""
        self._layouts: Sequence[AddressLayout] = ()

    def use(
        self, layouts: Sequence[AddressLayout], address_metrics: AddressMetrics, old_slots: "array[int] | None" = None
    ) -> None:
        owners = bytearray(len(address_metrics.rtts))
        for slot, past in enumerate(old_slots or ()):
            if past >= 0:
                owners[slot] = self._owners[past]
        self._layouts, self._owners = layouts, owners
        for worker in self._workers:
            worker.use(layouts, address_metrics, old_slots)

    async def ask(self, chunk: ZoneChunk) -> AsyncIterator[ChunkResult]:
        results: asyncio.Queue[ChunkResult | None] = asyncio.Queue()
        parts = [(worker, part) for worker, part in zip(self._workers, self._split(chunk), strict=True) if part.numbers]
        for worker, part in parts:
            worker.ask(part, results.put_nowait)
        left = len(parts)
        while left:
            result = await results.get()
            if result is None:
                left -= 1
            else:
                yield result

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

    def _split(self, chunk: ZoneChunk) -> list[ZoneChunk]:
        """What each worker is to ask."""
        parts = [ZoneChunk(array("I"), [], array("I"), array("I")) for _ in self._workers]
        sizes = [len(layout) for layout in self._layouts]
        for number, name, layout, slot in zip(chunk.numbers, chunk.names, chunk.layouts, chunk.slots, strict=True):
            owner = crc32(name.encode()) % self._count
            part = parts[owner]
            part.numbers.append(number)
            part.names.append(name)  # type: ignore[attr-defined]  # a list, made above
            part.layouts.append(layout)
            part.slots.append(slot)
            self._owners[slot : slot + sizes[layout]] = bytes((owner,)) * sizes[layout]
        return parts
