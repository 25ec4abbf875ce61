"""The outbox: what is owed to whom, who is sending it, and how that ended."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlite_utils import Database

from alerting.incident import Incident, IncidentEvent
from alerting.notification import OutboxMessage
from alerting.outbox import Backlog, Delivery, DeliveryResult, DeliveryState, Lease, ReceiverStatus
from monitor.store.codec import UNREADABLE, decode, encode, moment, moment_or_none, stamp
from monitor.store.database import read_meta, value, write_meta

_DESTINATIONS = "destinations"

# An elder is an earlier row for the same receiver and incident that still waits: "resolved" never overtakes "opened".
_NO_ELDER = """
    not exists (
        select 1 from outbox as elder
        where elder.state = 'waiting' and elder.receiver = outbox.receiver
        and elder.incident = outbox.incident and elder.seq < outbox.seq
    )
"""

_SENDABLE = f"""
    select seq, id, receiver, event, at, body, attempts, leased_until from outbox
    where state = 'waiting' and receiver = :receiver and due <= :now
    and (leased_until is null or leased_until <= :now) and {_NO_ELDER}
    order by leased_until is null, seq limit 1
"""  # noqa: S608  both parts are constants

UNSETTLED = ""
"""In place of the end of a lease: whoever had it is gone, and how far he came is not known."""

_LEASE = """
    update outbox set leased_until = :until, attempts = attempts + (seq = :seq)
    where state = 'waiting' and receiver = :receiver and incident = :incident
    and (leased_until is not null or not :resumed)
"""

_LEASE_TOO = """
    update outbox set leased_until = (
        select max(leased_until) from outbox
        where state = 'waiting' and leased_until is not null and receiver = :receiver
    )
    where state = 'waiting' and receiver = :receiver and incident in (select value from json_each(:incidents))
"""

_RELEASE = """
    update outbox set leased_until = null where state = 'waiting' and leased_until is not null and receiver = ?
"""

_NEXT_DUE = f"""
    select min(max(due, coalesce(leased_until, due))) from outbox where state = 'waiting' and {_NO_ELDER}
"""  # noqa: S608  both parts are constants

_RECEIVERS = """
    select receiver, sum(pending) as pending, max(delivered) as delivered, max(given_up) as given_up,
        max(oldest) as oldest, max(last_delivered) as last_delivered, max(last_error) as last_error,
        max(last_error_at) as last_error_at, max(permanent) as permanent
    from (
        select receiver, count(*) as pending, 0 as delivered, 0 as given_up, min(at) as oldest,
            null as last_delivered, '' as last_error, null as last_error_at, 0 as permanent
        from outbox where state = 'waiting' group by receiver
        union all
        select receiver, 0, delivered, given_up, null, last_delivered, last_error, last_error_at, permanent
        from receivers
    ) group by receiver order by receiver
"""

_SETTLE = """
    update outbox set state = ?, error = ?, settled_at = ?, leased_until = null
    where state = 'waiting' and id in (select value from json_each(?))
"""

_BACKLOG = """
    select id, event, leased_until from outbox
    where state = 'waiting' and receiver = ? and incident = ? order by seq
"""

_UNHEARD = """
    select incident from (
        select incident, event, row_number() over (partition by incident order by seq) as place,
            row_number() over (partition by incident order by seq desc) as place_from_end, seq
        from outbox where state = 'waiting' and receiver = :receiver and (leased_until is not null or not :resumed)
    )
    group by incident
    having max(event = 'incident.opened' and place = 1) and max(event = 'incident.resolved' and place_from_end = 1)
    order by min(seq) limit :limit
"""

_DELIVERIES = """
    select receiver, incident, event, at, state, attempts, error, settled_at from outbox
    where incident = :incident or id in (select value from json_each(:messages))
    order by seq desc limit :limit
"""

_READDRESS = """
    update outbox set receiver = (select value from json_each(:to) where key = receiver)
    where state = 'waiting' and receiver in (select key from json_each(:to))
