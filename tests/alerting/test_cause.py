"""Many alerts, one cause: who has what, and whose fault it is."""

from dataclasses import replace

import pytest

from alerting.cause import FEEDS_NOTHING, Topology, fold
from alerting.model import Alert, Cause, Phase, Severity
from checks.codes import CODES
from checks.model import Expectation, Server, TransferRule, WantedRecord, Zone
from checks.roll import Roll
from tests.alerting.stories import ADDRESSES, alert, minute, server, zone

A, B, C, D = "a.example.", "b.example.", "c.example.", "d.example."

FOUR = Topology.of([zone(name, "ns1", "ns2", "ns3") for name in (A, B, C, D)])
"""Four zones on three servers; ns1 is the primary of all of them."""


def causes(alerts: list[Alert], topology: Topology = FOUR) -> dict[tuple[str, str | None, str], str]:
    return {(k.zone, k.server, k.code): str(cause) for k, cause in fold(alerts, topology).items()}


def test_one_alert_is_its_zones() -> None:
    assert causes([alert(A, "record-differs", "ns2")]) == {(A, "ns2", "record-differs"): f"zone {A}"}


def test_what_is_about_no_server_is_its_zones() -> None:
    assert causes([alert(A, "serial-unordered")]) == {(A, None, "serial-unordered"): f"zone {A}"}


@pytest.mark.parametrize(("bad", "cause"), [(1, f"zone {A}"), (2, f"zone {A}"), (3, "server ns2"), (4, "server ns2")])
def test_a_server_is_at_fault_when_it_fails_for_most_of_its_zones(bad: int, cause: str) -> None:
    alerts = [alert(name, "server-unreachable", "ns2") for name in (A, B, C, D)[:bad]]
    assert causes(alerts)[A, "ns2", "server-unreachable"] == cause


def test_a_server_with_one_zone_is_that_zones_trouble() -> None:
    lonely = Topology.of([zone(A, "ns1", "ns2"), zone(B, "ns1")])
    assert causes([alert(A, "server-unreachable", "ns2")], lonely) == {(A, "ns2", "server-unreachable"): f"zone {A}"}


def test_several_codes_in_one_zone_count_once() -> None:
    alerts = [alert(A, code, "ns2") for code in ("tcp-unreachable", "transfer-failed", "record-differs")]
    assert set(causes(alerts).values()) == {f"zone {A}"}


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.RECOVERING])
def test_what_is_on_its_way_counts_too(phase: Phase) -> None:
    alerts = [
        alert(A, "server-unreachable", "ns2"),
        *(alert(name, "server-unreachable", "ns2", phase=phase) for name in (B, C)),
    ]
    assert set(causes(alerts).values()) == {"server ns2"}


def test_what_is_well_has_no_cause_and_explains_nothing() -> None:
    well = [alert(name, "server-unreachable", "ns2", phase=Phase.OK) for name in (B, C, D)]
    assert causes([alert(A, "server-unreachable", "ns2"), *well]) == {
        (A, "ns2", "server-unreachable"): f"zone {A}",
    }


def test_what_is_only_information_has_no_cause_and_explains_nothing() -> None:
    infos = [replace(alert(name, "ttl-differs", "ns2"), severity=Severity.INFO) for name in (A, B, C)]
    assert causes([*infos, alert(D, "record-differs", "ns2")]) == {(D, "ns2", "record-differs"): f"zone {D}"}


@pytest.mark.parametrize("code", ["server-unreachable", "zone-expired", "serial-late", "tcp-unreachable"])
def test_a_primary_in_trouble_explains_those_that_lag_behind_it(code: str) -> None:
    alerts = [alert(A, code, "ns1"), alert(A, "serial-overdue", "ns2"), alert(A, "expiry-near", "ns3")]
    assert set(causes(alerts).values()) == {f"zone {A}"}


def test_a_dead_primary_of_all_zones_is_one_cause_and_its_secondaries_are_not() -> None:
    alerts = [alert(name, "server-unreachable", "ns1") for name in (A, B, C, D)]
    alerts += [alert(name, "expiry-near", each) for name in (A, B, C, D) for each in ("ns2", "ns3")]
    assert set(causes(alerts).values()) == {"server ns1"}


