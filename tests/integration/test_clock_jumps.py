"""A day on which the clock of the monitor's machine is set again and again, by seconds and by hours, forward and back,
and on which the machine sleeps: healthy zones are accused of nothing, and a frozen secondary is told once.

The servers live by the time that passes; the monitor sees its own clock.
"""

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from alerting.incident import IncidentEvent
from alerting.incidents import at_once
from alerting.model import Policy
from alerting.root_cause import DependencyGraph
from checks.model import ZonePoll
from checks.model.zone_table import ZoneTable
from monitor.state.clock_step import VALUES_PER_STEP, ClockSteps, follow_clock
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.pipeline import process
from tests.integration.test_quiet_day import CHECKS, DAY, SEED, Nameservers, Watch, calendar, look, restarted, zones
from tests.support.alerts import START, alert
from tests.support.at_once import reminders
from tests.support.monitor_state import Clock as MovedClock
from tests.support.observations import NOON, checked_at, zone

STEPS = (0.5, 3, 40, 90, 600, 1500, 3600, 18000)
"""Seconds by which the clock is set: as NTP does, as an operator does, as a machine does that had lost it."""
SETS = 40
SLEEPS = 6


@dataclass
class Clock:
    """What the monitor's clock shows when so many seconds of the day have passed; and when its machine sleeps."""

    dice: random.Random
    sets: list[tuple[float, float]] = field(default_factory=list)
    sleeps: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        whole = DAY.total_seconds()
        ways = [way * step for step in STEPS for way in (1, -1)] * 3
        moments = sorted(self.dice.uniform(0, whole) for _ in range(SETS))
        self.sets = list(zip(moments, self.dice.sample(ways, SETS), strict=True))
        self.sleeps = [(self.dice.uniform(0, whole), self.dice.choice((90, 600, 7200))) for _ in range(SLEEPS)]

    def shows(self, at: datetime, second: float) -> datetime:
        return at + timedelta(seconds=sum(step for moment, step in self.sets if moment <= second))

    def asleep(self, second: float) -> bool:
        return any(start <= second < start + length for start, length in self.sleeps)


def live(servers: Nameservers, clock: Clock, dice: random.Random) -> Watch:
    watched = zones()[:3]
    servers.plan(watched)
    plan = MonitoringPlan(
        zones=ZoneTable.of(watched),
        checks={check.name: check for check, _ in CHECKS},
        dependency_graph=DependencyGraph.of(watched),
        policy=Policy(),
        receivers=("oncall",),
    )
    memory, watch, before = MonitorState(), Watch(), timedelta(0)
    for turn in calendar(watched, dice):
        second = (turn.at - START).total_seconds()
        if clock.asleep(second):
            continue
        if turn.afresh:
            memory = restarted(memory)
        seen, at = look(turn, servers)
        step = clock.shows(at, second) - at - before
        before += step
        if step:
            at_once(follow_clock(memory, step))
        at = clock.shows(at, second)
        seen = tuple(replace(each, at=clock.shows(each.at, second)) for each in seen)
        poll = ZonePoll(turn.zone.name, turn.check.name, at, turn.cadence, seen)
        watch.polls += 1
        commit, _ = process(memory, [poll], plan, at)
        watch.transitions += commit.transitions
        watch.messages += (*commit.messages, *reminders(memory, plan, at).messages)
        watch.pending = max(watch.pending, len(memory.active_alerts))
    return watch


def test_nobody_is_accused_by_a_clock_that_is_set_or_by_a_machine_that_sleeps() -> None:
    dice = random.Random(SEED + 2)
    watch = live(Nameservers(dice), Clock(dice), dice)
    assert watch.polls > 8_000
    assert watch.pending > 0, "nothing ever looked odd: the day was too quiet to prove anything"
    assert watch.transitions == []
    assert watch.messages == []


def test_a_frozen_secondary_is_told_once_on_such_a_day() -> None:
    dice = random.Random(SEED + 2)
    watch = live(Nameservers(dice, frozen="ns3"), Clock(dice), dice)
    news = [each.event for each in watch.messages]
    assert news.count(IncidentEvent.OPENED) == 1
    assert IncidentEvent.RESOLVED not in news
    assert {str(each.incident.cause) for each in watch.messages} <= {"server ns3"}


def test_a_clock_that_is_set_takes_along_what_is_remembered_and_what_waits_to_be_judged() -> None:
    wall, seconds = MovedClock(NOON), [0.0]
    steps, state = ClockSteps(wall, lambda: seconds[0]), MonitorState()
    state.put(alert("a.example.", "serial-late", "ns2", at=-1))
    heard = [checked_at(zone(), {"ns1": "10"}, NOON)]
    wall.pass_(seconds=60)
    seconds[0] = 60.0
    assert at_once(steps.follow(state, heard)) is heard
    wall.pass_(hours=2)
    (before, after) = at_once(steps.follow(state, [*heard, checked_at(zone(), {"ns1": "10"}, wall())]))
    assert (before.at, after.at) == (NOON + timedelta(hours=2), wall())
    assert before.seen[0].at == before.at
    (one,) = state.active_alerts.values()
    assert one.bad_since == START + timedelta(hours=2, minutes=-1)


def test_others_have_their_turn_while_very_much_is_moved() -> None:
    state = MonitorState()
    for number in range(1000):
        state.put(alert(f"z{number}.example.", "serial-late", "ns2"))
    steps = sum(1 for _ in follow_clock(state, timedelta(hours=1)))
    assert steps >= 2 * 1000 // VALUES_PER_STEP
    assert {each.bad_since for each in state.active_alerts.values()} == {START + timedelta(hours=1)}
