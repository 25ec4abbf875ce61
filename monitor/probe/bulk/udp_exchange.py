"""One query over UDP with a socket of its own for each attempt: what came, and what that amounts to."""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import replace

from checks.model import MANGLED, NO_ANSWER, Outcome, Query, Transport
from monitor.probe.client.observations import ExchangeResult, QueryFailure, Response, timed_out
from monitor.probe.client.sockets import SocketAddress
from monitor.probe.client.target_queue import TokenBucket
from monitor.probe.message import quick_response
from monitor.probe.message import response as complete_reader
from monitor.probe.message.request import EDNS_ATTEMPTS, Question, Request, make_request
from monitor.probe.message.response import Answer, Unmatched
from monitor.probe.message.wire import Malformed

FLOOD_STRAYS = 16
"""Stray packets for each attempt, above which the right answer may have been lost among them."""


class UdpExchange:
    """A query under way, and then its result.

    An answer to an earlier attempt is still an answer. Stray packets do not end it: only when the attempts are over is
    it known what somebody gets who discards them (RFC 5452 section 9.1). With ``anywhere`` its sockets are not
    connected, and it is noted where answers came from that did not come from the address that was asked.
    """

    __slots__ = (
        "_edns", "_elsewhere", "_question", "_unusable", "answer", "anywhere", "begun", "bucket", "discarded", "done",
        "due_since", "edns", "evidence", "failure", "latest", "malformed", "mismatched", "query", "rtt", "sent", "size",
        "sockets", "stop_at_stray", "strays", "unasked", "waited", "waits", "why",
    )  # fmt: skip

    def __init__(
        self,
        query: Query,
        question: Question,
        bucket: TokenBucket,
        waits: Sequence[float],
        *,
        edns: bool,
        anywhere: bool = False,
        stop_at_stray: bool = False,
    ) -> None:
        """``waits`` are the seconds to wait after each attempt; with ``stop_at_stray`` the first stray ends it."""
        self.query, self._question, self.bucket, self.waits, self._edns = query, question, bucket, waits, edns
        self.anywhere, self.stop_at_stray = anywhere, stop_at_stray
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sockets: list[AttemptSocket] = []
        """Those that are open, in the order of their attempts."""
        self.latest: AttemptSocket | None = None
        """The one whose time runs; None while the next attempt is due."""
        self.due_since = 0.0
        self.begun = self.sent = 0
        """Attempts, and those of them that could be sent."""
        self.waited = 0.0
        self.answer: Answer | None = None
        self.edns = True
        """Whether the answer is to a request with EDNS."""
        self.rtt, self.size = 0.0, 0
        self.discarded = self.malformed = 0
        self.strays = 0
        """Packets that are no response to what was asked …"""
        self.mismatched = 0
        """… and those of them that are DNS messages at all."""
        self.why, self.evidence = "", b""
        self._unusable: set[AttemptSocket] = set()
        """Attempts to which anything came that cannot be used."""
        self._elsewhere: dict[AttemptSocket, SocketAddress] = {}
        """Attempts that were answered from another address, and from where."""
        self.failure: QueryFailure | None = None
        """What the network says, or our own system in its place."""
        self.unasked: QueryFailure | None = None
        """Why we could not ask."""

    def request(self) -> Request:
        """Of the next attempt, under a fresh id."""
        return make_request(self._question, edns=self._edns and self.begun < EDNS_ATTEMPTS)

    def wait(self) -> float:
        """Seconds for the next attempt: where anybody is there, no longer than for the first."""
        return min(self.waits[self.begun], self.waits[0]) if self.strays else self.waits[self.begun]

    @property
    def over(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.answer is not None or self.flooded or (self.stop_at_stray and self.strays > 0)

    @property
    def flooded(self) -> bool:
        """Whether so many strays came that a right answer may have been lost among them."""
        return self.strays > FLOOD_STRAYS * max(1, self.sent)

    @property
    def useless(self) -> tuple[int, int]:
        """Responses after which no better one is waited for, but the next attempt is made: malformed, and from
        elsewhere.
        """
        return self.malformed, len(self._elsewhere)

    @property
    def without_edns(self) -> str:
        """MANGLED or NO_ANSWER, where only an attempt without EDNS got an answer."""
        if self.answer is None or self.edns:
            return ""
        return MANGLED if self._unusable else NO_ANSWER

    def take(self, wire: bytes, sock: "AttemptSocket", source: SocketAddress, now: float) -> None:
        """A packet that came to one of the attempts."""
        try:
            complete_reader.require_match(wire, sock.request)
            if self.anywhere and not _same(source, sock.place):
                self._elsewhere.setdefault(sock, source)
                return
            found = quick_response.read(wire, self._question)
        except Unmatched as reason:
            self.strays += 1
            self.mismatched += reason.outcome is Outcome.MISMATCHED
            self._discard(wire, sock, str(reason))
            return
        except Malformed as reason:
            if not complete_reader.is_truncated(wire):
                self.malformed += 1
                self._discard(wire, sock, str(reason))
                return
            found = complete_reader.read_header_only(wire)
        self.answer, self.edns = found, sock.request.edns
        self.rtt, self.size = now - sock.sent, len(wire)

    def _discard(self, wire: bytes, sock: "AttemptSocket", why: str) -> None:
        self.discarded += 1
        self._unusable.add(sock)
        self.evidence = self.evidence or wire[:64]
        self.why = why

    # --- results ---

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
            often = f", at {unusable} of {self.sent} attempts" if self.sent > 1 else ""
            return QueryFailure(outcome, f"{self.why}{often}", self.discarded, self.evidence)
        return replace(
            self.failure or timed_out(self.sent, self.waited), discarded=self.discarded, evidence=self.evidence
        )

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
                source = self._source(host, ports)
                return QueryFailure(Outcome.MISMATCHED, f"answers come from {source}", len(ports), source=source)
        timeout = timed_out(self.sent, self.waited)
        return replace(timeout, detail=f"{timeout.detail}, from any address")

    def _source(self, host: str, ports: list[int]) -> str:
        """The port is named where it is always the same one; where it never is, somebody translates ports (NAT)."""
        if len(set(ports)) == 1:
            return str(replace(self.query.address, host=host, port=ports[0]))
        return f"{host}, from ever another port" if _ip(host) == _ip(self.query.address.host) else host


class AttemptSocket:
    """The socket of one attempt of one exchange. ``wait`` is in seconds from ``sent`` (monotonic) on."""

    __slots__ = ("closed", "exchange", "place", "raw", "request", "sent", "wait")

    def __init__(
        self, raw: socket.socket, exchange: UdpExchange, request: Request, place: SocketAddress, sent: float
    ) -> None:
        self.raw, self.exchange, self.request, self.place, self.sent = raw, exchange, request, place, sent
        self.wait = exchange.wait()
        self.closed = False


def _same(source: SocketAddress, place: SocketAddress) -> bool:
    return source[1] == place[1] and _ip(source[0]) == _ip(place[0])


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(text.partition("%")[0])
