"""Figures of transfers are shown again after a restart, and forgotten with the way in which they came."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from checks.content import Content
from checks.model import Expectation, TransferResult, TransferRule, Transport, Zone, ZonePoll
from checks.soa_serial import SoaSerial
from checks.transfer import Transfer
from monitor.state.monitor_state import MonitorState
from monitor.state.ports import Commit, KeptTransfers
from monitor.state.write_buffer import merge
from monitor.state.zone_views import make_zone_status
from monitor.store.sqlite import SqliteStore
from tests.support.evaluator import EvaluatorBench
from tests.support.monitor_state import Clock, minute, plan
from tests.support.observations import SOA, gather, pulled, query, seen, zone

CHECKS = (SoaSerial(), Transfer(), Content())
KEYED = TransferRule("ns1", Expectation.ALLOWED, key="xfr", whole=True)
WHERE = zone(transfers=(KEYED,))


def poll_of(where: Zone, at: float, **fields: object) -> ZonePoll:
    """ns1 gives the zone to who has the key."""
    asked = query(where, "ns1", "AXFR", transport=Transport.TCP, key="xfr", whole=True)
    soas = [seen(query(where, "ns1", transport=Transport.TCP), "10", minute(at))]
    gave = {"records": 5, "given": 4, "octets": 3000, "messages": 1, "took": 0.5, "soa": replace(SOA, serial=10)}
    given = pulled(asked, TransferResult.ALLOWED, minute(at), **{**gave, **fields})
    return replace(gather(where, "transfer", *soas, given, at=minute(at)), cadence=timedelta(hours=1))


async def measured(*polls: ZonePoll, where: Zone = WHERE, memory: MonitorState | None = None) -> EvaluatorBench:
    on = EvaluatorBench(where, checks=CHECKS, memory=memory)
    for poll in polls:
        on.now.at = poll.at
        await on.evaluator.process([poll])
    return on


def shown(on: EvaluatorBench, where: Zone = WHERE) -> list[tuple[str, int]]:
    drawn = make_zone_status(on.evaluator._memory, on.evaluator.plan, where.name, None, minute(99))
    return [(one.server, one.octets) for address in drawn.addresses for one in address.transfers]


async def restarted(on: EvaluatorBench, path: Path) -> MonitorState:
    store = await SqliteStore.open(path, Clock())
    for commit in on.disk.commits:
        await store.commit(commit)
    await store.close()
    store = await SqliteStore.open(path, Clock())
    stored = await store.restore()
    await store.close()
    return MonitorState.of(stored)


async def test_after_a_restart_they_are_shown_before_anybody_is_asked(tmp_path: Path) -> None:
    before = await measured(poll_of(WHERE, 0), poll_of(WHERE, 1, octets=4000))
    assert shown(before) == [("ns1", 4000)]
    after = await measured(memory=await restarted(before, tmp_path / "s.db"))
    await after.evaluator.replan(plan(WHERE, checks=CHECKS), first=True)
    assert shown(after) == [("ns1", 4000)]
    (figures,) = after.evaluator._memory.transfers.of_zone(WHERE.name)
    assert figures.whole[0].at == minute(1)


async def test_a_transfer_that_fails_leaves_the_figures_of_the_one_before() -> None:
    failed = poll_of(WHERE, 1, transfer=TransferResult.TIMEOUT, took=None)
    on = await measured(poll_of(WHERE, 0), failed)
    assert shown(on) == [("ns1", 3000)]
    assert [len(commit.transfers) for commit in on.disk.commits].count(1) == 1


async def test_those_of_a_rule_or_a_zone_that_is_gone_are_forgotten(tmp_path: Path) -> None:
    other = zone(transfers=(replace(KEYED, key="other"),))
    on = await measured(poll_of(WHERE, 0))
    await on.evaluator.replan(plan(other, checks=CHECKS))
    assert shown(on, other) == []
    assert not (await restarted(on, tmp_path / "s.db")).transfers.of_zone(WHERE.name)
    gone = await measured(poll_of(WHERE, 0))
    await gone.evaluator.replan(plan(zone(name="example.org."), checks=CHECKS))
    assert not list(gone.evaluator._memory.transfers.every())
    unasked = await measured(poll_of(WHERE, 0))
    await unasked.evaluator.replan(plan(WHERE, zone(name="example.org."), checks=(SoaSerial(),)))
    assert not list(unasked.evaluator._memory.transfers.every())


async def test_a_reload_that_leaves_the_rule_leaves_them_and_writes_nothing() -> None:
    on = await measured(poll_of(WHERE, 0))
    commits = len([one for one in on.disk.commits if one.transfers])
    await on.evaluator.replan(plan(WHERE, zone(name="example.org."), checks=CHECKS))
    assert shown(on) == [("ns1", 3000)]
    assert [one.transfers for one in on.disk.commits if one.transfers][commits:] == []


async def test_a_full_disk_has_the_latest_in_the_end() -> None:
    on = await measured(poll_of(WHERE, 0), poll_of(WHERE, 1, octets=4000))
    first, second = (one.transfers for one in on.disk.commits if one.transfers)
    assert merge(Commit(transfers=first), Commit(transfers=second)).transfers == second
    assert merge(Commit(transfers=first), Commit(dropped_zones=(WHERE.name,))).transfers == ()
    assert [one[:2] for one in on.evaluator._memory.transfers.every()] == [("transfer", WHERE.name)]
    assert isinstance(first[0], KeptTransfers)
