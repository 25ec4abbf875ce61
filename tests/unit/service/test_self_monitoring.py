"""What is told of the machine, the cadences and a reload; for how long, and when nothing is."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from checks.model.zone_table import ZoneTable
from monitor.service.self_monitoring import INTERVAL, SETTLING, SelfMonitoring, disk_space
from monitor.state.own_troubles import DiskSpace
from monitor.state.sweep_status import SweepStatus, not_begun
from tests.support.observations import NOON, zone

MINUTE = timedelta(minutes=1)


@dataclass
class Bench:
    at: float = 1000.0
    jumped: float = 0.0
    space: DiskSpace | OSError = field(default_factory=lambda: DiskSpace(10**12, 10**12, None, 0))
    sweep: SweepStatus = field(default_factory=lambda: not_begun("reachable", MINUTE))
    watch: SelfMonitoring = field(init=False)

    def __post_init__(self) -> None:
        self.watch = SelfMonitoring(
            Path("soawatch.db"), lambda: {"reachable every 1m": self.sweep}, self.now, lambda: self.at, None, self.look
        )

    def now(self):
        return NOON + timedelta(seconds=self.at + self.jumped)

    def look(self, path: Path) -> DiskSpace:
        if isinstance(self.space, OSError):
            raise self.space
        return self.space

    async def after(self, seconds: float) -> list[str]:
        """The codes that are found then."""
        self.at += seconds
        await self.watch.look()
        return [trouble.code for trouble in self.watch.troubles()]


async def test_a_quiet_day_has_nothing_to_tell_however_the_clock_is_slewed() -> None:
    on = Bench()
    for _ in range(24 * 60):
        on.jumped += 0.5
        assert await on.after(60) == []


@pytest.mark.parametrize("seconds", [3600, -3600, 61])
async def test_a_clock_that_jumps_is_told_for_an_hour(seconds: float) -> None:
    on = Bench()
    await on.after(SETTLING)
    on.jumped += seconds
    assert await on.after(INTERVAL) == ["clock-jumped"]
    assert await on.after(3599) == ["clock-jumped"]
    assert await on.after(1) == []


async def test_a_clock_that_is_set_right_after_the_start_is_no_news() -> None:
    on = Bench()
    on.jumped += 10**9
    assert await on.after(SETTLING - 1) == []
    assert await on.after(INTERVAL) == []


async def test_a_disk_is_low_until_there_is_clearly_more_room() -> None:
    on = Bench(space=DiskSpace(10**12, 100_000_000, None, 0))
    assert await on.after(INTERVAL) == ["disk-low"]
    on.space = DiskSpace(10**12, 110_000_000, None, 0)
    assert await on.after(INTERVAL) == ["disk-low"]
    on.space = OSError("gone")
    assert await on.after(INTERVAL) == ["disk-low"], "what cannot be looked at is as it was"
    on.space = DiskSpace(10**12, 140_000_000, None, 0)
    assert await on.after(INTERVAL) == []


async def test_a_cadence_is_not_kept_after_ten_minutes_of_that_and_a_sweep_in_time_ends_it() -> None:
    on = Bench()
    on.sweep = replace(on.sweep, begun=on.now(), interval=3 * MINUTE, late=2)
    assert await on.after(0) == []
    assert await on.after(599) == []
    assert await on.after(1) == ["cadence-not-kept"]
    on.sweep = replace(on.sweep, begun=on.now(), interval=MINUTE, late=0)
    assert await on.after(INTERVAL) == []
    on.sweep = replace(on.sweep, late=2)
    assert await on.after(INTERVAL) == [], "that begins anew"


def table(count: int) -> ZoneTable:
    return ZoneTable.of(zone("ns1", name=f"z{n}.example.") for n in range(count))


async def test_zones_that_a_reload_lets_go_of_are_told_for_an_hour_or_until_they_are_back() -> None:
    on = Bench()
    await on.watch.reloaded(table(10), table(9))
    assert await on.after(0) == []
    before = table(9)
    await on.watch.reloaded(before, before)
    await on.watch.reloaded(before, table(2))
    assert await on.after(3599) == ["zones-vanished"]
    await on.watch.reloaded(table(2), table(3))
    assert await on.after(0) == ["zones-vanished"], "they are not back"
    await on.watch.reloaded(table(3), table(9))
    assert await on.after(0) == []
    await on.watch.reloaded(table(9), table(0))
    assert await on.after(3600) == []


def test_the_disk_of_a_database_that_is_there_and_of_one_that_is_not_yet(tmp_path: Path) -> None:
    path = tmp_path / "soawatch.db"
    assert disk_space(path).database == 0
    path.write_bytes(b"x" * 100)
    Path(f"{path}-wal").write_bytes(b"x" * 10)
    space = disk_space(path)
    assert space.database == 110
    assert 0 < space.free < space.total


async def test_a_service_that_stops_does_not_wait_for_the_next_look() -> None:
    on, stopping = Bench(), asyncio.Event()
    async with asyncio.timeout(INTERVAL), asyncio.TaskGroup() as group:
        group.create_task(on.watch.run(stopping))
        await asyncio.sleep(0)
        stopping.set()
