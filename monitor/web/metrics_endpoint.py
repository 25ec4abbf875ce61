"""The endpoint /metrics: many scrapes at once cost one rendering, and none of it the event loop."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from monitor.state.status import Status
from monitor.web.metrics import place_servers, render, select_zones
from monitor.web.snapshot import SnapshotCache, View, WebContext, is_same_status

MAX_AGE = timedelta(seconds=1)
MAX_RENDERINGS = 8
"""Renderings that are kept, for as many views and formats."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """One text under way or done, and of what and when it is."""

    status: Status
    at: datetime
    text: asyncio.Task[tuple[bytes, str]]

    def serves(self, status: Status, now: datetime) -> bool:
        """Whoever asks while it is under way shares it; once done it lasts a second, or until the Status changes."""
        if not self.text.done():
            return True
        return is_same_status(self.status, status) and now - self.at < MAX_AGE and self.text.exception() is None


class MetricsEndpoint:
    """The endpoint of /metrics. The latest renderings are kept, one for each view and format."""

    def __init__(self, context: WebContext, snapshot: SnapshotCache) -> None:
        self._context = context
        self._snapshot = snapshot
        self._made: dict[tuple[View, str], Rendering] = {}

    async def serve(self, request: Request) -> Response:
        view: View = request.state.view
        accept = request.headers.get("accept", "")[:1000]
        key = (view, accept)
        now, status = self._context.now(), self._snapshot.status(view)
        made = self._made.get(key)
        if made is None or not made.serves(status, now):
            made = Rendering(status, now, asyncio.create_task(self._render(view, status, now, accept)))
            self._keep(key, made)
        body, content_type = await asyncio.shield(made.text)
        return Response(body, headers={"Content-Type": content_type})

    async def _render(self, view: View, status: Status, now: datetime, accept: str) -> tuple[bytes, str]:
        """The statuses it takes are made here; what takes long, the text, is made in a thread."""
        context = self._context
        place_servers(context.server_series, context.status().zones, now)
        selection = await select_zones(status.zones, context.settings.max_zones)
        redaction = self._snapshot.redaction(view)
        return await asyncio.to_thread(
            render, status, selection, context.registry, now, accept, redaction, context.server_series
        )

    def _keep(self, key: tuple[View, str], made: Rendering) -> None:
        self._made.pop(key, None)
        self._made[key] = made
        while len(self._made) > MAX_RENDERINGS:
            del self._made[next(iter(self._made))]
