"""Rounds in; what is remembered, judged, alerted and shown out: the whole middle of the service."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from alerting.alert_state import apply, recheck, withdraw
from alerting.incident_news import Rules
from alerting.incidents import IncidentUpdate, review, update
from alerting.model import Alert, AlertKey, Phase, Policy, Route, Severity, Transition
from alerting.root_cause import BLIND, FAILING, REFUSED, DependencyGraph
from alerting.severity import severity_of
from checks.base import Check
from checks.common.text import format_time
from checks.evaluation import judge
from checks.model import CheckResult, Finding, Health, Zone, ZonePoll
from checks.model.zone_table import ZoneTable
from checks.ns_set import BEYOND
from checks.soa_serial import SoaSerial
from checks.zone_state.connectivity import account, blind, excuse, hear
from checks.zone_state.connectivity import keep as keep_heard
from checks.zone_state.model import Propagation, StateChange, ZoneState
from checks.zone_state.update import changes, updated
from monitor.state.fast_path import FastPathChanges, heard_of, pass_over, settle, unsettle, wake
from monitor.state.memory import REMEMBERED, MonitorState
from monitor.state.ports import Commit, PollMessage, UnchangedZones
from monitor.state.status import ZoneStatus
from monitor.state.zone_status import HEALTH_CHECKS, ZoneSummary, picture, summarise

SELF = ""
"""The zone of the monitor's own alerts."""

TELL_FOR = timedelta(hours=1)
"""How long it is a finding that the database had to be made anew: what deletes it may do so again."""

Look = tuple[str, str]
"""A check, and the zone that it looks at."""


@dataclass(frozen=True, slots=True)
class MonitoringPlan:
    """What is watched, and by which rules: swapped whole when the configuration or the addresses change."""

    zones: ZoneTable[Zone] = field(default_factory=lambda: ZoneTable.of(()))
    checks: Mapping[str, Check] = field(default_factory=dict)
    """Those that are on."""
    topology: DependencyGraph = field(default_factory=DependencyGraph)
    policy: Policy = field(default_factory=Policy)
    severity: Mapping[str, Severity] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    receivers: tuple[str, ...] = ()
    cadence: Mapping[str, timedelta] = field(default_factory=dict)
    """How often each check looks at a zone."""

    @property
    def rules(self) -> Rules:
        return Rules(self.topology, self.routes, self.receivers, self.policy, self.cadence)


@dataclass(slots=True)
class PendingCommit:
    """A commit in the making, the zones whose picture it changes, and which came to stand still, or do no longer."""

    moves: FastPathChanges
    ledgers: dict[str, ZoneState] = field(default_factory=dict)
    runs: list[StateChange] = field(default_factory=list)
    propagations: list[Propagation] = field(default_factory=list)
    alerts: dict[AlertKey, Alert] = field(default_factory=dict)
    transitions: list[Transition] = field(default_factory=list)
    dropped: tuple[str, ...] = ()
    touched: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)
    """Checks that could not judge a zone because of a bug of their own."""
    rechecks: dict[Look, datetime | None] = field(default_factory=dict)
    """When to look again before the next regular look, as the latest round has it; None: no more."""
    quiet: int = 0
    """Rounds that were passed over."""
    judged: int = 0
    """Rounds of soa-serial that were judged."""


def handle(
    memory: MonitorState, heard: Sequence[PollMessage], plan: MonitoringPlan, now: datetime
) -> tuple[Commit, PendingCommit]:
    """Remember, judge, advance, fold. A round of what is not in the plan any more is dropped."""
    draft = PendingCommit(FastPathChanges(memory.still.roll))
    absorb(memory, draft, heard, plan)
    return finish(memory, draft, plan, now), draft


def absorb(memory: MonitorState, draft: PendingCommit, heard: Sequence[PollMessage], plan: MonitoringPlan) -> None:
    """Remember, judge and advance what was heard: a part of a batch, so that others have their turn in between."""
    dark = blind(memory.vantage)
    for one in heard:
        if isinstance(one, UnchangedZones):
            if one.check in plan.checks:
                draft.quiet += pass_over(memory, draft.moves, one)
        else:
            take_in(memory, draft, one, plan)
        if blind(memory.vantage) != dark:
            dark = blind(memory.vantage)
            unsettle(memory, draft.moves)


def finish(memory: MonitorState, draft: PendingCommit, plan: MonitoringPlan, now: datetime) -> Commit:
    """What the monitor has to say of itself, and then what the whole batch comes to."""
    before = len(draft.transitions)
    advance(memory, draft, own_verdict(memory, now), plan)
    for moved in draft.transitions[before:]:
        if moved.key.code == BLIND and moved.after is Phase.FIRING:
            pardon(memory, draft, moved.key.subject, now)
    return conclude(memory, draft, plan, now)


