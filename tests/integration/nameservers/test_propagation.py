"""How long a change takes from BIND to Knot and NSD, by the service and by asking the servers all the time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode

from monitor.clock import now
from monitor.pair.config_template import config_text
from tests.support.lab.model import Content
from tests.support.lab.server import Server
from tests.support.lab.topology import Lab
from tests.support.plain_http import plain_http
from tests.support.running import Running, running, until

ZONE = "go.test."
CADENCE = 6
"""Seconds: long enough for three looks in pauses that double."""

CONFIG = f"""
[[zones]]
name = "{ZONE}"
servers = ["primary", "knot", "nsd"]
primary = "primary"
max_lag = "1h"
ignore_servers = ["*"]
"""


async def serial(server: Server) -> int | None:
    asked = dns.message.make_query(ZONE, "SOA")
    try:
        heard = await dns.asyncquery.udp(asked, server.ipv4.host, port=server.ipv4.port, timeout=1)
    except dns.exception.Timeout:
        return None
    return heard.answer[0][0].serial if heard.rcode() == dns.rcode.NOERROR and heard.answer else None


async def arrival(server: Server, wanted: int) -> tuple[datetime, datetime]:
    """Asked all the time: the last moment at which it did not have the version, and the first at which it had."""
    before = now()
    while True:
        at = now()
        if await serial(server) == wanted:
            return before, now()
        before = at
        await asyncio.sleep(0.005)


@asynccontextmanager
async def watched(lab: Lab, room: Path) -> AsyncIterator[Running]:
    text = config_text(
        {server.name: (server.ipv4,) for server in lab.servers}, every=f"{CADENCE}s",
        service={"database": "soawatch.db", "log_format": "json"},
        cadence=dict.fromkeys(("reachable", "transfer", "ns-set", "soa-fields", "records"), "off"),
    )  # fmt: skip
    path = room / "soawatch.toml"
    path.write_text(text + CONFIG)
    async with running(path) as service:
        await service.up()
        yield service


async def served(service: Running) -> dict[str, int]:
    return {one["server"]: one["serial"] for one in (await service.get(f"api/v1/zones/{ZONE}"))["addresses"]}


async def shown(service: Running, path: str) -> dict[str, dict[str, Any]]:
    return {one["server"]: one for one in (await service.get(path))["arrivals"]}


async def test_a_change_is_followed_and_timed_at_each_secondary(tmp_path: Path) -> None:
    with Lab() as lab:
        primary = lab.primary("bind", Content(ZONE, serial=10), name="primary")
        knot = lab.secondary("knot", of=primary, notify=False, name="knot")
        nsd = lab.secondary("nsd", of=primary, notify=False, name="nsd")
        await lab.started()
        await until(lambda: equal(10, knot, nsd))
        async with watched(lab, tmp_path) as service:
            await until(lambda: at_all(service, 10), 30)
            assert primary.bump(ZONE) == 11
            await until(lambda: at_primary(service, 11), 30)
            times = {}
            for secondary in (knot, nsd):
                waiting = asyncio.create_task(arrival(secondary, 11))
                secondary.nudge(ZONE)
                times[secondary.name] = await waiting
            await until(lambda: at_all(service, 11), 30)
            found = await shown(service, f"api/v1/zones/{ZONE}/propagation")
            assert set(found) == {"knot", "nsd"}, "nothing of the primary"
            for name, (before, after) in times.items():
                at, gap = (
                    datetime.fromisoformat(found[name]["at"]),
                    timedelta(seconds=found[name]["uncertainty_seconds"]),
                )
                assert before - SLACK <= at, "not before it had it"
                assert at - gap <= after + SLACK, "not missed at the look before"
                assert gap < timedelta(seconds=CADENCE), "it was looked for sooner than regularly"
                assert await shown(service, f"api/v1/servers/{name}/propagation") == {name: found[name]}
            async with plain_http(service.page) as client:
                for page in (f"zones/{ZONE}", "servers/knot"):
                    assert "How long versions took" in (await client.get(page)).text
                assert "How long versions took" not in (await client.get("servers/primary")).text


SLACK = timedelta(milliseconds=50)


async def equal(wanted: int, *servers: Server) -> bool:
    return {await serial(server) for server in servers} == {wanted}


async def at_all(service: Running, wanted: int) -> bool:
    known = await served(service)
    return len(known) == 3 and set(known.values()) == {wanted}


async def at_primary(service: Running, wanted: int) -> bool:
    return (await served(service)).get("primary") == wanted
