"""What it means when SQLite refuses, and what the operator is to do."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.config.permissions import denial
from monitor.state.ports import StoreError, StoreMisplaced, StoreUnavailable
from monitor.store.files import FORBIDDEN, UNAVAILABLE, disk_refuses

RESTORE = (
    "Stop the service, move it and the files beside it (-wal, -shm) away, put a backup in its place, and start again."
)

_NO_ROOM = "the disk is full, or mounted read-only; nothing of this was written. Make room, or mount it for writing."
_LATER = (
    ("SQLITE_FULL", "the disk is full, or the file may not grow; nothing of this was written. Make room."),
    (
        "SQLITE_IOERR",
        "the disk under the database does not work as it should. Look at the kernel's log, and at quotas.",
    ),
)
_CLOSED = (
    ("SQLITE_READONLY", "the database cannot be written."),
    ("SQLITE_PERM", "the database cannot be used."),
    ("SQLITE_CANTOPEN", "the database cannot be opened."),
)
_OTHERS = (
    ("SQLITE_CORRUPT", f"the database is damaged. {RESTORE}"),
    ("SQLITE_NOTADB", f"this is not a SQLite database, or its first page is damaged. {RESTORE}"),
    ("SQLITE_BUSY", "another program holds the database locked. End it, or wait for it."),
    ("SQLITE_LOCKED", "another program holds the database locked. End it, or wait for it."),
)


def store_error(error: sqlite3.Error, path: Path | str) -> StoreError:
    """The same failure, in words that say what to do, and of the kind that says whether waiting may help."""
    name = getattr(error, "sqlite_errorname", None) or ""
    for start, text in _LATER:
        if name.startswith(start):
            return StoreUnavailable(f"{path}: {_NO_ROOM if disk_refuses(Path(path)) else text} ({error})")
    for start, text in _CLOSED:
        if name.startswith(start):
            if disk_refuses(Path(path)):
                return StoreUnavailable(f"{path}: {_NO_ROOM} ({error})")
            return StoreMisplaced(f"{path}: {text} {denial(Path(path))}. ({error})")
    for start, text in _OTHERS:
        if name.startswith(start):
            return StoreError(f"{path}: {text} ({error})")
    return StoreError(f"{path}: the database does not answer as expected: {error}")


@contextmanager
def as_store_errors(path: Path | str) -> Iterator[None]:
    """Lets nothing out of the store but StoreError."""
    try:
        yield
    except sqlite3.Error as error:
        raise store_error(error, path) from error
    except (ValueError, OverflowError) as error:
        raise StoreError(f"{path}: a value cannot be kept: {error}") from error
    except OSError as error:
        text = f"{path}: {error.strerror or error}"
        if error.errno in UNAVAILABLE:
            raise StoreUnavailable(f"{text}. {_NO_ROOM}" if disk_refuses(Path(path)) else text) from error
        raise (
            StoreMisplaced(f"{text}. {denial(Path(path))}") if error.errno in FORBIDDEN else StoreError(text)
        ) from error
