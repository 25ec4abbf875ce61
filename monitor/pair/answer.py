"""Reads a question and answers it as an authoritative server does (RFC 1034 section 4.3.2, RFC 4592)."""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rdataclass
import dns.rrset
from dns.edns import EDECode, EDEOption, GenericOption, NSIDOption, Option, OptionType
from dns.message import Message
from dns.name import Name
from dns.opcode import Opcode
from dns.rcode import Rcode
from dns.rdataset import Rdataset
from dns.rdatatype import RdataType

from monitor.pair.zonedata import Condition, Served, ZoneData, ZoneLookup

HEADER = 12
PAYLOAD = 1232
"""The largest answer sent over UDP, and what we say we take."""
_MOST_RECORDS = 16
"""No request needs more; ten thousand names that lead through each other by compression take a while to read."""
_MOST_ALIASES = 8
_TARGETS = {RdataType.NS: "target", RdataType.MX: "exchange", RdataType.SRV: "target"}
_EXPIRABLE = (RdataType.SOA, RdataType.AXFR, RdataType.IXFR)
ZONEVERSION = OptionType.make(19)
SOA_SERIAL = 0
UNSERVED = {
    Condition.NOT_LOADED: (EDECode.NOT_READY, "zone is configured but not loaded"),
    Condition.EXPIRED: (EDECode.INVALID_DATA, "zone has expired"),
}
"""What RFC 8914 calls the reasons for a SERVFAIL."""


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """A question that was understood."""

    message: Message
    opcode: Opcode
    name: Name
    rdclass: int
    rdtype: RdataType


def read(wire: bytes) -> ParsedRequest | Rcode | None:
    """The request; or with which rcode to answer its bare header; or None: there is nothing to answer.

    Answers and fragments of a header are not answered: two servers would answer each other for ever.
    """
    if len(wire) < HEADER or wire[2] & 0x80:
        return None
    opcode = dns.opcode.from_flags(int.from_bytes(wire[2:4], "big"))
    if opcode not in (Opcode.QUERY, Opcode.NOTIFY):
        return Rcode.NOTIMP
    questions, *records = struct.unpack_from("!HHHH", wire, 4)
    if questions != 1 or sum(records) > _MOST_RECORDS:
        return Rcode.FORMERR
    try:
        message = dns.message.from_wire(wire, keyring=lambda *_: False, ignore_trailing=True)
    except Exception:  # noqa: BLE001 - dnspython lets UnicodeDecodeError, struct.error and others through here
        return Rcode.FORMERR
    asked = message.question[0]
    return ParsedRequest(message, opcode, asked.name, asked.rdclass, asked.rdtype)


def bare(wire: bytes, rcode: Rcode) -> bytes:
    """The header of an answer and nothing else: id, opcode and RD as they came (RFC 1035 section 4.1.1)."""
    return wire[:2] + bytes((0x80 | wire[2] & 0x79, rcode)) + bytes(8)


def reply(request: ParsedRequest, rcode: Rcode = Rcode.NOERROR, *options: Option) -> Message:
    """An answer without records. EDNS if the request had it (RFC 6891 section 6.1.1), ``options`` only then."""
    message = dns.message.make_response(request.message, our_payload=PAYLOAD, pad=0)
    edns = request.message.edns >= 0
    if edns:
        message.use_edns(0, request.message.ednsflags & dns.flags.DO, PAYLOAD, options=list(options))
    if edns or rcode < 16:
        message.set_rcode(rcode)
    return message


def answer(request: ParsedRequest, zones: ZoneLookup, nsid: str) -> Message:
    """The answer to a query that is no transfer, unsigned. Pure; every request has one."""
    message, served = _answered(request, zones)
    if message.edns >= 0:
        options = [*message.options, *_options(request, nsid, served)]
        message.use_edns(0, message.ednsflags, message.payload, options=options)
    return message


def _answered(request: ParsedRequest, zones: ZoneLookup) -> tuple[Message, Served | None]:
    """The answer, and the zone that it is from."""
    if request.message.edns > 0:  # a version to come (RFC 6891 section 6.1.3)
        return reply(request, Rcode.BADVERS), None
    if request.rdclass != dns.rdataclass.IN or request.rdtype in (RdataType.OPT, RdataType.TSIG, RdataType.TKEY):
        return reply(request, Rcode.REFUSED), None
    served = _closest(zones, request.name)
    if served is None:
        return reply(request, Rcode.REFUSED, EDEOption(EDECode.NOT_AUTHORITATIVE)), None
    if served.data is None:
        return reply(request, Rcode.SERVFAIL, EDEOption(*UNSERVED[served.condition])), None
    message = reply(request)
    _resolve(message, served.data, request.name, request.rdtype)
    return message, served


def _options(request: ParsedRequest, nsid: str, served: Served | None) -> Iterator[Option]:
    """NSID when asked for (RFC 5001); EXPIRE when asked for beside the zone's SOA (RFC 7314 section 3); ZONEVERSION
    when asked for and there is an answer from a zone (RFC 9660 section 3.2).
    """
    asked = {option.otype for option in request.message.options}
    if OptionType.NSID in asked:
        yield NSIDOption(nsid.encode())
    expire = None if served is None or served.origin != request.name else served.expire
    if OptionType.EXPIRE in asked and request.rdtype in _EXPIRABLE and expire is not None:
        yield GenericOption(OptionType.EXPIRE, expire.to_bytes(4, "big"))
    wanted = any(option.otype == ZONEVERSION and not option.to_wire() for option in request.message.options)
    if wanted and served is not None and served.data is not None:
        version = bytes((len(served.origin) - 1, SOA_SERIAL)) + served.data.serial.to_bytes(4, "big")
        yield GenericOption(ZONEVERSION, version)


