"""One check asks all its zones once, spread over time: what does each answer?"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

from checks.model import Check, Observation, Outcome, Round, Zone
from monitor.ports import Now, Prober

Publish = Callable[[Round], Awaitable[None]]

SPREAD = 0.8
"""The share of a cadence that a sweep is spread over; the rest is left for answers that take their time."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep came to. ``zones`` were asked, by ``queries``, of which ``answered`` got an answer."""

    zones: int = 0
    queries: int = 0
    answered: int = 0
    started: datetime | None = None
    finished: datetime | None = None


def place(zone: str, check: str) -> float:
    """Where in a sweep a zone has its turn, 0 ≤ place < 1: always the same, and even over many zones."""
    digest = blake2b(f"{check} {zone}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def window(cadence: timedelta, patience: float) -> float:
    """Seconds to spread a sweep over, such that it ends within its cadence though its last zone is silent."""
    seconds = cadence.total_seconds()
    return max(0.0, min(SPREAD * seconds, seconds - patience))


async def one_round(
    check: Check, zone: Zone, probe: Prober, cadence: timedelta, now: Now, vantage: str = "local"
) -> Round:
    """Ask until the check wants nothing more; an empty round when there is nobody to ask."""
    seen: tuple[Observation, ...] = ()
    while queries := tuple(check.ask(zone, seen)):
        async for batch in probe(queries):
            seen = (*seen, *batch)
    return Round(zone.name, check.name, now(), cadence, seen, vantage)


async def sweep(
    check: Check,
    zones: Iterable[Zone],
    probe: Prober,
    publish: Publish,
    *,
    cadence: timedelta,
    over: float,
    now: Now,
    wide: int = 256,
    vantage: str = "local",
) -> Swept:
    """Ask every zone that the check applies to and publish its round.

    Zones have their turn at a stable place of the ``over`` seconds; at most ``wide`` are under way at once, and
    publishing waits when the judge is behind, so nothing piles up.
    """
    turns = sorted((place(zone.name, check.name), zone) for zone in zones if check.applies(zone))
    places = asyncio.Semaphore(wide)
    started = now()
    loop = asyncio.get_running_loop()
    begin = loop.time()
    queries = answered = 0

    async def turn(zone: Zone) -> None:
        nonlocal queries, answered
        try:
            round = await one_round(check, zone, probe, cadence, now, vantage)
            await publish(round)
        finally:
            places.release()
        queries += len(round.seen)
        answered += sum(o.outcome is Outcome.ANSWERED for o in round.seen)

    async with asyncio.TaskGroup() as group:
        for at, zone in turns:
            if (wait := begin + at * over - loop.time()) > 0:
                await asyncio.sleep(wait)
            await places.acquire()
            group.create_task(turn(zone))
    return Swept(len(turns), queries, answered, started, now())
