"""Writes one batch of changes."""

import json
import zlib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlite_utils import Database

from alerting.flapping import FLAPPING_WINDOW
from alerting.incident import Incident, Storm
from alerting.model import Alert, AlertKey, Transition
from alerting.silences import Silence
from alerting.timeline import TimelineEntry
from checks.model import TransferFigures
from checks.zone_state.codec import ZoneStateCodec
from checks.zone_state.first_row import NewZones
from checks.zone_state.model import Propagation, StateChange, ZoneState
from monitor.state.ports import Commit, KeptTransfers, RecordMemory, Sweep, ZoneSource
from monitor.store import intern_table, outbox
from monitor.store.codec import encode, stamp, stamp_or_none
from monitor.store.database import read_many, write_many

AddressKey = tuple[str, str, str]
"""Zone, server, address."""

_CLOSE = (
    "insert into address_history (zone, server, address, serial, state, since, until) "
    "select zone, server, address, serial, state, since, max(since, ?) from address_current "
)
_ONE = "where zone = ? and server = ? and address = ?"
_OPEN = "replace into address_current (zone, server, address, serial, state, since) values (?, ?, ?, ?, ?, ?)"
_PROPAGATION = (
    "insert into propagations (zone, server, address, serial, seconds, uncertainty, at) values (?, ?, ?, ?, ?, ?, ?)"
)
_WHOLE = (
    "insert into zone_states (zone, at, body) values (?, ?, ?) "
    "on conflict (zone) do update set at = excluded.at, body = excluded.body"
)
_LISTED = "zone in (select value from json_each(?))"


def write(db: Database, commit: Commit, now: datetime, codec: ZoneStateCodec) -> None:
    """All parts, inside the caller's transaction."""
    _drop(db, commit.dropped_zones, now)
    if commit.new_zones:
        _new_zones(db, commit.new_zones, now, codec)
    _zone_states(db, commit.zone_states, now, codec)
    current = _close_removed(db, commit.zone_states, commit.state_changes, now)
    _state_changes(db, commit.state_changes, current)
    _propagations(db, commit.propagations)
    _record_memories(db, commit.record_memories)
    _zone_sources(db, commit.zone_sources)
    _zone_transfers(db, commit.transfers)
    _silences(db, commit.silences)
    # Most commits have none of these, and insert_all takes some µs to find out.
    if commit.alerts:
        _alerts(db, commit.alerts)
    if commit.transitions:
        _transitions(db, commit.transitions)
    _incidents(db, commit.incidents)
    if commit.timeline:
        _timeline(db, commit.timeline)
    if commit.storms:
        _storms(db, commit.storms)
    if commit.readdressed:
        outbox.readdress(db, commit.readdressed)
    if commit.messages:
        outbox.add_messages(db, commit.messages)
    if commit.destinations is not None:
        outbox.write_destinations(db, commit.destinations)


def write_sweep(db: Database, row: Sweep) -> None:
    """That a sweep ran, inside the caller's transaction."""
    started, finished = stamp(row.started), stamp(row.finished)
    counts = {"zones": row.zones, "queries": row.queries, "answered": row.answered}
    db.table("sweeps").insert(
        {"check": row.check, "started": started, "finished": finished, **counts, "vantage": row.vantage}
    )


def alert_key(key: AlertKey) -> str:
    """What an alert is found by in the table."""
    return encode(key)


def _zone_states(db: Database, written: tuple[ZoneState, ...], now: datetime, codec: ZoneStateCodec) -> None:
    """Each in one form only: packed where it can be, else whole."""
    whole: list[tuple[str, str, str]] = []
    packed: list[tuple[str, bytes]] = []
    for each in {zone_state.zone: zone_state for zone_state in written}.values():  # the last word on a zone counts
        row = codec.pack(each)
        if row is None:
            whole.append((each.zone, stamp(each.at or now), encode(each)))
        else:
            packed.append((each.zone, row))
    _packed(db, packed, codec)
    write_many(db, "delete from packed_zone_states where zone = ?", ((zone,) for zone, _, _ in whole))
    write_many(db, _WHOLE, whole)


def _packed(db: Database, rows: Collection[tuple[str, bytes]], codec: ZoneStateCodec) -> None:
    if rows:
        intern_table.add_interned(db, codec.table)
    write_many(db, "delete from zone_states where zone = ?", ((zone,) for zone, _ in rows))
    write_many(db, "replace into packed_zone_states (zone, row) values (?, ?)", rows)


