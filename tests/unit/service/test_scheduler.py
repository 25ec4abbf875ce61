"""Jobs come in their cadence, one at a time, and whatever the clock does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor import clock
from monitor.service.scheduler import CadenceTrigger, Scheduler
from tests.support.observations import NOON

HOUR = timedelta(hours=1)


class Ticks:
    """What ticked; a job in ``held`` runs until its event is set."""

    def __init__(self) -> None:
        self.came: list[str] = []
        self.held: dict[str, asyncio.Event] = {}
        self.broken: set[str] = set()
        self.running = 0
        self.most = 0

    async def __call__(self, name: str) -> None:
        self.came.append(name)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if name in self.held:
                await self.held[name].wait()
            if name in self.broken:
                raise ValueError(name)
        finally:
            self.running -= 1

    async def until(self, name: str, times: int, seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while self.came.count(name) < times:
                await asyncio.sleep(0.005)


@asynccontextmanager
async def scheduled(schedule: Scheduler, **cadences: float) -> AsyncIterator[Scheduler]:
    schedule.start(seconds(**cadences))
    try:
        yield schedule
    finally:
        await schedule.stop()


def seconds(**cadences: float) -> dict[str, timedelta]:
    return {name: timedelta(seconds=each) for name, each in cadences.items()}


async def test_jobs_run_at_once_and_then_in_their_cadence() -> None:
    address_metrics = Ticks()
    async with scheduled(Scheduler(address_metrics), often=0.05, seldom=3600):
        await address_metrics.until("often", 4)
        assert address_metrics.came.count("seldom") == 1


async def test_what_may_wait_runs_one_cadence_later() -> None:
    address_metrics = Ticks()
    schedule = Scheduler(address_metrics)
    schedule.start(seconds(now=3600, later=3600), later=frozenset({"later"}))
    await address_metrics.until("now", 1)
    assert address_metrics.came == ["now"]
    await schedule.stop()


async def test_a_tick_that_overruns_makes_the_next_ones_missed_and_they_do_not_pile_up() -> None:
    address_metrics, told = Ticks(), []
    address_metrics.held["slow"] = asyncio.Event()
    async with scheduled(Scheduler(address_metrics, told.append), slow=0.05) as schedule:
        async with asyncio.timeout(10):
            while schedule.missed.get("slow", 0) < 3:
                await asyncio.sleep(0.005)
        assert address_metrics.came == ["slow"]
        assert told == ["slow"] * schedule.missed["slow"]
        address_metrics.held.pop("slow").set()
        await address_metrics.until("slow", 3)
        assert address_metrics.most == 1


async def test_a_tick_that_fails_is_not_the_last() -> None:
    address_metrics = Ticks()
    address_metrics.broken.add("poor")
    async with scheduled(Scheduler(address_metrics), poor=0.05):
        await address_metrics.until("poor", 3)


async def test_a_new_plan_takes_jobs_away_and_leaves_the_others_their_time() -> None:
    address_metrics = Ticks()
    async with scheduled(Scheduler(address_metrics), stays=3600, goes=0.05, slower=0.05) as schedule:
        await address_metrics.until("goes", 2)
        schedule.plan(seconds(stays=3600, slower=3600, new=0.05))
        before = len(address_metrics.came)
        await address_metrics.until("new", 3)
        assert set(address_metrics.came[before:]) == {"new"}
        assert address_metrics.came.count("stays") == 1


async def test_it_beats() -> None:
    address_metrics = Ticks()
    async with scheduled(Scheduler(address_metrics), any=3600) as schedule:
        first = await beat(schedule)
        async with asyncio.timeout(10):
            while await beat(schedule) == first:
                await asyncio.sleep(0.05)


async def beat(schedule: Scheduler) -> datetime:
    async with asyncio.timeout(10):
        while schedule.heartbeat is None:
            await asyncio.sleep(0.005)
    return schedule.heartbeat


async def test_stopped_it_cancels_what_runs_and_begins_nothing() -> None:
    address_metrics = Ticks()
    address_metrics.held["slow"] = asyncio.Event()
    schedule = Scheduler(address_metrics)
    schedule.start(seconds(slow=3600, often=0.05))
    await address_metrics.until("often", 1)
    await schedule.stop()
    async with asyncio.timeout(5):
        while address_metrics.running:
            await asyncio.sleep(0)
    before = list(address_metrics.came)
    for _ in range(50):
        await asyncio.sleep(0.002)
    assert address_metrics.came == before


async def test_a_clock_set_back_does_not_stop_the_jobs() -> None:
    """The clock is set back by a little more than the cadence: the jobs follow it, and are due at once."""
    address_metrics, moved = Ticks(), timedelta(0)
    schedule = Scheduler(address_metrics, now=lambda: clock.now() + moved)
    async with scheduled(schedule, hourly=3600):
        await address_metrics.until("hourly", 1)
        await beat(schedule)
        moved = -timedelta(hours=1, seconds=5)
        await address_metrics.until("hourly", 2)


@pytest.mark.parametrize("by", [timedelta(seconds=4), timedelta(seconds=-4)])
async def test_a_clock_that_is_slewed_moves_no_job(by: timedelta) -> None:
    address_metrics, moved = Ticks(), timedelta(0)
    schedule = Scheduler(address_metrics, now=lambda: clock.now() + moved)
    async with scheduled(schedule, hourly=3600, often=0.5):
        first = await beat(schedule)
        moved = by
        async with asyncio.timeout(10):
            while await beat(schedule) == first:
                await asyncio.sleep(0.05)
        await address_metrics.until("often", address_metrics.came.count("often") + 2)
        assert address_metrics.came.count("hourly") == 1


MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


@given(MOMENTS, MOMENTS, st.timedeltas(timedelta(seconds=1), timedelta(days=1)))
def test_the_next_time_is_in_the_future_and_in_step(previous: datetime, now: datetime, cadence: timedelta) -> None:
    later = CadenceTrigger(cadence).get_next_fire_time(previous, now)
    assert later > previous
    assert (later - previous) % cadence == timedelta(0)
    assert later > now
    if previous <= now:
        assert later - now <= cadence


def test_the_first_time_is_now() -> None:
    assert CadenceTrigger(HOUR).get_next_fire_time(None, NOON) == NOON


def test_half_a_century_at_once_is_one_step() -> None:
    """A machine without a battery wakes in 1970; its clock is set while we run."""
    later = CadenceTrigger(timedelta(seconds=5)).get_next_fire_time(datetime(1970, 1, 1, tzinfo=UTC), NOON)
    assert timedelta(0) < later - NOON <= timedelta(seconds=5)
