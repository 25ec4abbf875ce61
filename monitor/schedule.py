"""When is it time? A handful of jobs, one per check, never one per zone."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from monitor.clock import monotonic, now

log = structlog.get_logger(__name__)

Tick = Callable[[str], Awaitable[None]]

JUMP = 5.0
"""Seconds the wall clock may part from the monotonic one before the jobs are set anew."""


class Schedule:
    """Calls ``tick(name)`` for each cadence; a tick that is still running when the next is due makes that one missed.

    APScheduler plans by the wall clock. A clock that is set back would stop it for as long, so the two clocks are
    compared every second and the jobs planned again after a jump.
    """

    def __init__(self, tick: Tick) -> None:
        self._tick = tick
        self._jobs = AsyncIOScheduler(timezone=UTC)
        self._jobs.add_listener(self._missed, EVENT_JOB_MAX_INSTANCES | EVENT_JOB_MISSED)
        self._jobs.add_listener(self._failed, EVENT_JOB_ERROR)
        self._watch: asyncio.Task[None] | None = None
        self._cadences: dict[str, timedelta] = {}
        self.missed: dict[str, int] = {}
        self.heartbeat: datetime | None = None

    def start(self, cadences: Mapping[str, timedelta]) -> None:
        self._jobs.start()
        self.plan(cadences)
        self._watch = asyncio.create_task(self._keep_time())

    def plan(self, cadences: Mapping[str, timedelta]) -> None:
        """Take these cadences from now on. New and changed jobs run at once, the others keep their time."""
        for name in self._cadences.keys() - cadences.keys():
            self._jobs.remove_job(name)
        for name, cadence in cadences.items():
            if self._cadences.get(name) != cadence:
                self._add(name, cadence)
        self._cadences = dict(cadences)

    def soon(self, name: str) -> None:
        """Run this job now, unless it is running."""
        if name in self._cadences:
            self._jobs.modify_job(name, next_run_time=now())

    def _add(self, name: str, cadence: timedelta) -> None:
        self._jobs.add_job(
            self._tick,
            IntervalTrigger(seconds=cadence.total_seconds(), timezone=UTC),
            args=[name],
            id=name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
            next_run_time=now(),
            replace_existing=True,
        )

    async def _keep_time(self) -> None:
        apart = now().timestamp() - monotonic()
        while True:
            self.heartbeat = now()
            await asyncio.sleep(1)
            moved = now().timestamp() - monotonic() - apart
            if abs(moved) > JUMP:
                log.warning("clock jumped", seconds=round(moved, 3))
                apart += moved
                for name, cadence in self._cadences.items():
                    self._add(name, cadence)

    def _missed(self, event: JobEvent) -> None:
        self.missed[event.job_id] = self.missed.get(event.job_id, 0) + 1
        log.warning("missed", job=event.job_id, reason="the one before is still running")

    def _failed(self, event: JobEvent) -> None:
        if isinstance(getattr(event, "exception", None), asyncio.CancelledError):
            return
        log.error("job failed", job=event.job_id, error=repr(getattr(event, "exception", None)))

    async def stop(self) -> None:
        """No tick begins after this; those under way are the caller's to end."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        if self._jobs.running:
            self._jobs.shutdown(wait=False)
