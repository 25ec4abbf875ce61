"""A recognised response says what the quick reader says of it."""

import random
from collections.abc import Sequence

import pytest

from checks.model import Query
from monitor.probe.message import soa_response
from monitor.probe.message.request import Question, question
from monitor.probe.message.soa_forms import SoaForms
from tests.integration.probe.test_fuzz import NOWHERE
from tests.support.mutations import mutate
from tests.support.nameserver import NS, SOA, A, Asked, name, opt, reply, rr

ZONES = (
    "example.net.", "another.net.", "longest.net.", "sub.one.net.", "example.org.", "net.", "a.net.", "ns1.net.",
    "x-1.example.net.", "b\\.c.net.", "xn--bcher-kva.net.", ".",
)  # fmt: skip
HERE = b"\xc0\x0c"


def asked_for(zone: str) -> Question:
    return question(Query(zone, NOWHERE.server, NOWHERE.address, zone, "SOA", identify=True))


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


def compare(forms: SoaForms, wire: bytes, zone: Question) -> bool:
    """Whether it was recognised; then as what it is."""
    form, found = forms.find(wire, zone.name), soa_response.soa_outline(wire, zone.section)
    quick = soa_response.to_answer(wire, zone.text, found) if found is not None else None
    if form is None:
        if found is not None and quick is not None:
            forms.learn(wire, zone.name, found, quick)
        return False
    assert found == form.outline, wire.hex()
    assert quick == form.answer(zone.text, *form.values(wire)), wire.hex()
    assert len(wire) == form.octets
    return True


def recognised(count: int, seed: int) -> int:
    """Of so many responses, half of them mutated."""
    die, forms, many = random.Random(seed), SoaForms(), 0
    zones = [asked_for(zone) for zone in ZONES]
    for _ in range(count):
        zone = die.choice(zones)
        wire = some_response(zone, die)
        many += compare(forms, wire, zone)
        many += compare(forms, mutate(wire, [wire], die, keep=die.choice((0, 12, 12 + len(zone.section)))), zone)
    return many


def test_what_is_recognised_is_what_the_quick_reader_reads() -> None:
    assert recognised(8_000, 1) > 2_000


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_what_is_recognised_is_what_the_quick_reader_reads_for_long(seed: int) -> None:
    assert recognised(100_000, seed) > 25_000


def test_a_zone_like_one_that_was_read_before_need_not_be_read() -> None:
    forms, first = SoaForms(), asked_for("example.net.")
    assert not compare(forms, response(first, 1, options=[(9, bytes(4))]), first)
    for zone in map(asked_for, ("another.net.", "xn--abc.net.")):
        assert compare(forms, response(zone, 2, options=[(9, b"\0\1\0\0")]), zone)
    assert not compare(forms, response(first, 2, options=[(9, bytes(4)), (3, b"")]), first)


@pytest.mark.parametrize("zone", ["longer-one.net.", "example.org."])
def test_one_of_another_length_or_below_another_name_is_read_once(zone: str) -> None:
    forms, first, other = SoaForms(), asked_for("example.net."), asked_for(zone)
    assert not compare(forms, response(first, 1), first)
    assert not compare(forms, response(other, 1), other)
    assert compare(forms, response(other, 2), other)


def test_names_written_with_the_zones_own_label_are_read_each_time() -> None:
    """The same octets would mean another name beside another zone."""
    forms, first = SoaForms(), asked_for("example.net.")
    wire = response(first, 1, end=pointers(first)[2])
    assert not compare(forms, wire, first)
    assert not compare(forms, wire, first)


def test_no_more_are_kept_than_are_allowed() -> None:
    forms, zone = SoaForms(most=2), asked_for("example.net.")
    wires = [response(zone, 1, ttl=ttl) for ttl in (1, 2, 3)]
    for wire in wires:
        compare(forms, wire, zone)
    assert [forms.find(wire, zone.name) is not None for wire in wires] == [False, False, True]
