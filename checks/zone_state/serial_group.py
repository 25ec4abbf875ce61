"""Updates one serial group by a poll: its reference, its versions, and each address in it.

The reference is the primary's serial, where a primary is named, is in that group and answers; in the group of a
signer it is the signer's. While that one is silent its last known serial stays, unless another address goes on to a
newer one. A primary that never answered anybody (hidden, and closed to us) is as good as none: then the newest serial
anyone serves counts, silent ones by what they served last.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from checks.common.serial import behind, newer, newest
from checks.common.serial_styles import jumped_from
from checks.common.versions import newer_than, version_line
from checks.model import Address, Observation, Soa, Zone
from checks.zone_state.address import ANSWERED, AddressUpdate, expiry, next_state, primary_reference, refuses
from checks.zone_state.identities import first_to_expire
from checks.zone_state.model import AddressState, SerialGroup, Version

_PATIENCE = 3
"""A doubt that no second look of the same identity settles lasts for max_lag, and for so many looks at least."""

Seen = Mapping[tuple[str, Address], Observation]


def is_steady(serial_group: SerialGroup, zone: Zone, seen: Seen, address_states: Iterable[AddressState]) -> bool:
    """Whether the reference, its timers and who is in sync with it stay what they are, if no address' run has ended."""
    if serial_group.doubt is not None or (serial_group.soa is None and serial_group.reference is not None):
        return False
    server = zone.leader(serial_group.group)
    ours = [one for one in address_states if one.group == serial_group.group]
    reference, known = serial_group.reference, {version.serial for version in serial_group.versions}
    served = {one.serial for one in ours if one.serial is not None}
    if reference is not None and any(behind(reference, one) for one in served - known):
        return False
    if server is None or all(one.serial is None for one in ours if one.server == server.name):
        same = all(one == reference or (reference is not None and behind(reference, one)) for one in served)
        return same and _settled(serial_group, ours, zone.primary, confirmed=True)
    heard = (seen.get((server.name, address)) for address in server.addresses)
    shown = {look.serial for look in heard if look is not None and look.serial is not None}
    if shown and (newest(shown) != reference or _timers(serial_group, zone, seen) is not None):
        return False
    return _settled(serial_group, ours, zone.primary, confirmed=bool(shown))


def _settled(
    serial_group: SerialGroup, address_states: Iterable[AddressState], primary: str | None, *, confirmed: bool
) -> bool:
    """Whether all that serve the reference stand as they should while the primary says so, or (not) is silent."""
    return all(
        one.synced is None and one.expires is None
        if one.server == primary
        else (one.synced is None) is confirmed or not _in_sync(one, serial_group)
        for one in address_states
    )


def _timers(serial_group: SerialGroup, zone: Zone, seen: Seen) -> Soa | None:
    """The SOA the primary gives with the reference, if it is another than the serial group has (TTL apart)."""
    server = zone.leader(serial_group.group)
    if server is None:
        return None
    for address in server.addresses:
        look = seen.get((server.name, address))
        if look is not None and look.serial == serial_group.reference and look.soa is not None:
            same = look.soa == serial_group.soa or (
                serial_group.soa is not None and replace(look.soa, ttl=0) == replace(serial_group.soa, ttl=0)
            )
            return None if same else look.soa
    return None


