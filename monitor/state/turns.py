"""Work in steps, between which everybody else has a turn."""

import asyncio
from collections.abc import Generator
from typing import TypeVar, cast

T = TypeVar("T")


async def in_turns(steps: Generator[None, None, T]) -> T:
    """What comes of all steps."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast("T", end.value)
        await asyncio.sleep(0)
