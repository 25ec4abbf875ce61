"""Zones that some secondary refuses, and neighbours of them that all take: who does,
integration/nameservers finds out.

Each zone has an address of its own beside what is odd about it. ``takes`` are the initials of those who serve the
zone after its transfer: BIND, Knot, NSD, PowerDNS.
"""

import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import MappingProxyType

from tests.support.nameserver import AAAA, CH, CNAME, NS, SERVFAIL, SOA, TXT, A, Asked, Connection, name, reply, rr

HINFO, MX, RP, SRV, NAPTR, DNAME, OPT = 13, 15, 17, 33, 35, 39, 41
APL, DS, SSHFP, RRSIG, NSEC, DNSKEY, NSEC3, NSEC3PARAM, TLSA = 42, 43, 44, 46, 47, 48, 50, 51, 52
CDS, OPENPGPKEY, SVCB, EUI48, TKEY, ANY, URI, CAA, LOC, KEY, PX, MINFO = (
    59,
    61,
    64,
    108,
    249,
    255,
    256,
    257,
    29,
    25,
    26,
    14,
)
IN, HS, NONE, ANY_CLASS = 1, 4, 254, 255

SERIAL = 10
APEX = b"\xc0\x0c"
"""A pointer to the question's name."""

ALL = "BKNP"
NAMES = MappingProxyType({"B": "BIND", "K": "Knot", "N": "NSD", "P": "PowerDNS"})

