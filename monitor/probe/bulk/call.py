"""One call of the engine, and what has come back of it."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime

from checks.model import Observation
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.bulk.batches import BatchUpdate
from monitor.probe.bulk.observations import reread_observation
from monitor.probe.bulk.target import BatchResult, PendingBatch
from monitor.probe.client.observations import failed


class BulkCall:
    """Batches, as they come; whoever does not read them to the end closes it."""

    def __init__(
        self,
        address_metrics: AddressMetrics,
        result: BatchResult,
        cancel: Callable[["BulkCall"], None],
        *,
        by_slot: bool,
    ) -> None:
        """``by_slot``: it is cancelled when the slots are renumbered."""
        self.by_slot = by_slot
        self.result = result
        self.pending: list[PendingBatch] = []
        self.missing = 0
        """Queries whose result is not in a batch yet."""
        self._cancel = cancel
        self._ticks = address_metrics
        self._flushed = 0
        self._marks: list[int] = []
        self._times: list[datetime] = []
        self._ready: list[BatchUpdate] = []
        self._waiter: asyncio.Future[None] | None = None
        self._positions: dict[int, int] = {}
        self._names: dict[int, tuple[PendingBatch, bytes]] = {}

    def __aiter__(self) -> "BulkCall":
        return self

    async def __anext__(self) -> BatchUpdate:
        while not self._ready:
            if self.result.cancelled or not self.missing:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._ready.pop(0)

    async def aclose(self) -> None:
        """What has not been asked is not asked any more."""
        if not self.result.cancelled:
            self.result.cancelled = True
            if self.missing:
                self._cancel(self)

    def observation(self, slot: int) -> Observation:
        """The observation of an unchanged slot. Raises KeyError for a slot that is in no batch so far."""
        if len(self._positions) < self._flushed:
            self._positions = {known: place for place, known in enumerate(self.result.unchanged)}
        if not self._names:
            self._names = {
                known: (pending, name)
                for pending in self.pending
                for known, name in zip(pending.slots, pending.names, strict=True)
            }
        place = self._positions[slot]
        pending, name = self._names[slot]
        at = self._times[bisect_right(self._marks, place)]
        if not self.result.wires[place]:
            return failed(pending.query(name), self.result.failures[slot], at)
        return reread_observation(pending.query(name), self.result.wires[place], self._ticks.rtts[slot], at)

    def flush(self, at: datetime) -> None:
        """Makes a batch of what has come, if anything has."""
        count = len(self.result.unchanged)
        result = self.result
        if count == self._flushed and not result.changed and not result.formed:
            return
        self._ready.append(BatchUpdate(result.unchanged[self._flushed :], result.changed, at, result.formed))
        self._marks.append(count)
        self._times.append(at)
        self.missing -= self._unflushed
        self._flushed, result.changed, result.formed = count, [], []
        self.notify()

    @property
    def complete(self) -> bool:
        """All results are there, flushed or not."""
        return self.missing == self._unflushed

    @property
    def _unflushed(self) -> int:
        return len(self.result.unchanged) - self._flushed + len(self.result.changed) + len(self.result.formed)

    def notify(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
