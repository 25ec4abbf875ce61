"""Limits how many connections and requests there are at once: a share for each client, health and metrics always."""

from collections.abc import Mapping
from typing import Protocol

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from monitor.web.auth import HEADERS
from monitor.web.client_address import client_of, is_local

ALWAYS_ANSWERED = ("/healthz", "/readyz", "/metrics")
"""What is answered however many others are asking."""


class Connection(Protocol):
    """``idle``: no request is under way; ``client``: host and port of the other end."""

    client: tuple[str, int] | None

    @property
    def idle(self) -> bool: ...

    def abort(self) -> None:
        """Close it, and whatever request is under way."""
        ...


class ConnectionLimit:
    """The open connections, at most ``most`` that ask for something and as many that do not.

    A client over its ``share`` loses a connection for each new one: the one that has said nothing for longest, and
    only when all are busy and there are twice as many, the oldest. When there are too many altogether, whoever has most
    loses one in the same way. So it never is the newest, and half-open ones keep nobody out. Peers on loopback may be
    a reverse proxy: their share is the whole.
    """

    def __init__(self, most: int, share: int) -> None:
        self._most, self._share = most, share
        self._of: dict[str, dict[Connection, None]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def share(self, client: str) -> int:
        return self._most if is_local(client) else self._share

    def add(self, one: Connection) -> None:
        client = _client(one)
        mine = self._of.setdefault(client, {})
        mine[one] = None
        self._count += 1
        share = self.share(client)
        if len(mine) > share:
            self._close_one(mine, one, busy=len(mine) > 2 * share)
        elif self._count > self._most:
            largest = max(self._of.values(), key=lambda of: len(of) - (one in of))
            self._close_one(largest, one, busy=self._count > 2 * self._most)

    def mark_idle(self, one: Connection) -> None:
        """Its request has been answered: it counts as the latest that became idle."""
        mine = self._of.get(_client(one), {})
        if one in mine:
            del mine[one]
            mine[one] = None

    def remove(self, one: Connection) -> None:
        mine = self._of.get(_client(one), {})
        if one in mine:
            del mine[one]
            self._count -= 1
            if not mine:
                del self._of[_client(one)]

    def _close_one(self, mine: Mapping[Connection, None], newest: Connection, *, busy: bool) -> None:
        one = next((each for each in mine if each.idle and each is not newest), None)
        if one is None and busy:
            one = next((each for each in mine if each is not newest), None)
        if one is not None:
            self.remove(one)
            one.abort()


class RequestLimit:
    """ASGI middleware: so many requests at once in all, and of each client its share; 503 beyond that, but for those
    who ask how we are.
    """

    def __init__(self, app: ASGIApp, connections: ConnectionLimit, most: int) -> None:
        self._app = app
        self._connections = connections
        self._most = most
        self._running: dict[str, int] = {}
        self._count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = client_of((scope.get("client") or ("",))[0])
        running = self._running.get(client, 0)
        full = self._count >= self._most or running >= self._connections.share(client)
        if scope["type"] != "http" or (full and scope["path"] not in ALWAYS_ANSWERED):
            headers = {**HEADERS, "Cache-Control": "no-store", "Retry-After": "5", "Connection": "close"}
            await PlainTextResponse("too many requests at once\n", 503, headers)(scope, receive, send)
            return
        self._running[client] = running + 1
        self._count += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._count -= 1
            self._running[client] -= 1
            if not self._running[client]:
                del self._running[client]


def _client(one: Connection) -> str:
    return client_of(one.client[0]) if one.client is not None else ""
