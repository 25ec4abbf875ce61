"""The ledger of a zone: who has served which version since when, and how late that makes each address."""

from datetime import datetime, timedelta

from checks.common.serial import behind, newer
from checks.common.versions import newer_than
from checks.model import Address, Observation, Outcome, Soa, Zone, ZonePoll
from checks.zone_state.address import SERVING, AddressUpdate, begin, tick, word
from checks.zone_state.model import AddressState, Propagation, SerialGroup, StateChange, Version, ZoneState
from checks.zone_state.serial_group import Seen, learn, still

TEACHER = "soa-serial"
"""The check whose rounds the ledger learns from: the only one that asks the primary last."""

LEFT = "left"
"""The state of the run that closes the history of an address which left the zone."""

_LATE = 10
"""A round older than the last by up to so many cadences came late; older still, and the clock was set back."""


def updated(ledger: ZoneState, zone: Zone, round: ZonePoll) -> ZoneState:
    """The ledger after this round; equal (``==``) to the one before if nothing changed.

    Rounds of other checks, and repeated or late ones, teach nothing.
    """
    if round.check != TEACHER:
        return ledger
    if ledger.at is not None and timedelta(0) <= ledger.at - round.at <= _LATE * round.cadence:
        return ledger
    seen = latest(round)
    ticked = quiet(ledger, zone, seen)
    if ticked is not None:
        return ZoneState(ledger.zone, ledger.spaces, ticked, round.at)
    first = _first(ledger, zone, seen)
    if first is not None:
        return ZoneState(zone.name, *first, round.at)
    return long_way(ledger, zone, seen, round)


def long_way(ledger: ZoneState, zone: Zone, seen: Seen, round: ZonePoll) -> ZoneState:
    """What any look teaches; each short way leads to the same where it leads at all."""
    looks = _looks(ledger, zone, seen)
    old = {space.group: space for space in ledger.spaces}
    spaces: list[SerialGroup] = []
    standings: dict[tuple[str, Address], AddressState] = {}
    for group in dict.fromkeys(server.group for server in zone.servers):
        space, stood = learn(
            old.get(group) or SerialGroup(group, None, None),
            zone,
            [look for look in looks if look.server.group == group],
            round.at,
            ledger.at,
            round.cadence,
        )
        spaces.append(space)
        standings.update(stood)
    ordered = tuple(standings[look.server.name, look.address] for look in looks)
    return ZoneState(zone.name, tuple(spaces), ordered, round.at)


def latest(round: ZonePoll) -> Seen:
    """One observation per address. Silence does not undo what was said over another transport, nor does what cannot
    be used undo what can.
    """
    latest: dict[tuple[str, Address], Observation] = {}
    for seen in round.seen:
        key = (seen.query.server, seen.query.address)
        before = latest.get(key)
        if before is None or _weight(seen) >= _weight(before):
            latest[key] = seen
    return latest


def _weight(seen: Observation) -> int:
    if seen.outcome is Outcome.ANSWERED:
        return 3
    return 0 if seen.outcome.silent else 1 if seen.outcome is Outcome.REFUSED_CONNECTION else 2


def _looks(ledger: ZoneState, zone: Zone, seen: Seen) -> list[AddressUpdate]:
    before = {(standing.server, standing.address): standing for standing in ledger.standings}
    return [
        AddressUpdate(server, address, before.get((server.name, address)), seen.get((server.name, address)))
        for server in zone.servers
        for address in server.addresses
    ]


def quiet(ledger: ZoneState, zone: Zone, seen: Seen) -> tuple[AddressState, ...] | None:
    """The short way, for nearly every round: all addresses looked at, no run ended, nothing in doubt, none new or gone.

    Then nothing can change but what ticks. None: something else has, or may have; go the long way.
    """
    if not all(still(space, zone, seen, ledger.standings) for space in ledger.spaces):
        return None
    places = [(server, address) for server in zone.servers for address in server.addresses]
    if len(places) != len(ledger.standings):
        return None
    ticked: list[AddressState] = []
    for standing, (server, address) in zip(ledger.standings, places, strict=True):
        if standing.server != server.name or standing.group != server.group or standing.address != address:
            return None
        look = seen.get((server.name, address))
        if look is None or standing.doubt is not None or word(look) != standing.state:
            return None
        serial = look.serial
        if serial is not None and serial != standing.serial:
            return None
        ticked.append(tick(standing, look, secondary=server.name != zone.primary))
    return tuple(ticked)


