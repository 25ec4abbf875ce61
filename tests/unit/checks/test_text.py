"""Plain words for times and lists; and the order in which versions stand."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from checks.common.text import enumerated, format_duration, format_time, holders, instant, plural, server_at, truncate
from checks.common.versions import newer_than, version_line
from checks.model import Address
from checks.zone_state.model import Version
from tests.support.observations import MINUTE, NOON


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (0, "0 s"),
        (-5, "0 s"),
        (0.4, "0 s"),
        (45, "45 s"),
        (60, "1 min"),
        (90, "1 min 30 s"),
        (599, "9 min 59 s"),
        (601, "10 min"),
        (22 * 60 + 40, "22 min"),
        (3600, "1 h"),
        (3 * 3600 + 5 * 60 + 59, "3 h 5 min"),
        (86400, "1 d"),
        (2 * 86400 + 4 * 3600 + 59 * 60, "2 d 4 h"),
        (7 * 86400 + 59, "7 d"),
        (timedelta(minutes=71), "1 h 11 min"),
    ],
)
def test_span(length: float | timedelta, text: str) -> None:
    assert format_duration(length) == text


def test_moments_are_in_utc() -> None:
    there = datetime(2026, 11, 20, 14, 3, 59, tzinfo=timezone(timedelta(hours=2)))
    assert format_time(there) == "2026-11-20 12:03 UTC"
    assert format_time(there.astimezone(UTC)) == "2026-11-20 12:03 UTC"
    assert instant(there) == instant(there.astimezone(UTC)) == "2026-11-20 12:03:59 UTC"


def test_listed_and_counted() -> None:
    assert [enumerated("abcdefg"[:n], most=3) for n in range(6)] == [
        "", "a", "a and b", "a, b and c", "a, b, c and 1 more", "a, b, c and 2 more",
    ]  # fmt: skip
    assert plural(2, "address") == "2 addresses"
    assert (plural(1, "version"), plural(3, "version"), plural(0, "record")) == (
        "1 version",
        "3 versions",
        "0 records",
    )


def test_short() -> None:
    assert truncate("x" * 100) == "x" * 100
    assert truncate("x" * 101) == "x" * 100 + "... (1 more)"


def test_line_orders_by_distance_across_the_wrap_and_drops_the_withdrawn() -> None:
    known = [Version(serial, None, NOON) for serial in (2, 4294967290, 7, 0)]
    versions = version_line(5, known, {5: NOON + MINUTE}, NOON, [4294967290])
    assert [version.serial for version in versions] == [4294967290, 0, 2, 5]
    assert [version.serial for version in newer_than(0, 5, versions)] == [2, 5]
    assert newer_than(5, 5, versions) == ()
    assert newer_than(9, 5, versions) == ()


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ([("ns1", "a")], "ns1 has"),
        ([("ns1", "a"), ("ns1", "b")], "ns1 has"),
        ([("ns1", "a"), ("ns3", "a")], "ns1 and ns3 have"),
        ([("ns2", "a")], "ns2 (a) has"),
        ([("ns1", "a"), ("ns3", "a"), ("ns4", "a"), ("ns5", "a")], "ns1, ns3, ns4 and 1 more have"),
    ],
)
def test_who_has_it(places: list[tuple[str, object]], words: str) -> None:
    assert holders(places, "ns2") == words


@pytest.mark.parametrize(
    ("name", "address", "text"),
    [
        ("ns1", Address("192.0.2.53"), "ns1 (192.0.2.53)"),
        ("ns1", Address("2001:db8::53", 5300), "ns1 ([2001:db8::53]:5300)"),
        ("192.0.2.53", Address("192.0.2.53"), "192.0.2.53"),
        ("127.0.0.1:5300", Address("127.0.0.1", 5300), "127.0.0.1:5300"),
    ],
)
def test_a_server_without_a_name_is_not_named_twice(name: str, address: Address, text: str) -> None:
    assert server_at(name, address) == text
