"""One call of the engine, and what has come back of it."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime

from checks.model import Observation
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.bulk.batches import BatchUpdate
from monitor.probe.bulk.observations import failed, understood
from monitor.probe.bulk.target import BatchResult, PendingBatch


class BulkCall:
    """Batches, as they come; whoever does not read them to the end closes it."""

    def __init__(self, address_metrics: AddressMetrics, stop: Callable[["BulkCall"], None], *, by_ref: bool) -> None:
        """``by_ref``: it is of no use any more once there are other refs."""
        self.by_ref = by_ref
        self.tray = BatchResult()
        self.loads: list[PendingBatch] = []
        self.missing = 0
        """Those that have not been told."""
        self._stop = stop
        self._ticks = address_metrics
        self._told = 0
        self._marks: list[int] = []
        self._times: list[datetime] = []
        self._ready: list[BatchUpdate] = []
        self._woken: asyncio.Future[None] | None = None
        self._places: dict[int, int] = {}
        self._names: dict[int, tuple[PendingBatch, bytes]] = {}

    def __aiter__(self) -> "BulkCall":
        return self

    async def __anext__(self) -> BatchUpdate:
        while not self._ready:
            if self.tray.over or not self.missing:
                raise StopAsyncIteration
            self._woken = asyncio.get_running_loop().create_future()
            try:
                await self._woken
            finally:
                self._woken = None
        return self._ready.pop(0)

    async def aclose(self) -> None:
        """What has not been asked is not asked any more."""
        if not self.tray.over:
            self.tray.over = True
            self._stop(self)

    def observation(self, ref: int) -> Observation:
        """What one of the same said, whole. Raises KeyError of a ref that is not among those told so far."""
        if len(self._places) < self._told:
            self._places = {known: place for place, known in enumerate(self.tray.same)}
        if not self._names:
            self._names = {
                known: (load, name) for load in self.loads for known, name in zip(load.refs, load.names, strict=True)
            }
        place = self._places[ref]
        load, name = self._names[ref]
        at = self._times[bisect_right(self._marks, place)]
        if not self.tray.wires[place]:
            return failed(load.query(name), self.tray.silent[ref], at)
        return understood(load.query(name), self.tray.wires[place], self._ticks.rtts[ref], at)

    def tell(self, at: datetime) -> None:
        """Makes a batch of what has come, if anything has."""
        count = len(self.tray.same)
        if count == self._told and not self.tray.odd:
            return
        self._ready.append(BatchUpdate(self.tray.same[self._told :], self.tray.odd, at))
        self._marks.append(count)
        self._times.append(at)
        self.missing -= count - self._told + len(self.tray.odd)
        self._told, self.tray.odd = count, []
        self.wake()

    @property
    def untold(self) -> bool:
        return bool(self.tray.odd) or len(self.tray.same) != self._told

    @property
    def complete(self) -> bool:
        """All have come, told or not."""
        return self.missing == len(self.tray.same) - self._told + len(self.tray.odd)

    def wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)
