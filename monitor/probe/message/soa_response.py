"""The quick reader of the usual answers to a question for a SOA: octets in; declines whatever is not usual.

The complete reader, ``response.read``, is dnspython's. This one knows one SOA record, or none, beside NS records,
addresses and EDNS, and says of those exactly what the complete one says, or nothing
(tests/integration/probe/test_wire.py compares them).
"""

from dataclasses import dataclass
from struct import Struct

from checks.model import RrSet, Shape, Soa
from monitor.probe.message import edns
from monitor.probe.message import wire as wire_format
from monitor.probe.message.request import PLAIN_LABEL, SOA, name_text
from monitor.probe.message.response import Answer, rcode_text
from monitor.probe.message.wire import FIXED, HEADER, OPT, Malformed

A, NS, AAAA, IN = 1, 2, 28, 1

UNUSUAL = -1

MAX_QUICK_POINTERS = 16
"""That a usual name is written with."""

_TIMERS = Struct("!IIIII")
_OPTION = Struct("!HH")
_NOTHING = edns.EdnsOptions()


@dataclass(slots=True)
class SoaOutline:
    """Where things are in a well-formed message. An offset of 0 says that there is none of it."""

    flags: int
    rcode: int
    """With the upper bits that EDNS holds."""
    answers: int = 0
    answers_end: int = 0
    """Where the answer section ends."""
    soa: int = 0
    """Where the rdata of the answer's SOA record begins, and where it ends."""
    soa_end: int = 0
    ttl: int = 0
    opt: int = 0
    """Where the OPT record begins, and where it ends."""
    opt_end: int = 0
    expire_offset: int = 0
    """Where the four octets of the EXPIRE are (RFC 7314)."""
    delegates: bool = False
    """The authority section has NS records and no SOA."""

    @property
    def authoritative(self) -> bool:
        return bool(self.flags & 0x0400)


def soa_outline(wire: bytes, section: bytes) -> SoaOutline | None:  # noqa: C901  # one walk; calls would cost more than it
    """Walks over the whole message; ``section`` is the question section as it was asked, in lower case.

    None: it is not well formed, or not of the usual; the complete reader is to say which.
    """
    size = len(wire)
    at = HEADER.size + len(section)
    if size < at or wire[HEADER.size : at] != section:
        return None
    _, flags, questions, answers, authorities, additionals = HEADER.unpack_from(wire)
    if flags & 0xFA00 != 0x8000 or questions != 1 or answers > 1:
        return None
    known: dict[int, int] = {}
    if skip_name(wire, HEADER.size, at, known) == UNUSUAL:
        return None
    found = SoaOutline(flags, flags & 15, answers, at)
    additional = answers + authorities
    delegated = started = False
    for number in range(additional + additionals):
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
            if number < additional or found.opt or wire[start]:
                return None
            found.opt, found.opt_end = start, end
            found.rcode |= ttl >> 24 << 4
            if not _options(wire, at, end, found):
                return None
        elif rclass != IN:
            return None
        elif rtype == NS:
            if number < answers or skip_name(wire, at, end, known) != end:
                return None
            delegated = delegated or number < additional
        elif rtype == SOA:
            position = skip_name(wire, at, end, known)
            if position == UNUSUAL:
                return None
            position = skip_name(wire, position, end, known)
            if position == UNUSUAL or position + _TIMERS.size != end:
                return None
            if number < answers:
                if not is_asked(wire, start, section):
                    return None
                found.soa, found.soa_end = at, end
                found.ttl = ttl if ttl < 0x80000000 else 0  # RFC 2181 section 8
                found.answers_end = end
            else:
                started = started or number < additional
        elif number < answers or length != (4 if rtype == A else 16 if rtype == AAAA else -1):
            return None
        at = end
    if at != size:
        return None
    found.delegates = delegated and not started
    return found


