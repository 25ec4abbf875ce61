"""One process that asks, as the service sees it: started again when it dies, and asked again for what it owes."""

import asyncio
import contextlib
import sys
from array import array
from collections.abc import Sequence

import structlog
from prometheus_client import CollectorRegistry, Counter

from monitor.clock import Now
from monitor.polling.workers import log_relay
from monitor.polling.workers.forms import HeardForms
from monitor.polling.workers.messages import (
    Configure,
    DisableFastPath,
    Done,
    EnableFastPath,
    Failed,
    HeardTcp,
    PartialResult,
    PolledRrsets,
    StatsUpdate,
    ToWorker,
    UnchangedRrsets,
    UseLayouts,
    WorkerAnswer,
    encode_message,
    read_message,
)
from monitor.polling.workers.pending import Pending
from monitor.probe.message.soa_forms import SharedForms
from monitor.probe.settings import Probe
from monitor.probe.stats import ProbeStats
from monitor.state.columns import AddressLayout

log = structlog.get_logger(__name__)

RESTART_DELAYS = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
"""Seconds before it is started again, by how often in a row it died without having brought anything back."""

MAX_RESTARTS = 4
"""After so many deaths in a row, what it owes comes back unasked, for the sweep to go on."""

STOPPING = "the monitor is stopping"

TERMINATION_TIMEOUT = 2.0
"""Seconds it has to end by itself."""

MAX_SILENCE = 30.0
"""Seconds without a word from it, who says each second what it has counted: then it hangs, or is suspended."""

LOOK_INTERVAL = 1.0
"""Seconds between two looks at that; they are counted, so that no time passes while this process is suspended."""


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


class WorkerProcess:
    """The zones of one worker process. It runs until ``close``."""

    def __init__(
        self,
        settings: Probe,
        now: Now,
        metrics: WorkerMetrics,
        forms: SharedForms,
        program: Sequence[str] = (),
        max_silence: float = MAX_SILENCE,
    ) -> None:
        self._settings, self._now, self._metrics = settings, now, metrics
        self._program = tuple(program) or (sys.executable, "-m", "monitor.polling.workers.main")
        self._layouts: Sequence[AddressLayout] = ()
        self._slots = 0
        self.forms = HeardForms(forms)
        self._pending: dict[int, Pending] = {}
        self._last_number = 0
        self._process: asyncio.subprocess.Process | None = None
        self._status: int | None = None
        """How the latest one has ended, as the system says it."""
        self._closed = False
        self._max_silence = max_silence
        self._has_spoken = False
        """Since the latest look."""
        self._task = asyncio.create_task(self._supervise())

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def pending(self) -> int:
        """Zones or queries that have not come back."""
        return sum(pending.missing for pending in self._pending.values())

    def use(self, layouts: Sequence[AddressLayout], slots: int, old_slots: "array[int] | None") -> None:
        """``slots``: how many there are. What is pending by slot ends."""
        self._layouts, self._slots = layouts, slots
        ended = [number for number, pending in self._pending.items() if pending.by_slot]
        self._send(UseLayouts(layouts, slots, old_slots))
        for number in ended:
            self._pending.pop(number).end()

    def ask(self, pending: Pending) -> None:
        if self._closed:
            pending.unasked(self._now(), STOPPING)
            pending.end()
            return
        self._last_number += 1
        self._pending[self._last_number] = pending
        self._send(pending.ask(self._last_number))

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
        self._unasked(STOPPING)

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
            except Exception:
                progressed = False
                log.exception("what a worker says cannot be understood")
            failed = 1 if progressed else failed + 1
            self._metrics.restarts.inc()
            log.warning("worker died", status=self._status, in_a_row=failed, to_ask_again=self.pending)
            if failed >= MAX_RESTARTS:
                self._unasked("the process that asks cannot be kept alive")

    async def _run(self) -> bool:
        """One process from start to death; whether it brought anything back. What is owed is asked again."""
        self._status = None
        self._process = process = await asyncio.create_subprocess_exec(
            *self._program, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, limit=2**26, start_new_session=True,
        )  # fmt: skip
        assert process.stderr is not None  # noqa: S101 - it was asked for
        self.forms.forget()
        beside = [
            asyncio.create_task(log_relay.tell(process.stderr, process.pid)), asyncio.create_task(self._watch(process))
        ]  # fmt: skip
        try:
            self._send(Configure(self._settings))
            self._send(UseLayouts(self._layouts, self._slots, None))
            for number, pending in self._pending.items():
                self._send(pending.ask(number))
            return await self._receive(process)
        finally:
            await self._end()
            self._status = process.returncode
            beside[1].cancel()
            await asyncio.wait(beside, timeout=TERMINATION_TIMEOUT)  # for its last words
            beside[0].cancel()

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """One that hangs, or was suspended, is killed: nothing that it owes would ever come back."""
        silent = 0.0
        while silent < self._max_silence:
            self._has_spoken = False
            await asyncio.sleep(LOOK_INTERVAL)
            silent = 0.0 if self._has_spoken else silent + LOOK_INTERVAL
        log.error("worker hangs", silent_for=silent, worker=process.pid)
        with contextlib.suppress(ProcessLookupError):
            process.kill()

    async def _receive(self, process: asyncio.subprocess.Process) -> bool:
        progressed = False
        assert process.stdout is not None  # noqa: S101 - it was asked for
        while True:
            try:
                message = await read_message(process.stdout)
            except EOFError:
                return progressed
            self._has_spoken = True
            match message:
                case StatsUpdate(stats):
                    self._metrics.stats.add(stats)
                case Failed(number, fault):
                    progressed = True
                    self._give_up(number, f"a fault of the process that asks: {fault}")
                case PartialResult() | UnchangedRrsets() | PolledRrsets() | HeardTcp() | Done():
                    progressed = True
                    self._take(message)
                case _:
                    raise TypeError(f"no service understands {type(message).__name__}")

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

    def _take(self, message: WorkerAnswer) -> None:
        if isinstance(message, PartialResult) and message.formed is not None:
            self.forms.learn(message.formed)
        pending = self._pending.get(message.number)
        if pending is not None and pending.take(message):  # None: asked under another plan
            del self._pending[message.number]
            pending.end()

    def _give_up(self, number: int, why: str) -> None:
        pending = self._pending.pop(number, None)
        if pending is not None:
            pending.unasked(self._now(), why)
            pending.end()

    def _unasked(self, why: str) -> None:
        """All that is owed: it accuses nobody."""
        pending, self._pending = self._pending, {}
        at = self._now()
        for one in pending.values():
            one.unasked(at, why)
            one.end()
