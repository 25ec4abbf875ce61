"""The tables, and the steps that bring a database of an earlier version to today's.

Times are text, UTC, to the microsecond. Columns are what is searched or pruned by; ``body`` is the whole value as
``codec`` writes it. A change is a new function at the end of this file: those that are there are never edited.
"""

from sqlite_utils import Database, Migrations

from monitor.store.database import value

APPLICATION = 0x534F4157
"""``PRAGMA application_id`` of our databases: "SOAW"."""

STEPS = Migrations("soawatch")


def version(db: Database) -> int:
    """How many steps the database has gone; 0 is one that has nothing yet."""
    return len(STEPS.applied(db))


def newest() -> int:
    """The version this program brings a database to."""
    return len(_names())


def unknown_steps(db: Database) -> list[str]:
    """Steps the database has gone that this program does not have: it was written by a newer one."""
    here = _names()
    return [step.name for step in STEPS.applied(db) if step.name not in here]


def migrate(db: Database) -> None:
    """Takes all missing steps, each in a transaction of its own. Killed half-way, it is simply done again."""
    STEPS.apply(db)
    if value(db, "pragma user_version") != newest():
        db.execute(f"pragma user_version = {newest()}")


def missing_tables(db: Database) -> list[str]:
    """Tables that a database of the newest version has and this one does not: somebody has dropped them."""
    with Database(memory=True, execute_plugins=False) as whole:
        STEPS.apply(whole)
        return sorted(set(whole.table_names()) - set(db.table_names()))


def _names() -> list[str]:
    with Database(memory=True, execute_plugins=False) as nothing:
        return [step.name for step in STEPS.pending(nothing)]


def _index(db: Database, name: str, on: str, where: str = "") -> None:
    db.execute(f'create index "{name}" on {on}' + (f" where {where}" if where else ""))


@STEPS(name="0001_schema")
def _schema(db: Database) -> None:
    db.execute(f"pragma application_id = {APPLICATION}")
    db.table("meta").create({"key": str, "value": str}, pk="key", not_null={"value"})
    _zone_states(db)
    _history(db)
    _alerts(db)
    _outbox(db)


def _zone_states(db: Database) -> None:
    """A zone's state is in one of two tables, never in both: packed by ``checks.zone_state.codec``, whose rows refer
    by number to ``intern_table``, where it can be; else whole.
    """
    db.table("zone_states").create(
        {"zone": str, "at": str, "body": str}, pk="zone", not_null={"body"}, strict=True
    )  # fmt: skip
    db.execute("create table packed_zone_states (zone text primary key, row blob not null) strict, without rowid")
    db.table("intern_table").create({"number": int, "body": str}, pk="number", not_null={"body"})


def _history(db: Database) -> None:
    """``address_current`` has what each address serves now, by zone; ``address_history`` what it served before.

    So a change touches one page of what is as large as all that is watched, not one in each of several indices.
    """
    db.execute(
        "create table address_current (zone text not null, server text not null, address text not null, "
        "serial integer, state text not null, since text not null, primary key (zone, server, address)) "
        "strict, without rowid"
    )
    db.table("address_history").create(
        {
            "id": int, "zone": str, "server": str, "address": str,
            "serial": int, "state": str, "since": str, "until": str,
        },
        pk="id",
        not_null={"zone", "server", "address", "state", "since", "until"},
    )  # fmt: skip
    _index(db, "address_history_by_zone", "address_history (zone, until)")
    _index(db, "address_history_by_time", "address_history (until)")
    db.table("sweeps").create(
        {
            "id": int, "check": str, "started": str, "finished": str,
            "zones": int, "queries": int, "answered": int, "vantage": str,
        },
        pk="id",
        not_null={"check", "started", "finished", "zones", "queries", "answered", "vantage"},
    )  # fmt: skip
    _index(db, "sweeps_by_check", 'sweeps ("check", started)')
    _index(db, "sweeps_by_time", "sweeps (finished)")
    db.table("propagations").create(
        {"id": int, "zone": str, "server": str, "address": str, "serial": int, "seconds": float, "at": str},
        pk="id",
        not_null={"zone", "server", "address", "serial", "seconds", "at"},
    )
    _index(db, "propagations_by_zone", "propagations (zone, at)")
    _index(db, "propagations_by_time", "propagations (at)")


def _alerts(db: Database) -> None:
    db.table("alerts").create(
        {"key": str, "zone": str, "code": str, "phase": str, "since": str, "body": str},
        pk="key",
        not_null={"zone", "code", "phase", "since", "body"},
    )
    db.table("transitions").create(
        {
            "id": int, "zone": str, "check": str, "code": str, "server": str, "address": str, "subject": str,
            "before": str, "after": str, "reason": str, "at": str,
        },
        pk="id",
        not_null={"zone", "check", "code", "subject", "before", "after", "reason", "at"},
    )  # fmt: skip
    _index(db, "transitions_by_time", "transitions (at)")
    db.table("incidents").create(
        {"id": str, "phase": str, "severity": str, "opened_at": str, "resolved_at": str, "body": str},
        pk="id",
        not_null={"phase", "severity", "opened_at", "body"},
    )
    _index(db, "incidents_by_time", "incidents (opened_at, id)")
    _index(db, "incidents_open", "incidents (phase)", "phase = 'open'")
    _index(db, "incidents_resolved", "incidents (resolved_at)", "phase <> 'open'")
    db.table("incident_zones").create({"zone": str, "incident": str}, pk=("zone", "incident"))
    _index(db, "incident_zones_by_incident", "incident_zones (incident, zone)")


