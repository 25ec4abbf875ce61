"""Routes with zones and clocks of their own: who hears of what, when, and word for word."""

from dataclasses import replace
from datetime import timedelta

from alerting.audience import audiences, widest
from alerting.audience_news import as_told_to
from alerting.incident import IncidentEvent
from alerting.model import Alert, Phase, Policy, Reason, Route, Transition
from alerting.notification import OutboxMessage
from alerting.receiver_identity import renamed
from alerting.render import render
from alerting.root_cause import DependencyGraph
from checks.model.finding_type import Severity
from tests.support.alerts import alert, minute, zone
from tests.support.at_once import update_incidents
from tests.support.incident_desk import Desk, said

A, B = "a.example.", "b.example."
DEAD, LATE = "server-unreachable", "serial-late"
MINUTE = timedelta(minutes=1)
POLICY = Policy(grace=MINUTE, settle=MINUTE, remind=timedelta(0))
TEAMS = (Route(("a-team",), zones=("a*",)), Route(("b-team",), zones=("b*",)))


def desk_of(*routes: Route, policy: Policy = POLICY, names: tuple[str, ...] = (A, B)) -> Desk:
    told = tuple(dict.fromkeys(name for route in routes for name in route.receivers))
    topology = DependencyGraph.of([zone(name, "ns1", "ns2") for name in names])
    return Desk(topology=topology, routes=routes, receivers=told, policy=policy)


def bad(name: str, code: str = DEAD, server: str = "ns2", at: float = 0, **more: object) -> Alert:
    return alert(name, code, server, at=at, text=f"{server} cannot be reached: no answer", **more)  # type: ignore[arg-type]


def take(desk: Desk, *changed: Alert, transitions: tuple[Transition, ...] = ()) -> list[OutboxMessage]:
    return list(desk.change(*changed, transitions=transitions).messages)


def subjects(messages: list[OutboxMessage]) -> list[str]:
    return [f"{message.receiver}: {render(message).subject}" for message in messages]


def over(each: Alert, desk: Desk) -> Alert:
    return replace(each, phase=Phase.OK, since=minute(desk.at + 1), good_since=minute(desk.at + 1))


def reload(desk: Desk, *routes: Route, receivers: tuple[str, ...] = ()) -> list[str]:
    """The configuration is read again; half a minute later."""
    desk.at += 0.5
    desk.routes = routes
    desk.receivers = receivers or desk.receivers
    kept = update_incidents(desk.open_incidents, desk.active_alerts, (), (), desk.rules, minute(desk.at), anew=True)
    return subjects(list(desk.take(kept).messages))


# --- zones ---


def test_each_team_reads_of_its_own_zones_alone_in_all_that_it_is_sent() -> None:
    """Subject, counts, lines, samples, the data of a webhook and the mail: nothing of the zones of others."""
    many = tuple(f"{team}{n}.example." for team in "ab" for n in range(4))
    desk = desk_of(*TEAMS, Route(("noc",)), names=many)
    messages = take(desk, *(bad(name, at=1) for name in many if name != "b3.example."))
    assert subjects(messages) == [
        "noc: [FIRING critical] ns2, 7 zones: ns2 cannot be reached",
        "a-team: [FIRING critical] ns2, 4 zones: ns2 cannot be reached",
        "b-team: [FIRING critical] ns2, 3 zones: ns2 cannot be reached",
    ]
    told = render(messages[1], "https://dns.example.net")
    assert not any("b0.example" in text for text in (told.subject, told.text, told.html, told.summary, str(told.data)))
    assert told.data["zones"] == [name for name in many if name.startswith("a")]
    assert (told.data["zone_count"], told.data["finding_count"]) == (4, 4)
    assert [line["zone_count"] for line in told.data["findings"]] == [4]  # type: ignore[attr-defined]


