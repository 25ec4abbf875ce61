"""What can be read of a database that cannot be written now: for a start on a full, failing or read-only disk."""

import contextlib
import shutil
import sqlite3
import tempfile
from pathlib import Path

from sqlite_utils import Database

from monitor.state.ports import StoreError, StoreUnavailable
from monitor.store import open as opening
from monitor.store import schema, session
from monitor.store.database import connect, connect_reader
from monitor.store.errors import told
from monitor.store.files import beside

_SCRATCH = (None, "/dev/shm")  # noqa: S108  a directory of our own is made in it
"""Where a copy may be made: the usual place, and memory where that is full as well."""


def open_archive(path: Path) -> Database | None:
    """A connection to all that is in the database at ``path``; None where there is none. Raises StoreError.

    What was committed last may lie in the -wal, which SQLite reads only where it may write, and an older database has
    to be migrated to be understood: then a copy is read, which is removed at once and ends with the connection.
    """
    with told(path):
        if not path.exists():
            if beside(path, ".mark").exists():
                raise StoreError(f"{path}: the database is gone, though there was one here")
            return None
        log = beside(path, "-wal")
        strange = session.log_is_strange(path, opening.left_token(path))
        if log.exists() and log.stat().st_size and not strange:
            return _copied(path)
        db = connect_reader(path, immutable=True)
        try:
            opening.check(db, path)
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
        opening.check(db, path)
        schema.migrate(db)
        db.execute("pragma journal_mode = delete")  # all of it in one file, which lives as long as it is open
        db.execute("pragma query_only = 1")
        db.execute("select count(*) from sqlite_master").fetchone()
    except BaseException:
        db.close()
        raise
    return db
