"""Sockets that are used as nobody should: floods, silence, halves of messages; and nothing left behind."""

import asyncio
import gc
import socket
import struct

import dns.message
import pytest

from checks.model import Address
from monitor.clock import now
from monitor.pair import endpoint
from monitor.pair.endpoint import NotLoopback
from monitor.pair.nameserver import Nameserver
from monitor.pair.pair import Pair
from tests.integration.pair.client import ask

ZONE = "pair.example."
SOA = dns.message.make_query(ZONE, "SOA").to_wire()
FRAMED = struct.pack("!H", len(SOA)) + SOA


async def read(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(3):
        return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))


async def dial(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(address.host, address.port)


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What still comes before the other side closes."""
    async with asyncio.timeout(3):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def test_udp_and_tcp_have_one_port_on_each_address() -> None:
    async with Pair([ZONE], now=now, hosts=("127.0.0.1", "::1")) as pair:
        await pair.in_sync()
        for server in pair.servers:
            assert [address.host for address in server.addresses] == ["127.0.0.1", "::1"]
            for address in server.addresses:
                reader, writer = await dial(address)
                writer.write(FRAMED)
                assert dns.message.from_wire(await read(reader)).answer[0][0].serial == 1000
                writer.close()
            assert (await ask(server, ZONE, "SOA")).answer


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "::ffff:192.0.2.1"])
async def test_nothing_listens_where_others_could_ask(host: str) -> None:
    with pytest.raises(NotLoopback):
        await Nameserver("ns1", now=now, hosts=("127.0.0.1", host)).start()


async def test_pipelined_questions_are_answered_in_order() -> None:
    async with Pair([ZONE], now=now) as pair:
        reader, writer = await dial(pair.primary.address)
        ids = [7, 8, 9]
        for number in ids:
            writer.write(FRAMED[:2] + struct.pack("!H", number) + FRAMED[4:])
        assert [int.from_bytes((await read(reader))[:2], "big") for _ in ids] == ids
        writer.close()


@pytest.mark.parametrize(
    ("what", "octets"),
    [
        ("a length of zero", b"\0\0"),
        ("half a length", b"\0"),
        ("a length and nothing", b"\xff\xff"),
        ("half a message", FRAMED[:20]),
    ],
    ids=["zero", "half a length", "nothing", "half a message"],
)
async def test_a_conversation_that_makes_no_sense_is_ended(what: str, octets: bytes) -> None:
    async with Pair([ZONE], now=now) as pair:
        reader, writer = await dial(pair.primary.address)
        writer.write(FRAMED + octets)
        writer.write_eof()
        assert dns.message.from_wire(await read(reader)).answer
        assert await ended(reader) == b""
        writer.close()
        assert (await ask(pair.primary, ZONE, "SOA", tcp=True)).answer


async def test_a_message_of_64k_is_read_and_answered() -> None:
    async with Pair([ZONE], now=now) as pair:
        reader, writer = await dial(pair.primary.address)
        writer.write(struct.pack("!H", 65535) + SOA + bytes(65535 - len(SOA)))
        assert dns.message.from_wire(await read(reader)).answer
        writer.close()


async def test_a_silent_client_is_sent_away() -> None:
    server = Nameserver("ns1", now=now, idle=0.1)
    await server.start()
    for octets in (b"", FRAMED[:1], FRAMED[:9]):
        reader, writer = await dial(server.address)
        writer.write(octets)
        assert await ended(reader) == b""
        writer.close()
    await server.close()


async def test_a_flood_of_connections_is_capped_and_passes() -> None:
    async with Pair([ZONE], now=now) as pair:
        most = endpoint.MAX_CONNECTIONS
        crowd = [await dial(pair.primary.address) for _ in range(most + 20)]
        late = await asyncio.gather(*(ended(reader) for reader, _ in crowd[most:]))
        assert late == [b""] * 20
        assert pair.primary.counts["turned-away"] == 20
        assert (await ask(pair.primary, ZONE, "SOA")).answer
        for _, writer in crowd:
            writer.close()
        async with asyncio.timeout(3):
            while True:
                try:
                    assert (await ask(pair.primary, ZONE, "SOA", tcp=True)).answer
                    break
                except (EOFError, ConnectionError):  # the crowd is still leaving
                    await asyncio.sleep(0.01)


async def test_dead_tcp_is_refused_at_once_and_its_port_stays_ours() -> None:
    async with Pair([ZONE], now=now) as pair:
        await pair.in_sync()
        address = pair.secondary.address
        reader, writer = await dial(address)
        for _ in range(3):
            pair.break_("tcp-dead")
            with pytest.raises(ConnectionRefusedError):
                await dial(address)
            with pytest.raises(OSError, match="in use"), socket.socket() as other:
                other.bind((address.host, address.port))
            pair.mend("tcp-dead")
            assert (await ask(pair.secondary, ZONE, "SOA", tcp=True)).answer
        assert await ended(reader) == b""
        writer.close()


async def test_silent_tcp_accepts_and_says_nothing() -> None:
    async with Pair([ZONE], now=now) as pair:
        await pair.in_sync()
        pair.break_("tcp-silent")
        reader, writer = await dial(pair.secondary.address)
        writer.write(FRAMED)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await reader.read(1)
        writer.close()
        assert (await ask(pair.secondary, ZONE, "SOA")).answer


async def test_a_client_that_does_not_read_keeps_nobody_waiting() -> None:
    async with Pair([ZONE], now=now) as pair:
        pair.break_("transfer-open", "ns1")
        pair.break_("endless-transfer", "ns1")
        _, writer = await dial(pair.primary.address)
        axfr = dns.message.make_query(ZONE, "AXFR").to_wire()
        writer.write(struct.pack("!H", len(axfr)) + axfr)
        for _ in range(5):
            assert (await ask(pair.primary, ZONE, "SOA", tcp=True)).answer
        writer.transport.abort()


@pytest.mark.filterwarnings("error::ResourceWarning", "error::pytest.PytestUnraisableExceptionWarning")
async def test_nothing_is_left_behind() -> None:
    before = asyncio.all_tasks()
    pair = Pair([ZONE], now=now)
    async with pair:
        await pair.in_sync()
        connection = await dial(pair.primary.address)
        pair.break_("slow", "ns1")
        pair.break_("tcp-dead")
        pair.change(ZONE)
        connection[1].write(FRAMED)
    assert await ended(connection[0]) == b""
    connection[1].close()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    for server in pair.servers:
        endpoint.bind_tcp("127.0.0.1", server.address.port).close()
    gc.collect()


async def test_a_pair_that_was_never_started_closes() -> None:
    await Pair([ZONE], now=now).close()
