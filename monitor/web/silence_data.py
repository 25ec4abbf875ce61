"""Silences and maintenance windows as JSON values: of the API, and of commands."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from alerting.incident import Incident
from alerting.maintenance import DAYS, MaintenanceWindow
from alerting.silences import Matchers, Silence
from checks.common.text import one_line
from monitor.config.durations import written
from monitor.web.formatting import clock, iso

PATH = "/silences"
"""Of the page."""

OCCURRENCES = 3
"""Told of each maintenance window: the one that is under way, and the next."""


def matchers_data(matchers: Matchers) -> dict[str, Any]:
    return {
        "zones": list(matchers.zones),
        "servers": list(matchers.servers),
        "codes": list(matchers.codes),
        "severity": [str(severity) for severity in matchers.severity],
        "labels": [f"{name}={value}" for name, values in matchers.labels for value in values],
    }


def silence_data(silence: Silence, now: datetime) -> dict[str, Any]:
    """``state`` is "pending", "active" or "expired", as of Alertmanager's silences."""
    state = "expired" if silence.is_over(now) else "active" if silence.is_active(now) else "pending"
    return {
        "id": silence.id,
        "state": state,
        "matchers": matchers_data(silence.matchers),
        "starts_at": iso(silence.starts_at),
        "ends_at": iso(silence.ends_at),
        "created_by": silence.created_by,
        "created_at": iso(silence.created_at),
        "comment": silence.comment,
        "ended_by": silence.ended_by or None,
        "maintenance": silence.maintenance,
    }


def silence_form(incident: Incident) -> str:
    """The page with its form filled in for what an incident is about; empty for one of the monitor itself."""
    name = {"zone": "zones", "server": "servers"}.get(incident.cause.kind)
    return f"{PATH}?{urlencode({name: incident.cause.name})}" if name else ""


def silenced_text(one: Silence, now: datetime) -> str:
    """By whom it was silenced, until when and why."""
    until = f"until {clock(one.ends_at, now)}" if one.ends_at is not None else "without an end"
    return f"Silenced by {one.created_by} {until}: {one_line(one.comment)}"


def window_data(window: MaintenanceWindow, now: datetime) -> dict[str, Any]:
    """A maintenance window, and when it comes next; the first may be under way."""
    return {
        "name": window.name,
        "matchers": matchers_data(window.matchers),
        "comment": window.comment,
        "when": when(window),
        "next": [
            {"starts_at": iso(one.starts_at), "ends_at": iso(one.ends_at), "active": one.is_active(now)}
            for one in window.next(now, OCCURRENCES)
        ],
    }


def when(window: MaintenanceWindow) -> str:
    """When it comes, in words."""
    again = window.recurrence
    if again is None:
        return "once"
    days = "every day" if len(again.days) == len(DAYS) else ", ".join(DAYS[day] for day in sorted(again.days))
    return f"{days} at {again.start:%H:%M} {again.timezone}, for {written(again.duration)}"
