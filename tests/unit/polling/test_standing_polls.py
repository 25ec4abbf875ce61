"""Which zones of a sweep are passed over, and that the others, and only they, are polled in full."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from checks.base import Check
from checks.common.epoch import micros
from checks.model import Finding, Observation, Query, WantedRecord, Zone
from checks.model.finding_type import OverUdp
from checks.model.zone_table import ZoneTable
from checks.ns_set import NsSet
from checks.reachable import Reachable
from checks.records import Records
from checks.soa_fields import SoaFields
from checks.soa_serial import SoaSerial
from checks.zone_state.model import SERIAL_CHECK
from monitor.polling.rrset_prober import RrsetProber
from monitor.polling.serial_sweep import SweepContext
from monitor.polling.standing_polls import MAX_GATHERED, MAX_GATHERED_ADDRESSES, StandingPolls
from monitor.polling.sweep import ProbeQueries
from monitor.polling.tcp_prober import TcpProber, TcpResult
from monitor.polling.tcp_turns import TcpTurns
from monitor.state.columns import FULL_POLL, INHERITS, STEADY_SILENT, STEADY_UP, ZoneColumns
from monitor.state.inheritance import MAX_AGE
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.ports import UnchangedZones
from monitor.state.server_findings import ServerFinding
from monitor.state.standing import rrset_questions
from tests.support.monitor_state import MINUTE, Clock, minute
from tests.support.observations import zone

CHECKS: dict[str, Check] = {check.name: check for check in (SoaFields(), NsSet(), Records(), Reachable())}


def zones(count: int, *servers: str) -> list[Zone]:
    names = [f"z{number}.example." for number in range(count)]
    return [zone(*servers, name=name, records=(WantedRecord(f"www.{name}", "A"),)) for name in names]


class Asked:
    """Asks RRsets; ``changed`` zones give something else, ``held`` is waited for; zones that are looked at say nothing
    that can be told.
    """

    def __init__(self) -> None:
        self.changed: set[int] = set()
        self.asked: list[int] = []
        self.polled: list[tuple[str, str]] = []
        self.held: asyncio.Event | None = None

    async def unchanged(self, columns: ZoneColumns, check: str, numbers: Sequence[int]) -> list[int]:
        self.asked += numbers
        if self.held is not None:
            await self.held.wait()
        return [number for number in numbers if number not in self.changed]

    async def look(
        self, columns: ZoneColumns, check: str, zones: Iterable[Zone]
    ) -> Mapping[str, Sequence[Observation]]:
        return {}

    def probe(self, check: str, zone: Zone) -> ProbeQueries:
        async def ask(queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
            self.polled.append((check, zone.name))
            yield []

        return ask


class AskedOverTcp:
    """Asks zones over TCP, in two parts; ``unwell`` ones are not good everywhere. ``held`` is waited for between."""

    def __init__(self) -> None:
        self.unwell: set[str] = set()
        self.asked: list[list[str]] = []
        self.held: asyncio.Event | None = None

    async def ask(self, check: Check, zones: Iterable[Zone]) -> AsyncIterator[TcpResult]:
        names = [zone.name for zone in zones]
        self.asked.append(names)
        for part in (names[::2], names[1::2]):
            good = [name for name in part if name not in self.unwell]
            yield TcpResult(good, [name for name in part if name in self.unwell])
            if self.held is not None:
                await self.held.wait()


class Scene:
    """Columns in which everything stands and was just looked at by soa-serial, and what is published."""

    def __init__(self, *watched: Zone) -> None:
        self.now = Clock()
        self.rrsets = Asked()
        self.tcp = AskedOverTcp()
        self.published: list[UnchangedZones] = []
        self.use(*watched)

    def use(self, *watched: Zone) -> None:
        zone_table = ZoneTable.of(watched)
        checks = {**CHECKS, SERIAL_CHECK: SoaSerial()}
        self.plan = MonitoringPlan(zone_table, checks, cadence=dict.fromkeys(checks, MINUTE))
        self.columns = ZoneColumns(zone_table, rrset_questions(zone_table, CHECKS))
        for number in range(len(zone_table)):
            for check in CHECKS:
                self.columns.set_standing(check, number, True)
            self.columns.mode[number] = STEADY_UP
            self.columns.checked_at[number] = micros(self.now())
        self.context = SweepContext(
            self.columns, cast("Any", None), self.ask, self.publish, zone_table.get, self.now, "here"
        )

    async def ask(self, queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
        raise AssertionError("nothing is polled in full here")
        yield []

    async def publish(self, *messages: UnchangedZones) -> None:
        self.published += messages

    def polls(self, check: str, *, turns: TcpTurns | None = None, in_full: bool = False) -> StandingPolls:
        return StandingPolls(
            CHECKS[check],
            lambda: self.plan,
            MINUTE,
            lambda: self.context,
            lambda: cast("RrsetProber", self.rrsets),
            lambda: cast("TcpProber", self.tcp),
            turns,
            in_full=in_full,
        )

    async def in_full(self, polls: StandingPolls, numbers: Sequence[int] | None = None) -> list[str]:
        zone_table = self.columns.zone_table
        found = await polls.pass_over(range(len(zone_table)) if numbers is None else numbers, zone_table)
        return found + [name for names in await self.left(polls) for name in names]

    async def left(self, polls: StandingPolls, *, last: bool = True) -> list[Sequence[str]]:
        """What is to be polled in full of the zones that are gathered."""
        return [names async for names in polls.ask_gathered(last=last)]

    @property
    def passed(self) -> list[str]:
        return [one.zone_table.names[number] for one in self.published for number in one.numbers]


def turns(on: Scene) -> TcpTurns:
    """Of an interval so long that a zone's own turn hardly comes, and not soon."""
    start = on.now()
    found = TcpTurns(MINUTE, lambda zone: timedelta(seconds=6e6), lambda: 1000 + (on.now() - start).total_seconds())
    for _ in range(20):
        found.begin(on.columns)
    return found


