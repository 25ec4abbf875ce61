"""DS records: whether one is for a key (RFC 4034 section 5)."""

import hashlib
from collections.abc import Iterable

from checks.common.dnssec import Key

DIGESTS = {1: hashlib.sha1, 2: hashlib.sha256, 4: hashlib.sha384}
"""IANA, DS RR Type Digest Algorithms; the rest is not known here."""


def digest_type(ds: str) -> int | None:
    """The digest algorithm of a DS record in presentation form."""
    words = ds.split(" ", 3)
    return int(words[2]) if len(words) == 4 and words[2].isdigit() else None


def is_for(zone: str, ds: Iterable[str], dnskey: str, key: Key) -> bool:
    """Whether one of these DS (or CDS) records is for the DNSKEY record ``dnskey``, which holds ``key``. All are of
    digests that are known here, and ``zone`` has nothing escaped in its name.
    """
    flags, protocol = (int(word) for word in dnskey.split(" ", 2)[:2])
    labels = [] if zone == "." else zone[:-1].split(".")
    owner = b"".join(bytes((len(label),)) + label.encode() for label in labels) + b"\0"
    rdata = flags.to_bytes(2, "big") + bytes((protocol, key.algorithm)) + key.public
    for one in ds:
        tag, algorithm, number, digest = one.split(" ", 3)
        if (int(tag), int(algorithm)) != (key.tag, key.algorithm):
            continue
        made = DIGESTS[int(number)](owner + rdata).hexdigest()  # RFC 4034 section 5.1.4
        if made == digest.replace(" ", "").lower():
            return True
    return False
