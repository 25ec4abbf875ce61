"""What is known of the sweeps of a sweep group, and whether they keep its cadence."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitor.config.low_caps import LowCap

LATE = 1.5
"""A sweep that begins so many cadences after the one before is late: its turn came, and that one was still running."""

ALLOWANCE = 1.1
"""What is longer than the cadence by less than this is as good as kept: the clock calls for no sweep to the instant."""

LATE_IN_A_ROW = 2
"""So many sweeps late one after the other make a cadence that is not kept; a single one is no news."""


@dataclass(frozen=True, slots=True)
class SweepStatus:
    """The last complete sweep, and the latest that was called for, which may be under way."""

    check: str
    started: datetime | None
    """When the last complete sweep began to ask; of the first one, as long as it is under way."""
    finished: datetime | None
    zones: int
    queries: int | None
    """Of the last complete sweep; None: not to be shown."""
    missed: int
    """Sweeps that did not start because the one before was still running."""
    cadence: timedelta
    begun: datetime | None = None
    """When the clock called for the latest sweep; None: it has called for none yet."""
    under_way: bool = False
    """Whether that is still running."""
    interval: timedelta | None = None
    """How long after the call before that one came; None: it was the first."""
    late: int = 0
    """How many sweeps in a row, up to the latest, were called for late."""
    low_caps: tuple[LowCap, ...] | None = None
    """The caps that are too low for its cadence by the estimate, of each setting the lowest; None: it has not been
    made yet, or is not to be shown."""

    def kept(self, now: datetime) -> timedelta | None:
        """The cadence that is really kept: from the beginning of a sweep to that of the next.

        It is the time between the beginnings of the latest two, or, where that is longer already, the time since the
        latest began; never less than the cadence. A sweep begins when the clock calls for it, and while one is running
        no other does. None: none has begun yet.
        """
        if self.begun is None:
            return None
        longest = max(self.interval or self.cadence, now - self.begun)
        return longest if longest > self.cadence * ALLOWANCE else self.cadence

    def is_late(self, now: datetime) -> bool:
        """Whether the latest sweep was late, or the next one is going to be."""
        kept = self.kept(now)
        return kept is not None and kept > self.cadence * LATE

    def is_lagging(self, now: datetime) -> bool:
        """Whether people are told that the cadence is not kept: not before two sweeps in a row were late, or the one
        that is running makes the next one late.

        The first look asks more than those after it, and waits for the serials: of that alone nothing is told, unless
        a cap is too low in any case.
        """
        if self.late >= LATE_IN_A_ROW:
            return True
        is_too_long = self.under_way and self.begun is not None and now - self.begun > self.cadence * LATE
        return is_too_long and (self.finished is not None or bool(self.low_caps))


def not_begun(check: str, cadence: timedelta) -> SweepStatus:
    """Before the clock has called for the first sweep."""
    return SweepStatus(check, None, None, 0, 0, 0, cadence)


def begun(before: SweepStatus, at: datetime) -> SweepStatus:
    """The clock calls for a sweep."""
    interval = None if before.begun is None else at - before.begun
    late = before.late + 1 if interval is not None and interval > before.cadence * LATE else 0
    started = at if before.finished is None else before.started
    return replace(before, started=started, begun=at, under_way=True, interval=interval, late=late)
