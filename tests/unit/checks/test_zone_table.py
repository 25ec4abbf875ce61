"""A table is a dict of zones that needs less room; and two of them differ in what two dicts would differ in."""

from array import array
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.model import Address, Expectation, Server, TransferRule, WantedRecord, Zone
from checks.model.zone_table import ZoneTable, difference

NS1, NS2 = Server("ns1", (Address("192.0.2.1"),)), Server("ns2", (Address("192.0.2.2"), Address("2001:db8::2")))

labels = st.sampled_from(
    ["a", "b", "www", "com", "example", "xn--bcher-kva", "_tcp", "*", r"a\.b", r"\000", r"x\\", r"y\."]
)
names = st.lists(labels, max_size=4).map(lambda parts: "".join(f"{part}." for part in parts) or ".")


@st.composite
def owners(draw: st.DrawFn, zone: str) -> str:
    """A name in the zone mostly, sometimes one elsewhere."""
    below = draw(names)
    return draw(st.sampled_from([zone, below if zone == "." else (below + zone).removeprefix("."), below]))


@st.composite
def wanted(draw: st.DrawFn, zone: str) -> WantedRecord:
    text = st.one_of(
        owners(zone), owners(zone).map("10 {}".format), st.text(st.characters(min_codepoint=32), max_size=9)
    )
    expect = draw(st.none() | st.lists(text, max_size=3).map(tuple))
    return WantedRecord(draw(owners(zone)), draw(st.sampled_from(["A", "MX"])), expect, draw(st.booleans()))


@st.composite
def zones(draw: st.DrawFn) -> Zone:
    name = draw(names)
    return Zone(
        name,
        draw(st.sampled_from([(), (NS1,), (NS1, NS2)])),
        draw(st.sampled_from([None, "ns1"])),
        draw(st.sampled_from([timedelta(minutes=10), timedelta(hours=1)])),
        tuple(draw(st.lists(wanted(name), max_size=3))),
        draw(st.sampled_from([(), (TransferRule("*", Expectation.REFUSED),)])),
    )


several = st.lists(zones(), max_size=12)


@given(zones())
def test_a_zone_without_its_name_and_with_it_again_is_the_zone(zone: Zone) -> None:
    nameless = zone.without_name()
    assert nameless.name == ""
    assert nameless.with_name(zone.name) == zone


def test_zones_that_want_the_same_of_themselves_are_alike() -> None:
    def one(name: str) -> Zone:
        records = (
            WantedRecord(name, "MX", (f"10 mail.{name}", "20 mail.example.net.")),
            WantedRecord(f"www.{name}", "A", None),
            WantedRecord(name, "NS", ("ns1.example.net.",)),
        )
        return Zone(name, (NS1,), records=records)

    zone_table = ZoneTable.of([one("a.example."), one("b.example."), one("longer.test.")])
    assert len(zone_table.templates) == 1
    assert zone_table["longer.test."] == one("longer.test.")
    assert zone_table.template("a.example.").name == ""


@given(several)
def test_a_table_is_a_dict_in_the_order_of_its_names(given_zones: list[Zone]) -> None:
    naive = {zone.name: zone for zone in given_zones}
    zone_table = ZoneTable.of(given_zones)
    assert zone_table == naive
    assert dict(zone_table) == naive
    assert list(zone_table) == sorted(naive)
    assert list(zone_table.values()) == [naive[name] for name in sorted(naive)]
    assert list(zone_table.items()) == sorted(naive.items(), key=lambda item: item[0])
    assert len(zone_table) == len(zone_table.values()) == len(naive)
    assert sum(zone_table.template_counts()) == len(naive)
    for number, name in enumerate(zone_table.names):
        assert (zone_table.index(name), zone_table.at(number), zone_table.get(name)) == (
            number,
            naive[name],
            naive[name],
        )
        assert name in zone_table
        assert naive[name] in zone_table.values()


