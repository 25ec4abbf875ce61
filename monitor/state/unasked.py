"""What is known of zones that a check does not ask, or not any more."""

from checks.model import Zone
from checks.zone_state.model import SERIAL_CHECK, ZoneState
from monitor.state.columns import FULL_POLL, NO_RESULT
from monitor.state.fast_path import FastPathChanges
from monitor.state.level import NOT_ASKED_STATE, UNKNOWN_STATE
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan


def known_state(state: MonitorState, plan: MonitoringPlan, zone: Zone) -> ZoneState | None:
    """What is known of the zone's versions; nothing while nobody asks for them: what was known gets old."""
    return state.zone_states.get(zone.name) if plan.cadence_of(SERIAL_CHECK, zone) else None


def unheard(plan: MonitoringPlan, zone: Zone) -> str:
    """The state of an address whose version is not known."""
    return UNKNOWN_STATE if plan.cadence_of(SERIAL_CHECK, zone) else NOT_ASKED_STATE


def forget_unasked(state: MonitorState, path_changes: FastPathChanges, plan: MonitoringPlan) -> None:
    """What checks said of zones that they do not ask any more."""
    columns = state.columns
    for check in {*columns.ok_at, *columns.standing, SERIAL_CHECK}:
        off = {kind for kind, zone in enumerate(columns.zone_table.templates) if not plan.cadence_of(check, zone)}
        if not off:
            continue
        numbers = [number for number, kind in enumerate(columns.zone_table.template_ids) if kind in off]
        for number in numbers:
            columns.note_ok(check, number, 0)
            columns.set_standing(check, number, stands=False)
        if check == SERIAL_CHECK:
            path_changes.disable(number for number in numbers if columns.mode[number] != FULL_POLL)
            for number in numbers:
                columns.mode[number], columns.result_id[number] = FULL_POLL, NO_RESULT
