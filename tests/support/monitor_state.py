"""Plans, stores that refuse, and probers that take their time, for tests of the middle of the service."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerting.model import Policy
from alerting.root_cause import DependencyGraph
from checks.base import Check
from checks.model import Observation, Query, Zone, ZonePoll
from checks.model.zone_table import ZoneTable
from checks.reachable import Reachable
from checks.soa_serial import SoaSerial
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.ports import Commit, StoreError, Sweep
from tests.support.fakes.store import MemoryStore
from tests.support.observations import NOON, checked_at, seen, zone

AT_ONCE = Policy(timedelta(0), timedelta(0), timedelta(hours=4))
MINUTE = timedelta(minutes=1)


def plan(*zones: Zone, checks: Iterable[Check] = (SoaSerial(),), policy: Policy = AT_ONCE) -> MonitoringPlan:
    every = zones or (zone(),)
    return MonitoringPlan(
        zones=ZoneTable.of(every),
        checks={check.name: check for check in checks},
        dependency_graph=DependencyGraph.of(every),
        policy=policy,
        receivers=("hook",),
    )


def minute(number: float) -> datetime:
    return NOON + number * MINUTE


def reached(zone: Zone, at: datetime, **tokens: str) -> ZonePoll:
    """A poll of reachable: each server does over both transports what its token says."""
    every = [seen(query, tokens[query.server], at) for query in Reachable().queries(zone, ())]
    return ZonePoll(zone.name, "reachable", at, MINUTE, tuple(every))


def looks(zone: Zone, at: datetime, **tokens: str | int) -> ZonePoll:
    return checked_at(zone, tokens, at)


class Clock:
    """A Now that stands until it is moved."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def pass_(self, **by: float) -> None:
        self.at += timedelta(**by)


class FullDisk:
    """A MemoryStore that takes nothing while ``full``; ``commits`` are those it took."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.kept = MemoryStore(now)
        self.full = False
        self.tries = 0
        self.commits: list[Commit] = []
        self.sweeps: list[Sweep] = []

    async def commit(self, commit: Commit) -> None:
        self.tries += 1
        await asyncio.sleep(0)
        if self.full:
            raise StoreError("the disk is full")
        await self.kept.commit(commit)
        self.commits.append(commit)

    async def sweep(self, row: Sweep) -> None:
        self.tries += 1
        if self.full:
            raise StoreError("the disk is full")
        await self.kept.sweep(row)
        self.sweeps.append(row)

    def __getattr__(self, name: str) -> object:
        return getattr(self.kept, name)


@dataclass(slots=True)
class HeldProber:
    """Asks like a Prober; questions about zones in ``held`` are answered only once that is set."""

    does: Mapping[str, str]
    now: Callable[[], datetime]
    held: Mapping[str, asyncio.Event] = field(default_factory=dict)
    under_way: int = 0
    widest: int = 0

    async def __call__(self, queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
        every = list(queries)
        self.under_way += 1
        self.widest = max(self.widest, self.under_way)
        try:
            for query in every:
                if (event := self.held.get(query.zone)) is not None:
                    await event.wait()
                else:
                    await asyncio.sleep(0)
                yield [seen(query, self.does[query.server], self.now())]
        finally:
            self.under_way -= 1
