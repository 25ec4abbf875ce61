"""The canonical text of a record: two writings of the same record are the same text."""

import hashlib
from collections.abc import Iterable

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.CNAME
import dns.rdtypes.ANY.LP
import dns.rdtypes.ANY.NS
import dns.rdtypes.ANY.PTR
import dns.rdtypes.svcbbase
import dns.rrset

MAX_RDATA_TEXT = 4096
"""Characters of one record; what is longer is cut and its digest stands for the rest."""

MAX_RDATA_SIZE = 65535
"""Octets of one record's data (RFC 1035 section 3.2.1)."""

_ONE_NAME = (dns.rdtypes.ANY.NS.NS, dns.rdtypes.ANY.CNAME.CNAME, dns.rdtypes.ANY.PTR.PTR)
"""What holds a name, in lower case, and nothing else: no need to write it first. Every address is asked for NS."""


def canonical(rdata: dns.rdata.Rdata) -> str:
    """Presentation text of the canonical form (RFC 4034 section 6.2): printable ASCII, at most ``MAX_RDATA_TEXT`` long.

    Names in SVCB, HTTPS and LP records are in lower case, too: NSD serves them so, whatever it has got.
    What cannot be written in its own syntax is written as RFC 3597 says (``\\# 2 abcd``).
    """
    if isinstance(rdata, _ONE_NAME):
        return rdata.target.canonicalize().to_text()
    if isinstance(rdata, dns.rdtypes.svcbbase.SVCBBase):
        rdata = rdata.replace(target=rdata.target.canonicalize())
    elif isinstance(rdata, dns.rdtypes.ANY.LP.LP):
        rdata = rdata.replace(fqdn=rdata.fqdn.canonicalize())
    wire = rdata.to_digestable(dns.name.root)
    text = rdata_text(rdata.rdclass, rdata.rdtype, wire)
    if len(text) <= MAX_RDATA_TEXT:
        return text
    digest = hashlib.sha256(wire).hexdigest()
    return f"{text[: MAX_RDATA_TEXT - 80]}... sha256:{digest}"


def ordered(rdata: Iterable[str]) -> tuple[str, ...]:
    """The one order in which canonical records stand."""
    return tuple(sorted(set(rdata)))


def parse_rdata(rdtype: str, text: str, zone: str) -> str:
    """The canonical form of a record somebody wrote; names without final dot are relative to ``zone``.

    TXT and SPF that do not begin with a quote are taken as one string. Raises ValueError saying what is wrong.
    """
    if rdtype in ("TXT", "SPF") and text and not text.startswith('"'):
        text = " ".join(_quoted(part) for part in _chunks(text.encode()))
    try:
        origin = dns.name.from_text(zone)
        rdata = dns.rdata.from_text("IN", rdtype, text, origin=origin, relativize=False)
        octets = len(rdata.to_wire() or b"")
    except (dns.exception.DNSException, ValueError) as error:
        raise ValueError(str(error) or type(error).__name__) from None
    if octets > MAX_RDATA_SIZE:
        raise ValueError(f"longer than {MAX_RDATA_SIZE} octets")
    return canonical(rdata)


def rdata_text(rdclass: dns.rdataclass.RdataClass, rdtype: dns.rdatatype.RdataType, wire: bytes) -> str:
    """Of uncompressed rdata: printable ASCII, whole, in its own syntax if it can be written so."""
    try:
        text = dns.rdata.from_wire(rdclass, rdtype, wire, 0, len(wire)).to_text()
    except (dns.exception.DNSException, ValueError):
        text = ""
    if text and text.isascii() and text.isprintable():
        return text
    return dns.rdata.GenericRdata(rdclass, rdtype, wire).to_text()


def _chunks(octets: bytes) -> list[bytes]:
    return [octets[start : start + 255] for start in range(0, len(octets), 255)]


def _quoted(octets: bytes) -> str:
    return '"' + "".join(chr(o) if 32 <= o < 127 and o not in b'"\\' else f"\\{o:03d}" for o in octets) + '"'
