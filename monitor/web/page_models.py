"""What each page says, from a Status to plain values for the templates; nothing here knows of HTTP or HTML."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alerting.model import Incident, Severity
from checks.common.text import format_duration
from checks.model import Health
from monitor.probe.stats import ProbeStats
from monitor.state.level import MOVING, Level, severity_level, state_level
from monitor.state.status import ServerTally, Status, Zones, ZoneStatus
from monitor.web.formatting import clock, many, milliseconds, number
from monitor.web.level_words import state_word
from monitor.web.row_models import AddressRow, FindingRow, ZoneRow, address_row, finding_row, server_path, zone_row

STALE = timedelta(seconds=60)
"""A scheduler that has not ticked for so long is stalled."""


@dataclass(frozen=True, slots=True)
class Headline:
    """Is everything well? One line, and one more beneath it."""

    level: Level
    text: str
    detail: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about the monitor itself."""

    level: Level
    text: str


@dataclass(frozen=True, slots=True)
class ServerRow:
    name: str
    path: str
    addresses: tuple[str, ...]
    zones: int
    level: Level
    word: str
    in_sync: int
    places: int
    """As many as its zones have addresses there."""
    summary: str
    rtt: str


def headline(status: Status, now: datetime, *, public: bool = False) -> Headline:
    """Never says that all is well unless somebody has just looked. Strangers are told of trouble, not asked to help."""
    health = status.zones.tally()
    total, bad, unknown = len(status.zones), health[Health.BAD], health[Health.UNKNOWN]
    detail = _detail(status.zones)
    if not total:
        return Headline(Level.UNKNOWN, "No zones are watched yet", "Zones are named in the configuration file.")
    if standing_still(status, now):
        return Headline(Level.CRITICAL, "Scheduler stalled", f"This page is of {clock(status.at, now)}.")
    if bad:
        call = f"{'has' if bad == 1 else 'have'} trouble" if public else f"{'needs' if bad == 1 else 'need'} attention"
        return Headline(min(status.zones.levels()), f"{number(bad)} of {many(total, 'zone')} {call}", detail)
    if unknown == total:
        text = "Looking for the first time …" if not status.ready else "All zones are unknown"
        return Headline(Level.UNKNOWN, text, detail)
    if unknown:
        return Headline(Level.UNKNOWN, f"{number(unknown)} of {many(total, 'zone')} unknown", detail)
    return Headline(Level.GOOD, "The zone is well" if total == 1 else f"All {many(total, 'zone')} are well", detail)


def _detail(zones: Zones) -> str:
    servers, health = zones.servers(), zones.tally()
    addresses = sum(len(tally.addresses) for tally in servers.values())
    parts = [f"{many(addresses, 'address', 'addresses')} on {many(len(servers), 'server')}"]
    if health[Health.BAD] and health[Health.UNKNOWN]:
        parts.append(f"{many(health[Health.UNKNOWN], 'zone')} unknown")
    if moving := sum(tally.states.get(MOVING, 0) for tally in servers.values()):
        parts.append(f"a new version has {many(moving, 'address', 'addresses')} still to reach")
    if zones.checked_at is not None:
        parts.append(f"last looked {zones.checked_at:%H:%M:%S} UTC")
    return " · ".join(parts)


def standing_still(status: Status, now: datetime) -> bool:
    """The scheduler has not ticked for too long; right after the start it may not have ticked at all."""
    return now - (status.heartbeat or status.started) > STALE


def notices(status: Status, now: datetime) -> list[Notice]:
    """What is wrong with the monitor itself: it is said on every page."""
    found = []
    if status.offline_families:
        families = " and ".join(sorted(_family(name) for name in status.offline_families))
        found.append(Notice(Level.CRITICAL, f"Monitor offline over {families}: {families} results are suspended."))
    if not status.store_ok:
        found.append(Notice(Level.CRITICAL, _sentence("The database cannot be written", status.store_error)))
    if not status.config_ok:
        found.append(
            Notice(
                Level.WARNING, _sentence("The configuration file was refused; the old one goes on", status.config_error)
            )
        )
    for receiver in status.receivers.values():
        if receiver.last_error and (receiver.pending or receiver.permanent):
            waiting = f"{many(receiver.pending, 'notification')} waiting" if receiver.pending else "given up"
            text = f"Receiver {receiver.name} does not take notifications ({waiting})"
            found.append(Notice(Level.WARNING, _sentence(text, receiver.last_error)))
        elif receiver.in_part:
            text = f"Receiver {receiver.name} does not reach all of its addresses"
            found.append(Notice(Level.WARNING, _sentence(text, receiver.last_error)))
    return found