def test_what_grows_and_ends_in_zones_of_others_is_no_news_to_a_team() -> None:
    desk = desk_of(*TEAMS)
    assert subjects(take(desk, bad(A))) == [f"a-team: [FIRING critical] {A}: ns2 cannot be reached"]
    heard = take(desk, bad(B, at=2))
    assert subjects(heard) == ["b-team: [FIRING critical] ns2, b.example.: ns2 cannot be reached"]
    assert desk.wait(10) == []
    assert subjects(take(desk, over(bad(A), desk))) == [
        "a-team: [RESOLVED] ns2, a.example.: ns2 cannot be reached",
    ]
    assert desk.only.told == ("b-team",)
    assert subjects(take(desk, bad(A, at=12))) == ["a-team: [FIRING critical] ns2, a.example.: ns2 cannot be reached"]
    assert [m.receiver for m in take(desk, over(bad(A), desk), over(bad(B), desk))] == ["a-team", "b-team"]
    assert desk.open_incidents.incidents == {}


def test_severity_is_that_of_the_zones_of_the_route() -> None:
    """A is critical and B is not: who pages the B team only when it is critical does not page it."""
    desk = desk_of(
        Route(("b-pager",), zones=("b.*",), severity=(Severity.CRITICAL,)), Route(("b-mail",), zones=("b.*",))
    )
    soft = replace(bad(B), severity=Severity.WARNING)
    assert said(desk.change(bad(A), soft)) == ["b-mail: opened server ns2"]
    assert desk.only.severity is Severity.CRITICAL
    assert said(desk.change(bad(B))) == ["b-pager: opened server ns2", "b-mail: worsened server ns2"]
    assert set(desk.only.told) == {"b-mail", "b-pager"}


def test_a_receiver_with_several_routes_is_told_once_of_the_zones_of_all_of_them() -> None:
    desk = desk_of(Route(("team",), zones=("a.*",)), Route(("team",), zones=("b.*",)))
    (message,) = take(desk, bad(A), bad(B))
    assert message.incident.zones == (A, B)


def test_zones_without_a_server_are_told_to_those_whose_they_are() -> None:
    desk = desk_of(*TEAMS)
    take(desk, bad(A), bad(B))
    heard = subjects(take(desk, bad(A, server="ns1", at=1)))
    assert heard == [f"a-team: [FIRING critical] {A}: no server is left that answers"]
    again = over(bad(A, server="ns1", at=1), desk)
    assert [m.receiver for m in take(desk, again)] == ["a-team"]
    assert not any(part.unserved for i in desk.open_incidents.incidents.values() for part in i.parts)


# --- clocks ---


def test_alerts_go_by_the_shortest_grace_and_the_longest_settle() -> None:
    routes = (Route(("x",), grace=timedelta(0)), Route(("y",), settle=timedelta(hours=1), grace=timedelta(minutes=9)))
    assert widest(POLICY, routes) == replace(POLICY, grace=timedelta(0), settle=timedelta(hours=1))
    assert widest(POLICY, (Route(("x",)),)) == POLICY
    assert audiences((Route(("x",), severity=(Severity.CRITICAL,)), Route(("y",))), POLICY) == ()


def test_each_route_hears_of_it_when_its_grace_is_over() -> None:
    """An alert of ten minutes: told at once to the first, after two as usual, after five to the pager."""
    desk = desk_of(
        Route(("screen",), grace=timedelta(0)),
        Route(("mail",)),
        Route(("pager",), severity=(Severity.CRITICAL,), grace=5 * MINUTE, remind=20 * MINUTE),
        policy=replace(POLICY, grace=2 * MINUTE),
    )
    assert said(desk.change(bad(A, at=1))) == [f"screen: opened zone {A}"]
    assert desk.wait(1.9) == []
    assert desk.wait(0.2) == [f"mail: opened zone {A}"]
    assert desk.wait(2.8) == []
    assert desk.wait(0.2) == [f"pager: opened zone {A}"]
    assert desk.wait(19.8) == []
    assert desk.wait(0.4) == [f"pager: reminded zone {A}"]
    assert sorted(desk.end(bad(A, at=1))) == [f"{name}: resolved zone {A}" for name in ("mail", "pager", "screen")]


