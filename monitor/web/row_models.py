"""Zones, addresses, findings and incidents as plain values for templates; nothing here knows of HTML."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from alerting.headline import shown_zones
from alerting.model import Incident, IncidentFinding
from alerting.runbook import CATALOGUE
from alerting.runbook.commands import dig
from alerting.runbook.entry import RunbookEntry
from checks.common.text import format_duration
from checks.model import Health
from monitor.probe.message.names import unicode
from monitor.state.level import Level, severity_level, state_level
from monitor.state.status import AddressStatus, FindingStatus, ZoneStatus
from monitor.web.formatting import clock, many, milliseconds, since, until
from monitor.web.level_words import phase_word, propagating, state_word, zone_level, zone_word
from monitor.web.redaction import title


@dataclass(frozen=True, slots=True)
class ZoneRow:
    name: str
    unicode: str
    path: str
    level: Level
    word: str
    serial: int | None
    since: str
    summary: str
    more: int
    servers: int


@dataclass(frozen=True, slots=True)
class AddressRow:
    zone: str
    zone_unicode: str
    zone_path: str
    server: str
    server_path: str
    address: str
    port: int
    roles: tuple[str, ...]
    level: Level
    word: str
    since: str
    serial: int | None
    lag: str
    outcome: str
    rtt: str
    nsid: str
    expires: str
    expires_at: str


@dataclass(frozen=True, slots=True)
class FindingRow:
    code: str
    level: Level
    severity: str
    meaning: str
    text: str
    where: str
    server: str
    server_path: str
    since: str
    phase: str
    path: str
    means: str
    advice: str
    dig: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LineRow:
    code: str
    level: Level
    severity: str
    text: str
    zone: str
    zone_path: str
    where: str
    since: str
    ended: bool
    zones: int
    """How many zones it is about."""


@dataclass(frozen=True, slots=True)
class IncidentRow:
    id: str
    level: Level
    severity: str
    kind: str
    name: str
    path: str
    opened: str
    lasted: str
    open: bool
    zones: tuple[tuple[str, str], ...]
    more_zones: int
    servers: tuple[tuple[str, str], ...]
    lines: tuple[LineRow, ...]
    more_lines: int
    back: int
    """Zones that were in it and are well again, while it is open."""
    unserved: str
    """The first of the zones that no server answers for, and how many more there are."""
    summary: str


def zone_path(name: str) -> str:
    """The root zone is ``@`` in paths: browsers take a lone dot away."""
    return "/zones/" + ("@" if name == "." else quote(name, safe=""))


def server_path(name: str) -> str:
    return "/servers/" + quote(name, safe="")


def code_path(code: str) -> str:
    return "/codes/" + quote(code, safe="")


def zone_row(zone: ZoneStatus, now: datetime) -> ZoneRow:
    grave = zone_level(zone)
    moving = propagating(zone.addresses)
    worst = zone.findings[0] if zone.findings else None
    summary = title(worst.code) if worst else ""
    if worst and worst.server:
        summary = f"{worst.server}: {summary}"
    if not worst and moving:
        summary = f"{many(moving, 'address', 'addresses')} still to follow"
    if not worst and grave is Level.UNKNOWN:
        summary = next((c.reason for c in zone.checks if c.health is Health.UNKNOWN and c.reason), "Not looked at yet")
    return ZoneRow(
        name=zone.name,
        unicode=zone.unicode if zone.unicode != zone.name else "",
        path=zone_path(zone.name),
        level=grave,
        word=zone_word(grave),
        serial=zone.reference_serial,
        since=_zone_since(zone, grave, now),
        summary=summary,
        more=max(0, len(zone.findings) - 1),
        servers=len({a.server for a in zone.addresses}),
    )


def _zone_since(zone: ZoneStatus, grave: Level, now: datetime) -> str:
    """Since when its health is what it is; of a version on its way, since when it is."""
    moving = [a.behind_since for a in zone.addresses if a.state == "propagating" and a.behind_since]
    at = min(moving) if grave is Level.PROPAGATING and moving else zone.since
    return since(at, now) if at else ""


def address_row(zone: ZoneStatus, address: AddressStatus, now: datetime) -> AddressRow:
    roles = (("primary",) if address.primary else ()) + (("hidden",) if address.hidden else ())
    return AddressRow(
        zone=zone.name,
        zone_unicode=zone.unicode if zone.unicode != zone.name else "",
        zone_path=zone_path(zone.name),
        server=address.server,
        server_path=server_path(address.server),
        address=address.address.host,
        port=address.address.port,
        roles=roles + ((f"group {address.group}",) if address.group else ()),
        level=state_level(address.state),
        word=state_word(address.state),
        since=_since(address, now),
        serial=address.serial,
        lag=lag(address, now),
        outcome=address.outcome,
        rtt=milliseconds(address.rtt),
        nsid=address.nsid or "",
        expires=until(address.expires, now) if address.expires else "",
        expires_at=_expires_at(address, now),
    )


def lag(address: AddressStatus, now: datetime) -> str:
    behind = address.lag(now)
    return format_duration(behind) if behind is not None and behind > timedelta(0) else ""


def _since(address: AddressStatus, now: datetime) -> str:
    """Since when it is behind, where it is; otherwise since when it serves what it serves."""
    at = address.behind_since or address.since
    return since(at, now) if at else ""


def _expires_at(address: AddressStatus, now: datetime) -> str:
    if address.expires is None:
        return ""
    return clock(address.expires, now) + (", estimated" if address.estimated else "")


def finding_rows(zone: ZoneStatus, now: datetime) -> list[FindingRow]:
    """Findings that differ in nothing but the address are one row."""
    same: dict[tuple[str, str, str | None, str, str], list[FindingStatus]] = {}
    for finding in zone.findings:
        key = (finding.code, finding.text, finding.server, finding.subject, finding.phase)
        same.setdefault(key, []).append(finding)
    return [finding_row(zone.name, alike, now) for alike in same.values()]


def finding_row(zone: str, alike: Sequence[FindingStatus], now: datetime) -> FindingRow:
    finding = min(alike, key=lambda f: f.since)
    entry = CATALOGUE.get(finding.code)
    addresses = ", ".join(str(f.address) for f in alike if f.address)
    return FindingRow(
        code=finding.code,
        level=severity_level(finding.severity),
        severity=str(finding.severity).capitalize(),
        meaning=title(finding.code),
        text=finding.text,
        where=" ".join(part for part in (finding.server, addresses, finding.subject) if part),
        server=finding.server or "",
        server_path=server_path(finding.server) if finding.server else "",
        since=since(finding.since, now),
        phase=phase_word(finding),
        path=code_path(finding.code) if entry else "",
        means=entry.meaning if entry else "",
        advice=entry.advice if entry else "",
        dig=_dig(entry, zone, finding) if entry else (),
    )


def _dig(entry: RunbookEntry, zone: str, finding: FindingStatus) -> tuple[str, ...]:
    """The lines that show it; a row of the transfer matrix ("key xfr, must be allowed") names its key."""
    at, subject = finding.address, finding.subject
    key = f"{subject.partition(',')[0].removeprefix('key ')}.key" if subject.startswith("key ") else ""
    return dig(entry, zone, at.host if at else None, at.port if at else 53, key=key, record=subject)


def incident_row(incident: Incident, now: datetime, lines: int = 3, zones: int = 5) -> IncidentRow:
    """An incident as a card: its first ``lines`` lines and ``zones`` zones, and how many more there are."""
    over = incident.resolved_at
    kind, name = incident.cause.kind, incident.cause.name
    path = {"zone": zone_path, "server": server_path}.get(kind)
    about = incident.zones or incident.past_zones
    return IncidentRow(
        id=incident.id,
        level=severity_level(incident.severity) if over is None else Level.GOOD,
        severity=str(incident.severity if over is None else incident.worst).capitalize(),
        kind=kind,
        name=unicode(name) if kind == "zone" else name,
        path=path(name) if path else "",
        opened=since(incident.began_at, now) if over is None else since(incident.began_at, now).partition(" (")[0],
        lasted=format_duration((incident.ended_at or over or now) - incident.began_at),
        open=over is None,
        zones=tuple((unicode(z), zone_path(z)) for z in about[:zones]),
        more_zones=max(0, len(about) - zones),
        servers=tuple((s, server_path(s)) for s in (incident.servers or incident.past_servers)[:zones]),
        lines=tuple(_line(line, now) for line in incident.lines[:lines]),
        more_lines=max(0, len(incident.lines) - lines),
        back=len(incident.past_zones) if over is None else 0,
        unserved=shown_zones((z.rstrip(".") or z for z in incident.unserved[:lines]), len(incident.unserved)),
        summary=" · ".join(dict.fromkeys(title(line.code) for line in incident.lines)),
    )


def _line(line: IncidentFinding, now: datetime) -> LineRow:
    return LineRow(
        code=line.code,
        level=severity_level(line.severity),
        severity=str(line.severity).capitalize(),
        text=line.text,
        zone=line.zone,
        zone_path=zone_path(line.zone) if line.zone else "",
        where=" ".join(part for part in (line.server, line.address) if part),
        since=since(line.since, now),
        ended=line.ended is not None,
        zones=line.zones,
    )
