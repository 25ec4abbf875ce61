"""How many requests are looked at: of one source, and altogether."""

from collections.abc import Callable
from time import monotonic

SOURCE_RATE = 200.0
"""Requests a second of one source: BIND sends 20 of its own accord, one that sends many thousands begins again …"""
SOURCE_BURST = 1000.0
"""… after so many at once."""

MAX_SOURCES = 4096
"""Of so many sources is known what they have sent; the one not heard for longest is forgotten."""

TOTAL_RATE = 4000.0
"""Packets and connections a second that are looked at in all; what comes beyond waits in the socket, or is lost."""
TOTAL_BURST = 400.0


class Bucket:
    """A token bucket by the monotonic clock."""

    __slots__ = ("_burst", "_clock", "_rate", "_tokens", "_updated")

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._tokens, self._updated = burst, clock()

    def ready(self) -> bool:
        """Whether there is one to take."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._updated) * self._rate)
        self._updated = now
        return self._tokens >= 1

    def take(self) -> bool:
        """Whether there was one."""
        if not self.ready():
            return False
        self._tokens -= 1
        return True


class SourceRates:
    """A bucket for each source, in bounded memory."""

    def __init__(
        self,
        rate: float = SOURCE_RATE,
        burst: float = SOURCE_BURST,
        most: int = MAX_SOURCES,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._rate, self._burst, self._most, self._clock = rate, burst, most, clock
        self._buckets: dict[str, Bucket] = {}
        """In the order in which they were last heard."""

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, source: str) -> bool:
        """Whether one more request of this source is looked at."""
        bucket = self._buckets.pop(source, None)
        if bucket is None:
            if len(self._buckets) >= self._most:
                del self._buckets[next(iter(self._buckets))]
            bucket = Bucket(self._rate, self._burst, self._clock)
        self._buckets[source] = bucket
        return bucket.take()
