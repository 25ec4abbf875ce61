"""Routes: which receivers hear of an incident."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from alerting.incident import Cause, Incident
from alerting.model import Alert, Route
from checks.model import LabelPatterns, Labels

MONITOR_CAUSES = ("vantage", "receiver")
"""Causes that are the monitor's own."""


LabelsOf = Callable[[str], Labels]
"""The labels of a zone, by its name."""


def no_labels(zone: str) -> Labels:
    """Where nobody knows of any."""
    return ()


def route(
    incident: Incident, routes: Sequence[Route], receivers: Sequence[str] = (), labels_of: LabelsOf = no_labels
) -> tuple[str, ...]:
    """The receivers of every route that matches, in the order of the configuration, each once.

    Without any routes all ``receivers`` hear everything. With routes, what matches none of them is told to nobody.
    A route matches when each of its selectors does: the severity of the incident, any of its zones by name and labels,
    any of its servers, any of its codes. An empty selector matches everything.

    What the monitor says of itself, and no route wants, is told to all: nobody else would notice. That a receiver takes
    nothing is told to the others only, for it is one thing less that it does not take.
    """
    about = incident.cause
    named = (name for each in routes if matches(each, incident, labels_of) for name in each.receivers)
    found = dict.fromkeys(named if routes else receivers)
    if about.kind == "receiver":
        found.pop(about.name, None)
    if found or about.kind not in MONITOR_CAUSES:
        return tuple(found)
    return tuple(name for name in receivers if about != Cause("receiver", name))


def matches(selectors: Route, incident: Incident, labels_of: LabelsOf = no_labels) -> bool:
    return (
        (not selectors.severity or incident.severity in selectors.severity)
        and (not selectors.codes or not set(selectors.codes).isdisjoint(incident.codes))
        and any_named(selectors.servers, incident.servers)
        and _any_zone(selectors, incident.zones, labels_of)
    )


def _any_zone(selectors: Route, zones: Iterable[str], labels_of: LabelsOf) -> bool:
    if not selectors.labels:
        return any_named(selectors.zones, zones)
    return any(covers(selectors, zone, labels_of(zone)) for zone in zones)


def covers(selectors: Route, zone: str, labels: Labels = ()) -> bool:
    """Whether the receivers of the route may read of the zone, which has these labels; the empty one is the monitor
    itself.
    """
    if not (selectors.zones or selectors.labels):
        return True
    return bool(zone) and any_named(selectors.zones, (zone,)) and has_labels(selectors.labels, labels)


def has_labels(wanted: LabelPatterns, labels: Labels) -> bool:
    """Whether all that are wanted are among these labels, each with a value that one of its globs matches."""
    own = dict(labels)
    return all(name in own and _is_any(own[name], patterns) for name, patterns in wanted)


def _is_any(value: str, patterns: Iterable[str]) -> bool:
    """Whether a shell glob matches the value of a label, in which case counts."""
    return any(fnmatchcase(value, pattern) for pattern in patterns)


MAX_LABELLED_ZONES, MAX_LABELS = 1000, 50
"""So many zones of an incident are looked at for their labels, and so many labels told."""


def with_labels(incident: Incident, labels_of: LabelsOf) -> Incident:
    """With the labels of what is bad, or, of an incident that is over, of what was."""
    zones = (incident.zones or incident.past_zones)[:MAX_LABELLED_ZONES]
    found = tuple(sorted({label for zone in zones for label in labels_of(zone)})[:MAX_LABELS])
    return incident if found == incident.labels else replace(incident, labels=found)


def fits(selectors: Route, alert: Alert) -> bool:
    """Whether an alert by itself is what the route selects, beside its zone."""
    server = (alert.key.server,) if alert.key.server is not None else ()
    return (
        (not selectors.severity or alert.severity in selectors.severity)
        and (not selectors.codes or alert.key.code in selectors.codes)
        and any_named(selectors.servers, server)
    )


def any_named(patterns: Collection[str], names: Iterable[str]) -> bool:
    """Whether a shell glob matches any name; without patterns: yes. Case does not matter, and a zone's final dot may be
    left out.
    """
    if not patterns:
        return True
    wanted = [pattern.lower().rstrip(".") for pattern in patterns]
    return any(fnmatchcase(name.lower().rstrip("."), pattern) for name in names for pattern in wanted)
