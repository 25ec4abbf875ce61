"""Sends and receives the attempts of single exchanges, each on a socket of its own."""

from collections import deque

from checks.model import Outcome
from monitor.clock import monotonic
from monitor.probe.bulk.deadlines import Deadlines
from monitor.probe.bulk.socket_pool import SocketPool
from monitor.probe.bulk.udp_exchange import AttemptSocket, UdpExchange
from monitor.probe.client.observations import QueryFailure
from monitor.probe.client.sockets import REFUSED_DELAY, Unasked, ours, theirs

MAX_PACKETS_PER_SOCKET = 64
"""Packets received from one socket before the next has its turn."""


class ExchangeHandler:
    """What the engine does for exchanges in its turns."""

    def __init__(self, pool: SocketPool, deadlines: Deadlines) -> None:
        self._pool = pool
        self._deadlines = deadlines
        self._due: deque[UdpExchange] = deque()
        self._buffer = bytearray(65535)
        self._under_way: set[UdpExchange] = set()

    def __len__(self) -> int:
        return len(self._under_way)

    def begin(self, exchange: UdpExchange) -> None:
        self._under_way.add(exchange)
        self.enqueue(exchange, monotonic())

    async def end_of(self, exchange: UdpExchange) -> None:
        """Until it has a result; whoever does not wait for that ends it."""
        try:
            await exchange.done
        finally:
            self.finish(exchange)

    def enqueue(self, exchange: UdpExchange, now: float) -> None:
        """Its next attempt is due."""
        exchange.due_since = now
        self._due.append(exchange)

    def send_due(self, now: float) -> bool:
        """Whether any is left, for want of a descriptor."""
        for _ in range(len(self._due)):
            exchange = self._due.popleft()
            if not self._send(exchange, now):
                self._due.append(exchange)
        return bool(self._due)

    def receive(self, sock: AttemptSocket) -> None:
        exchange, failure, now = sock.exchange, None, monotonic()
        useless = exchange.useless
        for _ in range(MAX_PACKETS_PER_SOCKET):
            try:
                size, source = sock.raw.recvfrom_into(self._buffer)
            except BlockingIOError:
                break
            except OSError as error:
                failure = theirs(error, "answer")
                continue  # what came before the error, or after it, still counts
            exchange.take(bytes(memoryview(self._buffer)[:size]), sock, source, now)
            if exchange.answer is not None or exchange.flooded:
                break
        if failure is not None:
            exchange.failure = failure
            self._close(sock)
        if exchange.over:
            self.finish(exchange)
        elif exchange.latest is not None and useless != exchange.useless:
            self._next(exchange, now)
        elif sock is exchange.latest and failure is not None:
            self._failed(exchange, failure, sock.wait)

    def expired(self, sock: AttemptSocket, now: float) -> None:
        if sock is sock.exchange.latest:
            self._next(sock.exchange, now)

    def finish(self, exchange: UdpExchange, failure: QueryFailure | None = None) -> None:
        """``failure``: why we could not ask."""
        self._under_way.discard(exchange)
        if not exchange.done.done():
            exchange.unasked = failure
            exchange.done.set_result(None)
        for sock in [*exchange.sockets]:
            self._close(sock)

    def finish_all(self, failure: QueryFailure) -> None:
        for exchange in [*self._under_way]:
            self.finish(exchange, failure)

    def _send(self, exchange: UdpExchange, now: float) -> bool:
        """Whether it need not be kept: an attempt was sent, or could not be, or it has ended."""
        if exchange.done.done():
            return True
        if exchange.begun >= len(exchange.waits):
            self.finish(exchange)
            return True
        wait, failure, sock = exchange.waits[exchange.begun], None, None
        try:
            sock = self._pool.open_for(exchange, now)
        except Unasked as reason:
            failure = QueryFailure(Outcome.UNASKED, str(reason))
        except BlockingIOError:
            if exchange.sockets:  # an earlier attempt of ours gives up its own
                self._close(exchange.sockets[0])
                return self._send(exchange, now)
            if now - exchange.due_since < wait:
                return False
            failure = QueryFailure(Outcome.UNASKED, f"no descriptor became free within {wait:g} s")
        except OSError as error:
            failure = ours(error, "send")
        if exchange.begun:
            exchange.bucket.consume()  # for the first that was done before it came here
        exchange.begun += 1
        exchange.waited += wait
        if sock is not None:
            exchange.sent += 1
            exchange.sockets.append(sock)
            exchange.latest = sock
            self._deadlines.sent(sock, now)
        elif failure is not None and failure.outcome is Outcome.UNASKED:
            self.finish(exchange, failure)
        elif failure is not None:
            self._failed(exchange, failure, wait)
        return True

    def _next(self, exchange: UdpExchange, now: float) -> None:
        exchange.latest = None
        if exchange.begun >= len(exchange.waits):
            self.finish(exchange)
        else:
            self.enqueue(exchange, now)

    def _failed(self, exchange: UdpExchange, failure: QueryFailure, wait: float) -> None:
        """The latest attempt has come to nothing before its time."""
        exchange.latest, exchange.failure = None, failure
        if exchange.begun >= len(exchange.waits) and not exchange.sockets:
            self.finish(exchange)
        else:
            self._deadlines.later(
                exchange, min(wait, REFUSED_DELAY) if failure.outcome is Outcome.REFUSED_CONNECTION else wait
            )

    def _close(self, sock: AttemptSocket) -> None:
        sock.exchange.sockets.remove(sock)
        self._pool.close(sock)
