"""Asks the primary what it has, and fetches its zone (RFC 1034 section 4.3.5, RFC 5936, RFC 1995)."""

import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import dns.flags
import dns.message
import dns.rdataclass
import dns.rrset
import dns.tsig
import dns.xfr
import dns.zone
from dns.edns import GenericOption, Option, OptionType
from dns.message import Message
from dns.name import Name
from dns.rcode import Rcode
from dns.rcode import to_text as rcode_text
from dns.rdatatype import RdataType

from checks.model import Address
from monitor.pair import client as ask
from monitor.pair import tsig, zonedata
from monitor.pair.client import NoAnswer
from monitor.pair.request import PAYLOAD
from monitor.pair.zonedata import ZoneData

POLL = 0.5
"""Seconds to wait for a SOA, over UDP and again over TCP."""
TRANSFER = 10.0
"""Seconds a whole transfer may take."""
_MOST = 64_000_000


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a secondary gets its zones. ``key`` signs; ``clock`` gives our seconds since 1970."""

    address: Address
    key: dns.tsig.Key | None = field(repr=False)
    clock: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Told:
    """What the primary says: its serial, and for how long that is good (RFC 7314), if it says so."""

    serial: int
    expire: int | None


async def poll(upstream: Upstream, origin: Name) -> Told:
    """The primary's serial, asked over UDP, over TCP when truncated. Raises NoAnswer."""
    query = _query(origin, RdataType.SOA)
    wire, mac = _sign(upstream, query)

    def accept(octets: bytes) -> Message | None:
        return ask.understood(query, octets, upstream.key, mac)

    try:
        message = await ask.over_udp(upstream.address, wire, accept, POLL)
    except NoAnswer:  # lost, or drowned in forgeries: TCP tells which
        message = await _poll_tcp(upstream, wire, accept)
    if message.flags & dns.flags.TC:
        message = await _poll_tcp(upstream, wire, accept)
    return _told(upstream, origin, message)


async def _poll_tcp(upstream: Upstream, wire: bytes, accept: Callable[[bytes], Message | None]) -> Message:
    messages = ask.over_tcp(upstream.address, wire, POLL, _MOST)
    async with contextlib.aclosing(messages):
        async for octets in messages:
            if (message := accept(octets)) is not None:
                return message
    raise NoAnswer(f"{upstream.address} closed the connection without an answer")


def _query(origin: Name, rdtype: RdataType) -> Message:
    options: list[Option] = [GenericOption(OptionType.EXPIRE, b"")]
    query = dns.message.make_query(origin, rdtype, use_edns=0, payload=PAYLOAD, options=options)
    query.flags &= ~dns.flags.RD
    query.id = secrets.randbits(16)
    return query


def _sign(upstream: Upstream, query: Message) -> tuple[bytes, bytes]:
    wire = query.to_wire()
    return (wire, b"") if upstream.key is None else tsig.sign_request(wire, upstream.key, upstream.clock())


def _told(upstream: Upstream, origin: Name, message: Message) -> Told:
    if message.rcode() != Rcode.NOERROR or not message.flags & dns.flags.AA:
        raise NoAnswer(f"{upstream.address} says {rcode_text(message.rcode())} with flags {message.flags:#06x}")
    rrset = message.get_rrset(message.answer, origin, dns.rdataclass.IN, RdataType.SOA)
    if rrset is None:
        raise NoAnswer(f"{upstream.address} says nothing about {origin}")
    return Told(int(rrset[0].serial), _expire(message))


def _expire(message: Message) -> int | None:
    for option in message.options:
        if option.otype == OptionType.EXPIRE and isinstance(option, GenericOption) and len(option.data) == 4:
            return int.from_bytes(option.data, "big")
    return None


async def fetch(upstream: Upstream, origin: Name, base: ZoneData | None) -> tuple[ZoneData, int | None]:
    """The zone and its EXPIRE: the steps from ``base`` where the primary knows them, else the whole. Raises NoAnswer.

    An IXFR that fails is followed by an AXFR (RFC 1995 section 4).
    """
    if base is not None:
        with contextlib.suppress(NoAnswer):
            return await _transfer(upstream, origin, base)
    return await _transfer(upstream, origin, None)


async def _transfer(upstream: Upstream, origin: Name, base: ZoneData | None) -> tuple[ZoneData, int | None]:
    """Nothing of it is used unless all of it arrived, and signed (RFC 8945 section 5.3.1)."""
    zone = dns.zone.Zone(origin, relativize=False) if base is None else zonedata.to_zone(base)
    query = _query(origin, RdataType.AXFR if base is None else RdataType.IXFR)
    if base is not None:
        query.authority = [dns.rrset.from_rdata(origin, 0, base.soa)]
    try:
        expire = await _receive(upstream, query, zone, base)
        data = zonedata.from_zone(origin, zone)
    except NoAnswer:
        raise
    except Exception as error:  # dnspython raises ValueError, KeyError and more on hostile transfers
        raise NoAnswer(f"transfer from {upstream.address} failed: {type(error).__name__}: {error}") from error
    return data, expire


async def _receive(upstream: Upstream, query: Message, zone: dns.zone.Zone, base: ZoneData | None) -> int | None:
    """Brings the zone up to date and returns the EXPIRE of the first message."""
    expire: int | None = None
    context: Any = None
    first = True
    rdtype = query.question[0].rdtype
    wire, mac = _sign(upstream, query)
    messages = ask.over_tcp(upstream.address, wire, TRANSFER, _MOST)
    with dns.xfr.Inbound(zone, rdtype, None if base is None else base.serial) as inbound:
        async with contextlib.aclosing(messages):
            async for octets in messages:
                message = dns.message.from_wire(
                    octets,
                    keyring=upstream.key or False,
                    request_mac=mac,
                    xfr=True,
                    tsig_ctx=context,
                    multi=True,
                    one_rr_per_rrset=base is not None,
                )
                if not query.is_response(message, xfr_continuation=not first):
                    raise NoAnswer(f"{upstream.address} answered another question")
                if first:
                    expire, first = _expire(message), False
                if inbound.process_message(message):
                    return expire
                context = message.tsig_ctx
    raise NoAnswer(f"{upstream.address} broke off the transfer")
