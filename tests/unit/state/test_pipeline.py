"""Rounds in, a commit out: what is believed, dropped, withdrawn, explained and told."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.incident import IncidentEvent
from alerting.model import NOT_CHECKED, AlertKey, Phase, Policy
from alerting.notification import OutboxMessage
from checks.base import Check
from checks.model import Address, Zone, ZonePoll
from checks.ns_set import NsSet
from checks.reachable import Reachable
from checks.soa_serial import SoaSerial
from checks.zone_state.model import ZoneState
from monitor.state import pipeline
from monitor.state.columns import change_to
from monitor.state.monitor_result import MONITOR
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.pipeline import drop_unmonitored, process
from monitor.state.zone_views import make_zone_status
from tests.support.at_once import reminders
from tests.support.monitor_state import AT_ONCE, looks, minute, plan, reached
from tests.support.observations import NOON, QUICK, checked_at, server, zone

BOTH: tuple[Check, ...] = (SoaSerial(), Reachable())


def heard(memory: MonitorState, polls: list[ZonePoll], plan: MonitoringPlan, at: float = 0) -> list[OutboxMessage]:
    commit, _ = process(memory, polls, plan, minute(at))
    return list(commit.messages)


def template_ids(messages: list[OutboxMessage]) -> list[tuple[IncidentEvent, str]]:
    return [(message.event, str(message.incident.cause)) for message in messages]


def codes(memory: MonitorState) -> set[str]:
    return {key.code for key in memory.active_alerts}


def stuck(
    zone: Zone, memory: MonitorState, plan: MonitoringPlan, *, at: float = 0, more: Mapping[str, str] = {}
) -> list[OutboxMessage]:
    """ns2 stays where it is while two versions come by."""
    told: list[OutboxMessage] = []
    for number, serial in enumerate((10, 11, 12, 12, 12, 12, 12, 12)):
        tokens = {"ns1": serial, "ns2": 10, **more}
        told += heard(memory, [checked_at(zone, tokens, minute(at + number), QUICK)], plan, at + number)
    return told


# --- what is not listened to ---


def test_polls_of_what_is_not_watched_are_dropped() -> None:
    one, other = zone(), zone(name="other.example.")
    memory = MonitorState()
    commit, pending = process(memory, [looks(other, NOON, ns1=10, ns2=10)], plan(one), NOON)
    assert commit.empty
    assert not pending.touched
    commit, _ = process(memory, [reached(one, NOON, ns1="-", ns2="10")], plan(one), NOON)
    assert commit.empty
    assert not memory.results


def test_a_poll_that_asked_a_server_which_has_left_accuses_nobody() -> None:
    before, after = zone("ns1", "ns2", "ns3"), zone("ns1", "ns2")
    memory = MonitorState()
    poll = reached(before, NOON, ns1="10", ns2="10", ns3="-")
    assert heard(memory, [poll], plan(after, checks=BOTH)) == []
    assert not memory.active_alerts
    assert heard(memory, [poll], plan(before, checks=BOTH)) != []


def test_nor_does_one_that_asked_an_old_address() -> None:
    before = zone("ns1", server("ns2", "192.0.2.2"))
    after = zone("ns1", server("ns2", "192.0.2.22"))
    memory = MonitorState()
    commit, _ = process(memory, [looks(before, NOON, ns1=10, ns2=10)], plan(after), NOON)
    assert commit.empty


def test_a_late_poll_changes_nothing() -> None:
    memory, watched = MonitorState(), zone()
    heard(memory, [looks(watched, minute(2), ns1=11, ns2=11)], plan(watched), 2)
    before = memory.zone_states[watched.name]
    commit, _ = process(memory, [looks(watched, minute(1), ns1=10, ns2=10)], plan(watched), minute(2))
    assert commit.empty
    assert memory.zone_states[watched.name] == before


def test_a_poll_without_change_costs_no_write() -> None:
    memory, watched = MonitorState(), zone()
    heard(memory, [looks(watched, NOON, ns1=10, ns2=10)], plan(watched))
    for number in range(1, 5):
        polls = [looks(watched, minute(number), ns1=10, ns2=10)]
        commit, pending = process(memory, polls, plan(watched), minute(number))
        assert commit.empty
        assert pending.touched == {watched.name}


# --- what is told ---


def test_a_stuck_server_is_told_of_once_reminded_of_and_resolved() -> None:
    memory, watched = MonitorState(), zone()
    rules = plan(watched, policy=replace(AT_ONCE, remind=timedelta(hours=1)))
    assert template_ids(stuck(watched, memory, rules)) == [(IncidentEvent.OPENED, "zone example.com.")]
    assert reminders(memory, rules, minute(30)).empty
    again = reminders(memory, rules, minute(90))
    assert [t.event for t in again.messages] == [IncidentEvent.REMINDED]
    assert again.incidents
    assert reminders(memory, rules, minute(91)).empty
    told = heard(memory, [looks(watched, minute(92), ns1=12, ns2=12)], rules, 92)
    assert [t.event for t in told] == [IncidentEvent.RESOLVED]
    assert not memory.active_alerts
    assert not memory.by_zone
    assert not memory.open_incidents.incidents


# --- what is let go ---


def test_a_zone_that_leaves_takes_all_that_was_known_of_it_along() -> None:
    memory, one, other = MonitorState(), zone(), zone(name="other.example.")
    both = plan(one, other, checks=BOTH)
    stuck(one, memory, both)
    heard(memory, [looks(other, minute(9), ns1=10, ns2=10), reached(one, minute(9), ns1="10", ns2="10")], both, 9)
    commit, _ = drop_unmonitored(memory, plan(other, checks=BOTH), minute(10))
    assert commit.dropped_zones == (one.name,)
    assert [t.event for t in commit.messages] == [IncidentEvent.RESOLVED]
    assert set(memory.zone_states) == {other.name}
    assert memory.results_of(other.name)
    assert not memory.results_of(one.name)
    assert not memory.active_alerts
    assert not memory.by_zone


def test_a_server_that_leaves_takes_its_alerts_and_what_was_heard_of_it_along() -> None:
    three = zone("ns1", "ns2", "ns3")
    two = zone("ns1", "ns3")
    memory = MonitorState()
    stuck(three, memory, plan(three), more={"ns3": 12})
    assert {key.server for key in memory.active_alerts} == {"ns2"}
    commit, _ = drop_unmonitored(memory, plan(two), minute(10))
    assert [t.event for t in commit.messages] == [IncidentEvent.RESOLVED]
    assert not memory.active_alerts
    gone = ("ns2", Address("192.0.2.2"))
    assert gone not in memory.connectivity.heard


def test_a_check_that_is_switched_off_withdraws_what_it_said_and_is_not_quoted_any_more() -> None:
    memory, watched = MonitorState(), zone()
    both = plan(watched, checks=BOTH)
    heard(memory, [reached(watched, NOON, ns1="10", ns2="-"), looks(watched, NOON, ns1=10, ns2=10)], both)
    assert any(key.check == "reachable" for key in memory.active_alerts)
    only = plan(watched)
    drop_unmonitored(memory, only, minute(1))
    assert not any(key.check == "reachable" for key in memory.active_alerts)
    assert set(memory.results_of(watched.name)) == {"soa-serial"}
    shown = make_zone_status(memory, only, watched.name, None, minute(1))
    assert shown.health == "good"


def test_what_stays_is_left_alone() -> None:
    memory, watched = MonitorState(), zone()
    rules = plan(watched, checks=BOTH)
    stuck(watched, memory, rules)
    before = dict(memory.active_alerts)
    commit, _ = drop_unmonitored(memory, rules, minute(10))
    assert commit.empty
    assert memory.active_alerts == before


# --- what cannot be seen ---


def test_nothing_can_be_said_for_long_that_is_an_alert_about_the_monitor() -> None:
    memory, watched = MonitorState(), zone("ns1")
    rules = plan(watched)
    told: list[OutboxMessage] = []
    for number in range(15):
        told += heard(memory, [looks(watched, minute(number), ns1="?")], rules, number)
    assert codes(memory) == {NOT_CHECKED}
    assert [t.event for t in told] == [IncidentEvent.OPENED]


def test_what_is_known_to_be_wrong_explains_what_cannot_be_checked() -> None:
    memory, watched = MonitorState(), zone()
    rules = plan(watched, checks=BOTH)
    for number in range(15):
        polls = [
            reached(watched, minute(number), ns1="REFUSED", ns2="REFUSED"),
            looks(watched, minute(number), ns1="REFUSED", ns2="REFUSED"),
        ]
        heard(memory, polls, rules, number)
    assert NOT_CHECKED not in codes(memory)


def test_offline_we_say_so_once_and_accuse_nobody_however_long_it_lasts() -> None:
    memory = MonitorState()
    zones = [zone(name=f"z{number}.example.") for number in range(20)]
    rules = plan(*zones, checks=BOTH)
    told: list[OutboxMessage] = []
    for number in range(60):
        token = "10" if number in (0, 59) else "-"
        for one in zones:
            told += heard(memory, [reached(one, minute(number), ns1=token, ns2=token)], rules, number)
            told += heard(memory, [looks(one, minute(number), ns1=token, ns2=token)], rules, number)
        if 1 <= number < 59:
            assert codes(memory) == {"monitor-offline"}
    assert template_ids(told) == [(IncidentEvent.OPENED, "vantage local"), (IncidentEvent.RESOLVED, "vantage local")]
    assert not memory.active_alerts


def test_offline_nobody_hears_that_what_was_told_in_its_grace_is_back() -> None:
    """The zones a and b are silent at ns2, which is told when a fires. What c has, is not told yet and was us."""
    memory, a, b, c = MonitorState(), zone(name="a.example."), zone(name="b.example."), zone(name="c.example.")
    rules = plan(a, b, c, checks=BOTH, policy=Policy(grace=timedelta(minutes=2), settle=timedelta(0)))
    heard(memory, [reached(a, minute(0), ns1="10", ns2="-")], rules)
    told = heard(memory, [reached(one, minute(1), ns1="10", ns2="-") for one in (a, b)], rules, 1)
    told += heard(memory, [reached(a, minute(2), ns1="10", ns2="-")], rules, 2)
    told += reminders(memory, rules, minute(3)).messages
    assert [(message.event, message.incident.zones) for message in told] == [(IncidentEvent.OPENED, (a.name, b.name))]
    heard(memory, [reached(c, minute(2.5), ns1="10", ns2="-")], rules, 2.5)
    later: list[OutboxMessage] = []
    for at in range(3, 60):
        polls = [poll for one in (a, b, c) for poll in (looks(one, minute(at), ns1="-", ns2="-"),
                 reached(one, minute(at), ns1="-", ns2="-"))]  # fmt: skip
        later += heard(memory, polls, rules, at)
        later += reminders(memory, rules, minute(at + 0.5)).messages
    assert template_ids(later) == [(IncidentEvent.OPENED, "vantage local")]
    assert {key.zone for key in memory.active_alerts} == {MONITOR, a.name, b.name}
    polls = [poll for one in (a, b, c) for poll in (looks(one, minute(60), ns1="10", ns2="10"),
             reached(one, minute(60), ns1="10", ns2="10"))]  # fmt: skip
    assert (IncidentEvent.RESOLVED, "server ns2") in template_ids(heard(memory, polls, rules, 60))


def test_offline_over_one_family_only_that_is_not_evaluated() -> None:
    watched = zone(server("ns1", "192.0.2.1", "2001:db8::1"), server("ns2", "192.0.2.2", "2001:db8::2"))
    memory = MonitorState()
    rules = plan(watched)
    told: list[OutboxMessage] = []
    for number in range(30):
        tokens = {"ns1": 10, "ns2": 10, "ns1/1": "-", "ns2/1": "-"}
        told += heard(memory, [checked_at(watched, tokens, minute(number))], rules, number)
    assert codes(memory) == {"monitor-offline"}
    assert template_ids(told) == [(IncidentEvent.OPENED, "vantage local")]
    assert {key.subject for key in memory.active_alerts} == {"ipv6"}


def test_over_a_family_with_one_address_nobody_is_accused_and_what_else_is_unknown_is_told() -> None:
    """The kind: a monitor without IPv6, which is dark for good, must neither accuse nor be silent about the rest."""
    watched = zone(server("ns1", "192.0.2.1", "2001:db8::1"), server("ns2", "192.0.2.2"))
    other = zone(server("ns1", "192.0.2.1"), server("ns2", "192.0.2.2"), name="other.example.")
    memory, rules = MonitorState(), plan(watched, other, checks=BOTH)
    memory.use(change_to(memory.columns, rules.zones).columns)
    rules = replace(rules, zones=memory.columns.zone_table)
    told: list[OutboxMessage] = []
    for number in range(30):
        tokens = {"ns1": 10, "ns2": 10, "ns1/1": "-"}
        told += heard(memory, [checked_at(watched, tokens, minute(number))], rules, number)
        told += heard(memory, [looks(other, minute(number), ns1="REFUSED", ns2="REFUSED")], rules, number)
    (offline,) = [alert for key, alert in memory.active_alerts.items() if key.code == "monitor-offline"]
    assert offline.text.startswith("nothing answers over ipv6, where only ns1 is asked, while ipv4 works")
    found = {(key.zone, key.code) for key in memory.active_alerts}
    assert found == {("", "monitor-offline"), (other.name, NOT_CHECKED)}
    assert not {key.server for key in memory.active_alerts} - {None}


@pytest.mark.parametrize(
    ("code", "stays"),
    [("unwatched-server", True), ("ns-unresolvable", True), ("ns-alias", True), ("serial-late", False)],
)
def test_what_is_said_of_a_server_that_is_none_of_the_zones_outlives_a_new_plan(code: str, *, stays: bool) -> None:
    key = AlertKey("example.com.", "ns-set" if stays else "soa-serial", code, "ns9.example.net")
    rules = plan(zone(), checks=(NsSet(), SoaSerial()))
    assert pipeline.is_watched(key, rules) is stays
    assert not pipeline.is_watched(replace(key, zone="other.example."), rules)


def test_one_silent_server_is_accused() -> None:
    memory, watched = MonitorState(), zone()
    told = heard(memory, [reached(watched, NOON, ns1="10", ns2="-")], plan(watched, checks=BOTH))
    assert [cause for _, cause in template_ids(told)] == ["zone example.com."]
    assert {key.server for key in memory.active_alerts} == {"ns2"}


def test_a_defect_of_a_check_is_counted_even_while_we_are_offline() -> None:
    memory, watched = MonitorState(), zone()
    rules = plan(watched, checks=(SoaSerial(), Broken()))  # type: ignore[arg-type]
    heard(memory, [looks(watched, NOON, ns1="-", ns2="-")], rules)
    poll = replace(looks(watched, NOON, ns1=10), check="broken")
    _, pending = process(memory, [poll], rules, NOON)
    assert pending.failed == ["broken"]
    assert NOT_CHECKED in codes(memory)


def test_a_defect_in_remembering_one_zone_ends_nothing() -> None:
    """A zone state that cannot be reckoned with (its time has no zone) stands for any defect there."""
    memory, one, two = MonitorState(), zone(name="one.example."), zone(name="two.example.")
    rules = plan(one, two)
    memory.zone_states[one.name] = ZoneState(one.name, at=NOON.replace(tzinfo=None))
    _, pending = process(memory, [looks(z, NOON, ns1=10, ns2=10) for z in (one, two)], rules, NOON)
    assert pending.failed == ["soa-serial"]
    assert {key.zone for key in memory.active_alerts if key.code == NOT_CHECKED} == {one.name}
    assert memory.zone_states[two.name].address_states


class Broken:
    name = "broken"
    codes = ()
    cadence = timedelta(minutes=1)

    def applies(self, _zone: Zone) -> bool:
        return True

    def queries(self, _zone: Zone, _seen: object) -> list[object]:
        return []

    def evaluate(self, _zone: Zone, _round: ZonePoll, _zone_state: ZoneState) -> list[object]:
        raise ZeroDivisionError


# --- our own disk ---


def test_a_disk_that_takes_nothing_is_an_incident_of_ours_and_has_an_end() -> None:
    memory, watched = MonitorState(), zone()
    rules = plan(watched, policy=Policy(timedelta(minutes=2), timedelta(minutes=2)))
    told: list[OutboxMessage] = []
    for number in range(20):
        memory.store_error = "the disk is full" if 1 <= number < 9 else ""
        told += heard(memory, [], rules, number)
    assert template_ids(told) == [(IncidentEvent.OPENED, "vantage local"), (IncidentEvent.RESOLVED, "vantage local")]
    assert [t.at for t in told] == [minute(3), minute(11)]
    assert "the disk is full" in told[0].incident.lines[0].text


def test_our_own_alerts_are_not_a_zone() -> None:
    memory = MonitorState(store_error="full")
    watched = zone()
    _, pending = process(memory, [], plan(watched), NOON)
    assert pending.touched == {MONITOR}
    assert memory.of_zone(MONITOR)[0].phase is Phase.FIRING
    assert drop_unmonitored(memory, plan(watched), minute(1))[0].empty
