"""Where not every server has series of its own: every event is counted once, and nothing that is counted ever falls."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from checks.model import Outcome, TransferResult, Transport
from monitor.probe.server_series import LINGER, OTHER, OTHER_HIDDEN, ServerSeries
from monitor.probe.stats import ProbeStats
from tests.support.observations import pulled, query, zone

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SERVERS = tuple(f"ns{number}" for number in range(8))
MOST = 3

Sample = tuple[str, *tuple[str, ...]]


def placed(most: int, servers: int, troubled: str = "", hidden: str = "") -> ServerSeries:
    series = ServerSeries(most)
    series.use([(server, server in hidden.split()) for server in SERVERS[:servers]], NOON)
    series.place(troubled.split(), NOON)
    return series


PLACES = [
    ("few enough", 3, 3, "", "", "ns0, ns1, ns2", 0),
    ("too many: by name", 3, 5, "", "", "ns0, ns1, ns2, other servers", 2),
    ("those in trouble first", 3, 5, "ns3 ns4", "", "ns2, ns3, ns4, other servers", 2),
    ("more trouble than places", 2, 5, "ns1 ns2 ns3 ns4", "", "ns1, ns2, other servers", 3),
    ("no places", 0, 2, "ns1", "", "other servers", 2),
    ("hidden ones move nobody", 2, 5, "ns3 ns4", "ns3 ns4", "ns0, ns1, ns3, ns4, other servers", 1),
    ("too many hidden ones", 1, 3, "ns2", "ns1 ns2", "ns0, ns2, other hidden servers", 1),
]


@pytest.mark.parametrize(
    ("story", "most", "servers", "troubled", "hidden", "labels", "omitted"), PLACES, ids=[row[0] for row in PLACES]
)
def test_who_has_series(
    story: str, most: int, servers: int, troubled: str, hidden: str, labels: str, omitted: int
) -> None:
    series = placed(most, servers, troubled, hidden)
    assert ", ".join(sorted(series.labels)) == labels
    assert series.omitted(hidden=False) + series.omitted(hidden=True) == omitted


def test_a_place_is_kept_until_another_needs_it_more() -> None:
    series = placed(2, 4, "ns3")
    assert sorted(series.labels) == ["ns1", "ns3", OTHER], "ns0 made room: it was the first"
    series.place((), NOON)
    assert sorted(series.labels) == ["ns1", "ns3", OTHER], "being well again costs nobody the place"
    series.place({"ns0", "ns1"}, NOON)
    assert sorted(series.labels) == ["ns0", "ns1", OTHER]


def test_series_without_a_place_are_there_for_a_while_and_no_more_of_them_than_places() -> None:
    series = placed(2, 6, "ns2 ns3")
    assert all(map(series.is_shown, ("ns0", "ns1", "ns2", "ns3")))
    series.place({"ns4", "ns5"}, NOON)
    assert sorted(series.labels) == ["ns2", "ns3", OTHER], "as many have just left as there are places"
    series.place({"ns4", "ns5"}, NOON + LINGER)
    assert sorted(series.labels) == ["ns4", "ns5", OTHER]
    assert not series.is_shown("ns0")
    assert series.is_shown("ns2")


def test_until_the_plan_is_known_every_server_has_its_own() -> None:
    series = ServerSeries(0)
    assert (series.label("ns1"), series.is_shown("ns1"), series.crowded) == ("ns1", True, False)


def test_a_server_that_is_gone_is_counted_where_the_public_does_not_see_it_and_goes_on_when_it_is_back() -> None:
    series = placed(3, 3)
    series.use([("ns0", False)], NOON)
    assert series.label("ns2") == OTHER_HIDDEN
    assert series.is_shown("ns2"), "for a while"
    assert series.crowded
    series.place((), NOON + LINGER)
    assert not series.is_shown("ns2")
    series.use([("ns0", False), ("ns2", False)], NOON)
    assert series.label("ns2") == "ns2"


def test_the_median_of_a_server_is_known_whether_it_has_series_or_not() -> None:
    series = placed(1, 2)
    stats = ProbeStats(series=series)
    stats.answered("ns1", 0.02, 10)
    assert stats.median("ns1") == pytest.approx(0.0175)
    series.place({"ns1"}, NOON)
    stats.answered("ns1", 0.2, 30)
    assert stats.median("ns1") == pytest.approx(0.1 + 0.15 * 10 / 30)
    assert (stats.median("ns0"), stats.durations.keys()) == (None, {(OTHER, "udp"), ("ns1", "udp")})


def test_what_workers_have_counted_goes_where_their_servers_are_counted() -> None:
    series, worker = placed(1, 2), ProbeStats()
    worker.answered("ns0", 0.02, 1)
    worker.answered("ns1", 0.02, 10)
    worker.discard("ns1", 2)
    stats = ProbeStats(series=series)
    for _ in range(2):
        stats.add(worker.take())
    assert stats.queries == {("ns0", "udp", "answered"): 1, (OTHER, "udp", "answered"): 10}
    assert stats.discarded == {OTHER: 2}
    assert stats.median("ns1") == pytest.approx(0.0175)


# --- random histories ---


class Scraper:
    """A Prometheus that adds up what it sees: whatever a series rises by between two samples of it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self.last: dict[Sample, float] = {}
        self.shown: dict[Sample, float] = {}
        self.risen: Counter[Sample] = Counter()

    def scrape(self) -> None:
        self.shown = {
            (one.name, *(value for _, value in sorted(one.labels.items()))): one.value
            for family in self._registry.collect()
            for one in family.samples
        }
        for series, value in self.shown.items():
            if series in self.last:
                assert value >= self.last[series], f"{series} fell"
                self.risen[series[:2]] += value - self.last[series]
        self.last |= self.shown


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sampled_from(SERVERS), st.integers(1, 50)),
        st.tuples(st.just("fail"), st.sampled_from(SERVERS), st.integers(1, 3)),
        st.tuples(st.just("wait"), st.sampled_from([1, 30, 290, 400]), st.just(0)),
        st.tuples(st.just("trouble"), st.frozensets(st.sampled_from(SERVERS)), st.just(0)),
        st.tuples(st.just("plan"), st.frozensets(st.sampled_from(SERVERS)), st.frozensets(st.sampled_from(SERVERS))),
        st.tuples(st.just("scrape"), st.just(0), st.just(0)),
    ),
    max_size=60,
)


