"""Questions, and requests that ask them under a random id."""

import functools
import re
import secrets
import struct
from dataclasses import dataclass

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype

from checks.model import Query

PAYLOAD = 1232
"""UDP payload that we offer: no fragments on any sane path (DNS Flag Day 2020)."""

EDNS_ATTEMPTS = 2
"""Attempts over UDP with EDNS; later ones go without: something on the way may drop what it does not know."""

PLAIN_LABEL = re.compile(rb"[A-Za-z0-9_-]+")

NSID = 3
EXPIRE = 9
ZONEVERSION = 19
AXFR = int(dns.rdatatype.AXFR)
IXFR = int(dns.rdatatype.IXFR)
SOA = int(dns.rdatatype.SOA)
IN = int(dns.rdataclass.IN)


@dataclass(frozen=True, slots=True)
class Question:
    """``name`` and ``zone`` are wire names in lower case, ``text`` is how the name is written;
    ``section`` is the question section, ``options`` the codes of the EDNS options that are asked for, and
    ``dnssec`` whether signatures are (DO), ``referral`` whether a delegation is to be read of the answer.
    """

    text: str
    name: bytes
    zone: bytes
    type: int
    section: bytes
    options: tuple[int, ...]
    dnssec: bool = False
    referral: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """A question as it goes out once. ``mac`` and ``signed`` (epoch seconds) are set when it carries a TSIG."""

    question: Question
    id: int
    wire: bytes
    edns: bool
    mac: bytes = b""
    signed: int = 0


def question(query: Query) -> Question:
    """Raises ValueError when the query cannot be written as a question."""
    try:
        rtype = int(dns.rdatatype.from_text(query.qtype))
        name, zone = wire_name(query.qname), wire_name(query.zone)
    except dns.exception.DNSException as error:
        raise ValueError(f"{query.qname} {query.qtype} cannot be asked: {error}") from None
    options: tuple[int, ...] = ()
    if query.identify:
        options = (NSID, EXPIRE) if rtype == SOA else (NSID,)
    if query.version:
        options = (*options, ZONEVERSION)
    section = name + struct.pack("!HH", rtype, IN)
    return Question(name_text(name), name, zone, rtype, section, options, query.dnssec, query.foreign)


def wire_name(text: str) -> bytes:
    """An absolute name as octets, in lower case. Raises DNSException when it is none."""
    labels = text.removesuffix(".").encode("ascii", "replace").lower().split(b".")
    if b"\\" not in text.encode() and text.isascii() and len(text) < 254 and all(0 < len(one) < 64 for one in labels):
        return b"".join(bytes((len(one),)) + one for one in labels) + b"\0"
    return dns.name.from_text(text).to_digestable()


@functools.lru_cache(maxsize=4096)
def name_text(name: bytes) -> str:
    r"""A wire name as absolute presentation text, escaped; at most 1009 characters, as a name has 255 octets."""
    labels, position = [], 0
    while length := name[position]:
        labels.append(name[position + 1 : position + 1 + length])
        position += length + 1
    if labels and all(map(PLAIN_LABEL.fullmatch, labels)):
        return b".".join(labels).decode("ascii") + "."
    return dns.name.Name([*labels, b""]).to_text()


def make_request(question: Question, *, edns: bool) -> Request:
    """Not recursive, class IN, opcode QUERY, under an id nobody can guess; with EDNS version 0 (RFC 6891) or not."""
    number = secrets.randbits(16)
    return Request(question, number, number.to_bytes(2, "big") + _after_id(question, edns=edns), edns)


@functools.lru_cache(maxsize=4096)
def _after_id(question: Question, *, edns: bool) -> bytes:
    """A request as dnspython writes it, but for its id."""
    options: list[dns.edns.Option] = [
        dns.edns.GenericOption(dns.edns.OptionType.make(code), b"") for code in question.options
    ]
    message = dns.message.make_query(
        dns.name.from_wire(question.name, 0)[0], dns.rdatatype.RdataType.make(question.type),
        use_edns=0 if edns else False, payload=PAYLOAD, options=options, flags=0,
        ednsflags=int(dns.flags.EDNSFlag.DO) if edns and question.dnssec else 0,
    )  # fmt: skip
    return message.to_wire()[2:]
