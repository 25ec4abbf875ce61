"""The bulk engine: asks very many addresses over few UDP sockets, and reports which answers have changed.

Each address is a target, with a window of queries in flight and its server's rate. Queries go out in batches from a
socket with a random port, connected (so that the system drops what comes from elsewhere) and soon replaced, each under
a random id. Nothing is scheduled per query: answers are received many at a time, and a batch has one deadline.

**What counts as unchanged.** Of each slot the engine keeps a fingerprint, the hash of the last answer that was read,
octet for octet, without its id and without the four octets that hold the EXPIRE. An answer to the same question
whose fingerprint is equal has equal octets but for those (the hash has 64 bits under a key of this process, and what is
hashed came from an address that has been asked: nobody gains by looking for two that collide). Reading is a function
of the octets alone, and of them the id only says which query they answer. The EXPIRE stands at an offset that was
found when the answer was read, between octets that are equal now, so that the option's code and length are too; it is
read afresh each time. So an equal fingerprint means an equal Observation, but for ``at``, ``rtt`` and ``expire``.

Servers that shuffle their records, as BIND does, have a second fingerprint: of the header, the question and the
answer section, where a SOA record stands alone, and of the OPT record without the EXPIRE. That is taken only from a
message that ``wire.outline`` has found well formed to its end. Rcode, flags, SOA, the counts of records, NSID and
extended errors are all in there; compression pointers only lead back, so that equal octets at the same place are
equal names; and whether there is anything in the other sections changes nothing about an answer that has the SOA. So
this, too, means an equal Observation, but for the same three and ``octets``. Of an answer with another RRset it is the
records of the answer section in an order of their own, with their names in full (``rrset_response``).

Only slots on the fast path are reported as unchanged, at most until they change. An address without response is
unchanged while its outcome is. What was asked without EDNS, or rechecked, has no fingerprint: it is reported each time.
An error in response to a query with EDNS is reported once the same query without it has not got anything better.

**What is rechecked:** what does not match the question, or is malformed, or is truncated, or comes of EDNS. A stray
packet makes suspect the query that has the same question and is in flight from the same socket, or, when it is no
response to one question, all of them, and the socket is closed. DnsClient asks suspect queries again: over TCP, which
has the word about the zone, and over UDP by ``exchange``, from sockets of their own, to tell whether anything comes
that can be used.

**What bounds it:** a window per address (``target.WINDOW``; more where nobody answers, as it is nobody's buffer that
fills then), the rate of each server, shared with DnsClient, half of all descriptors, and MAX_TURN seconds of work
at a time. ``max_in_flight`` is for DnsClient, which needs a socket and a task for each query.
"""

import logging
from array import array
from collections import deque
from collections.abc import Iterable, Sequence

from checks.model import Address, Outcome, Query
from monitor.clock import Now, monotonic
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.bulk.batches import BatchUpdate, QueryBatch, QueryTemplate
from monitor.probe.bulk.call import BulkCall
from monitor.probe.bulk.deadlines import Deadlines
from monitor.probe.bulk.exchange_handler import ExchangeHandler
from monitor.probe.bulk.fingerprints import FingerprintTable
from monitor.probe.bulk.receiver import Receiver
from monitor.probe.bulk.recheck import AskAgain, Rechecker
from monitor.probe.bulk.sender import RETRY_INTERVAL, Sender
from monitor.probe.bulk.socket_pool import SocketPool
from monitor.probe.bulk.target import BatchResult, InFlight, PendingBatch, Target
from monitor.probe.bulk.target_turns import NEVER, TargetTurns
from monitor.probe.bulk.timeouts import TimeoutHandler
from monitor.probe.bulk.udp_exchange import AttemptSocket, UdpExchange
from monitor.probe.bulk.wakeup import Wakeup
from monitor.probe.client.observations import QueryFailure
from monitor.probe.client.rate_limiter import RateLimiter
from monitor.probe.client.sockets import Sockets
from monitor.probe.message.request import Question
from monitor.probe.settings import Probe
from monitor.probe.stats import ProbeStats

__all__ = ["BatchUpdate", "BulkCall", "BulkEngine", "QueryBatch"]

MAX_TURN = 0.004
"""Seconds of work before the event loop runs other tasks."""

FLUSH_INTERVAL = 0.005
"""Seconds between two batches."""

FEW_IN_FLIGHT = 8
"""Queries in flight up to which every answer is taken as it comes; more are taken many at a time."""

STOPPING = QueryFailure(Outcome.UNASKED, "the monitor is stopping")

log = logging.getLogger(__name__)

BUSY_INTERVAL, IDLE_INTERVAL, IDLE_TURNS = 0.001, 0.005, 4
"""Seconds between two turns while there is much in flight, and once nothing came in so many turns."""


