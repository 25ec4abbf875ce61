"""Is it kept? Commits that wait in memory, in order, while the disk does not take them."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from alerting.model import Telling
from monitor.ports import Commit, Now, Store, StoreError, Sweep

log = structlog.get_logger(__name__)

AGAIN = timedelta(seconds=5)
"""How long a disk that takes nothing is left alone."""

MOST = 100_000
"""Rows of each kind of history that wait for the disk at most; the oldest go first. What stands is never given up."""


def merge(older: Commit, newer: Commit) -> Commit:
    """Two commits as one: what is a state is the newer's, what is a history is both, in order.

    A store drops zones first, so what the older says of a zone that the newer drops goes here: its ledger, and runs
    that nobody would ever end.
    """
    if older.empty or newer.empty:
        return newer if older.empty else older
    if newer.readdressed:
        older = _readdressed(older, newer.readdressed)
    gone = set(newer.dropped_zones)
    ledgers = {x.zone: x for x in older.ledgers if x.zone not in gone} | {x.zone: x for x in newer.ledgers}
    runs = tuple(run for run in older.runs if run.zone not in gone) if gone else older.runs
    return Commit(
        ledgers=tuple(ledgers.values()),
        runs=(runs + newer.runs)[-MOST:],
        propagations=(older.propagations + newer.propagations)[-MOST:],
        alerts=tuple(({x.key: x for x in older.alerts} | {x.key: x for x in newer.alerts}).values()),
        transitions=(older.transitions + newer.transitions)[-MOST:],
        incidents=tuple(({x.id: x for x in older.incidents} | {x.id: x for x in newer.incidents}).values()),
        tellings=older.tellings + newer.tellings,
        dropped_zones=tuple(dict.fromkeys(older.dropped_zones + newer.dropped_zones)),
        readdressed=older.readdressed,
        destinations=newer.destinations if newer.destinations is not None else older.destinations,
    )


def _readdressed(commit: Commit, to: Mapping[str, str]) -> Commit:
    """The commit after it, too, was readdressed: what is in the outbox goes to the last in the row."""
    known = {name: to.get(now, now) for name, now in commit.readdressed.items()}
    tellings = tuple(replace(one, receiver=to.get(one.receiver, one.receiver)) for one in commit.tellings)
    return replace(commit, tellings=tellings, readdressed={**to, **known})


class Record:
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
        self.failing: datetime | None = None
        self.error = ""

    async def commit(self, commit: Commit, *, at_once: bool = False) -> bool:
        """Whether everything decided so far is on disk. ``at_once``: try, though it was refused a moment ago."""
        self._waiting = merge(self._waiting, commit)
        return await self._written(at_once=at_once)

    async def sweep(self, row: Sweep) -> bool:
        """Keep that a sweep ran, after what was decided in it: alone it would say that nothing had changed."""
        self._sweeps = (*self._sweeps, row)[-MOST:]
        return await self._written(at_once=False)

    async def _written(self, *, at_once: bool) -> bool:
        if self._waiting.empty and not self._sweeps:
            return True
        if self._tried is not None and not at_once and abs(self._now() - self._tried) < AGAIN:
            return False
        return await asyncio.shield(asyncio.create_task(self._write()))

    async def _write(self) -> bool:
        async with self._turn:
            whole, self._waiting = self._waiting, Commit()
            try:
                if not whole.empty:
                    await self._store.commit(whole)
                    whole = Commit()
                while self._sweeps:
                    await self._store.sweep(self._sweeps[0])
                    self._sweeps = self._sweeps[1:]
            except StoreError as error:
                self._waiting = merge(whole, self._waiting)
                self._fail(str(error))
                return False
            if self.failing is not None:
                log.info("store works again", failing_since=self.failing.isoformat())
            self._tried, self.failing, self.error = None, None, ""
            return True

    def _fail(self, why: str) -> None:
        self.error, self._tried = why, self._now()
        if self.failing is None:
            self.failing = self._tried
            log.error("store failing", error=why, kept="in memory until the disk takes it")

    @property
    def tellings(self) -> tuple[Telling, ...]:
        """What would be in the outbox, had the disk taken it; empty while the disk works."""
        return self._waiting.tellings if self.failing is not None else ()

    async def take(self, telling: Telling) -> bool:
        """Whether it still waits for the disk; then it is the caller's, to be told or to be given back."""
        async with self._turn:
            rest = tuple(one for one in self._waiting.tellings if one.id != telling.id)
            mine = len(rest) < len(self._waiting.tellings)
            self._waiting = replace(self._waiting, tellings=rest)
            return mine

    def give_back(self, telling: Telling) -> None:
        """It did not reach its receiver: it is in the outbox as soon as there is one."""
        self._waiting = merge(Commit(tellings=(telling,)), self._waiting)
