"""A Store in one SQLite file: one thread that writes, a few that read."""

import asyncio
import contextlib
import queue
import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog
from sqlite_utils import Database

from alerting.incident import Incident
from alerting.notification import OutboxMessage
from alerting.outbox import Backlog, DeliveryResult, Lease, ReceiverStatus
from checks.zone_state.model import Propagation
from monitor.clock import Now
from monitor.state.label_search import SoughtLabel
from monitor.state.ports import AddressHistoryRow, Commit, IncidentRecord, StoreBlank, StoredState, StoreError, Sweep
from monitor.store import history, intern_table, outbox, session
from monitor.store.database import connect_reader, transaction
from monitor.store.errors import as_store_errors
from monitor.store.files import end_rescue, put_back, rescue_part, set_aside
from monitor.store.history import last_look
from monitor.store.identity import Loss, OpenFiles
from monitor.store.open import copy, copy_new, open_database, take_lock
from monitor.store.session import Lock
from monitor.store.writer import write, write_sweep

log = structlog.get_logger(__name__)

T = TypeVar("T")
_READERS = 2
_UNREADABLE = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR_READ", "SQLITE_IOERR_SHORT_READ")
_STEP = 250
"""Rows that are taken away in one go: each is in pages of its own, and meanwhile nothing else is written."""


