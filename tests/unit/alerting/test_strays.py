"""What is bad still is never told as over, whatever becomes of what it was told with."""

from dataclasses import replace

import pytest

from alerting.headline import changes, headline
from alerting.incident import RESOLVED, Cause, IncidentPart
from alerting.incident_lines import lines_of
from alerting.incidents import IncidentUpdate, OpenIncidents
from alerting.model import Alert, Phase, Reason, Transition
from alerting.render import render
from alerting.root_cause import DependencyGraph
from alerting.strays import told_in_grace
from checks.model.finding_type import Severity
from tests.support.alerts import alert, minute, zone
from tests.support.incident_desk import A, B, C, D, Desk, said

LATE = {name: alert(name, "serial-late", "ns2") for name in (A, B, C, D)}


def waiting(name: str, code: str = "serial-late", server: str = "ns2") -> Alert:
    return alert(name, code, server, phase=Phase.PENDING)


def told_with_pending(*names: str) -> Desk:
    """The zone A is late at ns2, and so are others, in their grace: one incident of ns2, which is told."""
    desk = Desk()
    assert desk.fire(LATE[A], *map(waiting, names)) == [f"oncall: opened {'server ns2' if names else f'zone {A}'}"]
    assert desk.only.zones == (A, *names)
    return desk


def over(*alerts: Alert) -> list[Alert]:
    return [replace(each, phase=Phase.OK, since=minute(3), good_since=minute(3)) for each in alerts]


def withdrawn(desk: Desk, name: str) -> IncidentUpdate:
    """A reload lets go of the zone."""
    desk.topology = DependencyGraph.of([zone(n, "ns1", "ns2", "ns3") for n in (A, B, C, D) if n != name])
    gone = [each for key, each in desk.active_alerts.items() if key.zone == name]
    moved = [Transition(a.key, a.phase, Phase.OK, Reason.WITHDRAWN, minute(3)) for a in gone if a.phase is Phase.FIRING]
    return desk.change(*over(*gone), transitions=moved)


def text(update: IncidentUpdate) -> str:
    (message,) = update.messages
    return render(message).text


def test_an_incident_whose_last_fired_alert_ends_goes_on_with_what_is_in_its_grace() -> None:
    """Whoever was told that two zones are bad hears that it is over once both are."""
    desk = told_with_pending(B)
    before = desk.only
    assert said(desk.change(*over(LATE[A]))) == []
    assert (desk.only.id, desk.only.cause) == (before.id, Cause("zone", B))
    assert (desk.only.zones, desk.only.past_zones, desk.only.receivers) == ((B,), (A,), ("oncall",))
    update = desk.change(*over(waiting(B)))
    assert said(update) == [f"oncall: resolved zone {B}"]
    assert update.incidents[0].past_zones == (A, B)


def test_it_is_the_same_incident_if_that_fires_later_or_at_the_same_time() -> None:
    desk = told_with_pending(B)
    before = desk.only.id
    desk.change(*over(LATE[A]))
    assert "opened" not in str(desk.fire(LATE[B]))
    assert (desk.only.id, desk.only.zones) == (before, (B,))
    desk = told_with_pending(B)
    assert "opened" not in str(said(desk.change(*over(LATE[A]), LATE[B])))
    assert (desk.only.zones, desk.active_alerts[LATE[B].key].incident) == ((B,), desk.only.id)


def test_a_reload_that_withdraws_what_had_fired_says_of_nothing_bad_that_it_is_back() -> None:
    desk = told_with_pending(B)
    assert said(withdrawn(desk, A)) == []
    assert (desk.only.zones, desk.only.left_zones, desk.only.past_zones) == ((B,), (A,), ())
    words = render(desk.change(*over(waiting(B))).messages[0])
    assert words.data["zones_back"] == 1
    assert words.data["zones_left"] == 1


def test_a_reload_that_withdraws_what_is_in_its_grace_says_that_it_is_no_longer_monitored() -> None:
    desk = told_with_pending(B, C)
    assert said(withdrawn(desk, C)) == []
    assert (desk.only.zones, desk.only.left_zones, desk.only.past_zones) == ((A, B), (C,), ())
    assert desk.wait(20) == []
    words = text(desk.change(*over(LATE[A], waiting(B))))
    assert "ns2, 2 zones: ns2 has serial-late" not in words.splitlines()[0]  # it was about three


def test_of_several_causes_it_goes_on_with_the_one_that_fires() -> None:
    desk = told_with_pending(B)
    desk.change(waiting(B, server="ns1"), waiting(B, server="ns3"), LATE[C])
    before = desk.only.id
    desk.change(*over(LATE[A]))
    desk.change(*over(LATE[C]), alert(D, "ns-set-differs"))
    assert {each.cause: each.id == before for each in desk.open_incidents.incidents.values()} == {
        Cause("zone", B): True, Cause("zone", D): False
    }  # fmt: skip


