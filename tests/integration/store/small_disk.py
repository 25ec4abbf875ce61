"""A disk of a megabyte that is full, read-only or out of inodes, for one process: ``python -m
tests.integration.store.small_disk``.

To be run by ``unshare --mount``: what is mounted is seen by nobody else, and gone with the process. It prepares the
database of a scenario, takes the room away, opens it, gives the room back, and says as JSON what it saw meanwhile.
"""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

from monitor.state.ports import Commit, StoreError
from monitor.store.durable import DurableStore
from monitor.store.sqlite import SqliteStore
from tests.support.future_schema import TODAY, learn, of_version
from tests.support.specimens import NOON, alert, incident, message, zone_state

FIRST = Commit(
    zone_states=(zone_state("a.example."),), alerts=(alert(),), incidents=(incident("i1"),), messages=(message("t1"),)
)
LATER = Commit(zone_states=(zone_state("b.example."),), incidents=(incident("i2"),), messages=(message("t2"),))


async def none(path: Path) -> None:
    """A first start."""


async def closed(path: Path) -> None:
    """A service ended in order."""
    store = await SqliteStore.open(path, lambda: NOON)
    await store.commit(FIRST)
    await store.close()


async def killed(path: Path) -> None:
    """A service was killed: what it committed is in the -wal only."""
    child = os.fork()
    if not child:
        with suppress(BaseException):
            asyncio.run(die(path))
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert path.with_name(path.name + "-wal").stat().st_size


async def die(path: Path) -> None:
    store = await SqliteStore.open(path, lambda: NOON)
    await store.commit(FIRST)
    os._exit(0)


async def older(path: Path) -> None:
    """A database that has yet to be migrated."""
    of_version(path, TODAY)
    learn()


async def torn(path: Path) -> None:
    """An older database whose migration the full disk has broken off."""
    of_version(path, TODAY + 1)
    learn()


def full(disk: Path) -> Callable[[], None]:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"\0" * 4096):
            pass
    return ballast.unlink


def no_inodes(disk: Path) -> Callable[[], None]:
    made = []
    with suppress(OSError):
        for number in range(10_000):
            (disk / f"f{number}").touch()
            made.append(disk / f"f{number}")
    return lambda: [each.unlink() for each in made] and None


def read_only(disk: Path) -> Callable[[], None]:
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    return lambda: subprocess.run(["mount", "-o", "remount,rw", disk], check=True) and None


async def scenario(disk: Path, before: str, trouble: str) -> dict[str, object]:
    path, time = disk / "s.db", [NOON]
    await globals()[before](path)
    mend = globals()[trouble](disk)
    store = await DurableStore.open(path, lambda: time[0])
    remembered = await store.restore()
    said: dict[str, object] = {
        "zone_states": sorted(remembered.zone_states),
        "alerts": len(remembered.alerts),
        "incidents": sorted(remembered.incidents),
        "past": [each.id for each in await store.incidents()],
        "owed": sum(count.pending for count in await store.receivers()),
        "refused": [],
    }
    refused: list[str] = []
    for _ in range(3):
        time[0] += timedelta(minutes=2)
        try:
            await store.commit(LATER)
        except StoreError as error:
            refused.append(str(error))
    said["refused"] = refused
    mend()
    time[0] += timedelta(minutes=2)
    await store.commit(LATER)
    await store.verify()
    said["after"] = sorted((await store.restore()).zone_states)
    said["recreated"] = store.recreated is not None
    await store.close()
    with closing(sqlite3.connect(path)) as conn:
        said["whole"] = conn.execute("pragma integrity_check").fetchone()[0]
        said["outbox"] = [row[0] for row in conn.execute("select id from outbox order by seq")]
    return said


if __name__ == "__main__":
    where, first, second = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=40", "soawatch-test", where], check=True)
    print(json.dumps(asyncio.run(scenario(where, first, second))))
