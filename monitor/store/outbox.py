"""The outbox: who has yet to be told, who is sending to them, and how it ended."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from alerting.model import Incident, IncidentEvent, OutboxMessage
from alerting.outbox import DeliveryResult, Lease, ReceiverStatus
from monitor.store.codec import UNREADABLE, decode, encode, moment, moment_or_none, stamp

DESTINATIONS = "destinations"
"""The key of ``meta`` under which is kept where receivers lead."""

# An elder is an earlier row for the same receiver and incident that still waits: "resolved" never overtakes "opened".
_NO_ELDER = """
    not exists (
        select 1 from outbox as elder
        where elder.state = 'waiting' and elder.receiver = outbox.receiver
        and elder.incident = outbox.incident and elder.seq < outbox.seq
    )
"""

_SENDABLE = f"""
    select id, event, at, body, attempts from outbox
    where state = 'waiting' and receiver = ? and due <= ? and (leased_until is null or leased_until <= ?)
    and {_NO_ELDER}
    order by seq limit 1
"""  # noqa: S608  both parts are constants

_NEXT_DUE = f"""
    select min(max(due, coalesce(leased_until, due))) from outbox where state = 'waiting' and {_NO_ELDER}
"""  # noqa: S608  both parts are constants


def add(conn: sqlite3.Connection, messages: Iterable[OutboxMessage]) -> None:
    """A message that is already there is not added again: the same commit may be tried twice."""
    conn.executemany(
        "insert into outbox (id, receiver, incident, event, at, body, due) values (?, ?, ?, ?, ?, ?, ?) "
        "on conflict (id) do nothing",
        (
            (
                each.id,
                each.receiver,
                each.incident.id,
                each.news.value,
                stamp(each.at),
                encode(each.incident),
                stamp(each.at),
            )
            for each in messages
        ),
    )


def readdress(conn: sqlite3.Connection, to: Mapping[str, str]) -> None:
    """What waits for one receiver waits for another from now on, and its counts go along; all at once, for two may
    have changed places.
    """
    waiting = [
        (now, seq)
        for name, now in to.items()
        for (seq,) in conn.execute("select seq from outbox where state = 'waiting' and receiver = ?", (name,))
    ]
    conn.executemany("update outbox set receiver = ? where seq = ?", waiting)
    columns = "delivered, given_up, last_delivered, last_error, last_error_at, permanent"
    counted = [
        (now, *row)
        for name, now in to.items()
        for row in conn.execute(f"select {columns} from receivers where receiver = ?", (name,))  # noqa: S608
    ]
    conn.executemany("delete from receivers where receiver = ?", ((name,) for name in to))
    conn.executemany(f"insert or ignore into receivers (receiver, {columns}) values (?, ?, ?, ?, ?, ?, ?)", counted)  # noqa: S608


def lease(conn: sqlite3.Connection, now: datetime, duration: float, limit: int, busy: Iterable[str]) -> Sequence[Lease]:
    """At most one row per receiver: the next one waits until that is settled or its lease has run out."""
    skipped = set(busy)
    waiting = conn.execute(
        "select receiver from outbox where state = 'waiting' group by receiver order by min(seq)"
    ).fetchall()
    until = now + timedelta(seconds=duration)
    leases: list[Lease] = []
    for (receiver,) in waiting:
        if len(leases) >= limit:
            break
        if receiver in skipped or _leased(conn, receiver, now):
            continue
        row = _next(conn, receiver, now)
        if row is not None:
            message, attempts = row
            conn.execute(
                "update outbox set leased_until = ?, attempts = ? where id = ?", (stamp(until), attempts, message.id)
            )
            leases.append(Lease(message, attempts, until))
    return leases


def _next(conn: sqlite3.Connection, receiver: str, now: datetime) -> tuple[OutboxMessage, int] | None:
    """The eldest row that may be sent, and the how-manieth attempt that is. One that cannot be read blocks nobody."""
    while True:
        row = conn.execute(_SENDABLE, (receiver, stamp(now), stamp(now))).fetchone()
        if row is None:
            return None
        id_, news, at, body, attempts = row
        try:
            return OutboxMessage(id_, receiver, IncidentEvent(news), decode(Incident, body), moment(at)), attempts + 1
        except UNREADABLE:
            settle(conn, DeliveryResult(id_, now, "given up: the row cannot be read back", permanent=True))


def waiting(conn: sqlite3.Connection) -> Sequence[OutboxMessage]:
    """All that is owed, eldest first, but for rows that cannot be read back."""
    found = []
    rows = conn.execute("select id, receiver, event, at, body from outbox where state = 'waiting' order by seq")
    for id_, receiver, news, at, body in rows:
        try:
            found.append(OutboxMessage(id_, receiver, IncidentEvent(news), decode(Incident, body), moment(at)))
        except UNREADABLE:
            continue  # taken up, it is given up: see _next
    return found


def settle(conn: sqlite3.Connection, result: DeliveryResult) -> None:
    """Marks the row, and keeps count per receiver beyond the row's own life. A row settled before stays as it is."""
    row = conn.execute("select receiver from outbox where id = ? and state = 'waiting'", (result.id,)).fetchone()
    if row is None:
        return
    at = stamp(result.at)
    if result.again is not None:
        conn.execute(
            "update outbox set due = ?, leased_until = null, error = ? where id = ?",
            (stamp(result.again), result.error, result.id),
        )
    else:
        conn.execute(
            "update outbox set state = ?, leased_until = null, error = ?, settled_at = ? where id = ?",
            ("given-up" if result.error and not result.in_part else "delivered", result.error, at, result.id),
        )
    _count(conn, row[0], result, at)


