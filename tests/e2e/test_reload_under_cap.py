"""Reloads in the middle of the first sweep, with other settings of the probes: the caps hold, and nothing is lost."""

import asyncio
from pathlib import Path

import pytest

from checks.model import Health
from checks.registry import CHECKS
from monitor.config.load import parse
from monitor.config.model import Config
from monitor.pair.config_template import config_text
from monitor.service.service import Service
from tests.support.nameserver import Asked, Nameserver, good
from tests.support.running import until

ZONES = 90
CAP = 30
"""Questions a second: the serials of all zones take some three seconds, and half as long again with two workers."""


def write(path: Path, at: Nameserver, timeout: int, workers: int) -> None:
    text = config_text(
        {"ns1": [at.address]},
        cadence=dict.fromkeys(CHECKS, "off") | {"soa-serial": "1h"},
        probe={"max_qps_per_server": CAP, "workers": workers, "timeout": f"{timeout}ms"},
        service={"database": "soawatch.db"},
    )
    zones = "".join(
        f'[[zones]]\nname = "z{n}.example"\nservers = ["ns1"]\nignore_servers = ["*"]\n' for n in range(ZONES)
    )
    path.write_text(text + zones)


def serve(query: Asked) -> list[bytes]:
    return [good(query, 7)]


@pytest.mark.parametrize("workers", [1, 2])
async def test_no_server_is_asked_more_than_its_cap_and_ready_is_when_all_serials_are_known(
    workers: int, tmp_path: Path
) -> None:
    async with Nameserver(serve) as at:
        path = tmp_path / "soawatch.toml"
        write(path, at, 5000, workers)

        def read() -> Config:
            return parse(path.read_text(), path, {})

        service, clock = Service(read(), read), asyncio.get_running_loop().time
        begun = clock()
        await service.start()
        try:
            for times in range(1, 4):
                await until(lambda times=times: len(at.asked) >= 10 * times, 60)
                write(path, at, 5000 + times, workers)
                assert await service.reload()
                assert not service.status.ready
            await until(lambda: service.status.ready, 60)
            zones = [service.status.zones[f"z{n}.example."] for n in range(ZONES)]
            assert {zone.health for zone in zones} == {Health.GOOD}
            (sweep,) = service.status.sweeps.values()
            assert sweep.zones == ZONES
            bursts = 4 * (workers + 1) * max(1, CAP // 10)
            assert len(at.asked) <= CAP * (clock() - begun) + bursts
            assert len(at.asked) <= ZONES + bursts, "nothing is asked twice but what was under way"
        finally:
            await service.stop()
