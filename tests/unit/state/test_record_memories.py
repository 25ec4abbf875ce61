"""What is remembered of records outlives restarts, reloads and a full disk, and says when to look again."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from checks.model import RememberedRecords, WantedRecord, Zone
from checks.model.zone_table import ZoneTable
from checks.records import Records
from checks.soa_serial import SoaSerial
from monitor.state.monitor_state import MonitorState
from monitor.state.ports import Commit, RecordMemory, StoredState
from monitor.state.record_memories import RecordMemories
from monitor.state.write_buffer import merge
from monitor.store.sqlite import SqliteStore
from tests.support.evaluator import EvaluatorBench
from tests.support.monitor_state import Clock, minute, plan
from tests.support.observations import zone
from tests.support.record_looks import Look, poll_of

CHECKS = (SoaSerial(), Records())
HOUR = timedelta(hours=1)


def watched(name: str, **more: object) -> Zone:
    return zone(name=name, records=(WantedRecord(f"www.{name}", "A"),), **more)


ONE, TWO = watched("one.example."), watched("two.example.")
SAME = {"ns1": "10 a", "ns2": "10 a"}
EDITED = {"ns1": "10 b", "ns2": "10 a"}


class Bench(EvaluatorBench):
    """Looks at records alone."""

    async def records(self, where: Zone, look: Look, at: float) -> set[str]:
        self.now.at = minute(at)
        await self.evaluator.process([replace(poll_of(where, look, self.now()), cadence=HOUR)])
        alerts = self.evaluator._memory.of_zone(where.name)
        return {f"{alert.key.code} {alert.key.server}" for alert in alerts}

    def kept(self) -> tuple[RecordMemory, ...]:
        return tuple(one for commit in self.disk.commits for one in commit.record_memories)


async def test_an_edit_is_known_as_one_after_a_restart(tmp_path: Path) -> None:
    now = Clock()
    store = await SqliteStore.open(tmp_path / "s.db", now)
    before = Bench(ONE, checks=CHECKS)
    await before.records(ONE, SAME, 0)
    for commit in before.disk.commits:
        await store.commit(commit)
    await store.close()
    store = await SqliteStore.open(tmp_path / "s.db", now)
    stored = await store.restore()
    await store.close()
    assert [(one.check, one.zone) for one in stored.record_memories] == [("records", "one.example.")]
    after = Bench(ONE, checks=CHECKS, memory=MonitorState.of(stored))
    assert await after.records(ONE, EDITED, 60) == {"serial-unbumped ns1"}
    forgetful = Bench(ONE, checks=CHECKS)
    assert await forgetful.records(ONE, EDITED, 60) == {"content-differs ns2"}


async def test_it_is_written_when_it_changes_and_not_otherwise() -> None:
    on = Bench(ONE, checks=CHECKS)
    for at in range(3):
        await on.records(ONE, SAME, at)
    assert len(on.kept()) == 1
    await on.records(ONE, EDITED, 3)
    assert len(on.kept()) == 2


async def test_a_reload_with_other_zones_leaves_it() -> None:
    on = Bench(TWO, checks=CHECKS)
    await on.records(TWO, SAME, 0)
    await on.evaluator.replan(plan(ONE, TWO, checks=CHECKS))
    assert await on.records(TWO, EDITED, 1) == {"serial-unbumped ns1"}
    await on.evaluator.replan(plan(ONE, checks=CHECKS))
    assert list(on.evaluator._memory.record_memories.every()) == []


async def test_a_new_difference_is_looked_at_again_in_a_minute() -> None:
    one = zone(name="one.example.", default_records=True)
    on = Bench(one, checks=CHECKS)
    await on.records(one, EDITED, 0)
    assert len(on.evaluator.rechecks) == 1
    assert await on.records(one, EDITED, 1) == {"content-differs ns2"}


async def test_the_soonest_of_two_looks_counts() -> None:
    """An alert that waits for its grace, and a difference that is new."""
    one = zone(name="one.example.", default_records=True)
    on = Bench(one, checks=CHECKS)
    await on.records(one, EDITED, 0)
    await on.records(one, EDITED, 1)
    await on.records(one, {"ns1": "10 b", "ns2": "10 c"}, 2)
    assert len(on.evaluator.rechecks) == 1


async def test_all_of_it_is_there_for_a_database_that_is_made_anew() -> None:
    on = Bench(ONE, TWO, checks=CHECKS)
    await on.records(ONE, SAME, 0)
    await on.records(TWO, EDITED, 0)
    every = list(on.evaluator._memory.record_memories.every())
    assert sorted(one.zone for one in every) == ["one.example.", "two.example."]
    assert dict.fromkeys(every) == dict.fromkeys(on.kept())


def test_what_is_restored_waits_for_the_zones_and_what_is_not_watched_is_let_go() -> None:
    memories = RecordMemories()
    memories.restore(stored("one.example.", "gone.example."))
    memories.use(ZoneTable.of(()))
    memories.use(ZoneTable.of((ONE,)))
    assert [one.zone for one in memories.every()] == ["one.example."]


def stored(*names: str) -> Iterable[RecordMemory]:
    return [RecordMemory("records", name, RememberedRecords(7)) for name in names]


def test_of_two_commits_the_newer_word_counts_and_none_of_a_zone_that_went() -> None:
    older = Commit(record_memories=tuple(stored("a.", "b.", "c.")))
    newer = Commit(record_memories=(RecordMemory("records", "a.", RememberedRecords(8)),), dropped_zones=("b.",))
    merged = merge(older, newer)
    assert {one.zone: one.remembered.agreed for one in merged.record_memories} == {"a.": 8, "c.": 7}
    assert StoredState().record_memories == ()
