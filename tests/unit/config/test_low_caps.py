"""A cap that is too low is told with the time that sweeps take under it, and with a cap under which they do not."""

from datetime import timedelta

import pytest

from monitor.config.durations import rounded
from monitor.config.load_estimate import Demand
from monitor.config.low_caps import SWEEP_SHARE, LowCap, by_sweep, low_caps, shortage
from monitor.probe.settings import Probe

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SHARES = {
    ("ns1", "soa-serial", MINUTE): 30.0,
    ("ns1", "soa-serial", HOUR): 1.0,
    ("ns1", "records", HOUR): 5.0,
    ("ns2", "soa-serial", MINUTE): 60.0,
    ("ns3", "soa-serial", MINUTE): 8.0,
    ("ns4", "transfer", HOUR): 1.0,
}
DEMAND = Demand(SHARES, {"ns1": (36,), "ns2": (60,), "ns3": (8,), "ns4": (1,)})


def test_servers_that_need_more_than_the_cap_the_worst_first() -> None:
    found = low_caps(Probe(max_qps_per_server=20), DEMAND)
    assert [(low.server, low.needed) for low in found] == [("ns2", 60), ("ns1", 36)]
    assert [low.time(MINUTE) for low in found] == [timedelta(minutes=3), timedelta(seconds=108)]
    assert low_caps(Probe(max_qps_per_server=60), DEMAND) == [], "a cap that is just met is none"


def test_the_cap_of_all_servers_is_one_more() -> None:
    found = low_caps(Probe(max_qps_per_server=50, max_qps=100), DEMAND)
    assert [(low.setting, low.server, low.needed) for low in found] == [
        ("probe.max_qps_per_server", "ns2", 60),
        ("probe.max_qps", None, 105),
    ]


def test_of_what_processes_share_the_one_with_most_to_ask_decides() -> None:
    shared = Demand(SHARES, {"ns2": (0, 30, 30), "ns4": (24, 0, 6), "ns5": (0, 0, 0)})
    two, four = low_caps(Probe(max_qps_per_server=60, workers=2), shared)
    assert (two.server, two.needed, two.factor) == ("ns2", 60, 1.5)
    assert (four.server, four.needed, four.factor) == ("ns4", 30, 1.2)
    said = "the cap is 60, of which the processes that share it equally can use 67%, so sweeps take about 1.5 times"
    assert said in shortage(two, SHARES)
    assert low_caps(Probe(max_qps_per_server=two.sufficient, workers=2), shared) == []
    (whole,) = low_caps(Probe(max_qps_per_server=1e6, max_qps=100, workers=2), shared)
    assert whole.factor == pytest.approx(36 / (100 / 3)), "one of them is to ask 36 of 90"


def test_a_sweep_has_the_lowest_cap_of_each_setting_that_it_is_under() -> None:
    found = by_sweep(Probe(max_qps_per_server=20), DEMAND)
    assert {sweep: [low.server for low in lows] for sweep, lows in found.items()} == {
        ("soa-serial", MINUTE): ["ns2"],
        ("soa-serial", HOUR): ["ns1"],
        ("records", HOUR): ["ns1"],
    }
    both = by_sweep(Probe(max_qps_per_server=20, max_qps=10), DEMAND)
    assert [low.server for low in both["transfer", HOUR]] == [None]
    assert {low.server for low in both["records", HOUR]} == {"ns1", None}
    assert by_sweep(Probe(), DEMAND) == {}


@pytest.mark.parametrize("needed", [0.0123, 0.08, 0.167, 1.0, 7.99, 8.0, 37.5, 80.0, 508.3, 99_999.0, 1e6])
def test_the_cap_that_would_do_is_enough_and_hardly_more(needed: float) -> None:
    sufficient = LowCap("probe.max_qps_per_server", "ns1", 0.01, needed).sufficient
    assert needed / SWEEP_SHARE <= sufficient * (1 + 1e-9)
    assert sufficient <= needed / SWEEP_SHARE * 1.1 + 1e-9
    assert float(f"{sufficient:.2g}") == sufficient, "two figures"


def test_the_words_name_the_sweep_that_asks_most() -> None:
    low = low_caps(Probe(max_qps_per_server=30), DEMAND)[1]
    assert shortage(low, SHARES) == (
        "the cadences need 36 queries/s at ns1, 30 of them for soa-serial; the cap is 30, so sweeps take about 1.2 "
        "times their cadence (soa-serial 1m12s instead of 1m); a cap of 45 would do"
    )
    whole = LowCap("probe.max_qps", None, 50, 105)
    assert "at all servers together, 98 of them for soa-serial; " in shortage(whole, SHARES)


def test_a_duration_is_rounded_as_finely_as_it_is_known() -> None:
    assert rounded(timedelta(seconds=6, milliseconds=666)) == timedelta(seconds=6, milliseconds=700)
    assert rounded(timedelta(seconds=152, milliseconds=400)) == timedelta(seconds=152)
