"""Of the zones that fall silent at an address a few are polled, and the others wait for what these find."""

import asyncio
from collections.abc import Sequence

import pytest

from checks.common.epoch import micros
from checks.model import Family, Finding, Zone
from checks.model.finding_type import OverUdp
from checks.model.zone_table import ZoneTable
from monitor.polling import waiting_zones
from monitor.polling.waiting_zones import MAX_WAIT, WaitingZones
from monitor.state.columns import STEADY_SILENT, ZoneColumns
from monitor.state.octets import octet_of
from monitor.state.server_findings import ServerFinding
from monitor.state.standing import MAX_CONFIRMING
from tests.support.monitor_state import MINUTE, Clock
from tests.support.observations import zone

COUNT = MAX_CONFIRMING + 10
SILENT, ANSWERED = OverUdp.SILENT, OverUdp.ANSWERED


class Scene:
    """Zones at two servers, the second of which is silent about all of them."""

    def __init__(self, *zones: Zone) -> None:
        self.now = Clock()
        self.zones = zones or [zone("ns1", "ns2", name=f"z{number:02}.example.") for number in range(COUNT)]
        self.names = [one.name for one in self.zones]
        self.columns = ZoneColumns(ZoneTable.of(self.zones))
        self.place = ("reachable", "ns2", self.columns.layouts[0][1].address)
        self.brings(ANSWERED, SILENT)
        self.waiting = WaitingZones("reachable", MINUTE, self.now)

    def brings(self, *brought: OverUdp, names: Sequence[str] = ()) -> None:
        for name in names or self.names:
            number = self.columns.zone_table.index(name)
            self.columns.mode[number] = STEADY_SILENT
            self.columns.checked_at[number] = micros(self.now())
            self.columns.udp_id[number] = octet_of(self.columns.udp_patterns, brought)

    def admit(self, names: Sequence[str] | None = None) -> list[str]:
        return self.waiting.admit(self.columns, self.names if names is None else names, self.now() - MINUTE)

    def take(self, *passed: str) -> Sequence[str]:
        numbers = {self.columns.zone_table.index(name) for name in passed}
        return self.waiting.take(self.columns, self.now() - MINUTE, lambda some: [n for n in some if n in numbers])

    def found(self, *names: str) -> None:
        findings = self.columns.server_findings
        found = Finding("server-unreachable", "ns2 cannot be reached", "ns2", self.place[2])
        one = findings.known.setdefault((*self.place, SILENT), ServerFinding(found, SILENT, self.now(), self.now()))
        for name in names:
            one.hear(name, self.now(), found)
            findings.silent_looks[self.place] += 1


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks whether zones still have to wait is told."""
    monkeypatch.setattr(waiting_zones, "INTERVAL", 0.0)


async def test_where_nothing_is_silent_nobody_waits() -> None:
    on = Scene()
    on.columns.udp_patterns[:] = [(), (ANSWERED, ANSWERED)]
    assert on.admit() == on.names
    assert not on.waiting


async def test_a_few_are_polled_and_the_others_wait_until_it_stands() -> None:
    on = Scene()
    assert on.admit() == on.names[:MAX_CONFIRMING]
    assert on.waiting
    assert on.take() == []
    on.found(*on.names[:2])
    assert on.take() == []
    on.found(on.names[2])
    assert on.take(*on.names[MAX_CONFIRMING:-1]) == on.names[-1:], "the others have taken it over"
    assert not on.waiting
    assert on.admit(on.names[:5]) == on.names[:5]


async def test_so_it_is_however_many_come_at_a_time() -> None:
    on = Scene()
    assert [name for name in on.names if on.admit([name])] == on.names[:MAX_CONFIRMING]


async def test_what_stands_by_too_old_a_look_is_to_be_found_again() -> None:
    on = Scene()
    on.found(*on.names[:3])
    on.now.pass_(minutes=2)
    assert on.admit() == on.names[:MAX_CONFIRMING]


async def test_where_as_many_polls_find_nothing_that_stands_the_others_are_polled() -> None:
    on = Scene()
    on.admit()
    on.columns.server_findings.silent_looks[on.place] += MAX_CONFIRMING - 1
    assert on.take() == []
    on.columns.server_findings.silent_looks[on.place] += 1
    assert on.take() == on.names[MAX_CONFIRMING:]


async def test_looks_of_an_earlier_sweep_do_not_count() -> None:
    on = Scene()
    on.columns.server_findings.silent_looks[on.place] = 1000
    assert on.admit() == on.names[:MAX_CONFIRMING]


async def test_nobody_waits_for_long() -> None:
    on = Scene()
    on.admit()
    on.now.pass_(seconds=MAX_WAIT * 60)
    assert on.take() == []
    on.now.pass_(seconds=1)
    assert on.take() == on.names[MAX_CONFIRMING:]


async def test_zones_that_are_answered_or_gone_do_not_wait() -> None:
    on = Scene()
    on.admit()
    heard = on.names[MAX_CONFIRMING:][:3]
    on.brings(ANSWERED, ANSWERED, names=heard)
    assert on.take() == heard
    on.columns = ZoneColumns(ZoneTable.of(on.zones[:1]))
    on.columns.udp_patterns = [(), (ANSWERED, SILENT)]
    assert on.take() == on.names[MAX_CONFIRMING + 3 :], "the sweep knows that they are gone"


async def test_an_address_that_the_monitor_is_offline_for_is_not_waited_for() -> None:
    on = Scene()
    on.columns.offline = (Family.IPV4,)
    assert on.admit() == on.names


async def test_each_address_has_its_few() -> None:
    two = [zone("ns1", "ns3", name=f"y{number:02}.example.") for number in range(COUNT)]
    on = Scene(*(zone("ns1", "ns2", name=f"z{number:02}.example.") for number in range(COUNT)), *two)
    assert on.admit() == [*on.names[:MAX_CONFIRMING], *on.names[COUNT : COUNT + MAX_CONFIRMING]]


async def test_there_is_a_pause_between_two_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_zones, "INTERVAL", 1e6)
    on = Scene()
    on.admit()
    on.found(*on.names[:3])
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: 2e6)
    assert on.take() == on.names[MAX_CONFIRMING:]
    on.admit()
    assert on.take() == ()


async def test_of_very_many_some_are_looked_at_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_zones, "MAX_LOOKED_AT", 4)
    on = Scene()
    on.admit()
    last = on.names[-1]
    on.brings(ANSWERED, ANSWERED, names=[last])
    taken = [name for _ in range(3) for name in on.take()]
    assert taken == [last]
