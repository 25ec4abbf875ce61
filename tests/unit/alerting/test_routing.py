"""Who hears of what."""

from dataclasses import replace

import pytest

from alerting.incident import Cause, Incident
from alerting.model import Route
from alerting.routing import route
from checks.model.finding_type import Severity
from tests.support.alerts import START

INCIDENT = Incident(
    "20261120T100000-3f9a2c",
    Cause("zone", "www.example.org."),
    Severity.WARNING,
    "open",
    zones=("www.example.org.", "example.net."),
    servers=("ns1.provider", "ns2"),
    opened_at=START,
    began_at=START,
    codes=("serial-late",),
)

ALL = Route(("a",), (Severity.WARNING,), ("*",), codes=("serial-late",))
TABLE = [
    ("no selector matches everything", Route(("a",)), True),
    ("the severity", Route(("a",), severity=(Severity.WARNING,)), True),
    ("one of the severities", Route(("a",), severity=(Severity.CRITICAL, Severity.WARNING)), True),
    ("another severity", Route(("a",), severity=(Severity.CRITICAL,)), False),
    ("a zone by name", Route(("a",), zones=("example.net.",)), True),
    ("a zone without the final dot", Route(("a",), zones=("example.net",)), True),
    ("a zone in capitals", Route(("a",), zones=("EXAMPLE.net",)), True),
    ("a zone by glob", Route(("a",), zones=("*.example.org.",)), True),
    ("a glob that wants a label more", Route(("a",), zones=("*.example.net",)), False),
    ("any of several globs", Route(("a",), zones=("nope.", "example.*")), True),
    ("another zone", Route(("a",), zones=("example.com.",)), False),
    ("a server by name", Route(("a",), servers=("ns2",)), True),
    ("a server by glob", Route(("a",), servers=("ns?.provider",)), True),
    ("another server", Route(("a",), servers=("ns3",)), False),
    ("a code", Route(("a",), codes=("serial-late", "tcp-unreachable")), True),
    ("another code", Route(("a",), codes=("tcp-unreachable",)), False),
    ("all selectors hold", replace(ALL, servers=("*",)), True),
    ("one of them does not", replace(ALL, servers=("ns9",)), False),
]


@pytest.mark.parametrize(("said", "selectors", "hears"), TABLE, ids=[row[0] for row in TABLE])
def test_row(said: str, selectors: Route, hears: bool) -> None:
    assert route(INCIDENT, [selectors]) == (("a",) if hears else ())


def test_without_routes_everybody_hears_everything() -> None:
    assert route(INCIDENT, [], ["mail", "hook"]) == ("mail", "hook")


def test_with_routes_what_matches_none_is_told_to_nobody() -> None:
    assert route(INCIDENT, [Route(("mail",), codes=("no-answer",))], ["mail", "hook"]) == ()


ELSEWHERE = Route(("mail",), zones=("*.example.org",))


@pytest.mark.parametrize(
    ("cause", "routes", "hear"),
    [
        (Cause("vantage", "local"), [ELSEWHERE], ("mail", "hook", "pager")),
        (Cause("vantage", "local"), [Route(("pager",), (Severity.WARNING,)), ELSEWHERE], ("pager",)),
        (Cause("receiver", "hook"), [], ("mail", "pager")),
        (Cause("receiver", "hook"), [ELSEWHERE], ("mail", "pager")),
        (Cause("receiver", "hook"), [Route(("hook", "pager"))], ("pager",)),
        (Cause("receiver", "hook"), [Route(("hook",))], ("mail", "pager")),
        (Cause("receiver", "mail"), [Route(("pager",)), ELSEWHERE], ("pager",)),
        (Cause("server", "hook"), [ELSEWHERE], ()),
    ],
    ids=str,
)
def test_what_the_monitor_says_of_itself_is_heard_by_somebody(
    cause: Cause, routes: list[Route], hear: tuple[str, ...]
) -> None:
    """Routes that select zones or servers match none of it; that a receiver takes nothing is told to the others."""
    incident = replace(INCIDENT, cause=cause, zones=(), servers=())
    assert route(incident, routes, ["mail", "hook", "pager"]) == hear


def test_that_the_only_receiver_takes_nothing_can_be_told_to_nobody() -> None:
    assert route(replace(INCIDENT, cause=Cause("receiver", "hook")), [], ["hook"]) == ()


def test_the_order_is_that_of_the_routes_and_nobody_is_named_twice() -> None:
    routes = [Route(("b", "a")), Route(("c", "a", "b")), Route(("x",), codes=("no-answer",)), Route(("d",))]
    assert route(INCIDENT, routes) == ("b", "a", "c", "d")


def test_a_pattern_for_servers_matches_no_incident_without_servers() -> None:
    assert route(replace(INCIDENT, servers=()), [Route(("a",), servers=("*",))]) == ()


def test_the_root_zone_has_a_name_too() -> None:
    assert route(replace(INCIDENT, zones=(".",)), [Route(("a",), zones=(".",))]) == ("a",)


def test_where_nobody_knows_of_labels_a_route_by_labels_matches_nothing() -> None:
    assert route(INCIDENT, [Route(("a",), labels=(("team", ("*",)),))]) == ()
