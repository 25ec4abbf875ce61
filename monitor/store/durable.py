"""The Store of a running service: one SQLite file that may be full, lost, or not there yet.

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

from alerting.incident import Incident
from alerting.notification import OutboxMessage
from alerting.outbox import Backlog, DeliveryResult, Lease, ReceiverStatus
from checks.zone_state.model import Propagation
from monitor.clock import Now
from monitor.state.label_search import SoughtLabel
from monitor.state.ports import (
    AddressHistoryRow,
    Commit,
    IncidentRecord,
    Recreated,
    StoreBlank,
    StoredState,
    StoreError,
    StoreUnavailable,
    Sweep,
)
from monitor.store import history, intern_table, outbox
from monitor.store.errors import as_store_errors
from monitor.store.files import put_back, rescue_part
from monitor.store.identity import Loss, Lost
from monitor.store.open import make
from monitor.store.reader import open_archive
from monitor.store.sqlite import SqliteStore
from monitor.store.writer import write

log = structlog.get_logger(__name__)

T = TypeVar("T")

MIN_RETRY_DELAY, MAX_RETRY_DELAY = timedelta(seconds=2), timedelta(minutes=1)
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
        self._open_error = StoreError(f"{path}: the database is not open")
        self._archive: Database | None = None
        self._archive_thread = ThreadPoolExecutor(1, thread_name_prefix="store-archive")
        self._unreadable = False
        """There is a database, and nothing of it could be read."""
        self._was_open = False
        """There was one, and it has been open here."""
        self._waiting: dict[str, OutboxMessage] = {}
        """What waits in the outbox, for when that cannot be read any more …"""
        self._destinations: Mapping[str, str] = {}
        """… and where its receivers lead."""
        self._lock = asyncio.Lock()
        self._last_attempt, self._retry_delay = now(), MIN_RETRY_DELAY
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
            store._use(await SqliteStore.open(path, now))
        except StoreUnavailable as error:
            store._open_error = error
            log.error("the database cannot be written: what is seen is kept in memory", error=str(error))  # noqa: TRY400
            await store._open_archive()
        return store

    async def _open_archive(self) -> None:
        try:
            self._archive = await asyncio.get_running_loop().run_in_executor(
                self._archive_thread, open_archive, self._path
            )
        except StoreUnavailable as error:
            self._unreadable = True
            log.error("the database cannot be read either: beginning without memory", error=str(error))  # noqa: TRY400

    def _use(self, store: SqliteStore) -> None:
        """It is open, and it is this one that is read and written from now on."""
        self._store, self._was_open, self._retry_delay = store, True, MIN_RETRY_DELAY

    # --- what is kept ---

    async def commit(self, commit: Commit) -> None:
        await self._with_store(lambda store: store.commit(commit))
        self._waiting = {id_: _to_new_receiver(message, commit) for id_, message in self._waiting.items()}
        self._waiting |= {message.id: message for message in commit.messages}
        if commit.destinations is not None:
            self._destinations = commit.destinations
        with contextlib.suppress(StoreError):  # deleted meanwhile, and not to be mended: whoever looks next says so
            await self.verify()

    async def sweep(self, row: Sweep) -> None:
        await self._with_store(lambda store: store.sweep(row))

    async def verify(self) -> None:
        """Whether what is open is what is at the path; mends what can be mended. Raises StoreError otherwise."""
        await self._with_store(SqliteStore.verify)

    async def rewrite(self, whole: Commit) -> None:
        """After StoreBlank: a new database that holds this, and what waits in the outbox."""
        async with self._lock:
            owed = {id_: _to_new_receiver(message, whole) for id_, message in self._waiting.items()}
            owed |= {message.id: message for message in whole.messages}
            known = self._destinations if whole.destinations is None else whole.destinations
            await asyncio.to_thread(self._make, replace(whole, messages=tuple(owed.values()), destinations=known))
            self._waiting = owed
            await self._reopen("from memory; its history is lost")

    def _make(self, whole: Commit) -> None:
        def fill(db: Database) -> None:
            write(db, whole, self._now(), intern_table.codec(db))

        with as_store_errors(self._path):
            made = rescue_part(self._path)
            make(made, self._now, fill)
            put_back(self._path, made)

    async def _with_store(self, work: Callable[[SqliteStore], Awaitable[T]]) -> T:
        try:
            return await work(await self._ensure_open())
        except Lost as lost:
            await self._recover(lost)
        return await work(await self._ensure_open())

    async def _ensure_open(self) -> SqliteStore:
        """The store; it is opened where it is not open, if that is worth trying again. Raises StoreError."""
        async with self._lock:
            if self._store is not None:
                return self._store
            if abs(self._now() - self._last_attempt) < self._retry_delay:
                raise self._open_error
            self._last_attempt, self._retry_delay = self._now(), min(MAX_RETRY_DELAY, self._retry_delay * 2)
            try:
                store = await SqliteStore.open(self._path, self._now)
            except StoreError as error:
                gone = self._was_open and not await asyncio.to_thread(self._path.exists)
                self._open_error = StoreBlank(f"{self._path}: nothing is left of the database") if gone else error
                raise self._open_error from error
            if self._unreadable:
                await store.close()
                self._open_error = StoreError(
                    f"{self._path}: the database could not be read when the service started, and now it can. "
                    "Restart the service, to go on from what it holds"
                )
                raise self._open_error
            self._use(store)
            return store

    async def _recover(self, lost: Lost) -> None:
        """Mend what is mended without touching what is another's; raises what cannot be mended."""
        async with self._lock:
            store = self._store
            if store is None:
                raise self._open_error
            try:
                await store.verify()
            except Lost as now:
                lost = now
            else:
                return  # somebody was quicker
            if lost.loss is Loss.DELETED:
                await store.put_back()
                await self._reopen("with all that was in it")
            elif lost.loss is Loss.WAL:
                await store.merge_wal()
                await self._reopen("from its main file; nothing was lost")
            else:
                raise lost

    async def _reopen(self, how: str) -> None:
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
            self._use(await SqliteStore.open(self._path, self._now))
        except StoreError as error:
            self._open_error = error
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
        return await self._require_open().lease(now, duration=duration, limit=limit, busy=busy)

    async def backlog(self, message: OutboxMessage) -> Backlog:
        return await self._require_open().backlog(message)

    async def unheard(self, receiver: str, limit: int, *, resumed: bool = False) -> Sequence[Backlog]:
        return await self._require_open().unheard(receiver, limit, resumed=resumed)

    async def settle(self, result: DeliveryResult) -> None:
        await self._require_open().settle(result)
        for id in (result.id, *result.together, *result.superseded) if result.again is None else ():
            self._waiting.pop(id, None)

    async def expedite(self, receivers: Collection[str], now: datetime) -> None:
        await self._require_open().expedite(receivers, now)

    async def next_due(self) -> datetime | None:
        return await self._require_open().next_due()

    def _require_open(self) -> SqliteStore:
        if self._store is None:
            raise self._open_error
        return self._store

    # --- what is read back ---

    async def restore(self) -> StoredState:
        if self._store is None:
            return StoredState() if self._unreadable else await self._read(history.remembered, StoredState())
        self._waiting = {message.id: message for message in await self._store.waiting()}
        remembered = await self._store.restore()
        self._destinations = remembered.destinations
        return remembered

    async def receivers(self) -> Sequence[ReceiverStatus]:
        return await self._read(outbox.receivers, ())

    async def address_history(self, zone: str, since: datetime, limit: int = 2000) -> Sequence[AddressHistoryRow]:
        return await self._read(lambda db: history.address_history(db, zone, since, limit), ())

    async def incidents(
        self,
        *,
        limit: int = 100,
        before: datetime | None = None,
        zone: str | None = None,
        labels: Sequence[SoughtLabel] = (),
    ) -> Sequence[Incident]:
        return await self._read(lambda db: history.incidents(db, limit, before, zone, labels), ())

    async def incident_record(self, id: str) -> IncidentRecord | None:
        return await self._read(lambda db: history.incident_record(db, id), None)

    async def propagations(
        self, since: datetime, *, zone: str | None = None, server: str | None = None, limit: int = 5000
    ) -> Sequence[Propagation]:
        return await self._read(lambda db: history.propagations(db, since, zone, server, limit), ())

    async def _read(self, work: Callable[[Database], T], nothing: T) -> T:
        """From the database, else from what could be read of it at the start.

        ``nothing`` where there never was one; StoreError where there is one that cannot be read.
        """
        if self._store is not None:
            return await self._store.read(work)
        archive = self._archive
        if archive is None:
            if self._unreadable or self._was_open:
                raise self._open_error
            return nothing

        def run() -> T:
            with as_store_errors(self._path):
                return work(archive)

        return await asyncio.get_running_loop().run_in_executor(self._archive_thread, run)

    # --- the rest ---

    async def prune(self, before: datetime, limit: int = 1000) -> int:
        return await self._require_open().prune(before, limit)

    async def backup(self, path: str) -> None:
        await self._require_open().backup(path)

    async def close(self) -> None:
        """What can be mended is mended first; what stands in the way is left, and the record set aside for later."""
        if self._store is not None:
            try:
                await self.verify()
            except StoreError as error:
                await self._set_aside(error)
            await self._store.close()
        if self._archive is not None:
            await asyncio.get_running_loop().run_in_executor(self._archive_thread, self._archive.close)
            self._archive = None
        self._archive_thread.shutdown()


def _to_new_receiver(message: OutboxMessage, commit: Commit) -> OutboxMessage:
    """As the commit leaves it in the outbox, where receivers may have been given other names."""
    return replace(message, receiver=commit.readdressed.get(message.receiver, message.receiver))
