"""Passing over polls whose results stand and evaluating every poll come to the same, whatever happens."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from alerting.root_cause import DependencyGraph
from checks.base import Check
from checks.model import Zone, ZonePoll
from checks.model.zone_table import ZoneTable
from checks.reachable import Reachable
from monitor.state.columns import change_to
from monitor.state.fast_path import FastPathChanges, pick_full_polls
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.pending_commit import PendingCommit
from monitor.state.pipeline import finish, process_batch
from monitor.state.ports import Commit, PollMessage, UnchangedZones
from monitor.state.standing import rrset_questions
from tests.support.at_once import reminders
from tests.support.monitor_state import MINUTE, minute
from tests.support.serial_world import CHECK, POLICY, Caller, messages, missed, ticking
from tests.support.standing_world import OTHERS, StandingCaller, WideWorld, with_records


def plan(watched: Sequence[Zone]) -> MonitoringPlan:
    return MonitoringPlan(
        zones=ZoneTable.of(watched),
        checks={check.name: check for check in (CHECK, *OTHERS)},
        dependency_graph=DependencyGraph.of(watched),
        policy=POLICY,
        receivers=("hook",),
    )


class Both:
    """Two memories of one world: ``whole`` has every poll evaluated, ``quick`` passes over what it may."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.world = WideWorld(self.chance, with_records(6))
        self.rules = plan(self.world.zones)
        self.whole, self.quick = MonitorState(), MonitorState()
        rrsets = rrset_questions(self.rules.zones, self.rules.checks)
        for memory in (self.whole, self.quick):
            memory.use(change_to(memory.columns, self.rules.zones, rrsets).columns)
        self.serials, self.others = Caller(self.quick.columns), StandingCaller(self.quick.columns)
        self.passed: Counter[str] = Counter()
        self.polled: Counter[str] = Counter()
        self.found: Counter[str] = Counter()

    def minute(self, number: int) -> None:
        """All zones are asked for their serials first, so that both know of the same versions; then by the others."""
        at = minute(number)
        self.world.pass_()
        if self.chance.random() < 0.3:
            path_changes = FastPathChanges(self.rules.zones)
            pick_full_polls(self.quick, path_changes, range(len(self.quick.columns.layouts)))
            self.serials.move(path_changes)
        if self.chance.random() < 0.2:  # as after a reload with other settings: zones are looked at, or polled
            for check in OTHERS[1:]:
                self.quick.columns.standing.pop(check.name, None)
        quick, whole = (PendingCommit(FastPathChanges(self.rules.zones)) for _ in range(2))
        polls = [ZonePoll(one.name, "soa-serial", at, MINUTE, self.world.looks(one, at)) for one in self.world.zones]
        self.chance.shuffle(polls)
        heard = messages(self.rules, self.serials, polls, self.chance)
        process_batch(self.quick, quick, heard, self.rules)
        near_misses = missed(self.quick, heard, at)
        process_batch(self.whole, whole, [poll for poll in polls if poll.zone not in near_misses], self.rules)
        self._callers_move(quick)
        others = self._polls(at)
        told = [self._message(check, poll) for check, poll in others]
        process_batch(self.quick, quick, told, self.rules)
        later = self._refused(quick, told, others)
        process_batch(self.quick, quick, later, self.rules)
        first = [poll for _, poll in others if not any(poll is one for one in later)]
        process_batch(self.whole, whole, [*first, *later], self.rules)
        one, other = finish(self.quick, quick, self.rules, at), finish(self.whole, whole, self.rules, at)
        self._callers_move(quick)
        assert in_order(one) == in_order(other)
        self._compare(near_misses)
        assert reminders(self.quick, self.rules, at) == reminders(self.whole, self.rules, at)

    def _callers_move(self, pending: PendingCommit) -> None:
        self.serials.move(pending.path_changes)
        self.others.move(pending.path_changes.standing)
        pending.path_changes = FastPathChanges(self.rules.zones)

    def _polls(self, at: datetime) -> list[tuple[Check, ZonePoll]]:
        found = [
            (check, self.world.poll(check, one, at))
            for one in self.world.zones
            for check in OTHERS
            if check.applies(one)
        ]
        self.chance.shuffle(found)
        return found

    def _message(self, check: Check, poll: ZonePoll) -> PollMessage:
        message = self.others.message(check, poll)
        (self.passed if isinstance(message, UnchangedZones) else self.polled)[check.name] += 1
        return message

    def _refused(
        self, pending: PendingCommit, told: Sequence[PollMessage], others: Sequence[tuple[Check, ZonePoll]]
    ) -> list[ZonePoll]:
        """The polls of zones that were to take over a result and could not after all: they are made at once."""
        alike = [isinstance(one, UnchangedZones) and one.alike for one in told]
        return [
            poll
            for (check, poll), was_alike in zip(others, alike, strict=True)
            if was_alike and pending.rechecks.get((check.name, poll.zone)) == poll.at
        ]

    def _compare(self, near_misses: set[str]) -> None:
        quick, whole = self.quick, self.whole
        for zone in self.world.zones:
            name = zone.name
            assert quick.zone_states[name] == whole.zone_states[name]
            if name in near_misses:  # the bulk prober has written a later EXPIRE than the road was told
                whole.zone_states[name] = quick.zone_states[name]
            assert ticking(quick.zone_states[name]) == ticking(whole.zone_states[name])
            mine, theirs = quick.results_of(name), whole.results_of(name)
            assert mine.keys() == theirs.keys()
            for check, result in theirs.items():
                if check == CHECK.name:  # of a zone that is passed over nobody looks into what is unsure
                    result = replace(result, unsure=mine[check].unsure)
                if check == Reachable.name:  # a poll of soa-fields in the same batch may have put it off
                    result = replace(result, at=max(mine[check].at, result.at - MINUTE))
                assert mine[check] == result
                self.found.update(finding.code for finding in result.findings)
        assert quick.active_alerts == whole.active_alerts
        assert quick.open_incidents == whole.open_incidents
        assert quick.connectivity.heard == whole.connectivity.heard
        assert quick.connectivity.offline == whole.connectivity.offline


def in_order(commit: Commit) -> Commit:
    """Which of two polls of one minute moved an alert makes no difference."""
    return replace(
        commit,
        alerts=tuple(sorted(commit.alerts, key=lambda alert: repr(alert.key))),
        transitions=tuple(sorted(commit.transitions, key=lambda moved: repr(moved.key))),
    )


@pytest.mark.parametrize("seed", range(1))
def test_passing_over_says_what_the_road_says(seed: int) -> None:
    compare_at_random(seed, 50)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1050))
def test_passing_over_says_what_the_road_says_for_long(seed: int) -> None:
    compare_at_random(seed, 400)


def compare_at_random(seed: int, minutes: int) -> None:
    both = Both(seed)
    for number in range(minutes):
        both.minute(number)
    print(both.passed, both.polled, both.others.took_over, both.found)
    for check in OTHERS:
        assert both.passed[check.name] > minutes / 5, check.name
        assert both.polled[check.name] > minutes / 5, check.name
    for name in ("ns-set", "records", "reachable"):
        assert both.others.took_over[name] > minutes / 10, name
