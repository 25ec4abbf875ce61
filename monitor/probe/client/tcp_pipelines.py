"""Many questions to one address, several down one TCP connection, answered in whatever order (RFC 7766 section 7).

To one address there is one connection at a time, and none that is idle (RFC 7766 sections 6.2.2 and 6.2.3): it is
opened for as many questions as its server may be asked now, all of them are written at once, and it is closed after the
last answer. A server need not put up with that: one that answers a few of them and closes, resets, falls silent or says
what nobody asked for is asked for the others on a new connection, with no more than it has answered on this one, at
last with one question for each. What it was found to take is remembered for a while.

Here answers are read and nobody is judged. Whatever has no usual answer in the end is for the caller to ask otherwise.
"""

import asyncio
import contextlib
import logging
import secrets
from collections import deque
from collections.abc import Sequence
from weakref import WeakValueDictionary

from checks.model import Address, Observation, Query, Transport
from monitor.clock import Now, monotonic
from monitor.probe.bulk.batches import HEADER_EDNS, QueryTemplate
from monitor.probe.client.observations import QueryFailure, answered
from monitor.probe.client.rate_limiter import TICK, RateLimiter
from monitor.probe.client.sockets import Sockets
from monitor.probe.client.target_queue import TokenBucket
from monitor.probe.client.tcp import Broken, connect
from monitor.probe.message import quick_response
from monitor.probe.message.request import Request, question
from monitor.probe.message.response import Match, match_response
from monitor.probe.settings import Probe
from monitor.probe.stats import ProbeStats

MAX_PER_CONNECTION = 64
"""Questions down one connection, all without answer at first: some kilobytes, which fit into any buffer on the way."""

MIN_CONNECTIONS = 16
"""Addresses asked at once, at least; otherwise a quarter of ``probe.max_in_flight``, as of transfers."""

MAX_OCTETS = 4096
"""Of an answer that is looked into: a SOA takes a tenth of that."""

MEMORY = 600.0
"""Seconds for which is remembered how many questions an address takes on one connection."""

MAX_LOST = 3
"""Times ``probe.timeout`` that one address may take for connections that came to no end, before it is given up."""

MAX_DROPPED = 3
"""Connections in a row without an answer, the first of them with several questions as a rule, that are enough."""

log = logging.getLogger(__name__)

_Requests = dict[int, tuple[Query, Request]]


