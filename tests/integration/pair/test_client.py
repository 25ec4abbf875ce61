"""What a secondary accepts from its primary, and what a primary does without an answer; the other side is scripted."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.rrset
import pytest
from dns.edns import GenericOption, OptionType
from dns.message import Message
from dns.rcode import Rcode

from checks.model import Address
from monitor.clock import now
from monitor.pair.client import NoAnswer, Upstream, fetch, notify, poll
from monitor.pair.endpoint import bind_both
from monitor.pair.nameserver import Nameserver
from monitor.pair.pair import Pair
from monitor.pair.secondary import Secondary
from monitor.probe.message import tsig_server as tsig
from tests.integration.pair.client import ask
from tests.integration.pair.responses import KEY, ORIGIN, data

ZONE = ORIGIN.to_text()
Responder = Callable[[Message], list[Message]]
"""What is sent for a question, message by message."""


class ScriptedServer(asyncio.DatagramProtocol):
    """A server's UDP side that answers as a test wants."""

    def __init__(self, responder: Responder) -> None:
        self.responder = responder
        self.received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.received += 1
        for message in self.responder(dns.message.from_wire(data, keyring=lambda *_: False)):
            self.transport.sendto(message.to_wire(), addr)


@asynccontextmanager
async def scripted_server(udp: Responder, tcp: Responder) -> AsyncIterator[tuple[Upstream, ScriptedServer]]:
    udp_socket, tcp_socket = bind_both("127.0.0.1")
    address = Address("127.0.0.1", udp_socket.getsockname()[1])
    loop = asyncio.get_running_loop()
    transport, side = await loop.create_datagram_endpoint(lambda: ScriptedServer(udp), sock=udp_socket)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        for message in tcp(dns.message.from_wire(wire, keyring=lambda *_: False)):
            octets = message.to_wire()
            writer.write(len(octets).to_bytes(2, "big") + octets)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(converse, sock=tcp_socket)
    try:
        yield Upstream(address, None, lambda: int(now().timestamp())), side
    finally:
        transport.close()
        server.close()
        await server.wait_closed()


def reply(query: Message, rcode: Rcode = Rcode.NOERROR, *, serial: int | None = None, aa: bool = True) -> Message:
    message = dns.message.make_response(query)
    message.set_rcode(rcode)
    message.flags |= dns.flags.AA if aa else 0
    if serial is not None:
        message.answer = [dns.rrset.from_text(ZONE, 300, "IN", "SOA", f"ns1. h. {serial} 2 1 600 5")]
    return message


def silent(query: Message) -> list[Message]:
    return []


def truncated(query: Message) -> list[Message]:
    message = reply(query)
    message.flags |= dns.flags.TC
    return [message]


def with_wrong_id(query: Message) -> list[Message]:
    wrong = reply(query, serial=666)
    wrong.id ^= 1
    return [wrong, reply(query, serial=7)]


def with_expire(query: Message) -> list[Message]:
    message = reply(query, serial=7)
    message.use_edns(0, options=[GenericOption(OptionType.EXPIRE, (77).to_bytes(4, "big"))])
    return [message]


def seven(query: Message) -> list[Message]:
    return [reply(query, serial=7)]


POLLS = [
    ("an answer", seven, silent, (7, None)),
    ("an answer with EXPIRE", with_expire, silent, (7, 77)),
    ("a forged one before it", with_wrong_id, silent, (7, None)),
    ("truncated, whole over TCP", truncated, seven, (7, None)),
    ("silent over UDP", silent, seven, (7, None)),
    ("silent over both", silent, silent, "closed the connection"),
    ("REFUSED", lambda q: [reply(q, Rcode.REFUSED)], silent, "says REFUSED"),
    ("without AA", lambda q: [reply(q, serial=7, aa=False)], silent, "says NOERROR with flags"),
    ("nothing in it", lambda q: [reply(q)], silent, "says nothing about"),
]


@pytest.mark.parametrize(("what", "udp", "tcp", "told"), POLLS)
async def test_polls(what: str, udp: Responder, tcp: Responder, told: tuple[int, int | None] | str) -> None:
    async with scripted_server(udp, tcp) as (upstream, _):
        if isinstance(told, str):
            with pytest.raises(NoAnswer, match=told):
                await poll(upstream, ORIGIN)
        else:
            found = await poll(upstream, ORIGIN)
            assert (found.serial, found.expire) == told


async def test_an_unsigned_answer_to_a_signed_question_is_none() -> None:
    async with scripted_server(seven, seven) as (upstream, side):
        signing = Upstream(upstream.address, KEY, upstream.clock)
        with pytest.raises(NoAnswer):
            await poll(signing, ORIGIN)
        assert side.received == 1


def transfer(*parts: list[str]) -> Responder:
    """Messages of a transfer, each of these records."""

    def play(query: Message) -> list[Message]:
        messages = []
        for part in parts:
            message = reply(query)
            message.answer = [dns.rrset.from_text(*_fields(line)) for line in part]
            messages.append(message)
        return messages

    return play


