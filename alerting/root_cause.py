"""Which one trouble stands behind many alerts.

From the widest to the narrowest: the monitor's own vantage, what several servers have in common
(``alerting.common_causes``), a server, a zone. What several zones have in common at one
server is that server's; what one zone has at several servers is that zone's. A secondary that lags because what it
transfers from is gone, or lags itself, shares the cause of that one.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from alerting.common_causes import CommonCauses, SharedPlaces
from alerting.finding_types import FINDING_TYPES, OFFLINE, RECEIVER_FAILING
from alerting.incident import Cause
from alerting.model import NOT_CHECKED, Alert, AlertKey
from alerting.trouble_groups import MAJORITY, MIN_GROUP, Shape, TroubleGroups
from checks.common.transfer_tree import upstreams_of
from checks.model import Labels, Zone
from checks.model.finding_type import NUMBERING, RECORDS, REPLICATION, SERVICE, TRANSFERS, UPDATES, Impact, Scope
from checks.model.zone_table import ZoneTable
from checks.reachable import UNREACHABLE
from checks.soa_serial import AHEAD, REGRESSED
from checks.tls import NO_TRANSFERS
from checks.transfer import FAILED, OVER_TLS

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

FOLLOWS_FROM_SERVICE = frozenset({REPLICATION, TRANSFERS, UPDATES})
"""What a server that does not answer as it should brings with it: it neither takes zones and changes nor gives them."""

WIDER = frozenset({"server", "family", "network", "group", "key"})
"""Kinds of causes that what was told as a narrower one may turn out to have."""

_FROM_ABOVE = INHERITED | {AHEAD.code}
"""What another server may have brought about."""

Trouble = tuple[str, str]
"""A family of codes, and a server of a zone that has it."""

Codes = Mapping[str, Collection[str]]
"""Server → the codes that stand there of one zone."""


@dataclass(frozen=True, slots=True)
class DependencyGraph:
    """Who serves which zone, and from whom it gets it. Made once per configuration by ``of``."""

    zones: Mapping[str, Zone] = field(default_factory=dict)
    served: Mapping[str, int] = field(default_factory=dict)
    """Server → in how many zones it is listed."""
    vantage: str = "local"
    groups: Mapping[str, str] = field(default_factory=dict)
    """Server → the name of the group that it is in with others."""
    places: SharedPlaces = field(default_factory=SharedPlaces, repr=False)
    """What their addresses have in common."""

    @classmethod
    def of(cls, zones: ZoneTable[Zone] | Iterable[Zone], vantage: str = "local") -> "DependencyGraph":
        """Zones that are watched alike are counted, not walked."""
        known = zones if isinstance(zones, ZoneTable) else ZoneTable.of(zones)
        served: Counter[str] = Counter()
        groups: dict[str, str] = {}
        for zone, count in zip(known.templates, known.template_counts(), strict=True):
            for server in {server.name: server for server in zone.servers}.values() if count else ():
                served[server.name] += count
                groups[server.name] = server.group
        sizes = Counter(groups.values())
        groups = {name: group for name, group in groups.items() if group and sizes[group] > 1}
        kinds = ((zone, count) for zone, count in zip(known.templates, known.template_counts(), strict=True) if count)
        return cls(known, served, vantage, groups, SharedPlaces.of(kinds))

    def template(self, zone: str) -> Zone | None:
        """The zone, or one that is served alike: its name may be empty."""
        if isinstance(self.zones, ZoneTable):
            return self.zones.template(zone) if zone in self.zones else None
        return self.zones.get(zone)

    def labels(self, zone: str) -> Labels:
        """What the configuration says that the zone is."""
        known = self.template(zone)
        return known.labels if known is not None else ()

    def upstreams(self, zone: str, server: str) -> tuple[str, ...]:
        """Where a server gets the zone from; () for the primary itself, and where nothing is known of the zone."""
        known = self.template(zone)
        return () if known is None else upstreams_of(known, server)


def family(code: str) -> str:
    """The trouble that a code is a sign of."""
    return FAMILIES.get(code, code)


def with_serial(code: str, here: Collection[str]) -> str:
    """The code that the cause of another goes by: which records a server has follows from the version that it has, so
    where that is wrong (one of the codes that it has ``here`` says so) they have one cause.
    """
    if FAMILIES.get(code) != RECORDS:
        return code
    return min((other for other in here if FAMILIES.get(other) in (NUMBERING, REPLICATION)), default=code)


def code_of_cause(key: AlertKey, here: Collection[str]) -> str:
    """The code that the cause of an alert goes by where these stand: as ``with_serial`` says, and that of TLS for a
    transfer over TLS that fails where TLS does.
    """
    if key.code == FAILED.code and OVER_TLS in key.subject:
        return min(NO_TRANSFERS.intersection(here), default=key.code)
    return with_serial(key.code, here)


class Causes:
    """The cause of each alert that stands, kept up to date alert by alert.

    Pending ones count too: so it begins. Alerts of severity info are not to be added: they open no incident and explain
    nothing. ``refresh`` follows what was added and removed; until then ``cause`` must not be asked.
    """

    def __init__(
        self, dependency_graph: DependencyGraph, alerts: Mapping[str, Mapping[AlertKey, Alert]] = MappingProxyType({})
    ) -> None:
        """``alerts`` has those that stand, by zone, as they are when ``refresh`` is called."""
        self._graph, self._alerts = dependency_graph, alerts
        self._common = CommonCauses(dependency_graph.places)
        self._touched: set[str] = set()
        self._codes: dict[str, dict[str, Counter[str]]] = {}
        self._roots: dict[str, Mapping[str, str]] = {}
        self._own: dict[str, set[Trouble]] = {}
        self._groups: dict[str, TroubleGroups] = {}
        self._offline = 0
        self._unseen: Counter[str] = Counter()
        self._ours = False
        self._stale: set[str] = set()

    def add(self, key: AlertKey) -> None:
        """An alert that did not stand."""
        self._note_monitor(key, 1)
        if key.server is not None:
            self._codes.setdefault(key.zone, {}).setdefault(key.server, Counter())[key.code] += 1
            self._stale.add(key.zone)

    def remove(self, key: AlertKey) -> None:
        """An alert that stood."""
        self._note_monitor(key, -1)
        if key.server is not None:
            servers = self._codes[key.zone]
            servers[key.server][key.code] -= 1
            self._codes[key.zone] = {name: found for name, codes in servers.items() if (found := +codes)}
            self._stale.add(key.zone)

    def touch(self, key: AlertKey) -> None:
        """An alert that stands has another phase."""
        self._touched.add(key.zone)

    def _note_monitor(self, key: AlertKey, by: int) -> None:
        self._offline += by if key.code == OFFLINE.code else 0
        if key.code == NOT_CHECKED:
            self._unseen[key.zone] += by
            if not self._unseen[key.zone]:
                del self._unseen[key.zone]

    def refresh(self) -> tuple[set[str], bool]:
        """The zones of which alerts may have other causes now, and whether those of any zone may."""
        stale, self._stale = self._stale, set()
        touched, self._touched = self._touched | stale, set()
        before: dict[Trouble, Shape] = {}
        for zone in stale:
            self._refresh_zone(zone, before)
        for zone in touched:
            self._common.set_zone(zone, self._alerts.get(zone, {}).values())
        common = self._common.refresh()
        ours, self._ours = self._ours, self._monitor_at_fault()
        moved = any(self._groups[name].shape(server) != shape for (name, server), shape in before.items())
        spread = sum(self._groups[name].take_spread() for name in {name for name, _ in before})
        return stale, moved or spread > 0 or common or ours is not self._ours

    def _refresh_zone(self, zone: str, before: dict[Trouble, Shape]) -> None:
        """``before`` takes the shapes of the groups that this zone may change."""
        codes = self._codes.get(zone, {})
        roots = _roots(zone, codes, self._graph)
        own, was = _own_troubles(codes, roots), self._own.get(zone, set())
        changed = {name for name, _ in own ^ was}
        for name, server in own | was:
            if name in changed and (name, server) not in before:
                groups = self._groups.setdefault(name, TroubleGroups(self._graph.served, self._graph.groups))
                before[name, server] = groups.shape(server)
        for name, server in own - was:
            self._groups[name].add(zone, server)
        for name, server in was - own:
            self._groups[name].remove(zone, server)
        self._roots[zone], self._own[zone] = roots, own
        if not codes:
            self._codes.pop(zone, None)
            del self._roots[zone], self._own[zone]

    def _monitor_at_fault(self) -> bool:
        """We are offline, or most zones could not be checked: the trouble is ours, not theirs."""
        unseen = len(self._unseen)
        return self._offline > 0 or (unseen >= MIN_GROUP and unseen > MAJORITY * len(self._graph.zones))

    def cause(self, key: AlertKey) -> Cause:
        """The cause of an alert that stands."""
        if key.code in MONITOR_CODES or (self._ours and key.code == NOT_CHECKED):
            return Cause("vantage", self._graph.vantage)
        if key.code == RECEIVER_FAILING.code:
            return Cause("receiver", key.subject)
        if key.server is None:
            return Cause("zone", key.zone)
        common = self._common.of(key)
        if common is not None:
            return common
        root, code = key.server, code_of_cause(key, self._codes[key.zone][key.server])
        if code in _FROM_ABOVE:
            root = self._roots[key.zone].get(root, root)
        families = _families(code, self._codes[key.zone][root], above=root != key.server)
        if not self._belongs(key.zone, root, families):
            return Cause("zone", key.zone)
        return self._common.of_server(root) or self._of_group(root, key.code, families) or Cause("server", root)

    def _of_group(self, server: str, code: str, families: Collection[str]) -> Cause | None:
        """The group of a server all of which has this trouble; of silence ``CommonCauses`` has the word."""
        names = {*families, *(() if FOLLOWS_FROM_SERVICE.isdisjoint(families) else (SERVICE,))}
        fails = any(name in self._groups and self._groups[name].is_of_group(server) for name in names)
        return Cause("group", self._graph.groups[server]) if fails and code != UNREACHABLE.code else None

    def _belongs(self, zone: str, server: str, families: Collection[str]) -> bool:
        """Whether what a place has of these families is its server's trouble, or follows from one."""
        if any(self._has(name, zone, server) for name in families):
            return True
        if FOLLOWS_FROM_SERVICE.isdisjoint(families) or (service := self._groups.get(SERVICE)) is None:
            return False
        return service.has(zone, server) or service.is_down(server)

    def _has(self, name: str, zone: str, server: str) -> bool:
        groups = self._groups.get(name)
        return groups is not None and groups.has(zone, server)


