"""Tells whether the service before us ended in order, and whether the -wal file beside the database is its own.

What was committed last lies in NAME-wal until SQLite moves it into the database. SQLite takes whatever it finds there:
it misses no file that is gone, and lays the pages of an old one over a backup that was put in the database's place. So
every service writes a token of its own into the database and, once it is there for certain, beside it into NAME.lock.
"""

import itertools
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlite_utils import Database

from monitor.clock import Now
from monitor.store.codec import stamp
from monitor.store.database import connect_reader, read_meta, write_meta
from monitor.store.files import beside, sync_directory

log = structlog.get_logger(__name__)

_LENGTH = 100
_KEY = "session"


@dataclass(frozen=True, slots=True)
class Lock:
    """NAME.lock, held. ``before`` is the token a service has left in it that did not end in order."""

    descriptor: int
    before: str

    def note(self, token: str) -> None:
        """Writes our pid and that token, on the disk when it returns. Raises OSError."""
        # Always as long, in one write over the last one: a full disk does not hinder it, and no kill leaves half of it.
        os.pwrite(self.descriptor, f"{os.getpid()}\n{token}".ljust(_LENGTH - 1).encode() + b"\n", 0)
        os.fsync(self.descriptor)

    def close(self) -> None:
        """Lets others have it."""
        os.close(self.descriptor)


def wal_is_foreign(path: Path, before: str) -> bool:
    """Whether the -wal file is that of the database which was here before: it would destroy this one.

    To be asked before anything opens the database. ``before`` is the token a service has left in NAME.lock that did
    not end in order. Raises sqlite3.Error.
    """
    log_file = beside(path, "-wal")
    if not before or not log_file.exists() or not log_file.stat().st_size:
        return False
    return token_of_the_file_alone(path) != before


def set_wal_aside(path: Path) -> None:
    """Out of the way of a database that it does not belong to, and not deleted: it may be wanted with its own.

    Where a backup was put in the place of a database that was lost, or of one whose service was killed. The -shm is
    no more than an index of it. Raises OSError.
    """
    log_file = beside(path, "-wal")
    kept = beside(path, ".strange-wal")
    for number in itertools.count(2):
        if not kept.exists():
            break
        kept = beside(path, f".strange-wal.{number}")
    log_file.rename(kept)
    beside(path, "-shm").unlink(missing_ok=True)
    sync_directory(path)
    log.warning(
        "this is not the database that was here before, and the -wal file beside it was of that one: it is kept aside, "
        "and can be removed",
        path=str(path),
        kept=str(kept),
    )


def begin(db: Database, path: Path, lock: Lock, now: Now, *, had_log: bool) -> str:
    """The token of this session; empty where it is not certain to be in the file itself."""
    before = read_meta(db, _KEY)
    if before == lock.before and not had_log:
        log.warning(
            "the database was not closed, and there is no -wal file: "
            "unless another program has opened it since, its last changes are lost",
            path=str(path),
            session=before,
        )
    lock.note("")  # until the new one is in the file, neither can be relied on
    token = f"{stamp(now())} {secrets.token_hex(8)}"
    write_meta(db, _KEY, token)
    if checkpoint(db):  # a command is reading just now, and the token may not be in the file itself yet
        return ""
    lock.note(token)
    return token


def end(db: Database, lock: Lock) -> None:
    """Before it is closed: whoever opens it next knows that nothing is missing."""
    lock.note("")
    forget(db)


def forget(db: Database) -> None:
    """What a copy is given: it is nobody's session."""
    write_meta(db, _KEY, None)


def checkpoint(db: Database) -> bool:
    """Moves what is in the -wal file into the database; whether somebody who reads it was in the way."""
    (row,) = db.query("pragma wal_checkpoint(truncate)")
    return bool(row["busy"])


def token_of_the_file_alone(path: Path) -> str | None:
    """As it lies there, without what a -wal beside it would add. Raises sqlite3.Error."""
    with connect_reader(path, immutable=True) as db:
        return read_meta(db, _KEY)
