"""Packets that a server, or somebody in its place, should not send."""

import random
import struct

import dns.exception
import dns.message
import dns.rdataset
from dns.rdatatype import RdataType

FORGERIES = 40
FALSE_SERIAL = 666


def garbage(wire: bytes, dice: random.Random) -> bytes:
    """The header's first four octets, so that it counts as an answer to the question, and noise after them."""
    return wire[:4] + bytes((0, 1, 0, 1, 0, 0, 0, 0)) + dice.randbytes(max(16, len(wire) - 12))


def forged(wire: bytes, dice: random.Random) -> list[bytes]:
    """Answers with wrong ids and false serials, as one sends who does not see the question (RFC 5452 section 3)."""
    lie = false(wire)
    true_id = int.from_bytes(wire[:2], "big")
    ids = (n for n in iter(lambda: dice.getrandbits(16), None) if n != true_id)
    return [struct.pack("!H", next(ids)) + lie[2:] for _ in range(FORGERIES)]


def false(wire: bytes) -> bytes:
    """The answer with another serial, where it has one, and without a signature."""
    try:
        message = dns.message.from_wire(wire, keyring=lambda *_: False)
    except (dns.exception.DNSException, ValueError):
        return wire
    for rrset in message.answer:
        if rrset.rdtype == RdataType.SOA:
            rrset.update(dns.rdataset.from_rdata(rrset.ttl, rrset[0].replace(serial=FALSE_SERIAL)))
    message.tsig = None
    return message.to_wire()
