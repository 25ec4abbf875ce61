"""Keeps in Status what is shown of the sweeps, and of the caps that make them longer than their cadence."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from checks.model import Zone
from checks.model.zone_table import ZoneTable
from monitor.clock import Now
from monitor.config.load_estimate import demands
from monitor.config.low_caps import LowCap, SweepKey, by_sweep
from monitor.config.model import Config
from monitor.polling.sweep import SweepResult
from monitor.state.evaluator import Evaluator
from monitor.state.monitoring_plan import SweepGroup
from monitor.state.sweep_status import SweepStatus, begun, not_begun


class SweepRecord:
    """A SweepStatus for each sweep group of the plan, from the moment it is in it."""

    def __init__(self, evaluator: Evaluator, now: Now) -> None:
        self._evaluator, self._now = evaluator, now
        self._low_caps: Mapping[SweepKey, tuple[LowCap, ...]] | None = None
        self.follow_plan()

    def follow_plan(self) -> None:
        """The groups of the plan as it is now; what is known of those that were there before stays."""
        known, low_caps, sweeps = self._evaluator.status.sweeps, self._low_caps, {}
        for group in self._evaluator.plan.sweep_groups:
            sweep = known.get(str(group)) or not_begun(group.check, group.cadence)
            low = None if low_caps is None else low_caps.get((group.check, group.cadence), ())
            sweeps[str(group)] = replace(sweep, low_caps=low)
        self._evaluator.show(sweeps=sweeps)

    async def estimate(self, config: Config, zones: ZoneTable[Zone]) -> None:
        """Find out which caps are too low for these zones, beside the event loop: with very many ways of watching that
        takes seconds.
        """
        self._low_caps = await asyncio.to_thread(lambda: by_sweep(config.probe, demands(config, zones)))
        self.follow_plan()

    @contextmanager
    def under_way(self, group: SweepGroup) -> Iterator[None]:
        """The clock has called for a sweep of the group, until the end of the block."""
        if (sweep := self._known(group)) is not None:
            self._show(group, begun(sweep, self._now()))
        try:
            yield
        finally:
            if (sweep := self._known(group)) is not None:
                self._show(group, replace(sweep, under_way=False))

    def complete(self, group: SweepGroup, swept: SweepResult) -> datetime:
        """A sweep of all its zones has ended, and what it heard is evaluated; when that was."""
        finished = self._now()
        if (sweep := self._known(group)) is not None:
            self._show(group, replace(sweep, started=swept.started, finished=finished, zones=swept.zones,
                                      queries=swept.queries))  # fmt: skip
        return finished

    def missed(self, group: SweepGroup, count: int) -> None:
        """So many sweeps of the group have not started since the service did."""
        if (sweep := self._known(group)) is not None:
            self._show(group, replace(sweep, missed=count))

    def _known(self, group: SweepGroup) -> SweepStatus | None:
        return self._evaluator.status.sweeps.get(str(group))

    def _show(self, group: SweepGroup, sweep: SweepStatus) -> None:
        self._evaluator.show(sweeps={**self._evaluator.status.sweeps, str(group): sweep})
