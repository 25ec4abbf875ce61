"""Waiting for the next look, which ends with the service."""

import asyncio
from contextlib import suppress


async def pause(stopping: asyncio.Event, seconds: float) -> None:
    """So long, or until the service is to stop: it does not wait for who waits."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopping.wait()
