"""Whatever comes over the network, the prober says one of its outcomes, soon, and nothing that dnspython would not."""

import asyncio
import struct
import time
from collections import Counter
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import pytest

from checks.model import Observation, Outcome, Query, Shape, TransferResult, Transport
from monitor.clock import now
from monitor.probe.message import response as complete_reader
from monitor.probe.message import wire as wire_format
from monitor.probe.message.canonical import MAX_RDATA_TEXT
from monitor.probe.message.request import Request, make_request, question
from monitor.probe.message.wire import Malformed
from monitor.probe.settings import Probe, TransferLimits
from tests.support.misbehaviour import UDP, zone
from tests.support.mutations import dice, generated, mutants, mutate
from tests.support.nameserver import (
    AAAA,
    NS,
    OPT,
    TSIG,
    TXT,
    ZONE,
    A,
    Asked,
    Connection,
    Nameserver,
    asked,
    name,
    opt,
    reply,
    rr,
    soa,
)
from tests.support.prober_observations import clean
from tests.support.probers import PROBERS
from tests.support.signing import KEY, Pen

NOWHERE = Query(ZONE, "ns1", Any, ZONE, "SOA", identify=True)  # type: ignore[arg-type]

SLOW = 0.2
"""Seconds of computing in which one packet must be understood, or not."""


def as_nsd(query: Asked) -> bytes:
    """An answer with all that servers send along."""
    ns1, ns2 = name("ns1.example.net."), name("ns2.example.net.")
    return reply(
        query,
        [soa()],
        [rr(b"\xc0\x0c", NS, ns1), rr(b"\xc0\x0c", NS, ns2)],
        [rr(ns1, A, b"\xc0\0\2\1"), rr(ns2, AAAA, bytes(16)), opt((3, b"ns1"), (9, b"\0\1\0\0"), (15, b"\0\x18old"))],
    )


def as_records(query: Asked) -> bytes:
    """Types whose rdata has a syntax to be broken."""
    apex = name(ZONE)
    rows = [
        (15, b"\0\x0a" + name("mail.example.net.")),
        (TXT, b"\5hello\0"),
        (33, b"\0\1\0\2\0\x35" + name("srv.example.net.")),
        (46, b"\0\6\x0d\2" + bytes(12) + b"\1\2" + apex + bytes(64)),
        (48, b"\1\1\3\x0d" + bytes(64)),
        (43, b"\1\2\x0d\2" + bytes(32)),
        (47, apex + b"\0\1\x40"),
        (50, b"\1\0\0\1\2ab\x14" + bytes(20) + b"\0\1\x40"),
        (64, b"\0\1\0\0\1\0\3\2h2"),
        (257, b"\0\5issueca.example"),
        (29, b"\0\x12\x16\x13\x80\0\0\0\x80\0\0\0\0\x98\x96\x80"),
        (35, b"\0\1\0\1\1u\3sip\0" + apex),
        (256, b"\0\1\0\1https://example.net/"),
        (42, b"\0\1\x18\3\xc0\0\2"),
        (13, b"\3cpu\2os"),
        (65000, b"\1\2\3"),
    ]
    return reply(query, [soa(), *(rr(b"\xc0\x0c", rtype, rdata) for rtype, rdata in rows)])


def wires(query: Asked) -> list[bytes]:
    """One of everything that a server of the tests may send, and two that real ones do."""
    sent = [wire for udp in UDP.values() for wire in list(udp(query))[:2] if 12 <= len(wire) < 2000]
    return [*sent, as_nsd(query), as_records(query), Pen(query).sign(as_nsd(query))]


def test_every_packet_is_read_or_refused_and_never_otherwise_than_by_dnspython() -> None:
    die = dice()
    one = make_request(question(NOWHERE), edns=True)
    seeds = wires(asked(one.wire))
    kinds: Counter[str] = Counter()
    for wire in chain(mutants(seeds, 40_000, die), generated(8_000, die)):
        before = time.process_time()
        kind = said(wire, one)
        assert time.process_time() - before < SLOW, wire.hex()
        kinds[kind] += 1
    print(kinds)
    assert kinds["answer"] > 1000
    assert kinds["malformed"] > 1000
    assert kinds["another"] > 1000


