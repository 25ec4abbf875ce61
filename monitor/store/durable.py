"""The record of a running service: one SQLite file that may be full, lost, or not there yet.

While it cannot be written every change is a StoreError, and whoever makes it keeps it in memory. As soon as the disk
takes it again it goes on; what was deleted is made anew, and what another put in its place is left alone.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import structlog
from prometheus_client import CollectorRegistry, Counter
from sqlite_utils import Database

from alerting.model import Incident, OutboxMessage
from alerting.outbox import DeliveryResult, Lease, ReceiverStatus
from checks.zone_state.model import Propagation
from monitor.clock import Now
from monitor.state.ports import (
    Commit,
    Recreated,
    Remembered,
    RunRow,
    StoreBlank,
    StoreError,
    StoreUnavailable,
    Sweep,
)
from monitor.store import history, intern_table, outbox, rescue
from monitor.store import open as opening
from monitor.store import writer as writing
from monitor.store.archive import open_archive
from monitor.store.errors import told
from monitor.store.identity import Loss, Lost
from monitor.store.sqlite import SqliteStore

log = structlog.get_logger(__name__)

T = TypeVar("T")

SOONEST, LATEST = timedelta(seconds=2), timedelta(minutes=1)
"""How long it takes between two attempts to open what could not be opened: twice as long after each."""


class DurableStore:
    """A Store. What ``commit`` has returned from is in the file that has the database's name, on the disk.

    ``recreated`` is when that file had to be made anew the last time, and from what; None: never since the start.
    """

    def __init__(self, path: Path, now: Now, registry: CollectorRegistry | None = None) -> None:
        """Use ``open``."""
        self._path = path
        self._now = now
        self._store: SqliteStore | None = None
        self._why = StoreError(f"{path}: the database is not open")
        self._archive: Database | None = None
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="store-archive")
        self._unread = False
        """There is a database, and nothing of it could be read."""
        self._kept = False
        """There was one, and it has been open here."""
        self._owed: dict[str, OutboxMessage] = {}
        """What waits in the outbox, for when that cannot be read any more …"""
        self._destinations: Mapping[str, str] = {}
        """… and where its receivers lead."""
        self._turn = asyncio.Lock()
        self._tried, self._pause = now(), SOONEST
        self.recreated: Recreated | None = None
        self._recreations = Counter(
            "soawatch_database_recreated",
            "How often the files of the database were deleted or overwritten under the running service, and made anew.",
            registry=registry,
        )

    @classmethod
    async def open(cls, path: str | Path, now: Now, registry: CollectorRegistry | None = None) -> "DurableStore":
        """Creates or migrates it where needed; reads what there is, where the disk takes nothing at the moment.

        Any other StoreError says why it cannot be used and what to do.
        """
        store = cls(await asyncio.to_thread(Path(path).resolve), now, registry)
        try:
            store._opened(await SqliteStore.open(path, now))
        except StoreUnavailable as error:
            store._why = error
            log.error("the database cannot be written: what is seen is kept in memory", error=str(error))  # noqa: TRY400
            await store._open_archive()
        return store

    async def _open_archive(self) -> None:
        try:
            self._archive = await asyncio.get_running_loop().run_in_executor(self._reading, open_archive, self._path)
        except StoreUnavailable as error:
            self._unread = True
            log.error("the database cannot be read either: beginning without memory", error=str(error))  # noqa: TRY400

    def _opened(self, store: SqliteStore) -> None:
        self._store, self._kept, self._pause = store, True, SOONEST

    # --- what is kept ---

    async def commit(self, commit: Commit) -> None:
        await self._attempt(lambda store: store.commit(commit))
        self._owed = {id_: _readdressed(message, commit) for id_, message in self._owed.items()}
        self._owed |= {message.id: message for message in commit.messages}
        if commit.destinations is not None:
            self._destinations = commit.destinations
        with contextlib.suppress(StoreError):  # deleted meanwhile, and not to be mended: whoever looks next says so
            await self.verify()

    async def sweep(self, row: Sweep) -> None:
        await self._attempt(lambda store: store.sweep(row))

    async def verify(self) -> None:
        """Whether what is open is what is at the path; mends what can be mended. Raises StoreError otherwise."""
        await self._attempt(SqliteStore.verify)

    async def rewrite(self, whole: Commit) -> None:
        """After StoreBlank: a new database that holds this, and what waits in the outbox."""
        async with self._turn:
            owed = {id_: _readdressed(message, whole) for id_, message in self._owed.items()}
            owed |= {message.id: message for message in whole.messages}
            known = self._destinations if whole.destinations is None else whole.destinations
            await asyncio.to_thread(self._make, replace(whole, messages=tuple(owed.values()), destinations=known))
            self._owed = owed
            await self._open_anew("from memory; its history is lost")

    def _make(self, whole: Commit) -> None:
        def fill(db: Database) -> None:
            writing.write(db, whole, self._now(), intern_table.codec(db))

        with told(self._path):
            made = rescue.part(self._path)
            opening.make(made, self._now, fill)
            rescue.put_back(self._path, made)

    async def _attempt(self, work: Callable[[SqliteStore], Awaitable[T]]) -> T:
        try:
            return await work(await self._at_its_place())
        except Lost as lost:
            await self._recover(lost)
        return await work(await self._at_its_place())

    async def _at_its_place(self) -> SqliteStore:
        """The store; it is opened where it is not open, if that is worth trying again. Raises StoreError."""
        async with self._turn:
            if self._store is not None:
                return self._store
            if abs(self._now() - self._tried) < self._pause:
                raise self._why
            self._tried, self._pause = self._now(), min(LATEST, self._pause * 2)
            try:
                store = await SqliteStore.open(self._path, self._now)
            except StoreError as error:
                gone = self._kept and not await asyncio.to_thread(self._path.exists)
                self._why = StoreBlank(f"{self._path}: nothing is left of the database") if gone else error
                raise self._why from error
            if self._unread:
                await store.close()
                self._why = StoreError(
                    f"{self._path}: the database could not be read when the service started, and now it can. "
                    "Restart the service, to go on from what it holds"
                )
                raise self._why
            self._opened(store)
            return store

    async def _recover(self, lost: Lost) -> None:
        """Mend what is mended without touching what is another's; raises what cannot be mended."""
        async with self._turn:
            store = self._store
            if store is None:
                raise self._why
            try:
                await store.verify()
            except Lost as now:
                lost = now
            else:
                return  # somebody was quicker
            if lost.loss is Loss.DELETED:
                await store.put_back()
                await self._open_anew("with all that was in it")
            elif lost.loss is Loss.LOG:
                await store.merge_log()
                await self._open_anew("from its main file; nothing was lost")
            else:
                raise lost

    async def _open_anew(self, how: str) -> None:
        """Let go of the old file, and open what is at the path now."""
        store, self._store = self._store, None
        if store is not None:
            await store.abandon()
        self.recreated = Recreated(self._now(), how)
        self._recreations.inc()
        log.error(
            "the database's files were lost while the service runs, and are made anew", path=str(self._path), how=how
        )
        try:
            self._opened(await SqliteStore.open(self._path, self._now))
        except StoreError as error:
            self._why = error
            raise

    async def _set_aside(self, error: StoreError) -> None:
        """At the end, where another file has the database's place: what was committed before is kept beside it."""
        if self._store is not None and isinstance(error, Lost) and error.loss is Loss.REPLACED:
            with contextlib.suppress(StoreError):
                log.warning("what was remembered is kept aside", path=await self._store.set_aside())

    # --- what is owed ---

    async def enqueue(self, messages: Sequence[OutboxMessage]) -> None:
        await self.commit(Commit(messages=tuple(messages)))

    async def lease(self, now: datetime, *, duration: float, limit: int, busy: Iterable[str] = ()) -> Sequence[Lease]:
        return await self._open_one().lease(now, duration=duration, limit=limit, busy=busy)

    async def settle(self, result: DeliveryResult) -> None:
        await self._open_one().settle(result)
        if result.again is None:
            self._owed.pop(result.id, None)

    async def expedite(self, receivers: Collection[str], now: datetime) -> None:
        await self._open_one().expedite(receivers, now)

    async def next_due(self) -> datetime | None:
        return await self._open_one().next_due()

    def _open_one(self) -> SqliteStore:
        if self._store is None:
            raise self._why
        return self._store

    # --- what is read back ---

    async def restore(self) -> Remembered:
        if self._store is None:
            return Remembered() if self._unread else await self._from_archive(history.remembered, Remembered())
        self._owed = {message.id: message for message in await self._store.waiting()}
        remembered = await self._store.restore()
        self._destinations = remembered.destinations
        return remembered

    async def receivers(self) -> Sequence[ReceiverStatus]:
        if self._store is None:
            return await self._from_archive(outbox.receivers, ())
        return await self._store.receivers()

    async def runs(self, zone: str, since: datetime, most: int = 2000) -> Sequence[RunRow]:
        if self._store is None:
            return await self._from_archive(lambda db: history.runs(db, zone, since, most), ())
        return await self._store.runs(zone, since, most)

    async def incidents(
        self, *, most: int = 100, before: datetime | None = None, zone: str | None = None
    ) -> Sequence[Incident]:
        if self._store is None:
            return await self._from_archive(lambda db: history.incidents(db, most, before, zone), ())
        return await self._store.incidents(most=most, before=before, zone=zone)

    async def propagations(self, zone: str, since: datetime) -> Sequence[Propagation]:
        if self._store is None:
            return await self._from_archive(lambda db: history.propagations(db, zone, since), ())
        return await self._store.propagations(zone, since)

    async def _from_archive(self, work: Callable[[Database], T], nothing: T) -> T:
        """``nothing`` where there never was a database; StoreError where there is one that cannot be read."""
        archive = self._archive
        if archive is None:
            if self._unread or self._kept:
                raise self._why
            return nothing

        def run() -> T:
            with told(self._path):
                return work(archive)

        return await asyncio.get_running_loop().run_in_executor(self._reading, run)

    # --- the rest ---

    async def prune(self, before: datetime, most: int = 1000) -> int:
        return await self._open_one().prune(before, most)

    async def backup(self, path: str) -> None:
        await self._open_one().backup(path)

    async def close(self) -> None:
        """What can be mended is mended first; what stands in the way is left, and the record set aside for later."""
        if self._store is not None:
            try:
                await self.verify()
            except StoreError as error:
                await self._set_aside(error)
            await self._store.close()
        if self._archive is not None:
            await asyncio.get_running_loop().run_in_executor(self._reading, self._archive.close)
            self._archive = None
        self._reading.shutdown()


def _readdressed(message: OutboxMessage, commit: Commit) -> OutboxMessage:
    """As the commit leaves it in the outbox, where receivers may have been given other names."""
    return replace(message, receiver=commit.readdressed.get(message.receiver, message.receiver))
