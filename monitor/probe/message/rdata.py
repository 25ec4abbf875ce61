"""Whether secondaries take the rdata of a record, or refuse the zone for its sake.

What is refused, and by whom, is read off real servers: tests/integration/nameservers/test_secondaries.py transfers
such records to BIND, Knot, NSD and PowerDNS. BIND, the strictest, is the measure; dnspython knows the types that are
not told here.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
from dns.rdatatype import RdataType

from monitor.probe.message import wire as wire_format
from monitor.probe.message.text import complaint
from monitor.probe.message.wire import Malformed, Record

EVERYBODY = "BIND, Knot, NSD and PowerDNS"
BIND = "BIND"

_SIZES = MappingProxyType(
    {
        int(RdataType.A): 4,
        int(RdataType.AAAA): 16,
        int(RdataType.NID): 10,
        int(RdataType.L32): 6,
        int(RdataType.L64): 10,
        int(RdataType.EUI48): 6,
        int(RdataType.EUI64): 8,
    }
)
"""Octets, neither more nor fewer."""

_NAMES: Mapping[int, tuple[int, int]] = MappingProxyType(
    {
        **dict.fromkeys((RdataType.NS, RdataType.CNAME, RdataType.PTR, RdataType.DNAME), (0, 1)),
        **dict.fromkeys((RdataType.MB, RdataType.MG, RdataType.MR, RdataType.MD, RdataType.MF), (0, 1)),
        **dict.fromkeys((RdataType.MX, RdataType.AFSDB, RdataType.RT, RdataType.KX, RdataType.LP), (2, 1)),
        **dict.fromkeys((RdataType.RP, RdataType.MINFO), (0, 2)),
        RdataType.SRV: (6, 1),
    }
)
"""Octets before the first name, and how many names follow, to the end. Everybody reads compressed ones."""

_TEXTS = frozenset({RdataType.TXT, RdataType.SPF, RdataType.AVC, RdataType.NINFO})

_LEAST = MappingProxyType(
    {
        RdataType.DS: 5,
        RdataType.CDS: 5,
        RdataType.DLV: 5,
        RdataType.TLSA: 4,
        RdataType.SMIMEA: 4,
        RdataType.CERT: 6,
        RdataType.OPENPGPKEY: 1,
        RdataType.DHCID: 1,
        RdataType.URI: 4,
    }
)
"""Octets that must be there at least, though dnspython may not ask for them."""

_UNREAD = frozenset({RdataType.TLSA, RdataType.SMIMEA, RdataType.URI, RdataType.GPOS, RdataType.AMTRELAY})
"""Types of which dnspython refuses what every secondary takes: a digest of another length, an empty target."""

_DIGESTS = MappingProxyType({1: 20, 2: 32, 3: 32, 4: 48})
"""Octets of a digest of SHA-1, SHA-256, GOST R 34.11-94 and SHA-384. Type 0 deletes, whatever follows (RFC 8078)."""

_KNOWN = frozenset(int(known) for known in RdataType)

_SIGNATURE = 18
"""Octets of an RRSIG record before the signer's name (RFC 4034 section 3.1)."""

_NO_KEY = 0xC000
"""In the flags of a key record: there is no key (RFC 2535 section 3.1.2)."""


def refused(wire: bytes, record: Record) -> tuple[str, str] | None:
    """Why secondaries refuse this rdata of class IN, and which of them; None: none is known to."""
    if (size := _SIZES.get(record.type)) is not None:
        return (f"{record.length} octets of rdata instead of {size}", EVERYBODY) if record.length != size else None
    try:
        if (layout := _NAMES.get(record.type)) is not None:
            _names(wire, record, *layout)
            return None
    except Malformed as reason:
        return f"its rdata is broken: {reason}", EVERYBODY
    try:
        _READERS.get(record.type, _other)(wire, record)
    except Malformed as reason:
        return f"its rdata is broken: {reason}", BIND
    return None


def _names(wire: bytes, record: Record, before: int, number: int) -> None:
    position = record.rdata + before
    for _ in range(number):
        _, position = wire_format.name(wire, position, record.end)
    if position != record.end:
        raise Malformed(f"{record.end - position} octets too many")


def _texts(wire: bytes, record: Record) -> None:
    """One string or more, each with its length before it (RFC 1035 section 3.3.14)."""
    position, end = record.rdata, record.end
    if position == end:
        raise Malformed("no string")
    while position < end:
        position += 1 + wire[position]
    if position > end:
        raise Malformed("a string runs out of its place")


