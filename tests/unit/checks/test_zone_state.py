"""What the zone state keeps, what it lets go of, and what history gets to hear."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from checks.common.versions import MAX_VERSIONS
from checks.model import Transport, Zone
from checks.zone_state.model import (
    Propagation,
    StateChange,
    Version,
    ZoneState,
)
from checks.zone_state.update import (
    REMOVED,
    address_state_of,
    arrivals,
    behind_since,
    changes,
    lag,
    moving_since,
    serial_group_of,
    update_zone_state,
)
from tests.support.observations import MINUTE, NOON, SOA, checked_at, gather, look, query, seen, server, story, zone
from tests.support.zone_states import rebuilt

PAIR = zone()
THREE = zone("ns1", "ns2", "ns3")
NS1, NS2 = PAIR.servers[0].addresses[0], PAIR.servers[1].addresses[0]


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


# --- lag ---


def test_lag_counts_from_first_sight_of_the_oldest_version_missed() -> None:
    pages = story(PAIR, {"ns1": "10 11 12 13", "ns2": "10*4"})
    assert [page.lag(PAIR, "ns2") for page in pages] == [0 * MINUTE, 0 * MINUTE, MINUTE, 2 * MINUTE]
    assert behind_since(pages[-1].zone_state, "ns2", NS2) == after(1)
    assert behind_since(pages[-1].zone_state, "ns1", NS1) is None


def test_lag_shrinks_when_it_takes_an_older_one_of_the_missed_versions() -> None:
    pages = story(PAIR, {"ns1": "10 11 12 13 13", "ns2": "10*4 12"})
    assert pages[-1].lag(PAIR, "ns2") == MINUTE  # 13 was first seen at minute 3


def test_an_in_between_version_seen_late_existed_by_the_time_its_successor_was_seen() -> None:
    pages = story(PAIR, {"ns1": "10 10 20*6", "ns2": "10*5 15*3"})
    assert [page.lag(PAIR, "ns2") for page in pages[4:]] == [2 * MINUTE, 3 * MINUTE, 4 * MINUTE, 5 * MINUTE]
    versions = pages[-1].zone_state.serial_groups[0].versions
    assert [(v.serial, v.absent, v.seen) for v in versions] == [(15, after(1), after(2)), (20, after(1), after(2))]


def test_lag_is_unknown_while_silent_and_right_again_afterwards() -> None:
    pages = story(PAIR, {"ns1": "10 11*9", "ns2": "10*3 - SERVFAIL ? 10 10 11 11"})
    lags = [page.lag(PAIR, "ns2") for page in pages]
    assert lags == [0 * MINUTE, 0 * MINUTE, MINUTE, None, None, None, 5 * MINUTE, 6 * MINUTE, 0 * MINUTE, 0 * MINUTE]


def test_lag_is_unknown_where_nothing_is_known() -> None:
    empty = ZoneState(PAIR.name)
    assert lag(empty, "ns1", NS1, NOON) is None
    assert behind_since(empty, "ns1", NS1) is None
    page = story(PAIR, {"ns1": "-", "ns2": "-"})[0]
    assert page.lag(PAIR, "ns2") is None
    assert behind_since(page.zone_state, "ns2", NS2) is None
    apart = story(PAIR, {"ns1": "1", "ns2": "2147483649"})[0]
    assert apart.lag(PAIR, "ns2") is None
    circle = story(zone(primary=None), {"ns1": "1", "ns2": "2147483649"})[0]
    assert circle.lag(PAIR, "ns2") is None


def test_lag_is_zero_for_who_is_ahead() -> None:
    assert story(PAIR, {"ns1": "10*3", "ns2": "12*3"})[-1].lag(PAIR, "ns2") == timedelta(0)


def test_lag_is_never_negative_even_if_asked_about_the_past() -> None:
    zone_state = story(PAIR, {"ns1": "10 11", "ns2": "10*2"})[-1].zone_state
    assert lag(zone_state, "ns2", NS2, NOON) == timedelta(0)


def test_a_primary_that_steps_back_invents_no_lag() -> None:
    pages = story(PAIR, {"ns1": "10*60 8*5", "ns2": "10*65"})
    assert {page.lag(PAIR, name) for page in pages for name in ("ns1", "ns2")} == {timedelta(0)}
    serial_group = pages[-1].zone_state.serial_groups[0]
    assert serial_group.reference == 8
    assert [version.serial for version in serial_group.versions] == [8]
    assert serial_group.regressed == Version(10, None, NOON)


# --- standing and synced ---


def test_standing_keeps_since_when() -> None:
    pages = story(PAIR, {"ns1": "10 11 11 11", "ns2": "10 10 11@fra -"})
    address_state = address_state_of(pages[-1].zone_state, "ns2", NS2)
    assert address_state is not None
    assert (address_state.serial, address_state.since, address_state.outcome, address_state.changed) == (
        11,
        after(2),
        "timeout",
        after(3),
    )
    assert (address_state.nsid, address_state.synced, address_state.checked_at) == ("fra", after(2), after(3))


def test_passed_counts_the_versions_that_came_by() -> None:
    pages = story(PAIR, {"ns1": "10 11 11 12 13 13", "ns2": "10*5 12"})
    assert [page.zone_state.address_states[1].passed for page in pages] == [0, 1, 1, 2, 3, 1]


@pytest.mark.parametrize(
    ("ns1", "ns2"),
    [
        ("10 10 10 16 16 16", "10 15 15 15 16 16"),  # passed by the primary while it is still served
        ("10 10 10 16 16 16", "10 15 15 15 15 15"),  # and ever after
        ("10 10 10 16 16 16", "10 15 15 - 15 16"),  # silent meanwhile
        ("10 10 - 16 16 16", "10 15 15 15 16 16"),
        ("10 9 9 16 16 16", "10 10 10 10 16 16"),  # the primary went back before
        ("10 10 16 16 16 16", "10 15 15 15 16 16"),  # passed before it was believed to be ahead
        ("10 10 10 16 16 16", "10 15 15~2 15~2 16 16"),
    ],
)
def test_a_serial_that_was_ahead_of_the_primary_never_was_a_version(ns1: str, ns2: str) -> None:
    """Whoever stays on 10 has missed one version, not two: being passed by two is what is called stuck."""
    pages = story(zone("ns1", "ns2", "ns3"), {"ns1": ns1, "ns2": ns2, "ns3": "10*6"})
    assert [version.serial for version in pages[-1].zone_state.serial_groups[0].versions][-1] == 16
    assert {s.server: s.passed for s in pages[-1].zone_state.address_states}["ns3"] == 1
    assert [s.reference for page in pages for s in page.zone_state.serial_groups if s.reference == 15] == []
    assert "serial-stuck" not in {finding.code for page in pages for finding in page.result.findings}


def test_synced_is_the_last_look_in_sync() -> None:
    pages = story(PAIR, {"ns1": "10*5 11*5 - 11", "ns2": "10*8 11*4"})
    assert [page.zone_state.address_states[1].synced for page in pages[4:]] == [
        None, after(4), after(4), after(4), None, None, after(9), None,
    ]  # fmt: skip


def test_synced_after_a_restart_is_not_older_than_the_last_sweep() -> None:
    quiet = story(PAIR, {"ns1": "10*5", "ns2": "10*5"})
    restored = replace(quiet[0].zone_state, at=quiet[-1].at)  # written at the first look, swept until the last
    page = story(PAIR, {"ns1": "11", "ns2": "10"}, zone_state=restored, start=after(60))[0]
    assert page.zone_state.address_states[1].synced == after(4)


def test_expires_by_edns_is_kept_through_silence_and_lateness() -> None:
    pages = story(PAIR, {"ns1": "10*2 11*3", "ns2": "10~3600*2 - 10 11"})
    assert [(p.zone_state.address_states[1].expires, p.zone_state.address_states[1].estimated) for p in pages] == [
        (after(60), False), (after(61), False), (after(61), False), (after(61), False), (None, False),
    ]  # fmt: skip


def test_expires_is_estimated_from_the_last_sync_or_the_last_version_taken() -> None:
    pages = story(PAIR, {"ns1": "10*2 11 12 12", "ns2": "10*4 11"})
    week = timedelta(seconds=SOA.expire)
    assert [(p.zone_state.address_states[1].expires, p.zone_state.address_states[1].estimated) for p in pages] == [
        (None, False), (None, False), (after(1) + week, True), (after(1) + week, True), (after(4) + week, True),
    ]  # fmt: skip


def test_no_estimate_without_a_soa_or_a_sync() -> None:
    assert story(PAIR, {"ns1": "10*3", "ns2": "9*3"})[-1].zone_state.address_states[1].expires is None
    zone_state = story(PAIR, {"ns1": "10", "ns2": "10"})[0].zone_state
    bare = replace(zone_state, serial_groups=(replace(zone_state.serial_groups[0], soa=None),))
    page = story(PAIR, {"ns1": "-", "ns2": "-"}, zone_state=bare, start=after(1))[0]
    assert (page.zone_state.address_states[1].synced, page.zone_state.address_states[1].expires) == (NOON, None)


def test_the_soa_is_the_primarys_and_follows_its_timers_without_a_new_serial() -> None:
    zone_state = update_zone_state(ZoneState(PAIR.name), PAIR, look(PAIR, NOON, ns2=10, ns1=10))
    ttl = update_zone_state(zone_state, PAIR, look(PAIR, after(1), replace(SOA, ttl=7), ns2=10, ns1=10))
    assert ttl == zone_state
    slower = update_zone_state(zone_state, PAIR, look(PAIR, after(1), replace(SOA, refresh=7200), ns2=10, ns1=10))
    assert slower.serial_groups[0].soa == replace(SOA, serial=10, refresh=7200)
    bare = replace(zone_state, serial_groups=(replace(zone_state.serial_groups[0], soa=None),))
    assert update_zone_state(bare, PAIR, look(PAIR, after(1), ns2=10, ns1=10)) == zone_state


def test_the_soa_without_a_primary_is_that_of_the_first_to_serve_the_reference() -> None:
    equals = zone(primary=None)
    zone_state = update_zone_state(ZoneState(PAIR.name), equals, look(equals, NOON, ns1=9, ns2=10))
    assert zone_state.serial_groups[0].soa == replace(SOA, serial=10)


# --- equality, restart, repeats ---

UNCHANGED = [
    ("all well", {"ns1": "10*4", "ns2": "10*4"}),
    ("one late", {"ns1": "10 11*3", "ns2": "10*4"}),
    ("one silent", {"ns1": "10*4", "ns2": "10 -*3"}),
    ("one lame", {"ns1": "10*4", "ns2": "10 REFUSED*3"}),
    ("counting down", {"ns1": "10~604800*4", "ns2": "10~604800 10~604740 10~604680 10~604799"}),
    ("machines in turn", {"ns1": "10@a*4", "ns2": "10@a 10@b 10@a 10@b"}),
    ("ahead", {"ns1": "10*4", "ns2": "12*4"}),
    ("stepped back", {"ns1": "10 9*4", "ns2": "10*5"}),
    ("unordered", {"ns1": "1*4", "ns2": "2147483649*4"}),
    ("not looked at", {"ns1": "10 . . .", "ns2": "10 . . ."}),
    ("never looked at", {"ns1": "10*4", "ns2": ".*4"}),
    ("nobody has ever answered", {"ns1": "-*4", "ns2": "SERVFAIL*4"}),
]


@pytest.mark.parametrize(("title", "does"), UNCHANGED, ids=[title for title, _ in UNCHANGED])
def test_a_poll_without_change_leaves_the_zone_state_equal(title: str, does: dict[str, str]) -> None:
    pages = story(PAIR, does)
    assert pages[-1].zone_state == pages[-2].zone_state
    assert pages[-1].zone_state.at == pages[-1].at
    assert changes(pages[-2].zone_state, pages[-1].zone_state) == ()
    assert arrivals(pages[-2].zone_state, pages[-1].zone_state, "ns1") == ()


def test_a_poll_without_change_still_moves_what_ticks() -> None:
    address_state = story(PAIR, {"ns1": "10*4", "ns2": "10~90*4"})[-1].zone_state.address_states[1]
    assert (address_state.checked_at, address_state.rtt, address_state.expires) == (after(3), 0.01, after(4.5))


def test_polls_of_other_checks_teach_nothing() -> None:
    zone_state = update_zone_state(ZoneState(PAIR.name), PAIR, look(PAIR, NOON, ns1=10, ns2=10))
    other = replace(look(PAIR, after(1), ns1=11, ns2=11), check="reachable")
    assert update_zone_state(zone_state, PAIR, other) is zone_state


def test_repeated_and_late_polls_teach_nothing() -> None:
    zone_state = update_zone_state(ZoneState(PAIR.name), PAIR, look(PAIR, NOON, ns1=11, ns2=10))
    assert update_zone_state(zone_state, PAIR, look(PAIR, NOON, ns1=11, ns2=11)) is zone_state
    assert update_zone_state(zone_state, PAIR, look(PAIR, after(-5), ns1=10, ns2=10)) is zone_state


def test_a_clock_set_back_does_not_make_it_deaf_nor_versions_come_from_the_future() -> None:
    year = timedelta(days=365)
    zone_state = story(PAIR, {"ns1": "10 11", "ns2": "10*2"}, start=NOON + year)[-1].zone_state
    pages = story(PAIR, {"ns1": "11 12*3", "ns2": "10*4"}, zone_state=zone_state)
    assert [page.lag(PAIR, "ns2") for page in pages[1:]] == [0 * MINUTE, MINUTE, 2 * MINUTE]


def test_a_restart_neither_loses_nor_invents_lag() -> None:
    does = {"ns1": "10*3 11*3 12*20", "ns2": "10*20 12*6"}
    whole = story(PAIR, does)
    columns = {"ns1": "10*3 11*3 12*2", "ns2": "10*8"}
    first = story(PAIR, columns)[-1]
    rest = story(PAIR, {"ns1": "12*18", "ns2": "10*12 12*6"}, zone_state=rebuilt(first.zone_state), start=after(8))
    assert [page.said for page in rest] == [page.said for page in whole[8:]]
    assert [page.lag(PAIR, "ns2") for page in rest] == [page.lag(PAIR, "ns2") for page in whole[8:]]
    assert rest[-1].zone_state == whole[-1].zone_state


def test_a_version_that_came_while_the_monitor_was_down_counts_from_its_first_look() -> None:
    zone_state = rebuilt(story(PAIR, {"ns1": "10", "ns2": "10"})[-1].zone_state)
    pages = story(PAIR, {"ns1": "11*3", "ns2": "10*3"}, zone_state=replace(zone_state, at=after(5)), start=after(300))
    assert [page.lag(PAIR, "ns2") for page in pages] == [0 * MINUTE, MINUTE, 2 * MINUTE]
    assert pages[0].zone_state.serial_groups[0].versions[-1] == Version(11, after(5), after(300))


# --- memory ---


def test_versions_nobody_is_behind_are_let_go() -> None:
    pages = story(THREE, {"ns1": "10 11 12 13 14", "ns2": "10 11 12 12 14", "ns3": "10 10 11 12 14"})
    kept = [[version.serial for version in page.zone_state.serial_groups[0].versions] for page in pages]
    assert kept == [[10], [10, 11], [11, 12], [12, 13], [14]]


def test_a_frozen_secondary_of_a_busy_zone_keeps_the_zone_state_short_and_its_lag_right() -> None:
    many = 5 * MAX_VERSIONS
    pages = story(PAIR, {"ns1": " ".join(str(serial) for serial in range(10, 10 + many)), "ns2": f"10*{many}"})
    versions = pages[-1].zone_state.serial_groups[0].versions
    assert len(versions) == MAX_VERSIONS
    assert [v.serial for v in versions[:3]] == [10, 11, 12]
    assert [v.serial for v in versions[-2:]] == [8 + many, 9 + many]
    assert pages[-1].lag(PAIR, "ns2") == (many - 2) * MINUTE


def test_what_left_the_zone_leaves_the_zone_state_and_history_is_told() -> None:
    before = story(THREE, {"ns1": "10", "ns2": "10", "ns3": "7"})[0].zone_state
    now = update_zone_state(before, PAIR, look(PAIR, after(1), ns1=10, ns2=10))
    assert [address_state.server for address_state in now.address_states] == ["ns1", "ns2"]
    assert [version.serial for version in now.serial_groups[0].versions] == [10]
    assert changes(before, now) == (
        StateChange("example.com.", "ns3", THREE.servers[2].addresses[0], None, REMOVED, after(1)),
    )


def test_an_address_that_joins_is_seen_afresh() -> None:
    before = story(PAIR, {"ns1": "10", "ns2": "10"})[0].zone_state
    now = update_zone_state(before, THREE, look(THREE, after(1), ns1=10, ns2=10, ns3=10))
    assert changes(before, now) == (
        StateChange("example.com.", "ns3", THREE.servers[2].addresses[0], 10, "answered", after(1)),
    )
    assert arrivals(before, now, "ns1") == ()
    swapped = zone("ns1", server("ns2", "192.0.2.77"))
    moved = update_zone_state(before, swapped, look(swapped, after(1), ns1=10, ns2=10))
    assert [str(address_state.address) for address_state in moved.address_states] == ["192.0.2.1", "192.0.2.77"]


def test_a_server_that_changes_its_group_keeps_its_history() -> None:
    before = story(PAIR, {"ns1": "10", "ns2": "10"})[0].zone_state
    apart = zone("ns1", server("ns2", group="b"))
    now = update_zone_state(before, apart, look(apart, after(1), ns1=10, ns2=10))
    assert [(s.group, s.since) for s in now.address_states] == [("", NOON), ("b", NOON)]
    assert [serial_group.group for serial_group in now.serial_groups] == ["", "b"]
    assert serial_group_of(now, "b") is now.serial_groups[1]
    assert serial_group_of(now, "c") is None


def test_nothing_served_means_no_reference() -> None:
    zone_state = story(PAIR, {"ns1": "-", "ns2": "REFUSED"})[0].zone_state
    assert (
        zone_state.serial_groups[0].reference,
        zone_state.serial_groups[0].versions,
        zone_state.serial_groups[0].soa,
    ) == (None, (), None)
    assert [address_state.outcome for address_state in zone_state.address_states] == ["timeout", "refused"]


def test_an_answer_without_authority_is_no_version() -> None:
    lame = look(PAIR, NOON, ns1=10, ns2=10)
    lame = replace(lame, seen=tuple(replace(seen, authoritative=seen.server == "ns1") for seen in lame.seen))
    address_state = update_zone_state(ZoneState(PAIR.name), PAIR, lame).address_states[1]
    assert (address_state.serial, address_state.outcome) == (None, "noerror")
    bare = replace(lame, seen=tuple(replace(seen, rcode=None) for seen in lame.seen))
    assert update_zone_state(ZoneState(PAIR.name), PAIR, bare).address_states[1].outcome == "noerror"


# --- history ---


def test_runs_and_arrivals() -> None:
    pages = story(THREE, {"ns1": "10 11 11 11", "ns2": "10 10 11 -", "ns3": "10 - - 11"})
    told = [
        (changes(a.zone_state, b.zone_state), arrivals(a.zone_state, b.zone_state, "ns1")) for a, b in pairwise(pages)
    ]
    ns3 = THREE.servers[2].addresses[0]
    name, up = "example.com.", "answered"
    assert told == [
        (
            (StateChange(name, "ns1", NS1, 11, up, after(1)), StateChange(name, "ns3", ns3, 10, "timeout", after(1))),
            (),
        ),
        (
            (StateChange(name, "ns2", NS2, 11, "answered", after(2)),),
            (Propagation(name, "ns2", NS2, 11, 60.0, 60.0, after(2)),),
        ),
        (  # when it came to ns3, which was silent, nobody knows
            (StateChange(name, "ns2", NS2, 11, "timeout", after(3)), StateChange(name, "ns3", ns3, 11, up, after(3))),
            (),
        ),
    ]  # fmt: skip


def test_what_was_there_at_the_look_that_first_saw_it_took_no_known_time() -> None:
    pages = story(THREE, {"ns1": "10 11", "ns2": "10 11", "ns3": "10 10"})
    assert arrivals(pages[0].zone_state, pages[1].zone_state, "ns1") == (
        Propagation("example.com.", "ns2", NS2, 11, 0.0, 60.0, after(1)),
    )


def test_a_version_that_was_passed_meanwhile_is_timed_as_any_other() -> None:
    pages = story(THREE, {"ns1": "10 11 12 12", "ns2": "10 10 11 12", "ns3": "10 10 10 12"})
    told = [arrivals(a.zone_state, b.zone_state, "ns1") for a, b in pairwise(pages)]
    ns3 = THREE.servers[2].addresses[0]
    assert told[1:] == [
        (Propagation("example.com.", "ns2", NS2, 11, 60.0, 60.0, after(2)),),
        (
            Propagation("example.com.", "ns2", NS2, 12, 60.0, 60.0, after(3)),
            Propagation("example.com.", "ns3", ns3, 12, 60.0, 60.0, after(3)),
        ),
    ]


def test_the_first_look_starts_runs_and_times_nothing() -> None:
    page = story(PAIR, {"ns1": "10", "ns2": "9"})[0]
    runs = changes(ZoneState(PAIR.name), page.zone_state)
    assert [(run.server, run.serial) for run in runs] == [("ns1", 10), ("ns2", 9)]
    assert arrivals(ZoneState(PAIR.name), page.zone_state, "ns1") == ()


def test_going_back_or_ahead_is_no_arrival() -> None:
    pages = story(PAIR, {"ns1": "10 9 9 9", "ns2": "10 10 10 9"})
    back = changes(pages[1].zone_state, pages[2].zone_state)
    assert [(run.server, run.serial) for run in back] == [("ns1", 9)]
    assert arrivals(pages[1].zone_state, pages[2].zone_state, "ns1") == ()
    pages = story(PAIR, {"ns1": "10*3", "ns2": "10 12 12"})
    assert arrivals(pages[1].zone_state, pages[2].zone_state, "ns1") == ()
    assert arrivals(pages[1].zone_state, pages[2].zone_state, None) == ()


MOVING = [
    # what it is about, who serves what, since which look a version is on its way
    ("the secondary has it not yet", {"ns1": "10 11", "ns2": "10 10"}, 1),
    ("still not", {"ns1": "10 11 11", "ns2": "10 10 10"}, 1),
    ("the latest of two", {"ns1": "10 11 12", "ns2": "10 10 11"}, 2),
    ("everybody has it", {"ns1": "10 11 11", "ns2": "10 10 11"}, None),
    ("nobody saw it come", {"ns1": "11 11", "ns2": "10 10"}, None),
    ("who lacks it is silent", {"ns1": "10 11", "ns2": "10 -"}, None),
    ("ahead of its primary", {"ns1": "10 10 10", "ns2": "10 12 12"}, None),
    ("a primary that seems to have gone back", {"ns1": "10 9", "ns2": "10 10"}, None),
]


@pytest.mark.parametrize(("title", "does", "since"), MOVING, ids=[title for title, *_ in MOVING])
def test_since_when_a_version_is_on_its_way(title: str, does: dict[str, str], since: int | None) -> None:
    page = story(PAIR, does)[-1]
    assert moving_since(PAIR, page.zone_state) == (after(since) if since is not None else None)


def test_what_its_primary_never_had_does_not_arrive() -> None:
    pages = story(PAIR, {"ns1": "10*5", "ns2": "10 12 12 13 13"})
    assert [arrivals(a.zone_state, b.zone_state, "ns1") for a, b in pairwise(pages)] == [()] * 4


def test_leaving_before_any_look_says_nothing() -> None:
    zone_state = story(PAIR, {"ns1": "10", "ns2": "10"})[0].zone_state
    assert changes(zone_state, ZoneState(PAIR.name)) == ()
    assert arrivals(zone_state, ZoneState(PAIR.name), "ns1") == ()
    assert moving_since(PAIR, ZoneState(PAIR.name)) is None


def test_one_word_per_address_even_if_it_was_asked_twice() -> None:
    first = look(PAIR, NOON, ns1=10, ns2="-")
    again = checked_at(PAIR, {"ns2": 10}, NOON)
    silent = checked_at(PAIR, {"ns2": "-"}, NOON)
    both = gather(PAIR, "soa-serial", *first.seen, *again.seen, *silent.seen)
    assert [
        address_state.serial for address_state in update_zone_state(ZoneState(PAIR.name), PAIR, both).address_states
    ] == [
        10,
        10,
    ]


@pytest.mark.parametrize(
    ("udp", "tcp", "state"),
    [
        ("mismatched", "10", "answered"),
        ("malformed", "10", "answered"),
        ("mismatched", "REFUSED", "refused"),
        ("malformed", "-", "malformed"),
        ("mismatched", "refused-connection", "mismatched"),
        ("malformed", "mismatched", "mismatched"),
        ("-", "refused-connection", "refused-connection"),
        ("refused-connection", "-", "refused-connection"),
    ],
)
def test_what_an_address_stands_at_is_the_best_that_either_transport_brought(udp: str, tcp: str, state: str) -> None:
    """The kind: UDP that cannot be used, and TCP with a word of its own, or none."""
    query_ = query(PAIR, "ns2")
    every = [seen(query_, udp), seen(replace(query_, transport=Transport.TCP), tcp), seen(query(PAIR, "ns1"), 10)]
    zone_state = update_zone_state(ZoneState(PAIR.name), PAIR, gather(PAIR, "soa-serial", *every))
    assert zone_state.address_states[1].outcome == state


def test_a_zone_with_no_servers_is_an_empty_zone_state() -> None:
    nobody = Zone("example.com.")
    assert update_zone_state(ZoneState(nobody.name), nobody, gather(nobody, "soa-serial")) == ZoneState(nobody.name)


def test_naming_or_unnaming_the_primary_counts_from_the_next_look_on() -> None:
    equals = zone(primary=None)
    before = story(equals, {"ns1": "10*2", "ns2": "12*2"})[-1].zone_state
    assert before.serial_groups[0].reference == 12
    named = story(PAIR, {"ns1": "10*3", "ns2": "12*3"}, zone_state=before, start=after(2))[-1]
    assert (named.zone_state.serial_groups[0].reference, named.said) == (10, "serial-ahead ns2")
    again = story(equals, {"ns1": "10", "ns2": "12"}, zone_state=named.zone_state, start=after(9))[-1]
    assert (again.zone_state.serial_groups[0].reference, again.said) == (12, "")


def test_no_max_lag_at_all_still_takes_a_second_look() -> None:
    impatient = zone(max_lag=timedelta(0))
    pages = story(impatient, {"ns1": "10*3", "ns2": "10 12@a 12@b"})
    assert [page.said for page in pages] == ["", "", ""]
    pages = story(impatient, {"ns1": "10 9 10", "ns2": "10*3"})
    assert [page.said for page in pages] == ["", "", ""]
