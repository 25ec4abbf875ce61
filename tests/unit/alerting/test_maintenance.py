"""Maintenance windows: when they are, by which clock, and on the days on which clocks are changed."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from alerting.maintenance import MaintenanceWindow, Recurrence, moment_of
from alerting.silences import Matchers

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
MATCHERS = Matchers(zones=("example.org",))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def nightly(start: str, hours: float, *days: int, timezone: ZoneInfo = BERLIN) -> MaintenanceWindow:
    every = frozenset(days or range(7))
    return MaintenanceWindow(
        "nightly",
        MATCHERS,
        "backup",
        Recurrence(time.fromisoformat(start), timedelta(hours=hours), every, timezone),
    )


@pytest.mark.parametrize(
    ("local", "timezone", "moment"),
    [
        ("2026-01-10 02:30", BERLIN, "2026-01-10 01:30"),
        ("2026-07-10 02:30", BERLIN, "2026-07-10 00:30"),
        ("2026-03-29 02:30", BERLIN, "2026-03-29 01:00"),  # from 02:00 the clock goes on at 03:00
        ("2026-03-29 02:00", BERLIN, "2026-03-29 01:00"),
        ("2026-03-29 03:00", BERLIN, "2026-03-29 01:00"),
        ("2026-10-25 02:30", BERLIN, "2026-10-25 00:30"),  # and comes again an hour later
        ("2026-10-25 03:00", BERLIN, "2026-10-25 02:00"),
        ("2026-03-08 02:15", NEW_YORK, "2026-03-08 07:00"),
        ("2026-11-01 01:15", NEW_YORK, "2026-11-01 05:15"),
        ("2026-03-29 02:30", ZoneInfo("UTC"), "2026-03-29 02:30"),
    ],
)
def test_when_a_clock_shows_a_time_first_or_passes_it(local: str, timezone: ZoneInfo, moment: str) -> None:
    assert moment_of(datetime.fromisoformat(local), timezone) == utc(moment)


def test_a_window_comes_at_the_same_time_of_day_and_lasts_as_long_over_both_changes_of_clocks() -> None:
    spring = nightly("02:30", 2).next(utc("2026-03-27 12:00"), 3)
    assert [(one.starts_at, one.ends_at) for one in spring] == [
        (utc("2026-03-28 01:30"), utc("2026-03-28 03:30")),
        (utc("2026-03-29 01:00"), utc("2026-03-29 03:00")),
        (utc("2026-03-30 00:30"), utc("2026-03-30 02:30")),
    ]
    autumn = nightly("02:30", 2).next(utc("2026-10-24 12:00"), 2)
    assert [(one.starts_at, one.ends_at) for one in autumn] == [
        (utc("2026-10-25 00:30"), utc("2026-10-25 02:30")),
        (utc("2026-10-26 01:30"), utc("2026-10-26 03:30")),
    ]


def test_on_some_days_only_by_the_days_of_that_place() -> None:
    sunday = nightly("00:30", 1, 6)
    assert [one.starts_at for one in sunday.next(utc("2026-11-20 10:00"), 2)] == [
        utc("2026-11-21 23:30"),
        utc("2026-11-28 23:30"),
    ]


def test_the_one_under_way_comes_first_and_is_active_from_its_start_until_before_its_end() -> None:
    window = nightly("23:00", 3)
    assert window.next(utc("2026-11-21 00:00"))[0].starts_at == utc("2026-11-20 22:00")
    active = {at: [one.id for one in window.active(utc(f"2026-11-21 {at}"))] for at in ("00:59:59", "01:00", "21:59")}
    assert active == {"00:59:59": ["maintenance:nightly:20261120T220000Z"], "01:00": [], "21:59": []}


def test_windows_may_overlap_themselves() -> None:
    assert len(nightly("12:00", 30).active(utc("2026-11-21 13:00"))) == 2


def test_what_comes_of_it_is_a_silence() -> None:
    (one,) = nightly("02:00", 1).active(utc("2026-11-21 01:30"))
    assert (one.matchers, one.created_by, one.comment, one.maintenance) == (MATCHERS, "configuration", "backup", True)
    assert one.is_active(utc("2026-11-21 01:30"))


def test_once_is_once() -> None:
    once = MaintenanceWindow("move", MATCHERS, starts_at=utc("2026-12-01 10:00"), ends_at=utc("2026-12-01 12:00"))
    assert [one.comment for one in once.next(utc("2026-11-01 00:00"), 3)] == ["move"]
    assert once.active(utc("2026-12-01 09:59")) == []
    assert len(once.active(utc("2026-12-01 10:00"))) == 1
    assert once.next(utc("2026-12-01 12:00")) == []
