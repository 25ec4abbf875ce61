"""Zones that hold a bit of everything, signed and not, come whole from each software: nothing is found in them."""

import subprocess
from collections import Counter
from pathlib import Path

import dns.rdatatype
import dns.zone
import pytest

from checks.model import Query, TransferResult, Transport
from monitor.probe.types import Prober
from tests.integration.nameservers.world import ask
from tests.support.lab.model import XFR, Content
from tests.support.lab.topology import Lab
from tests.support.require import program

ZONE = "rich.test."
RECORDS = (
    "@ NS ns1",
    "@ NS ns.elsewhere.test.",
    "ns1 A 192.0.2.53",
    "ns1 AAAA 2001:db8::53",
    "@ MX 10 mail",
    "mail A 192.0.2.25",
    '@ TXT "v=spf1 -all" "" "two"',
    "www CNAME mail",
    "*.wild A 192.0.2.1",
    '*.wild TXT "any"',
    "sub NS ns.sub",
    "ns.sub A 192.0.2.7",
    "sub DS 1 13 2 AABBCCDDEEFF00112233445566778899AABBCCDDEEFF00112233445566778899",
    "old DNAME new.test.",
    'old TXT "beside"',
    "_sip._tcp SRV 1 2 5060 mail",
    '@ CAA 0 issue "ca.example"',
    "@ HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1",
    "alias HTTPS 0 www",
    "_443._tcp TLSA 3 1 1 AABBCCDDEEFF00112233445566778899AABBCCDDEEFF00112233445566778899",
    "@ LOC 52 22 23 N 4 53 32 E 0m",
    "host SSHFP 4 2 AABBCCDDEEFF00112233445566778899AABBCCDDEEFF00112233445566778899",
    'host HINFO "PC" "Unix"',
    '@ NAPTR 100 10 "s" "SIP+D2U" "" _sip._udp',
    "host RP admin.rich.test. www",
    "host AFSDB 1 mail",
    "x TYPE65280 \\# 3 abcdef",
    '@ URI 10 1 "https://www.rich.test/"',
    "host EUI48 01-02-03-04-05-06",
    "a.b.c.d.e.f A 192.0.2.9",
    "host A 192.0.2.2",
)


def axfr(address: object, **more: object) -> Query:
    return Query(ZONE, "ns1", address, ZONE, "AXFR", Transport.TCP, XFR.name, whole=True)  # type: ignore[arg-type]


async def test_a_zone_of_all_kinds_is_good_from_all(probe: Prober) -> None:
    """No word about what is right: each type is read as its software writes it, compressed or not, signed with TSIG."""
    content = Content(ZONE, records=RECORDS)
    async with Lab() as lab:
        servers = [lab.primary(software, content) for software in ("bind", "knot", "nsd", "powerdns")]
        await lab.started()
        for server in servers:
            for seen in await ask(probe, *(axfr(address) for address in server.setup.addresses)):
                assert (seen.transfer, seen.detail) == (TransferResult.ALLOWED, ""), f"{server!r}: {seen}"
                assert seen.records == len(RECORDS) + 2


@pytest.mark.parametrize("nsec3", [(), ("-3", "abcd", "-A")], ids=["nsec", "nsec3, opt-out"])
async def test_a_signed_zone_is_good_from_all(tmp_path: Path, probe: Prober, nsec3: tuple[str, ...]) -> None:
    """Signatures, keys, bitmaps and hashed owners, as ``dnssec-signzone`` makes them; PowerDNS would sign by itself."""
    plain = Content(ZONE, records=RECORDS)
    (tmp_path / "zone").write_text(plain.text())
    for flags in ((), ("-f", "KSK")):
        keygen = program("dnssec-keygen", package="bind9-utils")
        subprocess.run([keygen, "-K", tmp_path, "-a", "ECDSAP256SHA256", *flags, ZONE], check=True, capture_output=True)
    signzone = program("dnssec-signzone", package="bind9-utils")
    subprocess.run(
        [signzone, "-S", "-K", tmp_path, *nsec3, "-o", ZONE, "-f", tmp_path / "signed", tmp_path / "zone"],
        check=True, capture_output=True, cwd=tmp_path,
    )  # fmt: skip
    signed = dns.zone.from_file(str(tmp_path / "signed"), ZONE, relativize=False)
    lines = tuple(
        f"{name} {dns.rdatatype.to_text(rdata.rdtype)} {rdata}"
        for name, _, rdata in signed.iterate_rdatas()
        if rdata.rdtype != dns.rdatatype.SOA
    )
    kinds = Counter(line.split()[1] for line in lines)
    assert {"RRSIG", "DNSKEY", "NSEC3" if nsec3 else "NSEC"} <= set(kinds)
    async with Lab() as lab:
        servers = [lab.primary(software, Content(ZONE, records=lines)) for software in ("bind", "knot", "nsd")]
        await lab.started()
        for server in servers:
            for seen in await ask(probe, *(axfr(address) for address in server.setup.addresses)):
                assert (seen.transfer, seen.detail) == (TransferResult.ALLOWED, ""), f"{server!r}: {seen}"
                assert seen.records == len(lines) + 2
