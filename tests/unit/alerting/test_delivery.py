"""What is sent of all that a receiver is owed, once it takes something again: by case, and word for word."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.delivery import digest_of, parcel_of
from alerting.incident import RESOLVED, Cause, IncidentChange, IncidentEvent
from alerting.notification import OutboxMessage
from alerting.outbox import Backlog
from alerting.render import render
from checks.model.finding_type import Severity
from tests.support.alerts import minute
from tests.support.incident_desk import A
from tests.support.specimens import incident

OP, W, B, R, E = (
    IncidentEvent.OPENED,
    IncidentEvent.WORSENED,
    IncidentEvent.IMPROVED,
    IncidentEvent.REMINDED,
    IncidentEvent.RESOLVED,
)


def backlog(*events: IncidentEvent, about: str = "i1") -> Backlog:
    ids = tuple(f"{about}-{number}" for number in range(len(events)))
    shown = replace(incident(about), change=IncidentChange(more_zones=3))
    return Backlog(ids, events, OutboxMessage(ids[-1], "oncall", events[-1], shown, minute(0)))


@pytest.mark.parametrize(
    ("waits", "told", "unheard"),
    [
        ((OP,), OP, False),
        ((W,), W, False),
        ((R,), R, False),
        ((E,), E, False),
        ((OP, W, R), OP, False),
        ((W, R), R, False),
        ((B, W), R, False),
        ((R, R, R), R, False),
        ((W, E), E, False),
        ((OP, W, E), E, True),
        ((OP, E, OP), OP, False),
        ((E, OP), R, False),
        ((W, IncidentEvent.ACKNOWLEDGED), IncidentEvent.ACKNOWLEDGED, False),
        ((OP, IncidentEvent.ACKNOWLEDGED), OP, False),
    ],
)
def test_one_message_stands_for_all_that_waits_of_an_incident(
    waits: tuple[IncidentEvent, ...], told: IncidentEvent, unheard: bool
) -> None:
    parcel = parcel_of(backlog(*waits))
    assert (parcel.message.event, parcel.message.unheard, parcel.message.id) == (told, unheard, f"i1-{len(waits) - 1}")
    assert parcel.ids == tuple(f"i1-{number}" for number in range(len(waits)))
    assert (parcel.message.incident.change is None) == (len(waits) > 1 and told is not E)


def test_who_has_heard_a_part_of_the_beginning_is_not_told_that_he_has_not() -> None:
    assert not parcel_of(backlog(OP, E), begun=True).message.unheard


def over(name: str, zone: str, since: float, until: float) -> Backlog:
    shown = replace(
        incident(name),
        cause=Cause("zone", zone),
        severity=Severity.CRITICAL,
        worst=Severity.CRITICAL,
        phase=RESOLVED,
        began_at=minute(since),
        ended_at=minute(until),
        resolved_at=minute(until + 2),
    )
    lines = tuple(replace(line, zone=zone, text="ns2 cannot be reached: no answer") for line in shown.lines[:1])
    done = OutboxMessage(f"{name}-1", "oncall", E, replace(shown, lines=lines), minute(until + 2))
    return Backlog((f"{name}-0", f"{name}-1"), (OP, E), done)


def test_people_read_in_one_digest_what_came_and_went_while_their_receiver_was_away() -> None:
    parcel = digest_of([over("i1", A, 2, 31), over("i2", "b.example.", 5, 6)])
    assert (parcel.message.id, parcel.ids) == ("i2-1-2", ("i1-0", "i1-1", "i2-0", "i2-1"))
    told = render(parcel.message, "https://dns.example.net/", minute(60))
    assert told.subject == "[RESOLVED] 2 incidents came and went before you could be told"
    assert told.summary.splitlines() == [
        "2 incidents came and went before you could be told",
        "a.example.: ns2 cannot be reached: from 2026-11-20 10:02:00 UTC to 2026-11-20 10:31:00 UTC, 29 min.",
        "b.example.: ns2 cannot be reached: from 2026-11-20 10:05:00 UTC to 2026-11-20 10:06:00 UTC, 1 min.",
        "All of it is over.",
        "https://dns.example.net/incidents",
    ]
    assert told.link == "https://dns.example.net/incidents"
    for text in (told.text, told.html):
        assert "a.example.: ns2 cannot be reached" in text
        assert "It was over before this could be delivered, so you hear of it only now." in text
    assert [each["id"] for each in told.data["incidents"]] == ["i1", "i2"]  # type: ignore[attr-defined]


def test_a_small_screen_has_the_first_ten_and_how_many_more() -> None:
    parcel = digest_of([over(f"i{number}", f"z{number:02}.example.", number, number + 1) for number in range(14)])
    told = render(parcel.message)
    assert told.link is None
    assert told.summary.splitlines()[-2:] == ["And 4 more.", "All of it is over."]
    assert "z13.example." in told.text
    assert "z13.example." not in told.summary


def test_one_that_came_and_went_is_told_as_over_and_as_never_heard_of() -> None:
    message = parcel_of(over("i1", A, 2, 31)).message
    told = render(message, now=minute(60) + timedelta(0))
    assert told.subject == "[RESOLVED] a.example.: ns2 cannot be reached"
    assert told.summary.splitlines() == [
        "a.example.: ns2 cannot be reached",
        "From 2026-11-20 10:02:00 UTC to 2026-11-20 10:31:00 UTC, 29 min.",
        "You hear of it only now: it was over before this could be delivered.",
    ]
    assert "You hear of it only now: it was over before this could be delivered." in told.text
    assert told.late
