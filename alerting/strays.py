"""What an incident was about and is no more, though it is bad still: it has another cause by now.

What is in its grace goes with its cause, which may become another while others come and end. It is not over then, and
nobody is told so.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from alerting.incident import Incident
from alerting.incident_index import IncidentIndex
from alerting.incident_lines import line_key
from alerting.incident_members import is_undecided
from alerting.incident_tally import IncidentTally
from alerting.model import Alert, AlertKey, Phase
from alerting.root_cause import DependencyGraph
from alerting.unserved import Unserved


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What stands beside one incident: of which ``zones`` anything does, and, by ``of_zone``, what of each, all that
    ``is_here`` among it; ``lost`` are all zones for which no server is left, or too few are.
    """

    zones: Set[str]
    of_zone: Callable[[str], Iterable[Alert]]
    is_here: Callable[[AlertKey], bool]
    lost: Mapping[str, Unserved]
    dependency_graph: DependencyGraph

    @classmethod
    def than(cls, name: str, index: IncidentIndex) -> "Elsewhere":
        """Than the incident of that id."""
        return cls(index.zones, index.of_zone, lambda key: index.is_in(key, name), index.lost, index.dependency_graph)

    def is_watched(self, zone: str) -> bool:
        """Whether it is in the configuration still, if anything is."""
        return not self.dependency_graph.zones or self.dependency_graph.template(zone) is not None


def strays(incident: Incident, now: IncidentTally, elsewhere: Elsewhere, over: Iterable[Alert] = ()) -> Sequence[Alert]:
    """What stands elsewhere by now of what an incident was about when it was looked at last: alerts of its zones, of
    its codes, at its servers. ``now``: what it has; ``over``: what has just become OK. All zones are looked through
    only when a server or a line is gone.
    """
    codes, servers = {*incident.codes, *incident.past_codes}, {*incident.servers, *incident.past_servers}
    return [
        alert
        for zone in sorted(elsewhere.zones & _zones(incident, now, over))
        for alert in elsewhere.of_zone(zone)
        if alert.key.code in codes
        and (alert.key.server is None or alert.key.server in servers)
        and not (elsewhere.is_here(alert.key) or is_undecided(alert))
    ]


def _zones(incident: Incident, now: IncidentTally, over: Iterable[Alert]) -> Set[str]:
    """Those of which something may have gone elsewhere."""
    names, lines = now.names, now.line_keys
    servers = {name for name in names.servers.moved_since(incident.servers) if name not in names.servers}
    standing = {(line.code, line.server, line.address) for line in incident.lines if line.ended_at is None}
    ended = {line_key(alert.key) for alert in over}
    if servers or not standing | ended <= lines or incident.moved_servers:
        return {*incident.zones, *incident.moved_zones}
    moved = {name for name in names.zones.moved_since(incident.zones) if name not in names.zones}
    return moved.union(incident.moved_zones)


def told_in_grace(index: IncidentIndex) -> set[AlertKey]:
    """What is in its grace, and of zones that somebody was told of as bad in the incident in which it counts."""
    told: set[AlertKey] = set()
    for name, incident in index.incidents.items():
        known = incident.notified, *(part.notified for part in incident.parts)
        zones = {zone for each in known if each is not None for zone in each.zones}
        told.update(key for key in index.members[name] if index.is_waiting(key) and key.zone in zones)
    return told


def handed_on(index: IncidentIndex) -> list[Incident]:
    """Incidents of which nothing is left but what is in its grace, or fires just now, and has another cause: they have
    that cause from now on, unless there is an incident of it. So nobody hears that it is over before it is.
    """
    handed = []
    empty = [name for name in index.incidents if not index.members[name].count]
    for name in empty:
        incident, nothing = index.incidents[name], IncidentTally()
        left = [
            alert for alert in strays(incident, nothing, Elsewhere.than(name, index)) if index.is_waiting(alert.key)
        ]
        for alert in sorted(left, key=lambda alert: (alert.phase is Phase.PENDING, index.number(alert))):
            cause = index.cause(alert.key)
            if cause not in index.of_cause:
                handed.append(replace(incident, cause=cause))
                index.open(handed[-1])
                break
    return handed
