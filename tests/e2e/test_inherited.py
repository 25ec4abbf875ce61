"""A server of sixty zones whose TCP port goes away and comes back, before a running service."""

from pathlib import Path
from typing import Any

import httpx

from monitor.clock import now
from monitor.pair.config_template import config_text
from monitor.pair.pair import Pair
from monitor.state.server_findings import MAX_DECIDING
from tests.support.receiver import receiver
from tests.support.running import running, until

ZONES = [f"z{number:02}.test." for number in range(60)]
ZONE = """
[[zones]]
name = "{name}"
servers = ["ns1", "ns2"]
primary = "ns1"
ignore_servers = ["*"]
"""
PATIENCE = 60.0
"""Seconds: some cadences of three seconds, and a loaded machine."""


class Page:
    """The service's API, over one client."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def zones(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.http.get("api/v1/zones?limit=100")).json()
        return found

    async def well(self) -> bool:
        zones = await self.zones()
        return len(zones) == len(ZONES) and {zone["health"] for zone in zones} == {"good"}

    async def found(self) -> bool:
        return all(zone["findings"] == ["tcp-unreachable"] for zone in await self.zones())

    async def findings(self) -> dict[str, dict[str, Any]]:
        """The one finding of each zone."""
        shown = {name: (await self.http.get(f"api/v1/zones/{name}")).json()["findings"] for name in ZONES}
        return {name: finding for name, (finding,) in shown.items()}

    async def shows_inherited(self, names: list[str]) -> bool:
        """Whether the page of one of these zones says so: one that was polled since has found it itself."""
        shown = [await self.http.get(f"zones/{name}") for name in names]
        return any("inherited from the server" in one.text for one in shown)


async def test_all_zones_of_a_server_without_tcp_are_in_the_first_word_and_in_the_last(tmp_path: Path) -> None:
    async with receiver() as hook, Pair(ZONES, now=now) as pair:
        await pair.in_sync(timeout=PATIENCE)
        settings = config_text(
            {server.name: server.addresses for server in pair.servers}, every="3s",
            service={"database": "soawatch.db"}, cadence={"transfer": "off", "ns-set": "off"},
            probe={"timeout": "300ms"}, settle="2s",
        )  # fmt: skip
        settings = settings.replace('grace = "1s"', 'grace = "5s"')
        path = tmp_path / "soawatch.toml"
        path.write_text(settings + "".join(ZONE.format(name=name) for name in ZONES) + hook.toml())
        async with running(path) as service:
            await service.up()
            async with httpx.AsyncClient(base_url=service.page) as http:
                page = Page(http)
                await until(page.well, PATIENCE)
                pair.break_("tcp-dead")
                await until(page.found, PATIENCE)
                findings = await page.findings()
                inherited = [name for name, finding in findings.items() if finding["inherited"]]
                assert len(inherited) > len(ZONES) - 3 * MAX_DECIDING
                assert len({findings[name]["since"] for name in inherited}) == 1
                await until(lambda: page.shows_inherited(inherited), PATIENCE)
                await until(lambda: hook.heard, PATIENCE)
                ((_, first),) = hook.heard
                assert first["type"] == "incident.opened"
                assert (first["data"]["cause"], first["data"]["zone_count"]) == ("server ns2", len(ZONES))
                pair.mend()
                await until(lambda: len(hook.heard) > 1, PATIENCE)
                await until(page.well, PATIENCE)
                assert hook.kinds() == ["incident.opened", "incident.resolved"]
                assert all(zone["findings"] == [] for zone in await page.zones())
