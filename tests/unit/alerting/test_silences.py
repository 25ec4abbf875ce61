"""What is silenced nobody is told of; what is over is told to whom heard of it before."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.audience_news import as_told_to, heard_incidents
from alerting.incident import Incident
from alerting.incident_told import as_heard
from alerting.incidents import OpenIncidents, update_in_steps
from alerting.model import Alert, Phase, Policy, Route
from alerting.root_cause import DependencyGraph
from alerting.silences import ActiveSilences, Matchers, Silence
from checks.model.finding_type import Severity
from tests.support.alerts import alert, minute, zone
from tests.support.at_once import update_incidents
from tests.support.incident_desk import A, B, C, Desk, said

LATE, DEAD = "serial-late", "server-unreachable"


def silence(name: str = "s1", start: float = 0, end: float | None = None, **matchers: object) -> Silence:
    ends = minute(end) if end is not None else None
    return Silence(name, Matchers(**matchers), minute(start), ends, "ann", "new disk", minute(start))  # type: ignore[arg-type]


def hush(desk: Desk, *silences: Silence) -> list[str]:
    """From now on these are active, and no others."""
    desk.silences = ActiveSilences(silences)
    desk.at += 0.1
    kept = update_incidents(desk.open_incidents, desk.active_alerts, (), (), desk.rules, minute(desk.at), anew=True)
    return said(desk.take(kept))


@pytest.mark.parametrize(
    ("matchers", "about", "match"),
    [
        (Matchers(zones=("a.example",)), alert(A, LATE, "ns2"), True),
        (Matchers(zones=("*.example.",)), alert(A, LATE, "ns2"), True),
        (Matchers(zones=("A.EXAMPLE",)), alert(A, LATE, "ns2"), True),
        (Matchers(zones=("b*",)), alert(A, LATE, "ns2"), False),
        (Matchers(servers=("ns?",)), alert(A, LATE, "ns2"), True),
        (Matchers(servers=("ns1", "ns3")), alert(A, LATE, "ns2"), False),
        (Matchers(servers=("*",)), alert(A, "ns-set-differs"), False),
        (Matchers(codes=(LATE,)), alert(A, LATE, "ns2"), True),
        (Matchers(codes=(DEAD,)), alert(A, LATE, "ns2"), False),
        (Matchers(severity=(Severity.WARNING,)), alert(A, LATE, "ns2", severity=Severity.WARNING), True),
        (Matchers(severity=(Severity.WARNING,)), alert(A, LATE, "ns2", severity=Severity.CRITICAL), False),
        (Matchers(zones=("a*",), servers=("ns1",)), alert(A, LATE, "ns2"), False),
        (Matchers(zones=("*",)), alert(A, "not-checked"), False),
        (Matchers(severity=(Severity.WARNING,)), alert(A, "not-checked"), False),
        (Matchers(zones=("*",), codes=("not-checked",)), alert(A, "not-checked"), True),
        (Matchers(severity=(Severity.CRITICAL,)), alert("", "receiver-failing", subject="mail"), False),
        (Matchers(zones=("*",), codes=("receiver-failing",)), alert("", "receiver-failing", subject="mail"), False),
        (Matchers(codes=("receiver-failing",)), alert("", "receiver-failing", subject="mail"), True),
        (Matchers(labels=(("team", ("mail", "W*")),)), alert(A, LATE, "ns2"), True),
        (Matchers(labels=(("team", ("w*",)),)), alert(A, LATE, "ns2"), False),
        (Matchers(labels=(("tier", ("*",)), ("team", ("Web",)))), alert(A, LATE, "ns2"), True),
        (Matchers(labels=(("tier", ("*",)), ("team", ("mail",)))), alert(A, LATE, "ns2"), False),
        (Matchers(labels=(("tier", ("*",)),), zones=("b*",)), alert(A, LATE, "ns2"), False),
        (Matchers(labels=(("area", ("*",)),)), alert(A, LATE, "ns2"), False),
        (Matchers(labels=(("team", ("*",)),)), alert(A, "not-checked"), False),
        (Matchers(labels=(("team", ("*",)),)), alert(B, LATE, "ns2"), False),
        (Matchers(labels=(("team", ("*",)),), codes=("disk-low",)), alert("", "disk-low"), False),
    ],
)  # fmt: skip
def test_what_matches(matchers: Matchers, about: Alert, match: bool) -> None:
    assert matchers.match(about, lambda zone: (("team", "Web"), ("tier", "gold")) if zone == A else ()) is match


def test_in_words() -> None:
    assert str(Matchers(("a.example", "b*"), ("ns1",), (LATE,), (Severity.CRITICAL,))) == (
        "zone a.example or b*, server ns1, code serial-late, severity critical"
    )
    assert (
        str(Matchers(labels=(("team", ("web", "m*")), ("tier", ("gold",))))) == "label team web or m*, label tier gold"
    )
    assert Matchers(("a", "b"), ("ns1",), (LATE,), labels=(("team", ("web", "m*")),)).patterns == 5
    assert not Matchers()
    assert Matchers(labels=(("team", ("*",)),))
    assert Matchers(codes=(LATE,))


def test_a_silence_is_active_from_its_start_until_before_its_end() -> None:
    one = silence(start=1, end=3)
    assert [one.is_active(minute(at)) for at in (0.9, 1, 2.9, 3)] == [False, True, True, False]
    assert [one.is_over(minute(at)) for at in (2.9, 3)] == [False, True]
    assert silence(start=1).is_active(minute(10**6))


def test_silenced_before_it_breaks_nothing_is_told_and_at_the_end_it_opens() -> None:
    desk = Desk()
    hush(desk, silence(servers=("ns2",)))
    assert desk.fire(alert(A, LATE, "ns2"), alert(B, LATE, "ns2")) == []
    assert desk.wait(300) == []
    shown = desk.only
    assert (shown.zones, shown.findings, shown.silenced, shown.silences) == ((A, B), 2, 2, ("s1",))
    assert shown.silenced_zones == (A, B)
    assert hush(desk) == ["oncall: opened server ns2"]
    assert (desk.only.silenced, desk.only.silences, desk.only.silenced_zones) == (0, (), ())


def test_a_silence_is_of_the_zones_that_have_the_label_now() -> None:
    def labelled(*names: str) -> DependencyGraph:
        zones = (replace(zone(name, "ns1", "ns2", "ns3"), labels=(("team", "web"),)) for name in names)
        return DependencyGraph.of([*zones, *(zone(name, "ns1", "ns2", "ns3") for name in {A, B, C} - {*names})])

    desk = Desk(labelled(A))
    of_web = silence(labels=(("team", ("web",)),))
    hush(desk, of_web)
    assert desk.fire(alert(A, "serial-regressed", "ns1")) == []
    assert desk.fire(alert(B, "serial-regressed", "ns1")) == ["oncall: opened server ns1"]
    assert (desk.only.silenced, desk.only.silenced_zones) == (1, (A,))
    desk.topology = labelled(A, B)
    assert hush(desk, of_web) == []
    assert desk.only.silenced == 2
    desk.topology = labelled()
    assert len(hush(desk, of_web)) == 1, "what was not told before is told"
    assert desk.only.silenced == 0


def test_what_recovers_during_the_silence_was_never_told() -> None:
    desk = Desk()
    hush(desk, silence(zones=("a.example",)))
    bad = alert(A, LATE, "ns2")
    assert desk.fire(bad) == []
    assert desk.end(bad) == []
    assert hush(desk) == []


def test_told_then_silenced_then_recovered_is_told_as_resolved() -> None:
    desk = Desk()
    bad = alert(A, LATE, "ns2")
    assert desk.fire(bad) == ["oncall: opened zone a.example."]
    assert hush(desk, silence(zones=("a*",))) == []
    assert desk.wait(300) == [], "nobody is reminded"
    assert desk.end(bad) == ["oncall: resolved zone a.example."]


def test_told_before_and_still_bad_at_the_end_is_told_again_once() -> None:
    desk = Desk()
    desk.fire(alert(A, LATE, "ns2"))
    assert hush(desk, silence(zones=("a*",))) == []
    assert hush(desk) == ["oncall: reminded zone a.example."]
    assert desk.wait(60) == []


def test_growth_that_is_silenced_is_told_at_the_end() -> None:
    desk = Desk()
    desk.fire(alert(A, LATE, "ns2"), alert(B, LATE, "ns2"))
    hush(desk, silence(zones=("c*",)))
    assert desk.fire(alert(C, LATE, "ns2")) == []
    assert desk.wait(30) == []
    assert (desk.only.zones, desk.only.silenced_zones) == ((A, B, C), (C,))
    assert hush(desk) == ["oncall: worsened server ns2"]


def test_what_is_not_silenced_is_told_as_if_the_rest_were_not_there() -> None:
    desk = Desk()
    hush(desk, silence(zones=("b*",)))
    kept = desk.change(
        alert(A, LATE, "ns2", text="22 min behind", severity=Severity.WARNING),
        alert(B, LATE, "ns2", text="a day behind", severity=Severity.CRITICAL),
    )
    (message,) = kept.messages
    told = message.incident
    assert (told.zones, told.findings, told.severity, told.silenced) == ((A,), 1, Severity.WARNING, 0)
    assert [(line.zone, line.text, line.count) for line in told.lines] == [(A, "22 min behind", 1)]
    assert (desk.only.zones, desk.only.severity, desk.only.silenced) == ((A, B), Severity.CRITICAL, 1)


def test_a_part_that_was_told_is_over_while_the_rest_is_silenced_and_was_not() -> None:
    desk = Desk()
    first, second = alert(A, LATE, "ns2"), alert(B, LATE, "ns2")
    hush(desk, silence(zones=("b*",)))
    assert desk.fire(first, second) == ["oncall: opened server ns2"]
    kept = desk.change(Alert(first.key, Phase.OK, minute(9), first.severity, "", incident=desk.only.id))
    assert said(kept) == ["oncall: resolved server ns2"]
    assert kept.messages[0].incident.zones == ()
    assert not kept.messages[0].incident.goes_on
    assert (desk.only.receivers, desk.only.notified) == ((), None)
    assert hush(desk) == ["oncall: opened server ns2"]
    assert desk.end(second) == ["oncall: resolved server ns2"]


def test_who_heard_of_a_part_only_is_not_released_because_it_is_silenced() -> None:
    desk = Desk(routes=(Route(("all",)), Route(("pager",), severity=(Severity.CRITICAL,))), receivers=("all", "pager"))
    grave, light = (
        alert(A, LATE, "ns2", severity=Severity.CRITICAL),
        alert(B, LATE, "ns2", severity=Severity.WARNING),
    )
    assert desk.fire(grave, light) == ["all: opened server ns2", "pager: opened server ns2"]
    assert hush(desk, silence(zones=("a*",))) == []
    assert desk.wait(20) == []
    assert desk.fire(alert(C, LATE, "ns2", severity=Severity.WARNING)) == ["all: worsened server ns2"]
    assert desk.end(grave) == []
    assert desk.wait(20) == ["all: improved server ns2", "pager: resolved server ns2"]


def test_a_part_that_is_over_is_told_while_others_are_silenced() -> None:
    desk = Desk()
    first, second, third = (alert(name, LATE, "ns2") for name in (A, B, C))
    desk.fire(first, second, third)
    hush(desk, silence(zones=("b*",)))
    desk.end(first)
    assert desk.wait(2) == ["oncall: improved server ns2"]
    desk.end(third)
    assert desk.wait(20) == [], "all that is left is silenced"
    assert desk.end(second) == ["oncall: resolved server ns2"]


def test_the_last_server_is_told_of_though_another_is_silenced() -> None:
    desk = Desk()
    hush(desk, silence(servers=("ns1",)))
    assert desk.fire(alert(A, DEAD, "ns1")) == []
    assert desk.fire(alert(A, DEAD, "ns2")) == ["oncall: opened zone a.example."]
    kept = desk.change(alert(A, DEAD, "ns3"))
    assert said(kept) == ["oncall: worsened zone a.example."]
    assert kept.messages[0].incident.unserved == (A,)
    assert kept.messages[0].incident.severity is Severity.CRITICAL


def test_the_silenced_server_may_be_the_last_one() -> None:
    desk = Desk()
    hush(desk, silence(servers=("ns1",)))
    desk.fire(alert(A, DEAD, "ns2"), alert(A, DEAD, "ns3"))
    kept = desk.change(alert(A, DEAD, "ns1"))
    assert said(kept) == ["oncall: worsened zone a.example."]
    assert kept.messages[0].incident.unserved == (A,)


def test_a_zone_that_is_silenced_may_lose_all_servers() -> None:
    desk = Desk()
    hush(desk, silence(zones=("a*",)))
    assert desk.fire(*(alert(A, DEAD, name) for name in ("ns1", "ns2", "ns3"))) == []
    assert desk.only.unserved == (A,)
    assert hush(desk) == ["oncall: opened zone a.example."]


def heard_of(desk: Desk) -> Mapping[str, Incident]:
    return heard_incidents(desk.open_incidents.incidents, desk.open_incidents.index, desk.active_alerts)


def test_what_stands_is_told_again_and_again_without_what_is_silenced() -> None:
    desk = Desk()
    desk.fire(alert(A, LATE, "ns2"), alert(B, LATE, "ns2"))
    hush(desk, silence(zones=("b*",)))
    desk.fire(alert("d.example.", "ns-set-differs"))
    assert sorted(each.zones for each in heard_of(desk).values()) == [(A,), ("d.example.",)]
    hush(desk, silence(servers=("ns2",)))
    assert sorted(each.zones for each in heard_of(desk).values()) == [(A, B), ("d.example.",)], "as it was told"
    hush(desk)
    assert heard_of(desk) is desk.open_incidents.incidents


def test_who_is_told_of_some_zones_is_told_of_those_of_them_that_are_not_silenced() -> None:
    desk = Desk(routes=(Route(("team",), zones=("a*", "b*")), Route(("other",), zones=("c*",))))
    desk.receivers = ("team", "other")
    bad = [alert(name, LATE, "ns2") for name in (A, B, C)]
    hush(desk, silence(zones=("b*", "c*")))
    assert desk.fire(*bad) == ["team: opened server ns2"]
    (told,) = (as_told_to(each, "team") for each in heard_of(desk).values())
    assert told is not None
    assert told.zones == (A,)
    assert hush(desk) == ["other: opened server ns2"]
    assert desk.wait(10) == ["team: worsened server ns2"]
    hush(desk, silence(zones=("a*", "b*")))
    (told,) = (as_told_to(each, "team") for each in heard_of(desk).values())
    assert told is not None
    assert told.zones == (A, B), "as it was told"
    desk.open_incidents.index.parts.clear()  # type: ignore[union-attr]  # as after a reload
    assert len(heard_of(desk)) == 1
    assert sorted(desk.end(*bad)) == ["other: resolved server ns2", "team: resolved server ns2"]


def test_what_is_only_pending_beside_silenced_ones_is_no_more_severe_than_was_told() -> None:
    desk = Desk(policy=Policy(remind=timedelta(0)))
    desk.fire(alert(A, LATE, "ns2", severity=Severity.WARNING))
    hush(desk, silence(zones=("a*",)))
    desk.move(Phase.PENDING, alert(A, "serial-overdue", "ns2", severity=Severity.CRITICAL))
    index = desk.open_incidents.index
    assert index is not None
    assert as_heard(desk.only, index.members[desk.only.id], desk.active_alerts).severity is Severity.WARNING


@pytest.mark.parametrize("gone", [True, False])
def test_an_alert_that_is_silenced_goes_and_comes_like_any_other(gone: bool) -> None:
    desk = Desk()
    hush(desk, silence(zones=("b*",)), silence("s2", servers=("ns2",), zones=("b*",)))
    first, second = alert(A, LATE, "ns2"), alert(B, LATE, "ns2")
    desk.fire(first, second)
    assert desk.only.silences == ("s1", "s2")
    if gone:
        assert desk.end(second) == []
        assert (desk.only.silenced, desk.only.silences) == (0, ())
    assert desk.wait(10) == []


def test_a_silence_of_very_many_is_followed_in_steps() -> None:
    names = [f"z{number:03}.example." for number in range(600)]
    desk = Desk(topology=DependencyGraph.of([zone(name, "ns1", "ns2") for name in names]))
    desk.fire(*(alert(name, "serial-late", "ns2") for name in names))
    for matchers, silenced in ((Matchers(servers=("ns2",)), 600), (Matchers(zones=("z599.*",)), 1)):
        desk.silences = ActiveSilences((Silence("1", matchers, minute(0), None, "ann", "", minute(0)),))
        steps = update_in_steps(desk.open_incidents, desk.active_alerts, (), (), desk.rules, minute(desk.at))
        pauses = 0
        while silenced != desk.only.silenced:
            try:
                next(steps)
                pauses += 1
            except StopIteration as end:
                desk.take(end.value)
        assert pauses > 4
    desk.open_incidents = OpenIncidents(desk.open_incidents.incidents)
    desk.change()
    assert desk.only.silenced == 1


def test_a_silence_matches_what_is_not_decided_yet_and_is_in_no_incident() -> None:
    desk = Desk()
    assert desk.fire(alert(A, LATE, "ns2"), alert(B, "not-checked", phase=Phase.PENDING)) == [
        f"oncall: opened zone {A}"
    ]
    desk.silences = ActiveSilences((silence(codes=("not-checked",)),))
    assert desk.fire() == []
    assert (desk.only.zones, desk.only.silenced) == ((A,), 0)
