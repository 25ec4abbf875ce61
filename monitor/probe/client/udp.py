"""One exchange over UDP: sends, receives, matches, retries."""

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
from monitor.probe.message.request import Request
from monitor.probe.message.response import Answer, Match
from monitor.probe.message.tsig import Signer, TsigFault
from monitor.probe.message.wire import Malformed

MAX_PACKETS_PER_TURN = 64
"""Packets received from one socket before the event loop runs other tasks."""

MAX_STRAYS = 3
"""Stray packets beside which a right answer is still believed, when TCP cannot tell."""

FLOOD_STRAYS = 16
"""Stray packets for each attempt, above which the right answer may have been lost among them."""

REFUSED_DELAY = 0.2
"""Seconds until a closed port is tried again."""

# Without it the system keeps to itself what routers say of a host (ip(7), IP_RECVERR); Python does not name them.
_RECVERR = MappingProxyType({socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)})

Write = Callable[[int], Request]
"""Makes the request of the nth attempt, each time under a fresh id."""


class UdpExchange:
    """Listens for the answer to one query, on the sockets of all its attempts.

    Each attempt has its own socket, connected, so that the system drops what comes from elsewhere, its own random
    port and its own random id. An answer to an earlier attempt is still an answer.
    """

    __slots__ = (
        "_address",
        "_asks",
        "_buffer",
        "_loop",
        "_signer",
        "_sockets",
        "_unusable",
        "_waiter",
        "answer",
        "begun",
        "discarded",
        "edns",
        "evidence",
        "failure",
        "fault",
        "first",
        "malformed",
        "mismatched",
        "not_dns",
        "rtt",
        "sent",
        "size",
        "until",
        "wait",
        "waited",
        "why",
    )  # fmt: skip

    def __init__(self, sockets: Sockets, address: Address, signer: Signer | None, buffer: bytearray) -> None:
        self._loop = asyncio.get_running_loop()
        self._sockets = sockets
        self._address = address
        self._signer = signer
        self._buffer = buffer
        self._asks: dict[socket.socket, tuple[Request, float]] = {}
        self._waiter: asyncio.Future[None] | None = None
        self._unusable: set[Request] = set()
        """Attempts to which anything came that cannot be used."""
        self.answer: Answer | None = None
        self.edns = True
        self.rtt = 0.0
        self.size = 0
        self.sent = 0
        self.begun = 0
        """Attempts, those included that could not be sent."""
        self.first = self.wait = self.waited = self.until = 0.0
        """Seconds to wait after the first attempt, the latest, and all; when those after the latest are over."""
        self.discarded = 0
        self.mismatched = 0
        self.not_dns = 0
        self.malformed = 0
        self.why = ""
        self.evidence = b""
        self.fault: TsigFault | None = None
        self.failure: QueryFailure | None = None

    async def send(self, ask: Request, patience: float) -> QueryFailure | None:
        """Sends one more attempt, from a fresh port; a failure is our own system's."""
        try:
            sock = await self._socket(patience)
        except Unasked as reason:
            return QueryFailure(Outcome.UNASKED, str(reason))
        family, place = self._sockets.endpoint(self._address)
        try:
            sock.setsockopt(*_RECVERR[family], 1)
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
        """Whether there is any socket to receive from."""
        return bool(self._asks)

    @property
    def unusable_attempts(self) -> int:
        """To how many attempts anything came that cannot be used."""
        return len(self._unusable)

    @property
    def strays(self) -> int:
        """Packets that do not belong to what was asked."""
        return self.mismatched + self.not_dns

    @property
    def flooded(self) -> bool:
        """Whether so many strays came that a right answer may have been lost among them."""
        return self.strays > FLOOD_STRAYS * max(1, self.sent)

    @property
    def without_edns(self) -> str:
        """MANGLED or NO_ANSWER, where only an attempt without EDNS got an answer."""
        if self.answer is None or self.edns:
            return ""
        return MANGLED if self.unusable_attempts else NO_ANSWER

    async def listen(self, seconds: float) -> None:
        """Until something is received, or for so long."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiter = waiter
        timer = self._loop.call_later(seconds, _notify, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None

    def close(self) -> None:
        while self._asks:
            self._drop(next(iter(self._asks)))

    async def _socket(self, patience: float) -> socket.socket:
        """When there is none left, an earlier attempt of ours gives up its own."""
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
        for _ in range(MAX_PACKETS_PER_TURN):
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
        if self._waiter is not None:
            _notify(self._waiter)

    def _take(self, wire: bytes, ask: Request, sent: float) -> None:
        match = reading.match_response(wire, ask)
        if match is Match.MATCH:
            try:
                found = reading.read(wire, ask.question)
            except Malformed as reason:
                if not reading.is_truncated(wire):
                    self.malformed += 1
                    self._discard(wire, ask, str(reason))
                    return
                found = reading.read_header_only(wire)
            fault = self._signer.verifier(ask).verify(wire, found.tsig) if self._signer is not None else None
            if fault is not None and not found.error and not found.truncated:
                self.mismatched += 1
                self._discard(wire, ask, fault.text)
            elif self.answer is None:
                self.answer, self.fault, self.edns = found, fault, ask.edns
                self.rtt, self.size = monotonic() - sent, len(wire)
        elif match is Match.MISMATCH:
            self.mismatched += 1
            self._discard(wire, ask, "another id or question than was asked")
        else:
            self.not_dns += 1
            self._discard(wire, ask, "shorter than a header")

    def _discard(self, wire: bytes, ask: Request, why: str) -> None:
        self.discarded += 1
        self._unusable.add(ask)
        if not self.evidence:
            self.evidence = wire[:64]
        self.why = why


async def query_udp(udp: UdpExchange, write: Write, waits: Iterator[float]) -> ExchangeResult:
    """Sends attempts until something is received. ``waits`` are the seconds to wait after each.

    A stray packet ends it as MISMATCHED at once, for TCP to decide; the sockets stay open, and ``patiently`` goes on.
    """
    failure = await _ask(udp, write, waits, patient=False)
    return failure or conclude(udp)


async def patiently(udp: UdpExchange, write: Write, waits: Iterator[float]) -> None:
    """Goes on from where ``query_udp`` came to, past stray packets, until a right answer is received or no attempt is
    left: only then is it known what somebody who discards strays gets (RFC 5452 section 9.1). As somebody is there, no
    attempt is waited for any longer than the first.
    """
    await _ask(udp, write, waits, patient=True)


async def _ask(udp: UdpExchange, write: Write, waits: Iterator[float], *, patient: bool) -> QueryFailure | None:
    """A failure is our own system's."""
    first = udp.first
    if patient:
        udp.until = min(udp.until, monotonic() + first)
    await _wait(udp, patient=patient)
    while udp.answer is None and (patient or not udp.strays):
        wait = next(waits, None)
        if wait is None:
            break
        if udp.begun and not udp.open:
            refused = udp.failure is not None and udp.failure.outcome is Outcome.REFUSED_CONNECTION
            await asyncio.sleep(min(udp.wait, REFUSED_DELAY) if refused else udp.wait)
        udp.wait = wait
        udp.first = first = udp.first or wait
        udp.waited += wait
        failure = await udp.send(write(udp.begun), wait)
        udp.begun += 1
        if failure is not None:
            if failure.outcome is Outcome.UNASKED:
                return failure
            udp.failure = failure
        udp.until = monotonic() + (min(wait, first) if patient else wait)
        await _wait(udp, patient=patient)
    return None


