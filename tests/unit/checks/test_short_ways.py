"""The short ways of updating a zone state lead where the long one does."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from checks.model import Address, Soa, Zone, ZonePoll
from checks.zone_state.model import ZoneState
from checks.zone_state.update import latest, update_fully, update_unchanged, update_zone_state
from tests.support.examples import examples
from tests.support.observations import MINUTE, NOON, SOA, addresses_by_name, checked_at, server, zone
from tests.support.strategies import GROUPS, NAMED, SIGNED, UNNAMED, looks, zones

TWICE = zone(server("ns1", "192.0.2.1", "2001:db8::1"), "ns2", server("ns3", group="b"))
EMPTY = Zone("a.example.", (replace(server("ns1", group="a"), addresses=()), server("ns2"), server("ns3", group="a")))
ELSEWHERE = replace(TWICE, primary="ns3")
WELL = st.sampled_from(["10", "10", "10", "10@a", "10~3600", "11", "-", "."])
MILLISECONDS = st.integers(0, 3).map(lambda number: timedelta(milliseconds=number))


def scattered(draw: st.DrawFn, zone: Zone, poll: ZonePoll) -> ZonePoll:
    """Each address heard at its own time, with a SOA of its own; those of another transport are there twice."""
    seen = []
    for one in poll.seen:
        soa = one.soa and replace(one.soa, ttl=draw(st.integers(0, 2)), refresh=draw(st.sampled_from([60, 60, 90])))
        seen.append(replace(one, at=one.at + draw(MILLISECONDS), soa=soa))
    return replace(poll, seen=tuple(seen), at=poll.at + timedelta(milliseconds=3))


@examples(300)
@given(st.data(), st.sampled_from([TWICE, replace(TWICE, primary=None), EMPTY, ELSEWHERE]))
def test_a_first_look_at_a_zone_that_is_well(data: st.DataObject, nearby: Zone) -> None:
    tokens = {name: data.draw(WELL) for name in addresses_by_name(nearby)}
    poll = data.draw(st.composite(scattered)(nearby, checked_at(nearby, tokens, NOON)))
    for zone_state in (ZoneState(nearby.name), ZoneState(nearby.name, at=NOON - MINUTE)):
        assert repr(update_zone_state(zone_state, nearby, poll)) == repr(
            update_fully(zone_state, nearby, latest(poll), poll)
        )


tokens = st.sampled_from(
    [
        ("0", "0", "0", "1", "?", "-", "."),
        ("10", "10", "11", "9", "-", ".", "SERVFAIL", "10@a", "10@b", "11@a"),
        ("10", "10", "10", "10~1000", ".", "?", "11", "10@a"),
        ("5", "2147483653", "5", "-", "."),
    ]
).flatmap(st.sampled_from)
alikes = st.sampled_from([NAMED, UNNAMED, GROUPS, SIGNED, TWICE, ELSEWHERE, EMPTY, replace(TWICE, primary=None)])
EVERY = ("ns1", "ns1/1", "ns2", "ns2/1", "ns3")


def same_at_each_look(history: Iterable[tuple[Zone, dict[str, str]]]) -> ZoneState:
    zone_state = ZoneState(NAMED.name)
    for number, (nearby, does) in enumerate(history):
        known = {name: does[name] for name in addresses_by_name(nearby)}
        poll = checked_at(nearby, known, NOON + number * MINUTE)
        short, long = update_zone_state(zone_state, nearby, poll), update_fully(zone_state, nearby, latest(poll), poll)
        assert short == long
        assert [(s.checked_at, s.expires, s.estimated, s.rtt) for s in short.address_states] == [
            (s.checked_at, s.expires, s.estimated, s.rtt) for s in long.address_states
        ]
        zone_state = short
    return zone_state


@examples(150)
@given(zones, st.lists(looks, min_size=1, max_size=10), st.sampled_from([1, 1, 1, 3]))
def test_any_look_at_any_zone(nearby: Zone, history: list[dict[str, str]], times: int) -> None:
    same_at_each_look((nearby, does) for does in history * times)


@examples(300)
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
    *_, behind = same_at_each_look([(NAMED, first), (NAMED, alone), (NAMED, alone)]).address_states
    assert (behind.synced, behind.estimated) == (NOON + MINUTE, True)
    assert behind.expires == NOON + MINUTE + timedelta(seconds=SOA.expire)


def test_a_group_of_which_no_address_is_known_has_no_reference() -> None:
    lost = replace(NAMED, servers=(*NAMED.servers, replace(server("ns4", group="b"), addresses=())))
    zone_state = same_at_each_look([(lost, {"ns1": "10", "ns2": "10", "ns2/1": "10", "ns3": "10"})])
    assert [(serial_group.group, serial_group.reference) for serial_group in zone_state.serial_groups] == [
        ("", 10),
        ("b", None),
    ]


def test_a_primary_that_never_answered_keeps_nobody_from_the_short_way() -> None:
    hidden = {"ns1": "-", "ns2": "10", "ns2/1": "10", "ns3": "10"}
    zone_state = same_at_each_look([(NAMED, hidden)] * 2)
    poll = checked_at(NAMED, hidden, NOON + 2 * MINUTE)
    assert update_unchanged(zone_state, NAMED, latest(poll)) is not None


def test_the_reference_takes_the_timers_of_the_primarys_first_address() -> None:
    def told(name: str, place: int, refresh: int, at: int) -> ZonePoll:
        soa: Soa = replace(SOA, refresh=refresh)
        return checked_at(TWICE, {f"{name}/{place}" if place else name: "10"}, NOON + timedelta(seconds=at), soa)

    polls = [told("ns2", 0, 1, 2), told("ns3", 0, 2, 5), told("ns1", 1, 3, 4), told("ns1", 0, 4, 3)]
    whole = replace(polls[0], seen=tuple(seen for poll in polls for seen in poll.seen))
    serial_groups = update_zone_state(ZoneState(TWICE.name), TWICE, whole).serial_groups
    assert [(serial_group.group, serial_group.soa and serial_group.soa.refresh) for serial_group in serial_groups] == [
        ("", 4),
        ("b", 2),
    ]
    assert serial_groups[0].versions[0].seen == NOON + timedelta(seconds=2)
    assert TWICE.servers[0].addresses[1] == Address("2001:db8::1")
