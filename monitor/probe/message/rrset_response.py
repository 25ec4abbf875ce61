"""The quick reader of answers with one RRset: tells whether two of them say the same, in whatever order.

Servers shuffle the records of an RRset at every answer (BIND's ``rrset-order``), and with them the compression of the
names in them, so that equal answers need not be equal octets.
"""

from monitor.probe.message import wire as walk
from monitor.probe.message.soa_response import AAAA, IN, NS, UNUSUAL, A, is_asked, skip_name
from monitor.probe.message.wire import FIXED, HEADER, OPT

_ONE_NAME = frozenset({2, 12, 39})
"""NS, PTR, DNAME: rdata that is a name and nothing else."""

_MX = 15

_NO_NAMES = frozenset({1, 16, 28, 43, 44, 48, 52, 59, 60, 99, 257})
"""A, TXT, AAAA, DS, SSHFP, DNSKEY, TLSA, CDS, CDNSKEY, SPF, CAA: rdata without names, which is as it is anywhere."""

_SIZES = {A: 4, AAAA: 16}


def rrset_fingerprint(wire: bytes, section: bytes) -> int:  # noqa: C901  # one walk; calls would cost more than it
    """What stands for all that an answer with the RRset that was asked for says; 0 where it is not of the usual.

    ``section`` is the question section as it was asked, in lower case. Two answers whose fingerprints are equal, one of
    which the complete reader has read, are equal Answers to one question: flags, rcode, the records of the answer
    section with their TTLs in any order, and the OPT record. The other sections are only walked to their end.
    """
    size, at = len(wire), HEADER.size + len(section)
    if size < at or wire[HEADER.size : at] != section:
        return 0
    _, flags, questions, answers, authorities, additionals = HEADER.unpack_from(wire)
    if flags & 0xFA00 != 0x8000 or questions != 1 or not answers:
        return 0
    asked = section[-4] << 8 | section[-3]
    if asked not in _NO_NAMES and asked not in _ONE_NAME and asked != _MX:
        return 0
    known: dict[int, int] = {}
    if skip_name(wire, HEADER.size, at, known) == UNUSUAL:
        return 0
    records: list[tuple[int, bytes]] = []
    opt = b""
    for number in range(answers + authorities + additionals):
        start = at
        if wire[at : at + 2] == b"\xc0\x0c":
            at += 2
        elif (at := skip_name(wire, at, size, known)) == UNUSUAL:
            return 0
        if at + FIXED.size > size:
            return 0
        rtype, rclass, ttl, length = FIXED.unpack_from(wire, at)
        at += FIXED.size
        end = at + length
        if end > size:
            return 0
        if rtype == OPT:
            if number < answers + authorities or opt or wire[start]:
                return 0
            opt = wire[start:end]
        elif rclass != IN:
            return 0
        elif number < answers:
            if rtype != asked or not is_asked(wire, start, section):
                return 0
            if rtype in _NO_NAMES:
                rdata = wire[at:end]
            else:
                before = 2 if rtype == _MX else 0
                if skip_name(wire, at + before, end, known) != end:
                    return 0
                rdata = wire[at : at + before] + walk.name(wire, at + before, end)[0]
            records.append((ttl, rdata))
        elif rtype == NS:
            if skip_name(wire, at, end, known) != end:
                return 0
        elif length != _SIZES.get(rtype):
            return 0
        at = end
    if at != size:
        return 0
    records.sort()
    return hash((flags, section, tuple(records), opt)) or 1
