"""Schemas that are still to come, so that a database of today has to be migrated.

Two steps more than the program has: one adds a column, one moves rows to another table. ``of_version`` makes a database
as the program of each version leaves it; ``known`` makes the later steps known to the program under test.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database, Migrations

from monitor.store import schema
from monitor.store.codec import encode
from monitor.store.database import connect
from tests.support.specimens import zone_state

STEPS = Migrations("soawatch")
OLD = "old.example."
"""The zone that is in every database of ``of_version``."""


def column(db: Database) -> None:
    db.execute("alter table zone_states add column note text")
    db.execute("update zone_states set note = 'of ' || zone")
    db.execute("create index zone_states_by_note on zone_states (note)")


def table(db: Database) -> None:
    db.execute("create table notes (zone text primary key, note text not null) strict, without rowid")
    db.execute("insert into notes (zone, note) select zone, coalesce(note, '') from zone_states")
    db.execute("drop index zone_states_by_note")
    db.execute("alter table zone_states drop column note")
    db.execute("create index notes_by_note on notes (note)")


with Database(memory=True, execute_plugins=False) as nothing:
    for step in schema.STEPS.pending(nothing):
        STEPS(name=step.name)(step.fn)
TODAY = schema.newest()
STEPS(name="8001_column")(column)
STEPS(name="8002_table")(table)


def learn() -> None:
    """From now on this process is a program of tomorrow."""
    schema.STEPS = STEPS


@contextmanager
def known() -> Iterator[None]:
    before = schema.STEPS
    learn()
    try:
        yield
    finally:
        schema.STEPS = before


def of_version(path: Path, version: int) -> None:
    """A database as the program of that version left it, with the state of a zone in it."""
    with connect(path) as db, Database(memory=True, execute_plugins=False) as empty:
        stop = [step.name for step in STEPS.pending(empty)][version:]
        STEPS.apply(db, stop_before=stop[:1])
        db.execute(f"pragma user_version = {version}")
        db.execute("insert into zone_states (zone, at, body) values (?, '', ?)", (OLD, encode(zone_state(OLD))))
        db.execute("pragma journal_mode = wal")
