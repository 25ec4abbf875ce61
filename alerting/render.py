"""Notifications: what is told of an incident, in the words of a mail and as data."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from alerting.finding_types import FINDING_TYPES
from alerting.headline import (
    about_many,
    acknowledged,
    beginning,
    changes,
    headline,
    moved,
    shown_zone,
    shown_zones,
    thousands,
)
from alerting.incident import RESOLVED, Incident, IncidentEvent, IncidentFinding
from alerting.incident_lines import gravity
from alerting.notification import DELAYED, Notification, OutboxMessage
from alerting.runbook import RunbookEntry, explain
from alerting.runbook.commands import dig
from checks.common.text import escape_lines, format_duration, instant, one_line
from checks.transfer import key_of

TAGS = {
    IncidentEvent.OPENED: "FIRING {severity}",
    IncidentEvent.REMINDED: "STILL {severity}",
    IncidentEvent.WORSENED: "WORSE {severity}",
    IncidentEvent.IMPROVED: "BETTER {severity}",
    IncidentEvent.ACKNOWLEDGED: "ACKNOWLEDGED",
    IncidentEvent.UNACKNOWLEDGED: "NOT ACKNOWLEDGED",
    IncidentEvent.RESOLVED: "RESOLVED",
    IncidentEvent.TEST: "TEST",
}

UPDATES = frozenset({IncidentEvent.REMINDED, IncidentEvent.WORSENED, IncidentEvent.IMPROVED})
"""News for those who know of it already."""

MAX_SUBJECT = 180
MAX_ZONES = 1000
MAX_CODES = 3
MAX_DIG_LINES = 6
MAX_PAST = 10
NOTHING_TO_ENTER = "# not applicable"
MAX_IN_SUMMARY = 10
"""Incidents of a digest that a small screen has room for."""

_MORE_LINES = re.compile("\n{3,}")


@dataclass(frozen=True, slots=True)
class Explained:
    """A code of the incident, as its receivers need it."""

    code: str
    meaning: str
    advice: str


def render(message: OutboxMessage, url: str | None = None, now: datetime | None = None) -> Notification:
    """The notification for one message. ``url`` is where people reach the page; ``now`` when it is sent."""
    if message.digest:
        return _render_digest(message, url, now)
    incident, at = message.incident, now or message.at
    lines = sorted(incident.lines, key=gravity)
    standing = [line for line in lines if line.ended_at is None]
    codes = _codes(standing)
    over = incident.phase == RESOLVED
    ended = incident.ended_at or incident.resolved_at or message.at
    tag = TAGS[message.event].format(severity=incident.severity)
    words = {
        "event": message.event,
        "incident": incident,
        "headline": headline(incident, message.event),
        "tag": tag,
        "changes": _sentences(message),
        "acknowledged": acknowledged(incident),
        "standing": () if incident.goes_on else lines[:MAX_PAST] if over else standing,
        "past": () if over else [line for line in lines if line.ended_at is not None][:MAX_PAST],
        "over": over,
        "unwatched": over and bool(incident.left_zones) and not incident.past_zones + incident.moved_zones,
        "goes_on": incident.goes_on,
        "unrouted": incident.unrouted,
        "ended": ended,
        "lasted": format_duration(ended - incident.began_at),
        "explained": [Explained(e.code, e.meaning, e.advice) for e in codes],
        "cures": _cures(codes, standing),
        "dig": dig_lines(standing),
        "link": link(incident, message.event, url),
        "unheard": message.unheard,
        "delayed": at - message.at >= DELAYED,
        "at": message.at,
    }
    return Notification(
        id=message.id,
        event=message.event,
        at=message.at,
        incident=incident.id,
        about=incident,
        thread=incident.id,
        subject=_cut(f"[{tag}] {words['headline']}"),
        text=_MORE_LINES.sub("\n\n", _TEMPLATES.get_template("incident.txt").render(words)),
        html=_TEMPLATES.get_template("incident.html").render(words),
        data=as_data(incident),
        summary=_TEMPLATES.get_template("summary.txt").render(words).strip(),
        link=link(incident, message.event, url),
        sent_at=at,
    )


def _render_digest(message: OutboxMessage, url: str | None, now: datetime | None) -> Notification:
    """One notification for incidents that came and went before it could be said that they had begun."""
    incidents = sorted((each.incident for each in message.digest), key=lambda incident: incident.began_at)
    worst = max(incidents, key=lambda incident: incident.worst)
    words = {
        "headline": f"{thousands(len(incidents))} incidents came and went before you could be told",
        "tag": TAGS[IncidentEvent.RESOLVED],
        "lines": [(headline(each), each.began_at, _ended(each), _lasted(each)) for each in incidents],
        "most": MAX_IN_SUMMARY,
        "link": f"{url.rstrip('/')}/incidents" if url else None,
    }
    return Notification(
        id=message.id,
        event=IncidentEvent.RESOLVED,
        at=message.at,
        incident=worst.id,
        about=worst,
        thread=message.id,
        subject=f"[{words['tag']}] {words['headline']}",
        text=_MORE_LINES.sub("\n\n", _TEMPLATES.get_template("digest.txt").render(words)),
        html=_TEMPLATES.get_template("digest.html").render(words),
        data={"incidents": [as_data(each) for each in incidents]},
        summary=_TEMPLATES.get_template("digest_summary.txt").render(words).strip(),
        link=f"{url.rstrip('/')}/incidents" if url else None,
        sent_at=now,
    )


def _ended(incident: Incident) -> datetime:
    return incident.ended_at or incident.resolved_at or incident.began_at


def _lasted(incident: Incident) -> str:
    return format_duration(_ended(incident) - incident.began_at)


def _sentences(message: OutboxMessage) -> Sequence[str]:
    """What has changed, or how it began."""
    incident = message.incident
    if incident.many is not None:
        return about_many(incident.many, message.event)
    if message.event in UPDATES:
        return changes(incident)
    return moved(incident) if incident.phase == RESOLVED else beginning(incident)


def as_data(incident: Incident) -> dict[str, object]:
    """The incident as the API and webhooks show it: JSON values only, times in RFC 3339, zones capped at 1000.

    While it is open, what is counted is what is bad now; of one that is over it is what was.
    """
    open_ = incident.phase != RESOLVED
    past = {*incident.zones, *incident.past_zones, *incident.left_zones}
    zones = incident.zones if open_ else tuple(sorted(past))
    return {
        "id": incident.id,
        "title": headline(incident),
        "cause": str(incident.cause),
        "severity": str(incident.severity if open_ or incident.goes_on else incident.worst),
        "worst_severity": str(incident.worst),
        "phase": incident.phase,
        "acknowledged": _acknowledged(incident),
        "zones": list(zones[:MAX_ZONES]),
        "zone_count": len(zones),
        "zones_back": len(incident.past_zones),
        "zones_left": len(incident.left_zones),
        "labels": _labels(incident.labels),
        "unserved_zones": list(incident.unserved[:MAX_ZONES]),
        "unserved_zone_count": len(incident.unserved),
        "short_zones": list(incident.short[:MAX_ZONES]),
        "short_zone_count": len(incident.short),
        "servers": list(incident.servers if open_ else sorted({*incident.servers, *incident.past_servers})),
        "began_at": stamp(incident.began_at),
        "ended_at": stamp(incident.ended_at),
        "opened_at": stamp(incident.opened_at),
        "resolved_at": stamp(incident.resolved_at),
        "finding_count": incident.findings if open_ else sum(line.count for line in incident.lines),
        "recovering_count": incident.recovering,
        "silenced_count": incident.silenced,
        "silences": list(incident.silences),
        "flapping": incident.flapping and open_,
        "openings": incident.openings,
        "incidents": list(incident.incidents[:MAX_ZONES]),
        "incident_count": len(incident.incidents),
        "incidents_over": list(incident.many.over if incident.many is not None else ()),
        "findings": [_finding(line) for line in incident.lines],
    }


def _acknowledged(incident: Incident) -> dict[str, object] | None:
    known = incident.acknowledged
    return None if known is None else {"at": stamp(known.at), "by": known.by or None, "note": known.note or None}


def _cures(codes: Sequence[RunbookEntry], standing: Sequence[IncidentFinding]) -> list[tuple[str, str]]:
    """What to enter at which nameserver, for the gravest; none where it is not the nameserver that is to be mended."""
    entered = codes[0].fixes(_bare(standing[0].zone)) if codes else ()
    return [(software, text) for software, text in entered if not text.lstrip().startswith(NOTHING_TO_ENTER)]


def _labels(labels: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Every value of each."""
    found: dict[str, list[str]] = {}
    for name, value in labels:
        found.setdefault(name, []).append(value)
    return found


