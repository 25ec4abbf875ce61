"""What becomes of a packet that the listener for NOTIFY gets: octets in, octets or silence out, and no socket.

Nothing in it is believed but that a zone may have changed, which is then asked of its servers. Who is no server of any
zone is not answered at all (RFC 1996 section 3.10), so that nobody learns which zones are watched, and a forged source
gets nothing; others are answered with no more octets than they have sent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import dns.message
import dns.tsig
from dns.name import Name
from dns.rcode import Rcode

from monitor.probe.message import tsig_server
from monitor.probe.message.notify import (
    MAX_SIZE,
    NotifyRequest,
    format_error,
    is_notify,
    is_request,
    read_notify,
    response,
)
from monitor.probe.message.text import system
from monitor.probe.message.tsig_server import BadTsig, Signed
from monitor.probe.message.wire import Malformed
from monitor.probe.notify.rates import SourceRates
from monitor.probe.types import TsigKey


class NotifyResult(StrEnum):
    """What became of one packet, or of one TCP connection."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    """Accepted, but so many zones wait to be asked that this one is left to the next sweep."""
    UNKNOWN_SOURCE = "unknown-source"
    """It is from no server of any zone: no answer."""
    NOT_NOTIFY = "not-notify"
    """A response, another opcode, or less than a header: no answer."""
    TOO_MANY = "too-many"
    """More than one source may send: no answer."""
    MALFORMED = "malformed"
    """FORMERR, or BADVERS; no answer where it is longer than any NOTIFY."""
    UNKNOWN_ZONE = "unknown-zone"
    """NOTAUTH."""
    OTHER_SOURCE = "other-source"
    """It is from a server of other zones: REFUSED."""
    OTHER_TYPE = "other-type"
    """It is about something else than the SOA (RFC 9859): NOTIMP."""
    UNSIGNED = "unsigned"
    """The server has a notify_key: REFUSED."""
    BADLY_SIGNED = "badly-signed"
    """NOTAUTH with a TSIG error (RFC 8945 section 5.2); REFUSED where the key is a good one, but not that server's."""
    CONNECTION_ENDED = "connection-ended"
    """A connection that was too slow, too long, or one too many."""
    UNANSWERED = "unanswered"
    """An answer that could not be sent, beside what became of the packet."""


@dataclass(frozen=True, slots=True)
class NotifySender:
    """A server that may send NOTIFY for a zone; one of ``keys`` (names in the configuration) must sign, if any."""

    server: str
    keys: tuple[str, ...] = ()


class Senders(Protocol):
    """Who may send NOTIFY for which zone."""

    def is_known(self, host: str) -> bool:
        """Whether it is the address of any server of any zone."""
        ...

    def has_zone(self, zone: str) -> bool: ...

    def sender(self, zone: str, host: str) -> NotifySender | None:
        """The server of the zone that has this address; None where none has."""
        ...


@dataclass(frozen=True, slots=True)
class HeardNotify:
    """A NOTIFY that was accepted; ``serial`` is the hint in it, which nobody has verified."""

    zone: str
    server: str
    host: str
    serial: int | None


Told = Callable[[NotifyResult, str, str, str], None]
"""(what became of it, the host it is from, its zone or "", why or "") → counted, and maybe logged. Zone and reason are
printable ASCII, escaped.
"""


@dataclass(frozen=True, slots=True)
class Keyring:
    """Keys by their name on the wire, and what the configuration calls them. Several of one name are in several rings:
    dnspython's Key shows its secret in ``repr``.
    """

    keys: Mapping[Name, dns.tsig.Key] = field(repr=False)
    names: Mapping[Name, str]


def keyrings(keys: Mapping[str, TsigKey]) -> tuple[Keyring, ...]:
    rings: list[tuple[dict[Name, dns.tsig.Key], dict[Name, str]]] = []
    for key in keys.values():
        usable = tsig_server.usable(key)
        ring = next((one for one in rings if usable.name not in one[0]), None)
        if ring is None:
            ring = ({}, {})
            rings.append(ring)
        ring[0][usable.name] = usable
        ring[1][usable.name] = key.name
    return tuple(Keyring(*ring) for ring in rings)


