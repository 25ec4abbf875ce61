"""Looks at one zone without a service: asks, asks again after a moment, and judges."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from alerting.finding_types import severity_of
from alerting.model import Alert, AlertKey, Phase
from checks.base import Check, cadence_of
from checks.delegation import Delegation, named_by_parents
from checks.evaluation import run_check
from checks.model import CheckResult, Finding, Health, RememberedRecords, TransferFigures, Zone, ZonePoll
from checks.model.finding_type import Severity
from checks.ns_set import NsSet, names_given
from checks.zone_state.connectivity import Connectivity, mask_offline, offline_explanation, record_poll
from checks.zone_state.model import SERIAL_CHECK, ZoneState
from checks.zone_state.update import update_zone_state
from monitor.cli.zone_check.deadline import Deadline, DeadlineProber, unasked, unknown
from monitor.cli.zone_check.in_motion import differing_while_changing, in_motion, other_machines
from monitor.cli.zone_check.service_memory import ServiceMemory, read_service_memory
from monitor.cli.zone_check.target import CheckTarget, with_checks
from monitor.cli.zone_check.witnesses import witnessed
from monitor.clock import now
from monitor.config.model import Config
from monitor.polling.discovery import DiscoveredZones, resolve, resolve_ns_names
from monitor.polling.earlier_serials import from_earlier
from monitor.polling.further_names import resolve_further
from monitor.polling.sweep import ProbeQueries, poll_zone
from monitor.probe.client.client import DnsClient
from monitor.service.plan import with_resolved_names
from monitor.state.status import ZoneStatus
from monitor.state.zone_status import HEALTH_CHECKS, zone_status

SECOND_LOOK_DELAY = 3.0
"""Seconds between the two looks."""


@dataclass(frozen=True, slots=True)
class ZoneReport:
    """What the looks came to. ``memory`` says whose zone state was used; ``in_motion`` may be a change on its way.

    ``strict``: it is not called good while anything is in motion, or could not be evaluated.
    """

    zone: Zone
    config: Config
    looks: tuple[tuple[ZonePoll, ...], ...]
    results: Mapping[str, CheckResult]
    zone_state: ZoneState
    status: ZoneStatus
    memory: str = ""
    in_motion: tuple[Finding, ...] = ()
    problems: tuple[str, ...] = ()
    watched: bool = False
    offline_families: tuple[str, ...] = ()
    """What is known of each address family over which nothing answers, so nobody is accused over it."""
    unknown: tuple[str, ...] = ()
    """What had not come back when the time was over, and who was not asked at all."""
    strict: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        """What whoever asked is to know: problems, and what was not looked at because the operator wants it so."""
        return (*self.problems, *(f"{check} is off for this zone" for check in sorted(switched_off(self.zone))))

    @property
    def findings(self) -> tuple[Finding, ...]:
        found = (f for v in self.results.values() for f in v.findings)
        return tuple(sorted(found, key=lambda f: (-self.severity(f), f.code, f.server or "")))

    @property
    def health(self) -> Health:
        health = self.status.health
        open_ = self.unknown or (self.strict and (self.in_motion or self.offline_families))
        return Health.UNKNOWN if open_ and health is Health.GOOD else health

    @property
    def worst(self) -> Severity | None:
        return max((self.severity(f) for f in self.findings), default=None)

    def severity(self, finding: Finding) -> Severity:
        return severity_of(finding.code, severities(self.config, self.zone))


async def check_zone(
    what: CheckTarget,
    moment: float = SECOND_LOOK_DELAY,
    again: Callable[[], None] = lambda: None,
    *,
    strict: bool = False,
    timeout: float | None = None,
    spent: float = 0.0,
) -> ZoneReport:
    """Ask the zone everything, twice where once is not enough. ``again`` is called before the second look.

    It ends within ``timeout`` seconds, of which so many are ``spent`` already, whatever is silent; without one, when
    all has been heard or given up. Raises TimeoutError where by then it is not known where the servers are.
    """
    what = with_checks(what)
    deadline = Deadline.of(timeout, spent)
    hurried = deadline.with_short_timeouts(what.config)
    try:
        async with asyncio.timeout_at(deadline.discovery()):
            found = await resolve(hurried, None, now())
    except TimeoutError:
        raise TimeoutError(f"the resolver has not said within {timeout:g} s where the servers are") from None
    prober = DnsClient(what.config.probe, what.config.keys, now, tls=what.config.tls)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline.discovery()):
                found = await resolve_further(hurried, found, (), prober, now())
        return await look_at(what, found, prober, deadline, moment, again, strict=strict)
    finally:
        await prober.close()


async def look_at(
    what: CheckTarget,
    found: DiscoveredZones,
    prober: DnsClient,
    deadline: Deadline,
    moment: float = SECOND_LOOK_DELAY,
    again: Callable[[], None] = lambda: None,
    *,
    strict: bool = False,
) -> ZoneReport:
    """The same, once it is known where the servers are, by all checks of the configuration."""
    hurried = deadline.with_short_timeouts(what.config)
    zone = replace(found.zones[what.zone], canary=None)  # the service changes it, a look does not
    memory = await read_service_memory(what, now())
    asking = DeadlineProber(prober, deadline.first_look())
    config = replace(what.config, checks=with_resolved_names(what.config.checks, found))
    looks = [await polls(config, zone, since_earlier(asking, memory))]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(deadline.ns_names()):
            found = await resolve_ns_names(hurried, found, unwatched_names(zone, looks[0]), now())
    config = replace(what.config, checks=with_resolved_names(what.config.checks, found))
    told = await witnessed(config, looks[0], deadline.end)
    said = [evaluate_checks(zone, config, memory.zone_state, looks[0], told, memory.records)]
    if differences(said[0][0].values()) or is_new(said[0][0].values()) or needs_confirmation(said[0][1]) or asking.cut:
        again()
        await asyncio.sleep(deadline.delay(moment))
        asking = DeadlineProber(prober, deadline.end, looks[0])
        looks.append(await polls(config, zone, since_earlier(asking, memory)))
        records = {**memory.records, **remembered(said[0][0])}
        said.append(evaluate_checks(zone, config, said[0][1], looks[1], said[0][2], records))
    excused = () if memory.of or len(said) == 1 else differing_while_changing(said[0][:2], said[1][:2])
    drawn = make_report(zone, what.config, tuple(looks), said[-1], memory.of, excused)
    return replace(
        drawn,
        problems=(*what.notes, *found.problems, *memory.notes),
        watched=what.watched,
        unknown=(
            *unresolved(zone, found),
            *unasked(looks[-1], said[-1][2].offline),
            *unknown(asking, looks[-1], deadline),
        ),
        strict=strict,
    )


def unwatched_names(zone: Zone, seen: Sequence[ZonePoll]) -> frozenset[str]:
    """The names in its NS sets, and in its parent's, that are not those of its servers."""
    named = {NsSet.name: names_given, Delegation.name: named_by_parents}
    return frozenset().union(*(named[poll.check](zone, poll) for poll in seen if poll.check in named))


