"""Who still serves a zone that was removed from its catalog, and of whom nothing can be said."""

from dataclasses import replace

import pytest

from checks.evaluation import run_check
from checks.model import CheckResult, Health, Transport
from checks.removed_member import RemovedMember
from checks.zone_state.model import ZoneState
from tests.support.observations import gather, seen, server, zone

CHECK = RemovedMember()
ONE = replace(zone(server("ns1"), server("ns2", "192.0.2.2")), catalog="catalog.example.", removed=True)


def look(first: str, second: str) -> CheckResult:
    one, other = CHECK.queries(ONE, ())
    return run_check(CHECK, ONE, gather(ONE, CHECK.name, seen(one, first), seen(other, second)), ZoneState(ONE.name))


def test_only_zones_that_were_removed_are_asked_and_each_address_once() -> None:
    assert CHECK.applies(ONE)
    assert not CHECK.applies(replace(ONE, removed=False))
    assert not CHECK.applies(replace(ONE, servers=()))
    queries = list(CHECK.queries(ONE, ()))
    assert [(q.server, q.qtype, q.transport) for q in queries] == [
        ("ns1", "SOA", Transport.UDP),
        ("ns2", "SOA", Transport.UDP),
    ]
    assert list(CHECK.queries(ONE, (seen(queries[0], "7"),))) == []
    assert CHECK.standing_questions(ONE) == ()


@pytest.mark.parametrize("said", GONE := ["REFUSED", "NOTAUTH"])
def test_who_does_not_serve_it_does_what_was_wanted(said: str) -> None:
    assert look(said, GONE[0]).health is Health.GOOD


def test_who_serves_it_with_authority_is_told_of() -> None:
    result = look("7", "REFUSED")
    assert [(f.code, f.server, str(f.address)) for f in result.findings] == [("member-removed", "ns1", "192.0.2.1")]
    assert "serial 7, and it is no member of catalog catalog.example. any more" in result.findings[0].text


@pytest.mark.parametrize("said", ["-", "SERVFAIL"])
def test_of_who_says_nothing_to_go_by_nothing_follows(said: str) -> None:
    result = look("REFUSED", said)
    assert result.findings == ()
    assert [one.server for one in result.unsure] == ["ns2"]


def test_of_who_was_not_asked_nothing_is_known() -> None:
    one, _ = CHECK.queries(ONE, ())
    result = run_check(CHECK, ONE, gather(ONE, CHECK.name, seen(one, "REFUSED")), ZoneState(ONE.name))
    assert [one.reason for one in result.unsure] == ["was not asked"]
