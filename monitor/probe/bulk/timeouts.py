"""Ends queries that were not answered in time, or has them sent again."""

from collections.abc import Callable

from checks.model import Outcome
from monitor.probe.bulk.fingerprints import FingerprintTable, outcome_code
from monitor.probe.bulk.socket_pool import SocketPool
from monitor.probe.bulk.target import BatchResult, Entry, PendingBatch, PooledSocket, Retry, Target
from monitor.probe.client.observations import QueryFailure, failed
from monitor.probe.client.sockets import REFUSED_DELAY
from monitor.probe.stats import ProbeStats


class TimeoutHandler:
    """Ends queries without response, or retries them."""

    def __init__(
        self,
        table: FingerprintTable,
        stats: ProbeStats,
        pool: SocketPool,
        later: Callable[[Retry, float], None],
    ) -> None:
        """``later`` is called with a retry whose socket failed, and in how many seconds it may be sent again."""
        self._table = table
        self._stats = stats
        self._pool = pool
        self._later = later

    def give_up(self, sock: PooledSocket, until: float, now: float) -> None:
        """Of what was sent until then, and is still not answered."""
        queries = sock.queries
        while queries:
            number = next(iter(queries))
            entry = queries[number]
            if entry[2] > until:
                return
            del queries[number]
            retry = self._retry(sock, entry)
            if retry is None:
                continue
            sock.late[number] = (entry[2], retry)
            retry.awaited.append((sock, number))
            sock.target.retries.append(retry)
        if not sock.room(now):
            self._pool.retire(sock)
        self._pool.release_if_idle(sock, now)

    def unasked(self, pending: PendingBatch, name: bytes, slot: int, failure: QueryFailure) -> None:
        """It could not even be sent."""
        self._record_failure(pending, name, slot, failure)

    def retry_unasked(self, retry: Retry, target: Target, failure: QueryFailure) -> None:
        """It could not be sent again."""
        self.finish(retry)
        target.add_in_flight(-1)
        if retry.held is not None:
            retry.held()
        else:
            self._record_failure(retry.pending, retry.name, retry.slot, failure)

    def forget(self, result: BatchResult) -> list[tuple[PendingBatch, bytes, int]]:
        """Takes out what is in flight for it, and returns that. What has an answer already is reported."""
        found: list[tuple[PendingBatch, bytes, int]] = []
        for retry in [*result.retries]:
            self.finish(retry)
            retry.target.add_in_flight(-1)
            if retry.held is not None:
                retry.held()
            else:
                found.append((retry.pending, retry.name, retry.slot))
        for sock in self._pool.shared():
            for number, (slot, name, _, pending) in [*sock.queries.items()]:
                if isinstance(pending, PendingBatch) and pending.result is result:
                    del sock.queries[number]
                    sock.target.add_in_flight(-1)
                    found.append((pending, name, slot))
            self._pool.release_if_idle(sock, self._table.now)
        return found

    def socket_failed(self, sock: PooledSocket, failure: QueryFailure, now: float) -> None:
        """An ICMP error says that nobody is there; it does not say to which of the queries."""
        entries = [*sock.queries.values()]
        sock.queries.clear()
        pause = min(sock.wait, REFUSED_DELAY) if failure.outcome is Outcome.REFUSED_CONNECTION else sock.wait
        for entry in entries:
            retry = self._retry(sock, entry, failure)
            if retry is not None:
                self._later(retry, pause)
        sock.late.clear()  # sent again already, from another socket
        self._pool.close(sock)  # an error that is still queued would make it readable for ever

    def _retry(self, sock: PooledSocket, entry: Entry, failure: QueryFailure | None = None) -> Retry | None:
        """What is to be sent again; None when that was the last attempt, or nobody waits."""
        slot, name, _, pending = entry
        retry: Retry | None = None
        if isinstance(pending, Retry):
            retry, pending = pending, pending.pending
            if retry.done:
                return None
            retry.failure = failure or retry.failure
            slot = retry.slot
        target = sock.target
        if target.last(sock.attempt) or pending.result.cancelled:
            if retry is not None:
                failure = retry.failure
                self.finish(retry)
            if failure is None:
                failure = target.timeout(sock.attempt)
            target.add_in_flight(-1)
            if retry is not None and retry.held is not None:
                retry.held()
                return None
            self._record_failure(pending, name, slot, failure)
            if failure.outcome.transport_failed:
                target.breaker.failure()
            return None
        if retry is None:
            retry = Retry(pending, name, slot, target)
            pending.result.retries.add(retry)
            retry.failure = failure
        retry.attempt = sock.attempt + 1
        return retry

    def _record_failure(self, pending: PendingBatch, name: bytes, slot: int, failure: QueryFailure) -> None:
        columns = self._table.columns
        if slot >= 0 and columns.enabled[slot] and columns.expected[slot] == outcome_code(failure.outcome):
            self._table.address_metrics.rtts[slot], self._table.address_metrics.expires[slot] = -1.0, 0
            pending.result.failures[slot] = failure
            self._stats.failed(pending.server, failure.outcome)
            pending.result.add_unchanged(slot, b"")
            return
        columns.failed(slot, failure.outcome)
        seen = failed(pending.query(name), failure, self._table.at)
        self._stats.note(seen)
        pending.result.add_changed(slot, seen)

    def finish(self, retry: Retry) -> None:
        """No answer to it is waited for any more, on any socket."""
        retry.done = True
        retry.pending.result.retries.discard(retry)
        for sock, number in retry.awaited:
            sock.late.pop(number, None)
            self._pool.release_if_idle(sock, self._table.now)
