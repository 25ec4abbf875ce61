"""Whether the monitor is offline, weighed as polls and the words of witnesses come, and what follows from a change."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from alerting.alert_state import withdraw
from alerting.model import Phase
from alerting.strays import told_in_grace
from checks.model import Family
from checks.zone_state.connectivity import offline_families
from checks.zone_state.doubt import hear, weigh
from checks.zone_state.model import SERIAL_CHECK
from monitor.state.fast_path import disable_silent
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.pending_commit import PendingCommit
from monitor.state.ports import WitnessPoll

MIN_WINDOW = timedelta(minutes=1)
"""What falls silent within this, and a cadence, does so together: so long it takes until each is asked."""


def use_witnesses(state: MonitorState, families: Iterable[Family]) -> None:
    """From now on these address families have witnesses."""
    if (witnessed := frozenset(families)) != state.witnessed:
        state.witnessed, state.weighed = witnessed, None


def hear_witnesses(state: MonitorState, poll: WitnessPoll) -> None:
    """The witnesses of a family have spoken."""
    state.connectivity = hear(state.connectivity, poll.family, poll.word)


def weigh_silence(state: MonitorState, plan: MonitoringPlan) -> None:
    """At the end of a slice: whose fault it is that servers are silent."""
    if state.weighed is state.connectivity:
        return
    window = MIN_WINDOW + max(plan.cadence.get(SERIAL_CHECK, MIN_WINDOW), MIN_WINDOW)
    state.connectivity = state.weighed = weigh(state.connectivity, state.witnessed, window)


def follow_offline(state: MonitorState, pending: PendingCommit) -> None:
    """Where the monitor is offline over other families than before, nothing that is silent is steady."""
    offline = offline_families(state.connectivity)
    if offline != state.columns.offline:
        state.columns.offline = offline
        disable_silent(state, pending.path_changes)


def withdraw_pending(state: MonitorState, pending: PendingCommit, offline: str, now: datetime) -> None:
    """An alert that was pending as we went offline over a family is withdrawn: that was us already. But not what was
    told as bad with others: that it is not any more nobody has seen, so it stays until somebody can look.
    """
    index = state.open_incidents.index
    told = told_in_grace(index) if index is not None else ()
    for alert in [a for a in state.active_alerts.values() if a.phase is Phase.PENDING and a.key not in told]:
        if alert.key.address is not None and alert.key.address.family.value == offline:
            over, _ = withdraw(alert, now)
            pending.alerts[alert.key] = over
            state.put(over)
            pending.touched.add(alert.key.zone)