def test_what_is_over_before_a_longer_grace_is_told_to_nobody_who_waits() -> None:
    desk = desk_of(Route(("mail",)), Route(("pager",), grace=5 * MINUTE))
    assert said(desk.change(bad(A))) == [f"mail: opened zone {A}"]
    good = replace(bad(A), phase=Phase.RECOVERING, since=minute(3), good_since=minute(3))
    assert said(desk.change(good)) == []
    assert desk.wait(10) == []
    assert desk.end(bad(A)) == [f"mail: resolved zone {A}"]


def test_a_warning_that_becomes_critical_is_for_the_pager_once_it_has_lasted() -> None:
    pager = Route(("pager",), severity=(Severity.CRITICAL,), grace=5 * MINUTE)
    desk = desk_of(Route(("mail",)), pager, names=(A,))
    soft = replace(bad(A, LATE), severity=Severity.WARNING)
    assert said(desk.change(soft)) == [f"mail: opened zone {A}"]
    desk.at = 30
    grave = bad(A, "serial-regressed", at=31, severity=Severity.CRITICAL)
    assert said(desk.change(grave)) == [f"mail: worsened zone {A}"]
    assert desk.wait(4.8) == []
    assert desk.wait(0.4) == [f"pager: opened zone {A}"]


def test_who_has_a_shorter_settle_hears_earlier_that_it_is_over_and_anew_if_it_is_not() -> None:
    desk = desk_of(Route(("screen",), settle=timedelta(0)), Route(("mail",), settle=4 * MINUTE))
    take(desk, bad(A))
    good = replace(bad(A), phase=Phase.RECOVERING, since=minute(3), good_since=minute(3))
    desk.at = 2
    assert said(desk.change(good)) == [f"screen: resolved zone {A}"]
    assert said(desk.change(replace(bad(A), since=minute(4)))) == [f"screen: opened zone {A}"]
    ids = [message.id for message in take(desk, over(bad(A), desk))]
    assert len(set(ids)) == 2


def test_with_several_routes_the_first_grace_counts_and_the_last_settle() -> None:
    desk = desk_of(
        Route(("sms",), severity=(Severity.CRITICAL,), grace=2 * MINUTE),
        Route(("sms",), severity=(Severity.WARNING,), grace=timedelta(hours=1), remind=timedelta(hours=2)),
        Route(("x",)),
    )
    (audience,) = (one for one in audiences(desk.routes, desk.policy) if one.receivers == ("sms",))
    soft, grave = replace(bad(A), severity=Severity.WARNING), bad(A)
    assert audience.patience(grave, audience.routes).grace == 2 * MINUTE
    assert audience.patience(soft, audience.routes).grace == timedelta(hours=1)
    assert audience.patience(replace(bad(A), severity=Severity.INFO), audience.routes).grace == 2 * MINUTE
    assert audience.remind == timedelta(hours=2)


def test_without_send_resolved_nobody_hears_of_the_end() -> None:
    desk = desk_of(Route(("log",), send_resolved=False), Route(("mail",)))
    assert sorted(said(desk.change(bad(A)))) == [f"log: opened zone {A}", f"mail: opened zone {A}"]
    assert desk.end(bad(A)) == [f"mail: resolved zone {A}"]
    assert sorted(said(desk.change(bad(A, at=3)))) == [f"log: opened zone {A}", f"mail: opened zone {A}"]


