"""NOTIFY at a running service: a change at BIND, junk by the thousand, and what a reload makes of the listener."""

import asyncio
import signal
import socket
from pathlib import Path

import dns.asyncquery
import dns.message
import dns.rcode

from checks.model import Address
from monitor.config.addresses import address
from tests.support.lab.model import Content
from tests.support.lab.orders import order
from tests.support.lab.topology import Lab
from tests.support.notifies import notify
from tests.support.running import Running, running, until
from tests.support.service_config import ZONE as SILENT
from tests.support.service_scene import ZONES, scene, well
from tests.support.speaking import run

EXAMPLE = "example.test."
CONFIG = """
[service]
listen = "127.0.0.1:0"
log_format = "json"
[cadence]
soa-serial = "1h"
[probe]
timeout = "1s"
[alerting]
witness = []
grace = "1s"
[notify]
listen = "127.0.0.1:0"
[servers.primary]
addresses = ["{primary}"]
[servers.secondary]
addresses = ["{secondary}"]
[[zones]]
name = "example.test"
servers = ["primary", "secondary"]
primary = "primary"
"""
LISTEN = '[notify]\nlisten = ["{}"]\n'


def listening(service: Running) -> list[Address]:
    return [address(said["address"]) for said in service.log if said["event"] == "listening for NOTIFY"]


async def test_a_zone_that_is_edited_and_reloaded_at_bind_is_known_and_judged(tmp_path: Path) -> None:
    """Once an hour it would be asked; the secondary is told of nothing, and so seen to be behind."""
    async with Lab() as lab:
        primary = lab.primary("bind", Content(EXAMPLE, serial=1))
        secondary = lab.secondary("nsd", of=primary, notify=False)
        await lab.started()
        secondary.wait(EXAMPLE, 1)
        config = tmp_path / "soawatch.toml"
        config.write_text(CONFIG.format(primary=primary.ipv4, secondary=secondary.ipv4))
        async with running(config) as service:
            await service.up()
            await until(lambda: health(service, {"in-sync"}))
            primary.tell(listening(service)[0], EXAMPLE)
            content = primary.content(EXAMPLE).next()
            primary.edit(content)
            await asyncio.to_thread(order, primary, "rndc reload example.test")
            await until(lambda: health(service, {"in-sync", "propagating"}))
            zone = await service.get(f"api/v1/zones/{EXAMPLE}")
            assert zone["reference_serial"] == content.serial
            said = zone["last_notify"]
            assert (said["server"], said["source"], said["serial"]) == ("primary", "127.0.0.1", content.serial)
            service.signal(signal.SIGTERM)
            assert await service.ended() == 0
    assert [said for said in service.log if said["event"] == "NOTIFY not taken"] == []


async def health(service: Running, states: set[str]) -> bool:
    zone = await service.get(f"api/v1/zones/{EXAMPLE}")
    return {one["state"] for one in zone["addresses"]} == states


async def results(service: Running) -> dict[str, float]:
    lines = [line for line in (await service.scrape()).splitlines() if line.startswith("soawatch_notifies_total{")]
    counted = [line.partition('{result="')[2].partition('"} ') for line in lines]
    return {result: float(number) for result, _, number in counted if float(number)}


async def sweeps(service: Running) -> list[str]:
    """When each check was last round."""
    return [one["finished_at"] for one in await service.get("api/v1/checks")]


JUNK = {
    "unknown-zone": [notify("unknown.example."), notify("\\027[31m.example.")],
    "other-type": [notify(ZONES[0], rdtype="CDS")],
    "not-notify": [
        b"", b"\xff" * 30, dns.message.make_query(ZONES[0], "SOA").to_wire(), notify()[:2] + b"\xa4\0" + notify()[4:],
    ],
    "malformed": [notify(ZONES[0]) + b"\0", notify(ZONES[0])[:17]],
}  # fmt: skip
TURNS, EACH = 5, 10


