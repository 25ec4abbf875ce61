"""The causes of all alerts at once, walked anew each time: what ``alerting.root_cause.Causes`` is compared with."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping

from alerting.finding_types import OFFLINE, RECEIVER_FAILING
from alerting.incident import Cause
from alerting.model import NOT_CHECKED, Alert, AlertKey, Phase
from alerting.root_cause import (
    BLOCKS_TRANSFERS,
    FOLLOWS_FROM_SERVICE,
    INHERITED,
    MONITOR_CODES,
    DependencyGraph,
    family,
)
from alerting.trouble_groups import MAJORITY, MIN_GROUP
from checks.model.finding_type import NUMBERING, RECORDS, REPLICATION, SERVICE, Severity
from checks.soa_serial import AHEAD, REGRESSED
from checks.tls import NO_TRANSFERS
from checks.transfer import FAILED, OVER_TLS
from tests.support.whole_common import WholeCommon

ZoneAtServer = tuple[str, str]
Trouble = tuple[str, str]


def whole_root_causes(alerts: Iterable[Alert], dependency_graph: DependencyGraph) -> Mapping[AlertKey, Cause]:
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
    own_troubles = _own_troubles(codes, roots)
    grouped = _grouped(own_troubles, dependency_graph)
    own = MONITOR_CODES | {NOT_CHECKED} if _monitor_at_fault(standing, dependency_graph) else MONITOR_CODES
    common = WholeCommon(standing, dependency_graph)
    causes = {}
    for key in (alert.key for alert in standing):
        if key.code in own:
            causes[key] = Cause("vantage", dependency_graph.vantage)
        elif key.code == RECEIVER_FAILING.code:
            causes[key] = Cause("receiver", key.subject)
        elif key.server is None:
            causes[key] = Cause("zone", key.zone)
        elif (shared := common.of(key)) is not None:
            causes[key] = shared
        else:
            of_serials = sorted(c for c in codes[key.zone, key.server] if family(c) in (REPLICATION, NUMBERING))
            code = of_serials[0] if of_serials and family(key.code) == RECORDS else key.code
            of_tls = sorted(codes[key.zone, key.server] & NO_TRANSFERS)
            code = of_tls[0] if of_tls and key.code == FAILED.code and OVER_TLS in key.subject else code
            root = _blamed(code, (key.zone, key.server), roots)
            families = _families(code, codes[root], above=root != (key.zone, key.server))
            at_fault = _belongs(root, families, grouped, dependency_graph)
            blamed = common.of_server(root[1]) or Cause("server", root[1])
            names = {*families, *({SERVICE} if FOLLOWS_FROM_SERVICE.intersection(families) else ())}
            failing = [_failing(own_troubles.get(name, set()), dependency_graph) for name in names]
            if blamed.kind == "server" and key.code != "server-unreachable":
                named = next((g for each in failing if (g := _whole_group(root[1], each, dependency_graph))), None)
                blamed = Cause("group", named) if named else blamed
            causes[key] = blamed if at_fault else Cause("zone", key.zone)
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


def _failing(places: Iterable[ZoneAtServer], dependency_graph: DependencyGraph) -> set[str]:
    """Servers most of whose zones have the trouble there."""
    count = Counter(server for _, server in places)
    served = dependency_graph.served
    return {name for name, n in count.items() if n >= MIN_GROUP and n > MAJORITY * served.get(name, 0)}


def _whole_group(server: str, failing: set[str], dependency_graph: DependencyGraph) -> str | None:
    """The group of the server, if all servers of it are failing, and another is not."""
    zones = (dependency_graph.zones[name] for name in dependency_graph.zones)
    groups = {each.name: each.group for zone in zones for each in zone.servers}
    own = {name for name, group in groups.items() if group and group == groups.get(server)}
    return groups[server] if len(own) > 1 and own <= failing and groups.keys() - failing else None


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
