"""The queue of one address over one channel: its rate, concurrency and timeouts."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from checks.model import Outcome, Query, Transport
from monitor.clock import monotonic
from monitor.probe.circuit_breaker import CircuitBreaker
from monitor.probe.client.rate_limit_detection import RateLimitDetector
from monitor.probe.client.result_stream import ResultStream
from monitor.probe.settings import Probe, waits

MAX_IN_FLIGHT_PER_ADDRESS = 64
"""Questions in flight to one address: well under the ~250 small packets that a server's default buffer holds."""

MIN_RATE_PART = 1 / 64
"""The part of its rate that a server is still asked at that limits its answers."""

SLOWDOWN_INTERVAL, RECOVERY_INTERVAL = 1.0, 60.0
"""Seconds until such a server can slow us down further, and until we try twice as much again."""

CONNECT_PROBES = 16
"""Connections tried at once to an unresponsive address that is to transfer zones."""


class TokenBucket:
    """A token bucket: ``rate`` a second, a burst of at most a tenth of that. What is due anyway may go into debt.

    Those who take many at once leave half to those who wait for one (``add_waiters``), and the last one to whose turn
    it is. What is taken from it is taken from its ``parent``, too. When the server limits its responses
    (``limited``), the rate is halved, down to MIN_RATE_PART, and doubled again after each RECOVERY_INTERVAL.
    """

    __slots__ = (
        "__weakref__", "_burst", "_clock", "_parent", "_rate", "_rate_part", "_slowed_at", "_tokens", "_took_many",
        "_updated", "_waiters",
    )  # fmt: skip

    def __init__(
        self, rate: float, parent: "TokenBucket | None" = None, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._rate, self._clock = rate, clock
        self._parent = parent
        self._burst = _burst(rate)
        self._tokens = self._burst
        self._updated = clock()
        self._took_many = False
        """Whether the latest were taken many at once."""
        self._waiters = 0
        self._rate_part, self._slowed_at = 1.0, clock() - RECOVERY_INTERVAL
        """What part of the rate is taken, and since when."""

    def change(self, rate: float, parent: "TokenBucket | None" = None) -> None:
        """Another rate, or another parent, from now on; those who wait go on waiting."""
        self.wait()
        self._rate, self._burst = rate, _burst(rate)
        if parent is not self._parent:
            if self._parent is not None:
                self._parent.add_waiters(-self._waiters)
            if parent is not None:
                parent.add_waiters(self._waiters)
            self._parent = parent

    def limited(self) -> None:
        """The server gives less than it is asked for. What is said of one burst is said once."""
        now = self._clock()
        if now - self._slowed_at >= SLOWDOWN_INTERVAL:
            self._rate_part, self._slowed_at = max(MIN_RATE_PART, self._rate_part / 2), now

    def wait(self, wanted: int = 1) -> float:
        """Seconds until there are so many tokens, or half a burst of them; 0.0 when there are."""
        now = self._clock()
        if self._rate_part < 1 and now - self._slowed_at >= RECOVERY_INTERVAL:
            self._rate_part, self._slowed_at = min(1.0, self._rate_part * 2), now
        rate = self._rate * self._rate_part
        self._tokens = min(max(1.0, self._burst * self._rate_part), self._tokens + (now - self._updated) * rate)
        self._updated = now
        enough = 1.0 if wanted == 1 else max(1.0, min(wanted, self._burst * self._rate_part / 2))
        wait = 0.0 if self._tokens >= enough else (enough - self._tokens) / rate
        return wait if self._parent is None else max(wait, self._parent.wait(wanted))

    def add_waiters(self, lines: int) -> None:
        """So many lines more (or less) wait for a token."""
        self._waiters += lines
        if self._parent is not None:
            self._parent.add_waiters(lines)

    def consume(self) -> None:
        self._tokens -= 1
        self._took_many = False
        if self._parent is not None:
            self._parent.consume()

    def take(self, most: int) -> int:
        """Spends as many tokens as there are, up to ``most``."""
        self.wait()
        there = int(self._tokens)
        if self._waiters and there > 0:
            there = there // 2 if there > 1 else int(not self._took_many)
        count = max(0, min(most, there))
        if self._parent is not None:
            count = self._parent.take(count)
        self._tokens -= count
        self._took_many = self._took_many or count > 0
        return count

    def refund(self, count: int) -> None:
        """What was taken, and not used."""
        self._tokens += count
        if self._parent is not None:
            self._parent.refund(count)


def _burst(rate: float) -> float:
    return min(100.0, max(1.0, rate / 10))


class Channel(Enum):
    """UDP, TCP, TLS and transfers fail and are queued independently."""

    UDP = auto()
    TCP = auto()
    TLS = auto()
    TRANSFER = auto()
    TLS_TRANSFER = auto()


def channel_of(query: Query) -> Channel:
    if query.qtype in ("AXFR", "IXFR"):
        return Channel.TLS_TRANSFER if query.transport is Transport.TLS else Channel.TRANSFER
    return _CHANNELS[query.transport]


_CHANNELS = {Transport.UDP: Channel.UDP, Transport.TCP: Channel.TCP, Transport.TLS: Channel.TLS}


class TargetQueue:
    """The queries for one address over one channel.

    While an address is silent, all but a few queries are asked once instead of ``attempts`` times, and they wait in a
    pool of their own.
    """

    __slots__ = (
        "_attempts", "_slots", "_timeout", "_usable", "breaker", "bucket", "busy", "entries", "gives_version", "queued",
        "transfer", "transfers",
    )  # fmt: skip

    def __init__(self, bucket: TokenBucket, transfers: asyncio.Semaphore, probe: Probe, channel_of: Channel) -> None:
        self.bucket = bucket
        self.transfers = transfers
        """Turns to transfer from this server, from whichever of its addresses."""
        self.transfer = channel_of in (Channel.TRANSFER, Channel.TLS_TRANSFER)
        self.entries: deque[tuple[Query, ResultStream]] = deque()
        self.busy = 0
        self.queued = False
        self._slots = max(
            1, probe.transfers_per_server if self.transfer else min(MAX_IN_FLIGHT_PER_ADDRESS, probe.max_in_flight)
        )
        self._attempts = max(1, probe.attempts)
        self._timeout = probe.timeout
        self.breaker = CircuitBreaker()
        """Of responses."""
        self._usable = CircuitBreaker()
        """Of responses that can be used."""
        self.gives_version = True
        """Whether it says which version an answer is from, as far as that is known."""

    @property
    def full(self) -> bool:
        if self.breaker.closed:
            return self.busy >= self._slots
        return self.transfer and self.busy >= max(self._slots, CONNECT_PROBES)

    @property
    def attempts(self) -> int:
        """How often the next query may be asked."""
        return 1 if self.breaker.is_open(self.busy) else self._attempts

    @property
    def timeout(self) -> float:
        return self._timeout

    @property
    def garbled(self) -> bool:
        """Whether nothing that it sends can be used, as of late: all but a few queries are given up at the first stray
        instead of waiting for something better.
        """
        return self._usable.is_open(self.busy - 1)

    def record(self, outcome: Outcome) -> None:
        """What became of a query to it. What we could not ask says nothing about the address."""
        if outcome is Outcome.UNASKED:
            return
        if outcome.transport_failed:
            self.breaker.failure()
            return
        self.breaker.success()
        if outcome.unusable:
            self._usable.failure()
        else:
            self._usable.success()


class ConcurrencyLimit:
    """How many queries may be in flight, over all servers, and which queues wait for that, in turn."""

    __slots__ = ("busy", "slots", "waiting_queues")

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.busy = 0
        self.waiting_queues: deque[TargetQueue] = deque()


@dataclass(frozen=True, slots=True)
class QueryAttempt:
    """One query that has left its queue, to be sent at most ``attempts`` times."""

    query: Query
    call: ResultStream
    queue: TargetQueue
    limit: ConcurrencyLimit
    attempts: int
    tcp: TargetQueue
    """The queue of the same address over TCP, which is asked where UDP brought nothing usable."""
    detector: RateLimitDetector

    @property
    def patience(self) -> float:
        """Timeout in seconds, over all attempts."""
        return self.queue.timeout * self.attempts

    @property
    def tcp_patience(self) -> float:
        """Timeout in seconds of asking over TCP instead: short where TCP has been unresponsive."""
        return self.queue.timeout * (1 if not self.tcp.breaker.closed else self.attempts)

    @property
    def waits(self) -> tuple[float, ...]:
        return waits(self.queue.timeout, self.attempts)

    def count_retry(self) -> None:
        """Retries count against the server's rate, but are not held back by it."""
        self.queue.bucket.consume()
