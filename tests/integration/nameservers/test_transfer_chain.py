"""Secondaries that feed secondaries, BIND → Knot DNS → NSD → PowerDNS: one incident, at the hop that broke."""

import asyncio
import itertools
import json
from pathlib import Path

from monitor.cli.zone_check.check_zone import check_zone
from monitor.cli.zone_check.target import parse_target
from monitor.clock import now
from monitor.pair.config_template import config_text
from monitor.web.tree_view import tree_lines
from tests.integration.nameservers.test_service import ROUTE, told
from tests.support.lab.model import XFR, Content
from tests.support.lab.server import Server
from tests.support.lab.topology import Lab
from tests.support.receiver import Receiver, receiver
from tests.support.running import Running, running, until

ZONES = ("one.test.", "two.test.", "three.test.")
CHAIN = ("bind", "knot", "nsd", "powerdns")

WATCHED = """
[[zones]]
name = "{zone}"
servers = ["bind", "knot", "nsd", "powerdns"]
primary = "bind"
max_lag = "6s"
"""


def config(room: Path, lab: Lab, hook: Receiver) -> Path:
    settings = config_text(
        {server.name: (server.ipv4, server.ipv6) for server in lab.servers},
        service={"database": "soawatch.db", "log_format": "json"},
        probe={"timeout": "1s"},
        deadline="10s",
    )
    for above, name in itertools.pairwise(CHAIN):
        settings = settings.replace(f"[servers.{name}]\n", f'[servers.{name}]\nupstream = ["{above}"]\n')
    zones = "".join(WATCHED.format(zone=zone) for zone in ZONES)
    path = room / "soawatch.toml"
    path.touch(mode=0o600)
    path.write_text('ignore_servers = ["*"]\n' + settings + zones + hook.toml() + ROUTE)
    return path


async def trees(service: Running) -> list[list[tuple[str, bool, str | None]]]:
    """For each zone: the servers, whether they are late, and whom they wait for, in the order of the tree."""
    shown = [await service.get(f"api/v1/zones/{zone}") for zone in ZONES]
    return [[(hop["server"], bool(hop["lag_seconds"]), hop["waits_for"]) for hop in zone["tree"]] for zone in shown]


async def shows(service: Running, *tree: tuple[str, bool, str | None]) -> None:
    async def so() -> bool:
        return await trees(service) == [list(tree)] * len(ZONES)

    try:
        await until(so, seconds=30)
    except TimeoutError:
        raise AssertionError(json.dumps(await trees(service))) from None


def publish(chain: list[Server]) -> None:
    for zone in ZONES:
        chain[0].bump(zone)


def arrived(chain: list[Server]) -> None:
    for server in chain[1:]:
        for zone in ZONES:
            server.catch_up(zone, chain[0].content(zone).serial)


async def test_lag_belongs_to_the_first_hop_that_broke(tmp_path: Path) -> None:
    async with Lab() as lab, receiver() as hook:
        chain = [lab.primary("bind", *(Content(zone) for zone in ZONES), name="bind")]
        for software in CHAIN[1:]:
            chain.append(lab.secondary(software, of=chain[-1], name=software))
        await lab.started()
        await asyncio.to_thread(arrived, chain)
        path = config(tmp_path, lab, hook)
        async with running(path) as service:
            await service.up()
            await shows(service, *((name, False, None) for name in CHAIN))

            # Knot is refused the transfer: it is late, and so is all that feeds from it, by its lateness.
            for zone in ZONES:
                chain[0].allow(zone)
            await asyncio.to_thread(publish, chain)
            late = (("bind", False, None), ("knot", True, None), ("nsd", True, "knot"), ("powerdns", True, "knot"))
            await shows(service, *late)
            opened = await told(hook, "opened", "server knot")
            report = await check_zone(parse_target(ZONES[0], (), path), moment=0.1)
            assert report.memory, "it knows from the service for how long"
            said = list(tree_lines(report.status.tree, report.zone_state.at or now()))
            assert [line.split("  ")[-1].split(",")[0].strip() for line in said[1:]] == [
                "has what there is",
                "held up here",
                "waits for knot",
                "waits for knot",
            ]
            for zone in ZONES:
                chain[0].allow(zone, XFR)
            await asyncio.to_thread(arrived, chain)
            ended = await told(hook, "resolved", "server knot")
            assert ended["id"] == opened["id"]
            assert {finding["code"] for finding in ended["findings"]} == {"serial-late"}
            await shows(service, *((name, False, None) for name in CHAIN))

            # NSD dies: what PowerDNS lacks from then on is that server's doing, and nobody hears of it apart.
            chain[2].stop()
            await told(hook, "opened", "server nsd")
            await asyncio.to_thread(publish, chain)
            late = (("bind", False, None), ("knot", False, None), ("nsd", True, None), ("powerdns", True, "nsd"))
            await shows(service, *late)
            await asyncio.to_thread(chain[2].start)
            await asyncio.to_thread(arrived, chain)
            await told(hook, "resolved", "server nsd")
            await shows(service, *((name, False, None) for name in CHAIN))
        causes = [said["data"]["cause"] for _, said in hook.heard if said["type"] == "incident.opened"]
        assert causes == ["server knot", "server nsd"], "one incident for each hop that broke, and no other"