class TcpPipelines:
    """Belongs to one event loop and must be closed. An address that is not being asked costs nothing."""

    def __init__(
        self, settings: Probe, now: Now, sockets: Sockets, rate_limiter: RateLimiter, stats: ProbeStats
    ) -> None:
        self._timeout, self._patience = settings.timeout, settings.timeout * max(1, settings.attempts)
        self._most = max(1, min(MAX_PER_CONNECTION, settings.max_in_flight))
        self._now, self._sockets, self._rate_limiter, self._stats = now, sockets, rate_limiter, stats
        self._connections = asyncio.Semaphore(max(MIN_CONNECTIONS, settings.max_in_flight // 4))
        self.limits: dict[Address, tuple[int, float]] = {}
        """How many questions an address takes on one connection, and until when that is believed (monotonic)."""
        self._locks: WeakValueDictionary[Address, asyncio.Lock] = WeakValueDictionary()
        self._templates: dict[tuple[str, bool, bool], QueryTemplate] = {}
        self._tasks: set[asyncio.Task[list[Observation]]] = set()
        self._closed = False

    def ask(self, queries: Sequence[Query]) -> asyncio.Task[list[Observation]]:
        """Over TCP, with EDNS and without a key, at one address of one server. The task gives the answers, each as the
        client would have it; what has none is not in there. Closing cancels it, and so may the caller.
        """
        task = asyncio.get_running_loop().create_task(self._guarded(queries))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._closed:
            task.cancel()
        return task

    def pending(self) -> int:
        """Addresses that are being asked, or are to be."""
        return len(self._tasks)

    async def close(self) -> None:
        self._closed = True
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _guarded(self, queries: Sequence[Query]) -> list[Observation]:
        """A fault of ours is nobody's answer, and keeps nobody from asking otherwise."""
        seen: list[Observation] = []
        try:
            address = queries[0].address
            async with self._locks.setdefault(address, asyncio.Lock()):
                await self._answers(deque(queries), seen)
        except Exception:
            log.exception("asking several questions over TCP failed")
        return seen

    async def _answers(self, queries: deque[Query], seen: list[Observation]) -> None:
        server, address = queries[0].server, queries[0].address
        bucket = self._rate_limiter.bucket(server)
        most, lost, dropped = self._limit(address), 0.0, 0
        while queries and lost < MAX_LOST * self._timeout and dropped < MAX_DROPPED:
            count = await _tokens(bucket, min(most, len(queries)))
            requests = self._requests([queries.popleft() for _ in range(count)])
            async with self._connections:
                begun = monotonic()
                if not await self._once(address, requests, seen):
                    return
            dropped = dropped + 1 if len(requests) == count else 0
            if requests:
                most = max(1, count - len(requests))
                queries.extendleft(query for query, _ in reversed(requests.values()))
                lost += monotonic() - begun
            elif most < self._most and address not in self.limits:
                self.limits[address] = (most, monotonic() + MEMORY)

    def _limit(self, address: Address) -> int:
        most, until = self.limits.get(address, (self._most, 0.0))
        if until < monotonic():
            self.limits.pop(address, None)
            return self._most
        return most

    async def _once(self, address: Address, requests: _Requests, seen: list[Observation]) -> bool:
        """Asks all of these on one connection and takes out of them what was answered; False: there is none."""
        stream = await connect(self._sockets, address, self._timeout)
        if isinstance(stream, QueryFailure):
            return False
        sent, until = monotonic(), asyncio.get_running_loop().time() + self._patience
        try:
            with contextlib.suppress(Broken):
                await stream.send(until, *(request.wire for _, request in requests.values()))
                while requests:
                    wire = await stream.message(until, self._timeout)
                    asked = requests.get(int.from_bytes(wire[:2], "big"))
                    if asked is None or len(wire) > MAX_OCTETS or match_response(wire, asked[1]) is not Match.MATCH:
                        break
                    del requests[asked[1].id]
                    self._take(wire, *asked, monotonic() - sent, seen)
        finally:
            stream.close()
        return True

    def _take(self, wire: bytes, query: Query, request: Request, rtt: float, seen: list[Observation]) -> None:
        answer = quick_response.read_usual(wire, request.question)
        if answer is not None:
            one = answered(query, answer, rtt, Transport.TCP, len(wire), self._now())
            self._stats.note(one)
            seen.append(one)

    def _requests(self, queries: Sequence[Query]) -> _Requests:
        """By id; no two have the same."""
        requests: _Requests = {}
        for query in queries:
            asked = question(query)
            while (number := secrets.randbits(16)) in requests:
                continue
            tail = self._template(query).tail
            wire = b"".join((number.to_bytes(2, "big"), HEADER_EDNS, asked.name, tail))
            requests[number] = (query, Request(asked, number, wire, edns=True))
        return requests

    def _template(self, query: Query) -> QueryTemplate:
        key = (query.qtype, query.identify, query.dnssec)
        template = self._templates.get(key)
        if template is None:
            template = QueryTemplate(query.qtype, identify=query.identify, dnssec=query.dnssec)
            self._templates[key] = template
        return template


async def _tokens(bucket: TokenBucket, wanted: int) -> int:
    """Waits until there are some for these questions, several where nobody else takes any; how many were taken."""
    while not (count := bucket.take(wanted)):
        bucket.add_waiters(1)
        try:
            await asyncio.sleep(max(bucket.wait(wanted), TICK))
        finally:
            bucket.add_waiters(-1)
    return count
