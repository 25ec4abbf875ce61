"""The plan that is watched by: zones, checks, how often each asks which zone, and the rules of alerts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from alerting.audience import widest
from alerting.incident_news import Rules
from alerting.maintenance import MaintenanceWindow
from alerting.model import Policy, Route
from alerting.root_cause import DependencyGraph
from checks.base import Check, cadence_of
from checks.model import Zone
from checks.model.finding_type import Severity
from checks.model.zone_table import ZoneTable
from monitor.config.durations import written
from monitor.state.awaited_notifies import ExpectedNotifies


@dataclass(frozen=True, slots=True, order=True)
class SweepGroup:
    """The zones that a check asks equally often: they make up one sweep."""

    check: str
    cadence: timedelta

    def __str__(self) -> str:
        return f"{self.check} every {written(self.cadence)}"


@dataclass(frozen=True, slots=True)
class MonitoringPlan:
    """What is watched, and by which rules: swapped whole when the configuration or the addresses change."""

    zones: ZoneTable[Zone] = field(default_factory=lambda: ZoneTable.of(()))
    checks: Mapping[str, Check] = field(default_factory=dict)
    """Those that are on for any zone."""
    dependency_graph: DependencyGraph = field(default_factory=DependencyGraph)
    policy: Policy = field(default_factory=Policy)
    """How patient receivers are whose routes say nothing of it."""
    severity: Mapping[str, Severity] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    receivers: tuple[str, ...] = ()
    hearing_acknowledgements: frozenset[str] = frozenset()
    """Those of them that are told of acknowledgements."""
    state_receivers: frozenset[str] = frozenset()
    """Those that keep incidents of their own …"""
    standing_receivers: frozenset[str] = frozenset()
    """… and those of them that are told again and again what stands."""
    cadence: Mapping[str, timedelta] = field(default_factory=dict)
    """How often each check asks the zones that say nothing of it; zero: never."""
    maintenance: tuple[MaintenanceWindow, ...] = ()
    notify: ExpectedNotifies | None = None
    """Whose NOTIFY is expected; None: nobody listens for it."""
    sweep_groups: tuple[SweepGroup, ...] = field(init=False, compare=False, default=())
    """One for each check and each cadence at which it asks any zone."""
    alert_policy: Policy = field(init=False, compare=False, default_factory=Policy)
    """How patient alerts are: as the most impatient of all receivers, and the most patient when it is over."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sweep_groups", _sweep_groups(self.zones, self.checks, self.cadence))
        object.__setattr__(self, "alert_policy", widest(self.policy, self.routes))

    @property
    def rules(self) -> Rules:
        """What is told when. Checks of whose cadence nothing was said are not waited for."""
        cadences: dict[str, list[timedelta]] = {}
        for group in self.sweep_groups:
            if group.check in self.cadence:
                cadences.setdefault(group.check, []).append(group.cadence)
        return Rules(
            self.dependency_graph,
            self.routes,
            self.receivers,
            self.policy,
            cadences,
            self.state_receivers,
            self.standing_receivers,
            hearing=self.hearing_acknowledgements,
        )

    def cadence_of(self, check: str, zone: Zone) -> timedelta:
        """How often the check asks the zone; zero: never."""
        known = self.checks.get(check)
        return timedelta(0) if known is None else cadence_of(known, zone.cadence, self.cadence)

    def asks(self, check: str, zone: Zone) -> bool:
        """Whether the check is on for the zone, and has something to ask of it."""
        return bool(self.cadence_of(check, zone)) and self.checks[check].applies(zone)

    @property
    def usually_on(self) -> frozenset[str]:
        """The checks that ask zones which say nothing of it."""
        return frozenset(name for name, check in self.checks.items() if cadence_of(check, (), self.cadence))

    def sweep_group(self, job: str) -> SweepGroup | None:
        """The group that the scheduler calls so; None: there is none, or no more."""
        return next((group for group in self.sweep_groups if str(group) == job), None)

    def template_ids(self, group: SweepGroup) -> frozenset[int]:
        """The templates of the zones that are in the group."""
        return frozenset(
            template_id
            for template_id, zone in enumerate(self.zones.templates)
            if self.cadence_of(group.check, zone) == group.cadence
        )

    def severities(self, zone: str) -> Mapping[str, Severity]:
        """What the operator said of codes, as it holds for this zone."""
        own = self.zones.template(zone).severity if zone in self.zones else ()
        return {**self.severity, **dict(own)} if own else self.severity


def _sweep_groups(
    zones: ZoneTable[Zone], checks: Mapping[str, Check], usual: Mapping[str, timedelta]
) -> tuple[SweepGroup, ...]:
    ways = {zones.templates[template_id].cadence for template_id in set(zones.template_ids)} or {()}
    found = {SweepGroup(name, cadence_of(check, own, usual)) for name, check in checks.items() for own in ways}
    return tuple(sorted(group for group in found if group.cadence))
