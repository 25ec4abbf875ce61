"""When the serial of a primary moves and no NOTIFY comes: told after a minute, until one is taken."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from alerting.model import Phase, Policy
from checks.model import Zone
from monitor.state.awaited_notifies import NOTIFY_CHECK, ExpectedNotifies
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.notifies import Notify
from monitor.state.pipeline import drop_unmonitored, process
from monitor.state.ports import StoredState
from tests.support.monitor_state import AT_ONCE, looks, minute, plan
from tests.support.observations import zone

NS1 = "ns1"
ALWAYS, NEVER = ExpectedNotifies(always=frozenset({NS1})), ExpectedNotifies(never=frozenset({NS1}))


@dataclass
class Bench:
    """A service that listens since ``since`` (minutes); the zone is looked at once a minute."""

    expected: ExpectedNotifies | None = field(default_factory=ExpectedNotifies)
    zone: Zone = field(default_factory=zone)
    since: float = -10
    policy: Policy = AT_ONCE

    def __post_init__(self) -> None:
        self.memory = MonitorState()
        self.memory.notifies.since = minute(self.since)
        self.plan: MonitoringPlan = replace(plan(self.zone, policy=self.policy), notify=self.expected)

    def look(self, at: float, primary: int, secondary: int | str = 1) -> None:
        process(self.memory, [looks(self.zone, minute(at), ns1=primary, ns2=secondary)], self.plan, minute(at))

    def tick(self, at: float) -> None:
        process(self.memory, (), self.plan, minute(at))

    def notify(self, at: float, server: str = NS1) -> None:
        """As ``Evaluator.note_notify`` does."""
        self.memory.notifies.note(self.zone.name, Notify(minute(at), server, "192.0.2.1"))
        awaited = self.memory.awaited_notifies.get(self.zone.name)
        if awaited is not None and awaited.server == server:
            self.memory.awaited_notifies.end(self.zone.name, minute(at))

    @property
    def said(self) -> list[tuple[str, Phase]]:
        return [(a.key.code, a.phase) for a in self.memory.of_check(self.zone.name, NOTIFY_CHECK).values()]

    @property
    def text(self) -> str:
        (alert,) = self.memory.of_check(self.zone.name, NOTIFY_CHECK).values()
        assert (alert.key.server, alert.key.address) == (NS1, None)
        return alert.text


FIRING = [("notify-missing", Phase.FIRING)]


def story(bench: Bench, *serials: int, notifies: Iterable[float] = (), server: str = NS1) -> None:
    """A look each minute, and NOTIFYs between them; the last two minutes bring nothing new."""
    left = sorted(notifies)
    for at, serial in enumerate((*serials, serials[-1], serials[-1])):
        while left and left[0] <= at:
            bench.notify(left.pop(0), server)
        bench.tick(at - 0.01)
        bench.look(at, serial)
    bench.tick(len(serials) + 2)


@pytest.mark.parametrize("second", [1.5, 2.5], ids=["before the look that sees it", "just after that"])
def test_a_version_that_is_announced_is_no_news(second: float) -> None:
    bench = Bench()
    story(bench, 1, 1, 2, notifies=(-5, second))
    assert bench.said == []


def test_who_announced_a_version_before_and_this_one_not_is_told_of_after_a_minute() -> None:
    bench = Bench()
    bench.notify(-5)
    for at, serial in enumerate((1, 1, 2)):
        bench.look(at, serial)
    bench.tick(2.9)
    assert bench.said == []
    bench.tick(3)
    assert bench.said == FIRING
    assert bench.text == (
        "its serial went from 1 to 2 by 2026-11-20 12:02:00 UTC, "
        "and no NOTIFY of that was taken here since 2026-11-20 12:01:00 UTC"
    )
    bench.look(4, 3)  # one more version: the first is what is told
    bench.tick(10)
    assert "from 1 to 2" in bench.text
    bench.notify(11)
    bench.tick(11)
    assert bench.said == []
    assert len(bench.memory.awaited_notifies) == 0


NOT_TOLD = {
    "nobody listens": Bench(expected=None),
    "it has never sent any": Bench(),
    "the service listens only since then": Bench(expected=ALWAYS, since=1.5),
    "it is said to send none": Bench(expected=NEVER),
    "no primary is named": Bench(expected=ALWAYS, zone=zone(primary=None)),
}


@pytest.mark.parametrize("bench", NOT_TOLD.values(), ids=NOT_TOLD)
def test_nothing_is_told_where_nothing_is_expected(bench: Bench) -> None:
    if bench.expected is NEVER:
        bench.notify(-5)
    story(bench, 1, 1, 2)
    assert bench.said == []


def test_who_is_said_to_send_is_told_of_from_the_first_version_on() -> None:
    bench = Bench(expected=ALWAYS)
    story(bench, 1, 1, 2)
    assert bench.said == FIRING


def test_what_a_secondary_sends_says_nothing_of_the_primary() -> None:
    bench = Bench()
    story(bench, 1, 1, 2, notifies=(0.5,), server="ns2")
    assert bench.said == []
    bench = Bench(expected=ALWAYS)
    story(bench, 1, 1, 2, notifies=(1.5,), server="ns2")
    assert bench.said == FIRING


@pytest.mark.parametrize(
    ("looked", "why"),
    [
        ([(0, 1), (1, 1), (4, 2)], "nobody looked for long"),
        ([(0, 2), (1, 2), (2, 1)], "it went back"),
        ([(0, 1)], "it is the first look"),
    ],
)
def test_only_a_step_forward_between_two_looks_is_a_new_version(looked: list[tuple[int, int]], why: str) -> None:
    bench = Bench(expected=ALWAYS)
    for at, serial in looked:
        bench.look(at, serial)
    bench.tick(20)
    assert bench.said == [], why


def test_the_version_of_a_primary_that_was_silent_before_is_not_counted() -> None:
    bench = Bench(expected=ALWAYS)
    bench.look(0, 1)
    process(bench.memory, [looks(bench.zone, minute(1), ns1="timeout", ns2=1)], bench.plan, minute(1))
    bench.look(2, 2)
    bench.tick(20)
    assert bench.said == []


def test_grace_and_settle_are_kept() -> None:
    bench = Bench(policy=Policy(timedelta(minutes=2), timedelta(minutes=2), timedelta(hours=4)))
    bench.notify(-5)
    for at, serial in enumerate((1, 1, 2)):
        bench.look(at, serial)
    heard = []
    for at in range(3, 12):
        if at == 8:
            bench.notify(7.9)
        bench.tick(at)
        heard.append([phase for _, phase in bench.said])
    pending, firing, recovering = [Phase.PENDING], [Phase.FIRING], [Phase.RECOVERING]
    assert heard == [pending, pending, firing, firing, firing, recovering, recovering, [], []]


def test_a_restart_goes_on_with_what_was_told_until_one_is_taken() -> None:
    before = Bench()
    before.notify(-5)
    story(before, 1, 1, 2)
    after = Bench()
    alerts = dict(before.memory.active_alerts)
    after.memory = MonitorState.of(StoredState(alerts=alerts))
    after.tick(20)
    assert after.said == FIRING
    assert after.text == before.text
    after.notify(21)
    after.tick(21)
    assert after.said == []


@pytest.mark.parametrize("expected", [None, NEVER])
def test_it_is_withdrawn_where_it_is_not_expected_any_more(expected: ExpectedNotifies | None) -> None:
    bench = Bench()
    bench.notify(-5)
    story(bench, 1, 1, 2)
    assert bench.said == FIRING
    bench.plan = replace(bench.plan, notify=expected)
    drop_unmonitored(bench.memory, bench.plan, minute(9))
    assert bench.said == []
    bench.tick(20)
    assert bench.said == []


def test_a_zone_that_is_watched_no_more_is_forgotten() -> None:
    bench = Bench(expected=ALWAYS)
    bench.look(0, 1)
    bench.look(1, 2)
    other = replace(plan(zone(name="other.example.")), notify=ALWAYS)
    drop_unmonitored(bench.memory, other, minute(2))
    process(bench.memory, (), other, minute(20))
    assert bench.memory.active_alerts == {}
    assert len(bench.memory.awaited_notifies) == 0


def test_while_we_are_offline_nothing_is_missing() -> None:
    bench = Bench(expected=ALWAYS, zone=zone("ns1", "ns2"))
    bench.look(0, 1)
    bench.look(1, 2)
    for at in (2, 3, 4):
        process(bench.memory, [looks(bench.zone, minute(at), ns1="timeout", ns2="timeout")], bench.plan, minute(at))
    bench.tick(10)
    assert bench.said == []
    assert bench.memory.awaited_notifies.get(bench.zone.name) is not None
    bench.look(11, 2)
    bench.tick(12)
    assert bench.said == FIRING
