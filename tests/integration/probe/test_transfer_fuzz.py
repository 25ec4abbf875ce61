"""The quick reader of transfers reads no message, and takes no record, otherwise than dnspython does."""

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from dns.rdatatype import RdataType

from checks.model import Query, TransferResult, Transport
from monitor.probe.client.axfr import Ended, Transfer
from monitor.probe.client.tcp import Broken
from monitor.probe.message import rdata, response
from monitor.probe.message import wire as wire_format
from monitor.probe.message.request import Request, make_request, question
from monitor.probe.message.wire import Malformed, MessageOutline, Record
from monitor.probe.settings import TransferLimits
from tests.integration.nameservers.test_rdata import SEEDS
from tests.support.misbehaviour import zone
from tests.support.mutations import dice, mutate
from tests.support.nameserver import ZONE, A, asked, name, reply, rr
from tests.support.signing import Pen

APEX = dns.name.from_text(ZONE)
IN, SOA, OPT, TSIG = dns.rdataclass.IN, RdataType.SOA, RdataType.OPT, RdataType.TSIG

LENIENT = {
    RdataType.TLSA, RdataType.SMIMEA, RdataType.URI, RdataType.GPOS, RdataType.AMTRELAY, RdataType.LOC, RdataType.SVCB,
    RdataType.HTTPS, RdataType.DS,
}  # fmt: skip
"""Types of which secondaries take what dnspython refuses (``message/rdata.py``); of a DS, digest type 0."""

TAKEN = (dns.name.DecompressionForbidden, dns.name.PointerChainTooLong)
"""Names that dnspython refuses, and no secondary does."""


def one() -> Request:
    return make_request(question(Query(ZONE, "ns1", Any, ZONE, "AXFR", Transport.TCP)), edns=True)  # type: ignore[arg-type]


def written(request: Request, texts: tuple[str, ...]) -> bytes:
    """As dnspython writes a message of a transfer: names compressed wherever they may be."""
    message = dns.message.make_response(dns.message.from_wire(request.wire))
    message.flags |= dns.flags.AA
    for number, text in enumerate(texts):
        owner = f"{'a.' * (number % 4)}h{number}.{ZONE}"
        message.answer.append(dns.rrset.from_text(owner, 300, "IN", *text.replace("a.b.", ZONE).split(" ", 1)))
    return message.to_wire()


def seeds(request: Request) -> list[bytes]:
    query = asked(request.wire)
    whole = [reply(query, records) for records in zone(3, 4)]
    parts = [written(request, SEEDS[start : start + 8]) for start in range(0, len(SEEDS), 8)]
    ttls = [rr(name(ZONE), A, bytes(4), ttl) for ttl in (0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)]
    return [*whole, *parts, *parts, reply(query, ttls), Pen(query).sign(whole[0])]


# --- message by message ---


def theirs(wire: bytes) -> dns.message.Message | Exception:
    try:
        return dns.message.from_wire(wire, keyring=False, xfr=True, one_rr_per_rrset=True)
    except Exception as error:  # noqa: BLE001 - whatever it is, dnspython does not read it
        return error


def ours(wire: bytes) -> tuple[MessageOutline, list[Record]]:
    """As a transfer walks over it. Raises Malformed."""
    outline = wire_format.outline(wire)
    first, position = b"", wire_format.HEADER.size
    for _ in range(outline.header.questions):
        first, position = wire_format.name(wire, position, len(wire))
        position += 4
    records = []
    for _ in range(outline.header.answers + outline.header.authorities + outline.header.additionals):
        records.append(wire_format.record(wire, position, first if outline.header.questions == 1 else b""))
        position = records[-1].end
    return outline, records


def compare(wire: bytes) -> str:
    message = theirs(wire)
    try:
        outline, records = ours(wire)
    except Malformed:
        assert isinstance(message, Exception), wire.hex()
        return "broken"
    for record in records:
        compare_rdata(wire, record)
    if isinstance(message, Exception):
        assert liberty(wire, message, records), (wire.hex(), message)
        return "refused"
    assert outline.header.flags == message.flags
    assert [index for index, _ in outline.soas] == [
        index for index, rrset in enumerate(message.answer) if rrset.rdtype == SOA
    ], wire.hex()
    assert (outline.tsig is not None) == message.had_tsig
    rrsets = [*message.answer, *message.authority, *message.additional]
    plain = [record for record in records if record.type not in (OPT, TSIG)]
    assert [(r.owner, r.type, r.rclass, r.ttl) for r in plain] == [
        (s.name.to_digestable(), s.rdtype, s.rdclass, s.ttl) for s in rrsets
    ], wire.hex()
    for number, (record, rrset) in enumerate(zip(plain, rrsets, strict=True)):
        if record.type in (RdataType.CNAME, RdataType.DNAME) and record.rclass == IN:
            assert wire_format.name(wire, record.rdata, record.end)[0] == rrset[0].target.canonicalize().to_wire()
        if record.type == SOA and number < len(message.answer) and record.rclass == IN:
            assert response.soa(wire, record).serial == rrset[0].serial
    return "read"


