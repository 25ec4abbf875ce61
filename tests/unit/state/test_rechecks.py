"""Grace and settle are by the clock: a check that seldom looks, looks again when they end.

The kind: an alert that fires or is over one cadence late because nobody looked in between. Its neighbours are here:
every phase that waits, what could not be checked, many zones at once, a reload, a restart, a clock set back.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from alerting.model import Phase, Policy
from checks.model import Zone
from checks.reachable import Reachable
from checks.soa_serial import SoaSerial
from monitor.state.monitor_state import MonitorState
from monitor.state.rechecks import Rechecks
from tests.support.evaluator import EvaluatorBench
from tests.support.monitor_state import minute, plan, reached
from tests.support.observations import NOON, checked_at, zone

HOURLY, QUARTERLY = timedelta(hours=1), timedelta(minutes=15)
POLICY = Policy(grace=timedelta(minutes=2), settle=timedelta(minutes=3))
WHERE = ("reachable", "example.com.")


class Slow(EvaluatorBench):
    """A judge of checks that look once an hour, and how long until it wants to look again."""

    def __init__(self, *zones: Zone, policy: Policy = POLICY, every: timedelta = HOURLY) -> None:
        super().__init__(*zones, policy=policy)
        self.every = every

    async def look(self, zone: Zone, at: float, **tokens: str) -> None:
        self.now.at = minute(at)
        await self.evaluator.process([replace(reached(zone, self.now(), **tokens), cadence=self.every)])

    async def serials(self, zone: Zone, at: float, **tokens: str | int) -> None:
        self.now.at = minute(at)
        await self.evaluator.process([replace(checked_at(zone, tokens, self.now()), cadence=self.every)])

    def wanted(self) -> Mapping[tuple[str, str], float]:
        """Minutes from now, by check and zone; whatever is asked for is forgotten."""
        now, found = asyncio.get_running_loop().time(), {}
        for minutes in range(121):
            for check, names in self.evaluator.rechecks.due(now + minutes * 60 + 1).items():
                found |= {(check, name): float(minutes) for name in names}
        return found

    @property
    def heard(self) -> list[str]:
        return [str(t.event) for c in self.disk.commits for t in c.messages]


async def test_bad_for_two_minutes_means_that_and_so_does_good_for_three() -> None:
    one = zone("ns1", "ns2", "ns3")
    on = Slow(one)
    await on.look(one, 0, ns1="10", ns2="10", ns3="10")
    assert on.wanted() == {}
    await on.look(one, 60, ns1="10", ns2="10", ns3="-")
    assert on.wanted() == {WHERE: 2}
    await on.look(one, 62, ns1="10", ns2="10", ns3="-")
    assert on.heard == ["incident.opened"]
    began = {line.since for i in on.status.incidents.values() for line in i.lines}
    assert began == {minute(60)}, "it began when it was first seen bad, not when that was believed"
    assert on.wanted() == {WHERE: 3}, "it may be over soon"
    await on.look(one, 120, ns1="10", ns2="10", ns3="10")
    assert on.wanted() == {WHERE: 3}
    await on.look(one, 123, ns1="10", ns2="10", ns3="10")
    assert on.heard == ["incident.opened", "incident.resolved"]
    assert on.wanted() == {}


async def test_the_end_of_what_fires_is_seen_long_before_the_next_regular_look() -> None:
    one = zone("ns1", "ns2", "ns3")
    on = Slow(one)
    for at in (0, 2, 5, 11, 23, 47):
        await on.look(one, at, ns1="10", ns2="10", ns3="-")
    assert on.wanted() == {WHERE: 45}
    await on.look(one, 60, ns1="10", ns2="10", ns3="-")
    assert on.wanted() == {}, "the regular look comes before the pause is over"
    await on.look(one, 120, ns1="10", ns2="10", ns3="10")
    assert on.wanted() == {WHERE: 3}
    await on.look(one, 121, ns1="10", ns2="10", ns3="-")
    assert on.wanted() == {WHERE: 3}, "bad again: the pauses begin anew"


async def test_a_blip_is_looked_at_once_more_and_then_no_more() -> None:
    one = zone("ns1", "ns2", "ns3")
    on = Slow(one)
    await on.look(one, 0, ns1="10", ns2="10", ns3="-")
    assert on.wanted() == {WHERE: 2}
    await on.look(one, 2, ns1="10", ns2="10", ns3="10")
    assert on.wanted() == {}
    assert on.heard == []


async def test_the_regular_look_that_comes_first_takes_the_place_of_the_other() -> None:
    one = zone("ns1", "ns2", "ns3")
    on = Slow(one)
    await on.look(one, 0, ns1="10", ns2="10", ns3="-")
    await on.look(one, 1.5, ns1="10", ns2="10", ns3="10")
    assert len(on.evaluator.rechecks) == 0
    await on.look(one, 3, ns1="10", ns2="10", ns3="-")
    await on.look(one, 4, ns1="10", ns2="10", ns3="-")
    assert on.wanted() == {WHERE: 1}


async def test_a_check_that_looks_often_enough_is_not_asked_again() -> None:
    one = zone("ns1", "ns2", "ns3")
    on = Slow(one, every=timedelta(minutes=1))
    await on.look(one, 0, ns1="10", ns2="10", ns3="-")
    assert len(on.evaluator.rechecks) == 0


async def test_what_was_not_checked_has_its_own_patience() -> None:
    """Ten minutes for not-checked, whatever grace is; and it is only one look for all that waits in the zone."""
    one, other = zone(), zone("ns3", "ns4", name="other.example.")
    on = Slow(one, other)
    await on.serials(other, 0, ns3=10, ns4=10)
    await on.serials(one, 0, ns1="?", ns2="?")
    (alert,) = on.evaluator._memory.active_alerts.values()
    assert (alert.key.code, alert.phase) == ("not-checked", Phase.PENDING)
    assert on.wanted() == {("soa-serial", one.name): 10}


async def test_the_look_that_was_asked_for_is_evaluated_though_the_zone_seems_steady() -> None:
    """A zone that is well again and waits for the end of settle must not be passed over at that very look."""
    one = zone()
    for every in (QUARTERLY, HOURLY):
        on = Slow(one, every=every, policy=Policy(timedelta(0), timedelta(minutes=3)))
        await on.serials(one, 0, ns1=10, ns2=10)
        for at in (60, 120):
            await on.serials(one, at, ns1=11, ns2=10)
        assert on.heard == ["incident.opened"]
        await on.serials(one, 180, ns1=11, ns2=11)
        assert on.wanted() == {("soa-serial", one.name): 3}
        number = on.evaluator.plan.zones.index(one.name)
        assert on.evaluator._memory.columns.mode[number] == 0, "asked whole"
        await on.serials(one, 183, ns1=11, ns2=11)
        assert on.heard == ["incident.opened", "incident.resolved"]


async def test_a_reload_that_changes_grace_or_cadence_counts_anew() -> None:
    one = zone("ns1", "ns2", "ns3")
    on = Slow(one, policy=replace(POLICY, grace=timedelta(hours=3)))
    await on.look(one, 0, ns1="10", ns2="10", ns3="-")
    assert on.wanted() == {}
    on.now.at = minute(10)
    hourly = {"reachable": HOURLY, "soa-serial": HOURLY}
    shorter = replace(plan(one, checks=(SoaSerial(), Reachable()), policy=POLICY), cadence=hourly)
    await on.evaluator.replan(shorter)
    assert on.wanted() == {WHERE: 0}, "the grace is over already"
    await on.evaluator.replan(replace(shorter, policy=replace(POLICY, grace=timedelta(minutes=15))))
    assert on.wanted() == {WHERE: 5}
    often = {"reachable": timedelta(minutes=1), "soa-serial": timedelta(minutes=1)}
    await on.evaluator.replan(replace(shorter, cadence=often))
    assert on.wanted() == {}
    await on.evaluator.replan(plan(zone("ns1", "ns2", name="other.example."), checks=(SoaSerial(), Reachable())))
    assert on.wanted() == {}


async def test_a_reload_forgets_no_look_at_what_fires_and_makes_no_rush_of_them() -> None:
    one = zone("ns1", "ns2", "ns3")
    on = Slow(one)
    for at in (0, 2):
        await on.look(one, at, ns1="10", ns2="10", ns3="-")
    hourly = {"reachable": HOURLY, "soa-serial": HOURLY}
    anew = replace(plan(one, checks=(SoaSerial(), Reachable()), policy=POLICY), cadence=hourly)
    for at, wanted in ((4, {WHERE: 1}), (20, {WHERE: 18}), (70, {})):
        on.now.at = minute(at)
        await on.evaluator.replan(replace(anew, policy=replace(POLICY, remind=timedelta(minutes=100 + at))))
        assert on.wanted() == wanted


async def test_after_a_restart_the_first_look_decides_or_says_when() -> None:
    """Cadences begin anew with a look at once, and what was pending on the disk still is."""
    one = zone("ns1", "ns2", "ns3")
    on = Slow(one)
    await on.look(one, 0, ns1="10", ns2="10", ns3="-")
    for at, wanted in ((1.0, {WHERE: 1}), (30.0, {WHERE: 3})):
        again = Slow(one)
        again.evaluator._memory = MonitorState.of(await on.disk.kept.restore())
        await again.look(one, at, ns1="10", ns2="10", ns3="-")
        assert again.wanted() == wanted
        assert again.heard == ([] if at < 2 else ["incident.opened"])


async def test_a_clock_set_back_holds_up_nothing() -> None:
    """The time of the look is kept by the other clock; what has been waited for begins anew, once."""
    one = zone("ns1", "ns2", "ns3")
    on = Slow(one)
    await on.look(one, 600, ns1="10", ns2="10", ns3="-")
    assert on.wanted() == {WHERE: 2}
    await on.look(one, 2, ns1="10", ns2="10", ns3="-")
    assert on.wanted() == {WHERE: 2}
    await on.look(one, 4, ns1="10", ns2="10", ns3="-")
    assert on.heard == ["incident.opened"]


async def test_many_zones_are_one_appointment_each_and_none_is_forgotten() -> None:
    zones = [zone("ns1", "ns2", "ns3", name=f"z{n}.example.") for n in range(300)]
    on = Slow(*zones)
    for each in zones:
        await on.look(each, 0, ns1="10", ns2="10", ns3="REFUSED")
    assert on.wanted() == {("reachable", each.name): 2 for each in zones}
    assert len(on.evaluator.rechecks) == 0


def test_the_latest_word_counts() -> None:
    looks = Rechecks()
    one, other = ("transfer", "a."), ("records", "a.")
    second = timedelta(seconds=1)

    def note(at: datetime | None, of: tuple[str, str] = one) -> None:
        looks.note({of: at}, NOON, 100.0)

    note(NOON + 10 * second)
    note(NOON + 20 * second)
    note(NOON + 10 * second, other)
    assert looks.due(109.9) == {}
    assert looks.due(110.0) == {"records": ["a."]}
    note(NOON + 5 * second)
    assert looks.due(105.0) == {"transfer": ["a."]}
    assert looks.due(1000.0) == {}
    note(NOON + 5 * second)
    note(None)
    note(None, other)
    assert looks.due(1000.0) == {}
    note(NOON - HOURLY)
    assert looks.due(100.0) == {"transfer": ["a."]}


@pytest.mark.parametrize("twice", [1, 5])
def test_saying_it_again_makes_no_second_look(twice: int) -> None:
    looks = Rechecks()
    for _ in range(twice):
        looks.note({("transfer", "a."): NOON}, NOON, 1.0)
    assert looks.due(1.0) == {"transfer": ["a."]}
