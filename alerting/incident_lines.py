"""The lines of an incident: its findings, folded, the gravest first."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from alerting.incident import IncidentFinding
from alerting.line_tally import SAMPLE_SIZE, LineTally
from alerting.model import Alert, AlertKey, Phase
from alerting.root_cause import HIDES_CONTENT, OF_CONTENT
from checks.model import Address
from checks.model.finding_type import Severity

MAX_LINES = 20
"""Lines kept beside those that are critical and stand, which are all kept."""

_NO_LONGER = "; no longer monitored"
_INFORMATION = "; only information now"

LineKey = tuple[str, str | None, str | None]
"""What the findings of one line have in common: code, server and address."""


def lines_of(
    before: Sequence[IncidentFinding],
    standing: Mapping[LineKey, IncidentFinding],
    over: Iterable[Alert],
    unwatched: Collection[AlertKey],
    now: datetime,
    strays: Iterable[Alert] = (),
) -> tuple[IncidentFinding, ...]:
    """The lines of an incident whose alerts that are not OK make the lines ``standing``; those in ``over`` just became
    OK, and ``strays`` are bad elsewhere.

    A line of which nothing stands any more is kept as it was and says since when; ``unwatched`` are the alerts that
    ended only because nobody looks any more.
    """
    gone: dict[LineKey, list[Alert]] = defaultdict(list)
    for alert in over:
        gone[line_key(alert.key)].append(alert)
    was = {(line.code, line.server, line.address): line for line in before}
    away: dict[LineKey, list[Alert]] = defaultdict(list)
    for alert in strays:
        away[line_key(alert.key)].append(alert)
    for where in away.keys() & was.keys() - standing.keys():
        if was[where].ended_at is None or where in gone:
            less = _without(was[where], away[where], gone.pop(where, ()), unwatched, now)
            was = was | {where: less} if less is not None else {key: line for key, line in was.items() if key != where}
    lines = [_grown(line, was.get(where)) for where, line in standing.items()]
    untold = {line_key(key) for key in unwatched}
    was = {where: _untold(line) if where in untold and where not in gone else line for where, line in was.items()}
    lines += [_ended(line, gone.get(where, ()), unwatched, now) for where, line in was.items() if where not in standing]
    lines += [
        _ended(_line(alerts), alerts, unwatched, now)
        for where, alerts in gone.items()
        if where not in was and where not in standing
    ]
    return _kept(sorted(lines, key=gravity))


def _untold(line: IncidentFinding) -> IncidentFinding:
    """A line that stood, if nothing stands of it any more but what is only information."""
    return line if line.ended_at is not None else replace(line, text=line.text + _INFORMATION)


def _without(
    line: IncidentFinding,
    strays: Sequence[Alert],
    over: Sequence[Alert],
    unwatched: Collection[AlertKey],
    now: datetime,
) -> IncidentFinding | None:
    """A line that ends, with those in ``over``, as far as its zones are not bad elsewhere; None: all of them are."""
    elsewhere = {alert.key.zone for alert in strays}
    known = (*(alert.key.zone for alert in over), line.zone, *line.sample, *line.most_sample)
    left = tuple(dict.fromkeys(zone for zone in known if zone not in elsewhere))
    if not left:
        return None
    zones = max(len(left), line.most[1] - len(elsewhere))
    count = max(zones, line.most[0] - len(strays))
    text = next((alert.text for alert in over if alert.key.zone == left[0]), line.text)
    sample = left[:SAMPLE_SIZE] if zones > 1 else ()
    own = replace(
        line, zone=left[0], text=text, count=count, zones=zones, sample=sample, most=(count, zones), most_sample=sample
    )
    return _ended(own, over, unwatched, now)


def heard_lines(
    lines: Sequence[IncidentFinding], heard: Mapping[LineKey, IncidentFinding], standing: Collection[LineKey]
) -> tuple[IncidentFinding, ...]:
    """The lines of an incident, where of those that are ``standing`` only ``heard`` are to be told of."""
    past = [line for line in lines if (line.code, line.server, line.address) not in standing]
    return _kept(sorted([*(_grown(line, None) for line in heard.values()), *past], key=gravity))


def worded(
    lines: Iterable[IncidentFinding], standing: Mapping[LineKey, IncidentFinding]
) -> tuple[IncidentFinding, ...]:
    """The lines in the words of those that are ``standing``."""
    found = ((line, standing.get((line.code, line.server, line.address))) for line in lines)
    return tuple(replace(line, text=now.text) if now is not None else line for line, now in found)


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
    """What stands before what ended, the grave before the light, what is certain before what is still in its grace, of
    those the newest first.
    """
    grave = line.ended_at is not None, -line.severity, line.pending
    return *grave, -line.since.timestamp(), line.code, line.server or "", line.zone


def _grown(line: IncidentFinding, before: IncidentFinding | None) -> IncidentFinding:
    """With the most that it ever was about, and since when."""
    if before is None:
        return replace(line, most=(line.count, line.zones), most_sample=line.sample)
    count, zones = before.most
    sample = before.most_sample if zones > line.zones else line.sample
    goes_on = before.ended_at is None or before.ended_at >= line.since
    return replace(
        line,
        most=(max(count, line.count), max(zones, line.zones)),
        most_sample=sample,
        began=_began(before) if goes_on and _began(before) < line.since else None,
    )


def _began(line: IncidentFinding) -> datetime:
    return line.began or line.since


def _kept(lines: Sequence[IncidentFinding]) -> tuple[IncidentFinding, ...]:
    """Nothing that is critical and stands is ever left out."""
    grave = [line for line in lines if line.ended_at is None and line.severity is Severity.CRITICAL]
    return (*grave, *lines[len(grave) : len(grave) + MAX_LINES])


def line_key(key: AlertKey) -> LineKey:
    """In which line of its incident an alert is told of."""
    return key.code, key.server, str(key.address) if key.address is not None else None


def _line(alerts: Iterable[Alert]) -> IncidentFinding:
    tally = LineTally()
    for number, alert in enumerate(alerts):
        tally.add(alert, number)
    return tally.line({alert.key: alert for alert in alerts})


def _ended(
    line: IncidentFinding, alerts: Sequence[Alert], unwatched: Collection[AlertKey], now: datetime
) -> IncidentFinding:
    """Of what never came out of its grace it is only known that it is good now. What was history before it was
    good (``current``) ended as it became that.
    """
    if line.ended_at is not None and not alerts:
        return line
    at = line.ended_at or max((alert.good_since or alert.since for alert in alerts), default=now)
    left = bool(alerts) and all(alert.key in unwatched for alert in alerts) and not line.text.endswith(_NO_LONGER)
    count, zones = line.most
    text = line.text + _NO_LONGER if left else line.text
    sample = line.most_sample if zones > line.zones else line.sample
    return replace(
        line,
        since=_began(line),
        ended_at=at,
        pending=False,
        text=text,
        count=max(count, line.count),
        zones=max(zones, line.zones),
        sample=sample,
    )