class BulkEngine:
    """Belongs to one event loop; many may ask at once; it must be closed."""

    def __init__(
        self, settings: Probe, now: Now, sockets: Sockets, rate_limiter: RateLimiter, stats: ProbeStats,
        ask_again: AskAgain, *, use_gso: bool = True,
    ) -> None:  # fmt: skip
        """``ask_again`` rechecks suspect responses. ``use_gso``: whether to try to hand packets to the system many at a
        time (UDP_SEGMENT).
        """
        self._settings, self._now, self._use_gso = settings, now, use_gso
        self._sockets, self._rate_limiter, self.stats = sockets, rate_limiter, stats
        self._pool = SocketPool(sockets)
        self._table, self._deadlines = FingerprintTable(), Deadlines()
        self._timeouts = TimeoutHandler(self._table, stats, self._pool, self._deadlines.later)
        self._receiver = Receiver(self._table, stats, self._pool, self._timeouts)
        self._sender = Sender(self._pool, self._timeouts, self._deadlines.sent)
        self._exchanges = ExchangeHandler(self._pool, self._deadlines)
        self._rechecker = Rechecker(ask_again, self._rechecked)
        self._wakeup = Wakeup(self._turn, self._pool.descriptor)
        self._targets: dict[tuple[str, Address], Target] = {}
        self._turns = TargetTurns()
        self._in_flight = InFlight()
        self._calls: dict[BatchResult, BulkCall] = {}
        self._unflushed: set[BatchResult] = set()
        self._soa = QueryTemplate()
        self._flushed, self._closed = 0.0, False
        self._idle = 0
        """Turns in which nothing came in."""

    # --- what callers do ---

    def use(self, address_metrics: AddressMetrics, old_index: "array[int] | None" = None) -> None:
        """Renumbers the slots: ``old_index`` has the old one for each new one, or -1. Cancels the calls under way."""
        for call in [call for call in self._calls.values() if call.by_slot]:
            self._cancel(call)
        self._table.use(address_metrics, old_index)

    def ask(self, batches: Sequence[QueryBatch], *, formed: bool = False) -> BulkCall:
        """Each slot of the batches is in exactly one update, as unchanged or as changed; ``formed``: or as formed."""
        return self.ask_also([(batch, self._soa, None) for batch in batches], by_slot=True, formed=formed)

    def ask_also(
        self,
        batches: Iterable[tuple[QueryBatch, QueryTemplate, dict[bytes, list[Query]] | None]],
        *,
        by_slot: bool = False,
        formed: bool = False,
    ) -> BulkCall:
        """Like ``ask``, for other question types, and for queries without a slot (-1): all are reported as changed."""
        call = BulkCall(self._table.address_metrics, BatchResult(self._unflushed), self._cancel, by_slot=by_slot)
        for batch, template, queries in batches:
            if not batch.names:
                continue
            pending = PendingBatch(batch, call.result, template, queries, formed=formed)
            call.pending.append(pending)
            call.missing += len(pending.names)
            target = self._target(batch.server, batch.address)
            target.pending.append(pending)
            self._turns.activate(target)
        if call.missing:
            self._calls[call.result] = call
        if self._closed:
            self._fail(call, STOPPING)
        self._wakeup.at_once()
        return call

    async def exchange(
        self, query: Query, asked: Question, waits: Sequence[float], *, edns: bool, anywhere: bool = False,
        stop_at_stray: bool = False,
    ) -> UdpExchange:  # fmt: skip
        """Asks one query from sockets of its own, whatever strays come; see ``UdpExchange``."""
        bucket = self._rate_limiter.bucket(query.server, foreign=query.foreign)
        one = UdpExchange(query, asked, bucket, waits, edns=edns, anywhere=anywhere, stop_at_stray=stop_at_stray)
        self._exchanges.begin(one)
        if self._closed:
            self._exchanges.finish_all(STOPPING)
        self._wakeup.at_once()
        await self._exchanges.end_of(one)
        return one

    def enable_fast_path(self, slots: Sequence[int], min_expires: Sequence[int]) -> None:
        """From now on these are unchanged while they answer as they did when they were last reported as changed."""
        self._table.columns.enable_fast_path(slots, min_expires)

    def disable_fast_path(self, slots: Iterable[int]) -> None:
        """Whatever these answer next is reported as changed."""
        self._table.columns.disable_fast_path(slots)

    def pending(self) -> int:
        """Queries in flight or not yet sent, those of DnsClient included."""
        limiter, targets = self._rate_limiter, self._targets.values()
        unsent = sum(len(pending.names) - pending.next for target in targets for pending in target.pending)
        return limiter.busy + limiter.waiting + self._sockets.waiting + self._in_flight.total + unsent

    async def close(self) -> None:
        """What is in flight, or waits, ends as UNASKED; so does what is asked later."""
        if self._closed:
            return
        self._closed = True
        self._table.begin(self._now(), monotonic())
        for call in [*self._calls.values()]:
            self._fail(call, STOPPING)
        self._exchanges.finish_all(STOPPING)
        await self._rechecker.close()
        self._wakeup.close()
        self._pool.close_all()

    # --- turns ---

    def _turn(self) -> None:
        """Whatever goes wrong here is our own fault: nobody is accused, and nobody waits for ever."""
        try:
            self._once()
        except Exception as fault:
            log.exception("the engine failed")
            failure = QueryFailure(Outcome.UNASKED, f"a fault of the prober itself: {type(fault).__name__}")
            for call in [*self._calls.values()]:
                self._fail(call, failure)
            self._exchanges.finish_all(failure)

    def _once(self) -> None:
        now = monotonic()
        stop = now + MAX_TURN
        self._table.begin(self._now(), now)
        more = self._receive(stop)
        more = self._expire(now, stop) or more
        starved = self._exchanges.send_due(now)
        wait = 0.0 if more else self._turns.send(self._sender.send_next, stop)
        if starved:
            wait = min(wait, RETRY_INTERVAL)
        if self._receiver.suspects:
            suspects, self._receiver.suspects = self._receiver.suspects, []
            self._rechecker.ask(suspects)
        unflushed = self._flush(now)
        self._schedule(wait, unflushed, now)

    def _receive(self, stop: float) -> bool:
        """Whether more has come in than there was time for."""
        receive_all, ready = self._receiver.receive_all, self._pool.ready()
        self._idle = 0 if ready else self._idle + 1
        for sock in ready:
            if sock.closed:
                continue
            if isinstance(sock, AttemptSocket):
                self._exchanges.receive(sock)
            else:
                receive_all(sock)
                self._turns.activate(sock.target)
            if monotonic() > stop:
                return True
        return False

    def _expire(self, now: float, stop: float) -> bool:
        """Whether more is to be given up than there was time for."""
        while (expired := self._deadlines.expired(now)) is not None:
            sock, sent = expired
            if isinstance(sock, AttemptSocket):
                self._exchanges.expired(sock, now)
            else:
                self._timeouts.give_up(sock, sent, now)
                self._turns.activate(sock.target)
            if monotonic() > stop:
                return True
        while (one := self._deadlines.due(now)) is not None:
            if isinstance(one, UdpExchange):
                self._exchanges.enqueue(one, now)
            else:
                one.target.retries.append(one)
                self._turns.activate(one.target)
        return False

    def _rechecked(self) -> None:
        self._table.begin(self._now(), monotonic())
        self._flush(NEVER)

    def _flush(self, now: float) -> bool:
        """Whether anything is left untold, for a little while."""
        due = now - self._flushed >= FLUSH_INTERVAL
        for result in [*self._unflushed]:
            call = self._calls.get(result)
            if call is None:
                self._unflushed.discard(result)
            elif due or call.complete:
                self._flush_call(call)
        if due:
            self._flushed = min(now, monotonic())
        return bool(self._unflushed)

    def _flush_call(self, call: BulkCall) -> None:
        call.flush(self._table.at)
        self._unflushed.discard(call.result)
        if not call.missing:
            self._calls.pop(call.result, None)

    def _schedule(self, wait: float, unflushed: bool, now: float) -> None:
        """Plans the next turn: soon, or when something is received or due."""
        in_flight = self._in_flight.total + len(self._exchanges)
        if unflushed:
            wait = min(wait, FLUSH_INTERVAL)
        if in_flight > FEW_IN_FLIGHT:
            wait = min(wait, BUSY_INTERVAL if self._idle < IDLE_TURNS else IDLE_INTERVAL)
        elif in_flight or self._deadlines:
            wait = min(wait, max(0.0, self._deadlines.next(now + FLUSH_INTERVAL) - now))
        self._wakeup.listen(0 < in_flight <= FEW_IN_FLIGHT)
        if wait != NEVER:
            self._wakeup.after(wait)

    # --- targets and calls ---

    def _target(self, server: str, address: Address) -> Target:
        target = self._targets.get((server, address))
        if target is None:
            bucket, settings = self._rate_limiter.bucket(server), self._settings
            target = Target(server, address, bucket, settings, self._in_flight, use_gso=self._use_gso)
            self._targets[server, address] = target
        return target

    def _cancel(self, call: BulkCall) -> None:
        """Nobody waits for it any more: its slots are free."""
        self._calls.pop(call.result, None)
        call.result.cancelled = True
        for target in self._targets.values():
            target.pending = deque(pending for pending in target.pending if pending.result is not call.result)
        self._timeouts.forget(call.result)
        call.notify()

    def _fail(self, call: BulkCall, failure: QueryFailure) -> None:
        """All that has no result yet ends with this failure."""
        for pending, name, slot in self._timeouts.forget(call.result):
            self._timeouts.unasked(pending, name, slot, failure)
        for pending in call.pending:
            for place in range(pending.next, len(pending.names)):
                self._timeouts.unasked(pending, pending.names[place], pending.slots[place], failure)
            pending.next = len(pending.names)
        self._flush_call(call)
