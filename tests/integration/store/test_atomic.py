"""A commit is one transaction, whichever library writes its parts: broken off anywhere, it leaves nothing."""

import os
import shutil
import signal
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.state.ports import Commit, StoreError
from monitor.store import intern_table
from monitor.store.database import connect, transaction
from monitor.store.sqlite import SqliteStore
from monitor.store.writer import write
from tests.support.specimens import (
    NOON,
    alert,
    at,
    incident,
    message,
    propagation,
    run,
    steady_state,
    transition,
    zone_state,
)

TABLES = (
    "zone_states", "packed_zone_states", "intern_table", "address_history", "address_current", "propagations",
    "alerts", "transitions", "incidents", "incident_zones", "outbox", "receivers", "meta",
)  # fmt: skip


def whole(number: int) -> Commit:
    """Something for every table."""
    return Commit(
        zone_states=(zone_state("moving.example.", number), steady_state("steady.example.", number)),
        state_changes=(run(number, number), run(number, number, zone="steady.example.")),
        propagations=(propagation(number),),
        alerts=(alert(seconds=number), alert(seconds=number, zone="steady.example.")),
        transitions=(transition(number),),
        incidents=(incident(f"i{number}", number, zones=("a.example.", f"b{number}.example.")),),
        messages=(message(f"t{number}", seconds=number),),
        dropped_zones=("gone.example.",),
        readdressed={"oncall": "night", "night": "oncall"},
        destinations={"oncall": f"salted {number}"},
    )


def content(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables but for the session's token."""
    with closing(sqlite3.connect(path)) as conn:
        rows = {table: conn.execute(f"select * from {table}").fetchall() for table in TABLES}
        assert conn.execute("pragma integrity_check").fetchall() == [("ok",)]
    rows["meta"] = [row for row in rows["meta"] if row[0] != "session"]
    return rows


async def test_a_commit_is_one_transaction_that_takes_the_right_to_write_at_once(tmp_path):
    store = await SqliteStore.open(tmp_path / "s.db", lambda: NOON)
    statements: list[str] = []
    await store._on_writer(lambda db: db.conn.set_trace_callback(statements.append))
    await store.commit(whole(1))
    await store._on_writer(lambda db: db.conn.set_trace_callback(None))
    await store.close()
    words = [statement.split(maxsplit=1)[0].upper() for statement in statements]
    first, last = words.index("BEGIN"), words.index("COMMIT")
    assert statements[first].lower() == "begin immediate"
    assert (words.count("BEGIN"), words.count("ROLLBACK")) == (1, 0)
    assert words[first + 1 : last].count("INSERT") > 10
    assert not {"INSERT", "REPLACE", "UPDATE"} & set(words[:first])
    assert not {"CREATE", "ALTER", "DROP"} & set(words)


@pytest.mark.parametrize(
    "broken",
    [
        {"alerts": (alert(), replace(alert(zone="z."), since=NOON.replace(tzinfo=None)))},
        {"transitions": (transition(), replace(transition(), at=NOON.replace(tzinfo=None)))},
        {"incidents": (incident("i8"), replace(incident("i9"), opened_at=NOON.replace(tzinfo=None)))},
        {"messages": (message("t8"), replace(message("t9"), at=NOON.replace(tzinfo=None)))},
        {"state_changes": (run(1, 0), run(2**70, 1))},
    ],
    ids=lambda broken: next(iter(broken)),
)
async def test_a_part_that_cannot_be_kept_takes_all_others_with_it(tmp_path, broken):
    path = tmp_path / "s.db"
    store = await SqliteStore.open(path, lambda: NOON)
    await store.commit(whole(1))
    before = content(path)
    with pytest.raises(StoreError, match="cannot be kept"):
        await store.commit(replace(whole(2), **broken))
    assert content(path) == before
    await store.commit(whole(2))
    assert content(path) != before
    await store.close()


async def test_killed_at_any_statement_of_a_commit_all_of_it_is_there_or_nothing(tmp_path):
    path = tmp_path / "s.db"
    store = await SqliteStore.open(path, lambda: NOON)
    await store.commit(whole(1))
    await store.close()
    before = content(path)
    done = tmp_path / "done.db"
    shutil.copy(path, done)
    statements = commit_killed(done, 0)
    after = content(done)
    assert after != before
    assert statements > 40
    for number in range(1, statements + 1, 5):
        killed = tmp_path / "killed.db"
        shutil.copy(path, killed)
        assert commit_killed(killed, number) is None
        assert content(killed) == before
        for left in tmp_path.glob("killed.db*"):
            left.unlink()


def commit_killed(path: Path, at_statement: int) -> int | None:
    """Writes a commit in a process that kills itself at the n-th statement; else the number of statements."""
    answers, answer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(answer, str(commit_and_die(path, at_statement)).encode())
        finally:
            os._exit(0)
    os.close(answer)
    with os.fdopen(answers) as said:
        count = said.read()
    _, status = os.waitpid(child, 0)
    return None if os.WIFSIGNALED(status) else int(count)


def commit_and_die(path: Path, at_statement: int) -> int:
    done = 0

    def count(_statement: str) -> None:
        nonlocal done
        done += 1
        if done == at_statement:
            os.kill(os.getpid(), signal.SIGKILL)

    with connect(path) as db:
        codec = intern_table.codec(db)
        db.conn.set_trace_callback(count)
        with transaction(db):
            write(db, whole(2), at(9), codec)
        return done
