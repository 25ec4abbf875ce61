"""DNS over UDP: what comes back, and whether it belongs to what was asked."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import MappingProxyType

from checks.model import MANGLED, NO_ANSWER, Address, Outcome, Transport
from monitor.clock import monotonic
from monitor.probe.client.observations import ExchangeResult, QueryFailure, Response
from monitor.probe.client.sockets import Sockets, Unasked, ours, theirs
from monitor.probe.message import response as reading
from monitor.probe.message.request import Ask
from monitor.probe.message.response import Answer, Fit
from monitor.probe.message.tsig import Signer, Trouble
from monitor.probe.message.wire import Malformed

BURST = 64
"""Packets taken off one socket before everybody else has a turn."""

FEW = 3
"""Stray packets beside which a right answer is still believed, when TCP cannot tell."""

FLOOD = 16
"""Stray packets for each asking, above which the right answer may have been lost among them."""

PAUSE = 0.2
"""Seconds until a closed port is tried again."""

# Without it the system keeps to itself what routers say of a host (ip(7), IP_RECVERR); Python does not name them.
_TELL = MappingProxyType({socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)})

Write = Callable[[int], Ask]
"""Writes the question for its nth asking, each time under a fresh id."""


class UdpExchange:
    """Listens for the answer to one question, on the sockets of all its askings.

    Each asking has its own socket, connected, so that the system drops what comes from elsewhere, its own random
    port and its own random id. An answer to an earlier asking is still an answer.
    """

    __slots__ = (
        "_address", "_asks", "_buffer", "_loop", "_odd", "_signer", "_sockets", "_woken",
        "answer", "begun", "discarded", "edns", "evidence", "failure", "first", "garbage", "malformed",
        "rtt", "sent", "size", "strange", "trouble", "until", "wait", "waited", "why",
    )  # fmt: skip

    def __init__(self, sockets: Sockets, address: Address, signer: Signer | None, buffer: bytearray) -> None:
        self._loop = asyncio.get_running_loop()
        self._sockets = sockets
        self._address = address
        self._signer = signer
        self._buffer = buffer
        self._asks: dict[socket.socket, tuple[Ask, float]] = {}
        self._woken: asyncio.Future[None] | None = None
        self._odd: set[Ask] = set()
        """Askings to which anything came that cannot be used."""
        self.answer: Answer | None = None
        self.edns = True
        self.rtt = 0.0
        self.size = 0
        self.sent = 0
        self.begun = 0
        """Askings, those included that could not be sent."""
        self.first = self.wait = self.waited = self.until = 0.0
        """Seconds to wait after the first asking, the latest, and all; when those after the latest are over."""
        self.discarded = 0
        self.strange = 0
        self.garbage = 0
        self.malformed = 0
        self.why = ""
        self.evidence = b""
        self.trouble: Trouble | None = None
        self.failure: QueryFailure | None = None

    async def send(self, ask: Ask, patience: float) -> QueryFailure | None:
        """Asks once more, from a fresh port; a failure is our own system's."""
        try:
            sock = await self._socket(patience)
        except Unasked as reason:
            return QueryFailure(Outcome.UNASKED, str(reason))
        family, place = self._sockets.endpoint(self._address)
        try:
            sock.setsockopt(*_TELL[family], 1)
            sock.connect(place)
            sock.send(ask.wire)
        except OSError as error:
            self._sockets.close(sock)
            return ours(error, "send")
        self.sent += 1
        self._asks[sock] = (ask, monotonic())
        self._loop.add_reader(sock.fileno(), self._read, sock)
        return None

    @property
    def open(self) -> bool:
        """Whether anything can be heard at all."""
        return bool(self._asks)

    @property
    def odd(self) -> int:
        """To how many askings anything came that cannot be used."""
        return len(self._odd)

    @property
    def strays(self) -> int:
        """Packets that do not belong to what was asked."""
        return self.strange + self.garbage

    @property
    def flooded(self) -> bool:
        """Whether so many strays came that a right answer may have been lost among them."""
        return self.strays > FLOOD * max(1, self.sent)

    @property
    def without_edns(self) -> str:
        """What came of asking with EDNS, where only the question without it got an answer."""
        if self.answer is None or self.edns:
            return ""
        return MANGLED if self.odd else NO_ANSWER

    async def listen(self, seconds: float) -> None:
        """Until something is heard, or for so long."""
        woken: asyncio.Future[None] = self._loop.create_future()
        self._woken = woken
        timer = self._loop.call_later(seconds, _wake, woken)
        try:
            await woken
        finally:
            timer.cancel()
            self._woken = None

    def close(self) -> None:
        while self._asks:
            self._drop(next(iter(self._asks)))

    async def _socket(self, patience: float) -> socket.socket:
        """When there is none left, an earlier asking of ours gives up its own."""
        if self._asks:
            try:
                return self._sockets.take(self._address, socket.SOCK_DGRAM)
            except BlockingIOError:
                self._drop(next(iter(self._asks)))
        return await self._sockets.open(self._address, socket.SOCK_DGRAM, patience)

    def _drop(self, sock: socket.socket) -> None:
        del self._asks[sock]
        self._loop.remove_reader(sock.fileno())
        self._sockets.close(sock)

    def _read(self, sock: socket.socket) -> None:
        ask, sent = self._asks[sock]
        failed = False
        for _ in range(BURST):
            try:
                size = sock.recv_into(self._buffer)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                failed = True
                self.failure = theirs(error, "answer")
                continue  # what came before the error, or after it, still counts
            self._take(bytes(memoryview(self._buffer)[:size]), ask, sent)
            if self.answer is not None:
                break
        if failed:
            self._drop(sock)
        if self._woken is not None:
            _wake(self._woken)

    def _take(self, wire: bytes, ask: Ask, sent: float) -> None:
        kind = reading.fit(wire, ask)
        if kind is Fit.RIGHT:
            try:
                found = reading.read(wire, ask.question)
            except Malformed as reason:
                if not reading.cut(wire):
                    self.malformed += 1
                    self._discard(wire, ask, str(reason))
                    return
                found = reading.stump(wire)
            trouble = self._signer.reader(ask).follow(wire, found.tsig) if self._signer is not None else None
            if trouble is not None and not found.error and not found.truncated:
                self.strange += 1
                self._discard(wire, ask, trouble.text)
            elif self.answer is None:
                self.answer, self.trouble, self.edns = found, trouble, ask.edns
                self.rtt, self.size = monotonic() - sent, len(wire)
        elif kind is Fit.STRANGE:
            self.strange += 1
            self._discard(wire, ask, "another id or question than was asked")
        else:
            self.garbage += 1
            self._discard(wire, ask, "shorter than a header")

    def _discard(self, wire: bytes, ask: Ask, why: str) -> None:
        self.discarded += 1
        self._odd.add(ask)
        if not self.evidence:
            self.evidence = wire[:64]
        self.why = why


