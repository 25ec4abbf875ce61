"""Which alerts are one incident, and what must be said of it now?"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache, partial
from hashlib import sha256
from types import MappingProxyType

from alerting.cause import Taken, Topology, fold
from alerting.lines import Identity, chosen, ended, fresh, identity, line_of, texts_of
from alerting.model import (
    NOT_CHECKED,
    Alert,
    AlertKey,
    Cause,
    Incident,
    News,
    Phase,
    Policy,
    Reason,
    Route,
    Severity,
    Telling,
    Transition,
)
from alerting.route import route

OPEN, RESOLVED = "open", "resolved"

CONSEQUENCES = frozenset({NOT_CHECKED})
"""What follows from anything that keeps the monitor from looking: in an open incident it is no news."""

Standing = Mapping[AlertKey, Alert]
Causes = Mapping[AlertKey, Cause]
Folded = Callable[[Collection[Alert]], Causes]
"""The causes of some alerts, seen in the light of all."""


@dataclass(frozen=True, slots=True)
class Book:
    """The open incidents, by id. Which alerts are in one is written on the alerts."""

    incidents: Mapping[str, Incident] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Kept:
    """What a batch made of the book. ``alerts`` are those whose ``incident`` was set; all is to be committed."""

    book: Book
    alerts: tuple[Alert, ...] = ()
    incidents: tuple[Incident, ...] = ()
    tellings: tuple[Telling, ...] = ()


def keep(
    book: Book,
    standing: Standing,
    changed: Sequence[Alert],
    transitions: Iterable[Transition],
    topology: Topology,
    routes: Sequence[Route],
    now: datetime,
    receivers: Sequence[str] = (),
    taken: Taken = MappingProxyType({}),
) -> Kept:
    """Alerts that fire join the incident of their cause; one without alerts is resolved.

    ``standing`` are all alerts that are not OK, as they are after the batch; ``changed`` those the batch changed,
    OK ones too. An alert stays in its incident until it is OK. Per incident and batch each receiver hears one thing
    at most: that it opened, if he has not heard of it; that it worsened, by severity, by a code not yet told, or from
    a zone's trouble to a server's; that it is resolved, to exactly those who heard that it opened.
    """
    firing = [a for a in changed if a.phase in (Phase.FIRING, Phase.RECOVERING) and a.severity > Severity.INFO]
    joining = [a for a in firing if a.incident not in book.incidents]
    graver = [a for a in firing if (i := book.incidents.get(a.incident or "")) is not None and a.severity > i.severity]
    leaving = [a for a in changed if a.quiet and a.incident in book.incidents]
    if not (book.incidents or joining):
        return Kept(book)
    folded = partial(fold, standing.values(), topology, taken)
    causes = folded(joining) if joining else {}
    wider = _widen(book, standing, joining, causes, folded)
    joined = _assign(wider, standing, joining, causes, now)
    unwatched = {t.key for t in transitions if t.reason is Reason.WITHDRAWN}
    after = _enter(wider, joined, causes, graver, now)
    after = _reach(after, book, standing, folded)
    after = _leave(after, leaving, unwatched)
    after, over = _close(after, standing, joined, folded, now)
    return _tell(book, after, over, joined, standing, routes, receivers, now)


def remind(book: Book, now: datetime, policy: Policy, standing: Standing = MappingProxyType({})) -> Kept:
    """What is still open and was last told of ``policy.remind`` ago is told again; zero means never.

    ``standing`` brings the lines up to date: how late it is by now.
    """
    due = [i for i in book.incidents.values() if i.told and policy.remind and now - i.told_at >= policy.remind]
    changed, tellings = [], []
    texts = texts_of(standing.values()) if due else {}
    for incident in due:
        told = replace(fresh(incident, texts), told_at=now, news=incident.news + 1)
        changed.append(told)
        tellings += [_telling(told, News.REMINDED, name, now) for name in told.receivers]
    kept = Book({**book.incidents, **{i.id: i for i in changed}}) if changed else book
    return Kept(kept, (), tuple(changed), tuple(tellings))


def incident_id(cause: Cause, opened_at: datetime) -> str:
    """Short, in the order of time, and unique also where ten thousand open at once (48 bits of a hash)."""
    return f"{opened_at:%Y%m%dT%H%M%S}-{sha256(f'{cause} {opened_at.isoformat()}'.encode()).hexdigest()[:12]}"


def telling_id(incident: Incident, receiver: str) -> str:
    """Unique to incident, piece of news and receiver; without dots, which separate the parts of a signature."""
    return f"{incident.id}-{incident.news}-{sha256(receiver.encode()).hexdigest()[:8]}"


def _widen(book: Book, standing: Standing, joining: Iterable[Alert], causes: Causes, folded: Folded) -> Book:
    """An incident of a zone becomes that of a server when all that is in it turns out to be that server's fault."""
    wanted = {causes[alert.key] for alert in joining if causes[alert.key].kind == "server"}
    wanted -= {incident.cause for incident in book.incidents.values()}
    if not wanted:
        return book
    members = [a for a in standing.values() if a.incident in book.incidents and a.severity > Severity.INFO]
    held: dict[str, set[Cause]] = defaultdict(set)
    for alert, cause in zip(members, folded(members).values(), strict=True):
        held[alert.incident or ""].add(cause)
    wider = {}
    for name in sorted(held):
        if len(held[name]) == 1 and held[name] <= wanted:
            wider[name] = replace(book.incidents[name], cause=held[name].pop())
            wanted.discard(wider[name].cause)
    return Book({**book.incidents, **wider})


