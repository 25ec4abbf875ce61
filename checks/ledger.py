"""Who has served which version of a zone since when, and how late does that make each address?

The reference of a space is the primary's serial, where a primary is named, is in that group and answers. While it
is silent its last known serial stays, unless another address goes on to a newer one. A primary that never
answered anybody (hidden, and closed to us) is as good as none: then the newest serial anyone serves counts,
silent ones by what they served last.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from checks.looks import SERVING, Look, expiry, heed, stand, tick, word
from checks.model import (
    Address,
    Ledger,
    Observation,
    Propagation,
    Round,
    RunChange,
    Soa,
    Space,
    Standing,
    Version,
    Zone,
)
from checks.serials import behind, newer, newest
from checks.versions import line, newer_than

TEACHER = "soa-serial"
"""The check whose rounds the ledger learns from: the only one that asks the primary last."""

LEFT = "left"
"""The state of the run that closes the history of an address which left the zone."""

_LATE = 10
"""A round older than the last by up to so many cadences came late; older still, and the clock was set back."""
Seen = Mapping[tuple[str, Address], Observation]


def see(ledger: Ledger, zone: Zone, round: Round) -> Ledger:
    """The ledger after this round; equal (``==``) to the one before if nothing changed.

    Rounds of other checks, and repeated or late ones, teach nothing.
    """
    if round.check != TEACHER:
        return ledger
    if ledger.at is not None and timedelta(0) <= ledger.at - round.at <= _LATE * round.cadence:
        return ledger
    seen = _latest(round)
    ticked = _quiet(ledger, zone, seen)
    if ticked is not None:
        return Ledger(ledger.zone, ledger.spaces, ticked, round.at)
    looks = _looks(ledger, zone, seen)
    old = {space.group: space for space in ledger.spaces}
    spaces: list[Space] = []
    standings: dict[tuple[str, Address], Standing] = {}
    for group in dict.fromkeys(server.group for server in zone.servers):
        space, stood = _learn(
            old.get(group) or Space(group, None, None),
            zone,
            [look for look in looks if look.server.group == group],
            round.at,
            ledger.at,
        )
        spaces.append(space)
        standings.update(stood)
    ordered = tuple(standings[look.server.name, look.address] for look in looks)
    return Ledger(zone.name, tuple(spaces), ordered, round.at)


def _latest(round: Round) -> Seen:
    """One observation per address. Silence does not undo what was said over another transport."""
    latest: dict[tuple[str, Address], Observation] = {}
    for seen in round.seen:
        key = (seen.query.server, seen.query.address)
        if key not in latest or not seen.outcome.silent:
            latest[key] = seen
    return latest


def _looks(ledger: Ledger, zone: Zone, seen: Seen) -> list[Look]:
    before = {(standing.server, standing.address): standing for standing in ledger.standings}
    return [
        Look(server, address, before.get((server.name, address)), seen.get((server.name, address)))
        for server in zone.servers
        for address in server.addresses
    ]


def _quiet(ledger: Ledger, zone: Zone, seen: Seen) -> tuple[Standing, ...] | None:
    """The short way, for nearly every round: nobody's run ended, nothing is in doubt, the zone has the same addresses.

    Then nothing can change but what ticks. None: something else has, or may have; go the long way.
    """
    if not all(_still(space, zone, seen) for space in ledger.spaces):
        return None
    places = [(server, address) for server in zone.servers for address in server.addresses]
    if len(places) != len(ledger.standings):
        return None
    ticked: list[Standing] = []
    for standing, (server, address) in zip(ledger.standings, places, strict=True):
        if standing.server != server.name or standing.group != server.group or standing.address != address:
            return None
        look = seen.get((server.name, address))
        if look is None:
            ticked.append(standing)
            continue
        if standing.doubt is not None or word(look) != standing.state:
            return None
        serial = look.serial
        if serial is not None and serial != standing.serial:
            return None
        ticked.append(tick(standing, look, secondary=server.name != zone.primary))
    return tuple(ticked)


def _still(space: Space, zone: Zone, seen: Seen) -> bool:
    return space.doubt is None and (zone.primary is None or _timers(space, zone, seen) is None)


def _timers(space: Space, zone: Zone, seen: Seen) -> Soa | None:
    """The SOA the primary gives with the reference, if it is another than the space has (TTL apart)."""
    server = zone.server(zone.primary) if zone.primary is not None else None
    if server is None or server.group != space.group:
        return None
    for address in server.addresses:
        look = seen.get((server.name, address))
        if look is not None and look.serial == space.reference and look.soa is not None:
            same = look.soa == space.soa or (
                space.soa is not None and replace(look.soa, ttl=0) == replace(space.soa, ttl=0)
            )
            return None if same else look.soa
    return None


def _learn(
    space: Space, zone: Zone, looks: list[Look], at: datetime, last: datetime | None
) -> tuple[Space, dict[tuple[str, Address], Standing]]:
    primary = [look for look in looks if look.server.name == zone.primary]
    voice = any(look.serial is not None or (look.before and look.before.serial is not None) for look in primary)
    heard = heed(space, primary, zone.max_lag)
    reference = heard.reference if heard is not None else space.reference
    stood = [stand(look, reference, at, zone.max_lag, ahead_is_odd=heard is not None) for look in looks]
    if heard is None:
        reference = _taken_over(space, looks, stood) if voice else _newest_served(space, stood)
    confirmed = not voice or any(look.serial == reference for look in primary)
    after = _space(space, looks, stood, reference, last, at)
    after = replace(
        after,
        doubt=heard.doubt if heard is not None else space.doubt,
        regressed=_regressed(space, after, stood, stepped=heard is not None and heard.stepped),
    )
    after = replace(after, soa=_soa(space, after, zone, looks))
    return after, {
        (look.server.name, look.address): _finish(standing, look, space, after, zone, last, confirmed=confirmed)
        for look, standing in zip(looks, stood, strict=True)
    }


def _taken_over(space: Space, looks: list[Look], stood: list[Standing]) -> int | None:
    """With the primary silent: the last reference, or a newer version that somebody went on to since the last look."""
    fresh = {
        standing.serial
        for look, standing in zip(looks, stood, strict=True)
        if standing.serial is not None and (look.before is None or look.before.serial != standing.serial)
    }
    reference = space.reference
    top = newest(serial for serial in fresh if reference is None or newer(serial, reference))
    return top if top is not None else reference


def _newest_served(space: Space, stood: list[Standing]) -> int | None:
    """With no primary: the newest anyone serves. Where that is undefined, the last reference while it is served."""
    served = {standing.serial for standing in stood if standing.serial is not None}
    if not served:
        return space.reference
    top = newest(served)
    return top if top is not None or space.reference not in served else space.reference


def _space(
    space: Space, looks: list[Look], stood: list[Standing], reference: int | None, last: datetime | None, at: datetime
) -> Space:
    if reference is None:
        return replace(space, reference=None, versions=())
    arrivals: dict[int, datetime] = {}
    for look, standing in zip(looks, stood, strict=True):
        if look.version is not None:
            serial, seen = look.version
            if serial in (standing.serial, reference):
                arrivals[serial] = min(arrivals.get(serial, seen.at), seen.at)
    arrivals.setdefault(reference, at)
    served = [standing.serial for standing in stood if standing.serial is not None]
    return replace(
        space, reference=reference, versions=line(reference, _past(space.versions, at), arrivals, last, served)
    )


def _past(versions: Iterable[Version], at: datetime) -> Iterable[Version]:
    """Nothing was first seen in the future: that is what a clock set back leaves behind."""
    return (replace(version, seen=at) if version.seen > at else version for version in versions)


def _regressed(space: Space, after: Space, stood: list[Standing], *, stepped: bool) -> Version | None:
    """The version the primary went back from, while an address is ahead and the reference has not come by it again."""
    regressed = space.regressed
    if stepped:
        regressed = next((version for version in space.versions if version.serial == space.reference), regressed)
    if regressed is None or after.reference is None or behind(after.reference, regressed.serial) is not None:
        return None
    ahead = (s.serial is not None and behind(after.reference, s.serial) is None for s in stood)
    return regressed if any(ahead) else None


def _soa(space: Space, after: Space, zone: Zone, looks: list[Look]) -> Soa | None:
    if after.reference is None:
        return None
    given = [look.seen for look in looks if look.seen is not None and look.serial == after.reference]
    if after.reference == space.reference and space.soa is not None:
        seen = {(look.query.server, look.query.address): look for look in given}
        return _timers(space, zone, seen) or space.soa
    ranked = sorted(given, key=lambda look: look.query.server != zone.primary)
    return ranked[0].soa if ranked else space.soa


def _finish(
    standing: Standing, look: Look, space: Space, after: Space, zone: Zone, last: datetime | None, *, confirmed: bool
) -> Standing:
    """What an address' standing owes to the reference: versions that came by, last in sync, when it expires."""
    before = look.before
    passed = 0
    if standing.serial is not None and after.reference is not None:
        passed = len(newer_than(standing.serial, after.reference, after.versions))
    synced = standing.synced
    if confirmed and _in_sync(standing, after):
        synced = None
    elif synced is None and before is not None and _in_sync(before, space):
        synced = max((moment for moment in (before.looked, last) if moment is not None), default=before.since)
    standing = replace(standing, passed=passed, synced=synced)
    if look.server.name == zone.primary:
        return replace(standing, synced=None, expires=None, estimated=False)
    expires, estimated = expiry(standing, before, look.seen, after.soa)
    return replace(standing, expires=expires, estimated=estimated)


