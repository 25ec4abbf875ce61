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
        self._many = settings.workers
        share = replace(
            settings,
            max_qps_per_server=settings.max_qps_per_server / self._many,
            max_qps=None if settings.max_qps is None else settings.max_qps / self._many,
            workers=1,
        )
        self._shares = [WorkerProcess(share, now, metrics) for _ in range(self._many)]
        self._owners = bytearray()
        """Slot → which worker asks there."""
        self._layouts: Sequence[AddressLayout] = ()

    @property
    def pids(self) -> list[int | None]:
        return [share.pid for share in self._shares]

    def use(
        self, layouts: Sequence[AddressLayout], address_metrics: AddressMetrics, was: "array[int] | None" = None
    ) -> None:
        owners = bytearray(len(address_metrics.rtts))
        for slot, past in enumerate(was or ()):
            if past >= 0:
                owners[slot] = self._owners[past]
        self._layouts, self._owners = layouts, owners
        for share in self._shares:
            share.use(layouts, address_metrics, was)

    async def ask(self, chunk: ZoneChunk) -> AsyncIterator[ChunkResult]:
        heard: asyncio.Queue[ChunkResult | None] = asyncio.Queue()
        parts = [(share, part) for share, part in zip(self._shares, self._parted(chunk), strict=True) if part.numbers]
        for share, part in parts:
            share.ask(part, heard.put_nowait)
        left = len(parts)
        while left:
            returns = await heard.get()
            if returns is None:
                left -= 1
            else:
                yield returns

    def enable_fast_path(self, slots: Sequence[int], min_expires: Sequence[int]) -> None:
        owners = self._owners
        for owner, share in enumerate(self._shares):
            mine = [place for place, slot in enumerate(slots) if owners[slot] == owner]
            if mine:
                share.enable_fast_path(
                    array("I", (slots[place] for place in mine)), array("I", (min_expires[place] for place in mine))
                )

    def disable_fast_path(self, slots: Sequence[int]) -> None:
        owners = self._owners
        for owner, share in enumerate(self._shares):
            mine = array("I", (slot for slot in slots if owners[slot] == owner))
            if mine:
                share.disable_fast_path(mine)

    def pending(self) -> int:
        return sum(share.pending for share in self._shares)

    async def close(self) -> None:
        await asyncio.gather(*(share.close() for share in self._shares))

    def _parted(self, chunk: ZoneChunk) -> list[ZoneChunk]:
        """What each worker is to ask."""
        parts = [ZoneChunk(array("I"), [], array("I"), array("I")) for _ in self._shares]
        sizes = [len(layout) for layout in self._layouts]
        for number, name, layout, slot in zip(chunk.numbers, chunk.names, chunk.layouts, chunk.slots, strict=True):
            owner = crc32(name.encode()) % self._many
            part = parts[owner]
            part.numbers.append(number)
            part.names.append(name)  # type: ignore[attr-defined]  # a list, made above
            part.layouts.append(layout)
            part.slots.append(slot)
            self._owners[slot : slot + sizes[layout]] = bytes((owner,)) * sizes[layout]
        return parts
