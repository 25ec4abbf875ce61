"""Answers a question as an authoritative server does (RFC 1034 section 4.3.2, RFC 4592)."""

import dns.flags
import dns.name
import dns.rdataclass
import dns.rrset
from dns.edns import EDECode, EDEOption, GenericOption, NSIDOption, OptionType
from dns.message import Message
from dns.name import Name
from dns.rcode import Rcode
from dns.rdataset import Rdataset
from dns.rdatatype import RdataType

from monitor.pair.behaviour import Condition
from monitor.pair.render import rrset
from monitor.pair.request import Request, reply
from monitor.pair.zone_copy import Served, Zones
from monitor.pair.zonedata import ZoneData

_CHAIN = 8
"""How many CNAMEs are followed."""
_TARGETS = {RdataType.NS: "target", RdataType.MX: "exchange", RdataType.SRV: "target"}
WHY = {
    Condition.NOT_LOADED: (EDECode.NOT_READY, "zone is configured but not loaded"),
    Condition.EXPIRED: (EDECode.INVALID_DATA, "zone has expired"),
}
"""What RFC 8914 calls the reasons for a SERVFAIL."""


def answer(request: Request, zones: Zones, nsid: str) -> Message:
    """The answer to a query that is no transfer, unsigned. Pure; every request has one."""
    if request.rdclass != dns.rdataclass.IN or request.rdtype in (RdataType.OPT, RdataType.TSIG, RdataType.TKEY):
        return _with_options(reply(request, Rcode.REFUSED), request, nsid, None)
    served = _closest(zones, request.name)
    if served is None:
        why = EDEOption(EDECode.NOT_AUTHORITATIVE)
        return _with_options(reply(request, Rcode.REFUSED, why), request, nsid, None)
    if served.data is None:
        why = EDEOption(*WHY[served.condition])
        return _with_options(reply(request, Rcode.SERVFAIL, why), request, nsid, None)
    message = reply(request)
    _resolve(message, served.data, request.name, request.rdtype)
    return _with_options(message, request, nsid, served)


def unknown_version(request: Request, nsid: str) -> Message:
    """The answer to an EDNS of a version to come (RFC 6891 section 6.1.3)."""
    return _with_options(reply(request, Rcode.BADVERS), request, nsid, None)


def _closest(zones: Zones, name: Name) -> Served | None:
    """The zone nearest above the name (RFC 1034 section 4.3.2, step 2)."""
    while True:
        served = zones(name)
        if served is not None or name == dns.name.root:
            return served
        name = name.parent()


def _with_options(message: Message, request: Request, nsid: str, served: Served | None) -> Message:
    """NSID when asked for (RFC 5001); EXPIRE when asked for beside the zone's SOA (RFC 7314 section 3)."""
    if request.message.edns < 0:
        return message
    options = list(message.options)
    if OptionType.NSID in request.options:
        options.append(NSIDOption(nsid.encode()))
    asked = OptionType.EXPIRE in request.options and request.rdtype in _EXPIRABLE
    if asked and served is not None and served.expire is not None and request.name == served.origin:
        options.append(GenericOption(OptionType.EXPIRE, served.expire.to_bytes(4, "big")))
    rcode = message.rcode()
    message.use_edns(0, message.ednsflags, message.payload, options=options)
    message.set_rcode(rcode)
    return message


_EXPIRABLE = (RdataType.SOA, RdataType.AXFR, RdataType.IXFR)


def _resolve(message: Message, data: ZoneData, name: Name, rdtype: RdataType) -> None:
    """Fills the sections, following aliases inside the zone."""
    message.flags |= dns.flags.AA
    for _ in range(_CHAIN):
        cut = _cut_above(data, name, rdtype)
        if cut is not None:
            _refer(message, data, cut)
            return
        moved = _dname_above(data, name)
        if moved is not None:
            target = _redirect(message, moved, name)
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
        message.answer.extend(rrset(name, rdataset) for rdataset in found)
        if not found:
            _deny(message, data)
            return
        if found[0].rdtype != RdataType.CNAME or rdtype in (RdataType.CNAME, RdataType.ANY):
            _accompany(message, data, found)
            return
        name = found[0][0].target
        if not _goes_on(message, data, name):
            return


