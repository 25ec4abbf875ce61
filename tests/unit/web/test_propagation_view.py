"""How long versions took, summed up for page and API."""

from dataclasses import replace
from datetime import timedelta

from monitor.web.formatting import precise_iso, took
from monitor.web.propagation_view import propagation_data, propagation_rows
from tests.support.observations import NOON
from tests.support.specimens import propagation


def test_the_slowest_address_comes_first_and_what_is_not_known_is_in_no_figure() -> None:
    quick = [replace(propagation(n), server="ns1", seconds=1.0 + n, uncertainty=0.5) for n in range(20)]
    slow = [replace(propagation(n), seconds=100.0 * n, uncertainty=30.0) for n in range(3)]
    (first, second) = propagation_rows([*quick, *slow])
    assert (first.server, first.versions, first.at_first_look) == ("ns2", 3, 1)
    assert (first.median, first.p95, first.slowest, first.uncertainty) == (150.0, 200.0, 200.0, 30.0)
    assert (second.median, second.p95, second.slowest, second.uncertainty) == (10.5, 19.0, 20.0, 0.5)
    assert first.latest == slow[-1]


def test_where_nothing_was_seen_to_come_there_are_no_figures() -> None:
    (row,) = propagation_rows([replace(propagation(1), seconds=0.0)])
    assert (row.versions, row.at_first_look, row.median, row.slowest, row.uncertainty) == (1, 1, None, None, None)
    assert propagation_rows([]) == []


def test_the_api_shows_the_newest_first_and_null_for_what_is_not_known() -> None:
    one = replace(propagation(1), seconds=0.0, uncertainty=60.0004)
    two = replace(propagation(2.0625), seconds=1.2345)
    said = propagation_data([one, two], NOON)
    assert said["since"] == "2026-11-20T12:00:00Z"
    assert said["arrivals"] == [
        {"zone": "example.com.", "server": "ns2", "address": str(two.address), "serial": 7, "seconds": 1.234,
         "uncertainty_seconds": 6.25, "at": precise_iso(two.at)},
        {"zone": "example.com.", "server": "ns2", "address": str(one.address), "serial": 7, "seconds": None,
         "uncertainty_seconds": 60.0, "at": precise_iso(one.at)},
    ]  # fmt: skip
    assert said["addresses"] == [
        {"server": "ns2", "address": str(one.address), "versions": 2, "at_first_look": 1, "median_seconds": 1.234,
         "p95_seconds": 1.234, "slowest_seconds": 1.234, "uncertainty_seconds": 6.25},
    ]  # fmt: skip


def test_times_and_durations_of_what_is_measured() -> None:
    assert precise_iso(NOON + timedelta(microseconds=62999)) == "2026-11-20T12:00:00.062Z"
    assert [took(s) for s in (None, 0.04, 0.56, 9.94, 9.96, 75.0)] == [
        "\N{EN DASH}",
        "0.0 s",
        "0.6 s",
        "9.9 s",
        "10 s",
        "1 min 15 s",
    ]
