"""The prober of the service: short questions by the engine, the rest by the client."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from itertools import islice

from checks.model import Address, Observation, Query, Transport
from monitor.clock import Now
from monitor.probe.bulk.batches import QueryBatch, QueryTemplate
from monitor.probe.bulk.call import BulkCall
from monitor.probe.bulk.engine import BulkEngine
from monitor.probe.client.client import DnsClient
from monitor.probe.client.result_stream import ResultStream
from monitor.probe.client.sockets import Unasked
from monitor.probe.message.request import AXFR, Question, question
from monitor.probe.settings import Probe
from monitor.probe.stats import ProbeCounts
from monitor.probe.types import TsigKey

_CHUNK = 500
"""Queries taken from the caller before everybody else has a turn."""

_Group = tuple[str, Address, str, bool]


class ServiceProber:
    """The Prober of monitor.ports. What goes over UDP without a key is asked by ``engine``, all else by DnsProber.

    They share descriptors, rates and counts. It belongs to one event loop, and must be closed.
    """

    def __init__(
        self, settings: Probe, keys: Mapping[str, TsigKey], now: Now, *, descriptors: int | None = None
    ) -> None:
        """Raises Unasked when ``settings.source`` holds what is not an address."""
        self._dns = DnsClient(settings, keys, now, descriptors=descriptors)
        self.engine = BulkEngine(settings, now, dns=self._dns)
        """For those who ask very many the same."""
        self._kinds: dict[tuple[str, bool], QueryTemplate] = {}

    async def __call__(self, queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
        call = ResultStream()
        pumps: list[asyncio.Task[None]] = []
        try:
            source = iter(queries)
            while chunk := list(islice(source, _CHUNK)):
                pumps += self._ask(chunk, call)
                await asyncio.sleep(0)
            while batch := await call.batch():
                yield batch
        finally:
            call.over = True
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def close(self) -> None:
        """What is in flight ends as UNASKED, soon."""
        await asyncio.gather(self._dns.close(), self.engine.close())

    def counts(self) -> ProbeCounts:
        """Of both together."""
        return self.engine.counts()

    def _ask(self, queries: Sequence[Query], call: ResultStream) -> list[asyncio.Task[None]]:
        groups: dict[_Group, dict[bytes, list[Query]]] = {}
        others: list[Query] = []
        for query in queries:
            asked = self._simple(query)
            if asked is None:
                others.append(query)
            else:
                key = (query.server, query.address, query.qtype, query.identify)
                groups.setdefault(key, {}).setdefault(asked.name, []).append(query)
        call.left += len(queries)
        loop = asyncio.get_running_loop()
        pumps = []
        if others:
            pumps.append(loop.create_task(_pump(self._dns(others), call)))
        if groups:
            loads = []
            for (server, address, qtype, identify), waiting in groups.items():
                names = [name for name, same in waiting.items() for _ in same]
                volley = QueryBatch(server, address, names, [-1] * len(names))
                loads.append((volley, self._kind(qtype, identify=identify), waiting))
            pumps.append(loop.create_task(_heard(self.engine.ask_also(loads), call)))
        return pumps

    def _simple(self, query: Query) -> Question | None:
        """What the engine can ask; the other prober says what is wrong with the rest."""
        if query.transport is not Transport.UDP or query.key is not None or query.anywhere:
            return None
        try:
            self._dns.sockets.endpoint(query.address)
            asked = question(query)
        except (ValueError, Unasked):
            return None
        return asked if asked.type != AXFR else None

    def _kind(self, qtype: str, *, identify: bool) -> QueryTemplate:
        kind = self._kinds.get((qtype, identify))
        if kind is None:
            kind = self._kinds[qtype, identify] = QueryTemplate(qtype, identify=identify)
        return kind


async def _pump(batches: AsyncIterator[Sequence[Observation]], call: ResultStream) -> None:
    async for batch in batches:
        for seen in batch:
            call.put(seen)


async def _heard(asking: BulkCall, call: ResultStream) -> None:
    try:
        async for heard in asking:
            for _, seen in heard.odd:
                call.put(seen)
    finally:
        await asking.aclose()
