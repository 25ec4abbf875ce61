"""A recognised response says what the quick reader says of it."""

import random

import pytest

from monitor.probe.message import soa_response
from monitor.probe.message.request import Question
from monitor.probe.message.soa_forms import SoaForms
from tests.support.mutations import mutate
from tests.support.soa_responses import ZONES, asked_for, pointers, response, some_response


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
