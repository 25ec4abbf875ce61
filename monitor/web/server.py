"""Serves the application in our own event loop, and stops it at once."""

import asyncio
from dataclasses import dataclass
from functools import partial

import uvicorn
from starlette.applications import Starlette

from monitor.web.connection_limits import ConnectionLimit, RequestLimit
from monitor.web.listener import BACKLOG, listening
from monitor.web.uvicorn_server import EmbeddedServer, HttpConnection

KEEP_ALIVE = 15
"""Seconds a connection may stay open between two requests."""


@dataclass(frozen=True, slots=True)
class Limits:
    """``connections`` at once, and of these ``share`` of one client; ``head`` octets of request line and headers,
    ``request_timeout`` in seconds with a client that does not say what it wants.
    """

    connections: int = 512
    share: int = 64
    head: int = 16 * 1024
    request_timeout: float = 10.0


class WebServer:
    """The application behind a listening socket. ``start`` returns once it answers, ``stop`` within a second.

    Port 0 lets the system choose; ``address`` is (host, port) as they are in the end.
    """

    def __init__(
        self, app: Starlette, host: str, port: int, stopping: asyncio.Event, limits: Limits = Limits()
    ) -> None:
        self._stopping = stopping
        self._wanted = (host, port)
        self.connections = ConnectionLimit(limits.connections, limits.share)
        self._server = EmbeddedServer(_config(app, limits, self.connections))
        self._serving: asyncio.Task[None] | None = None
        self.address = self._wanted

    async def start(self) -> None:
        """Raises CannotListen when the address cannot be had."""
        sock = await listening(*self._wanted)
        self.address = sock.getsockname()[:2]
        self._serving = asyncio.create_task(self._server.serve(sockets=[sock]), name="web")
        up = asyncio.create_task(self._server.up.wait())
        await asyncio.wait({self._serving, up}, return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if self._serving.done():
            self._serving.result()

    async def stop(self) -> None:
        """Ends open streams, lets running requests finish for a moment, and closes every connection."""
        self._stopping.set()
        for connection in self._server.http_connections():
            connection.abort_unfinished_request()
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
        for connection in self._server.http_connections():
            connection.abort()


def _config(app: Starlette, limits: Limits, connections: ConnectionLimit) -> uvicorn.Config:
    return uvicorn.Config(
        RequestLimit(app, connections, limits.connections),
        http=partial(HttpConnection, limits.request_timeout, connections),  # type: ignore[arg-type]  # all it does is call it
        ws="none",
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        h11_max_incomplete_event_size=limits.head,
        backlog=BACKLOG,
    )
