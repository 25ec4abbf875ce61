"""The listener's sockets: UDP and TCP, and whoever means it no good."""

import asyncio
import contextlib
import errno
import socket
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import dns.asyncquery
import dns.message
import dns.rcode
import pytest

from checks.model import Address
from monitor.clock import now
from monitor.probe.cannot_listen import CannotListen
from monitor.probe.notify.connections import MAX_CONNECTIONS_OF_SOURCE, NotifyConnections
from monitor.probe.notify.listener import NotifyListeners, bind
from monitor.probe.notify.rates import Bucket, SourceRates
from monitor.probe.notify.responder import HeardNotify, NotifyResponder, NotifyResult, NotifySender
from tests.support.lab.waiting import eventually
from tests.support.notifies import ZONE, notify

HERE, STRANGER = ("127.0.0.1", "::1"), "127.0.0.2"
ANY = Address("127.0.0.1", 0)


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Zones:
    def is_known(self, host: str) -> bool:
        return host in HERE

    def has_zone(self, zone: str) -> bool:
        return zone == ZONE

    def sender(self, zone: str, host: str) -> NotifySender | None:
        return NotifySender("ns1")


@dataclass
class Desk:
    heard: list[HeardNotify] = field(default_factory=list)
    told: Counter[NotifyResult] = field(default_factory=Counter)
    why: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.responder = NotifyResponder(Zones(), {}, self.heard.append, self._told, lambda: now().timestamp())
        self.listeners = NotifyListeners(self.responder)

    def _told(self, result: NotifyResult, host: str, zone: str, why: str) -> None:
        self.told[result] += 1
        self.why.append(why)

    @property
    def at(self) -> Address:
        return self.listeners.addresses[0]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    await made.listeners.use([ANY])
    yield made
    await made.listeners.close()
    assert made.listeners.addresses == ()


@contextlib.asynccontextmanager
async def connected(to: Address, source: str = "127.0.0.1") -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection(to.host, to.port, local_addr=(source, 0))
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def framed(wire: bytes) -> bytes:
    return len(wire).to_bytes(2, "big") + wire


async def closed(reader: asyncio.StreamReader) -> bytes:
    """What still comes before the other side hangs up."""
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(10):
            return await reader.read()
    return b""


@pytest.mark.parametrize("host", HERE)
async def test_over_udp_and_tcp_and_both_families(host: str) -> None:
    desk = Desk()
    try:
        await desk.listeners.use([Address(host, 0)])
    except CannotListen as error:
        if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            raise
        pytest.skip(f"this machine has no {host}")
    message = dns.message.from_wire(notify(serial=9))
    for ask in (dns.asyncquery.udp, dns.asyncquery.tcp):
        answer = await ask(message, host, port=desk.at.port, timeout=5)
        assert answer.rcode() == dns.rcode.NOERROR
    assert desk.heard == [HeardNotify(ZONE, "ns1", host, 9)] * 2
    await desk.listeners.close()


async def test_several_messages_down_one_connection_are_answered_in_order(desk: Desk) -> None:
    async with connected(desk.at) as (reader, writer):
        for number in range(3):
            writer.write(framed(notify(id=number)))
        for number in range(3):
            size = int.from_bytes(await reader.readexactly(2), "big")
            assert dns.message.from_wire(await reader.readexactly(size)).id == number
    assert len(desk.heard) == 3


FRAMES = {
    "of no octets": b"\0\0",
    "too long": b"\xff\xff" + bytes(100),
    "a query": framed(dns.message.make_query(ZONE, "SOA").to_wire()),
    "a response": framed(notify()[:2] + b"\xa4\0" + notify()[4:]),
}


@pytest.mark.parametrize("octets", FRAMES.values(), ids=FRAMES)
async def test_what_is_no_notify_is_hung_up_on_without_an_answer(desk: Desk, octets: bytes) -> None:
    async with connected(desk.at) as (reader, writer):
        writer.write(octets)
        assert await closed(reader) == b""
    assert desk.told.total() == 1
    assert desk.heard == []


async def test_a_stranger_is_hung_up_on_before_a_word_is_read(desk: Desk) -> None:
    async with connected(desk.at, STRANGER) as (reader, _):
        assert await closed(reader) == b""
    assert desk.told == {NotifyResult.UNKNOWN_SOURCE: 1}


async def test_a_stranger_gets_nothing_over_udp(desk: Desk) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as stranger, socket.socket(type=socket.SOCK_DGRAM) as known:
        for sock, host in ((stranger, STRANGER), (known, "127.0.0.1")):
            sock.bind((host, 0))
            sock.setblocking(False)
        stranger.sendto(notify(), (desk.at.host, desk.at.port))
        known.sendto(notify(), (desk.at.host, desk.at.port))
        async with asyncio.timeout(10):
            answer = await asyncio.get_running_loop().sock_recv(known, 4096)
        assert dns.message.from_wire(answer).rcode() == dns.rcode.NOERROR
        with pytest.raises(BlockingIOError):
            stranger.recv(4096)  # what came first would have been answered first
    assert desk.told == {NotifyResult.UNKNOWN_SOURCE: 1, NotifyResult.ACCEPTED: 1}


