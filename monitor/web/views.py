"""What does each page say? From a Status to plain values for the templates; nothing here knows of HTTP or HTML."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerting.model import Incident, Severity
from checks.model import Health
from checks.words import span
from monitor.status import AddressStatus, Status, ZoneStatus
from monitor.web.rows import AddressRow, FindingRow, ZoneRow, address_row, finding_row, server_path, zone_row
from monitor.web.tone import Tone, address_tone, propagating, severity_tone, state_word, zone_tone
from monitor.web.words import clock, many, milliseconds, number, since

STALE = timedelta(seconds=60)
"""A scheduler that has not ticked for so long stands still."""

AtServer = Mapping[str, Sequence[tuple[ZoneStatus, AddressStatus]]]


@dataclass(frozen=True, slots=True)
class Headline:
    """Is everything well? One line, and one more beneath it."""

    tone: Tone
    text: str
    detail: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about the monitor itself."""

    tone: Tone
    text: str


@dataclass(frozen=True, slots=True)
class ServerRow:
    name: str
    path: str
    addresses: tuple[str, ...]
    zones: int
    tone: Tone
    word: str
    in_sync: int
    says: str
    rtt: str


def headline(status: Status, now: datetime, *, public: bool = False) -> Headline:
    """Never says that all is well unless somebody has just looked. Strangers are told of trouble, not asked to help."""
    health = Counter(zone.health for zone in status.zones.values())
    total, bad, unknown = len(status.zones), health[Health.BAD], health[Health.UNKNOWN]
    detail = _detail(status)
    if not total:
        return Headline(Tone.UNKNOWN, "No zones are watched yet", "Zones are named in the configuration file.")
    if standing_still(status, now):
        return Headline(
            Tone.CRITICAL, "The monitor has stopped looking", f"This picture is of {clock(status.at, now)}."
        )
    if bad:
        call = ("has trouble" if bad == 1 else "have trouble") if public else ("needs you" if bad == 1 else "need you")
        worst = min(zone_tone(z) for z in status.zones.values() if z.health is Health.BAD)
        return Headline(worst, f"{number(bad)} of {many(total, 'zone')} {call}", detail)
    if unknown == total:
        text = "Looking for the first time …" if not status.ready else "Nothing can be told just now"
        return Headline(Tone.UNKNOWN, text, detail)
    if unknown:
        return Headline(Tone.UNKNOWN, f"{number(unknown)} of {many(total, 'zone')} cannot be told", detail)
    return Headline(Tone.GOOD, "The zone is well" if total == 1 else f"All {many(total, 'zone')} are well", detail)


def _detail(status: Status) -> str:
    addresses = [a for zone in status.zones.values() for a in zone.addresses]
    known = {(a.server, a.address) for a in addresses}
    servers = {server for server, _ in known}
    health = Counter(zone.health for zone in status.zones.values())
    seen = max((a.looked for a in addresses if a.looked), default=None)
    parts = [f"{many(len(known), 'address', 'addresses')} on {many(len(servers), 'server')}"]
    if health[Health.BAD] and health[Health.UNKNOWN]:
        parts.append(f"{many(health[Health.UNKNOWN], 'zone')} cannot be told")
    moving = propagating(addresses)
    if moving:
        parts.append(f"a new version has {many(moving, 'address', 'addresses')} still to reach")
    if seen is not None:
        parts.append(f"last looked {seen:%H:%M:%S} UTC")
    return " · ".join(parts)


def standing_still(status: Status, now: datetime) -> bool:
    """The scheduler has not ticked for too long; right after the start it may not have ticked at all."""
    return now - (status.heartbeat or status.started) > STALE


def notices(status: Status, now: datetime) -> list[Notice]:
    """What is wrong with the monitor itself: it is said on every page."""
    found = []
    if status.blind:
        families = " and ".join(sorted(_family(name) for name in status.blind))
        found.append(
            Notice(Tone.CRITICAL, f"The monitor is blind over {families}: nothing answers it, so it accuses nobody.")
        )
    if not status.store_ok:
        found.append(Notice(Tone.CRITICAL, _sentence("The database cannot be written", status.store_error)))
    if not status.config_ok:
        found.append(
            Notice(
                Tone.WARNING, _sentence("The configuration file was refused; the old one goes on", status.config_error)
            )
        )
    for receiver in status.receivers.values():
        if receiver.last_error and (receiver.pending or receiver.permanent):
            waiting = f"{many(receiver.pending, 'notification')} waiting" if receiver.pending else "given up"
            text = f"Receiver {receiver.name} does not take notifications ({waiting})"
            found.append(Notice(Tone.WARNING, _sentence(text, receiver.last_error)))
    return found


def _family(name: str) -> str:
    return {"ipv4": "IPv4", "ipv6": "IPv6"}.get(name, name)


def _sentence(text: str, why: str) -> str:
    return f"{text}: {why}" if why else f"{text}."


def open_incidents(status: Status) -> list[Incident]:
    """The gravest first, then the newest."""
    opened = [i for i in status.incidents.values() if i.phase == "open"]
    return sorted(opened, key=lambda i: (-i.severity, -i.opened_at.timestamp(), i.id))


