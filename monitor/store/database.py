"""Connections: a ``sqlite_utils.Database`` over one that leaves transactions to us, and returns when it is on the disk.

What sqlite-utils writes inside ``transaction`` is part of it: it makes savepoints of its own where one is open. Rows by
the thousand are written and read by ``Database.conn`` itself: see ``write_many`` and ``read_many``.

Rows are replaced by ``insert_all(replace=True)``, never by ``upsert``: that makes a table to find out whether SQLite
has ON CONFLICT. When the disk is full just then it is held for good that SQLite has not, and rows get lost.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database

_BUSY_MS = 5000
_SYNC_FULL = 2


def connect(path: Path) -> Database:
    """The writer's connection: it waits for others. It may be used by one thread at a time. Raises sqlite3.Error."""
    db = wrap(sqlite3.connect(path, isolation_level=None, check_same_thread=False))
    db.execute(f"pragma busy_timeout = {_BUSY_MS}")
    db.execute(f"pragma synchronous = {_SYNC_FULL}")
    db.execute("pragma journal_size_limit = 67108864")
    db.execute("pragma cache_size = -16384")  # KiB: changes are spread over the indices of very many zones
    return db


def connect_reader(path: Path, *, immutable: bool = False) -> Database:
    """A connection that cannot change anything. ``immutable``: nobody else does either, so it takes no locks."""
    uri = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if immutable else ''}"
    db = wrap(sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False))
    db.execute(f"pragma busy_timeout = {_BUSY_MS}")
    return db


def wrap(conn: sqlite3.Connection) -> Database:
    """Without plugins, and without pragmas that SQLite does not have by itself; tables are made strict."""
    return Database(conn, execute_plugins=False, recursive_triggers=False, strict=True)


@contextmanager
def transaction(db: Database) -> Iterator[None]:
    """All or nothing; takes the right to write at once, so that it waits for others before it has read anything."""
    db.execute("begin immediate")
    try:
        yield
        db.execute("commit")
    except BaseException:
        db.rollback()  # nothing, where a full disk has ended it already
        raise


def value(db: Database, sql: str, parameters: Sequence[Any] = ()) -> Any:
    """The only column of the only row. Raises TypeError where there is no row."""
    return db.execute(sql, parameters).fetchone()[0]


def write_many(db: Database, sql: str, rows: Iterable[Sequence[Any]]) -> None:
    """For what every changed zone has: 2.0 µs for a row of ``address_history``, where ``Table.insert_all`` takes 4.7 µs
    and 40 µs more for each call; a commit of 5000 new zones has 15 000 such rows.
    """
    db.conn.executemany(sql, rows)


def read_many(db: Database, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
    """Rows as tuples: 0.6 µs a row of ``packed_zone_states``, where ``Database.query`` takes 1.2 µs; a restart reads as
    many as there are zones.
    """
    return db.conn.execute(sql, parameters)


def read_meta(db: Database, key: str) -> str | None:
    """What is kept under that key beside all else; None where nothing is. Raises sqlite3.Error."""
    return next((row["value"] for row in db.query("select value from meta where key = ?", [key])), None)


def write_meta(db: Database, key: str, text: str | None) -> None:
    """None: nothing is kept there any more."""
    if text is None:
        db.table("meta").delete_where("key = ?", [key])
    else:
        db.table("meta").insert({"key": key, "value": text}, replace=True)
