"""Floods, forgeries, garbage, lateness and clocks that jump: counted, and never a wrong serial."""

import asyncio
import contextlib
import os
import random
import resource
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from checks.model import Address, Observation, Outcome, Transport
from monitor.clock import now
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.client.client import DnsClient
from monitor.probe.prober import ServiceProber
from tests.support.bulk_engine import PATIENT, QUICK, ask_engine, enable_fast_path, engine, query_batch
from tests.support.misbehaviour import UDP
from tests.support.nameserver import (
    FORGED,
    SERIAL,
    TXT,
    Asked,
    Nameserver,
    Udp,
    answering,
    forged,
    good,
    reply,
    rr,
    soa,
)
from tests.support.prober_observations import clean

COUNT = 120

SERVERS: dict[str, Udp] = {
    "a forged answer before each": lambda query: [forged(query), good(query)],
    "a forged answer after each": lambda query: [good(query), forged(query)],
    "each twice": lambda query: [good(query), good(query)],
    "each, and then another under its id": lambda query: [good(query), reply(query, [soa(FORGED)])],
    "a flood of guesses": lambda query: [*(forged(query, number + 1) for number in range(60)), good(query)],
    "a flood of noise": lambda query: [random.Random(query.id).randbytes(90), good(query)],
    "empty packets": lambda query: [b"", good(query)],
    "64 kB of noise": lambda query: [random.Random(query.id).randbytes(65000), good(query)],
    "64 kB under our id": lambda query: [reply(query, [soa(FORGED)]) + bytes(65000), good(query)],
    "our own queries": lambda query: [query.wire, good(query)],
    "the answer to somebody else": lambda query: [
        reply(query, [soa(FORGED)], question=b"\5other\7example\0\0\6\0\1"),
        good(query),
    ],
    "the answer to the neighbour": lambda query: [
        reply(query, [soa(FORGED)], id=query.id ^ 1, question=b"\2z0\7example\3net\0\0\6\0\1"),
        good(query),
    ],
}


@pytest.mark.parametrize("words", SERVERS)
async def test_whatever_comes_beside_it_only_the_answer_counts(words: str) -> None:
    async with Nameserver(SERVERS[words], answering) as server, engine(COUNT) as one:
        for _ in range(2):
            unchanged, changed = await ask_engine(one, [query_batch(server.address, COUNT)])
            assert not unchanged
            for seen in changed.values():
                clean(seen)
                assert seen.serial == SERIAL
        enable_fast_path(one, range(COUNT))
        unchanged, changed = await ask_engine(one, [query_batch(server.address, COUNT)])
        assert {seen.serial for seen in changed.values()} <= {SERIAL}
        assert one.stats.discarded.get("ns1") or words == "64 kB under our id"
        assert one.pending() == 0
        assert sum(one.stats.queries.values()) == 3 * COUNT


@pytest.mark.parametrize("words", ["a flood of guesses", "a flood of noise", "the answer to somebody else"])
async def test_what_is_disturbed_goes_over_tcp(words: str) -> None:
    async with Nameserver(SERVERS[words], answering) as server, engine(10) as one:
        _, changed = await ask_engine(one, [query_batch(server.address, 10)])
        assert {seen.transport for seen in changed.values()} == {Transport.TCP}
        assert all(seen.discarded and seen.evidence for seen in changed.values())


@pytest.mark.parametrize("words", UDP)
async def test_of_what_a_server_may_send_nothing_becomes_unchanged_but_what_was_believed(words: str) -> None:
    """On the fast path after one look: at the next look either nothing is said of it, or the same as before."""
    async with Nameserver(UDP[words], answering) as server, engine(4, replace(QUICK, timeout=0.3)) as one:
        _, before = await ask_engine(one, [query_batch(server.address, 4)])
        enable_fast_path(one, range(4))
        asking = one.ask([query_batch(server.address, 4)])
        after = {}
        async for update in asking:
            after.update(update.changed)
            after.update({slot: asking.observation(slot) for slot in update.unchanged})
        for slot, seen in after.items():
            clean(seen)
            assert facts(seen) == facts(before[slot])


