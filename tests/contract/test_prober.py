"""What every prober keeps to: exactly one observation per query, in any order, and never an exception."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from checks.model import Address, Observation, Outcome, Query
from monitor.clock import now
from monitor.probe.settings import Probe
from monitor.probe.types import Prober
from tests.support.fakes.prober import FakeProber
from tests.support.misbehaviour import TCP, UDP
from tests.support.nameserver import ZONE, Nameserver
from tests.support.probers import prober_of

PROBE = Probe(timeout=2, attempts=2, max_qps_per_server=1e6)
NOBODY = Address("127.0.0.1", 9)


@asynccontextmanager
async def dnspython() -> AsyncIterator[Prober]:
    prober = prober_of(PROBE, {}, now)
    try:
        yield prober
    finally:
        await prober.close()


@asynccontextmanager
async def fake() -> AsyncIterator[Prober]:
    def tell(query: Query) -> Observation:
        return Observation(query, Outcome.ANSWERED, now(), rtt=0.001, rcode="NOERROR")

    yield FakeProber(tell, now)


PROBERS: dict[str, Callable[[], AbstractAsyncContextManager[Prober]]] = {"dnspython": dnspython, "fake": fake}


@pytest.fixture(params=PROBERS)
async def prober(request: pytest.FixtureRequest) -> AsyncIterator[Prober]:
    async with PROBERS[request.param]() as one:
        yield one


@pytest.fixture
async def server() -> AsyncIterator[Nameserver]:
    async with Nameserver(UDP["right"], TCP["right"]) as one:
        yield one


def queries(address: Address, count: int) -> list[Query]:
    names = [f"z{number}.example.net." for number in range(count)]
    return [Query(name, "ns1", address, name, "SOA") for name in names]


async def gather(prober: Prober, asked: list[Query] | Iterator[Query]) -> list[Observation]:
    return [seen async for batch in prober(asked) for seen in batch]


async def test_every_query_has_one_observation(prober: Prober, server: Nameserver) -> None:
    asked = queries(server.address, 1200)
    seen = await gather(prober, asked)
    assert Counter(one.query for one in seen) == Counter(asked)
    assert {one.outcome for one in seen} == {Outcome.ANSWERED}


async def test_the_same_query_twice_has_two(prober: Prober, server: Nameserver) -> None:
    asked = queries(server.address, 1) * 2
    assert len(await gather(prober, asked)) == 2


async def test_nothing_asked_is_nothing_seen(prober: Prober) -> None:
    assert await gather(prober, []) == []


async def test_queries_may_come_from_a_generator(prober: Prober, server: Nameserver) -> None:
    assert len(await gather(prober, iter(queries(server.address, 700)))) == 700


async def test_batches_are_never_empty(prober: Prober, server: Nameserver) -> None:
    assert all([len(batch) async for batch in prober(queries(server.address, 50))])


async def test_many_may_call_at_once(prober: Prober, server: Nameserver) -> None:
    asked = queries(server.address, 90)
    parts = await asyncio.gather(*(gather(prober, asked[start::3]) for start in range(3)))
    assert Counter(one.query for part in parts for one in part) == Counter(asked)
    for start, part in enumerate(parts):
        assert {one.query for one in part} == set(asked[start::3])


async def test_one_who_stops_listening_disturbs_nobody(prober: Prober, server: Nameserver) -> None:
    async for _ in prober(queries(server.address, 400)):
        break
    assert len(await gather(prober, queries(server.address, 40))) == 40


async def test_once_closed_nothing_is_asked(prober: Prober, server: Nameserver) -> None:
    await prober.close()
    seen = await gather(prober, queries(server.address, 5))
    assert [one.outcome for one in seen] == [Outcome.UNASKED] * 5
    assert server.asked == []


async def test_it_may_be_closed_twice(prober: Prober) -> None:
    await prober.close()
    await prober.close()


ODD = {
    "no such key": Query(ZONE, "ns1", NOBODY, ZONE, "SOA", key="nobody"),
    "no such type": Query(ZONE, "ns1", NOBODY, ZONE, "FROBNICATE"),
    "a name with a long label": Query(ZONE, "ns1", NOBODY, "x" * 64 + ".", "SOA"),
    "a name with an empty label": Query(ZONE, "ns1", NOBODY, "a..b.", "SOA"),
    "a name too long": Query(ZONE, "ns1", NOBODY, "x." * 128, "SOA"),
    "a name with a broken escape": Query(ZONE, "ns1", NOBODY, "\\999.", "SOA"),
    "a host name for an address": Query(ZONE, "ns1", Address("ns1.example.net"), ZONE, "SOA"),
    "no address at all": Query(ZONE, "ns1", Address(""), ZONE, "SOA"),
    "a port out of range": Query(ZONE, "ns1", Address("127.0.0.1", 70000), ZONE, "SOA"),
}


@pytest.mark.parametrize("query", ODD.values(), ids=ODD.keys())
async def test_what_cannot_be_asked_is_unasked(query: Query) -> None:
    async with dnspython() as prober:
        (seen,) = await gather(prober, [query])
    assert seen.outcome is Outcome.UNASKED
    assert seen.detail
