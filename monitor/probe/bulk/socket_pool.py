"""The engine's open sockets, and which of them are readable."""

import select
import socket

from monitor.probe.bulk.target import NO_EDNS_ATTEMPT, PooledSocket, Target
from monitor.probe.client.sockets import Sockets
from monitor.probe.message.request import EDNS_ATTEMPTS


class SocketPool:
    """All sockets of the engine; at most half of those that may be open at all."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets
        self._max_open = max(1, sockets.most // 2)
        self._open: dict[int, PooledSocket] = {}
        self._epoll = select.epoll()
        self.ended = False

    @property
    def descriptor(self) -> int:
        """Readable when anything has come in."""
        return self._epoll.fileno()

    def __len__(self) -> int:
        return len(self._open)

    def open(self, target: Target, attempt: int, now: float) -> PooledSocket:
        """A fresh socket under a random port. Raises BlockingIOError when there may be no more, Unasked, or OSError."""
        place = self._sockets.endpoint(target.address)[1]
        if len(self._open) >= self._max_open:
            raise BlockingIOError
        raw = self._sockets.take(target.address, socket.SOCK_DGRAM)
        edns = attempt != NO_EDNS_ATTEMPT and attempt < EDNS_ATTEMPTS
        sock = PooledSocket(raw, target, attempt, target.wait(attempt), edns, now)
        try:
            sock.connect(place)
        except OSError:
            self._sockets.close(raw)
            raise
        self._open[raw.fileno()] = sock
        self._epoll.register(raw.fileno(), select.EPOLLIN)
        target.sockets.setdefault(attempt, []).append(sock)
        return sock

    def ready(self) -> list[PooledSocket]:
        """Those with something to be read."""
        known = self._open
        return [known[number] for number, _ in self._epoll.poll(0, 512)] if known else []

    def release_if_idle(self, sock: PooledSocket, now: float) -> None:
        """Closes a socket that has nothing in flight and nothing to send."""
        if sock.queries or sock.late or sock.closed:
            return
        target = sock.target
        if not sock.room(now) or not (
            target.retries if sock.attempt > 0 or sock.attempt == NO_EDNS_ATTEMPT else target.pending
        ):
            self.close(sock)

    def close(self, sock: PooledSocket) -> None:
        if sock.closed:
            return
        sock.closed = True
        del self._open[sock.raw.fileno()]
        self._sockets.close(sock.raw)
        siblings = sock.target.sockets.get(sock.attempt)
        if siblings is not None and sock in siblings:
            siblings.remove(sock)

    def retire(self, sock: PooledSocket) -> None:
        """Nothing more is sent from it."""
        siblings = sock.target.sockets.get(sock.attempt)
        if siblings is not None and sock in siblings:
            siblings.remove(sock)

    def all(self) -> list[PooledSocket]:
        return [*self._open.values()]

    def close_all(self) -> None:
        self.ended = True
        for sock in list(self._open.values()):
            self.close(sock)
        self._epoll.close()
