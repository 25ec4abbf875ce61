"""How does one zone stand, right now, without a service? Asked, asked again after a moment, and judged."""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from alerting.model import Alert, AlertKey, Phase, Severity
from alerting.severity import severity_of
from checks.check import Check
from checks.history import Ledger, Standing
from checks.judge import judge
from checks.ledger import see, space_of, standing_of
from checks.model import Finding, Health, Round, Verdict, Zone
from checks.registry import CHECKS
from checks.roll import Roll
from checks.vantage import Vantage, excuse, hear
from checks.words import moment as when
from checks.words import span
from monitor.clock import now
from monitor.config.addresses import address
from monitor.config.load import load
from monitor.config.model import Config, ServerEntry, ZoneEntry
from monitor.names import parse, show
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


STALE = 3
"""Cadences after which a service that has not looked again does not run, and its memory is old."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look at: a configuration that holds just this zone, and where to find what the service remembers.

    ``watched``: the zone is one of the configuration's own. ``notes`` are for whoever asked.
    """

    config: Config
    zone: str
    database: Path | None = None
    watched: bool = False
    notes: tuple[str, ...] = ()


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
    watched: bool = False

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
        return Wanted(bare(name, servers, {}), name)
    whole = load(config, os.environ)
    entry = whole.zones.get(name)
    if servers or entry is None:
        alone = bare(name, servers, whole.servers)
        note = () if servers else (f"{show(name)} is not in {config}; the servers of its NS set are asked",)
        entries = alone.servers if servers else whole.servers
        return Wanted(replace(whole, zones=alone.zones, servers=entries), name, notes=note)
    return Wanted(replace(whole, zones=Roll.of((entry,))), name, whole.service.database, watched=True)


def bare(zone: str, servers: Sequence[str], known: Mapping[str, ServerEntry]) -> Config:
    """A configuration for somebody who has none. A name without an address is one of the ``known`` servers."""
    entries: dict[str, ServerEntry] = {}
    for text in servers:
        if text in known:
            entries[text] = known[text]
            continue
        name, _, where = text.rpartition("=")
        found = address(where)
        name = name or str(found)
        entry = entries.get(name, ServerEntry(name))
        entries[name] = replace(entry, addresses=(*entry.addresses, found))
    return Config(
        zones=Roll.of((ZoneEntry(zone, tuple(entries)),)),
        servers=entries,
        checks={name: check() for name, check in CHECKS.items()},
        cadence={name: check.cadence for name, check in CHECKS.items()},
    )


async def look(what: Wanted, moment: float = MOMENT, again: Callable[[], None] = lambda: None) -> Asked:
    """Ask the zone everything, twice where once is not enough. ``again`` is called before the second look."""
    found = await resolve(what.config, None, now())
    zone = found.zones[what.zone]
    memory = await remembered(what, now())
    notes = (*what.notes, *found.problems, *memory.notes)
    judged = zone if memory.of else replace(zone, max_lag=timedelta(0))
    prober = DnsProber(what.config.probe, what.config.keys, now)
    try:
        looks = [await rounds(what.config, judged, prober)]
        said = [judged_by(judged, what.config, memory.ledger, looks[0], Vantage())]
        if differences(said[0][0].values()) or doubtful(said[0][1]):
            again()
            await asyncio.sleep(moment)
            looks.append(await rounds(what.config, judged, prober))
            said.append(judged_by(judged, what.config, said[0][1], looks[1], said[0][2]))
    finally:
        await prober.close()
    moving = () if memory.of or len(said) == 1 else moved(*said)
    drawn = concluded(zone, what.config, tuple(looks), said[-1], memory.of, moving)
    return replace(drawn, problems=notes, watched=what.watched)


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
    """Differences of the second look that a change on its way explains.

    A server that was behind already and serves the same still is no such case, however much the others move on.
    """
    changed = any(at.serial != was.serial for was, at in pairs(one[1], two[1]))
    references = {space.group: space.reference for space in one[1].spaces}
    stays = {
        (at.server, at.address)
        for was, at in pairs(one[1], two[1])
        if was.serial is not None and was.serial == at.serial != references.get(was.group)
    }
    return tuple(
        f
        for verdict in two[0].values()
        for f in verdict.findings
        if f.code in IN_MOTION and (((f.server, f.address) not in stays) if f.code in LAGS else changed)
    )


def pairs(one: Ledger, two: Ledger) -> Iterable[tuple[Standing, Standing]]:
    """What each address served at one look and at the other."""
    before = {(s.server, s.address): s for s in one.standings}
    return ((before[s.server, s.address], s) for s in two.standings if (s.server, s.address) in before)


def concluded(
    zone: Zone,
    config: Config,
    looks: tuple[tuple[Round, ...], ...],
    judged: Judged,
    memory: str,
    moving: tuple[Finding, ...],
) -> Asked:
    at = now()
    verdicts = {name: told(verdict, judged[1], looks, memory, moving) for name, verdict in judged[0].items()}
    alerts = [
        Alert(
            AlertKey(zone.name, v.check, f.code, f.server, f.address, f.subject), Phase.PENDING, at,
            severity_of(f.code, config.severity), f.text, bad_since=at,
        )
        for v in verdicts.values()
        for f in v.findings
    ]  # fmt: skip
    drawn = picture(zone, judged[1], verdicts, alerts, None, at)
    return Asked(zone, config, looks, verdicts, judged[1], drawn, memory, moving)


def told(
    verdict: Verdict,
    ledger: Ledger,
    looks: tuple[tuple[Round, ...], ...],
    memory: str,
    moving: tuple[Finding, ...],
) -> Verdict:
    """The verdict without what is in motion; good where nothing else was found."""
    left = tuple(worded(f, ledger, looks, memory) for f in verdict.findings if f not in moving)
    health = Health.GOOD if verdict.findings and not left else verdict.health
    return replace(verdict, findings=left, health=health)


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


@dataclass(frozen=True, slots=True)
class Remembered:
    """A ledger to begin with, whose it is (empty: nobody's), and why it is not the service's."""

    ledger: Ledger
    of: str = ""
    notes: tuple[str, ...] = ()


async def remembered(what: Wanted, at: datetime) -> Remembered:
    """The service's ledger of the zone, where there is one that is kept up to date.

    The ledger of a service that stands still would make every difference a new one, and so nobody's fault.
    """
    nothing = Ledger(what.zone)
    if what.database is None:
        return Remembered(nothing)
    try:
        if not what.database.exists():
            return Remembered(nothing)
        reader = await open_reader(what.database)
        try:
            ledger = await reader.ledger(what.zone)
        finally:
            await reader.close()
    except (StoreError, OSError) as error:
        return Remembered(nothing, notes=(f"looking without memory: {error}",))
    if ledger is None or ledger.at is None:
        return Remembered(nothing)
    every = what.config.cadence.get("soa-serial") or CHECKS["soa-serial"].cadence
    if at - ledger.at > STALE * every + timedelta(seconds=what.config.probe.timeout * what.config.probe.attempts):
        note = f"the service last looked {when(ledger.at)}, so its memory is not used"
        return Remembered(nothing, notes=(note,))
    return Remembered(ledger, str(what.database))
