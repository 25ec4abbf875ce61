"""A nameserver on one address: UDP and TCP on the same port, faults of the wire included."""

import asyncio
import contextlib
import random
import socket
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice

import structlog

from checks.model import Address
from monitor.pair import sockets
from monitor.pair.behaviour import Conduct, Tcp, Wire
from monitor.pair.exchange import Reply
from monitor.pair.forged_packets import false, forged, garbage

log = structlog.get_logger(__name__)

IDLE = 10.0
"""Seconds a TCP connection may be silent, and a client may leave us waiting with an answer."""
CONVERSATIONS = 100
_LATE = 1000
"""How many delayed datagrams wait at most."""
_REST = 0.1

Speaker = Callable[[bytes, str, bool], Reply]
"""(octets, the peer's host, whether over UDP) → what goes back. It never raises."""


class Endpoint:
    """Sockets of one address. Created bound; ``start`` listens, ``apply`` follows the conduct, ``close`` ends all."""

    def __init__(self, host: str, speak: Speaker, tally: Counter[str], dice: random.Random, idle: float) -> None:
        self._udp_socket, self._tcp = sockets.bind_both(host)
        self.address = Address(host, self._tcp.getsockname()[1])
        self._speak = speak
        self._tally = tally
        self._dice = dice
        self._idle = idle
        self._conduct = Conduct()
        self._udp: asyncio.DatagramTransport | None = None
        self._choked = False
        self._listening = False
        self._closed = False
        self._conversations: set[asyncio.Task[None]] = set()
        self._late: set[asyncio.TimerHandle] = set()

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self._hear, self._choke), sock=self._udp_socket)
        self._udp = udp
        self._listen()

    async def close(self) -> None:
        """Nothing is left behind: no socket, no task, no timer."""
        self._closed = True
        for late in self._late:
            late.cancel()
        self._hang_up()
        self._tcp.close()
        if self._udp is None:
            self._udp_socket.close()
        else:
            self._udp.abort()
        await asyncio.gather(*self._conversations, return_exceptions=True)
        await asyncio.sleep(0)  # the transports' last callbacks

    def apply(self, conduct: Conduct) -> None:
        self._conduct = conduct
        if conduct.tcp is Tcp.CLOSED and self._listening:
            self._hang_up()
            self._tcp.close()
            self._tcp = sockets.bind_tcp(self.address.host, self.address.port)
        elif conduct.tcp is not Tcp.CLOSED and not self._listening and self._udp is not None:
            self._listen()

    # --- UDP ---

    def _hear(self, wire: bytes, peer: tuple[str, int]) -> None:
        conduct = self._conduct
        if not conduct.udp or (conduct.loss and self._dice.random() < conduct.loss):
            self._tally["dropped"] += 1
            return
        packets = self._packets(self._speak(wire, peer[0], True), conduct, peer)
        if not conduct.delay:
            self._send(packets, peer)
        elif len(self._late) < _LATE:
            self._send_later(packets, peer, conduct.delay)

    def _choke(self, choked: bool) -> None:
        self._choked = choked

    def _packets(self, reply: Reply, conduct: Conduct, peer: tuple[str, int]) -> list[bytes]:
        packets = list(islice(reply.messages, 1))
        if conduct.wire is Wire.GARBAGE:
            return [garbage(packet, self._dice) for packet in packets]
        if conduct.wire is Wire.FORGED:
            for packet in packets:
                self._send_from_elsewhere(false(packet), peer)
            return [each for packet in packets for each in (*forged(packet, self._dice), packet)]
        if conduct.wire is Wire.STRAYS:
            return [each for packet in packets for each in forged(packet, self._dice)[:1]]
        if conduct.wire is Wire.ELSEWHERE:
            for packet in packets:
                self._send_from_elsewhere(packet, peer, sockets.other_host(self.address.host))
            return []
        return packets

    def _send_from_elsewhere(self, packet: bytes, peer: tuple[str, int], host: str = "") -> None:
        """From another port than the one that was asked, as a forger off the path does who has guessed the id.

        Or from another ``host``, as a machine with several addresses does that picks the wrong one.
        """
        with socket.socket(self._udp_socket.family, socket.SOCK_DGRAM) as other, contextlib.suppress(OSError):
            other.setblocking(False)
            if host:
                other.bind((host, 0))  # a port of its own, as the system has it: of ours another may be using it there
            other.sendto(packet, peer)

    def _send_later(self, packets: list[bytes], peer: tuple[str, int], delay: float) -> None:
        def send() -> None:
            self._late.discard(late)
            self._send(packets, peer)

        late = asyncio.get_running_loop().call_later(delay, send)
        self._late.add(late)

    def _send(self, packets: Iterable[bytes], peer: tuple[str, int]) -> None:
        for packet in packets:
            if self._udp is None or self._udp.is_closing() or self._choked:
                self._tally["dropped"] += 1
            else:
                self._udp.sendto(packet, peer)

    # --- TCP ---

    def _listen(self) -> None:
        self._tcp.listen(128)
        self._listening = True
        self._await_connections()

    def _await_connections(self) -> None:
        if self._listening and not self._closed:
            asyncio.get_running_loop().add_reader(self._tcp.fileno(), self._accept)

    def _hang_up(self) -> None:
        """No further connection, and none of those there were. The socket is still to be closed."""
        if self._listening:
            asyncio.get_running_loop().remove_reader(self._tcp.fileno())
            self._listening = False
        for conversation in self._conversations:
            conversation.cancel()

    def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            connection, peer = self._tcp.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError:  # out of descriptors: the waiting connection would wake us again at once
            loop.remove_reader(self._tcp.fileno())
            loop.call_later(_REST, self._await_connections)
            return
        if len(self._conversations) >= CONVERSATIONS:
            self._tally["turned-away"] += 1
            connection.close()
            return
        connection.setblocking(False)
        conversation = loop.create_task(self._converse(connection, peer[0]))
        self._conversations.add(conversation)
        conversation.add_done_callback(self._conversations.discard)

    async def _converse(self, connection: socket.socket, host: str) -> None:
        try:
            reader, writer = await asyncio.open_connection(sock=connection)
        except OSError:
            connection.close()
            return
        except asyncio.CancelledError:
            connection.close()
            raise
        try:
            while (wire := await _next(reader, self._idle)) is not None and await self._reply(writer, wire, host):
                pass
            writer.close()
            async with asyncio.timeout(self._idle):
                await writer.wait_closed()
        except (asyncio.IncompleteReadError, OSError):  # TimeoutError and all resets are OSErrors
            self._tally["broken-off"] += 1
        except Exception:
            # No client may end a server. Each of these is a defect of ours: it is counted and told.
            log.exception("a conversation failed", address=str(self.address))
            self._tally["failed"] += 1
        finally:
            writer.transport.abort()

    async def _reply(self, writer: asyncio.StreamWriter, wire: bytes, host: str) -> bool:
        """Whether the conversation goes on."""
        conduct = self._conduct
        if conduct.tcp is Tcp.SILENT:
            return True
        reply = self._speak(wire, host, False)
        if conduct.delay:
            await asyncio.sleep(conduct.delay)
        for message in reply.messages:
            octets = garbage(message, self._dice) if conduct.wire is Wire.GARBAGE else message
            writer.write(len(octets).to_bytes(2, "big") + octets)
            async with asyncio.timeout(self._idle):
                await writer.drain()
            await asyncio.sleep(reply.pause)  # a long transfer lets the others speak
        return not reply.hang_up


async def _next(reader: asyncio.StreamReader, idle: float) -> bytes | None:
    """The next message (RFC 1035 section 4.2.2), None at the end or at a length of zero."""
    async with asyncio.timeout(idle):
        try:
            length = int.from_bytes(await reader.readexactly(2), "big")
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise
            return None
        return await reader.readexactly(length) if length else None


class _Datagrams(asyncio.DatagramProtocol):
    """asyncio's end of a UDP socket."""

    def __init__(self, hear: Callable[[bytes, tuple[str, int]], None], choke: Callable[[bool], None]) -> None:
        self._hear = hear
        self._choke = choke

    def pause_writing(self) -> None:
        self._choke(True)

    def resume_writing(self) -> None:
        self._choke(False)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._hear(data, addr)
