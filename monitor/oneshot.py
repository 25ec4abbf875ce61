"""How does one zone stand, right now, without a service? Asked, asked again after a moment, and judged."""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from alerting.model import Alert, AlertKey, Phase, Severity
from alerting.severity import severity_of
from checks.judge import judge
from checks.ledger import see, space_of, standing_of
from checks.model import Check, Finding, Health, Ledger, Round, Verdict, Zone
from checks.registry import CHECKS
from checks.vantage import Vantage, excuse, hear
from checks.words import span
from monitor.clock import now
from monitor.config.addresses import address
from monitor.config.load import load
from monitor.config.model import Config, ServerEntry, ZoneEntry
from monitor.names import parse
from monitor.picture import picture
from monitor.ports import Prober, StoreError
from monitor.probe.dns import DnsProber
from monitor.sources import resolve
from monitor.status import ZoneStatus
from monitor.store.reader import open_reader
from monitor.sweep import one_round

MOMENT = 3.0
"""Seconds between the two looks."""

LAGS = frozenset({"serial-late", "serial-overdue", "serial-stuck"})

IN_MOTION = LAGS | frozenset(
    {"record-differs", "content-differs", "ns-set-differs", "soa-fields-differ", "ttl-differs"}
)
"""What a change on its way looks like from outside."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look at: a configuration that holds just this zone, and where to find what the service remembers."""

    config: Config
    zone: str
    database: Path | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What the looks came to. ``memory`` says whose ledger was used; ``moving`` findings changed between the looks."""

    zone: Zone
    config: Config
    looks: tuple[tuple[Round, ...], ...]
    verdicts: Mapping[str, Verdict]
    ledger: Ledger
    picture: ZoneStatus
    memory: str = ""
    moving: tuple[Finding, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        found = (f for v in self.verdicts.values() for f in v.findings)
        return tuple(sorted(found, key=lambda f: (-self.severity(f), f.code, f.server or "")))

    @property
    def health(self) -> Health:
        return self.picture.health

    @property
    def worst(self) -> Severity | None:
        return max((self.severity(f) for f in self.findings), default=None)

    def severity(self, finding: Finding) -> Severity:
        return severity_of(finding.code, self.config.severity)


def wanted(zone: str, servers: Sequence[str], config: Path | None) -> Wanted:
    """What ``check ZONE`` means. Raises ConfigError, BadName, and ValueError for a bad NAME=ADDRESS."""
    name = parse(zone)
    if config is None:
        return Wanted(bare(name, servers), name)
    whole = load(config, os.environ)
    entry = next((z for z in whole.zones if z.name == name), None)
    if servers or entry is None:
        alone = bare(name, servers)
        return Wanted(replace(whole, zones=alone.zones, servers=alone.servers), name)
    database = whole.service.database if whole.service.database.exists() else None
    return Wanted(replace(whole, zones=(entry,)), name, database)


def bare(zone: str, servers: Sequence[str]) -> Config:
    """A configuration for somebody who has none."""
    entries: dict[str, ServerEntry] = {}
    for text in servers:
        name, _, where = text.rpartition("=")
        found = address(where)
        known = entries.get(name or where, ServerEntry(name or where))
        entries[known.name] = replace(known, addresses=(*known.addresses, found))
    return Config(
        zones=(ZoneEntry(zone, tuple(entries)),),
        servers=entries,
        checks={name: check() for name, check in CHECKS.items()},
        cadence={name: check.cadence for name, check in CHECKS.items()},
    )


async def look(what: Wanted, moment: float = MOMENT, again: Callable[[], None] = lambda: None) -> Asked:
    """Ask the zone everything, twice where once is not enough. ``again`` is called before the second look."""
    found = await resolve(what.config, None, now())
    zone = found.zones[0]
    ledger, memory = await remembered(what)
    judged = zone if memory else replace(zone, max_lag=timedelta(0))
    prober = DnsProber(what.config.probe, what.config.keys, now)
    try:
        first = await rounds(what.config, judged, prober)
        one = judged_by(judged, what.config, ledger, first, Vantage())
        if not differences(one[0].values()) and not doubtful(one[1]):
            return concluded(zone, what.config, (first,), one, memory, (), found.problems)
        again()
        await asyncio.sleep(moment)
        second = await rounds(what.config, judged, prober)
        two = judged_by(judged, what.config, one[1], second, one[2])
    finally:
        await prober.close()
    moving = () if memory else moved(one, two)
    return concluded(zone, what.config, (first, second), two, memory, moving, found.problems)


Judged = tuple[dict[str, Verdict], Ledger, Vantage]


async def rounds(config: Config, zone: Zone, prober: Prober) -> tuple[Round, ...]:
    checks = [check for check in config.checks.values() if check.applies(zone)]
    done = await asyncio.gather(*(one_round(check, zone, prober, cadence(config, check), now) for check in checks))
    return tuple(done)


def cadence(config: Config, check: Check) -> timedelta:
    return config.cadence.get(check.name) or check.cadence


def judged_by(zone: Zone, config: Config, ledger: Ledger, seen: Sequence[Round], vantage: Vantage) -> Judged:
    """The verdicts over one look; the ledger remembers it first, so that all checks know the serials."""
    for round in seen:
        vantage = hear(vantage, round)
    excused = [excuse(vantage, round) for round in seen]
    for round in excused:
        if round.check == "soa-serial":
            ledger = see(ledger, zone, round)
    verdicts = {round.check: judge(config.checks[round.check], zone, round, ledger) for round in excused}
    return verdicts, ledger, vantage


def differences(verdicts: Iterable[Verdict]) -> list[Finding]:
    return [f for v in verdicts for f in v.findings]


def doubtful(ledger: Ledger) -> bool:
    """Servers do not serve the same version, or something was seen that one look cannot settle."""
    spaces = {space.group: space.reference for space in ledger.spaces}
    return any(
        s.doubt is not None or (s.serial is not None and s.serial != spaces.get(s.group)) for s in ledger.standings
    ) or any(space.doubt is not None for space in ledger.spaces)


def moved(one: Judged, two: Judged) -> tuple[Finding, ...]:
    """Differences of the second look at servers that got another version since the first: a change on its way."""
    before = {(s.server, s.address): s.serial for s in one[1].standings}
    after = {(s.server, s.address): s.serial for s in two[1].standings}
    changed = {server for (server, address), serial in after.items() if before.get((server, address)) != serial}
    if not changed:
        return ()
    return tuple(f for v in two[0].values() for f in v.findings if f.code in IN_MOTION)


def concluded(
    zone: Zone,
    config: Config,
    looks: tuple[tuple[Round, ...], ...],
    judged: Judged,
    memory: str,
    moving: tuple[Finding, ...],
    problems: tuple[str, ...],
) -> Asked:
    at = now()
    verdicts = {
        name: replace(v, findings=tuple(worded(f, judged[1], looks, memory) for f in v.findings if f not in moving))
        for name, v in judged[0].items()
    }
    alerts = [
        Alert(
            AlertKey(zone.name, v.check, f.code, f.server, f.address, f.subject), Phase.PENDING, at,
            severity_of(f.code, config.severity), f.text, bad_since=at,
        )
        for v in verdicts.values()
        for f in v.findings
    ]  # fmt: skip
    drawn = picture(zone, judged[1], verdicts, alerts, None, at)
    return Asked(zone, config, looks, verdicts, judged[1], drawn, memory, moving, problems)


def worded(finding: Finding, ledger: Ledger, looks: tuple[tuple[Round, ...], ...], memory: str) -> Finding:
    """Without memory nobody knows for how long a server has been behind; only that it was so at both looks."""
    if memory or finding.code not in LAGS or finding.server is None or finding.address is None:
        return finding
    standing = standing_of(ledger, finding.server, finding.address)
    space = space_of(ledger, standing.group) if standing is not None else None
    if standing is None or space is None:
        return finding
    apart = span(looks[-1][0].at - looks[0][0].at)
    text = (
        f"{finding.server} ({finding.address}) serves {standing.serial} and others {space.reference}, "
        f"the same at two looks {apart} apart; for how long is not known without the service's memory"
    )
    return replace(finding, code="serial-late", text=text)


async def remembered(what: Wanted) -> tuple[Ledger, str]:
    """The service's ledger of the zone, where there is one, and whose it is."""
    if what.database is not None:
        try:
            reader = await open_reader(what.database)
        except StoreError:
            return Ledger(what.zone), ""
        try:
            ledger = await reader.ledger(what.zone)
        finally:
            await reader.close()
        if ledger is not None:
            return ledger, str(what.database)
    return Ledger(what.zone), ""
