"""What nameservers, and those who pretend to be one, have been seen to send: by name."""

import asyncio
import random
import struct
from collections.abc import Awaitable, Callable, Iterable

from tests.support.nameserver import (
    BADVERS,
    CH,
    CNAME,
    FORGED,
    FORMERR,
    NOTAUTH,
    NOTIMP,
    NS,
    NXDOMAIN,
    REFUSED,
    SERIAL,
    SERVFAIL,
    SOA,
    TXT,
    A,
    Asked,
    Connection,
    Tcp,
    Udp,
    forged,
    good,
    name,
    opt,
    reply,
    rr,
    soa,
)

SCRIPT = b"<script>alert(1)</script>"
CONTROL = b"\x1b[31m\r\nBcc: x@example.org\x00\xff\\"


def _with(build: Callable[[Asked], bytes]) -> Udp:
    return lambda query: [build(query)]


def _octets(query: Asked, tail: bytes, **counts: int) -> bytes:
    """A header with our id, the question, and then anything."""
    numbers = (1, counts.get("an", 1), counts.get("ns", 0), counts.get("ar", 0))
    return struct.pack("!HHHHHH", query.id, 0x8400, *numbers) + query.question + tail


def _random(query: Asked) -> bytes:
    return random.Random(query.id).randbytes(120)


def _noise(query: Asked) -> bytes:
    return query.wire[:2] + b"\x84\0\0\1\0\2\0\3\0\4\x80" + _random(query)


def _plain_only(rcode: int) -> Udp:
    """Knows no EDNS."""

    def udp(query: Asked) -> Iterable[bytes]:
        if not query.edns:
            return [good(query)]
        if rcode == BADVERS:
            return [reply(query, additional=[opt(rcode=BADVERS)])]
        return [reply(query, rcode=rcode, aa=False)]

    return udp


def _ns(owner: bytes) -> bytes:
    return rr(owner, NS, name("ns9.example.org."))


