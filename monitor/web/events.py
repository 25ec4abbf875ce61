"""Server-sent events for open pages, and nothing in them but ticks."""

import asyncio
import contextlib

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from monitor.web.event_hub import Subscription, TooMany
from monitor.web.event_stream import KEEPALIVE, STILL_HERE, send_text, stream_start, until_closed
from monitor.web.snapshot import WebContext

CLOSE_TIMEOUT = 0.2
"""Seconds a watcher may take to hear that the stream ends."""


class Events:
    """The ASGI endpoint. A stream ends with the service, with its watcher, or when the watcher stops reading."""

    def __init__(self, context: WebContext, ping: float = KEEPALIVE) -> None:
        self._context = context
        self._ping = ping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await send(stream_start())
            await send({"type": "http.response.body"})
            return
        request = Request(scope)
        seen = request.headers.get("last-event-id") or request.query_params.get("seen") or ""
        try:
            with self._context.event_hub.subscribe() as subscription:
                stream = _stream(self._context, subscription, seen, send, self._ping)
                await until_closed(stream, receive, self._context.stopping)
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


async def _stream(context: WebContext, subscription: Subscription, seen: str, send: Send, ping: float) -> None:
    await send(stream_start())
    await send_text(send, "retry: 3000\n\n")
    if seen != revision(context):
        await send_text(send, _changed(context))
    while True:
        await send_text(send, _changed(context) if await subscription.wait(ping) else STILL_HERE)


def _changed(context: WebContext) -> str:
    return f"event: changed\nid: {revision(context)}\ndata: {context.now():%H:%M:%S}\n\n"
