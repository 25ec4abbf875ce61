"""One process that asks, as the service sees it: started again when it dies, and asked again for what it owes."""

import asyncio
import contextlib
import sys
from array import array
from collections.abc import Callable, Sequence

import structlog
from prometheus_client import CollectorRegistry, Counter

from checks.model import Observation, Outcome, Query
from monitor.clock import Now
from monitor.polling.bulk import ChunkResult, ZoneChunk
from monitor.polling.workers.messages import (
    ChunkDone,
    Configure,
    DisableFastPath,
    EnableFastPath,
    PartialResult,
    PollZones,
    StatsUpdate,
    ToWorker,
    UseLayouts,
    encode_message,
    read_message,
)
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.settings import Probe
from monitor.probe.stats import ProbeStats
from monitor.state.columns import AddressLayout

log = structlog.get_logger(__name__)

RESTART_DELAYS = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
"""Seconds before it is started again, by how often in a row it died without having brought anything back."""

MAX_RESTARTS = 4
"""After so many deaths in a row, what it owes comes back unasked, for the sweep to go on."""

TERMINATION_TIMEOUT = 2.0
"""Seconds it has to end by itself."""


class WorkerMetrics:
    """What is counted of all workers of a service, those of pools that a reload has replaced included."""

    def __init__(self, stats: ProbeStats, registry: CollectorRegistry | None = None) -> None:
        """``stats`` counts what the workers ask, beside what this process asks itself."""
        self.stats = stats
        self.restarts = Counter(
            "soawatch_worker_restarts",
            "Worker processes that died and were started again; what they had been asked was asked anew.",
            registry=registry,
        )


class PendingChunk:
    """A chunk that has not come back as a whole. ``missing`` is the place of each missing zone in it."""

    __slots__ = ("chunk", "missing", "on_result")

    def __init__(self, chunk: ZoneChunk, on_result: Callable[[ChunkResult | None], None]) -> None:
        self.chunk, self.on_result = chunk, on_result
        self.missing = {number: index for index, number in enumerate(chunk.numbers)}

    def missing_chunk(self) -> ZoneChunk:
        indices = list(self.missing.values())
        chunk = self.chunk
        return ZoneChunk(
            array("I", (chunk.numbers[index] for index in indices)),
            [chunk.names[index] for index in indices],
            array("I", (chunk.layouts[index] for index in indices)),
            array("I", (chunk.slots[index] for index in indices)),
        )


