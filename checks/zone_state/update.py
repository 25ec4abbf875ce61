"""The zone state of a zone: who has served which version since when, and how late that makes each address."""

from datetime import datetime, timedelta

from checks.common.serial import behind, newer
from checks.common.versions import newer_than
from checks.model import Address, Observation, Outcome, Soa, Zone, ZonePoll
from checks.zone_state.address import ANSWERED, AddressUpdate, first_state, outcome_name, refresh
from checks.zone_state.identities import oldest, parts_company
from checks.zone_state.model import (
    SERIAL_CHECK,
    AddressState,
    Propagation,
    SerialGroup,
    StateChange,
    Unsigned,
    Version,
    ZoneState,
)
from checks.zone_state.serial_group import Seen, came_after, is_steady, update_group

REMOVED = "left"
"""The state of the run that closes the history of an address which left the zone."""

_LATE = 10
"""A poll older than the last by up to so many cadences came late; older still, and the clock was set back."""


def update_zone_state(zone_state: ZoneState, zone: Zone, poll: ZonePoll) -> ZoneState:
    """The zone state after this poll; equal (``==``) to the one before if nothing changed.

    Polls of other checks, and repeated or late ones, teach nothing.
    """
    if poll.check != SERIAL_CHECK:
        return zone_state
    if zone_state.at is not None and timedelta(0) <= zone_state.at - poll.at <= _LATE * poll.cadence:
        return zone_state
    seen = latest(poll)
    ticked = update_unchanged(zone_state, zone, seen)
    if ticked is not None:
        return ZoneState(zone_state.zone, zone_state.serial_groups, ticked, poll.at)
    first = _first(zone_state, zone, seen)
    if first is not None:
        return ZoneState(zone.name, *first, poll.at)
    return update_fully(zone_state, zone, seen, poll)


def update_fully(zone_state: ZoneState, zone: Zone, seen: Seen, poll: ZonePoll) -> ZoneState:
    """What any look teaches; each short way leads to the same where it leads at all."""
    looks = _looks(zone_state, zone, seen)
    old = {serial_group.group: serial_group for serial_group in zone_state.serial_groups}
    serial_groups: dict[str, SerialGroup] = {}
    address_states: dict[tuple[str, Address], AddressState] = {}
    groups = tuple(dict.fromkeys(server.group for server in zone.servers))
    signing = zone.signing()
    source = signing[0].group if signing is not None else None
    for group in sorted(groups, key=lambda group: group == source):  # what is signed before what it is made of
        signed = _newest(serial_groups[signing[1].group]) if signing is not None and group == source else None
        serial_groups[group], stood = update_group(
            old.get(group) or SerialGroup(group, None, None),
            zone,
            [look for look in looks if look.server.group == group],
            poll.at,
            zone_state.at,
            poll.cadence,
            signed,
        )
        address_states.update(stood)
    ordered = tuple(address_states[look.server.name, look.address] for look in looks)
    return ZoneState(zone.name, tuple(serial_groups[group] for group in groups), ordered, poll.at)


def _newest(serial_group: SerialGroup) -> Version | None:
    return serial_group.versions[-1] if serial_group.versions else None


def latest(poll: ZonePoll) -> Seen:
    """One observation of the SOA per address. Silence does not undo what was said over another transport, nor does what
    cannot be used undo what can.
    """
    latest: dict[tuple[str, Address], Observation] = {}
    for seen in poll.seen:
        if seen.query.qtype != "SOA":
            continue
        key = (seen.query.server, seen.query.address)
        before = latest.get(key)
        if before is None or _weight(seen) >= _weight(before):
            latest[key] = seen
    return latest


def _weight(seen: Observation) -> int:
    if seen.outcome is Outcome.ANSWERED:
        return 3
    return 0 if seen.outcome.no_response else 1 if seen.outcome is Outcome.REFUSED_CONNECTION else 2


def _looks(zone_state: ZoneState, zone: Zone, seen: Seen) -> list[AddressUpdate]:
    before = {
        (address_state.server, address_state.address): address_state for address_state in zone_state.address_states
    }
    return [
        AddressUpdate(server, address, before.get((server.name, address)), seen.get((server.name, address)))
        for server in zone.servers
        for address in server.addresses
    ]


