"""What is taken from a zone that is read for its content: all of it, or nothing."""

import asyncio
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from checks.model import TransferResult
from monitor.probe.settings import Probe, TransferLimits
from tests.contract.test_prober_transfer import WHOLE, patience
from tests.contract.test_prober_tsig import SIGNED
from tests.support.misbehaviour import TCP, TRANSFERS, drip, endless, transfer
from tests.support.misbehaviour import zone as messages
from tests.support.nameserver import A, Asked, Connection, name, reply, rr, soa
from tests.support.transfers import pull

DEADLINE = 20.0


@pytest.mark.parametrize("case", TRANSFERS)
async def test_transfers_end_as_they_do_otherwise(case: str) -> None:
    seen = await pull(TRANSFERS[case](), patience(case), whole=True, content=())
    assert seen.transfer is WHOLE[case]["transfer"]
    assert (seen.content is not None) is (seen.transfer is TransferResult.ALLOWED)


@pytest.mark.parametrize("case", TCP)
async def test_nothing_is_taken_from_what_is_no_transfer(case: str) -> None:
    short = Probe(timeout=0.2, attempts=1, max_qps_per_server=1e6, transfer=TransferLimits(deadline=0.3))
    seen = await pull(TCP[case], short, whole=True, content=())
    assert seen.content is None


@pytest.mark.parametrize("case", SIGNED)
async def test_nothing_is_taken_that_is_not_signed_as_it_must_be(case: str) -> None:
    tcp, wanted = SIGNED[case]
    seen = await pull(tcp, key="xfr", whole=True, content=())
    assert seen.transfer is wanted["transfer"]
    assert (seen.content is not None) is (seen.transfer is TransferResult.ALLOWED)


FOREIGN = {
    "another zone": (rr(name("www.example.org."), A, b"\xc0\0\2\1"), "a record of another zone"),
    "the zone above": (rr(name("net."), A, b"\xc0\0\2\1"), "a record of another zone"),
    "octets like the zone's": (rr(b"\x0dx\7example\3net\0", A, b"\xc0\0\2\1"), "a record of another zone"),
    "the root, its type like a pointer": (rr(b"\0", 0xC00C, b"x"), "a record of another zone"),
    "another class": (rr(name("www.example.net."), A, b"\xc0\0\2\1", rclass=3), "a record of class 3"),
    "a type of questions": (rr(name("www.example.net."), 255, b""), "a record of type 255, which no zone has"),
    "another SOA": (soa(owner=name("sub.example.net.")), "a SOA inside the zone"),
}


@pytest.mark.parametrize("case", FOREIGN)
async def test_a_record_that_is_none_of_the_zones_spoils_it(case: str) -> None:
    record, why = FOREIGN[case]
    seen = await pull(transfer(lambda _: [[soa(), record], *messages()[1:]]), whole=True, content=())
    assert (seen.transfer, seen.content) == (TransferResult.MALFORMED, None)
    assert why in seen.detail


async def test_the_records_that_are_asked_for_are_kept() -> None:
    seen = await pull(transfer(lambda _: messages(2, 2)), whole=True, content=tuple(range(4096)))
    assert seen.content is not None
    assert set(seen.content.kept) == {
        "example.net. 300 IN NS ns9.example.org.",
        "h0-1.example.net. 300 IN A 192.0.2.1",
        "h1-0.example.net. 300 IN A 192.0.2.0",
        "h1-1.example.net. 300 IN A 192.0.2.1",
    }
    assert seen.content.records == 4


LIMITS = {
    "deadline": TransferLimits(deadline=0.3),
    "octets": TransferLimits(max_octets=100_000),
    "messages": TransferLimits(max_messages=5),
    "records": TransferLimits(max_records=3000),
}


@pytest.mark.parametrize("case", LIMITS)
async def test_an_endless_zone_ends(case: str) -> None:
    async with asyncio.timeout(DEADLINE):
        seen = await pull(endless, Probe(transfer=LIMITS[case]), whole=True, content=tuple(range(4096)))
    assert (seen.transfer, seen.content) == (TransferResult.LIMIT, None)


async def test_a_dripping_zone_ends_at_the_deadline() -> None:
    async with asyncio.timeout(DEADLINE):
        seen = await pull(drip, Probe(timeout=5, transfer=TransferLimits(deadline=0.2)), whole=True, content=())
    assert (seen.transfer, seen.content) == (TransferResult.TIMEOUT, None)


async def test_two_zones_that_differ_in_one_record_differ_in_its_part() -> None:
    one = await pull(transfer(lambda _: messages()), whole=True, content=())
    same = await pull(transfer(lambda _: messages()), whole=True, content=())
    more = await pull(
        transfer(lambda _: [*messages()[:-1], [rr(name("new.example.net."), A, b"\xc0\0\2\1"), *messages()[-1]]]),
        whole=True, content=(),
    )  # fmt: skip
    assert one.content is not None
    assert more.content is not None
    assert one.content == same.content
    (part,) = more.content.differing(one.content, dnssec=True)
    assert replace(more.content, records=one.content.records) != one.content
    again = await pull(
        transfer(lambda _: [*messages()[:-1], [rr(name("new.example.net."), A, b"\xc0\0\2\1"), *messages()[-1]]]),
        whole=True, content=(part,),
    )  # fmt: skip
    assert again.content is not None
    assert "new.example.net. 300 IN A 192.0.2.1" in again.content.kept


async def test_the_digest_of_a_zone_is_told_where_it_is_wanted() -> None:
    one = await pull(transfer(lambda _: messages(2, 2)), whole=True, content=(), zonemd=(1, 2))
    assert one.content is not None
    assert {algorithm: len(digest) for algorithm, digest in one.content.digests} == {1: 48, 2: 64}
    other = await pull(transfer(lambda _: messages(2, 3)), whole=True, content=(), zonemd=(1,))
    assert other.content is not None
    assert set(other.content.digests).isdisjoint(one.content.digests)
    plain = await pull(transfer(lambda _: messages(2, 2)), whole=True, content=())
    assert plain.content is not None
    assert plain.content.digests == ()


async def ever_new(query: Asked, connection: Connection) -> None:
    """A transfer without end in which no record comes twice."""
    await connection.send(reply(query, [soa()]))
    for start in count(step=1500):
        many = [rr(name("x.example.net."), A, number.to_bytes(4, "big")) for number in range(start, start + 1500)]
        await connection.send(reply(query, many, question=b""))
        await asyncio.sleep(0)


async def test_an_endless_zone_is_not_sorted_without_end() -> None:
    """Runs of it have gone to a temporary file when it ends, and with it that goes."""
    before = unnamed_files()
    async with asyncio.timeout(DEADLINE):
        limits = TransferLimits(max_records=60_000)
        seen = await pull(ever_new, Probe(transfer=limits), whole=True, content=(), zonemd=(1,))
    assert (seen.transfer, seen.content) == (TransferResult.LIMIT, None)
    assert unnamed_files() == before


def unnamed_files() -> int:
    """Open files of this process that have no name any more."""
    return sum("(deleted)" in str(one.resolve()) for one in list(Path("/proc/self/fd").iterdir()))
