"""Many zones asked over TCP at once: what servers may do with a connection is no fault, and what is one is found.

Whatever is passed over here, the check reachable finds nothing at when it asks each question on its own connection.
"""

import asyncio
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from monitor.polling.tcp_prober import TcpProber
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.client.tcp_pipelines import MAX_PER_CONNECTION
from monitor.probe.stats import DURATION_BOUNDS
from tests.support.nameserver import (
    FORMERR,
    REFUSED,
    SERVFAIL,
    TXT,
    Asked,
    Connection,
    Nameserver,
    Tcp,
    every_query,
    forged,
    good,
    reply,
    rr,
    soa,
)
from tests.support.tcp_zones import CHECK, QUICK, WORKERS, answers, asking, islice_async, of_another_zone, says, zones
from tests.support.workers import all_restarted, kill_all

COUNT = 10

DEADLINE = 30
"""Seconds for what would last for ever otherwise."""

# --- what a server may do with a connection ---


async def in_any_order(query: Asked, connection: Connection) -> None:
    """From the last to the first, as many as there are: RFC 7766 section 7."""
    some = [query]
    async for one in islice_async(connection.more(), COUNT - 1):
        some.append(one)
    for one in reversed(some):
        await connection.send(good(one))
    await connection.stall()


async def in_small_pieces(query: Asked, connection: Connection) -> None:
    async for one in every_query(query, connection):
        wire = good(one)
        for octet in (*len(wire).to_bytes(2, "big"), *wire):
            await connection.raw(bytes((octet,)))


def closes_after(count: int, then: Callable[[Connection], Awaitable[None]] | None = None) -> Tcp:
    async def tcp(query: Asked, connection: Connection) -> None:
        async for one in islice_async(every_query(query, connection), count):
            await connection.send(good(one))
        if then is not None:
            await then(connection)

    return tcp


async def resets(connection: Connection) -> None:
    connection.reset()


def drops_every_other_connection() -> Tcp:
    """As one that is reloaded all the time."""
    times = iter(range(1000))

    async def tcp(query: Asked, connection: Connection) -> None:
        if next(times) % 2:
            await answers(query, connection)

    return tcp


FINE: dict[str, Callable[[], Tcp]] = {
    "answers all": lambda: answers,
    "answers in another order": lambda: in_any_order,
    "sends octet by octet": lambda: in_small_pieces,
    "takes one question per connection, and closes": lambda: closes_after(1),
    "takes three, and closes": lambda: closes_after(3),
    "takes one, and says nothing to the others": lambda: closes_after(1, Connection.stall),
    "takes three, and says nothing to the others": lambda: closes_after(3, Connection.stall),
    "takes nine of ten, and closes": lambda: closes_after(9),
    "drops a connection now and then": drops_every_other_connection,
}


@asynccontextmanager
async def those_who(do: Mapping[str, Tcp], host: str = "127.0.0.1") -> AsyncIterator[dict[str, Nameserver]]:
    """A nameserver for each, all at once, so that no address is one of before: one prober may ask them all."""
    async with AsyncExitStack() as servers:
        yield {words: await servers.enter_async_context(Nameserver(tcp=tcp, host=host)) for words, tcp in do.items()}


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_what_is_no_fault(host: str, workers: int) -> None:
    async with those_who({words: tcp() for words, tcp in FINE.items()}, host) as servers, asking(workers) as on:
        for words, server in servers.items():
            some = zones(COUNT, server)
            for _ in range(3):
                assert await on.good_of(some) == {zone.name for zone in some}, words
            assert server.most_at_once == 1, words
        count = 3 * COUNT * len(FINE)
        stats = await on.counted(count)
        assert stats.queries == {("ns1", "tcp", "answered"): count}
        *buckets, total = stats.durations["ns1", "tcp"]
        assert sum(buckets) == count
        assert 0 < total < count * DURATION_BOUNDS[-1]
        assert not stats.discarded


@pytest.mark.parametrize("workers", WORKERS)
async def test_a_server_that_resets_after_some_is_asked_for_the_others(workers: int) -> None:
    """What it had sent may be lost with that: then one question comes on each connection."""
    async with Nameserver(tcp=closes_after(3, resets)) as server, asking(workers) as on:
        some = zones(COUNT, server)
        passed = await on.good_of(some)
        assert len(server.asked_tcp) <= COUNT + 2
    assert len(passed) == COUNT


