"""Zones of the API of a real PowerDNS come into the running service and leave it; its death takes none of them."""

import asyncio
import signal
from pathlib import Path

from tests.e2e.test_zone_sources import zones
from tests.support.powerdns_api import API_KEY, PowerDnsApi, powerdns_api
from tests.support.running import Running, running, until
from tests.support.service_scene import Scene, scene
from tests.support.speaking import say

FAILING = "zone-source-failing"


def write(on: Scene, api: PowerDnsApi, place: Path) -> None:
    key = place / "pdns.key"
    key.write_text(API_KEY)
    key.chmod(0o600)
    more = f'[[lists]]\nurl = "{api.url}"\napi_key_file = "{key}"\nrefresh = "1s"\nservers = ["ns1"]\n'
    on.write(f"{on.text}\n{more}")


async def watched(service: Running, *names: str) -> bool:
    return {name for name in await zones(service) if name.endswith(".test.")} == set(names)


async def told(service: Running) -> bool:
    incidents = await service.get("api/v1/incidents")
    return any(FAILING in str(one) for one in incidents if one["phase"] == "open")


async def is_over(service: Running) -> bool:
    return not await told(service)


async def test_zones_come_and_go_and_stay_where_the_server_dies_also_over_a_restart(tmp_path: Path) -> None:
    with powerdns_api() as api:
        await asyncio.to_thread(api.add, "a.test.", "b.test.", "c.test.")
        async with scene(tmp_path) as on:
            write(on, api, tmp_path)
            async with running(on.config) as service:
                await service.up()
                await until(lambda: watched(service, "a.test.", "b.test.", "c.test."))
                await asyncio.to_thread(api.remove, "b.test.")
                await until(lambda: watched(service, "a.test.", "c.test."))
                await asyncio.to_thread(api.kill)
                await until(lambda: told(service))
                assert await watched(service, "a.test.", "c.test.")
                checked = await say("check", "c.test", "-c", on.config, "--json", "--moment", "0.1")
                assert {each["server"] for each in checked.data["addresses"]} == {"ns1"}
                service.signal(signal.SIGHUP)
                service.signal(signal.SIGTERM)
                assert await service.ended() == 0
            async with running(on.config) as service:
                await service.up()
                assert await watched(service, "a.test.", "c.test.")
                await until(lambda: told(service))
                await asyncio.to_thread(api.start)
                await until(lambda: is_over(service))
                await asyncio.to_thread(api.add, "d.test.")
                await until(lambda: watched(service, "a.test.", "c.test.", "d.test."))
                assert API_KEY not in str(service.log)
