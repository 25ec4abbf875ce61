"""The prober for any question, with sockets of its own."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from functools import partial
from itertools import islice
from types import MappingProxyType

from checks.model import Observation, Query
from monitor.clock import Now
from monitor.probe.bulk.engine import BulkEngine
from monitor.probe.client.exchange import Exchange
from monitor.probe.client.rate_limiter import RateLimiter
from monitor.probe.client.rates import Rates
from monitor.probe.client.result_stream import ResultStream, Suspicion
from monitor.probe.client.sockets import Sockets
from monitor.probe.client.target_queue import QueryAttempt
from monitor.probe.client.tcp_pipelines import TcpPipelines
from monitor.probe.settings import Probe, TlsSettings
from monitor.probe.stats import ProbeStats
from monitor.probe.types import TsigKey

log = logging.getLogger(__name__)

QUERIES_PER_TURN = 500
"""Queries taken from the caller before the event loop runs other tasks."""


class DnsClient:
    """A Prober. It belongs to one event loop; many may call it at once, and it must be closed.

    A caller that stops listening gives up what was not yet asked.
    """

    def __init__(
        self, settings: Probe, keys: Mapping[str, TsigKey], now: Now, *, descriptors: int | None = None,
        stats: ProbeStats | None = None, rates: Rates | None = None, use_gso: bool = True,
        tls: Mapping[str, TlsSettings] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        """``descriptors``: most sockets open at once; by default what the process may open, less some for the rest.
        ``stats``: where it counts what it does. ``rates``: those that it shares with others, by default its own.
        ``tls``: by server, for those that are asked over TLS.

        Raises Unasked when ``settings.source`` holds what is not an address.
        """
        self.sockets = Sockets(settings.source, descriptors)
        self.rate_limiter = RateLimiter(settings, rates or Rates(settings), self._start)
        self.stats = stats if stats is not None else ProbeStats()
        self.engine = BulkEngine(settings, now, self.sockets, self.rate_limiter, self.stats, self.ask, use_gso=use_gso)
        """The UDP transport, and for those who ask very many the same."""
        self.tcp_pipelines = TcpPipelines(settings, now, self.sockets, self.rate_limiter, self.stats)
        """For those who ask very many over TCP."""
        self._exchange = Exchange(settings, keys, now, self.sockets, self.engine, tls)
        self._tasks: set[asyncio.Task[Observation]] = set()
        self._closed = False

    async def __call__(self, queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
        async for batch in self.ask(queries):
            yield batch

    async def ask(
        self, queries: Iterable[Query], suspicion: Suspicion = Suspicion.NONE
    ) -> AsyncIterator[Sequence[Observation]]:
        """``suspicion``: what was suspect in the responses to these over UDP so far."""
        call = ResultStream(suspicion)
        try:
            source = iter(queries)
            while chunk := list(islice(source, QUERIES_PER_TURN)):
                self._take(chunk, call)
                await asyncio.sleep(0)
            while batch := await call.batch():
                yield batch
        finally:
            call.cancelled = True

    async def close(self) -> None:
        """What waits, or is in flight, ends as UNASKED; so does what is asked later."""
        self._closed = True
        for query, call in self.rate_limiter.empty():
            self._finish(query, call, None)
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._exchange.tls_pool.close()
        await self.tcp_pipelines.close()
        await self.engine.close()

    def pending(self) -> int:
        """Queries in flight, or held back by rates, slots, or because the monitor has no descriptor left; and addresses
        of which several things are asked over TCP.
        """
        return self.engine.pending() + self.tcp_pipelines.pending()

    def _take(self, queries: Iterable[Query], call: ResultStream) -> None:
        for query in queries:
            call.left += 1
            if self._closed:
                self._finish(query, call, None)
            else:
                self.rate_limiter.put(query, call)
        self.rate_limiter.go()

    def _start(self, attempt: QueryAttempt) -> None:
        task = asyncio.get_running_loop().create_task(self._observe(attempt))
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, attempt))

    async def _observe(self, attempt: QueryAttempt) -> Observation:
        query = attempt.query
        try:
            return await self._exchange.observe(attempt)
        except Exception as fault:
            log.exception("the prober failed at %s %s", query.qname, query.qtype)
            return self._exchange.unasked(query, f"a fault of the prober itself: {type(fault).__name__}")

    def _ended(self, attempt: QueryAttempt, task: asyncio.Task[Observation]) -> None:
        self._tasks.discard(task)
        self._finish(attempt.query, attempt.call, None if task.cancelled() else task.result())
        self.rate_limiter.done(attempt)

    def _finish(self, query: Query, call: ResultStream, seen: Observation | None) -> None:
        """Without an observation it is one that was cancelled by closing the prober."""
        if seen is None:
            seen = self._exchange.unasked(query, "the monitor is stopping")
        if not query.foreign:  # series are those of servers that are watched
            self.stats.note(seen)
        call.put(seen)
