"""Opens a file that is our database, whole, of an age we know, and nobody else's just now."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import structlog
from sqlite_utils import Database

from monitor.clock import Now
from monitor.config.permissions import denial
from monitor.state.ports import StoreError, StoreMisplaced, StoreUnavailable
from monitor.store import outbox, schema, session
from monitor.store.codec import stamp
from monitor.store.database import connect, transaction, value, write_meta
from monitor.store.errors import RESTORE
from monitor.store.files import (
    FORBIDDEN,
    PRIVATE,
    UNAVAILABLE,
    beside,
    finish_rescue,
    make_private,
    sync_directory,
    tighten,
)
from monitor.store.session import Lock

log = structlog.get_logger(__name__)

_HEADER = b"SQLite format 3\x00"


def take_lock(path: Path) -> Lock:
    """Held until it is closed; the system lets go of it when the process dies."""
    _check_directory(path)
    file = beside(path, ".lock")
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    except OSError as error:
        if error.errno in UNAVAILABLE:
            raise StoreUnavailable(f"{path}: {file.name} cannot be written beside it ({error.strerror})") from error
        need = "" if file.exists() else ": the service needs to write in the directory of its database"
        there = denial(file if file.exists() else path.absolute().parent)
        raise StoreMisplaced(
            f"{path}: {file.name} cannot be written beside it ({error.strerror}){need}. {there}"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder, _ = _read_lock(descriptor)
        os.close(descriptor)
        raise StoreError(f"{path}: already in use by pid {holder}: one service per database") from error
    except OSError as error:
        os.close(descriptor)
        raise StoreError(
            f"{path}: {file.name} cannot be locked ({error.strerror}): the database needs a disk of this machine"
        ) from error
    _, before = _read_lock(descriptor)
    lock = Lock(descriptor, before)
    try:
        lock.note(before)
    except OSError:
        lock.close()
        raise
    return lock


def _read_lock(descriptor: int) -> tuple[str, str]:
    """The pid of who has or had it, and the token it left."""
    pid, _, token = os.pread(descriptor, 200, 0).decode("ascii", "replace").partition("\n")
    return pid.strip() or "unknown", token.strip()


def left_token(path: Path) -> str:
    """What a service that did not end in order has left in NAME.lock, for who cannot take the lock."""
    try:
        descriptor = os.open(beside(path, ".lock"), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    try:
        return _read_lock(descriptor)[1]
    finally:
        os.close(descriptor)


def open_database(path: Path, lock: Lock, now: Now) -> tuple[Database, str]:
    """The writer's connection, checked, migrated and set up, and the session's token. Raises StoreError."""
    for left in (".new", ".new-journal"):
        beside(path, left).unlink(missing_ok=True)
    if finish_rescue(path):
        log.warning("the database was gone, and is taken from what was kept aside", path=str(path))
    mark = beside(path, ".mark")
    if not path.exists():
        if mark.exists():
            raise StoreError(
                f"{path}: the database is gone, though there was one here. Put a backup in its place; "
                f"or, to begin with an empty history, remove {mark.name}"
            )
        _create(path, now)
    _check_file(path, mark)
    if session.wal_is_foreign(path, lock.before):
        session.set_wal_aside(path)
    had_log = beside(path, "-wal").exists()
    db = connect(path)
    try:
        check(db, path)
        _migrate(db, path)
        db.execute("pragma journal_mode = wal")
        token = session.begin(db, path, lock, now, had_log=had_log)
        outbox.end_leases(db)  # whoever had them is dead, for we have the lock
        if not mark.exists():
            make_private(mark)
            mark.write_text(f"{path.name} is a database of soawatch; this file tells when it has been lost.\n")
        tighten(path)
    except BaseException:
        db.close()
        raise
    return db, token


def check(db: Database, path: Path, *, thorough: bool = True) -> None:
    """Ours, not newer than us and, if ``thorough``, whole on every page. Raises StoreError."""
    if value(db, "pragma application_id") != schema.APPLICATION:
        raise StoreMisplaced(
            f"{path}: this is a SQLite database, but of another application. "
            "Name another file as service.database, or move this one away"
        )
    if thorough:
        found = value(db, "pragma quick_check(1)")
        if found != "ok":
            raise StoreError(f"{path}: the database is damaged ({found}). {RESTORE}")
    version = value(db, "pragma user_version")
    unknown = schema.unknown_steps(db)
    if unknown or version > schema.newest():
        what = f"step {unknown[-1]}" if unknown else f"version {version}"
        raise StoreError(
            f"{path}: a newer soawatch has written this database ({what} is not known here). "
            "Upgrade soawatch, or restore the backup it made before it migrated (NAME.v….bak)"
        )


def _check_directory(path: Path) -> None:
    directory = path.absolute().parent
    if not directory.is_dir():
        raise StoreMisplaced(f"{path}: there is no directory {directory}: create it, or change service.database")
    if path.is_dir():
        raise StoreMisplaced(f"{path}: this is a directory: service.database has to name a file in it")


def _check_file(path: Path, mark: Path) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(len(_HEADER))
    except OSError as error:
        if error.errno not in FORBIDDEN:
            raise
        raise StoreMisplaced(f"{path}: the database cannot be read ({error.strerror}). {denial(path)}") from error
    if not start:
        was = "it has lost its content" if mark.exists() else "soawatch never leaves an empty one"
        raise StoreError(
            f"{path}: the file is empty; {was}. Put a backup in its place; "
            f"or, to begin with an empty history, remove it{f' and {mark.name}' if mark.exists() else ''}"
        )
    if start != _HEADER:
        raise StoreError(f"{path}: this is not a SQLite database, or its first page is damaged. {RESTORE}")


def _create(path: Path, now: Now) -> None:
    """Made under another name and moved into place, so that a kill never leaves half a database under this one."""
    new = beside(path, ".new")
    try:
        make(new, now)
        new.rename(path)
    finally:
        new.unlink(missing_ok=True)
    sync_directory(path)


def make(new: Path, now: Now, fill: Callable[[Database], None] = lambda db: None) -> None:
    """A database with nothing in it but what ``fill`` writes, on the disk when this returns. Raises StoreError."""
    make_private(new)
    with connect(new) as db:
        schema.migrate(db)
        with transaction(db):
            write_meta(db, "created", stamp(now()))
            fill(db)


def _migrate(db: Database, path: Path) -> None:
    version = schema.version(db)
    if version < schema.newest():
        kept = beside(path, f".v{version}.bak")
        part = beside(kept, ".part")
        part.unlink(missing_ok=True)
        copy(db, part)
        part.replace(kept)
        sync_directory(path)
        log.info("migrating the database", path=str(path), version=version, to=schema.newest(), backup=str(kept))
    schema.migrate(db)
    if missing := schema.missing_tables(db):
        raise StoreError(f"{path}: another program has dropped the table {missing[0]}. {RESTORE}")


def copy(db: Database, to: Path) -> None:
    """A whole, compact copy as of now, on the disk when this returns; nothing is left behind when it fails."""
    make_private(to)
    try:
        db.execute("vacuum into ?", [str(to)])
        with connect(to) as made:
            session.forget(made)
        descriptor = os.open(to, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        to.unlink(missing_ok=True)
        raise


def copy_new(db: Database, to: Path) -> None:
    """The same, but never over a file that is there."""
    if to.exists():
        raise StoreError(f"{to}: a file is there already: name another one, or remove it")
    if not to.absolute().parent.is_dir():
        raise StoreError(f"{to}: there is no directory {to.absolute().parent}")
    part = beside(to, ".part")
    part.unlink(missing_ok=True)
    copy(db, part)
    try:
        os.link(part, to)  # unlike a rename it fails when somebody else was quicker
    except FileExistsError as error:
        raise StoreError(f"{to}: a file is there already: name another one, or remove it") from error
    finally:
        part.unlink(missing_ok=True)
    sync_directory(to)