def test_what_the_monitor_says_of_itself_goes_by_the_clock_of_the_route_that_wants_it_and_else_to_all() -> None:
    desk = desk_of(Route(("noc",), grace=5 * MINUTE), Route(("team",), zones=("a.*",)))
    offline = alert("", "monitor-offline", at=0)
    assert said(desk.change(offline)) == []
    assert desk.wait(4.2) == ["noc: opened vantage local"]
    other = desk_of(Route(("team",), zones=("a.*",)))
    other.receivers = ("noc", "team")
    assert said(other.change(offline)) == ["noc: opened vantage local", "team: opened vantage local"]
    assert other.end(offline) == ["noc: resolved vantage local", "team: resolved vantage local"]


# --- reloads ---


def test_a_route_that_gets_a_clock_or_zones_takes_along_what_its_receivers_know() -> None:
    desk = desk_of(Route(("mail",)))
    take(desk, bad(A), bad(B))
    assert reload(desk, Route(("mail",), remind=10 * MINUTE)) == []
    assert reload(desk, Route(("mail",), zones=("b.*",))) == []
    assert [part.zones for part in desk.only.parts] == [(B,)]
    assert desk.wait(10) == []
    assert reload(desk, Route(("mail",))) == []
    assert desk.only.receivers == ("mail",)
    assert desk.wait(4) == []
    assert [m.incident.zones for m in take(desk, over(bad(A), desk), over(bad(B), desk))] == [()]


def test_who_is_left_with_none_of_its_zones_is_told_so_and_not_that_it_is_over() -> None:
    desk = desk_of(Route(("mail",)), Route(("noc",)))
    take(desk, bad(A))
    assert reload(desk, Route(("mail",), zones=("b.*",)), Route(("noc",))) == [
        f"mail: [RESOLVED] {A}: it goes on, but is no longer for you"
    ]
    assert desk.only.told == ("noc",)
    assert desk.end(bad(A)) == [f"noc: resolved zone {A}"]


def test_who_has_no_route_any_more_is_told_so_once_and_who_is_gone_is_owed_the_end() -> None:
    desk = desk_of(*TEAMS, Route(("noc",)))
    take(desk, bad(A), bad(B))
    noc = Route(("noc",))
    heard = reload(desk, noc, receivers=("a-team", "noc"))
    assert heard == ["a-team: [RESOLVED] ns2: it goes on, but is no longer for you"]
    assert [part.receivers for part in desk.only.parts] == [("b-team",)]
    assert reload(desk, noc) == []
    assert desk.end(bad(A), bad(B)) == ["noc: resolved server ns2", "b-team: resolved server ns2"]


def test_two_who_are_told_apart_come_together_and_apart_again() -> None:
    desk = desk_of(Route(("x",), zones=("a.*",)), Route(("y",), zones=("a*",)))
    take(desk, bad(A))
    both = Route(("x", "y"), zones=("a.*",))
    assert reload(desk, both) == []
    assert [part.receivers for part in desk.only.parts] == [("x", "y")]
    assert reload(desk, Route(("x",)), Route(("y",), zones=("a.*",))) == []
    assert desk.only.receivers == ("x",)
    assert [part.receivers for part in desk.only.parts] == [("y",)]
    assert reload(desk, Route(("x", "y"))) == []
    assert (desk.only.receivers, desk.only.parts) == (("x", "y"), ())


def test_a_zone_that_leaves_the_configuration_is_told_as_such_to_its_team() -> None:
    desk = desk_of(*TEAMS)
    take(desk, bad(A), bad(B))
    desk.topology = DependencyGraph.of([zone(B, "ns1", "ns2")])
    gone = over(bad(A), desk)
    left = Transition(gone.key, Phase.FIRING, Phase.OK, Reason.WITHDRAWN, minute(2))
    heard = take(desk, gone, transitions=(left,))
    assert [m.receiver for m in heard] == ["a-team"]
    assert "no longer monitored" in render(heard[0]).text


def test_parts_follow_their_receivers_to_new_names_and_show_what_stands() -> None:
    desk = desk_of(*TEAMS, Route(("noc",)))
    take(desk, bad(A), bad(B))
    incident = renamed(desk.only, {"a-team": "red", "noc": "soc"})
    assert incident.told == ("soc", "red", "b-team")
    assert [getattr(as_told_to(incident, name), "zones", None) for name in ("soc", "red", "x")] == [(A, B), (A,), None]


