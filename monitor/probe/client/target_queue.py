"""The queue of one address: how fast it is asked, how many at once, how patiently."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from checks.model import Query, Transport
from monitor.clock import monotonic
from monitor.probe.client.rate_limit_detection import Limits
from monitor.probe.client.result_stream import ResultStream
from monitor.probe.settings import Probe

FAILURE_THRESHOLD = 5
"""Queries in a row that nothing came back for, each asked ``attempts`` times, until an address counts as silent."""

HALF_OPEN_PROBES = 4
"""Queries to a silent address that are asked patiently all the same, as it may only have become slow."""

MOST_PER_ADDRESS = 64
"""Questions in flight to one address: well under the ~250 small packets that a server's default buffer holds."""

SLOWEST = 1 / 64
"""The part of its rate that a server is still asked at that limits its answers."""

AGAIN, EASE = 1.0, 60.0
"""Seconds until such a server can slow us down further, and until we try twice as much again."""

KNOCKS = 16
"""Connections tried at once at a silent address that is to transfer zones."""


class TokenBucket:
    """A token bucket: ``rate`` a second, a burst of at most a tenth of that. What is due anyway may go into debt.

    Those who take many at once leave half to those who wait for one (``wanted``), and the last one to whose turn it is.
    What is taken from it is taken from the bucket ``above`` it, too. When the server says that this is too much
    (``limited``), half as much is asked, down to a SLOWEST part, and twice as much again after each EASE.
    """

    __slots__ = ("_above", "_burst", "_clock", "_part", "_rate", "_slowed", "_then", "_tokens", "_took", "_wanted")

    def __init__(
        self, rate: float, above: "TokenBucket | None" = None, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._rate, self._clock = rate, clock
        self._above = above
        self._burst = min(100.0, max(1.0, rate / 10))
        self._tokens = self._burst
        self._then = clock()
        self._took = False
        """Whether the latest were taken many at once."""
        self._wanted = 0
        self._part, self._slowed = 1.0, clock() - EASE
        """What part of the rate is taken, and since when."""

    @property
    def part(self) -> float:
        """Of the rate, that is asked for now: less than 1 of a server that limits its answers."""
        return self._part

    def limited(self) -> None:
        """The server gives less than it is asked for. What is said of one burst is said once."""
        now = self._clock()
        if now - self._slowed >= AGAIN:
            self._part, self._slowed = max(SLOWEST, self._part / 2), now

    def wait(self) -> float:
        """Seconds until there is a token; 0.0 when there is one."""
        now = self._clock()
        if self._part < 1 and now - self._slowed >= EASE:
            self._part, self._slowed = min(1.0, self._part * 2), now
        rate = self._rate * self._part
        self._tokens = min(max(1.0, self._burst * self._part), self._tokens + (now - self._then) * rate)
        self._then = now
        wait = 0.0 if self._tokens >= 1 else (1 - self._tokens) / rate
        return wait if self._above is None else max(wait, self._above.wait())

    def wanted(self, lines: int) -> None:
        """So many lines more (or less) wait for a token."""
        self._wanted += lines
        if self._above is not None:
            self._above.wanted(lines)

    def spend(self) -> None:
        self._tokens -= 1
        self._took = False
        if self._above is not None:
            self._above.spend()

    def take(self, most: int) -> int:
        """Spends as many tokens as there are, up to ``most``."""
        self.wait()
        there = int(self._tokens)
        if self._wanted and there > 0:
            there = there // 2 if there > 1 else int(not self._took)
        count = max(0, min(most, there))
        if self._above is not None:
            count = self._above.take(count)
        self._tokens -= count
        self._took = self._took or count > 0
        return count

    def back(self, count: int) -> None:
        """What was taken, and not used."""
        self._tokens += count
        if self._above is not None:
            self._above.back(count)


class Way(Enum):
    """UDP, TCP and transfers fail each on its own, and are held back each on its own."""

    UDP = auto()
    TCP = auto()
    TRANSFER = auto()


def way(query: Query) -> Way:
    if query.qtype == "AXFR":
        return Way.TRANSFER
    return Way.TCP if query.transport is Transport.TCP else Way.UDP


class TargetQueue:
    """What is to be asked of one address in one way.

    While an address is silent, all but a few queries are asked once instead of ``attempts`` times, and they wait in a
    pool of their own.
    """

    __slots__ = (
        "_attempts",
        "_garbled",
        "_misses",
        "_slots",
        "_timeout",
        "bucket",
        "busy",
        "line",
        "listed",
        "transfer",
        "transfers",
    )

    def __init__(self, bucket: TokenBucket, transfers: asyncio.Semaphore, probe: Probe, way: Way) -> None:
        self.bucket = bucket
        self.transfers = transfers
        """Turns to transfer from this server, from whichever of its addresses."""
        self.transfer = way is Way.TRANSFER
        self.line: deque[tuple[Query, ResultStream]] = deque()
        self.busy = 0
        self.listed = False
        self._slots = max(
            1, probe.transfers_per_server if self.transfer else min(MOST_PER_ADDRESS, probe.max_in_flight)
        )
        self._attempts = max(1, probe.attempts)
        self._timeout = probe.timeout
        self._misses = self._garbled = 0

    @property
    def silent(self) -> bool:
        return self._misses >= FAILURE_THRESHOLD

    @property
    def full(self) -> bool:
        if not self.silent:
            return self.busy >= self._slots
        return self.transfer and self.busy >= max(self._slots, KNOCKS)

    @property
    def attempts(self) -> int:
        """How often the next query may be asked."""
        return 1 if self.silent and self.busy >= HALF_OPEN_PROBES else self._attempts

    @property
    def timeout(self) -> float:
        return self._timeout

    @property
    def garbled(self) -> bool:
        """Whether nothing that it sends can be used, as of late: all but a few queries are given up at the first stray
        instead of waiting for something better.
        """
        return self._garbled >= FAILURE_THRESHOLD and self.busy > HALF_OPEN_PROBES

    def heard(self) -> None:
        self._misses = self._garbled = 0

    def unusable(self) -> None:
        """Something came back, and nothing of it could be used."""
        self._misses = 0
        self._garbled += 1

    def missed(self) -> None:
        self._misses += 1


class Pool:
    """How many may be asked at once, over all servers, and which lanes wait for that, in turn."""

    __slots__ = ("busy", "ready", "slots")

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.busy = 0
        self.ready: deque[TargetQueue] = deque()


@dataclass(frozen=True, slots=True)
class QueryAttempt:
    """One query whose time has come, to be asked at most ``attempts`` times."""

    query: Query
    call: ResultStream
    lane: TargetQueue
    pool: Pool
    attempts: int
    tcp: TargetQueue
    """How the same address does over TCP, which may have to tell what UDP cannot."""
    limits: Limits

    @property
    def patience(self) -> float:
        """Seconds that it may take in all."""
        return self.lane.timeout * self.attempts

    @property
    def instead(self) -> float:
        """Seconds that TCP may take to tell what UDP could not: few, where it has been silent."""
        return self.lane.timeout * (1 if self.tcp.silent else self.attempts)

    def waits(self) -> Iterator[float]:
        """Seconds to wait after each asking: more each time, and together the turn's whole patience (1, 2, 3 s)."""
        first = self.lane.timeout * 2 / (self.attempts + 1)
        for number in range(1, self.attempts + 1):
            if number > 1:
                self.again()
            yield first * number

    def twice(self) -> Iterator[float]:
        """The same for what is asked twice, and has the patience of one asking."""
        for number in range(2):
            if number:
                self.again()
            yield self.lane.timeout / 2

    def again(self) -> None:
        """Asking more than once counts against the server's rate, but is not held back by it."""
        self.lane.bucket.spend()
