"""The transfer tree of a zone: who has it from whom, and at which hop a newer version does not get on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from checks.common.serial import newer
from checks.model import Server, Zone
from checks.zone_state.address import ANSWERED
from checks.zone_state.model import AddressState, ZoneState
from checks.zone_state.update import behind_since, unsigned


@dataclass(frozen=True, slots=True)
class TransferHop:
    """A server of a zone and how it comes by it.

    ``depth`` counts the hops from where the zone is made, which is 0. ``answers``: some address serves a version now.
    ``behind_since`` is that of its latest address; ``waits_for`` the server at which it is held up, where nobody it
    transfers from has anything newer: without one, what it lacks is lost or under way on the last hop, to itself.
    """

    server: str
    upstreams: tuple[str, ...]
    depth: int
    answers: bool
    behind_since: datetime | None = None
    waits_for: str | None = None


def upstreams_of(zone: Zone, server: str) -> tuple[str, ...]:
    """Where a server gets the zone from: its upstream, else the zone's primary, or the zone's signer, in whose serial
    group it is; () for the primary itself, and where that is not known: another provider has serials of its own.
    """
    if zone.primary == server:
        return ()
    entry = zone.server(server)
    if entry is not None and entry.upstream:
        return tuple(name for name in entry.upstream if name != server)
    if entry is None or zone.primary is None or zone.server(zone.primary) is None:
        return (zone.primary,) if zone.primary else ()
    leader = zone.leader(entry.group)
    return (leader.name,) if leader is not None and leader.name != server else ()


def waiting_since(zone: Zone, zone_state: ZoneState, address_state: AddressState) -> datetime | None:
    """Since when there is something newer than it serves; of the zone's signer, something that it has not signed."""
    behind = behind_since(zone_state, address_state.server, address_state.address)
    if behind is None and address_state.server == zone.signer and (waiting := unsigned(zone, zone_state)) is not None:
        return waiting.versions[0].seen
    return behind


def transfer_tree(zone: Zone, zone_state: ZoneState) -> tuple[TransferHop, ...]:
    """Every server of the zone below the one it has it from, in the order of the zone; () where that is not known:
    there is no primary, and nobody is said to have an upstream.
    """
    if zone.primary is None and not any(server.upstream for server in zone.servers):
        return ()
    places = list(_placed(zone))
    states: dict[str, list[AddressState]] = {server.name: [] for server, _ in places}
    for address_state in zone_state.address_states:
        states.setdefault(address_state.server, []).append(address_state)
    late = {
        name: {one: since for one in ours if (since := waiting_since(zone, zone_state, one)) is not None}
        for name, ours in states.items()
    }
    held: dict[str, str | None] = {}
    for server, _ in sorted(places, key=lambda place: place[1]):
        held[server.name] = _held_up(zone, server, states, late, held) if late[server.name] else None
    return tuple(
        TransferHop(
            server.name,
            upstreams_of(zone, server.name),
            depth,
            any(_serving(one) for one in states[server.name]),
            min(late[server.name].values(), default=None),
            held[server.name],
        )
        for server, depth in places
    )


def _placed(zone: Zone) -> Iterator[tuple[Server, int]]:
    """Each server after the one it is below, with its depth: the least there is, by the first upstream of that depth.

    Who has the zone from servers that are none of its own is one hop from somewhere. The configuration has no circles.
    """
    known = {s.name: [name for name in upstreams_of(zone, s.name) if zone.server(name)] for s in zone.servers}
    tops = [server for server in zone.servers if not known[server.name]]
    depths = {server.name: min(1, len(upstreams_of(zone, server.name))) for server in tops}
    below: dict[str, list[Server]] = {}
    level = set(depths)
    while level:
        following = set()
        for server in zone.servers:
            above = next((name for name in known[server.name] if name in level), None)
            if above is not None and server.name not in depths:
                below.setdefault(above, []).append(server)
                following.add(server.name)
        depths.update((server.name, depths[name] + 1) for name in level for server in below.get(name, ()))
        level = following

    def walk(server: Server) -> Iterator[tuple[Server, int]]:
        yield server, depths[server.name]
        for other in below.get(server.name, ()):
            yield from walk(other)

    for server in tops:
        yield from walk(server)


def _held_up(
    zone: Zone,
    server: Server,
    states: Mapping[str, list[AddressState]],
    late: Mapping[str, Mapping[AddressState, datetime]],
    held: Mapping[str, str | None],
) -> str | None:
    """The server at which what this one lacks is held up; None where somebody it transfers from has it, or may."""
    above = upstreams_of(zone, server.name)
    if not above or any(name not in states for name in above):
        return None
    if any(_has_newer(other, mine) for name in above for other in states[name] for mine in late[server.name]):
        return None
    return held.get(above[0]) or above[0]


def _has_newer(other: AddressState, mine: AddressState) -> bool:
    """Whether an address serves what another lacks; what a signer has not signed its upstream does."""
    if not _serving(other):
        return False
    if other.group != mine.group or other.serial is None or mine.serial is None:
        return True
    return newer(other.serial, mine.serial)


def _serving(address_state: AddressState) -> bool:
    return address_state.outcome == ANSWERED and address_state.serial is not None