def test_what_is_not_in_a_table() -> None:
    zone_table = ZoneTable.of([Zone("b."), Zone("d.")])
    for name in ("a.", "c.", "e.", ""):
        assert name not in zone_table
        assert zone_table.get(name) is None
        assert zone_table.get(name, "none") == "none"
        with pytest.raises(KeyError):
            zone_table[name]
        with pytest.raises(KeyError):
            zone_table.template(name)
    assert 1 not in zone_table


def test_places_are_laid_out_by_template() -> None:
    zone_table = ZoneTable.of([Zone("a.", (NS1,)), Zone("b.", (NS1, NS2)), Zone("c.", (NS1,))])
    sizes = [sum(1 for _ in template.server_addresses()) for template in zone_table.templates]
    assert zone_table.offsets(sizes) == array("I", [0, 1, 4, 5])


@given(several, several)
def test_tables_are_equal_when_they_hold_the_same_however_that_is_laid_down(one: list[Zone], two: list[Zone]) -> None:
    some, other = ZoneTable.of(one), ZoneTable.of(two)
    assert (some == other) == (dict(some) == dict(other))
    doubled = ZoneTable(
        some.names, array("I", (kind + len(some.templates) for kind in some.template_ids)), some.templates * 2
    )
    assert doubled == some
    assert some == ZoneTable.of(reversed(list(some.values())))


def naive(old: Mapping[str, Zone], new: Mapping[str, Zone]) -> tuple[list[str], list[str], list[int]]:
    before = {name: number for number, name in enumerate(sorted(old))}
    gone = [name for name in sorted(old) if name not in new]
    fresh = [name for name in sorted(new) if old.get(name) != new[name]]
    return gone, fresh, [before.get(name, -1) for name in sorted(new)]


def agrees(old: ZoneTable[Zone], new: ZoneTable[Zone]) -> None:
    parted = difference(old, new)
    gone, fresh, was = naive(old, new)
    assert (list(parted.removed), list(parted.added_or_changed), list(parted.old_index)) == (gone, fresh, was)
    assert parted.old_index.typecode == "q"


@given(several, several)
def test_the_difference_of_any_two_tables(one: list[Zone], two: list[Zone]) -> None:
    old, new = ZoneTable.of(one), ZoneTable.of(two)
    agrees(old, new)
    agrees(old, ZoneTable.of([*one, *two]))
    agrees(old, old)
    agrees(
        ZoneTable(old.names, array("I", (kind + len(old.templates) for kind in old.template_ids)), old.templates * 2),
        new,
    )


@given(
    st.integers(0, 300),
    st.sets(st.integers(0, 299)),
    st.sets(st.integers(0, 299)),
    st.sets(st.integers(0, 299)),
    st.booleans(),
)
def test_the_difference_of_long_tables_that_have_most_in_common(
    size: int, left: set[int], came: set[int], changed: set[int], reordered: bool
) -> None:
    """Strides of all lengths; the templates may be in another order."""
    plain = {f"z{n:03}.example.": Zone(f"z{n:03}.example.", (NS1,)) for n in range(size)}
    before = [zone for n, zone in enumerate(plain.values()) if n not in came]
    after = [
        replace(zone, servers=(NS2,)) if n in changed else zone
        for n, zone in enumerate(plain.values())
        if n not in left
    ]
    old, new = ZoneTable.of(before), ZoneTable.of(reversed(after) if reordered else after)
    agrees(old, new)
    agrees(new, old)


def test_names_are_found_by_template_in_order() -> None:
    table = ZoneTable.of([Zone("c.", (NS1,)), Zone("a.", (NS1,)), Zone("b.", (NS2,)), Zone("d.", (NS1, NS2))])
    alike = table.template_ids[table.index("a.")], table.template_ids[table.index("d.")]
    assert list(table.names_of(alike)) == ["a.", "c.", "d."]
    assert not list(table.names_of(()))