@pytest.mark.parametrize("qtype", ["TXT", "MX", "SVCB", "CAA", "NAPTR", "LOC", "DNSKEY", "RRSIG", "TYPE65000"])
def test_whatever_is_asked_for_every_packet_is_read_or_refused(qtype: str) -> None:
    """Of all that it may find, in whatever form, an answer is printable text of bounded length."""
    die = dice()
    one = make_request(question(replace(NOWHERE, qtype=qtype)), edns=True)
    kinds: Counter[str] = Counter()
    words: set[str] = set()
    query = asked(one.wire)
    some = [as_records(query), as_nsd(query), *wires(query)[-2:]]
    for _ in range(600):
        wire = mutate(die.choice(some), some, die, keep=12 + len(query.question))
        before = time.process_time()
        try:
            read = complete_reader.read(wire, one.question)
        except Malformed as reason:
            kinds["malformed"] += 1
            words.add(str(reason))
        else:
            assert read.answer is None or all(
                len(one) <= MAX_RDATA_TEXT and one.isprintable() for one in read.answer.rdata
            )
            kinds[read.shape.name if read.shape is not None else "no shape"] += 1
        assert time.process_time() - before < SLOW, wire.hex()
    print(kinds)
    assert all(text.isprintable() for text in words)
    assert kinds["malformed"] > 100
    assert kinds["RECORDS"] > 10


def test_no_server_fills_memory_with_classes_and_types() -> None:
    """dnspython remembers each pair of them that it has met and does not know, and there are 2^32."""
    one = make_request(question(NOWHERE), edns=True)
    query = asked(one.wire)
    before = len(dns.rdata._rdata_classes)
    for rclass, first in ((4321, 0), (1, 40000)):
        for start in range(first, 1 << 16, 4096):
            types = {*range(start, min(start + 4096, 1 << 16))} - {OPT, TSIG}
            wire = reply(query, [rr(b"\0", rtype, b"", rclass=rclass) for rtype in types])
            assert complete_reader.read(wire, one.question).shape is Shape.OTHER
    assert len(dns.rdata._rdata_classes) <= before + 1


def said(wire: bytes, one: Request) -> str:
    match = complete_reader.match_response(wire, one)
    if match is not complete_reader.Match.MATCH:
        return {complete_reader.Match.MISMATCH: "another", complete_reader.Match.MALFORMED: "no header"}[match]
    try:
        read = complete_reader.read(wire, one.question)
    except Malformed:
        assert not plain(wire), wire.hex()
        return "malformed"
    agree(wire, one, read)
    return "answer"


def plain(wire: bytes) -> bool:
    """Whether dnspython reads it as it comes, and finds no two SOA records of the zone that differ."""
    try:
        message = dns.message.from_wire(wire, keyring=False, one_rr_per_rrset=True)
    except Exception:  # noqa: BLE001 - whatever it is, dnspython does not read it
        return False
    apex, texts = dns.name.from_text(ZONE), set()
    for rrset in message.answer:
        if (rrset.name, rrset.rdtype, rrset.rdclass) == (apex, dns.rdatatype.SOA, dns.rdataclass.IN):
            texts.add((rrset[0].to_text().lower(), rrset.ttl))
    return len(texts) < 2


def agree(wire: bytes, one: Request, read: complete_reader.Answer) -> None:
    """dnspython reads the same, or stumbles over what we have no use for: an option of EDNS, a class or type."""
    try:
        message = dns.message.from_wire(wire, keyring=False)
    except (dns.exception.DNSException, ValueError):
        message = None
    if message is None:
        assert liberty(wire), wire.hex()
        return
    assert read.rcode in (dns.rcode.to_text(message.rcode()), f"RCODE{message.rcode()}"), wire.hex()
    assert read.authoritative == bool(message.flags & dns.flags.AA)
    found = message.get_rrset(
        dns.message.ANSWER,
        dns.name.from_text(ZONE),
        dns.rdataclass.IN,
        dns.rdatatype.SOA,
    )
    assert (found is not None and bool(message.question)) == (read.soa is not None), wire.hex()
    if read.soa is not None:
        assert [rdata.serial for rdata in found] == [read.soa.serial], wire.hex()
        assert found[0].mname.canonicalize().to_text() == read.soa.mname, wire.hex()


