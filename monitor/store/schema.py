"""The tables, and how an older database becomes one of ours.

Times are text, UTC, to the microsecond. Columns are what is searched or pruned by; ``body`` is the whole value as
``codec`` writes it. A change is a new function at the end of this file: those that are there are never edited.
"""

import sqlite3

from sqlite_utils import Database, Migrations
from sqlite_utils.db import Table

APPLICATION = 0x534F4157
"""``PRAGMA application_id`` of our databases: "SOAW"."""

STEPS = Migrations("soawatch")


def version(conn: sqlite3.Connection) -> int:
    """How many steps the database has gone; 0 is one that has nothing yet."""
    return len(STEPS.applied(_database(conn)))


def newest() -> int:
    """The version this program brings a database to."""
    return len(_names())


def unknown_steps(conn: sqlite3.Connection) -> list[str]:
    """Steps the database has gone that this program does not have: it was written by a newer one."""
    here = _names()
    return [step.name for step in STEPS.applied(_database(conn)) if step.name not in here]


def migrate(conn: sqlite3.Connection) -> None:
    """Takes all missing steps, each in a transaction of its own. Killed half-way, it is simply done again."""
    STEPS.apply(_database(conn))
    if conn.execute("pragma user_version").fetchone() != (newest(),):
        conn.execute(f"pragma user_version = {newest()}")


def _names() -> list[str]:
    with Database(memory=True, execute_plugins=False) as nothing:
        return [step.name for step in STEPS.pending(nothing)]


def _database(conn: sqlite3.Connection) -> Database:
    return Database(conn, execute_plugins=False, recursive_triggers=False)


def _index(db: Database, name: str, on: str, where: str = "") -> None:
    db.execute(f'create index "{name}" on {on}' + (f" where {where}" if where else ""))


@STEPS(name="0001_history")
def _history(db: Database) -> None:
    db.execute(f"pragma application_id = {APPLICATION}")
    _table(db, "meta").create({"key": str, "value": str}, pk="key", not_null={"value"}, strict=True)
    _table(db, "ledgers").create(
        {"zone": str, "at": str, "body": str}, pk="zone", not_null={"body"}, strict=True
    )  # fmt: skip
    _table(db, "runs").create(
        {
            "id": int,
            "zone": str,
            "server": str,
            "address": str,
            "serial": int,
            "state": str,
            "since": str,
            "until": str,
        },
        pk="id",
        not_null={"zone", "server", "address", "state", "since"},
        strict=True,
    )
    db.execute("create unique index runs_open on runs (zone, server, address) where until is null")
    _index(db, "runs_by_zone", "runs (zone, since)")
    _index(db, "runs_closed", "runs (until)", "until is not null")
    _table(db, "sweeps").create(
        {
            "id": int, "check": str, "started": str, "finished": str,
            "zones": int, "queries": int, "answered": int, "vantage": str,
        },
        pk="id",
        not_null={"check", "started", "finished", "zones", "queries", "answered", "vantage"},
        strict=True,
    )  # fmt: skip
    _index(db, "sweeps_by_check", 'sweeps ("check", started)')
    _index(db, "sweeps_by_time", "sweeps (finished)")
    _table(db, "propagations").create(
        {"id": int, "zone": str, "server": str, "address": str, "serial": int, "seconds": float, "at": str},
        pk="id",
        not_null={"zone", "server", "address", "serial", "seconds", "at"},
        strict=True,
    )
    _index(db, "propagations_by_zone", "propagations (zone, at)")
    _index(db, "propagations_by_time", "propagations (at)")


@STEPS(name="0002_alerts")
def _alerts(db: Database) -> None:
    _table(db, "alerts").create(
        {"key": str, "zone": str, "code": str, "phase": str, "since": str, "body": str},
        pk="key",
        not_null={"zone", "code", "phase", "since", "body"},
        strict=True,
    )
    _table(db, "transitions").create(
        {
            "id": int, "zone": str, "check": str, "code": str, "server": str, "address": str, "subject": str,
            "before": str, "after": str, "reason": str, "at": str,
        },
        pk="id",
        not_null={"zone", "check", "code", "subject", "before", "after", "reason", "at"},
        strict=True,
    )  # fmt: skip
    _index(db, "transitions_by_time", "transitions (at)")
    _table(db, "incidents").create(
        {"id": str, "phase": str, "severity": str, "opened_at": str, "resolved_at": str, "body": str},
        pk="id",
        not_null={"phase", "severity", "opened_at", "body"},
        strict=True,
    )
    _index(db, "incidents_by_time", "incidents (opened_at, id)")
    _index(db, "incidents_open", "incidents (phase)", "phase = 'open'")
    _index(db, "incidents_resolved", "incidents (resolved_at)", "phase <> 'open'")
    _table(db, "incident_zones").create({"zone": str, "incident": str}, pk=("zone", "incident"), strict=True)
    _index(db, "incident_zones_by_incident", "incident_zones (incident, zone)")