async def _wait(udp: UdpExchange, *, patient: bool) -> None:
    """Until the latest attempt has waited for long enough, or there is no need to."""
    broken = udp.malformed
    while udp.open and udp.answer is None and udp.malformed == broken and (patient or not udp.strays):
        left = udp.until - monotonic()
        if left <= 0:
            return
        await udp.listen(left)


def conclude(udp: UdpExchange, most: int = 0) -> ExchangeResult:
    """The result so far; an answer among more than ``most`` strays is not believed.

    What came to one attempt of several, and to no other, is a stray: it does not make silence anything else.
    """
    if udp.answer is not None and udp.strays <= most:
        return Response(
            udp.answer, udp.rtt, Transport.UDP, udp.size, udp.discarded, udp.fault, udp.edns, udp.without_edns,
            udp.why, udp.evidence,
        )  # fmt: skip
    if udp.answer is not None or udp.unusable_attempts >= min(2, udp.sent) > 0:
        outcome = Outcome.MISMATCHED if udp.mismatched else Outcome.MALFORMED
        often = f", at {udp.unusable_attempts} of {udp.sent} askings" if udp.sent > 1 else ""
        return QueryFailure(outcome, f"{udp.why}{often}", udp.discarded, udp.evidence)
    failure = udp.failure or QueryFailure(Outcome.TIMEOUT, f"no answer to {udp.sent} askings within {udp.waited:g} s")
    return replace(failure, discarded=udp.discarded, evidence=udp.evidence)


def _notify(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
