"""Zones for which fewer servers are left than there are to be: told at once as critical, and apart from none at all."""

from dataclasses import replace
from datetime import timedelta

from alerting.acknowledgement import acknowledge
from alerting.headline import changes
from alerting.model import Alert, Phase, Route
from alerting.render import as_data, render
from alerting.root_cause import DependencyGraph
from checks.model import Address, Server, Zone
from checks.model.finding_type import Severity
from tests.support.alerts import alert, minute
from tests.support.incident_desk import Desk

A, B = "a.example.", "b.example."
NAMES = ("ns1", "ns2", "ns3", "ns4")
AT = {name: Address(f"192.0.2.{number}") for number, name in enumerate(NAMES, 1)}
PAGED = (Route(("chat",)), Route(("pager",), severity=(Severity.CRITICAL,)))
FEW = "fewer servers than min_good are left that answer"


class Story:
    """Servers die and come back; what chat and pager hear of it, as subjects."""

    def __init__(self, *zones: Zone) -> None:
        self.desk = Desk(topology=DependencyGraph.of(zones))
        self.desk.routes, self.desk.receivers = PAGED, ("chat", "pager")

    def hear(self, *alerts: Alert) -> list[str]:
        kept = self.desk.change(*alerts)
        self.said = kept.messages
        return [f"{message.receiver}: {render(message).subject}" for message in kept.messages]

    def back(self, *alerts: Alert) -> list[str]:
        at = minute(self.desk.at + 1)
        return self.hear(*(replace(each, phase=Phase.OK, since=at, good_since=at) for each in alerts))


def watched(name: str, min_good: int, *, hidden: str = "") -> Zone:
    servers = tuple(Server(each, (AT[each],), hidden=each == hidden) for each in NAMES)
    return Zone(name, servers, "ns1", min_good=min_good)


def dead(server: str, zone: str = A, at: float = 0, phase: Phase = Phase.FIRING) -> Alert:
    text = f"{server} cannot be reached: no answer"
    one = alert(zone, "server-unreachable", server, at=at, text=text, severity=Severity.WARNING, phase=phase)
    return replace(one, key=replace(one.key, address=AT[server]))


def test_the_second_of_four_is_told_at_once_where_three_must_answer_and_so_is_the_last() -> None:
    story = Story(watched(A, 3))
    assert story.hear(dead("ns2")) == ["chat: [FIRING warning] a.example.: ns2 cannot be reached"]
    assert story.hear(dead("ns3")) == [
        f"chat: [WORSE critical] a.example.: {FEW}",
        f"pager: [FIRING critical] a.example.: {FEW}",
    ]
    assert f"Fewer servers than min_good are left that answer for {A.rstrip('.')}." in render(story.said[0]).text
    assert as_data(story.desk.only)["short_zones"] == [A]
    assert story.hear(dead("ns4")) == []
    assert story.hear(dead("ns1")) == [
        "chat: [WORSE critical] a.example.: no server is left that answers",
        "pager: [WORSE critical] a.example.: no server is left that answers",
    ]
    assert (story.desk.only.unserved, story.desk.only.short) == ((A,), ())


def test_of_what_is_better_again_each_step_is_told_and_none_as_worse() -> None:
    story = Story(watched(A, 3))
    everything = [dead(name) for name in NAMES]
    story.hear(*everything)
    assert story.back(everything[0]) == []
    assert story.desk.only.short == (A,)
    assert story.desk.wait(2) == [f"chat: improved zone {A}", f"pager: improved zone {A}"]
    assert story.back(*everything[1:3]) == []
    assert (story.desk.only.short, story.desk.only.severity) == ((), Severity.WARNING)
    story.desk.at += 20
    assert story.desk.wait(2) == [f"chat: improved zone {A}", f"pager: resolved zone {A}"]
    assert "Enough servers answer again for 1 zone." in changes(story.desk.only)


def test_the_first_word_does_not_wait_for_more_to_come() -> None:
    for min_good, said in ((1, []), (4, [f"{name}: [FIRING critical] {A}: {FEW}" for name in ("chat", "pager")])):
        story = Story(watched(A, min_good))
        story.desk.cadence = {"server-unreachable": timedelta(minutes=1)}
        assert story.hear(dead("ns1", at=1)) == said


def test_hidden_servers_are_not_counted_and_a_zone_with_fewer_servers_needs_all() -> None:
    story = Story(watched(A, 3, hidden="ns1"), watched(B, 9))
    assert story.hear(dead("ns1")) == ["chat: [FIRING warning] a.example.: ns1 cannot be reached"]
    assert story.hear(dead("ns4")) == [
        f"chat: [WORSE critical] a.example.: {FEW}",
        f"pager: [FIRING critical] a.example.: {FEW}",
    ]
    assert story.hear(dead("ns2", B)) == [
        f"chat: [FIRING critical] b.example.: {FEW}",
        f"pager: [FIRING critical] b.example.: {FEW}",
    ]


def test_each_zone_counts_its_own_and_is_told_with_the_latest_of_its_servers() -> None:
    story = Story(watched(A, 3), watched(B, 4))
    assert story.hear(dead("ns2"), dead("ns2", B)) == [
        f"chat: [FIRING critical] b.example.: {FEW}",
        f"pager: [FIRING critical] b.example.: {FEW}",
    ]
    assert story.hear(dead("ns3"), dead("ns3", B)) == [
        f"chat: [FIRING critical] 2 zones: {FEW}",
        f"pager: [FIRING critical] 2 zones: {FEW}",
    ]


def test_an_acknowledgement_ends_when_too_few_are_left_and_again_when_none_is() -> None:
    story = Story(watched(A, 3))
    loud = [replace(dead(name), severity=Severity.CRITICAL) for name in NAMES]

    def acknowledged() -> bool:
        return story.desk.only.acknowledged is not None

    def take_note() -> None:
        known, _ = acknowledge(story.desk.only, "anna", "", ("chat", "pager"), minute(story.desk.at))
        story.desk.open_incidents = replace(story.desk.open_incidents, incidents={known.id: known}, index=None)

    story.hear(loud[0])
    take_note()
    story.hear(loud[1])
    assert not acknowledged()
    take_note()
    story.hear(loud[2])
    assert acknowledged()
    story.hear(loud[3])
    assert not acknowledged()
    take_note()
    story.back(loud[0])
    assert acknowledged()
