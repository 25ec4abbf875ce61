"""Keeps the rate of every server, and keeps unresponsive ones from holding up the others."""

import asyncio
from collections.abc import Callable

from checks.model import Address, Query
from monitor.probe.client.rate_limit_detection import RateLimitDetector
from monitor.probe.client.rates import Rates
from monitor.probe.client.result_stream import ResultStream
from monitor.probe.client.target_queue import (
    Channel,
    ConcurrencyLimit,
    QueryAttempt,
    TargetQueue,
    TokenBucket,
    channel_of,
)
from monitor.probe.settings import Probe

TICK = 0.02
"""Seconds between two wakings for one server's rate: a few queries each time cost less than one."""


class RateLimiter:
    """Starts queries, one of each queue in turn, by calling ``start``; ``done`` must follow when one has ended."""

    def __init__(self, probe: Probe, rates: Rates, start: Callable[[QueryAttempt], None]) -> None:
        self._probe, self._rates = probe, rates
        self._start = start
        most = max(1, probe.max_in_flight)
        self._responsive = ConcurrencyLimit(most)
        self._unresponsive = ConcurrencyLimit(2 * most)
        self._transfers = ConcurrencyLimit(max(16, most // 4))
        self._limits = (self._unresponsive, self._responsive, self._transfers)
        self._detector = RateLimitDetector()
        self._transferring: dict[str, asyncio.Semaphore] = {}
        self._queues: dict[tuple[str, bool, Address, Channel], TargetQueue] = {}

    @property
    def busy(self) -> int:
        return sum(limit.busy for limit in self._limits)

    @property
    def waiting(self) -> int:
        return sum(len(queue.entries) for queue in self._queues.values())

    def put(self, query: Query, call: ResultStream) -> None:
        queue = self._queue(query, channel_of(query))
        queue.entries.append((query, call))
        self._enqueue(queue)

    def done(self, attempt: QueryAttempt) -> None:
        attempt.queue.busy -= 1
        attempt.limit.busy -= 1
        self._enqueue(attempt.queue)
        self.go()

    def go(self) -> None:
        """Starts whatever may start now."""
        for limit in self._limits:
            while limit.waiting_queues and limit.busy < limit.slots:
                self._next(limit)

    def empty(self) -> list[tuple[Query, ResultStream]]:
        """Takes out everything that waits."""
        left = [entry for queue in self._queues.values() for entry in queue.entries]
        for queue in self._queues.values():
            queue.entries.clear()
        return left

    def bucket(self, server: str, *, foreign: bool = False) -> TokenBucket:
        """What a server may be asked, by whomsoever."""
        return self._rates.bucket(server, foreign=foreign)

    def _next(self, limit: ConcurrencyLimit) -> None:
        queue = limit.waiting_queues.popleft()
        queue.queued = False
        while queue.entries and queue.entries[0][1].cancelled:
            queue.entries.popleft()
        if not queue.entries:
            return
        if self._limit(queue) is not limit:  # it stopped responding, or responds again
            self._enqueue(queue)
            asyncio.get_running_loop().call_soon(self.go)
            return
        if queue.full:
            return  # listed again when one of its queries is done
        wait = queue.bucket.wait()
        if wait:
            queue.queued = True
            queue.bucket.add_waiters(1)
            asyncio.get_running_loop().call_later(max(wait, TICK), self._rate_allows, queue)
            return
        queue.bucket.consume()
        query, call = queue.entries.popleft()
        attempt = QueryAttempt(
            query, call, queue, limit, queue.attempts, self._queue(query, Channel.TCP), self._detector
        )
        queue.busy += 1
        limit.busy += 1
        self._start(attempt)
        self._enqueue(queue)

    def _rate_allows(self, queue: TargetQueue) -> None:
        queue.queued = False
        queue.bucket.add_waiters(-1)
        self._enqueue(queue)
        self.go()

    def _enqueue(self, queue: TargetQueue) -> None:
        if queue.entries and not queue.queued:
            queue.queued = True
            self._limit(queue).waiting_queues.append(queue)

    def _limit(self, queue: TargetQueue) -> ConcurrencyLimit:
        if queue.transfer:
            return self._transfers
        return self._responsive if queue.breaker.closed else self._unresponsive

    def _queue(self, query: Query, channel: Channel) -> TargetQueue:
        key = (query.server, query.foreign, query.address, channel)
        queue = self._queues.get(key)
        if queue is None:
            if query.server not in self._transferring:
                self._transferring[query.server] = asyncio.Semaphore(max(1, self._probe.transfers_per_server))
            bucket = self.bucket(query.server, foreign=query.foreign)
            transfers = self._transferring[query.server]
            queue = self._queues[key] = TargetQueue(bucket, transfers, self._probe, channel)
        return queue
