"""A comparison over real connections: it ends with its client, and lets go of the nameservers that it asks."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from checks.model import Address, Server, Zone
from monitor.clock import now
from monitor.probe.client.client import DnsClient
from monitor.probe.settings import Probe
from tests.support.diff_stage import diff_stage, watched
from tests.support.web_server import served

PATH = "/api/v1/zones/example.com/diff"
TWO = {"before": "ns1", "after": "ns2"}


class Dripping:
    """Takes questions for a zone and never answers them; ``gone`` once all who asked have hung up."""

    def __init__(self) -> None:
        self.asked, self.gone = asyncio.Event(), asyncio.Event()
        self._open = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        with contextlib.suppress(ConnectionError):
            await reader.read(2)
            self.asked.set()
            while await reader.read(4096):
                continue
        writer.close()
        self._open -= 1
        if not self._open:
            self.gone.set()


@contextlib.asynccontextmanager
async def comparing() -> AsyncIterator[tuple[Dripping, httpx.AsyncClient]]:
    dripping = Dripping()
    server = await asyncio.start_server(dripping, "127.0.0.1", 0)
    silent = Address("127.0.0.1", server.sockets[0].getsockname()[1])
    zone = Zone("example.com.", (Server("ns1", (silent,)), Server("ns2", (Address("127.0.0.2", silent.port),))))
    other = await asyncio.start_server(dripping, "127.0.0.2", silent.port)
    prober = DnsClient(Probe(), {}, now)
    try:
        async with server, other, served(replace(await diff_stage(), diffs=watched(zone, prober))) as (_, http):
            yield dripping, http
    finally:
        await prober.close()


async def test_a_client_that_goes_away_ends_the_transfers() -> None:
    async with asyncio.timeout(20), comparing() as (dripping, http):
        asking = asyncio.create_task(http.post(PATH, json=TWO))
        await dripping.asked.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await dripping.gone.wait()


async def test_a_time_that_is_over_ends_the_transfers() -> None:
    async with asyncio.timeout(20), comparing() as (dripping, http):
        answer = await http.post(PATH, json={**TWO, "timeout": 0.5})
        assert (answer.status_code, answer.json()) == (504, {"error": "not compared within 0.5 s"})
        await dripping.gone.wait()


@pytest.mark.parametrize("first", ["ns1", "ns2"])
async def test_a_server_that_is_dead(first: str) -> None:
    second = "ns2" if first == "ns1" else "ns1"
    zone = Zone("example.com.", (Server("ns1", (Address("127.0.0.1", 1),)), Server("ns2", (Address("127.0.0.2", 1),))))
    prober = DnsClient(Probe(), {}, now)
    async with served(replace(await diff_stage(), diffs=watched(zone, prober))) as (_, http):
        answer = await http.post(PATH, json={"before": first, "after": second})
    await prober.close()
    assert answer.status_code == 502
    assert "gives no zone: refused-connection" in answer.json()["error"]
