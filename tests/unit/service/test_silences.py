"""A silence that somebody makes is kept, holds at once, and is there after a restart."""

from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from alerting.silences import Matchers
from monitor.service.silences import ServiceSilences
from monitor.state.monitor_state import MonitorState
from monitor.state.ports import NotKept
from monitor.state.silencing import MAX_OVER
from tests.support.evaluator import EvaluatorBench
from tests.support.observations import zone

OF_NS2 = Matchers(servers=("ns2",))


def bench_of(memory: MonitorState | None = None) -> tuple[EvaluatorBench, ServiceSilences]:
    bench = EvaluatorBench(zone(), memory=memory) if memory is not None else EvaluatorBench(zone())
    bench.evaluator.plan = replace(bench.plan, receivers=("hook",))
    return bench, ServiceSilences(bench.evaluator, bench.now)


async def told(bench: EvaluatorBench) -> list[str]:
    """What was told so far of the only incident."""
    (incident,) = bench.status.incidents
    return [str(each.event) for each in (await bench.disk.kept.incident_record(incident)).deliveries]


async def test_it_holds_at_once_and_is_kept_and_what_is_bad_at_its_end_is_told_then() -> None:
    bench, silences = bench_of()
    await bench.look(zone(), 0, ns1="10", ns2="10")
    made = await silences.make(OF_NS2, None, None, "anna", "new disk")
    await bench.look(zone(), 1, ns1="10", ns2="-")
    assert await told(bench) == []
    (incident,) = bench.status.incidents.values()
    assert (incident.silenced, incident.silences) == (1, (made.id,))
    assert bench.status.silences.active == (made,)
    assert list((await bench.disk.kept.restore()).silences) == [made]
    ended = await silences.end(made.id, "bert")
    assert ended is not None
    assert (ended.ends_at, ended.ended_by) == (bench.now(), "bert")
    assert await told(bench) == ["incident.opened"]
    assert bench.status.silences.active == ()
    assert bench.status.silences.made == (ended,)


async def test_a_restart_goes_on_with_it() -> None:
    bench, silences = bench_of()
    await bench.look(zone(), 0, ns1="10", ns2="10")
    made = await silences.make(OF_NS2, None, bench.now() + timedelta(minutes=3), "anna", "new disk")
    await bench.look(zone(), 1, ns1="10", ns2="-")
    again, silences = bench_of(MonitorState.of(await bench.disk.kept.restore()))
    await again.look(zone(), 2, ns1="10", ns2="-")
    assert again.status.silences.active == (made,)
    assert again.told == 0
    await again.look(zone(), 4, ns1="10", ns2="-")
    assert again.status.silences.active == ()
    assert again.told == 1
    over = await silences.end(made.id, "bert")
    assert over == made, "it was over by itself"


async def test_one_that_begins_later_is_known_and_holds_then() -> None:
    bench, silences = bench_of()
    await bench.look(zone(), 0, ns1="10", ns2="10")
    later = await silences.make(OF_NS2, bench.now() + timedelta(hours=1), None, "anna", "new disk")
    assert (bench.status.silences.made, bench.status.silences.active) == ((later,), ())
    await bench.look(zone(), 1, ns1="10", ns2="-")
    assert await told(bench) == ["incident.opened"]
    ended = await silences.end(later.id, "anna")
    assert ended is not None
    assert ended.is_over(bench.now())


async def test_one_without_an_end_is_named_in_the_log_once_a_day() -> None:
    bench, silences = bench_of()
    await bench.look(zone(), 0, ns1="10", ns2="10")
    with capture_logs() as logs:
        made = await silences.make(OF_NS2, None, None, "anna", "new disk")
        await silences.make(OF_NS2, None, bench.now() + timedelta(days=9), "anna", "it has an end")
        for hour in range(1, 50):
            await bench.look(zone(), hour * 60, ns1="10", ns2="10")
    named = [each for each in logs if each["event"] == "a silence has no end"]
    assert [(each["silence"], each["by"], each["comment"]) for each in named] == [(made.id, "anna", "new disk")] * 3
    assert all(each["log_level"] == "warning" for each in named)


async def test_of_those_that_are_over_only_the_latest_stay_in_memory() -> None:
    bench, silences = bench_of()
    await bench.look(zone(), 0, ns1="10", ns2="10")
    standing = await silences.make(OF_NS2, None, None, "anna", "new disk")
    for _ in range(MAX_OVER + 2):
        one = await silences.make(OF_NS2, None, None, "anna", "short")
        await silences.end(one.id, "anna")
    assert len(bench.status.silences.made) == MAX_OVER + 1
    assert standing in bench.status.silences.made
    stored = await bench.disk.kept.restore()
    assert len(stored.silences) == MAX_OVER + 3
    again, _ = bench_of(MonitorState.of(stored))
    await again.look(zone(), 1, ns1="10", ns2="10")
    assert len(again.status.silences.made) == MAX_OVER + 1
    assert standing in again.status.silences.made


async def test_there_is_none_of_that_id() -> None:
    _, silences = bench_of()
    assert await silences.end("x", "anna") is None


async def test_what_the_disk_does_not_take_is_not_done_and_who_wanted_it_is_told() -> None:
    bench, silences = bench_of()
    await bench.look(zone(), 0, ns1="10", ns2="10")
    made = await silences.make(OF_NS2, None, None, "anna", "new disk")
    bench.disk.full = True
    with pytest.raises(NotKept, match="the disk is full"):
        await silences.make(Matchers(servers=("ns1",)), None, None, "anna", "new disk")
    with pytest.raises(NotKept):
        await silences.end(made.id, "bert")
    assert not bench.status.store_ok
    await bench.look(zone(), 1, ns1="10", ns2="-")  # what is seen waits in memory
    bench.disk.full = False
    bench.now.at += timedelta(minutes=1)
    await bench.evaluator.remind()
    assert bench.status.store_ok
    assert (bench.status.silences.made, bench.status.silences.active) == ((made,), (made,))
    assert list((await bench.disk.kept.restore()).silences) == [made]
    bench.disk.full = True
    await bench.look(zone(), 2, ns1="11", ns2="-")
    bench.disk.full = False
    ended = await silences.end(made.id, "bert")  # and takes what waited along
    assert list((await bench.disk.kept.restore()).silences) == [ended]
    assert bench.status.store_ok