@pytest.mark.parametrize("check", ["soa-fields", "ns-set", "records"])
async def test_all_that_stands_is_passed_over_and_that_is_published_once(check: str) -> None:
    on = Scene(*zones(3))
    polls = on.polls(check)
    assert await on.in_full(polls) == []
    (one,) = on.published
    assert (one.check, one.at, one.cadence, list(one.numbers), one.vantage) == (
        check,
        on.now(),
        MINUTE,
        [0, 1, 2],
        "here",
    )
    assert one.zone_table is on.columns.zone_table
    assert on.rrsets.asked == ([] if check == "soa-fields" else [0, 1, 2])
    assert polls.queries == (0 if check == "soa-fields" else 6)


@pytest.mark.parametrize("check", ["soa-fields", "ns-set", "records", "reachable"])
async def test_what_does_not_stand_is_polled_in_full(check: str) -> None:
    on = Scene(*zones(3))
    on.columns.set_standing(check, 1, False)
    assert "z1.example." in await on.in_full(on.polls(check))
    assert on.passed == ["z0.example.", "z2.example."]
    assert 1 not in on.rrsets.asked


async def test_before_anything_stands_all_are_polled_in_full() -> None:
    on = Scene(*zones(2))
    on.columns.standing.clear()
    assert len(await on.in_full(on.polls("ns-set"))) == 2
    assert not on.published


async def test_zones_that_are_asked_for_are_polled_in_full() -> None:
    on = Scene(*zones(2))
    assert len(await on.in_full(on.polls("ns-set", in_full=True))) == 2
    assert not on.published


async def test_an_rrset_that_changed_has_its_zone_polled_in_full() -> None:
    on = Scene(*zones(3))
    on.rrsets.changed = {0}
    polls = on.polls("records")
    assert await on.in_full(polls) == ["z0.example."]
    assert on.passed == ["z1.example.", "z2.example."]
    assert polls.queries == 4


