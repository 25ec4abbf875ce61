"""Gives up what has not come back, or has it asked once more."""

from collections.abc import Callable

from checks.model import Outcome
from monitor.probe.bulk.fingerprints import FingerprintTable, code
from monitor.probe.bulk.observations import failed
from monitor.probe.bulk.socket_pool import SocketPool
from monitor.probe.bulk.target import BatchResult, Entry, PendingBatch, PooledSocket, Retry, Target
from monitor.probe.client.observations import QueryFailure
from monitor.probe.stats import Counts

PAUSE = 0.2
"""Seconds until a closed port is tried again."""

_NOBODY = frozenset({Outcome.TIMEOUT, Outcome.UNREACHABLE, Outcome.REFUSED_CONNECTION})


class TimeoutHandler:
    """Ends what nothing came of, or begins a trial of it."""

    def __init__(
        self,
        known: FingerprintTable,
        counts: Counts,
        harbour: SocketPool,
        later: Callable[[Retry, PooledSocket, float], None],
    ) -> None:
        """``later`` is told of a trial whose port failed, and in how many seconds it may be asked again."""
        self._known = known
        self._counts = counts
        self._harbour = harbour
        self._later = later

    def give_up(self, port: PooledSocket, until: float, now: float) -> None:
        """What was asked before that, and is still not answered."""
        flight = port.flight
        while flight:
            number = next(iter(flight))
            entry = flight[number]
            if entry[2] > until:
                return
            del flight[number]
            trial = self._trial(port, entry)
            if trial is None:
                continue
            port.late[number] = (entry[2], trial)
            trial.askings.append((port, number))
            port.gate.again.append(trial)
        if not port.room(now):
            self._harbour.retire(port)
        self._harbour.rest(port, now)

    def unasked(self, load: PendingBatch, name: bytes, ref: int, failure: QueryFailure) -> None:
        """It could not even be sent."""
        self._failed(load, name, ref, failure)

    def untried(self, trial: Retry, gate: Target, failure: QueryFailure) -> None:
        """It could not be sent again."""
        self.end(trial)
        gate.busy -= 1
        if trial.held is not None:
            trial.held()
        else:
            self._failed(trial.load, trial.name, trial.ref, failure)

    def forget(self, tray: BatchResult) -> list[tuple[PendingBatch, bytes, int]]:
        """Takes out what is in flight for it, and says what that is. What has an answer already is told."""
        found: list[tuple[PendingBatch, bytes, int]] = []
        for trial in [*tray.trials]:
            self.end(trial)
            trial.gate.busy -= 1
            if trial.held is not None:
                trial.held()
            else:
                found.append((trial.load, trial.name, trial.ref))
        for port in self._harbour.all():
            for number, (ref, name, _, load) in [*port.flight.items()]:
                if isinstance(load, PendingBatch) and load.tray is tray:
                    del port.flight[number]
                    port.gate.busy -= 1
                    found.append((load, name, ref))
            self._harbour.rest(port, self._known.now)
        return found

    def broken(self, port: PooledSocket, failure: QueryFailure, now: float) -> None:
        """The network says that nobody is there; it does not say to which of the queries."""
        entries = [*port.flight.values()]
        port.flight.clear()
        pause = min(port.wait, PAUSE) if failure.outcome is Outcome.REFUSED_CONNECTION else port.wait
        for entry in entries:
            trial = self._trial(port, entry, failure)
            if trial is not None:
                self._later(trial, port, pause)
        port.late.clear()  # asked again already, and from elsewhere
        self._harbour.close(port)  # an error that is still queued would make it readable for ever

    def _trial(self, port: PooledSocket, entry: Entry, failure: QueryFailure | None = None) -> Retry | None:
        """What is to be asked again; None when that was the last time, or it is over."""
        ref, name, _, load = entry
        trial: Retry | None = None
        if isinstance(load, Retry):
            trial, load = load, load.load
            if trial.over:
                return None
            trial.failure = failure or trial.failure
            ref = trial.ref
        gate = port.gate
        if gate.last(port.attempt) or load.tray.over:
            if trial is not None:
                failure = trial.failure
                self.end(trial)
            if failure is None:
                failure = gate.timeout(port.attempt)
            gate.busy -= 1
            if trial is not None and trial.held is not None:
                trial.held()
                return None
            self._failed(load, name, ref, failure)
            if failure.outcome in _NOBODY:
                gate.missed()
            return None
        if trial is None:
            trial = Retry(load, name, ref, gate)
            load.tray.trials.add(trial)
            trial.failure = failure
        trial.attempt = port.attempt + 1
        return trial

    def _failed(self, load: PendingBatch, name: bytes, ref: int, failure: QueryFailure) -> None:
        columns = self._known.columns
        if ref >= 0 and columns.armed[ref] and columns.expected[ref] == code(failure.outcome):
            self._known.address_metrics.rtts[ref], self._known.address_metrics.expires[ref] = -1.0, 0
            load.tray.silent[ref] = failure
            self._counts.failed(load.server, failure.outcome)
            load.same.append(ref)
            load.wires.append(b"")
            return
        columns.silent(ref, failure.outcome)
        seen = failed(load.query(name), failure, self._known.at)
        self._counts.note(seen)
        load.tray.odd.append((ref, seen))

    def end(self, trial: Retry) -> None:
        """Wherever else an answer to it may come in, it is not waited for any more."""
        trial.over = True
        trial.load.tray.trials.discard(trial)
        for port, number in trial.askings:
            port.late.pop(number, None)
            self._harbour.rest(port, self._known.now)
