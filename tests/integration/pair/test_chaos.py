"""Faults in any order while clients ask and zones change: once all is mended, all is well."""

import asyncio
import contextlib
import random

import dns.exception
import pytest

from monitor.clock import now
from monitor.pair.faults import FAULTS
from monitor.pair.pair import Pair
from monitor.probe.message import tsig_server as tsig
from tests.integration.pair.client import ask, transfer

ZONES = ("a.example.", "b.example.")
STEPS = 60
PATIENCE = 0.05

WRONG = (dns.exception.DNSException, OSError, EOFError, TimeoutError)
"""What a client meets at broken servers."""


@pytest.mark.parametrize("seed", [1, 2])
async def test_whatever_was_broken_is_well_once_it_is_mended(seed: int) -> None:
    dice = random.Random(seed)
    async with Pair(ZONES, now=now, hosts=("127.0.0.1", "::1")) as pair:
        await pair.in_sync()
        for _ in range(STEPS):
            await asyncio.gather(*(some_client(pair, dice) for _ in range(3)))
            something_happens(pair, dice)
        pair.mend()
        await pair.in_sync(timeout=10)
        for zone in ZONES:
            assert pair.serial(zone) == pair.serial(zone, "ns2")
        for origin, held in pair.primary.copies.items():
            copy = pair.secondary.copies[origin]
            assert held.data is not None
            assert copy.data is not None
            assert set(held.data.records()) == set(copy.data.records())
        for server in pair.servers:
            assert server.counts["failed"] == 0
            for zone in ZONES:
                for tcp in (False, True):
                    assert (await ask(server, zone, "SOA", tcp=tcp)).answer
                assert await transfer(server, zone, tsig.usable(pair.key))


def something_happens(pair: Pair, dice: random.Random) -> None:
    fault, server = dice.choice(list(FAULTS)), dice.choice(("ns1", "ns2", None))
    match dice.randrange(10):
        case 0 | 1 | 2 | 3 | 4:
            pair.break_(fault, server)
        case 5 | 6:
            pair.mend(fault)
        case 7:
            pair.mend()
        case _:
            pair.change(dice.choice(ZONES), f"x{dice.randrange(9)} TXT {dice.randrange(99)}")


async def some_client(pair: Pair, dice: random.Random) -> None:
    server, zone = dice.choice(pair.servers), dice.choice(ZONES)
    with contextlib.suppress(*WRONG):
        if dice.random() < 0.2:
            await transfer(server, zone, tsig.usable(pair.key), lifetime=PATIENCE)
        else:
            await ask(server, zone, dice.choice(("SOA", "A", "ANY")), tcp=dice.random() < 0.5, timeout=PATIENCE)
