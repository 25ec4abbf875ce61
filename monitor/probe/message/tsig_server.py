"""Verifies requests and signs their answers as a server does (TSIG, RFC 8945), by a clock that the caller reads."""

import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.tsig
from dns.name import Name
from dns.rcode import Rcode
from dns.rdtypes.ANY.TSIG import TSIG

from monitor.probe.types import TsigKey

FUDGE = 300
_RECORD = struct.Struct("!HHI")

Keys = Mapping[Name, dns.tsig.Key]
"""By name on the wire. dnspython's Key shows its secret in ``repr``: these must not be printed."""


class BadTsig(ValueError):
    """The TSIG record itself is not one that a request may carry: FORMERR (RFC 8945 section 5.2)."""


@dataclass(frozen=True, slots=True)
class Signed:
    """The request was signed. With ``error``, by an unknown key or wrongly; ``key`` is None when unknown."""

    name: Name
    algorithm: Name
    mac: bytes
    time: int
    key: dns.tsig.Key | None = field(default=None, repr=False)
    error: Rcode = Rcode.NOERROR


def usable(key: TsigKey) -> dns.tsig.Key:
    """The key of a configuration as dnspython wants it."""
    return dns.tsig.Key(dns.name.from_text(key.wire_name), key.secret.reveal(), key.algorithm)


def with_other_secret(key: dns.tsig.Key) -> dns.tsig.Key:
    """The same name and algorithm with another secret."""
    return dns.tsig.Key(key.name, b"not the secret that was agreed on", key.algorithm)


def verify(message: dns.message.Message, wire: bytes, keys: Keys, now: int) -> Signed | None:
    """Who signed this request, None if nobody did. ``now`` is in seconds since 1970. Raises BadTsig.

    The order is that of RFC 8945 section 5.2: key, MAC, time.
    """
    if message.tsig is None:
        return None
    tsig: TSIG = message.tsig[0]
    name = message.tsig.name
    if tsig.error != 0:
        raise BadTsig("a request's TSIG has no error to tell")
    signed = {"mac": tsig.mac, "time": tsig.time_signed}
    key = keys.get(name)
    if key is None or key.algorithm != tsig.algorithm:
        return Signed(name, tsig.algorithm, **signed, error=Rcode.BADKEY)
    size = dns.tsig.mac_sizes[key.algorithm]
    if not max(10, size // 2) <= len(tsig.mac) <= size:  # section 5.2.2.1
        raise BadTsig(f"a MAC of {len(tsig.mac)} octets is none of {key.algorithm}")
    try:
        with suppress(dns.tsig.BadTime):  # by the clock of this machine, and only after the MAC was found good
            dns.message.from_wire(wire, keyring=key, ignore_trailing=True)
    except dns.tsig.BadSignature:
        return Signed(name, tsig.algorithm, **signed, error=Rcode.BADSIG)
    error = Rcode.BADTIME if abs(tsig.time_signed - now) > tsig.fudge else Rcode.NOERROR
    return Signed(name, tsig.algorithm, **signed, key=key, error=error)


def reserve(signed: Signed | None) -> int:
    """How many octets ``sign`` will add at most."""
    if signed is None:
        return 0
    return len(signed.name.to_wire() or b"") + len(signed.algorithm.to_wire() or b"") + 26 + 64 + 6


def sign(wire: bytes, signed: Signed, now: int, ctx: Any = None, *, multi: bool = False) -> tuple[bytes, Any]:
    """The answer to a signed request, signed; and the context for the next message where there are several.

    BADKEY and BADSIG are told unsigned (section 5.3.2); BADTIME is signed, repeats the request's time and
    says ours (section 5.2.3).
    """
    other = struct.pack("!HI", now >> 32, now & 0xFFFFFFFF) if signed.error == Rcode.BADTIME else b""
    time = signed.time if signed.error == Rcode.BADTIME else now
    blank = _record(signed.algorithm, time, wire, signed.error, other)
    if signed.key is None:
        return append(wire, signed.name, blank), None
    tsig, ctx = dns.tsig.sign(wire, signed.key, blank, time, signed.mac if ctx is None else None, ctx, multi)
    return append(wire, signed.name, tsig), ctx


def sign_request(wire: bytes, key: dns.tsig.Key, now: int) -> tuple[bytes, bytes]:
    """A question, signed; and its MAC, which the answer's signature covers."""
    blank = _record(key.algorithm, now, wire)
    tsig, _ = dns.tsig.sign(wire, key, blank, now)
    return append(wire, key.name, tsig), tsig.mac


def _record(algorithm: Name, time: int, wire: bytes, error: int = 0, other: bytes = b"") -> TSIG:
    """The record without its MAC; the original id is that of the message (section 5.3)."""
    original_id = int.from_bytes(wire[:2], "big")
    return TSIG(dns.rdataclass.ANY, dns.rdatatype.TSIG, algorithm, time, FUDGE, b"", original_id, error, other)


def append(wire: bytes, name: Name, tsig: TSIG) -> bytes:
    """The message with the record at its end and counted."""
    count = int.from_bytes(wire[10:12], "big") + 1
    rdata = tsig.to_wire() or b""
    owner = name.to_wire() or b""
    record = owner + _RECORD.pack(dns.rdatatype.TSIG, dns.rdataclass.ANY, 0) + len(rdata).to_bytes(2, "big") + rdata
    return wire[:10] + count.to_bytes(2, "big") + wire[12:] + record