@pytest.mark.parametrize("workers", WORKERS)
async def test_all_go_down_one_connection(workers: int) -> None:
    async with Nameserver(tcp=answers) as server, asking(workers) as on:
        assert len(await on.good_of(zones(COUNT, server))) == COUNT
        assert len(server.asked_tcp) == 1
        assert len(await on.good_of(zones(3 * MAX_PER_CONNECTION, server))) == 3 * MAX_PER_CONNECTION
        assert len(server.asked_tcp) == 4
        (first, *_) = server.asked_tcp
    assert first.edns
    assert not first.signed
    assert not first.wire[2] & 1, "recursion is desired of nobody"


@pytest.mark.parametrize("workers", WORKERS)
async def test_what_a_server_takes_is_remembered(workers: int) -> None:
    """The second time it is asked no more at once than it takes."""
    async with Nameserver(tcp=closes_after(2, Connection.stall)) as server, asking(workers) as on:
        some = zones(COUNT, server)
        assert len(await on.good_of(some)) == COUNT
        connections = len(server.asked_tcp)
        assert len(await on.good_of(some)) == COUNT
        assert len(server.asked_tcp) - connections == COUNT / 2


# --- what is a fault, or more than a server can ask of anybody ---


async def silent(query: Asked, connection: Connection) -> None:
    await connection.stall()


async def closes(query: Asked, connection: Connection) -> None:
    """Returning closes it."""


async def dribbles(query: Asked, connection: Connection) -> None:
    """An octet at a time, for ever."""
    await connection.raw(b"\xff\xff")
    while not connection.reader.at_eof():
        await connection.raw(b"\0")
        await asyncio.sleep(0.02)


async def floods(query: Asked, connection: Connection) -> None:
    """With answers to what was asked, over and over."""
    while True:
        await connection.send(good(query))
        await asyncio.sleep(0)


def too_long(query: Asked) -> bytes:
    return reply(query, [soa(), *(rr(b"\xc0\x0c", TXT, b"\xff" + b"x" * 255) for _ in range(235))])


FAULTS: dict[str, Tcp] = {
    "says nothing": silent,
    "closes at once": closes,
    "dribbles": dribbles,
    "says other ids": says(forged),
    "says noise": says(lambda query: query.wire[:2] + b"\x84\0\0\1\0\2\0\3" + bytes(40)),
    "says our own query": says(lambda query: query.wire),
    "says too little": says(lambda query: query.wire[:1]),
    "says nothing in messages": says(lambda query: b""),
    "answers for another zone": says(of_another_zone),
    "answers at great length": says(too_long),
    "refuses": says(lambda query: reply(query, rcode=REFUSED, aa=False)),
    "fails": says(lambda query: reply(query, rcode=SERVFAIL, aa=False)),
    "knows no EDNS": says(lambda query: reply(query, rcode=FORMERR, aa=False) if query.edns else good(query)),
    "has no authority": says(lambda query: reply(query, [soa()], aa=False)),
    "truncates": says(lambda query: reply(query, [soa()], tc=True)),
    "has no SOA": says(lambda query: reply(query, [], [soa()])),
}


@pytest.mark.parametrize("workers", WORKERS)
async def test_a_fault_passes_over_no_zone_and_ends_soon(workers: int) -> None:
    async with those_who(FAULTS) as servers, asking(workers) as on:
        for words, server in servers.items():
            async with asyncio.timeout(DEADLINE):
                assert await on.good_of(zones(40, server)) == set(), words
            assert len(server.asked_tcp) <= 5, words
        assert {outcome for _, _, outcome in on.metrics.stats.queries} <= {"answered"}


@pytest.mark.parametrize("workers", WORKERS)
async def test_a_flood_of_answers_gives_one_zone_at_a_time_at_most(workers: int) -> None:
    async with Nameserver(tcp=floods) as server, asking(workers) as on:
        some = zones(COUNT, server)
        await on.good_of(some)
        assert len(server.asked_tcp) <= COUNT + 1


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("deaf", [False, True])
async def test_nobody_who_takes_a_connection(deaf: bool, workers: int) -> None:
    async with Nameserver(deaf=deaf) as server, asking(workers) as on:
        async with asyncio.timeout(DEADLINE):
            assert await on.good_of(zones(40, server)) == set()


