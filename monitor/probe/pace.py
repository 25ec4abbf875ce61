"""Who may be asked now? Keeps the rate of every server, and lets a silent one hold up nobody else."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator

from checks.model import Address, Query
from monitor.clock import monotonic
from monitor.config.model import Probe
from monitor.probe.call import Call

AFTER_MISSES = 5
"""Askings without any answer, over at least one query's whole patience, after which an address counts as silent."""

MOST_PER_ADDRESS = 64
"""Questions in flight to one address: well under the ~250 small packets that a server's default buffer holds."""

KNOCKS = 16
"""Connections tried at once at a silent address that is to transfer zones."""

TICK = 0.02
"""Seconds between two wakings for one server's rate: a few queries each time cost less than one."""


class Bucket:
    """A token bucket: ``rate`` a second, a burst of at most a tenth of that. What is due anyway may go into debt."""

    __slots__ = ("_burst", "_rate", "_then", "_tokens")

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._burst = min(100.0, max(1.0, rate / 10))
        self._tokens = self._burst
        self._then = monotonic()

    def wait(self) -> float:
        """Seconds until there is a token; 0.0 when there is one."""
        now = monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._then) * self._rate)
        self._then = now
        return 0.0 if self._tokens >= 1 else (1 - self._tokens) / self._rate

    def spend(self) -> None:
        self._tokens -= 1


class Lane:
    """What is to be asked of one address; transfers have lanes of their own.

    An address that was silent for long is asked once per query instead of ``attempts`` times, and its queries wait
    in a pool of their own.
    """

    __slots__ = (
        "_attempts",
        "_misses",
        "_silence",
        "_timeout",
        "bucket",
        "busy",
        "line",
        "listed",
        "slots",
        "transfer",
        "turns",
    )

    def __init__(self, bucket: Bucket, turns: asyncio.Semaphore, probe: Probe, *, transfer: bool) -> None:
        self.bucket = bucket
        self.turns = turns
        """Transfers in progress at this server, over all its addresses."""
        self.line: deque[tuple[Query, Call]] = deque()
        self.transfer = transfer
        self.slots = max(1, probe.transfers_per_server if transfer else min(MOST_PER_ADDRESS, probe.max_in_flight))
        self.busy = 0
        self.listed = False
        self._attempts = max(1, probe.attempts)
        self._timeout = probe.timeout
        self._misses = 0
        self._silence = 0.0

    @property
    def patience(self) -> float:
        """Seconds that one query may take in all, waiting for its turn not counted."""
        return self._timeout if self.silent else self._timeout * self._attempts

    @property
    def silent(self) -> bool:
        return self._misses >= AFTER_MISSES and monotonic() - self._silence >= self._timeout * self._attempts

    def waits(self) -> Iterator[float]:
        """Seconds to wait after each asking: they double, and together are ``timeout`` times ``attempts``."""
        attempts = 1 if self.silent else self._attempts
        first = self._timeout * attempts / (2**attempts - 1)
        for number in range(attempts):
            if number:
                self.bucket.spend()
            yield first * 2**number

    def heard(self) -> None:
        self._misses = 0

    def missed(self) -> None:
        if not self._misses:
            self._silence = monotonic()
        self._misses += 1


class Pool:
    """How many may be asked at once, over all servers, and which lanes wait for that, in turn."""

    __slots__ = ("busy", "ready", "slots")

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.busy = 0
        self.ready: deque[Lane] = deque()


Start = Callable[[Lane, Pool, Query, Call], None]


class Pace:
    """Lets queries go, lane by lane in turn. ``start`` begins one; ``done`` must follow when it has ended."""

    def __init__(self, probe: Probe, start: Start) -> None:
        self._probe = probe
        self._start = start
        most = max(1, probe.max_in_flight)
        self._awake = Pool(most)
        self._silent = Pool(2 * most)
        self._transfers = Pool(max(16, most // 4))
        self._pools = (self._silent, self._awake, self._transfers)
        self._buckets: dict[str, Bucket] = {}
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._lanes: dict[tuple[str, Address, bool], Lane] = {}

    @property
    def busy(self) -> int:
        return sum(pool.busy for pool in self._pools)

    @property
    def waiting(self) -> int:
        return sum(len(lane.line) for lane in self._lanes.values())

    def put(self, query: Query, call: Call) -> None:
        lane = self._lane(query)
        lane.line.append((query, call))
        self._list(lane)

    def done(self, lane: Lane, pool: Pool) -> None:
        lane.busy -= 1
        pool.busy -= 1
        self._list(lane)
        self.go()

    def go(self) -> None:
        """Starts whatever may start now."""
        for pool in self._pools:
            while pool.ready and pool.busy < pool.slots:
                self._next(pool)

    def empty(self) -> list[tuple[Query, Call]]:
        """Takes out everything that waits."""
        left = [entry for lane in self._lanes.values() for entry in lane.line]
        for lane in self._lanes.values():
            lane.line.clear()
        return left

    def _next(self, pool: Pool) -> None:
        lane = pool.ready.popleft()
        lane.listed = False
        while lane.line and lane.line[0][1].over:
            lane.line.popleft()
        if not lane.line:
            return
        if self._pool(lane) is not pool:  # it fell silent, or was heard again
            self._list(lane)
            asyncio.get_running_loop().call_soon(self.go)
            return
        if lane.busy >= self._slots(lane):
            return  # listed again when one of its queries is done
        wait = lane.bucket.wait()
        if wait:
            lane.listed = True
            asyncio.get_running_loop().call_later(max(wait, TICK), self._rested, lane)
            return
        lane.bucket.spend()
        query, call = lane.line.popleft()
        lane.busy += 1
        pool.busy += 1
        self._start(lane, pool, query, call)
        self._list(lane)

    def _rested(self, lane: Lane) -> None:
        lane.listed = False
        self._list(lane)
        self.go()

    def _list(self, lane: Lane) -> None:
        if lane.line and not lane.listed:
            lane.listed = True
            self._pool(lane).ready.append(lane)

    def _pool(self, lane: Lane) -> Pool:
        if lane.transfer:
            return self._transfers
        return self._silent if lane.silent else self._awake

    def _slots(self, lane: Lane) -> int:
        if not lane.silent:
            return lane.slots
        return max(lane.slots, KNOCKS) if lane.transfer else self._silent.slots

    def _lane(self, query: Query) -> Lane:
        transfer = query.qtype == "AXFR"
        key = (query.server, query.address, transfer)
        lane = self._lanes.get(key)
        if lane is None:
            if query.server not in self._buckets:
                self._buckets[query.server] = Bucket(self._probe.max_qps_per_server)
                self._turns[query.server] = asyncio.Semaphore(max(1, self._probe.transfers_per_server))
            bucket, turns = self._buckets[query.server], self._turns[query.server]
            lane = self._lanes[key] = Lane(bucket, turns, self._probe, transfer=transfer)
        return lane