"""


def add_messages(db: Database, messages: Iterable[OutboxMessage]) -> None:
    """A message that is already there is not added again: the same commit may be tried twice."""
    rows = (
        {
            "id": each.id,
            "receiver": each.receiver,
            "incident": each.incident.id,
            "event": each.event.value,
            "at": stamp(each.at),
            "body": encode(each.incident),
            "due": stamp(each.at),
        }
        for each in messages
    )
    db.table("outbox").insert_all(rows, ignore=True)


def readdress(db: Database, to: Mapping[str, str]) -> None:
    """What waits for one receiver waits for another from now on, and its counts go along; all at once, for two may
    have changed places.
    """
    listed = json.dumps(dict(to))
    db.execute(_READDRESS, {"to": listed})
    counts = {row["receiver"]: row for row in db.query("select * from receivers")}
    table = db.table("receivers")
    table.delete_where("receiver in (select key from json_each(?))", [listed])
    moved = ({**counts[name], "receiver": now} for name, now in to.items() if name in counts)
    table.insert_all(moved, ignore=True)


def lease(db: Database, now: datetime, duration: float, limit: int, busy: Iterable[str]) -> Sequence[Lease]:
    """At most one row per receiver: the next one waits until that is settled or its lease has run out."""
    skipped = set(busy)
    waiting = db.query("select receiver from outbox where state = 'waiting' group by receiver order by min(seq)")
    until = now + timedelta(seconds=duration)
    leases: list[Lease] = []
    for receiver in [row["receiver"] for row in waiting]:
        if len(leases) >= limit:
            break
        if receiver in skipped or _leased(db, receiver, now):
            continue
        if (found := _next(db, receiver, now)) is not None:
            row, message = found
            resumed = row["leased_until"] is not None
            which = {"receiver": receiver, "incident": message.incident.id, "seq": row["seq"], "resumed": resumed}
            # Not by Table.update, which reads row and columns first: 100 µs, and this takes 5.
            db.execute(_LEASE, {**which, "until": stamp(until)})
            leases.append(Lease(message, row["attempts"] + 1, until, resumed))
    return leases


def end_leases(db: Database) -> None:
    """Nobody need wait until they run out; how far their owner came is not known."""
    db.execute("update outbox set leased_until = ? where state = 'waiting' and leased_until is not null", [UNSETTLED])


def _leased(db: Database, receiver: str, now: datetime) -> bool:
    one = "select 1 from outbox where state = 'waiting' and receiver = ? and leased_until > ? limit 1"
    return any(db.query(one, [receiver, stamp(now)]))


def _next(db: Database, receiver: str, now: datetime) -> tuple[Mapping[str, Any], OutboxMessage] | None:
    """The eldest row that may be sent, of those that somebody has begun to send if there are any, and its message.

    One that cannot be read blocks nobody.
    """
    while (row := next(db.query(_SENDABLE, {"receiver": receiver, "now": stamp(now)}), None)) is not None:
        try:
            return row, _message(row)
        except UNREADABLE:
            settle(db, DeliveryResult(row["id"], now, "given up: the row cannot be read back", permanent=True))
    return None


def _message(row: Mapping[str, Any]) -> OutboxMessage:
    """Raises one of UNREADABLE."""
    event, incident = IncidentEvent(row["event"]), decode(Incident, row["body"])
    return OutboxMessage(row["id"], row["receiver"], event, incident, moment(row["at"]))


def backlog(db: Database, message: OutboxMessage) -> Backlog:
    """What is leased of what waits for the receiver of a message about its incident; all of it where nothing is, that
    alone where nothing else can be read.
    """
    found = _backlog(db, message.receiver, message.incident.id)
    return found if found is not None else Backlog((message.id,), (message.event,), message)


def unheard(db: Database, receiver: str, limit: int, *, resumed: bool) -> Sequence[Backlog]:
    """The incidents of which the receiver was told neither beginning nor end, and both wait; eldest first.

    They are leased as that is which is being sent to it. ``resumed``: those of them alone that are leased.
    """
    which = {"receiver": receiver, "limit": limit, "resumed": resumed}
    names = [row["incident"] for row in db.query(_UNHEARD, which)]
    if not resumed:
        db.execute(_LEASE_TOO, {"receiver": receiver, "incidents": json.dumps(names)})
    return [found for name in names if (found := _backlog(db, receiver, name)) is not None]


def _backlog(db: Database, receiver: str, incident: str) -> Backlog | None:
    rows = list(db.query(_BACKLOG, [receiver, incident]))
    rows = [row for row in rows if row["leased_until"] is not None] or rows
    if not rows:
        return None
    last = next(db.query("select * from outbox where id = ?", [rows[-1]["id"]]))
    try:
        return Backlog(
            tuple(row["id"] for row in rows), tuple(IncidentEvent(row["event"]) for row in rows), _message(last)
        )
    except UNREADABLE:
        return None  # taken up, it is given up: see _next


def waiting(db: Database) -> Sequence[OutboxMessage]:
    """All that is owed, eldest first, but for rows that cannot be read back."""
    return list(_readable(db.query("select * from outbox where state = 'waiting' order by seq")))


def _readable(rows: Iterable[Mapping[str, Any]]) -> Iterator[OutboxMessage]:
    for row in rows:
        try:
            yield _message(row)
        except UNREADABLE:
            continue  # taken up, it is given up: see _next


def settle(db: Database, result: DeliveryResult) -> None:
    """Marks the row, and keeps count per receiver beyond the row's own life. A row settled before stays as it is."""
    row = next(db.query("select seq, receiver from outbox where id = ? and state = 'waiting'", [result.id]), None)
    if row is None:
        return
    db.execute(_RELEASE, [row["receiver"]])
    if result.again is not None:
        db.execute(
            "update outbox set due = ?, error = ? where seq = ?", [stamp(result.again), result.error, row["seq"]]
        )
    else:
        given_up = result.error and not result.in_part
        ends = {
            DeliveryState.GIVEN_UP if given_up else DeliveryState.DELIVERED: (result.id, *result.together),
            DeliveryState.SUPERSEDED: result.superseded,
        }
        for state, ids in ends.items():
            error = "" if state is DeliveryState.SUPERSEDED else result.error
            db.execute(_SETTLE, [state.value, error, stamp(result.at), json.dumps(ids)])
    _count(db, row["receiver"], result)