def to_answer(wire: bytes, text: str, found: SoaOutline) -> Answer | None:
    """The values of what was outlined, ``text`` being the name that was asked for, as ``name_text`` writes it.

    None where it takes more to tell what they amount to.
    """
    rcode = rcode_text(found.rcode)
    options = _NOTHING
    if found.opt_end > found.opt + 11:
        try:
            options = edns.options(wire[found.opt + 11 : found.opt_end])
        except Malformed:
            return None
    soa = rrset = shape = None
    if found.soa:
        soa = _soa(wire, text, found)
        timers = f"{soa.serial} {soa.refresh} {soa.retry} {soa.expire} {soa.minimum}"
        rrset = RrSet(text, "SOA", soa.ttl, (f"{soa.mname} {soa.rname} {timers}",))
        shape = Shape.RECORDS
    elif rcode in ("NOERROR", "NXDOMAIN"):
        if found.delegates and not found.authoritative:
            return None  # a referral, upward or not
        shape = Shape.NODATA
    return Answer(rcode, found.authoritative, False, shape, soa, rrset, options, records=found.answers)


def _soa(wire: bytes, text: str, found: SoaOutline) -> Soa:
    mname, position = _name(wire, found.soa, found.soa_end, text)
    rname, position = _name(wire, position, found.soa_end, text)
    serial, refresh, retry, expire, minimum = _TIMERS.unpack_from(wire, position)
    return Soa(serial, mname, rname, refresh, retry, expire, minimum, found.ttl)


def _name(wire: bytes, start: int, limit: int, text: str) -> tuple[str, int]:
    """A name as text, and where it ends; quick for one plain label below the name that was asked for."""
    end = start + 1 + wire[start]
    if wire[end : end + 2] == b"\xc0\x0c" and wire[start] < 64 and text != ".":
        label = wire[start + 1 : end].lower()
        if PLAIN_LABEL.fullmatch(label):
            return f"{label.decode()}.{text}", end + 2
    name, end = wire_format.name(wire, start, limit)
    return name_text(name), end


def is_asked(wire: bytes, start: int, section: bytes) -> bool:
    """Whether the owner at ``start`` is the name that was asked for; no if that takes more to tell."""
    return wire[start : start + 2] == b"\xc0\x0c" or wire.startswith(section[:-4], start)


def _options(wire: bytes, at: int, end: int, found: SoaOutline) -> bool:
    """Finds the EXPIRE. Of two of them, which counts is for the complete reader to say."""
    while at < end:
        if at + 4 > end:
            return False
        code, length = _OPTION.unpack_from(wire, at)
        at += 4
        if code == edns.EXPIRE and length == 4:
            if found.expire_offset:
                return False
            found.expire_offset = at
        at += length
    return at == end


def skip_name(wire: bytes, start: int, limit: int, known: dict[int, int]) -> int:
    """Where the name at ``start`` ends, or UNUSUAL.

    ``known`` are the names passed so far, by offset, and the ends of them: how long each is, and through how many
    pointers. A pointer to anywhere else is unusual: what is left keeps to all that ``walk.name`` asks for.
    """
    if start + 2 <= limit and wire[start] >= 192:
        hops = known.get((wire[start] & 63) << 8 | wire[start + 1], MAX_QUICK_POINTERS) & 31
        return start + 2 if hops < MAX_QUICK_POINTERS else UNUSUAL
    position = start
    labels: list[int] = []
    while True:
        if position >= limit:
            return UNUSUAL
        length = wire[position]
        if not length:
            position += 1
            to_answer = 1 << 5
            break
        if length < 64:
            labels.append(position)
            position += length + 1
            continue
        if length < 192 or position + 2 > limit:
            return UNUSUAL
        there = known.get((length & 63) << 8 | wire[position + 1])
        if there is None or there & 31 >= MAX_QUICK_POINTERS:
            return UNUSUAL
        position += 2
        to_answer = there + 1
        break
    for label in reversed(labels):
        to_answer += wire[label] + 1 << 5
        known[label] = to_answer
    return position if to_answer >> 5 <= 255 else UNUSUAL


def soa_fingerprint(wire: bytes, found: SoaOutline) -> int:
    """What stands for all that an answer with a SOA says of it, in whichever order the rest comes. Never 0.

    Header, question and answer section, the OPT record but for the EXPIRE, and nothing of the other sections.
    """
    said = wire[found.opt : found.opt_end]
    if found.expire_offset:
        said = wire[found.opt : found.expire_offset] + wire[found.expire_offset + 4 : found.opt_end]
    return hash((wire[2 : found.answers_end], said)) or 1


def fingerprint(wire: bytes, expire_offset: int) -> int:
    """What stands for all octets of an answer but its id and the EXPIRE."""
    return hash(wire[2:expire_offset] + wire[expire_offset + 4 :]) if expire_offset else hash(wire[2:])
