"""A process that asks for its share of the zones, and says what has changed: one of ``probe.workers``.

It is started by the service, talks to it over its standard input and output, and ends when the service does.
"""

import asyncio
import logging
import signal
import sys
from array import array
from collections.abc import AsyncIterator, Awaitable, Coroutine, Sequence

from checks.model import Observation
from monitor.clock import now
from monitor.polling.bulk import ChunkResult
from monitor.polling.local_prober import LocalBulkProber
from monitor.polling.workers import log as worker_log
from monitor.polling.workers.forms import ToldForms
from monitor.polling.workers.gathering import GatheredResults
from monitor.polling.workers.messages import (
    Ask,
    AskRrsets,
    AskTcp,
    Configure,
    DisableFastPath,
    Done,
    EnableFastPath,
    Failed,
    FromWorker,
    HeardTcp,
    PolledRrsets,
    PollRrsets,
    PollZones,
    StatsUpdate,
    UnchangedRrsets,
    UseLayouts,
    encode_message,
    read_message,
)
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.prober import ServiceProber
from monitor.state.columns import AddressLayout

STATS_INTERVAL = 1.0
"""Seconds between two messages of what was counted."""

log = logging.getLogger(__name__)

GATHERING = 0.02
"""Seconds for which what has come back of a chunk waits for more of it, while some is missing."""


class Worker:
    """One bulk prober, and the service at the other end of the pipes."""

    def __init__(self, begin: Configure, out: asyncio.StreamWriter) -> None:
        self._prober = ServiceProber(begin.settings, {}, now)
        self._bulk_prober = LocalBulkProber(self._prober, now)
        self._told_forms = ToldForms()
        self._out = out
        self._layouts: tuple[AddressLayout, ...] = ()
        self._address_metrics = AddressMetrics()
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, source: asyncio.StreamReader) -> None:
        """Until the service is gone."""
        counting = asyncio.create_task(self._send_stats())
        try:
            while True:
                self._take(await read_message(source))
        except EOFError:
            return
        finally:
            for task in (counting, *self._tasks):
                task.cancel()
            await asyncio.gather(counting, *self._tasks, return_exceptions=True)
            await self._prober.close()

    def _take(self, message: object) -> None:
        match message:
            case PollZones() | AskRrsets() | PollRrsets() | AskTcp():
                try:
                    work = self._work(message)
                except Exception as fault:
                    log.exception("a worker failed")
                    self._out.write(encode_message(Failed(message.number, type(fault).__name__)))
                else:
                    self._run(self._guarded(message.number, work))
            case UseLayouts(layouts, size, old_slots):
                self._layouts, self._address_metrics = tuple(layouts), AddressMetrics.of(size)
                self._bulk_prober.use(self._layouts, self._address_metrics, old_slots)
            case EnableFastPath(slots, min_expires):
                self._bulk_prober.enable_fast_path(slots, min_expires)
            case DisableFastPath(slots):
                self._bulk_prober.disable_fast_path(slots)
            case _:
                raise TypeError(f"the service says what no worker understands: {type(message).__name__}")

    def _work(self, ask: Ask) -> Coroutine[None, None, None]:
        """The prober is called here and not in a task: what is read next may be another plan."""
        match ask:
            case PollZones(number, chunk):
                gathered = GatheredResults(ask, self._layouts, self._address_metrics)
                return self._poll_zones(number, gathered, self._bulk_prober.ask(chunk))
            case AskRrsets(number, rrset_chunk):
                return self._ask_rrsets(number, self._bulk_prober.unchanged_rrsets(rrset_chunk))
            case PollRrsets(number, queries):
                return self._poll_rrsets(number, self._bulk_prober.poll_rrsets(queries))
            case AskTcp(number, batches):
                return self._ask_tcp(number, self._bulk_prober.ask_tcp(batches))

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, number: int, work: Coroutine[None, None, None]) -> None:
        """A fault of ours is no server's, and nobody waits for ever for what it has cost."""
        try:
            await work
        except ConnectionError:  # the service is gone, and so are we soon
            return
        except Exception as fault:
            log.exception("a worker failed")
            await self._send(Failed(number, type(fault).__name__))

    async def _poll_zones(self, number: int, gathered: GatheredResults, every: AsyncIterator[ChunkResult]) -> None:
        async for result in every:
            if not gathered:
                asyncio.get_running_loop().call_later(GATHERING, self._tell, gathered)
            gathered.add(result)
        rest = gathered.take(self._told_forms, last=True)
        await self._send(rest if rest is not None else Done(number))

    def _tell(self, gathered: GatheredResults) -> None:
        message = gathered.take(self._told_forms, last=False)
        if message is not None:
            self._out.write(encode_message(message))

    async def _ask_rrsets(self, number: int, unchanged: Awaitable["array[int]"]) -> None:
        await self._send(UnchangedRrsets(number, await unchanged))

    async def _poll_rrsets(self, number: int, every: AsyncIterator[Sequence[Observation]]) -> None:
        async for seen in every:
            await self._send(PolledRrsets(number, seen))
        await self._send(Done(number))

    async def _ask_tcp(self, number: int, every: AsyncIterator[Sequence[tuple[int, bytes]]]) -> None:
        async for heard in every:
            await self._send(HeardTcp(number, heard))
        await self._send(Done(number))

    async def _send_stats(self) -> None:
        while True:
            await asyncio.sleep(STATS_INTERVAL)
            await self._send(StatsUpdate(self._prober.stats.take()))

    async def _send(self, message: FromWorker) -> None:
        self._out.write(encode_message(message))
        await self._out.drain()


async def main() -> None:
    worker_log.set_up()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # systemd sends it to all, and the service still asks until it ends
    loop = asyncio.get_running_loop()
    source = asyncio.StreamReader(limit=2**26)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(source), sys.stdin.buffer)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout.buffer)
    sys.stdout = sys.stderr  # the pipe is for messages alone, whatever anybody prints
    out = asyncio.StreamWriter(transport, protocol, None, loop)
    try:
        begin = await read_message(source)
    except EOFError:
        return
    if not isinstance(begin, Configure):
        raise TypeError("the service does not say how to begin")
    await Worker(begin, out).serve(source)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except Exception:
        log.exception("a worker failed")
        sys.exit(1)
