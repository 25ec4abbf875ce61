"""Serials by date and by Unix time: what is said when they leave their way of counting, and what is never said."""

from datetime import UTC, date, datetime

import pytest

from checks.common.serial import HALF, MAX_STEP, MODULUS
from checks.common.serial_styles import date_ahead, date_of, has_jumped, is_unix_time, mixed
from checks.model import Zone
from tests.support.observations import NOON, server, story, zone

UNIX = int(NOON.timestamp())
JUMPED, FUTURE = "serial-jumped ns1", "serial-date-future ns1"
THREE = zone("ns1", "ns2", "ns3")
EQUALS = zone("ns1", "ns2", primary=None)


@pytest.mark.parametrize(
    ("serial", "day"),
    [(2026112001, date(2026, 11, 20)), (2026113101, None), (1026112001, None), (UNIX, None), (7, None)],
)
def test_a_date_is_yyyymmddnn(serial: int, day: date | None) -> None:
    assert date_of(serial) == day


@pytest.mark.parametrize(
    ("serial", "ahead"),
    [
        (2026112099, False),
        (2026112199, False),  # tomorrow, which it is in UTC+14 already
        (2026112200, True),
        (2027010100, True),
        (2126112001, True),
        (2127112001, False),
        (2026113201, False),
        (3000000000, False),
        (UNIX, False),
        (0, False),
    ],
)
def test_a_date_is_to_come_after_tomorrow(serial: int, ahead: bool) -> None:
    assert (date_ahead(serial, NOON) is not None) is ahead


def test_tomorrow_may_be_in_the_next_month_and_a_unix_time_is_no_date() -> None:
    assert date_ahead(2026120100, datetime(2026, 11, 30, 12, tzinfo=UTC)) is None
    assert date_ahead(2026120200, datetime(2026, 11, 30, 12, tzinfo=UTC)) == date(2026, 12, 2)
    assert date_ahead(2035010100, datetime(2034, 12, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("before", "after", "jumped"),
    [
        (2026112001, 3000000000, True),
        (2026112001, 4012310000, True),
        (2026112001, 2036112001, True),
        (2026112001, 2026112002, False),
        (2026112099, 2026112100, False),
        (2026112199, 2026112200, False),
        (2026113099, 2026113100, False),
        (2026112001, (2026112001 + MAX_STEP) % MODULUS, False),
        (2026112001, (2026112001 + HALF) % MODULUS, False),
        (2026112001, UNIX, False),
        (UNIX, 2026112001, False),
        (UNIX, UNIX + 3600, False),
        (7, 8, False),
        (7, 2000000000, False),
        (2036112001, 3000000000, False),
    ],
)
def test_a_jump_leaves_the_dates_or_goes_to_one_that_is_to_come(before: int, after: int, jumped: bool) -> None:
    assert has_jumped(before, after, NOON) is jumped


def test_two_ways_of_counting_are_named_where_the_second_is_behind_the_first() -> None:
    assert is_unix_time(UNIX, NOON)
    assert not is_unix_time(UNIX + 90_000, NOON)
    assert mixed(2026112001, UNIX, NOON) == (
        ": 2026112001 is the date 2026-11-20, 1795176000 the Unix time 2026-11-20 12:00 UTC"
    )
    for before, after in ((None, 1), (1, None), (7, UNIX), (2026112001, 5), (4012010101, UNIX)):
        assert mixed(before, after, NOON) == ""
    assert mixed(2026112001, UNIX, None) == ""


STORIES: list[tuple[str, Zone, dict[str, str], dict[int, str]]] = [
    ("Unix time", THREE, dict.fromkeys(("ns1", "ns2", "ns3"), f"{UNIX} {UNIX + 60}*3"), {}),
    ("small counters", THREE, dict.fromkeys(("ns1", "ns2", "ns3"), "7 8 9*2"), {}),
    ("tomorrow's dates", THREE, dict.fromkeys(("ns1", "ns2", "ns3"), "2026112001 2026112101*3"), {}),
    ("counted up to days to come", THREE, dict.fromkeys(("ns1", "ns2", "ns3"), "2026112199 2026112200*3"), {}),
    ("first seen on a day to come", THREE, dict.fromkeys(("ns1", "ns2", "ns3"), "2026112500*3"), {}),
    ("first seen years ahead", THREE, dict.fromkeys(("ns1", "ns2", "ns3"), "2062112001*3"), {0: FUTURE}),
    ("nobody serves it", THREE, dict.fromkeys(("ns1", "ns2", "ns3"), "REFUSED*2"), {0: "?"}),
    ("a jump, and counted on", THREE, dict.fromkeys(("ns1", "ns2", "ns3"), "2026112001 3000000000*2 3000000001*2"),
     {1: JUMPED, 3: ""}),
    ("a mistyped year, and counted on", THREE,
     dict.fromkeys(("ns1", "ns2", "ns3"), "2026112001 2062112001*2 2062112002*2"), {1: FUTURE, 3: ""}),
    ("a jump that passes a server which was ahead", THREE,
     {"ns1": "2026112001*3 3000000001*2", "ns2": "2026112001*3 3000000001*2",
      "ns3": "2026112001 3000000000*2 3000000001*2"},
     {2: "serial-ahead ns3", 3: ""}),
    ("nobody leads", EQUALS, dict.fromkeys(("ns1", "ns2"), "2026112001 3000000000*2"), {1: "serial-jumped None"}),
]  # fmt: skip


@pytest.mark.parametrize(("where", "does", "expected"), [row[1:] for row in STORIES], ids=[row[0] for row in STORIES])
def test_what_is_said_of_serials_as_numbers(where: Zone, does: dict[str, str], expected: dict[int, str]) -> None:
    said = ""
    for number, page in enumerate(story(where, does)):
        said = expected.get(number, said)
        assert page.said == said, (number, page.result)


def test_the_way_back_is_named_only_once_every_server_serves_the_reference() -> None:
    late = story(THREE, {"ns1": "2026112001 3000000000", "ns2": "2026112001*2", "ns3": "2026112001*2"})[-1]
    (finding,) = late.result.findings
    assert "begins once every server has that" in finding.text
    done = story(THREE, dict.fromkeys(("ns1", "ns2", "ns3"), "2026112001 3000000000"))[-1]
    (finding,) = done.result.findings
    assert "set the serial to 852516351 and 2026112002, each once all servers have the one before" in finding.text


def test_the_finding_of_a_primary_that_went_back_to_unix_time_says_so() -> None:
    does = {"ns1": f"2026112001 {UNIX}*3", "ns2": "2026112001*4"}
    texts = {finding.code: finding.text for finding in story(zone(), does)[-1].result.findings}
    assert texts.keys() == {"serial-regressed", "serial-ahead"}
    assert "is the date 2026-11-20, 1795176000 the Unix time" in texts["serial-regressed"]
    does = {"ns1": f"{UNIX}*3", "ns2": "2026112001*3"}
    (finding,) = story(zone("ns1", server("ns2")), does)[-1].result.findings
    assert "Two ways of counting are mixed" in finding.text
