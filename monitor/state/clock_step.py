"""The clock was set: what is remembered goes along with it, so that what lasted ten minutes by the clock of before has
lasted ten minutes by the clock of now. Silences and windows are by the clock itself, and stay.
"""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from alerting.incidents import OpenIncidents
from alerting.reopening import past_incidents
from checks.common.persistent_map import PersistentMap
from monitor.clock import Now
from monitor.state.monitor_state import MonitorState
from monitor.state.ports import FormedPoll, PollMessage, UnchangedZones, WitnessPoll

MIN_STEP = timedelta(seconds=2)
"""What NTP does by and by is no step."""

T = TypeVar("T")


class ClockSteps:
    """Compares the clock with one that nobody sets: seconds, by ``monotonic``. Without one nothing is a step."""

    def __init__(self, now: Now, monotonic: Callable[[], float] | None) -> None:
        self._now, self._monotonic = now, monotonic
        self._apart = self._difference()

    def follow(self, state: MonitorState, heard: Sequence[PollMessage]) -> Sequence[PollMessage]:
        """If the clock was set since the last time, what is remembered goes along, and what was heard before that."""
        before, apart = self._apart, self._difference()
        if abs(apart - before) < MIN_STEP:
            return heard
        self._apart, step, now = apart, apart - before, self._now()
        follow_clock(state, step)
        return [_redated(one, step, now) for one in heard]

    def _difference(self) -> timedelta:
        if self._monotonic is None:
            return timedelta(0)
        return timedelta(seconds=self._now().timestamp() - self._monotonic())


def follow_clock(state: MonitorState, step: timedelta) -> None:
    """The clock was set forward by so much, or back."""
    for alert in list(state.active_alerts.values()):
        state.put(moved(alert, step))
    before = state.open_incidents
    state.open_incidents = OpenIncidents(
        {name: moved(incident, step) for name, incident in before.incidents.items()},
        past=past_incidents(moved(incident, step) for incident in before.past.values()),
        storms={name: moved(storm, step) for name, storm in before.storms.items()},
    )
    state.zone_states.change_whole(lambda zone_state: moved(zone_state, step))
    connectivity = state.connectivity
    state.connectivity = replace(
        connectivity,
        since=PersistentMap({place: at + step for place, at in connectivity.since.items()}),
        settled={family: at + step for family, at in connectivity.settled.items()},
    )
    columns, micros = state.columns, step // timedelta(microseconds=1)
    for column in (columns.checked_at, columns.recheck_at, *columns.ok_at.values()):
        _move(column, micros)


def _redated(one: PollMessage, step: timedelta, now: datetime) -> PollMessage:
    """As if the clock had been set before it, where it was set after it."""
    if isinstance(one, WitnessPoll) or abs(one.at + step - now) >= abs(one.at - now):
        return one
    if isinstance(one, UnchangedZones):
        return replace(one, at=one.at + step)
    return one._replace(at=one.at + step) if isinstance(one, FormedPoll) else moved(one, step)


def moved(value: T, step: timedelta) -> T:
    """The value with all times in it so much later; the very same where there are none."""
    return _moved(value, step)  # type: ignore[no-any-return]


def _moved(value: Any, step: timedelta) -> Any:
    if isinstance(value, datetime):
        return value + step
    if type(value) is tuple:
        some = tuple(_moved(each, step) for each in value)
        return value if all(one is other for one, other in zip(some, value, strict=True)) else some
    if is_dataclass(value) and not isinstance(value, type):
        known = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
        found = {name: _moved(each, step) for name, each in known.items()}
        changed = {name: each for name, each in found.items() if each is not known[name]}
        return replace(value, **changed) if changed else value
    return value


def _move(column: "array[int]", micros: int) -> None:
    for number, at in enumerate(column):
        if at:
            column[number] = at + micros
