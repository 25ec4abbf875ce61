"""How much was asked, and how long did it take?"""

from bisect import bisect_left

from checks.model import Observation, Outcome
from monitor.status import DURATION_BOUNDS, Histogram, ProbeCounts


class Counts:
    """Counters that only grow; ``copy`` is what others may keep."""

    __slots__ = ("_discarded", "_durations", "_queries", "_totals")

    def __init__(self) -> None:
        self._queries: dict[tuple[str, str, str], int] = {}
        self._durations: dict[tuple[str, str], list[int]] = {}
        self._totals: dict[tuple[str, str], float] = {}
        self._discarded: dict[str, int] = {}

    def note(self, seen: Observation) -> None:
        transport = (seen.transport or seen.query.transport).value
        key = (seen.server, transport, seen.outcome.value)
        self._queries[key] = self._queries.get(key, 0) + 1
        if seen.discarded:
            self._discarded[seen.server] = self._discarded.get(seen.server, 0) + seen.discarded
        if seen.outcome is Outcome.ANSWERED and seen.rtt is not None:
            pair = (seen.server, transport)
            buckets = self._durations.get(pair)
            if buckets is None:
                buckets = self._durations[pair] = [0] * (len(DURATION_BOUNDS) + 1)
            buckets[bisect_left(DURATION_BOUNDS, seen.rtt)] += 1
            self._totals[pair] = self._totals.get(pair, 0.0) + seen.rtt

    def answered(self, server: str, rtt: float, count: int) -> None:
        """So many answers over UDP, after the same time each."""
        key = (server, "udp", "answered")
        self._queries[key] = self._queries.get(key, 0) + count
        pair = (server, "udp")
        buckets = self._durations.get(pair)
        if buckets is None:
            buckets = self._durations[pair] = [0] * (len(DURATION_BOUNDS) + 1)
        buckets[bisect_left(DURATION_BOUNDS, rtt)] += count
        self._totals[pair] = self._totals.get(pair, 0.0) + rtt * count

    def failed(self, server: str, outcome: Outcome) -> None:
        """One query over UDP without an answer."""
        key = (server, "udp", outcome.value)
        self._queries[key] = self._queries.get(key, 0) + 1

    def discard(self, server: str) -> None:
        """One packet that belongs to nothing."""
        self._discarded[server] = self._discarded.get(server, 0) + 1

    def copy(self, in_flight: int, waiting: int) -> ProbeCounts:
        durations = {
            pair: Histogram(tuple(buckets), self._totals[pair], sum(buckets))
            for pair, buckets in self._durations.items()
        }
        return ProbeCounts(dict(self._queries), durations, dict(self._discarded), in_flight, waiting)
