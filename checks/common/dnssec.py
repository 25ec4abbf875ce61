"""Public keys of zones, and whether they made a signature (RFC 4034, RFC 4035 section 5.3).

Verifying takes a tenth of a millisecond, and whoever serves a zone says how often: so nobody's keys are tried without
end (KeyTrap, CVE-2023-50387), and what was verified before is known.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    SECP384R1,
    EllipticCurve,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm

from checks.model import Signature

_RSA: dict[int, HashAlgorithm] = {5: SHA1(), 7: SHA1(), 8: SHA256(), 10: SHA512()}  # noqa: S303  # what was signed so
_ECDSA: dict[int, tuple[EllipticCurve, HashAlgorithm, int]] = {
    13: (SECP256R1(), SHA256(), 32),
    14: (SECP384R1(), SHA384(), 48),
}
_EDDSA: dict[int, type[Ed25519PublicKey] | type[Ed448PublicKey]] = {15: Ed25519PublicKey, 16: Ed448PublicKey}

ALGORITHMS = {
    1: "RSAMD5", 3: "DSA", 5: "RSASHA1", 6: "DSA-NSEC3-SHA1", 7: "RSASHA1-NSEC3-SHA1", 8: "RSASHA256", 10: "RSASHA512",
    12: "ECC-GOST", 13: "ECDSAP256SHA256", 14: "ECDSAP384SHA384", 15: "ED25519", 16: "ED448", 17: "SM2SM3",
    23: "ECC-GOST12",
}  # fmt: skip
"""Mnemonics (IANA, DNS Security Algorithm Numbers)."""

MAX_KEYS = 16
"""Keys of a server that are tried …"""
MAX_TRIES, MAX_FAILURES = 512, 32
"""… and attempts to verify for one zone and poll, and such that fail for one of its addresses, lest one of them be the
reason why nothing is known of others: what is over is not known.
"""

MIN_RSA_BITS, MAX_RSA_BITS, MAX_RSA_EXPONENT = 1024, 4096, 2**35
"""What can be verified of RSA, and what resolvers take (RFC 3110 section 2; BIND's max-rsa-exponent-size): more is
there to keep us busy.
"""

MAX_REMEMBERED = 4096
"""Octets of what is verified, whose verdict is kept."""

_ZONE_KEY, _REVOKED, _DNSSEC = 0x0100, 0x0080, 3


class Verdict(Enum):
    """What came of a signature."""

    VALID = auto()
    INVALID = auto()
    UNKNOWN = auto()
    """Its algorithm, or a key of it, is none that can be verified here; or too much was to be tried."""


@dataclass(frozen=True, slots=True)
class Key:
    """A DNSKEY record that may sign a zone (RFC 4034 section 2); ``public`` is as in its rdata."""

    algorithm: int
    tag: int
    public: bytes


@dataclass(slots=True)
class Verifier:
    """What the keys of one address say of signatures; ``tries`` are counted over all of a zone's addresses.

    ``cut``: it gives keys that were too long, or too many, to be kept: any signature may be by one of those.
    """

    keys: tuple[Key, ...]
    tries: "Tries"
    cut: bool = False
    failures: int = MAX_FAILURES

    def verdict(self, signature: Signature) -> Verdict:
        """Whether one of the keys made it."""
        found = Verdict.INVALID
        for key in self.keys[:MAX_KEYS]:
            if (key.algorithm, key.tag) == (signature.algorithm, signature.key_tag):
                said = self._said(key, signature)
                if said is Verdict.VALID:
                    return said
                found = Verdict.UNKNOWN if said is Verdict.UNKNOWN else found
        return Verdict.UNKNOWN if found is Verdict.INVALID and self._more(signature) else found

    def has_key(self, signature: Signature) -> bool:
        """Whether one of the keys could have made it."""
        return any((key.algorithm, key.tag) == (signature.algorithm, signature.key_tag) for key in self.keys)

    def _said(self, key: Key, signature: Signature) -> Verdict:
        if self.failures <= 0:
            return Verdict.UNKNOWN
        said = self.tries.verify(key, signature)
        self.failures -= said is Verdict.INVALID
        return said

    def _more(self, signature: Signature) -> bool:
        """Whether a key that was not tried could have made it."""
        rest = self.keys[MAX_KEYS:]
        return self.cut or any((key.algorithm, key.tag) == (signature.algorithm, signature.key_tag) for key in rest)


@dataclass(slots=True)
class Tries:
    """How often it may still be tried, and what was found of those tried before."""

    left: int = MAX_TRIES
    known: dict[tuple[Key, Signature], Verdict] = field(default_factory=dict)

    def verify(self, key: Key, signature: Signature) -> Verdict:
        found = self.known.get((key, signature))
        if found is None and self.left > 0:
            found = self.known[key, signature] = verify(key, signature)
            self.left -= 1
        return found or Verdict.UNKNOWN


def zone_keys(rdata: Iterable[str]) -> Iterator[Key]:
    """The DNSKEY records, in presentation form, whose keys may have signed a zone: not those that are revoked (RFC 5011
    section 2.1), for another protocol, or not of a zone.
    """
    for text in rdata:
        words = text.split(" ", 3)
        if len(words) != 4 or not all(word.isdigit() for word in words[:3]):
            continue
        flags, protocol, algorithm = map(int, words[:3])
        try:
            public = base64.b64decode(words[3].replace(" ", ""), validate=True)
        except binascii.Error:
            continue  # too long to be kept whole, or of no sense at all
        if flags & _ZONE_KEY and not flags & _REVOKED and protocol == _DNSSEC:
            yield Key(algorithm, _tag(flags, algorithm, public), public)


def are_cut(rdata: Iterable[str]) -> bool:
    """Whether some of these records were not kept whole: neither digits nor base64 have full stops."""
    return any("..." in text for text in rdata)


def _tag(flags: int, algorithm: int, public: bytes) -> int:
    """RFC 4034 appendix B."""
    octets = flags.to_bytes(2, "big") + bytes((_DNSSEC, algorithm)) + public
    total = sum(octets[0::2]) * 256 + sum(octets[1::2])
    return (total + (total >> 16 & 0xFFFF)) & 0xFFFF


def algorithm_name(number: int) -> str:
    """ "13 (ECDSAP256SHA256)"."""
    return f"{number} ({ALGORITHMS[number]})" if number in ALGORITHMS else str(number)


def verify(key: Key, signature: Signature) -> Verdict:
    """Whether this key made the signature."""
    if len(signature.signed) > MAX_REMEMBERED:
        return _verify(key.algorithm, key.public, signature.signed, signature.octets)
    return _remembered(key.algorithm, key.public, signature.signed, signature.octets)


def _verify(algorithm: int, public: bytes, signed: bytes, octets: bytes) -> Verdict:
    try:
        if algorithm in _RSA:
            return _rsa(algorithm, public, signed, octets)
        if algorithm in _ECDSA:
            return _ecdsa(algorithm, public, signed, octets)
        if algorithm in _EDDSA:
            _EDDSA[algorithm].from_public_bytes(public).verify(octets, signed)
            return Verdict.VALID
    except (InvalidSignature, UnsupportedAlgorithm, ValueError) as why:  # ValueError: no such key, or no such signature
        return Verdict.UNKNOWN if isinstance(why, UnsupportedAlgorithm) else Verdict.INVALID
    return Verdict.UNKNOWN


_remembered = lru_cache(maxsize=1024)(_verify)


def _rsa(algorithm: int, public: bytes, signed: bytes, octets: bytes) -> Verdict:
    """RFC 3110 section 2."""
    size, start = (public[0], 1) if public[:1] > b"\0" else (int.from_bytes(public[1:3], "big"), 3)
    exponent = int.from_bytes(public[start : start + size], "big")
    modulus = int.from_bytes(public[start + size :], "big")
    if not MIN_RSA_BITS <= modulus.bit_length() <= MAX_RSA_BITS or exponent > MAX_RSA_EXPONENT:
        return Verdict.UNKNOWN
    key = RSAPublicNumbers(exponent, modulus).public_key()
    key.verify(octets, signed, PKCS1v15(), _RSA[algorithm])
    return Verdict.VALID


def _ecdsa(algorithm: int, public: bytes, signed: bytes, octets: bytes) -> Verdict:
    """RFC 6605 section 4."""
    curve, digest, size = _ECDSA[algorithm]
    if (len(public), len(octets)) != (2 * size, 2 * size):
        return Verdict.INVALID
    x, y, r, s = (int.from_bytes(part, "big") for part in (public[:size], public[size:], octets[:size], octets[size:]))
    key = EllipticCurvePublicNumbers(x, y, curve).public_key()
    key.verify(encode_dss_signature(r, s), signed, ECDSA(digest))
    return Verdict.VALID
