"""soawatch backup: a copy that is whole, taken while the service runs, and never over anything."""

import sqlite3
import stat
from pathlib import Path

from monitor.clock import now
from monitor.pair.pair import Pair
from tests.support.running import Running, running, until
from tests.support.speaking import say

ZONE = "pair.example."


async def test_a_backup_of_a_running_service_can_be_started_from(tmp_path: Path) -> None:
    async with Pair([ZONE], now=now) as pair:
        await pair.in_sync()
        config = pair.write(tmp_path, listen="127.0.0.1:0")
        database, copy = tmp_path / "soawatch.db", tmp_path / "copy.db"
        async with running(config) as service:
            await service.up()
            await until(lambda: known(service))
            said = await say("backup", copy, "-c", config)
            assert said.status == 0
            assert said.out == f"{copy}: {copy.stat().st_size} bytes\n"
            assert await known(service)
        with sqlite3.connect(copy) as conn:
            assert conn.execute("pragma integrity_check").fetchone() == ("ok",)
            assert conn.execute(
                "select zone from packed_zone_states union select zone from zone_states"
            ).fetchall() == [(ZONE,)]
        assert not stat.S_IMODE(copy.stat().st_mode) & stat.S_IWOTH
        before = copy.read_bytes()
        said = await say("backup", copy, "-c", config)
        assert said.status == 1
        assert said.err == f"soawatch: {copy}: a file is there already: name another one, or remove it\n"
        assert copy.read_bytes() == before
        for leftover in tmp_path.glob("soawatch.db*"):
            leftover.unlink()
        database.write_bytes(before)
        async with running(config) as service:
            await service.up()
            await until(lambda: known(service))


async def test_nothing_to_copy_and_nowhere_to_put_it(tmp_path: Path) -> None:
    config = tmp_path / "soawatch.toml"
    config.write_text('[servers.ns1]\naddresses = ["192.0.2.1"]\n[[zones]]\nname = "example.com"\nservers = ["ns1"]\n')
    said = await say("backup", tmp_path / "copy.db", "-c", config)
    assert said.status == 1
    assert "there is no database here: has the service run with this configuration yet?" in said.err
    assert not (tmp_path / "copy.db").exists()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["soawatch.toml"]
    said = await say("backup", tmp_path, "-c", config)
    assert said.status == 2
    assert "is a directory" in said.err
    said = await say("backup", tmp_path / "copy.db")
    assert said.status == 2
    assert "--config" in said.err


async def known(service: Running) -> bool:
    return [(z["name"], z["health"]) for z in await service.get("api/v1/zones")] == [(ZONE, "good")]
