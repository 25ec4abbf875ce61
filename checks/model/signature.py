"""A signature of an RRset, and when those of an address end."""

from dataclasses import dataclass, field
from datetime import datetime

from checks.model.address import Address

MAX_SIGNATURES = 16
"""Signatures of one RRset that are looked at: a few keys sign it, and hostile ones without end (CVE-2023-50387)."""


@dataclass(frozen=True, slots=True)
class Signature:
    """An RRSIG record (RFC 4034 section 3). Times are seconds since 1970 modulo 2^32, to be read by RFC 1982.

    ``signer`` is an absolute name in lower case.
    """

    algorithm: int
    key_tag: int
    signer: str
    inception: int
    expiration: int
    signed: bytes = field(default=b"", repr=False)
    """What it was made over: its own fields and the RRset in canonical form (section 3.1.8.1)."""
    octets: bytes = field(default=b"", repr=False)
    """The signature itself."""


@dataclass(frozen=True, slots=True)
class SignatureEnd:
    """When the first signature at an address ends, or ended, of those without which a record would have none.

    ``what`` it is of: a type at the apex, or owner and type.
    """

    server: str
    address: Address
    at: datetime
    what: str = ""