def _outbox(db: Database) -> None:
    db.table("outbox").create(
        {
            "seq": int, "id": str, "receiver": str, "incident": str, "event": str, "at": str, "body": str,
            "state": str, "due": str, "leased_until": str, "attempts": int, "error": str, "settled_at": str,
        },
        pk="seq",
        not_null={"id", "receiver", "incident", "event", "at", "body", "state", "due", "attempts", "error"},
        defaults={"state": "waiting", "attempts": 0, "error": ""},
    )  # fmt: skip
    db.execute("create unique index outbox_by_id on outbox (id)")
    _index(db, "outbox_waiting", "outbox (receiver, seq)", "state = 'waiting'")
    _index(db, "outbox_by_incident", "outbox (receiver, incident, seq)", "state = 'waiting'")
    _index(db, "outbox_settled", "outbox (settled_at)", "state <> 'waiting'")
    db.table("receivers").create(
        {
            "receiver": str, "delivered": int, "given_up": int, "last_delivered": str,
            "last_error": str, "last_error_at": str, "permanent": int,
        },
        pk="receiver",
        not_null={"delivered", "given_up", "last_error", "permanent"},
        defaults={"delivered": 0, "given_up": 0, "last_error": "", "permanent": 0},
    )  # fmt: skip


@STEPS(name="0002_propagations_of_secondaries")
def _propagations_of_secondaries(db: Database) -> None:
    """What was measured before were looks, of the primary too: it says nothing of how long a version took."""
    db.table("propagations").drop()
    db.table("propagations").create(
        {
            "id": int, "zone": str, "server": str, "address": str, "serial": int, "seconds": float,
            "uncertainty": float, "at": str,
        },
        pk="id",
        not_null={"zone", "server", "address", "serial", "seconds", "uncertainty", "at"},
    )  # fmt: skip
    _index(db, "propagations_by_zone", "propagations (zone, at)")
    _index(db, "propagations_by_server", "propagations (server, at)")
    _index(db, "propagations_by_time", "propagations (at)")


@STEPS(name="0003_record_memories")
def _record_memories(db: Database) -> None:
    """``agreed`` alone is what is remembered of most zones; where there is more, ``body`` has all of it."""
    db.execute(
        'create table record_memories ("check" text not null, zone text not null, agreed integer not null, body text, '
        'primary key (zone, "check")) strict, without rowid'
    )


@STEPS(name="0004_zone_sources")
def _zone_sources(db: Database) -> None:
    """``body`` is what a source of zones said, compressed (RFC 1950): there may be very many zones."""
    db.execute("create table zone_sources (source text primary key, body blob not null) strict, without rowid")


@STEPS(name="0005_zone_transfers")
def _zone_transfers(db: Database) -> None:
    """``body`` is what a check last measured of the transfers of a zone."""
    db.execute(
        'create table zone_transfers ("check" text not null, zone text not null, body text not null, '
        'primary key (zone, "check")) strict, without rowid'
    )


@STEPS(name="0006_past_alerts")
def _past_alerts(db: Database) -> None:
    """That an alert came and went is kept for a while after it is over."""
    _index(db, "alerts_over", "alerts (since)", "phase = 'ok'")


@STEPS(name="0007_timeline")
def _timeline(db: Database) -> None:
    """What became of incidents, and what people did about them; and what finds all that was told of one."""
    db.table("timeline").create(
        {"id": int, "incident": str, "at": str, "event": str, "who": str, "note": str, "body": str},
        pk="id",
        not_null={"incident", "at", "event", "who", "note", "body"},
    )
    _index(db, "timeline_by_incident", "timeline (incident, at)")
    _index(db, "timeline_by_time", "timeline (at)")
    _index(db, "outbox_of_incident", "outbox (incident, seq)")


@STEPS(name="0008_silences")
def _silences(db: Database) -> None:
    """Those that were made while the service ran; one that is over stays as long as all history."""
    db.table("silences").create(
        {"id": str, "starts_at": str, "ends_at": str, "body": str}, pk="id", not_null={"starts_at", "body"}
    )
    _index(db, "silences_by_end", "silences (ends_at)")


@STEPS(name="0009_storms")
def _storms(db: Database) -> None:
    """What each receiver was told of late, and what is held back from it."""
    db.execute("create table storms (receiver text primary key, body text not null) strict, without rowid")


@STEPS(name="0010_leased")
def _leased(db: Database) -> None:
    """What is being sent to a receiver is found among all that waits for it."""
    _index(db, "outbox_leased", "outbox (receiver)", "state = 'waiting' and leased_until is not null")
