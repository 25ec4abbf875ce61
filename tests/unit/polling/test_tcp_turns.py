"""Every address is asked over TCP at each sweep, and every zone within the interval, with the fewest questions."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest

from checks.model import Zone
from checks.model.zone_table import ZoneTable
from monitor.polling.tcp_turns import TcpTurns
from monitor.state.columns import ZoneColumns
from tests.support.observations import server, zone

CADENCE, INTERVAL = 60.0, 3600.0
SWEEPS = 60


def on_two(count: int) -> list[Zone]:
    return [zone(name=f"z{number}.example.") for number in range(count)]


def on_their_own(count: int) -> list[Zone]:
    return [zone(server(f"ns{number}", f"192.0.2.{number}"), name=f"z{number}.example.") for number in range(count)]


def mixed(count: int) -> list[Zone]:
    """Each on one server of its own and one that all share."""
    return [
        zone(server("ns0", "192.0.2.200"), server(f"ns{number}", f"192.0.2.{number}"), name=f"z{number}.example.")
        for number in range(count)
    ]


class Sweeps:
    """Sweeps of zones that come in chunks, evenly over most of a cadence, as ``sweep`` hands them over."""

    def __init__(self, zones: Sequence[Zone], chunk: int, interval: float = INTERVAL) -> None:
        self.columns = ZoneColumns(ZoneTable.of(zones))
        self.now = 1000.0
        self.turns = TcpTurns(timedelta(seconds=CADENCE), lambda zone: timedelta(seconds=interval), lambda: self.now)
        self.chunk = chunk
        self.begun = self.now

    def sweep(self, late: float = 0.0) -> list[int]:
        """The numbers of the zones that were asked over TCP."""
        self.now = self.begun
        self.turns.begin(self.columns)
        asked: list[int] = []
        count = len(self.columns.zone_table)
        for first in range(0, count, self.chunk):
            self.now = self.begun + late + 0.8 * CADENCE * first / count
            some = range(first, min(count, first + self.chunk))
            due = self.turns.due(self.columns, some)
            assert due <= set(some)
            asked += due
        self.begun += CADENCE
        return asked

    def addresses(self, numbers: Sequence[int]) -> set[str]:
        template_ids = self.columns.zone_table.template_ids
        return {place.address.host for number in numbers for place in self.columns.layouts[template_ids[number]]}


WORLDS = {
    "one zone": on_two(1),
    "two zones": on_two(2),
    "many zones on two addresses": on_two(250),
    "each on servers of its own": on_their_own(100),
    "each on one of its own, and one that all share": mixed(100),
}


@pytest.mark.parametrize("chunk", [1, 7, 250])
@pytest.mark.parametrize("words", WORLDS)
def test_every_address_at_each_sweep_and_every_zone_once_in_an_interval(words: str, chunk: int) -> None:
    sweeps = Sweeps(WORLDS[words], chunk)
    every = sweeps.addresses(range(len(WORLDS[words])))
    for _ in range(3):
        times: Counter[int] = Counter()
        for number in range(SWEEPS):
            asked = sweeps.sweep(late=0.05 * (number % 3))  # turns do not come to the microsecond
            assert sweeps.addresses(asked) == every
            times.update(asked)
        assert len(times) == len(WORLDS[words])


@pytest.mark.parametrize("chunk", [7, 250])
def test_of_many_zones_on_two_addresses_few_are_asked(chunk: int) -> None:
    sweeps = Sweeps(on_two(600), chunk)
    for _ in range(2 * SWEEPS):
        assert len(sweeps.sweep()) <= 600 / SWEEPS + 2


@pytest.mark.parametrize("chunk", [7, 250])
def test_zones_that_differ_in_anything_but_their_servers_are_asked_no_more_often_for_that(chunk: int) -> None:
    """Also where many of them have their turn at the same moment."""
    zones = [zone(name=f"z{n}.example.", max_lag=timedelta(seconds=n)) for n in range(1, 601)]
    sweeps = Sweeps(zones, chunk)
    for _ in range(2 * SWEEPS):
        assert len(sweeps.sweep()) <= 600 / SWEEPS + 2


def test_an_address_of_which_no_zone_could_be_passed_over_is_due_at_the_next() -> None:
    sweeps = Sweeps(on_two(3), 3)
    sweeps.turns.begin(sweeps.columns)
    assert sweeps.turns.due(sweeps.columns, []) == set()
    assert sweeps.turns.due(sweeps.columns, [2]) == {2}
    assert sweeps.turns.due(sweeps.columns, [1, 2]) <= {1}


@pytest.mark.parametrize("interval", [1.0, CADENCE])
def test_where_the_interval_is_no_longer_than_the_cadence_all_are_asked(interval: float) -> None:
    sweeps = Sweeps(on_two(40), 7, interval)
    for _ in range(3):
        assert sorted(sweeps.sweep()) == list(range(40))


def test_an_address_that_a_reload_brings_is_due_at_once() -> None:
    sweeps = Sweeps(on_two(2), 2)
    for _ in range(10):
        sweeps.sweep()
    more = ZoneColumns(ZoneTable.of([*on_two(2), zone("ns1", "ns3", name="z9.example.")]))
    number = more.zone_table.index("z9.example.")
    assert sweeps.turns.due(more, [number]) == {number}
    assert sweeps.turns.due(more, [number]) == set()


def test_each_zone_has_the_interval_of_its_own_template() -> None:
    often = [zone(name=f"often{n}.example.", primary="ns1") for n in range(20)]
    seldom = [zone(name=f"seldom{n}.example.", primary=None) for n in range(20)]
    columns = ZoneColumns(ZoneTable.of([*often, *seldom]))
    turns = TcpTurns(
        timedelta(seconds=CADENCE),
        lambda one: timedelta(seconds=CADENCE * (2 if one.primary else 10)),
        lambda: 1000.0,  # no address is due
    )
    times: Counter[str] = Counter()
    for _ in range(20):
        turns.begin(columns)
        turns.due(columns, [0, 20])  # takes the turns of the addresses
        times.update(columns.zone_table.names[number] for number in turns.due(columns, range(40)))
    assert all(10 <= times[each.name] <= 11 for each in often)
    assert all(2 <= times[each.name] <= 4 for each in seldom)
