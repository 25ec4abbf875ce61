"""The packed state of a zone at its first look is what packing its zone state gives."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from checks.zone_state.codec import UNKNOWN, ZoneStateCodec
from checks.zone_state.first_row import FirstRow, NewZones, first_row
from checks.zone_state.model import StateChange, ZoneState
from tests.support.first_looks import first_look
from tests.support.observations import NOON


def micros(at: datetime) -> int:
    return round(at.timestamp() * 1e6)


def remade(first: FirstRow, of: ZoneState) -> bytes | None:
    states = of.address_states
    assert of.at is not None
    return first.pack(
        micros(of.at),
        [one.serial or 0 for one in states],
        [micros(one.since) for one in states],
        [None if one.expires is None else micros(one.expires) for one in states],
    )


@pytest.mark.parametrize("nsid", ["fra", None])
@pytest.mark.parametrize("left", [500.0, None])
def test_a_row_made_after_another_is_the_row_of_the_zone_state(nsid: str | None, left: float | None) -> None:
    codec = ZoneStateCodec()
    row = codec.pack(first_look("example.net.", nsid=nsid, left=left))
    assert row is not None
    first = first_row(codec, row)
    assert first is not None
    other = first_look("other.example.", 2**32 - 2, nsid=nsid, left=None if left is None else 90.0)
    assert remade(first, other) == codec.pack(other)
    assert [soa.mname for soa in first.soas_for(codec, "x.")] == ["ns1.x.", "ns1.x."]


def test_what_is_not_alike_has_no_row() -> None:
    codec = ZoneStateCodec()
    row = codec.pack(first_look("example.net."))
    assert row is not None
    first = first_row(codec, row)
    assert first is not None
    other = first_look("other.example.")
    ns1, ns2, inside = other.address_states
    assert remade(first, replace(other, address_states=(ns1, replace(ns2, serial=8), inside))) is None, "two serials"
    assert remade(first, replace(other, address_states=(ns1, replace(ns2, expires=None), inside))) is None
    assert remade(first, replace(other, address_states=(replace(ns1, expires=NOON), ns2, inside))) is None
    late = replace(ns2, since=NOON + timedelta(microseconds=UNKNOWN))
    assert remade(first, replace(other, address_states=(ns1, late, inside))) is None, "the span does not fit"


def test_a_row_fits_if_nothing_but_times_is_different() -> None:
    codec, zone_state = ZoneStateCodec(), first_look("example.net.")
    row = codec.pack(zone_state)
    assert row is not None
    first = first_row(codec, row)
    assert first is not None
    primary, inside = zone_state.serial_groups
    ns1, ns2, there = zone_state.address_states
    known = replace(inside, versions=(replace(inside.versions[0], absent=NOON),))
    assert first.fits(codec.pack(replace(zone_state, serial_groups=(primary, known), at=NOON)) or b"", (7, 7, 8))
    assert not first.fits(row, (7, 8, 8))
    soa = primary.soa
    assert soa is not None
    others = (
        replace(zone_state, serial_groups=(replace(primary, soa=replace(soa, retry=1)), inside)),
        replace(zone_state, address_states=(replace(ns1, nsid="ams"), ns2, there)),
        replace(zone_state, address_states=(replace(ns1, expires=NOON), replace(ns2, expires=None), there)),
        replace(zone_state, address_states=(ns1, replace(ns2, expires=None), there)),
        replace(zone_state, address_states=(ns1, replace(ns2, server="ns9"), there)),
    )
    assert [first.fits(codec.pack(other) or b"", (7, 7, 8)) for other in others] == [False] * 5


def test_only_where_all_is_well_is_there_one() -> None:
    codec, zone_state = ZoneStateCodec(), first_look("example.net.")
    silent = replace(zone_state.address_states[1], outcome="timeout", expires=None)
    states = (zone_state.address_states[0], silent, zone_state.address_states[2])
    long = codec.pack(replace(zone_state, address_states=states))
    assert long is not None
    assert first_row(codec, long) is None


def test_new_zones_are_zone_states_and_what_began_with_them() -> None:
    codec, one, other = ZoneStateCodec(), first_look("a.example."), first_look("b.example.", 9)
    rows = {each.zone: row for each in (one, other) if (row := codec.pack(each)) is not None}
    new_zones = NewZones(codec, rows)
    assert list(new_zones.states()) == [one, other]
    assert list(new_zones.state_changes()) == [
        StateChange(each.zone, state.server, state.address, state.serial, "answered", state.since)
        for each in (one, other)
        for state in each.address_states
    ]
    assert list(new_zones.without({"a.example."}).states()) == [other]