def _first(
    ledger: ZoneState, zone: Zone, seen: Seen
) -> tuple[tuple[SerialGroup, ...], tuple[AddressState, ...]] | None:
    """The short way for the first look at a zone that is well: all addresses of a group answer with one version.

    Then that is the reference, and nothing is in doubt. None: go the long way.
    """
    if ledger.standings or ledger.spaces:
        return None
    standings: list[AddressState] = []
    shown: dict[str, tuple[int, datetime, Soa | None]] = {}
    for server in zone.servers:
        group, leads = server.group, server.name == zone.primary
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
                soa = look.soa if leads and not _led(standings, server.name) else known[2]
                shown[group] = serial, min(look.at, known[1]), soa
            standings.append(begin(server, address, look, secondary=not leads))
    groups = dict.fromkeys([server.group for server in zone.servers])
    if len(shown) != len(groups):
        return None
    spaces = [_born(group, *shown[group], ledger.at) for group in groups]
    return tuple(spaces), tuple(standings)


def _born(group: str, serial: int, first: datetime, soa: Soa | None, absent: datetime | None) -> SerialGroup:
    return SerialGroup(group, serial, soa, (Version(serial, absent, first),))


def _led(standings: list[AddressState], primary: str) -> bool:
    return any(standing.server == primary for standing in standings)


def space_of(ledger: ZoneState, group: str) -> SerialGroup | None:
    return next((space for space in ledger.spaces if space.group == group), None)


def standing_of(ledger: ZoneState, server: str, address: Address) -> AddressState | None:
    return next((s for s in ledger.standings if s.server == server and s.address == address), None)


def behind_since(ledger: ZoneState, server: str, address: Address) -> datetime | None:
    """First sight of the oldest version newer than the one the address serves, or served last; None if none is.

    None, too, while its primary seems to have gone back to that very version: then it is in step with it.
    """
    standing = standing_of(ledger, server, address)
    space = space_of(ledger, standing.group) if standing is not None else None
    if standing is None or standing.serial is None or space is None or space.reference is None:
        return None
    if space.doubt is not None and space.doubt.serial == standing.serial:
        return None
    later = newer_than(standing.serial, space.reference, space.versions)
    return later[0].seen if later else None


def lag(ledger: ZoneState, server: str, address: Address, now: datetime) -> timedelta | None:
    """How late the address is; zero when it serves the reference, or is ahead of it.

    None when it is not known: it does not answer with a version now, there is no reference, or its serial
    cannot be ordered against it.
    """
    standing = standing_of(ledger, server, address)
    space = space_of(ledger, standing.group) if standing is not None else None
    if standing is None or standing.state != SERVING or standing.serial is None:
        return None
    if space is None or space.reference is None:
        return None
    since = behind_since(ledger, server, address)
    if since is not None:
        return max(timedelta(0), now - since)
    if behind(space.reference, standing.serial) is None and not newer(standing.serial, space.reference):
        return None
    return timedelta(0)


def changes(before: ZoneState, after: ZoneState) -> tuple[tuple[StateChange, ...], tuple[Propagation, ...]]:
    """What history keeps of a look: runs that began, and versions that reached an address.

    A version's arrival is timed only where the address went forward to it and answered at the look before:
    otherwise nobody knows when it came.
    """
    if after == before:
        return (), ()
    old = {(standing.server, standing.address): standing for standing in before.standings}
    runs: list[StateChange] = []
    arrivals: list[Propagation] = []
    for now in after.standings:
        was = old.pop((now.server, now.address), None)
        if was is None or (was.serial, was.state) != (now.serial, now.state):
            runs.append(StateChange(after.zone, now.server, now.address, now.serial, now.state, now.changed))
        if was is not None and was.state == SERVING and (arrival := _arrival(was, now, after)):
            arrivals.append(arrival)
    at = after.at
    if at is not None:
        runs.extend(StateChange(after.zone, was.server, was.address, None, LEFT, at) for was in old.values())
    return tuple(runs), tuple(arrivals)


def _arrival(was: AddressState, now: AddressState, after: ZoneState) -> Propagation | None:
    if was.serial is None or now.serial is None or not newer(now.serial, was.serial):
        return None
    space = space_of(after, now.group)
    version = next((v for v in space.versions if v.serial == now.serial), None) if space is not None else None
    if version is None:
        return None
    seconds = max(0.0, (now.since - version.seen).total_seconds())
    return Propagation(after.zone, now.server, now.address, now.serial, seconds, now.since)
