"""Notices when the files at the path are no longer those that are open.

SQLite goes on writing to a file that was removed, or that another one was moved over, and notices nothing: all of it is
lost when the process ends. So before each transaction the names are looked up again (stat(2): a few microseconds).
"""

import contextlib
import fcntl
import os
import sqlite3
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from monitor.state.ports import StoreError
from monitor.store import schema, session
from monitor.store.files import beside

_MAGIC = b"SQLite format 3\x00"
_APPLICATION_AT = 68
_HEADER = 100


class Loss(Enum):
    """What became of the files under an open database."""

    DELETED = "the database was deleted while the service runs"
    REPLACED = "another file stands in the place of the database that the service has open"
    OVERWRITTEN = "another program has overwritten the database that the service has open"
    DIRECTORY = "the directory of the database is gone"
    DISK = "another disk than before is mounted where the database was"
    WAL = "NAME-wal, NAME-shm or NAME.lock was deleted or replaced while the service runs"
    TAKEN = "another service has taken this database, for NAME.lock was deleted"
    FOREIGN_WAL = "another program has put a NAME-wal of its own beside the database"


_ASIDE = "Move that file away and what is remembered is written anew, or restart the service to use it"
_CURES = {
    Loss.DELETED: "It is written anew as soon as the disk takes it",
    Loss.REPLACED: _ASIDE,
    Loss.OVERWRITTEN: _ASIDE,
    Loss.DIRECTORY: "Make the directory again, and what is remembered is written anew",
    Loss.DISK: "Mount the one it was on, or restart the service to begin on this one",
    Loss.WAL: "What was in it is moved into the database as soon as the disk takes it",
    Loss.TAKEN: "One service per database: end one of the two; this one goes on when it is restarted",
    Loss.FOREIGN_WAL: "End that program and move its -wal and -shm away",
}


class Lost(StoreError):
    """The database that is open is not the one at the path; nothing was written."""

    def __init__(self, path: Path, loss: Loss, why: str = "") -> None:
        text = loss.value.replace("NAME", path.name)
        super().__init__(f"{path}: {text}{f' ({why})' if why else ''}. {_CURES[loss]}")
        self.loss = loss


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def _at(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None


@dataclass(slots=True)
class OpenFiles:
    """The files of one open database, for the thread that writes it. Close it after SQLite's connections, never before:
    to close any descriptor of a file drops all locks the process has on it (fcntl(2)), SQLite's among them.
    """

    path: Path
    token: str
    """The session's token, where it is in the file itself; else empty."""
    lock: int
    """The descriptor of NAME.lock; its owner closes it."""
    database: int = field(init=False)
    log: int = field(init=False)
    _index: os.stat_result = field(init=False)
    _left: tuple[int, int] = field(init=False)
    """Time of change and size of the database when we wrote it last: whoever changed it since was not us."""
    overwritten: bool = field(init=False, default=False)
    _taken: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._index = beside(self.path, "-shm").stat()
        self.database = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.log = os.open(beside(self.path, "-wal"), os.O_RDWR | os.O_CLOEXEC)
        except BaseException:
            os.close(self.database)
            raise
        self.note()

    def close(self) -> None:
        """Lets go of both descriptors."""
        os.close(self.log)
        os.close(self.database)

    def note(self) -> None:
        """After whatever we did to it."""
        now = os.fstat(self.database)
        self._left = (now.st_mtime_ns, now.st_size)

    def check(self) -> None:
        """Raises Lost, or OSError when it cannot be found out."""
        if (loss := self.loss()) is not None:
            raise Lost(self.path, loss, _kind(self.path) if loss in (Loss.REPLACED, Loss.OVERWRITTEN) else "")

    def loss(self) -> Loss | None:
        """What became of the files; None where they are those that are open. Raises OSError."""
        ours, here = os.fstat(self.database), _at(self.path)
        if here is None:
            return self._missing(ours.st_dev)
        if not _same(here, ours):
            return Loss.DISK if here.st_dev != ours.st_dev else Loss.REPLACED
        lock = _at(beside(self.path, ".lock"))
        held = lock is not None and _same(lock, os.fstat(self.lock))
        self._taken = self._taken or (not held and lock is not None and _locked(beside(self.path, ".lock")))
        if self._taken:  # before anything else: what is strange to us is the work of that one
            return Loss.TAKEN
        if self._overwritten(ours):
            return Loss.OVERWRITTEN
        return self._companions() or (None if held else Loss.WAL)

    def _missing(self, device: int) -> Loss:
        directory = _at(self.path.parent)
        if directory is None:
            return Loss.DIRECTORY
        return Loss.DELETED if directory.st_dev == device else Loss.DISK

    def _companions(self) -> Loss | None:
        log = _at(beside(self.path, "-wal"))
        if log is not None and not _same(log, os.fstat(self.log)) and log.st_size:
            return Loss.FOREIGN_WAL
        pairs = ((log, os.fstat(self.log)), (_at(beside(self.path, "-shm")), self._index))
        return None if all(one is not None and _same(one, other) for one, other in pairs) else Loss.WAL

    def _overwritten(self, now: os.stat_result) -> bool:
        """Whether the file is no longer ours though it is the same file: ``cp`` writes into the one that is there.

        What SQLite cannot read at the moment (a checkpoint that a full disk broke off) is not called so.
        """
        if self.overwritten or (now.st_mtime_ns, now.st_size) == self._left:
            return self.overwritten
        header = os.pread(self.database, _HEADER, 0)
        application = header[_APPLICATION_AT : _APPLICATION_AT + 4]
        strange = not header.startswith(_MAGIC) or application != schema.APPLICATION.to_bytes(4, "big")
        self.overwritten = strange or (bool(self.token) and not self._has_token())
        if self.overwritten:
            # The log belongs to what was there: laid over this file, by us or by the next who opens it, it destroys it.
            os.ftruncate(self.log, 0)
        else:
            self.note()
        return self.overwritten

    def _has_token(self) -> bool:
        try:
            return session.token_of_the_file_alone(self.path) == self.token
        except sqlite3.DatabaseError as error:
            return (getattr(error, "sqlite_errorname", None) or "") != "SQLITE_ERROR"  # that is: no such table


def _locked(lock: Path) -> bool:
    """Whether another service holds it: flock(2) tells; ours is on a file that has lost this name."""
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _kind(path: Path) -> str:
    """What it is that stands there, where that is plain without opening it."""
    with contextlib.suppress(OSError):
        if path.is_dir():
            return "a directory"
        if not path.stat().st_size:
            return "it is empty"
    return ""
