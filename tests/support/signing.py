"""How a server signs its answers (RFC 8945), rightly or not."""

import base64
import struct
import time
from typing import Any

import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TSIG
import dns.tsig

from alerting.model import Secret
from monitor.probe.types import TsigKey
from tests.support.nameserver import Asked

SECRET = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
OTHER_SECRET = base64.b64encode(b"another secret, another secret!!").decode()

KEY = TsigKey("xfr", "xfr.example.net.", "hmac-sha256", Secret(SECRET))


class Pen:
    """Signs the messages that answer one query, one after the other; ``ahead`` is how far its clock is off."""

    def __init__(
        self,
        query: Asked,
        secret: str = SECRET,
        name: str = KEY.wire_name,
        algorithm: str = KEY.algorithm,
        ahead: int = 0,
    ) -> None:
        self._key = dns.tsig.Key(dns.name.from_text(name), secret, algorithm)
        self._id = query.id
        self._ahead = ahead
        message = dns.message.from_wire(query.wire, keyring=False)
        self._mac = message.mac if message.had_tsig else b""
        self._context: Any = None

    def sign(self, wire: bytes, error: int = 0, other: bytes = b"", mac: bytes | None = None) -> bytes:
        """The message with its TSIG; ``mac`` overrides the right one."""
        moment = int(time.time()) + self._ahead  # noqa: TID251 - this is the server's own clock
        rdata = self._rdata(moment, error, other)
        signed, self._context = dns.tsig.sign(wire, self._key, rdata, moment, self._mac, self._context, True)
        if mac is not None:
            signed = signed.replace(mac=mac)
        tail = signed.to_wire()
        count = struct.pack("!H", int.from_bytes(wire[10:12], "big") + 1)
        fixed = struct.pack("!HHIH", dns.rdatatype.TSIG, dns.rdataclass.ANY, 0, len(tail))
        return wire[:10] + count + wire[12:] + self._key.name.to_wire() + fixed + tail

    def skip(self, wire: bytes) -> bytes:
        """The message as it is; the next signature covers it too."""
        self._context.update(wire)
        return wire

    def _rdata(self, moment: int, error: int, other: bytes) -> dns.rdtypes.ANY.TSIG.TSIG:
        return dns.rdtypes.ANY.TSIG.TSIG(
            dns.rdataclass.ANY, dns.rdatatype.TSIG, self._key.algorithm, moment, 300, b"", self._id, error, other
        )


def server_time(ahead: int) -> bytes:
    """Other data of a BADTIME error: 48 bits of time."""
    return (int(time.time()) + ahead).to_bytes(6, "big")  # noqa: TID251 - this is the server's own clock