def _in_sync(standing: Standing, space: Space) -> bool:
    return (
        standing.state == SERVING
        and standing.doubt is None
        and standing.serial is not None
        and standing.serial == space.reference
    )


def space_of(ledger: Ledger, group: str) -> Space | None:
    return next((space for space in ledger.spaces if space.group == group), None)


def standing_of(ledger: Ledger, server: str, address: Address) -> Standing | None:
    return next((s for s in ledger.standings if s.server == server and s.address == address), None)


def behind_since(ledger: Ledger, server: str, address: Address) -> datetime | None:
    """First sight of the oldest version newer than the one the address serves, or served last; None if none is."""
    standing = standing_of(ledger, server, address)
    space = space_of(ledger, standing.group) if standing is not None else None
    if standing is None or standing.serial is None or space is None or space.reference is None:
        return None
    later = newer_than(standing.serial, space.reference, space.versions)
    return later[0].seen if later else None


def lag(ledger: Ledger, server: str, address: Address, now: datetime) -> timedelta | None:
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


def changes(before: Ledger, after: Ledger) -> tuple[tuple[RunChange, ...], tuple[Propagation, ...]]:
    """What history keeps of a look: runs that began, and versions that reached an address.

    A version's arrival is timed only where the address went forward to it and answered at the look before:
    otherwise nobody knows when it came.
    """
    if after == before:
        return (), ()
    old = {(standing.server, standing.address): standing for standing in before.standings}
    runs: list[RunChange] = []
    arrivals: list[Propagation] = []
    for now in after.standings:
        was = old.pop((now.server, now.address), None)
        if was is None or (was.serial, was.state) != (now.serial, now.state):
            runs.append(RunChange(after.zone, now.server, now.address, now.serial, now.state, now.changed))
        if was is not None and was.state == SERVING and (arrival := _arrival(was, now, after)):
            arrivals.append(arrival)
    at = after.at
    if at is not None:
        runs.extend(RunChange(after.zone, was.server, was.address, None, LEFT, at) for was in old.values())
    return tuple(runs), tuple(arrivals)


def _arrival(was: Standing, now: Standing, after: Ledger) -> Propagation | None:
    if was.serial is None or now.serial is None or not newer(now.serial, was.serial):
        return None
    space = space_of(after, now.group)
    version = next((v for v in space.versions if v.serial == now.serial), None) if space is not None else None
    if version is None:
        return None
    seconds = max(0.0, (now.since - version.seen).total_seconds())
    return Propagation(after.zone, now.server, now.address, now.serial, seconds, now.since)
