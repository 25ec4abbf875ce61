"""Responses from another address or port, which a connected socket never sees, and servers that limit their rate."""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from checks.model import Address, Observation, Outcome, Query, Transport
from monitor.clock import now
from monitor.probe.client.client import DnsClient
from monitor.probe.client.target_queue import MIN_RATE_PART, RECOVERY_INTERVAL, SLOWDOWN_INTERVAL, TokenBucket
from monitor.probe.settings import Probe
from tests.support.nameserver import (
    FORGED,
    SERIAL,
    TXT,
    ZONE,
    Asked,
    Connection,
    Nameserver,
    answering,
    good,
    reply,
    rr,
    soa,
)
from tests.support.probers import prober_of

PROBE = Probe(timeout=0.4, attempts=3, max_qps_per_server=1e6)
ELSEWHERE = {"127.0.0.1": "127.0.0.7", "::1": "::1"}
"""Loopback has but one IPv6 address: there it is another port."""


@contextlib.contextmanager
def other(host: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        yield sock


async def ask(server: Nameserver, probe: Probe = PROBE, *, anywhere: bool = True) -> Observation:
    prober = prober_of(probe, {}, now)
    query = Query(ZONE, "ns1", server.address, ZONE, "SOA", anywhere=anywhere)
    try:
        (seen,) = [one async for batch in prober([query]) for one in batch]
    finally:
        await prober.close()
    return seen


@pytest.mark.parametrize("attempts", [1, 3])
@pytest.mark.parametrize("host", ELSEWHERE)
async def test_answers_from_another_address_or_port_are_told_as_that(host: str, attempts: int, kind: str) -> None:
    with other(ELSEWHERE[host]) as sock:
        source = str(Address(*sock.getsockname()[:2]))

        def udp(query: Asked) -> list[bytes]:
            sock.sendto(good(query), (host, server.sources[-1]))
            return []

        async with Nameserver(udp, answering, host) as server:
            probe = Probe(timeout=0.4, attempts=attempts, max_qps_per_server=1e6)
            connected = await ask(server, probe, anywhere=False)
            seen = await ask(server, probe)
    assert connected.outcome is Outcome.TIMEOUT
    assert (seen.outcome, seen.source, seen.serial) == (Outcome.MISMATCHED, source, None)
    assert seen.detail == f"answers come from {source}"
    assert not any(one.edns for one in server.asked[-2:])


@pytest.mark.parametrize(
    ("asked", "answers", "source"),
    [
        ("127.0.0.1", "127.0.0.7", "127.0.0.7"),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1, from ever another port"),
        ("::1", "::1", "::1, from ever another port"),
    ],
)
async def test_a_source_whose_port_is_ever_another_is_told_by_its_address(
    asked: str, answers: str, source: str, kind: str
) -> None:
    """Translation of ports on the way back gives each answer one of its own."""
    with other(answers) as one, other(answers) as two:
        times = iter(range(100))

        def udp(query: Asked) -> list[bytes]:
            (one, two)[next(times) % 2].sendto(good(query), (asked, server.sources[-1]))
            return []

        async with Nameserver(udp, host=asked) as server:
            seen = await ask(server)
    assert (seen.outcome, seen.source) == (Outcome.MISMATCHED, source)


async def test_an_answer_from_the_right_address_is_one_and_is_asked_for_without_edns(kind: str) -> None:
    async with Nameserver(lambda query: [] if query.edns else [good(query)]) as server:
        seen = await ask(server)
    assert (seen.serial, seen.transport, seen.source) == (SERIAL, Transport.UDP, "")


async def test_what_is_not_an_answer_comes_from_nowhere(kind: str) -> None:
    """Strays from elsewhere, one answer from elsewhere, and another from yet another place: nobody is accused."""
    with other("127.0.0.7") as one, other("127.0.0.8") as two:
        times = iter(range(100))

        def udp(query: Asked) -> list[bytes]:
            place = ("127.0.0.1", server.sources[-1])
            one.sendto(reply(query, [soa(FORGED)], id=query.id ^ 1), place)
            two.sendto(b"", place)
            (one, two)[next(times) % 2].sendto(good(query), place)
            return []

        async with Nameserver(udp) as server:
            seen = await ask(server)
    assert (seen.outcome, seen.source) == (Outcome.TIMEOUT, "")
    assert seen.detail == "no answer to 2 attempts within 0.4 s, from any address"


async def test_a_truncated_answer_is_made_whole_over_tcp_here_too(kind: str) -> None:
    """It is empty, and must not be taken for a denial."""
    async with Nameserver(slips, answering) as server:
        seen = await ask(server)
    assert (seen.serial, seen.transport, seen.limited) == (SERIAL, Transport.TCP, True)
    async with Nameserver(slips) as server:
        seen = await ask(server)
    assert (seen.outcome, seen.serial) == (Outcome.TRUNCATED_ONLY, None)


async def test_silence_everywhere_is_silence(kind: str) -> None:
    async with Nameserver(lambda query: []) as server:
        seen = await ask(server)
    assert (seen.outcome, seen.limited) == (Outcome.TIMEOUT, False)


# --- rate limits ---


def slips(query: Asked) -> list[bytes]:
    return [reply(query, tc=True)]


async def twice(first: Nameserver, probe: Probe = PROBE) -> tuple[Observation, Observation]:
    """What is seen of it, and then of its silence."""
    prober = prober_of(probe, {}, now)
    query = Query(ZONE, "ns1", first.address, ZONE, "SOA")
    (seen,) = [one async for batch in prober([query]) for one in batch]
    first._udp = lambda query: []
    again = Query(ZONE, "ns1", first.address, ZONE, "SOA", anywhere=True)
    (then,) = [one async for batch in prober([again]) for one in batch]
    await prober.close()
    return seen, then


async def test_silence_after_truncated_answers_that_would_have_fit_is_a_limit(kind: str) -> None:
    async with Nameserver(slips, answering) as server:
        seen, then = await twice(server)
    assert (seen.serial, seen.transport) == (SERIAL, Transport.TCP)
    assert (then.outcome, then.limited) == (Outcome.TIMEOUT, True)


async def long(query: Asked, connection: Connection) -> None:
    """More than 512 octets."""
    text = rr(b"\xc0\x0c", TXT, b"\xff" + b"x" * 255)
    await connection.send(reply(query, [soa()], additional=[text, text]))
    await connection.stall()


async def test_an_answer_that_did_not_fit_is_no_limit(kind: str) -> None:
    async with Nameserver(slips, long) as server:
        seen, then = await twice(server)
    assert (seen.serial, seen.transport) == (SERIAL, Transport.TCP)
    assert not then.limited


async def test_a_server_that_limits_is_asked_more_slowly_by_both_probers(kind: str) -> None:
    async with Nameserver(slips, answering) as server:
        prober = prober_of(Probe(max_qps_per_server=200), {}, now)
        dns = prober if isinstance(prober, DnsClient) else prober._dns
        bucket = dns.rate_limiter.bucket("ns1")
        assert bucket._rate_part == 1.0
        queries = [Query(f"z{n}.example.net.", "ns1", server.address, f"z{n}.example.net.", "SOA") for n in range(8)]
        seen = [one async for batch in prober(queries) for one in batch]
        assert {one.serial for one in seen} == {SERIAL}
        assert bucket._rate_part == 0.5
        assert dns.rate_limiter.bucket("ns2")._rate_part == 1.0
        await prober.close()


def test_a_bucket_goes_down_by_halves_and_comes_back_by_doubles() -> None:
    times = [0.0]
    bucket = TokenBucket(100, clock=lambda: times[0])

    def taken(seconds: float) -> float:
        count = 0
        end = times[0] + seconds
        while times[0] < end:
            count += bucket.take(1000)
            times[0] += 0.1
        return count / seconds

    assert taken(20) == pytest.approx(100, rel=0.05)
    for _ in range(3):
        bucket.limited()  # of one burst
    assert bucket._rate_part == 0.5
    for _ in range(10):
        times[0] += SLOWDOWN_INTERVAL
        bucket.limited()
    assert bucket._rate_part == MIN_RATE_PART
    assert taken(50) == pytest.approx(100 * MIN_RATE_PART, rel=0.2)
    for _ in range(10):
        times[0] += RECOVERY_INTERVAL
        bucket.wait()
    assert bucket._rate_part == 1.0
