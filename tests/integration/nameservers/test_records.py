"""Records are the same when they are, however four servers write them, and different when they are not."""

import shlex
from collections.abc import Iterator
from dataclasses import replace

import pytest

from checks.model import Health, Outcome, Query, Shape, Transport, WantedRecord, Zone
from checks.model import Server as Watched
from monitor.probe.message.canonical import canonical, ordered
from monitor.probe.types import Prober
from tests.integration.nameservers.world import Watch, ask, codes
from tests.support.lab.model import Content
from tests.support.lab.orders import order
from tests.support.lab.server import SOFTWARE, Server
from tests.support.lab.topology import Lab
from tests.support.lab.waiting import until

ZONE = "same.test."

RECORDS = (
    "@ NS ns1",
    "@ NS ns2",
    "ns1 A 192.0.2.53",
    "ns2 AAAA 2001:db8:0:0:0:0:0:53",
    "www A 192.0.2.80",
    "www A 192.0.2.81",
    "www A 192.0.2.82",
    "@ MX 10 mail",
    "@ MX 20 backup",
    "_sip._tcp SRV 0 5 5060 sip",
    'naptr NAPTR 100 50 "s" "SIP+D2U" "" _sip._udp',
    "alias CNAME www",
    "tree DNAME forest",
    "ptr PTR www",
    "rp RP hostmaster txt",
    "afsdb AFSDB 1 www",
    '@ TXT "v=spf1 -all"',
    '@ TXT "two" "strings"',
    r'odd TXT "quote \" backslash \\ octets \000\255 semicolon ; end"',
    "@ CAA 0 issue ca.example.net.",
    'caa CAA 128 iodef "mailto:Security@Example.net"',
    "_443._tcp TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "ssh SSHFP 4 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "sub NS ns.sub",
    "ns.sub A 192.0.2.54",
    "sub DS 12345 13 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "web HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.80 ipv6hint=2001:db8::80",
    "_dns SVCB 1 dns.example.net. alpn=dot",
    "where LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000.00m 10.00m",
    'link URI 10 1 "https://www.example.net/Path"',
    r"unknown TYPE65280 \# 4 0a000001",
)
"""What each software is given is another order and another case of the same."""

NAMES_IN_RDATA = ("NS", "MX", "SRV", "CNAME", "DNAME", "PTR", "RP", "AFSDB")
"""Types whose rdata is compared without regard to case (RFC 4034 section 6.2), and holds nothing else."""

LONG = tuple(f"long TXT {'x' * 200}{number:02}" for number in range(20))


def spelt(software: str) -> tuple[str, ...]:
    records = (*RECORDS, *LONG)
    match software:
        case "bind":
            return records
        case "knot":
            return tuple(reversed(records))
        case "nsd":
            return tuple(_louder(record) for record in records)
        case _:
            return tuple(_louder(record) for record in reversed(records))


def _louder(record: str) -> str:
    owner, rtype, rdata = record.split(None, 2)
    return f"{owner.upper()} {rtype} {rdata.upper() if rtype in NAMES_IN_RDATA else rdata}"


def wanted(*records: str) -> tuple[WantedRecord, ...]:
    pairs = dict.fromkeys((owner, rtype) for owner, rtype, _ in (record.split(None, 2) for record in records))
    return tuple(WantedRecord(ZONE if owner == "@" else f"{owner}.{ZONE}", rtype) for owner, rtype in pairs)


