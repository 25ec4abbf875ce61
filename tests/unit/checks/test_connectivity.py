"""Who answers over which family → over which the monitor is offline."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.common.persistent_map import PersistentMap
from checks.evaluation import run_check
from checks.model import Address, Family, Health, Outcome, TransferResult, Transport, Zone, ZonePoll
from checks.reachable import Reachable
from checks.zone_state.connectivity import (
    Connectivity,
    ServerAddress,
    keep_only,
    mask_offline,
    offline_explanation,
    offline_families,
    record_answers,
    record_poll,
)
from checks.zone_state.model import ZoneState
from tests.support.observations import NOON, checked_at, gather, look, pulled, query, seen, server, zone

DUAL = zone(server("ns1", "192.0.2.1", "2001:db8::1"), server("ns2", "192.0.2.2", "2001:db8::2"))
SINGLE6 = zone(server("ns1", "192.0.2.1", "2001:db8::1"), "ns2")
SINGLE4 = zone(server("ns1", "192.0.2.1", "2001:db8::1"), server("ns2", "2001:db8::2"))
ONLY6 = zone(server("ns1", "192.0.2.1"), server("ns2", "2001:db8::2"))
THREE = zone(*DUAL.servers, server("ns3", "192.0.2.3"))
LONELY = zone(DUAL.servers[0])
TWICE6 = zone(server("ns1", "192.0.2.1", "2001:db8::1", "2001:db8::11"))
TWO_EACH = zone(server("ns1", "192.0.2.1", "192.0.2.11"), "ns2")


def heard(zone: Zone, *looks: dict[str, str]) -> Connectivity:
    connectivity = Connectivity()
    for tokens in looks:
        connectivity = record_poll(connectivity, checked_at(zone, tokens, NOON))
    return connectivity


BOTH_DEAD = {"ns1": "-", "ns1/1": "-", "ns2": "-", "ns2/1": "-"}
ALL = {"ns1": "10", "ns1/1": "10", "ns2": "10", "ns2/1": "10"}
ROWS: list[tuple[str, Zone, list[dict[str, str]], tuple[str, ...]]] = [
    ("all answer", DUAL, [ALL], ()),
    ("nothing asked yet", DUAL, [], ()),
    ("nothing over IPv6", DUAL, [ALL | {"ns1/1": "-", "ns2/1": "-"}], ("ipv6",)),
    ("nothing over IPv4", DUAL, [ALL | {"ns1": "-", "ns2": "unreachable"}], ("ipv4",)),
    ("nothing at all", DUAL, [dict.fromkeys(ALL, "-")], ("ipv4", "ipv6")),
    ("no route", DUAL, [ALL | {"ns1/1": "?", "ns2/1": "?"}], ("ipv6",)),
    ("one server down", DUAL, [ALL | {"ns1": "-", "ns1/1": "-"}], ()),
    ("a closed port came back", DUAL, [ALL | {"ns1/1": "-", "ns2/1": "refused-connection"}], ()),
    ("garbage came back", DUAL, [ALL | {"ns1/1": "-", "ns2/1": "malformed"}], ()),
    ("something else came back", DUAL, [ALL | {"ns1/1": "-", "ns2/1": "mismatched"}], ()),
    ("an error came back", DUAL, [ALL | {"ns1/1": "-", "ns2/1": "REFUSED"}], ()),
    ("one IPv6 address in all, and IPv4 works", SINGLE6, [{"ns1": "10", "ns1/1": "-", "ns2": "10"}], ("ipv6",)),
    ("one IPv6 address in all, no route to it", SINGLE6, [{"ns1": "10", "ns1/1": "?", "ns2": "10"}], ("ipv6",)),
    ("one IPv4 address in all, and IPv6 works", SINGLE4, [{"ns1": "-", "ns1/1": "10", "ns2": "10"}], ("ipv4",)),
    ("a server that has nothing but IPv6", ONLY6, [{"ns1": "10", "ns2": "-"}], ("ipv6",)),
    ("it answered before", ONLY6, [{"ns1": "10", "ns2": "10"}, {"ns1": "10", "ns2": "-"}], ("ipv6",)),
    ("the only server with IPv6 is dead itself", SINGLE6, [{"ns1": "-", "ns1/1": "-", "ns2": "10"}], ()),
    ("both that have IPv6 are dead themselves", THREE, [{**BOTH_DEAD, "ns3": "10"}], ()),
    ("one of them is dead, the other is heard over IPv4", THREE, [{**BOTH_DEAD, "ns2": "10"}], ("ipv6",)),
    ("all three are dead, so IPv4 does not work either", THREE, [{**BOTH_DEAD, "ns3": "-"}], ("ipv4", "ipv6")),
    ("one server with both families is dead, and there is no other", LONELY, [{"ns1": "-", "ns1/1": "-"}], ()),
    ("one server, dead over IPv6", LONELY, [{"ns1": "10", "ns1/1": "-"}], ("ipv6",)),
    ("another IPv6 address of the same server answers", TWICE6, [{"ns1": "10", "ns1/1": "-", "ns1/2": "10"}], ()),
    ("two addresses of one server are one server", TWO_EACH, [{"ns1": "-", "ns1/1": "-"}], ()),
    ("every address counts", TWO_EACH, [{"ns1": "-", "ns1/1": "10", "ns2": "-"}], ()),
    ("the latest word counts", DUAL, [ALL, dict.fromkeys(ALL, "-")], ("ipv4", "ipv6")),
    ("sight comes back", DUAL, [dict.fromkeys(ALL, "-"), {"ns2/1": "10"}], ("ipv4",)),
]


@pytest.mark.parametrize(("title", "where", "looks", "expected"), ROWS, ids=[title for title, *_ in ROWS])
def test_row(title: str, where: Zone, looks: list[dict[str, str]], expected: tuple[str, ...]) -> None:
    assert offline_families(heard(where, *looks)) == expected


ACCOUNTS = [
    (
        SINGLE6, {"ns1": "10", "ns1/1": "-", "ns2": "10"},
        (
            "nothing answers over ipv6, where only ns1 is asked, while ipv4 works: "
            "either this monitor is cut off there, or that server is; results over ipv6 are suspended"
        ),
    ),
    (
        DUAL, ALL | {"ns1/1": "-", "ns2/1": "?"},
        "no server answers over ipv6 (2 are asked), while ipv4 works: most likely this monitor is cut off",
    ),
    (DUAL, dict.fromkeys(ALL, "-"), "no server answers over ipv6 (2 are asked): most likely this monitor is cut off"),
]  # fmt: skip


@pytest.mark.parametrize(("where", "tokens", "words"), ACCOUNTS)
def test_what_is_said_of_a_dark_family(where: Zone, tokens: dict[str, str], words: str) -> None:
    assert offline_explanation(heard(where, tokens), Family.IPV6) == words


def test_the_one_server_of_a_family_that_is_dead_is_accused_as_soon_as_another_of_that_family_answers() -> None:
    """The kind: whose fault silence is turns on who else is heard over that family, in whatever zone."""
    tokens = {"ns1": "10", "ns1/1": "-", "ns2": "10"}
    connectivity = heard(SINGLE6, tokens)
    assert offline_families(connectivity) == ("ipv6",)
    other = zone(server("ns9", "2001:db8::9"), name="other.example.")
    seeing = record_poll(connectivity, checked_at(other, {"ns9": "10"}, NOON))
    assert offline_families(seeing) == ()
    poll = checked_at(SINGLE6, tokens, NOON)
    assert mask_offline(seeing, poll) is poll


def test_nothing_new_is_the_very_same_object() -> None:
    connectivity = heard(DUAL, ALL)
    assert record_poll(connectivity, checked_at(DUAL, ALL, NOON)) is connectivity
    assert record_poll(connectivity, checked_at(DUAL, {"ns1": "REFUSED"}, NOON)) is connectivity


def test_an_address_that_answers_over_one_transport_answers() -> None:
    first = checked_at(DUAL, {"ns1": "10", "ns2": "-"}, NOON)
    second = checked_at(DUAL, {"ns1": "-", "ns2": "-"}, NOON)
    assert offline_families(record_poll(Connectivity(), gather(DUAL, "reachable", *first.seen, *second.seen))) == ()


def test_what_is_asked_over_tls_says_nothing_of_the_family() -> None:
    """Few servers have it, and a port that is shut may be silent."""
    silent = [seen(query(DUAL, name, transport=Transport.TLS), "-") for name in ("ns1", "ns2")]
    answer = seen(query(DUAL, "ns1", transport=Transport.TLS), "10")
    assert record_poll(Connectivity(), gather(DUAL, "tls", *silent, answer)) == Connectivity()


@pytest.mark.parametrize("came", ["tcp", "anywhere"])
def test_silence_over_udp_says_nothing_against_what_came_another_way(came: str) -> None:
    """The kind: a check that asks over UDP alone, about the one IPv6 server, whose UDP is dead and whose TCP is not."""
    alive = {"ns1": "10", "ns2": "-"}
    by = query(ONLY6, "ns2", transport=Transport.TCP if came == "tcp" else Transport.UDP)
    answer = seen(replace(by, anywhere=came == "anywhere"), "10" if came == "tcp" else "mismatched")
    every = gather(ONLY6, "reachable", *checked_at(ONLY6, alive, NOON).seen, answer)
    for first in (every, checked_at(ONLY6, alive, NOON)):
        connectivity = record_poll(
            record_poll(record_poll(Connectivity(), first), every), checked_at(ONLY6, alive, NOON)
        )
        assert offline_families(connectivity) == ()
    silent = gather(ONLY6, "reachable", *checked_at(ONLY6, alive, NOON).seen, seen(answer.query, "-"))
    assert offline_families(record_poll(connectivity, silent)) == ("ipv6",)


def test_what_is_told_of_zones_that_are_steady_counts_as_heard_over_udp_or_not_at_all() -> None:
    place, zone_ = ("ns2", ONLY6.servers[1].addresses[0]), ONLY6.name
    seeing = record_answers(heard(ONLY6, {"ns1": "10"}), {place: True}, zone_, NOON)
    assert offline_families(seeing) == ()
    assert record_answers(seeing, {place: True}, zone_, NOON) is seeing
    assert record_answers(seeing, {place: False}, "other.example.", NOON) is seeing, "it is another zone's silence"
    silent = record_answers(seeing, {place: False}, zone_, NOON)
    assert offline_families(silent) == ("ipv6",)
    assert record_answers(silent, {place: True}, zone_, NOON - timedelta(seconds=1)) is silent, "that was before"
    assert offline_families(record_answers(silent, {place: True}, zone_, NOON)) == ()
    kept = keep_only(silent, {place})
    assert record_answers(kept, {place: True}, zone_, NOON - timedelta(seconds=1)) is kept


def test_silence_of_any_kind_is_heard_of_over_udp_once_udp_brings_something() -> None:
    """The kind: an address that was heard over TCP when it was thought silent, as if only TCP could tell of its end.

    All zones are asked over UDP at each sweep, and few over TCP: so long the monitor would not notice that it is
    offline, and accuse the servers of zones meanwhile.
    """
    both = [seen(query(ONLY6, "ns2", transport=how), "10") for how in (Transport.TCP, Transport.UDP)]
    alone = gather(ONLY6, "reachable", *checked_at(ONLY6, {"ns1": "10"}, NOON).seen, both[0])
    place, other = ("ns2", ONLY6.servers[1].addresses[0]), replace(ONLY6, name="other.example.")
    by_tcp = record_poll(Connectivity(), alone)
    assert by_tcp.by[place] == (ONLY6.name, "tcp")
    assert record_answers(by_tcp, {place: False}, ONLY6.name, NOON) is by_tcp, "over UDP alone"
    by_both = record_poll(Connectivity(), replace(alone, seen=(*alone.seen, both[1])))
    told = record_answers(by_tcp, {place: True}, other.name, NOON)
    polled = record_poll(by_tcp, checked_at(other, {"ns2": "10"}, NOON))
    assert (by_both.by[place], told.by[place], polled.by[place]) == (
        (ONLY6.name, "udp"), (other.name, "udp"), (other.name, "udp"),
    )  # fmt: skip
    for known in (told, polled):
        assert offline_families(record_poll(known, checked_at(other, {"ns1": "10", "ns2": "-"}, NOON))) == ("ipv6",)


def test_silence_over_a_offline_family_becomes_unasked_and_the_rest_stays() -> None:
    tokens = ALL | {"ns1/1": "-", "ns2/1": "unreachable", "ns2": "-"}
    poll = checked_at(DUAL, tokens, NOON)
    excused = mask_offline(heard(DUAL, tokens), poll)
    assert {(o.server, str(o.address)): o.outcome for o in excused.seen} == {
        ("ns1", "192.0.2.1"): Outcome.ANSWERED,
        ("ns1", "2001:db8::1"): Outcome.UNASKED,
        ("ns2", "192.0.2.2"): Outcome.TIMEOUT,
        ("ns2", "2001:db8::2"): Outcome.UNASKED,
    }
    assert {o.detail for o in excused.seen if o.outcome is Outcome.UNASKED} == {"the monitor is offline over ipv6"}


def test_a_seeing_vantage_excuses_nothing() -> None:
    poll = checked_at(DUAL, ALL | {"ns1": "-"}, NOON)
    assert mask_offline(heard(DUAL, ALL), poll) is poll
    answered: ZonePoll = look(DUAL, NOON, ns1=10)
    assert mask_offline(heard(DUAL, ALL | {"ns1/1": "-", "ns2/1": "-"}), answered) is answered


def test_a_transfer_that_timed_out_blindly_says_nothing() -> None:
    one = pulled(query(DUAL, "ns1", "AXFR"), TransferResult.TIMEOUT)
    excused = mask_offline(heard(DUAL, dict.fromkeys(ALL, "-")), gather(DUAL, "transfer", one))
    assert (excused.seen[0].outcome, excused.seen[0].transfer) == (Outcome.UNASKED, None)


def test_addresses_that_left_prove_nothing_any_more() -> None:
    where = zone("ns1", "ns2", server("ns3", "192.0.2.3", "192.0.2.33"))
    connectivity = heard(where, {"ns1": "-", "ns2": "-", "ns3": "-", "ns3/1": "10"})
    ns1, ns2, ns3, old = [(one.name, address) for one, address in where.server_addresses()]
    assert offline_families(connectivity) == ()
    assert offline_families(keep_only(connectivity, {ns1, ns2, ns3})) == ("ipv4",)
    assert offline_families(keep_only(connectivity, {ns1, old})) == ()
    assert keep_only(connectivity, {ns1, ns2, ns3, old}) == connectivity


def test_a_offline_monitor_finds_nothing_wrong_and_nothing_right() -> None:
    pair = zone()
    every = [seen(q, "-") for q in Reachable().queries(pair, ())]
    poll = gather(pair, "reachable", *every)
    connectivity = record_poll(Connectivity(), poll)
    assert run_check(Reachable(), pair, poll, ZoneState(pair.name)).health is Health.BAD
    assert run_check(Reachable(), pair, mask_offline(connectivity, poll), ZoneState(pair.name)).health is Health.UNKNOWN


@pytest.mark.parametrize("others", [1, 4, 29])
def test_servers_that_drop_one_zone_only_are_heard_and_accused(others: int) -> None:
    """The kind: the silence of one zone outweighs the answers of all others, and nobody is ever told of it."""
    names = [f"z{n}.example." for n in range(others)]
    bad = zone("ns1", "ns2", "ns3", name="dropped.example.")
    connectivity = Connectivity()
    for _ in range(5):
        for name in names:
            connectivity = record_poll(
                connectivity,
                checked_at(zone("ns1", "ns2", "ns3", name=name), dict.fromkeys(("ns1", "ns2", "ns3"), "10"), NOON),
            )
        silent = checked_at(bad, dict.fromkeys(("ns1", "ns2", "ns3"), "-"), NOON)
        connectivity = record_poll(connectivity, silent)
        assert offline_families(connectivity) == ()
        assert mask_offline(connectivity, silent) is silent


def test_a_monitor_that_is_cut_off_is_offline_once_the_zone_it_heard_last_is_silent_too() -> None:
    zones = [zone("ns1", "ns2", name=f"z{n}.example.") for n in range(4)]
    connectivity = Connectivity()
    for one in zones:
        connectivity = record_poll(connectivity, checked_at(one, {"ns1": "10", "ns2": "10"}, NOON))
    for one in reversed(zones):
        connectivity = record_poll(connectivity, checked_at(one, {"ns1": "-", "ns2": "-"}, NOON))
    assert offline_families(connectivity) == ("ipv4",)
    gone = keep_only(
        record_poll(Connectivity(), checked_at(zones[0], {"ns1": "10", "ns2": "10"}, NOON)), set(connectivity.heard)
    )
    assert offline_families(record_poll(gone, checked_at(zones[1], {"ns1": "-", "ns2": "-"}, NOON))) == ("ipv4",)


def test_keeping_what_was_heard_of_nobody_changes_nothing() -> None:
    assert keep_only(Connectivity(), set()) == Connectivity()


PLACES = tuple((f"ns{n}", Address(host.format(n))) for n in range(4) for host in ("192.0.2.{}", "2001:db8::{}"))
NEWS = st.lists(st.dictionaries(st.sampled_from(PLACES), st.booleans(), min_size=1), max_size=20)


def offline_by_all(heard: Mapping[ServerAddress, bool]) -> tuple[Family, ...]:
    """The rule, by looking at everything that was heard."""
    alive = {family: {s for (s, at), told in heard.items() if told and at.family is family} for family in Family}
    asked = {family: {server for server, at in heard if at.family is family} for family in Family}
    found = []
    for family, other in ((Family.IPV4, Family.IPV6), (Family.IPV6, Family.IPV4)):
        dead = asked[other] - alive[other]
        ours = bool(asked[family] - dead) if alive[other] else len(asked[family]) > 1
        found += [family] if ours and not alive[family] else []
    return tuple(found)


@given(NEWS)
def test_what_is_kept_of_servers_comes_to_what_all_that_was_heard_comes_to(
    news: list[dict[ServerAddress, bool]],
) -> None:
    connectivity, whole, past = Connectivity(), dict[ServerAddress, bool](), list[tuple[Connectivity, int]]()
    for told in news:
        connectivity = record_answers(connectivity, told, "", NOON)
        whole |= told
        past.append((connectivity, sum(connectivity.heard.values())))
        assert connectivity.heard == whole
        assert set(offline_families(connectivity)) == set(offline_by_all(whole))
        some = {place for place in whole if place[0] != "ns0"}
        left = keep_only(connectivity, some)
        assert set(offline_families(left)) == set(offline_by_all({place: whole[place] for place in some}))
    assert all(sum(then.heard.values()) == heard for then, heard in past), "what was known is not changed by what is"


def test_a_map_of_very_many_is_as_it_was_whatever_is_made_of_it() -> None:
    first = PersistentMap(dict.fromkeys(range(100), 0))
    second = first.updated({5: 1, 200: 1})
    third = second.updated(dict.fromkeys(range(50), 2))
    assert (len(first), len(second), len(third)) == (100, 101, 101)
    assert [(one[5], one.get(200), one[60]) for one in (first, second, third)] == [(0, None, 0), (1, 1, 0), (2, 1, 0)]
    assert list(second) == [*range(100), 200]
    assert dict(third.items()) == {**dict.fromkeys(range(100), 0), 200: 1, **dict.fromkeys(range(50), 2)}
