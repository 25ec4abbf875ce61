"""Keeps the rate of every server, and lets a silent one hold up nobody else."""

import asyncio
from collections.abc import Callable

from checks.model import Address, Query
from monitor.probe.client.rate_limit_detection import Limits
from monitor.probe.client.result_stream import ResultStream
from monitor.probe.client.target_queue import Pool, QueryAttempt, TargetQueue, TokenBucket, Way, way
from monitor.probe.settings import Probe

TICK = 0.02
"""Seconds between two wakings for one server's rate: a few queries each time cost less than one."""


class RateLimiter:
    """Lets queries go, lane by lane in turn. ``start`` begins one; ``done`` must follow when it has ended."""

    def __init__(self, probe: Probe, start: Callable[[QueryAttempt], None]) -> None:
        self._probe = probe
        self._start = start
        most = max(1, probe.max_in_flight)
        self._awake = Pool(most)
        self._silent = Pool(2 * most)
        self._transfers = Pool(max(16, most // 4))
        self._pools = (self._silent, self._awake, self._transfers)
        self._whole = None if probe.max_qps is None else TokenBucket(probe.max_qps)
        self._limits = Limits()
        self._buckets: dict[str, TokenBucket] = {}
        self._transferring: dict[str, asyncio.Semaphore] = {}
        self._lanes: dict[tuple[str, Address, Way], TargetQueue] = {}

    @property
    def busy(self) -> int:
        return sum(pool.busy for pool in self._pools)

    @property
    def waiting(self) -> int:
        return sum(len(lane.line) for lane in self._lanes.values())

    def put(self, query: Query, call: ResultStream) -> None:
        lane = self._lane(query, way(query))
        lane.line.append((query, call))
        self._list(lane)

    def done(self, turn: QueryAttempt) -> None:
        turn.lane.busy -= 1
        turn.pool.busy -= 1
        self._list(turn.lane)
        self.go()

    def go(self) -> None:
        """Starts whatever may start now."""
        for pool in self._pools:
            while pool.ready and pool.busy < pool.slots:
                self._next(pool)

    def empty(self) -> list[tuple[Query, ResultStream]]:
        """Takes out everything that waits."""
        left = [entry for lane in self._lanes.values() for entry in lane.line]
        for lane in self._lanes.values():
            lane.line.clear()
        return left

    def bucket(self, server: str) -> TokenBucket:
        """What a server may be asked, by whomsoever."""
        bucket = self._buckets.get(server)
        if bucket is None:
            bucket = self._buckets[server] = TokenBucket(self._probe.max_qps_per_server, self._whole)
        return bucket

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
        if lane.full:
            return  # listed again when one of its queries is done
        wait = lane.bucket.wait()
        if wait:
            lane.listed = True
            lane.bucket.wanted(1)
            asyncio.get_running_loop().call_later(max(wait, TICK), self._rested, lane)
            return
        lane.bucket.spend()
        query, call = lane.line.popleft()
        turn = QueryAttempt(query, call, lane, pool, lane.attempts, self._lane(query, Way.TCP), self._limits)
        lane.busy += 1
        pool.busy += 1
        self._start(turn)
        self._list(lane)

    def _rested(self, lane: TargetQueue) -> None:
        lane.listed = False
        lane.bucket.wanted(-1)
        self._list(lane)
        self.go()

    def _list(self, lane: TargetQueue) -> None:
        if lane.line and not lane.listed:
            lane.listed = True
            self._pool(lane).ready.append(lane)

    def _pool(self, lane: TargetQueue) -> Pool:
        if lane.transfer:
            return self._transfers
        return self._silent if lane.silent else self._awake

    def _lane(self, query: Query, way: Way) -> TargetQueue:
        key = (query.server, query.address, way)
        lane = self._lanes.get(key)
        if lane is None:
            if query.server not in self._transferring:
                self._transferring[query.server] = asyncio.Semaphore(max(1, self._probe.transfers_per_server))
            bucket, transfers = self.bucket(query.server), self._transferring[query.server]
            lane = self._lanes[key] = TargetQueue(bucket, transfers, self._probe, way)
        return lane
