"""What a transfer that was read to its end tells of itself, and for how long."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from checks.common.transfer_rules import transfer_ways
from checks.model import Address, Expectation, IxfrAnswer, IxfrResponse, TransferFigures, TransferRule, Transport
from checks.model.transfer_way import TransferWay
from checks.model.zone_transfer import ZoneTransfer
from tests.support.observations import zone


def test_its_rate_is_not_known_where_it_took_no_time_that_could_be_measured() -> None:
    one = ZoneTransfer("ns1", Address("192.0.2.1"), datetime(2026, 1, 1, tzinfo=UTC), 2.0, 5000, 1, 100, 7)
    assert one.rate == 2500
    assert replace(one, seconds=0.0).rate is None


def test_the_latest_of_each_way_is_kept_as_long_as_it_may_be_asked_so() -> None:
    one = ZoneTransfer("ns1", Address("192.0.2.1"), datetime(2026, 1, 1, tzinfo=UTC), 2.0, 5000, 1, 100, 7)
    keyed = replace(one, key="xfr")
    asked = IxfrResponse("ns1", one.address, one.at, IxfrAnswer.FULL_ZONE, 6, 7, key="xfr")
    figures = TransferFigures((one,)).updated([keyed], [asked]).updated([replace(one, serial=8)], ())
    assert figures == TransferFigures((replace(one, serial=8), keyed), (asked,))
    assert figures.only({keyed.way}) == TransferFigures((keyed,), (asked,))
    assert figures.only({one.way}) == TransferFigures((replace(one, serial=8),))


KEYED = TransferRule("ns1", Expectation.ALLOWED, key="xfr")
CLOSED = TransferRule("*", Expectation.REFUSED)
FROM = TransferRule("ns2", Expectation.ALLOWED, source="192.0.2.9")
OVER_TLS = TransferRule("*", Expectation.ALLOWED, transport="tls")
NS1, NS2 = ("ns1", Address("192.0.2.1")), ("ns2", Address("192.0.2.2"))
TCP = Transport.TCP


@pytest.mark.parametrize(
    ("rules", "ways"),
    [
        ((), {(*NS1, None, TCP, None), (*NS2, None, TCP, None)}),
        ((KEYED,), {(*NS1, "xfr", TCP, None), (*NS2, None, TCP, None)}),
        ((KEYED, CLOSED), {(*NS1, "xfr", TCP, None), (*NS1, None, TCP, None), (*NS2, None, TCP, None)}),
        ((FROM, OVER_TLS), {(*NS1, None, TCP, None), (*NS2, None, TCP, "192.0.2.9")}),
    ],
)
def test_in_which_ways_a_zone_is_asked_for(rules: tuple[TransferRule, ...], ways: set[TransferWay]) -> None:
    assert transfer_ways(zone(transfers=rules)) == ways
