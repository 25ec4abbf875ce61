"""Reads the maintenance windows."""

import contextlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from alerting.maintenance import DAYS, MAX_DURATION, MaintenanceWindow, Recurrence, moment_of
from alerting.silences import Matchers
from checks.model import LabelPatterns
from checks.model.finding_type import Severity
from monitor.config.durations import written
from monitor.config.errors import InvalidValue, KeyPath, Problems, near, quoted
from monitor.config.field_types import Label
from monitor.config.labels import label_patterns
from monitor.config.patterns import code, pattern, zone_pattern
from monitor.config.tables import Table, instance_of

YEARS = range(1900, 9000)
"""In which a window may be that comes once: with its duration, and in UTC, it is a date as well."""

_TIME = re.compile(r"(?:(\d{4}-\d{2}-\d{2})[T ])?(\d{2}:\d{2})", re.ASCII)
_DAY_NAMES = frozenset(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"))
_EXAMPLES = 'write "02:00" for each of the days, "2026-12-01 02:00" for once'


@dataclass(frozen=True, slots=True)
class WrittenWindow:
    """While it lasts nobody is told of what it matches."""

    name: Label
    """Shown with what it silences. No two are alike."""
    start: str = field(metadata={"example": 'start = "02:00"'})
    """When it begins, by the clocks of `timezone`: `"02:00"` on each of `days`, `"2026-12-01 02:00"` once. Where clocks
    are put forward past that time it begins as they are; where they show it twice, at the first."""
    timezone: str = "UTC"
    """IANA name of a time zone: `"Europe/Berlin"`. Other ones than `"UTC"` need the system's, or the package tzdata of
    Python."""
    days: tuple[str, ...] = field(default=(), metadata={"unset": "all", "example": 'days = ["sat", "sun"]'})
    """`"mon"` to `"sun"`: on which it begins."""
    duration: timedelta | None = field(default=None, metadata={"example": 'duration = "2h"'})
    """How long it lasts as time passes, whatever becomes of clocks meanwhile: at most `"7d"`. Needed, unless it has an
    `end`."""
    end: str = field(default="", metadata={"example": 'end = "2026-12-01 04:00"'})
    """In place of `duration`, of one that comes once."""
    zones: tuple[str, ...] = field(default=(), metadata={"unset": "any", "example": 'zones = ["example.*"]'})
    """Findings of these zones: shell globs."""
    servers: tuple[str, ...] = field(default=(), metadata={"unset": "any", "example": 'servers = ["ns2"]'})
    """Findings at these servers: shell globs. At least one of `zones`, `labels`, `servers`, `codes` and `severity` is
    needed, and each that is there must match."""
    codes: tuple[str, ...] = field(default=(), metadata={"unset": "any", "example": 'codes = ["server-unreachable"]'})
    """These findings. What the monitor says of itself, and `not-checked`, is silenced only where it is named here."""
    severity: tuple[Severity, ...] = field(default=(), metadata={"unset": "any", "example": 'severity = ["warning"]'})
    """Findings of these severities."""
    labels: LabelPatterns = field(default=(), metadata={"unset": "any", "example": 'labels = { team = "web" }'})
    """Findings of zones that have all these labels, each with a value that one of the shell globs here matches."""
    comment: str = field(default="", metadata={"example": 'comment = "backup of ns2"'})
    """Why."""


def maintenance(problems: Problems, tables: Iterable[Table | None]) -> tuple[MaintenanceWindow, ...]:
    """The windows as written."""
    parse: Mapping[str, Callable[[Any], Any]] = {
        "zones": zone_pattern, "servers": pattern, "codes": code, "days": _day, "labels": label_patterns,
    }  # fmt: skip
    found: dict[str, MaintenanceWindow] = {}
    for index, table in enumerate(tables):
        path = ("maintenance", index)
        one = None if table is None else instance_of(problems, path, WrittenWindow, table, parse=parse)
        if one is None or not problems.sound(*path):
            continue
        window = _window(problems, path, one)
        if one.name in found:
            problems.mistake((*path, "name"), f"there is another window called {quoted(one.name)}")
        elif window is not None:
            found[one.name] = window
    return tuple(found.values())


def timezone(name: str) -> tzinfo:
    """The time zone of an IANA name. Raises InvalidValue."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        there = available_timezones()
        hint = near(name, there) or 'IANA names: "Europe/Berlin"'
        if not there:
            hint = "this system has no time zones: install its package tzdata, or that of Python"
        raise InvalidValue(f"{quoted(name)} is not a time zone", hint) from None


def _window(problems: Problems, path: KeyPath, one: WrittenWindow) -> MaintenanceWindow | None:
    matchers = Matchers(one.zones, one.servers, one.codes, one.severity, one.labels)
    if not matchers:
        problems.mistake(path, "matches everything", "name zones, labels, servers, codes or severity")
    zone = problems.parsed((*path, "timezone"), one.timezone, timezone)
    start = problems.parsed((*path, "start"), one.start, _point)
    if zone is None or start is None or not problems.sound(*path):
        return None
    if isinstance(start, time):
        return _recurring(problems, path, one, matchers, Recurrence(start, timedelta(0), frozenset(), zone))
    return _once(problems, path, one, matchers, moment_of(start, zone), zone)


def _recurring(
    problems: Problems, path: KeyPath, one: WrittenWindow, matchers: Matchers, at: Recurrence
) -> MaintenanceWindow | None:
    if one.end:
        problems.mistake((*path, "end"), "a window that comes again has a duration", 'write for example "2h"')
    elif one.duration is None:
        problems.missing((*path, "duration"), 'write for example "2h"')
    elif not _is_too_long(problems, (*path, "duration"), one.duration):
        days = frozenset(map(DAYS.index, one.days or DAYS))
        return MaintenanceWindow(one.name, matchers, one.comment, Recurrence(at.start, one.duration, days, at.timezone))
    return None


def _once(
    problems: Problems, path: KeyPath, one: WrittenWindow, matchers: Matchers, start: datetime, zone: tzinfo
) -> MaintenanceWindow | None:
    if one.days:
        problems.mistake((*path, "days"), "the start has a date already", _EXAMPLES)
    if bool(one.end) == (one.duration is not None):
        said = "has both a duration and an end" if one.end else "has neither a duration nor an end"
        problems.mistake(path, said, "one of them is needed")
        return None
    end = problems.parsed((*path, "end"), one.end, _point) if one.end else None
    if isinstance(end, time):
        problems.mistake((*path, "end"), "has no date", 'write for example "2026-12-01 04:00"')
        return None
    ends_at = start + one.duration if one.duration is not None else end and moment_of(end, zone)
    if ends_at is None or not problems.sound(*path):
        return None
    where = (*path, "end" if one.end else "duration")
    if ends_at <= start:
        problems.mistake(where, "ends before it begins")
    elif not _is_too_long(problems, where, ends_at - start):
        return MaintenanceWindow(one.name, matchers, one.comment, starts_at=start, ends_at=ends_at)
    return None


def _is_too_long(problems: Problems, where: KeyPath, length: timedelta) -> bool:
    if length > MAX_DURATION:
        hint = "soawatch silence add makes a silence of any length, or without an end"
        problems.mistake(where, f"longer than {written(MAX_DURATION)}", hint)
    return length > MAX_DURATION


def _day(text: str) -> str:
    day = text.lower()[:3] if text.lower() in _DAY_NAMES else text.lower()
    if day not in DAYS:
        raise InvalidValue(f"{quoted(text)} is not a day of the week", f"one of {', '.join(DAYS)}")
    return day


def _point(text: str) -> time | datetime:
    """A time of day, or one with a date. Raises InvalidValue."""
    match, found = _TIME.fullmatch(text), None
    if match is not None:
        with contextlib.suppress(ValueError):
            at = time.fromisoformat(match[2])
            found = datetime.combine(datetime.fromisoformat(match[1]), at) if match[1] else at
    if found is None:
        raise InvalidValue(f"{quoted(text)} is not a time", _EXAMPLES)
    if isinstance(found, datetime) and found.year not in YEARS:
        raise InvalidValue(f"{quoted(text)} is too far away", _EXAMPLES)
    return found
