"""The record in one SQLite file: one thread that writes, a few that read."""

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

from alerting.model import Incident
from checks.history import Propagation
from monitor.ports import Claimed, Commit, Now, OutboxCount, Remembered, RunRow, Settled, StoreError, Sweep
from monitor.store import history, opening, outbox, session, words, writing
from monitor.store.failing import told, transaction
from monitor.store.session import Lock

log = structlog.get_logger(__name__)

T = TypeVar("T")
_READERS = 2
_STEP = 250
"""Rows that are taken away in one go: each is in pages of its own, and meanwhile nothing else is written."""


class SqliteStore:
    """A Store. What ``commit`` has returned from is on the disk, whatever happens to the machine."""

    def __init__(
        self,
        path: Path,
        now: Now,
        lock: Lock,
        writer: sqlite3.Connection,
        readers: Iterable[sqlite3.Connection],
        thread: ThreadPoolExecutor,
    ) -> None:
        """Use ``open``."""
        self._path = path
        self._now = now
        self._lock = lock
        self._conn = writer
        self._writer = thread
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-read")
        self._idle: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        for reader in readers:
            self._idle.put(reader)
        self._packer = words.packer(writer)
        """The writer's own: that of the memory grows on its own."""
        self._closed = False

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
        with told(name), contextlib.ExitStack() as opened:
            path = Path(name).resolve()  # however it is called: one file, one lock
            lock = opening.take_lock(path)
            opened.callback(lock.close)
            writer = opening.open_database(path, lock, now)
            opened.callback(writer.close)
            readers = [opened.enter_context(contextlib.closing(opening.connect_reader(path))) for _ in range(_READERS)]
            opened.pop_all()  # from now on it is close that closes them
            return cls(path, now, lock, writer, readers, thread)

    async def restore(self) -> Remembered:
        return await self._read(history.remembered)

    async def commit(self, commit: Commit) -> None:
        if not commit.empty:
            await self._write(lambda conn: writing.write(conn, commit, self._now(), self._packer))

    async def sweep(self, row: Sweep) -> None:
        await self._write(lambda conn: writing.write_sweep(conn, row))

    async def claim(self, now: datetime, *, lease: float, most: int, busy: Iterable[str] = ()) -> Sequence[Claimed]:
        skipped = frozenset(busy)
        return await self._write(lambda conn: outbox.claim(conn, now, lease, most, skipped))

    async def settle(self, settled: Settled) -> None:
        await self._write(lambda conn: outbox.settle(conn, settled))

    async def hasten(self, receivers: Collection[str], now: datetime) -> None:
        if receivers:
            await self._write(lambda conn: outbox.hasten(conn, receivers, now))

    async def outbox(self) -> Sequence[OutboxCount]:
        return await self._read(outbox.counts)

    async def next_due(self) -> datetime | None:
        return await self._read(outbox.next_due)

    async def runs(self, zone: str, since: datetime, most: int = 2000) -> Sequence[RunRow]:
        return await self._read(lambda conn: history.runs(conn, zone, since, most))

    async def incidents(
        self, *, most: int = 100, before: datetime | None = None, zone: str | None = None
    ) -> Sequence[Incident]:
        return await self._read(lambda conn: history.incidents(conn, most, before, zone))

    async def propagations(self, zone: str, since: datetime) -> Sequence[Propagation]:
        return await self._read(lambda conn: history.propagations(conn, zone, since))

    async def prune(self, before: datetime, most: int = 1000) -> int:
        """Fewer than ``most`` gone: there is no more to take, and the planner's figures are brought up to date."""
        while await self._write(lambda conn: history.prune_zones_of_incidents(conn, before, _STEP)):
            pass  # between two steps others have the writer
        gone = 0
        while gone < most:
            wanted = min(_STEP, most - gone)
            went = await self._write(partial(history.prune, before=before, most=wanted))
            gone += went
            if went < wanted:
                await self._on_writer(_optimize)
                break
        return gone

    async def backup(self, path: str) -> None:
        """A compact copy as of now, made beside all else. Refuses to replace a file."""
        await self._read(lambda conn: opening.copy_new(conn, Path(path)))

    async def close(self) -> None:
        """Ends what was asked for before, then lets go of the file. May be called twice."""
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(None, self._close)

    def _close(self) -> None:
        self._readers.shutdown()
        self._writer.shutdown()
        try:
            while not self._idle.empty():
                self._idle.get().close()
            session.end(self._conn, self._lock)
        except (sqlite3.Error, OSError) as error:  # a full disk; nothing that was committed is at stake
            log.warning("the database could not be marked as closed", path=str(self._path), error=str(error))
        finally:
            self._conn.close()  # the last to close it writes the -wal back and removes it
            self._lock.close()

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def in_transaction(conn: sqlite3.Connection) -> T:
            with transaction(conn):
                return work(conn)

        return await self._on_writer(in_transaction)

    async def _on_writer(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._check_open()

        def run() -> T:
            with told(self._path):
                return work(self._conn)

        return await asyncio.get_running_loop().run_in_executor(self._writer, run)

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._check_open()

        def run() -> T:
            conn = self._idle.get()  # never waits: there are as many connections as threads
            try:
                with told(self._path):
                    return work(conn)
            finally:
                self._idle.put(conn)

        return await asyncio.get_running_loop().run_in_executor(self._readers, run)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"{self._path}: the database has been closed")


def _optimize(conn: sqlite3.Connection) -> None:
    conn.execute("pragma analysis_limit = 400")  # rows it looks at per index: all of them would take seconds
    conn.execute("pragma optimize")
