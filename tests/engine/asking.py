"""The engine against a nameserver of the tests: what is the same, and what is odd?"""

import asyncio
from array import array
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from checks.model import Address, Observation
from monitor.clock import Now, now
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.bulk.engine import BulkEngine, QueryBatch
from monitor.probe.message.request import wire_name
from monitor.probe.settings import Probe

QUICK = Probe(timeout=0.1, attempts=3, max_qps_per_server=1e6)
PATIENT = Probe(timeout=2, attempts=3, max_qps_per_server=1e6)


def names(count: int) -> list[bytes]:
    return [wire_name(f"z{number}.example.net.") for number in range(count)]


def volley(address: Address, count: int, first: int = 0, server: str = "ns1") -> QueryBatch:
    return QueryBatch(server, address, names(count), range(first, first + count))


@asynccontextmanager
async def engine(
    size: int, probe: Probe = PATIENT, clock: Now = now, *, whole: bool = True
) -> AsyncIterator[BulkEngine]:
    one = BulkEngine(probe, clock, whole=whole)
    one.use(AddressMetrics.of(size))
    try:
        yield one
    finally:
        await one.close()


async def hear(one: BulkEngine, volleys: Sequence[QueryBatch]) -> tuple[set[int], dict[int, Observation]]:
    """Each ref exactly once, as the same or as odd."""
    same: list[int] = []
    odd: list[tuple[int, Observation]] = []
    async with asyncio.timeout(30):
        async for heard in one.ask(volleys):
            assert heard.same or heard.odd
            same += heard.same
            odd += heard.odd
    refs = sorted(ref for volley in volleys for ref in volley.refs)
    assert sorted([*same, *(ref for ref, _ in odd)]) == refs
    return set(same), dict(odd)


def arm(one: BulkEngine, refs: Iterable[int], floor: int = 0) -> None:
    refs = list(refs)
    one.arm(refs, [floor] * len(refs))


def moved(*old: int) -> "array[int]":
    return array("q", old)
