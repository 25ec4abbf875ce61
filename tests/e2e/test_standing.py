"""What stood for a while, and was passed over, is told soon after it changes, though no serial says so."""

import asyncio
import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.clock import now
from monitor.pair.config_template import config_text
from monitor.pair.pair import Pair
from tests.support.lab.model import Content
from tests.support.lab.server import Server
from tests.support.lab.topology import Lab
from tests.support.running import Running, running, until

ZONES = ("one.test.", "two.test.", "three.test.")
BROKEN = ZONES[1]
SOON = 60.0
"""Seconds: a few cadences of one second, two looks at what a server says, and a machine that is loaded ten times over.
What is passed over for good is asked again after hours.
"""

ZONE = """
[[zones]]
name = "{name}"
servers = ["ns1", "ns2"]
primary = "ns1"
max_lag = "2s"
ignore_servers = ["*"]
records = ["www A"]
"""


class Watched:
    """A service in a process of its own, and the sweeps that its database has."""

    def __init__(self, service: Running, database: Path) -> None:
        self.service, self._database = service, database

    async def codes(self) -> set[tuple[str, str, str]]:
        """Zone, code and server of every finding."""
        shown = [await self.service.get(f"api/v1/zones/{name}") for name in ZONES]
        return {(zone["name"], found["code"], found["server"]) for zone in shown for found in zone["findings"]}

    async def well(self) -> bool:
        return {zone["health"] for zone in await self.service.get("api/v1/zones")} == {"good"}

    def queries(self) -> Mapping[str, int]:
        """How much the latest sweep of each check has asked."""
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as conn:
            return dict(conn.execute('select "check", queries from sweeps order by id').fetchall())

    async def passed_over(self) -> None:
        """Until all is good, and the latest sweep of each check has asked less than the checks themselves do."""
        addresses = 2 * len(ZONES)
        most = {"soa-fields": 0, "ns-set": addresses, "records": addresses, "reachable": 2 * addresses - 1}
        await until(lambda: self.well(), SOON)

        def few() -> bool:
            asked = self.queries()
            return all(asked.get(check, most[check] + 1) <= most[check] for check in most)

        await until(few, SOON)

    async def told(self, *wanted: tuple[str, str, str]) -> None:
        async def found() -> bool:
            return await self.codes() >= set(wanted)

        await until(found, SOON)


@asynccontextmanager
async def watching(
    room: Path, servers: Mapping[str, Iterable[object]], workers: int = 1, timeout: str = "500ms"
) -> AsyncIterator[Watched]:
    """``timeout`` is short where servers say nothing; where all answer or refuse, slow ones are to be no finding."""
    probe = {"timeout": timeout, "workers": workers}
    settings = config_text(
        servers, every="1s", service={"database": "soawatch.db"}, cadence={"transfer": "1h"}, probe=probe
    )
    path = room / "soawatch.toml"
    path.write_text(settings + "".join(ZONE.format(name=name) for name in ZONES))
    async with running(path) as service:
        await service.up()
        watched = Watched(service, room / "soawatch.db")
        await watched.passed_over()
        yield watched


def record(content: Content) -> Content:
    return replace(content, records=(*content.records[:-2], "www A 192.0.2.66", content.records[-1]))


def ns_set(content: Content) -> Content:
    return replace(content, records=(*content.records, "@ NS ns3", "ns3 A 192.0.2.54"))


def soa_fields(content: Content) -> Content:
    return replace(content, minimum=content.minimum + 1)


EDITS = (
    (record, "ns2", "content-differs", "ns2"),
    (record, "ns1", "serial-unbumped", "ns1"),
    (ns_set, "ns1", "serial-unbumped", "ns1"),
    (ns_set, "ns2", "ns-set-differs", "ns2"),
    (soa_fields, "ns2", "soa-fields-differ", "ns2"),
)
"""What is edited, where, what is found of it and of whom: ns1 is the primary."""


@pytest.mark.parametrize("workers", [1, 2])
async def test_edits_without_a_new_serial_and_a_death_are_told_and_so_is_their_end(
    workers: int, tmp_path: Path
) -> None:
    """BIND shuffles the records of its answers."""
    contents = [Content(name, serial=7) for name in ZONES]
    async with Lab() as lab:
        servers = {"ns1": lab.primary("bind", *contents), "ns2": lab.primary("nsd", *contents)}
        await lab.started()
        async with watching(tmp_path, {name: [server.ipv4] for name, server in servers.items()}, workers) as watched:
            for edit, name, code, accused in EDITS:
                content = servers[name].content(BROKEN)
                await asyncio.to_thread(servers[name].put, edit(content))
                await watched.told((BROKEN, code, accused))
                await asyncio.to_thread(servers[name].put, content)
                await watched.passed_over()
            await died(watched, servers["ns2"])


