"""Which one trouble stands behind many alerts.

From the widest to the narrowest: the monitor's own vantage, a server, a zone. What several zones have in common at one
server is that server's; what one zone has at several servers is that zone's. A secondary that lags because what it
transfers from is gone, or lags itself, shares the cause of that one.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from alerting.finding_types import FINDING_TYPES, OFFLINE, RECEIVER_FAILING
from alerting.model import NOT_CHECKED, Alert, AlertKey, Cause, Phase
from checks.model import Zone
from checks.model.finding_type import NUMBERING, RECORDS, REPLICATION, SERVICE, TRANSFERS, Impact, Scope, Severity
from checks.model.zone_table import ZoneTable
from checks.soa_serial import AHEAD, REGRESSED

_TYPES = FINDING_TYPES.values()

MONITOR_CODES = frozenset(found.code for found in _TYPES if found.scope is Scope.MONITOR)
"""What the monitor says of itself."""

INHERITED = frozenset(found.code for found in _TYPES if found.inherits)
"""What happens to a server that cannot get the zone from where it transfers it; it hands the same on."""

BLOCKS_TRANSFERS = INHERITED | {found.code for found in _TYPES if found.impact >= Impact.BLOCKS_TRANSFERS}
"""What keeps others from getting a current zone from a server."""

OUT_OF_SERVICE = frozenset(found.code for found in _TYPES if found.impact >= Impact.OUT_OF_SERVICE)
"""What a resolver that asks this address gets no use of: it has to ask another."""

HIDES_CONTENT = frozenset(found.code for found in _TYPES if found.impact >= Impact.HIDES_CONTENT)
"""Where this is so nothing is known of what the address would serve: what was found before is history."""

FAMILIES: Mapping[str, str] = {
    found.code: found.family or (REPLICATION if found.inherits else SERVICE if found.impact else found.code)
    for found in _TYPES
}
"""Code → the trouble that it is a sign of."""

OF_CONTENT = {found.code for found in _TYPES if found.of_content} | {
    code for code, name in FAMILIES.items() if name in (REPLICATION, NUMBERING, RECORDS)
}
"""Codes of troubles that lie in what an address serves."""

FOLLOWS_FROM_SERVICE = frozenset({REPLICATION, TRANSFERS})
"""What a server that does not answer as it should brings with it: it neither takes zones nor gives them."""

MAJORITY = 0.5
"""A server is at fault when more than this share of its zones has such alerts there; the monitor itself, when it
could not check more than this share of all zones."""

MIN_GROUP = 2
"""So many zones are a group."""

ZoneAtServer = tuple[str, str]
"""A zone at a server."""

Trouble = tuple[str, str]
"""A server and a family of codes."""


@dataclass(frozen=True, slots=True)
class DependencyGraph:
    """Who serves which zone, and from whom it gets it. Made once per configuration by ``of``."""

    zones: Mapping[str, Zone] = field(default_factory=dict)
    served: Mapping[str, int] = field(default_factory=dict)
    """Server → in how many zones it is listed."""
    vantage: str = "local"

    @classmethod
    def of(cls, zones: ZoneTable[Zone] | Iterable[Zone], vantage: str = "local") -> "DependencyGraph":
        """Zones that are watched alike are counted, not walked."""
        known = zones if isinstance(zones, ZoneTable) else ZoneTable.of(zones)
        served: Counter[str] = Counter()
        for zone, count in zip(known.templates, known.template_counts(), strict=True):
            for name in {server.name for server in zone.servers} if count else ():
                served[name] += count
        return cls(known, served, vantage)

    def template(self, zone: str) -> Zone | None:
        """The zone, or one that is served alike: its name may be empty."""
        if isinstance(self.zones, ZoneTable):
            return self.zones.template(zone) if zone in self.zones else None
        return self.zones.get(zone)

    def upstreams(self, zone: str, server: str) -> tuple[str, ...]:
        """Where a server gets the zone from: its upstream, else the zone's primary; () for the primary itself."""
        known = self.template(zone)
        if known is None or known.primary == server:
            return ()
        entry = known.server(server)
        if entry is not None and entry.upstream:
            return tuple(name for name in entry.upstream if name != server)
        return (known.primary,) if known.primary else ()


def family(code: str) -> str:
    """The trouble that a code is a sign of."""
    return FAMILIES.get(code, code)


def root_causes(alerts: Iterable[Alert], dependency_graph: DependencyGraph) -> Mapping[AlertKey, Cause]:
    """The cause of each alert that stands. Pending ones count too: so it begins.

    Alerts of severity info have no cause: they open no incident and explain nothing.
    """
    standing = [a for a in alerts if a.phase is not Phase.OK and a.severity is not Severity.INFO]
    codes: dict[ZoneAtServer, set[str]] = defaultdict(set)
    for key in (alert.key for alert in standing):
        if key.server is not None:
            codes[key.zone, key.server].add(key.code)
    roots = {place: _root(place, codes, dependency_graph, ()) for place, found in codes.items() if found & INHERITED}
    roots |= {
        place: above
        for place, found in codes.items()
        if AHEAD.code in found and (above := _left_behind(place, codes, dependency_graph)) is not None
    }
    grouped = _grouped(_own_troubles(codes, roots), dependency_graph)
    own = MONITOR_CODES | {NOT_CHECKED} if _monitor_at_fault(standing, dependency_graph) else MONITOR_CODES
    causes = {}
    for key in (alert.key for alert in standing):
        if key.code in own:
            causes[key] = Cause("vantage", dependency_graph.vantage)
        elif key.code == RECEIVER_FAILING.code:
            causes[key] = Cause("receiver", key.subject)
        elif key.server is None:
            causes[key] = Cause("zone", key.zone)
        else:
            root = _blamed(key.code, (key.zone, key.server), roots)
            families = _families(key.code, codes[root], above=root != (key.zone, key.server))
            at_fault = _belongs(root, families, grouped, dependency_graph)
            causes[key] = Cause("server", root[1]) if at_fault else Cause("zone", key.zone)
    return causes


