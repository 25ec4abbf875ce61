"""Signs and verifies raw messages (TSIG, RFC 8945) with dnspython's cryptography."""

import binascii
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import dns.exception
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TSIG
import dns.tsig

from monitor.probe.message.request import Request
from monitor.probe.message.wire import Malformed, Record
from monitor.probe.types import TsigKey

FUDGE = 300
MOST_UNSIGNED = 99
"""Messages of a transfer that may go by between two signed ones (RFC 8945 section 5.3.1)."""

Seconds = Callable[[], float]
"""Wall time since the epoch."""

_NAMES = {
    "hmac-md5": dns.tsig.HMAC_MD5,
    "hmac-sha1": dns.tsig.HMAC_SHA1,
    "hmac-sha224": dns.tsig.HMAC_SHA224,
    "hmac-sha256": dns.tsig.HMAC_SHA256,
    "hmac-sha256-128": dns.tsig.HMAC_SHA256_128,
    "hmac-sha384": dns.tsig.HMAC_SHA384,
    "hmac-sha384-192": dns.tsig.HMAC_SHA384_192,
    "hmac-sha512": dns.tsig.HMAC_SHA512,
    "hmac-sha512-256": dns.tsig.HMAC_SHA512_256,
}


@dataclass(frozen=True, slots=True)
class TsigFault:
    """Why a signed exchange is not to be believed. ``error`` is a TSIG error's mnemonic, or "" when it is ours;
    ``skew`` is how many seconds the server's clock is ahead.
    """

    error: str
    text: str
    skew: float | None = None


class Signer:
    """Signs what goes out under one key. It prints without its secret."""

    __slots__ = ("_key", "_seconds")

    def __init__(self, key: TsigKey, seconds: Seconds) -> None:
        """Raises ValueError when the key cannot be used; the sentence does not quote the secret."""
        algorithm = _NAMES.get(key.algorithm.lower().removesuffix("."))
        if algorithm is None:
            raise ValueError(f"key {key.name}: the algorithm is not supported")
        try:
            secret = binascii.a2b_base64(key.secret.reveal())
        except (binascii.Error, ValueError):
            raise ValueError(f"key {key.name}: the secret is not base64") from None
        try:
            name = dns.name.from_text(key.wire_name).canonicalize()
        except dns.exception.DNSException:
            raise ValueError(f"key {key.name}: not a name") from None
        self._key = dns.tsig.Key(name, secret, algorithm)
        self._seconds = seconds

    def __repr__(self) -> str:
        return f"<signer {self._key.name}>"

    def sign(self, request: Request) -> Request:
        now = int(self._seconds())
        rdata = dns.rdtypes.ANY.TSIG.TSIG(
            dns.rdataclass.ANY, dns.rdatatype.TSIG, self._key.algorithm, now, FUDGE, b"", request.id, 0, b""
        )
        signed, _ = dns.tsig.sign(request.wire, self._key, rdata, now)
        tail = signed.to_digestable()
        head = request.wire[:10] + struct.pack("!H", int.from_bytes(request.wire[10:12], "big") + 1)
        fixed = struct.pack("!HHIH", dns.rdatatype.TSIG, dns.rdataclass.ANY, 0, len(tail))
        owner = self._key.name.to_digestable()
        return replace(request, wire=head + request.wire[12:] + owner + fixed + tail, mac=signed.mac, signed=now)

    def verifier(self, request: Request) -> "Verifier":
        return Verifier(self._key, request, self._seconds)


class Verifier:
    """Verifies the signatures of the response to one request, message by message."""

    __slots__ = ("_context", "_key", "_request", "_seconds", "_unsigned")

    def __init__(self, key: dns.tsig.Key, request: Request, seconds: Seconds) -> None:
        self._key = key
        self._request = request
        self._seconds = seconds
        self._context: Any = None
        self._unsigned = 0

    def verify(self, wire: bytes, tsig: Record | None) -> TsigFault | None:
        """Checks one message. The first must be signed; between two signed ones others may go by."""
        if tsig is None:
            return self._unsigned_message(wire)
        try:
            rdata = _rdata(wire, tsig)
        except Malformed as broken:
            return TsigFault("", str(broken))
        if rdata.error:
            return _told(rdata, self._request.signed)
        owner = dns.name.from_wire(wire, tsig.start)[0]
        try:
            self._context = dns.tsig.validate(
                wire,
                self._key,
                owner,
                rdata,
                int(self._seconds()),
                self._request.mac,
                tsig.start,
                self._context,
                True,
            )
        except dns.tsig.BadTime:
            skew = float(rdata.time_signed - self._request.signed)
            return TsigFault("BADTIME", f"signed {abs(skew):.0f} s {_side(skew)} our clock", skew)
        except dns.tsig.BadKey:
            return TsigFault("BADKEY", "signed with a key of another name")
        except dns.tsig.BadAlgorithm:
            return TsigFault("BADALG", "signed with another algorithm")
        except dns.tsig.BadSignature:
            return TsigFault("BADSIG", "the signature does not verify")
        except dns.exception.DNSException as error:
            return TsigFault("", f"the TSIG record is broken: {type(error).__name__}")
        self._unsigned = 0
        return None

    @property
    def open(self) -> bool:
        """Messages went by that no signature covers yet."""
        return self._unsigned > 0

    def _unsigned_message(self, wire: bytes) -> TsigFault | None:
        if self._context is None:
            return TsigFault("UNSIGNED", "the answer is not signed")
        self._unsigned += 1
        if self._unsigned > MOST_UNSIGNED:
            return TsigFault("UNSIGNED", f"more than {MOST_UNSIGNED} messages without a signature")
        self._context.update(wire)
        return None


def _rdata(wire: bytes, tsig: Record) -> dns.rdtypes.ANY.TSIG.TSIG:
    try:
        rdata = dns.rdata.from_wire(dns.rdataclass.ANY, dns.rdatatype.TSIG, wire, tsig.rdata, tsig.length)
    except (dns.exception.DNSException, ValueError) as error:
        raise Malformed(f"a broken TSIG record: {type(error).__name__}") from None
    assert isinstance(rdata, dns.rdtypes.ANY.TSIG.TSIG)  # noqa: S101 - a type asked for by number
    return rdata


def _told(rdata: dns.rdtypes.ANY.TSIG.TSIG, signed: int) -> TsigFault:
    error = dns.rcode.to_text(rdata.error, True)
    if rdata.error == dns.rcode.BADTIME and len(rdata.other) == 6:
        skew = float(int.from_bytes(rdata.other, "big") - signed)
        return TsigFault(error, f"TSIG error {error}: its clock is {abs(skew):.0f} s {_side(skew)} ours", skew)
    return TsigFault(error, f"TSIG error {error}")


def _side(skew: float) -> str:
    return "ahead of" if skew >= 0 else "behind"
