"""From alerts to incidents, and to what is told of them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.incident import Cause, Incident, IncidentChange, IncidentEvent, IncidentFinding, NotifiedState
from alerting.incident_news import Rules, message_id
from alerting.incidents import IncidentUpdate, OpenIncidents
from alerting.model import Alert, AlertKey, Phase, Policy, Reason, Route, Transition
from alerting.notification import OutboxMessage
from alerting.reopening import incident_id
from alerting.root_cause import DependencyGraph
from checks.model import Server, Zone
from checks.model.finding_type import Severity
from tests.support.alerts import START, alert, minute, zone
from tests.support.at_once import due_reminders, update_incidents
from tests.support.incident_desk import A, B, C, D, Desk, said

LATE = alert(A, "serial-late", "ns2")
OVERDUE = alert(A, "serial-overdue", "ns2")


def test_an_alert_that_fires_opens_an_incident_and_one_that_ends_resolves_it() -> None:
    desk = Desk()
    kept = desk.change(LATE)
    assert said(kept) == [f"oncall: opened zone {A}"]
    (incident,) = kept.incidents
    assert incident == desk.only
    assert incident == Incident(
        id=incident_id(Cause("zone", A), minute(1)),
        cause=Cause("zone", A),
        severity=Severity.WARNING,
        phase="open",
        zones=(A,),
        servers=("ns2",),
        opened_at=minute(1),
        began_at=START,
        lines=(IncidentFinding("serial-late", Severity.WARNING, A, "ns2", "192.0.2.2", "ns2 has serial-late", START),),
        findings=1,
        worst=Severity.WARNING,
        notified=NotifiedState(minute(1), Severity.WARNING, (A,), ("ns2",), ("serial-late",)),
        due_at=minute(241),
        codes=("serial-late",),
        receivers=("oncall",),
        announcements=1,
    )
    assert [a.incident for a in kept.alerts] == [incident.id]
    assert desk.move(Phase.RECOVERING, replace(LATE, good_since=minute(2))) == []
    kept = desk.change(replace(LATE, phase=Phase.OK, since=minute(3), good_since=minute(2)))
    assert said(kept) == [f"oncall: resolved zone {A}"]
    (over,) = kept.incidents
    assert (over.phase, over.resolved_at, over.announcements) == ("resolved", minute(3), 2)
    assert (over.zones, over.past_zones, over.findings) == ((), (A,), 0)
    assert [line.ended_at for line in over.lines] == [minute(2)]
    assert desk.open_incidents.incidents == {}


def test_what_is_pending_opens_nothing() -> None:
    desk = Desk()
    assert desk.move(Phase.PENDING, LATE) == []
    assert desk.open_incidents == OpenIncidents()


def test_what_is_only_information_opens_nothing_and_nobody_hears_of_it() -> None:
    desk = Desk()
    assert desk.fire(alert(A, "ttl-differs", "ns2")) == []
    assert desk.end(alert(A, "ttl-differs", "ns2")) == []
    assert desk.open_incidents == OpenIncidents()


def test_what_becomes_graver_than_information_opens_one() -> None:
    desk = Desk()
    info = alert(A, "ttl-differs", "ns2")
    desk.fire(info)
    assert desk.fire(replace(info, severity=Severity.WARNING)) == [f"oncall: opened zone {A}"]


def test_what_is_good_again_before_anybody_was_told_is_not_told_as_an_opening() -> None:
    desk = Desk()
    assert desk.move(Phase.RECOVERING, replace(LATE, good_since=minute(1))) == []
    assert desk.move(Phase.FIRING, LATE) == [f"oncall: opened zone {A}"]
    desk = Desk()
    desk.move(Phase.RECOVERING, replace(LATE, good_since=minute(1)))
    assert desk.end(LATE) == []


def test_more_of_the_same_zone_joins_and_is_told_in_one_message_after_a_while() -> None:
    desk = Desk()
    desk.fire(LATE)
    assert desk.fire(alert(A, "serial-late", "ns3")) == []
    assert desk.fire(alert(A, "record-differs", "ns3")) == []
    assert desk.only.servers == ("ns2", "ns3")
    assert desk.only.codes == ("record-differs", "serial-late")
    assert desk.only.findings == 3
    assert desk.wait(10) == [f"oncall: worsened zone {A}"]
    assert desk.only.change == IncidentChange(zones=1, servers=("ns3",), codes=("record-differs",))


def test_what_could_not_be_checked_because_of_it_is_no_news() -> None:
    desk = Desk()
    desk.fire(*(alert(A, "server-unreachable", each) for each in ("ns1", "ns2", "ns3")))
    assert desk.fire(alert(A, "not-checked", subject="transfer")) == []
    assert desk.only.codes == ("not-checked", "server-unreachable")
    assert desk.fire(alert(B, "not-checked", subject="transfer")) == [f"oncall: opened zone {B}"]


def test_what_could_not_be_checked_for_a_moment_is_not_said_to_be_so_for_a_while() -> None:
    """It has a longer grace than what it follows from."""
    desk = Desk()
    unseen = alert(A, "not-checked", subject="soa-fields")
    desk.move(Phase.PENDING, unseen)
    desk.fire(LATE)
    assert (desk.only.codes, desk.only.findings) == (("serial-late",), 1)
    assert [line.code for line in desk.only.lines] == ["serial-late"]
    assert desk.fire(unseen) == []
    assert (desk.only.codes, desk.only.findings) == (("not-checked", "serial-late"), 2)
    desk.end(unseen)
    assert desk.end(LATE) == [f"oncall: resolved zone {A}"]


def test_what_could_not_be_checked_for_a_moment_holds_nothing_open() -> None:
    desk = Desk()
    desk.fire(LATE)
    desk.move(Phase.PENDING, alert(A, "not-checked", subject="soa-fields"))
    assert desk.end(LATE) == [f"oncall: resolved zone {A}"]


def test_a_line_that_is_over_names_the_zones_that_it_was_about_though_they_came_back_one_by_one() -> None:
    desk = Desk()
    down = [alert(name, "server-unreachable", "ns2") for name in (A, B, C)]
    desk.fire(*down)
    desk.end(down[1])
    desk.end(down[0])
    (line,) = desk.only.lines
    assert (line.zones, line.sample) == (1, ()), "what is bad now"
    (over,) = desk.change(replace(down[2], phase=Phase.OK, good_since=minute(4))).incidents
    (line,) = over.lines
    assert (line.zones, line.sample) == (3, (A, B, C))


def test_a_offline_vantage_is_one_incident_with_all_it_could_not_check() -> None:
    desk = Desk()
    desk.fire(alert("", "monitor-offline", subject="ipv4"))
    assert desk.fire(*(alert(name, "not-checked", subject="reachable") for name in (A, B, C, D))) == []
    assert (str(desk.only.cause), desk.only.zones) == ("vantage local", (A, B, C, D))


def test_a_graver_finding_is_news_and_late_to_overdue_is_one_incident() -> None:
    """At one look late ends and overdue fires; the trouble goes on."""
    desk = Desk()
    desk.fire(LATE)
    kept = desk.change(replace(LATE, phase=Phase.OK, since=minute(2)), OVERDUE)
    assert said(kept) == [f"oncall: worsened zone {A}"]
    assert desk.only.severity is Severity.CRITICAL
    assert [(line.code, line.ended_at) for line in desk.only.lines] == [
        ("serial-overdue", None),
        ("serial-late", minute(2)),
    ]
    assert desk.end(OVERDUE) == [f"oncall: resolved zone {A}"]


def test_an_alert_whose_severity_the_operator_raises_is_news() -> None:
    desk = Desk()
    desk.fire(LATE)
    assert desk.fire(replace(LATE, severity=Severity.CRITICAL)) == [f"oncall: worsened zone {A}"]
    assert desk.fire(replace(LATE, severity=Severity.WARNING)) == []
    assert (desk.only.severity, desk.only.worst) == (Severity.WARNING, Severity.CRITICAL)
    assert desk.wait(2) == [f"oncall: improved zone {A}"]


def test_one_message_for_all_that_comes_in_one_batch() -> None:
    desk = Desk()
    codes = ("serial-late", "record-differs", "tcp-unreachable", "ns-set-differs")
    assert desk.fire(*(alert(A, code, "ns2") for code in codes)) == [f"oncall: opened zone {A}"]
    assert desk.fire(alert(A, "transfer-open", "ns2"), alert(A, "transfer-failed", "ns2")) == [
        f"oncall: worsened zone {A}"
    ]


def test_a_server_that_fails_for_most_of_its_zones_is_one_incident() -> None:
    desk = Desk()
    down = [alert(name, "server-unreachable", "ns2") for name in (A, B, C, D)]
    assert desk.fire(*down[:3]) == ["oncall: opened server ns2"]
    assert desk.fire(down[3]) == []
    assert desk.only.zones == (A, B, C, D)
    assert desk.end(*down[:3]) == []
    assert desk.end(down[3]) == ["oncall: resolved server ns2"]


def test_the_zones_of_a_dying_server_that_are_still_pending_are_seen() -> None:
    desk = Desk()
    desk.move(Phase.PENDING, *(alert(name, "server-unreachable", "ns2") for name in (B, C, D)))
    assert desk.fire(alert(A, "server-unreachable", "ns2")) == ["oncall: opened server ns2"]
    assert desk.fire(*(alert(name, "server-unreachable", "ns2") for name in (B, C, D))) == []


def test_the_last_zones_of_a_dying_server_join_it_even_when_the_others_are_over() -> None:
    """Three are over, the fourth now also fails its transfers: by then ns2 is not bad for most of its zones."""
    desk = Desk()
    down = [alert(name, "server-unreachable", "ns2") for name in (A, B, C, D)]
    desk.fire(*down)
    desk.end(*down[:3])
    assert desk.fire(alert(D, "transfer-failed", "ns2")) == ["oncall: improved server ns2"]
    assert len(desk.open_incidents.incidents) == 1


def test_another_server_of_the_same_zone_is_another_trouble() -> None:
    desk = Desk()
    desk.fire(*(alert(name, "server-unreachable", "ns2") for name in (A, B, C)))
    assert desk.fire(alert(A, "record-differs", "ns3")) == [f"oncall: opened zone {A}"]


def test_two_zones_with_troubles_of_their_own_are_two_incidents() -> None:
    desk = Desk()
    assert desk.fire(LATE, alert(B, "record-differs", "ns3")) == [
        f"oncall: opened zone {A}",
        f"oncall: opened zone {B}",
    ]


def test_a_zones_incident_becomes_the_servers_when_that_is_what_it_was_all_along() -> None:
    desk = Desk()
    desk.fire(alert(A, "server-unreachable", "ns2"))
    (name,) = desk.open_incidents.incidents
    assert desk.fire(*(alert(z, "server-unreachable", "ns2") for z in (B, C, D))) == []
    assert desk.wait(5) == ["oncall: worsened server ns2"]
    assert (desk.only.id, desk.only.zones) == (name, (A, B, C, D))
    assert desk.end(*(alert(z, "server-unreachable", "ns2") for z in (A, B, C, D))) == ["oncall: resolved server ns2"]


def test_of_several_zones_incidents_the_first_becomes_the_servers_and_the_others_stay() -> None:
    """Two zones had troubles of several servers each; then it is only ns2 for them, and for a third."""
    desk = Desk()
    for name in (A, B):
        desk.fire(*(alert(name, "server-unreachable", each) for each in ("ns2", "ns3")))
    desk.end(*(alert(name, "server-unreachable", "ns3") for name in (A, B)))
    desk.fire(alert(C, "server-unreachable", "ns2"))
    desk.wait(20)
    assert sorted(str(i.cause) for i in desk.open_incidents.incidents.values()) == ["server ns2", f"zone {B}"]


def test_an_incident_with_another_trouble_in_it_stays_its_zones() -> None:
    desk = Desk()
    desk.fire(alert(A, "server-unreachable", "ns2"), alert(A, "record-differs", "ns3"))
    assert desk.fire(*(alert(z, "server-unreachable", "ns2") for z in (B, C, D))) == ["oncall: opened server ns2"]
    assert sorted(str(i.cause) for i in desk.open_incidents.incidents.values()) == ["server ns2", f"zone {A}"]
    assert desk.end(alert(A, "server-unreachable", "ns2"), alert(A, "record-differs", "ns3")) == [
        f"oncall: resolved zone {A}"
    ]


def test_it_is_not_over_while_something_of_the_same_cause_is_on_its_way() -> None:
    desk = Desk()
    desk.fire(LATE)
    desk.move(Phase.PENDING, OVERDUE)
    assert desk.end(LATE) == []
    assert desk.fire(OVERDUE) == [f"oncall: worsened zone {A}"]
    assert desk.end(OVERDUE) == [f"oncall: resolved zone {A}"]


def test_it_is_over_when_what_was_on_its_way_did_not_come() -> None:
    desk = Desk()
    desk.fire(LATE)
    desk.move(Phase.PENDING, OVERDUE)
    desk.end(LATE)
    assert desk.end(OVERDUE) == [f"oncall: resolved zone {A}"]


def test_what_is_on_its_way_elsewhere_holds_nothing_open() -> None:
    desk = Desk()
    desk.fire(LATE)
    desk.move(Phase.PENDING, alert(B, "serial-late", "ns2"))
    assert desk.end(LATE) == [f"oncall: resolved zone {A}"]


def test_it_opens_anew_after_it_was_over() -> None:
    desk = Desk()
    first = desk.change(LATE).incidents[0]
    desk.end(LATE)
    desk.at += 61
    assert desk.fire(LATE) == [f"oncall: opened zone {A}"]
    assert desk.only.id != first.id
    assert desk.only.id > first.id


def test_what_left_the_configuration_is_told_as_such() -> None:
    desk = Desk()
    desk.fire(LATE, OVERDUE)
    gone = replace(LATE, phase=Phase.OK, since=minute(2), good_since=minute(2))
    left = Transition(LATE.key, Phase.FIRING, Phase.OK, Reason.WITHDRAWN, minute(2))
    kept = desk.change(gone, replace(OVERDUE, phase=Phase.OK, since=minute(2)), transitions=[left])
    assert said(kept) == [f"oncall: resolved zone {A}"]
    assert [line.text for line in kept.incidents[0].lines] == [
        "ns2 has serial-overdue",
        "ns2 has serial-late; no longer monitored",
    ]


def test_an_alert_of_an_incident_nobody_knows_is_taken_for_a_new_one() -> None:
    desk = Desk()
    assert desk.fire(replace(LATE, incident="20200101T000000-aaaaaa")) == [f"oncall: opened zone {A}"]
    desk = Desk()
    desk.fire(OVERDUE)
    assert desk.end(replace(LATE, incident="20200101T000000-aaaaaa")) == []


def test_after_a_restart_the_open_incidents_go_on_where_they_were() -> None:
    desk = Desk()
    desk.fire(LATE)
    again = Desk(
        open_incidents=OpenIncidents(dict(desk.open_incidents.incidents)),
        active_alerts=dict(desk.active_alerts),
        at=100,
    )
    assert again.fire(LATE) == []
    assert again.end(LATE) == [f"oncall: resolved zone {A}"]


# --- who hears ---


def test_who_heard_that_it_opened_hears_that_it_is_resolved_whatever_the_routes_say_by_then() -> None:
    desk = Desk(routes=(Route(("first",), severity=(Severity.WARNING,)),))
    desk.fire(LATE)
    desk.routes = (Route(("other",), codes=("no-answer",)),)
    assert desk.end(LATE) == [f"first: resolved zone {A}"]


def test_who_is_concerned_only_once_it_is_worse_hears_that_it_opened() -> None:
    desk = Desk(routes=(Route(("chat",)), Route(("pager",), severity=(Severity.CRITICAL,))))
    assert desk.fire(LATE) == [f"chat: opened zone {A}"]
    assert desk.fire(OVERDUE) == [f"chat: worsened zone {A}", f"pager: opened zone {A}"]
    assert desk.end(LATE, OVERDUE) == [f"chat: resolved zone {A}", f"pager: resolved zone {A}"]


def test_who_is_concerned_by_a_zone_that_joins_silently_hears_that_it_opened() -> None:
    desk = Desk(routes=(Route(("all",)), Route(("d-team",), zones=(D,))))
    desk.fire(*(alert(name, "server-unreachable", "ns2") for name in (A, B, C)))
    assert desk.fire(alert(D, "server-unreachable", "ns2")) == ["d-team: opened server ns2"]


def test_what_nobody_hears_of_is_kept_and_shown_all_the_same() -> None:
    desk = Desk(routes=(Route(("pager",), severity=(Severity.CRITICAL,)),))
    kept = desk.change(LATE)
    assert said(kept) == []
    assert [incident.notified for incident in kept.incidents] == [None]
    assert said_again(desk, minutes=1000) == []
    kept = desk.change(replace(LATE, phase=Phase.OK))
    assert said(kept) == []
    assert [incident.phase for incident in kept.incidents] == ["resolved"]


# --- reminders ---


def said_again(desk: Desk, minutes: float) -> list[str]:
    return said(desk.take(due_reminders(desk.open_incidents, desk.active_alerts, desk.rules, minute(minutes))))


def test_what_stays_open_is_told_again_every_four_hours() -> None:
    desk = Desk()
    desk.fire(LATE)
    heard = {at: said_again(desk, at) for at in range(2, 12 * 60)}
    assert [at for at, each in heard.items() if each] == [241, 481]
    assert heard[241] == [f"oncall: reminded zone {A}"]


def test_a_reminder_counts_from_what_was_told_last() -> None:
    desk = Desk()
    desk.fire(LATE)
    desk.at = 120
    desk.fire(OVERDUE)
    assert said_again(desk, 300) == []
    assert said_again(desk, 361) == [f"oncall: reminded zone {A}"]


def test_without_reminders_nothing_is_told_again() -> None:
    desk = Desk(policy=Policy(remind=timedelta(0)))
    desk.fire(LATE)
    assert said_again(desk, 10_000) == []


def test_what_is_good_at_the_moment_is_not_told_as_still_bad() -> None:
    desk = Desk()
    desk.fire(LATE)
    desk.move(Phase.RECOVERING, replace(LATE, good_since=minute(2)))
    assert said_again(desk, 300) == []
    desk.move(Phase.FIRING, LATE)
    assert said_again(desk, 301) == [f"oncall: reminded zone {A}"]


def test_what_is_told_again_says_how_late_it_is_by_now() -> None:
    desk = Desk()
    desk.fire(replace(LATE, text="11 min behind"))
    desk.put(replace(desk.active_alerts[LATE.key], text="4 h behind"))
    kept = due_reminders(desk.open_incidents, desk.active_alerts, desk.rules, minute(500))
    assert [line.text for message in kept.messages for line in message.incident.lines] == ["4 h behind"]
    assert due_reminders(desk.open_incidents, {}, desk.rules, minute(2)) == IncidentUpdate(desk.open_incidents)


# --- many ---


def many(count: int, code: str = "server-unreachable") -> tuple[Desk, list[Alert]]:
    names = [f"z{n:05d}.example." for n in range(count)]
    return Desk(topology=DependencyGraph.of([zone(name, "ns1", "ns2") for name in names])), [
        alert(name, code, "ns2") for name in names
    ]


def test_a_thousand_alerts_of_one_server_are_one_message() -> None:
    desk, down = many(1_000)
    assert desk.fire(*down[:600]) == ["oncall: opened server ns2"]
    assert desk.fire(*down[600:]) == []
    assert (desk.only.findings, len(desk.only.zones), len(desk.only.lines)) == (1_000, 1_000, 1)
    assert (desk.only.lines[0].zones, desk.only.lines[0].count) == (1_000, 1_000)
    assert desk.end(*down) == ["oncall: resolved server ns2"]


def test_a_thousand_troubles_of_their_own_are_as_many_incidents() -> None:
    desk = Desk(topology=DependencyGraph(), policy=Policy(max_messages=5_000))
    assert len(desk.fire(*(alert(f"z{n}.example.", "serial-unordered") for n in range(1_000)))) == 1_000
    assert len(desk.open_incidents.incidents) == 1_000


# --- names ---


def test_names_are_short_sortable_and_unique() -> None:
    cause = Cause("server", "ns2")
    first, second = incident_id(cause, minute(0)), incident_id(cause, minute(0) + timedelta(microseconds=1))
    assert first.startswith("20261120T100000-")
    assert len(first) == 28
    assert len({first, second, incident_id(Cause("zone", "ns2"), minute(0))}) == 3
    assert incident_id(cause, minute(1)) > first


def test_every_message_has_a_name_of_its_own_without_dots() -> None:
    desk = Desk(receivers=("a", "b.c"))
    messages: list[OutboxMessage] = list(desk.change(LATE).messages)
    messages += desk.change(OVERDUE).messages
    messages += due_reminders(desk.open_incidents, desk.active_alerts, desk.rules, minute(1000)).messages
    ids = [message.id for message in messages]
    assert len(ids) == len(set(ids)) == 6
    assert not any("." in each for each in ids)
    assert ids[0] == message_id(messages[0].incident, "a")
    assert [message.event for message in messages[::2]] == [
        IncidentEvent.OPENED,
        IncidentEvent.WORSENED,
        IncidentEvent.REMINDED,
    ]


@pytest.mark.parametrize("phase", [Phase.FIRING, Phase.RECOVERING])
def test_a_batch_that_changes_nothing_tells_nothing(phase: Phase) -> None:
    desk = Desk()
    desk.fire(LATE)
    before = desk.only
    kept = desk.change(replace(LATE, phase=phase))
    assert kept.messages == ()
    assert desk.only.recovering == (phase is Phase.RECOVERING)
    assert replace(desk.only, recovering=0, due_at=before.due_at) == before
    assert desk.change() == IncidentUpdate(desk.open_incidents)


def test_the_first_word_of_a_dead_server_counts_all_its_zones() -> None:
    """Its zones are swept one after the other: when the first alert fires the others are still pending."""
    zones = [f"z{number}.example." for number in range(40)]
    topology = DependencyGraph.of(Zone(name, (Server("ns1"), Server("ns2")), "ns1") for name in zones)
    keys = [AlertKey(name, "reachable", "server-unreachable", "ns2") for name in zones]
    first = Alert(keys[0], Phase.FIRING, START, Severity.CRITICAL, "ns2 cannot be reached")
    rest = [Alert(key, Phase.PENDING, START, Severity.CRITICAL, "ns2 cannot be reached") for key in keys[1:]]
    elsewhere = AlertKey(zones[7], "soa-serial", "serial-late", "ns1")
    rest.append(Alert(elsewhere, Phase.PENDING, START, Severity.WARNING, "ns1 is behind"))
    rules = Rules(topology, receivers=["oncall"])
    kept = update_incidents(OpenIncidents(), {a.key: a for a in (first, *rest)}, [first], [], rules, START)
    assert [t.event for t in kept.messages] == [IncidentEvent.OPENED]
    told = kept.messages[0].incident
    assert told.zones == tuple(sorted(zones))
    assert told.findings == sum(line.count for line in told.lines) == len(zones)
