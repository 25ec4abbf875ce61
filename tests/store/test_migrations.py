"""Does a database of any age, left at any point of a migration, become one of today with all it held?"""

import os
import shutil
import signal
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import pytest
from sqlite_utils import Database

from alerting.model import Severity, Told
from monitor.state.ports import Commit
from monitor.store import schema
from monitor.store.open import connect
from monitor.store.sqlite import SqliteStore
from tests.store.specimens import NOON, alert, message, zone_state

VERSIONS = range(1, schema.newest() + 1)


def names() -> list[str]:
    with Database(memory=True) as nothing:
        return [step.name for step in schema.STEPS.pending(nothing)]


def of_version(path: Path, version: int) -> None:
    """A database as the program of that time left it, with a ledger in it."""
    conn = connect(path)
    stop = names()[version:]
    schema.STEPS.apply(Database(conn, execute_plugins=False), stop_before=stop[:1])
    conn.execute(f"pragma user_version = {version}")
    conn.execute("insert into ledgers (zone, at, body) values ('old.example.', '', '{\"zone\":\"old.example.\"}')")
    conn.execute("pragma journal_mode = wal")
    conn.close()


def shape(path: Path) -> set[tuple[str, str]]:
    conn = sqlite3.connect(path)
    rows = set(conn.execute("select name, sql from sqlite_master where name not like 'sqlite_%'"))
    conn.close()
    return rows


async def check_it_is_of_today(path: Path, like: Path) -> None:
    store = await SqliteStore.open(path, lambda: NOON)
    assert list((await store.restore()).zone_states) == ["old.example."]
    await store.commit(Commit(zone_states=(zone_state(),), alerts=(alert(),), messages=(message("t1"),)))
    assert len(await store.lease(NOON, duration=9, limit=9)) == 1
    await store.close()
    assert shape(path) == shape(like)
    conn = sqlite3.connect(path)
    assert conn.execute("pragma integrity_check").fetchall() == [("ok",)]
    assert conn.execute("pragma user_version").fetchone() == (schema.newest(),)
    conn.close()


@pytest.fixture
async def today(tmp_path) -> Path:
    path = tmp_path / "today.db"
    await (await SqliteStore.open(path, lambda: NOON)).close()
    return path


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_version_becomes_todays(version, tmp_path, today):
    path = tmp_path / "old.db"
    of_version(path, version)
    await check_it_is_of_today(path, today)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_backup_is_made_before_anything_is_changed(version, tmp_path):
    path = tmp_path / "old.db"
    of_version(path, version)
    before = shape(path)
    await (await SqliteStore.open(path, lambda: NOON)).close()
    kept = path.with_name(f"old.db.v{version}.bak")
    if version == schema.newest():
        assert not kept.exists()
    else:
        assert shape(kept) == before
        conn = sqlite3.connect(kept)
        assert conn.execute("select zone from ledgers").fetchall() == [("old.example.",)]
        conn.close()


async def test_a_backup_of_an_earlier_attempt_is_replaced_and_a_torn_one_is_not_in_the_way(tmp_path):
    path = tmp_path / "old.db"
    of_version(path, 1)
    path.with_name("old.db.v1.bak").write_text("from another year")
    path.with_name("old.db.v1.bak.part").write_text("torn")
    await (await SqliteStore.open(path, lambda: NOON)).close()
    assert path.with_name("old.db.v1.bak").read_bytes().startswith(b"SQLite format 3")
    assert not path.with_name("old.db.v1.bak.part").exists()


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
        conn = connect(path)
        conn.set_trace_callback(count)
        schema.migrate(conn)
        os.write(answer, str(done).encode())
        os._exit(0)
    finally:
        os._exit(1)


@pytest.mark.parametrize("version", [each for each in VERSIONS if each < schema.newest()])
async def test_killed_within_any_step_it_is_simply_done_again(version, tmp_path, today):
    await killed_and_done_again(version, tmp_path, today, every=7)


@pytest.mark.long
@pytest.mark.parametrize("version", [each for each in VERSIONS if each < schema.newest()])
async def test_killed_at_every_statement_it_is_simply_done_again(version, tmp_path, today):
    await killed_and_done_again(version, tmp_path, today, every=1)


async def killed_and_done_again(version: int, directory: Path, today: Path, *, every: int) -> None:
    old = directory / "old.db"
    of_version(old, version)
    whole = directory / "whole.db"
    shutil.copy(old, whole)
    statements = migrate_killed(whole, 10_000)
    assert statements > 10
    for statement in range(1, statements + 1, every):
        path = directory / f"killed{statement}.db"
        shutil.copy(old, path)
        assert migrate_killed(path, statement) is None, f"not killed at statement {statement} of {statements}"
        await check_it_is_of_today(path, today)


@pytest.mark.parametrize("statement", [1, 5, 20, 40])
async def test_killed_while_a_new_database_is_made_the_next_start_makes_it(statement, tmp_path):
    path = tmp_path / "new.db"
    migrate_killed(path.with_name("new.db.new"), statement)
    assert not path.exists()
    store = await SqliteStore.open(path, lambda: NOON)
    await store.commit(Commit(zone_states=(zone_state(),)))
    await store.close()
    assert {each.name for each in tmp_path.iterdir()} == {"new.db", "new.db.lock", "new.db.mark"}


async def test_an_open_incident_of_an_older_version_goes_on_and_its_receivers_keep_what_they_know(tmp_path):
    path = tmp_path / "old.db"
    of_version(path, 6)
    conn = connect(path)
    body = (
        '{"id":"i1","cause":{"kind":"server","name":"ns2"},"severity":"critical","phase":"open","zones":["a."],'
        '"servers":["ns2"],"opened_at":"2026-03-01T12:00:00.000000Z","told_at":"2026-03-01T12:05:00.000000Z",'
        '"lines":[],"findings":1,"told":true,"codes":["server-unreachable"],"receivers":["oncall"],"news":1}'
    )
    conn.execute(
        "insert into incidents (id, phase, severity, opened_at, body) values ('i1', 'open', 'critical', '', ?)", (body,)
    )
    conn.execute(
        "insert into outbox (id, receiver, incident, news, at, body, due) "
        "values ('t1', 'oncall', 'i1', 'incident.opened', '2026-03-01T12:05:00.000000Z', ?, '')",
        (body,),
    )
    conn.close()
    store = await SqliteStore.open(path, lambda: NOON)
    (known,) = (await store.restore()).incidents.values()
    assert known.began_at == NOON
    assert known.told == Told(
        NOON + timedelta(minutes=5), Severity.CRITICAL, ("a.",), ("ns2",), ("server-unreachable",)
    )
    (claimed,) = await store.lease(NOON, duration=9, limit=9)
    assert (claimed.message.incident.zones, claimed.message.incident.told) == (("a.",), None)
    await store.close()
