"""Counts what was asked, and how long it took."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from checks.model import Observation, Outcome

DURATION_BOUNDS: tuple[float, ...] = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds, in seconds, of the buckets of every query duration; one more bucket has no bound."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """How long things took. ``buckets`` has one count per bound of DURATION_BOUNDS and one more for all that took
    longer; each duration is counted in one bucket only (not cumulative). ``total`` is the sum in seconds.
    """

    buckets: tuple[int, ...]
    total: float
    count: int


@dataclass(frozen=True, slots=True)
class ProbeCounts:
    """What the prober has done since it started. Keys are plain text: server name, transport, outcome."""

    queries: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    """(server, transport, outcome) → observations; the transport is the one that gave the answer in the end."""
    durations: Mapping[tuple[str, str], Histogram] = field(default_factory=dict)
    """(server, transport) → how long answers took; what was not answered has no duration."""
    discarded: Mapping[str, int] = field(default_factory=dict)
    """Server → packets thrown away: wrong id, wrong question, or not to be understood."""
    in_flight: int = 0
    waiting: int = 0
    """Queries held back by the pace, by slots, or because the monitor has no descriptor left."""


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


Pair = tuple[str, str]


def total(*parts: ProbeCounts, idle: bool = False) -> ProbeCounts:
    """``idle``: what was in flight, or waited, is no more."""
    queries: Counter[tuple[str, str, str]] = Counter()
    discarded: Counter[str] = Counter()
    durations: dict[Pair, Histogram] = {}
    for part in parts:
        queries.update(part.queries)
        discarded.update(part.discarded)
        durations = _both(durations, part.durations)
    in_flight, waiting = sum(part.in_flight for part in parts), sum(part.waiting for part in parts)
    return ProbeCounts(dict(queries), durations, dict(discarded), 0 if idle else in_flight, 0 if idle else waiting)


def _both(one: Mapping[Pair, Histogram], other: Mapping[Pair, Histogram]) -> dict[Pair, Histogram]:
    both = dict(one)
    for pair, more in other.items():
        known = both.get(pair)
        if known is not None:
            buckets = tuple(a + b for a, b in zip(known.buckets, more.buckets, strict=True))
            more = Histogram(buckets, known.total + more.total, known.count + more.count)  # noqa: PLW2901
        both[pair] = more
    return both
