"""The complete reader of responses, by ``dns.message``: octets in, values out."""

import functools
import hashlib
from dataclasses import dataclass
from enum import Enum, auto
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.SOA
import dns.rrset

from checks.model import Outcome, Referral, RrSet, Shape, Signature, Soa
from monitor.probe.message import canonical, edns, opaque, referrals
from monitor.probe.message import wire as wire_format
from monitor.probe.message.request import IN, SOA, Question, Request
from monitor.probe.message.signatures import signatures
from monitor.probe.message.text import complaint
from monitor.probe.message.wire import HEADER, Malformed, Record

NS = int(dns.rdatatype.NS)
CNAME = int(dns.rdatatype.CNAME)

NO_EDNS = frozenset({"FORMERR", "NOTIMP", "BADVERS"})
"""What servers say that do not know EDNS (RFC 6891 section 7)."""

MAX_RECORDS = 256
"""Records of one RRset that are kept; a digest stands for the rest."""

_NOTHING = edns.EdnsOptions()


class Match(Enum):
    """Whether a packet belongs to what was asked."""

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
    signatures: tuple[Signature, ...] = ()
    referral: Referral | None = None

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
        wire_format.name(wire, 12, len(wire) - 4)
    except Malformed:
        return Match.MATCH  # with our id, and broken: for the reader to say how
    return Match.MISMATCH


def _echoes(wire: bytes, question: Question) -> bool:
    """The same question, in whatever letters."""
    theirs = wire[HEADER.size : HEADER.size + len(question.section)]
    return theirs[-4:] == question.section[-4:] and theirs[:-4].lower() == question.name


def match_continuation(wire: bytes, request: Request) -> Match:
    """Whether a message goes on with a transfer. It may come without the question (RFC 5936 section 2.2.1)."""
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
    """Reads a message that fits, as dnspython does. Raises Malformed, and nothing else.

    Records of other classes than IN, or of types that nobody knows or asked for, count and are not looked into; nor
    are EDNS options that we have no use for (``message/opaque.py``).
    """
    if wire_format.header(wire).questions and not _echoes(wire, question):
        raise Malformed("the question is broken")
    message = _message(opaque.shield(wire, question.type))
    mine: list[dns.rrset.RRset] = []
    name = dns.name.from_wire(question.name, 0)[0]
    if message.question:  # otherwise, whatever it is, it is not said of our question
        mine = [one for one in message.answer if _is(one, question.type) and one.name == name]
    single = rrset = None
    if mine and question.type == SOA:
        single = _only_soa(mine)
        rrset = _soa_rrset(question, single)
    elif mine:
        rrset = _rrset(question, mine)
    alias = [one for one in message.answer if _is(one, CNAME) and one.name == name] if message.question else []
    if alias and not mine:
        rrset = _rrset(question, alias, CNAME)
    signed = mine or alias
    return Answer(
        rcode_text(message.rcode()), bool(message.flags & dns.flags.AA), bool(message.flags & dns.flags.TC),
        _shape(message, name, question, bool(mine)), single, rrset, _options(message), records=len(message.answer),
        signatures=signatures(message.answer, signed, name) if signed and question.dnssec else (),
        referral=referrals.referral(message, name) if question.referral else None,
    )  # fmt: skip


def _message(wire: bytes) -> dns.message.Message:
    """An RRset for each record: in one RRset dnspython keeps but the last of several SOA records."""
    try:
        return dns.message.from_wire(wire, one_rr_per_rrset=True)
    except Exception as error:  # noqa: BLE001 - dnspython lets ValueError, AssertionError and others through here
        raise Malformed(complaint(error)) from None


def is_truncated(wire: bytes) -> bool:
    """Whether a message says of itself that it is not whole (RFC 2181 section 9)."""
    return wire_format.header(wire).truncated


def read_header_only(wire: bytes) -> Answer:
    """What the header alone says: where a message was cut, the rest need not make sense."""
    head = wire_format.header(wire)
    return Answer(rcode_text(head.rcode), head.authoritative, head.truncated)


def _is(rrset: dns.rrset.RRset, rtype: int) -> bool:
    return rrset.rdtype == rtype and rrset.rdclass == IN


def _shape(message: dns.message.Message, name: dns.name.Name, question: Question, mine: bool) -> Shape | None:
    if mine:
        return Shape.RECORDS
    if any(_is(one, CNAME) and one.name == name for one in message.answer):
        return Shape.CNAME
    if message.answer:
        return Shape.OTHER
    if message.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return None
    delegations = [one.name for one in message.authority if _is(one, NS)]
    if not delegations or message.flags & dns.flags.AA or any(_is(one, SOA) for one in message.authority):
        return Shape.NODATA
    zone = dns.name.from_wire(question.zone, 0)[0]
    return Shape.UPWARD if any(cut != zone and zone.is_subdomain(cut) for cut in delegations) else Shape.REFERRAL


def _options(message: dns.message.Message) -> edns.EdnsOptions:
    if not message.options:
        return _NOTHING
    codes = {opaque.OPAQUE_EDE: edns.EDE}
    return edns.understood((codes.get(one.otype, one.otype), one.to_wire() or b"") for one in message.options)


def soa(wire: bytes, found: Record) -> Soa:
    """The SOA record at a place of a message. Raises Malformed."""
    try:
        rdata = dns.rdata.from_wire(dns.rdataclass.IN, dns.rdatatype.SOA, wire, found.rdata, found.length)
    except dns.exception.DNSException as error:
        raise Malformed(f"a broken SOA record: {type(error).__name__}") from None
    return _soa(rdata, found.ttl)


def _soa(rdata: dns.rdata.Rdata, ttl: int) -> Soa:
    """Names in lower case, so that equal SOA records are equal values."""
    one = cast("dns.rdtypes.ANY.SOA.SOA", rdata)
    mname, rname = one.mname.canonicalize().to_text(), one.rname.canonicalize().to_text()
    return Soa(one.serial, mname, rname, one.refresh, one.retry, one.expire, one.minimum, ttl)


def _only_soa(found: list[dns.rrset.RRset]) -> Soa:
    soas = {_soa(one[0], one.ttl) for one in found}
    if len(soas) > 1:
        raise Malformed(f"{len(soas)} different SOA records")
    return soas.pop()


def _soa_rrset(question: Question, single: Soa) -> RrSet:
    timers = f"{single.serial} {single.refresh} {single.retry} {single.expire} {single.minimum}"
    return RrSet(question.text, "SOA", single.ttl, (f"{single.mname} {single.rname} {timers}",))


def _rrset(question: Question, found: list[dns.rrset.RRset], rtype: int | None = None) -> RrSet:
    """The records ``found``, which are of the type that was asked for unless ``rtype`` says otherwise."""
    texts = canonical.ordered(canonical.canonical(one[0]) for one in found)
    kind = dns.rdatatype.to_text(dns.rdatatype.RdataType.make(question.type if rtype is None else rtype))
    return RrSet(question.text, kind, min(one.ttl for one in found), _kept(texts))


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
