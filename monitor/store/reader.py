"""Reads what the service remembers of a zone, beside it: changes nothing and waits for nobody."""

import asyncio
import sqlite3
from pathlib import Path

from sqlite_utils import Database

from checks.zone_state.model import ZoneState
from monitor.state.ports import StoreError
from monitor.store import history
from monitor.store import open as opening
from monitor.store.database import connect_reader, value
from monitor.store.errors import told
from monitor.store.files import beside


class Reader:
    """One read-only connection. ``await open_reader(path)`` makes it; close it when done."""

    def __init__(self, path: Path, db: Database) -> None:
        self._path = path
        self._db = db

    async def zone_state(self, zone: str) -> ZoneState | None:
        """The zone by its absolute name, as last committed; None when the service does not know it."""
        return await asyncio.to_thread(self._ledger, zone)

    async def backup(self, path: str) -> None:
        """A compact copy as of now, while the service runs on. Refuses to replace a file."""
        await asyncio.to_thread(self._backup, Path(path))

    async def close(self) -> None:
        await asyncio.to_thread(self._db.close)

    def _ledger(self, zone: str) -> ZoneState | None:
        with told(self._path):
            return history.zone_state(self._db, zone)

    def _backup(self, to: Path) -> None:
        with told(self._path):
            opening.copy_new(self._db, to)


async def open_reader(path: str | Path) -> Reader:
    """Never creates, migrates or locks. StoreError when there is no database, or none that can be understood."""
    return await asyncio.to_thread(_open, path)


def _open(name: str | Path) -> Reader:
    path = Path(name).resolve()
    if not path.is_file():
        raise StoreError(f"{path}: there is no database here: has the service run with this configuration yet?")
    with told(path):
        db = _connect(path)
        try:
            opening.check(db, path, thorough=False)
        except BaseException:
            db.close()
            raise
        return Reader(path, db)


def _connect(path: Path) -> Database:
    db = connect_reader(path)
    try:
        value(db, "pragma application_id")
        value(db, "select count(*) from sqlite_master")
    except sqlite3.OperationalError:
        db.close()
        wal = beside(path, "-wal")
        if wal.exists() and wal.stat().st_size:
            raise
        # No service runs and we may not write here, so that SQLite cannot make its -shm: read the file as it lies.
        return connect_reader(path, immutable=True)
    return db