def facts(seen: Observation) -> Observation:
    """What two lookings have in common; evidence may hold an id."""
    return replace(seen, at=datetime.min, rtt=None, discarded=0, evidence="", detail="")


async def test_answers_from_elsewhere_are_nothing() -> None:
    """From another port of the same host, and under the right id: the system itself keeps them away."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:

        def udp(query: Asked) -> list[bytes]:
            for number in range(3):
                elsewhere.sendto(reply(query, [soa(FORGED + number)]), ("127.0.0.1", server.sources[-1]))
            return [good(query)]

        async with Nameserver(udp) as server, engine(COUNT) as one:
            _, changed = await ask_engine(one, [query_batch(server.address, COUNT)])
            assert {seen.serial for seen in changed.values()} == {SERIAL}
            assert one.stats.discarded == {}


async def test_answers_that_come_when_nobody_waits_any_more_are_nobodys() -> None:
    """Later than any timeout, and of another serial by then: what is asked now is not answered by them."""
    late: list[tuple[bytes, int]] = []

    async with Nameserver(lambda query: []) as server, engine(COUNT, replace(QUICK, attempts=1)) as one:

        def hold(query: Asked) -> list[bytes]:
            late.append((good(query, SERIAL - 1), server.sources[-1]))
            return []

        def now_right(query: Asked) -> list[bytes]:
            for wire, port in late:
                server.send(wire, ("127.0.0.1", port))
                server.send(wire, ("127.0.0.1", server.sources[-1]))
            return [good(query)]

        server._udp = hold
        _, changed = await ask_engine(one, [query_batch(server.address, 20)])
        assert {seen.outcome for seen in changed.values()} == {Outcome.TIMEOUT}
        server._udp = now_right
        _, changed = await ask_engine(one, [query_batch(server.address, 20, 20)])
        assert {seen.serial for seen in changed.values()} <= {SERIAL, None}
        assert one.stats.discarded["ns1"] > 0
        assert one.stats.queries["ns1", "udp", "timeout"] >= 20


async def test_an_answer_to_an_earlier_asking_is_still_an_answer() -> None:
    loop = asyncio.get_running_loop()
    timers: list[asyncio.TimerHandle] = []

    async with Nameserver(lambda query: []) as server, engine(10, replace(QUICK, timeout=0.3)) as one:

        def slow(query: Asked) -> list[bytes]:
            timers.append(loop.call_later(0.25, server.send, good(query), ("127.0.0.1", server.sources[-1])))
            return []

        server._udp = slow
        for _ in range(2):
            unchanged, changed = await ask_engine(one, [query_batch(server.address, 10)])
            assert {(seen.serial, seen.detail) for seen in changed.values()} <= {(SERIAL, "")}
            assert all(seen.rtt is not None and seen.rtt >= 0.24 for seen in changed.values())
            enable_fast_path(one, range(10))
        assert len(unchanged) == 10
        assert len(server.asked) > 20
        for timer in timers:
            timer.cancel()


async def test_a_clock_that_jumps_moves_no_deadline() -> None:
    times = iter(range(10**9))

    def jumping() -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=(next(times) * 7919) % 365 - 180)

    halves = Counter[bytes]()

    def udp(query: Asked) -> list[bytes]:
        halves[query.question] += 1
        return [good(query)] if halves[query.question] % 2 == 0 else []

    async with Nameserver(udp) as server, engine(COUNT, replace(QUICK, timeout=0.2), jumping) as one:
        _, changed = await ask_engine(one, [query_batch(server.address, COUNT)])
        assert {seen.serial for seen in changed.values()} <= {SERIAL, None}
        assert all(seen.at.tzinfo is UTC for seen in changed.values())
        assert all(seen.rtt is None or 0 <= seen.rtt < 30 for seen in changed.values())


async def test_noise_thrown_at_every_port_while_it_asks() -> None:
    """Somebody sends whatever he likes, with the server's own address and port, to whichever port is open."""
    die = random.Random(7)

    def udp(query: Asked) -> list[bytes]:
        packets = [good(query)]
        for port in set(server.sources[-200:]):
            if die.random() < 0.02:
                wrong = reply(query, [soa(FORGED), rr(b"\xc0\x0c", TXT, die.randbytes(5))], id=die.getrandbits(16))
                server.send(die.choice([wrong, die.randbytes(40), b""]), ("127.0.0.1", port))
        return packets

    async with Nameserver(udp, answering) as server, engine(2000) as one:
        _, changed = await ask_engine(one, [query_batch(server.address, 2000)])
        assert {seen.serial for seen in changed.values()} == {SERIAL}