@pytest.mark.parametrize("check", ["soa-fields", "reachable"])
@pytest.mark.parametrize("mode", [FULL_POLL, STEADY_SILENT])
async def test_what_soa_serial_does_not_find_as_it_was_is_polled_in_full(check: str, mode: int) -> None:
    on = Scene(*zones(2))
    on.columns.mode[0] = mode
    assert await on.in_full(on.polls(check)) == ["z0.example."]


@pytest.mark.parametrize("check", ["soa-fields", "reachable"])
async def test_a_look_of_soa_serial_that_is_too_old_does_not_count(check: str) -> None:
    on = Scene(*zones(2))
    on.now.pass_(minutes=MAX_AGE)
    assert await on.in_full(on.polls(check)) == []
    on.columns.checked_at[1] = micros(minute(1))
    on.now.pass_(seconds=1)
    assert await on.in_full(on.polls(check)) == ["z0.example."]


async def test_for_an_rrset_it_does_not_matter_when_soa_serial_looked() -> None:
    on = Scene(*zones(2))
    on.columns.mode[0] = FULL_POLL
    on.now.pass_(hours=1)
    assert await on.in_full(on.polls("ns-set")) == []


async def test_one_zone_of_each_address_is_asked_over_tcp_at_each_sweep() -> None:
    on = Scene(*zones(3), zone("ns3", "ns4", name="other.example."))
    over_tcp = turns(on)
    for sweep in range(3):
        polls = on.polls("reachable", turns=over_tcp)
        assert await on.in_full(polls) == []
        (asked,) = on.tcp.asked[sweep:]
        assert len(asked) == 2
        assert "other.example." in asked
        assert polls.queries == 4
        for number in range(4):
            on.columns.checked_at[number] = micros(on.now() + MINUTE)
        on.now.pass_(minutes=1)


async def test_at_each_sweep_it_is_the_turn_of_others() -> None:
    on = Scene(*zones(30))
    over_tcp = TcpTurns(MINUTE, lambda zone: 3 * MINUTE, lambda: 1000.0)
    for _ in range(3):
        assert await on.in_full(on.polls("reachable", turns=over_tcp)) == []
    assert {name for names in on.tcp.asked for name in names} == set(on.columns.zone_table.names)
    assert max(map(len, on.tcp.asked)) < 12


async def test_of_one_sweep_the_next_chunks_are_passed_over() -> None:
    on = Scene(*zones(4))
    polls = on.polls("reachable", turns=turns(on))
    assert await on.in_full(polls, [0, 1]) == []
    assert await on.in_full(polls, [2, 3]) == []
    assert list(map(len, on.tcp.asked)) == [1]


def all_in_turn() -> TcpTurns:
    return TcpTurns(MINUTE, lambda zone: MINUTE, lambda: 1000.0)


async def test_what_is_good_over_tcp_is_passed_over_and_the_others_are_polled_in_full() -> None:
    on = Scene(*zones(5))
    on.tcp.unwell = {"z1.example.", "z4.example."}
    polls = on.polls("reachable", turns=all_in_turn())
    assert await polls.pass_over(range(5), on.columns.zone_table) == []
    assert on.passed == []
    assert await on.left(polls) == [["z4.example."], ["z1.example."]]
    assert on.passed == ["z0.example.", "z2.example.", "z3.example."]
    assert polls.queries == 6
    assert await on.left(polls) == []
    assert len(on.tcp.asked) == 1


async def test_zones_due_over_tcp_are_gathered_for_a_tenth_of_a_cadence() -> None:
    on = Scene(*zones(3))
    polls, zone_table = on.polls("reachable", turns=all_in_turn()), on.columns.zone_table
    for number in range(2):
        assert await polls.pass_over([number], zone_table) == []
        assert await on.left(polls, last=False) == []
        on.now.pass_(seconds=3)
    assert on.tcp.asked == []
    assert await on.left(polls, last=False) == []
    assert on.tcp.asked == [["z0.example.", "z1.example."]]
    await polls.pass_over([2], zone_table)
    await on.left(polls, last=False)
    assert len(on.tcp.asked) == 1
    await on.left(polls)
    assert on.tcp.asked[1:] == [["z2.example."]]


