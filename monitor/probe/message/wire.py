"""The quick reader of transfers: walks over a message without making values of it.

A record of a transfer takes a few microseconds so, and forty by ``dns.message``; there may be millions. What it says
is compared with dnspython in tests/integration/probe/test_transfer_fuzz.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from struct import error as struct_error

from checks.model import Outcome

HEADER = Struct("!HHHHHH")
FIXED = Struct("!HHIH")
"""Type, class, TTL and length of rdata (RFC 1035 section 4.1.3)."""

MAX_POINTERS = 127
"""As many as a name has labels (RFC 1035 section 2.3.4): names that lie one below the other may be written so."""

SOA, OPT, TSIG = 6, 41, 250


class Malformed(Exception):
    """The octets are no DNS message; the sentence says why."""

    outcome = Outcome.MALFORMED


@dataclass(frozen=True, slots=True)
class Header:
    """RFC 1035 section 4.1.1."""

    id: int
    flags: int
    questions: int
    answers: int
    authorities: int
    additionals: int

    @property
    def authoritative(self) -> bool:
        return bool(self.flags & 0x0400)

    @property
    def truncated(self) -> bool:
        return bool(self.flags & 0x0200)

    @property
    def rcode(self) -> int:
        """Without the upper bits that EDNS holds."""
        return self.flags & 15


@dataclass(frozen=True, slots=True)
class Record:
    """A resource record in place: ``start`` is where its owner begins, ``rdata`` where its ``length`` octets do."""

    owner: bytes
    type: int
    rclass: int
    ttl: int
    start: int
    rdata: int
    length: int

    @property
    def end(self) -> int:
        return self.rdata + self.length


def header(wire: bytes) -> Header:
    if len(wire) < HEADER.size:
        raise Malformed("shorter than a header")
    return Header(*HEADER.unpack_from(wire))


def name(wire: bytes, start: int, limit: int) -> tuple[bytes, int]:
    """A name in lower case, uncompressed, and where it ends.

    Pointers must point back, one before the other, and not into what was already read (RFC 1035 section 4.1.4).
    """
    parts: list[bytes] = []
    position = segment = start
    size, pointers, after = 1, 0, -1
    while True:
        if position >= limit:
            raise Malformed("a name runs out of its place")
        length = wire[position]
        if not length:
            break
        if length < 64:
            position += 1
            if position + length > limit:
                raise Malformed("a label runs out of its place")
            parts.append(wire[position - 1 : position + length])
            position += length
            size += length + 1
        elif length >= 192:
            if position + 2 > limit:
                raise Malformed("a pointer runs out of its place")
            target = (length & 63) << 8 | wire[position + 1]
            pointers += 1
            if target >= segment or pointers > MAX_POINTERS:
                raise Malformed("a compression pointer leads nowhere")
            if after < 0:
                after = position + 2
            limit, position, segment = segment, target, target
        else:
            raise Malformed(f"label type {length >> 6}")
    if size > 255:
        raise Malformed("a name is longer than 255 octets")
    parts.append(b"\0")
    return b"".join(parts).lower(), position + 1 if after < 0 else after


def under(name: bytes, zone: bytes) -> bool:
    """At or below; both in lower case on the wire, so that labels can be cut off from the left."""
    while len(name) > len(zone):
        name = name[name[0] + 1 :]
    return name == zone


def record(wire: bytes, start: int, first: bytes = b"") -> Record:
    """The record at ``start``; ``first`` is the name at offset 12, where most owners point to."""
    if first and wire[start : start + 2] == b"\xc0\x0c":
        owner, position = first, start + 2
    else:
        owner, position = name(wire, start, len(wire))
    rdata = position + FIXED.size
    if rdata > len(wire):
        raise Malformed("a record runs out of the message")
    rtype, rclass, ttl, length = FIXED.unpack_from(wire, position)
    if rdata + length > len(wire):
        raise Malformed("a record is longer than the message")
    if ttl >= 0x80000000 and rtype != OPT:  # RFC 2181 section 8; in an OPT record it is no TTL
        ttl = 0
    return Record(owner, rtype, rclass, ttl, start, rdata, length)


@dataclass(frozen=True, slots=True)
class MessageOutline:
    """A message of a transfer without its records: where SOA records stand in the answer section, and the TSIG.

    ``soas`` are (index among the answers, offset of the record).
    """

    header: Header
    soas: tuple[tuple[int, int], ...]
    tsig: int | None


def outline(wire: bytes) -> MessageOutline:
    """Quick: looks at the frame of every record, not into rdata. Raises Malformed when the frame does not hold."""
    head = header(wire)
    last = head.answers + head.authorities + head.additionals - 1
    soas: list[tuple[int, int]] = []
    tsig: int | None = None
    for number, (start, fixed, _) in enumerate(frames(wire, head)):
        rtype = wire[fixed] << 8 | wire[fixed + 1]
        if rtype == SOA and number < head.answers:
            soas.append((number, start))
        elif rtype == TSIG and number == last:
            tsig = start
    return MessageOutline(head, tuple(soas), tsig)


def frames(wire: bytes, head: Header) -> Iterator[tuple[int, int, int]]:
    """Of every record where it begins, where its type stands, and where it ends; they fill the message.

    Raises Malformed when one does not fit. Names are passed over, not read.
    """
    position, end = HEADER.size, len(wire)
    try:
        for _ in range(head.questions):
            position = _skip(wire, position) + 4
        for _ in range(head.answers + head.authorities + head.additionals):
            start = position
            fixed = start + 2 if wire[start] >= 192 else _skip(wire, start)
            position = fixed + FIXED.size + FIXED.unpack_from(wire, fixed)[3]
            if position > end:
                raise Malformed("a record is longer than the message")
            yield start, fixed, position
    except (IndexError, struct_error):
        raise Malformed("a record runs out of the message") from None
    if position != end:
        raise Malformed(f"{end - position} octets too many")


def _skip(wire: bytes, position: int) -> int:
    while length := wire[position]:
        if length >= 192:
            return position + 2
        if length > 63:
            raise Malformed(f"label type {length >> 6}")
        position += length + 1
    return position + 1
