"""Who is being asked now? The sweeps under way, and what a new plan changes for them."""

import asyncio
import math
from collections.abc import AsyncIterator, Collection, Coroutine, Iterable, Sequence
from datetime import timedelta
from typing import Any

import structlog

from checks.check import Check
from checks.model import Observation, Query, Zone
from monitor.config.model import Config
from monitor.pipeline import Plan
from monitor.ports import BusClosed, Now
from monitor.probe.dns import DnsProber
from monitor.status import ProbeCounts
from monitor.sweep import Publish, Swept, sweep, window

log = structlog.get_logger(__name__)

IDLE = 0.1
"""Seconds between two looks at whether an old prober has anything left to do."""


class Asking:
    """Asks the zones of the present plan, and gives each round to ``publish``.

    A sweep that lasts an hour does not hold on to what was configured when it began: each zone is asked as it is
    when its turn comes, by the prober of that time.
    """

    def __init__(self, config: Config, plan: Plan, publish: Publish, now: Now) -> None:
        self._config, self._plan = config, plan
        self._publish = publish
        self._now = now
        self._prober = DnsProber(config.probe, config.keys, now)
        self._retiring: set[DnsProber] = set()
        self._sweeps: dict[str, asyncio.Task[Swept | None]] = {}
        self._beside: set[asyncio.Task[Any]] = set()
        self._swept: set[str] = set()

    def counts(self) -> ProbeCounts:
        return self._prober.counts()

    async def sweep(self, name: str) -> Swept | None:
        """Ask all zones by this check; the first time as fast as may be, then spread over the cadence.

        None when it was broken off, or when the check is not wanted any more.
        """
        check = self._plan.checks.get(name)
        if check is None:
            return None
        cadence, probe = self._config.cadence[name], self._config.probe
        over = window(cadence, probe.timeout * probe.attempts) if name in self._swept else 0.0
        task = asyncio.create_task(self._ask(check, self._plan.zones.values(), cadence, over))
        self._sweeps[name] = task
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
            if self._sweeps.get(name) is task:
                del self._sweeps[name]
        swept = None if task.cancelled() else task.result()
        if swept is not None:
            self._swept.add(name)
        return swept

    def use(self, config: Config, plan: Plan) -> None:
        """Ask by these from now on. What is new or has changed is asked at once, beside the sweeps.

        A sweep of a check that changed, or comes in another cadence, is broken off: it would keep the next from
        starting. The old prober ends what it has begun.
        """
        before, old = self._config, self._plan
        self._config, self._plan = config, plan
        if (config.probe, config.keys) != (before.probe, before.keys):
            self._run(self._retire(self._prober))
            self._prober = DnsProber(config.probe, config.keys, self._now)
        for name, task in self._sweeps.items():
            if plan.checks.get(name) != old.checks.get(name) or config.cadence[name] != before.cadence[name]:
                task.cancel()
        fresh = [zone for zone in plan.zones.values() if zone != old.zones.get(zone.name)]
        for name, check in plan.checks.items():
            zones = fresh if check == old.checks.get(name) else list(plan.zones.values())
            if zones:
                self._run(self._ask(check, zones, config.cadence[name], 0.0))
        self._swept = {name for name in plan.checks if name in self._swept or name not in old.checks}

    async def stop(self) -> None:
        """What is in flight ends as not asked, and is not published; nothing is asked after this."""
        tasks = [*self._sweeps.values(), *self._beside]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(prober.close() for prober in (self._prober, *self._retiring)))

    async def _ask(self, check: Check, zones: Collection[Zone], cadence: timedelta, over: float) -> Swept | None:
        swept = None
        try:
            swept = await sweep(
                check, zones, self._probe, self._publish,
                cadence=cadence, over=over, now=self._now, vantage=self._config.service.vantage,
                current=self._current,
            )  # fmt: skip
        except* BusClosed:
            log.debug("sweep broken off", check=check.name)
        return swept

    def _current(self, zone: str) -> Zone | None:
        return self._plan.zones.get(zone)

    def _probe(self, queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
        return self._prober(queries)

    async def _retire(self, prober: DnsProber) -> None:
        """Closed at once it would call unasked what it is asking; so it has as long as its questions may take."""
        self._retiring.add(prober)
        limits = self._config.probe
        for _ in range(math.ceil((limits.transfer.deadline + limits.timeout * limits.attempts) / IDLE)):
            counts = prober.counts()
            if not counts.in_flight + counts.waiting:
                break
            await asyncio.sleep(IDLE)
        await prober.close()
        self._retiring.discard(prober)

    def _run(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._beside.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("asking failed", error=repr(error), exc_info=error)
