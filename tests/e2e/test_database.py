"""The database is lost under the service as its users run it: page, readiness, metric and log say so within seconds."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from monitor.clock import now
from monitor.pair.pair import Pair
from monitor.pair.zonedata import Timers
from tests.support.database_files import as_a_kill_leaves_it, foreign
from tests.support.plain_http import plain_http
from tests.support.receiver import receiver
from tests.support.require import program
from tests.support.running import Running, running, until
from tests.support.service_config import write


async def ready(service: Running) -> bool:
    async with plain_http(service.page) as client:
        return (await client.get("readyz")).status_code == 200


def events(service: Running) -> list[str]:
    return [said["event"] for said in service.log]


def incidents(path: Path) -> set[str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as conn:
        return {row[0] for row in conn.execute("select id from incidents")}


async def test_deleted_and_replaced_under_the_service_and_killed(tmp_path: Path) -> None:
    """rm first; then another file is moved over it, and away again; then SIGKILL: the next start knows all of it."""
    async with (
        receiver() as hook,
        Pair(["zone0.example.", "zone1.example."], now=now, timers=Timers(refresh=2, retry=1)) as pair,
    ):
        await pair.in_sync()
        config, database = write(tmp_path, pair, hook), tmp_path / "demo.db"
        async with running(config) as service:
            await service.up()
            await until(lambda: ready(service), 60)
            pair.break_("transfer-open")
            await until(lambda: hook.heard, 60)
            for each in tmp_path.glob("demo.db*"):
                each.unlink()
            await until(database.exists, 30)
            assert await service.metric("soawatch_database_recreated_total") == 1
            assert any("lost while the service runs" in event for event in events(service))
            await until(lambda: ready(service), 30)
            before = incidents(database)
            assert {said["data"]["id"] for _, said in hook.heard} <= before

            content = foreign(tmp_path / "other")
            (tmp_path / "other").replace(database)
            await until(lambda: not_ready(service), 30)
            assert await service.metric("soawatch_database_up") == 0
            async with plain_http(service.page) as client:
                assert "another file stands in the place of the database" in (await client.get("/")).text
            heard = len(hook.heard)
            pair.break_("lame")
            await until(lambda: len(hook.heard) > heard, 60)  # told from memory
            assert database.read_bytes() == content
            database.rename(tmp_path / "other")
            await until(lambda: ready(service), 60)
            assert await service.metric("soawatch_database_recreated_total") == 2
            assert incidents(database) > before
            known = {incident["id"] for incident in await service.get("api/v1/incidents")}
            await service.kill()
        async with running(config) as service:
            await service.up()
            assert known <= {incident["id"] for incident in await service.get("api/v1/incidents")}


async def not_ready(service: Running) -> bool:
    return not await ready(service)


FULL = """
mount -t tmpfs -o size=16m soawatch-test "$1" && head -c 17000000 /dev/zero > "$1/ballast" 2>/dev/null
exec "$2" -m monitor run -c "$3"
"""


async def test_started_on_a_full_disk_it_watches_tells_and_writes_when_there_is_room(tmp_path: Path) -> None:
    inside = [program("unshare", package="util-linux"), "--user", "--map-root-user", "--mount"]
    if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespaces here: needs root or unprivileged user namespaces")
    disk = tmp_path / "disk"
    disk.mkdir()
    async with (
        receiver() as hook,
        Pair(["zone0.example.", "zone1.example."], now=now, timers=Timers(refresh=2, retry=1)) as pair,
    ):
        await pair.in_sync()
        config = write(tmp_path, pair, hook)
        config.write_text(config.read_text().replace("demo.db", "disk/demo.db"))
        async with running(config, *inside, "sh", "-c", FULL, "sh", str(disk), sys.executable, str(config)) as service:
            await service.up()
            assert not await ready(service)
            assert any("kept in memory" in event for event in events(service))
            assert await silence(service) == 503
            pair.break_("transfer-open")
            await until(lambda: hook.heard, 60)
            assert await service.metric("soawatch_database_up") == 0
            there = Path(f"/proc/{service.process.pid}/root{disk}")
            (there / "ballast").unlink()
            await until(lambda: ready(service), 90)
            assert await service.get("api/v1/silences") == []
            assert await silence(service) == 201
            assert {said["data"]["id"] for _, said in hook.heard} <= incidents(
                as_a_kill_leaves_it(there / "demo.db", tmp_path / "copied")
            )


async def silence(service: Running) -> int:
    """The status with which it is answered that one is wanted."""
    wanted = {"matchers": {"servers": ["of-nobody"]}, "comment": "new disk", "endless": True}
    async with plain_http(service.page) as client:
        return (await client.post("api/v1/silences", json=wanted)).status_code


async def test_a_place_that_is_not_there_ends_with_78(tmp_path: Path) -> None:
    """Nothing to wait for, and under systemd nothing to be started again and again for."""
    config = tmp_path / "soawatch.toml"
    config.write_text('zones = ["example.com"]\n[service]\nlisten = "127.0.0.1:0"\ndatabase = "nowhere/soawatch.db"\n')
    async with running(config) as service:
        assert await service.ended() == 78
    (said,) = [said for said in service.log if said["event"] == "cannot start"]
    assert "there is no directory" in said["error"]
