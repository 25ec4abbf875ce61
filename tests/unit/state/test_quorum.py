"""One dead server of four wakes nobody, two do: through the middle of the service."""

from dataclasses import replace

from alerting.model import Route
from checks.model.finding_type import Severity
from checks.reachable import Reachable
from checks.soa_serial import SoaSerial
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.pipeline import drop_unmonitored, process
from tests.support.at_once import reminders
from tests.support.monitor_state import minute, plan, reached
from tests.support.observations import zone

FOUR = replace(zone("ns1", "ns2", "ns3", "ns4"), quorum=3)
ROUTES = (Route(("chat",)), Route(("pager",), severity=(Severity.CRITICAL,)))


def rules(one=FOUR) -> MonitoringPlan:  # type: ignore[no-untyped-def]
    watched = plan(one, checks=(SoaSerial(), Reachable()))
    return replace(watched, routes=ROUTES, receivers=("chat", "pager"))


def look(memory: MonitorState, watched: MonitoringPlan, at: float, **dead: str) -> list[str]:
    tokens = dict.fromkeys(("ns1", "ns2", "ns3", "ns4"), "10") | dead
    commit, _ = process(memory, [reached(FOUR, minute(at), **tokens)], watched, minute(at))
    return [f"{m.receiver}: {m.event.removeprefix('incident.')} {m.incident.severity}" for m in commit.messages]


def test_one_dead_server_of_four_wakes_nobody_and_the_second_does() -> None:
    memory, watched = MonitorState(), rules()
    assert look(memory, watched, 0, ns2="-") == ["chat: opened warning"]
    assert look(memory, watched, 1, ns2="-") == []
    assert look(memory, watched, 2, ns2="-", ns3="-") == ["chat: worsened critical", "pager: opened critical"]
    assert {alert.severity for alert in memory.active_alerts.values()} == {Severity.CRITICAL}
    assert look(memory, watched, 3, ns2="-", ns3="-") == []
    look(memory, watched, 4, ns2="-")
    assert {alert.severity for alert in memory.active_alerts.values()} == {Severity.WARNING}
    assert look(memory, watched, 6, ns2="-") == []
    later = reminders(memory, watched, minute(6)).messages
    assert [(m.receiver, m.event.value) for m in later] == [
        ("chat", "incident.improved"),
        ("pager", "incident.resolved"),
    ]
    assert look(memory, watched, 7) == ["chat: resolved warning"]


def test_a_reload_changes_what_a_dead_server_is_and_nothing_that_it_does_not() -> None:
    memory, watched = MonitorState(), rules()
    look(memory, watched, 0, ns2="-")
    commit, _ = drop_unmonitored(memory, watched, minute(1))
    assert not commit.messages
    commit, _ = drop_unmonitored(memory, rules(replace(FOUR, quorum=4)), minute(2))
    assert [(m.receiver, m.incident.severity) for m in commit.messages] == [
        ("chat", Severity.CRITICAL),
        ("pager", Severity.CRITICAL),
    ]
    drop_unmonitored(memory, rules(replace(FOUR, quorum=0)), minute(3))
    assert {alert.severity for alert in memory.active_alerts.values()} == {Severity.CRITICAL}