def _finding(line: IncidentFinding) -> dict[str, object]:
    """Findings that differ only in their zone are one, with how many there are."""
    return {
        "code": line.code,
        "severity": str(line.severity),
        "zone": line.zone,
        "zones": list(line.sample or (line.zone,)),
        "zone_count": line.zones,
        "count": line.count,
        "server": line.server,
        "address": line.address,
        "text": line.text,
        "since": stamp(line.since),
        "ended_at": stamp(line.ended_at),
    }


def link(incident: Incident, event: IncidentEvent, url: str | None) -> str | None:
    """Where the page shows it; a specimen has no page of its own, and neither have many."""
    if not url:
        return None
    own = "" if event is IncidentEvent.TEST or incident.many is not None else f"/{quote(incident.id, safe='')}"
    return f"{url.rstrip('/')}/incidents{own}"


def _codes(lines: Iterable[IncidentFinding]) -> list[RunbookEntry]:
    seen = dict.fromkeys(line.code for line in lines)
    return [explain(code) for code in seen if code in FINDING_TYPES][:MAX_CODES]


def dig_lines(lines: Iterable[IncidentFinding]) -> list[str]:
    """The commands that show the first finding of each code."""
    first: dict[str, IncidentFinding] = {}
    for line in lines:
        first.setdefault(line.code, line)
    said = [text for line in first.values() if line.code in FINDING_TYPES for text in _dig_line(line)]
    return [one_line(text) for text in dict.fromkeys(said)][:MAX_DIG_LINES]


