"""The service changes its canary on BIND, is killed between update and look, and goes on; nobody else changes it."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest

from monitor.pair.config_template import config_text
from tests.support.lab.model import XFR, Content
from tests.support.lab.server import Server
from tests.support.lab.topology import Lab
from tests.support.receiver import receiver
from tests.support.running import Running, running, until
from tests.support.speaking import say

ZONE, OWNER = "example.test.", "_soawatch-canary.example.test."

ENTRY = f"""
[[zones]]
name = "{ZONE}"
servers = [{{names}}]
primary = "primary"
canary = {{{{ key = "xfr", max_lag = "{{lag}}" }}}}
"""


def configuration(room: Path, servers: list[Server], lag: str = "25s", more: str = "") -> Path:
    settings = config_text(
        {server.name: [server.ipv4] for server in servers},
        key=XFR,
        service={"database": "soawatch.db", "log_format": "json"},
        cadence={"canary": "30s"},
        probe={"timeout": "1s"},
    )
    path = room / "soawatch.toml"
    path.touch(mode=0o600)
    names = ", ".join(f'"{server.name}"' for server in servers)
    path.write_text(f'ignore_servers = ["*"]\n{settings}{ENTRY.format(names=names, lag=lag)}{more}')
    return path


def values(server: Server) -> list[str]:
    return [str(one) for rrset in server.ask(OWNER, "TXT").answer for one in rrset]


async def arrived(service: Running) -> bool:
    """Everywhere, as the API says."""
    zone: dict[str, Any] = await service.get(f"api/v1/zones/{ZONE}")
    return bool(zone["addresses"]) and all(one["canary"] is not None for one in zone["addresses"])


async def test_a_service_that_is_killed_leaves_one_record_which_the_next_replaces(tmp_path: Path) -> None:
    async with Lab() as lab:
        primary = lab.server("bind", "primary")
        primary.serve(Content(ZONE), dynamic=True)
        others = [lab.secondary(software, of=primary, name=software) for software in ("knot", "nsd")]
        await lab.started()
        for server in others:
            server.catch_up(ZONE, 1)
        path = configuration(tmp_path, [primary, *others])
        assert values(primary) == []
        async with running(path) as service:
            await service.up()
            await until(lambda: values(primary))
            await service.kill()
        (left,) = values(primary)
        for command in (("check", ZONE, "-c", path), ("wait", ZONE, "-c", path, "--timeout", "20s")):
            said = await say(*command)
            assert said.status == 0, said
            assert "canary" not in said.out
            assert values(primary) == [left]
        told = await say("check-config", path)
        assert (told.status, "will change" in told.out, f"{OWNER} TXT" in told.out) == (0, True, True), told
        assert values(primary) == [left]
        async with running(path) as service:
            await service.up()
            await until(lambda: arrived(service), seconds=40)
            (other,) = values(primary)
            assert other != left
            zone = await service.get(f"api/v1/zones/{ZONE}")
            assert (zone["findings"], await service.get("api/v1/incidents")) == ([], [])
            assert f'soawatch_zone_canary_seconds{{zone="{ZONE}",server="nsd"' in await service.scrape()
            service.signal(signal.SIGTERM)
            assert await service.ended() == 0
            assert XFR.secret.reveal() not in repr(service.log)


@pytest.mark.long
async def test_a_secondary_that_hears_of_no_change_is_told_of_until_it_does(tmp_path: Path) -> None:
    """No serial is late yet: the zone has ten minutes, and its canary two seconds."""
    async with Lab() as lab, receiver() as hook:
        primary = lab.server("bind", "primary")
        primary.serve(Content(ZONE), dynamic=True)
        secondary = lab.secondary("nsd", of=primary, notify=False, name="nsd")
        await lab.started()
        secondary.catch_up(ZONE, 1)

        async def heard(*kinds: str) -> bool:
            await asyncio.to_thread(secondary.nudge, ZONE)
            return hook.kinds() == list(kinds)

        async with running(configuration(tmp_path, [primary, secondary], "2s", hook.toml())) as service:
            await service.up()
            await until(lambda: hook.kinds() == ["incident.opened"], seconds=60)
            (finding,) = hook.heard[0][1]["data"]["findings"]
            assert (finding["code"], finding["server"]) == ("canary-late", "nsd")
            await until(lambda: heard("incident.opened", "incident.resolved"), seconds=90)
            assert len(values(secondary)) == 1
