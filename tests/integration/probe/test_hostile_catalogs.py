"""Servers of a catalog that drip, never end, or sign wrongly: each is given up by our limits, and nothing is taken."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from monitor.clock import now
from monitor.probe.client.catalog import CatalogClient, CatalogUnread, CatalogVersion
from monitor.probe.settings import Probe, TransferLimits
from tests.support.nameserver import (
    NOTAUTH,
    NS,
    SOA,
    TXT,
    ZONE,
    Asked,
    Connection,
    Nameserver,
    Tcp,
    every_query,
    good,
    name,
    reply,
    rr,
    soa,
)
from tests.support.signing import KEY, OTHER_SECRET, Pen

PTR = 12
BADKEY = 17
SOON = Probe(timeout=0.2, transfer=TransferLimits(deadline=0.4))
"""For those that must be ended by the clock …"""
LITTLE = Probe(timeout=10, transfer=TransferLimits(deadline=30, max_octets=65536, max_messages=1000, max_records=2000))
"""… and for all others."""
APEX = [rr(b"\xc0\x0c", NS, name("invalid.")), rr(name(f"version.{ZONE}"), TXT, b"\x012")]

Transferred = Callable[[Asked, Connection], Awaitable[None]]
"""What is done once the SOA was told."""


def catalog(then: Transferred) -> Tcp:
    async def tcp(query: Asked, connection: Connection) -> None:
        async for asked in every_query(query, connection):
            if asked.type == SOA:
                await connection.send(good(asked))
            else:
                await then(asked, connection)

    return tcp


def member(number: int) -> bytes:
    return rr(name(f"m{number}.zones.{ZONE}"), PTR, name(f"zone{number}.test."))


async def drips(query: Asked, connection: Connection) -> None:
    """An octet at a time, of messages that are right."""
    wire = reply(query, [soa(), *APEX])
    for octet in len(wire).to_bytes(2, "big") + wire:
        await connection.raw(bytes([octet]))
        await asyncio.sleep(0.02)


async def trickles(query: Asked, connection: Connection) -> None:
    """One member after the other, each in time, for ever."""
    await connection.send(reply(query, [soa(), *APEX]))
    for number in range(10**6):
        await connection.send(reply(query, [member(number)], question=b""))
        await asyncio.sleep(0.02)


async def floods(query: Asked, connection: Connection) -> None:
    """As many as fit, for ever."""
    await connection.send(reply(query, [soa(), *APEX]))
    for first in range(0, 10**6, 500):
        await connection.send(reply(query, map(member, range(first, first + 500)), question=b""))


async def repeats(query: Asked, connection: Connection) -> None:
    """The same member for ever: no memory is needed for that."""
    await connection.send(reply(query, [soa(), *APEX]))
    wire = reply(query, [member(1)] * 500, question=b"")
    while True:
        await connection.send(wire)


async def stops(query: Asked, connection: Connection) -> None:
    await connection.send(reply(query, [soa(), *APEX, member(1)]))
    connection.reset()


async def silent(query: Asked, connection: Connection) -> None:
    await connection.stall()


UNSIGNED: list[tuple[str, Tcp, Probe, str]] = [
    ("drips", catalog(drips), SOON, "transfer: timeout: body: timed out"),
    ("trickles", catalog(trickles), SOON, "transfer: "),
    ("floods", catalog(floods), LITTLE, "transfer: limit: more than "),
    ("repeats itself", catalog(repeats), LITTLE, "transfer: limit: more than "),
    ("is silent in the transfer", catalog(silent), SOON, "transfer: timeout: first octet: timed out"),
    ("breaks off", catalog(stops), LITTLE, "transfer: reset: "),
    ("is silent from the beginning", silent, SOON, "asked for its SOA over TCP: first octet: timed out"),
    ("drips its SOA", drips, SOON, "asked for its SOA over TCP: body: timed out"),
]


async def read(tcp: Tcp, key: str | None = None, probe: Probe = LITTLE) -> CatalogVersion:
    async with Nameserver(None, tcp) as server, asyncio.timeout(60):
        return await CatalogClient(probe, {"xfr": KEY}, now).read(ZONE, server.address, key, None)


@pytest.mark.parametrize(("tcp", "probe", "why"), [row[1:] for row in UNSIGNED], ids=[row[0] for row in UNSIGNED])
async def test_one_that_does_not_end_is_ended(tcp: Tcp, probe: Probe, why: str) -> None:
    with pytest.raises(CatalogUnread) as caught:
        await read(tcp, probe=probe)
    assert str(caught.value).startswith(why)
    assert str(caught.value).isprintable()


Build = Callable[[Asked, Pen], Sequence[bytes]]


def whole(query: Asked) -> list[bytes]:
    """In three messages."""
    return [reply(query, [soa(), *APEX]), reply(query, [member(1)]), reply(query, [member(2), soa()])]


def all_signed(query: Asked, pen: Pen) -> Sequence[bytes]:
    return [pen.sign(wire) for wire in whole(query)]


def none_signed(query: Asked, pen: Pen) -> Sequence[bytes]:
    return whole(query)


def last_unsigned(query: Asked, pen: Pen) -> Sequence[bytes]:
    first, second, last = whole(query)
    return [pen.sign(first), pen.sign(second), last]


def one_altered(query: Asked, pen: Pen) -> Sequence[bytes]:
    first, second, last = (pen.sign(wire) for wire in whole(query))
    return [first, second.replace(b"\5zone1", b"\5zone9"), last]


def soa_signed(query: Asked, pen: Pen) -> Sequence[bytes]:
    return [pen.sign(good(query))]


def soa_unsigned(query: Asked, pen: Pen) -> Sequence[bytes]:
    return [good(query)]


def key_unknown(query: Asked, pen: Pen) -> Sequence[bytes]:
    return [pen.sign(reply(query, rcode=NOTAUTH, aa=False), BADKEY, mac=b"")]


def signing(soa: Build, transfer: Build, **pen: str | int) -> Tcp:
    async def tcp(query: Asked, connection: Connection) -> None:
        async for asked in every_query(query, connection):
            build = soa if asked.type == SOA else transfer
            for wire in build(asked, Pen(asked, **pen)):  # type: ignore[arg-type]
                await connection.send(wire)

    return tcp


SIGNED: list[tuple[str, Tcp, str]] = [
    ("its SOA is not signed", signing(soa_unsigned, all_signed), "asked for its SOA over TCP: UNSIGNED: "),
    ("another secret", signing(soa_signed, all_signed, secret=OTHER_SECRET), "asked for its SOA over TCP: BADSIG"),
    ("another name", signing(soa_signed, all_signed, name="other."), "asked for its SOA over TCP: BADKEY"),
    ("another algorithm", signing(soa_signed, all_signed, algorithm="hmac-sha512"), "asked for its SOA over TCP: BAD"),
    ("another clock", signing(soa_signed, all_signed, ahead=1000), "asked for its SOA over TCP: "),
    ("it does not know the key", signing(key_unknown, all_signed), "asked for its SOA over TCP: TSIG error BADKEY"),
    ("the transfer is not signed", signing(soa_signed, none_signed), "transfer: unsigned: "),
    ("its last message is not", signing(soa_signed, last_unsigned), "transfer: unsigned: the last message is"),
    ("a member was altered on the way", signing(soa_signed, one_altered), "transfer: badsig"),
    ("the transfer has another key", signing(soa_signed, key_unknown), "transfer: badkey"),
]  # fmt: skip


async def test_what_is_signed_with_the_key_is_taken() -> None:
    version = await read(signing(soa_signed, all_signed), "xfr")
    assert version.content is not None
    assert set(version.content.members) == {"zone1.test.", "zone2.test."}


@pytest.mark.parametrize(("tcp", "why"), [row[1:] for row in SIGNED], ids=[row[0] for row in SIGNED])
async def test_what_is_not_signed_with_the_key_is_not_taken(tcp: Tcp, why: str) -> None:
    with pytest.raises(CatalogUnread) as caught:
        await read(tcp, "xfr")
    assert str(caught.value).startswith(why)
    assert KEY.secret.reveal() not in str(caught.value)