async def test_junk_is_counted_and_answered_no_more_than_it_must_be_and_no_sweep_is_missed(tmp_path: Path) -> None:
    """From the very address of the servers, so that all of it is looked at; then far more than one may send."""
    async with scene(tmp_path) as on:
        on.write(on.text + LISTEN.format("127.0.0.1:0"))
        async with running(on.config) as service:
            await service.up()
            await until(lambda: well(service))
            (to,) = listening(service)
            with socket.socket(type=socket.SOCK_DGRAM) as server, socket.socket(type=socket.SOCK_DGRAM) as stranger:
                server.bind(("127.0.0.1", 0))
                stranger.bind(("127.0.0.9", 0))
                wanted: dict[str, float] = {"unknown-source": 0}
                for _ in range(TURNS):
                    stranger.sendto(notify(ZONES[0]), (to.host, to.port))
                    wanted["unknown-source"] += 1
                    for result, packets in JUNK.items():
                        wanted[result] = wanted.get(result, 0) + EACH * len(packets)
                        for packet in EACH * packets:
                            server.sendto(packet, (to.host, to.port))
                    await until(lambda: counts(service, wanted))
                before = await sweeps(service)
                for _ in range(5000):
                    server.sendto(notify(ZONES[0]), (to.host, to.port))
            await until(lambda: limited(service))
            await until(lambda: all_later(service, before))
            assert await well(service)
            logged = [said for said in service.log if said["event"] == "NOTIFY not taken"]
            assert {said["result"] for said in logged} >= set(JUNK)
            assert len(logged) == len({said["result"] for said in logged})  # each of them once in a minute
            assert [said for said in service.log if said["event"] == "missed"] == []


async def counts(service: Running, wanted: dict[str, float]) -> bool:
    return await results(service) == wanted


async def limited(service: Running) -> bool:
    return (await results(service)).get("too-many", 0) > 0


async def all_later(service: Running, before: list[str]) -> bool:
    return all(now > then for now, then in zip(await sweeps(service), before, strict=True))


async def test_a_reload_opens_and_closes_what_changed_and_refuses_what_cannot_be_had(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        on.write(on.text + LISTEN.format("127.0.0.1:0"))
        async with running(on.config) as service:
            await service.up()
            (first,) = listening(service)
            on.write(on.text + '[notify]\nlisten = ["127.0.0.1:0", "127.0.0.7:0"]\n')
            service.signal(signal.SIGHUP)
            await until(lambda: len(listening(service)) == 2)
            assert listening(service)[1].host == "127.0.0.7"
            assert await takes(first)
            on.write(on.text + LISTEN.format("192.0.2.99:5300"))
            service.signal(signal.SIGHUP)
            await until(lambda: [said for said in service.log if said["event"] == "configuration refused"])
            assert await takes(first)
            assert await service.metric("soawatch_config_last_reload_successful") == 0
            on.write(on.text)
            service.signal(signal.SIGHUP)
            await until(lambda: closed(first))
    (refused,) = [said for said in service.log if said["event"] == "configuration refused"]
    assert refused["first"].startswith("notify.listen: cannot listen on 192.0.2.99:5300: this machine has no such")


async def takes(at: Address) -> bool:
    answer = await dns.asyncquery.tcp(dns.message.from_wire(notify(ZONES[0])), at.host, port=at.port, timeout=5)
    return answer.rcode() == dns.rcode.NOERROR


async def closed(at: Address) -> bool:
    try:
        _, writer = await asyncio.open_connection(at.host, at.port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def test_a_port_that_another_has_is_said_at_the_start(tmp_path: Path) -> None:
    config = tmp_path / "soawatch.toml"
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{other.getsockname()[1]}"
        config.write_text(SILENT + LISTEN.format(where))
        said = await run("run", "-c", config)
    assert said.status == 1
    assert f"notify.listen: cannot listen on {where}: address already in use by another program" in said.err
    assert "Traceback" not in said.err
