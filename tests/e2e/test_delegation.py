"""The service comes down from roots of the operator's own, and tells of a delegation that is wrong."""

import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.lab.model import Content
from tests.support.lab.topology import Lab
from tests.support.running import Running, running, until

ROOT = Content(
    ".", mname="a.root.", rname="nobody.", ttl=86400,
    records=(
        "@ NS a.root.", "a.root. A 127.0.0.1", "right. NS ns1.right.", "ns1.right. A 127.0.0.1",
        "wrong. NS ns1.wrong.", "wrong. NS ns2.wrong.", "ns1.wrong. A 127.0.0.1", "ns2.wrong. A 127.0.0.1",
    ),
)  # fmt: skip
OWN = ("@ NS ns1", "ns1 A 127.0.0.1")
SETTINGS = """
[service]
listen = "127.0.0.1:0"
database = "soawatch.db"
log_format = "json"
[cadence]
soa-serial = "2s"
reachable = "5s"
delegation = "2s"
[probe]
timeout = "500ms"
[alerting]
grace = "0s"
[resolver]
addresses = ["127.0.0.1:{port}"]
timeout = "50ms"
[checks.delegation]
roots = ["{root}"]
[servers.ns1]
addresses = ["{server}"]
"""


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with Lab(tmp_path / "lab") as lab:
        lab.primary("nsd", ROOT, name="root")
        lab.primary("knot", Content("right.", records=OWN), Content("wrong.", records=OWN), name="ns1")
        await lab.started()
        yield lab


def written(room: Path, lab: Lab, *zones: str) -> Path:
    root, server = lab.servers
    path = room / "soawatch.toml"
    text = SETTINGS.format(root=root.ipv4, server=server.ipv4, port=root.ipv4.port)
    path.write_text(text + "".join(f'[[zones]]\nname = "{zone}"\nservers = ["ns1"]\n' for zone in zones))
    return path


async def result(service: Running, zone: str) -> str:
    """What the check says of the zone."""
    checks = (await service.get(f"api/v1/zones/{zone}"))["checks"]
    return next((one["health"] for one in checks if one["check"] == "delegation"), "")


async def test_a_wrong_delegation_is_told_also_of_a_zone_that_a_reload_brings(tmp_path: Path, lab: Lab) -> None:
    config = written(tmp_path, lab, "right")
    async with running(config) as service:
        await service.up()

        async def is_good() -> bool:
            return await result(service, "right") == "good"

        await until(is_good)
        written(tmp_path, lab, "right", "wrong")
        service.signal(signal.SIGHUP)

        async def is_told() -> bool:
            return "only the parent names ns2.wrong" in json.dumps(await service.get("api/v1/incidents"))

        await until(is_told)
        assert await result(service, "right") == "good"


def test_the_one_shot_check_looks_at_the_delegation_too(tmp_path: Path) -> None:
    with Lab(tmp_path / "lab") as lab:
        lab.primary("nsd", ROOT, name="root")
        lab.primary("knot", Content("right.", records=OWN), Content("wrong.", records=OWN), name="ns1")
        lab.start()
        config = written(tmp_path, lab, "right", "wrong")
        for zone, code in (("right", 0), ("wrong", 1)):
            command = [sys.executable, "-m", "monitor", "check", zone, "-c", str(config), "--json"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert ("delegation-differs" in done.stdout) is (code == 1), done.stdout + done.stderr
            assert done.returncode == code, done.stdout + done.stderr
