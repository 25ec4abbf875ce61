"""What two servers give at each transfer → what is said of their difference, and how often they are asked."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace

import pytest

from checks.common.zone_difference import CannotCompare, ZoneComparison
from checks.model import Address, Observation, Outcome, Query, TransferResult, Transport, ZoneContent
from checks.model.content import BUCKETS
from monitor.polling import zone_comparison
from monitor.polling.zone_comparison import TransferSource, compare_zones
from tests.support.observations import SOA, pulled

ZONE = "example.com."
Given = Callable[[Query, int], tuple[int, dict[int, str]] | TransferResult | Outcome]
"""A query, and how often its address was asked before → serial and part → record, or what comes in place of a zone."""


def line(owner: str) -> str:
    return f"{owner}.{ZONE} 300 IN A 192.0.2.1"


class Probe:
    def __init__(self, given: Given, overflow: bool = False, records: int | None = None) -> None:
        self.asked: list[Query] = []
        self._given, self._overflow, self._records = given, overflow, records

    async def __call__(self, queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
        for query in queries:
            before = sum(one.address == query.address for one in self.asked)
            self.asked.append(query)
            yield [self._answer(query, before)]

    def _answer(self, query: Query, before: int) -> Observation:
        assert query.whole
        assert query.content is not None
        found = self._given(query, before)
        if isinstance(found, TransferResult):
            return pulled(query, found, rcode=found.value.upper())
        if isinstance(found, Outcome):
            return pulled(query, TransferResult.RESET, outcome=found)
        serial, parts = found
        buckets = tuple(parts[number].encode() if number in parts else b"" for number in range(BUCKETS))
        kept = tuple(line(parts[number]) for number in query.content if number in parts)
        records = len(parts) if self._records is None else self._records
        content = ZoneContent(records, buckets, (b"",) * BUCKETS, kept, self._overflow)
        return pulled(query, TransferResult.ALLOWED, soa=replace(SOA, serial=serial), content=content)


def two(one: dict[int, str], other: dict[int, str], serial: int = 5) -> Given:
    return lambda query, _: (5, one) if query.server == "ns1" else (serial, other)


async def compare(probe: Probe, wanted: int = 100) -> ZoneComparison:
    asked = Query(ZONE, "ns1", Address("192.0.2.1"), ZONE, "AXFR", Transport.TCP, "xfr")
    others = (
        Query(ZONE, "ns2", address, ZONE, "AXFR", Transport.TCP)
        for address in (Address("192.0.2.2"), Address("2001:db8::2"))
    )
    one, other = TransferSource("ns1", (asked,)), TransferSource("ns2", tuple(others))
    return await compare_zones(probe, one, other, dnssec=True, wanted=wanted)


async def test_equal_zones_are_transferred_once() -> None:
    probe = Probe(two({1: "a", 2: "b"}, {1: "a", 2: "b"}))
    found = await compare(probe)
    assert found.equal
    assert (found.before.records, str(found.before), str(found.after)) == (3, "ns1 (192.0.2.1)", "ns2 (192.0.2.2)")
    assert [(one.server, one.key, one.content) for one in probe.asked] == [("ns1", "xfr", ()), ("ns2", None, ())]


async def test_only_the_parts_that_differ_are_looked_at() -> None:
    probe = Probe(two({1: "a", 2: "b", 3: "c"}, {1: "a", 2: "x", 4: "d"}))
    found = await compare(probe)
    assert found.difference.removed == (line("b"), line("c"))
    assert found.difference.added == (line("d"), line("x"))
    assert not found.equal
    assert found.complete
    assert [one.content for one in probe.asked] == [(), (), (2, 3, 4), (2, 3, 4)]


async def test_another_serial_is_a_record_that_differs() -> None:
    found = await compare(Probe(two({1: "a"}, {1: "a"}, serial=6)))
    assert [text.split(" ")[3] for text in (*found.difference.removed, *found.difference.added)] == ["SOA", "SOA"]
    assert (found.before.soa.serial, found.after.soa.serial, found.equal) == (5, 6, False)


async def test_a_record_sent_twice_is_no_difference() -> None:
    def given(query: Query, before: int) -> tuple[int, dict[int, str]]:
        return 5, {1: "a" if before or query.server == "ns1" else "a a"}

    found = await compare(Probe(given))
    assert found.equal


MANY = {number: f"h{number}" for number in range(40)}


@pytest.mark.parametrize(("wanted", "passes"), [(8, 1), (9, 2), (100, 3)])
async def test_as_many_are_read_as_are_wanted(monkeypatch: pytest.MonkeyPatch, wanted: int, passes: int) -> None:
    """Of a big zone a few parts at one time, and a few times at most: what is left is said."""
    monkeypatch.setattr(zone_comparison, "KEPT_RECORDS", 8)
    probe = Probe(two(MANY, {}), records=BUCKETS)
    found = await compare(probe, wanted)
    assert len(found.difference.removed) == passes * 8
    assert (found.unread, found.complete, found.equal) == (40 - passes * 8, False, False)
    assert len(probe.asked) == 2 + 2 * passes
    assert all(len(one.content or ()) in (0, 8) for one in probe.asked)


async def test_parts_that_were_too_big_are_said() -> None:
    found = await compare(Probe(two({1: "a"}, {1: "b"}), overflow=True))
    assert (found.partly, found.complete) == (True, False)


async def test_what_moves_on_once_is_compared_anew() -> None:
    def given(query: Query, before: int) -> tuple[int, dict[int, str]]:
        serial = 5 if before == 0 and query.server == "ns2" else 6
        return serial, {1: "a" if query.server == "ns1" else "b"}

    found = await compare(Probe(given))
    assert found.after.soa.serial == 6
    assert (found.difference.removed, found.difference.added) == ((line("a"),), (line("b"),))


async def test_what_moves_on_all_the_time_cannot_be_compared() -> None:
    probe = Probe(lambda query, before: (before, {1: query.server}))
    with pytest.raises(CannotCompare, match=r"^ns[12] \(192.0.2.[12]\) went from serial 2 to 3 while it was compared"):
        await compare(probe)


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (TransferResult.REFUSED, r"^ns2 \(192.0.2.2\) gives no zone: the transfer is refused \(REFUSED\)$"),
        (Outcome.REFUSED_CONNECTION, r"^ns2 \(192.0.2.2\) gives no zone: refused-connection$"),
    ],
)
async def test_who_gives_no_zone_is_named(result: TransferResult | Outcome, why: str) -> None:
    """Who cannot be reached at any of its addresses, by the first."""
    probe = Probe(lambda query, _: (5, {1: "a"}) if query.server == "ns1" else result)
    with pytest.raises(CannotCompare, match=why):
        await compare(probe)
    asked = [str(one.address) for one in probe.asked if one.server == "ns2"]
    assert asked == (["192.0.2.2", "2001:db8::2"] if isinstance(result, Outcome) else ["192.0.2.2"])


async def test_where_one_address_is_dead_the_next_is_asked() -> None:
    probe = Probe(lambda query, _: Outcome.TIMEOUT if query.address == Address("192.0.2.2") else (5, {1: query.server}))
    found = await compare(probe)
    assert found.after.address == Address("2001:db8::2")
    assert found.difference.added == (line("ns2"),)


async def test_who_gives_the_zone_only_once_cannot_be_compared() -> None:
    def given(query: Query, before: int) -> tuple[int, dict[int, str]] | TransferResult:
        return TransferResult.SERVFAIL if before else (5, {1: query.server})

    with pytest.raises(CannotCompare, match=r"gave the zone once, and not again: servfail$"):
        await compare(Probe(given))