def test_messages_name_all_who_heard_so_that_nobody_hears_an_end_twice() -> None:
    desk = desk_of(*TEAMS, Route(("noc",)))
    messages = take(desk, bad(A), bad(B))
    assert {m.incident.receivers for m in messages} == {("noc", "a-team", "b-team")}
    assert all(m.event is IncidentEvent.OPENED and not m.incident.parts for m in messages)


def test_what_is_in_its_grace_counts_for_those_whose_zone_it_is_once_something_fires() -> None:
    desk = desk_of(*TEAMS)
    assert desk.move(Phase.PENDING, bad(B)) == []
    (message,) = take(desk, bad(A))
    assert (message.receiver, message.incident.zones) == ("a-team", (A,))
    assert desk.only.zones == (A, B)


# --- labels ---


def test_zones_are_routed_by_their_labels_and_who_has_none_of_them_reads_of_none() -> None:
    """Two labels must be there, each with a value that a glob matches; case counts in values."""
    web = Route(("web",), labels=(("team", ("web",)), ("tier", ("gold", "s*"))))
    desk = desk_of(web, Route(("both",), zones=("a.*",), labels=(("team", ("*",)),)), Route(("noc",)))
    labels = {A: (("team", "web"), ("tier", "silver")), B: (("team", "Web"), ("tier", "gold"))}
    desk.topology = DependencyGraph.of([replace(zone(name, "ns1", "ns2"), labels=labels[name]) for name in (A, B)])
    messages = take(desk, bad(A), bad(B))
    assert {m.receiver: m.incident.zones for m in messages} == {"web": (A,), "both": (A,), "noc": (A, B)}
    assert {m.receiver: render(m).data["labels"] for m in messages} == {
        "web": {"team": ["web"], "tier": ["silver"]},
        "both": {"team": ["web"], "tier": ["silver"]},
        "noc": {"team": ["Web", "web"], "tier": ["gold", "silver"]},
    }
    again = desk_of(web)
    assert take(again, bad(A), bad(B)) == []
    assert take(again, alert("", "monitor-offline", at=0))[0].receiver == "web"


def test_who_gets_a_label_by_a_reload_is_told_of_what_is_open_and_who_loses_it_that_it_is_not_for_him() -> None:
    route = Route(("web",), labels=(("team", ("web",)),))
    desk = desk_of(route)
    take(desk, bad(A))
    zones = [zone(name, "ns1", "ns2") for name in (A, B)]
    desk.topology = DependencyGraph.of([replace(each, labels=(("team", "web"),)) for each in zones])
    assert reload(desk, route) == ["web: [FIRING critical] a.example.: ns2 cannot be reached"]
    desk.topology = DependencyGraph.of(zones)
    assert reload(desk, route) == ["web: [RESOLVED] a.example.: it goes on, but is no longer for you"]


# --- storms ---


def test_a_severity_raised_by_a_reload_for_very_many_zones_is_one_message_and_so_is_its_end() -> None:
    share = 1100
    many = tuple(f"z{number:04}.example." for number in range(2000))
    desk = desk_of(Route(("noc",)), Route(("team",), zones=("z0*",)), names=many)
    low = [bad(name, "zone-not-served", severity=Severity.INFO) for name in many[:share]]
    assert take(desk, *low) == []
    raised = [replace(each, severity=Severity.CRITICAL) for each in low]
    assert [(m.receiver, len(m.incident.zones)) for m in take(desk, *raised)] == [
        ("noc", share),
        ("team", min(share, 1000)),
    ]
    assert desk.wait(3) == []
    assert [f"{m.receiver} {m.event}" for m in take(desk, *low)] == ["noc incident.resolved", "team incident.resolved"]