def _dig_line(line: IncidentFinding) -> tuple[str, ...]:
    host, port = _split(line.address)
    return dig(explain(line.code), line.zone, host, port, key=_key_file(line.subject), record=line.subject)


def _key_file(subject: str) -> str:
    """A place for the key of a row of the transfer matrix ("key xfr, must be allowed"): dig reads it from a file."""
    name = key_of(subject)
    return f"{name}.key" if name is not None else ""


def _split(address: str | None) -> tuple[str | None, int]:
    """The text form of an address, taken apart: 192.0.2.1, 192.0.2.1:5353, 2001:db8::1, [2001:db8::1]:5353."""
    if address is None:
        return None, 53
    if address.startswith("["):
        host, _, port = address[1:].partition("]:")
        return host, int(port)
    host, colon, port = address.partition(":")
    if colon and ":" not in port:
        return host, int(port)
    return address, 53


def _bare(zone: str) -> str:
    return one_line(zone.rstrip(".") or zone)


def _cut(subject: str) -> str:
    return subject if len(subject) <= MAX_SUBJECT else f"{subject[: MAX_SUBJECT - 1]}…"


def stamp(at: datetime | None) -> str | None:
    """RFC 3339 in UTC; None of None."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at is not None else None


_TEMPLATES = Environment(
    loader=PackageLoader("alerting"),
    autoescape=select_autoescape(enabled_extensions=("html",)),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_TEMPLATES.filters |= {
    "duration": lambda seconds: format_duration(timedelta(seconds=seconds)),
    "one_line": one_line,
    "escape_lines": escape_lines,
    "zone": shown_zone,
    "zones": shown_zones,
    "instant": instant,
    "thousands": thousands,
}
