"""How times are written on a page."""

from datetime import UTC, datetime, timedelta

import pytest

from monitor.web.formatting import clock, iso, many, milliseconds, since, until
from tests.support.web_status import NOW, ago

CLOCKS = [
    (ago(minutes=22), "10:02 UTC"), (ago(days=2), "18 Nov 10:24 UTC"), (ago(hours=11), "19 Nov 23:24 UTC"),
    (datetime(2025, 3, 1, 4, 5, tzinfo=UTC), "1 Mar 2025 04:05 UTC"),
]  # fmt: skip


@pytest.mark.parametrize(("at", "text"), CLOCKS)
def test_clock(at: datetime, text: str) -> None:
    assert clock(at, NOW) == text


def test_sentences() -> None:
    assert since(ago(minutes=22), NOW) == "since 10:02 UTC (22 min)"
    assert until(NOW + timedelta(days=3, hours=2), NOW) == "in 3 d 2 h"
    assert until(ago(minutes=5), NOW) == "5 min ago"
    assert iso(NOW) == "2026-11-20T10:24:30Z"
    assert iso(None) is None
    assert [many(1, "zone"), many(0, "zone"), many(12000, "zone"), many(2, "address", "addresses")] == [
        "1 zone", "0 zones", "12\u202f000 zones", "2 addresses",
    ]  # fmt: skip
    assert [milliseconds(None), milliseconds(0.0123), milliseconds(0.0004)] == ["", "12 ms", "0.4 ms"]
