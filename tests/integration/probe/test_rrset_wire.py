"""The quick reader of RRsets beside the complete one: equal fingerprints are equal Answers, and so is what it reads."""

import random
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.probe.message import quick_response
from monitor.probe.message import response as complete_reader
from monitor.probe.message.request import Request, make_request, question
from monitor.probe.message.rrset_response import rrset_outline
from monitor.probe.message.wire import Malformed
from tests.integration.probe.test_fuzz import NOWHERE, as_nsd, as_records, wires
from tests.support.mutations import dice, generated, mutants, mutate
from tests.support.nameserver import AAAA, CNAME, NS, TXT, ZONE, A, Asked, asked, name, opt, reply, rr, soa

OWNER = b"\xc0\x0c"
MX, CAA = 15, 257
TYPES = {"NS": NS, "MX": MX, "A": A, "AAAA": AAAA, "TXT": TXT, "CAA": CAA}
EDNS = opt((3, b"ns1.ams"))

RDATA: dict[str, list[bytes]] = {
    "A": [bytes((192, 0, 2, number)) for number in range(4)],
    "AAAA": [bytes(15) + bytes((number,)) for number in range(4)],
    "TXT": [b"\5hello", b"\5hello\0", b"\3v=1\7example", b"\xff" * 256],
    "CAA": [b"\0\5issueca.example", b"\0\5issue;", b"\x80\5iodefmailto:a@example.net"],
}
NAMES: dict[str, list[tuple[bytes, str]]] = {
    "NS": [(b"", one) for one in ("ns1.example.net.", "a.dns.example.org.", "b.dns.example.org.", "ns2.example.net.")],
    "MX": [(b"\0\x0a", "mx1.example.net."), (b"\0\x14", "mx.example.org."), (b"\0\x14", "b.mx.example.org.")],
}


class Writer:
    """Compresses names as servers do: each points to what was written before it, so that it differs with the order."""

    def __init__(self, query: Asked) -> None:
        self.known: dict[str, int] = {ZONE: 12}
        self.at = 12 + len(query.question)

    def rr(self, rtype: int, before: bytes, target: str, ttl: int = 300) -> bytes:
        rdata, rest = before, target
        at = self.at + 12 + len(before)
        while rest and rest not in self.known:
            self.known[rest] = at + len(rdata) - len(before)
            label, _, rest = rest.partition(".")
            rdata += bytes((len(label),)) + label.encode()
        rdata += struct.pack("!H", 0xC000 | self.known[rest]) if rest else b"\0"
        found = rr(OWNER, rtype, rdata, ttl)
        self.at += len(found)
        return found


def one(qtype: str) -> Request:
    return make_request(question(replace(NOWHERE, qtype=qtype)), edns=True)


def answer(query: Asked, qtype: str, order: Sequence[int], ttl: int = 300, more: Sequence[bytes] = ()) -> bytes:
    if qtype in RDATA:
        records = [rr(OWNER, TYPES[qtype], RDATA[qtype][number], ttl) for number in order]
    else:
        writer = Writer(query)
        records = [writer.rr(TYPES[qtype], *NAMES[qtype][number], ttl) for number in order]
    return reply(query, records, additional=[*more, EDNS])


def size(qtype: str) -> int:
    return len(RDATA.get(qtype) or NAMES[qtype])


def told(wire: bytes, asked_: Request) -> int:
    found = rrset_outline(wire, asked(asked_.wire).question)
    return found.fingerprint() if found is not None else 0


def read(wire: bytes, asked_: Request) -> complete_reader.Answer | None:
    """By the complete reader."""
    wire = struct.pack("!H", asked_.id) + wire[2:]
    if complete_reader.match_response(wire, asked_) is not complete_reader.Match.MATCH:
        return None
    try:
        return complete_reader.read(wire, asked_.question)
    except Malformed:
        return None


@pytest.mark.parametrize("qtype", TYPES)
def test_in_whatever_order_the_records_come_it_is_one_answer(qtype: str) -> None:
    asked_ = one(qtype)
    query = asked(asked_.wire)
    orders = list(permutations(range(size(qtype))))
    packets = [answer(query, qtype, order) for order in orders]
    assert len(set(packets)) == len(orders)
    (fingerprint,) = {told(wire, asked_) for wire in packets}
    assert fingerprint
    first, *others = (read(wire, asked_) for wire in packets)
    assert first is not None
    assert first.answer is not None
    assert len(first.answer.rdata) == size(qtype)
    assert all(other == first for other in others)


def test_compression_differs_with_the_order() -> None:
    """Otherwise the test above would say nothing of it: other octets, and not only in another order."""
    query = asked(one("NS").wire)
    assert len({bytes(sorted(answer(query, "NS", order))) for order in permutations(range(4))}) > 1


