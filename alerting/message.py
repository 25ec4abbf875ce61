"""How is a piece of news put in words?"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from alerting.catalogue import CATALOGUE
from alerting.catalogue.dig import dig
from alerting.catalogue.entry import Entry
from alerting.letters import letters
from alerting.model import Incident, Line, News, Notification, Telling
from checks.words import moment, span

TAGS = {
    News.OPENED: "FIRING {severity}",
    News.REMINDED: "STILL {severity}",
    News.WORSENED: "WORSE {severity}",
    News.RESOLVED: "RESOLVED",
    News.TEST: "TEST",
}

MOST_SUBJECT = 180
MOST_ZONES = 1000
MOST_CODES = 3
MOST_DIG = 6

DELAYED = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Explained:
    """A code of the incident, as its receivers need it."""

    code: str
    meaning: str
    advice: str


def render(telling: Telling, url: str | None = None, now: datetime | None = None) -> Notification:
    """The notification for one telling. ``url`` is where people reach the page; ``now`` when it is sent."""
    incident, at = telling.incident, now or telling.at
    shown = sorted(incident.lines, key=lambda line: (line.ended is not None, -line.severity, line.since))
    standing = [line for line in shown if line.ended is None]
    codes = _codes(standing)
    words = {
        "news": telling.news,
        "incident": incident,
        "headline": headline(incident, shown),
        "tag": TAGS[telling.news].format(severity=incident.severity),
        "lines": shown,
        "more": incident.findings - len(shown),
        "over": incident.resolved_at is not None,
        "lasted": span((incident.resolved_at or telling.at) - incident.opened_at),
        "explained": [Explained(e.code, e.meaning, e.advice) for e in codes],
        "cures": codes[0].cure.blocks(_bare(standing[0].zone)) if codes else (),
        "dig": _dig(standing),
        "link": link(incident, url),
        "delayed": at - telling.at >= DELAYED,
        "at": telling.at,
    }
    return Notification(
        id=telling.id,
        news=telling.news,
        at=telling.at,
        incident=incident.id,
        thread=incident.id,
        subject=_cut(f"[{words['tag']}] {words['headline']}"),
        text=_TEMPLATES.get_template("incident.txt").render(words),
        html=_TEMPLATES.get_template("incident.html").render(words),
        data=as_data(incident),
        sent_at=at,
    )


def as_data(incident: Incident) -> dict[str, object]:
    """The incident as the API and webhooks show it: JSON values only, times in RFC 3339, zones capped at 1000."""
    return {
        "id": incident.id,
        "cause": str(incident.cause),
        "severity": str(incident.severity),
        "phase": incident.phase,
        "zones": list(incident.zones[:MOST_ZONES]),
        "zone_count": len(incident.zones),
        "servers": list(incident.servers),
        "opened_at": _stamp(incident.opened_at),
        "resolved_at": _stamp(incident.resolved_at),
        "finding_count": incident.findings,
        "findings": [
            {
                "code": line.code,
                "severity": str(line.severity),
                "zone": line.zone,
                "server": line.server,
                "address": line.address,
                "text": line.text,
                "since": _stamp(line.since),
                "ended": _stamp(line.ended),
            }
            for line in incident.lines
        ],
    }


def headline(incident: Incident, lines: Iterable[Line]) -> str:
    """What it is about and the gravest of what is wrong, in one line."""
    first = next(iter(lines), None)
    said = clause(plain(first.text)) if first else "nothing is known of it"
    cause = incident.cause
    if cause.kind == "zone":
        return f"{shown_zone(cause.name)}: {said}"
    name = "the monitor" if cause.kind == "vantage" else plain(cause.name)
    zones = len(incident.zones)
    if zones <= 1:
        return f"{name}: {said}"
    return f"{name}, {thousands(zones)} zones: {said}"


def clause(text: str) -> str:
    """What a sentence says before it explains itself: a subject line has no room for more."""
    ends = [at for mark in (": ", "; ", ". ") if (at := text.find(mark)) > 0]
    return text[: min(ends)] if ends else text


def link(incident: Incident, url: str | None) -> str | None:
    """Where the page shows it."""
    if not url:
        return None
    if incident.cause.kind == "zone":
        return f"{url.rstrip('/')}/zones/{quote(incident.cause.name, safe='')}"
    if incident.cause.kind == "server":
        return f"{url.rstrip('/')}/servers/{quote(incident.cause.name, safe='')}"
    return f"{url.rstrip('/')}/incidents"


def shown_zone(name: str) -> str:
    """A zone in the form of the wire and, where it differs, in letters people read."""
    readable = ".".join(map(letters, name.split(".")))
    return plain(name if readable == name else f"{name} ({readable})")


def plain(text: str) -> str:
    r"""Text without anything that moves a cursor, hides or turns letters round: such characters become \u{…}."""
    return "".join(char if char.isprintable() else f"\\u{{{ord(char):x}}}" for char in text)


def plain_block(text: str) -> str:
    return "\n".join(map(plain, text.split("\n")))


def thousands(count: int) -> str:
    """10 000, with a space that does not break."""
    return f"{count:,}".replace(",", "\u00a0")


def _codes(lines: Iterable[Line]) -> list[Entry]:
    seen = dict.fromkeys(line.code for line in lines)
    return [CATALOGUE[code] for code in seen if code in CATALOGUE][:MOST_CODES]


def _dig(lines: Iterable[Line]) -> list[str]:
    """The lines that show the first finding of each code."""
    first: dict[str, Line] = {}
    for line in lines:
        first.setdefault(line.code, line)
    said = [text for line in first.values() if line.code in CATALOGUE for text in _dig_line(line)]
    return [plain(text) for text in dict.fromkeys(said)][:MOST_DIG]


def _dig_line(line: Line) -> tuple[str, ...]:
    host, port = _split(line.address)
    return dig(CATALOGUE[line.code], line.zone, host, port, key=_key_file(line.subject), record=line.subject)


def _key_file(subject: str) -> str:
    """A place for the key of a row of the transfer matrix ("key xfr, must be allowed"): dig reads it from a file."""
    name = subject.partition(",")[0].removeprefix("key ")
    return f"{name}.key" if subject.startswith("key ") else ""


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
    return plain(zone.rstrip(".") or zone)


def _cut(subject: str) -> str:
    return subject if len(subject) <= MOST_SUBJECT else f"{subject[: MOST_SUBJECT - 1]}…"


def _stamp(at: datetime | None) -> str | None:
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
    "plain": plain,
    "plain_block": plain_block,
    "zone": shown_zone,
    "moment": moment,
    "thousands": thousands,
}
