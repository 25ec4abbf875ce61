"""Reads responses: octets in, values out."""

import functools
import hashlib
from dataclasses import dataclass, replace
from enum import Enum, auto
from struct import Struct

import dns.exception
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from checks.model import Outcome, RrSet, Shape, Soa
from monitor.probe.message import canonical, edns
from monitor.probe.message import wire as walk
from monitor.probe.message.request import IN, SOA, Question, Request, name_text
from monitor.probe.message.wire import HEADER, Header, Malformed, Record

NS = int(dns.rdatatype.NS)
CNAME = int(dns.rdatatype.CNAME)
OPT = int(dns.rdatatype.OPT)
TSIG = int(dns.rdatatype.TSIG)
ANY = int(dns.rdataclass.ANY)

NO_EDNS = frozenset({"FORMERR", "NOTIMP", "BADVERS"})
"""What servers say that do not know EDNS (RFC 6891 section 7)."""

MAX_RECORDS = 256
"""Records of one RRset that are kept; a digest stands for the rest."""

_TIMERS = Struct("!IIIII")
_ONE_NAME = frozenset({NS, CNAME, int(dns.rdatatype.PTR), int(dns.rdatatype.DNAME)})
_SIZES = {int(dns.rdatatype.A): 4, int(dns.rdatatype.AAAA): 16}
_KNOWN = frozenset(int(known) for known in dns.rdatatype.RdataType)


_NOTHING = edns.EdnsOptions()


class Match(Enum):
    """Does a packet belong to what was asked?"""

    MATCH = auto()
    MISMATCH = auto()
    """A DNS message, but not an answer to this: wrong id, question or opcode, or no answer at all."""
    MALFORMED = auto()
    """Not even a header."""


class Unmatched(Exception):
    """A packet that is no response to the request; the sentence says why."""

    def __init__(self, match: Match) -> None:
        super().__init__(
            "shorter than a header" if match is Match.MALFORMED else "another id or question than was asked"
        )
        self.outcome = Outcome.MALFORMED if match is Match.MALFORMED else Outcome.MISMATCHED


@dataclass(frozen=True, slots=True)
class Answer:
    """What one message says."""

    rcode: str
    authoritative: bool
    truncated: bool
    shape: Shape | None = None
    soa: Soa | None = None
    answer: RrSet | None = None
    options: edns.EdnsOptions = _NOTHING
    records: int = 0
    """How many the answer section holds."""

    @property
    def error(self) -> bool:
        return self.rcode not in ("NOERROR", "NXDOMAIN")

    def fails(self, *, apex: bool) -> bool:
        """An error, or no such name where there must be one: at the ``apex`` of a zone."""
        return self.error or (apex and self.rcode == "NXDOMAIN")


def match_response(wire: bytes, request: Request) -> Match:
    """By header and question only. An error may come without a question section (NSD's TSIG errors do)."""
    if len(wire) < HEADER.size:
        return Match.MALFORMED
    number, flags, questions, *_ = HEADER.unpack_from(wire)
    if number != request.id or flags & 0xF800 != 0x8000:
        return Match.MISMATCH
    if questions == 0:
        return Match.MATCH if flags & 0x020F else Match.MISMATCH
    if questions > 1:
        return Match.MISMATCH
    if _echoes(wire, request.question):
        return Match.MATCH
    try:
        walk.name(wire, 12, len(wire) - 4)
    except Malformed:
        return Match.MATCH  # with our id, and broken: for the reader to say how
    return Match.MISMATCH


def _echoes(wire: bytes, question: Question) -> bool:
    """The same question, in whatever letters."""
    theirs = wire[HEADER.size : HEADER.size + len(question.section)]
    return theirs[-4:] == question.section[-4:] and theirs[:-4].lower() == question.name


def match_continuation(wire: bytes, request: Request) -> Match:
    """Does a message go on with a transfer? It may come without the question (RFC 5936 section 2.2.1)."""
    if len(wire) < HEADER.size:
        return Match.MALFORMED
    number, flags, questions, *_ = HEADER.unpack_from(wire)
    if number != request.id or flags & 0xF800 != 0x8000 or questions > 1:
        return Match.MISMATCH
    return match_response(wire, request) if questions else Match.MATCH


def require_match(wire: bytes, request: Request) -> None:
    """Raises Unmatched."""
    match = match_response(wire, request)
    if match is not Match.MATCH:
        raise Unmatched(match)


def read(wire: bytes, question: Question) -> Answer:
    """Reads a message that fits. Raises Malformed where dnspython would refuse it.

    Two liberties: EDNS options that we do not read are passed over, and a class or type unknown to us is opaque
    (dnspython would look for a module of that name, and remember each).
    """
    head = walk.header(wire)
    if head.questions and not _echoes(wire, question):
        raise Malformed("the question is broken")
    position = HEADER.size + (len(question.section) if head.questions else 0)
    first = question.name if head.questions else b""
    additionals = head.answers + head.authorities
    total = additionals + head.additionals
    records: list[Record] = []
    opt: Record | None = None
    for number in range(total):
        found = walk.record(wire, position, first)
        position = found.end
        if found.type == OPT:
            if number < additionals or opt is not None or found.owner != b"\0":
                raise Malformed("an OPT record where none may be")
            opt = found
        elif found.type == TSIG:
            if number < total - 1 or number < additionals or found.rclass != ANY:
                raise Malformed("a TSIG record where none may be")
        else:
            _check(wire, found)
            records.append(found)
    if position != len(wire):
        raise Malformed(f"{len(wire) - position} octets too many")
    upper = opt.ttl >> 24 & 255 if opt is not None else 0
    said = edns.options(wire[opt.rdata : opt.end]) if opt is not None else _NOTHING
    return replace(_data(wire, question, head, records, rcode_text(upper << 4 | head.rcode)), options=said)