UDP: dict[str, Udp] = {
    "right": _with(good),
    "silence": lambda query: [],
    "twice": lambda query: [good(query), good(query)],
    "lower-case owner": _with(lambda q: reply(q, [soa(owner=q.name.lower())])),
    # strays and forgeries
    "wrong id": _with(forged),
    "wrong id, then right": lambda query: [forged(query), good(query)],
    "right, then wrong id": lambda query: [good(query), forged(query)],
    "500 forged, then right": lambda query: [*(forged(query, n + 1) for n in range(500)), good(query)],
    "wrong question": _with(lambda q: reply(q, [soa(FORGED)], question=name("example.org.") + q.question[-4:])),
    "wrong question, then right": lambda query: [
        reply(query, [soa(FORGED)], question=name("example.org.") + query.question[-4:]),
        good(query),
    ],
    "wrong type": _with(lambda q: reply(q, [soa(FORGED)], question=q.name + b"\0\1\0\1")),
    "two questions": _with(lambda q: reply(q, [soa(FORGED)], question=q.question * 2, counts=(2, 1, 0, 0))),
    "no question": _with(lambda q: reply(q, [soa(FORGED, owner=q.name)], question=b"")),
    "our own query": _with(lambda q: q.wire),
    "a NOTIFY": _with(lambda q: reply(q, [soa(FORGED)], flags=4 << 11)),
    # what cannot be read
    "noise": _with(_random),
    "empty": _with(lambda q: b""),
    "five octets": _with(lambda q: q.wire[:2] + b"\x84\0\0"),
    "noise under our id": _with(_noise),
    "pointer loop": _with(lambda q: _octets(q, struct.pack("!H", 0xC000 | 12 + len(q.question)))),
    "forward pointer": _with(lambda q: _octets(q, b"\xc0\xff" + bytes(10))),
    "label of 64": _with(lambda q: _octets(q, b"\x40" + bytes(80))),
    "long name": _with(lambda q: _octets(q, (b"\x3f" + b"x" * 63) * 5 + bytes(11))),
    "65535 answers": _with(lambda q: reply(q, [soa()], counts=(1, 65535, 0, 0))),
    "rdlength lies": _with(lambda q: _octets(q, b"\xc0\x0c\0\6\0\1\0\0\1\x2c\xff\xff" + bytes(20))),
    "short SOA": _with(lambda q: reply(q, [rr(b"\xc0\x0c", SOA, b"\0\0\0\0\0\1")])),
    "broken TXT": _with(lambda q: reply(q, [soa(), rr(b"\xc0\x0c", TXT, b"\xffx")])),
    "broken glue": _with(lambda q: reply(q, [soa()], additional=[rr(name("ns1.example.net."), A, b"\1\2\3")])),
    "trailing octets": _with(lambda q: good(q) + b"junk"),
    "two OPT": _with(lambda q: reply(q, [soa()], additional=[opt(), opt()])),
    "OPT as answer": _with(lambda q: reply(q, [soa(), opt()])),
    "broken option": _with(lambda q: reply(q, [soa()], additional=[rr(b"\0", 41, b"\0\3\0\x09ab")])),
    "two different SOA": _with(lambda q: reply(q, [soa(), soa(SERIAL + 1)])),
    # truncated
    "truncated": _with(lambda q: reply(q, tc=True)),
    "truncated, without question": _with(lambda q: reply(q, tc=True, aa=False, question=b"")),
    "truncated in the middle of a record": _with(lambda q: reply(q, [soa()[:-7]], tc=True)),
    # errors
    "refused": _with(lambda q: reply(q, rcode=REFUSED, aa=False, additional=[opt((15, b"\0\x14"))])),
    "servfail": _with(lambda q: reply(q, rcode=SERVFAIL, aa=False, additional=[opt((15, b"\0\x18Zone has expired"))])),
    "notauth, without question": _with(lambda q: reply(q, rcode=NOTAUTH, aa=False, question=b"")),
    "nxdomain": _with(lambda q: reply(q, [], [soa(owner=name("net."))], rcode=NXDOMAIN)),
    "rcode 11": _with(lambda q: reply(q, rcode=11)),
    "rcode 14": _with(lambda q: reply(q, rcode=14)),
    "formerr to EDNS": _plain_only(FORMERR),
    "notimp to EDNS": _plain_only(NOTIMP),
    "badvers": _plain_only(BADVERS),
    "formerr always": _with(lambda q: reply(q, rcode=FORMERR, aa=False)),
    "servfail to EDNS": _plain_only(SERVFAIL),
    "refused to EDNS": _plain_only(REFUSED),
    "notauth to EDNS": _plain_only(NOTAUTH),
    "noise to EDNS": _with(
        lambda q: good(q) if not q.edns else q.wire[:2] + b"\x84\0\0\1\0\2\0\3\0\4\x80" + _random(q)
    ),
    "EDNS dropped": lambda query: [] if query.edns else [good(query)],
    # lame, and odd
    "aa=0": _with(lambda q: reply(q, [soa()], aa=False)),
    "nodata": _with(lambda q: reply(q, [], [soa()])),
    "nothing": _with(reply),
    "referral": _with(lambda q: reply(q, [], [_ns(q.name)], aa=False)),
    "sideways referral": _with(lambda q: reply(q, [], [_ns(name("example.org."))], aa=False)),
    "upward referral": _with(lambda q: reply(q, [], [_ns(b"\0")], aa=False)),
    "cname": _with(lambda q: reply(q, [rr(b"\xc0\x0c", CNAME, name("www.example.org."))])),
    "other owner": _with(lambda q: reply(q, [soa(FORGED, owner=name("other.example."))])),
    "class CH": _with(lambda q: reply(q, [soa(FORGED, rclass=CH)])),
    "unknown class and type": _with(lambda q: reply(q, [soa(), rr(b"\xc0\x0c", 65281, b"\1\2", rclass=4321)])),
    "ttl with the high bit": _with(lambda q: reply(q, [soa(ttl=0xFFFFFFFF)])),
    "65 kB": _with(lambda q: reply(q, [soa(), *(rr(b"\xc0\x0c", TXT, b"\xff" + b"x" * 255) for _ in range(235))])),
    "script as mname": _with(lambda q: reply(q, [soa(mname=bytes((len(SCRIPT),)) + SCRIPT + b"\0")])),
    "control characters": _with(
        lambda q: reply(
            q,
            [soa(mname=bytes((len(CONTROL),)) + CONTROL + b"\0")],
            additional=[opt((3, CONTROL), (15, b"\0\0" + CONTROL), (9, b"\0\0\1\0"))],
        )
    ),
    "script as identity": _with(
        lambda q: reply(q, [soa()], additional=[opt((3, SCRIPT), (15, b"\0\x16" + SCRIPT * 40), (9, b"\0"))])
    ),
}


# --- TCP ---


def _sends(build: Callable[[Asked], bytes]) -> Tcp:
    async def tcp(query: Asked, connection: Connection) -> None:
        await connection.send(build(query))
        await connection.stall()

    return tcp


def _raw(build: Callable[[Asked], bytes]) -> Tcp:
    async def tcp(query: Asked, connection: Connection) -> None:
        await connection.raw(build(query))
        await connection.stall()

    return tcp


async def _reset(query: Asked, connection: Connection) -> None:
    connection.reset()