def _signature(wire: bytes, record: Record) -> None:
    _, position = wire_format.name(wire, record.rdata + _SIGNATURE, record.end)
    if position == record.end:
        raise Malformed("no signature")


def _key(wire: bytes, record: Record) -> None:
    """A key must follow flags, protocol and algorithm (RFC 4034 section 2.1)."""
    flags = int.from_bytes(wire[record.rdata : record.rdata + 2], "big")
    if record.length < (4 if flags & _NO_KEY == _NO_KEY else 5):
        raise Malformed("no key")
    _other(wire, record)


def _nsec(wire: bytes, record: Record) -> None:
    """Its bitmap names at least NSEC itself (RFC 4034 section 4.1.2)."""
    _, position = wire_format.name(wire, record.rdata, record.end)
    if position == record.end:
        raise Malformed("no type in its bitmap")
    _bitmap(wire, position, record.end)


def _nsec3(wire: bytes, record: Record) -> None:
    """Algorithm, flags and iterations, a salt, a hash, and a bitmap that may be empty (RFC 5155 section 3.2)."""
    position, end = record.rdata + 4, record.end
    for least in (0, 1):
        if position >= end or wire[position] < least:
            raise Malformed("no salt or hash")
        position += 1 + wire[position]
    if position > end:
        raise Malformed("salt or hash run out of their place")
    _bitmap(wire, position, end)


def _bitmap(wire: bytes, position: int, end: int) -> None:
    """Windows of 1 to 32 octets, in order, without zeros behind (RFC 4034 section 4.1.2)."""
    before = -1
    while position < end:
        if position + 2 > end:
            raise Malformed("a window of types is cut")
        window, length = wire[position], wire[position + 1]
        position += 2 + length
        if window <= before or not 0 < length <= 32:
            raise Malformed("windows of types out of order, or of a wrong length")
        if position > end or not wire[position - 1]:
            raise Malformed("a window of types that runs out of its place, or ends in zeros")
        before = window


def _ds(wire: bytes, record: Record) -> None:
    """A digest of the length that its type has (RFC 4034 section 5.1); of types unknown, at least an octet."""
    _least(record)
    kind = wire[record.rdata + 3]
    if record.length - 4 != _DIGESTS.get(kind, record.length - 4):
        raise Malformed(f"a digest of {record.length - 4} octets instead of {_DIGESTS[kind]}")


def _loc(wire: bytes, record: Record) -> None:
    """Another version than 0 is opaque (RFC 1876 section 2)."""
    if not record.length or not wire[record.rdata]:
        _other(wire, record)


def _svcb(wire: bytes, record: Record) -> None:
    """In alias mode, priority 0, parameters are passed over (RFC 9460 section 2.4.2)."""
    if record.length < 3:
        raise Malformed("too short")
    if wire[record.rdata : record.rdata + 2] == b"\0\0":
        wire_format.name(wire, record.rdata + 2, record.end)
    else:
        _other(wire, record)


def _other(wire: bytes, record: Record) -> None:
    """As dnspython reads it, unless it is a type without form (RFC 3597 section 5)."""
    _least(record)
    if record.type not in _KNOWN or record.type in _UNREAD:
        return
    rtype = RdataType.make(record.type)
    try:
        dns.rdata.from_wire(dns.rdataclass.IN, rtype, wire, record.rdata, record.length)
    except dns.name.DecompressionForbidden:
        return  # RFC 3597 section 4 forbids to write them, and everybody reads them
    except (dns.exception.DNSException, ValueError, AssertionError) as error:
        raise Malformed(complaint(error)) from None


def _least(record: Record) -> None:
    if record.length < (least := _LEAST.get(RdataType.make(record.type), 0)):
        raise Malformed(f"{record.length} octets, fewer than {least}")


_READERS: dict[int, Callable[[bytes, Record], None]] = {
    **dict.fromkeys(_TEXTS, _texts),
    RdataType.RRSIG: _signature,
    RdataType.DNSKEY: _key,
    RdataType.CDNSKEY: _key,
    RdataType.NSEC: _nsec,
    RdataType.NSEC3: _nsec3,
    **dict.fromkeys((RdataType.DS, RdataType.CDS, RdataType.DLV), _ds),
    RdataType.LOC: _loc,
    RdataType.SVCB: _svcb,
    RdataType.HTTPS: _svcb,
}