def _family(name: str) -> str:
    return {"ipv4": "IPv4", "ipv6": "IPv6"}.get(name, name)


def _sentence(text: str, why: str) -> str:
    return f"{text}: {why}" if why else f"{text}."


def open_incidents(status: Status) -> list[Incident]:
    """The gravest first, then the newest."""
    opened = [i for i in status.incidents.values() if i.phase == "open"]
    return sorted(opened, key=lambda i: (-i.severity, -i.opened_at.timestamp(), i.id))


def healths(text: str) -> Collection[Health]:
    """The health that is asked for; no word, or an unknown one, asks for all."""
    return [health for health in Health if health.value == text] or list(Health)


def zone_rows(zones: Iterable[ZoneStatus], now: datetime) -> list[ZoneRow]:
    return [zone_row(zone, now) for zone in zones]


def address_rows(zone: ZoneStatus, now: datetime, at: str | None = None) -> list[AddressRow]:
    """One for each address of the zone, or of one of its servers."""
    return [address_row(zone, address, now) for address in zone.addresses if at in (None, address.server)]


@dataclass(frozen=True, slots=True)
class CheckRow:
    name: str
    level: Level
    word: str
    at: str
    reason: str


def check_rows(zone: ZoneStatus, now: datetime) -> list[CheckRow]:
    """Which checks have spoken of the zone, when, and what they could not tell."""
    levels = {
        Health.GOOD: (Level.GOOD, "Good"),
        Health.BAD: (Level.WARNING, "Bad"),
        Health.UNKNOWN: (Level.UNKNOWN, "Unknown"),
    }
    return [
        CheckRow(c.check, *levels[c.health], f"{c.at:%H:%M:%S} UTC ({format_duration(now - c.at)} ago)", c.reason)
        for c in zone.checks
    ]


def server_row(name: str, tally: ServerTally, median: float | None = None) -> ServerRow:
    """One server in a line: how many of its zones are in sync, and what is wrong with the others and with itself."""
    levels = [state_level(state) for state, count in tally.states.items() if count]
    levels += [severity_level(code.severity) for code in tally.codes.values() if code.severity >= Severity.WARNING]
    worst = min(levels, default=Level.UNKNOWN)
    return ServerRow(
        name=name,
        path=server_path(name),
        addresses=tuple(map(str, tally.addresses)),
        zones=tally.zones,
        level=worst,
        word={Level.GOOD: "In sync", Level.PROPAGATING: "Propagating"}.get(worst, worst.name.capitalize()),
        in_sync=tally.states.get("in-sync", 0),
        places=sum(tally.states.values()),
        summary=_summary(tally),
        rtt=milliseconds(median),
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


def server_rows(servers: Mapping[str, ServerTally], stats: ProbeStats) -> list[ServerRow]:
    rows = (server_row(name, tally, stats.median(name)) for name, tally in servers.items())
    return sorted(rows, key=lambda row: (row.level, row.name))


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One code at one server, over all its zones."""

    first: FindingRow
    zones: int


async def server_findings(name: str, tally: ServerTally, zones: Zones, now: datetime) -> list[CodeRow]:
    """What is wrong at a server, each code once, in the words of one zone: a thousand with one trouble are one line."""
    rows = []
    for code, there in sorted(tally.codes.items(), key=lambda code: (-code[1].severity, code[0])):
        zone = await zones.with_code(name, code)
        found = [f for f in zone.findings if f.server == name and f.code == code] if zone else []
        if zone and found:
            oldest = replace(min(found, key=lambda f: f.since), since=there.since)
            rows.append(CodeRow(finding_row(zone.name, [oldest], now), there.zones))
    return rows
