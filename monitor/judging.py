"""What stands now? The one place where rounds become memory, record and Status."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from alerting.model import Incident
from checks.history import Propagation
from checks.model import Round
from checks.vantage import blind
from monitor.pipeline import SELF, Draft, Memory, Plan, draw, handle, release, reminders
from monitor.ports import Commit, Now, Sweep
from monitor.record import Record, merge
from monitor.status import PROPAGATION_BOUNDS, Histogram, Status

log = structlog.get_logger(__name__)

RECENT = 50
"""Resolved incidents that Status still shows."""


class Judging:
    """Owns memory, plan and Status. ``changed`` is called after each new Status, ``told`` when the outbox got rows.

    Everything that moves the memory goes through here, one thing at a time: rounds, a new plan, reminders. What a step
    decided goes to the record before anybody is waited for, so the record never holds the second without the first.
    """

    def __init__(
        self,
        memory: Memory,
        plan: Plan,
        status: Status,
        record: Record,
        now: Now,
        changed: Callable[[], None],
        told: Callable[[], None],
    ) -> None:
        self.status = status
        self.plan = plan
        self.failures: dict[str, int] = {}
        self.propagation: dict[str, Histogram] = {}
        self._memory = memory
        self._record = record
        self._now = now
        self._changed, self._told = changed, told
        self._turn = asyncio.Lock()

    async def take(self, rounds: Sequence[Round]) -> None:
        """Judge a batch of rounds, keep and show what came of it."""
        async with self._turn:
            at = self._now()
            self._memory.store_error = self._record.error
            await self._keep(*handle(self._memory, rounds, self.plan, at), at)

    async def replan(self, plan: Plan) -> None:
        """Watch this from now on; what is no longer in it is let go, and its alerts are withdrawn."""
        async with self._turn:
            at = self._now()
            self.plan = plan
            commit, draft = release(self._memory, plan, at)
            draft.touched |= plan.zones.keys()
            await self._keep(commit, draft, at)

    async def remind(self) -> None:
        """Say again what is still open after a while; try again to write what waits for the disk."""
        async with self._turn:
            at = self._now()
            self._memory.store_error = self._record.error
            commit, draft = handle(self._memory, (), self.plan, at)
            await self._keep(merge(commit, reminders(self._memory, self.plan, at)), draft, at)

    async def swept(self, row: Sweep) -> None:
        """Keep that a sweep ran."""
        await self._record.sweep(row)
        self._show_record()

    async def finish(self) -> None:
        """Try once more to write what waits for the disk."""
        async with self._turn:
            if not await self._record.commit(Commit(), at_once=True):
                log.error(
                    "ended while the disk takes nothing", lost="what was decided since", since=self._record.failing
                )

    def show(self, **changes: object) -> None:
        """Swap in a Status with these fields changed."""
        self.status = replace(self.status, at=self._now(), **changes)  # type: ignore[arg-type]
        self._changed()

    async def _keep(self, commit: Commit, draft: Draft, at: datetime) -> None:
        for check in draft.failed:
            self.failures[check] = self.failures.get(check, 0) + 1
            log.error("check failed", check=check)
        self._count(commit.propagations)
        kept = await self._record.commit(commit)
        self._draw(commit, draft, at)
        if kept and commit.tellings:
            self._told()

    def _draw(self, commit: Commit, draft: Draft, at: datetime) -> None:
        before = self.status
        zones = before.zones
        if pictures := draw(self._memory, self.plan, draft.touched - {SELF}, before.zones, at):
            zones = {**before.zones, **pictures}
        if len(zones) > len(self.plan.zones):  # a new plan, and all that is in it was drawn
            zones = {name: zone for name, zone in zones.items() if name in self.plan.zones}
        dark = tuple(str(family) for family in blind(self._memory.vantage))
        if zones is not before.zones or commit.incidents or dark != before.blind:
            incidents = recent(before.incidents, commit.incidents) if commit.incidents else before.incidents
            self.show(zones=zones, incidents=incidents, blind=dark)
        self._show_record()

    def _show_record(self) -> None:
        record = self._record
        if self.status.store_ok is not (record.failing is None) or self.status.store_error != record.error:
            self.show(store_ok=record.failing is None, store_error=record.error)

    def _count(self, propagations: Iterable[Propagation]) -> None:
        for one in propagations:
            self.propagation[one.server] = observed(self.propagation.get(one.server), one.seconds)


def recent(before: Mapping[str, Incident], changed: Iterable[Incident]) -> Mapping[str, Incident]:
    """The open incidents and the latest resolved ones."""
    known = {**before, **{incident.id: incident for incident in changed}}
    over = sorted((i for i in known.values() if i.resolved_at is not None), key=lambda i: i.resolved_at or i.opened_at)
    for incident in over[:-RECENT]:
        del known[incident.id]
    return known


def observed(histogram: Histogram | None, seconds: float) -> Histogram:
    """The histogram with one more propagation time in it."""
    before = histogram or Histogram((0,) * (len(PROPAGATION_BOUNDS) + 1), 0.0, 0)
    place = next((i for i, bound in enumerate(PROPAGATION_BOUNDS) if seconds <= bound), len(PROPAGATION_BOUNDS))
    buckets = tuple(n + (i == place) for i, n in enumerate(before.buckets))
    return Histogram(buckets, before.total + seconds, before.count + 1)