def _goes_on(message: Message, data: ZoneData, name: Name) -> bool:
    """Whether an alias leads on inside the zone, and not to where we have been."""
    return name.is_subdomain(data.origin) and all(done.name != name for done in message.answer)


def _dname_above(data: ZoneData, name: Name) -> dns.rrset.RRset | None:
    """The DNAME nearest to the origin above the name (RFC 6672 section 3.2); the owner itself is not moved."""
    for depth in range(len(data.origin.labels), len(name.labels)):
        above = name.split(depth)[1]
        if above not in data.names:
            return None
        found = data.find(above, RdataType.DNAME)
        if found:
            return rrset(above, found[0])
    return None


def _redirect(message: Message, moved: dns.rrset.RRset, name: Name) -> Name | None:
    """Adds the DNAME and the CNAME made from it (RFC 6672 section 3.1); None when the new name is too long."""
    message.answer.append(moved)
    try:
        target = name.relativize(moved.name).derelativize(moved[0].target)
    except dns.name.NameTooLong:
        message.set_rcode(Rcode.YXDOMAIN)
        return None
    message.answer.append(dns.rrset.from_text(name, moved.ttl, "IN", "CNAME", target.to_text()))
    return Name(target.labels)


def _cut_above(data: ZoneData, name: Name, rdtype: RdataType) -> Name | None:
    """The topmost delegation at or above the name. DS at the cut belongs to us (RFC 4035 section 3.1.4.1)."""
    if not data.cuts:
        return None
    for depth in range(len(data.origin.labels) + 1, len(name.labels) + 1):
        above = name.split(depth)[1]
        if above in data.cuts:
            return None if above == name and rdtype == RdataType.DS else above
    return None


def _source(data: ZoneData, name: Name) -> Name | None:
    """Where the records for the name are: itself, or the wildcard at its closest encloser (RFC 4592 section 3.3)."""
    if name in data.names:
        return name
    while name not in data.names:
        name = name.parent()
    star = dns.name.Name((b"*", *name.labels))
    return star if star in data.names else None


def _matching(data: ZoneData, owner: Name, rdtype: RdataType) -> tuple[Rdataset, ...]:
    """ANY gets one RRset (RFC 8482 section 4.1); an alias answers for all types."""
    if rdtype == RdataType.ANY:
        return data.rrsets.get(owner, ())[:1]
    return data.find(owner, rdtype) or data.find(owner, RdataType.CNAME)


def _refer(message: Message, data: ZoneData, cut: Name) -> None:
    """A referral has no AA, unless an alias of ours led to it (RFC 1034 section 4.3.2, step 3b)."""
    if not message.answer:
        message.flags &= ~dns.flags.AA
    delegation = data.find(cut, RdataType.NS)
    message.authority.extend(rrset(cut, rdataset) for rdataset in delegation)
    message.authority.extend(rrset(cut, rdataset) for rdataset in data.find(cut, RdataType.DS))
    _accompany(message, data, delegation)


def _deny(message: Message, data: ZoneData) -> None:
    """The SOA with the TTL of the denial (RFC 2308 section 3)."""
    soa = rrset(data.origin, data.soa_rrset)
    soa.ttl = min(soa.ttl, data.soa.minimum)
    message.authority.append(soa)


def _accompany(message: Message, data: ZoneData, found: tuple[Rdataset, ...]) -> None:
    """Addresses of the names that the records point to, as far as they are ours to give."""
    for rdataset in found:
        field = _TARGETS.get(rdataset.rdtype)
        for target in [getattr(rdata, field) for rdata in rdataset] if field else ():
            for rdtype in (RdataType.A, RdataType.AAAA):
                message.additional.extend(rrset(target, address) for address in data.find(target, rdtype))


def upward(message: Message) -> Message:
    """The answer made into a referral to the root."""
    message.flags &= ~dns.flags.AA
    message.set_rcode(Rcode.NOERROR)
    servers = [f"{letter}.root-servers.net." for letter in "abcdefghijklm"]
    message.answer, message.additional = [], []
    message.authority = [dns.rrset.from_text(".", 518400, "IN", "NS", *servers)]
    return message