Script = Callable[[Asked, Connection], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Case:
    script: Script
    takes: str


def soa(
    serial: int = SERIAL,
    owner: bytes = APEX,
    mname: str = "ns1.example.net.",
    tail: bytes = b"",
    refresh: int = 3600,
    ttl: int = 300,
    rclass: int = IN,
) -> bytes:
    timers = struct.pack("!IIIII", serial, refresh, 600, 86400, 300)
    return rr(owner, SOA, name(mname) + name("h.example.net.") + timers + tail, ttl=ttl, rclass=rclass)


def at(label: str, rtype: int, rdata: bytes, ttl: int = 300, rclass: int = IN) -> bytes:
    return rr(name(label)[:-1] + APEX, rtype, rdata, ttl=ttl, rclass=rclass)


NAMESERVER = rr(APEX, NS, name("ns1.example.net."))
ADDRESS = at("a", A, b"\xc0\0\2\1")
GOOD = (NAMESERVER, ADDRESS)
ELSEWHERE = name("m.example.net.")
LONG = (b"\x3f" + b"x" * 63) * 4 + b"\0"
HASH, HASHED = "0123456789abcdefghijklmnopqrstuv", b"\1\0\0\1\0\x14" + b"h" * 20
SIGNED = struct.pack("!HBBIIIH", A, 13, 3, 300, 2000000000, 1700000000, 12345)


def sends(*messages: tuple[bytes, ...], **how: bool) -> Script:
    async def script(query: Asked, connection: Connection) -> None:
        for records in messages:
            await connection.send(reply(query, records, **how))

    return script


def zone(*records: bytes, serial: int = SERIAL) -> Script:
    """A good zone with these records in it."""
    return sends((soa(serial), *GOOD, *records, soa(serial)))


def one(rtype: int, rdata: bytes, rclass: int = IN, ttl: int = 300) -> Script:
    """A good zone with this record in it."""
    return zone(at("x", rtype, rdata, ttl, rclass))


def _octets(*octets: bytes) -> Script:
    """A whole zone in one message, and octets after it, within the message."""

    async def script(query: Asked, connection: Connection) -> None:
        await connection.send(reply(query, [soa(), *GOOD, soa()]) + b"".join(octets))

    return script


def _after() -> Script:
    """100 kB of messages after the final SOA."""

    async def script(query: Asked, connection: Connection) -> None:
        await connection.send(reply(query, [soa(), *GOOD, soa()]))
        for _ in range(8):
            await connection.send(reply(query, [at(f"z{number}", A, b"\xc0\0\2\1") for number in range(600)]))

    return script


def _beside(*additional: bytes) -> Script:
    async def script(query: Asked, connection: Connection) -> None:
        await connection.send(reply(query, [soa(), *GOOD, soa()], additional=additional))

    return script


def _fails_later() -> Script:
    async def script(query: Asked, connection: Connection) -> None:
        await connection.send(reply(query, [soa(), *GOOD]))
        await connection.send(reply(query, [soa()], rcode=SERVFAIL))

    return script


def _chain() -> Script:
    """Names each one label below the one before, written with a pointer to it: thirty pointers for the last."""

    async def script(query: Asked, connection: Connection) -> None:
        records, position, target = [soa(), *GOOD], 0, 12
        position = 12 + len(query.question) + sum(map(len, records))
        for _ in range(30):
            records.append(rr(b"\1n" + struct.pack("!H", 0xC000 | target), A, b"\xc0\0\2\1"))
            target, position = position, position + len(records[-1])
        await connection.send(reply(query, [*records, soa()]))

    return script


CASES: dict[str, Case] = {
    "good": Case(zone(), ALL),
    # rdata of a fixed form
    "a of 7": Case(one(A, b"\1" * 7), ""),
    "a of 0": Case(one(A, b""), ""),
    "aaaa of 15": Case(one(AAAA, b"\1" * 15), ""),
    "aaaa of 17": Case(one(AAAA, b"\1" * 17), ""),
    "eui48 of 5": Case(one(EUI48, b"12345"), ""),
    "mx of ff": Case(one(MX, b"\xff" * 9), ""),
    "mx of 1": Case(one(MX, b"\1"), ""),
    "mx with a tail": Case(one(MX, b"\0\1" + ELSEWHERE + b"zz"), ""),
    "mx compressed": Case(one(MX, b"\0\1" + APEX), ALL),
    "ns too long": Case(one(NS, LONG), ""),
    "ns pointing forward": Case(one(NS, b"\xff\xff"), ""),
    "ns of label type 1": Case(one(NS, b"\x40abc\0"), ""),
    "ns of the root": Case(one(NS, b"\0"), ALL),
    "cname of 0": Case(one(CNAME, b""), ""),
    "dname with a tail": Case(one(DNAME, ELSEWHERE + b"z"), ""),
    "dname compressed": Case(one(DNAME, APEX), ALL),
    "srv without name": Case(one(SRV, b"\0\1\0\1"), ""),
    "srv compressed": Case(one(SRV, b"\0\1\0\1\0\5" + APEX), ALL),
    "rp of one name": Case(one(RP, ELSEWHERE), ""),
    "minfo of one name": Case(one(MINFO, ELSEWHERE), ""),
    "px of no name": Case(one(PX, b"\0\1"), "P"),
    "naptr cut": Case(one(NAPTR, b"\0\1\0\1\1u\xffab"), ""),
    # strings
    "txt longer than it is": Case(one(TXT, b"\xffab"), "KN"),
    "txt without string": Case(one(TXT, b""), "NP"),
    "txt of an empty string": Case(one(TXT, b"\0"), ALL),
    "txt of 50 kB": Case(one(TXT, (b"\xff" + b"y" * 255) * 200), ALL),
    "hinfo of one string": Case(one(HINFO, b"\1a"), "KP"),
    # DNSSEC
    "rrsig without signature": Case(one(RRSIG, SIGNED + ELSEWHERE), "KNP"),
    "rrsig cut": Case(one(RRSIG, SIGNED[:3]), ""),
    "rrsig": Case(one(RRSIG, SIGNED + ELSEWHERE + b"s" * 64), ALL),
    "rrsig compressed": Case(one(RRSIG, SIGNED + APEX + b"s" * 64), ALL),
    "nsec without bitmap": Case(one(NSEC, ELSEWHERE), "KNP"),
    "nsec of an empty window": Case(one(NSEC, ELSEWHERE + b"\0\0"), "KNP"),
    "nsec of a long window": Case(one(NSEC, ELSEWHERE + b"\0\x21" + b"\1" * 33), "KN"),
    "nsec out of order": Case(one(NSEC, ELSEWHERE + b"\1\1\1\0\1\1"), "KNP"),
    "nsec compressed": Case(one(NSEC, APEX + b"\0\1\x40"), ALL),
    "nsec3 with a long salt": Case(zone(at(HASH, NSEC3, b"\1\0\0\1\xffab")), "K"),
    "nsec3 of an empty window": Case(zone(at(HASH, NSEC3, HASHED + b"\0\0")), "KNP"),
    "nsec3": Case(zone(at(HASH, NSEC3, HASHED + b"\0\1\x40")), ALL),
    "nsec3 of no types": Case(zone(at(HASH.upper(), NSEC3, HASHED)), ALL),
    "nsec3 at an owner that is no hash": Case(one(NSEC3, HASHED + b"\0\1\x40"), "KNP"),
    "nsec3param with a tail": Case(zone(rr(APEX, NSEC3PARAM, b"\1\0\0\1\0zz")), "P"),
    "dnskey without key": Case(one(DNSKEY, b"\1\0\3\x08"), "KNP"),
    "dnskey": Case(one(DNSKEY, b"\1\0\3\x08\xff"), ALL),
    "ds of another length": Case(one(DS, b"\0\1\x08\2" + b"d" * 20), "KNP"),
    "ds of a digest unknown": Case(one(DS, b"\0\1\x08\x63" + b"d" * 5), ALL),
    "cds that deletes": Case(zone(rr(APEX, CDS, bytes(5))), ALL),
    # others
    "caa with a long tag": Case(one(CAA, b"\0\xffissue"), "K"),
    "caa without tag": Case(one(CAA, b"\0\0x"), "KNP"),
    "caa of no value": Case(one(CAA, b"\0\5issue"), ALL),
    "svcb out of order": Case(one(SVCB, b"\0\1\0\0\4\0\4\1\1\1\1\0\3\0\2\1\1"), "KNP"),
    "svcb compressed": Case(one(SVCB, b"\0\1" + APEX), ALL),
    "sshfp of another length": Case(one(SSHFP, b"\1\1abc"), "KNP"),
    "tlsa without digest": Case(one(TLSA, b"\3\1\1"), "KNP"),
    "tlsa of another length": Case(one(TLSA, b"\3\1\1abc"), ALL),
    "uri of no target": Case(one(URI, b"\0\1\0\1"), ALL),
    "loc of version 1": Case(one(LOC, b"\1" + bytes(15)), ALL),
    "apl cut": Case(one(APL, b"\0\1\x18\x85ab"), "K"),
    "openpgpkey of 0": Case(one(OPENPGPKEY, b""), "NP"),
    # types and classes
    "a type without form": Case(one(65280, b"any"), ALL),
    "a type without form, of 0": Case(one(65280, b""), ALL),
    "type 0": Case(one(0, b"abc"), "KN"),
    "type ANY": Case(one(ANY, b"abc"), "KNP"),
    "type TKEY": Case(one(TKEY, b"abc"), "NP"),
    "type OPT": Case(zone(rr(b"\0", OPT, b"")), "NP"),
    "type 128": Case(one(128, b"a"), "KNP"),
    "all of class CH": Case(
        sends((soa(rclass=CH), *(rr(APEX, NS, ELSEWHERE, rclass=CH), at("a", A, bytes(4), rclass=CH)), soa(rclass=CH))),
        "K",
    ),
    "one of class CH": Case(one(A, b"\1\1\1\1", CH), "KNP"),
    "one of class HS": Case(one(TXT, b"\1a", HS), "KNP"),
    "one of class NONE": Case(one(A, b"\1\1\1\1", NONE), "KNP"),
    "one of class ANY": Case(one(A, b"\1\1\1\1", ANY_CLASS), "KNP"),
    "one of class 4321": Case(one(A, b"\1\1\1\1", 4321), "KNP"),
    # owners
    "owner outside, among good ones": Case(zone(rr(name("www.example.org."), A, b"\1\1\1\1")), ALL),
    "owner above": Case(zone(rr(name("test."), NS, ELSEWHERE)), ALL),
    "only owners outside": Case(sends((soa(), rr(name("example.org."), NS, ELSEWHERE), soa())), "KNP"),
    "owner pointing forward": Case(zone(rr(b"\xff\xff", A, b"\1\1\1\1")), ""),
    "owner too long": Case(zone(rr(LONG, A, b"\1\1\1\1")), ""),
    "owner of label type 1": Case(zone(rr(b"\x40ab\0", A, b"\1\1\1\1")), ""),
    "owner with odd octets": Case(zone(at("a b_\1", A, b"\1\1\1\1")), ALL),
    "owners in a chain": Case(_chain(), ALL),
    "ns at a wildcard": Case(zone(at("*", NS, ELSEWHERE)), "KNP"),
    "a at a wildcard": Case(zone(at("*", A, b"\1\1\1\1")), ALL),
    "below a cut": Case(zone(at("sub", NS, ELSEWHERE), at("y.sub", TXT, b"\1a")), ALL),
    # what stands together
    "no ns": Case(sends((soa(), ADDRESS, soa())), "KNP"),
    "ns only below": Case(sends((soa(), at("sub", NS, ELSEWHERE), soa())), "KNP"),
    "soa soa": Case(sends((soa(), soa())), "KNP"),
    "soa soa, in two messages": Case(sends((soa(),), (soa(),)), "KNP"),
    "soa alone": Case(sends((soa(),)), ""),
    "soa below": Case(zone(soa(owner=b"\3sub" + APEX)), "KP"),
    "soa of another zone": Case(zone(soa(owner=name("example.org."))), "KP"),
    "cname before others": Case(zone(at("x", CNAME, ELSEWHERE), at("x", A, b"\1\1\1\1")), "NP"),
    "cname after others": Case(zone(at("x", A, b"\1\1\1\1"), at("x", CNAME, ELSEWHERE)), "NP"),
    "cname and others, in two messages": Case(
        sends((soa(), *GOOD, at("x", CNAME, ELSEWHERE)), (at("x", A, b"\1\1\1\1"), soa())), "NP"
    ),
    "cname at the apex": Case(zone(rr(APEX, CNAME, ELSEWHERE)), "NP"),
    "two cnames": Case(zone(at("x", CNAME, ELSEWHERE), at("x", CNAME, APEX)), "NP"),
    "the same cname twice": Case(zone(*[at("x", CNAME, ELSEWHERE)] * 2), ALL),
    "cname and its signature": Case(
        zone(at("x", CNAME, ELSEWHERE), at("x", RRSIG, SIGNED + ELSEWHERE + b"s" * 64)), ALL
    ),
    "cname and nsec": Case(zone(at("x", CNAME, ELSEWHERE), at("x", NSEC, ELSEWHERE + b"\0\1\4")), ALL),
    "cname and key": Case(zone(at("x", CNAME, ELSEWHERE), at("x", KEY, b"\1\0\3\x05abcd")), "BNP"),
    "cname and a type without form": Case(zone(at("x", CNAME, ELSEWHERE), at("x", 65280, b"a")), "NP"),
    "two dnames": Case(zone(at("x", DNAME, ELSEWHERE), at("x", DNAME, APEX)), "NP"),
    "dname and cname": Case(zone(at("x", DNAME, ELSEWHERE), at("x", CNAME, ELSEWHERE)), "NP"),
    "dname and ns": Case(zone(at("x", DNAME, ELSEWHERE), at("x", NS, ELSEWHERE)), "BNP"),
    "below a dname": Case(zone(at("x", DNAME, ELSEWHERE), at("y.x", A, b"\1\1\1\1")), "BNP"),
    "beside a dname": Case(zone(at("x", DNAME, ELSEWHERE), at("x", TXT, b"\1a"), at("xy", A, b"\1\1\1\1")), ALL),
    "dname at the apex": Case(sends((soa(), NAMESERVER, rr(APEX, DNAME, ELSEWHERE), soa())), ALL),
    "duplicates": Case(zone(ADDRESS, NAMESERVER), ALL),
    "ttls that differ": Case(zone(at("a", A, b"\1\1\1\1", ttl=5)), ALL),
    "ttl with the high bit": Case(one(A, b"\1\1\1\1", ttl=0xFFFFFFFF), ALL),
    # the frame
    "tc": Case(sends((soa(), *GOOD, soa()), tc=True), "BKN"),
    "aa=0": Case(sends((soa(), *GOOD, soa()), aa=False), ALL),
    "an empty message between": Case(sends((soa(), *GOOD), (), (soa(),)), ALL),
    "octets after the records": Case(_octets(b"junk"), "BNP"),
    "record after the end": Case(sends((soa(), *GOOD, soa(), ADDRESS)), "KP"),
    "messages after the end": Case(_after(), ALL),
    "servfail in the end": Case(_fails_later(), ""),
    "beside the zone": Case(_beside(at("x", A, b"\1\1\1\1")), ALL),
    "broken beside the zone": Case(_beside(at("x", A, b"\1\1\1")), "N"),
    "ixfr": Case(sends((soa(), soa(SERIAL - 1), at("old", A, bytes(4)), soa(), ADDRESS, soa())), "KP"),
    "serial moved": Case(sends((soa(), *GOOD, soa(SERIAL + 1))), "KP"),
    "other serial than asked": Case(sends((soa(SERIAL + 1), *GOOD, soa(SERIAL + 1))), ALL),
    "mname moved": Case(sends((soa(), *GOOD, soa(mname="ns2.example.net."))), "KNP"),
    "refresh moved": Case(sends((soa(), *GOOD, soa(refresh=9000))), "KNP"),
    "ttl moved": Case(sends((soa(), *GOOD, soa(ttl=5))), ALL),
    "mname in capitals": Case(sends((soa(), *GOOD, soa(mname="NS1.example.net."))), ALL),
    "soa with a tail": Case(sends((soa(tail=b"zz"), *GOOD, soa(tail=b"zz"))), ""),
}