async def test_connections_of_one_source_are_bounded(desk: Desk) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(MAX_CONNECTIONS_OF_SOURCE):
            reader, writer = await stack.enter_async_context(connected(desk.at))
            writer.write(framed(notify()))
            await reader.readexactly(2)
        reader, _ = await stack.enter_async_context(connected(desk.at))
        assert await closed(reader) == b""
        assert desk.told[NotifyResult.CONNECTION_ENDED] == 1
    await eventually(lambda: not desk.listeners._open[ANY]._connections._sources, "the end of them")
    async with connected(desk.at) as (reader, writer):
        writer.write(framed(notify()))
        await reader.readexactly(2)


SLOW = {"nothing": b"", "half a length": b"\0", "half a message": framed(notify())[:-1]}


@pytest.mark.parametrize("octets", SLOW.values(), ids=SLOW)
async def test_who_is_slow_is_hung_up_on(octets: bytes) -> None:
    desk = Desk()
    udp, tcp = bind(ANY)
    udp.close()
    tcp.listen()
    connections = NotifyConnections(tcp, desk.responder, Bucket(1000, 1000), idle=0.2, lifetime=5.0)
    connections.start()
    host, port = tcp.getsockname()
    async with connected(Address(host, port)) as (reader, writer):
        writer.write(octets)
        assert await closed(reader) == b""
    assert desk.told == {NotifyResult.CONNECTION_ENDED: 1}
    await connections.close()


async def test_a_connection_lasts_no_longer_than_it_may_however_busy_it_is() -> None:
    desk = Desk()
    desk.responder._rates = SourceRates(rate=1e6, burst=1e6)
    udp, tcp = bind(ANY)
    udp.close()
    tcp.listen()
    connections = NotifyConnections(tcp, desk.responder, Bucket(10_000, 10_000), idle=5.0, lifetime=0.3)
    connections.start()
    host, port = tcp.getsockname()
    async with connected(Address(host, port)) as (reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            async with asyncio.timeout(10):
                while True:
                    writer.write(framed(notify()))
                    await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    await eventually(lambda: desk.told[NotifyResult.CONNECTION_ENDED] == 1, "the end")
    assert desk.heard
    await connections.close()


async def test_a_flood_is_not_read_faster_than_it_may_be_and_the_loop_goes_on() -> None:
    desk = Desk()
    desk.listeners._budget = Bucket(rate=10, burst=50)
    await desk.listeners.use([ANY])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flood:
        flood.bind((STRANGER, 0))
        for _ in range(200):
            flood.sendto(b"junk", (desk.at.host, desk.at.port))
        await eventually(lambda: desk.told[NotifyResult.UNKNOWN_SOURCE] >= 50, "the first of it")
        before = desk.told[NotifyResult.UNKNOWN_SOURCE]
        assert before < 150
        await eventually(lambda: desk.told[NotifyResult.UNKNOWN_SOURCE] > before, "more of it later")
    await desk.listeners.close()


async def test_other_addresses_are_opened_and_closed_and_those_that_stay_are_not(desk: Desk) -> None:
    stays, kept = desk.at, desk.listeners._open[ANY]
    new = Address("127.0.0.3", 0)
    async with connected(stays) as (reader, writer):
        await desk.listeners.use([ANY, new])
        assert desk.listeners._open[ANY] is kept
        assert [address.host for address in desk.listeners.addresses] == ["127.0.0.1", "127.0.0.3"]
        writer.write(framed(notify()))
        assert await reader.readexactly(2)
    other = desk.listeners.addresses[1]
    await desk.listeners.use([ANY])
    assert desk.listeners.addresses == (stays,)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(other.host, other.port)


async def test_where_one_cannot_be_had_all_stays_as_it_was(desk: Desk) -> None:
    before = desk.listeners.addresses
    with pytest.raises(CannotListen) as refusal:
        await desk.listeners.use([Address("127.0.0.3", 0), Address("192.0.2.99", 5300)])
    assert str(refusal.value) == (
        "cannot listen on 192.0.2.99:5300: this machine has no such address; choose one that `ip address` shows"
    )
    assert refusal.value.setting == "notify.listen"
    assert desk.listeners.addresses == before


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
async def test_a_port_that_another_has_over_either_transport(kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        if kind is socket.SOCK_STREAM:
            other.listen()
        with pytest.raises(CannotListen) as refusal:
            bind(Address("127.0.0.1", port))
    assert "address already in use by another program" in str(refusal.value)
    assert not refusal.value.lasting
