"""The quick reader of answers with one RRset: octets in; declines whatever is not usual.

Servers shuffle the records of an RRset at every answer (BIND's ``rrset-order``), and with them the compression of the
names in them, so that equal answers need not be equal octets: ``fingerprint`` tells whether two of them say the same.
What it reads it reads exactly as the complete reader does (``response.read``).
"""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import dns.ipv6
import dns.rdatatype

from checks.model import RrSet, Shape
from monitor.probe.message import canonical, edns
from monitor.probe.message import wire as wire_format
from monitor.probe.message.request import SOA, name_text
from monitor.probe.message.response import MAX_RECORDS, Answer, rcode_text
from monitor.probe.message.soa_response import AAAA, IN, NS, UNUSUAL, A, is_asked, skip_name
from monitor.probe.message.wire import FIXED, HEADER, OPT, Malformed

_ONE_NAME = frozenset({2, 12, 39})
"""NS, PTR, DNAME: rdata that is a name and nothing else."""

_MX = 15

_NO_NAMES = frozenset({1, 16, 28, 43, 44, 48, 52, 59, 60, 99, 257})
"""A, TXT, AAAA, DS, SSHFP, DNSKEY, TLSA, CDS, CDNSKEY, SPF, CAA: rdata without names, which is as it is anywhere."""

AA = 0x0400
TIMERS = 20
"""Octets of a SOA record after its names."""

_SIZES = {A: 4, AAAA: 16}


_NOTHING = edns.EdnsOptions()


@dataclass(frozen=True, slots=True)
class RrsetOutline:
    """A well-formed answer with the RRset that was asked for, and no other record in its answer section; or with none,
    because there is no such RRset, or no such name: then the SOA beside it says nothing of that.

    ``records`` are TTL and rdata of each, in order, with names in full and in lower case; ``opt`` is the OPT record
    but for its owner. ``referral``: NS records stand where the SOA would, in an answer that may be none.
    """

    flags: int
    section: bytes
    records: tuple[tuple[int, bytes], ...]
    opt: bytes
    referral: bool = False

    def fingerprint(self) -> int:
        """What stands for all that it says; 0 of a referral, which is for others to read. Answers whose fingerprints
        are equal are equal Answers.
        """
        if self.referral:
            return 0
        return hash((self.flags, self.section, self.records, self.opt)) or 1

    @property
    def type(self) -> int:
        return self.section[-4] << 8 | self.section[-3]


def rrset_outline(wire: bytes, section: bytes) -> RrsetOutline | None:  # noqa: C901  # one walk; calls would cost more
    """Walks over the whole message; ``section`` is the question section as it was asked, in lower case.

    None: it is not well formed, or not of the usual; the complete reader is to say which. Sections beside the answer
    are only walked to their end.
    """
    size, at = len(wire), HEADER.size + len(section)
    if size < at or wire[HEADER.size : at] != section:
        return None
    _, flags, questions, answers, authorities, additionals = HEADER.unpack_from(wire)
    if flags & 0xFA00 != 0x8000 or questions != 1:
        return None
    asked = section[-4] << 8 | section[-3]
    if answers and asked not in _NO_NAMES and asked not in _ONE_NAME and asked != _MX:
        return None
    known: dict[int, int] = {}
    if skip_name(wire, HEADER.size, at, known) == UNUSUAL:
        return None
    records: list[tuple[int, bytes]] = []
    opt = b""
    delegates = starts = False
    for number in range(answers + authorities + additionals):
        start = at
        if wire[at : at + 2] == b"\xc0\x0c":
            at += 2
        elif (at := skip_name(wire, at, size, known)) == UNUSUAL:
            return None
        if at + FIXED.size > size:
            return None
        rtype, rclass, ttl, length = FIXED.unpack_from(wire, at)
        at += FIXED.size
        end = at + length
        if end > size:
            return None
        if rtype == OPT:
            if number < answers + authorities or opt or wire[start]:
                return None
            opt = wire[start + 1 : end]
        elif rclass != IN:
            return None
        elif number < answers:
            if rtype != asked or not is_asked(wire, start, section):
                return None
            if rtype in _NO_NAMES:
                if length != _SIZES.get(rtype, length):
                    return None
                rdata = wire[at:end]
            else:
                before = 2 if rtype == _MX else 0
                if skip_name(wire, at + before, end, known) != end:
                    return None
                rdata = wire[at : at + before] + wire_format.name(wire, at + before, end)[0]
            records.append((ttl, rdata))
        elif rtype == NS:
            if skip_name(wire, at, end, known) != end:
                return None
            delegates = delegates or number < answers + authorities
        elif rtype == SOA:
            position = skip_name(wire, at, end, known)
            position = UNUSUAL if position == UNUSUAL else skip_name(wire, position, end, known)
            if position == UNUSUAL or position + TIMERS != end:
                return None
            starts = starts or number < answers + authorities
        elif length != _SIZES.get(rtype):
            return None
        at = end
    if at != size:
        return None
    referral = delegates and not starts and not records and not flags & AA
    return RrsetOutline(flags, section, tuple(sorted(records)), opt, referral)


def to_answer(text: str, found: RrsetOutline) -> Answer | None:
    """The values of what was outlined, ``text`` being the name that was asked for, as ``name_text`` writes it.

    None where it takes more to tell what they amount to: of types whose text is not as simple as a name or an address.
    """
    if (found.records and found.type not in _TEXTS) or len(found.records) > MAX_RECORDS or found.referral:
        return None
    options, upper = _NOTHING, 0
    if found.opt:
        upper = found.opt[4]
        try:
            options = edns.options(found.opt[FIXED.size :])
        except Malformed:
            return None
    rcode = rcode_text(upper << 4 | found.flags & 15)
    if not found.records:
        shape = Shape.NODATA if rcode in ("NOERROR", "NXDOMAIN") else None
        return Answer(rcode, bool(found.flags & AA), False, shape, options=options)
    written = _TEXTS[found.type]
    rdata = canonical.ordered(written(octets) for _, octets in found.records)
    ttl = min(ttl if ttl < 0x80000000 else 0 for ttl, _ in found.records)  # RFC 2181 section 8
    rtype = dns.rdatatype.to_text(dns.rdatatype.RdataType.make(found.type))
    return Answer(
        rcode, bool(found.flags & AA), False, Shape.RECORDS, None,
        RrSet(text, rtype, ttl, rdata), options, records=len(found.records),
    )  # fmt: skip


def _exchange(octets: bytes) -> str:
    return f"{int.from_bytes(octets[:2], 'big')} {name_text(octets[2:])}"


_TEXTS: Mapping[int, Callable[[bytes], str]] = {
    A: socket.inet_ntoa,
    AAAA: dns.ipv6.inet_ntoa,
    _MX: _exchange,
    **dict.fromkeys(_ONE_NAME, name_text),
}
