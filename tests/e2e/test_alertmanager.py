"""A real Alertmanager shows what soawatch has told of, for as long as it stands, over restarts of either."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.require import program
from tests.support.running import running, until
from tests.support.service_scene import scene, well

CONFIG = """
global: {resolve_timeout: 1s}
route: {receiver: nobody}
receivers: [{name: nobody}]
"""

RECEIVER = """
[receivers.manager]
type = "alertmanager"
url = "http://127.0.0.1:{port}"
allow_private = true
labels = {{ team = "dns" }}
resend = "1s"
"""

STANDS = timedelta(seconds=4)
"""For how long each posting makes it stand."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def alertmanager(folder: Path, port: int) -> AsyncIterator[None]:
    """Keeps no alert over a restart."""
    (folder / "am.yml").write_text(CONFIG)
    process = await asyncio.create_subprocess_exec(
        program("prometheus-alertmanager", package="prometheus-alertmanager"),
        f"--config.file={folder}/am.yml",
        f"--storage.path={folder}/am",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def alerts(port: int) -> list[dict[str, Any]]:
    """What amtool shows of those that stand; nothing while Alertmanager is not there."""
    asked = await asyncio.create_subprocess_exec(
        program("amtool", package="prometheus-alertmanager"),
        f"--alertmanager.url=http://127.0.0.1:{port}",
        "--output=json",
        "alert",
        "query",
        'alertname="SoawatchIncident"',
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    out, _ = await asked.communicate()
    found: list[dict[str, Any]] = json.loads(out) if out.strip() else []
    return found


async def stands(port: int) -> bool:
    return len(await alerts(port)) == 1


async def gone(port: int) -> bool:
    return await alerts(port) == []


async def stands_longer_than_it_was_to_stand(port: int) -> None:
    """Until it has an end that is later than any that was posted before."""
    (first,) = await alerts(port)

    async def later() -> bool:
        found = await alerts(port)
        assert all((each["labels"], each["startsAt"]) == (first["labels"], first["startsAt"]) for each in found)
        return any(ends(each) > ends(first) + STANDS for each in found)

    await until(later)


def ends(alert: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(alert["endsAt"])


async def test_it_stands_there_over_restarts_of_either_until_it_is_over(tmp_path: Path) -> None:
    port = free_port()
    async with scene(tmp_path) as on:
        on.write(on.text + RECEIVER.format(port=port))
        async with running(on.config) as service:
            async with alertmanager(tmp_path, port):
                await service.up()
                await until(lambda: well(service))
                on.pair.break_("transfer-open")
                await until(lambda: stands(port))
                await stands_longer_than_it_was_to_stand(port)
                (before,) = await alerts(port)
            async with alertmanager(tmp_path, port):
                await until(lambda: stands(port))
                await service.kill()
        async with alertmanager(tmp_path, port), running(on.config) as service:
            await service.up()
            await until(lambda: stands(port))
            (after,) = await alerts(port)
            on.pair.mend()
            await until(lambda: on.hook.kinds()[-1] == "incident.resolved")
            await until(lambda: gone(port))
    (incident,) = {said["data"]["id"] for _, said in on.hook.heard}
    assert after["labels"] == {
        "alertname": "SoawatchIncident",
        "incident": incident,
        "severity": "warning",
        "team": "dns",
    }
    assert (before["labels"], before["startsAt"]) == (after["labels"], after["startsAt"])
    assert "transfer-open" in after["annotations"]["codes"]
