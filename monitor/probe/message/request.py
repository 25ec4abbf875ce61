"""Questions, and requests that ask them under a random id."""

import functools
import re
import secrets
import struct
from dataclasses import dataclass

import dns.exception
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
AXFR = int(dns.rdatatype.AXFR)
SOA = int(dns.rdatatype.SOA)
IN = int(dns.rdataclass.IN)


@dataclass(frozen=True, slots=True)
class Question:
    """``name`` and ``zone`` are wire names in lower case, ``text`` is how the name is written;
    ``section`` is the question section, ``options`` what the OPT record holds.
    """

    text: str
    name: bytes
    zone: bytes
    type: int
    section: bytes
    options: bytes


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
    options = b""
    if query.identify:
        options = struct.pack("!HH", NSID, 0)
        if rtype == SOA:
            options += struct.pack("!HH", EXPIRE, 0)
    return Question(name_text(name), name, zone, rtype, name + struct.pack("!HH", rtype, IN), options)


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
    wire = struct.pack("!HHHHHH", number, 0, 1, 0, 0, int(edns)) + question.section
    if edns:
        wire += b"\0" + struct.pack("!HHIH", dns.rdatatype.OPT, PAYLOAD, 0, len(question.options)) + question.options
    return Request(question, number, wire, edns)
