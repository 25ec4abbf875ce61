"""NOTIFY over TCP (RFC 1996 section 2.1): messages behind their length, down connections of bounded number and time."""

import asyncio
import socket
from collections import Counter

from monitor.probe.message.notify import MAX_SIZE
from monitor.probe.notify.rates import Bucket
from monitor.probe.notify.responder import NotifyResponder

MAX_CONNECTIONS = 64
MAX_CONNECTIONS_OF_SOURCE = 8

IDLE = 10.0
"""Seconds in which a whole message has to come, and an answer has to be taken."""

LIFETIME = 60.0
"""Seconds that a connection may last."""

_ACCEPT_PAUSE = 0.1
"""Seconds without accepting while there is no budget, or no descriptor left."""


class NotifyConnections:
    """Takes connections of a listening socket. Whoever is no server is hung up on before a word is read."""

    def __init__(
        self,
        tcp: socket.socket,
        responder: NotifyResponder,
        budget: Bucket,
        *,
        idle: float = IDLE,
        lifetime: float = LIFETIME,
    ) -> None:
        self._tcp, self._responder, self._budget = tcp, responder, budget
        self._idle, self._lifetime = idle, lifetime
        self._tasks: set[asyncio.Task[None]] = set()
        self._sources: Counter[str] = Counter()
        self._resume: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._resume = None
        asyncio.get_running_loop().add_reader(self._tcp, self._accept)

    async def close(self) -> None:
        if self._resume is not None:
            self._resume.cancel()
        asyncio.get_running_loop().remove_reader(self._tcp)
        self._tcp.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _pause(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._tcp)
        self._resume = loop.call_later(_ACCEPT_PAUSE, self.start)

    def _accept(self) -> None:
        if not self._budget.take():
            self._pause()
            return
        try:
            connection, peer = self._tcp.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError:  # out of descriptors: the waiting connection would wake us again at once
            self._pause()
            return
        host = peer[0]
        if not self._responder.is_known(host):
            connection.close()
        elif len(self._tasks) >= MAX_CONNECTIONS or self._sources[host] >= MAX_CONNECTIONS_OF_SOURCE:
            self._responder.ended(host, "too many connections")
            connection.close()
        else:
            connection.setblocking(False)
            self._sources[host] += 1
            task = asyncio.get_running_loop().create_task(self._serve(connection, host))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: socket.socket, host: str) -> None:
        try:
            async with asyncio.timeout(self._lifetime):
                await self._converse(connection, host)
        except TimeoutError:
            self._responder.ended(host, "too slow, or open for too long")
        except OSError:
            self._responder.ended(host, "broken off by the other side")
        finally:
            connection.close()
            self._sources[host] -= 1
            if not self._sources[host]:
                del self._sources[host]

    async def _converse(self, connection: socket.socket, host: str) -> None:
        """Until the other side ends it, or sends what is no message. Raises OSError and TimeoutError."""
        loop = asyncio.get_running_loop()
        while True:
            async with asyncio.timeout(self._idle):
                prefix = await self._exactly(connection, 2)
                length = int.from_bytes(prefix, "big")
                if not 0 < length <= MAX_SIZE:
                    if prefix:
                        self._responder.ended(host, f"a message of {length} octets")
                    return
                wire = await self._exactly(connection, length)
                if len(wire) < length:
                    return
                octets = self._responder.respond(wire, host)
                if octets is None:
                    return  # whoever is answered with silence over UDP is hung up on
                await loop.sock_sendall(connection, len(octets).to_bytes(2, "big") + octets)

    async def _exactly(self, connection: socket.socket, size: int) -> bytes:
        """So many octets; none, or fewer, where the connection ends before."""
        loop, found = asyncio.get_running_loop(), b""
        while len(found) < size:
            more = await loop.sock_recv(connection, size - len(found))
            if not more:
                return b"" if size == 2 else found
            found += more
        return found
