"""When an address, or one of the machines behind it, stops serving the zone, and what that is called."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from checks.common.lateness import machine_text, promise
from checks.common.serial_texts import address_finding
from checks.common.text import format_duration, format_time
from checks.model import Finding, Inconclusive, Soa, ZonePoll
from checks.model.finding_type import FindingType, Severity
from checks.zone_state.identities import first_to_expire, is_known, is_one_of_several
from checks.zone_state.model import AddressState

EXPIRY_NEAR = FindingType("expiry-near", Severity.WARNING, "A server will stop serving the zone soon", inherits=True)
EXPIRY_IMMINENT = FindingType(
    "expiry-imminent", Severity.CRITICAL, "A server is about to stop serving the zone", inherits=True
)


def judged_expiries(
    address_state: AddressState, soa: Soa, poll: ZonePoll, near: float, imminent: float
) -> Iterator[Finding | Inconclusive]:
    """Of an address, or of the machines behind it the one that is the first to stop. ``near`` and ``imminent`` are
    shares of the SOA's expire that are left.
    """
    identities, place = address_state.identities, (address_state.server, address_state.address)
    if address_state.expires is None:
        return
    first = first_to_expire(identities)
    who = machine_text(first, identities) if first is not None and is_one_of_several(first, identities) else ""
    if found := list(_judged(address_state, who, address_state.expires, soa, poll, near, imminent)):
        yield from found
        return
    doubtful = [one.expires for one in identities if one.expires is not None and not is_known(one, identities)]
    if any(any(_judged(address_state, "", end, soa, poll, near, imminent)) for end in doubtful):
        yield Inconclusive(*place, reason="counts down to one end and another in turn; further looks will tell why")
    elif any(one.seen is None and one.serial == address_state.serial for one in identities):
        yield Inconclusive(*place, reason="a machine behind it that had another end has not answered again yet")


def _judged(
    address_state: AddressState, who: str, expires: datetime, soa: Soa, poll: ZonePoll, near: float, imminent: float
) -> Iterator[Finding]:
    left, expire = expires - poll.at, timedelta(seconds=soa.expire)
    at_once = left <= expire * imminent
    if left > expire * near or (expire - left <= promise(soa, poll) and not at_once):
        return
    code = EXPIRY_IMMINENT.code if at_once else EXPIRY_NEAR.code
    stops = f"stops serving the zone at {format_time(expires)}, in {format_duration(left)}"
    if left <= timedelta(0):
        stops = f"should have stopped serving the zone at {format_time(expires)}"
    source = "estimated from when it was last in sync" if address_state.estimated else "by its own EXPIRE count"
    text = f"{who}has not refreshed and {stops} ({source}; the SOA's expire is {format_duration(expire)})"
    yield address_finding(code, address_state, text)