class NotifyResponder:
    """Judges packets. ``heard`` is called with what was accepted, before it is answered."""

    def __init__(
        self,
        senders: Senders,
        keys: Mapping[str, TsigKey],
        heard: Callable[[HeardNotify], None],
        told: Told,
        seconds: Callable[[], float],
        rates: SourceRates | None = None,
    ) -> None:
        """``seconds``: wall time since the epoch."""
        self._heard, self._told, self._seconds = heard, told, seconds
        self._rates = rates or SourceRates()
        self.use(senders, keys)

    def use(self, senders: Senders, keys: Mapping[str, TsigKey]) -> None:
        self._senders, self._rings = senders, keyrings(keys)

    def is_known(self, host: str) -> bool:
        """Whether this host is listened to at all; if not, that is counted."""
        known = self._senders.is_known(host)
        if not known:
            self._told(NotifyResult.UNKNOWN_SOURCE, host, "", "")
        return known

    def ended(self, host: str, why: str) -> None:
        """A connection from this host was ended."""
        self._told(NotifyResult.CONNECTION_ENDED, host, "", why)

    def unanswered(self, host: str, error: OSError) -> None:
        """What was answered to this host did not leave the machine: it will send again, accepted or not."""
        self._told(NotifyResult.UNANSWERED, host, "", system(error))

    def respond(self, wire: bytes, host: str) -> bytes | None:
        """The response to whatever octets came from a host; None: silence. Never an exception."""
        if not self.is_known(host):
            return None
        if not is_request(wire) or not is_notify(wire):
            silent = NotifyResult.NOT_NOTIFY
        elif not self._rates.take(host):
            silent = NotifyResult.TOO_MANY
        elif len(wire) > MAX_SIZE:
            silent = NotifyResult.MALFORMED
        else:
            return self._answer(wire, host)
        self._told(silent, host, "", "")
        return None

    def _answer(self, wire: bytes, host: str) -> bytes | None:
        try:
            request = read_notify(wire)
            signed, key = self._verified(request) if request.signed else (None, "")
        except (Malformed, BadTsig) as error:
            self._told(NotifyResult.MALFORMED, host, "", str(error))
            return format_error(wire)
        result, rcode, why = self._judge(request, host, signed, key)
        self._told(result, host, request.zone, why)
        octets = response(request, rcode)
        if signed is not None:
            octets, _ = tsig_server.sign(octets, signed, int(self._seconds()))
        proven = signed is not None and signed.key is not None
        return octets if proven or len(octets) <= len(wire) else None

    def _verified(self, request: NotifyRequest) -> tuple[Signed, str]:
        """Who signed it, and what the configuration calls the key. Raises Malformed and BadTsig."""
        try:
            message = dns.message.from_wire(request.wire, keyring=lambda *_: False)
        except Exception as error:  # noqa: BLE001 - dnspython lets UnicodeDecodeError, struct.error and others through here
            raise Malformed(f"not to be read: {type(error).__name__}") from None
        tried = []
        for ring in self._rings or (Keyring({}, {}),):
            signed = tsig_server.verify(message, request.wire, ring.keys, int(self._seconds()))
            if signed is None:
                raise Malformed("a TSIG out of place")
            if signed.key is not None:
                return signed, ring.names[signed.name]
            tried.append(signed)
        return next((one for one in tried if one.error == Rcode.BADSIG), tried[0]), ""

    def _judge(
        self, request: NotifyRequest, host: str, signed: Signed | None, key: str
    ) -> tuple[NotifyResult, Rcode, str]:
        if request.edns:
            return NotifyResult.MALFORMED, Rcode.BADVERS, f"version {request.edns} of EDNS"
        if signed is not None and signed.error != Rcode.NOERROR:
            return NotifyResult.BADLY_SIGNED, Rcode.NOTAUTH, signed.error.name
        if not self._senders.has_zone(request.zone):
            return NotifyResult.UNKNOWN_ZONE, Rcode.NOTAUTH, ""
        sender = self._senders.sender(request.zone, host)
        if sender is None:
            return NotifyResult.OTHER_SOURCE, Rcode.REFUSED, ""
        if sender.keys and key not in sender.keys:
            if signed is None:
                return NotifyResult.UNSIGNED, Rcode.REFUSED, ""
            return NotifyResult.BADLY_SIGNED, Rcode.REFUSED, f"signed with {key}"
        if not request.is_for_soa:
            return NotifyResult.OTHER_TYPE, Rcode.NOTIMP, f"type {request.type}"
        self._heard(HeardNotify(request.zone, sender.server, host, request.serial))
        return NotifyResult.ACCEPTED, Rcode.NOERROR, ""