def _fields(line: str) -> tuple[str, int, str, str, str]:
    owner, rdtype, rdata = line.split(" ", 2)
    return (dns.name.from_text(owner, ORIGIN).to_text(), 300, "IN", rdtype, rdata)


SOA8 = f"@ SOA ns1.{ZONE} h.{ZONE} 8 2 1 600 5"
SOA9 = f"@ SOA ns1.{ZONE} h.{ZONE} 9 2 1 600 5"
NS = f"@ NS ns1.{ZONE}"

TRANSFERS = [
    ("whole", transfer([SOA8, NS, "www A 192.0.2.1", SOA8]), None),
    ("whole, message by message", transfer([SOA8], [NS], [SOA8]), None),
    ("never ended", transfer([SOA8, NS]), "closed the connection"),
    ("ended with another serial", transfer([SOA8, NS, SOA9]), "transfer from"),
    ("no SOA first", transfer([NS, SOA8]), "transfer from"),
    ("no NS in it", transfer([SOA8, "www A 192.0.2.1", SOA8]), "needs one SOA"),
    ("records after its end", transfer([SOA8, NS, SOA8, "www A 192.0.2.1"]), "transfer from"),
    ("refused", lambda q: [reply(q, Rcode.REFUSED)], "REFUSED"),
    ("nothing", silent, "closed the connection"),
    ("another question's", lambda q: [reply(dns.message.make_query(ZONE, "SOA"), serial=8)], "another question"),
]


@pytest.mark.parametrize(("what", "tcp", "fails"), TRANSFERS)
async def test_transfers(what: str, tcp: Responder, fails: str | None) -> None:
    async with scripted_server(silent, tcp) as (upstream, _):
        if fails is None:
            found, _ = await fetch(upstream, ORIGIN, None)
            assert found.serial == 8
        else:
            with pytest.raises(NoAnswer, match=fails):
                await fetch(upstream, ORIGIN, None)


async def test_an_ixfr_that_fails_is_followed_by_an_axfr() -> None:
    asked = []

    def play(query: Message) -> list[Message]:
        asked.append(dns.rdatatype.to_text(query.question[0].rdtype))
        return [reply(query, Rcode.NOTIMP)] if asked[-1] == "IXFR" else transfer([SOA8, NS, SOA8])(query)

    async with scripted_server(silent, play) as (upstream, _):
        found, _ = await fetch(upstream, ORIGIN, data(7))
        assert (asked, found.serial) == (["IXFR", "AXFR"], 8)


NOTIFIES = [
    ("acknowledged", lambda q: [reply(q)], True, 1),
    ("refused", lambda q: [reply(q, Rcode.REFUSED)], False, 1),
    ("not answered", silent, False, 3),
]


@pytest.mark.parametrize(("what", "responder", "acknowledged", "asked"), NOTIFIES)
async def test_notify_is_repeated_until_it_is_answered(
    what: str, responder: Responder, acknowledged: bool, asked: int
) -> None:
    async with scripted_server(responder, silent) as (upstream, side):
        assert await notify(upstream.address, data(8), None, upstream.clock(), timeouts=(0.05,) * 3) is acknowledged
        assert side.received == asked


async def test_nobody_listens() -> None:
    udp, tcp = bind_both("127.0.0.1")
    address = Address("127.0.0.1", tcp.getsockname()[1])
    udp.close()
    upstream = Upstream(address, None, lambda: 0)
    with pytest.raises(NoAnswer):
        await poll(upstream, ORIGIN)
    with pytest.raises(NoAnswer):
        await fetch(upstream, ORIGIN, None)
    tcp.close()


# --- defects of ours ---


async def test_a_server_survives_a_defect_of_its_own() -> None:
    broken = iter([True, True, False])

    def clock() -> object:
        if next(broken, False):
            raise RuntimeError("a defect")
        return now()

    server = Nameserver("ns1", now=clock)  # type: ignore[arg-type]
    await server.start()
    try:
        for tcp in (False, True):
            assert (await ask(server, ZONE, "SOA", tcp=tcp)).rcode() == Rcode.SERVFAIL
        assert (await ask(server, ZONE, "SOA")).rcode() == Rcode.REFUSED
        assert server.counts["failed"] == 2
    finally:
        await server.close()


async def test_a_secondary_survives_a_defect_of_its_own() -> None:
    async with Pair([ZONE], now=now) as pair:
        ours = Nameserver("ns3", now=now)
        copies = Secondary(ours, [ORIGIN], unloaded_retry=0.05)
        looks = 0

        def upstream() -> Upstream:
            nonlocal looks
            looks += 1
            if looks < 3:
                raise RuntimeError("a defect")
            return Upstream(pair.primary.address, tsig.usable(pair.key), ours.clock)

        copies.start(upstream)
        async with asyncio.timeout(5):
            await copies.in_sync(ORIGIN, 1000)
        assert ours.counts["failed"] == 2
        await copies.close()