def liberty(wire: bytes) -> bool:
    """Only where the octets that dnspython refuses are in an OPT record, a TSIG record, or a class of no meaning."""
    head = wire_format.header(wire)
    position = 12
    for _ in range(head.questions):
        position = wire_format.name(wire, position, len(wire))[1] + 4
    for _ in range(head.answers + head.authorities + head.additionals):
        record = wire_format.record(wire, position)
        position = record.end
        if record.type in (41, 250) or record.rclass != 1:
            return True
    return False


@pytest.mark.parametrize("kind", PROBERS)
async def test_over_real_sockets_every_packet_has_an_outcome(kind: str) -> None:
    """Mutants over UDP and TCP, under the right id: whatever comes, there is one observation, soon."""
    die = dice()
    seeds: dict[int, list[bytes]] = {}

    def mutant(query: Asked) -> bytes:
        known = seeds.get(query.type)
        if known is None:
            known = seeds[query.type] = wires(query)
        return mutate(query.wire[:2] + die.choice(known)[2:], known, die, keep=die.choice((0, 2, 2, 12)))

    def udp(query: Asked) -> list[bytes]:
        return [mutant(query)] if die.random() < 0.8 else [mutant(query), as_nsd(query)]

    async def tcp(query: Asked, connection: Connection) -> None:
        wire = mutant(query)
        framed = struct.pack("!H", len(wire)) + wire
        await connection.raw(framed if die.random() < 0.7 else mutate(framed, [framed], die))

    probe = Probe(timeout=0.5, attempts=1, max_qps_per_server=1e6)
    seen = await through(
        kind, udp, tcp, probe, 2100, [("SOA", Transport.UDP), ("SOA", Transport.TCP), ("TXT", Transport.UDP)]
    )
    outcomes = Counter(one.outcome for one in seen)
    print(outcomes)
    assert outcomes.keys() >= {Outcome.ANSWERED, Outcome.MALFORMED, Outcome.MISMATCHED}


async def test_over_real_sockets_every_transfer_has_a_reason() -> None:
    die = dice()

    async def tcp(query: Asked, connection: Connection) -> None:
        pen = Pen(query) if query.signed else None
        stream = b""
        for records in zone(3, 4):
            wire = reply(query, records)
            wire = pen.sign(wire) if pen is not None else wire
            stream += struct.pack("!H", len(wire)) + wire
        await connection.raw(mutate(stream, [stream], die, keep=die.choice((0, 4, 40))))

    limits = TransferLimits(deadline=2)
    probe = Probe(timeout=2, attempts=1, max_qps_per_server=1e6, transfers_per_server=16, transfer=limits)
    seen = await through("dnspython", None, tcp, probe, 800, [("AXFR", Transport.TCP)])
    reasons = Counter(one.transfer for one in seen)
    print(reasons)
    assert None not in reasons
    assert reasons.keys() >= {TransferResult.ALLOWED, TransferResult.MALFORMED, TransferResult.TRUNCATED}


async def through(
    prober_kind: str, udp: Any, tcp: Any, probe: Probe, count: int, kinds: list[tuple[str, Transport]]
) -> list[Observation]:
    queries = []
    async with Nameserver(udp, tcp) as server:
        prober = PROBERS[prober_kind](probe, {"xfr": KEY}, now)
        for number in range(count):
            qtype, transport = kinds[number % len(kinds)]
            key = "xfr" if qtype == "AXFR" and number % 5 == 0 else None
            whole = number % 2 == 0
            queries.append(Query(ZONE, "ns1", server.address, ZONE, qtype, transport, key, whole, identify=True))
        open_before = sockets()
        async with asyncio.timeout(60):
            seen = [one async for batch in prober(queries) for one in batch]
        assert prober.pending() == 0
        await prober.close()
        await drained(server)
        assert sockets() <= open_before
    assert len(seen) == count
    for one in seen:
        clean(one)
        assert not one.detail.startswith("a fault of the prober itself"), one
        assert one.outcome is not Outcome.UNASKED, one
    return seen


def sockets() -> int:
    """Descriptors of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def drained(server: Nameserver) -> None:
    """Until the server, too, has noticed that every connection is over."""
    async with asyncio.timeout(10):
        while server.at_once:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)
