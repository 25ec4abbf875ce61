"""The database is taken from under the evaluator: what it remembers is what the next start begins from."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from alerting.model import Policy
from monitor.state.evaluator import Evaluator
from monitor.state.monitor_result import RECREATED_ALERT_DURATION
from monitor.state.monitor_state import MonitorState
from monitor.state.ports import Commit
from monitor.state.status import Status
from monitor.state.write_buffer import WriteBuffer, anew
from monitor.store.durable import DurableStore
from tests.support.database_files import foreign
from tests.support.evaluator import BOTH
from tests.support.fakes.zones import FakeZones
from tests.support.monitor_state import AT_ONCE, Clock, minute, plan, reached
from tests.support.observations import NOON, QUICK, checked_at, zone
from tests.support.specimens import at, run, zone_state


class Desk:
    """A judge over a real database."""

    def __init__(self, store: DurableStore, now: Clock, policy: Policy = AT_ONCE) -> None:
        self.store, self.now = store, now
        self.record = WriteBuffer(store, now)
        status = Status("1", "local", NOON, NOON, FakeZones())
        watched = plan(zone(), checks=BOTH, policy=policy)
        self.evaluator = Evaluator(MonitorState(), watched, status, self.record, now, lambda: None, lambda: None)

    async def look(self, at: float, **tokens: str) -> None:
        self.now.at, one = minute(at), zone()
        await self.evaluator.process([checked_at(one, tokens, self.now(), QUICK), reached(one, self.now(), **tokens)])

    async def remind(self, at: float) -> None:
        self.now.at = minute(at)
        await self.evaluator.remind()

    def own(self) -> set[str]:
        """Codes of open incidents of the monitor itself."""
        return {
            line.code
            for incident in self.evaluator.status.incidents.values()
            if incident.phase == "open"
            for line in incident.lines
        } & {"database-failing", "database-recreated"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.db"


async def test_overwritten_and_moved_away_all_that_is_remembered_is_written_anew(path, tmp_path):
    """Also the outbox, and what was decided while there was no database; killed right after, all of it is there."""
    now = Clock()
    store = await DurableStore.open(path, now)
    desk = Desk(store, now)
    await desk.look(0, ns1="10", ns2="10")
    await desk.look(1, ns1="10", ns2="-")
    owed = {each.message.id for each in await store.lease(minute(1), duration=60, limit=9)}
    foreign(tmp_path / "other")
    shutil.copyfile(tmp_path / "other", path)
    await desk.remind(2)
    assert not desk.evaluator.status.store_ok
    assert "overwritten" in desk.evaluator.status.store_error
    await desk.look(3, ns1="11", ns2="-")
    assert "database-failing" in desk.own()
    path.rename(tmp_path / "other")
    await desk.remind(4)
    assert desk.evaluator.status.store_ok
    assert store.recreated is not None
    killed = tmp_path / "killed"
    killed.mkdir()
    for each in tmp_path.glob("s.db*"):
        shutil.copyfile(each, killed / each.name)
    again = await DurableStore.open(killed / "s.db", now)
    remembered = await again.restore()
    assert dict(remembered.zone_states) == {"example.com.": desk.evaluator._memory.zone_states["example.com."]}
    assert dict(remembered.alerts) == desk.evaluator._memory.active_alerts
    assert dict(remembered.incidents) == dict(desk.evaluator._memory.open_incidents.incidents)
    runs = {
        (row.server, row.serial, row.outcome)
        for row in await again.address_history("example.com.", NOON)
        if row.until is None
    }
    assert runs == {("ns1", 11, "answered"), ("ns2", 10, "timeout")}
    waiting = {each.id for each in await again._store.waiting()}
    assert owed <= waiting
    await again.close()
    await store.close()


async def test_deleted_it_is_told_for_an_hour_and_then_no_more(path):
    """A finding of its own: whatever deletes files may do so again. Nothing is failing meanwhile."""
    now = Clock()
    store = await DurableStore.open(path, now)
    desk = Desk(store, now)
    await desk.look(0, ns1="10", ns2="10")
    assert desk.own() == set()
    path.unlink()
    await desk.remind(1)
    assert desk.evaluator.status.store_ok
    await desk.remind(2)
    assert desk.own() == {"database-recreated"}
    (incident,) = [i for i in desk.evaluator.status.incidents.values() if i.phase == "open"]
    assert "were lost at 2026-11-20 12:01 UTC" in incident.lines[0].text
    assert "with all that was in it" in incident.lines[0].text
    await desk.remind(1 + RECREATED_ALERT_DURATION / timedelta(minutes=1))
    await desk.remind(70)
    assert desk.own() == set()
    await store.close()


async def test_untouched_nothing_is_told(path):
    now = Clock()
    store = await DurableStore.open(path, now)
    desk = Desk(store, now)
    for number in range(6):
        await desk.look(number, ns1="10", ns2="10")
        await desk.remind(number)
    assert desk.own() == set()
    assert desk.evaluator.status.store_ok
    await store.close()


def test_of_an_address_that_changed_meanwhile_the_last_run_is_the_one_that_lasts():
    whole = Commit(
        zone_states=(zone_state("a.example.", serial=7),),
        state_changes=(run(7, 0, zone="a.example."), run(7, 0, zone="b.")),
    )
    waiting = Commit(
        zone_states=(zone_state("a.example.", serial=8),),
        state_changes=(run(7, 0, zone="a.example."), run(8, 5, zone="a.example.")),
    )
    both = anew(whole, waiting)
    assert both.state_changes == (*waiting.state_changes, run(7, 0, zone="b."))
    assert both.zone_states == waiting.zone_states
    assert both.state_changes[1].since == at(5)