def pardon(memory: MonitorState, draft: PendingCommit, dark: str, now: datetime) -> None:
    """Who was accused as we went blind over a family, and not yet convicted, is not accused: that was us already."""
    for alert in [a for a in memory.standing.values() if a.phase is Phase.PENDING]:
        if alert.key.address is not None and alert.key.address.family.value == dark:
            over, _ = withdraw(alert, now)
            draft.alerts[alert.key] = over
            memory.put(over)
            draft.touched.add(alert.key.zone)


def take_in(memory: MonitorState, draft: PendingCommit, round: ZonePoll, plan: MonitoringPlan) -> None:
    """One round: heard, remembered, judged; and does its zone stand still now?"""
    zone, check = plan.zones.get(round.zone), plan.checks.get(round.check)
    if zone is None or check is None or not check.applies(zone) or not still_there(zone, round):
        return
    if heard_of(memory, round):
        unsettle(memory, draft.moves)
    memory.vantage = hear(memory.vantage, round)
    verdict, ledger = verdict_on(memory, draft, check, zone, excuse(memory.vantage, round))
    memory.heed(verdict)
    if verdict.failed:
        draft.failed.append(check.name)
    waited = bool(memory.of_check(zone.name, check.name))
    advance(memory, draft, verdict, plan)
    standing = memory.of_check(zone.name, check.name)
    if waited or standing:
        again = recheck(standing.values(), verdict.at, round.cadence, plan.policy)
        draft.rechecks[check.name, zone.name] = again
    learned = ledger is not None and ledger.at == round.at
    if ledger is not None and learned and isinstance(check, SoaSerial) and memory.still.roll is plan.zones:
        settle(memory, draft.moves, round, ledger, verdict, check, plan.policy)
    draft.touched.add(zone.name)
    draft.judged += check.name == REMEMBERED


def verdict_on(
    memory: MonitorState, draft: PendingCommit, check: Check, zone: Zone, round: ZonePoll
) -> tuple[CheckResult, ZoneState | None]:
    """What the check says, and the ledger it said it by.

    A defect in remembering is contained as one in judging is: one zone must not end it all.
    """
    try:
        ledger = remember(memory, draft, zone, round)
    except Exception as defect:  # noqa: BLE001 - told as "check failed", counted and alerted on
        why = f"check failed: {type(defect).__name__}: {defect}"
        return CheckResult(zone.name, check.name, round.at, Health.UNKNOWN, why=why, failed=True), None
    return judge(check, zone, round, ledger), ledger


def still_there(zone: Zone, round: ZonePoll) -> bool:
    """Whether the zone still is where it was asked: who has left it is not accused any more."""
    places = {(server.name, address) for server, address in zone.places()}
    return all((seen.query.server, seen.query.address) in places for seen in round.seen)


def remember(memory: MonitorState, draft: PendingCommit, zone: Zone, round: ZonePoll) -> ZoneState:
    before = memory.ledgers.get(zone.name) or ZoneState(zone.name)
    if round.check != REMEMBERED:
        return before
    after = updated(before, zone, round)
    memory.ledgers[zone.name] = after
    if after != before:
        draft.ledgers[zone.name] = after
        runs, propagations = changes(before, after)
        draft.runs += runs
        draft.propagations += propagations
    return after


def advance(memory: MonitorState, draft: PendingCommit, verdict: CheckResult, plan: MonitoringPlan) -> None:
    if verdict.health is Health.UNKNOWN and not verdict.failed and memory.explained(verdict.zone):
        return
    standing = dict(memory.of_check(verdict.zone, verdict.check))
    touched, transitions = apply(verdict, standing, plan.severity, plan.policy)
    for alert in touched:
        if alert != standing.get(alert.key):
            draft.alerts[alert.key] = alert
        memory.put(alert)
    draft.transitions += transitions


def own_verdict(memory: MonitorState, now: datetime) -> CheckResult:
    """What is wrong with the monitor itself: it is blind over an address family, cannot write its database, was given
    a configuration that it cannot take, or has receivers that take nothing.
    """
    findings = [Finding(BLIND, account(memory.vantage, family), subject=family) for family in blind(memory.vantage)]
    if memory.store_error:
        findings.append(Finding("store-failing", f"the database takes no changes: {memory.store_error}"))
    if memory.config_error:
        findings.append(
            Finding(REFUSED, f"the configuration is refused, and the one before goes on: {memory.config_error}")
        )
    findings += [Finding(FAILING, text, subject=name) for name, text in memory.failing.items()]
    anew = memory.recreated
    if anew is not None and now - anew.at < TELL_FOR:
        text = f"the files of the database were lost at {format_time(anew.at)} and are made anew {anew.how}"
        findings.append(Finding("database-recreated", text))
    return CheckResult(SELF, "self", now, Health.BAD if findings else Health.GOOD, tuple(findings))