def _roots(zone: str, codes: Codes, dependency_graph: DependencyGraph) -> Mapping[str, str]:
    """Server → the one that what it inherits begins with, where it inherits something."""
    roots = {
        server: _root(zone, server, codes, dependency_graph, ())
        for server, found in codes.items()
        if not INHERITED.isdisjoint(found)
    }
    for server, found in codes.items():
        above = _left_behind(zone, server, codes, dependency_graph) if AHEAD.code in found else None
        if above is not None:
            roots[server] = above
    return roots


def _root(zone: str, server: str, codes: Codes, dependency_graph: DependencyGraph, via: tuple[str, ...]) -> str:
    """Up the road of transfers, from one that lags to the one that it all begins with.

    A server with several upstreams is explained only when all of them fail it. ``via`` ends circles.
    """
    upstreams = dependency_graph.upstreams(zone, server)
    if not upstreams or any(BLOCKS_TRANSFERS.isdisjoint(codes.get(upstream, ())) for upstream in upstreams):
        return server
    above = upstreams[0]
    if above in via or INHERITED.isdisjoint(codes[above]):
        return above
    return _root(zone, above, codes, dependency_graph, (*via, server))


def _left_behind(zone: str, server: str, codes: Codes, dependency_graph: DependencyGraph) -> str | None:
    """The primary that went back, for one that is ahead of it because of that: this has stood still, and that moved."""
    upstreams = dependency_graph.upstreams(zone, server)
    return next((above for above in upstreams if REGRESSED.code in codes.get(above, ())), None)


def _own_troubles(codes: Codes, roots: Mapping[str, str]) -> set[Trouble]:
    """What a zone has where nothing above explains it."""
    found: set[Trouble] = set()
    for server, here in codes.items():
        explained = roots.get(server, server) != server
        found |= {(family(code), server) for code in here if not explained or code not in _FROM_ABOVE}
    return found


def _families(code: str, at_root: Collection[str], *, above: bool) -> Collection[str]:
    """The trouble that a code is a sign of where it begins: its own, or what its root ``above`` has."""
    if not above:
        return {family(code)}
    return {NUMBERING} if code == AHEAD.code else set(map(family, BLOCKS_TRANSFERS.intersection(at_root)))