def unresolved(zone: Zone, found: DiscoveredZones) -> Iterator[str]:
    """Its servers of which nothing could be told but that the resolver fails: nobody has asked them anything."""
    for server in zone.servers:
        resolution = found.names.get(server.name)
        if not server.addresses and resolution is not None and not resolution.certain:
            yield f"{server.name} was not asked, because its name could not be resolved: {resolution.reason}"


Evaluation = tuple[dict[str, CheckResult], ZoneState, Connectivity]


def since_earlier(probe: ProbeQueries, memory: ServiceMemory) -> ProbeQueries:
    """Asks as ``probe`` does; IXFR from the versions that the service saw before."""
    return lambda queries: from_earlier(queries, probe, memory.address_history)


async def polls(config: Config, zone: Zone, probe: ProbeQueries) -> tuple[ZonePoll, ...]:
    checks = [check for check in config.checks.values() if check.name not in switched_off(zone) and check.applies(zone)]
    done = await asyncio.gather(*(poll_zone(check, zone, probe, cadence(config, check, zone), now) for check in checks))
    return tuple(done)


def switched_off(zone: Zone) -> frozenset[str]:
    """The checks that the operator switched off for this very zone: what they would find is not wanted."""
    return frozenset(check for check, every in zone.cadence if not every)


