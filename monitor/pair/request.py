"""Reads a request, and says what can be said of it before any zone is looked at."""

import struct
from dataclasses import dataclass

import dns.edns
import dns.flags
import dns.message
import dns.opcode
from dns.message import Message
from dns.name import Name
from dns.opcode import Opcode
from dns.rcode import Rcode
from dns.rdatatype import RdataType

HEADER = 12
_RECORDS = 16
"""No request needs more; ten thousand names that lead through each other by compression take a while to read."""
PAYLOAD = 1232
"""The largest answer sent over UDP, and what we say we take."""


@dataclass(frozen=True, slots=True)
class Request:
    """A question that was understood. ``wire`` is kept for its signature."""

    message: Message
    wire: bytes
    opcode: Opcode
    name: Name
    rdclass: int
    rdtype: RdataType

    @property
    def options(self) -> frozenset[int]:
        return frozenset(option.otype for option in self.message.options)


def read(wire: bytes) -> Request | Rcode | None:
    """The request; or with which rcode to answer its bare header; or None: there is nothing to answer.

    Answers and fragments of a header get silence, as anything else would make two servers talk for ever.
    """
    if len(wire) < HEADER or wire[2] & 0x80:
        return None
    opcode = dns.opcode.from_flags(int.from_bytes(wire[2:4], "big"))
    if opcode not in (Opcode.QUERY, Opcode.NOTIFY):
        return Rcode.NOTIMP
    questions, *records = struct.unpack_from("!HHHH", wire, 4)
    if questions != 1 or sum(records) > _RECORDS:
        return Rcode.FORMERR
    try:
        message = dns.message.from_wire(wire, keyring=lambda *_: False, ignore_trailing=True)
    except Exception:  # noqa: BLE001 - dnspython lets UnicodeDecodeError, struct.error and others through here
        return Rcode.FORMERR
    asked = message.question[0]
    return Request(message, wire, opcode, asked.name, asked.rdclass, asked.rdtype)


def bare(wire: bytes, rcode: Rcode) -> bytes:
    """The header of an answer and nothing else: id, opcode and RD as they came (RFC 1035 section 4.1.1)."""
    return wire[:2] + bytes((0x80 | wire[2] & 0x79, rcode)) + bytes(8)


def reply(request: Request, rcode: Rcode = Rcode.NOERROR, *options: dns.edns.Option) -> Message:
    """An answer without records. EDNS if the request had it (RFC 6891 section 6.1.1), ``options`` only then."""
    message = dns.message.QueryMessage(id=request.message.id)
    message.flags = dns.flags.QR | dns.opcode.to_flags(request.opcode) | request.message.flags & dns.flags.RD
    message.question = list(request.message.question)
    if request.message.edns >= 0:
        message.use_edns(0, request.message.ednsflags & dns.flags.DO, PAYLOAD, options=list(options))
    if request.message.edns >= 0 or rcode < 16:
        message.set_rcode(rcode)
    return message
