"""Zones that come, very many at once it may be: as long as nothing is known of them they are shown alike."""

from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime

from monitor.state.columns import TableChange
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.zone_index import ZoneIndex
from monitor.state.zone_views import make_zone_summary

NEW_PER_TURN = 2000
"""Zones that are noted in one step."""

NewZones = Mapping[int, Sequence[int]]
"""The number of a template → the numbers of its zones that came, and of which nothing is known."""


def new_zones(state: MonitorState, change: TableChange) -> tuple[NewZones, set[str]]:
    """Those, and the names of all others that came or changed. It takes some time with very many."""
    zone_table, new, names = change.columns.zone_table, defaultdict[int, list[int]](list), set[str]()
    came = (number for number, past in enumerate(change.old_index or ()) if past < 0)
    for number in came:
        if state.is_new(zone_table.names[number]):
            new[zone_table.template_ids[number]].append(number)
            names.add(zone_table.names[number])
    return new, set(change.added_or_changed) - names


def note_new_zones(
    zone_index: ZoneIndex, state: MonitorState, plan: MonitoringPlan, new: NewZones, at: datetime
) -> Generator[None, None, None]:
    """Have the index show them, in steps."""
    names = zone_index.zone_table.names
    for numbers in new.values():
        seen = make_zone_summary(state, plan, names[numbers[0]], at)
        for first in range(0, len(numbers), NEW_PER_TURN):
            some = numbers[first : first + NEW_PER_TURN]
            zone_index.note_first(some, seen.health, seen.states, seen.bad_since)
            yield
