"""What was kept, read back: for a restart, for the page, and for retention."""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from sqlite_utils import Database

from alerting.incident import Incident, Storm
from alerting.model import Alert
from alerting.silences import Silence
from alerting.timeline import TimelineEntry
from checks.model import Address, RememberedRecords, TransferFigures
from checks.zone_state.codec import ZoneStateCodec
from checks.zone_state.model import SERIAL_CHECK, Propagation, ZoneState
from monitor.state.label_search import SoughtLabel
from monitor.state.ports import (
    AddressHistoryRow,
    IncidentRecord,
    KeptTransfers,
    RecordMemory,
    StoredState,
    StoreError,
    ZoneSource,
)
from monitor.state.zone_states import ZoneStates
from monitor.store import intern_table, outbox
from monitor.store.codec import UNREADABLE, decode, moment, moment_or_none, stamp
from monitor.store.database import read_many, value

T = TypeVar("T")

MAX_PAST_INCIDENTS = 200
"""Incidents that are over and may open again, which a restart is told of."""

_LAST_LOOK = 'select max(started) from sweeps where "check" = ?'
_OPEN_INCIDENTS = "select id, body from incidents where phase = 'open' order by opened_at, id"
_PAST_ALERTS = "select key, body from alerts where phase = 'ok' order by since"
_PAST_INCIDENTS = """
    select id, body from (
        select id, body, resolved_at from incidents where phase <> 'open' order by resolved_at desc limit :limit
    ) order by resolved_at
"""
_INCIDENT = "select id, body from incidents where id = :incident"
_LABELLED = """
    and case when json_valid(body) then exists (
        select 1 from json_each(body, '$.labels') as label where json_extract(label.value, '$[0]') = :name{number}
        and coalesce(:value{number}, json_extract(label.value, '$[1]')) = json_extract(label.value, '$[1]')
    ) end
"""
_TIMELINE = "select id, body from timeline where incident = :incident order by at desc, id desc limit :limit"
MAX_ENTRIES = 1000
"""Of a timeline, and of deliveries, that are read."""
_SILENCES = "select id, body from silences order by starts_at, id"
_ADDRESS_HISTORY = """
    select zone, server, address, serial, outcome, since, until from (
        select zone, server, address, serial, state as outcome, since, until, id from address_history
        where zone = :zone and until >= :since
        union all
        select zone, server, address, serial, state as outcome, since, null, 9223372036854775807 from address_current
        where zone = :zone
    ) order by since desc, id desc limit :limit
"""

