"""What was kept, read back: for a restart, for the page, and for retention."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from alerting.model import Alert, Incident
from checks.model import Address
from checks.zone_state.codec import ZoneStateCodec
from checks.zone_state.model import Propagation, ZoneState
from monitor.state.ports import Remembered, RunRow, StoreError
from monitor.state.zone_states import ZoneStates
from monitor.store import intern_table as words
from monitor.store.codec import UNREADABLE, decode, moment, moment_or_none, stamp
from monitor.store.outbox import DESTINATIONS

T = TypeVar("T")

_LAST_LOOK = "select max(started) from sweeps where \"check\" = 'soa-serial'"

# Closed history only. The last sweep of each check stays: it says when the ledgers were last looked at.
_PRUNING = (
    "delete from address_history where id in (select id from address_history where until < ? limit ?)",
    "delete from propagations where id in (select id from propagations where at < ? limit ?)",
    "delete from transitions where id in (select id from transitions where at < ? limit ?)",
    "delete from outbox where seq in (select seq from outbox where state <> 'waiting' and settled_at < ? limit ?)",
    """delete from sweeps where id in (
        select id from sweeps where finished < ? and exists (
            select 1 from sweeps as later where later."check" = sweeps."check" and later.started > sweeps.started
        ) limit ?
    )""",
    """delete from incidents where id in (
        select id from incidents where phase <> 'open' and resolved_at < ? and not exists (
            select 1 from incident_zones where incident = incidents.id
        ) limit ?
    )""",
)
# An incident may be about very many zones: what finds it by them goes before it, in steps of their own.
_ZONES_OF_OLD_INCIDENTS = """delete from incident_zones where (zone, incident) in (
    select zone, incident from incident_zones where incident in (
        select id from incidents where phase <> 'open' and resolved_at < ?
    ) limit ?
)"""


def remembered(conn: sqlite3.Connection) -> Remembered:
    """Everything a restart needs, as of one moment."""
    conn.execute("begin")
    try:
        look = last_look(conn)
        whole = _decoded(ZoneState, "zone_states", conn.execute("select zone, body from zone_states"))
        packer = words.packer(conn)
        rows = dict(conn.execute("select zone, row from packed_zone_states"))
        _check(packer, rows)
        zone_states = ZoneStates(packer, rows, {each.zone: _as_looked(each, look) for each in whole}, look)
        alerts = _decoded(Alert, "alerts", conn.execute("select key, body from alerts"))
        open_ones = conn.execute("select id, body from incidents where phase = 'open' order by opened_at, id")
        return Remembered(
            zone_states=zone_states,
            alerts={each.key: each for each in alerts},
            incidents={each.id: each for each in _decoded(Incident, "incidents", open_ones)},
            destinations=_destinations(conn),
        )
    finally:
        conn.execute("rollback")


def _destinations(conn: sqlite3.Connection) -> dict[str, str]:
    row = conn.execute("select value from meta where key = ?", (DESTINATIONS,)).fetchone()
    return {} if row is None else json.loads(row[0])


def zone_state(conn: sqlite3.Connection, zone: str) -> ZoneState | None:
    row = conn.execute("select row from packed_zone_states where zone = ?", (zone,)).fetchone()
    if row is not None:
        packer = words.packer(conn)
        _check(packer, {zone: row[0]})
        return _as_looked(packer.unpack(zone, row[0]), last_look(conn))
    rows = conn.execute("select zone, body from zone_states where zone = ?", (zone,))
    found = next(_decoded(ZoneState, "zone_states", rows), None)
    return None if found is None else _as_looked(found, last_look(conn))


def last_look(conn: sqlite3.Connection) -> datetime | None:
    (started,) = conn.execute(_LAST_LOOK).fetchone()
    return moment_or_none(started)


def runs(conn: sqlite3.Connection, zone: str, since: datetime, most: int) -> Sequence[RunRow]:
    """Those that lasted into the time since ``since``, oldest first; the newest ``most`` if there are more."""
    rows = conn.execute(
        "select zone, server, address, serial, state, since, until from ("
        "select zone, server, address, serial, state, since, until, id from address_history "
        "where zone = ?1 and until >= ?2 union all "
        "select zone, server, address, serial, state, since, null, 9223372036854775807 from address_current "
        "where zone = ?1"
        ") order by since desc, id desc limit ?3",
        (zone, stamp(since), most),
    ).fetchall()
    return [
        RunRow(zone, server, address, serial, state, moment(start), moment_or_none(end))
        for _, server, address, serial, state, start, end in reversed(rows)
    ]


def incidents(conn: sqlite3.Connection, most: int, before: datetime | None, zone: str | None) -> Sequence[Incident]:
    limit = "9999" if before is None else stamp(before)
    if zone is None:
        rows = conn.execute(
            "select id, body from incidents where opened_at < ? order by opened_at desc, id desc limit ?", (limit, most)
        )
    else:
        rows = conn.execute(
            "select id, body from incidents where opened_at < ? "
            "and id in (select incident from incident_zones where zone = ?) order by opened_at desc, id desc limit ?",
            (limit, zone, most),
        )
    return list(_decoded(Incident, "incidents", rows))


def propagations(conn: sqlite3.Connection, zone: str, since: datetime) -> Sequence[Propagation]:
    rows = conn.execute(
        "select zone, server, address, serial, seconds, at from propagations "
        "where zone = ? and at >= ? order by at, id",
        (zone, stamp(since)),
    )
    return [
        Propagation(zone, server, parse_address(address), serial, seconds, moment(at))
        for zone, server, address, serial, seconds, at in rows
    ]


def prune(conn: sqlite3.Connection, before: datetime, most: int) -> int:
    """In the caller's transaction. At most ``most`` rows; how many went."""
    gone = 0
    for statement in _PRUNING:
        gone += conn.execute(statement, (stamp(before), most - gone)).rowcount
    return gone


def prune_zones_of_incidents(conn: sqlite3.Connection, before: datetime, most: int) -> int:
    """The same for what finds an incident by its zones; to be done until nothing is left, before the incidents go."""
    return conn.execute(_ZONES_OF_OLD_INCIDENTS, (stamp(before), most)).rowcount


def parse_address(text: str) -> Address:
    """The inverse of ``str(Address)``: a port is there only beside an IPv4 address or a bracketed IPv6 one."""
    if text.startswith("["):
        host, _, port = text[1:].rpartition("]:")
        return Address(host, int(port))
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return Address(host, int(port))
    return Address(text)


def _decoded(kind: type[T], table: str, rows: Iterable[tuple[str, str]]) -> Iterator[T]:
    """The values of (name, body) rows; the name tells which one cannot be read."""
    for name, body in rows:
        try:
            yield decode(kind, body)
        except UNREADABLE as error:
            raise _unreadable(name, table) from error


def _check(packer: ZoneStateCodec, rows: Mapping[str, bytes]) -> None:
    """They are decoded only when somebody looks at them: what is wrong with one is to be known before."""
    for zone, row in rows.items():
        if not packer.is_valid(row):
            raise _unreadable(zone, "packed_zone_states")


def _unreadable(name: str, table: str) -> StoreError:
    return StoreError(
        f"the row {name} of the table {table} cannot be read: it has been changed by another program, or by a newer "
        "soawatch. Put a backup in the place of the database, or delete that row"
    )


def _as_looked(zone_state: ZoneState, look: datetime | None) -> ZoneState:
    """A ledger is written when it changes; a later sweep that changed nothing has looked at it all the same."""
    if look is None or (zone_state.at is not None and zone_state.at >= look):
        return zone_state
    return replace(zone_state, at=look)
