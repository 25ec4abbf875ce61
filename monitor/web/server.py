"""Serves the application in our own event loop, and stops it at once."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import h11
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from monitor.web.connection_limits import Busy, Crowd
from monitor.web.listener import BACKLOG, listening

KEEP_ALIVE = 15
GRACE = 0.5
"""Seconds running requests have to end when the service stops."""


class _Server(uvicorn.Server):
    """Signals are the service's own business: uvicorn would raise them again after its end, and so end us."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Patient(H11Protocol):
    """uvicorn waits forever for a client that sends no request, or half of one, or does not take the last of an answer;
    this one closes the connection. It is one of a crowd, which may close it too.
    """

    def __init__(self, patience: float, crowd: Crowd, **how: Any) -> None:
        super().__init__(**how)
        self.patience = patience
        self.crowd = crowd

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._answered = self.cycle
        self._look_again = self.loop.call_later(self.patience, self._look)
        self.crowd.enter(self)

    @property
    def idle(self) -> bool:
        """No request is under way, and the last answer is with the client."""
        asked: RequestResponseCycle | None = self.cycle
        return (asked is None or asked.response_complete) and not self.transport.get_write_buffer_size()

    def leave(self) -> None:
        self.transport.abort()

    def ending(self) -> None:
        """The service stops: the rest of a body is not waited for."""
        if self.conn.their_state is h11.SEND_BODY:
            self.transport.abort()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.crowd.rest(self)

    def _look(self) -> None:
        if self.transport.is_closing():
            self.transport.abort()  # what was left to send is not taken
            return
        if self.conn.their_state in (h11.IDLE, h11.SEND_BODY) and self.cycle is self._answered:
            self.transport.close()
        self._answered = self.cycle
        self._look_again = self.loop.call_later(self.patience, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._look_again.cancel()
        self.crowd.leave(self)
        super().connection_lost(exc)


@dataclass(frozen=True, slots=True)
class Limits:
    """``connections`` at once, and of these ``share`` of one client; ``head`` octets of request line and headers,
    ``patience`` in seconds with a client that does not say what it wants.
    """

    connections: int = 512
    share: int = 64
    head: int = 16 * 1024
    patience: float = 10.0


class WebServer:
    """The application behind a listening socket. ``start`` returns once it answers, ``stop`` within a second.

    Port 0 lets the system choose; ``address`` is (host, port) as they are in the end.
    """

    def __init__(
        self, app: Starlette, host: str, port: int, stopping: asyncio.Event, limits: Limits = Limits()
    ) -> None:
        self._stopping = stopping
        self._wanted = (host, port)
        self.crowd = Crowd(limits.connections, limits.share)
        self._server = _Server(_config(app, limits, self.crowd))
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
        for connection in list(self._server.server_state.connections):
            if isinstance(connection, _Patient):
                connection.ending()
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()


def _config(app: Starlette, limits: Limits, crowd: Crowd) -> uvicorn.Config:
    config = uvicorn.Config(
        Busy(app, crowd, limits.connections),
        http=partial(_Patient, limits.patience, crowd),  # type: ignore[arg-type]  # all it does is call it
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
    config.timeout_graceful_shutdown = GRACE  # type: ignore[assignment]  # it is handed to asyncio.wait_for
    return config
