"""Reads the canaries of zones: what is changed where, with which key."""

from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Any

from checks.base import cadence_of
from checks.canary import Canary
from checks.model import CanaryRecord
from checks.model.relative_names import relative
from monitor.config.durations import written
from monitor.config.errors import InvalidValue, KeyPath, Problems, quoted
from monitor.config.keys import key_name
from monitor.config.model import ZoneEntry
from monitor.config.records import owner
from monitor.config.tables import instance_of

MIN_CADENCE = timedelta(seconds=30)
"""Between two changes of one canary: each is a new version of the zone, which all secondaries transfer."""


def canary_of(
    problems: Problems,
    path: KeyPath,
    table: Any,
    zone: str,
    keys: Collection[str],
    server: Callable[[KeyPath, str], str | None],
) -> CanaryRecord | None:
    """The canary of a zone; ``server`` finds the server that is meant, and tells where it is none of the zone's."""
    settings = getattr(table, "canary", None)
    if settings is None:
        return None
    where = (*path, "canary")
    parse = {
        "key": lambda text: key_name(text, keys),
        "name": lambda text: _name(text, zone),
        "server": lambda text: server((*where, "server"), text),
    }
    if settings.server is None and table.primary is None:
        hint = 'name the primary of the zone, or server = "…" that takes updates'
        problems.mistake(where, "there is nobody to take the update", hint)
    return instance_of(problems, where, CanaryRecord, settings, parse=parse)


def _name(text: str, zone: str) -> str:
    """The owner as seen from the zone: all TXT records there are replaced, so it must be nobody else's."""
    name = relative(owner(text, zone), zone)
    if not name.startswith("_"):
        why = "all TXT records of that name are replaced: its first label must begin with an underscore"
        raise InvalidValue(f"{quoted(text)} may be in use", why)
    return name


def check_canary(problems: Problems, path: KeyPath, entry: ZoneEntry, usual: Mapping[str, timedelta]) -> None:
    """It is changed neither too often nor before the last change had its time."""
    canary = entry.canary
    every = cadence_of(Canary, entry.cadence, usual)
    if canary is None or not every:
        return
    where, lag = (*path, "canary"), canary.max_lag or entry.max_lag
    if every < MIN_CADENCE:
        text = f"would be changed every {written(every)}, which is too often"
        problems.mistake(where, text, f'at least "{written(MIN_CADENCE)}" for canary in cadence')
    elif lag >= every:
        text = f"may take {written(lag)} to arrive, and is changed every {written(every)}"
        problems.mistake(where, text, "a max_lag of its own that is shorter, or a longer cadence of the check canary")
