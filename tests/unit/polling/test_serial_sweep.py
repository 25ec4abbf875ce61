"""Everybody is called once, in turn; what is steady comes back as a number, what is dead is asked over TCP."""

import asyncio
from array import array
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace

import pytest

from checks.common.epoch import micros
from checks.model import Observation, Outcome, Query, Transport, Zone, ZonePoll
from checks.model.zone_table import ZoneTable
from checks.soa_serial import SoaSerial
from monitor.clock import monotonic, now
from monitor.polling.bulk import BulkProber, ChunkResult, ZoneChunk
from monitor.polling.serial_sweep import SerialSweep, SweepContext
from monitor.polling.sweep import MIN_TICK
from monitor.polling.sweep_order import SweepOrder, sweep_position
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.circuit_breaker import FAILURE_THRESHOLD, HALF_OPEN_PROBES
from monitor.probe.message.soa_forms import FormedAnswer, SoaForms
from monitor.probe.message.soa_response import soa_outline, to_answer
from monitor.service.queue import PollQueue
from monitor.state.columns import AddressLayout, ZoneColumns
from monitor.state.ports import FormedPoll, PollMessage, QueueClosed, UnchangedZones
from tests.support.monitor_state import MINUTE
from tests.support.observations import query, seen, server, zone
from tests.support.soa_responses import asked_for, response

CHECK = SoaSerial()
SERVERS = (server("ns1"), server("ns2"))


class FakeBulkProber:
    """A bulk prober that knows which zones are unchanged and what the others say; ``held`` zones wait to be let go."""

    def __init__(
        self, zone_table: ZoneTable[Zone], *, changed: Iterable[str] = (), dead: Iterable[str] = (), how: str = "-"
    ) -> None:
        self.zone_table = zone_table
        self.changed, self.dead, self.how = set(changed), set(dead), how
        self.asked: list[str] = []
        self.formed: dict[str, tuple[FormedAnswer, ...]] = {}
        """Zones of which every response is recognised."""
        self.held: dict[str, asyncio.Event] = {}
        self.widest = self.under_way = 0

    def use(
        self, layouts: Sequence[AddressLayout], address_metrics: AddressMetrics, old_slots: "array[int] | None" = None
    ) -> None:
        raise AssertionError("nobody asks for that here")

    def enable_fast_path(self, slots: Sequence[int], min_expires: Sequence[int]) -> None:
        raise AssertionError("nobody asks for that here")

    def disable_fast_path(self, slots: Sequence[int]) -> None:
        raise AssertionError("nobody asks for that here")

    def pending(self) -> int:
        return 0

    async def close(self) -> None:
        return

    async def ask(self, chunk: ZoneChunk) -> AsyncIterator[ChunkResult]:
        self.asked += chunk.names
        self.under_way += len(chunk.numbers)
        self.widest = max(self.widest, self.under_way)
        first = [number for number in chunk.numbers if self.zone_table.names[number] not in self.held]
        await asyncio.sleep(0)
        yield self._returns(first)
        for number in chunk.numbers:
            if number not in first:
                await self.held[self.zone_table.names[number]].wait()
                yield self._returns([number])

    def _returns(self, numbers: Sequence[int]) -> ChunkResult:
        self.under_way -= len(numbers)
        loud = self.changed | self.dead | self.formed.keys()
        names = self.zone_table.names
        seen = [number for number in numbers if names[number] in self.changed | self.dead]
        changed = [(number, self._looks(self.zone_table.at(number))) for number in seen]
        formed = [(number, self.formed[names[number]]) for number in numbers if names[number] in self.formed]
        unchanged = array("I", (number for number in numbers if names[number] not in loud))
        return ChunkResult(now(), unchanged, changed, 2 * len(numbers), 2 * len(numbers), formed)

    def _looks(self, zone: Zone) -> tuple[Observation, ...]:
        token = {"ns1": "10", "ns2": self.how if zone.name in self.dead else "10"}
        return tuple(seen(query(zone, name), token[name], now()) for name in ("ns2", "ns1"))


