"""What an incident is about and what has changed of it, in sentences."""

import re
from collections.abc import Iterable, Iterator, Sequence

from alerting.common_headline import common_headline, common_name
from alerting.incident import RESOLVED, Incident, IncidentChange, IncidentEvent, IncidentFinding, ManyIncidents
from alerting.incident_lines import gravity
from alerting.unicode_names import to_unicode
from checks.common.text import enumerated, instant, one_line
from checks.model.finding_type import Severity

UNSERVED = "no server is left that answers"
SHORT = "fewer servers than min_good are left that answer"

FLAPPING = "comes and goes: "
FLAPS = "It comes and goes. You hear of it again when it stays bad, or has been good for a while."

_MARK = re.compile(r'"(?:\\.|[^"\\])*"|[:;] |\. (?=[A-Z][a-z])')
"""Where a sentence has said what is so; or what is within quotes: marks there are a record's, as is the dot at the end
of a name, which its type follows.
"""

MAX_ZONES_NAMED = 3
"""Zones named in a sentence that counts them."""


def headline(incident: Incident, event: IncidentEvent | None = None) -> str:
    """What it is about and the newest of the gravest that is wrong, in one line; or what is better by now."""
    if incident.unrouted:
        return f"{subject(incident)}: it goes on, but is no longer for you"
    if incident.many is not None:
        return _many(incident, incident.many)
    if incident.goes_on:
        return f"{subject(incident)}: what you were told of is over"
    if event is IncidentEvent.IMPROVED and incident.change is not None:
        return _better(incident, incident.change)
    if incident.unserved:
        return _unserved(incident)
    if incident.short:
        return f"{_zone_or_count(incident.short)}: {SHORT}"
    over = incident.phase == RESOLVED
    if common := common_headline(incident, event):
        return f"{subject(incident)}: {FLAPPING}{common}" if incident.flapping and not over else common
    first = min(incident.lines, key=_told_first if over else gravity, default=None)
    if first is None and incident.moved_zones:
        return f"{subject(incident)}: what it was about has another cause"
    if first is None:
        return f"{subject(incident)}: nothing is known of it"
    zone = shown_zone(first.zone) if first.zones == 1 and first.zone else ""
    flapping = FLAPPING if incident.flapping and not over else ""
    return f"{subject(incident, first.zones, zone)}: {flapping}{clause(one_line(first.text))}"


def _many(incident: Incident, many: ManyIncidents) -> str:
    if incident.phase == RESOLVED:
        over = len(many.over)
        return f"and {_incidents(over)} {_is(over)} over"
    return f"and {_incidents(many.count)}" + (f"; the gravest: {incident.lines[0].text}" if incident.lines else "")


def about_many(many: ManyIncidents, event: IncidentEvent) -> Sequence[str]:
    """What is to be said of many incidents, beside how many they are: a sentence for each."""
    return tuple(_about_many(many, event))


def _about_many(many: ManyIncidents, event: IncidentEvent) -> Iterator[str]:
    if event is IncidentEvent.OPENED:
        yield "You are told of these, and of what becomes of them, in one message, so that there are not too many."
    if many.common:
        yield f"All of them: {enumerated(map(one_line, many.common), 10)}."
    if event is not IncidentEvent.OPENED and many.more:
        yield f"{thousands(many.more)} of them {_is(many.more)} new."
    if many.over:
        over, names = len(many.over), [name.rstrip(".") for name in many.over_names]
        named = ", ".join(names) + f" and {thousands(over - len(names))} more" if over > len(names) else ""
        yield f"{thousands(over)} {_is(over)} over: {named or enumerated(names, len(names))}."


def _incidents(count: int) -> str:
    return f"{thousands(count)} more incident{'' if count == 1 else 's'}"


def _told_first(line: IncidentFinding) -> tuple[object, ...]:
    """Of what is over the gravest, and of that what was about the most zones."""
    return -line.severity, -line.zones, line.since.timestamp(), line.code


def subject(incident: Incident, zones: int = 1, zone: str = "") -> str:
    """Whom or what it is about, and how many zones that are, or which ``zone``."""
    cause = incident.cause
    if cause.kind == "zone":
        return shown_zone(cause.name)
    name = "the monitor" if cause.kind == "vantage" else common_name(incident) or one_line(cause.name)
    if zones > 1:
        return f"{name}, {thousands(zones)} zones"
    return f"{name}, {zone}" if zone and cause.kind == "server" else name


def changes(incident: Incident) -> Sequence[str]:
    """What is different from what was told before: a sentence for each, the gravest first."""
    return tuple(_changes(incident, incident.change)) if incident.change is not None else ()


def moved(incident: Incident) -> Sequence[str]:
    """What is to be said at its end of what is bad still."""
    zones = incident.moved_zones
    if not zones:
        return ()
    return (f"Bad still, but for another cause: {_named(zones[:MAX_ZONES_NAMED], len(zones))}.",)


def beginning(incident: Incident) -> Sequence[str]:
    """What is to be said of its beginning to those who hear that it opened."""
    again = incident.over_at
    said = (FLAPS if incident.flapping else "", f"It is bad again: it was over at {instant(again)}." if again else "")
    return tuple(filter(None, said))