def update_unchanged(zone_state: ZoneState, zone: Zone, seen: Seen) -> tuple[AddressState, ...] | None:
    """The short way, for nearly every poll: all addresses looked at, no run ended, nothing in doubt, none new or gone.

    Then nothing can change but what ticks. None: something else has, or may have; go the long way.
    """
    if not all(
        is_steady(serial_group, zone, seen, zone_state.address_states) for serial_group in zone_state.serial_groups
    ):
        return None
    places = [(server, address) for server in zone.servers for address in server.addresses]
    if len(places) != len(zone_state.address_states):
        return None
    timers = {serial_group.group: serial_group.soa for serial_group in zone_state.serial_groups}
    ticked: list[AddressState] = []
    for address_state, (server, address) in zip(zone_state.address_states, places, strict=True):
        if (
            address_state.server != server.name
            or address_state.group != server.group
            or address_state.address != address
        ):
            return None
        look = seen.get((server.name, address))
        if look is None or address_state.doubt is not None or outcome_name(look) != address_state.outcome:
            return None
        if address_state.identities or parts_company(address_state, look, timers[address_state.group]):
            return None
        serial = look.serial
        if serial is not None and serial != address_state.serial:
            return None
        ticked.append(refresh(address_state, look, secondary=server.name != zone.primary))
    return tuple(ticked)


def _first(
    zone_state: ZoneState, zone: Zone, seen: Seen
) -> tuple[tuple[SerialGroup, ...], tuple[AddressState, ...]] | None:
    """The short way for the first look at a zone that is well: all addresses of a group answer with one version.

    Then that is the reference, and nothing is in doubt. None: go the long way.
    """
    if zone_state.address_states or zone_state.serial_groups:
        return None
    address_states: list[AddressState] = []
    shown: dict[str, tuple[int, datetime, Soa | None]] = {}
    for server in zone.servers:
        group, leads = server.group, zone.leads(server.name)
        for address in server.addresses:
            look = seen.get((server.name, address))
            if look is None or (serial := look.serial) is None:
                return None
            known = shown.get(group)
            if known is None:
                shown[group] = serial, look.at, look.soa
            elif known[0] != serial:
                return None
            elif leads or look.at < known[1]:
                soa = look.soa if leads and not _led(address_states, server.name) else known[2]
                shown[group] = serial, min(look.at, known[1]), soa
            address_states.append(first_state(server, address, look, secondary=server.name != zone.primary))
    groups = dict.fromkeys([server.group for server in zone.servers])
    if len(shown) != len(groups):
        return None
    serial_groups = [_born(group, *shown[group], zone_state.at) for group in groups]
    return tuple(serial_groups), tuple(address_states)


def _born(group: str, serial: int, first: datetime, soa: Soa | None, absent: datetime | None) -> SerialGroup:
    return SerialGroup(group, serial, soa, (Version(serial, absent, first),))


def _led(address_states: list[AddressState], primary: str) -> bool:
    return any(address_state.server == primary for address_state in address_states)


def serial_group_of(zone_state: ZoneState, group: str) -> SerialGroup | None:
    return next((serial_group for serial_group in zone_state.serial_groups if serial_group.group == group), None)


def address_state_of(zone_state: ZoneState, server: str, address: Address) -> AddressState | None:
    return next((s for s in zone_state.address_states if s.server == server and s.address == address), None)


def behind_since(zone_state: ZoneState, server: str, address: Address) -> datetime | None:
    """First sight of the oldest version newer than the one the address serves, or served last; None if none is. Of
    several machines behind it the one farthest behind counts.

    None, too, while its primary seems to have gone back to that very version: then it is in step with it.
    """
    address_state = address_state_of(zone_state, server, address)
    serial_group = serial_group_of(zone_state, address_state.group) if address_state is not None else None
    if address_state is None or address_state.serial is None or serial_group is None or serial_group.reference is None:
        return None
    if serial_group.doubt is not None and serial_group.doubt.serial == address_state.serial:
        return None
    serial = oldest(address_state, serial_group.reference)
    later = newer_than(serial, serial_group.reference, serial_group.versions) if serial is not None else ()
    return later[0].seen if later else None


