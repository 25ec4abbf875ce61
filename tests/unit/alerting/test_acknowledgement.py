"""Somebody knows of an incident: who is told what from then on, and until when that holds."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.acknowledgement import acknowledge, unacknowledge
from alerting.incident import IncidentEvent
from alerting.incidents import OpenIncidents, act_on, acted
from alerting.model import Alert, Phase, Policy, Route
from alerting.render import as_data, render
from alerting.root_cause import DependencyGraph
from alerting.timeline import TimelineEvent, entry
from checks.model.finding_type import Severity
from tests.support.alerts import alert, minute, zone
from tests.support.incident_desk import Desk

DEAD = "server-unreachable"
A, B, C = "a.example.", "b.example.", "c.example."
HEARING = frozenset({"hook"})


class Watch:
    """A desk, and all that is told and noted in the story so far."""

    def __init__(self, *receivers: str, remind: float = 60) -> None:
        graph = DependencyGraph.of([zone(name, "ns1", "ns2", "ns3") for name in (A, B, C)])
        policy = Policy(remind=timedelta(minutes=remind))
        self.desk = Desk(topology=graph, receivers=receivers or ("oncall", "hook"), policy=policy)
        self.told: list[str] = []
        self.timeline: list[str] = []
        take = self.desk.take

        def heard(kept):  # type: ignore[no-untyped-def]
            self.told += [f"{one.receiver} {one.event.removeprefix('incident.')}" for one in kept.messages]
            self.timeline += [f"{one.event} {one.who}".strip() for one in kept.timeline]
            return take(kept)

        self.desk.take = heard  # type: ignore[method-assign]

    def news(self) -> list[str]:
        told, self.told = self.told, []
        return told

    def noted(self) -> list[str]:
        noted, self.timeline = self.timeline, []
        return noted

    def act(self, event: TimelineEvent, note: str = "") -> None:
        at, incident = minute(self.desk.at), self.desk.only
        if event is TimelineEvent.ACKNOWLEDGED:
            done, messages = acknowledge(incident, "anna", note, HEARING, at)
        else:
            done, messages = unacknowledge(incident, HEARING, at)
        self.messages = messages
        before = self.desk.open_incidents
        update = act_on(before, done, messages, entry(done, event, at, who="anna", note=note))
        acted(before, self.desk.take(update))

    def acknowledge(self, note: str = "") -> None:
        self.act(TimelineEvent.ACKNOWLEDGED, note)


def down(name: str, server: str = "ns2", **more: object) -> Alert:
    return alert(name, DEAD, server, **more)


def test_who_has_a_notion_of_it_hears_and_nobody_is_reminded() -> None:
    watch = Watch()
    watch.desk.fire(down(A))
    watch.desk.wait(5)
    assert watch.news() == ["oncall opened", "hook opened"]
    watch.acknowledge("I look at it")
    assert watch.news() == ["hook acknowledged"]
    watch.desk.wait(300)
    assert watch.news() == []
    watch.desk.end(down(A))
    assert watch.news() == ["oncall resolved", "hook resolved"]
    assert watch.noted() == ["opened", "acknowledged anna", "resolved"]


def test_without_it_there_are_reminders_and_again_once_it_is_taken_back() -> None:
    watch = Watch("oncall")
    watch.desk.fire(down(A))
    watch.desk.wait(65)
    assert watch.news() == ["oncall opened", "oncall reminded"]
    watch.acknowledge()
    watch.desk.wait(70)
    assert watch.news() == []
    watch.act(TimelineEvent.UNACKNOWLEDGED)
    watch.desk.wait(1)
    assert watch.news() == ["oncall reminded"]
    assert watch.noted() == ["opened", "acknowledged anna", "unacknowledged anna"]
    assert watch.desk.only.acknowledged is None


def test_more_zones_are_told_and_it_stays_acknowledged() -> None:
    watch = Watch("oncall")
    watch.desk.fire(down(A))
    watch.desk.wait(5)
    watch.acknowledge()
    watch.news()
    watch.desk.fire(down(B), down(C))
    watch.desk.wait(20)
    assert watch.news() == ["oncall worsened"]
    assert watch.desk.only.acknowledged is not None
    assert watch.noted() == ["opened", "acknowledged anna", "grew"]


def test_a_higher_severity_ends_it_and_is_told() -> None:
    watch = Watch("oncall")
    watch.desk.fire(alert(A, "tcp-unreachable", "ns2", severity=Severity.WARNING))
    watch.desk.wait(5)
    watch.acknowledge()
    watch.news()
    watch.desk.fire(down(B))
    watch.desk.wait(5)
    assert watch.news() == ["oncall worsened"]
    assert watch.desk.only.acknowledged is None
    assert watch.noted() == ["opened", "acknowledged anna", "worsened", "acknowledgement-ended anna"]
    watch.desk.wait(65)
    assert watch.news() == ["oncall reminded"]


def test_a_zone_that_nobody_answers_for_any_more_ends_it() -> None:
    watch = Watch("oncall")
    watch.desk.fire(*(down(A, server) for server in ("ns1", "ns2")))
    watch.desk.wait(5)
    for incident in watch.desk.open_incidents.incidents.values():
        done, messages = acknowledge(incident, "anna", "", HEARING, minute(watch.desk.at))
        said = entry(done, TimelineEvent.ACKNOWLEDGED, minute(watch.desk.at))
        watch.desk.take(act_on(watch.desk.open_incidents, done, messages, said))
    watch.news()
    watch.desk.fire(down(A, "ns3"))
    watch.desk.wait(2)
    incidents = watch.desk.open_incidents.incidents.values()
    (unserved,) = [incident for incident in incidents if incident.unserved]
    assert unserved.acknowledged is None
    assert set(watch.news()) & {"oncall worsened", "oncall opened"}


@pytest.mark.parametrize("first_told", [True, False])
def test_what_was_known_when_it_was_acknowledged_is_no_news(first_told: bool) -> None:
    """Also where nobody was told yet, or nobody ever is."""
    watch = Watch("oncall") if first_told else Watch()
    if not first_told:
        watch.desk.receivers = ()
    watch.desk.fire(down(A))
    watch.desk.wait(5)
    watch.acknowledge()
    watch.desk.fire(down(B, severity=Severity.WARNING))
    watch.desk.wait(5)
    assert watch.desk.only.acknowledged is not None


def test_what_is_worse_before_anybody_was_told_ends_it_too() -> None:
    watch = Watch()
    watch.desk.receivers = ()
    watch.desk.fire(alert(A, "tcp-unreachable", "ns2", severity=Severity.WARNING))
    watch.acknowledge()
    watch.desk.fire(down(B))
    assert watch.desk.only.acknowledged is None
    assert watch.noted() == ["opened", "acknowledged anna", "worsened", "acknowledgement-ended anna"]
    watch.desk.end(down(B))
    assert watch.noted() == ["improved"]


def test_it_survives_a_part_that_recovers_and_comes_back() -> None:
    """Acknowledged when it was critical: that the critical part comes back after it was told to be over is worse."""
    watch = Watch("oncall")
    minor = alert(A, "tcp-unreachable", "ns2", severity=Severity.WARNING)
    watch.desk.fire(minor, down(B))
    watch.desk.wait(5)
    watch.acknowledge()
    watch.desk.end(down(B))
    watch.desk.fire(down(B))
    watch.desk.wait(1)
    assert watch.desk.only.acknowledged is not None
    watch.desk.end(down(B))
    watch.desk.wait(20)
    assert "oncall improved" in watch.news()
    watch.desk.fire(down(B))
    assert watch.desk.only.acknowledged is None


def test_it_is_said_in_every_message_and_in_the_data() -> None:
    watch = Watch()
    watch.desk.fire(down(A))
    watch.desk.wait(5)
    watch.acknowledge("I look at it\x1b[31m")
    (message,) = watch.messages
    assert message.event is IncidentEvent.ACKNOWLEDGED
    told = render(message)
    sentence = "Acknowledged by anna, 2026-11-20 10:06:00 UTC: I look at it\\x1b[31m"
    assert told.subject.startswith("[ACKNOWLEDGED] ")
    assert sentence in told.text
    assert sentence in told.html
    assert sentence in told.summary
    assert told.data["acknowledged"] == {"at": "2026-11-20T10:06:00Z", "by": "anna", "note": "I look at it\x1b[31m"}
    anonymous = replace(message.incident, acknowledged=replace(watch.desk.only.acknowledged, by="", note=""))
    assert "\nAcknowledged, 2026-11-20" in render(replace(message, incident=anonymous)).text
    assert as_data(replace(anonymous, acknowledged=None))["acknowledged"] is None


def test_the_index_goes_on_where_there_is_one_and_none_is_needed() -> None:
    watch = Watch("oncall")
    watch.desk.fire(down(A))
    watch.desk.open_incidents = OpenIncidents(watch.desk.open_incidents.incidents)
    watch.acknowledge()
    watch.desk.move(Phase.RECOVERING, down(A))
    assert watch.desk.only.acknowledged is not None
    assert watch.desk.only.recovering == 1


def test_who_is_told_of_a_part_hears_of_that_part_and_a_reminder_is_nobodys() -> None:
    """Team A's webhook reads of A's zone alone; neither team is reminded; what is worse for the whole ends it."""
    watch = Watch("hook", "oncall")
    watch.desk.routes = (Route(("hook",), zones=("a.example",)), Route(("oncall",), zones=("b.example",)))
    minor = [alert(name, "tcp-unreachable", "ns2", severity=Severity.WARNING) for name in (A, B)]
    watch.desk.fire(*minor)
    watch.desk.wait(5)
    assert watch.news() == ["hook opened", "oncall opened"]
    watch.acknowledge("mine")
    (message,) = watch.messages
    assert (message.receiver, message.incident.zones) == ("hook", (A,))
    watch.desk.wait(130)
    assert watch.news() == ["hook acknowledged"]
    watch.desk.fire(down(B))
    watch.desk.wait(1)
    assert watch.news() == ["hook reminded", "oncall worsened"]  # two hours after it heard that it opened
    assert watch.desk.only.acknowledged is None
    assert watch.noted() == ["opened", "acknowledged anna", "worsened", "acknowledgement-ended anna"]
    watch.desk.wait(70)
    assert sorted(watch.news()) == ["hook reminded", "oncall reminded"]


def test_what_opens_again_within_the_hour_is_still_acknowledged() -> None:
    watch = Watch("oncall")
    watch.desk.fire(down(A))
    watch.desk.wait(5)
    watch.acknowledge("the line is cut")
    watch.desk.end(down(A))
    assert watch.news() == ["oncall opened", "oncall resolved"]
    watch.desk.wait(10)
    watch.desk.fire(down(A))
    watch.desk.wait(130)
    assert watch.news() == ["oncall opened"]
    assert watch.desk.only.acknowledged is not None
    assert watch.noted() == ["opened", "acknowledged anna", "resolved", "reopened"]


def test_what_is_known_in_the_same_words_is_no_news() -> None:
    watch = Watch()
    watch.desk.fire(down(A))
    watch.desk.wait(5)
    untouched = watch.desk.only
    assert unacknowledge(untouched, HEARING, minute(watch.desk.at)) == (untouched, ())
    watch.acknowledge("mine")
    known = watch.desk.only
    assert acknowledge(known, "anna", "mine", HEARING, minute(9)) == (known, ())
    for by, note in (("bert", "mine"), ("anna", "disk")):
        assert len(acknowledge(known, by, note, HEARING, minute(9))[1]) == 1


def test_notes_that_alternate_are_three_messages_in_ten_minutes_and_the_last_of_them_is_told_then() -> None:
    """A job that acknowledges in a circle: each is known at once, and none is a flood."""
    watch = Watch("hook", remind=0)
    watch.desk.fire(down(A))
    watch.news()
    for number in range(100):
        watch.acknowledge(("disk", "power")[number % 2])
    assert watch.news() == ["hook acknowledged"] * 3
    assert watch.desk.only.acknowledged is not None
    assert watch.desk.only.acknowledged.note == "power"
    assert watch.desk.wait(9.9) == []
    assert watch.news() == []
    watch.desk.wait(0.2)
    assert watch.news() == ["hook acknowledged"]
    assert watch.desk.only.act_untold is False
    watch.desk.wait(120)
    assert watch.news() == []


def test_what_was_taken_back_in_such_a_circle_is_told_as_that() -> None:
    watch = Watch("hook", remind=0)
    watch.desk.fire(down(A))
    watch.news()
    for _ in range(5):
        watch.acknowledge()
        watch.act(TimelineEvent.UNACKNOWLEDGED)
    assert watch.news() == ["hook acknowledged", "hook unacknowledged", "hook acknowledged"]
    watch.desk.wait(11)
    assert watch.news() == ["hook unacknowledged"]


def test_what_people_did_is_not_told_after_the_end() -> None:
    watch = Watch("hook", remind=0)
    watch.desk.fire(down(A))
    for note in ("a", "b", "c", "d"):
        watch.acknowledge(note)
    watch.desk.end(down(A))
    watch.desk.wait(20)
    assert watch.news() == ["hook opened", *["hook acknowledged"] * 3, "hook resolved"]
