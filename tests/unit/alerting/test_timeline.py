"""What is noted of an incident, by what it was and is."""

from dataclasses import replace

import pytest

from alerting.incident import Cause, Incident, IncidentChange, IncidentPart, NotifiedState
from alerting.timeline import TimelineEvent, entries
from checks.model.finding_type import Severity
from tests.support.alerts import minute

BEFORE = Incident(
    "i", Cause("server", "ns2"), Severity.WARNING, "open", ("a.example.",), ("ns2",), minute(0), minute(0),
    notified=NotifiedState(minute(1), Severity.WARNING, ("a.example.",), ("ns2",)),
)  # fmt: skip

CHANGES = [
    (IncidentChange(), None),
    (IncidentChange(severity=Severity.INFO), "worsened"),
    (IncidentChange(unserved=1, back=2), "worsened"),
    (IncidentChange(flapping=True, more_zones=1), "flapping"),
    (IncidentChange(flapping=False), "grew"),
    (IncidentChange(more_zones=1, back=1), "grew"),
    (IncidentChange(servers=("ns3",)), "grew"),
    (IncidentChange(codes=("tcp-unreachable",)), "grew"),
    (IncidentChange(severity=Severity.CRITICAL), "improved"),
    (IncidentChange(back=1), "improved"),
    (IncidentChange(left=1), "improved"),
    (IncidentChange(served_again=1), "improved"),
    (IncidentChange(servers_back=("ns3",)), "improved"),
]


@pytest.mark.parametrize(("change", "event"), CHANGES, ids=range(len(CHANGES)))
def test_what_was_told_is_noted_by_the_gravest_of_it(change: IncidentChange, event: str | None) -> None:
    told = replace(BEFORE.notified, at=minute(9)) if BEFORE.notified else None
    noted = list(entries(BEFORE, replace(BEFORE, change=change, notified=told), minute(9)))
    assert [(each.event, each.at, each.change) for each in noted] == ([(event, minute(9), change)] if event else [])


def test_what_is_told_of_a_part_is_noted_too() -> None:
    """Of the first part that was told something; what is told for the first time is no change."""
    known = NotifiedState(minute(1), Severity.WARNING, ("a.example.",), ("ns2",))
    part = IncidentPart(
        "team-a", Severity.WARNING, ("a.example.",), ("ns2",), minute(0), minute(0), notified=known
    )  # fmt: skip
    before = replace(BEFORE, notified=None, parts=(part,))
    more = replace(part, zones=("a.example.", "b.example."), notified=replace(known, at=minute(9)))
    new = replace(more, audience="team-b")
    (noted,) = entries(before, replace(before, parts=(new, more)), minute(9))
    assert (noted.event, noted.change) == (
        TimelineEvent.GREW, IncidentChange(zones=1, more_zones=1, named_zones=("b.example.",)),
    )  # fmt: skip
    same = replace(part, notified=replace(known, at=minute(9)))
    assert list(entries(before, replace(before, parts=(same,)), minute(9))) == []
    assert list(entries(before, replace(before, parts=(new,)), minute(9))) == []


def test_where_nobody_is_told_a_severity_is_noted() -> None:
    quiet = replace(BEFORE, notified=None)
    worse = replace(quiet, severity=Severity.CRITICAL)
    assert [each.event for each in entries(quiet, worse, minute(1))] == ["worsened"]
    assert [each.event for each in entries(worse, quiet, minute(2))] == ["improved"]
    assert list(entries(quiet, replace(quiet, findings=3), minute(3))) == []


def test_it_opens_opens_again_and_is_over() -> None:
    assert [each.event for each in entries(None, BEFORE, minute(0))] == ["opened"]
    assert [each.event for each in entries(None, replace(BEFORE, openings=2), minute(0))] == ["reopened"]
    (noted,) = entries(BEFORE, replace(BEFORE, phase="resolved", zones=(), servers=()), minute(5))
    assert (noted.event, noted.zones, noted.servers, noted.who) == ("resolved", 0, 0, "")
