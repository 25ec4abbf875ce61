"""A full disk leaves nothing half-written, and the store works again when there is room."""

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from alerting.outbox import DeliveryResult
from monitor.state.ports import Commit, StoreError
from monitor.store.sqlite import SqliteStore
from tests.support.specimens import NOON, alert, at, incident, message, run, transition, zone_state


def may_grow(store: SqliteStore, pages: int) -> None:
    """As a full disk does: SQLite answers SQLITE_FULL when it needs one page more."""
    store._db.execute(f"pragma max_page_count = {pages}")


def pages(store: SqliteStore) -> int:
    return store._db.execute("pragma page_count").fetchone()[0]


def everything(number: int, zones: int) -> Commit:
    names = [f"zone{number}-{each}.example." for each in range(zones)]
    return Commit(
        zone_states=tuple(zone_state(name) for name in names),
        state_changes=tuple(run(7, 0.0, zone=name) for name in names),
        alerts=tuple(alert(zone=name) for name in names),
        transitions=(transition(number),),
        incidents=(incident(f"i{number}", zones=tuple(names)),),
        messages=(message(f"t{number}", about=f"i{number}"),),
    )


@pytest.fixture
async def store(tmp_path):
    store = await SqliteStore.open(tmp_path / "s.db", lambda: NOON)
    yield store
    await store.close()


def counted(path: Path) -> dict[str, int]:
    conn = sqlite3.connect(path)
    tables = (
        "zone_states",
        "address_current",
        "address_history",
        "alerts",
        "transitions",
        "incidents",
        "incident_zones",
        "outbox",
    )
    rows = {table: conn.execute(f"select count(*) from {table}").fetchone()[0] for table in tables}
    assert conn.execute("pragma integrity_check").fetchall() == [("ok",)]
    conn.close()
    return rows


async def test_a_commit_that_finds_no_room_leaves_nothing_behind(store, tmp_path):
    await store.commit(everything(1, 20))
    before = counted(tmp_path / "s.db")
    may_grow(store, pages(store) + 3)
    for _ in range(3):
        with pytest.raises(StoreError, match=r"disk is full.*Make room"):
            await store.commit(everything(2, 500))
        assert counted(tmp_path / "s.db") == before


async def test_it_goes_on_when_there_is_room_again(store, tmp_path):
    await store.commit(everything(1, 20))
    may_grow(store, pages(store) + 3)
    with pytest.raises(StoreError):
        await store.commit(everything(2, 500))
    may_grow(store, 1_000_000)
    await store.commit(everything(2, 500))
    assert counted(tmp_path / "s.db")["zone_states"] == 520
    assert sorted((await store.restore()).incidents) == ["i1", "i2"]


async def test_what_is_there_is_still_told_while_nothing_can_be_added(store):
    await store.commit(everything(1, 20))
    may_grow(store, pages(store))
    with pytest.raises(StoreError):
        await store.commit(everything(2, 500))
    (row,) = await store.lease(NOON, duration=60, limit=9)
    await store.settle(DeliveryResult(row.message.id, at(1)))
    assert [each.delivered for each in await store.receivers()] == [1]


async def test_it_can_be_closed_and_opened_while_the_disk_is_full(store, tmp_path):
    await store.commit(everything(1, 20))
    may_grow(store, pages(store))
    await store.close()
    again = await SqliteStore.open(tmp_path / "s.db", lambda: NOON)
    may_grow(again, pages(again))
    assert len((await again.restore()).zone_states) == 20
    await again.close()


async def test_retention_makes_room(store):
    for number in range(20):
        await store.commit(
            Commit(state_changes=tuple(run(number, number, zone=f"zone{each}.example.") for each in range(100)))
        )
    may_grow(store, pages(store))
    growing = Commit(state_changes=tuple(run(99, 99, zone=f"zone{each}.example.") for each in range(1000)))
    with pytest.raises(StoreError):
        await store.commit(growing)
    while await store.prune(at(1000)):
        pass
    await store.commit(growing)


async def test_another_program_that_holds_the_lock_delays_and_loses_nothing(store, tmp_path):
    other = sqlite3.connect(tmp_path / "s.db", isolation_level=None)
    other.execute("begin immediate")
    writing = asyncio.create_task(store.commit(everything(1, 3)))
    reading = await store.restore()
    assert reading.zone_states == {}
    assert not writing.done()
    other.execute("rollback")
    other.close()
    await writing
    assert len((await store.restore()).zone_states) == 3


async def test_a_reader_that_stays_never_stands_in_the_way(store, tmp_path):
    other = sqlite3.connect(tmp_path / "s.db", isolation_level=None)
    other.execute("begin")
    other.execute("select * from zone_states").fetchall()
    await store.commit(everything(1, 3))
    assert other.execute("select count(*) from zone_states").fetchone() == (0,)
    other.close()
    assert len((await store.restore()).zone_states) == 3


async def test_the_loop_runs_on_while_a_great_commit_is_written(store):
    address_metrics = 0

    async def tick() -> None:
        nonlocal address_metrics
        while True:
            address_metrics += 1
            await asyncio.sleep(0.001)

    ticking = asyncio.create_task(tick())
    await store.commit(everything(1, 3000))
    ticking.cancel()
    assert address_metrics > 5


async def test_a_value_that_cannot_be_kept_is_a_sentence_and_the_rest_goes_on(store):
    naive = replace(transition(), at=NOON.replace(tzinfo=None))
    with pytest.raises(StoreError, match="without a zone"):
        await store.commit(Commit(state_changes=(run(1, 0), run(2, 1)), transitions=(transition(), naive)))
    assert list(await store.address_history("example.com.", at(-9))) == []
    await store.commit(Commit(state_changes=(run(1, 0),)))
