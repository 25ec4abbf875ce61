"""Zones that are signed by hand, with times of the test's choosing."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

import dns.dnssec
import dns.rdatatype
import dns.rdtypes.ANY.DNSKEY
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key

from tests.support.lab.model import Content


@dataclass(frozen=True, slots=True)
class ZoneKey:
    """A key that signs a whole zone (a CSK): ECDSA P-256, algorithm 13."""

    private: EllipticCurvePrivateKey
    public: dns.rdtypes.ANY.DNSKEY.DNSKEY

    @property
    def tag(self) -> int:
        return dns.dnssec.key_id(self.public)


def zone_key() -> ZoneKey:
    private = generate_private_key(SECP256R1())
    return ZoneKey(private, dns.dnssec.make_dnskey(private.public_key(), "ECDSAP256SHA256", flags=257))


@lru_cache
def signed(content: Content, key: ZoneKey, begins: datetime, ends: datetime) -> Content:
    """The same zone with DNSKEY, NSEC and signatures that are valid from when to when. Its serial stays what it is."""
    zone = content.parsed()
    dns.dnssec.sign_zone(zone, keys=[(key.private, key.public)], inception=begins, expiration=ends, add_dnskey=True)
    records = tuple(
        f"{name} {dns.rdatatype.to_text(rdata.rdtype)} {rdata.to_text()}"
        for name, _, rdata in zone.iterate_rdatas()
        if rdata.rdtype != dns.rdatatype.SOA
    )
    return replace(content, records=records)


def without_signatures(content: Content) -> Content:
    """The same without RRSIG records."""
    return replace(content, records=tuple(one for one in content.records if one.split(None, 2)[1] != "RRSIG"))