def _assign(
    book: Book, standing: Standing, joining: Sequence[Alert], causes: Causes, now: datetime
) -> tuple[Alert, ...]:
    """To each alert its incident: the open one of its cause; else the one that holds another alert of the same
    zone at the same server, for that is most likely the same trouble; else a new one.
    """
    if not joining:
        return ()
    of_cause = {incident.cause: incident.id for incident in book.incidents.values()}
    nearby = _places(book, standing) if any(causes[alert.key] not in of_cause for alert in joining) else {}
    joined = []
    for alert in joining:
        cause = causes[alert.key]
        where = of_cause.get(cause) or nearby.get((alert.key.zone, alert.key.server))
        if where is None:
            where = of_cause[cause] = incident_id(cause, now)
        joined.append(replace(alert, incident=where))
    return tuple(joined)


def _places(book: Book, standing: Standing) -> Mapping[tuple[str, str | None], str | None]:
    """In which incident a zone at a server is."""
    held = (alert for alert in standing.values() if alert.incident in book.incidents)
    return {(a.key.zone, a.key.server): a.incident for a in held if a.key.server is not None}


def _enter(
    book: Book, joined: Iterable[Alert], causes: Causes, graver: Iterable[Alert], now: datetime
) -> dict[str, Incident]:
    """The incidents with what joined them, or grew graver in them."""
    after = dict(book.incidents)
    by_incident: dict[str, list[Alert]] = defaultdict(list)
    for alert in joined:
        by_incident[alert.incident or ""].append(alert)
    for name, alerts in by_incident.items():
        incident = after.get(name) or _new(name, causes[alerts[0].key], now)
        after[name] = _with(incident, alerts)
    for alert in graver:
        known = after[alert.incident or ""]
        after[known.id] = replace(known, severity=max(known.severity, alert.severity))
    return after


def _reach(after: dict[str, Incident], before: Book, standing: Standing, folded: Folded) -> dict[str, Incident]:
    """What first becomes a server's incident counts the zones whose alerts are still on their way: they are why."""
    known = {incident.cause for incident in before.incidents.values()}
    fresh = {i.cause: i for i in after.values() if i.cause.kind == "server" and i.cause not in known}
    if not fresh:
        return after
    coming: dict[str, list[str]] = defaultdict(list)
    pending = [a for a in standing.values() if a.phase is Phase.PENDING and a.severity > Severity.INFO]
    for alert, cause in zip(pending, folded(pending).values(), strict=True):
        if cause in fresh:
            coming[fresh[cause].id].append(alert.key.zone)
    return after | {
        name: replace(after[name], zones=_union(after[name].zones, zones)) for name, zones in coming.items()
    }


def _new(name: str, cause: Cause, now: datetime) -> Incident:
    return Incident(name, cause, Severity.INFO, OPEN, (), (), opened_at=now, told_at=now, told=False)


