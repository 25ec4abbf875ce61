"""Commits that wait in memory, in order, while the disk does not take them."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from alerting.notification import OutboxMessage
from checks.zone_state.first_row import NewZones
from monitor.clock import Now
from monitor.state.ports import Commit, Recreated, Store, StoreBlank, StoreError, Sweep

log = structlog.get_logger(__name__)

RETRY_INTERVAL = timedelta(seconds=5)
"""How long a disk that takes nothing is left alone."""

MAX_HISTORY_ROWS = 100_000
"""Rows of each kind of history that wait for the disk at most; the oldest go first. What stands is never given up."""


def merge(older: Commit, newer: Commit) -> Commit:
    """Two commits as one: what is a state is the newer's, what is a history is both, in order.

    A store drops zones first, so what the older says of a zone that the newer drops goes here: its zone state, and runs
    that nobody would ever end.
    """
    if older.empty or newer.empty:
        return newer if older.empty else older
    if newer.readdressed:
        older = _readdressed(older, newer.readdressed)
    gone = set(newer.dropped_zones)
    zone_states = {x.zone: x for x in older.zone_states if x.zone not in gone} | {x.zone: x for x in newer.zone_states}
    state_changes = (
        tuple(change for change in older.state_changes if change.zone not in gone) if gone else older.state_changes
    )
    return Commit(
        new_zones=_merged(older.new_zones, newer.new_zones, gone),
        zone_states=tuple(zone_states.values()),
        state_changes=(state_changes + newer.state_changes)[-MAX_HISTORY_ROWS:],
        propagations=(older.propagations + newer.propagations)[-MAX_HISTORY_ROWS:],
        alerts=tuple(({x.key: x for x in older.alerts} | {x.key: x for x in newer.alerts}).values()),
        transitions=(older.transitions + newer.transitions)[-MAX_HISTORY_ROWS:],
        storms=tuple(({x.receiver: x for x in older.storms} | {x.receiver: x for x in newer.storms}).values()),
        incidents=tuple(({x.id: x for x in older.incidents} | {x.id: x for x in newer.incidents}).values()),
        messages=older.messages + newer.messages,
        timeline=(older.timeline + newer.timeline)[-MAX_HISTORY_ROWS:],
        dropped_zones=tuple(dict.fromkeys(older.dropped_zones + newer.dropped_zones)),
        readdressed=older.readdressed,
        record_memories=tuple(
            {x[:2]: x for x in (*older.record_memories, *newer.record_memories) if x.zone not in gone}.values()
        ),
        transfers=tuple({x[:2]: x for x in (*older.transfers, *newer.transfers) if x.zone not in gone}.values()),
        zone_sources=tuple({x.source: x for x in (*older.zone_sources, *newer.zone_sources)}.values()),
        silences=tuple(({x.id: x for x in older.silences} | {x.id: x for x in newer.silences}).values()),
        destinations=newer.destinations if newer.destinations is not None else older.destinations,
    )


def _merged(older: NewZones | None, newer: NewZones | None, gone: set[str]) -> NewZones | None:
    if older is None or newer is None:
        return newer if older is None else older.without(gone)
    return NewZones(newer.codec, {**older.without(gone).rows, **newer.rows})


def _readdressed(commit: Commit, to: Mapping[str, str]) -> Commit:
    """The commit after it, too, was readdressed: what is in the outbox goes to the last in the row."""
    known = {name: to.get(now, now) for name, now in commit.readdressed.items()}
    messages = tuple(replace(one, receiver=to.get(one.receiver, one.receiver)) for one in commit.messages)
    return replace(commit, messages=messages, readdressed={**to, **known})


def anew(whole: Commit, waiting: Commit) -> Commit:
    """What an empty database is given: everything as it was at some moment, and what has waited since before that.

    Of an address that has changed in what waits, the run that lasts is the last one there.
    """
    changed = {(change.zone, change.server, change.address) for change in waiting.state_changes}
    lasting = tuple(
        change for change in whole.state_changes if (change.zone, change.server, change.address) not in changed
    )
    new_zones = waiting.new_zones and waiting.new_zones.without({zone_state.zone for zone_state in whole.zone_states})
    return replace(merge(whole, waiting), state_changes=waiting.state_changes + lasting, new_zones=new_zones)


class WriteBuffer:
    """Writes commits to the store; while that fails they are merged and tried again with a later one.

    ``failing`` is since when nothing could be written, ``error`` why. Nothing that was decided is lost unless the
    process ends while the disk still refuses. Whoever waits for a commit may be cancelled: it is written all the same.
    """

    def __init__(self, store: Store, now: Now) -> None:
        self._store = store
        self._now = now
        self._waiting = Commit()
        self._sweeps: tuple[Sweep, ...] = ()
        self._turn = asyncio.Lock()
        self._tried: datetime | None = None
        self._whole: Commit | None = None
        self._blank = False
        self.failing: datetime | None = None
        self.error = ""
        self.writes = 0
        """How often the store was found to take what it is given."""

    @property
    def recreated(self) -> Recreated | None:
        """When the database had to be made anew last."""
        return self._store.recreated

    @property
    def wants_whole(self) -> bool:
        """Whether the next commit is to come with everything that is remembered: nothing else is left of it."""
        return self._blank and self._whole is None

    async def commit(self, commit: Commit, *, whole: Commit | None = None, at_once: bool = False) -> bool:
        """Whether everything decided so far is on disk. ``at_once``: try, though it was refused a moment ago.

        ``whole`` is everything as it is after the commit, where that is wanted.
        """
        self._waiting = merge(self._waiting, commit)
        self._whole = whole or self._whole
        return await self._written(at_once=at_once or whole is not None)

    async def keep(self, commit: Commit, *, whole: Commit | None = None) -> bool:
        """Whether a commit is on disk, with all that has waited; where it is refused it does not wait, but is gone."""
        self._whole = whole or self._whole
        return await asyncio.shield(asyncio.create_task(self._write(commit)))

    async def verify(self) -> bool:
        """Whether the database is where the next start looks for it, found out though nothing need be written."""
        async with self._turn:
            try:
                await self._store.verify()
            except StoreError as error:
                self._fail(error)
                return False
        self.writes += self.failing is None
        return self.failing is None or await asyncio.shield(asyncio.create_task(self._write()))

    async def sweep(self, row: Sweep) -> bool:
        """Keep that a sweep ran, after what was decided in it: alone it would say that nothing had changed."""
        self._sweeps = (*self._sweeps, row)[-MAX_HISTORY_ROWS:]
        return await self._written(at_once=False)

    async def _written(self, *, at_once: bool) -> bool:
        if self._waiting.empty and not self._sweeps:
            return True
        if self._tried is not None and not at_once and abs(self._now() - self._tried) < RETRY_INTERVAL:
            return False
        return await asyncio.shield(asyncio.create_task(self._write()))

    async def _write(self, wanted: Commit | None = None) -> bool:
        """``wanted`` is written with what waits, but does not wait itself."""
        async with self._turn:
            waiting, self._waiting = self._waiting, Commit()
            both = merge(waiting, wanted) if wanted is not None else waiting
            try:
                if self._whole is not None:
                    await self._store.rewrite(anew(self._whole, both))
                elif not both.empty:
                    await self._store.commit(both)
                waiting, self._whole, self._blank = Commit(), None, False
                while self._sweeps:
                    await self._store.sweep(self._sweeps[0])
                    self._sweeps = self._sweeps[1:]
            except StoreError as error:
                self._waiting = merge(waiting, self._waiting)
                self._fail(error)
                return False
            if self.failing is not None:
                log.info("store works again", failing_since=self.failing.isoformat())
            self._tried, self.failing, self.error = None, None, ""
            self.writes += 1
            return True

    def _fail(self, why: StoreError) -> None:
        self._blank = isinstance(why, StoreBlank)
        told, self.error, self._tried = self.error, str(why), self._now()
        if self.failing is None:
            self.failing = self._tried
        if told != self.error:
            log.error("store failing", error=self.error, kept="in memory until the disk takes it")

    @property
    def messages(self) -> tuple[OutboxMessage, ...]:
        """What would be in the outbox, had the disk taken it; empty while the disk works."""
        return self._waiting.messages if self.failing is not None else ()

    async def take(self, message: OutboxMessage) -> bool:
        """Whether it still waits for the disk; then it is the caller's, to be told or to be given back."""
        async with self._turn:
            rest = tuple(one for one in self._waiting.messages if one.id != message.id)
            mine = len(rest) < len(self._waiting.messages)
            self._waiting = replace(self._waiting, messages=rest)
            return mine

    def requeue(self, message: OutboxMessage) -> None:
        """It did not reach its receiver: it is in the outbox as soon as there is one."""
        self._waiting = merge(Commit(messages=(message,)), self._waiting)
