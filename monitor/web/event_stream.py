"""Streams of server-sent events: how they begin, go on and end."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.types import Message, Receive, Send

T = TypeVar("T")

KEEPALIVE = 15.0
"""Seconds between comments that keep proxies from closing an idle stream."""
STILL_HERE = ": still here\n\n"
SEND_TIMEOUT = 30.0
"""Seconds a watcher may take to take what is sent to it."""


def stream_start() -> Message:
    kind = (b"content-type", b"text/event-stream; charset=utf-8")
    return {"type": "http.response.start", "status": 200, "headers": [kind, (b"x-accel-buffering", b"no")]}


async def send_text(send: Send, text: str) -> None:
    """Raises TimeoutError when the watcher does not take it."""
    async with asyncio.timeout(SEND_TIMEOUT):
        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def until_closed(stream: Coroutine[None, None, None], receive: Receive, stopping: asyncio.Event) -> None:
    """Runs the stream until it, its watcher or the service ends."""
    await _until_first(stream, receive, stopping)


async def while_wanted(work: Coroutine[Any, Any, T], receive: Receive, stopping: asyncio.Event) -> T | None:
    """What comes of the work, also what it raises; None where its client went away, or the service ended, before."""
    done = await _until_first(work, receive, stopping)
    return None if done.cancelled() else done.result()


async def _until_first(work: Coroutine[Any, Any, T], receive: Receive, stopping: asyncio.Event) -> asyncio.Task[T]:
    """The work, done or cancelled."""
    task = asyncio.create_task(work)
    ends: list[asyncio.Task[Any]] = [task, *map(asyncio.create_task, (_disconnected(receive), _set(stopping)))]
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for end in ends:
            end.cancel()
        await asyncio.gather(*ends, return_exceptions=True)
    return task


async def _set(event: asyncio.Event) -> None:
    await event.wait()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
