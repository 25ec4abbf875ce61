"""Somebody takes the database from under the running service: it is noticed before the next change is written.

The kind: what is open is no longer what is at the path. Deleted (whole, or one of its files, or its directory), another
file moved over it, copied into it, emptied. Nothing that was committed is lost, nothing of another's is written over.
"""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import pytest

from alerting.outbox import DeliveryResult
from monitor.state.ports import Commit, StoreBlank, StoreError
from monitor.store.database import connect
from monitor.store.durable import DurableStore
from tests.support.database_files import FILES, as_a_kill_leaves_it, beside, foreign
from tests.support.specimens import NOON, alert, at, incident, key, message, propagation, run, transition, zone_state

FIRST = Commit(
    zone_states=(zone_state("a.example."), zone_state("b.example.")),
    state_changes=(run(7, 0, zone="a.example."),),
    propagations=(propagation(1.0),),
    alerts=(alert(),),
    transitions=(transition(1),),
    incidents=(incident("i1"), incident("i2", 1, resolved=2.0)),
    messages=(message("t1"), message("t2", about="i2")),
)
LATER = Commit(
    zone_states=(zone_state("a.example.", serial=8),), incidents=(incident("i3"),), messages=(message("t3"),)
)


class Clock:
    def __init__(self) -> None:
        self.at = NOON

    def __call__(self):
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    return tmp_path / "state" / "s.db"


@pytest.fixture
async def store(path: Path, clock: Clock) -> AsyncIterator[DurableStore]:
    store = await DurableStore.open(path, clock)
    await store.commit(FIRST)
    yield store
    await store.close()


def times_recreated(store: DurableStore) -> float:
    return store._recreations._value.get()


async def check_all_is_there(path: Path, *, later: bool = True) -> None:
    """A start of today finds all that was committed, history and outbox with it."""
    again = await DurableStore.open(path, lambda: at(60))
    remembered = await again.restore()
    assert sorted(remembered.zone_states) == ["a.example.", "b.example."]
    assert remembered.zone_states["a.example."].serial_groups[0].reference == (8 if later else 7)
    assert list(remembered.alerts) == [key()]
    assert sorted(remembered.incidents) == (["i1", "i3"] if later else ["i1"])
    assert [row.serial for row in await again.address_history("a.example.", NOON - timedelta(1))] == [7]
    assert len(await again.propagations(NOON - timedelta(1), zone="example.com.")) == 1
    assert [each.id for each in await again.incidents() if each.phase == "resolved"] == ["i2"]
    assert [count.pending for count in await again.receivers()] == [3 if later else 2]
    await again.close()


# --- deleted ---


