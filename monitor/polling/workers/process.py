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
    Back,
    Configure,
    Counted,
    DisableFastPath,
    Done,
    EnableFastPath,
    PollZones,
    ToWorker,
    UseLayouts,
    read,
    written,
)
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.settings import Probe
from monitor.probe.stats import ProbeStats
from monitor.state.columns import AddressLayout

log = structlog.get_logger(__name__)

PAUSES = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
"""Seconds before it is started again, by how often in a row it died without having brought anything back."""

GIVE_UP = 4
"""After so many deaths in a row, what it owes comes back unasked, for the sweep to go on."""

PARTING = 2.0
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
    """A chunk that has not come back as a whole. ``left`` is the place of each missing zone in it."""

    __slots__ = ("back", "chunk", "left")

    def __init__(self, chunk: ZoneChunk, back: Callable[[ChunkResult | None], None]) -> None:
        self.chunk, self.back = chunk, back
        self.left = {number: place for place, number in enumerate(chunk.numbers)}

    def rest(self) -> ZoneChunk:
        places = list(self.left.values())
        chunk = self.chunk
        return ZoneChunk(
            array("I", (chunk.numbers[place] for place in places)),
            [chunk.names[place] for place in places],
            array("I", (chunk.layouts[place] for place in places)),
            array("I", (chunk.slots[place] for place in places)),
        )


class WorkerProcess:
    """The zones of one worker process. It runs until ``close``."""

    def __init__(self, settings: Probe, now: Now, metrics: WorkerMetrics, program: Sequence[str] = ()) -> None:
        self._settings, self._now, self._metrics = settings, now, metrics
        self._program = tuple(program) or (sys.executable, "-m", "monitor.polling.workers.main")
        self._layouts: Sequence[AddressLayout] = ()
        self._ticks = AddressMetrics()
        self._owed: dict[int, PendingChunk] = {}
        self._asked = 0
        self._process: asyncio.subprocess.Process | None = None
        self._closed = False
        self._task = asyncio.create_task(self._live())

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def pending(self) -> int:
        """Zones that have not come back."""
        return sum(len(owed.left) for owed in self._owed.values())

    def use(self, layouts: Sequence[AddressLayout], address_metrics: AddressMetrics, was: "array[int] | None") -> None:
        self._layouts, self._ticks = layouts, address_metrics
        owed, self._owed = self._owed, {}
        self._say(UseLayouts(layouts, len(address_metrics.rtts), was))
        for one in owed.values():
            one.back(None)

    def ask(self, chunk: ZoneChunk, back: Callable[[ChunkResult | None], None]) -> None:
        """``back`` is told of zones as they come back, and None at the end."""
        self._asked += 1
        self._owed[self._asked] = PendingChunk(chunk, back)
        self._say(PollZones(self._asked, chunk))

    def enable_fast_path(self, slots: "array[int]", min_expires: "array[int]") -> None:
        self._say(EnableFastPath(slots, min_expires))

    def disable_fast_path(self, slots: "array[int]") -> None:
        self._say(DisableFastPath(slots))

    async def close(self) -> None:
        """What is owed comes back unasked."""
        self._closed = True
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._end()
        self._unasked("the monitor is stopping")

    # --- the process ---

    def _say(self, message: ToWorker) -> None:
        """To the process, if there is one: a new one is told all that counts when it begins."""
        process = self._process
        if process is not None and process.stdin is not None and not process.stdin.is_closing():
            process.stdin.write(written(message))

    async def _live(self) -> None:
        failed = 0
        while True:
            await asyncio.sleep(PAUSES[min(failed, len(PAUSES) - 1)])
            try:
                brought = await self._run()
            except OSError as error:
                brought = False
                log.error("worker cannot be started", error=str(error))  # noqa: TRY400 - the system's word is all
            failed = 1 if brought else failed + 1
            self._metrics.restarts.inc()
            log.warning("worker died", in_a_row=failed, zones_to_ask_again=self.pending)
            if failed >= GIVE_UP:
                self._unasked("the process that asks cannot be kept alive")

    async def _run(self) -> bool:
        """One process from start to death; whether it brought anything back. What is owed is asked again."""
        self._process = process = await asyncio.create_subprocess_exec(
            *self._program, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            limit=2**26, start_new_session=True,
        )  # fmt: skip
        try:
            self._say(Configure(self._settings))
            self._say(UseLayouts(self._layouts, len(self._ticks.rtts), None))
            for number, owed in self._owed.items():
                self._say(PollZones(number, owed.rest()))
            return await self._listen(process)
        finally:
            await self._end()

    async def _listen(self, process: asyncio.subprocess.Process) -> bool:
        brought = False
        assert process.stdout is not None  # noqa: S101 - it was asked for
        while True:
            try:
                message = await read(process.stdout)
            except EOFError:
                return brought
            match message:
                case Back():
                    brought = True
                    self._back(message)
                case Done(number):
                    self._done(number)
                case Counted(stats):
                    self._metrics.stats.add(stats)

    async def _end(self) -> None:
        """Its input ends, and so does it; or it is made to."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), PARTING)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    # --- what comes back ---

    def _back(self, message: Back) -> None:
        owed = self._owed.get(message.number)
        if owed is None:
            return  # asked under another plan
        chunk, place = owed.chunk, 0
        rtts, expires = self._ticks.rtts, self._ticks.expires
        for number in message.unchanged:
            at = owed.left.pop(number)
            slot, size = chunk.slots[at], len(self._layouts[chunk.layouts[at]])
            rtts[slot : slot + size] = message.rtts[place : place + size]
            if message.expires is not None:
                expires[slot : slot + size] = message.expires[place : place + size]
            place += size
        for number, _ in message.changed:
            del owed.left[number]
        owed.back(ChunkResult(message.at, message.unchanged, message.changed, message.queries, message.answered))

    def _done(self, number: int) -> None:
        owed = self._owed.pop(number, None)
        if owed is not None:
            owed.back(None)

    def _unasked(self, why: str) -> None:
        """All that is owed: it accuses nobody."""
        owed, self._owed = self._owed, {}
        for one in owed.values():
            rest = one.rest()
            at = self._now()
            changed = [
                (number, tuple(
                    Observation(
                        Query(name, place.server, place.address, name, "SOA", identify=True),
                        Outcome.UNASKED, at, detail=why,
                    )
                    for place in sorted(self._layouts[layout], key=lambda place: place.primary)
                ))
                for number, name, layout in zip(rest.numbers, rest.names, rest.layouts, strict=True)
            ]  # fmt: skip
            if changed:
                one.back(ChunkResult(at, array("I"), changed, sum(len(seen) for _, seen in changed), 0))
            one.back(None)
