"""Thousands of broken packets at running servers: none is answered wrongly, none ends or slows them."""

import asyncio
import contextlib
import random
import struct

import dns.flags
import dns.message
import dns.opcode
import dns.xfr
import dns.zone
import pytest

from monitor.clock import now
from monitor.pair.pair import Pair
from monitor.probe.message import tsig_server as tsig
from tests.integration.pair.client import ask

ZONE = "pair.example."
UDP = 5000
TCP = 1500
SEED = 20261120


def seeds(pair: Pair) -> list[bytes]:
    """Good packets of every kind that a server gets."""
    plain = [
        dns.message.make_query(name, rdtype) for name in (ZONE, f"a.wild.{ZONE}") for rdtype in ("SOA", "TXT", "ANY")
    ]
    rich = dns.message.make_query(f"host.child.{ZONE}", "A", use_edns=0, want_dnssec=True, payload=512)
    ixfr, _ = dns.xfr.make_query(dns.zone.Zone(ZONE), serial=7)
    notify = dns.message.make_query(ZONE, "SOA")
    notify.flags = dns.flags.AA | dns.opcode.to_flags(dns.opcode.NOTIFY)
    update = dns.message.make_query(ZONE, "SOA")
    update.set_opcode(dns.opcode.UPDATE)
    wires = [message.to_wire() for message in (*plain, rich, ixfr, notify, update)]
    key = tsig.usable(pair.key)
    signed = [tsig.sign_request(wire, key, int(now().timestamp()))[0] for wire in wires]
    return wires + signed + [dns.message.make_query(ZONE, "AXFR").to_wire()]


def mutated(wire: bytes, dice: random.Random) -> bytes:
    """A few things changed: bits, octets, lengths, order; or everything."""
    octets = bytearray(wire)
    for _ in range(dice.choice((1, 1, 1, 1, 2, 5))):
        where = dice.randrange(len(octets)) if octets else 0
        match dice.randrange(10):
            case 0 | 1 | 2 if octets:
                octets[where] ^= 1 << dice.randrange(8)
            case 3 if octets:
                octets[where] = dice.choice((0, 1, 0x3F, 0x40, 0x80, 0xC0, 0xFF))
            case 4:
                del octets[where : where + dice.randint(1, 20)]
            case 5:
                octets[where:where] = dice.randbytes(dice.randint(1, 20))
            case 6:
                octets = octets[:where] + octets[dice.randrange(len(octets) + 1) :]
            case 7 if len(octets) >= 12:
                octets[4:12] = struct.pack("!HHHH", *(dice.choice((0, 1, 2, 65535)) for _ in range(4)))
            case _:
                octets[12:] = dice.randbytes(dice.randint(0, 60))
    return bytes(octets) or b"\0"  # asyncio sends no empty datagram


class ReplyCollector(asyncio.DatagramProtocol):
    """Counts the answers, and keeps those that are none."""

    def __init__(self) -> None:
        self.heard = 0
        self.wrong: list[bytes] = []

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.heard += 1
        if len(data) < 12 or not data[2] & 0x80 or len(data) > 1232:
            self.wrong.append(data)


@pytest.mark.parametrize("server", ["ns1", "ns2"])
async def test_broken_datagrams(server: str) -> None:
    dice = random.Random(f"{SEED} {server}")
    async with Pair([ZONE], now=now) as pair:
        await pair.in_sync()
        address = pair.server(server).address
        good = seeds(pair)
        loop = asyncio.get_running_loop()
        transport, collector = await loop.create_datagram_endpoint(
            ReplyCollector, remote_addr=(address.host, address.port)
        )
        before = sum(pair.server(server).counts.values())
        for sent in range(1, UDP // 2 + 1):
            transport.sendto(mutated(dice.choice(good), dice))
            if sent % 50 == 0:  # no more than a socket's buffer holds: each of them is to be looked at
                async with asyncio.timeout(5):
                    while sum(pair.server(server).counts.values()) < before + sent:
                        await asyncio.sleep(0)
        transport.abort()
        assert pair.server(server).counts["failed"] == 0
        assert collector.wrong == []
        assert collector.heard > UDP // 5
        assert (await ask(pair.server(server), ZONE, "SOA")).answer


async def test_broken_streams() -> None:
    dice = random.Random(SEED)
    async with Pair([ZONE], now=now) as pair:
        await pair.in_sync()
        good = seeds(pair)
        for _ in range(TCP // 10):
            reader, writer = await asyncio.open_connection(pair.primary.address.host, pair.primary.address.port)
            wires = [mutated(dice.choice(good), dice) for _ in range(10)]
            framed = b"".join(struct.pack("!H", len(wire)) + wire for wire in wires)
            writer.write(framed if dice.random() < 0.8 else mutated(framed, dice))
            writer.write_eof()
            async with asyncio.timeout(5):
                with contextlib.suppress(ConnectionResetError):
                    await reader.read()
            writer.close()
        assert pair.primary.counts["failed"] == 0
        assert (await ask(pair.primary, ZONE, "SOA", tcp=True)).answer
        assert (await ask(pair.primary, ZONE, "SOA")).answer
