"""POST /api/v1/zones/{zone}/wait: the events of a wait, until all have the change or the time is over."""

import asyncio
import contextlib
import json
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from checks.common.wait_progress import WaitProgress
from checks.common.wait_text import Ended
from monitor.config.errors import InvalidValue
from monitor.web.event_stream import KEEPALIVE, STILL_HERE, send_text, stream_start, until_closed
from monitor.web.snapshot import RunningWait, SnapshotCache, WebContext
from monitor.web.wait_request import read_wait
from monitor.web.wait_schema import end_data, step_data
from monitor.web.zone_request import bad_request, refuse_all_but_json, refuse_public, watched_zone

log = structlog.get_logger(__name__)

MAX_WAITS = 16
"""Waits under way at once."""
CLOSE_TIMEOUT = 0.2
"""Seconds a client may take to hear that the stream ends."""


class Waits:
    """The ASGI endpoint. Only who sees everything may have others asked; a wait ends when its client goes away."""

    def __init__(self, context: WebContext, snapshot: SnapshotCache, most: int = MAX_WAITS) -> None:
        self._context = context
        self._snapshot = snapshot
        self._most = most
        self._count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.method != "POST":
            raise HTTPException(405, "a wait is asked for by POST", {"Allow": "POST"})
        refuse_public(request, self._context, "wait")
        refuse_all_but_json(request, "what is waited for, and for how long,")
        zone = watched_zone(request, self._snapshot, self._context.waits)
        try:
            progress, timeout = read_wait(zone, await request.body())
        except InvalidValue as error:
            raise bad_request(error) from None
        if self._count >= self._most:
            raise HTTPException(503, "too many waits are under way", {"Retry-After": "30"})
        self._count += 1
        try:
            await until_closed(self._stream(progress, timeout, send), receive, self._context.stopping)
        finally:
            self._count -= 1
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await send({"type": "http.response.body"})

    async def _stream(self, progress: WaitProgress, timeout: float, send: Send) -> None:
        events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        wait = self._context.waits.wait(progress, lambda now, one: events.put_nowait(step_data(now, one)))

        running = asyncio.create_task(_run(wait, timeout, events))
        try:
            await send(stream_start())
            await _send_events(events, send)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def _run(wait: RunningWait, timeout: float, events: asyncio.Queue[dict[str, Any]]) -> None:
    """The wait to its end, which is the last event."""
    clock = asyncio.get_running_loop().time
    began, ended = clock(), Ended.INTERRUPTED
    try:
        async with asyncio.timeout(timeout):
            await wait.run()
        ended = Ended.DONE
    except TimeoutError:
        ended = Ended.TIMEOUT
    except Exception:
        log.exception("a wait failed", zone=wait.progress.zone)
    events.put_nowait(end_data(wait.progress, ended, clock() - began))


async def _send_events(events: asyncio.Queue[dict[str, Any]], send: Send) -> None:
    """Each as it comes, to the one that is the end."""
    kind = ""
    while kind not in tuple(Ended):
        try:
            async with asyncio.timeout(KEEPALIVE):
                event = await events.get()
        except TimeoutError:
            await send_text(send, STILL_HERE)
            continue
        kind = event["event"]
        await send_text(send, f"event: {kind}\ndata: {json.dumps(event)}\n\n")
