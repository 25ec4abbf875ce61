"""Asks a question again and again until its answer has the value of a canary that is awaited."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from checks.common.canary_values import arrived
from checks.model import AwaitedValue, Observation, Query

FIRST_PAUSE = 0.05
"""Seconds between the first two looks; each pause is twice as long as the one before …"""
LONGEST_PAUSE = 5.0
"""… up to so many."""

AskQueries = Callable[[Iterable[Query]], AsyncIterator[Sequence[Observation]]]


async def follow(queries: Iterable[Query], ask: AskQueries) -> AsyncIterator[Sequence[Observation]]:
    """One observation for each query, as it comes: the first that has what ``Query.until`` awaits, or the last. Each is
    asked at a pace of its own, so that a silent address holds up no other.
    """
    tasks = [asyncio.create_task(_follow(query, query.until, ask)) for query in queries if query.until is not None]
    try:
        for done in asyncio.as_completed(tasks):
            if (seen := await done) is not None:
                yield (seen,)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _follow(query: Query, until: AwaitedValue, ask: AskQueries) -> Observation | None:
    """None: nothing was asked at all."""
    clock = asyncio.get_running_loop().time
    end, pause = clock() + until.seconds, FIRST_PAUSE
    seen: Observation | None = None
    while True:
        async for batch in ask((query,)):
            for seen in batch:
                if arrived(seen, until.value):
                    return seen
        if (left := end - clock()) <= 0:
            return seen
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 2, LONGEST_PAUSE)
