"""The plan: what a configuration means for the parts that run."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import timedelta

from alerting.notifier import AcknowledgingNotifier, StandingNotifier, StateNotifier
from alerting.root_cause import DependencyGraph
from checks.base import Check, cadence_of
from checks.delegation import Delegation
from checks.ns_set import NsSet
from monitor.config.model import Config
from monitor.polling.discovery import MAX_NS_NAMES, DiscoveredZones
from monitor.state.awaited_notifies import ExpectedNotifies
from monitor.state.monitoring_plan import MonitoringPlan

PERIODIC_JOBS: Mapping[str, timedelta] = {
    "remind": timedelta(seconds=5),
    "stand": timedelta(seconds=1),
    "receivers": timedelta(seconds=5),
    "prune": timedelta(minutes=10),
}
"""What the clock calls for beside the checks; "resolve" comes as often as the configuration says."""

RESTART_ONLY_KEYS = ("listen", "database", "vantage", "token", "public", "url")
"""Keys of [service] that a reload cannot change."""


def plan_of(config: Config, found: DiscoveredZones) -> MonitoringPlan:
    return MonitoringPlan(
        zones=found.zones,
        checks=with_resolved_names(
            {name: check for name, check in config.checks.items() if _is_on(check, config, found)}, found
        ),
        dependency_graph=DependencyGraph.of(found.zones, config.service.vantage),
        policy=config.policy,
        severity=config.severity,
        routes=config.routes,
        maintenance=config.maintenance,
        receivers=tuple(config.receivers),
        hearing_acknowledgements=frozenset(
            name for name, receiver in config.receivers.items() if isinstance(receiver, AcknowledgingNotifier)
        ),
        state_receivers=frozenset(name for name, to in config.receivers.items() if isinstance(to, StateNotifier)),
        standing_receivers=frozenset(name for name, to in config.receivers.items() if isinstance(to, StandingNotifier)),
        cadence=config.cadence,
        notify=_expected_notifies(config) if config.notify.listen else None,
    )


def _expected_notifies(config: Config) -> ExpectedNotifies:
    said = {name: entry.expect_notify for name, entry in config.servers.items()}
    return ExpectedNotifies(
        always=frozenset(name for name, expected in said.items() if expected),
        never=frozenset(name for name, expected in said.items() if expected is False),
    )


def _is_on(check: Check, config: Config, found: DiscoveredZones) -> bool:
    """Whether it is on for any zone."""
    return bool(config.cadence[check.name]) or any(
        cadence_of(check, zone.cadence, config.cadence) for zone in found.zones.templates
    )


def with_resolved_names(checks: Mapping[str, Check], found: DiscoveredZones) -> Mapping[str, Check]:
    """The checks; those that look at NS sets know what names resolve to, and where parent zones are served."""
    full = len(found.ns_names) >= MAX_NS_NAMES

    def knowing(check: Check) -> Check:
        if isinstance(check, NsSet):
            return replace(check, names=found.names, full=full)
        if isinstance(check, Delegation):
            return replace(check, names=found.names, parents=found.parents.zones)
        return check

    return {name: knowing(check) for name, check in checks.items()}


def cadences(config: Config, plan: MonitoringPlan) -> dict[str, timedelta]:
    """What the clock calls for, and how often: the sweeps by the text of their groups."""
    sweeps = {str(group): group.cadence for group in plan.sweep_groups}
    return {**sweeps, **PERIODIC_JOBS, "resolve": config.resolver.interval}


def as_started(config: Config, before: Config) -> tuple[Config, list[str]]:
    """The configuration with what only a restart can change as it was, and the names of what differs there."""
    kept = {name: getattr(before.service, name) for name in RESTART_ONLY_KEYS}
    differ = [name for name, value in kept.items() if getattr(config.service, name) != value]
    differ += [key for key, value in asdict(before.metrics).items() if getattr(config.metrics, key) != value]
    taken = replace(config, service=replace(config.service, **kept), metrics=before.metrics)
    if before.tokens and not (taken.tokens or taken.service.token):  # or the port would be open to all
        return replace(taken, tokens=before.tokens), [*differ, "tokens"]
    return taken, differ