def _closest(zones: ZoneLookup, name: Name) -> Served | None:
    """The zone nearest above the name (RFC 1034 section 4.3.2, step 2)."""
    while True:
        served = zones(name)
        if served is not None or name == dns.name.root:
            return served
        name = name.parent()


def _resolve(message: Message, data: ZoneData, name: Name, rdtype: RdataType) -> None:
    """Fills the sections, following aliases inside the zone."""
    message.flags |= dns.flags.AA
    for _ in range(_MOST_ALIASES):
        cut = data.cut(name)
        if cut is not None and not (cut == name and rdtype == RdataType.DS):  # DS is ours: RFC 4035 section 3.1.4.1
            _refer(message, data, cut)
            return
        dname = _dname_above(data, name)
        if dname is not None:
            target = _redirect(message, dname, name)
            if target is None or rdtype in (RdataType.CNAME, RdataType.ANY) or not _goes_on(message, data, target):
                return
            name = target
            continue
        owner = _source(data, name)
        if owner is None:
            message.set_rcode(Rcode.NXDOMAIN)
            _deny(message, data)
            return
        found = _matching(data, owner, rdtype)
        _add(message.answer, name, found)
        if not found:
            _deny(message, data)
            return
        if found[0].rdtype != RdataType.CNAME or rdtype in (RdataType.CNAME, RdataType.ANY):
            _add_addresses(message, data, found)
            return
        name = found[0][0].target
        if not _goes_on(message, data, name):
            return


def _add(section: list[dns.rrset.RRset], name: Name, found: Iterable[Rdataset]) -> None:
    """RRsets under the owner name that was asked for, so that its letters are those of the question."""
    section.extend(dns.rrset.from_rdata_list(name, rdataset.ttl, list(rdataset)) for rdataset in found)


def _goes_on(message: Message, data: ZoneData, name: Name) -> bool:
    """Whether an alias leads on inside the zone, and not to where we have been."""
    return name.is_subdomain(data.origin) and all(done.name != name for done in message.answer)


def _dname_above(data: ZoneData, name: Name) -> dns.rrset.RRset | None:
    """The DNAME nearest to the origin above the name (RFC 6672 section 3.2); the owner itself is not moved."""
    for depth in range(len(data.origin.labels), len(name.labels)):
        above = name.split(depth)[1]
        for found in data.find(above, RdataType.DNAME):
            return dns.rrset.from_rdata_list(above, found.ttl, list(found))
    return None


def _redirect(message: Message, dname: dns.rrset.RRset, name: Name) -> Name | None:
    """Adds the DNAME and the CNAME made from it (RFC 6672 section 3.1); None when the new name is too long."""
    message.answer.append(dname)
    try:
        target = name.relativize(dname.name).derelativize(dname[0].target)
    except dns.name.NameTooLong:
        message.set_rcode(Rcode.YXDOMAIN)
        return None
    message.answer.append(dns.rrset.from_text(name, dname.ttl, "IN", "CNAME", target.to_text()))
    return Name(target.labels)


def _source(data: ZoneData, name: Name) -> Name | None:
    """Where the records for the name are: itself, or the wildcard at its closest encloser (RFC 4592 section 3.3)."""
    encloser = data.closest_encloser(name)
    if encloser == name:
        return name
    wildcard = Name((b"*", *encloser.labels))
    return wildcard if data.closest_encloser(wildcard) == wildcard else None


def _matching(data: ZoneData, owner: Name, rdtype: RdataType) -> tuple[Rdataset, ...]:
    """ANY gets one RRset (RFC 8482 section 4.1); an alias answers for all types."""
    if rdtype == RdataType.ANY:
        return data.at(owner)[:1]
    return data.find(owner, rdtype) or data.find(owner, RdataType.CNAME)


def _refer(message: Message, data: ZoneData, cut: Name) -> None:
    """A referral has no AA, unless an alias of ours led to it (RFC 1034 section 4.3.2, step 3b)."""
    if not message.answer:
        message.flags &= ~dns.flags.AA
    delegation = data.find(cut, RdataType.NS)
    _add(message.authority, cut, (*delegation, *data.find(cut, RdataType.DS)))
    _add_addresses(message, data, delegation)


def _deny(message: Message, data: ZoneData) -> None:
    """The SOA with the TTL of the denial (RFC 2308 section 3)."""
    ttl = min(data.soa_rrset.ttl, data.soa.minimum)
    message.authority.append(dns.rrset.from_rdata(data.origin, ttl, data.soa))


def _add_addresses(message: Message, data: ZoneData, found: tuple[Rdataset, ...]) -> None:
    """Addresses of the names that the records point to, as far as they are ours to give."""
    for rdataset in found:
        field = _TARGETS.get(rdataset.rdtype)
        for target in [getattr(rdata, field) for rdata in rdataset] if field else ():
            for rdtype in (RdataType.A, RdataType.AAAA):
                _add(message.additional, target, data.find(target, rdtype))
