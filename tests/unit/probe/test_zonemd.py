"""The digest of a zone is what dnspython makes of it, in whatever order its records come, and however often."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from io import FileIO
from threading import Event

import dns.flags
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rdtypes.ANY.ZONEMD
import dns.rrset
import dns.zone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.model import ZoneContent
from checks.model.content import MAX_ZONEMD, Zonemd
from monitor.probe.client.zonemd import make_room, with_digests
from monitor.probe.message.record_sorter import RecordSorter, order_key, owner_of
from monitor.probe.message.wire import FIXED, Malformed
from monitor.probe.message.zone_digest import ZoneDigest
from tests.support.rfc8976 import EXAMPLES, example

IN, SOA = dns.rdataclass.IN, dns.rdatatype.SOA
SHA384, SHA512 = 1, 2
BOTH = (SHA384, SHA512)
TINY = 400
"""Octets of a run: a few records."""


def messages(zone: dns.zone.Zone, chance: random.Random) -> list[bytes]:
    """A transfer of the zone: between its SOA and its SOA all records, some twice, in any order, in capitals or not."""
    assert zone.origin is not None
    every = [(owner, rdataset.ttl, rdata) for owner, rdataset in zone.iterate_rdatasets() for rdata in rdataset]
    soa = next(one for one in every if one[2].rdtype == SOA)
    rest = [one for one in every if one is not soa]
    rest += chance.sample(rest, len(rest) // 3)
    chance.shuffle(rest)
    made: list[bytes] = []
    records = [soa, *rest, soa]
    while records:
        size = chance.randrange(1, 6)
        message = dns.message.Message(7)
        message.flags |= dns.flags.QR | dns.flags.AA
        message.question = [dns.rrset.RRset(zone.origin, IN, dns.rdatatype.AXFR)]
        for owner, ttl, rdata in records[:size]:
            written = dns.name.Name(label.upper() for label in owner.labels) if chance.random() < 0.3 else owner
            message.answer.append(dns.rrset.from_rdata(written, ttl, rdata))
        made.append(message.to_wire())
        records = records[size:]
    return made


def content(zone: dns.zone.Zone, seed: int = 1, run: int = TINY, spilled: int = 10**6) -> ZoneContent:
    """What is known of the zone after a transfer, by both algorithms."""
    assert zone.origin is not None
    with closing(RecordSorter(run, spilled)) as sorter:
        made = ZoneDigest(zone.origin.canonicalize().to_wire(), sorter=sorter)

        async def all_of_it() -> ZoneContent:
            for wire in messages(zone, random.Random(seed)):
                made.outline(wire)
                await make_room(sorter)
            return await with_digests(made.content(), sorter, BOTH)

        return asyncio.run(all_of_it())


def expected(zone: dns.zone.Zone) -> tuple[tuple[int, bytes], ...]:
    return tuple((each, zone.compute_digest(dns.zone.DigestHashAlgorithm.make(each)).digest) for each in BOTH)


@pytest.mark.parametrize("run", [TINY, 10**6], ids=["spilled", "in memory"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_the_rfc(name: str, run: int) -> None:
    zone = example(name)
    zone.verify_digest()
    found = content(zone, run=run)
    assert found.digests == expected(zone)
    assert found.undigested == ""
    records = zone.get_rdataset(zone.origin, "ZONEMD")
    assert records is not None
    assert set(found.zonemd) == {Zonemd(one.serial, one.scheme, one.hash_algorithm, one.digest) for one in records}
    first = next(one for one in found.zonemd if (one.scheme, one.algorithm) == (1, SHA384))
    assert dict(found.digests)[SHA384] == first.digest


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_with_one_record_more_is_another(name: str) -> None:
    zone, good = example(name), content(example(name))
    zone.find_rdataset(dns.name.from_text("www", zone.origin), "A", create=True).add(
        dns.rdata.from_text("IN", "A", "192.0.2.1"), 300
    )
    bad = content(zone)
    assert bad.digests == expected(zone)
    assert {digest for _, digest in bad.digests}.isdisjoint(digest for _, digest in good.digests)


LABELS = st.one_of(
    st.sampled_from([b"a", b"b", b"ab", b"*", b"a-b"]),
    st.lists(st.sampled_from([0, 1, 2, 45, 97, 255]), min_size=1, max_size=4).map(bytes),
)
NAMES = st.lists(LABELS, max_size=3).map(tuple)
RDATA = st.one_of(
    st.integers(0, 3).map(lambda last: ("A", f"192.0.2.{last}")),
    st.lists(st.sampled_from(['"a"', '"b"', '"ab"', '""']), min_size=1, max_size=3).map(lambda s: ("TXT", " ".join(s))),
    st.sampled_from(["Mail", "mail", "b.example.net."]).map(lambda name: ("MX", f"10 {name}")),
    st.sampled_from(["ns1", "NS2.example.org."]).map(lambda name: ("NS", name)),
    st.binary(max_size=3).map(lambda octets: ("TYPE65280", f"\\# {len(octets)} {octets.hex()}")),
    st.sampled_from(["A", "ZONEMD"]).map(
        lambda covered: ("RRSIG", f"{covered} 13 3 300 20300101000000 20200101000000 1 Example.com. AAAA")
    ),
    st.integers(0, 1).map(lambda serial: ("ZONEMD", f"{serial} 1 1 {'ab' * 48}")),
    st.just(("SRV", "0 0 1 Target")), st.just(("NSEC", "Next.example.com. A")), st.just(("HTTPS", "1 . alpn=h2")),
    st.just(("SVCB", "1 Svc.Example. alpn=h2")), st.just(("HTTPS", "0 Svc")), st.just(("LP", "10 L64.Example.")),
    st.just(("NAPTR", '1 1 "s" "" "!a!B!" Next')),
)  # fmt: skip


def built(records: Sequence[tuple[tuple[bytes, ...], tuple[str, str]]]) -> dns.zone.Zone:
    zone = dns.zone.from_text(
        "@ 300 IN SOA Ns1 hostmaster 7 7200 3600 1209600 300\n@ 300 IN NS ns1", "Example.com.", relativize=False
    )
    for labels, (rtype, text) in records:
        rdata = dns.rdata.from_text("IN", rtype, text, origin=zone.origin, relativize=False)
        owner = dns.name.Name(labels).derelativize(zone.origin)
        ttl = 60 * int(rdata.rdtype) + int(rdata.covers())
        zone.find_rdataset(owner, rdata.rdtype, rdata.covers(), create=True).add(rdata, ttl)
    return zone


@given(st.lists(st.tuples(NAMES, RDATA), max_size=25), st.integers(0, 2**16))
def test_any_zone_is_as_dnspython_has_it(records: list[tuple[tuple[bytes, ...], tuple[str, str]]], seed: int) -> None:
    zone = built(records)
    assert content(zone, seed).digests == expected(zone)


@given(st.lists(NAMES, max_size=8))
def test_names_are_in_canonical_order(names: list[tuple[bytes, ...]]) -> None:
    """RFC 4034 section 6.1."""
    zone = dns.name.from_text("example.")
    every = [dns.name.Name(labels).derelativize(zone) for labels in names] + [dns.name.root]
    for one in every:
        assert owner_of(order_key(one.to_digestable())) == one.to_digestable()
    assert sorted(every) == sorted(every, key=lambda one: order_key(one.to_digestable()))


def rest(ttl: int, rdata: bytes) -> bytes:
    return FIXED.pack(1, 1, ttl, len(rdata)) + rdata


def test_of_a_record_with_two_ttls_the_first_counts() -> None:
    with closing(RecordSorter(TINY)) as sorter:
        for ttl in 300, 60:
            sorter.add(b"\1a\0", rest(ttl, b"abcd"))
            sorter.spill()
        sorter.add(b"\1a\0", rest(9, b"abcd"))
        assert b"".join(sorter.merge()) == b"\1a\0" + rest(300, b"abcd")


def test_records_longer_than_what_is_read_at_one_time() -> None:
    long = [bytes([octet]) * 40_000 for octet in (3, 1, 4, 2)]
    with closing(RecordSorter(TINY)) as sorter:
        for rdata in long:
            sorter.add(b"\0", rest(300, rdata))
            sorter.spill()
        slices = list(sorter.merge())
        assert b"".join(slices) == b"".join(b"\0" + rest(300, rdata) for rdata in sorted(long))
        assert len(slices) == 2, "however few, they are handed on when they are long enough"


def test_memory_does_not_grow_with_the_zone() -> None:
    """What is in memory is never more than a run and the records of a message."""
    with closing(RecordSorter(20_000)) as sorter:
        kept = 0
        for number in range(5000):
            sorter.add(b"\1a\0", rest(300, number.to_bytes(4, "big")))
            kept = max(kept, len(sorter))
            if sorter.full:
                sorter.spill()
                assert not len(sorter)
        assert kept < 150
        assert b"".join(sorter.merge()).count(b"\1a\0") == 5000


def test_a_zone_too_large_to_be_sorted_is_not_digested() -> None:
    found = content(example("a4"), spilled=2000)
    assert found.digests == ()
    assert found.undigested == "too large: to sort it takes more than 2000 octets"


def test_a_disk_that_takes_nothing() -> None:
    with closing(RecordSorter(TINY)) as sorter:
        sorter._file = FileIO("/dev/full", "r+")
        sorter.add(b"\0", rest(300, b"abcd"))
        sorter.spill()
        sorter.add(b"\0", rest(300, b"efgh"))
        assert sorter.failed == "it cannot be sorted in a temporary file: No space left on device"
        assert not len(sorter)
        assert list(sorter.merge()) == []


def test_a_file_that_has_become_shorter() -> None:
    with closing(RecordSorter(TINY)) as sorter:
        sorter.add(b"\0", rest(300, b"abcd"))
        sorter.spill()
        assert sorter._file is not None
        sorter._file.truncate(5)
        assert list(sorter.merge()) == []
        assert sorter.failed == "it cannot be sorted in a temporary file: it has become shorter"


async def test_who_gives_up_waits_for_the_slice_under_way() -> None:
    """The file is closed after that: what is written to it must not go to another that has its number then."""
    going_on, seen = Event(), Event()

    class Slow(RecordSorter):
        def merge(self) -> Iterator[bytes]:
            going_on.wait(20)
            seen.set()
            yield b"some"

    with closing(Slow()) as sorter:
        task = asyncio.create_task(with_digests(ZoneContent(0, (), ()), sorter, BOTH))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        going_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert seen.is_set()


def test_no_more_of_them_are_noted_than_are_looked_at() -> None:
    def records() -> Iterator[tuple[tuple[bytes, ...], tuple[str, str]]]:
        for serial in range(2 * MAX_ZONEMD):
            yield (), ("ZONEMD", f"{serial} 1 1 {'ab' * 48}")

    assert len(content(built(tuple(records()))).zonemd) == MAX_ZONEMD + 1


def test_a_record_that_is_cut_is_malformed() -> None:
    zone = dns.name.from_text("example.com.").to_wire()
    wire = b"\0\7\x84\0\0\0\0\1\0\0\0\0" + zone + FIXED.pack(63, 1, 300, 5) + b"\0\0\0\1\1"
    with pytest.raises(Malformed, match="a ZONEMD record is cut"):
        ZoneDigest(zone).outline(wire)