@STEPS(name="0003_outbox")
def _outbox(db: Database) -> None:
    _table(db, "outbox").create(
        {
            "seq": int, "id": str, "receiver": str, "incident": str, "news": str, "at": str, "body": str,
            "state": str, "due": str, "lease": str, "attempts": int, "error": str, "settled": str,
        },
        pk="seq",
        not_null={"id", "receiver", "incident", "news", "at", "body", "state", "due", "attempts", "error"},
        defaults={"state": "waiting", "attempts": 0, "error": ""},
        strict=True,
    )  # fmt: skip
    db.execute("create unique index outbox_by_id on outbox (id)")
    _index(db, "outbox_waiting", "outbox (receiver, seq)", "state = 'waiting'")
    _index(db, "outbox_elders", "outbox (receiver, incident, seq)", "state = 'waiting'")
    _index(db, "outbox_settled", "outbox (settled)", "state <> 'waiting'")
    _table(db, "receivers").create(
        {
            "receiver": str, "delivered": int, "given_up": int, "last_delivered": str,
            "last_error": str, "last_error_at": str, "permanent": int,
        },
        pk="receiver",
        not_null={"delivered", "given_up", "last_error", "permanent"},
        defaults={"delivered": 0, "given_up": 0, "last_error": "", "permanent": 0},
        strict=True,
    )  # fmt: skip


@STEPS(name="0004_packed")
def _packed(db: Database) -> None:
    """Ledgers of zones that stand still, as checks.packed writes them; the words that their rows refer to by number.

    A zone's ledger is here or in ``zone_states``, never in both. What is there now moves when it is next written.
    """
    db.execute("create table packed (zone text primary key, row blob not null) strict, without rowid")
    db.execute("create table words (number integer primary key, body text not null) strict")


@STEPS(name="0005_open_runs")
def _open_runs(db: Database) -> None:
    """The run that lasts of each address, by zone; ``runs`` has those that ended.

    A change then touches one page of what is as large as all that is watched, not one in each of several indices.
    """
    db.execute(
        "create table open_runs (zone text not null, server text not null, address text not null, serial integer, "
        "state text not null, since text not null, primary key (zone, server, address)) strict, without rowid"
    )
    db.execute(
        "insert into open_runs (zone, server, address, serial, state, since) "
        "select zone, server, address, serial, state, since from runs where until is null"
    )
    db.execute("delete from runs where until is null")
    db.execute("drop index runs_open")
    db.execute("drop index runs_by_zone")
    _index(db, "runs_by_zone", "runs (zone, until)")


@STEPS(name="0006_pack_old")
def _pack_old(db: Database) -> None:
    """What stands still in ``zone_states`` is to be packed, as ``packing`` does in small steps after this one."""
    db.execute("insert into meta (key, value) values ('packed up to', '')")


@STEPS(name="0007_what_is_bad_now")
def _what_is_bad_now(db: Database) -> None:
    """Incidents say when the fault began and what was told of them, in place of when and whether."""
    db.execute(
        "update incidents set body = json_set(body, '$.began_at', json_extract(body, '$.opened_at'), '$.told', "
        "case when json_extract(body, '$.told') then json_object('at', json_extract(body, '$.told_at'), 'severity', "
        "json_extract(body, '$.severity'), 'zones', json_extract(body, '$.zones'), 'servers', "
        "json_extract(body, '$.servers'), 'codes', coalesce(json_extract(body, '$.codes'), json('[]'))) end)"
    )
    db.execute(
        "update outbox set body = json_set(body, '$.began_at', json_extract(body, '$.opened_at'), '$.told', null)"
    )


def _table(db: Database, name: str) -> Table:
    return db.table(name)