async def test_many_zones_are_asked_at_once_and_so_are_those_of_many_addresses() -> None:
    for watched in (
        zones(MAX_GATHERED),
        [zone(f"ns{number}", name=f"z{number}.example.") for number in range(MAX_GATHERED_ADDRESSES)],
    ):
        on = Scene(*watched)
        polls, zone_table = on.polls("reachable", turns=all_in_turn()), on.columns.zone_table
        await polls.pass_over(range(1, len(watched)), zone_table)
        await on.left(polls, last=False)
        assert on.tcp.asked == []
        await polls.pass_over([0], zone_table)
        await on.left(polls, last=False)
        assert [sorted(names) for names in on.tcp.asked] == [sorted(zone_table.names)]


async def test_another_table_while_zones_are_asked_over_tcp() -> None:
    """What is gone is not asked, and of what goes meanwhile nothing is said; the others have the numbers of now."""
    first = zones(4)
    on = Scene(*first)
    polls = on.polls("reachable", turns=all_in_turn())
    await polls.pass_over(range(4), on.columns.zone_table)
    on.use(*first[1:])
    on.tcp.held = asyncio.Event()
    asking = asyncio.create_task(on.left(polls))
    async with asyncio.timeout(5):
        while not on.passed:
            await asyncio.sleep(0)
    assert on.tcp.asked == [["z1.example.", "z2.example.", "z3.example."]]
    on.use(zone(name="a.example."), first[3], first[2])
    on.tcp.held.set()
    assert await asking == []
    assert on.passed == ["z1.example.", "z3.example.", "z2.example."]
    assert on.published[-1].zone_table is on.columns.zone_table


async def test_all_zones_of_a_suspect_address_are_polled_in_full() -> None:
    on = Scene(*zones(3), zone("ns3", "ns4", name="other.example."), zone("ns4", "ns5", name="third.example."))
    over_tcp = turns(on)
    first = on.polls("reachable", turns=over_tcp)
    await on.in_full(first)
    assert len(on.tcp.asked) == 1
    zone_table = on.columns.zone_table
    place = on.columns.layouts[zone_table.template_ids[zone_table.index("other.example.")]][0]
    on.columns.suspects.add(("reachable", "ns1", place.address))  # a server at another's address is not meant
    assert await on.in_full(first) == []
    on.columns.suspects = {("other-check", "ns3", place.address)}
    assert await on.in_full(first) == []
    on.columns.suspects = {("reachable", place.server, place.address)}
    assert await on.in_full(first) == ["other.example."]
    assert await on.in_full(on.polls("soa-fields")) == []


