"""Packs the ledgers of an older database."""

import sqlite3

from checks.zone_state.model import ZoneState
from monitor.store import intern_table as words
from monitor.store import writer as writing
from monitor.store.codec import UNREADABLE, decode
from monitor.store.errors import transaction

_MANY = 2000
_FROM = "select value from meta where key = 'packed up to'"


def pack_old(conn: sqlite3.Connection) -> None:
    """Once, in steps of some thousands; killed half-way, it goes on from there. What cannot be read stays as it is."""
    while (row := conn.execute(_FROM).fetchone()) is not None:
        with transaction(conn):
            _pack_some(conn, row[0])


def unfinished(conn: sqlite3.Connection) -> bool:
    """Whether some of them are not packed yet."""
    return conn.execute(_FROM).fetchone() is not None


def _pack_some(conn: sqlite3.Connection, after: str) -> None:
    rows = conn.execute(
        "select zone, body from ledgers where zone > ? order by zone limit ?", (after, _MANY)
    ).fetchall()
    if not rows:
        conn.execute("delete from meta where key = 'packed up to'")
        return
    packer = words.packer(conn)
    packed = []
    for zone, body in rows:
        zone_state = _read(body)
        if zone_state is not None and zone_state.zone == zone and (packed_row := packer.pack(zone_state)) is not None:
            packed.append((zone, packed_row))
    words.add(conn, packer.words)
    writing.put_packed(conn, packed)
    conn.execute("update meta set value = ? where key = 'packed up to'", (rows[-1][0],))


def _read(body: str) -> ZoneState | None:
    try:
        return decode(ZoneState, body)
    except UNREADABLE:
        return None  # restoring says so, and what to do
