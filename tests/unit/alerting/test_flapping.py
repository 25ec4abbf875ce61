"""Stories of what comes and goes, word for word."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.alert_state import advance, next_transition
from alerting.flapping import FLAPPING_WINDOW, MIN_CALM, calm, note_end, steady_at
from alerting.incident import Cause
from alerting.model import NOT_CHECKED, Alert, Flaps, Phase, Policy
from alerting.render import render
from alerting.reopening import MAX_PAST_INCIDENTS, REOPEN_WINDOW, opened_by, past_incidents, with_past
from alerting.root_cause import DependencyGraph
from checks.model import Health
from checks.model.finding_type import Severity
from monitor.store.codec import decode, encode
from tests.support.alerts import alert, finding, key, minute, result, zone
from tests.support.incident_desk import Desk
from tests.support.looking_desk import LookingDesk

DEAD = "server-unreachable"


def desk(count: int = 20, pace: float = 1, **policy: float) -> LookingDesk:
    names = [f"z{n:03d}.example." for n in range(count)]
    topology = DependencyGraph.of([zone(name, "ns1", "ns2") for name in names])
    minutes = {name: timedelta(minutes=value) for name, value in policy.items()}
    return LookingDesk(topology=topology, zones=names, policy=Policy(**minutes), pace=pace)


def test_a_server_that_is_away_every_other_minute_is_told_once_and_again_when_it_has_come_to_stay() -> None:
    story = desk()
    away = (story.zones, DEAD, "ns2")
    for _ in range(3):
        story.sweep(away)
        story.sweep()
    assert story.heard() == ["[FIRING critical] ns2, 20 zones: comes and goes: ns2 has server-unreachable"]
    for _ in range(20):
        story.sweep(away)
        story.sweep()
    assert story.heard() == []
    assert story.only.flapping
    story.sweep(times=13)
    assert story.heard() == ["[RESOLVED] ns2, 20 zones: ns2 has server-unreachable"]
    assert not story.open_incidents.incidents


def test_what_is_said_of_a_server_that_comes_and_goes() -> None:
    story = desk()
    away = (story.zones, DEAD, "ns2")
    for _ in range(2):
        story.sweep(away)
        story.sweep()
    story.sweep(away, times=2)
    (told,) = story.told
    words = render(told)
    assert "It comes and goes. You hear of it again when it stays bad, or has been good for a while." in words.text
    assert "came and went 2 times since 2026-11-20 10:00:06 UTC, bad for 2 min in all" in words.text
    assert "came and went 2 times" in words.html
    assert words.data["flapping"] is True


def test_a_server_that_came_and_went_and_stays_away_is_told_as_that() -> None:
    story = desk()
    away = (story.zones, DEAD, "ns2")
    for _ in range(3):
        story.sweep(away)
        story.sweep()
    story.heard()
    story.sweep(away, times=12)
    (told,) = story.told
    assert story.heard() == ["[WORSE critical] ns2, 20 zones: ns2 has server-unreachable"]
    assert "It came and went before, and stays bad now." in render(told).text
    story.sweep(times=4)
    assert story.heard() == ["[RESOLVED] ns2, 20 zones: ns2 has server-unreachable"]


def test_eight_flaps_of_twenty_seconds_without_grace_are_one_incident_that_says_twice_that_it_is_over() -> None:
    story = desk(pace=1 / 6, grace=0, settle=0)
    names = set()
    for _ in range(8):
        story.sweep((story.zones, DEAD, "ns2"), times=2)
        story.sweep(times=2)
        names |= {told.incident.id for told in story.told}
    assert len(names) == 1
    assert story.heard() == [
        "[FIRING critical] ns2, 20 zones: ns2 has server-unreachable",
        "[RESOLVED] ns2, 20 zones: ns2 has server-unreachable",
        "[FIRING critical] ns2, 20 zones: ns2 has server-unreachable",
        "[RESOLVED] ns2, 20 zones: ns2 has server-unreachable",
        "[FIRING critical] ns2, 20 zones: comes and goes: ns2 has server-unreachable",
    ]


def test_eight_flaps_of_twenty_seconds_with_grace_are_told_once() -> None:
    story = desk(pace=1 / 6)
    for _ in range(8):
        story.sweep((story.zones, DEAD, "ns2"), times=2)
        story.sweep(times=2)
    assert story.heard() == ["[FIRING critical] ns2, 20 zones: comes and goes: ns2 has server-unreachable"]


def test_a_server_that_is_told_and_begins_to_come_and_go_says_so_once() -> None:
    story = desk()
    away = (story.zones, DEAD, "ns2")
    story.sweep(away, times=4)
    story.sweep()
    story.heard()
    for _ in range(12):
        story.sweep(away)
        story.sweep()
    (told,) = story.told
    assert story.heard() == ["[STILL critical] ns2, 20 zones: comes and goes: ns2 has server-unreachable"]
    assert "It comes and goes." in render(told).text


def test_that_it_comes_and_goes_is_said_while_it_is_bad_whatever_else_has_it_looked_at() -> None:
    """So it is whether other silences or its own alert are why."""
    story, fired = Desk(), alert("a.example.", "serial-late", "ns2")
    assert story.fire(fired) == ["oncall: opened zone a.example."]
    story.at += 10
    flapping = replace(fired, flapping=True)
    assert story.move(Phase.RECOVERING, flapping) == []
    assert story.only.due_at is None
    assert story.move(Phase.FIRING, flapping) == ["oncall: reminded zone a.example."]


def test_what_is_bad_again_within_an_hour_is_the_same_incident_and_later_another() -> None:
    story = desk()
    away = (story.zones, DEAD, "ns2")
    story.sweep(away, times=4)
    story.sweep(times=4)
    (first,) = {told.incident.id for told in story.told}
    story.heard()
    story.at += 30
    story.sweep(away, times=4)
    (again,) = story.told
    assert again.incident.id == first
    assert again.incident.openings == 2
    assert story.heard() == ["[FIRING critical] ns2, 20 zones: ns2 has server-unreachable"]
    assert "It is bad again: it was over at 2026-11-20 10:05:00 UTC." in render(again).text
    assert again.incident.began_at == minute(38.1)
    story.sweep(times=4)
    story.heard()
    story.at += 70
    story.sweep(away, times=4)
    (other,) = story.told
    assert (other.incident.id == first, other.incident.openings) == (False, 1)


def test_a_zone_that_is_bad_again_at_its_server_opens_the_incident_of_the_server() -> None:
    """Without grace the first zone of a sweep has no others beside it yet."""
    story = desk(grace=0, settle=0)
    story.sweep((story.zones, DEAD, "ns2"), times=2)
    story.sweep(times=2)
    (first,) = {told.incident.id for told in story.told}
    story.sweep((story.zones[:1], DEAD, "ns2"))
    assert story.only.id == first
    story.sweep((story.zones[:1], "tcp-unreachable", "ns2"))
    other = [each for name, each in story.open_incidents.incidents.items() if name != first]
    assert [str(each.cause) for each in other] == ["zone z000.example."]


def test_an_incident_of_the_zone_that_is_long_over_does_not_stand_before_that_of_the_server() -> None:
    story = desk(grace=0, settle=0)
    story.sweep((story.zones, DEAD, "ns2"), times=2)
    story.sweep(times=2)
    (server,) = story.open_incidents.past.values()
    cause, late = Cause("zone", story.zones[0]), minute(story.at)
    long_over = replace(server, id="old", cause=cause, resolved_at=late - REOPEN_WINDOW - timedelta(minutes=1))
    past = past_incidents([long_over, server])
    assert opened_by(alert(story.zones[0], DEAD, "ns2"), cause, past, late).id == server.id
    assert opened_by(alert(story.zones[0], DEAD, "ns2"), cause, past, late + REOPEN_WINDOW).openings == 1


def test_another_incident_of_the_same_zone_is_no_second_opening() -> None:
    story = Desk()
    one, other = alert("a.example.", "serial-late", "ns2"), alert("a.example.", "ns-set-differs")
    story.fire(one)
    story.end(one)
    assert story.fire(other) == ["oncall: opened zone a.example."]
    assert story.only.openings == 2


def test_only_the_latest_of_those_that_are_over_open_again() -> None:
    story = Desk()
    one = alert("a.example.", "serial-late", "ns2")
    story.fire(one)
    story.end(one)
    (over,) = story.open_incidents.past.values()
    late = minute(story.at) + REOPEN_WINDOW + timedelta(minutes=1)
    others = [replace(over, id=str(n), cause=replace(over.cause, name=str(n)), resolved_at=late) for n in range(1200)]
    past = with_past(past_incidents([over]), (), others, late)
    assert len(past) == MAX_PAST_INCIDENTS
    assert [*past] == [each.cause for each in others[-MAX_PAST_INCIDENTS:]]
    assert with_past(past, (), (), late) is past
    assert with_past(past, [replace(others[-1], phase="open")], (), late).keys() == {*past} - {others[-1].cause}


def test_where_one_opens_again_at_the_moment_at_which_another_is_over_it_is_the_other_that_may_open_again() -> None:
    story = Desk()
    one, other = alert("a.example.", "serial-late", "ns2"), alert("b.example.", "ns-set-differs")
    story.fire(one)
    story.end(one)
    (first,) = story.open_incidents.past.values()
    story.fire(other)
    story.end(other)
    second = next(each for each in story.open_incidents.past.values() if each.cause != first.cause)
    past = with_past(past_incidents([first]), [replace(first, phase="open")], [second], minute(story.at))
    assert [*past.values()] == [second]


# --- how often, and for how long ---

POLICY = Policy()
BASE = Alert(key("a.example.", DEAD, "ns2"), Phase.OK, minute(0), Severity.CRITICAL, "")


def after(looks: str, policy: Policy = POLICY) -> Alert:
    now = BASE
    for at, sign in enumerate(looks):
        now, _ = advance(now, {"-": Health.BAD, "+": Health.GOOD}[sign], minute(at), policy)
    return now


def test_what_it_was_bad_for_is_counted_from_bad_to_good() -> None:
    assert after("--+--+").flaps == Flaps(minute(0), 2, 240.0, minute(5))
    assert after("----+-+").flaps == Flaps(minute(0), 2, 300.0, minute(6))


def test_what_was_good_for_longer_than_the_window_begins_anew() -> None:
    rare = "-" + "+" * (int(FLAPPING_WINDOW.total_seconds()) // 60 + 1)
    assert after(rare * 3 + "-").phase is Phase.PENDING
    assert after(rare * 3 + "-+").flaps == Flaps(minute(len(rare) * 3), 1, 60.0, minute(len(rare) * 3 + 1))


@pytest.mark.parametrize(
    "other",
    [replace(BASE, key=key("a.example.", NOT_CHECKED)), replace(BASE, severity=Severity.INFO)],
    ids=["not checked", "information"],
)
def test_what_nobody_hears_of_or_the_monitor_could_not_see_is_not_counted(other: Alert) -> None:
    assert note_end(other, minute(1)) is None


def test_how_long_it_must_be_calm_follows_how_often_it_comes() -> None:
    assert calm(Flaps(minute(0), 4, 60, minute(4))) == MIN_CALM
    assert calm(Flaps(minute(0), 4, 60, minute(40))) == timedelta(minutes=20)
    assert calm(Flaps(minute(0), 1, 60, minute(400))) == FLAPPING_WINDOW


@pytest.mark.parametrize("looks", ["-+-+", "-+-+-", "-+-+-+", "-+-+--", "---+-+"])
def test_when_it_next_moves_is_known(looks: str) -> None:
    """Zones that are passed over while nothing moves them depend on it."""
    for sign, health in (("-", Health.BAD), ("+", Health.GOOD)):
        now = after(looks + sign)
        if now.phase is Phase.OK:
            continue
        at = minute(len(looks))
        spoken = result("a.example.", 0, *([finding(DEAD, "ns2")] if sign == "-" else []), check=now.key.check)
        when = next_transition(spoken, {now.key: now}, POLICY)
        assert when is not None
        assert when > at
        early, _ = advance(now, health, when - timedelta(seconds=1), POLICY)
        late, _ = advance(now, health, when, POLICY)
        assert replace(early, seen=None) == replace(now, seen=None)
        assert replace(late, seen=None) != replace(now, seen=None)


def test_what_does_not_come_and_go_has_not_come_to_stay() -> None:
    assert steady_at(after("----")) is None
    assert (
        next_transition(result("a.example.", 4, finding(DEAD, "ns2"), check=DEAD), {BASE.key: after("----")}, POLICY)
        is None
    )


def test_it_is_kept_as_text_and_read_back() -> None:
    now = after("-+-+-")
    assert now.flapping
    assert decode(Alert, encode(now)) == now
