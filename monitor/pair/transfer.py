"""Renders messages into octets that fit, and zone transfers into as many messages as they take (RFC 5936, RFC 1995)."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.rdataclass
import dns.renderer
import dns.rrset
from dns.edns import EDECode, EDEOption
from dns.message import Message
from dns.rcode import Rcode
from dns.rdatatype import RdataType
from dns.renderer import Renderer

from monitor.pair import zonedata
from monitor.pair.answer import UNSERVED, ParsedRequest, reply
from monitor.pair.behaviour import Transfers
from monitor.pair.zonedata import Rr, Served, ZoneData, ZoneLookup
from monitor.probe.message import tsig_server as tsig
from monitor.probe.message.tsig_server import Signed

LONGEST = 65_535
MESSAGE = 16_384
"""How long one message of a transfer gets: compression offsets reach this far."""
_OPT = 11
_OPTION = 4


def permit(
    request: ParsedRequest, zones: ZoneLookup, policy: Transfers, signed: Signed | None, *, udp: bool
) -> tuple[Served, ZoneData] | Message:
    """The zone to send, or the refusal. A signature that failed has been dealt with before."""
    served = zones(request.name)
    if served is None or request.rdclass != dns.rdataclass.IN:
        return reply(request, Rcode.NOTAUTH, EDEOption(EDECode.NOT_AUTHORITATIVE))
    if policy is Transfers.NONE or (policy is Transfers.KEYED and signed is None):
        return reply(request, Rcode.REFUSED, EDEOption(EDECode.PROHIBITED))
    if request.rdtype == RdataType.AXFR and udp:
        return reply(request, Rcode.FORMERR)  # RFC 5936 section 4.2
    if request.rdtype == RdataType.IXFR and _base(request) is None:
        return reply(request, Rcode.FORMERR)
    if served.data is None:
        return reply(request, Rcode.SERVFAIL, EDEOption(*UNSERVED[served.condition]))
    return served, served.data


def _base(request: ParsedRequest) -> int | None:
    """The serial the client has, from the SOA in the authority section (RFC 1995 section 3)."""
    for rrset in request.message.authority:
        if rrset.rdtype == RdataType.SOA and rrset.name == request.name and len(rrset) == 1:
            return int(rrset[0].serial)
    return None


def records(request: ParsedRequest, served: Served, data: ZoneData, *, udp: bool) -> Iterable[Rr]:
    """What is sent, in order: the zone between two SOAs, or the steps from the client's version, or one SOA."""
    soa = _soa(data)
    if request.rdtype == RdataType.AXFR:
        return chain([soa], data.records(), [soa])
    base = _base(request)
    if udp or base is None or base == data.serial or zonedata.newer(base, data.serial):
        return [soa]  # over UDP it says "use TCP" (RFC 1995 section 4)
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


def messages(
    rrs: Iterable[Rr], first: Message, signed: Signed | None, now: int, limit: int = MESSAGE
) -> Iterator[bytes]:
    """The messages, each signed when the request was. ``first`` has the question and the options of the answer.

    Later messages have an empty question section (RFC 5936 section 2.2.1). Raises ValueError for a record that no
    message can hold.
    """
    later = Message(id=first.id)
    later.flags = first.flags
    head, ctx = first, None
    out = _begin(head, limit, signed)
    _add_questions(out, head)
    for rr in rrs:
        if _add(out, rr):
            continue
        if out.counts[dns.renderer.ANSWER]:
            wire, ctx = _sealed(out, head, signed, now, ctx)
            yield wire
        head, out = later, _begin(later, limit, signed)
        if not _add(out, rr):  # a record longer than the limit has a message of its own
            out = _begin(later, LONGEST, signed)
            if not _add(out, rr):
                raise ValueError(f"a record of {rr[0]} is longer than a message may be")
    yield _sealed(out, head, signed, now, ctx)[0]


def _sealed(out: Renderer, head: Message, signed: Signed | None, now: int, ctx: Any) -> tuple[bytes, Any]:
    wire = _end(out, head)
    return (wire, None) if signed is None else tsig.sign(wire, signed, now, ctx, multi=True)


def render(message: Message, signed: Signed | None, now: int, limit: int) -> bytes:
    """The message in at most ``limit`` octets, signed when the request was.

    What does not fit is left out by whole RRsets; TC says so unless only additional data is missing
    (RFC 2181 section 9). A question that alone is too long for the limit leaves a bare header with TC.
    """
    out = _begin(message, limit, signed)
    try:
        _add_questions(out, message)
        for number, section in ((1, message.answer), (2, message.authority), (3, message.additional)):
            for rrset in section:
                out.add_rrset(number, rrset, want_shuffle=False)
    except dns.exception.TooBig:
        if out.section < dns.renderer.ADDITIONAL:
            out.flags |= dns.flags.TC
    wire = _end(out, message)
    return wire if signed is None else tsig.sign(wire, signed, now)[0]


def _begin(message: Message, limit: int, signed: Signed | None) -> Renderer:
    """A message to be filled; octets for EDNS and the signature are kept free."""
    out = Renderer(message.id, message.flags, limit)
    edns = 0 if message.opt is None else _OPT + sum(_OPTION + len(o.to_wire() or b"") for o in message.options)
    out.reserve(min(limit, edns + tsig.reserve(signed)))
    return out


def _add_questions(out: Renderer, message: Message) -> None:
    for question in message.question:
        out.add_question(question.name, question.rdtype, question.rdclass)


def _add(out: Renderer, rr: Rr) -> bool:
    """Whether the record still fitted."""
    name, ttl, rdata = rr
    try:
        out.add_rrset(dns.renderer.ANSWER, dns.rrset.from_rdata(name, ttl, rdata))
    except dns.exception.TooBig:
        return False
    return True


def _end(out: Renderer, message: Message) -> bytes:
    out.release_reserved()
    if message.opt is not None:
        out.add_opt(message.opt)
    out.write_header()
    return bytes(out.get_wire())