def is_truncated(wire: bytes) -> bool:
    """Whether a message says of itself that it is not whole (RFC 2181 section 9)."""
    return walk.header(wire).truncated


def read_header_only(wire: bytes) -> Answer:
    """What the header alone says: where a message was cut, the rest need not make sense."""
    head = walk.header(wire)
    return Answer(rcode_text(head.rcode), head.authoritative, head.truncated)


def _data(wire: bytes, question: Question, head: Header, records: list[Record], rcode: str) -> Answer:
    """``records`` are those of all sections, but OPT and TSIG."""
    answers, authorities = records[: head.answers], records[head.answers : head.answers + head.authorities]
    mine: list[Record] = []
    if head.questions:  # otherwise, whatever it is, it is not said of our question
        mine = [r for r in answers if r.type == question.type and r.owner == question.name and r.rclass == IN]
    single = rrset = None
    if mine and question.type == SOA:
        single = _only_soa(wire, mine)
        rrset = _soa_rrset(question, single)
    elif mine:
        rrset = _rrset(wire, question, mine)
    shape = _shape(question, bool(mine), answers, authorities, rcode, head.authoritative)
    return Answer(rcode, head.authoritative, head.truncated, shape, single, rrset, records=len(answers))


def _shape(
    question: Question,
    mine: bool,
    answers: list[Record],
    authorities: list[Record],
    rcode: str,
    authoritative: bool,
) -> Shape | None:
    if mine:
        return Shape.RECORDS
    if any(r.type == CNAME and r.rclass == IN and r.owner == question.name for r in answers):
        return Shape.CNAME
    if answers:
        return Shape.OTHER
    if rcode not in ("NOERROR", "NXDOMAIN"):
        return None
    delegations = [r.owner for r in authorities if r.type == NS and r.rclass == IN]
    if not delegations or authoritative or any(r.type == SOA for r in authorities):
        return Shape.NODATA
    return (
        Shape.UPWARD
        if any(c != question.zone and walk.under(question.zone, c) for c in delegations)
        else Shape.REFERRAL
    )


def _check(wire: bytes, found: Record) -> None:
    """Is the rdata well formed? Quick for what servers send along with every answer; dnspython knows the rest."""
    if found.rclass != IN or found.type not in _KNOWN:
        return
    if found.type in _ONE_NAME:
        if walk.name(wire, found.rdata, found.end)[1] != found.end:
            raise Malformed("a record longer than its name")
    elif found.type in _SIZES:
        if found.length != _SIZES[found.type]:
            raise Malformed("an address of the wrong length")
    elif found.type == SOA:
        soa(wire, found)
    else:
        _rdata(wire, found)


def _rdata(wire: bytes, found: Record) -> dns.rdata.Rdata:
    rtype, rclass = dns.rdatatype.RdataType.make(found.type), dns.rdataclass.IN
    if found.type not in _KNOWN:
        return dns.rdata.GenericRdata(rclass, rtype, wire[found.rdata : found.end])
    try:
        return dns.rdata.from_wire(rclass, rtype, wire, found.rdata, found.length)
    except (dns.exception.DNSException, ValueError, AssertionError) as error:
        raise Malformed(f"a broken {rtype.name} record: {type(error).__name__}") from None


def soa(wire: bytes, found: Record) -> Soa:
    """Names in lower case, so that equal SOA records are equal values. Raises Malformed."""
    mname, position = walk.name(wire, found.rdata, found.end)
    rname, position = walk.name(wire, position, found.end)
    if position + _TIMERS.size != found.end:
        raise Malformed("a SOA record of the wrong length")
    serial, refresh, retry, expire, minimum = _TIMERS.unpack_from(wire, position)
    return Soa(serial, name_text(mname), name_text(rname), refresh, retry, expire, minimum, found.ttl)


def _only_soa(wire: bytes, found: list[Record]) -> Soa:
    soas = {soa(wire, one) for one in found}
    if len(soas) > 1:
        raise Malformed(f"{len(soas)} different SOA records")
    return soas.pop()


def _soa_rrset(question: Question, single: Soa) -> RrSet:
    timers = f"{single.serial} {single.refresh} {single.retry} {single.expire} {single.minimum}"
    return RrSet(question.text, "SOA", single.ttl, (f"{single.mname} {single.rname} {timers}",))


def _rrset(wire: bytes, question: Question, found: list[Record]) -> RrSet:
    texts = canonical.ordered(canonical.canonical(_rdata(wire, one)) for one in found)
    rtype = dns.rdatatype.to_text(dns.rdatatype.RdataType.make(question.type))
    return RrSet(question.text, rtype, min(one.ttl for one in found), _kept(texts))


def _kept(texts: tuple[str, ...]) -> tuple[str, ...]:
    if len(texts) <= MAX_RECORDS:
        return texts
    rest = hashlib.sha256("\n".join(texts[MAX_RECORDS - 1 :]).encode()).hexdigest()
    return (*texts[: MAX_RECORDS - 1], f"... {len(texts) - MAX_RECORDS + 1} more, sha256:{rest}")


@functools.lru_cache(maxsize=4096)
def rcode_text(rcode: int) -> str:
    """The mnemonic, or RCODEn where there is none."""
    text = dns.rcode.to_text(dns.rcode.Rcode.make(rcode))
    return f"RCODE{text}" if text.isdigit() else text
