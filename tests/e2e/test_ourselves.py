"""What goes wrong with the monitor itself: it is cut off, its disk takes nothing, it is reloaded, it must end."""

import asyncio
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, closing
from datetime import datetime
from pathlib import Path

import pytest

from checks.registry import CHECKS
from monitor.cli.demo_environment import Environment, environment
from monitor.cli.demo_runner import all_well, ready, standing_findings
from monitor.clock import monotonic, now
from monitor.config.load import parse
from monitor.pair.config_template import config_text
from monitor.pair.pair import Pair
from monitor.pair.zonedata import Timers
from monitor.service.service import Service
from tests.support.hookserver import hookserver
from tests.support.plain_http import plain_http
from tests.support.running import until


def kinds(on: Environment) -> list[str]:
    return [event.kind for event in on.receiver.events]


def causes(on: Environment) -> set[str]:
    return {str(incident.cause) for incident in on.service.status.incidents.values()}


async def more_sweeps(service: Service, check: str, count: int) -> None:
    """Until so many more sweeps of a check have ended."""
    for _ in range(count):
        before = finished(service, check)
        await until(lambda before=before: finished(service, check) != before)


def finished(service: Service, check: str) -> set[datetime | None]:
    """When the latest sweeps of a check ended."""
    return {sweep.finished for sweep in service.status.sweeps.values() if sweep.check == check}


async def test_cut_off_it_says_so_once_and_accuses_nobody() -> None:
    async with environment() as on:
        await ready(on)
        for name in ("ns1", "ns2"):
            on.pair.break_("udp-dead", name)
            on.pair.break_("tcp-silent", name)
        await until(lambda: "incident.opened" in kinds(on))
        await more_sweeps(on.service, "reachable", 4)
        assert causes(on) == {"vantage demo"}
        assert on.service.status.offline_families == ("ipv4",)
        assert {finding.key.code for finding in standing_findings(on.service.status)} == set()
        assert {on.service.status.zones[name].health for name in on.service.status.zones} == {"unknown"}
        on.pair.mend()
        await until(lambda: all_well(on.service.status))
        await until(lambda: "incident.resolved" in kinds(on))
        await more_sweeps(on.service, "reachable", 2)
        assert kinds(on) == ["incident.opened", "incident.resolved"]
        assert causes(on) == {"vantage demo"}


def settings(cadence: str, listen: str = "127.0.0.1:0", **servers: Iterable[object]) -> str:
    """Two checks, everything else off."""
    off = dict.fromkeys(CHECKS.keys() - {"reachable", "soa-serial"}, "off")
    service = {"listen": listen, "database": "service.db"}
    return config_text(servers, every=cadence, cadence=off, service=service, probe={"timeout": "300ms"})


ENTRY = '[[zones]]\nname = "{zone}"\nservers = ["ns1", "ns2"]\nprimary = "ns1"\n'


class Watched:
    """A service whose configuration is a file that can be written anew."""

    def __init__(self, path: Path, pair: Pair) -> None:
        self.path, self.pair = path, pair
        self.service: Service

    def write(self, *zones: str, cadence: str = "1s", deaf: tuple[str, str] | None = None) -> None:
        servers = {server.name: [str(address) for address in server.addresses] for server in self.pair.servers}
        for addresses, extra in zip(servers.values(), deaf or (), strict=False):
            addresses.append(extra)
        text = settings(cadence, **servers)
        self.path.write_text(text + "".join(ENTRY.format(zone=zone) for zone in zones))

    def read(self):
        return parse(self.path.read_text(), self.path, {})


@asynccontextmanager
async def watched(directory: Path, *zones: str, **more) -> AsyncIterator[Watched]:
    async with Pair(["one.example.", "two.example."], now=now, timers=Timers(refresh=2, retry=1)) as pair:
        await pair.in_sync()
        on = Watched(directory / "soawatch.toml", pair)
        on.write(*zones, **more)
        on.service = Service(on.read(), on.read)
        await on.service.start()
        try:
            yield on
        finally:
            await on.service.stop()


def healths(service: Service) -> dict[str, str]:
    return {name: str(service.status.zones[name].health) for name in service.status.zones}


def listens(family: socket.AddressFamily, host: str) -> tuple[socket.socket, socket.socket, int]:
    """Somebody who takes every packet and every connection, and says nothing."""
    tcp = socket.socket(family, socket.SOCK_STREAM)
    tcp.bind((host, 0))
    tcp.listen(128)
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.bind((host, tcp.getsockname()[1]))
    return tcp, udp, tcp.getsockname()[1]


