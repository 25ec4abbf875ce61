"""What was counted by several, or one after the other, taken together."""

from collections import Counter
from collections.abc import Mapping

from monitor.status import Histogram, ProbeCounts

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