async def _close(query: Asked, connection: Connection) -> None:
    """Returning closes it."""


async def _stall(query: Asked, connection: Connection) -> None:
    await connection.stall()


async def _half(query: Asked, connection: Connection) -> None:
    wire = good(query)
    await connection.raw(struct.pack("!H", len(wire)) + wire[:20])


async def drip(query: Asked, connection: Connection) -> None:
    """An octet at a time, for ever."""
    await connection.raw(b"\xff\xff" + query.wire[:2])
    while not connection.reader.at_eof():
        await connection.raw(b"\0")
        await asyncio.sleep(0.02)


async def _plain_only_tcp(query: Asked, connection: Connection) -> None:
    """Says nothing to what it does not know."""
    if not query.edns:
        await connection.send(good(query))
    await connection.stall()


async def _closes_on_edns(query: Asked, connection: Connection) -> None:
    if not query.edns:
        await connection.send(good(query))


TCP: dict[str, Tcp] = {
    "right": _sends(good),
    "reset": _reset,
    "closed at once": _close,
    "stall": _stall,
    "length zero": _raw(lambda q: b"\0\0"),
    "length, then silence": _raw(lambda q: b"\xff\xff"),
    "half": _half,
    "drip": drip,
    "wrong id": _sends(forged),
    "noise under our id": _sends(_noise),
    "refused": _sends(lambda q: reply(q, rcode=REFUSED, aa=False, additional=[opt((15, b"\0\x12"))])),
    "notauth": _sends(lambda q: reply(q, rcode=NOTAUTH, aa=False)),
    "notauth with aa": _sends(lambda q: reply(q, rcode=NOTAUTH)),
    "servfail": _sends(lambda q: reply(q, rcode=SERVFAIL, aa=False)),
    "notimp": _sends(lambda q: reply(q, rcode=NOTIMP, aa=False)),
    "truncated": _sends(lambda q: reply(q, tc=True)),
}


PLAIN_TCP: dict[str, Tcp] = {
    "servfail to EDNS": _sends(lambda q: good(q) if not q.edns else reply(q, rcode=SERVFAIL, aa=False)),
    "refused to EDNS": _sends(lambda q: good(q) if not q.edns else reply(q, rcode=REFUSED, aa=False)),
    "EDNS dropped": _plain_only_tcp,
    "closed on EDNS": _closes_on_edns,
}
"""Those that answer well only without EDNS."""


# --- transfers: each is the records of each message; all but the first come without a question to point to ---

APEX = name("example.net.")


def zone(messages: int = 3, each: int = 10, last: int = SERIAL, mname: bytes | None = None) -> list[list[bytes]]:
    """A whole zone, from SOA to SOA; the second record is the NS that a zone must have."""
    body = [
        [rr(name(f"h{m}-{n}.example.net."), A, bytes((192, 0, 2, n))) for n in range(each)] for m in range(messages)
    ]
    body[0][0] = _ns(APEX)
    return [[soa(), *body[0]], *body[1:-1], [*body[-1], soa(last, APEX, mname)]]


def transfer(
    messages: Callable[[int], list[list[bytes]]],
    end: Callable[[Connection], Awaitable[None]] | None = None,
    aa: bool = True,
) -> Tcp:
    """Sends the messages that ``messages`` gives for the nth time it is asked, and then ``end``, or FIN."""
    times = iter(range(1000))

    async def tcp(query: Asked, connection: Connection) -> None:
        for number, records in enumerate(messages(next(times))):
            await connection.send(reply(query, records, aa=aa, question=query.question if number == 0 else b""))
        if end is not None:
            await end(connection)

    return tcp


def once_dropped(then: Tcp) -> Tcp:
    """As a server that is just being reloaded."""
    times = iter(range(1000))

    async def tcp(query: Asked, connection: Connection) -> None:
        if next(times):
            await then(query, connection)

    return tcp


async def endless(query: Asked, connection: Connection) -> None:
    await connection.send(reply(query, [soa()]))
    many = [rr(name("x.example.net."), A, b"\xc0\0\2\1")] * 1500
    wire = reply(query, many, question=b"")
    while True:
        await connection.send(wire)
        await asyncio.sleep(0)


async def _reset_it(connection: Connection) -> None:
    await asyncio.sleep(0.05)  # what was sent must be read before: RST throws it away
    connection.reset()


async def _refused_later(connection: Connection) -> None:
    query = connection.query
    assert query is not None
    await connection.send(reply(query, rcode=REFUSED, question=b""))


def failing_once(then: Tcp, rcode: int = SERVFAIL) -> Tcp:
    """As a server that is loading, or has too many transfers under way."""
    times = iter(range(1000))

    async def tcp(query: Asked, connection: Connection) -> None:
        if next(times):
            await then(query, connection)
        else:
            await connection.send(reply(query, rcode=rcode, aa=False))

    return tcp


