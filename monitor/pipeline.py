"""Rounds in; what is remembered, judged, alerted and shown out: the whole middle of the service."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from alerting.cause import Topology
from alerting.incidents import Book, Kept, keep, remind
from alerting.model import NOT_CHECKED, Alert, AlertKey, Policy, Route, Severity, Transition
from alerting.state import apply, withdraw
from checks.check import Check
from checks.history import Ledger, Propagation, RunChange
from checks.judge import judge
from checks.ledger import changes, see
from checks.model import Address, Finding, Health, Round, Verdict, Zone
from checks.vantage import Vantage, blind, excuse, hear
from checks.vantage import keep as keep_heard
from monitor.picture import DECISIVE, picture
from monitor.ports import Commit, Remembered
from monitor.status import ZoneStatus

REMEMBERED = "soa-serial"
"""The check whose rounds the ledger is made of."""

SELF = ""
"""The zone of the monitor's own alerts."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is watched, and by which rules: swapped whole when the configuration or the addresses change."""

    zones: Mapping[str, Zone] = field(default_factory=dict)
    checks: Mapping[str, Check] = field(default_factory=dict)
    """Those that are on."""
    topology: Topology = field(default_factory=Topology)
    policy: Policy = field(default_factory=Policy)
    severity: Mapping[str, Severity] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    receivers: tuple[str, ...] = ()


@dataclass(slots=True)
class Memory:
    """What the judge has in mind between rounds; all of it but the verdicts survives a restart."""

    ledgers: dict[str, Ledger] = field(default_factory=dict)
    standing: dict[AlertKey, Alert] = field(default_factory=dict)
    """Every alert that is not OK."""
    by_zone: dict[str, dict[str, dict[AlertKey, Alert]]] = field(default_factory=dict)
    """The same, by zone and check."""
    verdicts: dict[str, dict[str, Verdict]] = field(default_factory=dict)
    book: Book = field(default_factory=Book)
    taken: dict[tuple[str, Address], datetime] = field(default_factory=dict)
    """When each address last took a new version of any zone."""
    vantage: Vantage = field(default_factory=Vantage)
    store_error: str = ""
    """Why the last commit was refused; empty when it was not."""

    @classmethod
    def of(cls, remembered: Remembered) -> "Memory":
        memory = cls(ledgers=dict(remembered.ledgers), book=Book(dict(remembered.incidents)))
        for alert in remembered.alerts.values():
            memory.put(alert)
        for ledger in memory.ledgers.values():
            memory.took(ledger)
        return memory

    def took(self, ledger: Ledger) -> None:
        """Its addresses may have new versions; what a ledger that comes from the disk says must come to the same."""
        for standing in ledger.standings:
            if standing.serial is not None:
                place = (standing.server, standing.address)
                self.taken[place] = max(standing.since, self.taken.get(place, standing.since))

    def put(self, alert: Alert) -> None:
        """Keep an alert as it is now; one that is OK is forgotten."""
        key = alert.key
        if not alert.quiet:
            self.standing[key] = alert
            self.by_zone.setdefault(key.zone, {}).setdefault(key.check, {})[key] = alert
        elif self.standing.pop(key, None) is not None:
            checks = self.by_zone[key.zone]
            del checks[key.check][key]
            if not checks[key.check]:
                del checks[key.check]
            if not checks:
                del self.by_zone[key.zone]

    def of_check(self, zone: str, check: str) -> Mapping[AlertKey, Alert]:
        return self.by_zone.get(zone, {}).get(check, {})

    def of_zone(self, zone: str) -> list[Alert]:
        return [alert for alerts in self.by_zone.get(zone, {}).values() for alert in alerts.values()]


@dataclass(slots=True)
class Draft:
    """A commit in the making, and the zones whose picture it changes."""

    ledgers: dict[str, Ledger] = field(default_factory=dict)
    runs: list[RunChange] = field(default_factory=list)
    propagations: list[Propagation] = field(default_factory=list)
    alerts: dict[AlertKey, Alert] = field(default_factory=dict)
    transitions: list[Transition] = field(default_factory=list)
    dropped: tuple[str, ...] = ()
    touched: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)
    """Checks that could not judge a zone because of a bug of their own."""


def handle(memory: Memory, rounds: Sequence[Round], plan: Plan, now: datetime) -> tuple[Commit, Draft]:
    """Remember, judge, advance, fold. A round of what is not in the plan any more is dropped."""
    draft = Draft()
    for round in rounds:
        zone, check = plan.zones.get(round.zone), plan.checks.get(round.check)
        if zone is None or check is None or not check.applies(zone) or not still_there(zone, round):
            continue
        memory.vantage = hear(memory.vantage, round)
        verdict = verdict_on(memory, draft, check, zone, excuse(memory.vantage, round))
        memory.verdicts.setdefault(zone.name, {})[check.name] = verdict
        if verdict.failed:
            draft.failed.append(check.name)
        advance(memory, draft, verdict, plan)
        draft.touched.add(zone.name)
    advance(memory, draft, own_verdict(memory, now), plan)
    return conclude(memory, draft, plan, now), draft


def verdict_on(memory: Memory, draft: Draft, check: Check, zone: Zone, round: Round) -> Verdict:
    """What the check says; a defect in remembering is contained as one in judging is: one zone must not end it all."""
    try:
        ledger = remember(memory, draft, zone, round)
    except Exception as defect:  # noqa: BLE001 - told as "check failed", counted and alerted on
        why = f"check failed: {type(defect).__name__}: {defect}"
        return Verdict(zone.name, check.name, round.at, Health.UNKNOWN, why=why, failed=True)
    return judge(check, zone, round, ledger)