def test_a_second_fault_is_not_hidden_behind_the_first() -> None:
    alerts = [alert(name, "server-unreachable", "ns1") for name in (A, B, C)]
    alerts += [alert(name, "tcp-unreachable", "ns3") for name in (A, B, C)]
    alerts += [alert(A, "expiry-near", "ns2"), alert(D, "record-differs", "ns2")]
    found = causes(alerts)
    assert found[A, "ns1", "server-unreachable"] == "server ns1"
    assert found[A, "ns3", "tcp-unreachable"] == "server ns3"
    assert found[A, "ns2", "expiry-near"] == "server ns1"
    assert found[D, "ns2", "record-differs"] == f"zone {D}"


def test_a_lag_with_a_good_primary_is_the_secondarys_own() -> None:
    alerts = [alert(name, "serial-stuck", "ns2") for name in (A, B, C)]
    assert set(causes(alerts).values()) == {"server ns2"}


def test_a_primary_with_another_trouble_explains_no_lag() -> None:
    alerts = [alert(A, "record-differs", "ns1"), *(alert(name, "serial-stuck", "ns2") for name in (A, B, C))]
    assert causes(alerts)[A, "ns2", "serial-stuck"] == "server ns2"


def test_each_receiver_that_takes_nothing_is_a_cause_of_its_own() -> None:
    """Not the vantage's: who hears of it is another, and two of them are two troubles."""
    alerts = [alert("", "receiver-failing", subject=name) for name in ("hook", "post")]
    alerts += [alert("", "configuration-refused"), alert("", "store-failing")]
    assert sorted(map(str, fold(alerts, CHAIN).values())) == ["receiver hook", "receiver post", *["vantage local"] * 2]


CHAIN = Topology.of(
    [zone(n, "ns1", "ns2", "ns3", upstream={"ns3": ("ns2",)}) for n in (A, B, C)] + [zone(D, "ns1", "ns2", "ns3")]
)
"""ns1 feeds ns2, which feeds ns3; for zone d ns1 feeds both."""


def test_a_secondary_may_feed_another() -> None:
    alerts = [alert(name, "serial-stuck", each) for name in (A, B, C) for each in ("ns2", "ns3")]
    assert set(causes(alerts, CHAIN).values()) == {"server ns2"}


def test_the_cause_is_sought_up_to_the_top() -> None:
    alerts = [alert(name, "serial-stuck", each) for name in (A, B, C) for each in ("ns2", "ns3")]
    alerts += [alert(name, "server-unreachable", "ns1") for name in (A, B, C)]
    assert set(causes(alerts, CHAIN).values()) == {"server ns1"}


def test_a_server_with_two_upstreams_is_explained_only_when_both_fail_it() -> None:
    both = Topology.of([zone(n, "ns1", "ns2", "ns3", upstream={"ns3": ("ns1", "ns2")}) for n in (A, B, C)])
    lags = [alert(name, "serial-stuck", "ns3") for name in (A, B, C)]
    one = [alert(name, "server-unreachable", "ns1") for name in (A, B, C)]
    two = [alert(name, "server-unreachable", "ns2") for name in (A, B, C)]
    assert causes(lags + one, both)[A, "ns3", "serial-stuck"] == "server ns3"
    assert causes(lags + one + two, both)[A, "ns3", "serial-stuck"] == "server ns1"


def test_servers_that_feed_each_other_in_a_circle_end() -> None:
    circle = Topology.of(
        [zone(A, "ns2", "ns3", primary=None, upstream={"ns2": ("ns3",), "ns3": ("ns2",)}), zone(B, "ns2", "ns3")]
    )
    alerts = [alert(A, "serial-stuck", "ns2"), alert(A, "serial-stuck", "ns3")]
    assert set(causes(alerts, circle).values()) == {f"zone {A}"}


