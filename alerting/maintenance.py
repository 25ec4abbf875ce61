"""Maintenance windows of the configuration: silences that come once, or again and again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from itertools import islice, repeat

from alerting.silences import Matchers, Silence

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""As they are written in a window, in the order of ``date.weekday``."""

MAX_DURATION = timedelta(days=7)

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Recurrence:
    """At ``start`` o'clock on each of ``days`` (numbers as of ``date.weekday``) by the clocks of ``timezone``, for
    ``duration`` of time as it passes.

    Where clocks are put forward past ``start`` it begins as they are; where they show ``start`` twice, at the first.
    """

    start: time
    duration: timedelta
    days: frozenset[int]
    timezone: tzinfo

    def starts(self, after: datetime) -> Iterator[datetime]:
        """The beginnings of those that end later than ``after``, in order."""
        day = (after - self.duration).astimezone(self.timezone).date() - timedelta(days=1)
        while True:
            if day.weekday() in self.days:
                start = moment_of(datetime.combine(day, self.start), self.timezone)
                if start + self.duration > after:
                    yield start
            day += timedelta(days=1)


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """Either ``recurrence``, or once from ``starts_at`` to ``ends_at``."""

    name: str
    matchers: Matchers
    comment: str = ""
    recurrence: Recurrence | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def occurrences(self, after: datetime) -> Iterator[Silence]:
        """Those that end later than ``after``, in order: the one that is under way, and those to come."""
        if self.recurrence is not None:
            lengths = repeat(self.recurrence.duration)
            yield from map(self._occurrence, self.recurrence.starts(after), lengths)
        elif self.starts_at is not None and self.ends_at is not None and self.ends_at > after:
            yield self._occurrence(self.starts_at, self.ends_at - self.starts_at)

    def active(self, at: datetime) -> list[Silence]:
        """The occurrences that are under way: more than one where they overlap."""
        found = []
        for one in self.occurrences(at):
            if one.starts_at > at:
                break
            found.append(one)
        return found

    def next(self, after: datetime, count: int = 1) -> list[Silence]:
        """So many occurrences, or fewer where there are not as many."""
        return list(islice(self.occurrences(after), count))

    def _occurrence(self, start: datetime, length: timedelta) -> Silence:
        return Silence(
            f"maintenance:{self.name}:{start:%Y%m%dT%H%M%SZ}",
            self.matchers,
            start,
            start + length,
            created_by="configuration",
            comment=self.comment or self.name,
            created_at=start,
            maintenance=True,
        )


def moment_of(local: datetime, timezone: tzinfo) -> datetime:
    """When clocks there show ``local`` first, or pass it because they are put forward; in UTC."""
    before = local.replace(tzinfo=timezone, fold=0).astimezone(UTC)
    if before.astimezone(timezone).replace(tzinfo=None) == local:
        return before
    late, early = before, local.replace(tzinfo=timezone, fold=1).astimezone(UTC)
    while late - early > _SECOND:  # PEP 495: what the clock does not show lies between both readings of it
        middle = early + (late - early) // 2
        if middle.astimezone(timezone).replace(tzinfo=None) >= local:
            late = middle
        else:
            early = middle
    return late.replace(microsecond=0)