def acknowledged(incident: Incident) -> str:
    """Who knows of it, since when, and what they say; empty where nobody does."""
    known = incident.acknowledged
    if known is None:
        return ""
    by = f" by {one_line(known.by)}" if known.by else ""
    said = f": {one_line(known.note)}" if known.note else ""
    return f"Acknowledged{by}, {instant(known.at)}{said}"


def _changes(incident: Incident, change: IncidentChange) -> Iterator[str]:
    if change.flapping is not None:
        yield FLAPS if change.flapping else "It came and went before, and stays bad now."
    yield from _fewer_servers(incident, change)
    if change.severity is not None and change.severity < incident.severity:
        yield f"It is {incident.severity} now; it was {_a(change.severity)}."
    if change.more_zones:
        named = _named(change.named_zones[:MAX_ZONES_NAMED], change.more_zones)
        yield f"{_zones(change.more_zones)} more than before: {named}."
    if change.servers:
        yield f"It is bad at {enumerated(map(one_line, change.servers), 5)} too."
    if change.codes:
        yield f"New: {enumerated(change.codes, 10)}."
    if change.severity is not None and change.severity > incident.severity:
        yield f"The {change.severity} part is over; what is left is {_a(incident.severity)}."
    yield from _more_servers(change)
    if change.back:
        yield f"{_back(change)}."
    yield from _not_back(change)
    if change.servers_back:
        yield f"{enumerated(map(one_line, change.servers_back), 5)} {_is(len(change.servers_back))} back."


def _fewer_servers(incident: Incident, change: IncidentChange) -> Iterator[str]:
    if change.unserved:
        zones = change.named_unserved or incident.unserved
        yield f"No server is left that answers for {_named(zones[:MAX_ZONES_NAMED], change.unserved)}."
    if change.short:
        zones = change.named_short[:MAX_ZONES_NAMED]
        yield f"Fewer servers than min_good are left that answer for {_named(zones, change.short)}."


def _more_servers(change: IncidentChange) -> Iterator[str]:
    if change.served_again:
        yield f"{_zones(change.served_again)} that no server answered for {_has(change.served_again)} one again."
    if change.enough_again:
        yield f"Enough servers answer again for {_zones(change.enough_again)}."


def _not_back(change: IncidentChange) -> Iterator[str]:
    """What was told as bad, and is not here any more."""
    if change.moved:
        yield f"{_zones(change.moved)} {_is(change.moved)} bad still, but for another cause."
    if change.left:
        yield f"{_zones(change.left)} {_is(change.left)} no longer monitored, or only for information."


def _unserved(incident: Incident) -> str:
    """The zones that nobody serves, and through whom that came about."""
    zones, cause = incident.unserved, incident.cause
    last = f"; the last was {one_line(cause.name)}" if cause.kind == "server" else ""
    return f"{_zone_or_count(zones)}: {UNSERVED}{last}"


def _zone_or_count(zones: Sequence[str]) -> str:
    return shown_zone(zones[0]) if len(zones) == 1 else _zones(len(zones))


def _named(zones: Iterable[str], count: int) -> str:
    """Zones within a sentence: without the final dot, which looks like its end."""
    return shown_zones((zone.rstrip(".") or zone for zone in zones), count)


def _better(incident: Incident, change: IncidentChange) -> str:
    """The first thing to know of what is over in part."""
    about = subject(incident)
    if change.back:
        return f"{about}: {_back(change)}"
    if change.severity is not None:
        return f"{about}: the {change.severity} part is over"
    if change.servers_back:
        back = enumerated(map(one_line, change.servers_back), 5)
        return f"{about}: {back} {_is(len(change.servers_back))} back"
    if incident.cause.kind == "server":  # which goes on as it is
        return f"{subject(incident, len(incident.zones), *incident.zones[:1])}: another server answers again"
    return f"{about}: a server answers again"


def _back(change: IncidentChange) -> str:
    return f"{thousands(change.back)} of {_zones(change.zones)} {_is(change.back)} back"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _has(count: int) -> str:
    return "has" if count == 1 else "have"


def _a(severity: Severity) -> str:
    return "critical" if severity is Severity.CRITICAL else f"a {severity}"


def _zones(count: int) -> str:
    return f"{thousands(count)} zone{'' if count == 1 else 's'}"


def clause(text: str) -> str:
    """What a sentence says before it explains itself: a subject line has no room for more."""
    ends = (mark.start() for mark in _MARK.finditer(text) if not mark.group().startswith('"'))
    return text[: next(ends, None)]


def shown_zone(name: str) -> str:
    """A zone in the form of the wire and, where it differs, in letters people read."""
    readable = ".".join(map(to_unicode, name.split(".")))
    return one_line(name if readable == name else f"{name} ({readable})")


def shown_zones(names: Iterable[str], count: int) -> str:
    """The first few of ``count`` zones, and how many more there are."""
    named = [shown_zone(name) for name in names]
    more = count - len(named)
    return f"{', '.join(named)} and {thousands(more)} more" if more > 0 else enumerated(named, len(named))


def thousands(count: int) -> str:
    """10 000, with a space that does not break."""
    return f"{count:,}".replace(",", "\u00a0")
