"""One exchange over UDP: sends attempts, receives and matches what comes back."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace

from checks.model import MANGLED, NO_ANSWER, Address, Outcome, Transport
from monitor.clock import monotonic
from monitor.probe.client.observations import ExchangeResult, QueryFailure, Response
from monitor.probe.client.sockets import REFUSED_DELAY, SocketAddress, Sockets, Unasked, connect_udp, ours, theirs
from monitor.probe.message import response as reading
from monitor.probe.message.request import Request
from monitor.probe.message.response import Answer, Unmatched
from monitor.probe.message.wire import Malformed

MAX_PACKETS_PER_TURN = 64
"""Packets received from one socket before the event loop runs other tasks."""

MAX_STRAYS = 3
"""Stray packets beside which a right answer is still believed, when TCP cannot tell."""

FLOOD_STRAYS = 16
"""Stray packets for each attempt, above which the right answer may have been lost among them."""

MakeRequest = Callable[[int], Request]
"""Makes the request of the nth attempt, each time under a fresh id."""


class UdpExchange:
    """Receives the answer to one query, on the sockets of all its attempts.

    Each attempt has its own socket, connected, so that the system drops what comes from elsewhere, its own random
    port and its own random id. An answer to an earlier attempt is still an answer. With ``anywhere`` sockets are not
    connected, and it is noted where answers came from that did not come from the address that was asked.
    """

    __slots__ = (
        "_address", "_anywhere", "_buffer", "_elsewhere", "_loop", "_place", "_requests", "_sockets", "_unusable",
        "_waiter", "answer", "begun", "discarded", "edns", "evidence", "failure", "first", "malformed", "mismatched",
        "rtt", "sent", "size", "strays", "until", "wait", "waited", "why",
    )  # fmt: skip

    def __init__(self, sockets: Sockets, address: Address, buffer: bytearray, *, anywhere: bool = False) -> None:
        self._loop = asyncio.get_running_loop()
        self._sockets, self._address, self._buffer, self._anywhere = sockets, address, buffer, anywhere
        self._place = sockets.endpoint(address)[1]
        self._requests: dict[socket.socket, tuple[Request, float]] = {}
        self._waiter: asyncio.Future[None] | None = None
        self._unusable: set[Request] = set()
        """Attempts to which anything came that cannot be used."""
        self.answer: Answer | None = None
        self.edns = True
        self.rtt = 0.0
        self.size = self.sent = 0
        self.begun = 0
        """Attempts, those included that could not be sent."""
        self.first = self.wait = self.waited = self.until = 0.0
        """Seconds to wait after the first attempt, the latest, and all; when those after the latest are over."""
        self.discarded = self.malformed = 0
        self.strays = 0
        """Packets that are no response to what was asked …"""
        self.mismatched = 0
        """… and those of them that are DNS messages at all."""
        self.why, self.evidence = "", b""
        self.failure: QueryFailure | None = None
        self._elsewhere: dict[Request, SocketAddress] = {}
        """Attempts that were answered from another address, and from where."""

    async def run(self, make: MakeRequest, waits: Iterator[float], *, patient: bool) -> QueryFailure | None:
        """Sends attempts until there is an answer or none is left; returns a failure of our own system.

        ``waits`` are the seconds to wait after each. Unless ``patient``, the first stray packet ends it, for TCP to
        decide, and the sockets stay open. Patient, it goes on from there past all strays: only then is it known what
        somebody gets who discards them (RFC 5452 section 9.1). As somebody is there, no attempt is waited for any
        longer than the first.
        """
        if patient:
            self.until = min(self.until, monotonic() + self.first)
        await self._wait(patient=patient)
        while self.answer is None and (patient or not self.strays):
            wait = next(waits, None)
            if wait is None:
                break
            if self.begun and not self._requests:
                refused = self.failure is not None and self.failure.outcome is Outcome.REFUSED_CONNECTION
                await asyncio.sleep(min(self.wait, REFUSED_DELAY) if refused else self.wait)
            self.wait = wait
            self.first = self.first or wait
            self.waited += wait
            failure = await self._send(make(self.begun), wait)
            self.begun += 1
            if failure is not None:
                if failure.outcome is Outcome.UNASKED:
                    return failure
                self.failure = failure
            self.until = monotonic() + (min(wait, self.first) if patient else wait)
            await self._wait(patient=patient)
        return None

    @property
    def flooded(self) -> bool:
        """Whether so many strays came that a right answer may have been lost among them."""
        return self.strays > FLOOD_STRAYS * max(1, self.sent)

    @property
    def without_edns(self) -> str:
        """MANGLED or NO_ANSWER, where only an attempt without EDNS got an answer."""
        if self.answer is None or self.edns:
            return ""
        return MANGLED if self._unusable else NO_ANSWER

    def result(self, max_strays: int = 0) -> ExchangeResult:
        """What came so far; an answer among more than ``max_strays`` strays is not believed.

        What came to one attempt of several, and to no other, is a stray: it does not make silence anything else.
        """
        if self.answer is not None and self.strays <= max_strays:
            return Response(
                self.answer, self.rtt, Transport.UDP, self.size, self.discarded, self.edns, self.without_edns, self.why,
                self.evidence,
            )  # fmt: skip
        unusable = len(self._unusable)
        if self.answer is not None or unusable >= min(2, self.sent) > 0:
            outcome = Outcome.MISMATCHED if self.mismatched else Outcome.MALFORMED
            often = f", at {unusable} of {self.sent} askings" if self.sent > 1 else ""
            return QueryFailure(outcome, f"{self.why}{often}", self.discarded, self.evidence)
        return replace(self.failure or self._timeout(), discarded=self.discarded, evidence=self.evidence)

    def result_from_anywhere(self) -> ExchangeResult:
        """With ``anywhere``: an answer from the address that was asked is an answer. From another one it is MISMATCHED.

        That is believed only once two attempts have been answered from there, each under an id and to a port that
        nobody can have guessed.
        """
        if self.answer is not None:
            return Response(self.answer, self.rtt, Transport.UDP, self.size, edns=False)
        sources: dict[str, list[int]] = {}
        for host, port, *_ in self._elsewhere.values():
            sources.setdefault(host.partition("%")[0], []).append(port)
        for host, ports in sources.items():
            if len(ports) > 1:
                source = _source(host, ports, self._address)
                return QueryFailure(Outcome.MISMATCHED, f"answers come from {source}", len(ports), source=source)
        timeout = self._timeout()
        return replace(timeout, detail=f"{timeout.detail}, from any address")

    def close(self) -> None:
        while self._requests:
            self._drop(next(iter(self._requests)))

    def _timeout(self) -> QueryFailure:
        return QueryFailure(Outcome.TIMEOUT, f"no answer to {self.sent} askings within {self.waited:g} s")

    # --- sending ---

    async def _send(self, request: Request, patience: float) -> QueryFailure | None:
        """One more attempt, from a fresh port; a failure is our own system's."""
        try:
            sock = await self._socket(patience)
        except Unasked as reason:
            return QueryFailure(Outcome.UNASKED, str(reason))
        try:
            if self._anywhere:
                sock.sendto(request.wire, self._place)
            else:
                connect_udp(sock, self._place)
                sock.send(request.wire)
        except OSError as error:
            self._sockets.close(sock)
            return ours(error, "send")
        self.sent += 1
        self._requests[sock] = (request, monotonic())
        self._loop.add_reader(sock.fileno(), self._receive, sock)
        return None

    async def _socket(self, patience: float) -> socket.socket:
        """When there is none left, an earlier attempt of ours gives up its own."""
        if self._requests:
            try:
                return self._sockets.take(self._address, socket.SOCK_DGRAM)
            except BlockingIOError:
                self._drop(next(iter(self._requests)))
        return await self._sockets.open(self._address, socket.SOCK_DGRAM, patience)

    def _drop(self, sock: socket.socket) -> None:
        del self._requests[sock]
        self._loop.remove_reader(sock.fileno())
        self._sockets.close(sock)

    # --- receiving ---

    async def _wait(self, *, patient: bool) -> None:
        """Until the latest attempt has waited for long enough, or there is no need to."""
        before = self.malformed, len(self._elsewhere)
        while self._requests and self.answer is None and (patient or not self.strays):
            left = self.until - monotonic()
            if left <= 0 or before != (self.malformed, len(self._elsewhere)):
                return
            self._waiter = waiter = self._loop.create_future()
            timer = self._loop.call_later(left, _notify, waiter)
            try:
                await waiter
            finally:
                timer.cancel()
                self._waiter = None

    def _receive(self, sock: socket.socket) -> None:
        request, sent = self._requests[sock]
        failed = False
        for _ in range(MAX_PACKETS_PER_TURN):
            try:
                size, source = sock.recvfrom_into(self._buffer)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                failed = True
                self.failure = theirs(error, "answer")
                continue  # what came before the error, or after it, still counts
            self._take(bytes(memoryview(self._buffer)[:size]), request, sent, source)
            if self.answer is not None:
                break
        if failed:
            self._drop(sock)
        if self._waiter is not None:
            _notify(self._waiter)

    def _take(self, wire: bytes, request: Request, sent: float, source: SocketAddress) -> None:
        try:
            reading.require_match(wire, request)
            if self._anywhere and not _same(source, self._place):
                self._elsewhere.setdefault(request, source)
                return
            found = reading.read(wire, request.question)
        except Unmatched as reason:
            self.strays += 1
            self.mismatched += reason.outcome is Outcome.MISMATCHED
            self._discard(wire, request, str(reason))
            return
        except Malformed as reason:
            if not reading.is_truncated(wire):
                self.malformed += 1
                self._discard(wire, request, str(reason))
                return
            found = reading.read_header_only(wire)
        if self.answer is None:
            self.answer, self.edns = found, request.edns
            self.rtt, self.size = monotonic() - sent, len(wire)

    def _discard(self, wire: bytes, request: Request, why: str) -> None:
        self.discarded += 1
        self._unusable.add(request)
        if not self.evidence:
            self.evidence = wire[:64]
        self.why = why


def _notify(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _source(host: str, ports: list[int], address: Address) -> str:
    """The port is named where it is always the same one; where it never is, somebody translates ports (NAT)."""
    if len(set(ports)) == 1:
        return str(Address(host, ports[0]))
    return f"{host}, from ever another port" if _ip(host) == _ip(address.host) else host


def _same(source: SocketAddress, place: SocketAddress) -> bool:
    return source[1] == place[1] and _ip(source[0]) == _ip(place[0])


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(text.partition("%")[0])