def test_owners_may_be_written_in_full_and_the_zone_may_be_the_root() -> None:
    asked_ = one("NS")
    usual = answer(asked(asked_.wire), "NS", (0,))
    whole = reply(asked(asked_.wire), [rr(name(ZONE), NS, name("ns1.example.net."))], additional=[EDNS])
    assert told(usual, asked_) == told(whole, asked_) != 0
    root = make_request(question(replace(NOWHERE, zone=".", qname=".", qtype="NS")), edns=True)
    records = [rr(b"\0", NS, name(f"{letter}.root-servers.net.")) for letter in "abc"]
    before, after = (reply(asked(root.wire), some, additional=[EDNS]) for some in (records, records[::-1]))
    assert told(before, root) == told(after, root) != 0
    assert read(before, root) == read(after, root)


@pytest.mark.parametrize("qtype", TYPES)
def test_what_says_something_else_is_another(qtype: str) -> None:
    asked_ = one(qtype)
    query = asked(asked_.wire)
    whole = range(size(qtype))
    usual = answer(query, qtype, whole)
    number = len(usual) - len(EDNS)
    other = {
        "one less": answer(query, qtype, whole[1:]),
        "another TTL": answer(query, qtype, whole, ttl=301),
        "another NSID": usual[:number] + opt((3, b"ns1.lon")),
        "no NSID": usual[:number] + opt(),
        "another rcode": usual[:3] + bytes((usual[3] | 5,)) + usual[4:],
        "an extended rcode": usual[:number] + opt((3, b"ns1.ams"), rcode=16),
        "no authority": usual[:2] + bytes((usual[2] & ~4,)) + usual[3:],
        "an extended error": usual[:number] + opt((3, b"ns1.ams"), (15, b"\0\x18old")),
    }
    fingerprints = {told(wire, asked_) for wire in (usual, *other.values())}
    assert len(fingerprints) == 1 + len(other)


def test_the_same_records_under_another_name_are_another() -> None:
    """A slot may be that of another zone by the time its answer comes."""
    queries = [replace(NOWHERE, zone=text, qname=text, qtype="A") for text in ("a.", "b.")]
    both = [make_request(question(query), edns=True) for query in queries]
    assert len({told(answer(asked(each.wire), "A", (0, 1)), each) for each in both}) == 2


@pytest.mark.parametrize("qtype", TYPES)
def test_what_is_not_of_the_usual_has_no_fingerprint(qtype: str) -> None:
    asked_ = one(qtype)
    query = asked(asked_.wire)
    usual = answer(query, qtype, range(size(qtype)))
    strange = {
        "empty": b"",
        "nothing but a header": usual[:12],
        "cut off": usual[:-1],
        "too long": usual + b"\0",
        "truncated": usual[:2] + bytes((usual[2] | 2,)) + usual[3:],
        "a query": usual[:2] + bytes((usual[2] & 0x7F,)) + usual[3:],
        "a CNAME": reply(query, [rr(OWNER, CNAME, name("www.example.org."))], additional=[EDNS]),
        "another name": usual[:12] + usual[12:].replace(b"\7example\3net", b"\7exbmple\3net", 1),
        "another owner": reply(query, [rr(name("www.example.net."), A, bytes(4))], additional=[EDNS]),
        "two OPT records": answer(query, qtype, range(2), more=[EDNS]),
    }
    assert {words: told(wire, asked_) for words, wire in strange.items() if told(wire, asked_)} == {}


def seeds(query: Asked, qtype: str) -> list[bytes]:
    """Answers in all orders, with what servers send along, and what a server of the tests sends."""
    orders = list(islice(permutations(range(size(qtype))), 6))
    glue = [rr(name("ns1.example.net."), A, b"\xc0\0\2\1"), rr(name("ns2.example.net."), AAAA, bytes(16))]
    return [
        *(answer(query, qtype, order) for order in orders),
        *(answer(query, qtype, order, more=glue) for order in orders),
        answer(query, qtype, orders[0], ttl=2**31),
        answer(query, qtype, orders[0][:1]),
        reply(query, [rr(OWNER, TYPES[qtype], b"")], additional=[EDNS]),
        reply(query, [rr(name(ZONE), NS, OWNER), rr(OWNER, NS, b"\1a" + OWNER)], [rr(OWNER, NS, OWNER)], [opt()]),
        as_nsd(query),
        as_records(query),
        *wires(query)[:10],
    ]


def mutated(count: int, die: random.Random, query: Asked, qtype: str) -> Iterator[bytes]:
    some = seeds(query, qtype)
    for _ in range(count):
        yield mutate(die.choice(some), some, die, keep=die.choice((0, 12, 12 + len(query.question))))


class Said:
    """What the complete reader said first of each fingerprint."""

    def __init__(self, asked_: Request) -> None:
        self.asked = asked_
        self.first: dict[int, tuple[bytes, complete_reader.Answer | None]] = {}
        self.kinds: Counter[str] = Counter()

    def hear(self, wire: bytes) -> None:
        fingerprint = told(wire, self.asked)
        if not fingerprint:
            self.kinds["unusual"] += 1
            return
        found = read(wire, self.asked)
        quick = quick_response.read_usual(wire, self.asked.question)
        assert quick in (None, found), wire.hex()
        self.kinds["quick"] += quick is not None
        before, was = self.first.setdefault(fingerprint, (wire, found))
        assert found == was, f"{before.hex()} {wire.hex()}"
        self.kinds["read" if found is not None else "unread"] += 1
        self.kinds["the same again" if before[2:] != wire[2:] else "new"] += 1


