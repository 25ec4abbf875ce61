"""Whether a server whose serial is odd has the zone signed where its primary has it unsigned: who signs counts anew.

Told by DNSKEY records (RFC 4034 section 2), which a signer adds: they are asked for where serials are so odd.
"""

from collections.abc import Iterable, Mapping

from checks.common.rrset_content import content_of
from checks.common.serial import behind, newest
from checks.common.text import enumerated
from checks.model import Address, Observation, Query, Server, Transport, Zone, ZonePoll

KEYS = "DNSKEY"

FAR = 2**20
"""No primary is ahead of its secondaries by so much, but by another way of counting: date for Unix time, or a year of
changes."""

Places = frozenset[tuple[str, Address]]


def key_queries(zone: Zone, seen: Iterable[Observation]) -> list[Query]:
    """What is still to be asked once the serials are known: nothing, unless some are odd. Over TCP, for its size."""
    every = tuple(seen)
    primary = zone.server(zone.primary) if zone.primary is not None else None
    if primary is None or zone.signer is not None:
        return []
    reference = newest(o.serial for o in every if o.server == primary.name and o.serial is not None)
    if reference is None:
        return []
    serving = {(o.server, o.address): o.serial for o in every if o.serial is not None}
    apart = [
        (server, address)
        for server, address in zone.server_addresses()
        if server.group == primary.group
        and server is not primary
        and (serial := serving.get((server.name, address))) is not None
        and _is_odd(serial, reference)
    ]
    asked = {(o.server, o.address) for o in every if o.query.qtype == KEYS}
    leading = [(primary, address) for address in primary.addresses if (primary.name, address) in serving]
    return [
        Query(zone.name, server.name, address, zone.name, KEYS, Transport.TCP)
        for server, address in (*apart, *(leading if apart else ()))
        if (server.name, address) not in asked
    ]


def _is_odd(serial: int, reference: int) -> bool:
    """Ahead, so far behind as nobody is who follows, or 2^31 away."""
    late = behind(reference, serial)
    return late is None or late >= FAR


def signed_places(zone: Zone, poll: ZonePoll) -> Places:
    """The addresses that have the zone's keys where no address of its primary has any."""
    keyed: Mapping[tuple[str, Address], bool] = {
        (seen.server, seen.address): bool(content.rdata)
        for seen in poll.seen
        if seen.query.qtype == KEYS and (content := content_of(seen)) is not None and not content.instead
    }
    unsigned = {has for (server, _), has in keyed.items() if server == zone.primary} == {False}
    return frozenset(place for place, has in keyed.items() if has) if unsigned else frozenset()


def unnamed_signer(zone: Zone, places: Places, serial: int, reference: int | None) -> str:
    """What is to be said of one of these addresses, that serves this serial."""
    return (
        f"serves {serial}, and DNSKEY records; its primary serves {reference}, and none of these: the zone seems to be "
        f"signed on the way, under serials of its own. Say so in the zone: {_setting(zone, places)}. Until then nobody "
        "can tell how late it is. If nothing signs the zone any more, transfer it afresh there"
    )


def _setting(zone: Zone, places: Places) -> str:
    """The line of the configuration, as far as it is known who signs."""
    servers = [server for server in zone.servers if any(server.name == name for name, _ in places)]
    likely = _likely(servers)
    if len(likely) == 1:
        return f'signer = "{likely[0].name}"'
    names = enumerated((server.name for server in servers), most=4)
    return f'signer = "NAME", which is the one of {names} that signs it, or the server they have it from'


def _likely(servers: list[Server]) -> list[Server]:
    """Those from which others have the zone; else those that are hidden, as signers are; else all."""
    above = {name for server in servers for name in server.upstream}
    return (
        [server for server in servers if server.name in above]
        or [server for server in servers if server.hidden]
        or servers
    )
