"""How fast zones are asked over TCP, on how many connections; and that only what is good is passed over."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from itertools import islice

import pytest

from checks.evaluation import run_check
from checks.model import Zone
from checks.zone_state.model import ZoneState
from monitor.clock import monotonic, now
from monitor.polling.sweep import poll_zone
from monitor.probe.prober import ServiceProber
from tests.support.nameserver import (
    REFUSED,
    SERVFAIL,
    Asked,
    Connection,
    Nameserver,
    every_query,
    forged,
    good,
    reply,
    soa,
)
from tests.support.tcp_zones import CHECK, QUICK, WORKERS, answers, asking, islice_async, of_another_zone, zones


@pytest.mark.parametrize("workers", WORKERS)
async def test_the_rate_of_a_server_counts_each_question(workers: int) -> None:
    """Whoever asks it over TCP has one part of it."""
    times: list[float] = []

    async def note(query: Asked, connection: Connection) -> None:
        async for one in every_query(query, connection):
            times.append(monotonic())
            await connection.send(good(one))

    settings = replace(QUICK, max_qps_per_server=100 * replace(QUICK, workers=workers).parts)
    async with Nameserver(tcp=note) as server, asking(workers, settings) as on:
        before = monotonic()
        assert len(await on.good_of(zones(50, server))) == 50
        connections = len(server.asked_tcp)
    for number, moment in enumerate(times):
        assert moment - before >= (number - 11) / 100
    assert 5 <= connections <= 25, "several come on each"


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("servers", [60])
async def test_connections_are_bounded_altogether(servers: int, workers: int) -> None:
    at_once = most = 0

    async def note(query: Asked, connection: Connection) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            await asyncio.sleep(0.02)
            await answers(query, connection)
        finally:
            at_once -= 1

    async with AsyncExitStack() as stack:
        every = [await stack.enter_async_context(Nameserver(tcp=note)) for _ in range(servers)]
        async with asking(workers, replace(QUICK, max_in_flight=128, timeout=5)) as on:
            some = [replace(zones(1, server)[0], name=f"z{number}.example.") for number, server in enumerate(every)]
            assert len(await on.good_of(some)) == servers
    assert most <= 128 / 4 + 4, "those that our side has closed may still be closing on the other"


@dataclass
class RandomServer:
    """Says something of each zone that stays the same, and does with connections what it likes."""

    seed: int
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def build(self, query: Asked) -> bytes:
        said = random.Random(f"{self.seed} {query.name.hex()}").random()
        for limit, build in (
            (0.6, good),
            (0.65, lambda one: reply(one, rcode=REFUSED, aa=False)),
            (0.7, lambda one: reply(one, [soa()], aa=False)),
            (0.75, lambda one: reply(one, rcode=SERVFAIL, aa=False) if one.edns else good(one)),
            (0.8, of_another_zone),
            (0.85, forged),
            (0.9, lambda one: reply(one, [], [soa()])),
            (0.95, lambda one: good(one)[:-9]),
        ):
            if said < limit:
                return build(query)
        return reply(query, [soa(), soa(serial=1)])

    async def tcp(self, query: Asked, connection: Connection) -> None:
        manners = self.chance.random()
        count = 1000 if manners < 0.4 else self.chance.randrange(1, 8)
        async for one in islice_async(every_query(query, connection), count):
            await connection.send(self.build(one))
        if manners > 0.9:
            connection.reset()

    def udp(self, query: Asked) -> list[bytes]:
        return [good(query)]


async def findings(prober: ServiceProber, some: Sequence[Zone]) -> dict[str, set[str]]:
    async def of(zone: Zone) -> set[str]:
        poll = await poll_zone(CHECK, zone, prober, CHECK.cadence, now)
        return {finding.code for finding in run_check(CHECK, zone, poll, ZoneState(zone.name)).findings}

    return dict(zip((zone.name for zone in some), await asyncio.gather(*map(of, some)), strict=True))


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("seed", range(4))
async def test_what_is_passed_over_the_check_finds_nothing_at(seed: int, workers: int) -> None:
    some_servers = [RandomServer(10 * seed + number) for number in range(2)]
    async with AsyncExitStack() as stack:
        listening = [await stack.enter_async_context(Nameserver(one.udp, one.tcp)) for one in some_servers]
        on = await stack.enter_async_context(asking(workers, replace(QUICK, timeout=1)))
        some = zones(60, *listening)
        passed: set[str] = set()
        for start in range(0, 60, 6):
            passed |= await on.good_of(islice(some, start, start + 6))
        found = await findings(on.prober, some)
    well = {zone for zone, codes in found.items() if not codes}
    assert passed <= well
    assert len(passed) >= len(well) / 4 > 2
