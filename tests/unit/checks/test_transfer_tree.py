"""Who has the zone from whom, and at which hop a new version is held up, for trees of several shapes."""

from dataclasses import replace

import pytest

from checks.common.transfer_tree import TransferHop, transfer_tree, upstreams_of
from checks.model import Server, Zone
from checks.model.signing import with_signer
from checks.zone_state.model import ZoneState
from tests.support.observations import NOON, server, story, zone


def below(name: str, *upstream: str, places: tuple[str, ...] = ()) -> Server:
    return replace(server(name, *places), upstream=upstream)


CHAIN = zone("ns1", "ns2", below("ns3", "ns2"), below("ns4", "ns3"))
TWO = zone("ns1", "ns2", "ns3", below("ns4", "ns2", "ns3"))
AWAY = zone("ns1", below("ns2", "other"), below("ns3", "ns2"))
EQUALS = zone("ns1", below("ns2", "ns1"), primary=None)


def hops(zone: Zone, **does: str) -> list[str]:
    """For each server: depth and name; "late" with the minute since when; whom it waits for."""
    last = story(zone, does)[-1]
    return [_words(hop) for hop in transfer_tree(zone, last.zone_state)]


def _words(hop: TransferHop) -> str:
    words = [f"{hop.depth} {hop.server}"]
    words += [] if hop.answers else ["silent"]
    words += [f"late {(hop.behind_since - NOON).seconds // 60}"] if hop.behind_since is not None else []
    words += [f"by {hop.waits_for}"] if hop.waits_for is not None else []
    return ", ".join(words)


@pytest.mark.parametrize(
    ("tree", "does", "said"),
    [
        (CHAIN, {"ns1": "10", "ns2": "10", "ns3": "10", "ns4": "10"}, "0 ns1; 1 ns2; 2 ns3; 3 ns4"),
        (
            CHAIN,
            {"ns1": "10 11", "ns2": "10*2", "ns3": "10*2", "ns4": "10*2"},
            "0 ns1; 1 ns2, late 1; 2 ns3, late 1, by ns2; 3 ns4, late 1, by ns2",
        ),
        (
            CHAIN,
            {"ns1": "10 11", "ns2": "10 11", "ns3": "10*2", "ns4": "10*2"},
            "0 ns1; 1 ns2; 2 ns3, late 1; 3 ns4, late 1, by ns3",
        ),
        (
            CHAIN,
            {"ns1": "10 11 12", "ns2": "10 11 11", "ns3": "10*3", "ns4": "10*3"},
            "0 ns1; 1 ns2, late 2; 2 ns3, late 1; 3 ns4, late 1, by ns3",
        ),
        (
            CHAIN,
            {"ns1": "10 11", "ns2": "10 11", "ns3": "10 -", "ns4": "10*2"},
            "0 ns1; 1 ns2; 2 ns3, silent, late 1; 3 ns4, late 1, by ns3",
        ),
        (CHAIN, {"ns1": "10", "ns2": "-", "ns3": "10", "ns4": "10"}, "0 ns1; 1 ns2, silent; 2 ns3; 3 ns4"),
        (
            TWO,
            {"ns1": "10 11", "ns2": "10*2", "ns3": "10*2", "ns4": "10*2"},
            "0 ns1; 1 ns2, late 1; 2 ns4, late 1, by ns2; 1 ns3, late 1",
        ),
        (
            TWO,
            {"ns1": "10 11", "ns2": "10*2", "ns3": "10 11", "ns4": "10*2"},
            "0 ns1; 1 ns2, late 1; 2 ns4, late 1; 1 ns3",
        ),
        (AWAY, {"ns1": "10 11", "ns2": "10*2", "ns3": "10*2"}, "0 ns1; 1 ns2, late 1; 2 ns3, late 1, by ns2"),
        (EQUALS, {"ns1": "10 11", "ns2": "10*2"}, "0 ns1; 1 ns2, late 1"),
        (EQUALS, {"ns1": "10*2", "ns2": "10 11"}, "0 ns1, late 1; 1 ns2"),
        (zone(primary=None), {"ns1": "10", "ns2": "10"}, ""),
    ],
)  # fmt: skip
def test_who_is_late_waits_for_the_first_hop_that_hands_nothing_on(tree: Zone, does: dict[str, str], said: str) -> None:
    assert "; ".join(hops(tree, **does)) == said


def test_a_server_is_as_late_as_its_latest_address() -> None:
    tree = zone("ns1", below("ns2", places=("192.0.2.2", "192.0.2.3")), below("ns3", "ns2"))
    does = {"ns1": "10 11 12", "ns2": "10 11 11", "ns2/1": "10*3", "ns3": "10*3"}
    assert hops(tree, **does) == ["0 ns1", "1 ns2, late 1", "2 ns3, late 1"]


def test_a_signer_is_held_up_by_itself_and_holds_up_who_follows_it() -> None:
    servers = with_signer((server("ns1"), server("ns2"), server("ns3")), "ns1", "ns2")
    signed = zone(*servers, signer="ns2")
    assert hops(signed, ns1="10*2", ns2="500*2", ns3="500*2") == ["0 ns1", "1 ns2", "2 ns3"]
    assert hops(signed, ns1="10 11", ns2="500*2", ns3="500*2") == ["0 ns1", "1 ns2, late 1", "2 ns3"]
    assert hops(signed, ns1="10 11", ns2="500 501", ns3="500*2") == ["0 ns1", "1 ns2", "2 ns3, late 1"]


def test_another_providers_servers_are_below_nobody_that_is_known() -> None:
    """Their serials are their own, so they cannot have the zone by transfer from the primary, nor from its signer."""
    a, b = (server(name, group="other") for name in ("ns4", "ns5"))
    providers = zone("ns1", "ns2", a, replace(b, upstream=("ns4",)))
    assert hops(providers, ns1="10", ns2="10", ns4="900", ns5="900") == ["0 ns1", "1 ns2", "0 ns4", "1 ns5"]
    signed = zone(*with_signer((server("ns1"), server("ns2"), server("ns3"), a), "ns1", "ns2"), signer="ns2")
    assert hops(signed, ns1="10", ns2="500", ns3="500", ns4="900") == ["0 ns1", "1 ns2", "2 ns3", "0 ns4"]
    assert [upstreams_of(signed, name) for name in ("ns2", "ns3", "ns4")] == [("ns1",), ("ns2",), ()]


def test_of_a_zone_that_was_never_looked_at_the_tree_is_known_all_the_same() -> None:
    assert [_words(hop) for hop in transfer_tree(CHAIN, ZoneState(CHAIN.name))] == [
        "0 ns1, silent",
        "1 ns2, silent",
        "2 ns3, silent",
        "3 ns4, silent",
    ]


def test_upstreams_are_those_that_are_named_or_the_primary() -> None:
    assert upstreams_of(CHAIN, "ns1") == ()
    assert upstreams_of(CHAIN, "ns2") == upstreams_of(CHAIN, "nobody") == ("ns1",)
    assert upstreams_of(CHAIN, "ns4") == ("ns3",)
    assert upstreams_of(zone(below("ns2", "ns2", "ns3"), primary=None), "ns2") == ("ns3",)
    assert upstreams_of(EQUALS, "ns1") == ()
