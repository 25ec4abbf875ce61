"""How does an incident list what is, or was, wrong?"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from alerting.model import Alert, AlertKey, Incident, Line

MOST_LINES = 20

UNWATCHED = "; no longer monitored"

Identity = tuple[object, ...]
"""What tells one line of an incident from another."""


def line_of(alert: Alert) -> Line:
    key = alert.key
    address = str(key.address) if key.address is not None else None
    since = alert.bad_since or alert.since
    return Line(key.code, alert.severity, key.zone, key.server, address, alert.text, since, subject=key.subject)


def chosen(lines: Sequence[Line]) -> tuple[Line, ...]:
    """At most MOST_LINES of them, in their order, so that every code has one.

    What stands is chosen before what ended, the first of a code before the second, the grave before the light.
    """
    if len(lines) <= MOST_LINES:
        return tuple(lines)
    nth: Counter[tuple[str, bool]] = Counter()
    ranked = []
    for place, line in enumerate(lines):
        ended = line.ended is not None
        nth[line.code, ended] += 1
        ranked.append((ended, nth[line.code, ended] > 1, -line.severity, place))
    return tuple(lines[place] for place in sorted(rank[-1] for rank in sorted(ranked)[:MOST_LINES]))


def ended(line: Line, alerts: Mapping[Identity, Alert], unwatched: set[AlertKey]) -> Line:
    alert = alerts.get(identity(line))
    if alert is None or line.ended is not None:
        return line
    said = line.text + UNWATCHED if alert.key in unwatched else line.text
    return replace(line, ended=alert.since, text=said)


def identity(line: Line) -> Identity:
    return (line.code, line.zone, line.server, line.address, line.subject, line.since)


def texts_of(alerts: Iterable[Alert]) -> dict[Identity, str]:
    """How the alerts put it by now: "22 min behind" grows while the alert stands unchanged."""
    return {identity(line_of(alert)): alert.text for alert in alerts if alert.incident is not None}


def fresh(incident: Incident, texts: Mapping[Identity, str]) -> Incident:
    lines = (x if x.ended else replace(x, text=texts.get(identity(x), x.text)) for x in incident.lines)
    return replace(incident, lines=tuple(lines))
