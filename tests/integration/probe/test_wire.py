"""The quick reader never says what the complete reader, or dnspython, would not."""

import random
import struct
from collections import Counter
from collections.abc import Iterator
from itertools import chain, permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.model import Query, Shape
from monitor.probe.message import quick_response, soa_response
from monitor.probe.message import response as complete_reader
from monitor.probe.message.request import Request, make_request, question
from tests.integration.probe.test_fuzz import NOWHERE, agree, as_nsd, as_records, wires
from tests.support.misbehaviour import UDP
from tests.support.mutations import dice, generated, mutants, mutate
from tests.support.nameserver import AAAA, NS, SOA, A, Asked, asked, name, opt, reply, rr, soa

OWNER = b"\xc0\x0c"


def one() -> Request:
    return make_request(question(NOWHERE), edns=True)


def the_same(wire: bytes, asked: Request) -> bool:
    """Whether the quick reader said anything; what it says is what the others say."""
    quick = quick_response.read_usual(wire, asked.question)
    if quick is None:
        return False
    assert (
        complete_reader.match_response(wire[:0] + struct.pack("!H", asked.id) + wire[2:], asked)
        is complete_reader.Match.MATCH
    ), wire.hex()
    assert quick == complete_reader.read(wire, asked.question), wire.hex()
    agree(wire, asked, quick)
    return True


def seeds(query: Asked) -> list[bytes]:
    """What is usual, in many forms, and what a server of the tests sends."""
    ns1, ns2 = name("ns1.example.net."), name("ns2.example.net.")
    glue = [rr(ns1, A, b"\xc0\0\2\1"), rr(ns2, AAAA, bytes(16))]
    cut = [rr(OWNER, NS, b"\3ns1" + OWNER), rr(OWNER, NS, b"\3ns2" + OWNER)]
    edns = opt((3, b"ns1.ams"), (9, b"\0\1\0\0"), (15, b"\0\x18old"))
    return [
        *wires(query),
        reply(query, [soa()], cut, [*glue, edns]),
        reply(query, [soa()], additional=[edns]),
        reply(query, [soa()], additional=[opt((9, b"\0\0\0\1"), (3, b"x"))]),
        reply(query, [rr(OWNER, SOA, b"\3ns1\xc0\x0c\4root\xc0\x0c" + bytes(20))], cut, [opt()]),
        reply(query, rcode=5, aa=False, additional=[opt((15, b"\0\x14"))]),
        reply(query, [], [soa(owner=name("net."))], [opt()], rcode=3),
        reply(query, [], cut, [*glue, opt()], aa=False),
    ]


def mutated(count: int, die: random.Random, query: Asked) -> Iterator[bytes]:
    """Most of them keep header and question, or they would all be declined there."""
    some = seeds(query)
    for _ in range(count):
        yield mutate(die.choice(some), some, die, keep=die.choice((0, 12, 12 + len(query.question))))


