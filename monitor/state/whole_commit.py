"""Everything that is remembered, as one commit: what a database that was lost is made of."""

import asyncio
from collections.abc import Iterable

from alerting.incident import Incident
from checks.zone_state.model import StateChange, ZoneState
from checks.zone_state.update import changes
from monitor.state.monitor_state import MonitorState
from monitor.state.ports import Commit, ZoneSource


async def whole_commit(state: MonitorState, incidents: Iterable[Incident], per_turn: int) -> Commit:
    """``incidents`` are those that are to be in it; others have their turn after so many zones."""
    zone_states: list[ZoneState] = []
    state_changes: list[StateChange] = []
    for number, name in enumerate(list(state.zone_states)):
        if number % per_turn == per_turn - 1:
            await asyncio.sleep(0)
        zone_states.append(state.zone_states[name])
        state_changes += changes(ZoneState(name), zone_states[-1])
    return Commit(
        tuple(zone_states),
        tuple(state_changes),
        alerts=(*state.active_alerts.values(), *state.past_alerts.values()),
        incidents=tuple(incidents),
        storms=tuple(state.open_incidents.storms.values()),
        record_memories=tuple(state.record_memories.every()),
        zone_sources=tuple(ZoneSource(*one) for one in state.zone_sources.items()),
        silences=tuple(state.silences.values()),
        transfers=tuple(state.transfers.every()),
    )
