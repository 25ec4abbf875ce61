"""The status of a zone, and how it is in short, out of what is remembered of it."""

from dataclasses import replace
from datetime import datetime

from checks.model import Zone
from checks.registry import CHECKS
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.status import ZoneStatus
from monitor.state.unasked import known_state, unheard
from monitor.state.zone_status import HEALTH_CHECKS, ZoneSummary, summarise, zone_status


def deciding_checks(plan: MonitoringPlan, zone: Zone) -> tuple[str, ...]:
    """The checks without whose word the zone is not called well: those of HEALTH_CHECKS that are on for it; where none
    is, all that ask it.
    """
    on = tuple(name for name in HEALTH_CHECKS if plan.cadence_of(name, zone))
    return on or tuple(name for name in plan.checks if plan.asks(name, zone))


def make_zone_status(
    state: MonitorState, plan: MonitoringPlan, name: str, since: datetime | None, now: datetime
) -> ZoneStatus:
    """The status of a zone as it is now; its health is what it is ``since`` then."""
    results, alerts, zone = state.results_of(name), state.of_zone(name), plan.zones[name]
    cadences = tuple(
        (check, plan.cadence_of(check, zone))
        for check, kind in CHECKS.items()
        if (plan.checks.get(check) or kind()).applies(zone)
    )
    drawn = zone_status(
        zone, known_state(state, plan, zone), results, alerts, since, now, deciding_checks(plan, zone), cadences,
        unheard=unheard(plan, zone), figures=state.transfers.of_zone(name),
    )  # fmt: skip
    return replace(drawn, last_notify=state.notifies.latest(name))


def make_zone_summary(state: MonitorState, plan: MonitoringPlan, name: str, now: datetime) -> ZoneSummary:
    """How the zone is, without a status of it."""
    results, alerts, zone = state.results_of(name), state.of_zone(name), plan.zones[name]
    well = state.is_answering(name)  # then nobody need look into its zone state
    return summarise(
        zone, None if well else known_state(state, plan, zone), results, alerts, now, deciding_checks(plan, zone),
        well=well, unheard=unheard(plan, zone),
    )  # fmt: skip