def test_who_feeds_whom() -> None:
    assert CHAIN.feeders(A, "ns3") == ("ns2",)
    assert CHAIN.feeders(D, "ns3") == ("ns1",)
    assert CHAIN.feeders(A, "ns1") == ()
    assert CHAIN.feeders(A, "ns9") == ("ns1",)
    assert CHAIN.feeders("unknown.", "ns2") == ()
    assert Topology.of([zone(A, "ns2", primary=None)]).feeders(A, "ns2") == ()
    assert Topology.of([zone(A, "ns2", upstream={"ns2": ("ns2",)})]).feeders(A, "ns2") == ()


def test_transfers_that_fail_where_tcp_is_dead_are_the_same_trouble() -> None:
    alerts = [alert(name, "tcp-unreachable", "ns1") for name in (A, B, C)] + [alert(D, "transfer-failed", "ns1")]
    assert set(causes(alerts).values()) == {"server ns1"}
    alerts = [alert(A, "tcp-unreachable", "ns1"), alert(A, "transfer-refused", "ns1")]
    assert set(causes(alerts).values()) == {f"zone {A}"}


def test_the_monitors_own_troubles_are_the_vantages() -> None:
    topology = replace(FOUR, vantage="fra1")
    assert causes([alert("", "vantage-blind", subject="ipv6"), alert("", "store-failing")], topology) == {
        ("", None, "vantage-blind"): "vantage fra1",
        ("", None, "store-failing"): "vantage fra1",
    }


def test_a_blind_vantage_explains_what_it_could_not_check() -> None:
    unseen = alert(A, "not-checked", subject="transfer")
    assert causes([unseen]) == {(A, None, "not-checked"): f"zone {A}"}
    assert causes([unseen, alert("", "vantage-blind")])[A, None, "not-checked"] == "vantage local"


def test_when_most_zones_are_not_checked_the_trouble_is_ours() -> None:
    assert set(causes([alert(n, "not-checked") for n in (A, B)]).values()) == {f"zone {A}", f"zone {B}"}
    assert set(causes([alert(n, "not-checked") for n in (A, B, C)]).values()) == {"vantage local"}


def lagging(*bad: tuple[str, str, float], last: float, by: str = "ns2") -> set[str]:
    """Zones that lag at a server since some minute, where the server last took any version at another."""
    taken = {(by, ADDRESSES[by]): minute(last)}
    alerts = [alert(name, "serial-late", each, at=at) for name, each, at in bad]
    many = Topology.of([zone(f"{letter}.example.", "ns1", "ns2", "ns3") for letter in "abcdefgh"])
    return {str(cause) for cause in fold(alerts, many, taken).values()}


def test_a_server_that_lags_in_two_zones_and_has_taken_nothing_since_takes_nothing() -> None:
    assert lagging((A, "ns2", 10), (B, "ns2", 12), last=5) == {"server ns2"}


def test_a_server_that_lags_in_two_zones_and_takes_others_is_not_at_fault() -> None:
    assert lagging((A, "ns2", 10), (B, "ns2", 12), last=13) == {f"zone {A}", f"zone {B}"}


def test_an_older_lag_is_another_matter() -> None:
    """zone a has lagged since long before ns2 stopped taking anything."""
    assert lagging((A, "ns2", 1), (B, "ns2", 12), (C, "ns2", 13), last=5) == {f"zone {A}", "server ns2"}
    assert lagging((A, "ns2", 1), (B, "ns2", 12), last=5) == {f"zone {A}", f"zone {B}"}


def test_a_server_of_which_nothing_is_known_is_given_the_benefit_of_the_doubt() -> None:
    assert lagging((A, "ns3", 10), (B, "ns3", 12), last=5) == {f"zone {A}", f"zone {B}"}


def test_a_lag_that_is_explained_from_above_does_not_accuse_who_lags() -> None:
    dead = [alert(name, "server-unreachable", "ns1") for name in (A, B)]
    lags = [alert(name, "serial-late", "ns2", at=10) for name in (A, B)]
    found = fold(dead + lags, FOUR, {("ns2", ADDRESSES["ns2"]): minute(5)})
    assert {str(found[a.key]) for a in lags} == {f"zone {A}", f"zone {B}"}


