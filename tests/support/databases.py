"""Databases with something in them."""

from pathlib import Path

from monitor.state.ports import Commit
from monitor.store.sqlite import SqliteStore
from tests.support.specimens import NOON, alert, zone_state


async def opened(path: Path) -> SqliteStore:
    return await SqliteStore.open(path, lambda: NOON)


async def filled(path: Path) -> None:
    store = await opened(path)
    await store.commit(
        Commit(zone_states=tuple(zone_state(f"zone{n}.example.") for n in range(200)), alerts=(alert(),))
    )
    await store.close()
