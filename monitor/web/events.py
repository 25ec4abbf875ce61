"""Server-sent events for open pages, and nothing in them but ticks."""

import asyncio
import contextlib
from collections.abc import Coroutine

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from monitor.web.event_hub import Subscription, TooMany
from monitor.web.snapshot import WebContext

KEEPALIVE = 15.0
"""Seconds between comments that keep proxies from closing an idle stream."""
SEND_TIMEOUT = 30.0
"""Seconds a watcher may take to take what is sent to it."""
CLOSE_TIMEOUT = 0.2
"""Seconds a watcher may take to hear that the stream ends."""


class Events:
    """The ASGI endpoint. A stream ends with the service, with its watcher, or when the watcher stops reading."""

    def __init__(self, context: WebContext, ping: float = KEEPALIVE) -> None:
        self._context = context
        self._ping = ping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await send(_start())
            await send({"type": "http.response.body"})
            return
        request = Request(scope)
        seen = request.headers.get("last-event-id") or request.query_params.get("seen") or ""
        try:
            with self._context.event_hub.subscribe() as subscription:
                stream = _stream(self._context, subscription, seen, send, self._ping)
                await _until_closed(stream, receive, self._context.stopping)
        except TooMany:
            busy = PlainTextResponse("too many streams are open\n", 503, headers={"Retry-After": "30"})
            await busy(scope, receive, send)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await send({"type": "http.response.body"})


def revision(context: WebContext) -> str:
    """Names the present Status: a page that has seen it need not be told."""
    return f"{int(context.status().started.timestamp())}-{context.event_hub.number}"


def _start() -> Message:
    kind = (b"content-type", b"text/event-stream; charset=utf-8")
    return {"type": "http.response.start", "status": 200, "headers": [kind, (b"x-accel-buffering", b"no")]}


async def _stream(context: WebContext, subscription: Subscription, seen: str, send: Send, ping: float) -> None:
    await send(_start())
    await _send(send, "retry: 3000\n\n")
    if seen != revision(context):
        await _send(send, _changed(context))
    while True:
        await _send(send, _changed(context) if await subscription.wait(ping) else ": still here\n\n")


def _changed(context: WebContext) -> str:
    return f"event: changed\nid: {revision(context)}\ndata: {context.now():%H:%M:%S}\n\n"


async def _send(send: Send, text: str) -> None:
    async with asyncio.timeout(SEND_TIMEOUT):
        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _until_closed(stream: Coroutine[None, None, None], receive: Receive, stopping: asyncio.Event) -> None:
    ends = [asyncio.create_task(each) for each in (stream, _disconnected(receive), _set(stopping))]
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for end in ends:
            end.cancel()
        await asyncio.gather(*ends, return_exceptions=True)


async def _set(event: asyncio.Event) -> None:
    await event.wait()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
