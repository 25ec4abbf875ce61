"""Many alerts, one cause: who has what, and whose fault it is."""

from dataclasses import replace

import pytest

from alerting.finding_types import FINDING_TYPES
from alerting.incident import Cause
from alerting.model import Alert, Phase
from alerting.root_cause import (
    BLOCKS_TRANSFERS,
    FAMILIES,
    HIDES_CONTENT,
    INHERITED,
    OF_CONTENT,
    OUT_OF_SERVICE,
    DependencyGraph,
)
from checks.model import Server, Zone
from checks.model.finding_type import Severity
from checks.model.signing import with_signer
from checks.model.zone_table import ZoneTable
from tests.support.alerts import alert, server, zone
from tests.support.at_once import root_causes

A, B, C, D = "a.example.", "b.example.", "c.example.", "d.example."

FOUR = DependencyGraph.of([zone(name, "ns1", "ns2", "ns3") for name in (A, B, C, D)])
"""Four zones on three servers; ns1 is the primary of all of them."""


def causes(alerts: list[Alert], topology: DependencyGraph = FOUR) -> dict[tuple[str, str | None, str], str]:
    return {(k.zone, k.server, k.code): str(cause) for k, cause in root_causes(alerts, topology).items()}


def test_one_alert_is_its_zones() -> None:
    assert causes([alert(A, "record-differs", "ns2")]) == {(A, "ns2", "record-differs"): f"zone {A}"}


def test_what_is_about_no_server_is_its_zones() -> None:
    assert causes([alert(A, "serial-unordered")]) == {(A, None, "serial-unordered"): f"zone {A}"}


@pytest.mark.parametrize(("bad", "cause"), [(1, f"zone {A}"), (2, "server ns2"), (3, "server ns2"), (4, "server ns2")])
def test_what_several_zones_have_at_one_server_is_that_servers(bad: int, cause: str) -> None:
    """Grouping has no cliff: 45 % of a server's zones are one group as 51 % are."""
    alerts = [alert(name, "server-unreachable", "ns2") for name in (A, B, C, D)[:bad]]
    assert causes(alerts)[A, "ns2", "server-unreachable"] == cause


@pytest.mark.parametrize("code", ["serial-ahead", "serial-unordered", "serial-late", "serial-stuck"])
def test_records_of_a_version_that_is_wrong_have_its_cause(code: str) -> None:
    """Whichever was found first: an edit of one zone by hand, at a server whose serials are wrong in others, too."""
    alerts = [alert(name, code, "ns2") for name in (A, B, C)]
    found = causes([*alerts, alert(A, "record-differs", "ns2")])
    assert found[A, "ns2", "record-differs"] == found[A, "ns2", code] == "server ns2"
    found = causes([*alerts, alert(D, "record-differs", "ns2")])
    assert found[D, "ns2", "record-differs"] == f"zone {D}"


def test_an_edit_without_a_new_serial_and_what_comes_of_it_are_one_trouble_of_the_zone() -> None:
    codes = (
        ("serial-unbumped", "ns1"),
        ("record-unexpected", "ns1"),
        ("content-differs", "ns3"),
        ("ns-set-differs", "ns2"),
    )
    assert set(causes([alert(A, code, server) for code, server in codes]).values()) == {f"zone {A}"}


@pytest.mark.parametrize("code", ["unwatched-server", "ns-unresolvable", "ns-alias"])
def test_a_name_in_many_ns_sets_is_one_cause_though_no_zone_is_watched_there(code: str) -> None:
    alerts = [alert(name, code, "ns9.example.net") for name in (A, B, C)]
    assert set(causes(alerts).values()) == {"server ns9.example.net"}
    assert set(causes(alerts[:1]).values()) == {f"zone {A}"}


def test_a_server_with_one_zone_is_that_zones_trouble() -> None:
    lonely = DependencyGraph.of([zone(A, "ns1", "ns2"), zone(B, "ns1")])
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
    """Not the connectivity's: who hears of it is another, and two of them are two troubles."""
    alerts = [alert("", "receiver-failing", subject=name) for name in ("hook", "post")]
    alerts += [alert("", "configuration-refused"), alert("", "database-failing")]
    assert sorted(map(str, root_causes(alerts, CHAIN).values())) == [
        "receiver hook",
        "receiver post",
        *["vantage local"] * 2,
    ]