class FakeTcpProber:
    """A prober of the TCP questions: ``token`` is what each gets."""

    def __init__(self, token: str = "10") -> None:
        self.token = token
        self.asked: list[Query] = []
        self.under_way = self.widest = 0

    async def __call__(self, queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
        for one in queries:
            self.asked.append(one)
            self.under_way += 1
            self.widest = max(self.widest, self.under_way)
            await asyncio.sleep(0.001)
            self.under_way -= 1
            yield [seen(one, self.token, now())]


def zones(count: int) -> list[Zone]:
    return [zone(*SERVERS, name=f"z{number}.example.") for number in range(count)]


class Stage:
    def __init__(self, every: Sequence[Zone], *, token: str = "10", how: str = "-", **result_id: Iterable[str]) -> None:
        self.zone_table = ZoneTable.of(every)
        self.heard: list[PollMessage] = []
        self.tcp_prober = FakeTcpProber(token)
        self.bulk_prober = FakeBulkProber(self.zone_table, how=how, **result_id)
        self.current = {one.name: one for one in every}
        bulk_prober: BulkProber = self.bulk_prober
        self.context = SweepContext(
            ZoneColumns(self.zone_table),
            bulk_prober,
            self.tcp_prober,
            self.publish,
            lambda name: self.current.get(name),
            now,
        )

    async def publish(self, *heard: PollMessage) -> None:
        self.heard += heard

    def call(self, over: float = 0.0, **options: float) -> "asyncio.Task[object]":
        call = SerialSweep(self.context, CHECK, MINUTE, **options)  # type: ignore[arg-type]
        begin = asyncio.get_running_loop().time()
        return asyncio.create_task(call.sweep(SweepOrder(self.zone_table, CHECK.name, CHECK.applies), over, begin))

    @property
    def unchanged(self) -> list[str]:
        return [self.zone_table.names[n] for one in self.heard if isinstance(one, UnchangedZones) for n in one.numbers]

    @property
    def polls(self) -> list[ZonePoll]:
        return [one for one in self.heard if isinstance(one, ZonePoll)]


def recognised(name: str, serial: int) -> FormedAnswer:
    forms, asked = SoaForms(), asked_for(name)
    wire = response(asked, serial)
    outline = soa_outline(wire, asked.section)
    assert outline is not None
    answer = to_answer(wire, asked.text, outline)
    assert answer is not None
    forms.learn(wire, asked.name, outline, answer)
    form = forms.find(wire, asked.name)
    assert form is not None
    return FormedAnswer(form, serial, None, 0.01, micros(now()))


@pytest.mark.parametrize("serials", [(10, 10), (10, 9), (10, 12)], ids=["alike", "behind", "ahead"])
async def test_of_zones_whose_every_response_is_recognised_more_is_asked_where_serials_are_odd(
    serials: tuple[int, int],
) -> None:
    """For keys, where a server is ahead of its primary; one that is behind is complete as it is."""
    on = Stage(zones(2), token="REFUSED")
    on.bulk_prober.formed = {"z1.example.": tuple(recognised("z1.example.", serial) for serial in serials)}
    await on.call()
    assert on.unchanged == ["z0.example."]
    odd = serials[1] > serials[0]
    asked = [(one.server, one.qtype, one.transport) for one in on.tcp_prober.asked]
    assert asked == ([("ns2", "DNSKEY", Transport.TCP), ("ns1", "DNSKEY", Transport.TCP)] if odd else [])
    assert [one.number for one in on.heard if isinstance(one, FormedPoll)] == ([] if odd else [1])
    assert [[seen.serial for seen in one.seen] for one in on.polls] == ([[12, 10, None, None]] if odd else [])


async def test_each_zone_comes_back_once_as_a_number_or_as_a_poll() -> None:
    stage = Stage(zones(2500), changed=["z7.example.", "z77.example."])
    swept = await stage.call()
    assert sorted(stage.unchanged + [one.zone for one in stage.polls]) == sorted(stage.zone_table.names)
    assert {one.zone for one in stage.polls} == {"z7.example.", "z77.example."}
    assert all(len(one.seen) == 2 and one.check == "soa-serial" for one in stage.polls)
    assert (swept.zones, swept.queries, swept.answered) == (2500, 5000, 5000)  # type: ignore[attr-defined]
    assert not any(stage.context.busy)


async def test_turns_come_at_their_place() -> None:
    stage = Stage(zones(60))
    came: dict[str, float] = {}
    begin = monotonic()

    async def publish(*heard: PollMessage) -> None:
        for one in heard:
            assert isinstance(one, UnchangedZones)
            came.update(dict.fromkeys((stage.zone_table.names[n] for n in one.numbers), monotonic() - begin))

    stage.context.publish = publish
    await stage.call(over=0.5)
    assert len(came) == 60
    for name, at in came.items():
        assert at >= (sweep_position(name, "soa-serial") * 0.5) - MIN_TICK - 0.01


async def test_what_is_slow_holds_up_nobody_else() -> None:
    stage = Stage(zones(50))
    stage.bulk_prober.held["z3.example."] = let = asyncio.Event()
    whole = stage.call()
    async with asyncio.timeout(5):
        while len(stage.unchanged) < 49:
            await asyncio.sleep(0.001)
    assert "z3.example." not in stage.unchanged
    let.set()
    await whole
    assert "z3.example." in stage.unchanged


async def test_no_more_than_so_many_zones_are_under_way() -> None:
    stage = Stage(zones(300))
    await stage.call(over=0.2, max_in_flight=10)
    assert stage.bulk_prober.widest <= 10
    assert len(stage.unchanged) == 300


async def test_a_zone_that_is_being_asked_is_not_asked_again() -> None:
    stage = Stage(zones(20))
    stage.bulk_prober.held["z3.example."] = let = asyncio.Event()
    first = stage.call()
    async with asyncio.timeout(5):
        while len(stage.unchanged) < 19:
            await asyncio.sleep(0.001)
    await stage.call()
    assert stage.bulk_prober.asked.count("z3.example.") == 1
    assert stage.bulk_prober.asked.count("z4.example.") == 2
    let.set()
    await first
    await stage.call()
    assert stage.bulk_prober.asked.count("z3.example.") == 2


async def test_what_changed_while_it_was_asked_is_not_published() -> None:
    stage = Stage(zones(3), changed=["z0.example.", "z1.example."])
    stage.current["z0.example."] = replace(stage.current["z0.example."], primary=None)
    del stage.current["z2.example."]
    await stage.call()
    assert [one.zone for one in stage.polls] == ["z1.example."]


async def test_another_table_ends_it_where_it_is() -> None:
    stage = Stage(zones(40))
    stage.bulk_prober.held["z3.example."] = let = asyncio.Event()
    call = SerialSweep(stage.context, CHECK, MINUTE)
    order = SweepOrder(stage.zone_table, CHECK.name, CHECK.applies)
    whole = asyncio.create_task(call.sweep(order, 60.0, asyncio.get_running_loop().time() - 30.0))
    async with asyncio.timeout(5):
        while not stage.unchanged:
            await asyncio.sleep(0.001)
    reached = call.reached
    stage.context.close()
    let.set()
    whole.cancel()
    with pytest.raises(asyncio.CancelledError):
        await whole
    assert 0 <= reached <= 0.55
    assert order.positions[order.after(reached)] > reached


async def test_what_waits_for_room_while_another_table_comes_is_asked_there_and_first() -> None:
    stage = Stage(zones(20))
    order = SweepOrder(stage.zone_table, CHECK.name, CHECK.applies)
    first = stage.zone_table.names[order.numbers[0]]
    stage.bulk_prober.held[first] = let = asyncio.Event()
    call = SerialSweep(stage.context, CHECK, MINUTE, max_in_flight=10)
    whole = asyncio.create_task(call.sweep(order, 0.0, 0.0))
    async with asyncio.timeout(5):
        while len(stage.unchanged) < 9:
            await asyncio.sleep(0.001)
    assert len(stage.bulk_prober.asked) == 10
    stage.context.close()
    let.set()
    swept = await whole
    assert len(stage.bulk_prober.asked) == swept.zones == 10
    assert sorted(call.broken_off) == sorted(stage.zone_table.names[number] for number in order.numbers[10:])
    there = Stage(zones(20))
    again = [there.zone_table.index(name) for name in call.broken_off]
    on = SerialSweep(there.context, CHECK, MINUTE, after=call.reached)
    assert (await on.sweep(order, 0.0, 0.0, again)).zones == 10
    assert sorted(there.bulk_prober.asked) == sorted(call.broken_off)


# --- dead over UDP ---


async def test_what_is_dead_over_udp_is_asked_over_tcp() -> None:
    stage = Stage(zones(5), dead=["z1.example."])
    swept = await stage.call()
    (one,) = stage.polls
    assert [(o.query.server, o.query.transport, o.outcome) for o in one.seen] == [
        ("ns2", Transport.UDP, Outcome.TIMEOUT),
        ("ns1", Transport.UDP, Outcome.ANSWERED),
        ("ns2", Transport.TCP, Outcome.ANSWERED),
    ]
    assert swept.queries == 11  # type: ignore[attr-defined]


async def test_an_address_dead_over_both_is_not_asked_over_tcp_for_every_zone() -> None:
    every = zones(1000)
    stage = Stage(every, token="-", dead=[one.name for one in every])
    await stage.call()
    assert len(stage.polls) == 1000
    assert FAILURE_THRESHOLD <= len(stage.tcp_prober.asked) < 500
    stage.heard.clear()
    stage.tcp_prober.asked.clear()
    stage.tcp_prober.widest = 0
    await stage.call()
    assert len(stage.polls) == 1000
    assert 0 < stage.tcp_prober.widest <= HALF_OPEN_PROBES


@pytest.mark.parametrize(
    ("over_udp", "over_tcp", "gone"),
    [
        ("refused-connection", "refused-connection", True),
        ("unreachable", "unreachable", True),
        ("-", "refused-connection", False),
        ("refused-connection", "SERVFAIL", False),
    ],
)
async def test_who_says_no_more_over_tcp_than_over_udp_is_gone(over_udp: str, over_tcp: str, gone: bool) -> None:
    every = zones(1000)
    stage = Stage(every, token=over_tcp, how=over_udp, dead=[one.name for one in every])
    await stage.call()
    assert len(stage.polls) == 1000
    assert (len(stage.tcp_prober.asked) < 500) is gone


async def test_a_sweep_that_is_broken_off_leaves_no_zone_behind() -> None:
    every = zones(1000)
    stage = Stage(every, token="-", dead=[one.name for one in every])
    never = asyncio.Event()

    async def probe_tcp(queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
        for one in queries:
            stage.tcp_prober.asked.append(one)
            await never.wait()
            yield []

    stage.context.probe = probe_tcp
    whole = stage.call()
    async with asyncio.timeout(5):
        while not stage.tcp_prober.asked:
            await asyncio.sleep(0.001)
    assert any(stage.context.busy)
    whole.cancel()
    with pytest.raises(asyncio.CancelledError):
        await whole
    assert not any(stage.context.busy)


async def test_as_soon_as_it_answers_it_is_asked_for_every_zone() -> None:
    every = zones(300)
    stage = Stage(every, token="-", dead=[one.name for one in every])
    await stage.call()
    stage.tcp_prober.token = "10"
    await stage.call()
    stage.heard.clear()
    await stage.call()
    assert all(len(one.seen) == 3 for one in stage.polls)


async def test_it_ends_when_nobody_takes_polls_any_more() -> None:
    stage = Stage(zones(9))
    bus = PollQueue(1)
    await bus.close()
    stage.context.publish = bus.publish
    with pytest.raises(ExceptionGroup) as raised:
        await stage.call()
    assert raised.group_contains(QueueClosed)
    assert not any(stage.context.busy)
