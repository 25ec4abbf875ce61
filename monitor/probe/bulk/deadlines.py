"""When sockets and retries of the engine are due."""

import heapq
from collections import deque
from itertools import count

from monitor.clock import monotonic
from monitor.probe.bulk.target import PooledSocket, Retry
from monitor.probe.bulk.udp_exchange import AttemptSocket, UdpExchange


class Deadlines:
    """By the monotonic clock. What is sent at once has one deadline; those of equal waits are in order anyway."""

    __slots__ = ("_delayed", "_sent", "_sequence")

    def __init__(self) -> None:
        self._sent: dict[float, deque[tuple[float, PooledSocket | AttemptSocket, float]]] = {}
        self._delayed: list[tuple[float, int, Retry | UdpExchange]] = []
        self._sequence = count()

    def sent(self, sock: PooledSocket | AttemptSocket, now: float) -> None:
        """Something was sent from it now."""
        line = self._sent.get(sock.wait)
        if line is None:
            line = self._sent[sock.wait] = deque()
        line.append((now + sock.wait, sock, now))

    def later(self, one: Retry | UdpExchange, pause: float) -> None:
        """Its next attempt is due in so many seconds."""
        heapq.heappush(self._delayed, (monotonic() + pause, next(self._sequence), one))

    def expired(self, now: float) -> tuple[PooledSocket | AttemptSocket, float] | None:
        """Takes out an open socket, and until when what was sent from it has had its time."""
        for line in self._sent.values():
            while line and line[0][0] <= now:
                _, sock, sent = line.popleft()
                if not sock.closed:
                    return sock, sent
        return None

    def due(self, now: float) -> Retry | UdpExchange | None:
        """Takes out what is to be sent again."""
        return heapq.heappop(self._delayed)[2] if self._delayed and self._delayed[0][0] <= now else None

    def next(self, default: float) -> float:
        ends = [line[0][0] for line in self._sent.values() if line]
        if self._delayed:
            ends.append(self._delayed[0][0])
        return min(ends, default=default)

    def __len__(self) -> int:
        """How many are delayed."""
        return len(self._delayed)
