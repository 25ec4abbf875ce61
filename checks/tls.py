"""The check tls: servers that are asked over TLS answer there, with certificates that are valid for long enough."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from checks.common.each_address import EachAddress
from checks.common.response_faults import fault
from checks.common.text import format_duration, server_at
from checks.model import (
    Address,
    Finding,
    Inconclusive,
    Observation,
    Outcome,
    Query,
    Server,
    Transport,
    Zone,
)
from checks.model.finding_type import FindingType, Severity
from checks.model.tls import TlsFault

UNREACHABLE = FindingType("tls-unreachable", Severity.WARNING, "TCP/53 answers, TLS does not", family="tls")
INVALID = FindingType(
    "tls-certificate-invalid", Severity.WARNING, "A certificate for TLS is not one that is trusted", family="tls"
)
EXPIRED = FindingType("tls-certificate-expired", Severity.CRITICAL, "A certificate for TLS has ended", family="tls")
EXPIRING = FindingType("tls-certificate-expiring", Severity.WARNING, "A certificate for TLS ends soon", family="tls")
NO_TRANSFERS = frozenset({UNREACHABLE.code, INVALID.code, EXPIRED.code})
"""Who transfers over TLS gets nothing there."""
_CERTIFICATE = frozenset({TlsFault.NAME, TlsFault.UNTRUSTED, TlsFault.PIN, TlsFault.NOT_YET_VALID})


@dataclass(frozen=True, slots=True)
class OverTls(EachAddress):
    """Objective: whoever asks a server over TLS (RFC 7858, RFC 9103) gets answers, today and for a while.

    Steps: 1. Of servers that are asked over TLS ask each address for the SOA over TLS, and beside it over TCP.
    2. Where TLS brings nothing, it is TLS only if TCP brings something. 3. A certificate is compared with what is
    expected of it: name and authority, or the pin of its key, or nothing. 4. The end of it that is seen, be it one that
    is trusted or not looked at, is compared with the clock of the monitor.

    ========================  ================================================================================
    tls-unreachable           TCP answers, and TLS brings no answer: no connection, no handshake, or silence
    tls-certificate-invalid   another name, an authority that is not trusted, another key, or not valid yet
    tls-certificate-expired   it has ended
    tls-certificate-expiring  it ends within ``expiring``
    ========================  ================================================================================
    """

    name: ClassVar[str] = "tls"
    finding_types: ClassVar[tuple[FindingType, ...]] = (UNREACHABLE, INVALID, EXPIRED, EXPIRING)
    cadence: ClassVar[timedelta] = timedelta(hours=1)
    version_bound: ClassVar[bool] = False

    expiring: timedelta = field(default=timedelta(days=14), metadata={"bounds": {"ge": timedelta(hours=1)}})
    """How long before its end a certificate is `tls-certificate-expiring`; at least `"1h"`. Authorities that give
    short ones renew them with a third of their life left, which of ninety days is thirty."""

    def places(self, zone: Zone) -> Iterator[tuple[Server, Address]]:
        return ((server, address) for server, address in zone.server_addresses() if server.tls)

    def asked(self, zone: Zone, server: Server, address: Address) -> Sequence[Query]:
        return [
            Query(zone.name, server.name, address, zone.name, "SOA", transport)
            for transport in (Transport.TCP, Transport.TLS)
        ]

    def judge(
        self, zone: Zone, server: Server, address: Address, seen: Sequence[Observation | None], now: datetime
    ) -> Finding | Inconclusive | None:
        tcp, tls = seen
        if tls is None or tcp is None or tls.outcome is Outcome.UNASKED:
            reason = tls.detail if tls is not None else "the monitor could not ask"
            return Inconclusive(server.name, address, reason=reason)
        who = server_at(server.name, address)
        if said := self._certificate(who, now, tls):
            return Finding(said[0].code, said[1], server.name, address)
        if tls.outcome is Outcome.ANSWERED:
            return None
        if tcp.outcome is not Outcome.ANSWERED or fault(tcp, primary=server.name == zone.primary) is not None:
            return Inconclusive(server.name, address, reason="no answer over TCP either")
        text = f"{who} answers over TCP and not over TLS: {tls.detail or tls.outcome.value}"
        return Finding(UNREACHABLE.code, text, server.name, address)

    def _certificate(self, who: str, now: datetime, seen: Observation) -> tuple[FindingType, str] | None:
        if seen.tls is None:
            return None
        until = seen.tls.until
        left = None if until is None else until - now
        if seen.tls.fault is TlsFault.EXPIRED or (left is not None and left <= timedelta(0)):
            ago = "" if left is None else f" {format_duration(-left.total_seconds())} ago"
            return EXPIRED, f"the certificate for TLS of {who} has ended{ago}{_at(until)}"
        if seen.tls.fault in _CERTIFICATE:
            return INVALID, f"the certificate for TLS of {who} is not taken: {seen.detail}"
        if left is not None and left < self.expiring:
            ends = format_duration(left.total_seconds())
            return EXPIRING, f"the certificate for TLS of {who} ends in {ends}{_at(until)}"
        return None


def _at(until: datetime | None) -> str:
    return "" if until is None else f" ({until:%Y-%m-%d %H:%M} UTC)"
