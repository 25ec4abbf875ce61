"""Sends what may go out now."""

from collections.abc import Callable
from itertools import repeat

from checks.model import Outcome
from monitor.probe.bulk.socket_pool import SocketPool
from monitor.probe.bulk.target import (
    GSO_UNSUPPORTED,
    MIN_SEND_BATCH,
    SEND_BATCH,
    SINGLE_ATTEMPT,
    TRANSIENT_ERRORS,
    PendingBatch,
    PooledSocket,
    Retry,
    Target,
)
from monitor.probe.bulk.timeouts import TimeoutHandler
from monitor.probe.circuit_breaker import HALF_OPEN_PROBES
from monitor.probe.client.observations import QueryFailure
from monitor.probe.client.sockets import Unasked, ours, theirs

RETRY_INTERVAL, MAX_RATE_WAIT = 0.001, 0.05
"""Seconds until a target has its next turn: when answers are awaited, and at most for its server's rate."""

SOCKETS_TRIED = 4
"""Sockets that are tried for room before another is opened."""


class Sender:
    """Sends what a target has pending, as far as its window, its server's rate and the system allow."""

    def __init__(
        self, pool: SocketPool, timeouts: TimeoutHandler, expire: Callable[[PooledSocket, float], None]
    ) -> None:
        """``expire`` is called with each socket that something was sent from, and when."""
        self._pool = pool
        self._timeouts = timeouts
        self._expire = expire

    def send_next(self, target: Target, now: float) -> float:
        """Sends one batch and all retries that are due. Seconds until its next turn; -1.0: nothing is left."""
        while target.retries:
            if not self._send_retry(target, target.retries[0], now):
                return RETRY_INTERVAL
            target.retries.popleft()
        while target.pending and (
            target.pending[0].result.cancelled or target.pending[0].next >= len(target.pending[0].names)
        ):
            target.pending.popleft()
        if not target.pending:
            for sock in [sock for sockets in target.sockets.values() for sock in sockets]:
                self._pool.release_if_idle(sock, now)
            return -1.0
        pending = target.pending[0]
        room = target.room()
        left = len(pending.names) - pending.next
        if room < MIN_SEND_BATCH and room < left:
            return RETRY_INTERVAL
        attempt = target.attempt
        most = min(room, SEND_BATCH, self._same_length_run(pending))
        if not target.breaker.closed and attempt != SINGLE_ATTEMPT:
            most = min(most, HALF_OPEN_PROBES - target.in_flight)
        count = target.bucket.take(most)
        if not count:
            return max(RETRY_INTERVAL, min(MAX_RATE_WAIT, target.bucket.wait(most)))
        target.pending.rotate(-1)  # a few questions need not wait for very many
        went = self._send_batch(target, pending, attempt, count, now)
        if went < count:
            target.bucket.refund(count - went)
        return 0.0 if went else RETRY_INTERVAL

    def _same_length_run(self, pending: PendingBatch) -> int:
        while pending.ends[-1] <= pending.next:
            pending.ends.pop()
        return pending.ends[-1] - pending.next

    def _send_batch(self, target: Target, pending: PendingBatch, attempt: int, most: int, now: float) -> int:
        """How many queries of a batch were sent, or have ended."""
        start = pending.next
        sock = self._socket_for(target, attempt, now)
        if isinstance(sock, QueryFailure):
            for place in range(start, start + most):
                self._timeouts.unasked(pending, pending.names[place], pending.slots[place], sock)
            pending.next = start + most
            return most
        if sock is None:
            return 0
        count = min(most, sock.room(now))
        ids = sock.ids(count)
        names, slots = pending.names[start : start + count], pending.slots[start : start + count]
        sock.queries.update(zip(ids, zip(slots, names, repeat(now), repeat(pending), strict=False), strict=True))
        sent, error = self._send(
            target, sock, ids, names, pending.template.tail if sock.edns else pending.template.section
        )
        for number in ids[sent:]:
            del sock.queries[number]
        sock.asked += sent
        target.add_in_flight(sent)
        pending.next = start + sent
        if sent:
            target.starved_since = None
            self._expire(sock, now)
        if error is not None:
            sent += self._handle_error(target, sock, pending, error, now)
        return sent

    def _send(
        self, target: Target, sock: PooledSocket, ids: list[bytes], names: list[bytes], tail: bytes
    ) -> tuple[int, OSError | None]:
        if target.use_gso and sock.edns and len(ids) > 1:
            try:
                sock.send_all(ids, names, tail)
            except OSError as error:
                if error.errno not in GSO_UNSUPPORTED:
                    return 0, error
                target.use_gso = False
            else:
                return len(ids), None
        return sock.send(ids, names, tail)

    def _handle_error(
        self, target: Target, sock: PooledSocket, pending: PendingBatch, error: OSError, now: float
    ) -> int:
        """The next query of the batch could not be sent. Returns how many have ended by that."""
        if error.errno in TRANSIENT_ERRORS:
            if target.starved_since is None:
                target.starved_since = now
            if now - target.starved_since < target.wait(SINGLE_ATTEMPT):
                return 0
        elif sock.asked:  # it may be what the network said of an earlier one, so a fresh socket is to show
            self._timeouts.socket_failed(sock, theirs(error, "answer"), now)
            return 0
        self._pool.release_if_idle(sock, now)
        place = pending.next
        pending.next += 1
        self._timeouts.unasked(pending, pending.names[place], pending.slots[place], ours(error, "send"))
        return 1

    def _send_retry(self, target: Target, retry: Retry, now: float) -> bool:
        """Whether a retry need not be kept any longer: it was sent, or has ended."""
        if retry.done:
            return True
        pending = retry.pending
        sock = self._socket_for(target, retry.attempt, now)
        if sock is None:
            return False
        if isinstance(sock, QueryFailure):
            failure = sock
        else:
            (number,) = sock.ids(1)
            target.bucket.consume()
            sent, error = sock.send(
                [number], [retry.name], pending.template.tail if sock.edns else pending.template.section
            )
            sock.asked += sent
            if error is None:
                sock.queries[number] = (-1, retry.name, now, retry)
                self._expire(sock, now)
                return True
            if error.errno in TRANSIENT_ERRORS:
                return False
            if sock.asked:
                self._timeouts.socket_failed(sock, theirs(error, "answer"), now)
                return False
            self._pool.release_if_idle(sock, now)
            failure = ours(error, "send")
        self._timeouts.retry_unasked(retry, target, failure)
        return True

    def _socket_for(self, target: Target, attempt: int, now: float) -> PooledSocket | QueryFailure | None:
        """The latest that has room, or a fresh one. None: there is no descriptor now."""
        for sock in target.sockets.get(attempt, [])[-SOCKETS_TRIED:]:
            if sock.room(now) > 0:
                return sock
            if sock.expired(now):
                self._pool.retire(sock)
                self._pool.release_if_idle(sock, now)
        try:
            return self._pool.open(target, attempt, now)
        except Unasked as reason:
            return QueryFailure(Outcome.UNASKED, str(reason))
        except BlockingIOError:
            if target.starved_since is None:
                target.starved_since = now
            patience = target.wait(SINGLE_ATTEMPT)
            if now - target.starved_since < patience:
                return None
            return QueryFailure(Outcome.UNASKED, f"no descriptor became free within {patience:g} s")
        except OSError as error:
            return ours(error, "send")
