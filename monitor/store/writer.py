"""Writes one batch of changes."""

import json
import sqlite3
from datetime import datetime

from alerting.model import Alert, AlertKey, Incident, Phase, Transition
from checks.zone_state.codec import ZoneStateCodec
from checks.zone_state.model import Propagation, StateChange, ZoneState
from monitor.state.ports import Commit, Sweep
from monitor.store import intern_table as words
from monitor.store.codec import encode, stamp, stamp_or_none
from monitor.store.outbox import DESTINATIONS, add, readdress

Who = tuple[str, str, str]
"""Zone, server, address."""

_END = (
    "insert into address_history (zone, server, address, serial, state, since, until) "
    "select zone, server, address, serial, state, since, max(since, ?) from address_current "
)
_ONE = "where zone = ? and server = ? and address = ?"
_LISTED = "where zone in (select value from json_each(?))"


def write(conn: sqlite3.Connection, commit: Commit, now: datetime, packer: ZoneStateCodec) -> None:
    """All parts, inside the caller's transaction."""
    _drop(conn, commit.dropped_zones, now)
    _ledgers(conn, commit.zone_states, now, packer)
    address_state = _end_runs_of_those_who_left(conn, commit, now)
    _runs(conn, commit.runs, address_state)
    _propagations(conn, commit.propagations)
    _alerts(conn, commit.alerts)
    _transitions(conn, commit.transitions)
    _incidents(conn, commit.incidents)
    readdress(conn, commit.readdressed)
    add(conn, commit.messages)
    if commit.destinations is not None:
        conn.execute(
            "replace into meta (key, value) values (?, ?)", (DESTINATIONS, json.dumps(dict(commit.destinations)))
        )


def write_sweep(conn: sqlite3.Connection, row: Sweep) -> None:
    conn.execute(
        'insert into sweeps ("check", started, finished, zones, queries, answered, vantage) '
        "values (?, ?, ?, ?, ?, ?, ?)",
        (row.check, stamp(row.started), stamp(row.finished), row.zones, row.queries, row.answered, row.vantage),
    )


def alert_key(key: AlertKey) -> str:
    return encode(key)


def _ledgers(conn: sqlite3.Connection, written: tuple[ZoneState, ...], now: datetime, packer: ZoneStateCodec) -> None:
    whole: list[tuple[str, str, str]] = []
    packed: list[tuple[str, bytes]] = []
    for each in {zone_state.zone: zone_state for zone_state in written}.values():  # the last word on a zone counts
        row = packer.pack(each)
        if row is None:
            whole.append((each.zone, stamp(each.at or now), encode(each)))
        else:
            packed.append((each.zone, row))
    if packed:
        words.add(conn, packer.words)
    put_packed(conn, packed)
    conn.executemany("delete from packed_zone_states where zone = ?", ((zone,) for zone, _, _ in whole))
    conn.executemany(
        "insert into zone_states (zone, at, body) values (?, ?, ?) "
        "on conflict (zone) do update set at = excluded.at, body = excluded.body",
        whole,
    )


def put_packed(conn: sqlite3.Connection, rows: list[tuple[str, bytes]]) -> None:
    """Zones and their packed ledgers, whose words are there; a zone's ledger is kept in one form only."""
    conn.executemany("delete from zone_states where zone = ?", ((zone,) for zone, _ in rows))
    conn.executemany("replace into packed_zone_states (zone, row) values (?, ?)", rows)


def _end_runs_of_those_who_left(conn: sqlite3.Connection, commit: Commit, now: datetime) -> set[Who]:
    """An address that is no longer watched serves nothing we know of: its run ends with the ledger's last look.

    Whose runs are open of the zones of this commit, so that nobody searches for what a new zone does not have.
    """
    zone_states = {each.zone: each for each in commit.zone_states}
    zones = zone_states.keys() | {run.zone for run in commit.runs}
    found = conn.execute(
        "select zone, server, address from address_current where zone in (select value from json_each(?))",
        (json.dumps(list(zones)),),
    ).fetchall()
    touched = [zone_states[zone] for zone in {who[0] for who in found} if zone in zone_states]
    stay = {(each.zone, one.server, str(one.address)) for each in touched for one in each.address_states}
    left = [who for who in found if who not in stay and who[0] in zone_states]
    conn.executemany(_END + _ONE, [(stamp(zone_states[who[0]].at or now), *who) for who in left])
    conn.executemany("delete from address_current where zone = ? and server = ? and address = ?", left)
    return set(found).difference(left)


