"""The engine: asks very many addresses from few ports, and tells which say something else than before.

Each address has a gate, with a window of queries in flight and its server's rate. Queries go out in groups from a
port that is random, connected (so that the system drops what comes from elsewhere) and soon replaced, each under a
random id. Nothing is scheduled per query: answers are drained many at a time, and a burst has one deadline.

**What may be called the same.** Of each ref the engine remembers a print, the hash of the last answer that was read,
octet for octet, without its id and without the four octets that hold the EXPIRE. An answer to the same question
whose print is equal has equal octets but for those (the hash has 64 bits under a key of this process, and what is
hashed came from an address that has been asked: nobody gains by looking for two that collide). Reading is a function
of the octets alone, and of them the id only says which query they answer. The EXPIRE stands at an offset that was
found when the answer was read, between octets that are equal now, so that the option's code and length are too; it is
read afresh each time. So an equal print means an equal Observation, but for ``at``, ``rtt`` and ``expire``.

Servers that shuffle their records, as BIND does, are told by a second print: of the header, the question and the
answer section, where a SOA record stands alone, and of the OPT record without the EXPIRE. That is taken only from a
message that ``wire.outline`` has found well formed to its end. Rcode, flags, SOA, the counts of records, NSID and
extended errors are all in there; compression pointers only lead back, so that equal octets at the same place are
equal names; and whether there is anything in the other sections changes nothing about an answer that has the SOA. So
this, too, means an equal Observation, but for the same three and ``octets``.

Only what is armed is called the same, at most until it is odd. An armed address that is silent is the same while the
outcome is. What was asked without EDNS, or told by the other prober, has no print, and is odd each time.

An error that comes to a question with EDNS is told once the same question without it has not got anything better.

**What the other prober is asked to tell:** what does not fit the question, or is not well formed, or is truncated, or
comes of EDNS. A stray packet casts doubt upon the query that has the same question and is in flight from
the same port, or, when it is no response to one question, upon all of them, and the port is closed. Doubted queries
are asked anew: over TCP, which has the word about the zone, and over UDP, each from ports of its own, to tell whether
anything comes that can be used (``Exchange``).

**What bounds it:** a window per address (``gate.WINDOW``; more where nobody answers, as it is nobody's buffer that
fills then), the rate of each server, shared with the other prober, half of all descriptors, and SHARE seconds of work
at a time. ``max_in_flight`` is for the other prober, which needs a socket and a task for each query.
"""

import heapq
import logging
import math
from array import array
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import count

from checks.model import Address, Outcome, Query
from monitor.clock import Now, monotonic
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.bulk.batches import BatchUpdate, QueryBatch, QueryTemplate
from monitor.probe.bulk.call import BulkCall
from monitor.probe.bulk.fingerprints import FingerprintTable
from monitor.probe.bulk.receiver import Receiver
from monitor.probe.bulk.recheck import Rechecker
from monitor.probe.bulk.sender import Sender
from monitor.probe.bulk.socket_pool import SocketPool
from monitor.probe.bulk.target import PendingBatch, PooledSocket, Retry, Target
from monitor.probe.bulk.timeouts import TimeoutHandler
from monitor.probe.bulk.wakeup import Wakeup
from monitor.probe.client.client import DnsClient
from monitor.probe.client.observations import QueryFailure
from monitor.probe.settings import Probe
from monitor.probe.stats import ProbeCounts

__all__ = ["BatchUpdate", "BulkCall", "BulkEngine", "QueryBatch"]

SHARE = 0.004
"""Seconds of work before everybody else has a turn."""

TELL = 0.005
"""Seconds between two batches."""

FEW = 8
"""Queries in flight up to which every answer is taken as it comes; more are taken many at a time."""

NEVER, SLACK = math.inf, 0.0002

STOPPING = QueryFailure(Outcome.UNASKED, "the monitor is stopping")

log = logging.getLogger(__name__)

BEAT, REST, PATIENT = 0.001, 0.005, 4
"""Seconds between two turns while there is much in flight, and once nothing came in so many turns."""


