"""Gives zones away: to whom, and in which messages (RFC 5936, RFC 1995)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

import dns.rdataclass
from dns.edns import EDECode, EDEOption
from dns.message import Message
from dns.rcode import Rcode
from dns.rdata import GenericRdata, from_text
from dns.rdatatype import RdataType

from monitor.pair import tsig, zonedata
from monitor.pair.answer import WHY
from monitor.pair.behaviour import Condition, Stream, Transfers
from monitor.pair.render import Page
from monitor.pair.request import Request, reply
from monitor.pair.tsig import Signed
from monitor.pair.zone_copy import Served, Zones
from monitor.pair.zonedata import Rr, ZoneData

_LONGEST = 65_535
MESSAGE = 16_384
"""How long one message of a transfer gets: compression offsets reach this far."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no transfer."""

    rcode: Rcode
    why: EDEOption | None = None


def permit(
    request: Request, zones: Zones, policy: Transfers, signed: Signed | None, *, udp: bool
) -> tuple[Served, ZoneData] | Refusal:
    """The zone to send, or why not. A signature that failed has been dealt with before."""
    served = zones(request.name)
    if served is None or request.rdclass != dns.rdataclass.IN:
        return Refusal(Rcode.NOTAUTH, EDEOption(EDECode.NOT_AUTHORITATIVE))
    if policy is Transfers.NONE or (policy is Transfers.KEYED and signed is None):
        return Refusal(Rcode.REFUSED, EDEOption(EDECode.PROHIBITED))
    if request.rdtype == RdataType.AXFR and udp:
        return Refusal(Rcode.FORMERR)  # RFC 5936 section 4.2
    if request.rdtype == RdataType.IXFR and _base(request) is None:
        return Refusal(Rcode.FORMERR)
    if served.data is None:
        return Refusal(Rcode.SERVFAIL, EDEOption(*WHY[Condition(served.condition)]))
    return served, served.data


def refuse(request: Request, refusal: Refusal) -> Message:
    return reply(request, refusal.rcode, *([refusal.why] if refusal.why else ()))


def _base(request: Request) -> int | None:
    """The serial the client has, from the SOA in the authority section (RFC 1995 section 3)."""
    for rrset in request.message.authority:
        if rrset.rdtype == RdataType.SOA and rrset.name == request.name and len(rrset) == 1:
            return int(rrset[0].serial)
    return None


def records(request: Request, served: Served, data: ZoneData, *, udp: bool) -> Iterable[Rr]:
    """What is sent, in order: the zone between two SOAs, or the steps from the client's version, or one SOA."""
    soa = _soa(data)
    if request.rdtype == RdataType.AXFR:
        return chain([soa], data.records(), [soa])
    base = _base(request)
    if base is None or base == data.serial or zonedata.newer(base, data.serial):
        return [soa]
    if udp:
        return [soa]  # "use TCP" (RFC 1995 section 4)
    versions = [*served.journal, data]
    start = next((n for n, version in enumerate(versions[:-1]) if version.serial == base), None)
    if start is None:
        return chain([soa], data.records(), [soa])
    steps = (_step(old, new) for old, new in zip(versions[start:], versions[start + 1 :], strict=False))
    return chain([soa], *steps, [soa])


def _soa(data: ZoneData) -> Rr:
    return data.origin, data.soa_rrset.ttl, data.soa


def _step(old: ZoneData, new: ZoneData) -> list[Rr]:
    removed, added = zonedata.difference(old, new)
    return [_soa(old), *removed, _soa(new), *added]


def bent(rrs: Iterable[Rr], stream: Stream) -> Iterable[Rr]:
    """The records as a broken server sends them."""
    if stream is Stream.TRUNCATED:
        return list(rrs)[:-1]
    if stream is Stream.ENDLESS:
        return _endless(list(rrs)[:-1])
    if stream is Stream.MALFORMED:
        return _malformed(list(rrs))
    return rrs


def _malformed(rrs: list[Rr]) -> list[Rr]:
    origin, ttl, _ = rrs[0]
    broken = GenericRdata(dns.rdataclass.IN, RdataType.A, b"\xc0\0\2\1\0\0\0")
    return [*rrs[:-1], (origin.__class__((b"broken", *origin.labels)), ttl, broken), rrs[-1]]


_FILLING = " and so on" * 20


def _endless(rrs: list[Rr]) -> Iterator[Rr]:
    yield from rrs
    origin, ttl, _ = rrs[0]
    for number in count():
        rdata = from_text(dns.rdataclass.IN, RdataType.TXT, f'"record {number} of a zone without end{_FILLING}"')
        yield origin.__class__((b"endless", *origin.labels)), ttl, rdata


def pages(
    request: Request, rrs: Iterable[Rr], first: Message, signed: Signed | None, now: int, limit: int = MESSAGE
) -> Iterator[bytes]:
    """The messages, each signed when the request was. ``first`` has the question and the options of the answer.

    Later messages have an empty question section (RFC 5936 section 2.2.1).
    """
    later = Message(id=first.id)
    later.flags = first.flags
    reserve = tsig.reserve(signed)
    ctx: Any = None
    page = Page(first, limit, reserve)
    for rr in rrs:
        if page.take(rr):
            continue
        if not page.empty:
            wire, ctx = _seal(page, signed, now, ctx)
            yield wire
        page = Page(later, limit, reserve)
        if not page.take(rr):  # a record longer than the limit has a message of its own
            page = Page(later, _LONGEST, reserve)
            if not page.take(rr):
                raise ValueError(f"a record of {rr[0]} is longer than a message may be")
    wire, ctx = _seal(page, signed, now, ctx)
    yield wire


def _seal(page: Page, signed: Signed | None, now: int, ctx: Any) -> tuple[bytes, Any]:
    if signed is None:
        return page.wire(), None
    return tsig.sign(page.wire(), signed, now, ctx, multi=True)
