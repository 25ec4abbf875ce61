"""A server of forty zones whose TCP port goes away and comes back, before a service."""

from pathlib import Path

from alerting.model import Alert
from checks.model import Health
from monitor.clock import now
from monitor.config.load import parse
from monitor.pair.config_template import config_text
from monitor.pair.pair import Pair
from monitor.service.service import Service
from monitor.state.server_findings import MAX_DECIDING
from tests.support.receiver import receiver
from tests.support.running import until

ZONES = [f"z{number:02}.test." for number in range(40)]
ZONE = """
[[zones]]
name = "{name}"
servers = ["ns1", "ns2"]
primary = "ns1"
"""
PATIENCE = 120.0
"""Seconds: some cadences of a few seconds, and a loaded machine."""


def findings(service: Service) -> dict[str, tuple[Alert, ...]]:
    return {name: service.status.zones[name].findings for name in ZONES}


def well(service: Service) -> bool:
    healths = {service.status.zones[name].health for name in ZONES}
    return healths == {Health.GOOD} and not any(i.phase == "open" for i in service.status.incidents.values())


def without_tcp(service: Service) -> bool:
    return all("tcp-unreachable" in {one.key.code for one in found} for found in findings(service).values())


async def test_all_zones_of_a_server_without_tcp_are_in_the_first_word_and_in_the_last(tmp_path: Path) -> None:
    async with receiver() as hook, Pair(ZONES, now=now) as pair:
        await pair.in_sync(timeout=PATIENCE)
        text = config_text(
            {server.name: server.addresses for server in pair.servers}, every="4s",
            service={"database": str(tmp_path / "soawatch.db")},
            cadence=dict.fromkeys(("transfer", "ns-set", "soa-fields", "records"), "off"),
            probe={"timeout": "2s"}, settle="2s",
        )  # fmt: skip
        text = text.replace('grace = "1s"', 'grace = "10s"')
        text += "".join(ZONE.format(name=name) for name in ZONES) + hook.toml()
        config = parse(text, tmp_path / "soawatch.toml", {})
        service = Service(config, lambda: config)
        await service.start()
        try:
            await until(lambda: service.status.ready and well(service), PATIENCE)
            before = len(hook.heard)
            pair.break_("tcp-dead")
            await until(lambda: without_tcp(service), PATIENCE)
            inherited = [found for found, *_ in findings(service).values() if found.inherited]
            assert len(inherited) > len(ZONES) - 2 * MAX_DECIDING
            assert len({found.began for found in inherited}) == 1
            await until(lambda: len(hook.heard) > before, PATIENCE)
            first = hook.heard[before][1]
            assert first["type"] == "incident.opened"
            assert (first["data"]["cause"], first["data"]["zone_count"]) == ("server ns2", len(ZONES))
            pair.mend()
            await until(lambda: len(hook.heard) > before + 1 and well(service), PATIENCE)
            assert hook.kinds()[before:] == ["incident.opened", "incident.resolved"]
            assert not any(findings(service).values())
        finally:
            await service.stop()