def _new_zones(db: Database, new_zones: NewZones, now: datetime, codec: ZoneStateCodec) -> None:
    """As the rows they are, where they are of the same codec. What is left of a zone from before ends."""
    state_changes = tuple(new_zones.state_changes())
    current: set[AddressKey] = set()
    if new_zones.codec is codec:
        _packed(db, new_zones.rows.items(), codec)
        left = read_many(db, f"select 1 from address_current where {_LISTED} limit 1", [json.dumps([*new_zones.rows])])  # noqa: S608
        if left.fetchone() is not None:
            current = _close_removed(db, tuple(new_zones.states()), state_changes, now)
    else:
        zone_states = tuple(new_zones.states())
        _zone_states(db, zone_states, now, codec)
        current = _close_removed(db, zone_states, state_changes, now)
    _state_changes(db, state_changes, current)


def _close_removed(
    db: Database, written: Sequence[ZoneState], state_changes: Sequence[StateChange], now: datetime
) -> set[AddressKey]:
    """An address that is no longer watched serves nothing we know of: what it serves ends with the zone's last look.

    What is current of the zones of this commit, so that nobody searches for what a new zone does not have.
    """
    zone_states = {each.zone: each for each in written}
    zones = zone_states.keys() | {change.zone for change in state_changes}
    there = f"select zone, server, address from address_current where {_LISTED}"  # noqa: S608
    found: list[AddressKey] = read_many(db, there, [json.dumps(list(zones))]).fetchall()
    touched = [zone_states[zone] for zone in {key[0] for key in found} if zone in zone_states]
    stay = {(each.zone, one.server, str(one.address)) for each in touched for one in each.address_states}
    removed = [key for key in found if key not in stay and key[0] in zone_states]
    write_many(db, _CLOSE + _ONE, [(stamp(zone_states[key[0]].at or now), *key) for key in removed])
    write_many(db, f"delete from address_current {_ONE}", removed)  # noqa: S608
    return set(found).difference(removed)


def _state_changes(db: Database, changes: tuple[StateChange, ...], current: set[AddressKey]) -> None:
    """In their order: a commit that holds several changes of an address is written in as many steps."""
    waiting = [
        (each.zone, each.server, str(each.address), each.serial, each.outcome, stamp(each.since)) for each in changes
    ]
    while waiting:
        first: dict[AddressKey, tuple[str, str, str, int | None, str, str]] = {}
        later = [row for row in waiting if first.setdefault(row[:3], row) is not row]
        write_many(db, _CLOSE + _ONE, [(row[5], *key) for key, row in first.items() if key in current])
        write_many(db, _OPEN, first.values())
        waiting = later
        current |= first.keys()


def _propagations(db: Database, propagations: tuple[Propagation, ...]) -> None:
    rows = (
        (one.zone, one.server, str(one.address), one.serial, one.seconds, one.uncertainty, stamp(one.at))
        for one in propagations
    )
    write_many(db, _PROPAGATION, rows)


def _record_memories(db: Database, memories: Iterable[RecordMemory]) -> None:
    rows = [
        (check, zone, one.agreed, encode(one) if one.looks or one.varying else None) for check, zone, one in memories
    ]
    write_many(db, 'replace into record_memories ("check", zone, agreed, body) values (?, ?, ?, ?)', rows)


def _zone_sources(db: Database, sources: Iterable[ZoneSource]) -> None:
    rows = [(source, zlib.compress(body.encode())) for source, body in sources if body]
    write_many(db, "replace into zone_sources (source, body) values (?, ?)", rows)
    write_many(db, "delete from zone_sources where source = ?", [(source,) for source, body in sources if not body])


def _zone_transfers(db: Database, transfers: Iterable[KeptTransfers]) -> None:
    nothing = TransferFigures()
    rows = [(check, zone, encode(figures)) for check, zone, figures in transfers if figures != nothing]
    gone = [(check, zone) for check, zone, figures in transfers if figures == nothing]
    write_many(db, 'replace into zone_transfers ("check", zone, body) values (?, ?, ?)', rows)
    write_many(db, 'delete from zone_transfers where "check" = ? and zone = ?', gone)


