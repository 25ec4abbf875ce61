"""What the options of an OPT record say (RFC 6891)."""

from collections.abc import Iterable
from dataclasses import dataclass

from monitor.probe.message.text import bounded, identity, printable
from monitor.probe.message.wire import Malformed

NSID, EXPIRE, EDE, ZONEVERSION = 3, 9, 15, 19
SOA_SERIAL = 0
"""The one type of version that RFC 9660 has."""

ZONEVERSION_LENGTH = 6
"""Octets: how many labels the zone has, the type, and a serial (RFC 9660 section 2)."""

MAX_ERRORS = 8
"""Extended errors kept of one answer."""

# RFC 8914 section 4 and the IANA registry of extended DNS error codes
_ERRORS = (
    "Other", "Unsupported DNSKEY Algorithm", "Unsupported DS Digest Type", "Stale Answer", "Forged Answer",
    "DNSSEC Indeterminate", "DNSSEC Bogus", "Signature Expired", "Signature Not Yet Valid", "DNSKEY Missing",
    "RRSIGs Missing", "No Zone Key Bit Set", "NSEC Missing", "Cached Error", "Not Ready", "Blocked", "Censored",
    "Filtered", "Prohibited", "Stale NXDOMAIN Answer", "Not Authoritative", "Not Supported", "No Reachable Authority",
    "Network Error", "Invalid Data", "Signature Expired before Valid", "Too Early",
    "Unsupported NSEC3 Iterations Value", "Unable to conform to policy", "Synthesized",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class EdnsOptions:
    """``expire`` is in seconds (RFC 7314); ``ede`` like ``24 Invalid Data: Zone has expired`` (RFC 8914); ``version``
    the labels of the zone's name and its serial (RFC 9660).
    """

    nsid: str | None = None
    expire: int | None = None
    ede: tuple[str, ...] = ()
    version: tuple[int, int] | None = None


def options(rdata: bytes) -> EdnsOptions:
    """The quick reader of an OPT record's rdata. Raises Malformed when options do not fit into it."""
    found: list[tuple[int, bytes]] = []
    position, end = 0, len(rdata)
    while position < end:
        if position + 4 > end:
            raise Malformed("an EDNS option runs out of its record")
        code = rdata[position] << 8 | rdata[position + 1]
        start = position + 4
        position = start + (rdata[position + 2] << 8 | rdata[position + 3])
        if position > end:
            raise Malformed("an EDNS option is longer than its record")
        found.append((code, rdata[start:position]))
    return understood(found)


def understood(found: Iterable[tuple[int, bytes]]) -> EdnsOptions:
    """Codes and data. Options that we do not ask for, or that make no sense, are passed over."""
    nsid: str | None = None
    expire: int | None = None
    ede: list[str] = []
    versions: list[tuple[int, int]] = []
    for code, data in found:
        if code == NSID:
            nsid = identity(data)
        elif code == EXPIRE and len(data) == 4:
            expire = int.from_bytes(data, "big")
        elif code == EDE and len(data) >= 2 and len(ede) < MAX_ERRORS:
            ede.append(_error(data))
        elif code == ZONEVERSION and len(data) == ZONEVERSION_LENGTH and data[1] == SOA_SERIAL:
            versions.append((data[0], int.from_bytes(data[2:], "big")))
    return EdnsOptions(nsid, expire, tuple(ede), versions[0] if len(versions) == 1 else None)


def _error(data: bytes) -> str:
    code = int.from_bytes(data[:2], "big")
    said = printable(data[2:].rstrip(b"\0"))
    known = _ERRORS[code] if code < len(_ERRORS) else ""
    text = f"{code} {known}" if known else f"{code}"
    return bounded(f"{text}: {said}" if said else text)