class BulkEngine:
    """Belongs to one event loop; many may ask at once; it must be closed."""

    def __init__(
        self,
        settings: Probe,
        now: Now,
        *,
        descriptors: int | None = None,
        dns: DnsClient | None = None,
        whole: bool = True,
    ) -> None:
        """``dns`` is asked what cannot be told at a glance, and shares rates, descriptors and counts; by default one
        without keys. ``whole``: whether to try to hand packets to the system many at a time (UDP_SEGMENT).
        """
        self._settings, self._now, self._whole = settings, now, whole
        self._own = dns is None
        self._dns = dns or DnsClient(settings, {}, now, descriptors=descriptors)
        self._harbour = SocketPool(self._dns.sockets)
        self._known = FingerprintTable()
        self._silence = TimeoutHandler(self._known, self._dns.tally, self._harbour, self._later)
        self._hearing = Receiver(self._known, self._dns.tally, self._harbour, self._silence)
        self._sending = Sender(self._harbour, self._silence, self._expiring)
        self._second = Rechecker(self._dns, self._seconded)
        self._waking = Wakeup(self._turn, self._harbour.descriptor)
        self._gates: dict[tuple[str, Address], Target] = {}
        self._active: deque[Target] = deque()
        self._lines: dict[float, deque[tuple[float, PooledSocket, float]]] = {}
        self._due: list[tuple[float, int, Retry, Target]] = []
        self._number = count()
        self._askings: set[BulkCall] = set()
        self._soa = QueryTemplate()
        self._told = 0.0
        self._idle = 0
        """Turns in which nothing came in."""
        self._closed = False

    # --- what callers do ---

    def use(self, address_metrics: AddressMetrics, was: "array[int] | None" = None) -> None:
        """Other refs from now on: ``was`` has the old one for each new one, or -1. Ends what is being asked."""
        for asking in [asking for asking in self._askings if asking.by_ref]:
            self._abandon(asking)
        self._known.use(address_metrics, was)

    def ask(self, volleys: Sequence[QueryBatch]) -> BulkCall:
        """Each ref of the volleys is in exactly one batch, as same or as odd."""
        return self.ask_also([(volley, self._soa, None) for volley in volleys], by_ref=True)

    def ask_also(
        self,
        volleys: Iterable[tuple[QueryBatch, QueryTemplate, dict[bytes, list[Query]] | None]],
        *,
        by_ref: bool = False,
    ) -> BulkCall:
        """The same for other kinds of questions, and for queries that have no ref (-1): all are odd."""
        asking = BulkCall(self._known.address_metrics, self._abandon, by_ref=by_ref)
        self._askings.add(asking)
        for volley, kind, queries in volleys:
            if not volley.names:
                continue
            load = PendingBatch(volley, asking.tray, kind, queries)
            asking.loads.append(load)
            asking.missing += len(load.names)
            gate = self._gate(volley.server, volley.address)
            gate.loads.append(load)
            self._list(gate)
        if self._closed:
            self._drop(asking, STOPPING)
        self._waking.at_once()
        return asking

    def arm(self, refs: Sequence[int], floors: Sequence[int]) -> None:
        """From now on these are the same while they say what they said when they were odd the last time."""
        self._known.columns.arm(refs, floors)

    def disarm(self, refs: Iterable[int]) -> None:
        """Whatever these say next is odd."""
        self._known.columns.disarm(refs)

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
        self._known.begin(self._now(), monotonic())
        for asking in [*self._askings]:
            self._drop(asking, STOPPING)
        if self._own:
            await self._dns.close()
        await self._second.close()
        self._waking.end()
        self._harbour.end()

    # --- turns ---

    def _turn(self) -> None:
        """Whatever goes wrong here is our own fault: nobody is accused, and nobody waits for ever."""
        try:
            self._once()
        except Exception as fault:
            log.exception("the engine failed")
            failure = QueryFailure(Outcome.UNASKED, f"a fault of the prober itself: {type(fault).__name__}")
            for asking in [*self._askings]:
                self._drop(asking, failure)

    def _once(self) -> None:
        now = monotonic()
        stop = now + SHARE
        self._known.begin(self._now(), now)
        more = self._hear(stop)
        more = self._expire(now, stop) or more
        wait = 0.0 if more else self._send(stop)
        if self._hearing.doubts:
            doubts, self._hearing.doubts = self._hearing.doubts, []
            self._second.ask(doubts)
        untold = self._tell(now)
        self._rest(wait, untold, now)

    def _hear(self, stop: float) -> bool:
        """Whether more has come in than there was time for."""
        drain, ready = self._hearing.drain, self._harbour.ready()
        self._idle = 0 if ready else self._idle + 1
        for port in ready:
            if not port.closed:
                drain(port)
                self._list(port.gate)
            if monotonic() > stop:
                return True
        return False

    def _expire(self, now: float, stop: float) -> bool:
        """Whether more is to be given up than there was time for."""
        for line in self._lines.values():
            while line and line[0][0] <= now:
                _, port, sent = line.popleft()
                if not port.closed:
                    self._silence.give_up(port, sent, now)
                    self._list(port.gate)
                    if monotonic() > stop:
                        return True
        while self._due and self._due[0][0] <= now:
            _, _, trial, gate = heapq.heappop(self._due)
            gate.again.append(trial)
            self._list(gate)
        return False

    def _send(self, stop: float) -> float:
        """A group of each gate in turn. Seconds until there may be more to send."""
        waiting: list[Target] = []
        wait = NEVER
        while self._active:
            gate = self._active.popleft()
            now = monotonic()
            if gate.due > now and not gate.again:
                waiting.append(gate)
                wait = min(wait, gate.due - now)
                continue
            after = self._sending.feed(gate, now)
            if after == 0.0:
                self._active.append(gate)
            elif after > 0.0:
                gate.due = now + after - SLACK
                waiting.append(gate)
                wait = min(wait, after)
            else:
                gate.listed = False
            if now > stop and self._active:
                wait = 0.0
                break
        self._active.extend(waiting)
        return wait

    def _seconded(self) -> None:
        self._known.begin(self._now(), monotonic())
        self._tell(NEVER)

    def _tell(self, now: float) -> bool:
        """Whether anything is left untold, for a little while."""
        due = now - self._told >= TELL
        untold = False
        for asking in [*self._askings]:
            if due or asking.complete:
                asking.tell(self._known.at)
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
            wait = min(wait, BEAT if self._idle < PATIENT else REST)
        elif busy or self._due:
            ends = [line[0][0] for line in self._lines.values() if line]
            if self._due:
                ends.append(self._due[0][0])
            wait = min(wait, max(0.0, min(ends, default=now + TELL) - now))
        self._waking.listen(0 < busy <= FEW)
        if wait != NEVER:
            self._waking.after(wait)

    # --- the rest ---

    def _busy(self) -> int:
        return sum(gate.busy for gate in self._gates.values())

    def _gate(self, server: str, address: Address) -> Target:
        gate = self._gates.get((server, address))
        if gate is None:
            bucket = self._dns.pace.bucket(server)
            gate = self._gates[server, address] = Target(server, address, bucket, self._settings, whole=self._whole)
        return gate

    def _list(self, gate: Target) -> None:
        if not gate.listed and (gate.loads or gate.again):
            gate.listed = True
            self._active.append(gate)

    def _expiring(self, port: PooledSocket, now: float) -> None:
        line = self._lines.get(port.wait)
        if line is None:
            line = self._lines[port.wait] = deque()
        line.append((now + port.wait, port, now))

    def _later(self, trial: Retry, port: PooledSocket, pause: float) -> None:
        heapq.heappush(self._due, (monotonic() + pause, next(self._number), trial, port.gate))

    def _abandon(self, asking: BulkCall) -> None:
        """Nobody waits for it any more: its slots are free."""
        self._askings.discard(asking)
        asking.tray.over = True
        for gate in self._gates.values():
            gate.loads = deque(load for load in gate.loads if load.tray is not asking.tray)
        self._silence.forget(asking.tray)
        asking.wake()

    def _drop(self, asking: BulkCall, failure: QueryFailure) -> None:
        """All that is not told yet is unasked."""
        for load, name, ref in self._silence.forget(asking.tray):
            self._silence.unasked(load, name, ref, failure)
        for load in asking.loads:
            for place in range(load.next, len(load.names)):
                self._silence.unasked(load, load.names[place], load.refs[place], failure)
            load.next = len(load.names)
        asking.tell(self._known.at)
        if not asking.missing:
            self._askings.discard(asking)