class SqliteStore:
    """A Store. What ``commit`` has returned from is on the disk, whatever happens to the machine."""

    def __init__(
        self,
        path: Path,
        now: Now,
        lock: Lock,
        writer: Database,
        readers: Iterable[Database],
        files: OpenFiles,
        thread: ThreadPoolExecutor,
    ) -> None:
        """Use ``open``."""
        self._path = path
        self._now = now
        self._lock = lock
        self._db = writer
        self._files = files
        self._writer = thread
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-read")
        self._idle: queue.SimpleQueue[Database] = queue.SimpleQueue()
        for reader in readers:
            self._idle.put(reader)
        self._codec = intern_table.codec(writer)
        """The writer's own: that of the memory grows on its own."""
        self._closed = False
        self._retired = False
        """What would be written now would not be in the file that is opened next."""

    @classmethod
    async def open(cls, path: str | Path, now: Now) -> "SqliteStore":
        """Creates or migrates it where needed. StoreError says why it cannot be used and what to do."""
        thread = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        try:
            return await asyncio.get_running_loop().run_in_executor(thread, cls._open, path, now, thread)
        except BaseException:
            thread.shutdown(wait=False)
            raise

    @classmethod
    def _open(cls, name: str | Path, now: Now, thread: ThreadPoolExecutor) -> "SqliteStore":
        with as_store_errors(name), contextlib.ExitStack() as opened:
            path = Path(name).resolve()  # however it is called: one file, one lock
            lock = take_lock(path)
            opened.callback(lock.close)
            writer, token = open_database(path, lock, now)
            files = OpenFiles(path, token, lock.descriptor)
            opened.callback(files.close)
            opened.callback(writer.close)
            readers = [opened.enter_context(contextlib.closing(connect_reader(path))) for _ in range(_READERS)]
            for reader in readers:
                last_look(reader)  # SQLite opens its files at the first look, and these are the right ones
            files.check()
            end_rescue(path)
            opened.pop_all()  # from now on it is close that closes them
            return cls(path, now, lock, writer, readers, files, thread)

    async def restore(self) -> StoredState:
        return await self.read(history.remembered)

    async def commit(self, commit: Commit) -> None:
        if not commit.empty:
            await self._write(lambda db: write(db, commit, self._now(), self._codec))

    async def sweep(self, row: Sweep) -> None:
        await self._write(lambda db: write_sweep(db, row))

    async def enqueue(self, messages: Sequence[OutboxMessage]) -> None:
        await self.commit(Commit(messages=tuple(messages)))

    async def lease(self, now: datetime, *, duration: float, limit: int, busy: Iterable[str] = ()) -> Sequence[Lease]:
        skipped = frozenset(busy)
        return await self._write(lambda db: outbox.lease(db, now, duration, limit, skipped), even_lost=True)

    async def backlog(self, message: OutboxMessage) -> Backlog:
        return await self.read(lambda db: outbox.backlog(db, message))

    async def unheard(self, receiver: str, limit: int, *, resumed: bool = False) -> Sequence[Backlog]:
        return await self._write(lambda db: outbox.unheard(db, receiver, limit, resumed=resumed), even_lost=True)

    async def settle(self, result: DeliveryResult) -> None:
        await self._write(lambda db: outbox.settle(db, result), even_lost=True)

    async def waiting(self) -> Sequence[OutboxMessage]:
        """All that the outbox owes, eldest first."""
        return await self.read(outbox.waiting)

    async def expedite(self, receivers: Collection[str], now: datetime) -> None:
        if receivers:
            await self._write(lambda db: outbox.expedite(db, receivers, now))

    async def receivers(self) -> Sequence[ReceiverStatus]:
        return await self.read(outbox.receivers)

    async def next_due(self) -> datetime | None:
        return await self.read(outbox.next_due)

    async def address_history(self, zone: str, since: datetime, limit: int = 2000) -> Sequence[AddressHistoryRow]:
        return await self.read(lambda db: history.address_history(db, zone, since, limit))

    async def incidents(
        self,
        *,
        limit: int = 100,
        before: datetime | None = None,
        zone: str | None = None,
        labels: Sequence[SoughtLabel] = (),
    ) -> Sequence[Incident]:
        return await self.read(lambda db: history.incidents(db, limit, before, zone, labels))

    async def incident_record(self, id: str) -> IncidentRecord | None:
        return await self.read(lambda db: history.incident_record(db, id))

    async def propagations(
        self, since: datetime, *, zone: str | None = None, server: str | None = None, limit: int = 5000
    ) -> Sequence[Propagation]:
        return await self.read(lambda db: history.propagations(db, since, zone, server, limit))

    async def prune(self, before: datetime, limit: int = 1000) -> int:
        """Fewer than ``limit`` gone: there is no more to take, and the planner's figures are brought up to date."""
        while await self._write(lambda db: history.prune_zones_of_incidents(db, before, _STEP)):
            pass  # between two steps others have the writer
        gone = 0
        while gone < limit:
            wanted = min(_STEP, limit - gone)
            went = await self._write(partial(history.prune, before=before, limit=wanted))
            gone += went
            if went < wanted:
                await self._on_writer(_optimize)
                break
        return gone

    async def backup(self, path: str) -> None:
        """A compact copy as of now, made beside all else. Refuses to replace a file."""
        await self.read(lambda db: copy_new(db, Path(path)))

    async def verify(self) -> None:
        """Raises Lost when what is open is not what is at the path, as every write does; nothing else is looked at."""
        await self._on_writer(lambda db: self._files.check())

    async def put_back(self) -> None:
        """A whole copy of what is open gets the place of the database, where that is free. Raises StoreError.

        Afterwards this store is to be abandoned, and the path opened anew.
        """
        await self._on_writer(self._put_back)

    def _put_back(self, db: Database) -> None:
        if self._files.overwritten:
            raise StoreBlank(f"{self._path}: nothing is left to be copied")
        made = rescue_part(self._path)
        try:
            copy(db, made)
        except sqlite3.DatabaseError as error:
            if (getattr(error, "sqlite_errorname", None) or "").startswith(_UNREADABLE):
                raise StoreBlank(f"{self._path}: what is left of the database cannot be read ({error})") from error
            raise
        put_back(self._path, made)
        self._retired = True

    async def set_aside(self) -> str:
        """A whole copy of what is open, from which the next start goes on when the place is free; its path."""
        return await self._on_writer(self._set_aside)

    def _set_aside(self, db: Database) -> str:
        made = rescue_part(self._path)
        copy(db, made)
        return str(set_aside(self._path, made))

    async def merge_wal(self) -> None:
        """What is in a -wal file that has lost its name is moved into the database. Raises StoreError.

        Afterwards this store is to be abandoned, and the path opened anew.
        """
        await self._on_writer(self._merge_wal)

    def _merge_wal(self, db: Database) -> None:
        self._files.token = ""
        session.end(db, self._lock)
        if session.checkpoint(db):
            raise StoreError(f"{self._path}: another program is reading it; it is tried again")
        self._retired = True

    async def abandon(self) -> None:
        """Let go of what is open and leave what is at the path as it is. May be called twice."""
        await self._end(in_order=False)

    async def close(self) -> None:
        """Ends what was asked for before, then lets go of the file. May be called twice."""
        await self._end(in_order=True)

    async def _end(self, *, in_order: bool) -> None:
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(None, partial(self._close, in_order=in_order))

    def _close(self, *, in_order: bool) -> None:
        self._readers.shutdown()
        self._writer.shutdown()
        try:
            while not self._idle.empty():
                self._idle.get().close()
            if in_order and self._files.loss() is not Loss.WAL:
                self._files.check()
            if in_order:
                session.end(self._db, self._lock)
        except (sqlite3.Error, OSError, StoreError) as error:  # nothing that was committed is at stake
            log.warning("the database could not be marked as closed", path=str(self._path), error=str(error))
        finally:
            # The last to close it writes the -wal back and removes it, unless the file has another name, or none.
            self._db.close()
            self._files.close()
            self._lock.close()

    async def _write(self, work: Callable[[Database], T], *, even_lost: bool = False) -> T:
        """``even_lost``: also into a file that has lost its name, from which it is copied when it gets one again."""

        def in_transaction(db: Database) -> T:
            if self._retired:
                raise StoreError(f"{self._path}: the database is being opened anew")
            if not even_lost or self._files.loss() is Loss.OVERWRITTEN:
                self._files.check()
            try:
                with transaction(db):
                    return work(db)
            finally:
                self._files.note()

        return await self._on_writer(in_transaction)

    async def _on_writer(self, work: Callable[[Database], T]) -> T:
        self._check_open()

        def run() -> T:
            with as_store_errors(self._path):
                return work(self._db)

        return await asyncio.get_running_loop().run_in_executor(self._writer, run)

    async def read(self, work: Callable[[Database], T]) -> T:
        """What ``work`` reads by one of the connections that cannot write, in a thread. Raises StoreError."""
        self._check_open()

        def run() -> T:
            db = self._idle.get()  # never waits: there are as many connections as threads
            try:
                with as_store_errors(self._path):
                    return work(db)
            finally:
                self._idle.put(db)

        return await asyncio.get_running_loop().run_in_executor(self._readers, run)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"{self._path}: the database has been closed")


def _optimize(db: Database) -> None:
    db.execute("pragma analysis_limit = 400")  # rows it looks at per index: all of them would take seconds
    db.execute("pragma optimize")