def _count(db: Database, receiver: str, result: DeliveryResult) -> None:
    none: dict[str, Any] = {"receiver": receiver, "delivered": 0, "given_up": 0, "last_error": "", "permanent": False}
    counts: dict[str, Any] = next(db.query("select * from receivers where receiver = ?", [receiver]), none)
    at = stamp(result.at)
    if result.error or result.in_part:
        counts |= {"last_error": result.error, "last_error_at": at, "permanent": result.permanent}
    if result.error and not result.in_part:
        counts["given_up"] += result.again is None
    elif result.again is None or result.in_part:
        counts |= {"delivered": counts["delivered"] + 1, "last_delivered": at, "permanent": False}
    db.table("receivers").insert(counts, replace=True)


def expedite(db: Database, receivers: Iterable[str], now: datetime) -> None:
    """What waits for these receivers is due by ``now``."""
    db.execute(
        "update outbox set due = :now "
        "where state = 'waiting' and due > :now and receiver in (select value from json_each(:receivers))",
        {"now": stamp(now), "receivers": json.dumps(list(receivers))},
    )


def receivers(db: Database) -> Sequence[ReceiverStatus]:
    """One per receiver that ever had or has a row, by name."""
    return [
        ReceiverStatus(
            row["receiver"],
            "",
            row["pending"],
            row["delivered"],
            moment_or_none(row["last_delivered"]),
            row["last_error"],
            moment_or_none(row["last_error_at"]),
            bool(row["permanent"]),
            row["given_up"],
            moment_or_none(row["oldest"]),
        )
        for row in db.query(_RECEIVERS)
    ]


def deliveries(db: Database, incident: str, messages: Iterable[str], limit: int) -> Sequence[Delivery]:
    """What was and is to be told of that incident, and of many in those ``messages``, oldest first; the newest
    ``limit`` if there are more.
    """
    of = {"incident": incident, "messages": json.dumps(list(messages)), "limit": limit}
    rows = db.query(_DELIVERIES, of)
    return [_delivery(row, incident) for row in rows if row["event"] in tuple(IncidentEvent)][::-1]


def _delivery(row: Mapping[str, Any], incident: str) -> Delivery:
    return Delivery(
        row["receiver"],
        IncidentEvent(row["event"]),
        moment(row["at"]),
        DeliveryState(row["state"]),
        row["attempts"],
        row["error"],
        moment_or_none(row["settled_at"]),
        among_many=row["incident"] != incident,
    )


def destinations(db: Database) -> dict[str, str]:
    """What is kept of where each receiver leads."""
    text = read_meta(db, _DESTINATIONS)
    return {} if text is None else json.loads(text)


def write_destinations(db: Database, of: Mapping[str, str]) -> None:
    """In place of what was kept before."""
    write_meta(db, _DESTINATIONS, json.dumps(dict(of)))


def next_due(db: Database) -> datetime | None:
    """When the next row may be sent that waits for no elder one; None where nothing waits."""
    return moment_or_none(value(db, _NEXT_DUE))
