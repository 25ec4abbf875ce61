"""A nameserver on one address: UDP and TCP on one port of loopback, faults of the wire included."""

import asyncio
import contextlib
import errno
import ipaddress
import random
import socket
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice

import structlog

from checks.model import Address
from monitor.pair.behaviour import Behaviour, Tcp, Wire, forged, garbage, with_false_serial
from monitor.pair.exchange import Reply

log = structlog.get_logger(__name__)

IDLE = 10.0
"""Seconds a TCP connection may be silent, and a client may leave us waiting with an answer."""
MAX_CONNECTIONS = 100
_MAX_DELAYED = 1000
"""How many delayed datagrams wait at most."""
_ACCEPT_PAUSE = 0.1
"""Seconds without accepting when the process has no descriptors left."""
_BIND_ATTEMPTS = 50


class NotLoopback(ValueError):
    """The host is not loopback; the pair, which answers anybody and has faults on purpose, listens nowhere else."""


Respond = Callable[[bytes, str, bool], Reply]
"""(octets, the peer's host, whether over UDP) → what goes back. It never raises."""


class ServerEndpoint(asyncio.DatagramProtocol):
    """Sockets of one address, bound when created; ``start`` listens, ``apply`` sets the behaviour."""

    def __init__(self, host: str, respond: Respond, counts: Counter[str], rng: random.Random, idle: float) -> None:
        self._udp_socket, self._tcp = bind_both(host)
        self.address = Address(host, self._tcp.getsockname()[1])
        self._respond = respond
        self._counts = counts
        self._rng = rng
        self._idle = idle
        self._behaviour = Behaviour()
        self._udp: asyncio.DatagramTransport | None = None
        self._write_paused = False
        self._listening = False
        self._closed = False
        self._connections: set[asyncio.Task[None]] = set()
        self._delayed: set[asyncio.TimerHandle] = set()

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(lambda: self, sock=self._udp_socket)
        self._listen()

    async def close(self) -> None:
        """Nothing is left behind: no socket, no task, no timer."""
        self._closed = True
        for handle in self._delayed:
            handle.cancel()
        self._close_connections()
        self._tcp.close()
        if self._udp is None:
            self._udp_socket.close()
        else:
            self._udp.abort()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await asyncio.sleep(0)  # the transports' last callbacks

    def apply(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        if behaviour.tcp is Tcp.CLOSED and self._listening:
            self._close_connections()
            self._tcp.close()
            self._tcp = bind_tcp(self.address.host, self.address.port)
        elif behaviour.tcp is not Tcp.CLOSED and not self._listening and self._udp is not None:
            self._listen()

    # --- UDP ---

    def datagram_received(self, wire: bytes, peer: tuple[str, int]) -> None:
        behaviour = self._behaviour
        if not behaviour.udp or (behaviour.loss and self._rng.random() < behaviour.loss):
            self._counts["dropped"] += 1
            return
        packets = self._packets(self._respond(wire, peer[0], True), behaviour, peer)
        if not behaviour.delay:
            self._send(packets, peer)
        elif len(self._delayed) < _MAX_DELAYED:
            self._send_later(packets, peer, behaviour.delay)

    def pause_writing(self) -> None:
        self._write_paused = True

    def resume_writing(self) -> None:
        self._write_paused = False

    def _packets(self, reply: Reply, behaviour: Behaviour, peer: tuple[str, int]) -> list[bytes]:
        packets = list(islice(reply.messages, 1))
        if behaviour.wire is Wire.GARBAGE:
            return [garbage(packet, self._rng) for packet in packets]
        if behaviour.wire is Wire.FORGED:
            for packet in packets:
                self._send_from_elsewhere(with_false_serial(packet), peer)
            return [each for packet in packets for each in (*forged(packet, self._rng), packet)]
        if behaviour.wire is Wire.STRAYS:
            return [each for packet in packets for each in forged(packet, self._rng)[:1]]
        if behaviour.wire is Wire.ELSEWHERE:
            for packet in packets:
                self._send_from_elsewhere(packet, peer, other_host(self.address.host))
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
            self._delayed.discard(handle)
            self._send(packets, peer)

        handle = asyncio.get_running_loop().call_later(delay, send)
        self._delayed.add(handle)

    def _send(self, packets: Iterable[bytes], peer: tuple[str, int]) -> None:
        for packet in packets:
            if self._udp is None or self._udp.is_closing() or self._write_paused:
                self._counts["dropped"] += 1
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

    def _close_connections(self) -> None:
        """No further connection, and none of those there were. The socket is still to be closed."""
        if self._listening:
            asyncio.get_running_loop().remove_reader(self._tcp.fileno())
            self._listening = False
        for task in self._connections:
            task.cancel()

    def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            connection, peer = self._tcp.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError:  # out of descriptors: the waiting connection would wake us again at once
            loop.remove_reader(self._tcp.fileno())
            loop.call_later(_ACCEPT_PAUSE, self._await_connections)
            return
        if len(self._connections) >= MAX_CONNECTIONS:
            self._counts["turned-away"] += 1
            connection.close()
            return
        connection.setblocking(False)
        task = loop.create_task(self._serve_connection(connection, peer[0]))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve_connection(self, connection: socket.socket, host: str) -> None:
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
            self._counts["broken-off"] += 1
        except Exception:
            # No client may end a server. Each of these is a defect of ours: it is counted and logged.
            log.exception("a connection failed", address=str(self.address))
            self._counts["failed"] += 1
        finally:
            writer.transport.abort()

    async def _reply(self, writer: asyncio.StreamWriter, wire: bytes, host: str) -> bool:
        """Whether the connection goes on."""
        behaviour = self._behaviour
        if behaviour.tcp is Tcp.SILENT:
            return True
        reply = self._respond(wire, host, False)
        if behaviour.delay:
            await asyncio.sleep(behaviour.delay)
        for message in reply.messages:
            octets = garbage(message, self._rng) if behaviour.wire is Wire.GARBAGE else message
            writer.write(len(octets).to_bytes(2, "big") + octets)
            async with asyncio.timeout(self._idle):
                await writer.drain()
            await asyncio.sleep(reply.pause)  # other connections have their turn in a long transfer
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


# --- sockets ---


def bind_both(host: str) -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket, bound to one port that the system chose, TCP not listening yet.

    Raises NotLoopback, or OSError where there is no such address, as on a machine without IPv6.
    """
    address = ipaddress.ip_address(host)
    if not address.is_loopback:
        raise NotLoopback(f"{host} is not a loopback address")
    for _ in range(_BIND_ATTEMPTS):
        try:
            tcp = bind_tcp(host, 0)
        except OSError as error:
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                raise OSError(f"this machine has no address {host}") from error
            raise
        udp = socket.socket(_family(host), socket.SOCK_DGRAM)
        try:
            udp.bind((host, tcp.getsockname()[1]))
        except OSError as error:
            tcp.close()
            udp.close()
            if error.errno != errno.EADDRINUSE:
                raise
            continue
        udp.setblocking(False)
        return udp, tcp
    raise OSError(errno.EADDRINUSE, f"no port on {host} is free for both UDP and TCP")


def bind_tcp(host: str, port: int) -> socket.socket:
    """A bound socket that does not listen: connections are refused, and nobody else can have the port."""
    tcp = socket.socket(_family(host), socket.SOCK_STREAM)
    try:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind((host, port))
    except OSError:
        tcp.close()
        raise
    tcp.setblocking(False)
    return tcp


def other_host(host: str) -> str:
    """Another loopback address than this one; of IPv6 there is none other (RFC 4291 section 2.5.3)."""
    if ":" in host:
        return host
    here = ipaddress.IPv4Address(host)
    return str(here + 1 if (here + 1).is_loopback and int(here) & 0xFF < 0xFE else here - 1)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
