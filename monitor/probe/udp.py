"""Which of very many addresses say something else than before? The engine: many questions over few ports.

(docstring to come)
"""

import asyncio
import heapq
import logging
import math
from array import array
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import count

from checks.model import Address, Outcome, Query
from monitor.canvass import Ticks
from monitor.clock import monotonic
from monitor.config.model import Probe
from monitor.ports import Now
from monitor.probe.asked import Asking
from monitor.probe.columns import Columns
from monitor.probe.dns import DnsProber
from monitor.probe.found import Failure
from monitor.probe.gate import Gate
from monitor.probe.harbour import Harbour
from monitor.probe.hearing import Doubt, Hearing
from monitor.probe.port import Port
from monitor.probe.says import settled
from monitor.probe.sending import Sending
from monitor.probe.volley import Heard, Kind, Load, Trial, Volley
from monitor.status import ProbeCounts

__all__ = ["Asking", "Engine", "Heard", "Volley"]

SHARE = 0.004
"""Seconds of work before everybody else has a turn."""

TELL = 0.005
"""Seconds between two batches."""

FEW = 8
"""Queries in flight up to which every answer is taken as it comes; more are taken many at a time."""

NEVER = math.inf

STOPPING = Failure(Outcome.UNASKED, "the monitor is stopping")

log = logging.getLogger(__name__)

BEAT = 0.001
"""Seconds between two turns while there is much in flight."""