async def died(watched: Watched, server: Server) -> None:
    await asyncio.to_thread(server.stop)
    await watched.told(*((name, "server-unreachable", "ns2") for name in ZONES))
    await asyncio.to_thread(server.start)
    await watched.passed_over()


FAULTS = {"tcp-dead": "tcp-unreachable", "edns-dropped": "edns-broken"}


@pytest.mark.parametrize("workers", [1, 2])
async def test_what_an_address_does_is_told_of_all_its_zones_though_few_are_asked_over_tcp(
    workers: int, tmp_path: Path
) -> None:
    async with Pair(ZONES, now=now) as pair:
        await pair.in_sync()
        servers = {server.name: server.addresses for server in pair.servers}
        async with watching(tmp_path, servers, workers, timeout="300ms") as watched:
            for fault, code in FAULTS.items():
                pair.break_(fault)
                await watched.told(*((name, code, "ns2") for name in ZONES))
                pair.mend()
                await watched.passed_over()


@pytest.mark.parametrize("workers", [1, 2])
async def test_from_the_beginning_nobody_asks_what_soa_serial_has_just_heard_or_what_others_like_it_were_asked(
    workers: int, tmp_path: Path
) -> None:
    """The other checks begin when its first polls are not only made, but evaluated. Of zones that are alike few are
    polled in full, with three questions to an address: all others are asked one.
    """
    contents = [Content(f"z{number:03}.test.", serial=7) for number in range(600)]
    async with Lab() as lab:
        servers = {name: [lab.primary("nsd", *contents).ipv4] for name in ("ns1", "ns2")}
        await lab.started()
        path = tmp_path / "soawatch.toml"
        settings = config_text(
            servers, every="60s", service={"database": "soawatch.db"}, cadence={"transfer": "off"},
            probe={"workers": workers},
        )  # fmt: skip
        path.write_text(settings + "".join(ZONE.format(name=content.zone) for content in contents))
        async with running(path) as service:
            await service.up()
            watched = Watched(service, tmp_path / "soawatch.db")
            await until(lambda: "soa-fields" in watched.queries(), 60.0)
            assert watched.queries()["soa-fields"] == 0
            await until(lambda: {"ns-set", "records", "reachable"} <= watched.queries().keys(), 60.0)
            addresses = 2 * len(contents)
            for check in ("ns-set", "records", "reachable"):
                assert addresses <= watched.queries()[check] < 1.5 * addresses, check
            zones = await service.get("api/v1/zones?limit=1000")
            assert [zone["health"] for zone in zones] == ["good"] * len(contents)


def workers_of(service: Running) -> set[int]:
    pid = service.process.pid
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


async def restarted(service: Running, times: int) -> bool:
    return await service.metric("soawatch_worker_restarts_total") == times


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_workers_that_are_killed_accuse_nobody_and_what_is_watched_by_others_after_a_reload_stands(
    tmp_path: Path, end: signal.Signals
) -> None:
    async with Pair(ZONES, now=now) as pair:
        await pair.in_sync()
        servers = {server.name: server.addresses for server in pair.servers}
        async with watching(tmp_path, servers, 2) as watched:
            service, config = watched.service, tmp_path / "soawatch.toml"
            for times in range(1, 4):
                killed = workers_of(service)
                assert len(killed) == 2
                for pid in killed:
                    os.kill(pid, signal.SIGKILL)
                await until(lambda killed=killed: len(workers_of(service) - killed) == 2, SOON)
                await watched.passed_over()
                await until(lambda times=times: restarted(service, 2 * times), SOON)
            before = workers_of(service)
            config.write_text(config.read_text().replace("workers = 2", "workers = 3"))
            service.signal(signal.SIGHUP)
            await until(lambda: len(workers_of(service)) == 3 and not workers_of(service) & before, SOON)
            await watched.passed_over()
            assert await service.get("api/v1/incidents") == []
            pair.break_("record-changed")
            await until(lambda: watched.codes(), SOON)
            pair.mend()
            await watched.passed_over()
            left = workers_of(service)
            service.signal(end)
            await service.ended()
            await until(lambda: not any(map(is_running, left)), SOON)
