"""The engine's open sockets, and which of them are readable."""

import select
import socket

from monitor.probe.bulk.target import NO_EDNS_ATTEMPT, PooledSocket, Target
from monitor.probe.bulk.udp_exchange import AttemptSocket, UdpExchange
from monitor.probe.client.sockets import Sockets, connect_udp
from monitor.probe.message.request import EDNS_ATTEMPTS


class SocketPool:
    """All UDP sockets. Those that many queries share are at most half of the sockets that may be open at all."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets
        self._max_open = max(1, sockets.most // 2)
        self._open: dict[int, PooledSocket | AttemptSocket] = {}
        self._shared = 0
        self._epoll = select.epoll()

    @property
    def descriptor(self) -> int:
        """Readable when anything has come in."""
        return self._epoll.fileno()

    def __len__(self) -> int:
        return len(self._open)

    def open(self, target: Target, attempt: int, now: float) -> PooledSocket:
        """A fresh socket under a random port. Raises BlockingIOError when there may be no more, Unasked, or OSError."""
        place = self._sockets.endpoint(target.address)[1]
        if self._shared >= self._max_open:
            raise BlockingIOError
        raw = self._sockets.take(target.address, socket.SOCK_DGRAM)
        edns = attempt != NO_EDNS_ATTEMPT and attempt < EDNS_ATTEMPTS
        sock = PooledSocket(raw, target, attempt, target.wait(attempt), edns, now)
        try:
            sock.connect(place)
        except OSError:
            self._sockets.close(raw)
            raise
        self._add(raw, sock)
        self._shared += 1
        target.sockets.setdefault(attempt, []).append(sock)
        return sock

    def open_for(self, exchange: UdpExchange, now: float) -> AttemptSocket:
        """A fresh socket from which the next attempt was sent. Raises as ``open``."""
        place = self._sockets.endpoint(exchange.query.address)[1]
        raw = self._sockets.take(exchange.query.address, socket.SOCK_DGRAM)
        sock = AttemptSocket(raw, exchange, exchange.request(), place, now)
        try:
            if exchange.anywhere:
                raw.sendto(sock.request.wire, place)
            else:
                connect_udp(raw, place)
                raw.send(sock.request.wire)
        except OSError:
            self._sockets.close(raw)
            raise
        self._add(raw, sock)
        return sock

    def _add(self, raw: socket.socket, sock: PooledSocket | AttemptSocket) -> None:
        self._open[raw.fileno()] = sock
        self._epoll.register(raw.fileno(), select.EPOLLIN)

    def ready(self) -> list[PooledSocket | AttemptSocket]:
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

    def close(self, sock: PooledSocket | AttemptSocket) -> None:
        if sock.closed:
            return
        sock.closed = True
        del self._open[sock.raw.fileno()]
        self._sockets.close(sock.raw)
        if isinstance(sock, PooledSocket):
            self._shared -= 1
            self.retire(sock)

    def retire(self, sock: PooledSocket) -> None:
        """Nothing more is sent from it."""
        siblings = sock.target.sockets.get(sock.attempt)
        if siblings is not None and sock in siblings:
            siblings.remove(sock)

    def shared(self) -> list[PooledSocket]:
        return [sock for sock in self._open.values() if isinstance(sock, PooledSocket)]

    def close_all(self) -> None:
        for sock in list(self._open.values()):
            self.close(sock)
        self._epoll.close()