# Closed history only. The last sweep of each check stays: it says when the zone states were last looked at.
_PRUNING = (
    "delete from address_history where id in (select id from address_history where until < ? limit ?)",
    "delete from propagations where id in (select id from propagations where at < ? limit ?)",
    "delete from silences where id in (select id from silences where ends_at < ? limit ?)",
    "delete from transitions where id in (select id from transitions where at < ? limit ?)",
    "delete from outbox where seq in (select seq from outbox where state <> 'waiting' and settled_at < ? limit ?)",
    """delete from sweeps where id in (
        select id from sweeps where finished < ? and exists (
            select 1 from sweeps as later where later."check" = sweeps."check" and later.started > sweeps.started
        ) limit ?
    )""",
    """delete from timeline where id in (
        select id from timeline where at < ? and incident not in (select id from incidents where phase = 'open') limit ?
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


def remembered(db: Database) -> StoredState:
    """Everything a restart needs, as of one moment."""
    with db.atomic():
        look = last_look(db)
        codec = intern_table.codec(db)
        packed = dict(read_many(db, "select zone, row from packed_zone_states"))
        _check(codec, packed)
        whole = _decoded(ZoneState, "zone_states", "zone", db.query("select zone, body from zone_states"))
        alerts = _decoded(Alert, "alerts", "key", db.query("select key, body from alerts where phase <> 'ok'"))
        past_alerts = _decoded(Alert, "alerts", "key", db.query(_PAST_ALERTS))
        incidents = _decoded(Incident, "incidents", "id", db.query(_OPEN_INCIDENTS))
        past = _decoded(Incident, "incidents", "id", db.query(_PAST_INCIDENTS, {"limit": MAX_PAST_INCIDENTS}))
        return StoredState(
            zone_states=ZoneStates(codec, packed, {each.zone: _as_looked(each, look) for each in whole}, look),
            alerts={each.key: each for each in alerts},
            past_alerts=tuple(past_alerts),
            incidents={each.id: each for each in incidents},
            past_incidents=tuple(past),
            storms=tuple(_decoded(Storm, "storms", "receiver", db.query("select receiver, body from storms"))),
            destinations=outbox.destinations(db),
            record_memories=tuple(record_memories(db)),
            zone_sources=tuple(zone_sources(db)),
            silences=tuple(silences(db)),
            transfers=tuple(zone_transfers(db)),
        )


def silences(db: Database) -> Iterator[Silence]:
    """Those that are kept, by their beginning."""
    return _decoded(Silence, "silences", "id", db.query(_SILENCES))


def record_memories(db: Database, only: str | None = None) -> Iterator[RecordMemory]:
    """What checks remember of records; of that zone alone, or of all. Raises StoreError."""
    rows = 'select "check", zone, agreed, body from record_memories'
    found = read_many(db, rows) if only is None else read_many(db, f"{rows} where zone = ?", (only,))
    for check, zone, agreed, body in found:
        try:
            one = RememberedRecords(agreed) if body is None else decode(RememberedRecords, body)
        except UNREADABLE:
            raise _unreadable(zone, "record_memories") from None
        yield RecordMemory(check, zone, one)


def zone_sources(db: Database) -> Iterator[ZoneSource]:
    """What is kept of each source of zones. Raises StoreError."""
    for source, body in read_many(db, "select source, body from zone_sources"):
        try:
            yield ZoneSource(source, zlib.decompress(body).decode())
        except (zlib.error, UnicodeDecodeError):
            raise _unreadable(source, "zone_sources") from None


def zone_transfers(db: Database) -> Iterator[KeptTransfers]:
    """The figures of transfers, as they were measured last. Raises StoreError."""
    for check, zone, body in read_many(db, 'select "check", zone, body from zone_transfers'):
        try:
            yield KeptTransfers(check, zone, decode(TransferFigures, body))
        except UNREADABLE:
            raise _unreadable(zone, "zone_transfers") from None


def zone_state(db: Database, zone: str) -> ZoneState | None:
    """The state of that zone as it was last committed; None of one that is not known. Raises StoreError."""
    look = last_look(db)
    for row in db.query("select row from packed_zone_states where zone = ?", [zone]):
        codec = intern_table.codec(db)
        _check(codec, {zone: row["row"]})
        return _as_looked(codec.unpack(zone, row["row"]), look)
    rows = db.query("select zone, body from zone_states where zone = ?", [zone])
    return next((_as_looked(each, look) for each in _decoded(ZoneState, "zone_states", "zone", rows)), None)


def last_look(db: Database) -> datetime | None:
    """When the last sweep of serials began that has ended."""
    return moment_or_none(value(db, _LAST_LOOK, (SERIAL_CHECK,)))


def address_history(db: Database, zone: str, since: datetime, limit: int) -> Sequence[AddressHistoryRow]:
    """Those that lasted into the time since ``since``, oldest first; the newest ``limit`` if there are more."""
    rows = list(db.query(_ADDRESS_HISTORY, {"zone": zone, "since": stamp(since), "limit": limit}))
    return [
        AddressHistoryRow(**row | {"since": moment(row["since"]), "until": moment_or_none(row["until"])})
        for row in reversed(rows)
    ]


def incidents(
    db: Database, limit: int, before: datetime | None, zone: str | None, labels: Sequence[SoughtLabel] = ()
) -> Sequence[Incident]:
    """Newest first: those that opened before ``before``, have to do with ``zone`` if one is given, and have all the
    ``labels``.
    """
    ours = "" if zone is None else "and id in (select incident from incident_zones where zone = :zone) "
    ours += "".join(_LABELLED.format(number=number) for number in range(len(labels)))
    sought = {
        f"{key}{n}": text for n, one in enumerate(labels) for key, text in (("name", one.name), ("value", one.value))
    }
    rows = db.query(
        f"select id, body from incidents where opened_at < :before {ours}"  # noqa: S608
        "order by opened_at desc, id desc limit :limit",
        {"before": "9999" if before is None else stamp(before), "zone": zone, "limit": limit, **sought},
    )
    return list(_decoded(Incident, "incidents", "id", rows))


def incident_record(db: Database, id_: str) -> IncidentRecord | None:
    """One of them, open or resolved, with the newest of what became of it and of who was told, oldest first."""
    with db.atomic():
        of = {"incident": id_, "limit": MAX_ENTRIES}
        found = next(_decoded(Incident, "incidents", "id", db.query(_INCIDENT, {"incident": id_})), None)
        if found is None:
            return None
        timeline = list(_decoded(TimelineEntry, "timeline", "id", db.query(_TIMELINE, of)))
        among_many = [each.message for each in timeline if each.message]
        return IncidentRecord(found, timeline[::-1], outbox.deliveries(db, id_, among_many, MAX_ENTRIES))


def propagations(
    db: Database, since: datetime, zone: str | None, server: str | None, limit: int
) -> Sequence[Propagation]:
    """Oldest first: those that ended since ``since``, of the zone and at the server, if any are given."""
    columns = "zone, server, address, serial, seconds, uncertainty, at"
    ours = ("and zone = :zone " if zone is not None else "") + ("and server = :server " if server is not None else "")
    rows = db.query(
        f"select {columns} from propagations where at >= :since {ours}order by at desc, id desc limit :limit",  # noqa: S608
        {"since": stamp(since), "zone": zone, "server": server, "limit": limit},
    )
    found = [Propagation(**row | {"address": parse_address(row["address"]), "at": moment(row["at"])}) for row in rows]
    return found[::-1]


def prune(db: Database, before: datetime, limit: int) -> int:
    """In the caller's transaction. At most ``limit`` rows; how many went."""
    gone = 0
    for statement in _PRUNING:
        gone += db.execute(statement, [stamp(before), limit - gone]).rowcount
    return gone


def prune_zones_of_incidents(db: Database, before: datetime, limit: int) -> int:
    """The same for what finds an incident by its zones; to be done until nothing is left, before the incidents go."""
    return db.execute(_ZONES_OF_OLD_INCIDENTS, [stamp(before), limit]).rowcount


def parse_address(text: str) -> Address:
    """The inverse of ``str(Address)``: a port is there only beside an IPv4 address or a bracketed IPv6 one."""
    if text.startswith("["):
        host, _, port = text[1:].rpartition("]:")
        return Address(host, int(port))
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return Address(host, int(port))
    return Address(text)


def _decoded(kind: type[T], table: str, key: str, rows: Iterable[Mapping[str, Any]]) -> Iterator[T]:
    """The values in the column ``body``; ``key`` names the column that tells which one cannot be read."""
    for row in rows:
        try:
            yield decode(kind, row["body"])
        except UNREADABLE as error:
            raise _unreadable(row[key], table) from error


def _check(codec: ZoneStateCodec, rows: Mapping[str, bytes]) -> None:
    """They are decoded only when somebody looks at them: what is wrong with one is to be known before."""
    for zone, row in rows.items():
        if not codec.is_valid(row):
            raise _unreadable(zone, "packed_zone_states")


def _unreadable(name: str, table: str) -> StoreError:
    return StoreError(
        f"the row {name} of the table {table} cannot be read: it has been changed by another program, or by a newer "
        "soawatch. Put a backup in the place of the database, or delete that row"
    )


def _as_looked(zone_state: ZoneState, look: datetime | None) -> ZoneState:
    """A zone state is written when it changes; a later sweep that changed nothing has looked at it all the same."""
    if look is None or (zone_state.at is not None and zone_state.at >= look):
        return zone_state
    return replace(zone_state, at=look)
