"""The bulk engine against a nameserver of the tests: short ways to ask it and to read what changed."""

import asyncio
from array import array
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from checks.model import Address, Observation
from monitor.clock import Now, now
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.bulk.engine import BulkEngine, QueryBatch
from monitor.probe.client.client import DnsClient
from monitor.probe.message.request import wire_name
from monitor.probe.settings import Probe

QUICK = Probe(timeout=0.1, attempts=3, max_qps_per_server=1e6)
PATIENT = Probe(timeout=2, attempts=3, max_qps_per_server=1e6)


def names(count: int) -> list[bytes]:
    return [wire_name(f"z{number}.example.net.") for number in range(count)]


def query_batch(address: Address, count: int, first: int = 0, server: str = "ns1") -> QueryBatch:
    return QueryBatch(server, address, names(count), range(first, first + count))


@asynccontextmanager
async def engine(
    size: int, probe: Probe = PATIENT, clock: Now = now, *, use_gso: bool = True
) -> AsyncIterator[BulkEngine]:
    dns = DnsClient(probe, {}, clock, use_gso=use_gso)
    one = dns.engine
    one.use(AddressMetrics.of(size))
    try:
        yield one
    finally:
        await dns.close()


async def ask_engine(one: BulkEngine, batches: Sequence[QueryBatch]) -> tuple[set[int], dict[int, Observation]]:
    """Each slot exactly once, as unchanged or as changed."""
    unchanged: list[int] = []
    changed: list[tuple[int, Observation]] = []
    async with asyncio.timeout(30):
        async for update in one.ask(batches):
            assert update.unchanged or update.changed
            unchanged += update.unchanged
            changed += update.changed
    slots = sorted(slot for batch in batches for slot in batch.slots)
    assert sorted([*unchanged, *(slot for slot, _ in changed)]) == slots
    return set(unchanged), dict(changed)


def enable_fast_path(one: BulkEngine, slots: Iterable[int], min_expire: int = 0) -> None:
    slots = list(slots)
    one.enable_fast_path(slots, [min_expire] * len(slots))


def moved(*old: int) -> "array[int]":
    return array("q", old)
