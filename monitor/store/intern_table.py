"""The table of values that packed zone states refer to by number."""

import json
from collections.abc import Iterable

from sqlite_utils import Database

from checks.model import Address, Soa
from checks.zone_state.codec import ZoneStateCodec
from checks.zone_state.intern_table import InternedValue, InternTable, Layout
from monitor.state.ports import StoreError
from monitor.store.codec import UNREADABLE, decode, encode
from monitor.store.database import read_many, write_many


def codec(db: Database) -> ZoneStateCodec:
    """One that knows all values there are. Raises StoreError when they do not make sense."""
    rows = read_many(db, "select number, body from intern_table order by number").fetchall()
    try:
        if [number for number, _ in rows] != list(range(len(rows))):
            raise ValueError("numbers are missing")
        return ZoneStateCodec(InternTable(parse_value(body) for _, body in rows))
    except UNREADABLE as error:
        raise StoreError(
            "the table intern_table cannot be read: it has been changed by another program, or by a newer soawatch. "
            "Put a backup in the place of the database"
        ) from error


def add_interned(db: Database, interned: InternTable) -> None:
    """Keep those that are new, inside the caller's transaction."""
    kept = db.table("intern_table").count
    fresh = enumerate(interned.values[kept:], kept)
    write_many(db, "insert into intern_table (number, body) values (?, ?)", ((n, text(each)) for n, each in fresh))


def text(value: InternedValue) -> str:
    """The JSON that is kept of a value."""
    if isinstance(value, Soa):
        return f'{{"soa":{encode(value)}}}'
    if isinstance(value, str):
        return json.dumps({"text": value}, separators=(",", ":"))
    groups, places = value
    listed = [[server, address.host, address.port, group] for server, address, group in places]
    return json.dumps({"groups": groups, "places": listed}, separators=(",", ":"))


def parse_value(body: str) -> InternedValue:
    """The inverse of ``text``. Raises one of UNREADABLE."""
    found = json.loads(body)
    if "soa" in found:
        return decode(Soa, json.dumps(found["soa"]))
    if "text" in found:
        return str(found["text"])
    return _layout(found["groups"], found["places"])


def _layout(groups: Iterable[str], places: Iterable[tuple[str, str, int, str]]) -> Layout:
    return tuple(groups), tuple((server, Address(host, port), group) for server, host, port, group in places)