def still_there(zone: Zone, round: Round) -> bool:
    """Whether the zone still is where it was asked: who has left it is not accused any more."""
    places = {(server.name, address) for server, address in zone.places()}
    return all((seen.query.server, seen.query.address) in places for seen in round.seen)


def remember(memory: Memory, draft: Draft, zone: Zone, round: Round) -> Ledger:
    before = memory.ledgers.get(zone.name) or Ledger(zone.name)
    if round.check != REMEMBERED:
        return before
    after = see(before, zone, round)
    memory.ledgers[zone.name] = after
    if after != before:
        draft.ledgers[zone.name] = after
        runs, propagations = changes(before, after)
        draft.runs += runs
        draft.propagations += propagations
        memory.took(after)
    return after


def advance(memory: Memory, draft: Draft, verdict: Verdict, plan: Plan) -> None:
    if verdict.health is Health.UNKNOWN and not verdict.failed and explained(memory, verdict.zone):
        return
    standing = dict(memory.of_check(verdict.zone, verdict.check))
    touched, transitions = apply(verdict, standing, plan.severity, plan.policy)
    for alert in touched:
        if alert != standing.get(alert.key):
            draft.alerts[alert.key] = alert
        memory.put(alert)
    draft.transitions += transitions


def explained(memory: Memory, zone: str) -> bool:
    """We are blind, or something is known to be wrong with the zone: that is why a check can say nothing of it."""
    return bool(blind(memory.vantage)) or any(
        alert.severity >= Severity.WARNING and alert.key.code != NOT_CHECKED for alert in memory.of_zone(zone)
    )


def own_verdict(memory: Memory, now: datetime) -> Verdict:
    """What is wrong with the monitor itself: it is blind over an address family, or cannot write its database."""
    findings = [
        Finding(
            "vantage-blind", f"no server answers over {family}: most likely this monitor is cut off", subject=family
        )
        for family in blind(memory.vantage)
    ]
    if memory.store_error:
        findings.append(Finding("store-failing", f"the database takes no changes: {memory.store_error}"))
    return Verdict(SELF, "self", now, Health.BAD if findings else Health.GOOD, tuple(findings))


def conclude(memory: Memory, draft: Draft, plan: Plan, now: datetime) -> Commit:
    """Fold what moved into incidents, and say who must hear of it."""
    kept = Kept(memory.book)
    if draft.alerts:
        changed = tuple(draft.alerts.values())
        kept = keep(
            memory.book,
            memory.standing,
            changed,
            draft.transitions,
            plan.topology,
            plan.routes,
            now,
            plan.receivers,
            memory.taken,
        )
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
        tellings=kept.tellings,
        dropped_zones=draft.dropped,
    )


def reminders(memory: Memory, plan: Plan, now: datetime) -> Commit:
    """What is still open after ``policy.remind`` is told again."""
    kept = remind(memory.book, now, plan.policy, memory.standing)
    memory.book = kept.book
    return Commit(incidents=kept.incidents, tellings=kept.tellings)


def release(memory: Memory, plan: Plan, now: datetime) -> tuple[Commit, Draft]:
    """Let go of what the plan no longer holds: zones, servers, addresses and checks, and the alerts about them."""
    draft = Draft()
    gone = memory.ledgers.keys() - plan.zones.keys()
    for name in gone:
        del memory.ledgers[name]
    draft.dropped = tuple(sorted(gone))
    memory.verdicts = {
        name: {check: verdict for check, verdict in verdicts.items() if applies(plan, check, name)}
        for name, verdicts in memory.verdicts.items()
        if name in plan.zones
    }
    places = {(server.name, address) for zone in plan.zones.values() for server, address in zone.places()}
    memory.vantage = keep_heard(memory.vantage, places)
    memory.taken = {place: at for place, at in memory.taken.items() if place in places}
    for alert in [a for a in memory.standing.values() if not watched(a.key, plan)]:
        over, transition = withdraw(alert, now)
        draft.alerts[alert.key] = over
        memory.put(over)
        draft.transitions += [transition] if transition is not None else []
        draft.touched.add(alert.key.zone)
    return conclude(memory, draft, plan, now), draft


def watched(key: AlertKey, plan: Plan) -> bool:
    if key.zone == SELF:
        return True
    if not applies(plan, key.check, key.zone):
        return False
    if key.server is None:
        return True
    server = plan.zones[key.zone].server(key.server)
    return server is not None and (key.address is None or key.address in server.addresses)


def applies(plan: Plan, check: str, zone: str) -> bool:
    """Whether the plan has this check look at this zone."""
    return zone in plan.zones and check in plan.checks and plan.checks[check].applies(plan.zones[zone])


def draw(
    memory: Memory, plan: Plan, names: Iterable[str], before: Mapping[str, ZoneStatus], now: datetime
) -> dict[str, ZoneStatus]:
    """The pictures of these zones as they are now."""
    decisive = tuple(name for name in DECISIVE if name in plan.checks) or tuple(plan.checks)
    return {
        name: picture(
            plan.zones[name], memory.ledgers.get(name), memory.verdicts.get(name, {}), memory.of_zone(name),
            before.get(name), now, decisive,
        )
        for name in names
        if name in plan.zones
    }  # fmt: skip
