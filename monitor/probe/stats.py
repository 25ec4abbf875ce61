"""Counters of the prober, by server: what was asked, how it ended, how long answers took."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from checks.model import Observation, Outcome
from monitor.probe.server_series import ServerSeries

if TYPE_CHECKING:  # prometheus_client is not for worker processes: they have no /metrics, and 3 MB less without it
    from prometheus_client import CollectorRegistry, Metric

DURATION_BOUNDS: tuple[float, ...] = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds, in seconds, of the buckets of every query duration; one more bucket has no bound."""

BUCKETS = len(DURATION_BOUNDS) + 1

TRANSFER_BOUNDS: tuple[float, ...] = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0)
"""The same of whole transfers."""

_NO_COUNTS = array("Q", bytes(8 * BUCKETS))


class ProbeStats:
    """A Prometheus collector; its counters only grow, but for ``take``. One serves all probers of a service.

    ``queries``: (label, transport, outcome) → observations; the transport is the one that gave the answer in the end.
    ``durations``: (label, transport) → answers by bucket of DURATION_BOUNDS (not cumulative), then the sum in seconds.
    ``discarded``: label → packets thrown away: wrong id, wrong question, or not to be understood.
    ``transfers``: label → whole zones transferred, by bucket of TRANSFER_BOUNDS (not cumulative), then the sum in
    seconds, then their octets; the service makes them, and no worker.
    The label is the server's name, or that of all that have no series of their own (``ServerSeries``). ``unlisted``:
    what else is known of those is the time their answers took, in columns.

    Plain dicts, because some are counted for every packet: 0.5 µs, against 1.4 µs of a labelled Counter and Histogram.
    """

    __slots__ = ("_series", "discarded", "durations", "queries", "transfers", "unlisted")

    def __init__(self, registry: "CollectorRegistry | None" = None, series: ServerSeries | None = None) -> None:
        """Without ``series`` every server has its own."""
        self.queries: dict[tuple[str, str, str], int] = {}
        self.durations: dict[tuple[str, str], list[float]] = {}
        self.discarded: dict[str, int] = {}
        self.transfers: dict[str, list[float]] = {}
        self.unlisted = DurationRows()
        self._series = series or ServerSeries(0)
        if registry is not None:
            registry.register(self)

    def note(self, seen: Observation) -> None:
        transport = (seen.transport or seen.query.transport).value
        self._count(seen.server, transport, seen.outcome.value, 1)
        if seen.discarded:
            self.discard(seen.server, seen.discarded)
        if seen.outcome is Outcome.ANSWERED and seen.rtt is not None:
            self._time(seen.server, transport, seen.rtt, 1)
        if seen.query.whole and seen.took is not None:
            self._transferred(seen.server, seen.took, seen.octets)

    def _transferred(self, server: str, took: float, octets: int) -> None:
        counts = self.transfers.setdefault(self._series.label(server), [0] * (len(TRANSFER_BOUNDS) + 3))
        counts[bisect_left(TRANSFER_BOUNDS, took)] += 1
        counts[-2] += took
        counts[-1] += octets

    def answered(self, server: str, rtt: float, count: int) -> None:
        """So many answers over UDP, after the same time each, in seconds."""
        self._count(server, "udp", "answered", count)
        self._time(server, "udp", rtt, count)

    def failed(self, server: str, outcome: Outcome) -> None:
        """One query over UDP without an answer."""
        self._count(server, "udp", outcome.value, 1)

    def discard(self, server: str, count: int = 1) -> None:
        """So many packets that belong to nothing."""
        label = self._series.label(server)
        self.discarded[label] = self.discarded.get(label, 0) + count

    def _count(self, server: str, transport: str, outcome: str, count: int) -> None:
        key = (self._series.label(server), transport, outcome)
        self.queries[key] = self.queries.get(key, 0) + count

    def _time(self, server: str, transport: str, rtt: float, count: int) -> None:
        bucket, label = bisect_left(DURATION_BOUNDS, rtt), self._series.label(server)
        buckets = self._buckets(label, transport)
        buckets[bucket] += count
        buckets[-1] += rtt * count
        if label != server:
            self.unlisted.add(server, transport, bucket, count)

    def _buckets(self, label: str, transport: str) -> list[float]:
        buckets = self.durations.get((label, transport))
        if buckets is None:
            buckets = self.durations[label, transport] = [0] * (BUCKETS + 1)
        return buckets

    def median(self, server: str) -> float | None:
        """Seconds in which half of all answers came, as nearly as the buckets tell; over TCP if none came over UDP."""
        for transport in ("udp", "tcp"):
            buckets: list[float] = list(self.unlisted.row(server, transport))
            if known := self.durations.get((server, transport)):
                buckets = [a + b for a, b in zip(buckets, known, strict=False)]
            if any(buckets):
                return _median(buckets)
        return None

    def take(self) -> "ProbeStats":
        """All that was counted since the last call; from now on it counts from zero again. For ``add`` elsewhere."""
        taken = ProbeStats()
        taken.queries, self.queries = self.queries, {}
        taken.durations, self.durations = self.durations, {}
        taken.discarded, self.discarded = self.discarded, {}
        return taken

    def add(self, more: "ProbeStats") -> None:
        """Counts what another has taken, which had a series for every server."""
        for (server, transport, outcome), count in more.queries.items():
            self._count(server, transport, outcome, count)
        for server, count in more.discarded.items():
            self.discard(server, count)
        for (server, transport), counts in more.durations.items():
            label = self._series.label(server)
            known = self._buckets(label, transport)
            known[:] = [a + b for a, b in zip(known, counts, strict=True)]
            if label != server:
                for bucket, answers in enumerate(counts[:BUCKETS]):
                    self.unlisted.add(server, transport, bucket, int(answers))

    def collect(self) -> "Iterator[Metric]":
        """May run in a thread while something is counted: it copies each dict in one step."""
        from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily

        queries = CounterMetricFamily(
            "soawatch_queries", "Queries by what became of them.", labels=("server", "transport", "outcome")
        )
        # Series begin with a sample that is zero: what they first rise to is seen by nobody else.
        own = self._series.labels
        for key, count in {**{(server, "udp", "answered"): 0 for server in own}, **self.queries}.items():
            if self._series.is_shown(key[0]):
                queries.add_metric(key, count)
        yield queries
        durations = HistogramMetricFamily(
            "soawatch_query_duration_seconds",
            "How long answers took; what was not answered has no duration.",
            labels=("server", "transport"),
        )
        bounds = [*map(str, DURATION_BOUNDS), "+Inf"]
        none = [0.0] * (BUCKETS + 1)
        for (server, transport), known in {**{(server, "udp"): none for server in own}, **self.durations}.items():
            if not self._series.is_shown(server):
                continue
            *buckets, total = known
            labels = {"server": server, "transport": transport}
            for bound, so_far in zip(bounds, accumulate(buckets), strict=True):  # add_metric takes twice as long
                durations.add_sample(f"{durations.name}_bucket", {**labels, "le": bound}, so_far)
            durations.add_sample(f"{durations.name}_count", labels, sum(buckets))
            durations.add_sample(f"{durations.name}_sum", labels, total)
        yield durations
        discarded = CounterMetricFamily(
            "soawatch_answers_discarded",
            "Packets thrown away: wrong id, wrong question, wrong source, or not to be understood.",
            labels=("server",),
        )
        for server, packets in list(self.discarded.items()):
            if self._series.is_shown(server):
                discarded.add_metric((server,), packets)
        yield discarded
        yield from self._transfer_metrics()

    def _transfer_metrics(self) -> "Iterator[Metric]":
        from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily

        took = HistogramMetricFamily(
            "soawatch_transfer_duration_seconds",
            "How long whole transfers took that came to a good end.",
            labels=("server",),
        )
        size = CounterMetricFamily("soawatch_transfer_octets", "Octets of these transfers.", labels=("server",))
        bounds = [*map(str, TRANSFER_BOUNDS), "+Inf"]
        none = dict.fromkeys(self._series.labels, [0.0] * (len(TRANSFER_BOUNDS) + 3))
        for server, (*buckets, seconds, octets) in {**none, **self.transfers}.items():
            if self._series.is_shown(server):
                took.add_metric((server,), list(zip(bounds, accumulate(buckets), strict=True)), seconds)
                size.add_metric((server,), octets)
        yield took
        yield size


class DurationRows:
    """How many answers came in which time, for very many servers: a row of columns for each, and no object."""

    __slots__ = ("_counts", "_rows")

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, int]] = {}
        """Transport → server → where its row begins."""
        self._counts = array("Q")

    def add(self, server: str, transport: str, bucket: int, count: int) -> None:
        rows = self._rows.setdefault(transport, {})
        row = rows.get(server)
        if row is None:
            row = rows[server] = len(self._counts)
            self._counts.extend(_NO_COUNTS)
        self._counts[row + bucket] += count

    def row(self, server: str, transport: str) -> "array[int]":
        row = self._rows.get(transport, {}).get(server)
        return _NO_COUNTS if row is None else self._counts[row : row + BUCKETS]


def _median(buckets: Sequence[float]) -> float:
    half, below, lower = sum(buckets) / 2, 0.0, 0.0
    for count, upper in zip(buckets, DURATION_BOUNDS, strict=False):
        if below + count >= half:
            return lower + (upper - lower) * (half - below) / count
        below, lower = below + count, upper
    return lower
