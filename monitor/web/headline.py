"""The headline of the overview, and what every page says of the monitor itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerting.finding_types import CLOCK_JUMPED, CLOCK_OFF, DISK_LOW, ZONES_VANISHED
from alerting.incident import OPEN
from checks.model import Health
from monitor.state.level import PROPAGATING_STATE, Level
from monitor.state.status import Status, Zones
from monitor.web.formatting import clock, many, number
from monitor.web.sweep_view import lagging_text

STALLED_AFTER = timedelta(seconds=60)
"""A scheduler that has not ticked for so long is stalled."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A line, how grave it is, one more line beneath it, and the page that says more."""

    level: Level
    text: str
    detail: str = ""
    path: str = ""


def headline(status: Status, now: datetime, *, public: bool = False) -> Notice:
    """Never says that all is well unless somebody has just looked. The public is told of trouble, not asked to help."""
    health = status.zones.tally()
    total, bad, unknown = len(status.zones), health[Health.BAD], health[Health.UNKNOWN]
    detail = _detail(status.zones, silenced_zones(status))
    if not total:
        return Notice(Level.UNKNOWN, "No zones are watched yet", "Zones are named in the configuration file.")
    if scheduler_stalled(status, now):
        return Notice(Level.CRITICAL, "Scheduler stalled", f"This page is of {clock(status.at, now)}.")
    if bad:
        call = f"{'has' if bad == 1 else 'have'} trouble" if public else f"{'needs' if bad == 1 else 'need'} attention"
        return Notice(min(status.zones.levels()), f"{number(bad)} of {many(total, 'zone')} {call}", detail)
    if unknown == total:
        text = "Looking for the first time …" if not status.ready else "All zones are unknown"
        return Notice(Level.UNKNOWN, text, detail)
    if unknown:
        return Notice(Level.UNKNOWN, f"{number(unknown)} of {many(total, 'zone')} unknown", detail)
    return Notice(Level.GOOD, "The zone is well" if total == 1 else f"All {many(total, 'zone')} are well", detail)


def silenced_zones(status: Status) -> int:
    """Zones of which nobody is told anything that is bad."""
    opened = [incident for incident in status.incidents.values() if incident.phase == OPEN]
    silenced = {zone for incident in opened for zone in incident.silenced_zones}
    if not silenced:
        return 0
    heard = (set(incident.zones).difference(incident.silenced_zones) for incident in opened)
    return len(silenced.difference(*heard))


def _detail(zones: Zones, silenced: int) -> str:
    servers, health = zones.servers(), zones.tally()
    addresses = sum(len(tally.addresses) for tally in servers.values())
    parts = [f"{many(addresses, 'address', 'addresses')} on {many(len(servers), 'server')}"]
    if health[Health.BAD] and health[Health.UNKNOWN]:
        parts.append(f"{many(health[Health.UNKNOWN], 'zone')} unknown")
    if silenced:
        parts.insert(0, f"{number(silenced)} silenced")
    if moving := sum(tally.states.get(PROPAGATING_STATE, 0) for tally in servers.values()):
        parts.append(f"a new version has {many(moving, 'address', 'addresses')} still to reach")
    if zones.checked_at is not None:
        parts.append(f"last looked {zones.checked_at:%H:%M:%S} UTC")
    return " · ".join(parts)


def scheduler_stalled(status: Status, now: datetime) -> bool:
    """The scheduler has not ticked for too long; right after the start it may not have ticked at all."""
    return now - (status.heartbeat or status.started) > STALLED_AFTER


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
    found += [Notice(Level.WARNING, text, path=path) for text, path in _own_troubles(status)]
    if lagging := lagging_text(status.sweeps.values(), now):
        found.append(Notice(Level.WARNING, lagging, path="/checks"))
    for receiver in status.receivers.values():
        if receiver.last_error and (receiver.pending or receiver.permanent):
            waiting = f"{many(receiver.pending, 'notification')} waiting" if receiver.pending else "given up"
            text = f"Receiver {receiver.name} does not take notifications ({waiting})"
            found.append(Notice(Level.WARNING, _sentence(text, receiver.last_error)))
        elif receiver.in_part:
            text = f"Receiver {receiver.name} does not reach all of its addresses"
            found.append(Notice(Level.WARNING, _sentence(text, receiver.last_error)))
    return found


SHOWN = (CLOCK_OFF, CLOCK_JUMPED, DISK_LOW, ZONES_VANISHED)
"""What the monitor has told of itself, and no other line says."""


def _own_troubles(status: Status) -> Iterator[tuple[str, str]]:
    """What of them stands, and the page that says more."""
    titles = {found.code: found.title for found in SHOWN}
    for incident in status.incidents.values():
        if incident.phase == OPEN and incident.cause.kind == "vantage":
            for line in incident.lines:
                if line.code in titles and line.ended_at is None:
                    reason = "" if line.text == titles[line.code] else line.text
                    yield _sentence(titles[line.code], reason), f"/incidents/{incident.id}"


def _family(name: str) -> str:
    return {"ipv4": "IPv4", "ipv6": "IPv6"}.get(name, name)


def _sentence(text: str, reason: str) -> str:
    return f"{text}: {reason}" if reason else f"{text}."
