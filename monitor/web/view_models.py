"""What pages show beside the records of Status themselves: paths, words, levels, rows; nothing of HTML."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import quote

from alerting.finding_types import FINDING_TYPES
from alerting.headline import shown_zones
from alerting.incident import Cause, Incident
from alerting.model import Alert, Phase
from alerting.runbook import RunbookEntry, explain
from alerting.runbook.commands import dig
from alerting.silences import Silence
from checks.common.text import format_duration
from checks.model import Health
from checks.model.finding_type import Severity
from monitor.config.durations import written
from monitor.state.level import HEALTH_OF_LEVEL, PROPAGATING_STATE, Level, level_of
from monitor.state.status import AddressStatus, CheckStatus, ServerTally, Status, Zones, ZoneStatus
from monitor.web.formatting import many, number, since
from monitor.web.redaction import title
from monitor.web.silence_data import silenced_text

OFF = written(timedelta(0))
HEALTH_LEVELS = {Health.GOOD: Level.GOOD, Health.BAD: Level.WARNING, Health.UNKNOWN: Level.UNKNOWN}
"""Of what a check says of a zone."""

_PHASE = {Phase.PENDING: "new, not alerted yet", Phase.FIRING: "alerted", Phase.RECOVERING: "clearing", Phase.OK: ""}

# --- paths ---


def zone_path(name: str) -> str:
    """The root zone is ``@`` in paths: browsers take a lone dot away."""
    return "/zones/" + ("@" if name == "." else quote(name, safe=""))


def server_path(name: str) -> str:
    return "/servers/" + quote(name, safe="")


def code_path(code: str) -> str:
    return "/codes/" + quote(code, safe="")


def incident_path(id: str) -> str:
    return "/incidents/" + quote(id, safe="")


def cause_path(cause: Cause) -> str:
    """Empty where the cause has no page of its own."""
    path = {"zone": zone_path, "server": server_path}.get(cause.kind)
    return path(cause.name) if path else ""


# --- words ---


def state_word(state: str) -> str:
    """``in-sync`` → ``In sync``"""
    return state.replace("-", " ").capitalize()


def phase_word(finding: Alert) -> str:
    return "for information" if finding.severity is Severity.INFO else _PHASE[finding.phase]


def roles(address: AddressStatus) -> str:
    named = {"primary": address.primary, "signer": address.signer, "hidden": address.hidden}
    group = [f"group {address.group}"] if address.group else []
    return ", ".join([*(name for name, has in named.items() if has), *group])


def lag_text(address: AddressStatus, now: datetime) -> str:
    """For how long it has been behind; empty where it is not, or serves nothing."""
    lag = address.lag(now)
    return format_duration(lag) if lag is not None and lag > timedelta(0) else ""


def some_zones(names: Sequence[str], most: int) -> str:
    """The first of these zones, and how many more there are."""
    return shown_zones((zone.rstrip(".") or zone for zone in names[:most]), len(names))


# --- rows ---


@dataclass(frozen=True, slots=True)
class ZoneRow:
    zone: ZoneStatus
    level: Level
    word: str
    since: str
    summary: str
    servers: int


def zone_row(zone: ZoneStatus, now: datetime) -> ZoneRow:
    level = level_of(zone.health, (a.state for a in zone.addresses), (f.severity for f in zone.findings))
    moving = [address for address in zone.addresses if address.state == PROPAGATING_STATE]
    summary, at = "", zone.since
    if zone.findings:
        worst = zone.findings[0]
        summary = f"{worst.key.server}: {title(worst.key.code)}" if worst.key.server else title(worst.key.code)
    elif level is Level.UNKNOWN:
        reasons = (check.reason for check in zone.checks if check.health is Health.UNKNOWN and check.reason)
        summary = next(reasons, "Not looked at yet")
    elif moving:
        summary = f"{many(len(moving), 'address', 'addresses')} still to follow"
    if level is Level.PROPAGATING:  # since when the version is on its way
        at = min((address.behind_since for address in moving if address.behind_since), default=at)
    return ZoneRow(
        zone=zone,
        level=level,
        word="Well" if level is Level.GOOD else level.name.capitalize(),
        since=since(at, now) if at else "",
        summary=summary,
        servers=len({address.server for address in zone.addresses}),
    )


@dataclass(frozen=True, slots=True)
class ServerRow:
    """A server in a line. ``median``: seconds of its answers; ``address_count``: addresses of its zones."""

    name: str
    tally: ServerTally
    level: Level
    word: str
    summary: str
    in_sync: int
    address_count: int
    median: float | None


def server_row(name: str, tally: ServerTally, median: float | None = None) -> ServerRow:
    """How many of its zones are in sync, and what is wrong with the others and with itself."""
    return ServerRow(
        name=name,
        tally=tally,
        level=tally.level,
        word="In sync" if tally.level is Level.GOOD else tally.level.name.capitalize(),
        summary=_summary(tally),
        in_sync=tally.states.get("in-sync", 0),
        address_count=sum(tally.states.values()),
        median=median,
    )


def _summary(tally: ServerTally) -> str:
    """ "2 overdue, 1 silent; tcp-unreachable in 12 zones"."""
    trouble = [(count, state) for state, count in tally.states.items() if count and state != "in-sync"]
    codes = sorted(tally.codes.items(), key=lambda code: (-code[1].zones, code[0]))
    parts = (
        ", ".join(f"{number(count)} {state_word(state).lower()}" for count, state in sorted(trouble, reverse=True)),
        ", ".join(f"{code} in {many(there.zones, 'zone')}" for code, there in codes[:4]),
    )
    return "; ".join(part for part in parts if part)


def find_servers(servers: Mapping[str, ServerTally], text: str, wanted: Collection[Health]) -> list[str]:
    """The names of those of these healths whose name, or an address of theirs, holds the text; in their order."""
    text = text.strip().lower()
    return [
        name
        for name, tally in servers.items()
        if HEALTH_OF_LEVEL[tally.level] in wanted
        and (text in name or any(text in str(address).lower() for address in tally.addresses))
    ]


def server_counts(servers: Mapping[str, ServerTally]) -> list[tuple[str, int]]:
    """How many have which health, the worst first."""
    counts = Counter(HEALTH_OF_LEVEL[tally.level] for tally in servers.values())
    return [(kind.value, counts[kind]) for kind in (Health.BAD, Health.UNKNOWN, Health.GOOD)]


# --- findings ---


@dataclass(frozen=True, slots=True)
class FindingView:
    """Findings that differ in nothing but the address, or the zone: the oldest of them, and all that are meant.

    ``zones``: how many have it, where it is one of a server.
    """

    finding: Alert
    since: datetime
    where: str
    entry: RunbookEntry | None
    dig: Sequence[str]
    zones: int = 0
    silenced: str = ""
    """By whom, until when and why nobody is told of any of them; empty while somebody is."""


@dataclass(frozen=True, slots=True)
class CheckRow:
    """A check that has something to ask of a zone: how often it does, and what it last said; None: nothing yet."""

    check: str
    every: str
    said: CheckStatus | None

    @property
    def level(self) -> Level:
        return HEALTH_LEVELS[self.said.health] if self.said else Level.INFO if self.is_off else Level.UNKNOWN

    @property
    def word(self) -> str:
        return self.said.health.value.capitalize() if self.said else "Off" if self.is_off else "Unknown"

    @property
    def is_off(self) -> bool:
        return self.every == OFF


def check_rows(zone: ZoneStatus) -> list[CheckRow]:
    """Every check that has something to ask, those too that are off for the zone."""
    said, cadences = {one.check: one for one in zone.checks}, dict(zone.cadences)
    names = sorted(said.keys() | cadences.keys())
    return [CheckRow(name, written(cadences[name]) if name in cadences else "", said.get(name)) for name in names]


def finding_views(zone: ZoneStatus, silences: Sequence[Silence], now: datetime) -> list[FindingView]:
    """``silences`` are those that are active."""
    same: dict[tuple[str, str, str | None, str, str], list[Alert]] = {}
    for finding in zone.findings:
        key = (finding.key.code, finding.text, finding.key.server, finding.key.subject, finding.phase)
        same.setdefault(key, []).append(finding)
    views = [_finding_view(zone.name, findings) for findings in same.values()]
    return [
        replace(view, silenced=_silenced(findings, silences, zone, now))
        for view, findings in zip(views, same.values(), strict=True)
    ]


def _silenced(findings: Sequence[Alert], silences: Sequence[Silence], zone: ZoneStatus, now: datetime) -> str:
    found = [[one for one in silences if one.matchers.match(each, lambda _: zone.labels)] for each in findings]
    return silenced_text(found[0][0], now) if all(found) else ""


async def server_findings(name: str, tally: ServerTally, zones: Zones) -> list[FindingView]:
    """What is wrong at a server, each code once, in the words of one zone: a thousand with one trouble are one line."""
    views = []
    for code, there in sorted(tally.codes.items(), key=lambda code: (-code[1].severity, code[0])):
        zone = await zones.with_code(name, code)
        found = [f for f in zone.findings if f.key.server == name and f.key.code == code] if zone else []
        if zone and found:
            oldest = min(found, key=lambda finding: finding.began)
            views.append(_finding_view(zone.name, [oldest], there.since, there.zones))
    return views


def _finding_view(zone: str, findings: Sequence[Alert], since: datetime | None = None, zones: int = 0) -> FindingView:
    finding = min(findings, key=lambda each: each.began)
    entry = explain(finding.key.code) if finding.key.code in FINDING_TYPES else None
    addresses = ", ".join(str(each.key.address) for each in findings if each.key.address)
    return FindingView(
        finding=finding,
        since=since or finding.began,
        where=" ".join(part for part in (finding.key.server, addresses, finding.key.subject) if part),
        entry=entry,
        dig=_dig(entry, zone, finding) if entry else (),
        zones=zones,
    )


def _dig(entry: RunbookEntry, zone: str, finding: Alert) -> Sequence[str]:
    """The lines that show it; a row of the transfer matrix ("key xfr, must be allowed") names its key."""
    at, subject = finding.key.address, finding.key.subject
    key = f"{subject.partition(',')[0].removeprefix('key ')}.key" if subject.startswith("key ") else ""
    return dig(entry, zone, at.host if at else None, at.port if at else 53, key=key, record=subject)


def open_incidents(status: Status) -> list[Incident]:
    """The gravest first, then the newest."""
    opened = [i for i in status.incidents.values() if i.phase == "open"]
    return sorted(opened, key=lambda i: (-i.severity, -i.opened_at.timestamp(), i.id))


def healths(text: str) -> Collection[Health]:
    """The health that is asked for; no word, or an unknown one, asks for all."""
    return [health for health in Health if health.value == text] or list(Health)
