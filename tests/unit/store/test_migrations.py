"""A database of any version, left at any point of a migration, becomes one of the newest with all it held."""

import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from sqlite_utils import Database

from monitor.state.ports import Commit, StoreError
from monitor.store import schema
from monitor.store.database import connect, value
from monitor.store.reader import open_reader
from monitor.store.sqlite import SqliteStore
from tests.support import future_schema
from tests.support.future_schema import OLD, TODAY, of_version
from tests.support.specimens import NOON, alert, message, zone_state

NEWEST = TODAY + 2
VERSIONS = range(TODAY, NEWEST + 1)


@pytest.fixture
def later() -> Iterator[None]:
    """The program knows two steps more than today."""
    with future_schema.known():
        yield


def shape(path: Path) -> set[tuple[str, str]]:
    conn = sqlite3.connect(path)
    rows = set(conn.execute("select name, sql from sqlite_master where name not like 'sqlite_%'"))
    conn.close()
    return rows


async def check_it_is_of_the_newest(path: Path, like: Path) -> None:
    store = await SqliteStore.open(path, lambda: NOON)
    assert list((await store.restore()).zone_states) == [OLD]
    await store.commit(Commit(zone_states=(zone_state(),), alerts=(alert(),), messages=(message("t1"),)))
    assert len(await store.lease(NOON, duration=9, limit=9)) == 1
    await store.close()
    assert shape(path) == shape(like)
    conn = sqlite3.connect(path)
    assert conn.execute("pragma integrity_check").fetchall() == [("ok",)]
    assert conn.execute("pragma user_version").fetchone() == (NEWEST,)
    conn.close()


@pytest.fixture
async def newest(tmp_path, later) -> Path:
    path = tmp_path / "newest.db"
    await (await SqliteStore.open(path, lambda: NOON)).close()
    return path


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_version_becomes_the_newest(version, tmp_path, newest):
    path = tmp_path / "old.db"
    of_version(path, version)
    await check_it_is_of_the_newest(path, newest)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_backup_is_made_before_anything_is_changed(version, tmp_path, later):
    path = tmp_path / "old.db"
    of_version(path, version)
    before = shape(path)
    await (await SqliteStore.open(path, lambda: NOON)).close()
    kept = path.with_name(f"old.db.v{version}.bak")
    if version == NEWEST:
        assert not kept.exists()
    else:
        assert shape(kept) == before
        conn = sqlite3.connect(kept)
        assert conn.execute("select zone from zone_states").fetchall() == [(OLD,)]
        conn.close()


async def test_a_backup_of_an_earlier_attempt_is_replaced_and_a_torn_one_is_not_in_the_way(tmp_path, later):
    path = tmp_path / "old.db"
    of_version(path, TODAY)
    path.with_name(f"old.db.v{TODAY}.bak").write_text("from another year")
    path.with_name(f"old.db.v{TODAY}.bak.part").write_text("torn")
    await (await SqliteStore.open(path, lambda: NOON)).close()
    assert path.with_name(f"old.db.v{TODAY}.bak").read_bytes().startswith(b"SQLite format 3")
    assert not path.with_name(f"old.db.v{TODAY}.bak.part").exists()


def migrate_killed(path: Path, at_statement: int) -> int | None:
    """Takes the missing steps in a process that kills itself at the n-th statement it gives to SQLite.

    None when it was killed; else how many statements there were.
    """
    answers, answer = os.pipe()
    child = os.fork()
    if child == 0:
        migrate_and_die(path, at_statement, answer)
    os.close(answer)
    with os.fdopen(answers) as said:
        count = said.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return None
    assert status == 0
    return int(count)


def migrate_and_die(path: Path, at_statement: int, answer: int) -> NoReturn:
    done = 0

    def count(_statement: str) -> None:
        nonlocal done
        done += 1
        if done == at_statement:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        db = connect(path)
        db.conn.set_trace_callback(count)
        schema.migrate(db)
        os.write(answer, str(done).encode())
        os._exit(0)
    finally:
        os._exit(1)


@pytest.mark.parametrize("version", [each for each in VERSIONS if each < NEWEST])
async def test_killed_within_any_step_it_is_simply_done_again(version, tmp_path, newest):
    await killed_and_done_again(version, tmp_path, newest, every=3)


@pytest.mark.long
@pytest.mark.parametrize("version", [each for each in VERSIONS if each < NEWEST])
async def test_killed_at_every_statement_it_is_simply_done_again(version, tmp_path, newest):
    await killed_and_done_again(version, tmp_path, newest, every=1)


async def killed_and_done_again(version: int, directory: Path, newest: Path, *, every: int) -> None:
    old = directory / "old.db"
    of_version(old, version)
    whole = directory / "whole.db"
    shutil.copy(old, whole)
    statements = migrate_killed(whole, 10_000)
    assert statements > 5
    for statement in range(1, statements + 1, every):
        path = directory / f"killed{statement}.db"
        shutil.copy(old, path)
        assert migrate_killed(path, statement) is None, f"not killed at statement {statement} of {statements}"
        await check_it_is_of_the_newest(path, newest)


@pytest.mark.parametrize("statement", [1, 5, 20, 40])
async def test_killed_while_a_new_database_is_made_the_next_start_makes_it(statement, tmp_path):
    path = tmp_path / "new.db"
    migrate_killed(path.with_name("new.db.new"), statement)
    assert not path.exists()
    store = await SqliteStore.open(path, lambda: NOON)
    await store.commit(Commit(zone_states=(zone_state(),)))
    await store.close()
    assert {each.name for each in tmp_path.iterdir()} == {"new.db", "new.db.lock", "new.db.mark"}


@pytest.mark.parametrize("version", [each for each in VERSIONS if each > TODAY])
async def test_a_database_of_tomorrow_is_refused_by_todays_program_and_left_as_it_is(version, tmp_path):
    path = tmp_path / "new.db"
    of_version(path, version)
    before = path.read_bytes()
    for opened in (SqliteStore.open(path, lambda: NOON), open_reader(path)):
        with pytest.raises(StoreError, match="a newer soawatch has written this database"):
            await opened
    assert path.read_bytes() == before


def test_a_database_of_today_is_of_version_10():
    with Database(memory=True) as db:
        schema.migrate(db)
        assert (TODAY, schema.version(db)) == (10, 10)
        assert value(db, "pragma user_version") == 10