def expedite(conn: sqlite3.Connection, receivers: Iterable[str], now: datetime) -> None:
    conn.executemany(
        "update outbox set due = ?1 where state = 'waiting' and receiver = ?2 and due > ?1",
        ((stamp(now), name) for name in receivers),
    )


def receivers(conn: sqlite3.Connection) -> Sequence[ReceiverStatus]:
    """One per receiver that ever had or has a row, by name."""
    rows = conn.execute(
        "select receiver, sum(pending), max(delivered), max(given_up), max(oldest), max(last_delivered), "
        "max(last_error), max(last_error_at), max(permanent) from ("
        " select receiver, count(*) as pending, 0 as delivered, 0 as given_up, min(at) as oldest,"
        " null as last_delivered, '' as last_error, null as last_error_at, 0 as permanent"
        " from outbox where state = 'waiting' group by receiver"
        " union all select receiver, 0, delivered, given_up, null, last_delivered, last_error, last_error_at, permanent"
        " from receivers"
        ") group by receiver order by receiver"
    )
    return [
        ReceiverStatus(
            receiver, "", pending, delivered, moment_or_none(last), error, moment_or_none(error_at), bool(permanent),
            given_up, moment_or_none(oldest),
        )
        for receiver, pending, delivered, given_up, oldest, last, error, error_at, permanent in rows
    ]  # fmt: skip


def next_due(conn: sqlite3.Connection) -> datetime | None:
    (due,) = conn.execute(_NEXT_DUE).fetchone()
    return moment_or_none(due)


def _leased(conn: sqlite3.Connection, receiver: str, now: datetime) -> bool:
    row = conn.execute(
        "select 1 from outbox where state = 'waiting' and receiver = ? and leased_until > ? limit 1",
        (receiver, stamp(now)),
    ).fetchone()
    return row is not None


def _count(conn: sqlite3.Connection, receiver: str, result: DeliveryResult, at: str) -> None:
    conn.execute("insert into receivers (receiver) values (?) on conflict (receiver) do nothing", (receiver,))
    if result.in_part:
        conn.execute(
            "update receivers set delivered = delivered + 1, last_delivered = ?, last_error = ?, last_error_at = ?, "
            "permanent = 0 where receiver = ?",
            (at, result.error, at, receiver),
        )
    elif result.error:
        conn.execute(
            "update receivers set last_error = ?, last_error_at = ?, permanent = ?, given_up = given_up + ? "
            "where receiver = ?",
            (result.error, at, result.permanent, result.again is None, receiver),
        )
    elif result.again is None:
        conn.execute(
            "update receivers set delivered = delivered + 1, last_delivered = ?, permanent = 0 where receiver = ?",
            (at, receiver),
        )
