"""Reads the database without being its service: a command beside one that runs, or a start that cannot write.

``open_reader`` changes nothing and waits for nobody. ``open_archive`` is for a full, failing or read-only disk.
"""

import asyncio
import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database

from alerting.incident import Incident
from alerting.silences import Silence
from checks.model.remembered import RememberedRecords
from checks.zone_state.model import ZoneState
from monitor.state.ports import AddressHistoryRow, StoreError, StoreUnavailable
from monitor.store import history, schema, session
from monitor.store.database import connect, connect_reader, value
from monitor.store.errors import as_store_errors
from monitor.store.files import beside
from monitor.store.open import check, copy_new, left_token

_SCRATCH = (None, "/dev/shm")  # noqa: S108  a directory of our own is made in it
"""Where a copy may be made: the usual place, and memory where that is full as well."""


class Reader:
    """One read-only connection. ``await open_reader(path)`` makes it; close it when done."""

    def __init__(self, path: Path, db: Database) -> None:
        self._path = path
        self._db = db

    async def zone_state(self, zone: str) -> ZoneState | None:
        """The zone by its absolute name, as last committed; None when the service does not know it."""
        return await asyncio.to_thread(self._zone_state, zone)

    async def records(self, zone: str) -> dict[str, RememberedRecords]:
        """What each check remembers of the records of that zone, as last committed."""
        return await asyncio.to_thread(self._records, zone)

    async def address_history(self, zone: str, since: datetime, limit: int = 2000) -> Sequence[AddressHistoryRow]:
        """What each address of that zone served, as ``Store.address_history`` has it."""
        return await asyncio.to_thread(self._address_history, zone, since, limit)

    async def incidents(self, zone: str, limit: int) -> Sequence[Incident]:
        """The newest that have to do with that zone, open or over."""
        return await asyncio.to_thread(self._incidents, zone, limit)

    async def silences(self) -> Sequence[Silence]:
        """All that are kept."""
        return await asyncio.to_thread(self._silences)

    async def backup(self, path: str) -> None:
        """A compact copy as of now, while the service runs on. Refuses to replace a file."""
        await asyncio.to_thread(self._backup, Path(path))

    async def close(self) -> None:
        """Lets go of the file."""
        await asyncio.to_thread(self._db.close)

    def _zone_state(self, zone: str) -> ZoneState | None:
        with as_store_errors(self._path):
            return history.zone_state(self._db, zone)

    def _records(self, zone: str) -> dict[str, RememberedRecords]:
        with as_store_errors(self._path):
            return {one.check: one.remembered for one in history.record_memories(self._db, zone)}

    def _address_history(self, zone: str, since: datetime, limit: int) -> Sequence[AddressHistoryRow]:
        with as_store_errors(self._path):
            return history.address_history(self._db, zone, since, limit)

    def _incidents(self, zone: str, limit: int) -> Sequence[Incident]:
        with as_store_errors(self._path):
            return history.incidents(self._db, limit, None, zone)

    def _silences(self) -> Sequence[Silence]:
        with as_store_errors(self._path):
            return list(history.silences(self._db))

    def _backup(self, to: Path) -> None:
        with as_store_errors(self._path):
            copy_new(self._db, to)


def read_zone_sources(path: Path) -> dict[str, str]:
    """What is kept of each source of zones, as last committed. Blocks; raises StoreError as ``open_reader`` does."""
    with contextlib.closing(_opened(path.resolve())) as db, as_store_errors(path):
        return {one.source: one.body for one in history.zone_sources(db)}


async def open_reader(path: str | Path) -> Reader:
    """Never creates, migrates or locks. StoreError when there is no database, or none that can be understood."""
    return await asyncio.to_thread(_open_reader, path)


def _open_reader(name: str | Path) -> Reader:
    path = Path(name).resolve()
    return Reader(path, _opened(path))


def _opened(path: Path) -> Database:
    if not path.is_file():
        raise StoreError(f"{path}: there is no database here: has the service run with this configuration yet?")
    with as_store_errors(path):
        db = _connect(path)
        try:
            check(db, path, thorough=False)
        except BaseException:
            db.close()
            raise
        return db


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


def open_archive(path: Path) -> Database | None:
    """A connection to all that is in the database at ``path``; None where there is none. Raises StoreError.

    What was committed last may lie in the -wal, which SQLite reads only where it may write, and an older database has
    to be migrated to be understood: then a copy is read, which is removed at once and ends with the connection.
    """
    with as_store_errors(path):
        if not path.exists():
            if beside(path, ".mark").exists():
                raise StoreError(f"{path}: the database is gone, though there was one here")
            return None
        log = beside(path, "-wal")
        strange = session.wal_is_foreign(path, left_token(path))
        if log.exists() and log.stat().st_size and not strange:
            return _copied(path)
        db = connect_reader(path, immutable=True)
        try:
            check(db, path)
            current = schema.version(db) == schema.newest()
        except BaseException:
            db.close()
            raise
        if current:
            return db
        db.close()
        return _copied(path, log=not strange)


def _copied(path: Path, *, log: bool = True) -> Database:
    """``log``: its -wal file is its own."""
    refused: OSError | sqlite3.Error | None = None
    for place in _SCRATCH:
        try:
            with tempfile.TemporaryDirectory(prefix="soawatch-", dir=place) as directory:
                return _open_copy(path, Path(directory) / path.name, log=log)
        except (OSError, sqlite3.OperationalError) as error:
            refused = error
    raise StoreUnavailable(
        f"{path}: there is no room anywhere for the copy that it is read from ({refused})"
    ) from refused


def _open_copy(path: Path, copy: Path, *, log: bool) -> Database:
    for suffix in ("", "-wal") if log else ("",):
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(beside(path, suffix), beside(copy, suffix))
    db = connect(copy)
    try:
        check(db, path)
        schema.migrate(db)
        db.execute("pragma journal_mode = delete")  # all of it in one file, which lives as long as it is open
        db.execute("pragma query_only = 1")
        db.execute("select count(*) from sqlite_master").fetchone()
    except BaseException:
        db.close()
        raise
    return db