@pytest.mark.parametrize("qtype", TYPES)
def test_of_mutated_packets_equal_fingerprints_are_equal_answers(qtype: str) -> None:
    die, asked_ = dice(), one(qtype)
    query, said = asked(asked_.wire), Said(asked_)
    some = seeds(query, qtype)
    for wire in chain(some, mutated(7_000, die, query, qtype), mutants(some, 700, die), generated(700, die)):
        said.hear(wire)
    print(said.kinds)
    assert said.kinds["read"] > 300
    assert said.kinds["quick"] == (0 if qtype in ("TXT", "CAA") else said.kinds["read"])
    assert said.kinds["the same again"] > 70
    assert said.kinds["unusual"] > 2000


@pytest.mark.long
@pytest.mark.parametrize("qtype", TYPES)
def test_of_very_many_mutated_packets_too(qtype: str) -> None:
    die, asked_ = dice(), one(qtype)
    query, said = asked(asked_.wire), Said(asked_)
    for wire in mutated(200_000, die, query, qtype):
        said.hear(wire)


@given(st.data())
def test_records_in_two_orders_with_octets_of_any_kind_are_one_answer(data: st.DataObject) -> None:
    qtype = data.draw(st.sampled_from(["A", "AAAA", "TXT"]))
    length = {"A": st.just(4), "AAAA": st.just(16), "TXT": st.integers(0, 40)}[qtype]
    rows = data.draw(st.lists(st.tuples(st.integers(0, 2**32 - 1), length.flatmap(_octets)), min_size=1, max_size=6))
    others = data.draw(st.permutations(rows))
    asked_ = one(qtype)
    query = asked(asked_.wire)
    before, after = (
        reply(query, [rr(OWNER, TYPES[qtype], rdata, ttl) for ttl, rdata in some], additional=[EDNS])
        for some in (rows, others)
    )
    assert told(before, asked_) == told(after, asked_) != 0
    assert read(before, asked_) == read(after, asked_)


def _octets(count: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=count, max_size=count)


@given(st.binary(max_size=300), st.sampled_from(sorted(TYPES)))
def test_hostile_octets_behind_a_question_never_raise(tail: bytes, qtype: str) -> None:
    asked_ = one(qtype)
    query = asked(asked_.wire)
    for counts in ((1, 1, 0, 0), (1, 3, 1, 2), (1, 65535, 65535, 65535)):
        said = Said(asked_)
        head = reply(query, counts=counts)
        said.hear(head + tail)
        said.hear(head + tail[::-1])


DENIALS: dict[str, tuple[int, list[bytes], bool]] = {
    # rcode, authority section, authoritative
    "no type of that kind": (0, [soa(7, OWNER)], True),
    "no name of that kind": (3, [soa(7, OWNER)], True),
    "nothing beside it": (0, [], True),
    "NS records beside it": (0, [rr(OWNER, NS, name("ns1.example.net."))], True),
    "both": (0, [rr(OWNER, NS, name("ns1.example.net.")), soa(7, OWNER)], False),
    "not authoritative": (0, [soa(7, OWNER)], False),
    "refused": (5, [], False),
    "a failure": (2, [], False),
}


@pytest.mark.parametrize("words", DENIALS)
@pytest.mark.parametrize("qtype", [*TYPES, "SRV"])
def test_an_answer_without_records_is_read_as_the_complete_reader_does(qtype: str, words: str) -> None:
    rcode, authority, authoritative = DENIALS[words]
    asked_ = one(qtype)
    wire = reply(asked(asked_.wire), [], authority, [EDNS], rcode=rcode, aa=authoritative)
    found = rrset_outline(wire, asked_.question.section)
    mine, theirs = quick_response.to_answer(wire, asked_.question.text, found), read(wire, asked_)
    assert found is not None
    assert found.fingerprint()
    assert mine == theirs


def test_of_what_is_not_there_the_serial_beside_it_says_nothing() -> None:
    asked_ = one("CAA")
    packets = [
        reply(asked(asked_.wire), [], [soa(serial, OWNER)], [EDNS], rcode=rcode)
        for serial in (7, 8)
        for rcode in (0, 3)
    ]
    prints = [told(wire, asked_) for wire in packets]
    assert prints[:2] == prints[2:]
    assert len(set(prints)) == 2


def test_a_referral_is_for_the_complete_reader() -> None:
    asked_ = one("A")
    wire = reply(asked(asked_.wire), [], [rr(OWNER, NS, name("ns1.example.net."))], [EDNS], aa=False)
    assert told(wire, asked_) == 0
    assert quick_response.read_usual(wire, asked_.question) is None


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_broken_soa_beside_it_is_for_the_complete_reader(cut: int) -> None:
    asked_ = one("A")
    whole = soa(7, OWNER)
    broken = whole[:10] + struct.pack("!H", len(whole) - 12 - cut) + whole[12 : len(whole) - cut]
    wire = reply(asked(asked_.wire), [], [broken], [])
    assert told(wire, asked_) == 0 or read(wire, asked_) is not None
