"""Passing over what is steady and evaluator every poll come to the same, whatever happens."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from alerting.root_cause import DependencyGraph
from checks.model import CheckResult, Health, Transport, Zone, ZonePoll
from checks.model.signing import with_signer
from checks.model.zone_table import ZoneTable
from checks.reachable import Reachable
from monitor.state.columns import FULL_POLL, GOOD, NO_RESULT, STEADY_SILENT, STEADY_UP, change_to
from monitor.state.fast_path import FastPathChanges, pick_full_polls
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.pipeline import process
from tests.support.at_once import reminders
from tests.support.monitor_state import MINUTE, minute
from tests.support.observations import QUICK, look, query, seen, server, zone
from tests.support.serial_world import CHECK, POLICY, BalancedWorld, Caller, World, messages, missed, ticking, zones


def plan(watched: Sequence[Zone]) -> MonitoringPlan:
    return MonitoringPlan(
        zones=ZoneTable.of(watched),
        checks={"soa-serial": CHECK, "reachable": Reachable()},
        dependency_graph=DependencyGraph.of(watched),
        policy=POLICY,
        receivers=("hook",),
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_fast_path_says_what_the_pipeline_says(seed: int) -> None:
    compare_at_random(seed, 80)


@pytest.mark.parametrize(("seed", "looks"), [(5177, 235), (5222, 30)])
def test_who_would_be_excused_for_its_own_silence_is_evaluated(seed: int, looks: int) -> None:
    """In these histories a steady zone is the one by whose silence the monitor turns out to be offline."""
    compare_at_random(seed, looks)


@pytest.mark.parametrize("strictly", [True, False], ids=["in strict alternation", "by chance"])
@pytest.mark.parametrize("seed", range(1))
def test_the_fast_path_says_what_the_pipeline_says_of_machines_behind_one_address(seed: int, strictly: bool) -> None:
    chance = random.Random(seed)
    passed, _, memory = compare(chance, BalancedWorld(chance, zones(6), strictly=strictly), 100)
    assert sum(passed) > 0
    assert any(state.identities for one in memory.zone_states for state in memory.zone_states[one].address_states)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1100))
def test_the_fast_path_says_what_the_pipeline_says_for_long(seed: int) -> None:
    compare_at_random(seed, 400)


def compare_at_random(seed: int, looks: int) -> None:
    chance = random.Random(seed)
    passed, near, _ = compare(chance, World(chance, zones(6)), looks)
    assert sum(passed) > looks / 2
    assert near < sum(passed) / 8


class Dying(World):
    """Nothing happens but that these servers die at the third minute."""

    def __init__(self, watched: Sequence[Zone], *dead: str) -> None:
        super().__init__(random.Random(0), watched)
        self.dying, self.minute = dead, 0

    def pass_(self) -> None:
        self.minute += 1
        if self.minute > 3:
            self.dead = set(self.dying)


def test_under_a_dead_primary_a_zone_is_steady_until_its_end_is_near() -> None:
    """Expire is 20 minutes: ns3 says nothing of it, so ten are left ten minutes after it was last known to be well."""
    passed, _, memory = compare(random.Random(1), Dying(zones(1) + zones(2)[1:], "ns1"), 10, beside=0)
    assert passed[:3] == [0, 2, 2]
    assert min(passed[5:]) == 2
    assert not memory.active_alerts
    passed, _, memory = compare(random.Random(1), Dying(zones(2)[1:], "ns1"), 24, beside=0)
    assert passed[-8:] == [0] * 8
    assert {(key.code, key.server) for key in memory.active_alerts} >= {("expiry-imminent", "ns3")}


def test_zones_of_servers_that_are_all_dead_are_steady_also_while_that_is_yet_to_be_told() -> None:
    """ns4, of another zone, lives: so the monitor is not offline. After ten minutes it tells of each zone."""
    elsewhere = zone(server("ns4"), name="elsewhere.example.", primary="ns4")
    passed, _, memory = compare(random.Random(1), Dying([*zones(2), elsewhere], "ns1", "ns2", "ns3"), 30, beside=0)
    assert [number for number, many in enumerate(passed) if many < 3 and number > 5] == [12, 13]
    assert {(key.zone, key.code, alert.phase.value) for key, alert in memory.active_alerts.items()} >= {
        ("z0.example.", "not-checked", "firing"),
        ("z1.example.", "not-checked", "firing"),
    }


def test_zones_that_nobody_has_ever_served_are_steady_too() -> None:
    elsewhere = zone(server("ns4"), name="elsewhere.example.", primary="ns4")
    world = Dying([*zones(2), elsewhere], "ns1", "ns2", "ns3")
    world.minute = 3
    passed, _, memory = compare(random.Random(1), world, 30, beside=0)
    assert passed[2:9] == [3] * 7
    assert {(key.zone, key.code, alert.phase.value) for key, alert in memory.active_alerts.items()} == {
        ("z0.example.", "not-checked", "firing"),
        ("z1.example.", "not-checked", "firing"),
    }


@pytest.mark.parametrize("udp", ["-", "refused-connection", "malformed", "mismatched"])
def test_what_only_tcp_tells_is_asked_again_at_every_look(udp: str) -> None:
    """UDP that brings nothing which can be used stays so whatever the server serves: its sameness is no version's.

    The kind: an address whose word comes another way than the one the bulk prober asks. Were it called unchanged, it
    could take another version, or lose the zone, unseen.
    """
    pair = zone(name="z0.example.")
    rules, memory = plan([pair]), MonitorState()
    memory.use(change_to(memory.columns, rules.zones).columns)
    for number, transport in enumerate((Transport.TCP, Transport.TCP, Transport.UDP)):
        by_tcp = [seen(query(pair, "ns2", transport=Transport.TCP), "10")] if transport is Transport.TCP else []
        token = udp if by_tcp else "10"
        every = [seen(query(pair, "ns2"), token), *by_tcp, seen(query(pair, "ns1"), "10")]
        at = minute(number)
        poll = ZonePoll(pair.name, "soa-serial", at, MINUTE, tuple(replace(one, at=at) for one in every))
        _, pending = process(memory, [poll], rules, at)
        assert memory.zone_states[pair.name].address_states[1].outcome == "answered"
        assert memory.columns.mode[0] == (FULL_POLL if by_tcp else STEADY_UP)
        assert bool(pending.path_changes.enabled) is not bool(by_tcp)


@pytest.mark.parametrize(("expire", "mode"), [("~500000", STEADY_SILENT), ("", FULL_POLL)])
def test_an_expire_that_is_given_no_more_without_the_primary_runs_down_and_is_watched(expire: str, mode: int) -> None:
    """RFC 7314: what a secondary gave earlier is what it has left, whoever answers now in its place."""
    pair = zone(name="z0.example.")
    rules, memory = plan([pair]), MonitorState()
    memory.use(change_to(memory.columns, rules.zones).columns)
    for number, (primary, left) in enumerate((("10", "~500000"), *[("-", "~500000")] * 6, ("-", expire))):
        polls = [look(pair, minute(number), QUICK, ns1=primary, ns2=f"10{left}")]
        process(memory, polls, rules, minute(number))
    assert memory.zone_states[pair.name].address_states[1].expires is not None
    assert memory.columns.mode[0] == mode


@pytest.mark.parametrize(("first", "mode"), [("11", STEADY_UP), ("-", FULL_POLL)])
def test_while_its_signer_has_a_version_to_sign_a_zone_is_never_passed_over(first: str, mode: int) -> None:
    """The only version of its primary that is known came when the signer had its own already: that grows overdue."""
    pair = zone(name="z0.example.")
    pair = replace(pair, servers=with_signer(pair.servers, "ns1", "ns2"), signer="ns2")
    rules, memory = plan([pair]), MonitorState()
    memory.use(change_to(memory.columns, rules.zones).columns)
    for number, serial in enumerate((first, "11")):
        process(memory, [look(pair, minute(number), QUICK, ns1=serial, ns2="2026112001")], rules, minute(number))
    assert not memory.active_alerts
    assert memory.columns.mode[0] == mode


def compare(
    chance: random.Random, world: World, looks: int, beside: float = 0.3
) -> tuple[list[int], int, MonitorState]:
    """How many polls were passed over at each minute, how many near misses there were, and what is known at the end.

    ``beside`` is how likely each minute has zones polled in full, and polls of another check.
    """
    watched = world.zones
    rules = plan(watched)
    whole, quick = MonitorState(), MonitorState()
    quick.use(change_to(quick.columns, rules.zones).columns)
    caller = Caller(quick.columns)
    passed: list[int] = []
    near = 0
    for number in range(looks):
        at = minute(number)
        world.pass_()
        polls = [ZonePoll(one.name, "soa-serial", at, MINUTE, world.looks(one, at)) for one in watched]
        chance.shuffle(polls)
        others: tuple[list[ZonePoll], list[ZonePoll]] = ([], [])
        if chance.random() < beside:
            for each in polls:
                chance.choice(others).append(replace(each, check="reachable"))
        if chance.random() < beside:
            path_changes = FastPathChanges(rules.zones)
            pick_full_polls(quick, path_changes, range(len(quick.columns.layouts)))
            caller.move(path_changes)
        heard = messages(rules, caller, polls, chance, others[0])
        other, pending = process(quick, [*heard, *others[1]], rules, at)
        caller.move(pending.path_changes)
        near_misses = missed(quick, heard, at)
        road = [each for each in polls if each.zone not in near_misses]
        one, _ = process(whole, [*others[0], *road, *others[1]], rules, at)
        passed.append(pending.unchanged)
        near += len(near_misses)
        assert other == one
        for each in watched:
            assert quick.zone_states[each.name] == whole.zone_states[each.name]
            if each.name in near_misses:
                # Of a near miss the bulk prober has written a later EXPIRE than the road was told.
                whole.zone_states[each.name] = quick.zone_states[each.name]
            assert ticking(quick.zone_states[each.name]) == ticking(whole.zone_states[each.name])
            mine, theirs = quick.results_of(each.name)["soa-serial"], whole.results_of(each.name)["soa-serial"]
            assert (mine.health, mine.findings, mine.at) == (theirs.health, theirs.findings, theirs.at)
        assert quick.active_alerts == whole.active_alerts
        assert quick.open_incidents == whole.open_incidents
        assert quick.connectivity.heard == whole.connectivity.heard
        assert quick.connectivity.offline == whole.connectivity.offline
        assert reminders(quick, rules, at) == reminders(whole, rules, at)
    return passed, near, quick


def test_there_are_more_ways_to_fail_than_numbers_for_them() -> None:
    memory = MonitorState()
    numbers = [
        memory.steady_result_id(CheckResult("a.", "soa-serial", minute(0), Health.UNKNOWN, reason=f"{n}"))
        for n in range(300)
    ]
    assert len(set(numbers[:254])) == 254
    assert set(numbers[254:]) == {NO_RESULT}
    assert memory.steady_result_id(CheckResult("a.", "soa-serial", minute(0), Health.GOOD)) == GOOD
    reachability_patterns = [memory.reachability_id(tuple(bit == "1" for bit in f"{n:09b}")) for n in range(300)]
    assert len(set(reachability_patterns[:255])) == 255
    assert set(reachability_patterns[255:]) == {0}
