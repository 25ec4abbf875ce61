"""The scheduler: a handful of jobs, one for each sweep, never one per zone."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, JobEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from monitor import clock
from monitor.clock import Now

log = structlog.get_logger(__name__)

Tick = Callable[[str], Awaitable[None]]

MAX_CLOCK_STEP = 5.0
"""Seconds the wall clock may fall behind the monotonic one before the jobs are planned anew."""


@dataclass(frozen=True, slots=True)
class CadenceTrigger:
    """A trigger: again and again, and next time in the future, whatever time has passed.

    APScheduler's IntervalTrigger counts one by one through all times that a clock set forward has skipped: set from
    1970 to today, as on a machine that keeps no time while it is off, that takes hours and all memory.
    """

    cadence: timedelta

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        if previous is None:
            return now
        return previous + self.cadence * max(1, (now - previous) // self.cadence + 1)


BaseTrigger.register(CadenceTrigger)


class Scheduler:
    """Calls ``tick(name)`` for each cadence; a tick that is still running when the next is due makes that one missed.

    APScheduler plans by the wall clock. Set forward, it makes every job due at once, and each runs once. Set back,
    it would stop them all for as long: so the two clocks are compared every second, and the jobs follow.
    ``missed`` is called with the name of a job that could not run.
    """

    def __init__(
        self,
        tick: Tick,
        missed: Callable[[str], None] = lambda name: None,
        *,
        now: Now = clock.now,
        monotonic: Callable[[], float] = clock.monotonic,
    ) -> None:
        self._tick = tick
        self._tell = missed
        self._now, self._monotonic = now, monotonic
        self._jobs = AsyncIOScheduler(timezone=UTC)
        self._jobs.add_listener(self._missed, EVENT_JOB_MAX_INSTANCES)
        self._watch: asyncio.Task[None] | None = None
        self._cadences: dict[str, timedelta] = {}
        self.missed: dict[str, int] = {}
        self.heartbeat: datetime | None = None

    def start(self, cadences: Mapping[str, timedelta], later: frozenset[str] = frozenset()) -> None:
        """All at once, but those in ``later`` one cadence from now."""
        self._jobs.start()
        at = self._now()
        for name, cadence in cadences.items():
            self._add(name, cadence, at + cadence if name in later else at)
        self._cadences = dict(cadences)
        self._watch = asyncio.create_task(self._keep_time())

    def plan(self, cadences: Mapping[str, timedelta]) -> None:
        """Take these cadences from now on. New and changed jobs run one cadence from now, others keep their time."""
        for name in self._cadences.keys() - cadences.keys():
            self._jobs.remove_job(name)
        for name, cadence in cadences.items():
            if self._cadences.get(name) != cadence:
                self._add(name, cadence, self._now() + cadence)
        self._cadences = dict(cadences)

    def _add(self, name: str, cadence: timedelta, first: datetime) -> None:
        self._jobs.add_job(
            self._run,
            CadenceTrigger(cadence),
            args=[name],
            id=name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
            next_run_time=first,
            replace_existing=True,
        )

    async def _run(self, name: str) -> None:
        """A tick, whatever becomes of it: the next one comes all the same."""
        try:
            await self._tick(name)
        except asyncio.CancelledError:
            log.debug(
                "broken off", job=name
            )  # by stop, and nothing comes after it: to APScheduler it would be an error
        except Exception:
            log.exception("job failed", job=name)

    async def _keep_time(self) -> None:
        apart = self._now().timestamp() - self._monotonic()
        while True:
            self.heartbeat = self._now()
            await asyncio.sleep(1)
            moved = self._now().timestamp() - self._monotonic() - apart
            if abs(moved) > MAX_CLOCK_STEP:
                log.warning("clock jumped", seconds=round(moved, 3))
                apart += moved
            if moved < -MAX_CLOCK_STEP:
                for job in self._jobs.get_jobs():
                    job.modify(next_run_time=job.next_run_time + timedelta(seconds=moved))

    def _missed(self, event: JobEvent) -> None:
        self.missed[event.job_id] = self.missed.get(event.job_id, 0) + 1
        log.warning("missed", job=event.job_id, reason="the one before is still running")
        self._tell(event.job_id)

    async def stop(self) -> None:
        """No tick begins after this, and those under way are cancelled."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        if self._jobs.running:
            self._jobs.shutdown(wait=False)
