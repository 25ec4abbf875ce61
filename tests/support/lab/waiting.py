"""Waiting for something to become so, with a deadline and a reason."""

import asyncio
import time
from collections.abc import Callable

PAUSE = 0.02


def until(
    condition: Callable[[], bool], what: str | Callable[[], str], *, seconds: float = 10.0, pause: float = PAUSE
) -> None:
    """Returns once ``condition()`` holds; fails with ``what`` (text, or made when needed) after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what() if callable(what) else what}")
        time.sleep(pause)


async def eventually(condition: Callable[[], bool], what: str | Callable[[], str], *, seconds: float = 10.0) -> None:
    """``until`` for those who share their event loop; the condition itself is asked in a thread."""
    deadline = time.monotonic() + seconds
    while not await asyncio.to_thread(condition):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what() if callable(what) else what}")
        await asyncio.sleep(PAUSE)
