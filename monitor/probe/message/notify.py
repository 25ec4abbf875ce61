"""NOTIFY (RFC 1996): reads one, and writes what answers it. No socket, and nobody to permit anything.

The reader is the quick one of transfers (``wire.py``): what is sent by the thousand must cost little. It is
compared with dnspython in tests/unit/probe/test_notify_message.py.
"""

import struct
from dataclasses import dataclass

from dns.opcode import Opcode
from dns.rcode import Rcode

from monitor.probe.message.request import IN, PAYLOAD, name_text
from monitor.probe.message.wire import HEADER, OPT, SOA, TSIG, Malformed, frames, header, name, record

MAX_SIZE = 4096
"""Octets of a request. A name, a SOA record and a TSIG with the longest names there are have not even half as many."""

OPCODE = int(Opcode.NOTIFY)
QR, AA, RD = 0x8000, 0x0400, 0x0100
_OPT_RECORD = struct.Struct("!BHHIH")
_QUESTION = struct.Struct("!HH")
_SERIAL = struct.Struct("!I")


@dataclass(frozen=True, slots=True)
class NotifyRequest:
    """What a NOTIFY says. ``zone`` is its QNAME as absolute text, lower case and escaped; ``question`` the octets of
    the question section; ``edns`` the version of EDNS, None without it.

    ``serial`` is that of a SOA record of the zone in the answer section: a hint that nobody need believe (RFC 1996
    section 3.7). ``signed``: its last record is a TSIG, which nobody has verified.
    """

    wire: bytes
    zone: str
    type: int
    rclass: int
    question: bytes
    serial: int | None = None
    edns: int | None = None
    signed: bool = False

    @property
    def is_for_soa(self) -> bool:
        """Whether it is about the version of a zone; all other types (RFC 9859) are about something else."""
        return self.type == SOA and self.rclass == IN


def is_request(wire: bytes) -> bool:
    """Whether there is a header, and it is none of a response: those are never answered, lest two answer each other
    for ever.
    """
    return len(wire) >= HEADER.size and not wire[2] & 0x80


def is_notify(wire: bytes) -> bool:
    """Whether the opcode of a request is NOTIFY."""
    return wire[2] >> 3 & 15 == OPCODE


def read_notify(wire: bytes) -> NotifyRequest:
    """Reads a request whose opcode is NOTIFY. Raises Malformed: that is a FORMERR."""
    head = header(wire)
    if head.questions != 1:
        raise Malformed(f"{head.questions} questions")
    qname, end = name(wire, HEADER.size, len(wire))
    if end != HEADER.size + len(qname) or end + _QUESTION.size > len(wire):
        raise Malformed("a question that cannot be repeated")
    qtype, qclass = _QUESTION.unpack_from(wire, end)
    end += _QUESTION.size
    serial, edns, signed = None, None, False
    last = head.answers + head.authorities + head.additionals - 1
    for number, (start, fixed, _) in enumerate(frames(wire, head)):
        rtype = int.from_bytes(wire[fixed : fixed + 2], "big")
        if signed:
            raise Malformed("a record after the TSIG")
        if rtype == SOA and number < head.answers and serial is None:
            serial = _serial(wire, start, qname)
        elif rtype == OPT:
            if edns is not None or number < head.answers + head.authorities or wire[start]:
                raise Malformed("an OPT record out of place")
            edns = wire[fixed + 5]
        elif rtype == TSIG:
            if number != last or not head.additionals:
                raise Malformed("a TSIG out of place")
            signed = True
    return NotifyRequest(wire, name_text(qname), qtype, qclass, wire[HEADER.size : end], serial, edns, signed)


def _serial(wire: bytes, start: int, zone: bytes) -> int | None:
    """The serial of a SOA record; None if it is of another zone."""
    soa = record(wire, start)
    _, after = name(wire, soa.rdata, soa.end)
    _, after = name(wire, after, soa.end)
    if after + 20 != soa.end:
        raise Malformed("a SOA record of another length")
    if soa.owner != zone or soa.rclass != IN:
        return None
    serial: int = _SERIAL.unpack_from(wire, after)[0]
    return serial


def response(request: NotifyRequest, rcode: Rcode) -> bytes:
    """The response (RFC 1996 section 4.7): the same id and question, AA where the NOTIFY is taken, and EDNS where the
    request had it (RFC 6891 section 6.1.1). Never longer than the request.
    """
    flags = QR | OPCODE << 11 | int.from_bytes(request.wire[2:4], "big") & RD | rcode & 15
    if rcode == Rcode.NOERROR:
        flags |= AA
    opt = b"" if request.edns is None else _OPT_RECORD.pack(0, OPT, PAYLOAD, rcode >> 4 << 24, 0)
    head = request.wire[:2] + struct.pack("!HHHHH", flags, 1, 0, 0, 1 if opt else 0)
    return head + request.question + opt


def format_error(wire: bytes) -> bytes:
    """The header of a response with FORMERR, to a request that cannot be read."""
    flags = QR | OPCODE << 11 | int.from_bytes(wire[2:4], "big") & RD | Rcode.FORMERR
    return wire[:2] + flags.to_bytes(2, "big") + bytes(8)