class WorkerProcess:
    """The zones of one worker process. It runs until ``close``."""

    def __init__(self, settings: Probe, now: Now, metrics: WorkerMetrics, program: Sequence[str] = ()) -> None:
        self._settings, self._now, self._metrics = settings, now, metrics
        self._program = tuple(program) or (sys.executable, "-m", "monitor.polling.workers.main")
        self._layouts: Sequence[AddressLayout] = ()
        self._address_metrics = AddressMetrics()
        self._pending: dict[int, PendingChunk] = {}
        self._last_number = 0
        self._process: asyncio.subprocess.Process | None = None
        self._closed = False
        self._task = asyncio.create_task(self._supervise())

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def pending(self) -> int:
        """Zones that have not come back."""
        return sum(len(pending.missing) for pending in self._pending.values())

    def use(
        self, layouts: Sequence[AddressLayout], address_metrics: AddressMetrics, old_slots: "array[int] | None"
    ) -> None:
        self._layouts, self._address_metrics = layouts, address_metrics
        pending, self._pending = self._pending, {}
        self._send(UseLayouts(layouts, len(address_metrics.rtts), old_slots))
        for one in pending.values():
            one.on_result(None)

    def ask(self, chunk: ZoneChunk, on_result: Callable[[ChunkResult | None], None]) -> None:
        """``on_result`` is told of zones as they come back, and None at the end."""
        self._last_number += 1
        self._pending[self._last_number] = PendingChunk(chunk, on_result)
        self._send(PollZones(self._last_number, chunk))

    def enable_fast_path(self, slots: "array[int]", min_expires: "array[int]") -> None:
        self._send(EnableFastPath(slots, min_expires))

    def disable_fast_path(self, slots: "array[int]") -> None:
        self._send(DisableFastPath(slots))

    async def close(self) -> None:
        """What is owed comes back unasked."""
        self._closed = True
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._end()
        self._unasked("the monitor is stopping")

    # --- the process ---

    def _send(self, message: ToWorker) -> None:
        """To the process, if there is one: a new one is told all that counts when it begins."""
        process = self._process
        if process is not None and process.stdin is not None and not process.stdin.is_closing():
            process.stdin.write(encode_message(message))

    async def _supervise(self) -> None:
        failed = 0
        while True:
            await asyncio.sleep(RESTART_DELAYS[min(failed, len(RESTART_DELAYS) - 1)])
            try:
                progressed = await self._run()
            except OSError as error:
                progressed = False
                log.error("worker cannot be started", error=str(error))  # noqa: TRY400 - the system's word is all
            failed = 1 if progressed else failed + 1
            self._metrics.restarts.inc()
            log.warning("worker died", in_a_row=failed, zones_to_ask_again=self.pending)
            if failed >= MAX_RESTARTS:
                self._unasked("the process that asks cannot be kept alive")

    async def _run(self) -> bool:
        """One process from start to death; whether it brought anything back. What is owed is asked again."""
        self._process = process = await asyncio.create_subprocess_exec(
            *self._program, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            limit=2**26, start_new_session=True,
        )  # fmt: skip
        try:
            self._send(Configure(self._settings))
            self._send(UseLayouts(self._layouts, len(self._address_metrics.rtts), None))
            for number, pending in self._pending.items():
                self._send(PollZones(number, pending.missing_chunk()))
            return await self._receive(process)
        finally:
            await self._end()

    async def _receive(self, process: asyncio.subprocess.Process) -> bool:
        progressed = False
        assert process.stdout is not None  # noqa: S101 - it was asked for
        while True:
            try:
                message = await read_message(process.stdout)
            except EOFError:
                return progressed
            match message:
                case PartialResult():
                    progressed = True
                    self._on_partial_result(message)
                case ChunkDone(number):
                    self._on_chunk_done(number)
                case StatsUpdate(stats):
                    self._metrics.stats.add(stats)

    async def _end(self) -> None:
        """Its input ends, and so does it; or it is made to."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), TERMINATION_TIMEOUT)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    # --- what comes back ---

    def _on_partial_result(self, message: PartialResult) -> None:
        pending = self._pending.get(message.number)
        if pending is None:
            return  # asked under another plan
        chunk, index = pending.chunk, 0
        rtts, expires = self._address_metrics.rtts, self._address_metrics.expires
        for number in message.unchanged:
            at = pending.missing.pop(number)
            slot, size = chunk.slots[at], len(self._layouts[chunk.layouts[at]])
            rtts[slot : slot + size] = message.rtts[index : index + size]
            if message.expires is not None:
                expires[slot : slot + size] = message.expires[index : index + size]
            index += size
        for number, _ in message.changed:
            del pending.missing[number]
        pending.on_result(
            ChunkResult(message.at, message.unchanged, message.changed, message.queries, message.answered)
        )

    def _on_chunk_done(self, number: int) -> None:
        pending = self._pending.pop(number, None)
        if pending is not None:
            pending.on_result(None)

    def _unasked(self, why: str) -> None:
        """All that is owed: it accuses nobody."""
        pending, self._pending = self._pending, {}
        for one in pending.values():
            missing = one.missing_chunk()
            at = self._now()
            changed = [
                (number, tuple(
                    Observation(
                        Query(name, index.server, index.address, name, "SOA", identify=True),
                        Outcome.UNASKED, at, detail=why,
                    )
                    for index in sorted(self._layouts[layout], key=lambda index: index.primary)
                ))
                for number, name, layout in zip(missing.numbers, missing.names, missing.layouts, strict=True)
            ]  # fmt: skip
            if changed:
                one.on_result(ChunkResult(at, array("I"), changed, sum(len(seen) for _, seen in changed), 0))
            one.on_result(None)