@pytest.mark.parametrize("addresses", [1, 2])
async def test_without_ipv6_only_ipv6_is_not_judged(tmp_path: Path, addresses: int) -> None:
    try:
        one, other = listens(socket.AF_INET6, "::1"), listens(socket.AF_INET6, "::1")
    except OSError:
        pytest.skip("this machine has no ::1")
    with closing(one[0]), closing(one[1]), closing(other[0]), closing(other[1]):
        deaf = (f"[::1]:{one[2]}", f"[::1]:{other[2]}")[:addresses]
        async with watched(tmp_path, "one.example.", deaf=deaf) as on:
            await until(lambda: on.service.status.incidents)
            await more_sweeps(on.service, "reachable", 3)
            status = on.service.status
            assert [str(i.cause) for i in status.incidents.values()] == ["vantage local"]
            assert status.offline_families == ("ipv6",)
            assert list(standing_findings(status)) == []
            assert healths(on.service) == {"one.example.": "good"}
            states = [(":" in a.address.host, a.state) for a in status.zones["one.example."].addresses]
            assert sorted(states) == [(False, "in-sync")] * 2 + [(True, "unknown")] * addresses


async def test_a_disk_that_takes_nothing_stops_nothing_and_is_told_past_the_outbox() -> None:
    async with environment() as on:
        await ready(on)
        store = on.service._store._store
        assert store is not None
        await store._on_writer(lambda conn: conn.execute("pragma query_only = 1"))
        on.pair.break_("transfer-open")
        await until(lambda: kinds(on).count("incident.opened") == 2)
        status = on.service.status
        assert not status.store_ok
        assert {incident.cause.kind for incident in status.incidents.values()} == {"vantage", "server"}
        async with plain_http(on.page) as client:
            assert (await client.get("healthz")).status_code == 503
            assert (await client.get("readyz")).status_code == 503
        await more_sweeps(on.service, "reachable", 6)
        assert on.service.status.zones
        assert kinds(on).count("incident.opened") == 2
        await store._on_writer(lambda conn: conn.execute("pragma query_only = 0"))
        await until(lambda: on.service.status.store_ok)
        on.pair.mend()
        await until(lambda: kinds(on).count("incident.resolved") == 2)
        await until(lambda: all_well(on.service.status))
        assert kinds(on).count("incident.opened") == 2
        async with plain_http(on.page) as client:
            assert (await client.get("healthz")).status_code == 200
        await on.service.stop()
        with closing(sqlite3.connect(on.directory / "demo.db")) as conn:
            kept = conn.execute("select phase, count(*) from incidents group by phase").fetchall()
            assert kept == [("resolved", 2)]
            fired = conn.execute("select count(*) from transitions where reason = 'fired'").fetchone()[0]
            ended = conn.execute("select count(*) from transitions where reason = 'resolved'").fetchone()[0]
            assert fired == ended > 0
            assert conn.execute("select count(*) from alerts where phase <> 'ok'").fetchone() == (0,)


async def test_a_zone_that_a_reload_brings_is_asked_at_once_however_seldom_that_is(tmp_path: Path) -> None:
    async with watched(tmp_path, "one.example.", cadence="1h") as on:
        await until(lambda: healths(on.service) == {"one.example.": "good"})
        on.write("one.example.", "two.example.", cadence="1h")
        assert await on.service.reload()
        await until(lambda: healths(on.service) == {"one.example.": "good", "two.example.": "good"}, 5)
        assert {sweep.missed for sweep in on.service.status.sweeps.values()} == {0}


async def test_a_sweep_of_an_hour_does_not_hold_up_a_new_cadence(tmp_path: Path) -> None:
    async with watched(tmp_path, "one.example.", "two.example.", cadence="1h") as on:
        await until(lambda: on.service.status.ready)
        spread = asyncio.create_task(on.service._tick("soa-serial"))
        await asyncio.sleep(0)
        on.write("one.example.", "two.example.", cadence="1s")
        assert await on.service.reload()
        async with asyncio.timeout(5):
            await spread
        await more_sweeps(on.service, "soa-serial", 3)


async def test_new_ways_of_asking_cut_off_nothing_that_is_being_asked(tmp_path: Path) -> None:
    async with watched(tmp_path, "one.example.", "two.example.") as on:
        await until(lambda: set(healths(on.service).values()) == {"good"})
        for timeout in range(301, 306):
            on.path.write_text(on.path.read_text().replace(f"{timeout - 1}ms", f"{timeout}ms"))
            on.pair.change("one.example.")
            assert await on.service.reload()
            await more_sweeps(on.service, "soa-serial", 1)
            outcomes = {a.outcome for name in on.service.status.zones for a in on.service.status.zones[name].addresses}
            assert outcomes == {"answered"}


