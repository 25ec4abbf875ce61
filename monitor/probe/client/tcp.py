"""DNS over TCP: what comes back, and how far it came."""

import asyncio
import errno
import os
import socket
from collections.abc import Coroutine
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from checks.model import Address, Outcome, Transport
from monitor.clock import monotonic
from monitor.probe.client.observations import ExchangeResult, QueryFailure, Response
from monitor.probe.client.sockets import Sockets, Unasked, ours, theirs
from monitor.probe.message import quick_response
from monitor.probe.message import response as complete_reader
from monitor.probe.message.request import Request
from monitor.probe.message.response import Unmatched
from monitor.probe.message.wire import Malformed

_RECEIVE_SIZE = 65536


_HOW = MappingProxyType({"timeout": "timed out", "closed": "closed after connect", "reset": "reset after connect"})


class Broken(Exception):
    """The connection gave no message. ``how`` is one of "timeout", "closed", "reset"; the sentence names the phase."""

    def __init__(self, how: str, phase: str) -> None:
        super().__init__(f"{phase}: {_HOW[how]}")
        self.how = how
        self.mute = phase == "first octet"


class Stream:
    """Messages with a length before each (RFC 1035 section 4.2.2), over one connection."""

    __slots__ = ("_buffer", "_loop", "octets", "sock", "sockets")

    def __init__(self, sockets: Sockets, sock: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self.sockets, self.sock = sockets, sock
        self._buffer = bytearray()
        self.octets = 0
        """Received so far, lengths included."""

    async def send(self, until: float, *wires: bytes) -> None:
        """Each with its length before it, all in one write (RFC 7766 section 8). Raises Broken."""
        await self._write(until, b"".join(part for wire in wires for part in (len(wire).to_bytes(2, "big"), wire)))

    async def _write(self, until: float, octets: bytes) -> None:
        try:
            async with asyncio.timeout_at(until):
                await self._loop.sock_sendall(self.sock, octets)
        except TimeoutError:
            raise Broken("timeout", "sending") from None
        except OSError:
            raise Broken("reset", "sending") from None

    async def message(self, until: float, patience: float) -> bytes:
        """The next message, whole by ``until`` (the loop's clock), with no silence longer than ``patience`` seconds.

        Raises Broken.
        """
        await self._fill(2, until, patience)
        length = self._buffer[0] << 8 | self._buffer[1]
        await self._fill(2 + length, until, patience)
        wire = bytes(memoryview(self._buffer)[2 : 2 + length])
        del self._buffer[: 2 + length]
        return wire

    async def _fill(self, need: int, until: float, patience: float) -> None:
        while len(self._buffer) < need:
            octets = await self._read(min(until, self._loop.time() + patience), self._phase)
            if not octets:
                raise Broken("closed", self._phase)
            self._buffer += octets
            self._count(octets)

    async def _read(self, until: float, phase: str) -> bytes:
        """Whatever comes next; nothing when the other side has closed. Raises Broken."""
        try:
            async with asyncio.timeout_at(until):
                return await self._loop.sock_recv(self.sock, _RECEIVE_SIZE)
        except TimeoutError:
            raise Broken("timeout", phase) from None
        except OSError:
            raise Broken("reset", phase) from None

    def _count(self, octets: bytes) -> None:
        self.octets += len(octets)

    @property
    def _phase(self) -> str:
        return "body" if self._buffer else "first octet"

    def close(self) -> None:
        self.sockets.close(self.sock)


async def connect(
    sockets: Sockets, address: Address, patience: float, source: str | None = None
) -> Stream | QueryFailure:
    """A connection within ``patience`` seconds, or why there is none. ``source``: the local address to ask from."""
    try:
        sock = await sockets.open(address, socket.SOCK_STREAM, patience, source)
    except Unasked as reason:
        return QueryFailure(Outcome.UNASKED, str(reason))
    try:
        failure = await _connected(sock, sockets.endpoint(address)[1], patience)
    except BaseException:
        sockets.close(sock)
        raise
    if failure is not None:
        sockets.close(sock)
        return failure
    return Stream(sockets, sock)


async def over_tcp(
    sockets: Sockets,
    address: Address,
    request: Request,
    patience: float,
    fallback: tuple[Request, float] | None = None,
) -> ExchangeResult:
    """Asks once over a fresh connection; connecting and answering have ``patience`` seconds each.

    ``fallback``: a question that is asked over another connection when after so many seconds nothing at all has been
    said on the first. The first answer is taken.
    """
    stream = await connect(sockets, address, patience)
    if isinstance(stream, QueryFailure):
        return stream
    try:
        if fallback is None:
            return await ask_on(stream, request, patience)
        no_edns, after = fallback
        later = asyncio.get_running_loop().time() + after
        return await _hedged(
            stream, ask_on(stream, request, patience), over_tcp(sockets, address, no_edns, patience), later
        )
    finally:
        stream.close()


async def _hedged(
    stream: Stream,
    first: Coroutine[Any, Any, ExchangeResult],
    second: Coroutine[Any, Any, ExchangeResult],
    later: float,
) -> ExchangeResult:
    """What the first comes to; from ``later`` on (the loop's clock) also an answer to the second, if the stream has
    brought nothing at all until then.
    """
    tasks = [asyncio.ensure_future(first)]
    try:
        await asyncio.wait(tasks, timeout=later - asyncio.get_running_loop().time())
        if not tasks[0].done() and not stream.octets:
            tasks.append(asyncio.ensure_future(second))
        while not tasks[0].done():
            await asyncio.wait([task for task in tasks if not task.done()], return_when=asyncio.FIRST_COMPLETED)
            for task in tasks[1:]:
                if task.done() and isinstance(task.result(), Response):
                    return task.result()
        return tasks[0].result()
    finally:
        if len(tasks) == 1:
            second.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def ask_on(stream: Stream, request: Request, patience: float) -> ExchangeResult:
    """Asks once over a connection that there is, and leaves it open."""
    sent = monotonic()
    until = asyncio.get_running_loop().time() + patience
    try:
        await stream.send(until, request.wire)
        wire = await stream.message(until, patience)
    except Broken as broken:
        return _broken(broken)
    return _read_response(wire, request, monotonic() - sent)


def _read_response(wire: bytes, request: Request, rtt: float) -> ExchangeResult:
    try:
        complete_reader.require_match(wire, request)
        found = quick_response.read(wire, request.question)
    except (Unmatched, Malformed) as reason:
        return QueryFailure(reason.outcome, f"over TCP: {reason}", 1, wire[:64])
    return Response(replace(found, truncated=False), rtt, Transport.TCP, len(wire), edns=request.edns)


def _broken(broken: Broken) -> QueryFailure:
    outcome = Outcome.TIMEOUT if broken.how == "timeout" else Outcome.REFUSED_CONNECTION
    return QueryFailure(outcome, str(broken), dropped=broken.how != "timeout", mute=broken.mute)


async def _connected(
    sock: socket.socket, place: tuple[str, int] | tuple[str, int, int, int], patience: float
) -> QueryFailure | None:
    try:
        code = sock.connect_ex(place)
    except OSError as error:
        return ours(error, "connect")
    if code not in (0, errno.EINPROGRESS):
        return ours(_error(code), "connect")
    if code:
        loop = asyncio.get_running_loop()
        writable: asyncio.Future[None] = loop.create_future()
        loop.add_writer(sock.fileno(), _done, writable)
        try:
            async with asyncio.timeout(patience):
                await writable
        except TimeoutError:
            return QueryFailure(Outcome.TIMEOUT, f"connect: no answer within {patience:g} s")
        finally:
            loop.remove_writer(sock.fileno())
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            return theirs(_error(code), "connect")
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return None


def _error(code: int) -> OSError:
    return OSError(code, os.strerror(code))


def _done(writable: asyncio.Future[None]) -> None:
    if not writable.done():
        writable.set_result(None)