def conclude(
    memory: MonitorState, draft: PendingCommit, plan: MonitoringPlan, now: datetime, *, anew: bool = False
) -> Commit:
    """Fold what moved into incidents, and say who must hear of it; ``anew``: even if nothing moved."""
    wake(memory, draft.moves, (key.zone for key in draft.alerts if key.check != REMEMBERED))
    kept = IncidentUpdate(memory.book)
    if draft.alerts or anew:
        changed = tuple(draft.alerts.values())
        kept = update(memory.book, memory.standing, changed, draft.transitions, plan.rules, now, anew=anew)
    memory.book = kept.book
    for alert in kept.alerts:
        draft.alerts[alert.key] = alert
        memory.put(alert)
        draft.touched.add(alert.key.zone)
    return Commit(
        ledgers=tuple(draft.ledgers.values()),
        runs=tuple(draft.runs),
        propagations=tuple(draft.propagations),
        alerts=tuple(draft.alerts.values()),
        transitions=tuple(draft.transitions),
        incidents=kept.incidents,
        messages=kept.messages,
        dropped_zones=draft.dropped,
    )


def reminders(memory: MonitorState, plan: MonitoringPlan, now: datetime) -> Commit:
    """What is told only because time has passed."""
    kept = review(memory.book, memory.standing, plan.rules, now)
    memory.book = kept.book
    for alert in kept.alerts:
        memory.put(alert)
    return Commit(alerts=kept.alerts, incidents=kept.incidents, messages=kept.messages)


def release(
    memory: MonitorState, plan: MonitoringPlan, now: datetime, gone: Iterable[str] | None = None
) -> tuple[Commit, PendingCommit]:
    """Let go of what the plan no longer holds: zones, servers, addresses and checks, and the alerts about them.

    ``gone`` are the zones that left, where that is known; otherwise all ledgers are looked through.
    """
    draft = PendingCommit(FastPathChanges(memory.still.roll))
    left = [name for name in (memory.ledgers if gone is None else gone) if name not in plan.zones]
    draft.dropped = tuple(sorted(name for name in left if memory.ledgers.pop(name, None) is not None))
    memory.verdicts = {
        name: {check: verdict for check, verdict in verdicts.items() if applies(plan, check, name)}
        for name, verdicts in memory.verdicts.items()
        if name in plan.zones
    }
    memory.still.keep_plain(plan.checks)
    places = {(server.name, address) for zone in plan.zones.templates for server, address in zone.places()}
    memory.vantage = keep_heard(memory.vantage, places)
    for alert in list(memory.standing.values()):
        if not watched(alert.key, plan):
            over, transition = withdraw(alert, now)
            draft.transitions += [transition] if transition is not None else []
        elif (severity := severity_of(alert.key.code, plan.severity)) is not alert.severity:
            over = replace(alert, severity=severity)
        else:
            continue
        draft.alerts[alert.key] = over
        memory.put(over)
        draft.touched.add(alert.key.zone)
    return conclude(memory, draft, plan, now, anew=True), draft


def watched(key: AlertKey, plan: MonitoringPlan) -> bool:
    if key.zone == SELF:
        return True
    if not applies(plan, key.check, key.zone):
        return False
    if key.server is None:
        return True
    server = plan.zones[key.zone].server(key.server)
    if server is None:
        return key.code in BEYOND
    return key.address is None or key.address in server.addresses


def applies(plan: MonitoringPlan, check: str, zone: str) -> bool:
    """Whether the plan has this check look at this zone."""
    return zone in plan.zones and check in plan.checks and plan.checks[check].applies(plan.zones[zone])


def decisive(plan: MonitoringPlan) -> tuple[str, ...]:
    """The checks without whose word no zone of this plan is called well."""
    return tuple(name for name in HEALTH_CHECKS if name in plan.checks) or tuple(plan.checks)


def draw(memory: MonitorState, plan: MonitoringPlan, name: str, since: datetime | None, now: datetime) -> ZoneStatus:
    """The picture of a zone as it is now; its health is what it is ``since`` then."""
    verdicts, alerts = memory.verdicts_on(name), memory.of_zone(name)
    return picture(plan.zones[name], memory.ledgers.get(name), verdicts, alerts, since, now, decisive(plan))


def look(memory: MonitorState, plan: MonitoringPlan, name: str, now: datetime) -> ZoneSummary:
    """How the zone is, without a picture of it."""
    verdicts, alerts, zone = memory.verdicts_on(name), memory.of_zone(name), plan.zones[name]
    well = memory.answering(name)  # then nobody need look into its ledger
    return summarise(zone, None if well else memory.ledgers.get(name), verdicts, alerts, now, decisive(plan), well=well)