def update_group(
    serial_group: SerialGroup,
    zone: Zone,
    looks: list[AddressUpdate],
    at: datetime,
    last: datetime | None,
    cadence: timedelta,
    signed: Version | None = None,
) -> tuple[SerialGroup, dict[tuple[str, Address], AddressState]]:
    """The serial group and its address states after these looks at its addresses; ``last`` is when they were looked at
    before, and ``signed`` the newest version of the zone's signer, where it signs what this group has.
    """
    leader = zone.leader(serial_group.group)
    primary = [look for look in looks if leader is not None and look.server.name == leader.name]
    primary_answers = any(
        look.serial is not None or (look.before and look.before.serial is not None) for look in primary
    )
    patience = max(zone.max_lag, _PATIENCE * cadence)
    heard = primary_reference(serial_group, primary, patience)
    reference = heard.reference if heard is not None else serial_group.reference
    told = heard is not None and not heard.by_another
    stood = [next_state(look, reference, at, patience, serial_group.soa, ahead_is_odd=told) for look in looks]
    if not told:
        reference = _taken_over(serial_group, looks, stood) if primary_answers else _newest_served(serial_group, stood)
    confirmed = not primary_answers or any(look.serial == reference for look in primary)
    after = SerialGroup(
        serial_group.group,
        reference,
        _soa(serial_group, reference, zone, looks),
        _versions(serial_group, looks, stood, reference, last, at, signed),
        heard.doubt if heard is not None else serial_group.doubt,
        _regressed(serial_group, reference, stood, stepped=heard is not None and heard.stepped),
        _jumped(serial_group, reference, looks, at),
    )
    return after, {
        (look.server.name, look.address): _finish(
            address_state, look, serial_group, after, zone, last, confirmed=confirmed
        )
        for look, address_state in zip(looks, stood, strict=True)
    }


def _taken_over(serial_group: SerialGroup, looks: list[AddressUpdate], stood: list[AddressState]) -> int | None:
    """With the primary silent: the last reference, or a newer version that somebody went on to since the last look."""
    fresh = {
        address_state.serial
        for look, address_state in zip(looks, stood, strict=True)
        if address_state.serial is not None and not _showed(look.before, address_state.serial)
    }
    reference = serial_group.reference
    top = newest(serial for serial in fresh if reference is None or newer(serial, reference))
    return top if top is not None else reference


def _showed(before: AddressState | None, serial: int) -> bool:
    """Whether it was there at the look before, believed or not."""
    if before is None:
        return False
    return serial == before.serial or (before.doubt is not None and serial == before.doubt.serial)


def _newest_served(serial_group: SerialGroup, stood: list[AddressState]) -> int | None:
    """With no primary: the newest anyone serves. Where that is undefined, the last reference while it is served."""
    served = {address_state.serial for address_state in stood if address_state.serial is not None}
    if not served:
        return serial_group.reference
    top = newest(served)
    return top if top is not None or serial_group.reference not in served else serial_group.reference


def _versions(
    serial_group: SerialGroup,
    looks: list[AddressUpdate],
    stood: list[AddressState],
    reference: int | None,
    last: datetime | None,
    at: datetime,
    signed: Version | None,
) -> tuple[Version, ...]:
    """What was served ahead of the reference, and is passed by it later, never was a version: the primary had none of
    it, and nobody who did not take it is behind for that.

    The signer is like one who serves the newest version that it may have signed: what came after that is kept.
    """
    if reference is None:
        return ()
    arrivals: dict[int, datetime] = {}
    for look, address_state in zip(looks, stood, strict=True):
        if look.version is not None:
            serial, seen = look.version
            if serial == reference or (serial == address_state.serial and not _showed(look.before, serial)):
                arrivals[serial] = min(arrivals.get(serial, seen.at), seen.at)
    arrivals.setdefault(reference, at)
    served = [address_state.serial for address_state in stood if address_state.serial is not None]
    served += [one.serial for address_state in stood for one in address_state.identities]
    past = tuple(_past(serial_group.versions, at))
    if signed is None:
        return version_line(reference, past, arrivals, last, served)
    line = version_line(reference, past, arrivals, last, (version.serial for version in past))
    taken = next((version for version in reversed(line) if not came_after(version, signed)), line[0])
    return version_line(reference, line, {}, last, (*served, taken.serial))


def came_after(version: Version, signed: Version) -> bool:
    """Whether a version came when the signer had its newest one already, and so cannot be in that."""
    return version.absent is not None and version.absent >= signed.seen