async def query_udp(ear: UdpExchange, write: Write, waits: Iterator[float]) -> ExchangeResult:
    """Asks until something is heard. ``waits`` are the seconds to wait after each asking.

    As soon as anything strange is heard, it says MISMATCHED, for TCP to tell; the ear goes on listening, and
    ``patiently`` goes on asking.
    """
    failure = await _ask(ear, write, waits, patient=False)
    return failure or conclude(ear)


async def patiently(ear: UdpExchange, write: Write, waits: Iterator[float]) -> None:
    """Goes on from where ``query_udp`` came to, past whatever is strange, until a right answer is heard or no asking is
    left: only then is it known what somebody who discards strays gets (RFC 5452 section 9.1). As somebody is there, no
    asking is waited for any longer than the first.
    """
    await _ask(ear, write, waits, patient=True)


async def _ask(ear: UdpExchange, write: Write, waits: Iterator[float], *, patient: bool) -> QueryFailure | None:
    """A failure is our own system's."""
    first = ear.first
    if patient:
        ear.until = min(ear.until, monotonic() + first)
    await _heard(ear, patient=patient)
    while ear.answer is None and (patient or not ear.strays):
        wait = next(waits, None)
        if wait is None:
            break
        if ear.begun and not ear.open:
            refused = ear.failure is not None and ear.failure.outcome is Outcome.REFUSED_CONNECTION
            await asyncio.sleep(min(ear.wait, PAUSE) if refused else ear.wait)
        ear.wait = wait
        ear.first = first = ear.first or wait
        ear.waited += wait
        failure = await ear.send(write(ear.begun), wait)
        ear.begun += 1
        if failure is not None:
            if failure.outcome is Outcome.UNASKED:
                return failure
            ear.failure = failure
        ear.until = monotonic() + (min(wait, first) if patient else wait)
        await _heard(ear, patient=patient)
    return None


async def _heard(ear: UdpExchange, *, patient: bool) -> None:
    """Until the latest asking has waited for long enough, or there is no need to."""
    broken = ear.malformed
    while ear.open and ear.answer is None and ear.malformed == broken and (patient or not ear.strays):
        left = ear.until - monotonic()
        if left <= 0:
            return
        await ear.listen(left)


def conclude(ear: UdpExchange, most: int = 0) -> ExchangeResult:
    """What was heard so far; an answer among more than ``most`` strays is not believed.

    What came to one asking of several, and to no other, is a stray: it does not make silence anything else.
    """
    if ear.answer is not None and ear.strays <= most:
        return Response(
            ear.answer, ear.rtt, Transport.UDP, ear.size, ear.discarded, ear.trouble, ear.edns, ear.without_edns,
            ear.why, ear.evidence,
        )  # fmt: skip
    if ear.answer is not None or ear.odd >= min(2, ear.sent) > 0:
        outcome = Outcome.MISMATCHED if ear.strange else Outcome.MALFORMED
        often = f", at {ear.odd} of {ear.sent} askings" if ear.sent > 1 else ""
        return QueryFailure(outcome, f"{ear.why}{often}", ear.discarded, ear.evidence)
    failure = ear.failure or QueryFailure(Outcome.TIMEOUT, f"no answer to {ear.sent} askings within {ear.waited:g} s")
    return replace(failure, discarded=ear.discarded, evidence=ear.evidence)


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)