def worst_first(zones: Iterable[ZoneStatus]) -> list[ZoneStatus]:
    return sorted(zones, key=lambda z: (zone_tone(z), z.name))


def search(zones: Iterable[ZoneStatus], text: str, health: str) -> list[ZoneStatus]:
    """Zones whose name holds ``text`` in either form, of that health; empty or unknown words choose all."""
    wanted = text.strip().casefold()
    kinds = [h for h in Health if h.value == health] or list(Health)
    return [
        z for z in zones if z.health in kinds and (not wanted or wanted in z.name or wanted in z.unicode.casefold())
    ]


def zone_rows(zones: Iterable[ZoneStatus], now: datetime) -> list[ZoneRow]:
    return [zone_row(zone, now) for zone in zones]


def address_rows(zone: ZoneStatus, now: datetime) -> list[AddressRow]:
    return [address_row(zone, address, now) for address in zone.addresses]


@dataclass(frozen=True, slots=True)
class CheckRow:
    name: str
    tone: Tone
    word: str
    at: str
    why: str


def check_rows(zone: ZoneStatus, now: datetime) -> list[CheckRow]:
    """Which checks have spoken of the zone, when, and what they could not tell."""
    tones = {
        Health.GOOD: (Tone.GOOD, "Good"),
        Health.BAD: (Tone.WARNING, "Bad"),
        Health.UNKNOWN: (Tone.UNKNOWN, "Unknown"),
    }
    return [
        CheckRow(c.check, *tones[c.health], f"{c.at:%H:%M:%S} UTC ({span(now - c.at)} ago)", c.why) for c in zone.checks
    ]


def by_server(status: Status) -> AtServer:
    """Server → all that is seen there, in the order of zones."""
    found: dict[str, list[tuple[ZoneStatus, AddressStatus]]] = {}
    for zone in status.zones.values():
        for address in zone.addresses:
            found.setdefault(address.server, []).append((zone, address))
    return found


def worst_pairs(seen: Sequence[tuple[ZoneStatus, AddressStatus]]) -> list[tuple[ZoneStatus, AddressStatus]]:
    return sorted(seen, key=lambda pair: (address_tone(pair[1]), pair[0].name, str(pair[1].address)))


def server_row(name: str, seen: Sequence[tuple[ZoneStatus, AddressStatus]]) -> ServerRow:
    """One server in a line: how many of its zones are in sync, and what is wrong with the others and with itself."""
    states = Counter(address.state for _, address in seen)
    zones = {zone.name: zone for zone, _ in seen}
    grave = [f for z in zones.values() for f in z.findings if f.server == name and f.severity >= Severity.WARNING]
    tones = [address_tone(address) for _, address in seen] + [severity_tone(f.severity) for f in grave]
    worst = min(tones, default=Tone.UNKNOWN)
    times = sorted(address.rtt for _, address in seen if address.rtt is not None)
    return ServerRow(
        name=name,
        path=server_path(name),
        addresses=tuple(dict.fromkeys(str(address.address) for _, address in seen)),
        zones=len(zones),
        tone=worst,
        word={Tone.GOOD: "In sync", Tone.BUSY: "Propagating"}.get(worst, worst.name.capitalize()),
        in_sync=states["in-sync"],
        says=_says(name, states, zones.values()),
        rtt=milliseconds(times[len(times) // 2]) if times else "",
    )


def _says(name: str, states: Counter[str], zones: Iterable[ZoneStatus]) -> str:
    """ "2 overdue, 1 silent; tcp-unreachable in 12 zones"."""
    codes = Counter(code for zone in zones for code in {f.code for f in zone.findings if f.server == name})
    trouble = [(count, state) for state, count in states.items() if state != "in-sync"]
    parts = (
        ", ".join(f"{number(count)} {state_word(state).lower()}" for count, state in sorted(trouble, reverse=True)),
        ", ".join(f"{code} in {many(count, 'zone')}" for code, count in codes.most_common(4)),
    )
    return "; ".join(part for part in parts if part)


def server_rows(servers: AtServer) -> list[ServerRow]:
    return sorted((server_row(name, seen) for name, seen in servers.items()), key=lambda r: (r.tone, r.name))


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One code at one server, over all its zones."""

    first: FindingRow
    zones: int
    since: str


def server_findings(name: str, seen: Sequence[tuple[ZoneStatus, AddressStatus]], now: datetime) -> list[CodeRow]:
    """What is wrong at a server, each code once: a thousand zones with one trouble are one line."""
    zones = {zone.name: zone for zone, _ in seen}
    found = [(f, zone.name) for zone in zones.values() for f in zone.findings if f.server == name]
    rows = []
    for code in dict.fromkeys(f.code for f, _ in sorted(found, key=lambda pair: (-pair[0].severity, pair[0].code))):
        same = [(f, zone) for f, zone in found if f.code == code]
        oldest, zone = min(same, key=lambda pair: pair[0].since)
        rows.append(CodeRow(finding_row(zone, [oldest], now), len({z for _, z in same}), since(oldest.since, now)))
    return rows