@pytest.mark.parametrize("workers", WORKERS)
async def test_one_zone_that_is_unwell_among_others(workers: int) -> None:
    def unless_z3(query: Asked) -> bytes:
        return reply(query, rcode=REFUSED, aa=False) if query.name.startswith(b"\2z3") else good(query)

    async with Nameserver(tcp=says(unless_z3)) as one, Nameserver(tcp=answers) as other, asking(workers) as on:
        some = zones(COUNT, one, other)
        assert await on.good_of(some) == {zone.name for zone in some} - {"z3.example."}
        assert [len(server.asked_tcp) for server in (one, other)] == [1, 1]


@pytest.mark.parametrize("workers", WORKERS)
async def test_who_is_slow_or_dead_holds_up_nobody_else(workers: int) -> None:
    async with (
        Nameserver(tcp=silent) as dead,
        Nameserver(tcp=answers) as well,
        asking(workers, replace(QUICK, timeout=5)) as on,
    ):
        some = [*zones(3, dead, well), *(replace(zone, name=f"w{zone.name}") for zone in zones(3, well))]
        async with asyncio.timeout(4):
            results = TcpProber(on.bulk_prober).ask(CHECK, some)
            first = await anext(results)
        assert first.good == ["wz0.example.", "wz1.example.", "wz2.example."]
        assert first.doubtful == []
        await results.aclose()
        await on.close()
        assert not on.pending()


@pytest.mark.parametrize("workers", WORKERS)
async def test_closing_ends_it_and_what_is_asked_later_is_not(workers: int) -> None:
    async with Nameserver(tcp=silent) as server, asking(workers, replace(QUICK, timeout=30)) as on:
        task = asyncio.create_task(on.good_of(zones(3, server)))
        async with asyncio.timeout(5):
            while not server.asked_tcp:
                await asyncio.sleep(0.005)
        assert on.pending()
        await on.close()
        assert await task == set()
        assert await on.good_of(zones(3, server)) == set()
        assert len(server.asked_tcp) == 1


@pytest.mark.parametrize("workers", WORKERS)
async def test_there_is_one_connection_to_an_address_whoever_asks_at_the_same_time(workers: int) -> None:
    async with Nameserver(tcp=answers) as one, Nameserver(tcp=answers) as other, asking(workers) as on:
        some = zones(60, one, other)
        passed = await asyncio.gather(*(on.good_of(some[start::6]) for start in range(6)))
        assert sum(map(len, passed)) == 60
        assert [one.most_at_once, other.most_at_once] == [1, 1]
        assert [len(one.asked_tcp), len(other.asked_tcp)] == [6, 6]


@pytest.mark.parametrize("workers", WORKERS)
async def test_another_plan_changes_nothing(workers: int) -> None:
    """What is asked over TCP has no slots."""
    go_on = asyncio.Event()

    async def waits(query: Asked, connection: Connection) -> None:
        await go_on.wait()
        await answers(query, connection)

    async with Nameserver(tcp=waits) as server, asking(workers, replace(QUICK, timeout=20)) as on:
        on.bulk_prober.use((), AddressMetrics())
        task = asyncio.create_task(on.good_of(zones(COUNT, server)))
        await until_asked(server)
        on.bulk_prober.use((), AddressMetrics(), array("q"))
        go_on.set()
        assert len(await task) == COUNT
        assert len(server.asked_tcp) == 1


async def until_asked(server: Nameserver) -> None:
    async with asyncio.timeout(10):
        while not server.asked_tcp:
            await asyncio.sleep(0.005)


# --- workers only ---


async def test_workers_that_are_killed_are_asked_again_for_what_they_have_not_heard() -> None:
    held = asyncio.Event()

    async def waits(query: Asked, connection: Connection) -> None:
        if held.is_set():
            await answers(query, connection)
        else:
            await connection.stall()

    async with (
        Nameserver(tcp=waits) as one,
        Nameserver(tcp=answers) as other,
        asking(2, replace(QUICK, timeout=20)) as on,
    ):
        some = [*zones(COUNT, one), *(replace(zone, name=f"w{zone.name}") for zone in zones(COUNT, other))]
        task = asyncio.create_task(on.good_of(some))
        await until_asked(one)
        async with asyncio.timeout(10):
            while on.bulk_prober.pending() > COUNT:  # until the other has answered
                await asyncio.sleep(0.005)
        held.set()
        kill_all(on.bulk_prober)
        assert len(await task) == 2 * COUNT
        assert len(other.asked_tcp) == 1, "nobody is asked for what was heard"
        assert len(one.asked_tcp) == 2
        await all_restarted(on.bulk_prober, on.metrics, 2)
        assert len(await on.good_of(some)) == 2 * COUNT
