"""The process is suspended for longer than cadence and grace together: nobody is accused."""

import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

from monitor.clock import monotonic, now
from monitor.pair.pair import Pair
from monitor.pair.zonedata import Timers
from tests.support.receiver import receiver
from tests.support.running import Running, running, until
from tests.support.service_config import write

ZONES = ["one.example.", "two.example."]
SUSPENDED = 4.0
"""Seconds; the cadence is 1.5, grace 1, max_lag 3."""


async def test_a_service_that_was_suspended_accuses_nobody_and_goes_on(tmp_path: Path) -> None:
    async with receiver() as hook, Pair(ZONES, now=now, timers=Timers(refresh=2, retry=1)) as pair:
        await pair.in_sync()
        async with running(write(tmp_path, pair, hook)) as service:
            await service.up()
            await until(swept(tmp_path / "demo.db", 2), 30)
            pair.change(ZONES[0])  # on its way when all stands still
            await suspended(service, lambda: pair.change(ZONES[0]), lambda: pair.change(ZONES[1]))
            await until(swept(tmp_path / "demo.db", 3), 30)
            assert await service.get("api/v1/incidents") == []
            assert hook.heard == []


async def suspended(service: Running, *changes: Callable[[], object]) -> None:
    """For as long as it takes; these happen meanwhile."""
    service.signal(signal.SIGSTOP)
    begun = monotonic()
    for number, change in enumerate(changes, 1):
        await until(lambda n=number: monotonic() >= begun + n * SUSPENDED / (len(changes) + 1))
        change()
    await until(lambda: monotonic() >= begun + SUSPENDED)
    service.signal(signal.SIGCONT)


def swept(database: Path, times: int) -> Callable[[], bool]:
    """Whether each check has looked at all zones so often since now."""

    def sweeps() -> dict[str, int]:
        with sqlite3.connect(database) as conn:
            return dict(conn.execute('select "check", count(*) from sweeps group by "check"').fetchall())

    before = sweeps()
    return lambda: (
        bool(ended := sweeps())
        and all(ended[check] >= before.get(check, 0) + times for check in ended.keys() | before.keys())
    )