@given(STEPS)
def test_every_series_only_grows_and_all_of_them_are_everything(steps: list[tuple[str, object, object]]) -> None:
    registry, series = CollectorRegistry(), ServerSeries(MOST)
    stats, scraper, now = ProbeStats(registry, series), Scraper(registry), NOON
    hidden: dict[str, bool] = dict.fromkeys(SERVERS, False)
    asked = failed = in_public = 0
    troubled: frozenset[str] = frozenset()
    series.use(hidden.items(), now)
    scraper.scrape()

    def look() -> None:
        series.place(troubled, now)
        scraper.scrape()
        assert scraper.risen["soawatch_queries_total", "answered"] == asked, (
            "no increase is missed, and none is invented"
        )
        counted = [n for key, n in scraper.risen.items() if key[0] == "soawatch_query_duration_seconds_count"]
        assert sum(counted) == asked
        assert sum(count for (_, _, outcome), count in stats.queries.items() if outcome == "timeout") == failed
        public = [n for key, n in scraper.shown.items() if key[0] == "soawatch_queries_total" and OTHER in key]
        assert sum(public) <= in_public, "what hidden servers do is in no sum that the public sees"
        visible = {key[-2] for key in scraper.shown if key[0] == "soawatch_queries_total"}
        assert len(visible - {OTHER, OTHER_HIDDEN}) <= 4 * MOST

    for kind, what, more in steps:
        match kind, what, more:
            case "ask", str(server), int(count):
                stats.answered(server, 0.02, count)
                asked += count
                in_public += 0 if hidden.get(server, True) else count
            case "fail", str(server), int(count):
                for _ in range(count):
                    stats.failed(server, Outcome.TIMEOUT)
                failed += count
                in_public += 0 if hidden.get(server, True) else count
            case "wait", int(seconds), _:
                look()
                now += timedelta(seconds=seconds)
            case "trouble", frozenset(), _:
                troubled = what
            case "plan", frozenset(), frozenset():
                look()
                hidden = {server: server in more for server in what}
                series.use(hidden.items(), now)
                look()
            case "scrape", _, _:
                look()
    look()
    assert len([server for server in series.labels if server in SERVERS]) <= 2 * MOST


def test_whole_transfers_are_counted_in_the_series_of_their_server() -> None:
    """By how long they took, with their octets; what was not to be read to its end, or was not, is in no figure."""
    registry = CollectorRegistry()
    stats = ProbeStats(registry, placed(1, 2))
    where = zone("ns0", "ns1")
    for server, took, whole in (("ns0", 0.3, True), ("ns1", 90.0, True), ("ns0", None, True), ("ns0", 7.0, False)):
        asked = replace(query(where, server, "AXFR", transport=Transport.TCP), whole=whole)
        stats.note(pulled(asked, TransferResult.ALLOWED, took=took, octets=1000))
    told = {
        (sample.name.removeprefix("soawatch_transfer_"), *sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name.startswith("soawatch_transfer_")
    }
    assert told["duration_seconds_bucket", "ns0", "0.1"] == 0
    assert told["duration_seconds_bucket", "ns0", "0.5"] == told["duration_seconds_count", "ns0"] == 1
    assert told["duration_seconds_bucket", OTHER, "60.0"] == 0
    assert told["duration_seconds_sum", OTHER] == 90.0
    assert (told["octets_total", "ns0"], told["octets_total", OTHER]) == (1000, 1000)
