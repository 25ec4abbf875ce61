"""The incidents that Status shows: those that are open, and the latest of those that are over."""

from collections.abc import Iterable, Mapping

from alerting.incident import Incident

MAX_RESOLVED_INCIDENTS = 50
"""Resolved incidents that Status still shows."""


def recent(before: Mapping[str, Incident], changed: Iterable[Incident]) -> Mapping[str, Incident]:
    """The open incidents and the latest resolved ones."""
    known = {**before, **{incident.id: incident for incident in changed}}
    over = sorted((i for i in known.values() if i.resolved_at is not None), key=lambda i: i.resolved_at or i.opened_at)
    for incident in over[:-MAX_RESOLVED_INCIDENTS]:
        del known[incident.id]
    return known
