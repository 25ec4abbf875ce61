"""Receives every octet that comes in over UDP for the engine, and tells what is unchanged."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from checks.model import NO_ANSWER, Observation, Query
from monitor.clock import monotonic
from monitor.probe.bulk.fingerprints import ANSWER, FingerprintTable
from monitor.probe.bulk.observations import said
from monitor.probe.bulk.socket_pool import SocketPool
from monitor.probe.bulk.target import PLAIN, Entry, PendingBatch, PooledSocket, Retry, Target
from monitor.probe.bulk.timeouts import TimeoutHandler
from monitor.probe.client.exchange import NO_EDNS
from monitor.probe.client.result_stream import Doubted
from monitor.probe.client.sockets import theirs
from monitor.probe.message import response as complete
from monitor.probe.message import soa_response as usual
from monitor.probe.message.request import SOA, Ask, question
from monitor.probe.message.response import Answer, Fit
from monitor.probe.message.wire import HEADER, Malformed
from monitor.probe.stats import Counts

LARGE = 2048
"""Octets read of a packet; we offer 1232, and whoever sends more is asked by the other prober."""

MOST = 256
"""Packets taken off one port before the next has its turn."""

OTHER, SHORT = "another id or question than was asked", "shorter than a header"


@dataclass(slots=True)
class Doubt:
    """For the other prober to tell: whose query it is, and by which ref it is known there."""

    load: PendingBatch
    ref: int
    query: Query
    doubted: Doubted = Doubted.NOT
    stray: bytes | None = None
    """What was thrown away, and why."""
    why: str = ""


class Receiver:
    """Takes in what comes."""

    def __init__(self, known: FingerprintTable, counts: Counts, harbour: SocketPool, silence: TimeoutHandler) -> None:
        self._known = known
        self._counts = counts
        self._harbour = harbour
        self._silence = silence
        self.doubts: list[Doubt] = []

    def drain(self, port: PooledSocket) -> None:  # noqa: C901  # unrolled: a call per packet costs as much as all this
        """Everything that waits at one port. The loop for which all the rest is built: see monitor.probe.udp."""
        columns, address_metrics, micro = self._known.columns, self._known.address_metrics, self._known.micro
        prints, cuts, floors = columns.prints, columns.cuts, columns.floors
        rtts, expires = address_metrics.rtts, address_metrics.expires
        take, recv = port.flight.pop, port.recv
        now = monotonic()
        then, rtt, count, total = -1.0, 0.0, 0, 0
        whose: PendingBatch | Retry | None = None
        same: Callable[[int], None] = list[int]().append
        kept: Callable[[bytes], None] = list[bytes]().append
        for _ in range(MOST):
            try:
                wire = recv(LARGE)
            except BlockingIOError:
                break
            except OSError as error:
                self._silence.broken(port, theirs(error, "answer"), now)
                break
            entry = take(wire[:2], None)
            if entry is None:
                self._stray(port, wire, now)
                if port.closed:
                    break
                continue
            ref, _, sent, load = entry
            cut = cuts[ref]
            if cut:
                if prints[ref] != hash(wire[2:cut] + wire[cut + 4 :]):
                    self._odd(port, entry, wire, now)
                    continue
                left = int.from_bytes(wire[cut : cut + 4], "big")
                if left < floors[ref]:
                    self._odd(port, entry, wire, now)
                    continue
                expires[ref] = micro + left * 1_000_000
            elif prints[ref] != hash(wire[2:]):
                self._odd(port, entry, wire, now)
                continue
            if sent != then or load is not whose:
                if count:
                    self._counts.answered(port.gate.server, rtt, count)
                    total += count
                then, rtt, count, whose = sent, now - sent, 0, load
                same, kept = load.same.append, load.wires.append  # type: ignore[union-attr]  # no trial: its ref is -1
            count += 1
            rtts[ref] = rtt
            same(ref)
            kept(wire)
        if count:
            self._counts.answered(port.gate.server, rtt, count)
            port.gate.busy -= total + count
            port.gate.heard()
        if not port.flight:
            self._harbour.rest(port, now)

    # --- what is not as it was ---

    def _odd(self, port: PooledSocket, entry: Entry, wire: bytes, now: float) -> None:
        """An answer, if it is one, that is not octet for octet what was expected."""
        ref, name, sent, load = entry
        gate, rtt = port.gate, now - sent
        trial: Retry | None = None
        if isinstance(load, Retry):
            trial = load
            if trial.over:
                return
            ref = trial.ref
            self._silence.end(trial)
            load = trial.load
        gate.busy -= 1
        gate.heard()
        found = usual.outline(wire, name + load.kind.section) if load.kind.rtype == SOA else None
        if found is not None and port.edns and ref >= 0 and self._same(ref, wire, found):
            self._counts.answered(gate.server, rtt, 1)
            self._known.address_metrics.rtts[ref] = rtt
            load.same.append(ref)
            load.wires.append(wire)
            return
        query = load.query(name) if trial is None else trial.query
        answer = usual.told(wire, load.text(query), found) if found is not None else None
        doubt: Doubt | None = None
        if answer is None:
            doubt = Doubt(load, ref, query)
            answer = self._read(wire, doubt)
        fails = answer is not None and answer.fails(apex=query.qname == query.zone)
        if trial is not None and trial.held is not None and (answer is None or fails):
            trial.held()
        elif answer is None or answer.truncated or (port.edns and answer.rcode in NO_EDNS) or port.attempt == PLAIN:
            self._hand_over(doubt or Doubt(load, ref, query))
        elif port.edns and fails:
            held = partial(self._put, load, ref, wire, found, said(query, answer, rtt, self._known.at, len(wire)))
            self._without_edns(gate, load, name, ref, query, held)
        elif not port.edns:
            self._known.columns.unclear(ref)  # the next time it is asked with EDNS first
            self._counts.answered(gate.server, rtt, 1)
            load.tray.odd.append((ref, said(query, answer, rtt, self._known.at, len(wire), NO_ANSWER)))
        else:
            self._put(load, ref, wire, found, said(query, answer, rtt, self._known.at, len(wire)))

    def _put(self, load: PendingBatch, ref: int, wire: bytes, found: usual.Outline | None, seen: Observation) -> None:
        """Tells an answer to a question with EDNS, and remembers by what it is known again."""
        if found is not None:
            head = usual.head(wire, found) if found.soa else 0
            self._known.columns.answered(ref, usual.whole(wire, found.cut), head, found.cut)
        else:
            self._known.columns.answered(ref, usual.whole(wire, 0), 0, 0)
        self._counts.answered(load.server, seen.rtt or 0.0, 1)
        load.tray.odd.append((ref, seen))

    def _without_edns(
        self, gate: Target, load: PendingBatch, name: bytes, ref: int, query: Query, held: Callable[[], None]
    ) -> None:
        """An error may be meant for EDNS: it is told unless the question without it gets something better."""
        trial = Retry(load, name, ref, gate)
        trial.attempt = PLAIN
        trial.hold(query, held)
        load.tray.trials.add(trial)
        gate.again.append(trial)
        gate.busy += 1

    def _read(self, wire: bytes, doubt: Doubt) -> Answer | None:
        """What the complete reader says; None where the other prober is to hear it for itself."""
        if len(wire) >= LARGE:
            return None
        asked = question(doubt.query)
        fit = complete.fit(wire, Ask(asked, int.from_bytes(wire[:2], "big"), b"", edns=True))
        if fit is not Fit.RIGHT:
            self._counts.discard(doubt.load.server)
            doubt.doubted, doubt.stray, doubt.why = Doubted.FORGED, wire, OTHER if fit is Fit.STRANGE else SHORT
            return None
        try:
            answer = complete.read(wire, asked)
        except Malformed:
            if complete.cut(wire):
                doubt.doubted = Doubted.TRUNCATED
            else:
                self._counts.discard(doubt.load.server)
            return None
        if answer.truncated:
            doubt.doubted = Doubted.TRUNCATED
        return answer

    def _same(self, ref: int, wire: bytes, found: usual.Outline) -> bool:
        columns = self._known.columns
        if not columns.armed[ref] or columns.expected[ref] != ANSWER or not found.soa:
            return False
        if columns.heads[ref] != usual.head(wire, found):
            return False
        if not found.cut:
            self._known.address_metrics.expires[ref] = 0
            return True
        left = int.from_bytes(wire[found.cut : found.cut + 4], "big")
        self._known.address_metrics.expires[ref] = self._known.micro + left * 1_000_000
        return left >= columns.floors[ref]

    def _hand_over(self, doubt: Doubt) -> None:
        """To the other prober, to ask anew; it says all there is to say of it."""
        self._known.columns.unclear(doubt.ref)
        self.doubts.append(doubt)

    def _stray(self, port: PooledSocket, wire: bytes, now: float) -> None:
        """Nobody waits for this here: it is late, or comes twice, or is forged."""
        known = port.late.get(wire[:2])
        if known is not None:
            sent, trial = known
            self._odd(port, (-1, trial.name, sent, trial), wire, now)
            return
        self._counts.discard(port.gate.server)
        theirs = wire[12:].lower()
        waiting: list[tuple[bytes | None, Entry]] = [*port.flight.items()]
        waiting += [(None, (-1, trial.name, sent, trial)) for sent, trial in port.late.values()]
        nearly = len(wire) > 16 and wire[2] & 0xF8 == 0x80 and wire[4:6] == b"\0\1"
        if nearly:  # a response to one question, so it disturbs none but who asked that
            waiting = [(number, entry) for number, entry in waiting if theirs.startswith(entry[1])]
        for number, entry in waiting:
            if number is not None:
                del port.flight[number]
            self._disturbed(port, entry, wire)
        if not nearly:
            self._harbour.close(port)

    def _disturbed(self, port: PooledSocket, entry: Entry, wire: bytes) -> None:
        ref, name, _, load = entry
        query: Query | None = None
        if isinstance(load, Retry):
            if load.over:
                return
            ref, query = load.ref, load.query
            self._silence.end(load)
            load = load.load
        port.gate.busy -= 1
        why = OTHER if len(wire) >= HEADER.size else SHORT
        self._hand_over(Doubt(load, ref, query or load.query(name), Doubted.FORGED, wire, why))
