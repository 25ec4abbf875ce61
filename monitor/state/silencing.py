"""Silences as time passes: which are active, and what begins and ends."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from alerting.incident_news import Rules
from alerting.silences import ActiveSilences, Silence
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan

log = structlog.get_logger(__name__)

MAX_OVER = 100
"""Silences that are over and still shown; the database has the others."""

LISTING_INTERVAL = timedelta(days=1)
"""How often silences that nobody has given an end are named in the log."""


def rules_now(state: MonitorState, plan: MonitoringPlan) -> Rules:
    """The rules of the plan, with the silences that are active."""
    return replace(plan.rules, silences=state.active_silences)


def follow_silences(state: MonitorState, plan: MonitoringPlan, at: datetime) -> bool:
    """Take those for active that are by now; whether these are others than before."""
    forget_over(state, at)
    before = state.active_silences
    active = [silence for silence in state.silences.values() if silence.is_active(at)]
    active += [one for window in plan.maintenance for one in window.active(at)]
    if any(silence.ends_at is None for silence in active):
        _list_endless(state, active, at)
    if tuple(active) == before.silences:
        return False
    state.active_silences = ActiveSilences(tuple(active))
    _log_changes(before.silences, active)
    return True


def keep_silence(state: MonitorState, silence: Silence, at: datetime) -> None:
    """One that was made or ended."""
    state.silences[silence.id] = silence
    forget_over(state, at)


def forget_over(state: MonitorState, at: datetime) -> None:
    """Of those that are over only the latest stay in memory, also of those that a start has read."""
    if len(state.silences) <= MAX_OVER:
        return
    over = [one for one in state.silences.values() if one.is_over(at)]
    for one in sorted(over, key=lambda one: one.ends_at or at)[:-MAX_OVER]:
        del state.silences[one.id]


def _log_changes(before: Iterable[Silence], after: Iterable[Silence]) -> None:
    was, now = {one.id: one for one in before}, {one.id: one for one in after}
    for name, silence in now.items():
        if name not in was:
            ends = silence.ends_at.isoformat() if silence.ends_at is not None else "never"
            log.info("silence begins", silence=name, of=str(silence.matchers), until=ends, by=silence.created_by)
    for name, silence in was.items():
        if name not in now:
            log.info("silence ends", silence=name, of=str(silence.matchers))


def _list_endless(state: MonitorState, active: Iterable[Silence], at: datetime) -> None:
    """Once a day, so that none is forgotten."""
    if state.endless_listed is not None and timedelta(0) <= at - state.endless_listed < LISTING_INTERVAL:
        return
    state.endless_listed = at
    for one in active:
        if one.ends_at is None:
            log.warning(
                "a silence has no end",
                silence=one.id,
                of=str(one.matchers),
                since=one.starts_at.isoformat(),
                by=one.created_by,
                comment=one.comment,
            )