def cadence(config: Config, check: Check, zone: Zone) -> timedelta:
    return cadence_of(check, zone.cadence, config.cadence) or check.cadence


def severities(config: Config, zone: Zone) -> Mapping[str, Severity]:
    return {**config.severity, **dict(zone.severity)}


def evaluate_checks(
    zone: Zone,
    config: Config,
    zone_state: ZoneState,
    seen: Sequence[ZonePoll],
    connectivity: Connectivity,
    records: Mapping[str, RememberedRecords],
) -> Evaluation:
    """The results of one look; the zone state takes it in first, so that all checks know the serials. ``records`` is
    what each check remembers of them.
    """
    for poll in seen:
        connectivity = record_poll(connectivity, poll)
    excused = [mask_offline(connectivity, poll) for poll in seen]
    for poll in excused:
        if poll.check == SERIAL_CHECK:
            zone_state = update_zone_state(zone_state, zone, poll)
    told = [replace(poll, remembered=records.get(poll.check)) for poll in excused]
    results = {poll.check: run_check(config.checks[poll.check], zone, poll, zone_state) for poll in told}
    return results, zone_state, connectivity


def remembered(results: Mapping[str, CheckResult]) -> dict[str, RememberedRecords]:
    return {check: one.remembered for check, one in results.items() if one.remembered is not None}


def differences(results: Iterable[CheckResult]) -> list[Finding]:
    return [f for v in results for f in v.findings]


def is_new(results: Iterable[CheckResult]) -> bool:
    """Whether records differ, of which another look is to show that they do."""
    return any(v.remembered is not None and v.remembered.soon_again for v in results)


def needs_confirmation(zone_state: ZoneState) -> bool:
    """Servers do not serve the same version, or something was seen that one look cannot settle."""
    serial_groups = {serial_group.group: serial_group.reference for serial_group in zone_state.serial_groups}
    return any(
        s.doubt is not None or s.identities or (s.serial is not None and s.serial != serial_groups.get(s.group))
        for s in zone_state.address_states
    ) or any(serial_group.doubt is not None for serial_group in zone_state.serial_groups)


def make_report(
    zone: Zone,
    config: Config,
    looks: tuple[tuple[ZonePoll, ...], ...],
    evaluation: Evaluation,
    memory: str,
    excused: tuple[Finding, ...],
) -> ZoneReport:
    """What the last look comes to. ``excused`` findings are differences that a change explains."""
    at, zone_state = now(), evaluation[1]
    results = {name: without_findings(excused, result) for name, result in evaluation[0].items()}
    moving = (*excused, *in_motion(zone, zone_state, results.values(), at, memory), *other_machines(zone, looks))
    alerts = [
        Alert(
            AlertKey(zone.name, v.check, f.code, f.server, f.address, f.subject), Phase.PENDING, at,
            severity_of(f.code, severities(config, zone)), f.text, bad_since=at,
        )
        for v in results.values()
        for f in v.findings
    ]  # fmt: skip
    deciding = tuple(check for check in HEALTH_CHECKS if check not in switched_off(zone)) or tuple(results)
    figures = [TransferFigures(v.transfers, v.ixfr) for v in results.values()]
    drawn = zone_status(zone, zone_state, results, alerts, None, at, deciding, figures=figures)
    offline_families = tuple(offline_explanation(evaluation[2], family) for family in evaluation[2].offline)
    return ZoneReport(
        zone, config, looks, results, zone_state, drawn, memory, moving, offline_families=offline_families
    )


def without_findings(excused: tuple[Finding, ...], result: CheckResult) -> CheckResult:
    """The result without what is excused; good where nothing else was found."""
    left = tuple(f for f in result.findings if f not in excused)
    health = Health.GOOD if result.findings and not left else result.health
    return replace(result, findings=left, health=health)
