"""What is seen when it is the monitor itself that cannot ask: it accuses nobody, and goes on when it can."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from checks.model import Address, Outcome, Query, Transport
from monitor.clock import now
from monitor.probe.client.sockets import ours, theirs
from monitor.probe.settings import Probe
from tests.support.nameserver import Nameserver, answering
from tests.support.prober_queries import gather, queries, right
from tests.support.probers import prober_of


async def test_without_our_own_address_nothing_is_asked() -> None:
    async with Nameserver(right, answering) as server:
        prober = prober_of(Probe(source=("192.0.2.77",)), {}, now)
        udp, tcp = (
            Query("z.", "ns1", server.address, "z.", "SOA", transport) for transport in (Transport.UDP, Transport.TCP)
        )
        seen = await gather(prober, [udp, tcp])
        await prober.close()
    assert [one.outcome for one in seen] == [Outcome.UNASKED] * 2
    assert all(one.detail.startswith("cannot ask from 192.0.2.77: ") for one in seen)


async def test_it_asks_from_where_it_is_told_to() -> None:
    async with Nameserver(right) as server:
        prober = prober_of(Probe(source=("127.0.0.9", "::1")), {}, now)
        seen = await gather(prober, queries("ns1", server.address, 1))
        await prober.close()
    assert seen[0].outcome is Outcome.ANSWERED


async def test_what_the_system_forbids_accuses_nobody() -> None:
    """A broadcast address without leave to broadcast: permission denied, here, before anything left."""
    prober = prober_of(Probe(timeout=0.1), {}, now)
    seen = await gather(prober, queries("ns1", Address("255.255.255.255"), 1))
    await prober.close()
    assert (seen[0].outcome, seen[0].detail) == (Outcome.UNASKED, "send: permission denied")


@pytest.mark.parametrize(
    ("number", "here", "there"),
    [
        (errno.ECONNREFUSED, Outcome.REFUSED_CONNECTION, Outcome.REFUSED_CONNECTION),
        (errno.ECONNRESET, Outcome.UNASKED, Outcome.REFUSED_CONNECTION),
        (errno.EHOSTUNREACH, Outcome.UNASKED, Outcome.UNREACHABLE),
        (errno.ENETUNREACH, Outcome.UNASKED, Outcome.UNREACHABLE),
        (errno.EACCES, Outcome.UNASKED, Outcome.UNREACHABLE),
        (errno.EPERM, Outcome.UNASKED, Outcome.UNASKED),
        (errno.ENOBUFS, Outcome.UNASKED, Outcome.UNASKED),
        (errno.ETIMEDOUT, Outcome.UNASKED, Outcome.TIMEOUT),
    ],
)
def test_whose_error_it_is(number: int, here: Outcome, there: Outcome) -> None:
    """The same number means one thing before a packet left, and another when the network reports it (ICMP)."""
    error = OSError(number, "words")
    assert ours(error, "send").outcome is here
    assert theirs(error, "answer").outcome is there


SHORT = """
import asyncio, os, resource, sys
from collections import Counter
from checks.model import Query
from monitor.clock import now
from monitor.config.model import Probe
from tests.support.probers import chosen, prober_of
from tests.contract.test_prober_pace import right
from tests.support.nameserver import Nameserver, answering

async def main():
    chosen.append(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    async with Nameserver(right, answering) as server:
        prober = prober_of(Probe(timeout=0.3, attempts=1, max_qps_per_server=1e6), {}, now, descriptors=10_000)
        names = [f"z{n}." for n in range(500)]
        asked = [Query(name, "ns1", server.address, name, "SOA") for name in names]
        async def look(many=500):
            seen = [one async for batch in prober(asked[:many]) for one in batch]
            return dict(Counter(str(one.outcome) for one in seen)), {one.detail for one in seen}
        print(*await look())
        hoard = []
        try:
            while True:
                hoard.append(os.dup(0))
        except OSError:
            pass
        print(*await look(60))
        for one in hoard:
            os.close(one)
        print(*await look())
        await prober.close()

asyncio.run(main())
"""


def test_without_descriptors_it_waits_then_says_so_and_then_goes_on(kind: str) -> None:
    """64 descriptors, 500 questions: all answered. None left: unasked, and nobody accused. Some again: all answered."""
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", SHORT, kind], cwd=root, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stderr == ""
    assert ran.stdout.splitlines() == [
        "{'answered': 500} {''}",
        "{'unasked': 60} {'no descriptor became free within 0.3 s'}",
        "{'answered': 500} {''}",
    ]


async def test_it_leaves_descriptors_to_others() -> None:
    """At most as many sockets as it was given, even when all of them are needed."""
    async with Nameserver(right) as server:
        prober = prober_of(Probe(timeout=1, max_qps_per_server=1e6), {}, now, descriptors=4)
        seen = await gather(prober, queries("ns1", server.address, 100))
        await prober.close()
    assert {one.outcome for one in seen} == {Outcome.ANSWERED}
