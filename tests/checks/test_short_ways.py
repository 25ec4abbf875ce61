"""Do the short ways of the ledger lead where the long one does?"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from checks.model import Address, Soa, Zone, ZonePoll
from checks.zone_state.model import ZoneState
from checks.zone_state.update import latest, long_way, quiet, updated
from tests.checks.build import MINUTE, NOON, SOA, looked, places, server, zone
from tests.checks.test_ledger_properties import GROUPS, NAMED, UNNAMED, looks, zones

TWICE = zone(server("ns1", "192.0.2.1", "2001:db8::1"), "ns2", server("ns3", group="b"))
EMPTY = Zone("a.example.", (replace(server("ns1", group="a"), addresses=()), server("ns2"), server("ns3", group="a")))
ELSEWHERE = replace(TWICE, primary="ns3")
WELL = st.sampled_from(["10", "10", "10", "10@a", "10~3600", "11", "-", "."])
MILLISECONDS = st.integers(0, 3).map(lambda number: timedelta(milliseconds=number))


def scattered(draw: st.DrawFn, zone: Zone, round: ZonePoll) -> ZonePoll:
    """Each address heard at its own time, with a SOA of its own; those of another transport are there twice."""
    seen = []
    for one in round.seen:
        soa = one.soa and replace(one.soa, ttl=draw(st.integers(0, 2)), refresh=draw(st.sampled_from([60, 60, 90])))
        seen.append(replace(one, at=one.at + draw(MILLISECONDS), soa=soa))
    return replace(round, seen=tuple(seen), at=round.at + timedelta(milliseconds=3))


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from([TWICE, replace(TWICE, primary=None), EMPTY, ELSEWHERE]))
def test_a_first_look_at_a_zone_that_is_well(data: st.DataObject, nearby: Zone) -> None:
    tokens = {name: data.draw(WELL) for name in places(nearby)}
    round = data.draw(st.composite(scattered)(nearby, looked(nearby, tokens, NOON)))
    for ledger in (ZoneState(nearby.name), ZoneState(nearby.name, at=NOON - MINUTE)):
        assert repr(updated(ledger, nearby, round)) == repr(long_way(ledger, nearby, latest(round), round))


tokens = st.sampled_from(
    [
        ("0", "0", "0", "1", "?", "-", "."),
        ("10", "10", "11", "9", "-", ".", "SERVFAIL", "10@a", "10@b", "11@a"),
        ("10", "10", "10", "10~1000", ".", "?", "11", "10@a"),
        ("5", "2147483653", "5", "-", "."),
    ]
).flatmap(st.sampled_from)
alikes = st.sampled_from([NAMED, UNNAMED, GROUPS, TWICE, ELSEWHERE, EMPTY, replace(TWICE, primary=None)])
EVERY = ("ns1", "ns1/1", "ns2", "ns2/1", "ns3")


def same_at_each_look(history: Iterable[tuple[Zone, dict[str, str]]]) -> ZoneState:
    ledger = ZoneState(NAMED.name)
    for number, (nearby, does) in enumerate(history):
        known = {name: does[name] for name in places(nearby)}
        round = looked(nearby, known, NOON + number * MINUTE)
        short, long = updated(ledger, nearby, round), long_way(ledger, nearby, latest(round), round)
        assert short == long
        assert [(s.looked, s.expires, s.estimated, s.rtt) for s in short.standings] == [
            (s.looked, s.expires, s.estimated, s.rtt) for s in long.standings
        ]
        ledger = short
    return ledger


@settings(max_examples=150, deadline=None)
@given(zones, st.lists(looks, min_size=1, max_size=10), st.sampled_from([1, 1, 1, 3]))
def test_any_look_at_any_zone(nearby: Zone, history: list[dict[str, str]], times: int) -> None:
    same_at_each_look((nearby, does) for does in history * times)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(alikes, st.fixed_dictionaries(dict.fromkeys(EVERY, tokens)), st.integers(1, 3)),
        min_size=1,
        max_size=4,
    ),
    st.data(),
)
def test_a_zone_whose_servers_and_primary_change(
    days: list[tuple[Zone, dict[str, str], int]], data: st.DataObject
) -> None:
    """Few things change from one look to the next: that is where the short ways begin."""
    history = []
    for nearby, does, times in days:
        for _ in range(times):
            history.append((nearby, dict(does)))
            does[data.draw(st.sampled_from(EVERY))] = data.draw(tokens)
    same_at_each_look(history)


def test_who_comes_to_the_reference_while_the_primary_is_silent_was_in_sync_then() -> None:
    first = {"ns1": "10", "ns2": "10", "ns2/1": "10", "ns3": "9"}
    alone = {"ns1": "-", "ns2": "10", "ns2/1": "10", "ns3": "10"}
    *_, behind = same_at_each_look([(NAMED, first), (NAMED, alone), (NAMED, alone)]).standings
    assert (behind.synced, behind.estimated) == (NOON + MINUTE, True)
    assert behind.expires == NOON + MINUTE + timedelta(seconds=SOA.expire)


def test_a_group_of_which_no_address_is_known_has_no_reference() -> None:
    lost = replace(NAMED, servers=(*NAMED.servers, replace(server("ns4", group="b"), addresses=())))
    ledger = same_at_each_look([(lost, {"ns1": "10", "ns2": "10", "ns2/1": "10", "ns3": "10"})])
    assert [(space.group, space.reference) for space in ledger.spaces] == [("", 10), ("b", None)]


def test_a_primary_that_never_answered_keeps_nobody_from_the_short_way() -> None:
    hidden = {"ns1": "-", "ns2": "10", "ns2/1": "10", "ns3": "10"}
    ledger = same_at_each_look([(NAMED, hidden)] * 2)
    round = looked(NAMED, hidden, NOON + 2 * MINUTE)
    assert quiet(ledger, NAMED, latest(round)) is not None


def test_the_reference_takes_the_timers_of_the_primarys_first_address() -> None:
    def told(name: str, place: int, refresh: int, at: int) -> ZonePoll:
        soa: Soa = replace(SOA, refresh=refresh)
        return looked(TWICE, {f"{name}/{place}" if place else name: "10"}, NOON + timedelta(seconds=at), soa)

    rounds = [told("ns2", 0, 1, 2), told("ns3", 0, 2, 5), told("ns1", 1, 3, 4), told("ns1", 0, 4, 3)]
    whole = replace(rounds[0], seen=tuple(seen for round in rounds for seen in round.seen))
    spaces = updated(ZoneState(TWICE.name), TWICE, whole).spaces
    assert [(space.group, space.soa and space.soa.refresh) for space in spaces] == [("", 4), ("b", 2)]
    assert spaces[0].versions[0].seen == NOON + timedelta(seconds=2)
    assert TWICE.servers[0].addresses[1] == Address("2001:db8::1")