def compare_rdata(wire: bytes, record: Record) -> None:
    """What dnspython refuses is refused; what it takes BIND may refuse, but not everybody."""
    if record.rclass != IN or record.type in (SOA, OPT, TSIG):
        return
    why = rdata.refused(wire, record)
    try:
        value = dns.rdata.from_wire(IN, record.type, wire, record.rdata, record.length)
    except TAKEN:
        return
    except dns.exception.DNSException:
        value = None
    if value is None:
        assert why is not None or record.type in LENIENT, (wire.hex(), record)
    elif not isinstance(value, dns.rdata.GenericRdata):  # of MB, MG, MR and the like dnspython knows no form
        assert why is None or why[1] != rdata.EVERYBODY, (wire.hex(), record, why)


def liberty(wire: bytes, error: Exception, records: list[Record]) -> bool:
    """Names that only dnspython refuses; what is told elsewhere: OPT, TSIG, other classes, what makes a SOA broken."""
    return isinstance(error, TAKEN) or any(
        record.type in (SOA, OPT, TSIG, *LENIENT) or record.rclass != IN or rdata.refused(wire, record) is not None
        for record in records
    )


def try_messages(count: int) -> Counter[str]:
    die, request = dice(), one()
    some = seeds(request)
    for wire in some:
        assert compare(wire) == "read"
    told = Counter(compare(mutate(die.choice(some), some, die, keep=die.choice((0, 12)))) for _ in range(count))
    told.update(compare(altered(die.choice(some), die)) for _ in range(count))
    return told


def altered(wire: bytes, die: random.Random) -> bytes:
    """Some octets are others, and most records still begin where they did."""
    octets = bytearray(wire)
    for _ in range(die.choice((1, 2, 4))):
        octets[die.randrange(12, len(octets))] = die.choice((0, 1, 2, 12, 63, 64, 192, 255, die.randrange(256)))
    return bytes(octets)


def test_every_message_is_read_as_dnspython_reads_it() -> None:
    told = try_messages(2_500)
    print(told)
    assert min(told["read"], told["refused"], told["broken"]) > 200


@pytest.mark.long
def test_very_many_messages_too() -> None:
    told = try_messages(150_000)
    print(told)
    assert told.total() >= 150_000


# --- whole transfers ---


class Sent:
    """In place of a connection: the messages that came, and then its end."""

    def __init__(self, wires: list[bytes]) -> None:
        self._wires = iter(wires)
        self.octets = 0

    async def send(self, wire: bytes, until: float) -> None:
        """Nobody reads it."""

    async def message(self, until: float, patience: float) -> bytes:
        wire = next(self._wires, None)
        if wire is None:
            raise Broken("closed", "next message")
        self.octets += 2 + len(wire)
        return wire


async def transferred(request: Request, wires: list[bytes]) -> Ended:
    return await Transfer(cast("Any", Sent(wires)), request, None, TransferLimits()).whole(5)


def transfers(request: Request, count: int, die: random.Random) -> Iterator[list[bytes]]:
    """Id and flags stay: what a message with others is worth is told by its header, before it is read."""
    query = asked(request.wire)
    for _ in range(count):
        wires = [reply(query, records) for records in zone(die.choice((2, 3)), 3)]
        wires.insert(1, written(request, tuple(die.sample(SEEDS, 6))))
        for _ in range(die.choice((0, 1, 1, 2))):
            place = die.randrange(len(wires))
            wires[place] = mutate(wires[place], wires, die, keep=4)
        yield wires


def stream(wires: list[bytes]) -> list[dns.rrset.RRset] | None:
    """All records as dnspython reads them, up to the message that holds the final SOA; None: not all are read."""
    found: list[dns.rrset.RRset] = []
    for wire in wires:
        message = theirs(wire)
        if isinstance(message, Exception):
            return None
        found += message.answer
        if sum(is_apex(rrset) for rrset in found) > 1:
            break
    return found


def is_apex(rrset: dns.rrset.RRset) -> bool:
    return rrset.rdtype == SOA and rrset.name == APEX


def is_whole(found: list[dns.rrset.RRset]) -> bool:
    """From SOA to SOA of the same version, and nothing after it (RFC 5936 section 2.2)."""
    soas = [rrset[0] for rrset in found if is_apex(rrset)]
    return len(soas) == 2 and is_apex(found[0]) and is_apex(found[-1]) and soas[0] == soas[1]


async def test_what_is_called_a_whole_zone_is_one_and_no_whole_zone_is_called_broken() -> None:
    die, request = dice(), one()
    told: Counter[str] = Counter()
    for wires in transfers(request, 1500, die):
        ended = await transferred(request, wires)
        found = stream(wires)
        shown = [wire.hex() for wire in wires]
        if ended.transfer is TransferResult.ALLOWED and found is not None:
            assert is_whole(found), shown
            assert ended.records == len(found)
            assert ended.answer is not None
            assert ended.answer.soa is not None
            assert ended.answer.soa.serial == found[0][0].serial
        if found is not None and is_whole(found):
            refused = ended.detail.endswith("would refuse the zone") or "another id or question" in ended.detail
            assert ended.transfer is TransferResult.ALLOWED or refused, (ended, shown)
        told[f"{ended.transfer.name} {'read' if found is not None else 'refused'}"] += 1
    print(told)
    assert told["ALLOWED read"] > 200
    assert told["MALFORMED refused"] > 200