class Engine:
    """Belongs to one event loop; many may ask at once; it must be closed."""

    def __init__(
        self,
        settings: Probe,
        now: Now,
        *,
        descriptors: int | None = None,
        dns: DnsProber | None = None,
        whole: bool = True,
    ) -> None:
        """``dns`` is asked what cannot be told at a glance, and shares rates, descriptors and counts; by default one
        without keys. ``whole``: whether to try to hand packets to the system many at a time (UDP_SEGMENT).
        """
        self._settings, self._now, self._whole = settings, now, whole
        self._own = dns is None
        self._dns = dns or DnsProber(settings, {}, now, descriptors=descriptors)
        self._harbour = Harbour(self._dns.sockets)
        self._hearing = Hearing(self._dns.tally, self._harbour, self._later)
        self._sending = Sending(
            self._harbour, self._expiring, self._hearing.unasked, self._hearing.untried, self._hearing.broken
        )
        self._gates: dict[tuple[str, Address], Gate] = {}
        self._active: deque[Gate] = deque()
        self._lines: dict[float, deque[tuple[float, Port, float]]] = {}
        self._due: list[tuple[float, int, Trial, Gate]] = []
        self._number = count()
        self._askings: set[Asking] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._soa = Kind()
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self._listening = False
        self._told = 0.0
        self._closed = False

    # --- what callers do ---

    def use(self, ticks: Ticks, was: "array[int] | None" = None) -> None:
        """Other refs from now on: ``was`` has the old one for each new one, or -1. Ends what is being asked."""
        for asking in [*self._askings]:
            self._abandon(asking)
        hearing, size = self._hearing, len(ticks.rtts)
        hearing.columns = Columns(size) if was is None else hearing.columns.carried(size, was)
        hearing.ticks = ticks

    def ask(self, volleys: Sequence[Volley]) -> Asking:
        """Each ref of the volleys is in exactly one batch, as same or as odd."""
        return self.ask_also([(volley, self._soa, None) for volley in volleys])

    def ask_also(self, volleys: Iterable[tuple[Volley, Kind, dict[bytes, list[Query]] | None]]) -> Asking:
        """The same for other kinds of questions, and for queries that have no ref (-1)."""
        asking = Asking(self._hearing.ticks, self._abandon)
        self._askings.add(asking)
        for volley, kind, queries in volleys:
            if not volley.names:
                continue
            load = Load(volley, asking.tray, kind, queries)
            asking.loads.append(load)
            asking.missing += len(load.names)
            gate = self._gate(volley.server, volley.address)
            gate.loads.append(load)
            self._list(gate)
        if self._closed:
            self._drop(asking, STOPPING)
        elif self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._wake(0.0)
        return asking

    def arm(self, refs: Sequence[int], floors: Sequence[int]) -> None:
        """From now on these are the same while they say what they said when they were odd the last time."""
        self._hearing.columns.arm(refs, floors)

    def disarm(self, refs: Iterable[int]) -> None:
        """Whatever these say next is odd."""
        self._hearing.columns.disarm(refs)

    def counts(self) -> ProbeCounts:
        """With those of the other prober."""
        counts = self._dns.counts()
        waiting = sum(len(load.names) - load.next for gate in self._gates.values() for load in gate.loads)
        return replace(counts, in_flight=counts.in_flight + self._busy(), waiting=counts.waiting + waiting)

    async def close(self) -> None:
        """What is in flight, or waits, ends as UNASKED; so does what is asked later."""
        if self._closed:
            return
        self._closed = True
        for asking in [*self._askings]:
            self._drop(asking, STOPPING)
        if self._own:
            await self._dns.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()
        self._listen(False)
        self._harbour.end()

    # --- turns ---

    def _turn(self) -> None:
        """Whatever goes wrong here is our own fault: nobody is accused, and nobody waits for ever."""
        self._timer = None
        try:
            self._once()
        except Exception as fault:
            log.exception("the engine failed")
            failure = Failure(Outcome.UNASKED, f"a fault of the prober itself: {type(fault).__name__}")
            for asking in [*self._askings]:
                self._drop(asking, failure)

    def _once(self) -> None:
        now = monotonic()
        stop = now + SHARE
        self._hearing.begin(self._now(), now)
        more = self._hear(stop)
        self._expire(now)
        wait = 0.0 if more else self._send(stop)
        self._hand_over()
        untold = self._tell(now)
        self._rest(wait, untold, now)

    def _hear(self, stop: float) -> bool:
        """Whether more has come in than there was time for."""
        drain = self._hearing.drain
        for port in self._harbour.ready():
            if not port.closed:
                drain(port)
            if monotonic() > stop:
                return True
        return False

    def _expire(self, now: float) -> None:
        for line in self._lines.values():
            while line and line[0][0] <= now:
                _, port, sent = line.popleft()
                if not port.closed:
                    self._hearing.give_up(port, sent, now)
                    self._list(port.gate)
        while self._due and self._due[0][0] <= now:
            _, _, trial, gate = heapq.heappop(self._due)
            gate.again.append(trial)
            self._list(gate)

    def _send(self, stop: float) -> float:
        """A group of each gate in turn. Seconds until there may be more to send."""
        waiting: list[Gate] = []
        wait = NEVER
        while self._active:
            gate = self._active.popleft()
            now = monotonic()
            after = self._sending.feed(gate, now)
            if after == 0.0:
                self._active.append(gate)
            elif after > 0.0:
                waiting.append(gate)
                wait = min(wait, after)
            else:
                gate.listed = False
            if now > stop and self._active:
                wait = 0.0
                break
        self._active.extend(waiting)
        return wait

    def _hand_over(self) -> None:
        """To the other prober, what cannot be told at a glance."""
        doubts, self._hearing.doubts = self._hearing.doubts, []
        for forged in (False, True) if doubts else ():
            some = [doubt for doubt in doubts if doubt.forged is forged]
            if some:
                task = asyncio.get_running_loop().create_task(self._other(some, forged=forged))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _other(self, doubts: list[Doubt], *, forged: bool) -> None:
        whose = {id(doubt.query): doubt for doubt in doubts}
        async for batch in self._dns.ask([doubt.query for doubt in doubts], forged=forged):
            for seen in batch:
                doubt = whose[id(seen.query)]
                doubt.load.tray.odd.append((doubt.ref, settled(seen, doubt.stray, doubt.why)))
            self._hearing.begin(self._now(), monotonic())
            self._tell(NEVER)

    def _tell(self, now: float) -> bool:
        """Whether anything is left untold, for a little while."""
        due = now - self._told >= TELL
        untold = False
        for asking in [*self._askings]:
            if due or asking.complete:
                asking.tell(self._hearing.at)
                if not asking.missing:
                    self._askings.discard(asking)
            untold = untold or asking.untold
        if due:
            self._told = min(now, monotonic())
        return untold

    def _rest(self, wait: float, untold: bool, now: float) -> None:
        """Comes again when it is worth it: soon, or when something is heard or due."""
        busy = self._busy()
        if untold:
            wait = min(wait, TELL)
        if busy > FEW:
            wait = min(wait, BEAT)
        elif busy or self._due:
            ends = [line[0][0] for line in self._lines.values() if line]
            if self._due:
                ends.append(self._due[0][0])
            wait = min(wait, max(0.0, min(ends, default=now + TELL) - now))
        self._listen(0 < busy <= FEW)
        if wait != NEVER:
            self._wake(wait)

    def _wake(self, wait: float) -> None:
        if self._timer is None and not self._harbour.ended:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(wait, self._turn) if wait else loop.call_soon(self._turn)

    def _listen(self, wanted: bool) -> None:
        if wanted is self._listening:
            return
        self._listening = wanted
        loop = asyncio.get_running_loop()
        if wanted:
            loop.add_reader(self._harbour.descriptor, self._heard)
        else:
            loop.remove_reader(self._harbour.descriptor)

    def _heard(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._turn()

    # --- the rest ---

    def _busy(self) -> int:
        return sum(gate.busy for gate in self._gates.values())

    def _gate(self, server: str, address: Address) -> Gate:
        gate = self._gates.get((server, address))
        if gate is None:
            bucket = self._dns.pace.bucket(server)
            gate = self._gates[server, address] = Gate(server, address, bucket, self._settings, whole=self._whole)
        return gate

    def _list(self, gate: Gate) -> None:
        if not gate.listed and (gate.loads or gate.again):
            gate.listed = True
            self._active.append(gate)

    def _expiring(self, port: Port, now: float) -> None:
        line = self._lines.get(port.wait)
        if line is None:
            line = self._lines[port.wait] = deque()
        line.append((now + port.wait, port, now))

    def _later(self, trial: Trial, port: Port, pause: float) -> None:
        heapq.heappush(self._due, (monotonic() + pause, next(self._number), trial, port.gate))

    def _abandon(self, asking: Asking) -> None:
        """Nobody waits for it any more: its slots are free."""
        self._askings.discard(asking)
        asking.tray.over = True
        for gate in self._gates.values():
            gate.loads = deque(load for load in gate.loads if load.tray is not asking.tray)
        self._hearing.forget(asking.tray)
        asking.wake()

    def _drop(self, asking: Asking, failure: Failure) -> None:
        """All that is not told yet is unasked."""
        self._hearing.begin(self._now(), monotonic())
        for load, name, ref in self._hearing.forget(asking.tray):
            self._hearing.unasked(load, name, ref, failure)
        for load in asking.loads:
            for place in range(load.next, len(load.names)):
                self._hearing.unasked(load, load.names[place], load.refs[place], failure)
            load.next = len(load.names)
        asking.tell(self._hearing.at)
        if not asking.missing:
            self._askings.discard(asking)
