"""What stands now is shown at once, kept in order, and survives a disk that refuses."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from alerting.model import Policy
from checks.canary import Canary
from checks.model import Health, UpdateResult
from monitor.config.zone_sources import SourceTrouble
from monitor.state.arrival_times import PROPAGATION_BOUNDS
from monitor.state.monitor_state import MonitorState
from monitor.state.new_zones import NEW_PER_TURN
from monitor.state.ports import Commit, Sweep, ZoneSource
from monitor.state.recent_incidents import MAX_RESOLVED_INCIDENTS, recent
from monitor.state.write_buffer import merge
from tests.support.evaluator import BOTH, EvaluatorBench
from tests.support.monitor_state import looks, minute, plan
from tests.support.observations import NOON, gather, zone
from tests.support.specimens import incident
from tests.unit.checks.test_canary import NEW, after, before, text, update
from tests.unit.checks.test_canary import ZONE as CANARY


async def test_what_was_evaluated_is_shown_and_kept() -> None:
    one = zone()
    on = EvaluatorBench(one)
    await on.look(one, 0, ns1="10", ns2="10")
    assert on.status.zones[one.name].health == "good"
    assert on.status.at == NOON
    assert on.changed == 1
    assert on.told == 0
    assert [c.zone_states[0].zone for c in on.disk.commits] == [one.name]
    await on.look(one, 1, ns1="10", ns2="-")
    assert on.status.zones[one.name].health == "bad"
    assert [i.phase for i in on.status.incidents.values()] == ["open"]
    assert on.told == 1


async def test_a_status_is_of_now_and_a_status_knows_whether_there_is_another() -> None:
    one, other = zone(), zone(name="other.example.")
    on = EvaluatorBench(one, other)
    await on.look(one, 0, ns1="10", ns2="10")
    await on.look(other, 1, ns1="10", ns2="10")
    before = on.status
    await on.look(one, 2, ns1="11", ns2="10")
    assert on.status.zones is not before.zones
    assert on.status.zones[other.name].since == minute(1)
    assert on.status.zones[one.name].reference_serial == 11


async def test_a_new_plan_draws_what_came_and_forgets_what_went() -> None:
    one, other = zone(), zone(name="other.example.")
    on = EvaluatorBench(one)
    await on.look(one, 0, ns1="10", ns2="-")
    await on.evaluator.replan(plan(other, checks=BOTH))
    assert set(on.status.zones) == {other.name}
    assert on.status.zones[other.name].health == "unknown"
    assert [i.phase for i in on.status.incidents.values()] == ["resolved"]
    remembered = await on.disk.kept.restore()
    assert not remembered.zone_states
    assert not remembered.alerts
    assert not remembered.incidents


async def test_a_full_disk_stops_no_check_is_shown_and_everything_is_written_once_there_is_room() -> None:
    one = zone()
    on = EvaluatorBench(one, policy=Policy(timedelta(0), timedelta(0)))
    await on.look(one, 0, ns1="10", ns2="10")
    on.disk.full = True
    await on.look(one, 1, ns1="11", ns2="10")
    assert not on.status.store_ok
    assert "full" in on.status.store_error
    assert on.status.zones[one.name].reference_serial == 11
    await on.look(one, 2, ns1="11", ns2="-")
    assert on.told == 0
    codes = {line.code for i in on.status.incidents.values() for line in i.lines}
    assert "database-failing" in codes
    waiting = {t.id for t in on.record.messages}
    assert len(waiting) >= 2
    on.disk.full = False
    await on.look(one, 3, ns1="11", ns2="11")
    assert on.status.store_ok
    assert on.status.store_error == ""
    written = [t.id for c in on.disk.commits for t in c.messages]
    assert waiting <= set(written)
    assert len(written) == len(set(written))
    await on.look(one, 4, ns1="11", ns2="11")
    remembered = await on.disk.kept.restore()
    assert not remembered.alerts
    assert not remembered.incidents
    assert remembered.zone_states[one.name].serial_groups[0].reference == 11


async def test_a_failing_database_is_told_once_however_long_it_lasts() -> None:
    on = EvaluatorBench(zone(), policy=Policy(timedelta(minutes=2), timedelta(minutes=2), timedelta(hours=4)))
    on.disk.full = True
    await on.look(zone(), 0, ns1="10", ns2="10")
    for number in range(1, 60):
        on.now.at = minute(number)
        await on.evaluator.remind()
    assert [t.event for t in on.record.messages] == ["incident.opened"]


async def test_a_receiver_that_fails_and_a_configuration_that_is_refused_are_told_once_and_so_is_their_end() -> None:
    """The kind: what goes wrong with the monitor itself and was only shown. ``hook`` is one of two receivers."""
    policy = Policy(timedelta(minutes=2), timedelta(minutes=2), timedelta(hours=4))
    on = EvaluatorBench(zone(), policy=policy)
    await on.evaluator.replan(replace(on.plan, receivers=("hook", "post")))
    on.evaluator.failing = lambda now: {"hook": "hook rejects what it is told: 410 gone"}
    on.evaluator.show(config_ok=False, config_error="soawatch.toml:7: no unit\nsoawatch.toml:9: no such key")
    for number in range(40):
        on.now.at = minute(number)
        await on.evaluator.remind()
    on.evaluator.failing = lambda now: {}
    on.evaluator.show(config_ok=True, config_error="")
    for number in range(40, 60):
        on.now.at = minute(number)
        await on.evaluator.remind()
    messages = [t for c in on.disk.commits for t in c.messages]
    told = sorted((str(t.incident.cause), t.receiver, t.event.value) for t in messages)
    assert told == [
        ("receiver hook", "post", "incident.opened"),
        ("receiver hook", "post", "incident.resolved"),
        *(("vantage local", name, f"incident.{what}") for name in ("hook", "post") for what in ("opened", "resolved")),
    ]
    texts = {line.code: line.text for t in messages for line in t.incident.lines}
    assert texts == {
        "receiver-failing": "hook rejects what it is told: 410 gone",
        "configuration-refused": "the configuration is refused, and the one before goes on: soawatch.toml:7: no unit",
    }


async def test_a_source_of_zones_that_is_not_believed_is_told_once_and_so_is_its_end() -> None:
    on = EvaluatorBench(zone(), policy=Policy(timedelta(minutes=2), timedelta(minutes=2), timedelta(hours=4)))
    await on.evaluator.replan(replace(on.plan, receivers=("post",)))
    on.evaluator.source_troubles = lambda: (
        SourceTrouble.failing("catalog a.example", "192.0.2.1 does not answer"),
        SourceTrouble.shrunk("list /srv/b", "it names no zone any more"),
    )
    for number in range(20):
        on.now.at = minute(number)
        await on.evaluator.remind()
    on.evaluator.source_troubles = lambda: ()
    for number in range(20, 40):
        on.now.at = minute(number)
        await on.evaluator.remind()
    messages = [t for c in on.disk.commits for t in c.messages]
    assert [t.event.value for t in messages] == ["incident.opened", "incident.resolved"]
    assert {line.code: line.text for line in messages[0].incident.lines} == {
        "zone-source-failing": "catalog a.example cannot be read: 192.0.2.1 does not answer",
        "zone-source-shrunk": "list /srv/b may have been cut short: it names no zone any more",
    }


async def test_what_a_source_of_zones_said_is_kept_and_kept_again_when_the_database_is_made_anew() -> None:
    on = EvaluatorBench(zone())
    await on.evaluator.keep_zone_source("catalog a.example", "one")
    await on.evaluator.keep_zone_source("list /srv/b", "two")
    await on.evaluator.keep_zone_source("list /srv/b", "")
    assert [c.zone_sources for c in on.disk.commits] == [
        (("catalog a.example", "one"),), (("list /srv/b", "two"),), (("list /srv/b", ""),),
    ]  # fmt: skip
    memory = MonitorState.of(await on.disk.restore())
    assert memory.zone_sources == {"catalog a.example": "one"}
    older, newer = (Commit(zone_sources=(ZoneSource("a", body), ZoneSource(body, "x"))) for body in ("1", "2"))
    assert merge(older, newer).zone_sources == (("a", "2"), ("1", "x"), ("2", "x"))


async def test_a_failure_that_passes_within_grace_is_no_incident() -> None:
    on = EvaluatorBench(zone(), policy=Policy(timedelta(minutes=2), timedelta(minutes=2)))
    for number, failing in enumerate([{"hook": "no"}, {"hook": "no"}, {}, {"hook": "no"}, {}, {}]):
        on.now.at = minute(number)
        on.evaluator.failing = lambda now, failing=failing: failing  # type: ignore[misc]
        await on.evaluator.remind()
    assert not on.status.incidents


async def test_a_sweep_that_cannot_be_noted_is_a_failing_disk_too() -> None:
    on = EvaluatorBench(zone())
    on.disk.full = True
    row = Sweep("soa-serial", NOON, NOON, 1, 2, 2)
    await on.evaluator.record_sweep(row)
    assert not on.status.store_ok
    on.disk.full = False
    on.now.pass_(minutes=1)
    await on.evaluator.remind()
    assert on.status.store_ok
    assert on.disk.sweeps == [row]


async def test_at_the_end_it_is_tried_once_more() -> None:
    on = EvaluatorBench(zone())
    on.disk.full = True
    await on.look(zone(), 0, ns1="10", ns2="10")
    on.disk.full = False
    await on.evaluator.finish()
    assert [c.zone_states[0].zone for c in on.disk.commits] == ["example.com."]


async def test_who_is_cancelled_while_the_disk_works_loses_nothing() -> None:
    on = EvaluatorBench(zone())
    taking = asyncio.create_task(on.evaluator.process([looks(zone(), NOON, ns1=10, ns2=10)]))
    while not on.disk.tries:
        await asyncio.sleep(0)
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    await on.look(zone(), 1, ns1="11", ns2="11")
    assert [run.serial for c in on.disk.commits for run in c.state_changes] == [10, 10, 11, 11]


async def test_one_thing_at_a_time() -> None:
    one = zone()
    on = EvaluatorBench(one)
    empty = plan(zone(name="other.example."), checks=BOTH)
    await asyncio.gather(
        on.evaluator.process([looks(one, NOON, ns1=10, ns2=10)]),
        on.evaluator.replan(empty),
        on.evaluator.process([looks(one, minute(1), ns1=11, ns2=11)]),
        on.evaluator.remind(),
    )
    assert [bool(c.zone_states) for c in on.disk.commits] == [True, False]
    assert on.disk.commits[-1].dropped_zones == (one.name,)
    assert not (await on.disk.kept.restore()).zone_states


async def test_very_many_zones_that_come_at_once_are_shown_a_few_at_a_time() -> None:
    """Everybody else has a turn in between; and what is known of others stays."""
    one, other = zone(), zone(name="other.example.")
    on = EvaluatorBench(one, other)
    await on.look(one, 0, ns1="10", ns2="-")
    await on.look(other, 0, ns1="10", ns2="10")
    many = [zone(name=f"z{number}.example.") for number in range(3 * NEW_PER_TURN)]
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count())
    await on.evaluator.replan(plan(one, other, *many, checks=BOTH))
    counting.cancel()
    assert turns > 3
    assert on.status.zones.tally() == {Health.GOOD: 1, Health.BAD: 1, Health.UNKNOWN: len(many)}
    assert on.status.zones["z7.example."].health == "unknown"
    await on.look(many[7], 1, ns1="10", ns2="10")
    assert on.status.zones["z7.example."].health == "good"


async def test_it_is_shown_that_the_monitor_is_offline() -> None:
    on = EvaluatorBench(zone())
    await on.look(zone(), 0, ns1="10", ns2="10")
    await on.look(zone(), 1, ns1="-", ns2="-")
    assert on.status.offline_families == ("ipv4",)
    await on.look(zone(), 2, ns1="10", ns2="10")
    assert on.status.offline_families == ()


async def test_propagation_is_counted_per_server() -> None:
    on = EvaluatorBench(zone())
    await on.look(zone(), 0, ns1="10", ns2="10")
    await on.look(zone(), 1, ns1="11", ns2="10")
    await on.look(zone(), 2, ns1="11", ns2="11")
    await on.look(zone(), 3, ns1="12", ns2="12")  # how long that took is not known
    (family,) = on.evaluator.arrival_times.propagation.collect()
    found = {(s.name.rpartition("_")[2], s.labels["server"]): s.value for s in family.samples}
    assert (found["count", "ns2"], found["sum", "ns2"]) == (1, 60.0)
    assert {name for _, name in found} == {"ns2"}, "none of the primary"


async def test_how_long_a_canary_took_is_counted_per_server() -> None:
    on = EvaluatorBench(CANARY, checks=(*BOTH, Canary()))
    seen = (*before(), update(UpdateResult.DONE), *(after(name, text(NEW)) for name in ("ns1", "ns2")))
    await on.evaluator.process([gather(CANARY, "canary", *seen)])
    await on.evaluator.process([gather(CANARY, "canary", *seen[:-1], at=NOON + timedelta(minutes=15))])
    (family,) = on.evaluator.arrival_times.canary.collect()
    found = {(s.name.rpartition("_")[2], s.labels["server"]): s.value for s in family.samples}
    assert [found["count", name] for name in ("ns1", "ns2")] == [2, 1]
    assert found["sum", "ns2"] == 1.0


async def test_a_version_on_its_way_is_looked_for_again_until_it_is_everywhere() -> None:
    on = EvaluatorBench(zone())
    due = on.evaluator.rechecks
    await on.look(zone(), 0, ns1="10", ns2="10")
    assert not len(due)
    await on.look(zone(), 1, ns1="11", ns2="10")
    assert due.due(asyncio.get_running_loop().time() + 1) == {"soa-serial": ["example.com."]}
    await on.look(zone(), 1.01, ns1="11", ns2="10")
    assert len(due) == 1
    await on.look(zone(), 1.02, ns1="11", ns2="11")
    assert not len(due)


def test_propagation_has_the_buckets_that_are_documented() -> None:
    on = EvaluatorBench(zone())
    for seconds in (0.0, 1.0, 1.5, 86400.0, 1e9):
        on.evaluator.arrival_times.propagation.labels("ns1").observe(seconds)
    (family,) = on.evaluator.arrival_times.propagation.collect()
    counts = [sample.value for sample in family.samples if sample.name.endswith("_bucket")]
    assert len(counts) == len(PROPAGATION_BOUNDS) + 1
    assert (counts[:2], counts[-3:]) == ([2, 3], [3, 4, 5])


def test_old_incidents_leave_open_ones_stay() -> None:
    many = {f"r{n}": incident(f"r{n}", n, resolved=n) for n in range(MAX_RESOLVED_INCIDENTS + 20)}
    columns = {f"o{n}": incident(f"o{n}", n) for n in range(200)}
    left = recent({**many, **columns}, [])
    assert columns.keys() <= left.keys()
    assert set(left) - set(columns) == {f"r{n}" for n in range(20, MAX_RESOLVED_INCIDENTS + 20)}
