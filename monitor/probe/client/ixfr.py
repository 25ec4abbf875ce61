"""IXFR (RFC 1995): how it is answered. Differences are read to their end, of a whole zone no more than shows it."""

from dataclasses import replace

from checks.model import IxfrAnswer, Soa, TransferResult
from monitor.clock import monotonic
from monitor.probe.client.axfr import Ended, Transfer
from monitor.probe.client.tcp import Broken, Stream
from monitor.probe.message import wire as wire_format
from monitor.probe.message.ixfr import IxfrSequence
from monitor.probe.message.request import Request
from monitor.probe.message.tsig import Verifier
from monitor.probe.message.wire import Malformed, MessageOutline
from monitor.probe.settings import TransferLimits


class IncrementalTransfer(Transfer):
    """One in progress; ALLOWED are all answers that a secondary can take. Nothing is kept of any record."""

    __slots__ = ("_sequence", "_since")

    def __init__(
        self, stream: Stream, request: Request, verifier: Verifier | None, limits: TransferLimits, since: int
    ) -> None:
        """``since`` is the serial that the request carries."""
        super().__init__(stream, request, verifier, limits)
        self._since = since
        self._sequence: IxfrSequence | None = None

    async def answer(self, patience: float) -> Ended:
        """Reads until it is known what the answer is, or to one of the limits; the server may keep silent for
        ``patience`` seconds.
        """
        return await self._to_its_end(patience)

    def _count(
        self, wire: bytes, outline: MessageOutline, soas: tuple[tuple[int, int], ...], *, begun: int = 0
    ) -> Ended | None:
        if outline.header.truncated:
            return self._ended(TransferResult.TRUNCATED, "the message says of itself, over TCP, that it is cut (TC=1)")
        self._records += outline.header.answers
        first = self._answer.soa if self._answer is not None else None
        assert first is not None  # noqa: S101 - the first record was the zone's SOA
        if self._sequence is None:
            self._sequence = IxfrSequence(self._since, first.serial)
            if outline.header.answers == 1 and (answer := self._sequence.alone) is not None:
                return self._known(answer, wire, outline)
        return self._take_records(self._sequence, wire, outline, begun)

    def _take_records(self, sequence: IxfrSequence, wire: bytes, outline: MessageOutline, begun: int) -> Ended | None:
        """Each answer of the message, but for the first ``begun``."""
        head = outline.header
        for number, (start, _, _) in enumerate(wire_format.frames(wire, head)):
            if number < begun:
                continue
            if number == head.answers:
                break
            record = wire_format.record(wire, start)
            if not wire_format.under(record.owner, self._request.question.name):
                raise Malformed("a record outside the zone")
            soa = self._soa(wire, start)
            self._given += soa is None
            answer = sequence.take(None if soa is None else soa.serial)
            if answer is not None:
                if answer is IxfrAnswer.INCREMENTAL and number + 1 < head.answers:
                    raise Malformed("records after the final SOA")
                return self._known(answer, wire, outline)
        return None

    def _known(self, answer: IxfrAnswer, wire: bytes, outline: MessageOutline) -> Ended:
        whole = answer is not IxfrAnswer.FULL_ZONE
        if whole and self._verifier is not None and self._verifier.open:
            return self._ended(TransferResult.UNSIGNED, "the last message is not signed")
        took = monotonic() - self._started if whole else None
        return replace(self._ended(TransferResult.ALLOWED), ixfr=answer, took=took)

    def _broken(self, broken: Broken) -> Ended:
        ended = super()._broken(broken)
        if self._records == 1 and ended.transfer is not TransferResult.LIMIT:
            first = self._answer.soa if self._answer is not None else None
            return replace(ended, transfer=TransferResult.EMPTY, detail=_alone(first))
        return ended


def _alone(first: Soa | None) -> str:
    serial = first.serial if first is not None else "?"
    return f"the SOA of serial {serial} alone, which is newer, and nothing after it"
