"""The lines of an incident: its findings, folded, the gravest first."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from alerting.model import Alert, AlertKey, IncidentFinding, Phase
from alerting.root_cause import HIDES_CONTENT, OF_CONTENT
from checks.model import Address
from checks.model.finding_type import Severity

MAX_LINES = 20
"""Lines kept beside those that are critical and stand, which are all kept."""

SAMPLE_SIZE = 5
"""Zones named by a line that is about many."""

UNWATCHED = "; no longer monitored"

LineKey = tuple[str, str | None, str | None]
"""What the findings of one line have in common: code, server and address."""


def lines_of(
    before: Sequence[IncidentFinding],
    standing: Iterable[Alert],
    over: Iterable[Alert],
    unwatched: Collection[AlertKey],
    now: datetime,
) -> tuple[IncidentFinding, ...]:
    """The lines of an incident whose alerts in ``standing`` are not OK, and those in ``over`` just became so.

    A line of which nothing stands any more is kept as it was and says since when; ``unwatched`` are the alerts that
    ended only because nobody looks any more.
    """
    found: dict[LineKey, list[Alert]] = defaultdict(list)
    for alert in standing:
        found[_place(alert)].append(alert)
    gone: dict[LineKey, list[Alert]] = defaultdict(list)
    for alert in over:
        gone[_place(alert)].append(alert)
    was = {(line.code, line.server, line.address): line for line in before}
    lines = [_grown(_line(alerts), was.get(where)) for where, alerts in found.items()]
    for line in before:
        where = (line.code, line.server, line.address)
        if where not in found:
            lines.append(_ended(line, gone.get(where, ()), unwatched, now))
    known = {(line.code, line.server, line.address) for line in before}
    lines += [
        _ended(_line(alerts), alerts, unwatched, now)
        for where, alerts in gone.items()
        if where not in known and where not in found
    ]
    return _kept(sorted(lines, key=gravity))


def current(alerts: Sequence[Alert]) -> Sequence[Alert]:
    """Those of an incident's alerts that say what is so now.

    What was found in what an address served is history once it does not serve the zone any more, or is silent.
    """
    silenced: dict[tuple[str, str | None, Address | None], datetime] = {}
    for alert in alerts:
        if alert.key.code in HIDES_CONTENT and alert.phase is Phase.FIRING:
            silenced[alert.key.zone, alert.key.server, alert.key.address] = alert.bad_since or alert.since
    if not silenced:
        return alerts
    return [alert for alert in alerts if not _silenced(alert, silenced)]


def _silenced(alert: Alert, silenced: Mapping[tuple[str, str | None, Address | None], datetime]) -> bool:
    key = alert.key
    if key.code in HIDES_CONTENT or key.code not in OF_CONTENT:
        return False
    since = silenced.get((key.zone, key.server, key.address))
    return since is not None and since > (alert.bad_since or alert.since)


def gravity(line: IncidentFinding) -> tuple[object, ...]:
    """What stands before what ended, the grave before the light, of those the newest first."""
    return line.ended_at is not None, -line.severity, -line.since.timestamp(), line.code, line.server or "", line.zone


def _grown(line: IncidentFinding, before: IncidentFinding | None) -> IncidentFinding:
    """With the most that it ever was about."""
    count, zones = before.most if before is not None else (0, 0)
    return replace(line, most=(max(count, line.count), max(zones, line.zones)))


def _kept(lines: Sequence[IncidentFinding]) -> tuple[IncidentFinding, ...]:
    """Nothing that is critical and stands is ever left out."""
    grave = [line for line in lines if line.ended_at is None and line.severity is Severity.CRITICAL]
    return (*grave, *lines[len(grave) : len(grave) + MAX_LINES])


def _place(alert: Alert) -> LineKey:
    key = alert.key
    return key.code, key.server, str(key.address) if key.address is not None else None


def _line(alerts: Sequence[Alert]) -> IncidentFinding:
    """One line for alerts of one place; it speaks for the first of those that are bad now, the gravest before."""
    first = min(alerts, key=lambda a: (a.phase is Phase.RECOVERING, -a.severity, a.bad_since or a.since, a.key.zone))
    key, zones = first.key, sorted({alert.key.zone for alert in alerts})
    return IncidentFinding(
        code=key.code,
        severity=max(alert.severity for alert in alerts),
        zone=key.zone,
        server=key.server,
        address=str(key.address) if key.address is not None else None,
        text=first.text,
        since=min(alert.bad_since or alert.since for alert in alerts),
        ended_at=_good_since(alerts),
        subject=key.subject,
        count=len(alerts),
        zones=len(zones),
        sample=tuple([key.zone, *(zone for zone in zones if zone != key.zone)][:SAMPLE_SIZE]) if len(zones) > 1 else (),
    )


def _good_since(alerts: Iterable[Alert]) -> datetime | None:
    """Since when none of them is bad; None while one is."""
    since = [alert.good_since if alert.phase is Phase.RECOVERING else None for alert in alerts]
    known = [each for each in since if each is not None]
    return max(known) if len(known) == len(since) else None


def _ended(
    line: IncidentFinding, alerts: Sequence[Alert], unwatched: Collection[AlertKey], now: datetime
) -> IncidentFinding:
    """Of what never came out of its grace it is only known that it is good now. What was history before it was
    good (``current``) ended as it became that.
    """
    if line.ended_at is not None and not alerts:
        return line
    at = line.ended_at or max((alert.good_since or alert.since for alert in alerts), default=now)
    left = bool(alerts) and all(alert.key in unwatched for alert in alerts) and not line.text.endswith(UNWATCHED)
    count, zones = line.most
    text = line.text + UNWATCHED if left else line.text
    return replace(line, ended_at=at, text=text, count=max(count, line.count), zones=max(zones, line.zones))
