"""When an address, or one of the machines behind it, stops serving the zone, and what that is called."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from checks.common.lateness import promise
from checks.common.serial_texts import address_finding
from checks.common.text import format_duration, format_time
from checks.model import Finding, Soa, ZonePoll
from checks.model.finding_type import FindingType, Severity
from checks.zone_state.model import AddressState

EXPIRY_NEAR = FindingType("expiry-near", Severity.WARNING, "A server will stop serving the zone soon", inherits=True)
EXPIRY_IMMINENT = FindingType(
    "expiry-imminent", Severity.CRITICAL, "A server is about to stop serving the zone", inherits=True
)


def judged_expiry(
    address_state: AddressState, expires: datetime, soa: Soa, poll: ZonePoll, near: float, imminent: float
) -> Iterator[Finding]:
    """``near`` and ``imminent`` are shares of the SOA's expire that are left."""
    left, expire = expires - poll.at, timedelta(seconds=soa.expire)
    at_once = left <= expire * imminent
    if left > expire * near or (expire - left <= promise(soa, poll) and not at_once):
        return
    code = EXPIRY_IMMINENT.code if at_once else EXPIRY_NEAR.code
    stops = f"stops serving the zone at {format_time(expires)}, in {format_duration(left)}"
    if left <= timedelta(0):
        stops = f"should have stopped serving the zone at {format_time(expires)}"
    source = "estimated from when it was last in sync" if address_state.estimated else "by its own EXPIRE count"
    text = f"has not refreshed and {stops} ({source}; the SOA's expire is {format_duration(expire)})"
    yield address_finding(code, address_state, text)
