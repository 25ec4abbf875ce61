"""Sends what may go out now."""

from collections.abc import Callable
from itertools import repeat

from checks.model import Outcome
from monitor.probe.bulk.socket_pool import SocketPool
from monitor.probe.bulk.target import CLUMP, GROUP, LATER, ONCE, WHOLE_NOT, PendingBatch, PooledSocket, Retry, Target
from monitor.probe.bulk.timeouts import TimeoutHandler
from monitor.probe.client.observations import QueryFailure
from monitor.probe.client.sockets import Unasked, ours, theirs
from monitor.probe.client.target_queue import HALF_OPEN_PROBES

SOON, REST = 0.001, 0.01
"""Seconds until a gate is looked at again: when answers are awaited, and at most for its server's rate."""

LATEST = 4
"""Ports that are tried for room before another is opened."""


class Sender:
    """Sends what a gate has, as far as its window, its server's rate and the system allow."""

    def __init__(
        self, harbour: SocketPool, silence: TimeoutHandler, expire: Callable[[PooledSocket, float], None]
    ) -> None:
        """``expire`` is told of the ports that something was sent from, and when."""
        self._harbour = harbour
        self._silence = silence
        self._expire = expire

    def feed(self, gate: Target, now: float) -> float:
        """Sends one group and all trials that are due. Seconds until it is worth coming again; 0.0: at once."""
        while gate.again:
            if not self._again(gate, gate.again[0], now):
                return SOON
            gate.again.popleft()
        while gate.loads and (gate.loads[0].tray.over or gate.loads[0].next >= len(gate.loads[0].names)):
            gate.loads.popleft()
        if not gate.loads:
            for port in [port for ports in gate.ports.values() for port in ports]:
                self._harbour.rest(port, now)
            return -1.0
        load = gate.loads[0]
        room = gate.room()
        left = len(load.names) - load.next
        if room < CLUMP and room < left:
            return SOON
        attempt = gate.attempt
        most = min(room, GROUP, self._run(load))
        if gate.silent and attempt != ONCE:
            most = min(most, HALF_OPEN_PROBES - gate.busy)
        count = gate.bucket.take(most)
        if not count:
            return max(SOON, min(REST, gate.bucket.wait()))
        gate.loads.rotate(-1)  # a few questions need not wait for very many
        went = self._group(gate, load, attempt, count, now)
        if went < count:
            gate.bucket.back(count - went)
        return 0.0 if went else SOON

    def _run(self, load: PendingBatch) -> int:
        while load.ends[-1] <= load.next:
            load.ends.pop()
        return load.ends[-1] - load.next

    def _group(self, gate: Target, load: PendingBatch, attempt: int, most: int, now: float) -> int:
        """How many of a load have gone, or have come to their end."""
        start = load.next
        port = self._port(gate, attempt, now)
        if isinstance(port, QueryFailure):
            for place in range(start, start + most):
                self._silence.unasked(load, load.names[place], load.refs[place], port)
            load.next = start + most
            return most
        if port is None:
            return 0
        count = min(most, port.room(now))
        ids = port.ids(count)
        names, refs = load.names[start : start + count], load.refs[start : start + count]
        port.flight.update(zip(ids, zip(refs, names, repeat(now), repeat(load), strict=False), strict=True))
        sent, error = self._send(gate, port, ids, names, load.kind.tail if port.edns else load.kind.section)
        for number in ids[sent:]:
            del port.flight[number]
        port.asked += sent
        gate.busy += sent
        load.next = start + sent
        if sent:
            gate.starved = None
            self._expire(port, now)
        if error is not None:
            sent += self._trouble(gate, port, load, error, now)
        return sent

    def _send(
        self, gate: Target, port: PooledSocket, ids: list[bytes], names: list[bytes], tail: bytes
    ) -> tuple[int, OSError | None]:
        if gate.whole and port.edns and len(ids) > 1:
            try:
                port.send_all(ids, names, tail)
            except OSError as error:
                if error.errno not in WHOLE_NOT:
                    return 0, error
                gate.whole = False
            else:
                return len(ids), None
        return port.send(ids, names, tail)

    def _trouble(self, gate: Target, port: PooledSocket, load: PendingBatch, error: OSError, now: float) -> int:
        """The next of the load could not be sent. Says how many have come to their end by that."""
        if error.errno in LATER:
            if gate.starved is None:
                gate.starved = now
            if now - gate.starved < gate.wait(ONCE):
                return 0
        elif port.asked:  # it may be what the network said of an earlier one, so a fresh port is to tell
            self._silence.broken(port, theirs(error, "answer"), now)
            return 0
        self._harbour.rest(port, now)
        place = load.next
        load.next += 1
        self._silence.unasked(load, load.names[place], load.refs[place], ours(error, "send"))
        return 1

    def _again(self, gate: Target, trial: Retry, now: float) -> bool:
        """Whether a trial need not be kept any longer: it was sent, or has ended."""
        if trial.over:
            return True
        load = trial.load
        port = self._port(gate, trial.attempt, now)
        if port is None:
            return False
        if isinstance(port, QueryFailure):
            failure = port
        else:
            (number,) = port.ids(1)
            gate.bucket.spend()
            sent, error = port.send([number], [trial.name], load.kind.tail if port.edns else load.kind.section)
            port.asked += sent
            if error is None:
                port.flight[number] = (-1, trial.name, now, trial)
                self._expire(port, now)
                return True
            if error.errno in LATER:
                return False
            if port.asked:
                self._silence.broken(port, theirs(error, "answer"), now)
                return False
            self._harbour.rest(port, now)
            failure = ours(error, "send")
        self._silence.untried(trial, gate, failure)
        return True

    def _port(self, gate: Target, attempt: int, now: float) -> PooledSocket | QueryFailure | None:
        """The latest that has room, or a fresh one. None: there is no descriptor now."""
        for port in gate.ports.get(attempt, [])[-LATEST:]:
            if port.room(now) > 0:
                return port
            if port.spent(now):
                self._harbour.retire(port)
                self._harbour.rest(port, now)
        try:
            return self._harbour.open(gate, attempt, now)
        except Unasked as reason:
            return QueryFailure(Outcome.UNASKED, str(reason))
        except BlockingIOError:
            if gate.starved is None:
                gate.starved = now
            patience = gate.wait(ONCE)
            if now - gate.starved < patience:
                return None
            return QueryFailure(Outcome.UNASKED, f"no descriptor became free within {patience:g} s")
        except OSError as error:
            return ours(error, "send")
