"""The sockets that are open, and those in which something has come in."""

import select
import socket

from monitor.probe.bulk.target import PLAIN, PooledSocket, Target
from monitor.probe.client.sockets import Sockets

PLAIN_FROM = 2
"""The attempt, from 0 on, from which on EDNS is left out: something on the way may drop what it does not know."""


class SocketPool:
    """All ports of the engine; at most half of the sockets that may be open at all."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets
        self._most = max(1, sockets.most // 2)
        self._open: dict[int, PooledSocket] = {}
        self._epoll = select.epoll()
        self.ended = False

    @property
    def descriptor(self) -> int:
        """Readable when anything has come in."""
        return self._epoll.fileno()

    def __len__(self) -> int:
        return len(self._open)

    def open(self, gate: Target, attempt: int, now: float) -> PooledSocket:
        """A fresh random port. Raises BlockingIOError when there may be no more, Unasked, or OSError."""
        family, place = self._sockets.endpoint(gate.address)
        if len(self._open) >= self._most:
            raise BlockingIOError
        sock = self._sockets.take(gate.address, socket.SOCK_DGRAM)
        port = PooledSocket(sock, gate, attempt, gate.wait(attempt), attempt != PLAIN and attempt < PLAIN_FROM, now)
        try:
            port.connect(family, place)
        except OSError:
            self._sockets.close(sock)
            raise
        self._open[sock.fileno()] = port
        self._epoll.register(sock.fileno(), select.EPOLLIN)
        gate.ports.setdefault(attempt, []).append(port)
        return port

    def ready(self) -> list[PooledSocket]:
        """Those with something to be read."""
        known = self._open
        return [known[number] for number, _ in self._epoll.poll(0, 512)] if known else []

    def rest(self, port: PooledSocket, now: float) -> None:
        """To be called when a port has nothing in flight: closes it when it is of no more use."""
        if port.flight or port.late or port.closed:
            return
        gate = port.gate
        if not port.room(now) or not (gate.again if port.attempt > 0 or port.attempt == PLAIN else gate.loads):
            self.close(port)

    def close(self, port: PooledSocket) -> None:
        if port.closed:
            return
        port.closed = True
        del self._open[port.sock.fileno()]
        self._sockets.close(port.sock)
        mine = port.gate.ports.get(port.attempt)
        if mine is not None and port in mine:
            mine.remove(port)

    def retire(self, port: PooledSocket) -> None:
        """Nothing more is sent from it."""
        mine = port.gate.ports.get(port.attempt)
        if mine is not None and port in mine:
            mine.remove(port)

    def all(self) -> list[PooledSocket]:
        return [*self._open.values()]

    def end(self) -> None:
        self.ended = True
        for port in list(self._open.values()):
            self.close(port)
        self._epoll.close()
