"""A sweep asks everybody once, evenly, at stable times, and lets nobody hold up the others."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.base import Check
from checks.model import Server, WantedRecord, Zone, ZonePoll
from checks.model.zone_table import ZoneTable
from checks.records import Records
from checks.soa_serial import SoaSerial
from monitor.clock import monotonic, now
from monitor.config.low_caps import SWEEP_SHARE
from monitor.polling.sweep import MAX_TICK, MIN_TICK, ProbeQueries, poll_zone, sweep, tick, window
from monitor.polling.sweep_order import SweepOrder, sweep_position
from monitor.service.queue import PollQueue
from monitor.state.ports import QueueClosed
from tests.support.monitor_state import MINUTE, HeldProber
from tests.support.observations import zone

CHECK = SoaSerial()
WELL = {"ns1": "10", "ns2": "10"}


class InFull:
    """Passes over no zone."""

    queries = 0

    def __init__(self, probe: ProbeQueries) -> None:
        self._probe = probe

    async def pass_over(self, numbers: Sequence[int], zone_table: ZoneTable[Zone]) -> list[str]:
        return [zone_table.names[number] for number in numbers]

    async def ask_gathered(self, *, last: bool) -> AsyncIterator[Sequence[str]]:
        for names in ():
            yield names

    def probe(self, zone: Zone) -> ProbeQueries:
        return self._probe


def zones(count: int) -> list:
    return [zone(name=f"z{number}.example.") for number in range(count)]


def turns(zones: Iterable[Zone], check: Check = CHECK) -> SweepOrder:
    return SweepOrder(ZoneTable.of(zones), check.name, check.applies)


def test_turns_are_spread_evenly_and_stay_where_they_are() -> None:
    places = sorted(sweep_position(f"z{number}.example.", "soa-serial") for number in range(10_000))
    assert places[0] >= 0
    assert places[-1] < 1
    tenths = [sum(tenth / 10 <= one < (tenth + 1) / 10 for one in places) for tenth in range(10)]
    assert max(tenths) < 1.1 * 1000
    assert min(tenths) > 0.9 * 1000
    assert max(later - earlier for earlier, later in pairwise(places)) < 0.002
    assert sweep_position("example.com.", "soa-serial") == sweep_position("example.com.", "soa-serial")
    assert sweep_position("example.com.", "soa-serial") != sweep_position("example.com.", "records")


@given(st.floats(0.1, 86400), st.floats(0, 600), st.integers(1, 2))
def test_a_window_leaves_time_for_the_last_zone(cadence: float, patience: float, rounds: int) -> None:
    over = window(timedelta(seconds=cadence), patience, rounds)
    assert 0 <= over <= SWEEP_SHARE * cadence + 1e-6
    assert over == 0 or over + patience <= cadence + 1e-5
    assert over + rounds * patience <= cadence + 1e-5 or over <= cadence / 2 + 1e-5


def test_a_short_cadence_is_not_made_a_rush_by_a_second_round() -> None:
    assert [window(timedelta(seconds=60), 6.0, rounds) for rounds in (1, 2)] == [48.0, 45.0]
    assert [window(timedelta(seconds=2), 1.5, rounds) for rounds in (1, 2)] == [0.5, 0.5]


async def test_each_zone_is_asked_once_and_its_poll_is_whole() -> None:
    polls: list[ZonePoll] = []
    every = zones(50)
    swept = await sweep(
        CHECK, turns(every), InFull(HeldProber(WELL, now)), taker(polls), cadence=MINUTE, duration=0, now=now
    )
    assert sorted(r.zone for r in polls) == sorted(z.name for z in every)
    assert {len(r.seen) for r in polls} == {2}
    assert (swept.zones, swept.queries, swept.answered) == (50, 100, 100)


def taker(polls: list[ZonePoll]):
    async def take(poll: ZonePoll) -> None:
        polls.append(poll)

    return take


@pytest.mark.parametrize(
    ("count", "duration", "seconds"),
    [
        (3, 48.0, 0.48),  # each at its own place
        (3000, 48.0, 0.4),
        (100_000, 48.0, MIN_TICK),
        (3000, 2880.0, MAX_TICK),
        (40, 0.5, MIN_TICK),
        (0, 48.0, 0.48),
        (3000, 0.0, MIN_TICK),
    ],
)
def test_so_many_seconds_of_zones_have_their_turn_together(count: int, duration: float, seconds: float) -> None:
    assert tick(count, duration) == pytest.approx(seconds)


async def test_turns_come_at_their_place_in_the_window() -> None:
    came: dict[str, float] = {}
    begin = monotonic()

    async def take(poll: ZonePoll) -> None:
        came[poll.zone] = monotonic() - begin

    await sweep(CHECK, turns(zones(40)), InFull(HeldProber(WELL, now)), take, cadence=MINUTE, duration=0.5, now=now)
    for name, at in came.items():
        assert at >= sweep_position(name, "soa-serial") * 0.5 - MIN_TICK - 0.01
    assert sorted(came, key=came.__getitem__) == sorted(came, key=lambda name: sweep_position(name, "soa-serial"))


async def test_a_silent_zone_delays_no_other() -> None:
    polls: list[ZonePoll] = []
    answer = asyncio.Event()
    asking = InFull(HeldProber(WELL, now, {"z3.example.": answer}))
    whole = asyncio.create_task(
        sweep(CHECK, turns(zones(20)), asking, taker(polls), cadence=MINUTE, duration=0, now=now, max_in_flight=2)
    )
    async with asyncio.timeout(5):
        while len(polls) < 19:
            await asyncio.sleep(0.001)
    assert "z3.example." not in {r.zone for r in polls}
    answer.set()
    assert (await whole).zones == 20


async def test_no_more_than_so_many_zones_are_under_way() -> None:
    prober = HeldProber(WELL, now)
    await sweep(
        CHECK, turns(zones(60)), InFull(prober), taker([]), cadence=MINUTE, duration=0, now=now, max_in_flight=7
    )
    assert prober.widest == 7


async def test_it_waits_for_an_evaluator_that_is_behind() -> None:
    bus = PollQueue(5)
    prober = HeldProber(WELL, now)
    whole = asyncio.create_task(
        sweep(
            CHECK, turns(zones(60)), InFull(prober), bus.publish, cadence=MINUTE, duration=0, now=now, max_in_flight=10
        )
    )
    async with asyncio.timeout(5):
        while len(bus) < 5:
            await asyncio.sleep(0.001)
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(bus) == 5
    assert not whole.done()
    taken = 0
    async with asyncio.timeout(5):
        while taken < 60:
            taken += len(await bus.take(3))
            assert len(bus) <= 5
    assert (await whole).zones == 60


async def test_it_ends_when_nobody_takes_polls_any_more() -> None:
    bus = PollQueue(1)
    prober = HeldProber(WELL, now, {"z1.example.": asyncio.Event()})
    whole = asyncio.create_task(
        sweep(CHECK, turns(zones(9)), InFull(prober), bus.publish, cadence=MINUTE, duration=30, now=now)
    )
    await asyncio.sleep(0)
    await bus.close()
    with pytest.raises(ExceptionGroup) as raised:
        await asyncio.wait_for(whole, 60)
    assert raised.group_contains(QueueClosed)
    assert prober.under_way == 0


async def test_broken_off_it_leaves_nothing_behind() -> None:
    prober = HeldProber(WELL, now, {f"z{n}.example.": asyncio.Event() for n in range(9)})
    before = asyncio.all_tasks()
    whole = asyncio.create_task(
        sweep(CHECK, turns(zones(9)), InFull(prober), taker([]), cadence=MINUTE, duration=0, now=now)
    )
    async with asyncio.timeout(5):
        while prober.under_way < 9:
            await asyncio.sleep(0.001)
    whole.cancel()
    with pytest.raises(asyncio.CancelledError):
        await whole
    assert prober.under_way == 0
    assert asyncio.all_tasks() == before


async def test_zones_that_the_check_does_not_apply_to_are_not_asked() -> None:
    with_records = zone(name="a.example.", records=(WantedRecord("www.a.example.", "A"),))
    polls: list[ZonePoll] = []
    swept = await sweep(
        Records(),
        turns([with_records, zone()], Records()),
        InFull(HeldProber(WELL, now)),
        taker(polls),
        cadence=MINUTE,
        duration=0,
        now=now,
    )
    assert [r.zone for r in polls] == ["a.example."]
    assert swept.zones == 1


async def test_a_zone_is_asked_as_it_is_when_its_turn_comes() -> None:
    first, second = sorted(zones(2), key=lambda z: sweep_position(z.name, "soa-serial"))
    known = {first.name: first, second.name: second}
    polls: list[ZonePoll] = []

    async def take(poll: ZonePoll) -> None:
        polls.append(poll)
        known[second.name] = replace(second, servers=second.servers[:1])

    prober = HeldProber(WELL, now)
    await sweep(
        CHECK,
        turns([first, second]),
        InFull(prober),
        take,
        cadence=MINUTE,
        duration=0.2,
        now=now,
        max_in_flight=1,
        current=known.get,
    )
    assert [len(r.seen) for r in polls] == [2, 1]


async def test_what_left_or_changed_while_it_was_asked_is_not_published() -> None:
    left, changed, stays = zones(3)
    known = {z.name: z for z in (left, changed, stays)}
    answer = asyncio.Event()
    prober = HeldProber(WELL, now, dict.fromkeys(known, answer))
    polls: list[ZonePoll] = []
    whole = asyncio.create_task(
        sweep(
            CHECK, turns([left, changed, stays]), InFull(prober), taker(polls),
            cadence=MINUTE, duration=0, now=now, current=lambda name: known.get(name),
        )
    )  # fmt: skip
    async with asyncio.timeout(5):
        while prober.under_way < 3:
            await asyncio.sleep(0.001)
    del known[left.name]
    known[changed.name] = replace(changed, servers=(*changed.servers, Server("ns3")))
    answer.set()
    assert (await whole).zones == 1
    assert [r.zone for r in polls] == [stays.name]


async def test_with_nobody_to_ask_the_poll_is_empty() -> None:
    nobody = replace(zone(), servers=())
    poll = await poll_zone(CHECK, nobody, HeldProber({}, now), MINUTE, now)
    assert poll.seen == ()
