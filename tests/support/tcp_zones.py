"""Zones asked over TCP by the prober of the service, and nameservers that answer more than one question there."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from checks.model import Server, Zone
from checks.reachable import Reachable
from monitor.clock import now
from monitor.polling.tcp_prober import TcpProber
from monitor.probe.prober import ServiceProber
from monitor.probe.settings import Probe
from tests.support.nameserver import Asked, Connection, Nameserver, Tcp, every_query, good, name, reply, soa

CHECK = Reachable()
QUICK = Probe(timeout=0.4, attempts=2, max_qps_per_server=1e6)


def zones(count: int, *servers: Nameserver) -> list[Zone]:
    places = tuple(Server(f"ns{number}", (server.address,)) for number, server in enumerate(servers, 1))
    return [Zone(f"z{number}.example.", places) for number in range(count)]


@asynccontextmanager
async def probers(settings: Probe = QUICK) -> AsyncIterator[ServiceProber]:
    prober = ServiceProber(settings, {}, now)
    try:
        yield prober
    finally:
        await prober.close()


async def good_of(prober: ServiceProber, some: Iterable[Zone]) -> set[str]:
    """Which are good; each of the zones is in exactly one result."""
    some = list(some)
    passed: list[str] = []
    doubtful: list[str] = []
    async with asyncio.timeout(20):
        async for result in TcpProber(prober.tcp_pipelines).ask(CHECK, some):
            passed += result.good
            doubtful += result.doubtful
    assert sorted([*passed, *doubtful]) == sorted(zone.name for zone in some)
    return set(passed)


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