# --- what is wrong with ourselves ---


async def test_what_the_system_forbids_accuses_nobody() -> None:
    async with engine(5) as one:
        for _ in range(2):
            unchanged, changed = await ask_engine(one, [query_batch(Address("255.255.255.255"), 5)])
            assert not unchanged
            assert {(seen.outcome, seen.detail) for seen in changed.values()} == {
                (Outcome.UNASKED, "send: permission denied")
            }
            enable_fast_path(one, range(5))


async def test_without_our_own_address_nothing_is_asked() -> None:
    async with engine(5, replace(PATIENT, source=("192.0.2.77",))) as one:
        _, changed = await ask_engine(one, [query_batch(Address("127.0.0.1"), 5)])
        assert {seen.outcome for seen in changed.values()} == {Outcome.UNASKED}


@contextlib.contextmanager
def no_descriptors() -> Iterator[None]:
    """All that there may be are taken."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    hoard = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        with contextlib.suppress(OSError):
            while True:
                hoard.append(os.dup(0))
        yield
    finally:
        for one in hoard:
            os.close(one)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_without_descriptors_it_waits_then_says_so_and_then_goes_on() -> None:
    async with Nameserver(lambda query: [good(query)]) as server, engine(COUNT, replace(QUICK, timeout=0.3)) as one:
        await ask_engine(one, [query_batch(server.address, COUNT)])
        with no_descriptors():
            _, changed = await ask_engine(one, [query_batch(server.address, COUNT)])
        assert {(seen.outcome, seen.detail) for seen in changed.values()} == {
            (Outcome.UNASKED, "no descriptor became free within 0.3 s")
        }
        _, changed = await ask_engine(one, [query_batch(server.address, COUNT)])
        assert {seen.outcome for seen in changed.values()} == {Outcome.ANSWERED}


async def test_few_descriptors_are_enough_for_many_addresses() -> None:
    """And all are asked, though not at once: a thousand addresses, and no more than four ports at a time."""
    async with Nameserver(lambda query: [good(query)]) as server:
        dns = DnsClient(PATIENT, {}, now, descriptors=8)
        one = dns.engine
        one.use(AddressMetrics.of(200))
        batches = [query_batch(server.address, 2, 2 * number, f"ns{number}") for number in range(100)]
        _, changed = await ask_engine(one, batches)
        await dns.close()
    assert {seen.outcome for seen in changed.values()} == {Outcome.ANSWERED}


async def test_a_fault_of_our_own_is_said_and_nobody_waits_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    calls = 0

    def broken() -> datetime:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise ArithmeticError("a clock out of range")
        return now()

    async with Nameserver(lambda query: []) as server:
        dns = DnsClient(PATIENT, {}, broken)
        one = dns.engine
        one.use(AddressMetrics.of(5))
        _, changed = await ask_engine(one, [query_batch(server.address, 5)])
        assert {(seen.outcome, seen.detail) for seen in changed.values()} == {
            (Outcome.UNASKED, "a fault of the prober itself: ArithmeticError")
        }
        calls = -5
        await dns.close()
    assert "the engine failed" in caplog.text


async def test_the_prober_of_the_service_counts_both_ways_of_asking() -> None:
    async with Nameserver(SERVERS["a forged answer before each"], answering) as server:
        prober = ServiceProber(PATIENT, {}, now)
        prober.engine.use(AddressMetrics.of(3))
        _, changed = await ask_engine(prober.engine, [query_batch(server.address, 3)])
        await prober.close()
    assert len(changed) == 3
    assert prober.stats.queries == {("ns1", "tcp", "answered"): 3}
    assert prober.stats.discarded["ns1"] >= 3