def test_with_a_new_index_it_is_the_same() -> None:
    desk = told_with_pending(B)
    desk.open_incidents = OpenIncidents(desk.open_incidents.incidents)
    assert said(desk.change(*over(LATE[A]))) == []
    assert desk.only.cause == Cause("zone", B)


def test_what_has_another_cause_by_now_is_neither_back_nor_counted() -> None:
    """B is late at all its servers, so that this is its own trouble, and no longer that of ns2."""
    desk = Desk()
    assert desk.fire(LATE[A], waiting(B), LATE[C]) == ["oncall: opened server ns2"]
    desk.change(waiting(B, server="ns1"), waiting(B, server="ns3"))
    desk.change(*over(LATE[A]))
    assert (desk.only.zones, desk.only.past_zones, desk.only.moved_zones) == ((C,), (A,), (B,))
    assert desk.wait(10) == ["oncall: improved server ns2"]
    change = desk.only.change
    assert change is not None
    assert (change.zones, change.back, change.moved, change.servers_back) == (3, 1, 1, ())
    assert list(changes(desk.only)) == [
        "1 of 3 zones is back.",
        "1 zone is bad still, but for another cause.",
    ]
    desk.change(*over(waiting(B), waiting(B, server="ns1"), waiting(B, server="ns3")))
    assert (desk.only.past_zones, desk.only.moved_zones) == ((A, B), ())


@pytest.mark.parametrize("ends", [True, False])
def test_what_is_told_of_elsewhere_is_not_named_at_the_end(ends: bool) -> None:
    """The zone B has an incident of its own by then."""
    desk = Desk()
    desk.fire(alert(B, "ns-set-differs"))
    assert desk.fire(LATE[A], waiting(B)) == ["oncall: opened server ns2"]
    first, second = desk.open_incidents.incidents.values()
    assert (first.cause, second.cause) == (Cause("zone", B), Cause("server", "ns2"))
    update = desk.change(*over(LATE[A]))
    assert said(update) == ["oncall: resolved server ns2"]
    (message,) = update.messages
    assert (message.incident.past_zones, message.incident.moved_zones) == ((A,), (B,))
    words = render(message)
    assert words.subject == f"[RESOLVED] ns2, {A}: ns2 has serial-late"
    assert "Bad still, but for another cause: b.example." in words.text
    assert words.data["zones"] == [A]
    assert [each["zone"] for each in words.data["findings"]] == [A]
    if ends:
        assert said(desk.change(*over(waiting(B), alert(B, "ns-set-differs")))) == [f"oncall: resolved zone {B}"]


def test_what_only_a_part_of_an_incident_has_elsewhere_is_looked_at_too() -> None:
    """A team that is told of some zones may know of one that is told of elsewhere; others need not."""
    one = told_with_pending(B).only
    part = IncidentPart("team", one.severity, (A,), ("ns2",), one.opened_at, one.began_at)
    assert not replace(one, parts=(part,)).has_strays
    one = replace(one, parts=(part, replace(part, moved_unserved=(A,))))
    assert one.has_strays
    assert not replace(one, phase=RESOLVED).has_strays


def test_what_a_reload_makes_information_is_not_back() -> None:
    """Be it in its grace or not, and the last that stood of its line or not."""
    desk = told_with_pending(B, C)
    update = desk.change(*(replace(each, severity=Severity.INFO) for each in (waiting(B), LATE[A])))
    assert said(update) == []
    assert (desk.only.zones, desk.only.left_zones, desk.only.past_zones) == ((C,), (A, B), ())
    update = desk.change(replace(waiting(C), severity=Severity.INFO))
    assert said(update) == [f"oncall: resolved zone {C}"]
    words = render(update.messages[0])
    assert (words.data["zones_back"], words.data["zones_left"]) == (0, 3)
    assert "It is no longer monitored, or only for information" in words.text
    assert "ns2 has serial-late; only information now" in words.text


def test_what_was_told_in_its_grace_is_known_from_what_came_later() -> None:
    desk = told_with_pending(B)
    assert said(desk.change(waiting(C))) == []
    assert desk.only.zones == (A, B, C)
    assert desk.open_incidents.index is not None
    assert told_in_grace(desk.open_incidents.index) == {waiting(B).key}


def test_a_line_all_of_which_is_bad_elsewhere_is_no_line_of_what_is_over() -> None:
    (line,) = told_with_pending().only.lines
    elsewhere = waiting(A)
    assert lines_of([replace(line, ended_at=None)], {}, (), (), minute(5), [elsewhere]) == ()
    left = replace(told_with_pending().only, lines=(), moved_zones=(A,), phase="resolved")
    assert headline(left) == f"{A}: what it was about has another cause"
