"""The only file that uses internals of uvicorn: its server without signals, its HTTP connection with timeouts.

``tests/unit/web/test_uvicorn.py`` names each of these internals; pyproject.toml allows only the minor versions it ran
with.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from monitor.web.connection_limits import ConnectionLimit

GRACE = 0.5
"""Seconds running requests have to end when the service stops."""


class HttpConnection(H11Protocol):
    """One client's connection, closed after ``timeout`` seconds without a whole request or with an answer not taken.

    uvicorn waits forever for these. ``limit`` counts it, and may close it too.
    """

    def __init__(self, timeout: float, limit: ConnectionLimit, **options: Any) -> None:
        super().__init__(**options)
        self.timeout = timeout
        self.limit = limit

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._last_cycle = self.cycle
        self._timer = self.loop.call_later(self.timeout, self._check)
        self.limit.add(self)

    @property
    def idle(self) -> bool:
        """No request is under way, and the last answer is with the client."""
        cycle: RequestResponseCycle | None = self.cycle
        return (cycle is None or cycle.response_complete) and not self.transport.get_write_buffer_size()

    def abort(self) -> None:
        self.transport.abort()

    def abort_unfinished_request(self) -> None:
        """The service stops: the rest of a body is not waited for."""
        if self.conn.their_state is h11.SEND_BODY:
            self.transport.abort()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.limit.mark_idle(self)

    def _check(self) -> None:
        if self.transport.is_closing():
            self.transport.abort()  # what was left to send is not taken
            return
        if self.conn.their_state in (h11.IDLE, h11.SEND_BODY) and self.cycle is self._last_cycle:
            self.transport.close()
        self._last_cycle = self.cycle
        self._timer = self.loop.call_later(self.timeout, self._check)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self.limit.remove(self)
        super().connection_lost(exc)


class EmbeddedServer(uvicorn.Server):
    """A uvicorn server in a loop that is not its own. Signals are the service's: uvicorn would raise them again."""

    def __init__(self, config: uvicorn.Config) -> None:
        # uvicorn declares whole seconds and hands them to asyncio.wait_for.
        config.timeout_graceful_shutdown = GRACE  # type: ignore[assignment]
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def http_connections(self) -> list[HttpConnection]:
        return [each for each in self.server_state.connections if isinstance(each, HttpConnection)]
