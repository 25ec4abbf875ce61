"""Responses with a SOA of many zones, of few kinds."""

import random
from collections.abc import Sequence

from checks.model import Address, Query
from monitor.probe.message.request import Question, question
from tests.support.nameserver import NS, SOA, A, Asked, name, opt, reply, rr

ZONES = (
    "example.net.", "another.net.", "longest.net.", "sub.one.net.", "example.org.", "net.", "a.net.", "ns1.net.",
    "x-1.example.net.", "b\\.c.net.", "xn--bcher-kva.net.", ".",
)  # fmt: skip
HERE = b"\xc0\x0c"


def asked_for(zone: str) -> Question:
    return question(Query(zone, "ns1", Address("192.0.2.1"), zone, "SOA", identify=True))


def pointers(zone: Question) -> tuple[bytes, ...]:
    """Ways to write a name beside a zone: in it, in its parent, whole; with the zone's own label, too."""
    parent = b"\xc0" + bytes((12 + 1 + zone.name[0],)) if zone.name[0] else HERE
    own = zone.name[: 1 + zone.name[0]]
    return HERE, parent, own + parent, name("example.net."), zone.name, zone.name.upper()


def response(
    zone: Question, serial: int, *, end: bytes = HERE, expire: int = 86400, ttl: int = 300, more: Sequence[bytes] = (),
    options: Sequence[tuple[int, bytes]] = (), aa: bool = True,
) -> bytes:  # fmt: skip
    asked = Asked(b"", 0, zone.section, SOA, edns=True, signed=False)
    timers = b"".join(n.to_bytes(4, "big") for n in (serial, 7200, 900, expire, 300))
    record = rr(HERE, SOA, b"\3ns1" + end + b"\4root" + HERE + timers, ttl=ttl)
    return reply(asked, [record], [rr(HERE, NS, b"\3ns1" + end)], [*more, opt(*options)], aa=aa)


def some_response(zone: Question, die: random.Random) -> bytes:
    """One of few kinds, so that zones have some in common."""
    serial = die.choice((1, 2026112701, die.getrandbits(32)))
    return response(
        zone, serial, end=die.choice(pointers(zone)), expire=die.choice((1209600, 86400)), ttl=die.choice((300, 3600)),
        options=die.choice(((), ((3, b"ns1.ams"),), ((9, serial.to_bytes(4, "big")),))), aa=die.random() < 0.9,
        more=[rr(name("ns1.example.org."), A, b"\xc0\0\2\1")] if die.random() < 0.3 else [],
    )  # fmt: skip
