"""Reads the tables by name of a check or a code: those of the file, and those that zones have of their own."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TypeVar

from alerting.finding_types import FINDING_TYPES
from checks.model.finding_type import Severity
from checks.registry import CHECKS
from monitor.config.durations import written
from monitor.config.errors import KeyPath, Problems, near, quoted
from monitor.probe.settings import Probe

T = TypeVar("T")


def cadences(problems: Problems, path: KeyPath, table: Mapping[str, timedelta | None] | None) -> dict[str, timedelta]:
    """How often checks ask, as far as it is said; zero: never."""
    return _by_name(problems, path, table, CHECKS, "unknown check")


def severities(problems: Problems, path: KeyPath, table: Mapping[str, Severity | None] | None) -> dict[str, Severity]:
    """How severe codes are, as far as it is said."""
    return _by_name(problems, path, table, FINDING_TYPES, "unknown code")


def severities_of_zones(
    problems: Problems, path: KeyPath, table: Mapping[str, Severity | None] | None
) -> dict[str, Severity]:
    """The same of what is said of zones: the monitor's own troubles are none of theirs."""
    found = severities(problems, path, table)
    for code in found:
        if FINDING_TYPES[code].scope is not None:
            problems.mistake((*path, code), "is never found at a zone", "its severity stands in [severity]")
    return found


def patience(probe: Probe) -> timedelta:
    """How long it takes until a silent server is given up."""
    return timedelta(seconds=probe.timeout * probe.attempts)


def check_pace(problems: Problems, path: KeyPath, every: Mapping[str, timedelta], probe: Probe) -> None:
    """Whoever is silent is given up before it is time to ask again."""
    for name, cadence in every.items():
        if cadence and patience(probe) > cadence:
            text = f"{probe.attempts} attempts of {probe.timeout:g}s take {written(patience(probe))}"
            problems.mistake((*path, name), f"{quoted(written(cadence))} is too often: {text}")


def _by_name(
    problems: Problems, path: KeyPath, table: Mapping[str, T | None] | None, known: Mapping[str, object], unknown: str
) -> dict[str, T]:
    found: dict[str, T] = {}
    for name, value in (table or {}).items():
        if name not in known:
            problems.mistake((*path, name), unknown, near(name, known))
        elif value is not None:
            found[name] = value
    return found
