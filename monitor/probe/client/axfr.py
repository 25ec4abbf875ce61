"""AXFR (RFC 5936), read message by message: whether a server gives the zone away, and if not, why not."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from checks.common.text import plural
from checks.model import (
    IxfrAnswer,
    Observation,
    Outcome,
    Query,
    Shape,
    Soa,
    Tls,
    TransferResult,
    Transport,
    ZoneContent,
)
from monitor.clock import monotonic
from monitor.probe.client.checkzone import CheckZone, Refusal
from monitor.probe.client.tcp import Broken, Stream
from monitor.probe.client.zonemd import make_room
from monitor.probe.message import response as complete_reader
from monitor.probe.message import wire as wire_format
from monitor.probe.message.request import SOA, Request
from monitor.probe.message.response import Answer, Match
from monitor.probe.message.text import bounded, evidence
from monitor.probe.message.tsig import TsigFault, Verifier
from monitor.probe.message.wire import Malformed, MessageOutline, Record
from monitor.probe.message.zone_digest import ZoneDigest
from monitor.probe.message.zone_lines import zone_line
from monitor.probe.settings import TransferLimits

_RCODE_RESULTS = MappingProxyType(
    {
        "REFUSED": TransferResult.REFUSED,
        "NOTAUTH": TransferResult.NOTAUTH,
        "SERVFAIL": TransferResult.SERVFAIL,
    }
)
_TSIG_RESULTS = MappingProxyType(
    {
        "BADKEY": TransferResult.BADKEY,
        "BADSIG": TransferResult.BADSIG,
        "BADTIME": TransferResult.BADTIME,
        "BADALG": TransferResult.BADALG,
        "BADTRUNC": TransferResult.BADALG,
        "UNSIGNED": TransferResult.UNSIGNED,
    }
)
_STREAM_RESULTS = MappingProxyType(
    {"timeout": TransferResult.TIMEOUT, "reset": TransferResult.RESET, "closed": TransferResult.TRUNCATED}
)

LINES_PER_TURN = 200
"""Records that are written as lines before the event loop runs other tasks."""

_FRAMING_RECORDS = 2
"""Records of a transfer that are the zone's SOA: the first and the last (RFC 5936 section 2.2)."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a transfer ended, and how much of it came. ``outcome`` is ANSWERED once a message of it could be read."""

    outcome: Outcome
    transfer: TransferResult
    detail: str = ""
    answer: Answer | None = None
    rtt: float | None = None
    skew: float | None = None
    records: int = 0
    given: int = 0
    octets: int = 0
    messages: int = 0
    took: float | None = None
    """Seconds from the question to the last message; None unless it came whole."""
    evidence: bytes = b""
    content: ZoneContent | None = None
    ixfr: IxfrAnswer | None = None
    tls: Tls | None = None

    def observation(self, query: Query, at: datetime) -> Observation:
        answer = self.answer
        return Observation(
            query, self.outcome, at, rtt=self.rtt, transport=Transport.TCP if self.tls is None else Transport.TLS,
            rcode=answer.rcode if answer is not None else None,
            authoritative=answer is not None and answer.authoritative,
            shape=answer.shape if answer is not None else None, soa=answer.soa if answer is not None else None,
            ede=answer.options.ede if answer is not None else (), transfer=self.transfer, skew=self.skew,
            records=self.records, given=self.given, octets=self.octets, messages=self.messages, took=self.took,
            discarded=int(bool(self.evidence)), detail=bounded(self.detail), evidence=evidence(self.evidence),
            content=self.content, ixfr=self.ixfr, tls=self.tls,
        )  # fmt: skip