def lag(zone_state: ZoneState, server: str, address: Address, now: datetime) -> timedelta | None:
    """How late the address is; zero when it serves the reference, or is ahead of it.

    None when it is not known: it does not answer with a version now, there is no reference, or its serial
    cannot be ordered against it.
    """
    address_state = address_state_of(zone_state, server, address)
    serial_group = serial_group_of(zone_state, address_state.group) if address_state is not None else None
    if address_state is None or address_state.outcome != ANSWERED or address_state.serial is None:
        return None
    if serial_group is None or serial_group.reference is None:
        return None
    since = behind_since(zone_state, server, address)
    if since is not None:
        return max(timedelta(0), now - since)
    if behind(serial_group.reference, address_state.serial) is None and not newer(
        address_state.serial, serial_group.reference
    ):
        return None
    return timedelta(0)


def unsigned(zone: Zone, zone_state: ZoneState) -> Unsigned | None:
    """What the zone's signer cannot have signed yet: versions that came after its own newest one. None if there are
    none.
    """
    signing = zone.signing()
    if signing is None:
        return None
    source, own = (serial_group_of(zone_state, server.group) for server in signing)
    signed = _newest(own) if own is not None else None
    if source is None or signed is None:
        return None
    later = tuple(version for version in source.versions if came_after(version, signed))
    return Unsigned(later, source, signed) if later else None


def changes(before: ZoneState, after: ZoneState) -> tuple[StateChange, ...]:
    """What history keeps of a look: what addresses serve from now on."""
    if after == before:
        return ()
    old = {(address_state.server, address_state.address): address_state for address_state in before.address_states}
    found: list[StateChange] = []
    for now in after.address_states:
        was = old.pop((now.server, now.address), None)
        if was is None or (was.serial, was.outcome) != (now.serial, now.outcome):
            found.append(StateChange(after.zone, now.server, now.address, now.serial, now.outcome, now.changed))
    at = after.at
    if at is not None:
        found.extend(StateChange(after.zone, was.server, was.address, None, REMOVED, at) for was in old.values())
    return tuple(found)


def arrivals(before: ZoneState, after: ZoneState, *leaders: str | None) -> tuple[Propagation, ...]:
    """The versions that reached a secondary between two looks; ``leaders`` are the servers that others follow.

    An arrival is timed only where the address went forward to the version and answered at the look before: otherwise
    nobody knows when it came. Where several machines with different versions are behind an address, it has what all of
    them have.
    """
    if after == before or before.at is None:
        return ()
    old = {(address_state.server, address_state.address): address_state for address_state in before.address_states}
    pairs = [(old.get((now.server, now.address)), now) for now in after.address_states if now.server not in leaders]
    found = (
        _arrival(was, now, before.at, after)
        for was, now in pairs
        if was is not None and was.outcome == ANSWERED and was.doubt is None
    )
    return tuple(arrival for arrival in found if arrival is not None)


def _arrival(was: AddressState, now: AddressState, before: datetime, after: ZoneState) -> Propagation | None:
    serial_group = serial_group_of(after, now.group)
    reference = serial_group.reference if serial_group is not None else None
    had, has = (None, None) if reference is None else (oldest(was, reference), oldest(now, reference))
    version = _version(serial_group, has)
    if had is None or has is None or version is None or not newer(has, had):
        return None
    at = now.since if has == now.serial != was.serial or now.checked_at is None else now.checked_at
    seconds = (at - version.seen).total_seconds() if version.seen <= before else 0.0
    gap = (at - (was.checked_at or before)).total_seconds()
    return Propagation(after.zone, now.server, now.address, has, max(0.0, seconds), max(0.0, gap), at)


def moving_since(zone: Zone, zone_state: ZoneState) -> datetime | None:
    """First sight of the latest version that was seen to come, and that an address which answers has not yet, or that
    waits for the zone's signer; None where there is none, or where it is doubtful what is served.
    """
    waiting = unsigned(zone, zone_state)
    seen = [waiting.versions[-1].seen] if waiting is not None else []
    for group in zone_state.serial_groups:
        reference = group.reference
        version = _version(group, reference)
        if reference is None or version is None or version.absent is None or group.doubt is not None:
            continue
        ours = [one for one in zone_state.address_states if one.group == group.group and one.outcome == ANSWERED]
        ours = [one for one in ours if one.serial is not None and one.doubt is None]
        if any(behind(reference, serial) for one in ours if (serial := oldest(one, reference)) is not None):
            seen.append(version.seen)
    return max(seen, default=None)


def _version(serial_group: SerialGroup | None, serial: int | None) -> Version | None:
    versions = serial_group.versions if serial_group is not None else ()
    return next((version for version in versions if version.serial == serial), None)
