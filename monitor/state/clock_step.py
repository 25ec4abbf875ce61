"""The clock was set: what is remembered goes along with it, so that what lasted ten minutes by the clock of before has
lasted ten minutes by the clock of now. Silences and windows are by the clock itself, and stay.
"""

from array import array
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, TypeVar

from alerting.incidents import OpenIncidents
from alerting.reopening import past_incidents
from checks.common.persistent_map import PersistentMap
from monitor.clock import Now
from monitor.state.monitor_state import MonitorState
from monitor.state.ports import FormedPoll, PollMessage, UnchangedZones, WitnessPoll

MIN_STEP = timedelta(seconds=2)
"""What NTP does by and by is no step."""

VALUES_PER_STEP = 100
"""So many zones or alerts go along before others have their turn."""

K = TypeVar("K")
T = TypeVar("T")


class ClockSteps:
    """Compares the clock with one that nobody sets: seconds, by ``monotonic``. Without one nothing is a step."""

    def __init__(self, now: Now, monotonic: Callable[[], float] | None) -> None:
        self._now, self._monotonic = now, monotonic
        self._apart = self._difference()

    def follow(self, state: MonitorState, heard: Sequence[PollMessage]) -> Generator[None, None, Sequence[PollMessage]]:
        """If the clock was set since the last time, what is remembered goes along, and what was heard before that: in
        steps, between which nothing else may change it.
        """
        before, apart = self._apart, self._difference()
        if abs(apart - before) < MIN_STEP:
            return heard
        self._apart, step, now = apart, apart - before, self._now()
        yield from follow_clock(state, step)
        return [_redated(one, step, now) for one in heard]

    def _difference(self) -> timedelta:
        if self._monotonic is None:
            return timedelta(0)
        return timedelta(seconds=self._now().timestamp() - self._monotonic())


def follow_clock(state: MonitorState, step: timedelta) -> Generator[None, None, None]:
    """The clock was set forward by so much, or back."""
    alerts = yield from _all_moved(state.active_alerts.items(), step)
    zone_states = yield from _all_moved(state.zone_states.whole.items(), step)
    before = state.open_incidents
    incidents = yield from _all_moved(before.incidents.items(), step)
    past = yield from _all_moved(before.past.items(), step)
    storms = yield from _all_moved(before.storms.items(), step)
    for number, alert in enumerate(alerts.values()):
        state.put(alert)
        if number % VALUES_PER_STEP == VALUES_PER_STEP - 1:
            yield
    state.open_incidents = OpenIncidents(incidents, past=past_incidents(past.values()), storms=storms)
    state.zone_states.change_whole(zone_states)
    connectivity = state.connectivity
    state.connectivity = replace(
        connectivity,
        since=PersistentMap({place: at + step for place, at in connectivity.since.items()}),
        settled={family: at + step for family, at in connectivity.settled.items()},
    )
    columns, micros = state.columns, step // timedelta(microseconds=1)
    for column in (columns.checked_at, columns.recheck_at, *columns.ok_at.values()):
        _move(column, micros)
        yield


def _all_moved(values: Iterable[tuple[K, T]], step: timedelta) -> Generator[None, None, dict[K, T]]:
    found = {}
    for number, (name, value) in enumerate(values):
        found[name] = moved(value, step)
        if number % VALUES_PER_STEP == VALUES_PER_STEP - 1:
            yield
    return found


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
    changed = {}
    for name in _names(type(value)):  # type: ignore[arg-type]
        before = getattr(value, name)
        if (after := _moved(before, step)) is not before:
            changed[name] = after
    return replace(value, **changed) if changed else value


@cache
def _names(kind: type) -> Sequence[str]:
    """The fields of a dataclass; of anything else none."""
    return tuple(field.name for field in fields(kind) if field.init) if is_dataclass(kind) else ()


def _move(column: "array[int]", micros: int) -> None:
    for number, at in enumerate(column):
        if at:
            column[number] = at + micros
