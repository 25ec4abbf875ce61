"""Questions over TLS, down connections that are kept for a while for the next ones (RFC 7858 section 3.4, RFC 7766)."""

import asyncio
from dataclasses import replace

from checks.model import Address, Transport
from monitor.probe.client.observations import ExchangeResult, QueryFailure, Response
from monitor.probe.client.sockets import Sockets
from monitor.probe.client.tcp import ask_on
from monitor.probe.client.tls import TlsContexts, TlsStream
from monitor.probe.message.request import Request

IDLE = 5.0
"""Seconds for which a connection is kept without a question: servers keep them for ten at least."""

MAX_IDLE = 64
"""Connections kept, over all addresses."""

_Place = tuple[str, Address]


class TlsPool:
    """Belongs to one event loop, and must be closed. One question is under way on a connection at a time."""

    def __init__(self, sockets: Sockets, contexts: TlsContexts) -> None:
        self._sockets, self._contexts = sockets, contexts
        self._idle: dict[_Place, tuple[TlsStream, asyncio.TimerHandle]] = {}
        self._closed = False

    async def ask(self, server: str, address: Address, request: Request, patience: float) -> ExchangeResult:
        """Asks once; connecting, the handshake and the answer have ``patience`` seconds each. What was kept, and has
        been closed by the server meanwhile, is no failure of its: another connection is made.
        """
        place = (server, address)
        kept = self._idle.pop(place, None)
        if kept is not None:
            stream, timer = kept
            timer.cancel()
            found = await self._on(stream, place, request, patience)
            if isinstance(found, Response) or not found.dropped:
                return found
        opened = await self._contexts.connect(self._sockets, server, address, patience, transfer=False)
        if isinstance(opened, QueryFailure):
            return opened
        return await self._on(opened, place, request, patience)

    def close(self) -> None:
        self._closed = True
        for stream, timer in self._idle.values():
            timer.cancel()
            stream.close()
        self._idle.clear()

    async def _on(self, stream: TlsStream, place: _Place, request: Request, patience: float) -> Response | QueryFailure:
        found: ExchangeResult | None = None
        try:
            found = await ask_on(stream, request, patience)
        finally:
            if isinstance(found, Response) and not self._closed and place not in self._idle and self._room():
                timer = asyncio.get_running_loop().call_later(IDLE, self._expire, place)
                self._idle[place] = (stream, timer)
            else:
                stream.close()
        if isinstance(found, Response):
            return replace(found, transport=Transport.TLS, tls=stream.tls)
        return replace(found, tls=stream.tls)

    def _room(self) -> bool:
        return len(self._idle) < min(MAX_IDLE, self._sockets.most // 4)

    def _expire(self, place: _Place) -> None:
        stream, _ = self._idle.pop(place)
        stream.close()
