"""A list of zones that is cut short under the running service, told to the receiver, over a restart, and mended."""

import signal
from pathlib import Path

from tests.support.running import Running, running, until
from tests.support.service_scene import scene

SHRUNK = "zone-source-shrunk"


async def test_a_list_that_is_cut_short_is_told_of_and_its_zones_stay_over_a_restart(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        (tmp_path / "more.txt").write_text("a.example\nb.example\nc.example\n")
        on.write(f'{on.text}\n[[lists]]\nfile = "more.txt"\nservers = ["ns1"]\n')
        async with running(on.config) as service:
            await service.up()
            (tmp_path / "more.txt").write_text("a.example\n")
            service.signal(signal.SIGHUP)
            await until(lambda: told(service))
            assert await zones(service) >= {"a.example.", "b.example.", "c.example."}
            service.signal(signal.SIGTERM)
            assert await service.ended() == 0
        async with running(on.config) as service:
            await service.up()
            assert await zones(service) >= {"a.example.", "b.example.", "c.example."}
            assert await told(service)
            (tmp_path / "more.txt").write_text("a.example\nb.example\nc.example\n")
            service.signal(signal.SIGHUP)
            await until(lambda: is_over(service))


async def zones(service: Running) -> set[str]:
    return {zone["name"] for zone in await service.get("api/v1/zones")}


async def told(service: Running) -> bool:
    incidents = await service.get("api/v1/incidents")
    return any(SHRUNK in str(one) for one in incidents if one["phase"] == "open")


async def is_over(service: Running) -> bool:
    return not await told(service)
