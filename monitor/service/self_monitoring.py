"""Looks at what the monitor stands on: its disk, its clock, its cadences, and the zones that a reload leaves it."""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, Gauge

from checks.model import Zone
from checks.model.zone_table import ZoneTable
from monitor.clock import Now
from monitor.service.pause import pause
from monitor.state.own_troubles import (
    MIN_JUMP,
    TOLD_FOR,
    DiskSpace,
    OwnTrouble,
    cadence_not_kept,
    clock_jumped,
    disk_low,
    zones_vanished,
)
from monitor.state.sweep_status import SweepStatus

log = structlog.get_logger(__name__)

INTERVAL = 30.0
"""Seconds between two looks."""

SETTLING = 600.0
"""Seconds after the start in which a clock may be set without anybody's being told: NTP may have begun as late."""

DATABASE_FILES = ("", "-wal", "-shm")


def disk_space(database: Path) -> DiskSpace:
    """Raises OSError."""
    disk = os.statvfs(database.absolute().parent)
    sizes = (Path(f"{database}{end}") for end in DATABASE_FILES)
    taken = sum(path.stat().st_size for path in sizes if path.exists())
    total = disk.f_blocks * disk.f_frsize
    return DiskSpace(total, disk.f_bavail * disk.f_frsize, disk.f_favail if disk.f_files else None, taken)


def disk_gauge(registry: CollectorRegistry | None) -> Gauge:
    text = "Octets that are free on the disk of the database, for those who are not root; looked at twice a minute."
    return Gauge("soawatch_database_disk_free_octets", text, registry=registry)


class SelfMonitoring:
    """``troubles`` are those of the latest look, and what has happened within the hour before it."""

    def __init__(
        self,
        database: Path,
        sweeps: Callable[[], Mapping[str, SweepStatus]],
        now: Now,
        monotonic: Callable[[], float],
        registry: CollectorRegistry | None = None,
        space: Callable[[Path], DiskSpace] = disk_space,
    ) -> None:
        self._free = disk_gauge(registry)
        self._database, self._sweeps, self._space = database, sweeps, space
        self._now, self._monotonic = now, monotonic
        self._started, self._apart = monotonic(), now().timestamp() - monotonic()
        self._lagging: dict[tuple[str, object], datetime] = {}
        self._disk: Sequence[OwnTrouble] = ()
        self._kept: Sequence[OwnTrouble] = ()
        self._jump: tuple[OwnTrouble, float] | None = None
        self._gone: tuple[OwnTrouble, float, Sequence[str]] | None = None

    def troubles(self) -> Sequence[OwnTrouble]:
        return tuple(self._troubles(self._monotonic() - TOLD_FOR.total_seconds()))

    def _troubles(self, oldest: float) -> Iterator[OwnTrouble]:
        if self._jump is not None and self._jump[1] > oldest:
            yield self._jump[0]
        if self._gone is not None and self._gone[1] > oldest:
            yield self._gone[0]
        yield from (*self._disk, *self._kept)

    async def run(self, stopping: asyncio.Event) -> None:
        await pause(stopping, INTERVAL)
        while not stopping.is_set():
            await self.look()
            await pause(stopping, INTERVAL)

    async def look(self) -> None:
        at = self._now()
        self._look_at_clock(at)
        self._look_at_sweeps(at)
        try:
            space = await asyncio.to_thread(self._space, self._database)
        except OSError as error:  # it is gone, or out of reach: whoever writes the database says so
            log.debug("disk cannot be looked at", error=str(error))
        else:
            self._free.set(space.free)
            self._disk = tuple(disk_low(space, str(self._database), known=bool(self._disk)))

    def _look_at_clock(self, at: datetime) -> None:
        monotonic = self._monotonic()
        apart = at.timestamp() - monotonic
        moved, self._apart = apart - self._apart, apart
        if abs(moved) >= MIN_JUMP and monotonic - self._started >= SETTLING:
            self._jump = clock_jumped(moved, at), monotonic

    def _look_at_sweeps(self, at: datetime) -> None:
        lagging = {(one.check, one.cadence): one for one in self._sweeps().values() if one.is_lagging(at)}
        self._lagging = {key: min(self._lagging.get(key, at), at) for key in lagging}
        self._kept = tuple(
            trouble for key, one in lagging.items() for trouble in cadence_not_kept(one, self._lagging[key], at)
        )

    async def reloaded(self, before: ZoneTable[Zone], after: ZoneTable[Zone]) -> None:
        """A configuration was read and has taken the place of another."""
        if before is after:
            return
        gone = await asyncio.to_thread(lambda: [name for name in before.names if name not in after])
        found = next(zones_vanished(gone, len(before), self._now()), None)
        if found is not None:
            self._gone = found, self._monotonic(), gone
        elif self._gone is not None and all(name in after for name in self._gone[2]):
            self._gone = None