WANTED = wanted(*RECORDS, LONG[0], "nothing A -", "www AAAA -")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Four primaries: each was given the zone by hand."""
    with Lab() as lab:
        for software in SOFTWARE:
            lab.primary(software, Content(ZONE, serial=10, records=spelt(software)), name=software)
        lab.start()
        yield lab


def zone(lab: Lab, *records: WantedRecord, primary: str | None = None) -> Zone:
    servers = tuple(Watched(server.name, server.setup.addresses) for server in lab.servers)
    return Zone(ZONE, servers, primary, records=records or WANTED, ignored=("*",))  # no resolver knows these names


async def test_the_same_records_in_any_order_and_case_are_the_same(lab: Lab, probe: Prober) -> None:
    for check in ("records", "ns-set", "soa-fields", "soa-serial", "reachable"):
        watch = Watch(probe, zone(lab))
        result = await watch.look(check)
        assert (result.health, result.findings, result.unsure) == (Health.GOOD, (), ()), check
        assert {seen.outcome for seen in watch.seen} == {Outcome.ANSWERED}, check


async def test_every_type_is_read_as_it_was_written(lab: Lab, probe: Prober) -> None:
    """Against dnspython's reading of the zone file; what lies below the cut is answered with a referral."""
    server = lab.servers[0]
    parsed = server.content(ZONE).parsed()
    queries = [Query(ZONE, server.name, server.ipv4, record.name, record.type) for record in wanted(*RECORDS)]
    for seen in await ask(probe, *queries):
        if seen.query.qname.endswith(f"sub.{ZONE}") and seen.query.qtype != "DS":
            assert seen.shape is Shape.REFERRAL
            continue
        rdatas = parsed.find_rdataset(seen.query.qname, seen.query.qtype)
        assert seen.answer is not None
        assert seen.answer.rdata == ordered(map(canonical, rdatas))
        assert len(seen.answer.rdata) == len(rdatas)


async def test_an_answer_too_long_for_udp_comes_over_tcp(lab: Lab, probe: Prober) -> None:
    for server in lab.servers:
        queries = [
            Query(ZONE, server.name, address, f"long.{ZONE}", "TXT", Transport.UDP)
            for address in server.setup.addresses
        ]
        for seen in await ask(probe, *queries):
            assert (seen.outcome, seen.transport) == (Outcome.ANSWERED, Transport.TCP)
            assert seen.answer is not None
            assert len(seen.answer.rdata) == len(LONG)


@pytest.mark.parametrize("software", SOFTWARE)
async def test_one_record_changed_on_one_server_is_found_there(lab: Lab, probe: Prober, software: str) -> None:
    """Somebody edited the zone by hand and left the serial as it was."""
    server = next(server for server in lab.servers if server.software == software)
    content = server.content(ZONE)
    other = tuple(record for record in content.records if "192.0.2.81" not in record)
    watch = Watch(probe, zone(lab, primary="bind" if software != "bind" else "knot"))
    server.put(replace(content, records=(*other, "www A 203.0.113.81")))
    server.wait_for(f"www.{ZONE}", "A", "203.0.113.81")
    try:
        found = codes(await watch.look("records"))
    finally:
        server.put(content)
        server.wait_for(f"www.{ZONE}", "A", "192.0.2.81")
    assert found == {software: {"content-differs"}}
    assert codes(await watch.look("records")) == {}


async def test_a_record_that_is_not_what_it_should_be_is_found_everywhere(lab: Lab, probe: Prober) -> None:
    www = WantedRecord(f"www.{ZONE}", "A", ("192.0.2.80", "192.0.2.81", "192.0.2.82"))
    assert codes(await Watch(probe, zone(lab, www)).look("records")) == {}
    hijacked = replace(www, expect=("192.0.2.80",))
    found = codes(await Watch(probe, zone(lab, hijacked)).look("records"))
    assert found == {server.name: {"record-unexpected"} for server in lab.servers}


async def test_another_ttl_on_one_server_is_no_other_record(lab: Lab, probe: Prober) -> None:
    server = lab.servers[1]
    content = server.content(ZONE)
    watch = Watch(probe, zone(lab, WantedRecord(f"www.{ZONE}", "A"), primary="bind"))
    server.put(replace(content, ttl=content.ttl + 60))
    until(lambda: _ttl(server) == content.ttl + 60, "the longer TTL")
    try:
        result = await watch.look("records")
    finally:
        server.put(content)
        until(lambda: _ttl(server) == content.ttl, "the TTL as before")
    assert codes(result) == {server.name: {"ttl-differs"}}


def _ttl(server: Server) -> int:
    return server.ask(f"www.{ZONE}", "A").answer[0].ttl


