"""What a transfer that was read to its end tells of itself."""

from dataclasses import replace
from datetime import UTC, datetime

from checks.model import Address
from checks.model.zone_transfer import ZoneTransfer


def test_its_rate_is_not_known_where_it_took_no_time_that_could_be_measured() -> None:
    one = ZoneTransfer("ns1", Address("192.0.2.1"), datetime(2026, 1, 1, tzinfo=UTC), 2.0, 5000, 1, 100, 7)
    assert one.rate == 2500
    assert replace(one, seconds=0.0).rate is None