def _plain_only_transfer(then: Tcp, rcode: int | None = FORMERR) -> Tcp:
    """Knows no EDNS, and says so by this rcode, or by nothing."""

    async def tcp(query: Asked, connection: Connection) -> None:
        if not query.edns:
            await then(query, connection)
        elif rcode is None:
            await connection.stall()
        else:
            await connection.send(reply(query, rcode=rcode, aa=False))

    return tcp


TRANSFERS: dict[str, Callable[[], Tcp]] = {
    "whole": lambda: transfer(lambda _: zone()),
    "whole, aa=0": lambda: transfer(lambda _: zone(), aa=False),
    "whole, in one message": lambda: transfer(lambda _: [[soa(), _ns(APEX), soa()]]),
    "whole, SOA alone first and last": lambda: transfer(
        lambda _: [[soa()], [_ns(APEX)], *zone()[1:-1], [soa(owner=APEX)]]
    ),
    "soa only": lambda: transfer(lambda _: [[soa(), soa()]]),
    "soa only, in two messages": lambda: transfer(lambda _: [[soa()], [soa(owner=APEX)]]),
    "soas of two serials": lambda: transfer(lambda _: [[soa()], [soa(SERIAL + 1, APEX)]]),
    "soas of two primaries": lambda: transfer(lambda _: [[soa(), soa(mname=name("ns2.example.net."))]]),
    "three soas": lambda: transfer(lambda _: [[soa()] * 3]),
    "soa alone": lambda: transfer(lambda _: [[soa()]]),
    "soa alone, then empty messages": lambda: transfer(lambda _: [[soa()], [], []]),
    "soa alone, then silence": lambda: transfer(lambda _: [[soa()]], Connection.stall),
    "soa alone, then reset": lambda: transfer(lambda _: [[soa()]], _reset_it),
    "soa alone, then refused": lambda: transfer(lambda _: [[soa()]], _refused_later),
    "soa alone once": lambda: transfer(lambda time: [[soa()]] if time == 0 else zone()),
    "empty": lambda: transfer(lambda _: [[]]),
    "no SOA first": lambda: transfer(lambda _: [[rr(b"\xc0\x0c", A, b"\xc0\0\2\1"), soa()]]),
    "SOA of another zone": lambda: transfer(lambda _: [[soa(owner=name("example.org."))]]),
    "SOA in the middle": lambda: transfer(
        lambda _: [
            [soa()],
            [soa(owner=name("sub.example.net.")), rr(name("a.example.net."), A, b"\xc0\0\2\1")],
            [soa(owner=APEX)],
        ]
    ),
    "no final SOA": lambda: transfer(lambda _: zone()[:-1]),
    "no final SOA, then silence": lambda: transfer(lambda _: zone()[:-1], Connection.stall),
    "no final SOA, then reset": lambda: transfer(lambda _: zone()[:-1], _reset_it),
    "serial moved": lambda: transfer(lambda _: zone(last=SERIAL + 1)),
    "serial moved once": lambda: transfer(lambda time: zone(last=SERIAL + 1 if time == 0 else SERIAL)),
    "servfail once": lambda: failing_once(transfer(lambda _: zone())),
    "formerr to EDNS, then servfail once": lambda: _plain_only_transfer(failing_once(transfer(lambda _: zone()))),
    "servfail to EDNS": lambda: _plain_only_transfer(transfer(lambda _: zone()), SERVFAIL),
    "refused to EDNS": lambda: _plain_only_transfer(transfer(lambda _: zone()), REFUSED),
    "notauth to EDNS": lambda: _plain_only_transfer(transfer(lambda _: zone()), NOTAUTH),
    "silence to EDNS": lambda: _plain_only_transfer(transfer(lambda _: zone()), None),
    "dropped once": lambda: once_dropped(transfer(lambda _: zone())),
    "no final SOA once": lambda: transfer(lambda time: zone()[:-1] if time == 0 else zone()),
    "final mname": lambda: transfer(lambda _: zone(mname=name("ns2.example.net."))),
    "records after the final SOA": lambda: transfer(
        lambda _: [[*zone(1)[0], soa(), rr(b"\xc0\x0c", A, b"\xc0\0\2\1")]]
    ),
    "messages after the final SOA": lambda: transfer(lambda _: [*zone(), [rr(b"\xc0\x0c", A, b"\xc0\0\2\1")]]),
    "broken message": lambda: transfer(lambda _: [*zone()[:-1], [b"\xc0\x0c\0"]]),
    "endless": lambda: endless,
}
