"""Does this address say what it said before? Every octet that comes in over UDP for the engine passes here."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from checks.model import Outcome, Query
from monitor.canvass import Ticks
from monitor.clock import monotonic
from monitor.probe import answer as complete
from monitor.probe import wire as usual
from monitor.probe.answer import Answer, Fit
from monitor.probe.columns import ANSWER, Columns, code
from monitor.probe.counts import Counts
from monitor.probe.exchange import NO_EDNS
from monitor.probe.found import Failure
from monitor.probe.gate import Gate
from monitor.probe.harbour import Harbour
from monitor.probe.port import Entry, Port
from monitor.probe.question import SOA, Ask, question
from monitor.probe.says import failed, said
from monitor.probe.sockets import theirs
from monitor.probe.volley import Load, Tray, Trial
from monitor.probe.walk import HEADER, Malformed

LARGE = 2048
"""Octets read of a packet; we offer 1232, and whoever sends more is asked by the other prober."""

MOST = 256
"""Packets taken off one port before the next has its turn."""

PAUSE = 0.2
"""Seconds until a closed port is tried again."""

OTHER, SHORT = "another id or question than was asked", "shorter than a header"

_NOBODY = frozenset({Outcome.TIMEOUT, Outcome.UNREACHABLE, Outcome.REFUSED_CONNECTION})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Doubt:
    """For the other prober to tell: whose query it is, and by which ref it is known there."""

    load: Load
    ref: int
    query: Query
    forged: bool
    """UDP is not to be believed where TCP can tell."""
    stray: bytes | None = None
    """What was thrown away, and why."""
    why: str = ""


class Hearing:
    """Takes in what came, and what did not come."""

    def __init__(self, counts: Counts, harbour: Harbour, later: Callable[[Trial, Port, float], None]) -> None:
        """``later`` is told of a trial whose port failed, and in how many seconds it may be asked again."""
        self._counts = counts
        self._harbour = harbour
        self._later = later
        self.columns = Columns()
        self.ticks = Ticks()
        self.doubts: list[Doubt] = []
        self.at = _EPOCH
        self._micro = 0
        self._now = 0.0

    def begin(self, at: datetime, now: float) -> None:
        """What comes from now on came at this time."""
        self.at, self._now = at, now
        self._micro = round((at - _EPOCH).total_seconds() * 1e6)

    def drain(self, port: Port) -> None:  # noqa: C901  # unrolled: a call per packet costs as much as all this
        """Everything that waits at one port. The loop for which all the rest is built: see monitor.probe.udp."""
        columns, ticks, micro = self.columns, self.ticks, self._micro
        prints, cuts, armed, floors = columns.prints, columns.cuts, columns.armed, columns.floors
        rtts, expires = ticks.rtts, ticks.expires
        take, recv = port.flight.pop, port.recv
        now = monotonic()
        then, rtt, count, total = -1.0, 0.0, 0, 0
        for _ in range(MOST):
            try:
                wire = recv(LARGE)
            except BlockingIOError:
                break
            except OSError as error:
                self.broken(port, theirs(error, "answer"), now)
                break
            entry = take(wire[:2], None)
            if entry is None:
                self._stray(port, wire, now)
                if port.closed:
                    break
                continue
            ref, _, sent, load = entry
            cut = cuts[ref]
            if prints[ref] != (hash(wire[2:cut] + wire[cut + 4 :]) if cut else hash(wire[2:])) or not armed[ref]:
                self._odd(port, entry, wire, now)
                continue
            if cut:
                left = int.from_bytes(wire[cut : cut + 4], "big")
                if left < floors[ref]:
                    self._odd(port, entry, wire, now)
                    continue
                expires[ref] = micro + left * 1_000_000
            if sent != then:
                if count:
                    self._counts.answered(port.gate.server, rtt, count)
                then, rtt, count = sent, now - sent, 0
            count += 1
            total += 1
            rtts[ref] = rtt
            load.same.append(ref)  # type: ignore[union-attr]  # a trial's ref is -1, and that is never armed
            load.wires.append(wire)  # type: ignore[union-attr]
        if count:
            self._counts.answered(port.gate.server, rtt, count)
            port.gate.busy -= total
            port.gate.heard()
        if not port.flight:
            self._harbour.rest(port, now)

    def give_up(self, port: Port, until: float, now: float) -> None:
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

    def unasked(self, load: Load, name: bytes, ref: int, failure: Failure) -> None:
        """It could not even be sent."""
        self._failed(load, name, ref, failure)

    def untried(self, trial: Trial, gate: Gate, failure: Failure) -> None:
        """It could not be sent again."""
        self._end(trial)
        gate.busy -= 1
        self._failed(trial.load, trial.name, trial.ref, failure)

    def forget(self, tray: Tray) -> list[tuple[Load, bytes, int]]:
        """Takes out what is in flight for it, and says what that is."""
        found: list[tuple[Load, bytes, int]] = []
        for trial in [*tray.trials]:
            self._end(trial)
            trial.gate.busy -= 1
            found.append((trial.load, trial.name, trial.ref))
        for port in self._harbour.all():
            for number, (ref, name, _, load) in [*port.flight.items()]:
                if isinstance(load, Load) and load.tray is tray:
                    del port.flight[number]
                    port.gate.busy -= 1
                    found.append((load, name, ref))
            self._harbour.rest(port, self._now)
        return found

    # --- what is not as it was ---

    def _odd(self, port: Port, entry: Entry, wire: bytes, now: float) -> None:
        """An answer, if it is one, that is not octet for octet what was expected."""
        ref, name, sent, load = entry
        gate, rtt = port.gate, now - sent
        if isinstance(load, Trial):
            if load.over:
                return
            ref = load.ref
            self._end(load)
            load = load.load
        gate.busy -= 1
        found = usual.outline(wire, name + load.kind.section) if load.kind.rtype == SOA else None
        if found is not None and port.edns and ref >= 0 and self._same(ref, wire, found):
            gate.heard()
            self._counts.answered(gate.server, rtt, 1)
            self.ticks.rtts[ref] = rtt
            load.same.append(ref)
            load.wires.append(wire)
            return
        doubt = Doubt(load, ref, load.query(name), forged=False)
        answer = self._understood(wire, found, doubt)
        if answer is not None:
            gate.heard()
        if answer is None or answer.truncated or (answer.rcode in NO_EDNS and port.edns):
            self._hand_over(doubt)
            return
        self._remember(ref, wire, found, port)
        note = "" if port.edns else "no answer when asked with EDNS"
        seen = said(doubt.query, answer, rtt, self.at, len(wire), note)
        self._counts.note(seen)
        load.tray.odd.append((ref, seen))

    def _understood(self, wire: bytes, found: usual.Outline | None, doubt: Doubt) -> Answer | None:
        """What it says; None where the other prober is to hear it for itself."""
        answer = usual.told(wire, doubt.load.text(doubt.query), found) if found is not None else None
        if answer is not None or len(wire) >= LARGE:
            return answer
        asked = question(doubt.query)
        fit = complete.fit(wire, Ask(asked, int.from_bytes(wire[:2], "big"), b"", edns=True))
        if fit is not Fit.RIGHT:
            self._counts.discard(doubt.load.server)
            doubt.forged, doubt.stray, doubt.why = True, wire, OTHER if fit is Fit.STRANGE else SHORT
            return None
        try:
            answer = complete.read(wire, asked)
        except Malformed:
            doubt.forged = complete.cut(wire)
            if not doubt.forged:
                self._counts.discard(doubt.load.server)
            return None
        doubt.forged = answer.truncated
        return answer

    def _remember(self, ref: int, wire: bytes, found: usual.Outline | None, port: Port) -> None:
        if not port.edns:
            self.columns.unclear(ref)  # the next time it is asked with EDNS first
        elif found is not None:
            head = usual.head(wire, found) if found.soa else 0
            self.columns.answered(ref, usual.whole(wire, found.cut), head, found.cut)
        else:
            self.columns.answered(ref, usual.whole(wire, 0), 0, 0)

    def _same(self, ref: int, wire: bytes, found: usual.Outline) -> bool:
        columns = self.columns
        if not columns.armed[ref] or columns.expected[ref] != ANSWER or not found.soa:
            return False
        if columns.heads[ref] != usual.head(wire, found):
            return False
        if not found.cut:
            self.ticks.expires[ref] = 0
            return True
        left = int.from_bytes(wire[found.cut : found.cut + 4], "big")
        self.ticks.expires[ref] = self._micro + left * 1_000_000
        return left >= columns.floors[ref]

    def _hand_over(self, doubt: Doubt) -> None:
        """To the other prober, to ask anew; it says all there is to say of it."""
        self.columns.unclear(doubt.ref)
        self.doubts.append(doubt)

    def _stray(self, port: Port, wire: bytes, now: float) -> None:
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

    def _disturbed(self, port: Port, entry: Entry, wire: bytes) -> None:
        ref, name, _, load = entry
        if isinstance(load, Trial):
            if load.over:
                return
            ref = load.ref
            self._end(load)
            load = load.load
        port.gate.busy -= 1
        why = OTHER if len(wire) >= HEADER.size else SHORT
        self._hand_over(Doubt(load, ref, load.query(name), True, wire, why))

    # --- what did not come ---

    def broken(self, port: Port, failure: Failure, now: float) -> None:
        """The network says that nobody is there; it does not say to which of the queries."""
        entries = [*port.flight.values()]
        port.flight.clear()
        pause = min(port.wait, PAUSE) if failure.outcome is Outcome.REFUSED_CONNECTION else port.wait
        for entry in entries:
            trial = self._trial(port, entry, failure)
            if trial is not None:
                self._later(trial, port, pause)
        if port.late:
            self._harbour.retire(port)
        else:
            self._harbour.close(port)

    def _trial(self, port: Port, entry: Entry, failure: Failure | None = None) -> Trial | None:
        """What is to be asked again; None when that was the last time, or it is over."""
        ref, name, _, load = entry
        trial: Trial | None = None
        if isinstance(load, Trial):
            trial, load = load, load.load
            if trial.over:
                return None
            trial.failure = failure or trial.failure
            ref = trial.ref
        gate = port.gate
        if gate.last(port.attempt) or load.tray.over:
            if trial is not None:
                failure = trial.failure
                self._end(trial)
            asked = 1 if port.attempt < 0 else port.attempt + 1
            text = f"no answer to {asked} askings within {gate.patience(port.attempt):g} s"
            gate.busy -= 1
            self._failed(load, name, ref, failure or Failure(Outcome.TIMEOUT, text))
            if (failure.outcome if failure else Outcome.TIMEOUT) in _NOBODY:
                gate.missed()
            return None
        if trial is None:
            trial = Trial(load, name, ref, gate)
            load.tray.trials.add(trial)
            trial.failure = failure
        trial.attempt = port.attempt + 1
        return trial

    def _failed(self, load: Load, name: bytes, ref: int, failure: Failure) -> None:
        columns = self.columns
        if ref >= 0 and columns.armed[ref] and columns.expected[ref] == code(failure.outcome):
            self.ticks.rtts[ref], self.ticks.expires[ref] = -1.0, 0
            load.tray.silent[ref] = failure
            self._counts.failed(load.server, failure.outcome)
            load.same.append(ref)
            load.wires.append(b"")
            return
        columns.silent(ref, failure.outcome)
        seen = failed(load.query(name), failure, self.at)
        self._counts.note(seen)
        load.tray.odd.append((ref, seen))

    def _end(self, trial: Trial) -> None:
        """Wherever else an answer to it may come in, it is not waited for any more."""
        trial.over = True
        trial.load.tray.trials.discard(trial)
        for port, number in trial.askings:
            port.late.pop(number, None)
            self._harbour.rest(port, self._now)
