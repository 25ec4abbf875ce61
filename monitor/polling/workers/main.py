"""A process that asks for its share of the zones, and says what has changed: one of ``probe.workers``.

It is started by the service, talks to it over its standard input and output, and ends when the service does.
"""

import asyncio
import sys
from array import array
from collections.abc import AsyncIterator, Iterable

from monitor.clock import now
from monitor.polling.bulk import ChunkResult
from monitor.polling.local_prober import LocalBulkProber
from monitor.polling.workers.messages import (
    Back,
    Configure,
    Counted,
    DisableFastPath,
    Done,
    EnableFastPath,
    FromWorker,
    PollZones,
    UseLayouts,
    read,
    written,
)
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.prober import ServiceProber
from monitor.state.columns import AddressLayout

COUNT_EVERY = 1.0
"""Seconds between two messages of what was counted."""


class Worker:
    """One bulk prober, and the service at the other end of the pipes."""

    def __init__(self, begin: Configure, out: asyncio.StreamWriter) -> None:
        self._prober = ServiceProber(begin.settings, {}, now)
        self._bulk_prober = LocalBulkProber(self._prober.engine, now)
        self._out = out
        self._layouts: tuple[AddressLayout, ...] = ()
        self._ticks = AddressMetrics()
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, source: asyncio.StreamReader) -> None:
        """Until the service is gone."""
        counting = asyncio.create_task(self._count())
        try:
            while True:
                self._take(await read(source))
        except EOFError:
            return
        finally:
            for task in (counting, *self._tasks):
                task.cancel()
            await asyncio.gather(counting, *self._tasks, return_exceptions=True)
            await self._prober.close()

    def _take(self, message: object) -> None:
        match message:
            case PollZones():
                # Called here and not in the task: what is read next may be another plan.
                task = asyncio.create_task(self._ask(message, self._bulk_prober.ask(message.chunk)))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            case UseLayouts(layouts, size, was):
                self._layouts, self._ticks = tuple(layouts), AddressMetrics.of(size)
                self._bulk_prober.use(self._layouts, self._ticks, was)
            case EnableFastPath(slots, min_expires):
                self._bulk_prober.enable_fast_path(slots, min_expires)
            case DisableFastPath(slots):
                self._bulk_prober.disable_fast_path(slots)
            case _:
                raise TypeError(f"the service says what no worker understands: {type(message).__name__}")

    async def _ask(self, ask: PollZones, every: AsyncIterator[ChunkResult]) -> None:
        chunk = ask.chunk
        slots = dict(zip(chunk.numbers, zip(chunk.slots, chunk.layouts, strict=True), strict=True))
        async for returns in every:
            await self._say(self._back(ask.number, returns, (slots[number] for number in returns.unchanged)))
        await self._say(Done(ask.number))

    def _back(self, number: int, returns: ChunkResult, places: Iterable[tuple[int, int]]) -> Back:
        rtts, expires = array("f"), array("q")
        for slot, layout in places:
            end = slot + len(self._layouts[layout])
            rtts += self._ticks.rtts[slot:end]
            expires += self._ticks.expires[slot:end]
        some = expires if any(expires) else None
        return Back(
            number, returns.at, returns.unchanged, rtts, some, returns.changed, returns.queries, returns.answered
        )

    async def _count(self) -> None:
        while True:
            await asyncio.sleep(COUNT_EVERY)
            await self._say(Counted(self._prober.stats.take()))

    async def _say(self, message: FromWorker) -> None:
        self._out.write(written(message))
        await self._out.drain()


async def main() -> None:
    loop = asyncio.get_running_loop()
    source = asyncio.StreamReader(limit=2**26)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(source), sys.stdin.buffer)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout.buffer)
    out = asyncio.StreamWriter(transport, protocol, None, loop)
    try:
        begin = await read(source)
    except EOFError:
        return
    if not isinstance(begin, Configure):
        raise TypeError("the service does not say how to begin")
    await Worker(begin, out).serve(source)


if __name__ == "__main__":
    asyncio.run(main())