ALIAS = "alias.test."
ALIASES = ("@ NS ns1", "ns1 A 192.0.2.53", "www CNAME gone.far.test.", "near CNAME gone")
"""Aliases of what is not there: in a zone that all serve as well, and in their own."""


async def test_an_alias_is_the_same_whatever_becomes_of_its_target_and_another_one_is_not(probe: Prober) -> None:
    """Of a target in another zone of theirs that does not exist NSD and PowerDNS say NXDOMAIN, BIND and Knot nothing
    (RFC 6604 section 3); of one in the same zone all say NXDOMAIN.
    """
    async with Lab() as lab:
        contents = (Content(ALIAS, serial=10, records=ALIASES), Content("far.test.", serial=10))
        for software in SOFTWARE:
            lab.primary(software, *contents, name=software)
        await lab.started()
        servers = tuple(Watched(one.name, one.setup.addresses) for one in lab.servers)
        records = (WantedRecord(f"near.{ALIAS}", "A"), WantedRecord(f"www.{ALIAS}", "A"))
        watch = Watch(probe, Zone(ALIAS, servers, records=records, ignored=("*",)))
        await watch.look("soa-serial")
        result = await watch.look("records")
        assert (result.health, result.findings, result.unsure) == (Health.GOOD, (), ())
        assert {seen.rcode for seen in watch.seen if seen.query.qname == f"www.{ALIAS}"} == {"NOERROR", "NXDOMAIN"}
        moved = (*ALIASES[:2], "www CNAME elsewhere.far.test.", ALIASES[3])
        lab.servers[0].put(replace(contents[0], records=moved))
        lab.servers[0].wait_for(f"www.{ALIAS}", "CNAME", "elsewhere.far.test.")
        result = await watch.look("records")
        assert codes(result) == {lab.servers[0].name: {"serial-unbumped"}}
        assert "A is a CNAME to elsewhere.far.test. (was a CNAME to gone.far.test.)" in result.findings[0].text


async def test_answers_by_the_address_that_asks_are_no_difference(probe: Prober) -> None:
    """As by location: over IPv4 and over IPv6 the monitor is somebody else. Nobody has chosen the record."""
    async with Lab() as lab:
        content = Content("where.test.", serial=10, records=ALIASES[:2])
        one, two = (lab.primary("powerdns", content, name=name) for name in ("one", "two"))
        await lab.started()
        lua = """A ";if who:isIPv4() then return '192.0.2.4' else return '192.0.2.6' end\""""
        for server in (one, two):
            order(server, f"pdnsutil add-record where.test www LUA 60 {shlex.quote(lua)}")
            server.wait_for("www.where.test.", "A", "192.0.2.4")
        servers = tuple(Watched(server.name, server.setup.addresses) for server in (one, two))
        watch = Watch(probe, Zone("where.test.", servers, ignored=("*",), default_records=True))
        await watch.look("soa-serial")
        for _ in range(3):
            assert codes(await watch.look("records")) == {}
        given = {seen.answer.rdata for seen in watch.seen if seen.answer is not None and seen.query.qtype == "A"}
        assert given == {("192.0.2.4",), ("192.0.2.6",)}


async def test_a_text_that_is_cut_in_different_places_is_the_same(probe: Prober) -> None:
    """As providers do it with what is longer than a string may be. Nobody has chosen the record."""
    async with Lab() as lab:
        texts = {"bind": '@ TXT "v=spf1 " "-all"', "nsd": '@ TXT "v=spf1 -all"', "powerdns": '@ TXT "v=s" "pf1 -all"'}
        for software, text in texts.items():
            lab.primary(software, Content("text.test.", serial=10, records=(*ALIASES[:2], text)), name=software)
        await lab.started()
        servers = tuple(Watched(one.name, one.setup.addresses) for one in lab.servers)
        watch = Watch(probe, Zone("text.test.", servers, ignored=("*",), default_records=True))
        await watch.look("soa-serial")
        for _ in range(2):
            result = await watch.look("records")
            assert (result.health, result.findings, result.unsure) == (Health.GOOD, (), ())
