"""The prober of the service: short questions by the engine, the rest by the client."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from itertools import islice
from types import MappingProxyType

from checks.model import Address, Observation, Query, Transport
from monitor.clock import Now
from monitor.probe.bulk.batches import QueryBatch, QueryTemplate
from monitor.probe.bulk.call import BulkCall
from monitor.probe.client.client import QUERIES_PER_TURN, DnsClient
from monitor.probe.client.rates import Rates
from monitor.probe.client.result_stream import ResultStream
from monitor.probe.client.sockets import Unasked
from monitor.probe.message.request import AXFR, IXFR, Question, question
from monitor.probe.settings import Probe, TlsSettings
from monitor.probe.stats import ProbeStats
from monitor.probe.types import TsigKey

_Group = tuple[str, Address, str, bool, bool]


class ServiceProber:
    """The Prober of the service. What goes over UDP without a key is sent by ``engine``, all else by DnsClient.

    They share descriptors, rates and counts. It belongs to one event loop, and must be closed.
    """

    def __init__(
        self, settings: Probe, keys: Mapping[str, TsigKey], now: Now, *, descriptors: int | None = None,
        stats: ProbeStats | None = None, rates: Rates | None = None,
        tls: Mapping[str, TlsSettings] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        """``rates``: those that it shares with others, by default its own. ``tls``: by server, for those that are asked
        over TLS.

        Raises Unasked when ``settings.source`` holds what is not an address.
        """
        self._dns = DnsClient(settings, keys, now, descriptors=descriptors, stats=stats, rates=rates, tls=tls)
        self.stats = self._dns.stats
        self.engine = self._dns.engine
        """For callers that ask one question of very many zones."""
        self.tcp_pipelines = self._dns.tcp_pipelines
        """For those who ask it over TCP."""
        self._templates: dict[tuple[str, bool, bool], QueryTemplate] = {}

    async def __call__(self, queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
        call = ResultStream()
        pumps: list[asyncio.Task[None]] = []
        try:
            source = iter(queries)
            while chunk := list(islice(source, QUERIES_PER_TURN)):
                pumps += self._ask(chunk, call)
                await asyncio.sleep(0)
            while batch := await call.batch():
                yield batch
        finally:
            call.cancelled = True
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def close(self) -> None:
        """What is in flight ends as UNASKED, soon."""
        await self._dns.close()

    def pending(self) -> int:
        """Queries in flight or not yet sent, of all together."""
        return self._dns.pending()

    def _ask(self, queries: Sequence[Query], call: ResultStream) -> list[asyncio.Task[None]]:
        groups: dict[_Group, dict[bytes, list[Query]]] = {}
        others: list[Query] = []
        for query in queries:
            asked = self._for_engine(query)
            if asked is None:
                others.append(query)
            else:
                key = (query.server, query.address, query.qtype, query.identify, query.dnssec)
                groups.setdefault(key, {}).setdefault(asked.name, []).append(query)
        call.left += len(queries)
        loop = asyncio.get_running_loop()
        pumps = []
        if others:
            pumps.append(loop.create_task(_pump(self._dns(others), call)))
        if groups:
            batches = []
            for (server, address, qtype, identify, dnssec), waiting in groups.items():
                names = [name for name, unchanged in waiting.items() for _ in unchanged]
                batch = QueryBatch(server, address, names, [-1] * len(names))
                batches.append((batch, self._template(qtype, identify=identify, dnssec=dnssec), waiting))
            pumps.append(loop.create_task(_pump_bulk(self.engine.ask_also(batches), call)))
        return pumps

    def _for_engine(self, query: Query) -> Question | None:
        """The question, where the engine can send it; None: DnsClient sends it, or says why nobody can."""
        if (
            query.transport is not Transport.UDP
            or query.key is not None
            or query.anywhere
            or query.version
            or query.foreign
        ):
            return None
        try:
            self._dns.sockets.endpoint(query.address)
            asked = question(query)
        except (ValueError, Unasked):
            return None
        return asked if asked.type not in (AXFR, IXFR) else None

    def _template(self, qtype: str, *, identify: bool, dnssec: bool) -> QueryTemplate:
        key = (qtype, identify, dnssec)
        template = self._templates.get(key)
        if template is None:
            template = self._templates[key] = QueryTemplate(qtype, identify=identify, dnssec=dnssec)
        return template


async def _pump(batches: AsyncIterator[Sequence[Observation]], call: ResultStream) -> None:
    async for batch in batches:
        for seen in batch:
            call.put(seen)


async def _pump_bulk(call: BulkCall, stream: ResultStream) -> None:
    try:
        async for update in call:
            for _, seen in update.changed:
                stream.put(seen)
    finally:
        await call.aclose()