def _silences(db: Database, silences: Iterable[Silence]) -> None:
    rows = [(one.id, stamp(one.starts_at), stamp_or_none(one.ends_at), encode(one)) for one in silences]
    write_many(db, "replace into silences (id, starts_at, ends_at, body) values (?, ?, ?, ?)", rows)


def _alerts(db: Database, alerts: tuple[Alert, ...]) -> None:
    latest = {alert_key(alert.key): alert for alert in alerts}
    over = [key for key, alert in latest.items() if not _is_kept(alert)]
    if over:
        db.table("alerts").delete_where("key in (select value from json_each(?))", [json.dumps(over)])
    rows = (
        {
            "key": key,
            "zone": alert.key.zone,
            "code": alert.key.code,
            "phase": alert.phase.value,
            "since": stamp(alert.since),
            "body": encode(alert),
        }
        for key, alert in latest.items()
        if _is_kept(alert)
    )
    db.table("alerts").insert_all(rows, replace=True)
    past = max((alert.since for alert in alerts if alert.quiet and _is_kept(alert)), default=None)
    if past is not None:
        db.execute("delete from alerts where phase = 'ok' and since < ?", [stamp(past - FLAPPING_WINDOW)])


def _is_kept(alert: Alert) -> bool:
    """It is not OK, or it is remembered that it came and went."""
    return not alert.quiet or alert.flaps is not None


def _transitions(db: Database, transitions: tuple[Transition, ...]) -> None:
    rows = (
        {
            "zone": each.key.zone,
            "check": each.key.check,
            "code": each.key.code,
            "server": each.key.server,
            "address": None if each.key.address is None else str(each.key.address),
            "subject": each.key.subject,
            "before": each.before.value,
            "after": each.after.value,
            "reason": each.reason.value,
            "at": stamp(each.at),
        }
        for each in transitions
    )
    db.table("transitions").insert_all(rows)


def _storms(db: Database, storms: Iterable[Storm]) -> None:
    rows = [(each.receiver, encode(each)) for each in storms if each != Storm(each.receiver)]
    gone = [(each.receiver,) for each in storms if each == Storm(each.receiver)]
    write_many(db, "replace into storms (receiver, body) values (?, ?)", rows)
    write_many(db, "delete from storms where receiver = ?", gone)


def _incidents(db: Database, incidents: tuple[Incident, ...]) -> None:
    for each in incidents:
        body = encode(each)
        row = {
            "id": each.id,
            "phase": each.phase,
            "severity": str(each.severity),
            "opened_at": stamp(each.opened_at),
            "resolved_at": stamp_or_none(each.resolved_at),
            "body": body,
        }
        db.table("incidents").insert(row, replace=True)
        db.table("incident_zones").delete_where(
            "incident = ? and zone not in (select value from json_each(?, '$.zones')) "
            "and zone not in (select value from json_each(?, '$.past_zones'))",
            [each.id, body, body],
        )
        for zones in ("$.zones", "$.past_zones"):
            db.execute(
                "insert or ignore into incident_zones (zone, incident) select value, ? from json_each(?, ?)",
                [each.id, body, zones],
            )


def _timeline(db: Database, timeline: Iterable[TimelineEntry]) -> None:
    rows = (
        {
            "incident": each.incident,
            "at": stamp(each.at),
            "event": each.event.value,
            "who": each.who,
            "note": each.note,
            "body": encode(each),
        }
        for each in timeline
    )
    db.table("timeline").insert_all(rows)


def _drop(db: Database, zones: tuple[str, ...], now: datetime) -> None:
    """All at once: a whole list of zones may go in one reload."""
    if not zones:
        return
    listed = json.dumps(zones)
    # Not by delete_where, whose savepoint makes SQLite journal each page once more: 10 µs a zone, with it 12 µs.
    db.execute(f"delete from zone_states where {_LISTED}", [listed])  # noqa: S608
    db.execute(f"delete from packed_zone_states where {_LISTED}", [listed])  # noqa: S608
    db.execute(f"delete from record_memories where {_LISTED}", [listed])  # noqa: S608
    db.execute(f"delete from zone_transfers where {_LISTED}", [listed])  # noqa: S608
    db.execute(f"{_CLOSE} where {_LISTED}", [stamp(now), listed])
    db.execute(f"delete from address_current where {_LISTED}", [listed])  # noqa: S608