def _past(versions: Iterable[Version], at: datetime) -> Iterable[Version]:
    """Nothing was first seen in the future: that is what a clock set back leaves behind."""
    return (replace(version, seen=at) if version.seen > at else version for version in versions)


def _regressed(
    serial_group: SerialGroup, reference: int | None, stood: list[AddressState], *, stepped: bool
) -> Version | None:
    """The version the primary went back from, while an address is ahead and the reference has not come by it again."""
    regressed = serial_group.regressed
    if stepped:
        regressed = next(
            (version for version in serial_group.versions if version.serial == serial_group.reference), regressed
        )
    if regressed is None or reference is None or behind(reference, regressed.serial) is not None:
        return None
    ahead = (s.serial is not None and behind(reference, s.serial) is None for s in stood)
    return regressed if any(ahead) else None


def _jumped(
    serial_group: SerialGroup, reference: int | None, looks: list[AddressUpdate], at: datetime
) -> Version | None:
    """The version before the reference, if that has jumped; until the next version."""
    if reference == serial_group.reference:
        return serial_group.jumped
    served = {look.before.serial for look in looks if look.before is not None and look.before.serial is not None}
    if not jumped_from(serial_group, reference, served, at):
        return None
    return next((version for version in serial_group.versions if version.serial == serial_group.reference), None)


def _soa(serial_group: SerialGroup, reference: int | None, zone: Zone, looks: list[AddressUpdate]) -> Soa | None:
    if reference is None:
        return None
    given = [look.seen for look in looks if look.seen is not None and look.serial == reference]
    if reference == serial_group.reference and serial_group.soa is not None:
        seen = {(look.query.server, look.query.address): look for look in given}
        return _timers(serial_group, zone, seen) or serial_group.soa
    ranked = sorted(given, key=lambda look: not zone.leads(look.query.server))
    return ranked[0].soa if ranked else serial_group.soa


def _finish(
    address_state: AddressState,
    look: AddressUpdate,
    serial_group: SerialGroup,
    after: SerialGroup,
    zone: Zone,
    last: datetime | None,
    *,
    confirmed: bool,
) -> AddressState:
    """What an address' standing owes to the reference: versions that came by, last in sync, when it expires."""
    before = look.before
    passed = 0
    if address_state.serial is not None and after.reference is not None:
        passed = len(newer_than(address_state.serial, after.reference, after.versions))
    synced = address_state.synced
    if confirmed and _in_sync(address_state, after):
        synced = None
    elif synced is None and before is not None and _in_sync(before, serial_group):
        synced = max((moment for moment in (before.checked_at, last) if moment is not None), default=before.since)
    elif synced is None and _in_sync(address_state, after):
        synced = address_state.checked_at  # it came to the reference while the primary was silent
    expires, estimated = None, False
    if look.server.name == zone.primary:
        synced = None
    elif not _holds_none(address_state, before):
        expires, estimated = expiry(address_state, synced, before, look.seen, after.soa)
        if (first := first_to_expire(address_state.identities)) is not None:
            expires, estimated = first.expires, False
    return AddressState(
        address_state.server, address_state.address, address_state.group, address_state.serial, address_state.since,
        address_state.outcome, address_state.changed, synced, passed, address_state.nsid, address_state.doubt,
        address_state.checked_at, expires, estimated, address_state.rtt, address_state.identities,
    )  # fmt: skip


def _holds_none(address_state: AddressState, before: AddressState | None) -> bool:
    """Whether there is no copy whose end could be counted down to: it said so, and has been silent since if not."""
    if address_state.outcome == ANSWERED:
        return False
    if refuses(address_state.outcome):
        return True
    return before is not None and before.outcome != ANSWERED and before.synced is not None and before.expires is None


def _in_sync(address_state: AddressState, serial_group: SerialGroup) -> bool:
    return (
        address_state.outcome == ANSWERED
        and address_state.doubt is None
        and address_state.serial is not None
        and address_state.serial == serial_group.reference
    )
