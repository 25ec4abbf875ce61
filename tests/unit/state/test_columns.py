"""What is known of steady zones goes over to another table with them, and with nobody else."""

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from checks.common.epoch import micros, moment_of
from checks.model import Zone
from checks.model.zone_table import ZoneTable
from monitor.state.columns import STEADY_SILENT, STEADY_UP, ZoneColumns, change_to
from tests.support.observations import NOON, server, zone

SERVERS = (server("ns1"), server("ns2", "192.0.2.2", "2001:db8::2"), server("ns3"))


def some(chance: random.Random, names: list[str]) -> ZoneTable[Zone]:
    layouts = [SERVERS[:2], SERVERS[1:], SERVERS, SERVERS[:1]]
    return ZoneTable.of(
        zone(*chance.choice(layouts[: chance.choice((1, 4))]), name=name, primary="ns1") for name in names
    )


def known(columns: ZoneColumns) -> Mapping[str, object]:
    """What the columns say of each zone, and of each of its addresses."""
    metrics = columns.address_metrics
    return {
        name: (
            columns.mode[number], columns.result_id[number], columns.checked_at[number], columns.recheck_at[number],
            columns.reachability_id[number], columns.ok_at["records"][number],
            [(metrics.rtts[slot], metrics.expires[slot]) for slot in columns.slots_of(number)],
        )
        for number, name in enumerate(columns.zone_table.names)
    }  # fmt: skip


def filled(zone_table: ZoneTable[Zone], chance: random.Random) -> ZoneColumns:
    columns = ZoneColumns(zone_table)
    for number in range(len(zone_table)):
        columns.mode[number], columns.result_id[number] = chance.randrange(3), chance.randrange(3)
        columns.checked_at[number], columns.recheck_at[number] = chance.randrange(1, 10**9), chance.randrange(1, 10**9)
        columns.reachability_id[number] = chance.randrange(256)
        columns.note_ok("records", number, chance.randrange(1, 10**9))
        for slot in columns.slots_of(number):
            columns.address_metrics.rtts[slot], columns.address_metrics.expires[slot] = (
                float(chance.randrange(9)),
                chance.randrange(1, 10**9),
            )
    return columns


@pytest.mark.parametrize(("seed", "size"), [*((seed, size) for seed in range(12) for size in (3, 60)), (0, 9000)])
def test_it_goes_over_with_those_that_are_as_they_were(seed: int, size: int) -> None:
    chance = random.Random(seed)
    names = [f"z{number}.example." for number in range(size)]
    before = filled(some(chance, names), chance)
    later = [name for name in names if chance.random() > 1 / size] + ["fresh.example."]
    zones = {name: before.zone_table.get(name) or zone(*SERVERS, name=name) for name in later}
    for name in chance.sample(later, min(2, len(later))):
        zones[name] = replace(zones[name], servers=SERVERS[2:])
    change = change_to(before, ZoneTable.of(zones.values()))
    was, now = known(before), known(change.columns)
    assert change.old_slots is not None
    for number, name in enumerate(change.columns.zone_table.names):
        same = before.zone_table.get(name) == zones[name]
        assert (name in change.added_or_changed) is not same
        slots = [change.old_slots[slot] for slot in change.columns.slots_of(number)]
        if same:
            assert now[name] == was[name]
            assert slots == list(before.slots_of(before.zone_table.index(name)))
        else:
            assert now[name] == (0, 0, 0, 0, 0, 0, [(0.0, 0)] * len(slots))
            assert set(slots) == {-1}
    assert set(change.removed) == set(names) - set(later)


def test_the_same_table_keeps_its_columns() -> None:
    columns = ZoneColumns(ZoneTable.of([zone()]))
    assert change_to(columns, ZoneTable.of([zone()])).columns is columns


def test_times_are_kept_to_the_microsecond() -> None:
    for after in (timedelta(0), timedelta(microseconds=1), timedelta(days=9999, microseconds=999_999)):
        assert moment_of(micros(NOON + after)) == NOON + after


def test_some_come_by_turns_and_no_more_than_are_wanted() -> None:
    columns = ZoneColumns(ZoneTable.of(zone(*SERVERS, name=f"z{number}.example.") for number in range(10)))
    for number in (1, 4, 7, 9):
        columns.mode[number] = STEADY_SILENT
    assert list(columns.next_in_mode(STEADY_SILENT, 3)) == [1, 4, 7]
    assert list(columns.next_in_mode(STEADY_SILENT, 3)) == [9, 1, 4]
    columns.mode[7] = STEADY_UP
    assert list(columns.next_in_mode(STEADY_SILENT, 9)) == [9, 1, 4]
    assert list(columns.next_in_mode(STEADY_SILENT, 0)) == []
    assert next(columns.next_in_mode(STEADY_SILENT, 9)) == 9
    assert next(columns.next_in_mode(STEADY_SILENT, 9)) == 1


@pytest.mark.parametrize("parts", [1, 4, 7, 50])
def test_zones_of_an_address_are_found_all_over_the_table(parts: int) -> None:
    here = [zone("ns1", "ns2", name=f"a{number:03}.example.") for number in range(30)]
    other = [zone("ns3", primary="ns3", name=f"b{number:03}.example.") for number in range(30)]
    more = [zone("ns2", primary=None, name=f"c{number:03}.example.") for number in range(30)]
    columns = ZoneColumns(ZoneTable.of([*here, *other, *more]))
    ns2 = ("ns2", server("ns2").addresses[0])
    found = list(columns.spread_zones_at({ns2}, parts))
    assert sorted(found) == list(columns.zones_at({ns2}))
    bounds = [90 * part // parts for part in range(parts + 1)]
    filled = [part for part in range(parts) if any(bounds[part] <= number < bounds[part + 1] for number in found)]
    first = [part for number in found[: len(filled)] for part in filled if bounds[part] <= number < bounds[part + 1]]
    assert first == filled, "one from each part that has any"