def test_what_lags_behind_a_server_that_takes_nothing_shares_its_cause() -> None:
    lags = [alert(name, "serial-late", each, at=10) for name in (A, B) for each in ("ns2", "ns3")]
    found = fold(lags, CHAIN, {("ns2", ADDRESSES["ns2"]): minute(5), ("ns3", ADDRESSES["ns3"]): minute(5)})
    assert {str(cause) for cause in found.values()} == {"server ns2"}


@pytest.mark.parametrize("odd", [{"address": None}, {"server": None, "address": None}], ids=["no address", "no server"])
def test_a_lag_without_a_place_says_nothing_of_what_a_server_takes(odd: dict[str, None]) -> None:
    lags = [alert(name, "serial-late", "ns2", at=10) for name in (A, B)]
    lags = [replace(each, key=replace(each.key, **odd)) for each in lags]
    found = fold(lags, FOUR, {("ns2", ADDRESSES["ns2"]): minute(5)})
    assert {str(cause) for cause in found.values()} == {f"zone {A}", f"zone {B}"}


def test_one_that_is_ahead_of_a_primary_that_went_back_stood_still() -> None:
    alerts = [alert(name, "serial-ahead", each) for name in (A, B, C) for each in ("ns2", "ns3")]
    assert set(causes(alerts).values()) == {"server ns2", "server ns3"}
    alerts += [alert(name, "serial-regressed", "ns1") for name in (A, B, C)]
    assert set(causes(alerts).values()) == {"server ns1"}


def test_only_the_zones_in_which_it_could_show_are_counted() -> None:
    """Four zones; transfers are looked at in two of them, records in one."""
    rule = TransferRule("*", Expectation.REFUSED)
    zones = [zone(name, "ns1", "ns2") for name in (A, B, C, D)]
    zones[0] = replace(zones[0], transfers=(rule,), records=(WantedRecord(A, "TXT"),))
    zones[1] = replace(zones[1], transfers=(rule,))
    topology = Topology.of(zones)
    assert set(causes([alert(name, "transfer-open", "ns2") for name in (A, B)], topology).values()) == {"server ns2"}
    assert set(causes([alert(A, "record-differs", "ns2")], topology).values()) == {f"zone {A}"}
    mixed = [*(alert(name, "transfer-open", "ns2") for name in (A, B)), alert(A, "record-differs", "ns2")]
    assert causes(mixed, topology)[A, "ns2", "record-differs"] == f"zone {A}"


def test_nothing_has_no_cause() -> None:
    assert fold([], FOUR) == {}
    assert fold([], Topology()) == {}


def test_a_server_listed_twice_in_a_zone_serves_it_once() -> None:
    twice = zone(A, "ns1", "ns2")
    twice = replace(twice, servers=(*twice.servers, server("ns2")))
    assert Topology.of([twice]).served == {("ns1", ""): 1, ("ns2", ""): 1}


def test_zones_of_a_roll_are_counted_by_kind_as_they_would_be_one_by_one() -> None:
    rule = TransferRule("*", Expectation.REFUSED)
    zones = [zone(name, "ns1", "ns2") for name in (A, B, C)] + [zone(D, "ns2", "ns3", primary=None)]
    zones[0] = replace(zones[0], transfers=(rule,), records=(WantedRecord(A, "TXT"),))
    roll = Roll.of(zones)
    unused = Roll(roll.names, roll.kinds, (*roll.templates, Zone("", (Server("ns4"),))))
    expected = {
        ("ns1", ""): 3, ("ns2", ""): 4, ("ns3", ""): 1,
        **{(name, scope): 1 for name in ("ns1", "ns2") for scope in ("transfers", "records")},
    }  # fmt: skip
    for known in (zones, roll, unused):
        topology = Topology.of(known)
        assert topology.served == expected
        assert topology.zones == {one.name: one for one in zones}
        assert topology.feeders(A, "ns2") == ("ns1",)


def test_only_codes_that_exist_explain_others() -> None:
    assert set(CODES) >= FEEDS_NOTHING


def test_causes_read_as_words() -> None:
    assert str(Cause("server", "ns2")) == "server ns2"
