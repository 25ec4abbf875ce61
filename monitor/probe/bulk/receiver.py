"""Receives every octet that comes in over UDP for the engine, and tells what is unchanged."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from checks.model import NO_ANSWER, Observation, Query, Transport
from monitor.clock import monotonic
from monitor.probe.bulk.fingerprints import ANSWERED, FingerprintTable
from monitor.probe.bulk.socket_pool import SocketPool
from monitor.probe.bulk.target import NO_EDNS_ATTEMPT, Entry, PendingBatch, PooledSocket, Retry, Target
from monitor.probe.bulk.timeouts import TimeoutHandler
from monitor.probe.client.observations import answered
from monitor.probe.client.result_stream import Suspicion
from monitor.probe.client.sockets import theirs
from monitor.probe.message import quick_response, soa_response
from monitor.probe.message import response as complete_reader
from monitor.probe.message.request import SOA, Request, question
from monitor.probe.message.response import NO_EDNS, Answer, Match, Unmatched
from monitor.probe.message.soa_forms import FormedAnswer, SoaForm, SoaForms
from monitor.probe.message.wire import HEADER, Malformed
from monitor.probe.stats import ProbeStats

MAX_RESPONSE = 2048
"""Octets read of a packet; we offer 1232, and whoever sends more is rechecked by DnsClient."""

MAX_PACKETS_PER_TURN = 256
"""Packets received from one socket before the next has its turn."""


@dataclass(slots=True)
class SuspectResponse:
    """A query whose response is to be rechecked by DnsClient, and the slot its result is for."""

    pending: PendingBatch
    slot: int
    query: Query
    suspicion: Suspicion = Suspicion.NONE
    stray: bytes | None = None
    """The packet that was discarded, and why."""
    why: str = ""


class Receiver:
    """Receives and matches responses."""

    def __init__(self, table: FingerprintTable, stats: ProbeStats, pool: SocketPool, timeouts: TimeoutHandler) -> None:
        self._table = table
        self._stats = stats
        self._pool = pool
        self._timeouts = timeouts
        self._forms = SoaForms()
        self.suspects: list[SuspectResponse] = []

    def receive_all(self, sock: PooledSocket) -> None:  # noqa: C901  # unrolled: a call per packet costs as much as all this
        """Everything that waits at one socket. The hot loop: see ``engine``."""
        columns, address_metrics, micro = self._table.columns, self._table.address_metrics, self._table.micro
        fingerprints, expire_offsets, min_expires = columns.fingerprints, columns.expire_offsets, columns.min_expires
        rtts, expires = address_metrics.rtts, address_metrics.expires
        take, recv = sock.queries.pop, sock.recv
        now = monotonic()
        then, rtt, count, total = -1.0, 0.0, 0, 0
        whose: PendingBatch | Retry | None = None
        unchanged: Callable[[int], None] = list[int]().append
        keep: Callable[[bytes], None] = list[bytes]().append
        for _ in range(MAX_PACKETS_PER_TURN):
            try:
                wire = recv(MAX_RESPONSE)
            except BlockingIOError:
                break
            except OSError as error:
                self._timeouts.socket_failed(sock, theirs(error, "answer"), now)
                break
            entry = take(wire[:2], None)
            if entry is None:
                self._unexpected(sock, wire, now)
                if sock.closed:
                    break
                continue
            slot, _, sent, pending = entry
            expire_offset = expire_offsets[slot]
            if expire_offset:
                if fingerprints[slot] != hash(wire[2:expire_offset] + wire[expire_offset + 4 :]):
                    self._changed(sock, entry, wire, now)
                    continue
                left = int.from_bytes(wire[expire_offset : expire_offset + 4], "big")
                if left < min_expires[slot]:
                    self._changed(sock, entry, wire, now)
                    continue
                expires[slot] = micro + left * 1_000_000
            elif fingerprints[slot] != hash(wire[2:]):
                self._changed(sock, entry, wire, now)
                continue
            if sent != then or pending is not whose:
                if count:
                    self._stats.answered(sock.target.server, rtt, count)
                    total += count
                then, rtt, count, whose = sent, now - sent, 0, pending
                pending.result.note_unchanged()  # type: ignore[union-attr]  # not a Retry: its slot is -1
                unchanged, keep = pending.unchanged.append, pending.wires.append  # type: ignore[union-attr]  # not a Retry: its slot is -1
            count += 1
            rtts[slot] = rtt
            unchanged(slot)
            keep(wire)
        if count:
            self._stats.answered(sock.target.server, rtt, count)
            sock.target.add_in_flight(-total - count)
            sock.target.responded()
        if not sock.queries:
            self._pool.release_if_idle(sock, now)

    # --- what has changed ---

    def _changed(self, sock: PooledSocket, entry: Entry, wire: bytes, now: float) -> None:
        """An answer, if it is one, that is not octet for octet what was expected."""
        slot, name, sent, pending = entry
        target, rtt = sock.target, now - sent
        retry: Retry | None = None
        if isinstance(pending, Retry):
            retry = pending
            if retry.done:
                return
            slot = retry.slot
            self._timeouts.finish(retry)
            pending = retry.pending
        target.add_in_flight(-1)
        target.responded()
        template = pending.template
        form = self._forms.find(wire, name) if template.rtype == SOA else None
        if form is not None:
            found: quick_response.Outline | None = form.outline
        else:
            found = quick_response.outline(wire, name + template.section, template.rtype)
        if sock.edns and slot >= 0 and self._is_unchanged(slot, wire, found):
            self._stats.answered(target.server, rtt, 1)
            self._table.address_metrics.rtts[slot] = rtt
            pending.result.add_unchanged(slot, wire)
            return
        if form is not None and pending.formed and sock.edns and retry is None:
            self._fingerprint(slot, wire, found)
            self._stats.answered(target.server, rtt, 1)
            pending.result.add_formed(slot, FormedAnswer(form, *form.values(wire), rtt, self._table.micro))
            return
        query = pending.query(name) if retry is None else retry.query
        answer = self._usual_answer(wire, name, pending.text(query), form, found)
        suspect: SuspectResponse | None = None
        if answer is None:
            suspect = SuspectResponse(pending, slot, query)
            answer = self._read(wire, suspect)
        fails = answer is not None and answer.fails(apex=query.qname == query.zone)
        if retry is not None and retry.held is not None and (answer is None or fails):
            retry.held()
            return
        plain = sock.attempt == NO_EDNS_ATTEMPT
        if answer is None or answer.truncated or (sock.edns and answer.rcode in NO_EDNS) or plain:
            self._recheck(suspect or SuspectResponse(pending, slot, query))
            return
        without_edns = "" if sock.edns else NO_ANSWER
        seen = answered(query, answer, rtt, Transport.UDP, len(wire), self._table.at, without_edns)
        if not sock.edns:
            self._table.columns.forget(slot)  # the next time it is asked with EDNS first
            self._stats.answered(target.server, rtt, 1)
            pending.result.add_changed(slot, seen)
        elif fails:
            held = partial(self._record_changed, pending, slot, wire, found, seen)
            self._without_edns(target, pending, name, slot, query, held)
        else:
            self._record_changed(pending, slot, wire, found, seen)

    def _usual_answer(
        self, wire: bytes, name: bytes, text: str, form: SoaForm | None, found: quick_response.Outline | None
    ) -> Answer | None:
        """What the quick readers say, from which a form is learned; None where they decline."""
        if form is not None:
            return form.answer(text, *form.values(wire))
        answer = quick_response.to_answer(wire, text, found)
        if answer is not None and isinstance(found, soa_response.SoaOutline):
            self._forms.learn(wire, name, found, answer)
        return answer

    def _record_changed(
        self,
        pending: PendingBatch,
        slot: int,
        wire: bytes,
        found: quick_response.Outline | None,
        seen: Observation,
    ) -> None:
        """Reports an answer to a query with EDNS, and keeps its fingerprints."""
        self._fingerprint(slot, wire, found)
        self._stats.answered(pending.server, seen.rtt or 0.0, 1)
        pending.result.add_changed(slot, seen)

    def _fingerprint(self, slot: int, wire: bytes, found: quick_response.Outline | None) -> None:
        """Keeps what stands for an answer."""
        if slot >= 0:
            offset = found.expire_offset if isinstance(found, soa_response.SoaOutline) else 0
            said = quick_response.content_fingerprint(wire, found)
            self._table.columns.answered(slot, soa_response.fingerprint(wire, offset), said, offset)

    def _without_edns(
        self, target: Target, pending: PendingBatch, name: bytes, slot: int, query: Query, held: Callable[[], None]
    ) -> None:
        """An error may be meant for EDNS: it is reported unless the query without it gets something better."""
        retry = Retry(pending, name, slot, target)
        retry.attempt = NO_EDNS_ATTEMPT
        retry.hold(query, held)
        pending.result.retries.add(retry)
        target.retries.append(retry)
        target.add_in_flight(1)

    def _read(self, wire: bytes, suspect: SuspectResponse) -> Answer | None:
        """The answer by the complete reader; None where DnsClient is to ask again."""
        if len(wire) >= MAX_RESPONSE:
            return None
        asked = question(suspect.query)
        request = Request(asked, int.from_bytes(wire[:2], "big"), b"", edns=True)
        try:
            complete_reader.require_match(wire, request)
            answer = complete_reader.read(wire, asked)
        except Unmatched as reason:
            self._stats.discard(suspect.pending.server)
            suspect.suspicion, suspect.stray, suspect.why = Suspicion.FORGED, wire, str(reason)
            return None
        except Malformed:
            if complete_reader.is_truncated(wire):
                suspect.suspicion = Suspicion.TRUNCATED
            else:
                self._stats.discard(suspect.pending.server)
            return None
        if answer.truncated:
            suspect.suspicion = Suspicion.TRUNCATED
        return answer

    def _is_unchanged(self, slot: int, wire: bytes, found: quick_response.Outline | None) -> bool:
        """Whether it says the same in other octets."""
        columns = self._table.columns
        if not columns.enabled[slot] or columns.expected[slot] != ANSWERED:
            return False
        said = quick_response.content_fingerprint(wire, found)
        if not said or columns.content_fingerprints[slot] != said:
            return False
        if not isinstance(found, soa_response.SoaOutline) or not found.expire_offset:
            self._table.address_metrics.expires[slot] = 0
            return True
        left = int.from_bytes(wire[found.expire_offset : found.expire_offset + 4], "big")
        self._table.address_metrics.expires[slot] = self._table.micro + left * 1_000_000
        return left >= columns.min_expires[slot]

    def _recheck(self, suspect: SuspectResponse) -> None:
        """DnsClient asks again; its observation is the result."""
        self._table.columns.forget(suspect.slot)
        self.suspects.append(suspect)

    def _unexpected(self, sock: PooledSocket, wire: bytes, now: float) -> None:
        """No query in flight has this id: it is late, or comes twice, or is forged."""
        known = sock.late.get(wire[:2])
        if known is not None:
            sent, retry = known
            self._changed(sock, (-1, retry.name, sent, retry), wire, now)
            return
        self._stats.discard(sock.target.server)
        asked = wire[12:].lower()
        waiting: list[tuple[bytes | None, Entry]] = [*sock.queries.items()]
        waiting += [(None, (-1, retry.name, sent, retry)) for sent, retry in sock.late.values()]
        is_response = len(wire) > 16 and wire[2] & 0xF8 == 0x80 and wire[4:6] == b"\0\1"
        if is_response:  # to one question, so it makes no other suspect
            waiting = [(number, entry) for number, entry in waiting if asked.startswith(entry[1])]
        for number, entry in waiting:
            if number is not None:
                del sock.queries[number]
            self._suspect(sock, entry, wire)
        if not is_response:
            self._pool.close(sock)

    def _suspect(self, sock: PooledSocket, entry: Entry, wire: bytes) -> None:
        slot, name, _, pending = entry
        query: Query | None = None
        if isinstance(pending, Retry):
            if pending.done:
                return
            slot, query = pending.slot, pending.query
            self._timeouts.finish(pending)
            pending = pending.pending
        sock.target.add_in_flight(-1)
        why = str(Unmatched(Match.MISMATCH if len(wire) >= HEADER.size else Match.MALFORMED))
        self._recheck(SuspectResponse(pending, slot, query or pending.query(name), Suspicion.FORGED, wire, why))
