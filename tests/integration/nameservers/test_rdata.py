"""BIND refuses whatever rdata is called refused: thousands of damaged records are read, and hundreds shown to it.

``named-rrchecker`` reads rdata in generic form (RFC 3597 section 5) as named reads it off the wire.
"""

import random
import struct
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import dns.rdata
import pytest

from monitor.probe.message import rdata
from monitor.probe.message import wire as wire_format
from tests.support.require import program

SEEDS = (
    "A 192.0.2.1",
    "AAAA 2001:db8::1",
    "NS ns.a.",
    "PTR p.a.",
    "DNAME d.a.",
    "MX 10 m.a.",
    "AFSDB 1 a.b.",
    "LP 1 a.b.",
    "SRV 1 2 3 s.a.",
    "PX 1 a. b.",
    "RP a. b.",
    'TXT "ab" "c"',
    'SPF "a"',
    'HINFO "a" "b"',
    'ISDN "a" "b"',
    'NAPTR 1 2 "u" "s" "!^.*$!x!" a.b.',
    "RRSIG A 13 2 300 20300101000000 20200101000000 1 a.b. c2ln",
    "NSEC n.a. A MX",
    "NSEC3 1 0 1 ab 0123456789abcdefghijklmnopqrstuv A",
    "NSEC3PARAM 1 0 1 ab",
    "CSYNC 1 3 A NS",
    "DNSKEY 257 3 13 a2V5a2V5",
    "CDNSKEY 0 3 0 AA==",
    "CDS 0 0 0 00",
    "DS 1 8 1 AABBCCDDEEFF00112233445566778899AABBCCDD",
    "SSHFP 1 1 AABBCCDDEEFF00112233445566778899AABBCCDD",
    "TLSA 3 1 0 AABB",
    "SMIMEA 3 1 0 AABB",
    'CAA 0 issue "ca.example"',
    "SVCB 1 a.b. alpn=h2 port=53",
    "HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.1",
    "HTTPS 0 a.b.",
    "SVCB 1 . mandatory=alpn alpn=h2",
    "L32 1 192.0.2.1",
    "EUI48 01-02-03-04-05-06",
    "LOC 1 2 3 N 4 5 6 E 7m",
    'URI 1 2 "http://a"',
    "CERT 1 2 3 AAAA",
    "OPENPGPKEY AAAA",
    "DHCID AAAA",
    "APL 1:192.0.2.0/24 2:ff00::/8",
    "IPSECKEY 1 3 2 a.b. AAAA",
    "HIP 2 00AA AAAA a.b.",
    "AMTRELAY 1 0 3 a.b.",
    "GPOS 1.0 2.0 3.0",
    "WKS 192.0.2.1 6 25",
    "NSAP 0x4700",
    "KEY 256 3 5 AAAA",
    r"TYPE65280 \# 2 abcd",
)
EACH, SHOWN, SEED = 120, 320, 1


def damaged(wire: bytes, die: random.Random) -> bytes:
    octets = bytearray(wire)
    for _ in range(die.choice((1, 1, 2))):
        place = die.randrange(len(octets) + 1)
        match die.randrange(4):
            case 0:
                octets[place : place + 1] = bytes((die.choice((0, 1, 63, 64, 192, 255, die.randrange(256))),))
            case 1:
                del octets[place:]
            case 2:
                del octets[place : place + 1]
            case _:
                octets.insert(place, die.randrange(256))
    return bytes(octets)


def records() -> Iterator[tuple[str, int, bytes]]:
    die = random.Random(SEED)
    for text in SEEDS:
        rtype, _, rest = text.partition(" ")
        seed = dns.rdata.from_text("IN", rtype, rest)
        wire = seed.to_wire()
        assert wire is not None
        yield text, int(seed.rdtype), wire
        for _ in range(EACH):
            yield text, int(seed.rdtype), damaged(wire, die)


def refused(rtype: int, octets: bytes) -> tuple[str, str] | None:
    wire = bytes(12) + b"\0" + struct.pack("!HHIH", rtype, 1, 300, len(octets)) + octets
    return rdata.refused(wire, wire_format.record(wire, 12))


@pytest.mark.parametrize("text", SEEDS)
def test_a_good_record_is_taken(text: str) -> None:
    rtype, _, rest = text.partition(" ")
    seed = dns.rdata.from_text("IN", rtype, rest)
    wire = seed.to_wire()
    assert wire is not None
    assert refused(int(seed.rdtype), wire) is None


def test_bind_refuses_what_is_called_refused() -> None:
    """The kind is a word against a server that BIND, the strictest, would not say; nothing raises, whatever comes."""
    checker = program("named-rrchecker", package="bind9-utils")

    def takes(record: tuple[int, bytes]) -> bool:
        text = f"IN TYPE{record[0]} \\# {len(record[1])} {record[1].hex()}\n"
        return subprocess.run([checker], input=text, text=True, capture_output=True, check=False).returncode == 0

    bad = {(rtype, octets) for _, rtype, octets in records() if refused(rtype, octets) is not None}
    assert len(bad) > 2 * SHOWN
    shown = random.Random(SEED).sample(sorted(bad), SHOWN)
    with ThreadPoolExecutor(2) as threads:
        wrong = [record for record, taken in zip(shown, threads.map(takes, shown), strict=True) if taken]
    assert wrong == []
