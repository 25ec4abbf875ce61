"""Catalogs whose servers take their time, very many at once: each is read, and none is said to have failed for it."""

import asyncio

from monitor.clock import now
from monitor.probe.client.catalog import MAX_CONNECTIONS, CatalogClient
from monitor.probe.settings import Probe
from tests.support.nameserver import AXFR, NS, SOA, TXT, Asked, Connection, Nameserver, reply, rr, soa

COUNT = MAX_CONNECTIONS + 8
CATALOG = "example.net."
APEX = b"\xc0\x0c"
VERSION = b"\7version\7example\3net\0"


async def test_more_than_are_read_at_one_time_wait_for_their_turn() -> None:
    """Nobody's transfer begins before as many as may be are under way."""
    under_way, all_there = 0, asyncio.Event()

    async def tcp(query: Asked, connection: Connection) -> None:
        nonlocal under_way
        await connection.send(reply(query, [soa()]))
        async for asked in connection.more():
            assert asked.type == AXFR
            under_way += 1
            if under_way == MAX_CONNECTIONS:
                all_there.set()
            await all_there.wait()
            records = [soa(), rr(APEX, NS, b"\7invalid\0"), rr(VERSION, TXT, b"\x012"), soa()]
            await connection.send(reply(asked, records))

    async with Nameserver(None, tcp) as server:
        client = CatalogClient(Probe(timeout=5), {}, now)
        reads = (client.read(CATALOG, server.address, None, None) for _ in range(COUNT))
        versions = await asyncio.gather(*reads)
    assert len(versions) == COUNT
    assert all(version.content is not None for version in versions)
    assert server.most_at_once <= MAX_CONNECTIONS
    assert [one.type for one in server.asked_tcp[:1]] == [SOA]