class Transfer:
    """One transfer in progress. Nothing of the zone is kept but its SOA and a few owners."""

    __slots__ = (
        "_answer",
        "_check",
        "_digest",
        "_given",
        "_limits",
        "_loop",
        "_messages",
        "_records",
        "_request",
        "_rtt",
        "_started",
        "_stream",
        "_until",
        "_verifier",
    )  # fmt: skip

    def __init__(self, stream: Stream, request: Request, verifier: Verifier | None, limits: TransferLimits) -> None:
        self._loop = asyncio.get_running_loop()
        self._stream = stream
        self._request = request
        self._verifier = verifier
        self._limits = limits
        self._started = monotonic()
        self._until = self._loop.time() + limits.deadline
        self._answer: Answer | None = None
        self._rtt: float | None = None
        self._messages = 0
        self._records = self._given = 0
        self._check: CheckZone | None = None
        self._digest: ZoneDigest | None = None

    async def permission(self, patience: float) -> Ended:
        """Reads up to the first record beside the zone's SOA, within ``patience`` seconds.

        A SOA alone gives nothing away: whoever may ask has it. PowerDNS sends it in a message of its own.
        """
        until = self._loop.time() + patience
        try:
            await self._stream.send(until, self._request.wire)
            while True:
                ended = self._take(await self._stream.message(until, patience))
                if ended is not None:
                    return ended
                if self._given:
                    return self._ended(TransferResult.ALLOWED)
                if limit := self._exceeded():
                    return self._ended(TransferResult.LIMIT, limit)
        except Broken as broken:
            return self._broken(broken)

    async def whole(self, patience: float, check: CheckZone | None = None) -> Ended:
        """Reads to the final SOA, or to one of the limits; the server may keep silent for ``patience`` seconds.

        A zone that comes to its end and that secondaries would refuse is MALFORMED. ``check`` looks at its records.
        """
        self._check = check or CheckZone(self._request.question.name)
        return await self._to_its_end(patience)

    async def content(self, patience: float, digest: ZoneDigest) -> Ended:
        """The same, for a digest of the zone, with the records that it keeps. What a secondary would refuse is not
        looked for. Unless it comes to a good end, nothing is taken from it.
        """
        self._digest = digest
        ended = await self._to_its_end(patience)
        if ended.transfer is not TransferResult.ALLOWED:
            return ended
        lines: list[str] = []
        for record in digest.kept:
            lines.append(zone_line(record))
            if len(lines) % LINES_PER_TURN == 0:
                await asyncio.sleep(0)
        return replace(ended, content=digest.content(lines))

    async def _to_its_end(self, patience: float) -> Ended:
        try:
            await self._stream.send(min(self._until, self._loop.time() + patience), self._request.wire)
            while True:
                if limit := self._exceeded():
                    return self._ended(TransferResult.LIMIT, limit)
                ended = self._take(await self._stream.message(self._until, patience))
                if ended is not None:
                    return ended
                await asyncio.sleep(0)  # a fast server must not keep everybody else waiting
                if self._digest is not None and self._digest.sorter is not None:
                    await make_room(self._digest.sorter)
        except Broken as broken:
            return self._broken(broken)

    def _exceeded(self) -> str:
        """Which of our own limits is used up."""
        limits = self._limits
        if self._loop.time() >= self._until:
            return f"not finished within {limits.deadline:g} s"
        if self._stream.octets > limits.max_octets:
            return f"more than {limits.max_octets} octets"
        if self._messages >= limits.max_messages:
            return f"more than {limits.max_messages} messages"
        if self._records > limits.max_records:
            return f"more than {limits.max_records} records"
        return ""

    def _take(self, wire: bytes) -> Ended | None:
        """One message; None: it is good, and more may follow."""
        match_with = complete_reader.match_response if self._answer is None else complete_reader.match_continuation
        if match_with(wire, self._request) is Match.MISMATCH:
            return self._unread(Outcome.MISMATCHED, "a message with another id or question than was asked", wire)
        try:
            outline = self._digest.outline(wire) if self._digest is not None else wire_format.outline(wire)
            self._messages += 1
            if self._answer is None:
                return self._open(wire, outline)
            return self._go_on(wire, outline)
        except Malformed as reason:
            return self._unread(Outcome.MALFORMED, str(reason), wire)

    def _open(self, wire: bytes, outline: MessageOutline) -> Ended | None:
        """The first message decides whether there is a transfer at all."""
        head = outline.header
        if head.answers and not head.rcode:
            answer = Answer("NOERROR", head.authoritative, head.truncated, Shape.OTHER)
        else:
            answer = complete_reader.read(wire, self._request.question)
        self._answer, self._rtt = answer, monotonic() - self._started
        fault = self._verify(wire, outline)
        if answer.error or fault is not None:
            return self._refused(answer, fault)
        if not head.answers:
            return self._ended(TransferResult.EMPTY, f"{answer.rcode}, but no record")
        if not outline.soas or outline.soas[0][0] != 0:
            return self._ended(TransferResult.MALFORMED, "the first record is not a SOA")
        soa = self._soa(wire, outline.soas[0][1])
        if soa is None:
            return self._ended(TransferResult.MALFORMED, "the first record is the SOA of another zone")
        self._answer = replace(answer, shape=Shape.RECORDS, soa=soa)
        return self._count(wire, outline, outline.soas[1:], begun=1)

    def _go_on(self, wire: bytes, outline: MessageOutline) -> Ended | None:
        if outline.header.rcode:
            rcode = complete_reader.rcode_text(outline.header.rcode)
            return self._ended(
                _RCODE_RESULTS.get(rcode, TransferResult.RCODE), f"{rcode} after {plural(self._records, 'record')}"
            )
        fault = self._verify(wire, outline)
        if fault is not None:
            return self._refused(None, fault)
        return self._count(wire, outline, outline.soas)

    def _count(
        self, wire: bytes, outline: MessageOutline, soas: tuple[tuple[int, int], ...], *, begun: int = 0
    ) -> Ended | None:
        """Counts the message's records; the next SOA of the zone is the last record (RFC 5936 section 2.2).

        ``begun``: so many records of it are the SOA that a transfer begins with.
        """
        answers = outline.header.answers
        self._records += answers
        self._given += answers - begun - sum(self._apex(wire_format.record(wire, start)) for _, start in soas)
        final, number = None, answers
        for index, start in soas:
            final = self._soa(wire, start)
            if final is not None:
                number = index + 1
                break
        refusal = self._check.message(wire, outline.header, number) if self._check is not None else None
        if refusal is not None:
            return self._ended(TransferResult.MALFORMED, str(refusal))
        return self._finished(final, left=answers - number) if final is not None else None

    def _finished(self, last: Soa, left: int) -> Ended:
        first = self._answer.soa if self._answer is not None else None
        if left:
            return self._refusal(f"{plural(left, 'record')} after the final SOA", "BIND and NSD")
        if self._verifier is not None and self._verifier.open:
            return self._ended(TransferResult.UNSIGNED, "the last message is not signed")
        if first is None or first.serial != last.serial:
            moved = Refusal(
                f"begun with serial {first.serial if first else '?'}, ended with {last.serial}", "BIND and NSD"
            )
            return self._ended(TransferResult.SERIAL_MOVED, str(moved))
        if replace(first, ttl=0) != replace(last, ttl=0):
            return self._refusal("the first and the last SOA differ", "BIND")
        if self._records == _FRAMING_RECORDS:
            return self._ended(TransferResult.EMPTY, str(Refusal("the zone's SOA twice, and nothing else", "BIND")))
        refusal = self._check.end() if self._check is not None else None
        if refusal is not None:
            return self._ended(TransferResult.MALFORMED, str(refusal))
        return replace(self._ended(TransferResult.ALLOWED), took=monotonic() - self._started)

    def _refusal(self, text: str, by: str) -> Ended:
        return self._ended(TransferResult.MALFORMED, str(Refusal(text, by)))

    def _refused(self, answer: Answer | None, fault: TsigFault | None) -> Ended:
        """Typed by the TSIG error where there is one, otherwise by the rcode: an error may well come unsigned."""
        failed = answer is not None and answer.error
        if fault is not None and not (failed and fault.error in ("", "UNSIGNED")):
            result = _TSIG_RESULTS.get(fault.error, TransferResult.RCODE) if fault.error else TransferResult.MALFORMED
            return self._ended(result, fault.text, skew=fault.skew)
        rcode = answer.rcode if answer is not None else ""
        detail = f"{rcode}; {fault.text}" if fault is not None else rcode
        return self._ended(_RCODE_RESULTS.get(rcode, TransferResult.RCODE), detail)

    def _verify(self, wire: bytes, outline: MessageOutline) -> TsigFault | None:
        if self._verifier is None:
            return None
        tsig = wire_format.record(wire, outline.tsig) if outline.tsig is not None else None
        return self._verifier.verify(wire, tsig)

    def _soa(self, wire: bytes, start: int) -> Soa | None:
        """The SOA at ``start``, when it is that of the zone."""
        record = wire_format.record(wire, start)
        return complete_reader.soa(wire, record) if self._apex(record) else None

    def _apex(self, record: Record) -> bool:
        return record.owner == self._request.question.name and record.type == SOA

    def _ended(self, transfer: TransferResult, detail: str = "", skew: float | None = None) -> Ended:
        octets, messages = self._stream.octets, self._messages
        return Ended(
            Outcome.ANSWERED, transfer, detail, self._answer, self._rtt, skew, self._records, self._given, octets,
            messages,
        )  # fmt: skip

    def _unread(self, outcome: Outcome, detail: str, wire: bytes) -> Ended:
        if self._answer is not None:
            outcome = Outcome.ANSWERED
        ended = replace(self._ended(TransferResult.MALFORMED, detail), outcome=outcome, evidence=wire[:64])
        if not self._records:
            return ended
        return replace(ended, detail=f"{detail}, after {plural(self._records, 'record')}")

    def _broken(self, broken: Broken) -> Ended:
        if self._answer is not None:
            if broken.how == "timeout" and self._loop.time() >= self._until:
                return self._ended(TransferResult.LIMIT, self._exceeded())
            if broken.how == "closed" and self._records == 1:
                return self._ended(TransferResult.EMPTY, "the zone's SOA alone, then closed")
            return self._ended(_STREAM_RESULTS[broken.how], f"{broken}, after {plural(self._records, 'record')}")
        if broken.how == "timeout":
            return replace(self._ended(TransferResult.TIMEOUT, str(broken)), outcome=Outcome.TIMEOUT)
        # a server that closes the connection without a word refuses; nothing of a transfer has been seen
        ended = self._ended(TransferResult.RESET, str(broken))
        return replace(ended, outcome=Outcome.REFUSED_CONNECTION)
