"""Sends and receives the attempts of single exchanges, each on a socket of its own."""

from collections import deque

from checks.model import Outcome
from monitor.clock import monotonic
from monitor.probe.bulk.deadlines import Deadlines
from monitor.probe.bulk.socket_pool import SocketPool
from monitor.probe.bulk.udp_exchange import AttemptSocket, UdpExchange
from monitor.probe.client.observations import QueryFailure
from monitor.probe.client.sockets import REFUSED_DELAY, Unasked, ours, theirs

MAX_PACKETS_PER_TURN = 64
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

    def begin(self, one: UdpExchange) -> None:
        self._under_way.add(one)
        self.enqueue(one, monotonic())

    async def end_of(self, one: UdpExchange) -> None:
        """Until it has a result; whoever does not wait for that ends it."""
        try:
            await one.done
        finally:
            self.finish(one)

    def enqueue(self, one: UdpExchange, now: float) -> None:
        """Its next attempt is due."""
        one.due_since = now
        self._due.append(one)

    def send_due(self, now: float) -> bool:
        """Whether any is left, for want of a descriptor."""
        for _ in range(len(self._due)):
            one = self._due.popleft()
            if not self._send(one, now):
                self._due.append(one)
        return bool(self._due)

    def receive(self, sock: AttemptSocket) -> None:
        one, failure, now = sock.exchange, None, monotonic()
        useless = one.useless
        for _ in range(MAX_PACKETS_PER_TURN):
            try:
                size, source = sock.raw.recvfrom_into(self._buffer)
            except BlockingIOError:
                break
            except OSError as error:
                failure = theirs(error, "answer")
                continue  # what came before the error, or after it, still counts
            one.take(bytes(memoryview(self._buffer)[:size]), sock, source, now)
            if one.answer is not None or one.flooded:
                break
        if failure is not None:
            one.failure = failure
            self._close(sock)
        if one.over:
            self.finish(one)
        elif one.latest is not None and useless != one.useless:
            self._next(one, now)
        elif sock is one.latest and failure is not None:
            self._failed(one, failure, sock.wait)

    def expired(self, sock: AttemptSocket, now: float) -> None:
        if sock is sock.exchange.latest:
            self._next(sock.exchange, now)

    def finish(self, one: UdpExchange, failure: QueryFailure | None = None) -> None:
        """``failure``: why we could not ask."""
        self._under_way.discard(one)
        if not one.done.done():
            one.unasked = failure
            one.done.set_result(None)
        for sock in [*one.sockets]:
            self._close(sock)

    def finish_all(self, failure: QueryFailure) -> None:
        for one in [*self._under_way]:
            self.finish(one, failure)

    def _send(self, one: UdpExchange, now: float) -> bool:
        """Whether it need not be kept: an attempt was sent, or could not be, or it has ended."""
        if one.done.done():
            return True
        if one.begun >= len(one.waits):
            self.finish(one)
            return True
        wait, failure, sock = one.waits[one.begun], None, None
        try:
            sock = self._pool.open_for(one, now)
        except Unasked as reason:
            failure = QueryFailure(Outcome.UNASKED, str(reason))
        except BlockingIOError:
            if one.sockets:  # an earlier attempt of ours gives up its own
                self._close(one.sockets[0])
                return self._send(one, now)
            if now - one.due_since < wait:
                return False
            failure = QueryFailure(Outcome.UNASKED, f"no descriptor became free within {wait:g} s")
        except OSError as error:
            failure = ours(error, "send")
        if one.begun:
            one.bucket.consume()  # for the first that was done before it came here
        one.begun += 1
        one.waited += wait
        if sock is not None:
            one.sent += 1
            one.sockets.append(sock)
            one.latest = sock
            self._deadlines.sent(sock, now)
        elif failure is not None and failure.outcome is Outcome.UNASKED:
            self.finish(one, failure)
        elif failure is not None:
            self._failed(one, failure, wait)
        return True

    def _next(self, one: UdpExchange, now: float) -> None:
        one.latest = None
        if one.begun >= len(one.waits):
            self.finish(one)
        else:
            self.enqueue(one, now)

    def _failed(self, one: UdpExchange, failure: QueryFailure, wait: float) -> None:
        """The latest attempt has come to nothing before its time."""
        one.latest, one.failure = None, failure
        if one.begun >= len(one.waits) and not one.sockets:
            self.finish(one)
        else:
            self._deadlines.later(
                one, min(wait, REFUSED_DELAY) if failure.outcome is Outcome.REFUSED_CONNECTION else wait
            )

    def _close(self, sock: AttemptSocket) -> None:
        sock.exchange.sockets.remove(sock)
        self._pool.close(sock)
