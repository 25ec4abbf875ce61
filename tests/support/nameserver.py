"""A nameserver that can be told to misbehave: raw octets over real sockets, so that it can be as wrong as it likes.

``async with Nameserver(udp=..., tcp=...) as server`` listens on a free port of 127.0.0.1 or ::1. ``udp`` takes a
query and gives the packets to send back; ``tcp`` gets each query and the connection, and does with it what it
wants. Without ``tcp`` the port is closed to TCP, without ``udp`` it is closed to UDP.
"""

import asyncio
import contextlib
import itertools
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass

from checks.model import Address

ZONE = "example.net."
SERIAL = 2026112001
FORGED = 666

A, NS, CNAME, SOA, TXT, AAAA, OPT, TSIG, AXFR = 1, 2, 5, 6, 16, 28, 41, 250, 252
IN, CH = 1, 3
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, NOTAUTH, BADVERS = 0, 1, 2, 3, 4, 5, 9, 16


@dataclass(frozen=True, slots=True)
class Asked:
    """A query as it came."""

    wire: bytes
    id: int
    question: bytes
    type: int
    edns: bool
    signed: bool

    @property
    def name(self) -> bytes:
        return self.question[:-4]


class Connection:
    """One TCP connection, as it can be treated well or badly."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.query: Asked | None = None
        """The query it came with."""

    async def send(self, wire: bytes) -> None:
        await self.raw(struct.pack("!H", len(wire)) + wire)

    async def raw(self, octets: bytes) -> None:
        self.writer.write(octets)
        await self.writer.drain()

    def reset(self) -> None:
        """RST instead of FIN."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def more(self) -> AsyncIterator[Asked]:
        """The queries that come after the first, until the other side closes."""
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                length = struct.unpack("!H", await self.reader.readexactly(2))[0]
                yield asked(await self.reader.readexactly(length))

    async def stall(self) -> None:
        """Until the other side has had enough."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(4096):
                pass


Udp = Callable[[Asked], Iterable[bytes]]
Tcp = Callable[[Asked, Connection], Awaitable[None]]


class Nameserver:
    """Counts what it is asked; ``asked`` are the queries over UDP and ``asked_tcp`` those over TCP, as they came."""

    def __init__(
        self,
        udp: Udp | None = None,
        tcp: Tcp | None = None,
        host: str = "127.0.0.1",
        *,
        port: int = 0,
        deaf: bool = False,
    ) -> None:
        """``deaf``: SYN packets are dropped, as by a firewall; the queue is full, and nobody is ever accepted."""
        self._udp = udp
        self._tcp = tcp
        self._host = host
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._datagrams: asyncio.DatagramTransport | None = None
        self._socket: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._port = port
        self._deaf = deaf
        self._queue: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.asked: list[Asked] = []
        self.asked_tcp: list[Asked] = []
        self.sources: list[int] = []
        """The ports that UDP queries came from."""
        self.at_once = 0
        self.most_at_once = 0
        """TCP connections."""

    @property
    def address(self) -> Address:
        return Address(self._host, self._port)

    async def __aenter__(self) -> "Nameserver":
        loop = asyncio.get_running_loop()
        streams, datagrams = self._pair()
        if self._tcp is not None:
            self._server = await asyncio.start_server(self._connected, sock=streams, backlog=512)
        elif self._deaf:
            streams.listen(0)
            self._queue = [streams, *(socket.socket(self._family, socket.SOCK_STREAM) for _ in range(4))]
            for one in self._queue[1:]:
                one.setblocking(False)
                one.connect_ex((self._host, self._port))
        else:
            self._queue = [streams]  # bound, so that nobody else has it, and not listening, so that it refuses
        if self._udp is not None:
            self._socket = datagrams
            self._datagrams, _ = await loop.create_datagram_endpoint(lambda: self, sock=datagrams)
        else:
            datagrams.close()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._datagrams is not None:
            self._datagrams.close()
        if self._server is not None:
            self._server.close()
        for one in self._queue:
            one.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)

    def _pair(self) -> tuple[socket.socket, socket.socket]:
        """Two sockets of one free port, or of the one that is wanted."""
        for _ in range(100):
            streams = socket.socket(self._family, socket.SOCK_STREAM)
            datagrams = socket.socket(self._family, socket.SOCK_DGRAM)
            datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            streams.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            streams.bind((self._host, self._port))
            self._port = streams.getsockname()[1]
            try:
                datagrams.bind((self._host, self._port))
            except OSError:
                streams.close()
                datagrams.close()
                self._port = 0
                continue
            streams.setblocking(False)
            datagrams.setblocking(False)
            return streams, datagrams
        raise RuntimeError("no port is free for both UDP and TCP")

    # --- asyncio.DatagramProtocol, without inheriting it ---

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._datagrams = transport

    def connection_lost(self, _: Exception | None) -> None:
        self._datagrams = None

    def error_received(self, _: Exception) -> None:
        """Somebody did not wait for our answer."""

    def datagram_received(self, wire: bytes, source: tuple[str, int]) -> None:
        query = asked(wire)
        self.asked.append(query)
        self.sources.append(source[1])
        assert self._udp is not None
        for packet in self._udp(query):
            self.send(packet, source)

    def send(self, packet: bytes, source: tuple[str, int]) -> None:
        """asyncio would not send an empty one."""
        assert self._socket is not None
        with contextlib.suppress(BlockingIOError):
            self._socket.sendto(packet, source)

    def pause_writing(self) -> None:
        """What does not fit is lost, as on any network."""

    def resume_writing(self) -> None:
        """See pause_writing."""

    # --- TCP ---

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        connection = Connection(reader, writer)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                length = struct.unpack("!H", await reader.readexactly(2))[0]
                query = asked(await reader.readexactly(length))
                self.asked_tcp.append(query)
                connection.query = query
                assert self._tcp is not None
                await self._tcp(query, connection)
        finally:
            self.at_once -= 1
            self._tasks.discard(task)
            writer.close()


def asked(wire: bytes) -> Asked:
    end = 12
    while wire[end]:
        end += wire[end] + 1
    end += 5
    edns = wire[end : end + 3] == b"\0\0\x29"
    return Asked(
        wire,
        id=int.from_bytes(wire[:2], "big"),
        question=wire[12:end],
        type=int.from_bytes(wire[end - 4 : end - 2], "big"),
        edns=edns,
        signed=int.from_bytes(wire[10:12], "big") > edns,
    )


# --- octets ---


def name(text: str) -> bytes:
    return b"".join(bytes((len(one),)) + one.encode() for one in text.rstrip(".").split(".") if one) + b"\0"


def rr(owner: bytes, rtype: int, rdata: bytes, ttl: int = 300, rclass: int = IN) -> bytes:
    return owner + struct.pack("!HHIH", rtype, rclass, ttl, len(rdata)) + rdata


def soa(serial: int = SERIAL, owner: bytes = b"\xc0\x0c", mname: bytes | None = None, **more: int) -> bytes:
    rdata = (mname or name("ns1.example.net.")) + name("hostmaster.example.net.")
    return rr(owner, SOA, rdata + struct.pack("!IIIII", serial, 3600, 600, 86400, 300), **more)


def opt(*options: tuple[int, bytes], rcode: int = 0) -> bytes:
    rdata = b"".join(struct.pack("!HH", code, len(data)) + data for code, data in options)
    return b"\0" + struct.pack("!HHIH", OPT, 1232, (rcode >> 4) << 24, len(rdata)) + rdata


def reply(
    query: Asked,
    answer: Iterable[bytes] = (),
    authority: Iterable[bytes] = (),
    additional: Iterable[bytes] = (),
    *,
    rcode: int = NOERROR,
    aa: bool = True,
    tc: bool = False,
    id: int | None = None,
    question: bytes | None = None,
    flags: int = 0,
    counts: tuple[int, int, int, int] | None = None,
) -> bytes:
    """A message built as told, true or not. ``question`` b"" leaves the section out."""
    answer, authority, additional = list(answer), list(authority), list(additional)
    section = query.question if question is None else question
    bits = 0x8000 | (0x0400 if aa else 0) | (0x0200 if tc else 0) | (rcode & 15)
    numbers = counts or (int(bool(section)), len(answer), len(authority), len(additional))
    head = struct.pack("!HHHHHH", query.id if id is None else id, bits ^ flags, *numbers)
    return head + section + b"".join(itertools.chain(answer, authority, additional))


def good(query: Asked, serial: int = SERIAL) -> bytes:
    """The SOA, as it should be."""
    return reply(query, [soa(serial)], additional=[opt()] if query.edns else [])


def forged(query: Asked, number: int = 1) -> bytes:
    return reply(query, [soa(FORGED)], id=(query.id + number) & 0xFFFF)


def every_query(query: Asked, connection: Connection) -> AsyncIterator[Asked]:
    """The first, and those that come after it."""

    async def all_of_them() -> AsyncIterator[Asked]:
        yield query
        async for another in connection.more():
            yield another

    return all_of_them()


async def answering(query: Asked, connection: Connection) -> None:
    """TCP as it should be."""
    await connection.send(good(query))