def _with(incident: Incident, alerts: Sequence[Alert]) -> Incident:
    return replace(
        incident,
        severity=max(incident.severity, *(a.severity for a in alerts)),
        zones=_union(incident.zones, (a.key.zone for a in alerts)),
        servers=_union(incident.servers, (a.key.server for a in alerts)),
        codes=_union(incident.codes, (a.key.code for a in alerts)),
        lines=chosen((*incident.lines, *map(line_of, alerts))),
        findings=incident.findings + len(alerts),
    )


def _union(before: tuple[str, ...], more: Iterable[str | None]) -> tuple[str, ...]:
    new = {name for name in more if name}.difference(before)
    return tuple(sorted({*before, *new})) if new else before


def _leave(after: dict[str, Incident], leaving: Iterable[Alert], unwatched: set[AlertKey]) -> dict[str, Incident]:
    """Lines of alerts that are over say since when, and whether it is only that nobody looks any more."""
    gone: dict[str, dict[Identity, Alert]] = defaultdict(dict)
    for alert in leaving:
        gone[alert.incident or ""][identity(line_of(alert))] = alert
    for name, alerts in gone.items():
        after[name] = replace(after[name], lines=tuple(ended(x, alerts, unwatched) for x in after[name].lines))
    return after


def _close(
    after: dict[str, Incident], standing: Standing, joined: Iterable[Alert], folded: Folded, now: datetime
) -> tuple[dict[str, Incident], list[Incident]]:
    """Those that go on, and those that are over: no alert is in them, and none is on its way to them."""
    held = {a.incident for a in standing.values()} | {a.incident for a in joined}
    idle = [incident for incident in after.values() if incident.id not in held]
    if not idle:
        return after, []
    pending = [a for a in standing.values() if a.phase is Phase.PENDING and a.severity > Severity.INFO]
    coming = set(folded(pending).values())
    over = [replace(i, phase=RESOLVED, resolved_at=now) for i in idle if i.cause not in coming]
    ids = {incident.id for incident in over}
    return {name: incident for name, incident in after.items() if name not in ids}, over


def _tell(
    book: Book,
    after: Mapping[str, Incident],
    over: Sequence[Incident],
    joined: tuple[Alert, ...],
    standing: Standing,
    routes: Sequence[Route],
    receivers: Sequence[str],
    now: datetime,
) -> Kept:
    changed, tellings, open_now = [], [], dict(after)
    texts = cache(lambda: texts_of([*standing.values(), *joined]))
    for name, incident in after.items():
        before = book.incidents.get(name)
        if incident == before:
            continue
        open_now[name], news = _news(before, incident, texts, routes, receivers, now)
        changed.append(open_now[name])
        tellings += news
    for incident in over:
        told = replace(incident, news=incident.news + 1, told_at=now)
        changed.append(told)
        tellings += [_telling(told, News.RESOLVED, name, now) for name in told.receivers]
    return Kept(Book(open_now), joined, tuple(changed), tuple(tellings))


def _news(
    before: Incident | None,
    incident: Incident,
    texts: Callable[[], Mapping[Identity, str]],
    routes: Sequence[Route],
    receivers: Sequence[str],
    now: datetime,
) -> tuple[Incident, list[Telling]]:
    """Those who hear of it for the first time hear that it opened; the others only if it is worse."""
    worse = before is not None and (
        incident.severity > before.severity
        or incident.cause != before.cause
        or not CONSEQUENCES.issuperset(set(incident.codes).difference(before.codes))
    )
    heard = incident.receivers
    first = tuple(name for name in route(incident, routes, receivers) if name not in heard)
    if not first and not (worse and heard):
        return incident, []
    told = replace(
        fresh(incident, texts()),
        told=True,
        told_at=now,
        receivers=(*heard, *first),
        news=incident.news + 1,
    )
    tellings = [_telling(told, News.WORSENED, name, now) for name in heard if worse]
    return told, tellings + [_telling(told, News.OPENED, name, now) for name in first]


def _telling(incident: Incident, news: News, receiver: str, now: datetime) -> Telling:
    return Telling(telling_id(incident, receiver), receiver, news, incident, now)
