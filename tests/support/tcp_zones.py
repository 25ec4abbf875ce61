"""Zones asked over TCP by this process or by workers, and nameservers that answer more than one question there."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from checks.model import Server, Zone
from checks.reachable import Reachable
from monitor.clock import now
from monitor.config.model import Config
from monitor.polling.bulk import BulkProber
from monitor.polling.bulk_factory import make_bulk_prober
from monitor.polling.tcp_prober import TcpProber
from monitor.polling.workers.process import WorkerMetrics
from monitor.probe.prober import ServiceProber
from monitor.probe.settings import Probe
from monitor.probe.stats import ProbeStats
from tests.support.nameserver import Asked, Connection, Nameserver, Tcp, every_query, good, name, reply, soa

CHECK = Reachable()
WORKERS = [1, 2]
QUICK = Probe(timeout=0.4, attempts=2, max_qps_per_server=1e6)


def zones(count: int, *servers: Nameserver) -> list[Zone]:
    places = tuple(Server(f"ns{number}", (server.address,)) for number, server in enumerate(servers, 1))
    return [Zone(f"z{number}.example.", places) for number in range(count)]


@dataclass
class Asking:
    """Who asks: a bulk prober, and the prober of this process."""

    prober: ServiceProber
    bulk_prober: BulkProber
    metrics: WorkerMetrics

    async def good_of(self, some: Iterable[Zone]) -> set[str]:
        """Which are good; each of the zones is in exactly one result."""
        some = list(some)
        passed: list[str] = []
        doubtful: list[str] = []
        async with asyncio.timeout(20):
            async for result in TcpProber(self.bulk_prober).ask(CHECK, some):
                passed += result.good
                doubtful += result.doubtful
        assert sorted([*passed, *doubtful]) == sorted(zone.name for zone in some)
        return set(passed)

    async def counted(self, queries: int) -> ProbeStats:
        """What was counted, when it is so many queries: workers tell it every second."""
        async with asyncio.timeout(10):
            while sum(self.metrics.stats.queries.values()) < queries:
                await asyncio.sleep(0.01)
        return self.metrics.stats

    def pending(self) -> bool:
        return bool(self.prober.pending() + self.bulk_prober.pending())

    async def close(self) -> None:
        await self.bulk_prober.close()
        await self.prober.close()


@asynccontextmanager
async def asking(workers: int, settings: Probe = QUICK) -> AsyncIterator[Asking]:
    settings, metrics = replace(settings, workers=workers), WorkerMetrics(ProbeStats())
    prober = ServiceProber(settings, {}, now, stats=metrics.stats)
    one = Asking(prober, make_bulk_prober(Config(probe=settings), now, prober, metrics), metrics)
    try:
        yield one
    finally:
        await one.close()


async def answers(query: Asked, connection: Connection) -> None:
    async for one in every_query(query, connection):
        await connection.send(good(one))


async def islice_async(source: AsyncIterator[Asked], count: int) -> AsyncIterator[Asked]:
    for _ in range(count):
        async for one in source:
            yield one
            break


def says(build: Callable[[Asked], bytes]) -> Tcp:
    async def tcp(query: Asked, connection: Connection) -> None:
        async for one in every_query(query, connection):
            await connection.send(build(one))

    return tcp


def of_another_zone(query: Asked) -> bytes:
    return reply(query, [soa()], question=name("z99.example.") + query.question[-4:])
