"""What a lab server has to do, as values: zones with their contents, keys, and who may have or gets told what."""

from dataclasses import dataclass, replace

import dns.name
import dns.tsig
import dns.zone

from alerting.model import Secret
from checks.model import Address
from monitor.probe.types import TsigKey
from tests.support.certificates import Certificate

XFR = TsigKey("xfr", "xfr-key.", "hmac-sha256", Secret("c29hd2F0Y2ggbGFiOiB0cmFuc2ZlcnMgYWxsb3dlZCE="))
"""The key that zones are given out with unless a test says otherwise."""
GUEST = TsigKey("guest", "guest-key.", "hmac-sha256", Secret("c29hd2F0Y2ggbGFiOiBrbm93biwgbm90IGFsbG93ZWQ="))
"""A key every lab server knows, and no zone is given out with unless a test says so."""


SHORT = (
    "@ NS ns1",
    "@ NS ns2",
    "@ MX 10 mail",
    "ns1 A 192.0.2.53",
    "ns2 A 198.51.100.53",
    "ns2 AAAA 2001:db8::53",
    "mail A 192.0.2.25",
    "www A 192.0.2.80",
    "www AAAA 2001:db8::80",
)


def tsig(key: TsigKey) -> dns.tsig.Key:
    return dns.tsig.Key(dns.name.from_text(key.wire_name), key.secret.reveal(), dns.name.from_text(key.algorithm))


@dataclass(frozen=True, slots=True)
class Content:
    """A version of a zone. ``records`` are "OWNER TYPE RDATA", names relative to the zone; the SOA has its own fields.

    The timers default to hours: a secondary that is not told of a change stays where it is for as long as any
    test lasts.
    """

    zone: str
    serial: int = 1
    refresh: int = 7200
    retry: int = 3600
    expire: int = 1209600
    minimum: int = 300
    ttl: int = 300
    mname: str = "ns1"
    rname: str = "hostmaster"
    records: tuple[str, ...] = SHORT

    def next(self) -> "Content":
        """The same with the next serial (RFC 1982 section 3.1)."""
        return replace(self, serial=(self.serial + 1) % 2**32)

    @property
    def soa(self) -> str:
        """Written as ``records`` are."""
        return f"@ SOA {self.mname} {self.rname} {self.serial} {self.refresh} {self.retry} {self.expire} {self.minimum}"

    def text(self) -> str:
        """The zone file."""
        lines = [f"$ORIGIN {self.zone}", f"$TTL {self.ttl}"]
        for record in (self.soa, *self.records):
            owner, rtype, rdata = record.split(None, 2)
            lines.append(f"{owner} IN {rtype} {rdata}")
        return "\n".join(lines) + "\n"

    def parsed(self) -> dns.zone.Zone:
        return dns.zone.from_text(self.text(), relativize=False)


@dataclass(frozen=True, slots=True)
class Duty:
    """What a server does for one zone: as a primary it has ``content``, as a secondary an ``upstream``.

    ``allow`` are the keys that transfers are given with; ``everyone`` gives them without one. ``upstream_key``
    signs its own transfers. ``notify`` are the addresses told of each new version, with ``notify_key`` if any; PowerDNS
    signs with the keys it gives transfers with. ``dynamic``: it takes
    updates signed with XFR (RFC 2136) and writes its own zone file; BIND, Knot and PowerDNS only. ``forwards``: as a
    secondary it hands updates on to its primary; BIND only. ``signs``: it signs the zone by
    its own default policy, with keys of its own and serials of its own; BIND, Knot and PowerDNS only. Both: it keeps
    what updates bring of others' keys (RFC 8901). ``zonemd``: it makes a ZONEMD record (RFC 8976); Knot only.
    """

    zone: str
    content: Content | None = None
    upstream: Address | None = None
    upstream_key: TsigKey | None = None
    allow: tuple[TsigKey, ...] = (XFR,)
    everyone: bool = False
    notify: tuple[Address, ...] = ()
    notify_key: TsigKey | None = None
    dynamic: bool = False
    signs: bool = False
    forwards: bool = False
    zonemd: bool = False


@dataclass(frozen=True, slots=True)
class TlsPort:
    """Where it listens for TLS (RFC 7858) beside its own port, and its certificate; BIND and NSD only."""

    port: int
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Setup:
    """All that one server is told; from it a driver writes what that software reads."""

    name: str
    ipv4: Address
    ipv6: Address
    duties: tuple[Duty, ...] = ()
    rate: int = 0
    """Equal answers a second, to anybody; every other one above that is truncated and the rest dropped. 0: no limit."""
    named: bool = True
    """Tells its name by NSID (RFC 5001)."""
    tls: TlsPort | None = None
    dnssec: bool = False
    """Signs zones or gives signatures that are in them; PowerDNS does so only if told, the others anyway."""

    @property
    def addresses(self) -> tuple[Address, Address]:
        return (self.ipv4, self.ipv6)

    def duty(self, zone: str) -> Duty:
        return next(duty for duty in self.duties if duty.zone == zone)

    def has(self, zone: str) -> bool:
        return any(duty.zone == zone for duty in self.duties)

    def with_duty(self, duty: Duty) -> "Setup":
        """The same with this duty in the place of the one for its zone."""
        others = tuple(other for other in self.duties if other.zone != duty.zone)
        return replace(self, duties=(*others, duty))

    def without(self, zone: str) -> "Setup":
        return replace(self, duties=tuple(duty for duty in self.duties if duty.zone != zone))

    @property
    def keys(self) -> tuple[TsigKey, ...]:
        """Every key it knows: the two of the lab, and those of its duties."""
        keys = dict.fromkeys((XFR, GUEST))
        for duty in self.duties:
            keys.update(dict.fromkeys(duty.allow))
            keys.update({key: None for key in (duty.upstream_key, duty.notify_key) if key is not None})
        return tuple(keys)

    @property
    def remotes(self) -> tuple[tuple[Address, TsigKey | None], ...]:
        """Every other server named in a duty, with the key used towards it; each pair once."""
        pairs: dict[tuple[Address, TsigKey | None], None] = {}
        for duty in self.duties:
            if duty.upstream is not None:
                pairs[duty.upstream, duty.upstream_key] = None
            for address in duty.notify:
                pairs[address, duty.notify_key] = None
        return tuple(pairs)


def filename(zone: str) -> str:
    return f"{zone.rstrip('.')}.zone"