async def test_what_has_what_stands_at_its_server_is_passed_over_until_its_turn() -> None:
    on = Scene(*zones(6), zone("ns3", "ns4", name="zz.example."))
    over_tcp = turns(on)
    await on.in_full(on.polls("reachable", turns=over_tcp))
    address = on.columns.layouts[0][1].address
    place = ("reachable", "ns2", address)
    found = Finding("tcp-unreachable", "ns2 answers over UDP only", "ns2", address)
    for number in range(2, 6):
        on.columns.set_standing("reachable", number, INHERITS)
    on.columns.suspects.add(place)
    inheriting = {f"z{number}.example." for number in range(2, 6)}

    async def in_full() -> set[str]:
        return set(await on.in_full(on.polls("reachable", turns=over_tcp))) & inheriting

    assert await in_full() == inheriting, "nothing is known to stand"
    one = on.columns.server_findings.known[(*place, OverUdp.ANSWERED)] = ServerFinding(
        found, OverUdp.ANSWERED, on.now(), on.now()
    )
    assert await in_full() == inheriting
    for name in ("z0.example.", "z1.example.", "z2.example."):
        one.hear(name, on.now(), found)
    assert await in_full() == set()
    assert inheriting <= set(on.passed)
    on.columns.checked_at[5] = 0
    assert await in_full() == {"z5.example."}, "soa-serial has not found it as it was"
    on.columns.checked_at[5] = micros(on.now())
    polls = on.polls("reachable", turns=all_in_turn())
    asked = len(on.tcp.asked)
    assert set(await polls.pass_over(range(7), on.columns.zone_table)) >= inheriting, "it is their turn"
    await on.left(polls)
    assert on.tcp.asked[asked:] == [["zz.example."]]
    assert [one.over_tcp for one in on.published][-1]
    one.hear("z2.example.", on.now(), None)
    assert await in_full() == set(), "in doubt, others are asked at once"
    one.hear("z1.example.", on.now(), found)
    assert await in_full() == inheriting, "they do not agree"


async def test_another_table_in_the_middle_of_a_sweep() -> None:
    """Zones are known by their names: what is gone is left to ``sweep``, what moved is published by its new number."""
    first = zones(3)
    on = Scene(*first)
    polls, before = on.polls("ns-set"), on.columns.zone_table
    on.use(first[2], first[0])
    on.columns.set_standing("ns-set", on.columns.zone_table.index("z0.example."), False)
    assert await polls.pass_over([0, 1, 2], before) == ["z0.example.", "z1.example."]
    assert on.passed == ["z2.example."]
    assert on.published[0].zone_table is on.columns.zone_table


async def test_another_table_while_rrsets_are_asked() -> None:
    """What is published then is of the table that was asked by, and nobody takes it in."""
    on = Scene(*zones(2))
    polls, before = on.polls("ns-set"), on.columns.zone_table
    on.rrsets.held = asyncio.Event()
    on.rrsets.changed = {1}
    asking = asyncio.create_task(polls.pass_over([0, 1], before))
    async with asyncio.timeout(5):
        while not on.rrsets.asked:
            await asyncio.sleep(0)
    on.use(*zones(1))
    on.rrsets.held.set()
    assert await asking == ["z1.example."]
    assert [one.zone_table for one in on.published] == [before]


async def test_another_prober_in_the_middle_of_a_sweep_asks_what_is_left() -> None:
    """The old one is closed soon: what it is asked after that is not asked."""
    on = Scene(*zones(2))
    polls = on.polls("ns-set")
    assert await on.in_full(polls, [0]) == []
    first_stage = polls.probe(on.columns.zone_table["z1.example."])
    old, on.rrsets = on.rrsets, Asked()
    assert await on.in_full(polls, [1]) == []
    assert (old.asked, on.rrsets.asked) == ([0], [1])
    assert [batch async for batch in first_stage([])] == [[]]
    assert (old.polled, on.rrsets.polled) == ([], [("ns-set", "z1.example.")])


@pytest.mark.parametrize("check", ["soa-fields", "reachable"])
async def test_where_soa_serial_is_slower_the_check_asks_by_itself(check: str) -> None:
    slow, same = zones(2)
    on = Scene(replace(slow, cadence=(("soa-serial", 2 * MINUTE),)), replace(same, cadence=(("soa-serial", MINUTE),)))
    assert await on.in_full(on.polls(check)) == [slow.name]
    assert on.passed == [same.name]


async def test_a_zone_of_another_cadence_is_not_passed_over_by_this_sweep() -> None:
    """It was moved while the sweep is under way. What is not in it any more is left to ``sweep``."""
    often, hourly = zones(2)
    on = Scene(often, replace(hourly, cadence=(("ns-set", 60 * MINUTE),)))
    assert await on.in_full(on.polls("ns-set")) == [hourly.name]
    assert on.passed == [often.name]