async def test_a_check_that_a_reload_switches_off_takes_its_alerts_along(tmp_path: Path) -> None:
    async with watched(tmp_path, "one.example.") as on:
        await until(lambda: on.service.status.ready)
        on.pair.break_("tcp-dead")
        await until(lambda: "open" in {i.phase for i in on.service.status.incidents.values()})
        on.path.write_text(on.path.read_text().replace('reachable = "1s"', 'reachable = "off"'))
        assert await on.service.reload()
        assert {i.phase for i in on.service.status.incidents.values()} == {"resolved"}
        await more_sweeps(on.service, "soa-serial", 2)
        assert healths(on.service) == {"one.example.": "good"}


async def test_reloads_at_once_come_one_after_the_other(tmp_path: Path) -> None:
    async with watched(tmp_path, "one.example.") as on:
        await until(lambda: on.service.status.ready)
        on.write("two.example.")
        assert await asyncio.gather(*(on.service.reload() for _ in range(5))) == [True] * 5
        await until(lambda: healths(on.service) == {"two.example.": "good"})


async def test_a_heartbeat_goes_to_its_watcher_while_every_part_goes_on() -> None:
    async with hookserver() as watcher:
        more = f'\n[heartbeat]\nurl = "http://127.0.0.1:{watcher.port}/uuid"\nallow_private = true\n'
        async with environment(more=more) as on:
            await until(lambda: watcher.requests)
            assert watcher.requests[0].line == "POST /uuid/start HTTP/1.1"
            await ready(on)
            first, marks = on.service._heartbeat._marks(), on.service._heartbeat._marks
            await until(lambda: all(marks()[part][0] != mark for part, (mark, _) in first.items()))
            assert list(first) == ["the scheduler", "asking", "judging", "writing the database", "notifying"]
            assert list(on.service._heartbeat._troubles()) == []
            store = on.service._store._store
            assert store is not None
            await store._on_writer(lambda conn: conn.execute("pragma query_only = 1"))
            await until(lambda: list(on.service._heartbeat._troubles()) == ["the database takes no changes"])
            written = marks()["writing the database"]
            await more_sweeps(on.service, "reachable", 2)
            assert marks()["writing the database"] == written


@asynccontextmanager
async def hanging() -> AsyncIterator[tuple[str, Callable[[], int]]]:
    """A receiver that takes connections and never answers; how many it has taken."""
    taken: list[asyncio.StreamWriter] = []

    async def take(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(writer)

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", lambda: len(taken)
    finally:
        server.close()
        for writer in taken:
            writer.close()


async def test_it_ends_within_seconds_whatever_hangs() -> None:
    async with hanging() as (url, taken):
        receiver = f'\n[receivers.slow]\ntype = "webhook"\nurl = "{url}"\nallow_private = true\nsecret = "{SECRET}"\n'
        async with environment(more=receiver) as on:
            await ready(on)
            for name in ("ns1", "ns2"):
                on.pair.break_("dead", name)
            await until(lambda: taken() > 0)
            start = monotonic()
            await on.service.stop()
            assert monotonic() - start < 6


SECRET = "whsec_dGhpcy1pcy1vbmx5LWZvci10aGUtdGVzdHMtb2Ytc29hd2F0Y2g="


async def test_a_part_that_dies_ends_the_service_in_order(tmp_path: Path) -> None:
    async with watched(tmp_path, "one.example.") as on:
        await until(lambda: on.service.status.ready)
        next(task for task in on.service._tasks if task.get_name() == "evaluate").cancel()
        on.service._run("poor", fail())
        async with asyncio.timeout(5):
            await on.service.stopping.wait()
        await on.service.stop()
        with closing(sqlite3.connect(tmp_path / "service.db")) as conn:
            assert conn.execute("pragma integrity_check").fetchall() == [("ok",)]


async def fail() -> None:
    raise ZeroDivisionError


async def test_what_cannot_start_leaves_nothing_open(tmp_path: Path) -> None:
    servers, zone = {"ns1": ["127.0.0.1:9"], "ns2": ["127.0.0.2:9"]}, ENTRY.format(zone="one.example.")
    path = tmp_path / "soawatch.toml"
    tcp, udp, port = listens(socket.AF_INET, "127.0.0.1")
    with closing(tcp), closing(udp):
        taken = parse(settings("1h", f"127.0.0.1:{port}", **servers) + zone, path, {})
        before = asyncio.all_tasks()
        with pytest.raises(OSError, match="ddress already in use"):
            await Service(taken, lambda: taken).start()
        assert asyncio.all_tasks() == before
    free = parse(settings("1h", **servers) + zone, path, {})
    service = Service(free, lambda: free)
    await service.start()
    await service.stop()