CHAIN = DependencyGraph.of(
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
    both = DependencyGraph.of([zone(n, "ns1", "ns2", "ns3", upstream={"ns3": ("ns1", "ns2")}) for n in (A, B, C)])
    lags = [alert(name, "serial-stuck", "ns3") for name in (A, B, C)]
    one = [alert(name, "server-unreachable", "ns1") for name in (A, B, C)]
    two = [alert(name, "server-unreachable", "ns2") for name in (A, B, C)]
    assert causes(lags + one, both)[A, "ns3", "serial-stuck"] == "server ns3"
    assert causes(lags + one + two, both)[A, "ns3", "serial-stuck"] == "server ns1"


def test_servers_that_feed_each_other_in_a_circle_end() -> None:
    circle = DependencyGraph.of(
        [zone(A, "ns2", "ns3", primary=None, upstream={"ns2": ("ns3",), "ns3": ("ns2",)}), zone(B, "ns2", "ns3")]
    )
    alerts = [alert(A, "serial-stuck", "ns2"), alert(A, "serial-stuck", "ns3")]
    assert set(causes(alerts, circle).values()) == {f"zone {A}"}


def test_who_feeds_whom() -> None:
    assert CHAIN.upstreams(A, "ns3") == ("ns2",)
    assert CHAIN.upstreams(D, "ns3") == ("ns1",)
    assert CHAIN.upstreams(A, "ns1") == ()
    assert CHAIN.upstreams(A, "ns9") == ("ns1",)
    assert CHAIN.upstreams("unknown.", "ns2") == ()


def test_a_signer_stands_between_the_primary_and_all_others() -> None:
    bare = zone(A, "ns1", "ns2", "ns3")
    graph = DependencyGraph.of([replace(bare, servers=with_signer(bare.servers, "ns1", "ns2"), signer="ns2")])
    assert [graph.upstreams(bare.name, name) for name in ("ns1", "ns2", "ns3")] == [(), ("ns1",), ("ns2",)]
    assert DependencyGraph.of([zone(A, "ns2", primary=None)]).upstreams(A, "ns2") == ()
    assert DependencyGraph.of([zone(A, "ns2", upstream={"ns2": ("ns2",)})]).upstreams(A, "ns2") == ()


def test_transfers_that_fail_where_tcp_is_dead_are_the_same_trouble() -> None:
    alerts = [alert(name, "tcp-unreachable", "ns1") for name in (A, B, C)] + [alert(D, "transfer-failed", "ns1")]
    assert set(causes(alerts).values()) == {"server ns1"}
    alerts = [alert(A, "tcp-unreachable", "ns1"), alert(A, "transfer-refused", "ns1")]
    assert set(causes(alerts).values()) == {f"zone {A}"}


@pytest.mark.parametrize(
    ("tls", "failed", "subject", "cause"),
    [
        ("tls-unreachable", "transfer-failed", "key xfr, must be allowed over TLS", "server ns1"),
        ("tls-certificate-expired", "transfer-failed", "no key, must be allowed over TLS from ::1", "server ns1"),
        ("tls-certificate-invalid", "transfer-failed", "key xfr, must be allowed", f"zone {A}"),
        ("tls-certificate-expiring", "transfer-failed", "key xfr, must be allowed over TLS", f"zone {A}"),
        ("tls-unreachable", "transfer-refused", "key xfr, must be allowed over TLS", f"zone {A}"),
    ],
)
def test_transfers_over_tls_that_fail_where_tls_does_are_the_same_trouble(
    tls: str, failed: str, subject: str, cause: str
) -> None:
    """Though one zone alone is to be given over TLS, at two servers."""
    every = [alert(name, tls, one) for name in (A, B, C) for one in ("ns1", "ns2")]
    alone = [alert(A, failed, one, subject=subject) for one in ("ns1", "ns2")]
    assert causes([*every, *alone])[A, "ns1", failed] == cause
    assert set(causes([alert(A, tls, "ns1"), alone[0]]).values()) == {f"zone {A}"}


def test_updates_that_a_dead_server_does_not_take_are_the_same_trouble() -> None:
    alerts = [alert(name, "server-unreachable", "ns1") for name in (A, B, C)] + [
        alert(D, "canary-update-failed", "ns1")
    ]
    assert set(causes(alerts).values()) == {"server ns1"}
    alone = [alert(A, "canary-update-failed", "ns1")]
    assert set(causes(alone).values()) == {f"zone {A}"}


def test_a_canary_that_is_late_and_a_serial_that_is_are_the_same_trouble() -> None:
    alerts = [alert(name, code, "ns2") for name in (A, B, C) for code in ("serial-late", "canary-late")]
    assert set(causes(alerts).values()) == {"server ns2"}


def test_the_monitors_own_troubles_are_the_vantages() -> None:
    topology = replace(FOUR, vantage="fra1")
    assert causes([alert("", "monitor-offline", subject="ipv6"), alert("", "database-failing")], topology) == {
        ("", None, "monitor-offline"): "vantage fra1",
        ("", None, "database-failing"): "vantage fra1",
    }


def test_a_offline_vantage_explains_what_it_could_not_check() -> None:
    unseen = alert(A, "not-checked", subject="transfer")
    assert causes([unseen]) == {(A, None, "not-checked"): f"zone {A}"}
    assert causes([unseen, alert("", "monitor-offline")])[A, None, "not-checked"] == "vantage local"


def test_when_most_zones_are_not_checked_the_trouble_is_ours() -> None:
    assert set(causes([alert(n, "not-checked") for n in (A, B)]).values()) == {f"zone {A}", f"zone {B}"}
    assert set(causes([alert(n, "not-checked") for n in (A, B, C)]).values()) == {"vantage local"}


@pytest.mark.parametrize("share", [2, 45, 51, 100])
@pytest.mark.parametrize("code", ["zone-not-served", "serial-late", "transfer-refused", "record-differs", "new-code"])
def test_any_share_of_a_servers_zones_is_one_group(share: int, code: str) -> None:
    names = [f"z{n}.example." for n in range(100)]
    topology = DependencyGraph.of([zone(name, "ns1", "ns2", "ns3") for name in names])
    alerts = [alert(name, code, "ns2") for name in names[:share]]
    assert set(causes(alerts, topology).values()) == {"server ns2"}


def test_what_one_zone_has_at_several_servers_is_that_zones() -> None:
    alerts = [alert(A, "serial-late", each) for each in ("ns2", "ns3")] + [alert(B, "serial-late", "ns2")]
    found = causes(alerts)
    assert set(found.values()) == {f"zone {A}", f"zone {B}"}


def test_of_zones_that_are_bad_at_two_servers_each_server_is_a_group() -> None:
    names = [f"z{n}.example." for n in range(100)]
    topology = DependencyGraph.of([zone(name, "ns1", "ns2", "ns3") for name in names])
    alerts = [alert(name, "zone-not-served", each) for name in names[:45] for each in ("ns2", "ns3")]
    assert set(causes(alerts, topology).values()) == {"server ns2", "server ns3"}


def test_two_servers_that_fail_for_all_of_few_zones_are_at_fault_each() -> None:
    both = DependencyGraph.of([zone(name, "ns1", "ns2", "ns3") for name in (A, B)])
    alerts = [alert(name, "server-unreachable", each) for name in (A, B) for each in ("ns1", "ns2", "ns3")]
    assert set(causes(alerts, both).values()) == {"server ns1", "server ns2", "server ns3"}


def test_another_trouble_of_one_zone_is_not_its_servers_whatever_else_that_has() -> None:
    """The primary of one zone went back, while a secondary's TCP is dead for all of its zones."""
    dead = [alert(name, "tcp-unreachable", "ns2") for name in (A, B, C, D)]
    found = causes([*dead, alert(A, "serial-regressed", "ns1"), alert(A, "serial-ahead", "ns2")])
    assert {found[each.key.zone, "ns2", "tcp-unreachable"] for each in dead} == {"server ns2"}
    assert found[A, "ns1", "serial-regressed"] == found[A, "ns2", "serial-ahead"] == f"zone {A}"


def test_a_primary_that_is_cut_off_does_not_explain_a_serial_that_went_back() -> None:
    dead = [alert(name, "server-unreachable", "ns1") for name in (A, B, C, D)]
    found = causes([*dead, alert(A, "serial-regressed", "ns1"), alert(A, "serial-ahead", "ns3")])
    assert found[A, "ns1", "server-unreachable"] == "server ns1"
    assert found[A, "ns1", "serial-regressed"] == found[A, "ns3", "serial-ahead"] == f"zone {A}"


def test_a_server_that_does_not_serve_a_few_zones_explains_their_transfers_and_no_others() -> None:
    many = DependencyGraph.of([zone(f"z{n}.example.", "ns1", "ns2") for n in range(100)])
    alerts = [alert(f"z{n}.example.", code, "ns2") for n in range(3) for code in ("zone-not-served", "transfer-failed")]
    alerts.append(alert("z9.example.", "serial-late", "ns2"))
    found = causes(alerts, many)
    assert found["z0.example.", "ns2", "transfer-failed"] == "server ns2"
    assert found["z9.example.", "ns2", "serial-late"] == "zone z9.example."


def test_what_lags_behind_a_server_that_lags_shares_its_cause() -> None:
    lags = [alert(name, "serial-late", each, at=10) for name in (A, B) for each in ("ns2", "ns3")]
    assert {str(cause) for cause in root_causes(lags, CHAIN).values()} == {"server ns2"}


def test_one_that_is_ahead_of_a_primary_that_went_back_stood_still() -> None:
    alerts = [alert(name, "serial-ahead", each) for name in (A, B, C) for each in ("ns2", "ns3")]
    assert set(causes(alerts).values()) == {"server ns2", "server ns3"}
    alerts += [alert(name, "serial-regressed", "ns1") for name in (A, B, C)]
    assert set(causes(alerts).values()) == {"server ns1"}


def test_nothing_has_no_cause() -> None:
    assert root_causes([], FOUR) == {}
    assert root_causes([], DependencyGraph()) == {}


def test_a_server_listed_twice_in_a_zone_serves_it_once() -> None:
    twice = zone(A, "ns1", "ns2")
    twice = replace(twice, servers=(*twice.servers, server("ns2")))
    assert DependencyGraph.of([twice]).served == {"ns1": 1, "ns2": 1}


def test_zones_of_a_table_are_counted_by_kind_as_they_would_be_one_by_one() -> None:
    zones = [zone(name, "ns1", "ns2") for name in (A, B, C)] + [zone(D, "ns2", "ns3", primary=None)]
    zone_table = ZoneTable.of(zones)
    unused = ZoneTable(zone_table.names, zone_table.template_ids, (*zone_table.templates, Zone("", (Server("ns4"),))))
    expected = {"ns1": 3, "ns2": 4, "ns3": 1}
    for known in (zones, zone_table, unused):
        topology = DependencyGraph.of(known)
        assert topology.served == expected
        assert topology.zones == {one.name: one for one in zones}
        assert topology.upstreams(A, "ns2") == ("ns1",)


def test_what_a_code_explains_follows_from_its_type() -> None:
    assert HIDES_CONTENT < OUT_OF_SERVICE < BLOCKS_TRANSFERS
    assert INHERITED < BLOCKS_TRANSFERS
    assert not OUT_OF_SERVICE & {found.code for found in FINDING_TYPES.values() if found.severity is Severity.INFO}
    assert OF_CONTENT.isdisjoint(OUT_OF_SERVICE - INHERITED)
    assert FAMILIES.keys() == FINDING_TYPES.keys()


def test_causes_read_as_words() -> None:
    assert str(Cause("server", "ns2")) == "server ns2"
