"""A server of three hundred zones that hangs and answers again: few of them are asked for that."""

import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from monitor.pair.config_template import config_text
from tests.support.lab.model import Content
from tests.support.lab.server import Server
from tests.support.lab.topology import Lab
from tests.support.receiver import Receiver, receiver
from tests.support.running import Running, running, until

ZONES = [f"z{number:03}.test." for number in range(300)]
ZONE = """
[[zones]]
name = "{name}"
servers = ["ns1", "ns2"]
primary = "ns1"
"""
CADENCE = 5
"""Seconds."""

PATIENCE = 120.0
"""Seconds: some cadences of five, and a loaded machine."""

GRACE = "15s"
"""So long that soa-serial has been round when the first zone is told of."""

OVER_TCP = re.compile(r"^soawatch_queries_total\{(?=.*server=\"ns2\")(?=.*transport=\"tcp\").*\} (\S+)$", re.MULTILINE)


def most(since: float) -> float:
    """Half of the questions to ns2 over TCP that it takes to poll each zone in full at each sweep since then."""
    return len(ZONES) * (1 + (time.monotonic() - since) / CADENCE) / 2


class Watched:
    """A service in a process of its own, and what it has told."""

    def __init__(self, service: Running, hook: Receiver) -> None:
        self.service, self.hook = service, hook

    async def healths(self) -> Mapping[str, int]:
        found = [zone["health"] for zone in await self.service.get("api/v1/zones?limit=1000")]
        return {health: found.count(health) for health in found}

    async def all_are(self, health: str) -> None:
        async def so() -> bool:
            return await self.healths() == {health: len(ZONES)}

        await until(so, PATIENCE)

    async def told(self, count: int) -> None:
        await until(lambda: len(self.hook.heard) >= count, PATIENCE)

    async def over_tcp(self) -> float:
        """Questions to ns2 over TCP so far: a poll in full of a zone has at least one."""
        return sum(map(float, OVER_TCP.findall(await self.service.scrape())))

    async def each_was_asked_over_tcp(self) -> bool:
        return await self.over_tcp() >= len(ZONES)

    async def findings(self, name: str) -> set[str]:
        return {found["code"] for found in (await self.service.get(f"api/v1/zones/{name}"))["findings"]}


@asynccontextmanager
async def watching(
    room: Path, servers: Mapping[str, Server], workers: int, *, paused: bool = False
) -> AsyncIterator[Watched]:
    """``paused``: ns2 hangs before the service starts."""
    if paused:
        servers["ns2"].pause()
    async with receiver() as hook:
        text = config_text(
            {name: [server.ipv4] for name, server in servers.items()}, every=f"{CADENCE}s",
            service={"database": str(room / "soawatch.db")},
            cadence=dict.fromkeys(("transfer", "open-transfer", "ns-set", "soa-fields", "records"), "off"),
            probe={"timeout": "400ms", "workers": workers}, settle="2s",
        ).replace('grace = "1s"', f'grace = "{GRACE}"')  # fmt: skip
        path = room / "soawatch.toml"
        path.write_text(text + "".join(ZONE.format(name=name) for name in ZONES) + hook.toml())
        async with running(path) as service:
            await service.up()
            yield Watched(service, hook)


@asynccontextmanager
async def two_servers() -> AsyncIterator[Mapping[str, Server]]:
    contents = [Content(name, serial=7) for name in ZONES]
    async with Lab() as lab:
        servers = {name: lab.primary("nsd", *contents, name=name) for name in ("ns1", "ns2")}
        await lab.started()
        yield servers


async def test_a_server_that_hangs_has_few_of_its_zones_polled(tmp_path: Path) -> None:
    async with two_servers() as servers, watching(tmp_path, servers, 2) as on:
        await on.all_are("good")
        await until(lambda: on.each_was_asked_over_tcp())
        before, since = await on.over_tcp(), time.monotonic()
        servers["ns2"].pause()
        await on.all_are("bad")
        assert await on.over_tcp() - before < most(since), "not each was polled"
        await on.told(1)
        first = on.hook.heard[0][1]
        assert (first["data"]["cause"], first["data"]["zone_count"]) == ("server ns2", len(ZONES))
        assert await on.findings(ZONES[0]) == await on.findings(ZONES[-1]) == {"server-unreachable"}
        before, since = await on.over_tcp(), time.monotonic()
        servers["ns2"].resume()
        await on.all_are("good")
        assert await on.over_tcp() - before < most(since), "not each was polled"
        await on.told(2)
        assert on.hook.kinds() == ["incident.opened", "incident.resolved"]


async def test_so_has_one_that_hangs_from_the_beginning(tmp_path: Path) -> None:
    async with two_servers() as servers, watching(tmp_path, servers, 1, paused=True) as on:
        since = time.monotonic()
        await on.all_are("bad")
        assert await on.over_tcp() < most(since), "not each was polled"
        await on.told(1)
        first = on.hook.heard[0][1]
        assert (first["data"]["cause"], first["data"]["zone_count"]) == ("server ns2", len(ZONES))
        servers["ns2"].resume()
        await on.all_are("good")
        await on.told(2)
        assert on.hook.kinds() == ["incident.opened", "incident.resolved"]