def try_many(count: int) -> Counter[bool]:
    die, asked_ = dice(), one()
    query = asked(asked_.wire)
    wires_ = chain(mutated(count, die, query), mutants(seeds(query), count // 10, die), generated(count // 10, die))
    return Counter(the_same(wire, asked_) for wire in wires_)


def test_of_mutated_packets_it_says_what_the_complete_reader_says_or_nothing() -> None:
    told = try_many(7_000)
    print(told)
    assert told[True] > 500
    assert told[False] > 2000


@pytest.mark.long
def test_of_very_many_mutated_packets_too() -> None:
    told = try_many(250_000)
    print(told)
    assert sum(told.values()) > 200_000
    assert told[True] > 20_000


@pytest.mark.parametrize("words", UDP)
def test_what_the_servers_of_the_tests_send(words: str) -> None:
    asked_ = one()
    for wire in list(UDP[words](asked(asked_.wire)))[:1]:
        if len(wire) >= 12:
            the_same(wire, asked_)


def test_the_usual_is_not_declined() -> None:
    """Or the fast path would be none."""
    asked_ = one()
    query = asked(asked_.wire)
    assert the_same(as_nsd(query), asked_)
    assert the_same(next(iter(UDP["right"](query))), asked_)
    assert the_same(next(iter(UDP["refused"](query))), asked_)
    assert the_same(next(iter(UDP["servfail"](query))), asked_)
    assert the_same(next(iter(UDP["nodata"](query))), asked_)
    assert not the_same(as_records(query), asked_)


def test_the_root_zone() -> None:
    asked_ = make_request(question(Query(".", "ns1", Any, ".", "SOA", identify=True)), edns=True)  # type: ignore[arg-type]
    for owner in (OWNER, b"\0"):
        wire = reply(asked(asked_.wire), [soa(owner=owner)])
        quick = quick_response.read_usual(wire, asked_.question)
        assert quick == complete_reader.read(wire, asked_.question)
        assert quick is not None
        assert quick.answer is not None
        assert quick.answer.name == "."


# --- messages made up whole, with names that point to each other ---

LABELS = st.sampled_from([b"\1a", b"\3ns1", b"\3NS2", b"\2\xff.", b"\x3f" + b"x" * 63, b"\0", b"\x40", b"\x80"])
POINTERS = st.integers(0, 120).map(lambda offset: struct.pack("!H", 0xC000 | offset))
NAMES = st.tuples(
    st.lists(LABELS, max_size=5).map(b"".join), st.sampled_from([b"\0", b"\xc0\x0c", b"\xc0\x14", b""]) | POINTERS
).map(b"".join)
TIMERS = st.binary(min_size=18, max_size=21)


def record(types: list[int]) -> st.SearchStrategy[bytes]:
    rdata = st.one_of(NAMES, st.builds(lambda *parts: b"".join(parts), NAMES, NAMES, TIMERS), st.binary(max_size=20))
    return st.builds(
        lambda owner, rtype, rclass, ttl, data: owner + struct.pack("!HHIH", rtype, rclass, ttl, len(data)) + data,
        st.just(OWNER) | NAMES,
        st.sampled_from(types),
        st.sampled_from([1, 1, 1, 1, 3]),
        st.sampled_from([0, 300, 0x80000000]),
        rdata,
    )


OPTIONS = st.lists(
    st.tuples(st.sampled_from([3, 9, 9, 10, 15]), st.binary(max_size=6) | st.just(b"\0\0\1\0")), max_size=4
).map(lambda options: opt(*options))


@settings(max_examples=500, deadline=None)
@given(
    st.lists(record([SOA, SOA, NS, 5, 250]), max_size=2),
    st.lists(record([NS, SOA, A, 16]), max_size=3),
    st.lists(record([A, AAAA, NS, SOA, 250]) | OPTIONS, max_size=4),
    st.integers(0, 0xFFFF),
)
def test_of_messages_made_up_it_says_the_same_or_nothing(
    answer: list[bytes], authority: list[bytes], additional: list[bytes], flags: int
) -> None:
    asked_ = one()
    wire = reply(asked(asked_.wire), answer, authority, additional)
    the_same(wire, asked_)
    the_same(wire[:2] + struct.pack("!H", 0x8000 | flags & 0x7FF) + wire[4:], asked_)


# --- what stands for an answer ---


def test_octet_for_octet_the_same_is_the_same_print_whatever_the_id_and_the_expire() -> None:
    query = asked(one().wire)
    fingerprints = set()
    for number, expire in ((1, 5), (2, 7), (65535, 0xFFFFFFFF)):
        wire = reply(query, [soa()], additional=[opt((3, b"x"), (9, struct.pack("!I", expire)))], id=number)
        found = soa_response.soa_outline(wire, query.question)
        assert found is not None
        assert int.from_bytes(wire[found.expire_offset : found.expire_offset + 4], "big") == expire
        fingerprints.add(
            (soa_response.fingerprint(wire, found.expire_offset), soa_response.soa_fingerprint(wire, found))
        )
    assert len(fingerprints) == 1


def test_any_other_octet_changes_the_print() -> None:
    query = asked(one().wire)
    wire = reply(query, [soa()], additional=[opt((3, b"x"), (9, bytes(4)))])
    found = soa_response.soa_outline(wire, query.question)
    assert found is not None
    for place in {*range(2, len(wire))} - {*range(found.expire_offset, found.expire_offset + 4)}:
        other = wire[:place] + bytes((wire[place] ^ 1,)) + wire[place + 1 :]
        assert soa_response.fingerprint(other, found.expire_offset) != soa_response.fingerprint(
            wire, found.expire_offset
        )


def test_in_whatever_order_the_rest_comes_the_head_is_the_same_and_so_is_what_it_says() -> None:
    asked_ = one()
    query = asked(asked_.wire)
    cut = [rr(OWNER, NS, name(f"ns{n}.example.net.")) for n in range(3)]
    glue = [rr(name(f"ns{n}.example.net."), A, bytes((192, 0, 2, n))) for n in range(2)]
    soa_fingerprints, said = set(), set()
    for names in permutations(cut):
        for rest in permutations([*glue, opt((3, b"x"), (9, bytes(4)))]):
            wire = reply(query, [soa()], names, rest)
            found = soa_response.soa_outline(wire, query.question)
            assert found is not None
            soa_fingerprints.add(soa_response.soa_fingerprint(wire, found))
            said.add(quick_response.read_usual(wire, asked_.question))
    assert len(soa_fingerprints) == len(said) == 1


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.binary(max_size=8), st.binary(max_size=8))
def test_equal_fingerprints_are_equal_answers(serial: int, other: int, nsid: bytes, another: bytes) -> None:
    asked_ = one()
    query = asked(asked_.wire)
    told = []
    for number, identity in ((serial, nsid), (other, another)):
        wire = reply(query, [soa(number)], additional=[opt((3, identity), (9, bytes(4)))])
        found = soa_response.soa_outline(wire, query.question)
        assert found is not None
        told.append((soa_response.soa_fingerprint(wire, found), quick_response.read_usual(wire, asked_.question)))
    assert (told[0][0] == told[1][0]) == (told[0][1] == told[1][1] and nsid == another)


def test_nothing_but_a_soa_has_shape_records() -> None:
    asked_ = one()
    read = quick_response.read_usual(next(iter(UDP["nodata"](asked(asked_.wire)))), asked_.question)
    assert read is not None
    assert read.shape is Shape.NODATA