@pytest.mark.parametrize(
    "gone",
    [("",), FILES, ("", "-wal", "-shm"), ("", ".mark"), ("-wal",), ("-shm",), ("-wal", "-shm"), (".lock",)],
    ids=lambda gone: "NAME" + " NAME".join(gone),
)
async def test_what_is_deleted_is_made_anew_with_all_that_was_in_it(store, path, tmp_path, gone):
    """And killed right after, nothing is lost that was committed before or since."""
    for suffix in gone:
        beside(path, suffix).unlink()
    await store.commit(LATER)
    assert store.recreated is not None
    assert times_recreated(store) == 1
    await check_all_is_there(as_a_kill_leaves_it(path, tmp_path / "killed"))
    left = {each.name.removeprefix(path.name) for each in path.parent.iterdir()}
    assert left == set(FILES)
    assert {each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {0o600}


@pytest.mark.parametrize("gone", [("",), FILES, ("-wal", "-shm"), (".lock",)], ids=str)
async def test_it_is_noticed_though_nothing_is_written(store, path, tmp_path, gone):
    for suffix in gone:
        beside(path, suffix).unlink()
    await store.verify()
    await check_all_is_there(as_a_kill_leaves_it(path, tmp_path / "killed"), later=False)


async def test_it_is_noticed_at_the_end(path, clock):
    store = await DurableStore.open(path, clock)
    await store.commit(FIRST)
    path.unlink()
    await store.close()
    await check_all_is_there(path, later=False)


async def test_deleted_again_and_again(store, path):
    for number in range(4):
        path.unlink()
        await store.commit(Commit(transitions=(transition(number),)))
    assert store.recreated is not None
    assert times_recreated(store) == 4
    await store.commit(LATER)
    await store.close()
    await check_all_is_there(path)


async def test_nothing_was_touched_and_nothing_is_made_anew(store, path):
    """Silence: what a backup, an editor or a shell does to a file that it leaves as it is is no loss."""
    path.touch()
    path.chmod(0o600)
    path.read_bytes()
    other = connect(path)
    other.execute("update meta set value = value")
    other.execute("pragma wal_checkpoint(passive)")
    other.close()
    for number in range(5):
        await store.commit(Commit(transitions=(transition(number),)))
        await store.verify()
    assert store.recreated is None


async def test_what_was_claimed_when_it_was_deleted_is_not_sent_by_two(store, path):
    (one,) = await store.lease(at(1), duration=60, limit=9)
    path.unlink()
    await store.verify()
    await store.settle(DeliveryResult(one.message.id, at(2)))
    assert [each.delivered for each in await store.receivers()] == [1]
    (two,) = await store.lease(at(3), duration=60, limit=9)
    assert two.message.id != one.message.id


async def test_a_directory_that_is_gone_is_waited_for(store, path, tmp_path):
    shutil.rmtree(path.parent)
    for _ in range(2):
        with pytest.raises(StoreError, match=r"the directory of the database is gone.*Make the directory again"):
            await store.commit(LATER)
    path.parent.mkdir()
    await store.commit(LATER)
    await check_all_is_there(as_a_kill_leaves_it(path, tmp_path / "killed"))


async def test_a_directory_that_was_moved_away_and_comes_back_is_the_same(store, path, tmp_path):
    path.parent.rename(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="directory of the database is gone"):
        await store.commit(LATER)
    (tmp_path / "elsewhere").rename(path.parent)
    await store.commit(LATER)
    assert store.recreated is None
    await check_all_is_there(as_a_kill_leaves_it(path, tmp_path / "killed"))


# --- another file in its place ---


def moved_over(path: Path, other: Path) -> None:
    other.replace(path)


def copied_into(path: Path, other: Path) -> None:
    """As ``cp`` does: the same file, with another content."""
    shutil.copyfile(other, path)


def text(path: Path) -> bytes:
    path.write_bytes(b"not a database at all\n" * 4000)
    return path.read_bytes()


def nothing(path: Path) -> bytes:
    path.touch()
    return b""


@pytest.mark.parametrize("put", [moved_over, copied_into])
@pytest.mark.parametrize("make", [foreign, text, nothing], ids=["another database", "a text", "an empty file"])
async def test_what_another_put_there_is_never_written_over(
    store, path, tmp_path, clock, put: Callable[[Path, Path], None], make: Callable[[Path], bytes]
):
    content = make(tmp_path / "other")
    put(path, tmp_path / "other")
    for _ in range(3):
        with pytest.raises(StoreError, match=r"Move that file away.*or restart the service"):
            await store.commit(LATER)
        with pytest.raises(StoreError, match="Move that file away"):
            await store.verify()
    assert path.read_bytes() == content
    await store.close()
    assert path.read_bytes() == content


async def test_moved_away_again_it_goes_on_with_all_that_was_there(store, path, tmp_path):
    content = foreign(tmp_path / "other")
    moved_over(path, tmp_path / "other")
    with pytest.raises(StoreError):
        await store.commit(LATER)
    (one,) = await store.lease(at(1), duration=60, limit=9)  # what is owed is sent meanwhile
    await store.settle(DeliveryResult(one.message.id, at(2), "later", again=at(30)))
    path.rename(tmp_path / "other")
    await store.commit(LATER)
    assert (tmp_path / "other").read_bytes() == content
    await check_all_is_there(as_a_kill_leaves_it(path, tmp_path / "killed"))


async def test_a_backup_that_was_put_there_is_what_the_next_start_begins_from(store, path, tmp_path):
    """With the log of the old one gone or not: laid over a backup it would destroy it."""
    await store.backup(str(tmp_path / "backup"))
    await store.commit(LATER)
    copied_into(path, tmp_path / "backup")
    with pytest.raises(StoreError, match="restart the service to use it"):
        await store.commit(Commit(transitions=(transition(9),)))
    await store.close()
    await check_all_is_there(path, later=False)


async def test_ended_while_another_file_is_there_what_was_committed_is_kept_aside(path, tmp_path, clock):
    store = await DurableStore.open(path, clock)
    await store.commit(FIRST)
    foreign(tmp_path / "other")
    moved_over(path, tmp_path / "other")
    await store.close()
    path.unlink()
    await check_all_is_there(path, later=False)


@pytest.mark.parametrize("put", [copied_into])
async def test_what_was_overwritten_is_written_from_memory_when_the_place_is_free(store, path, tmp_path, put):
    """Nothing can be read of it any more. What waits in the outbox is known; the rest must be given."""
    (one,) = await store.lease(at(1), duration=60, limit=9)
    content = foreign(tmp_path / "other")
    put(path, tmp_path / "other")
    with pytest.raises(StoreError):
        await store.settle(DeliveryResult(one.message.id, at(2)))
    with pytest.raises(StoreError):
        await store.lease(at(1), duration=60, limit=9)
    path.rename(tmp_path / "other")
    with pytest.raises(StoreBlank):
        await store.commit(LATER)
    with pytest.raises(StoreBlank):
        await store.verify()
    assert not path.exists()
    await store.rewrite(Commit(zone_states=(zone_state("a.example.", serial=8),), incidents=(incident("i1"),)))
    await store.settle(DeliveryResult(one.message.id, at(2)))
    assert (tmp_path / "other").read_bytes() == content
    again = await DurableStore.open(as_a_kill_leaves_it(path, tmp_path / "killed"), lambda: at(60))
    assert list((await again.restore()).zone_states) == ["a.example."]
    assert list((await again.restore()).incidents) == ["i1"]
    assert [(count.pending, count.delivered) for count in await again.receivers()] == [(1, 1)]
    await again.close()


async def test_a_log_of_another_program_is_waited_for(store, path, tmp_path):
    beside(path, "-wal").rename(tmp_path / "wal")
    beside(path, "-wal").write_bytes(b"pages of another" * 99)
    with pytest.raises(StoreError, match=r"s\.db-wal of its own.*move its -wal and -shm away"):
        await store.commit(LATER)
    beside(path, "-wal").unlink()
    await store.commit(LATER)
    await check_all_is_there(as_a_kill_leaves_it(path, tmp_path / "killed"))


async def test_another_service_that_took_the_lock_meanwhile_is_not_disturbed(path, clock):
    store = await DurableStore.open(path, clock)
    await store.commit(FIRST)
    beside(path, ".lock").unlink()
    other = await DurableStore.open(path, clock)
    await other.commit(LATER)
    for _ in range(2):
        with pytest.raises(StoreError, match=r"another service has taken this database.*end one of the two"):
            await store.commit(Commit(transitions=(transition(9),)))
    await store.close()
    await other.commit(Commit(transitions=(transition(9),)))
    await other.close()
    await check_all_is_there(path)


# --- killed while it is made anew ---

STEPS = ("os.rename", "os.remove", "os.link")
"""What changes names; all else that is done is of a file whose name does not count."""


def make_anew_and_die(path: Path, at_step: int) -> NoReturn:
    """In a child: the files are deleted and made anew, until so many names have been changed."""
    seen = 0

    def step(event: str, arguments: object) -> None:
        nonlocal seen
        if armed and event in STEPS:
            seen += 1
            if seen == at_step:
                os._exit(9)

    async def make_anew() -> None:
        nonlocal armed
        store = await DurableStore.open(path, lambda: NOON)
        await store.commit(FIRST)
        for suffix in ("", "-wal", "-shm"):
            beside(path, suffix).unlink()
        armed = True
        await store.verify()
        os._exit(0)

    armed = False
    sys.addaudithook(step)
    try:
        asyncio.run(make_anew())
    finally:
        os._exit(1)


async def test_killed_at_any_step_of_it_the_next_start_has_all_or_says_that_it_is_gone(tmp_path):
    """Before the copy is whole, what was deleted is gone with the process; from then on all of it is there."""
    found, ended = [], 9
    for step in range(1, 30):
        path = tmp_path / f"{step}.db"
        if not (child := os.fork()):
            make_anew_and_die(path, step)
        ended = os.waitstatus_to_exitcode((await asyncio.to_thread(os.waitpid, child, 0))[1])
        assert ended in (0, 9)
        found.append(path.exists() or beside(path, ".rescued").exists())
        if found[-1]:
            await check_all_is_there(path, later=False)
        else:
            with pytest.raises(StoreError, match="the database is gone"):
                await DurableStore.open(path, lambda: NOON)
        if ended == 0:
            break
    else:
        pytest.fail("it never came to its end")
    assert found[-1]
    assert found == sorted(found)
    assert found.count(True) > 2


async def test_deleted_once_more_before_it_was_open_again_it_is_written_from_memory(store, path, clock):
    """The moment between the two: the old one is let go of, the new one gone before anybody had it open."""
    assert store._store is not None
    await store._store.abandon()
    store._store = None
    for suffix in ("", "-wal", "-shm"):
        beside(path, suffix).unlink(missing_ok=True)
    clock.at += timedelta(minutes=2)
    with pytest.raises(StoreBlank):
        await store.commit(LATER)
    await store.rewrite(FIRST)
    await store.commit(LATER)
    assert [each.pending for each in await store.receivers()] == [3]