def _runs(conn: sqlite3.Connection, runs: tuple[StateChange, ...], address_state: set[Who]) -> None:
    """In their order: a commit that holds several runs of an address is written in as many steps."""
    waiting = [(each.zone, each.server, str(each.address), each.serial, each.state, stamp(each.since)) for each in runs]
    while waiting:
        first: dict[Who, tuple[str, str, str, int | None, str, str]] = {}
        later = [row for row in waiting if first.setdefault(row[:3], row) is not row]
        conn.executemany(_END + _ONE, [(row[5], *who) for who, row in first.items() if who in address_state])
        conn.executemany(
            "replace into address_current (zone, server, address, serial, state, since) values (?, ?, ?, ?, ?, ?)",
            first.values(),
        )
        waiting = later
        address_state |= first.keys()


def _propagations(conn: sqlite3.Connection, propagations: tuple[Propagation, ...]) -> None:
    conn.executemany(
        "insert into propagations (zone, server, address, serial, seconds, at) values (?, ?, ?, ?, ?, ?)",
        (
            (each.zone, each.server, str(each.address), each.serial, float(each.seconds), stamp(each.at))
            for each in propagations
        ),
    )


def _alerts(conn: sqlite3.Connection, alerts: tuple[Alert, ...]) -> None:
    latest = {alert_key(alert.key): alert for alert in alerts}
    conn.executemany(
        "delete from alerts where key = ?", [(key,) for key, alert in latest.items() if alert.phase is Phase.OK]
    )
    conn.executemany(
        "insert into alerts (key, zone, code, phase, since, body) values (?, ?, ?, ?, ?, ?) "
        "on conflict (key) do update set phase = excluded.phase, since = excluded.since, body = excluded.body",
        (
            (key, alert.key.zone, alert.key.code, alert.phase.value, stamp(alert.since), encode(alert))
            for key, alert in latest.items()
            if alert.phase is not Phase.OK
        ),
    )


def _transitions(conn: sqlite3.Connection, transitions: tuple[Transition, ...]) -> None:
    conn.executemany(
        'insert into transitions (zone, "check", code, server, address, subject, "before", "after", reason, at) '
        "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                *(each.key.zone, each.key.check, each.key.code, each.key.server),
                None if each.key.address is None else str(each.key.address),
                *(each.key.subject, each.before.value, each.after.value, each.reason.value, stamp(each.at)),
            )
            for each in transitions
        ),
    )


def _incidents(conn: sqlite3.Connection, incidents: tuple[Incident, ...]) -> None:
    for each in incidents:
        body = encode(each)
        conn.execute(
            "insert into incidents (id, phase, severity, opened_at, resolved_at, body) values (?, ?, ?, ?, ?, ?) "
            "on conflict (id) do update set phase = excluded.phase, severity = excluded.severity, "
            "opened_at = excluded.opened_at, resolved_at = excluded.resolved_at, body = excluded.body",
            (each.id, each.phase, str(each.severity), stamp(each.opened_at), stamp_or_none(each.resolved_at), body),
        )
        conn.execute(
            "delete from incident_zones where incident = ? and zone not in (select value from json_each(?, '$.zones')) "
            "and zone not in (select value from json_each(?, '$.past_zones'))",
            (each.id, body, body),
        )
        conn.executemany(
            "insert or ignore into incident_zones (zone, incident) select value, ? from json_each(?, ?)",
            ((each.id, body, "$.zones"), (each.id, body, "$.past_zones")),
        )


def _drop(conn: sqlite3.Connection, zones: tuple[str, ...], now: datetime) -> None:
    """All at once: a whole list of zones may go in one reload."""
    if not zones:
        return
    listed = json.dumps(zones)
    conn.execute("delete from zone_states where zone in (select value from json_each(?))", (listed,))
    conn.execute("delete from packed_zone_states where zone in (select value from json_each(?))", (listed,))
    conn.execute(_END + _LISTED, (stamp(now), listed))
    conn.execute("delete from address_current where zone in (select value from json_each(?))", (listed,))