def _root(
    place: ZoneAtServer, codes: Mapping[ZoneAtServer, set[str]], dependency_graph: DependencyGraph, via: tuple[str, ...]
) -> ZoneAtServer:
    """Up the road of transfers, from one that lags to the one that it all begins with.

    A server with several upstreams is explained only when all of them fail it. ``via`` ends circles.
    """
    zone, server = place
    upstreams = dependency_graph.upstreams(zone, server)
    if not upstreams or not all(codes.get((zone, upstream), set()) & BLOCKS_TRANSFERS for upstream in upstreams):
        return place
    above = (zone, upstreams[0])
    if upstreams[0] in via or not codes[above] & INHERITED:
        return above
    return _root(above, codes, dependency_graph, (*via, server))


def _left_behind(
    place: ZoneAtServer, codes: Mapping[ZoneAtServer, set[str]], dependency_graph: DependencyGraph
) -> ZoneAtServer | None:
    """The primary that went back, for one that is ahead of it because of that: this has stood still, and that moved."""
    zone, server = place
    above = ((zone, upstream) for upstream in dependency_graph.upstreams(zone, server))
    return next((one for one in above if REGRESSED.code in codes.get(one, ())), None)


def _own_troubles(
    codes: Mapping[ZoneAtServer, set[str]], roots: Mapping[ZoneAtServer, ZoneAtServer]
) -> Mapping[str, set[ZoneAtServer]]:
    """Family → the places that have it, where nothing above explains it."""
    places: dict[str, set[ZoneAtServer]] = defaultdict(set)
    for place, found in codes.items():
        unexplained = found if roots.get(place, place) == place else found - INHERITED - {AHEAD.code}
        for name in set(map(family, unexplained)):
            places[name].add(place)
    return places


def _grouped(
    troubles: Mapping[str, set[ZoneAtServer]], dependency_graph: DependencyGraph
) -> Mapping[Trouble, set[ZoneAtServer]]:
    """The places whose trouble is their server's: most of its zones have it there; or several do, and more than the
    zone has servers with it, those not counted that are failing anyway.
    """
    grouped: dict[Trouble, set[ZoneAtServer]] = {}
    for name, places in troubles.items():
        zones_at: dict[str, set[ZoneAtServer]] = defaultdict(set)
        for place in places:
            zones_at[place[1]].add(place)
        failing = {
            server
            for server, here in zones_at.items()
            if len(here) >= MIN_GROUP and len(here) > MAJORITY * dependency_graph.served.get(server, 0)
        }
        servers_of = Counter(zone for zone, server in places if server not in failing)
        for server, here in zones_at.items():
            group = here if server in failing else {place for place in here if len(here) > servers_of[place[0]]}
            if len(group) >= MIN_GROUP:
                grouped[server, name] = group
    return grouped


def _belongs(
    place: ZoneAtServer,
    families: Collection[str],
    grouped: Mapping[Trouble, set[ZoneAtServer]],
    dependency_graph: DependencyGraph,
) -> bool:
    """Whether what a place has of these families is its server's trouble, or follows from one."""
    server = place[1]
    if any(place in grouped.get((server, name), ()) for name in families):
        return True
    down = grouped.get((server, SERVICE), set())
    return not FOLLOWS_FROM_SERVICE.isdisjoint(families) and (
        place in down or len(down) > MAJORITY * dependency_graph.served.get(server, 0)
    )


def _blamed(code: str, place: ZoneAtServer, roots: Mapping[ZoneAtServer, ZoneAtServer]) -> ZoneAtServer:
    """Where a code at a place begins: above, if it is one that comes from above."""
    return roots.get(place, place) if code in INHERITED or code == AHEAD.code else place


def _families(code: str, at_root: Collection[str], *, above: bool) -> Collection[str]:
    """The trouble that a code is a sign of where it begins: its own, or what its root ``above`` has."""
    if not above:
        return {family(code)}
    return {NUMBERING} if code == AHEAD.code else set(map(family, BLOCKS_TRANSFERS.intersection(at_root)))


def _monitor_at_fault(standing: Iterable[Alert], dependency_graph: DependencyGraph) -> bool:
    """We are offline, or most zones could not be checked: the trouble is ours, not theirs."""
    unseen = set()
    for key in (alert.key for alert in standing):
        if key.code == OFFLINE.code:
            return True
        if key.code == NOT_CHECKED:
            unseen.add(key.zone)
    return len(unseen) >= MIN_GROUP and len(unseen) > MAJORITY * len(dependency_graph.zones)
