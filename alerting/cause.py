"""Which one trouble stands behind many alerts?

From the widest to the narrowest: the monitor's own vantage, a server that fails for most of its zones, a zone.
A secondary that lags because what it transfers from is gone, or lags itself, shares the cause of that one.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from alerting.model import NOT_CHECKED, Alert, AlertKey, Cause, Phase, Severity
from checks.model import Address, Zone
from checks.roll import Roll

BLIND = "vantage-blind"

REFUSED = "configuration-refused"

FAILING = "receiver-failing"
"""Of a receiver, whose name is the subject: it is a cause of its own, for it is the others who are to hear of it."""

OWN = frozenset({BLIND, "store-failing", REFUSED})
"""What the monitor says of itself."""

BEHIND = frozenset({"serial-late", "serial-overdue", "serial-stuck", "expiry-near", "expiry-imminent", "zone-expired"})
"""What happens to a server that cannot get the zone from where it transfers it; it hands the same on."""

FEEDS_NOTHING = BEHIND | {
    "server-unreachable",
    "no-answer",
    "tcp-unreachable",
    "zone-not-served",
    "bad-rcode",
    "not-authoritative",
    "malformed-answer",
}
"""What keeps others from transferring from a server. Transfers need TCP (RFC 5936 section 4.1)."""

AHEAD, WENT_BACK = "serial-ahead", "serial-regressed"
"""Those that are ahead of a primary which went back have stood still: it is the one that moved."""

MOST = 0.5
"""A server is at fault when more than this share of its zones has alerts there …"""

AT_LEAST = 2
"""… and at least so many."""

SCOPES = {
    "transfer-refused": "transfers",
    "transfer-failed": "transfers",
    "transfer-open": "transfers",
    "record-differs": "records",
    "record-unexpected": "records",
    "content-differs": "records",
}
"""Codes that can show only in zones for which the configuration asks for it: of those zones most are meant."""

SCOPED = frozenset(SCOPES)

ANY = ""

Place = tuple[str, str]
"""A zone at a server."""

Taken = Mapping[tuple[str, Address], datetime]
"""When a server's address last took a new version of any zone."""


@dataclass(frozen=True, slots=True)
class Topology:
    """Who serves which zone, and from whom it gets it. Made once per configuration by ``of``."""

    zones: Mapping[str, Zone] = field(default_factory=dict)
    served: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Server and scope → in how many zones it is listed, and could show something of that scope."""
    vantage: str = "local"

    @classmethod
    def of(cls, zones: Roll[Zone] | Iterable[Zone], vantage: str = "local") -> "Topology":
        """Zones that are watched alike are counted, not walked."""
        known = zones if isinstance(zones, Roll) else Roll.of(zones)
        served: Counter[tuple[str, str]] = Counter()
        for zone, count in zip(known.templates, known.alike(), strict=True):
            for name in {server.name for server in zone.servers} if count else ():
                for scope in _scopes(zone):
                    served[name, scope] += count
        return cls(known, served, vantage)

    def feeders(self, zone: str, server: str) -> tuple[str, ...]:
        """Where a server gets the zone from: its upstream, else the zone's primary; () for the primary itself."""
        known = self.zones.get(zone)
        if known is None or known.primary == server:
            return ()
        entry = known.server(server)
        if entry is not None and entry.upstream:
            return tuple(name for name in entry.upstream if name != server)
        return (known.primary,) if known.primary else ()


def fold(
    alerts: Iterable[Alert],
    topology: Topology,
    taken: Taken = MappingProxyType({}),
    wanted: Collection[Alert] | None = None,
) -> Mapping[AlertKey, Cause]:
    """The cause of each alert that stands, or of those ``wanted`` only. Pending ones count too: so it begins.

    Alerts of severity info have no cause: they open no incident and explain nothing. ``taken`` tells a server that
    takes nothing any more from one that does not get one zone, long before most of its zones have changed.
    """
    standing = [a for a in alerts if a.phase is not Phase.OK and a.severity is not Severity.INFO]
    codes: dict[Place, set[str]] = defaultdict(set)
    for key in (alert.key for alert in standing):
        if key.server is not None:
            codes[key.zone, key.server].add(key.code)
    roots = {place: _root(place, codes, topology, ()) for place, found in codes.items() if found & BEHIND}
    stalled = _stalled(standing, roots, taken) if taken else frozenset()
    roots |= {
        place: above
        for place, found in codes.items()
        if AHEAD in found and (above := _left_behind(place, codes, topology)) is not None
    }
    failing = _failing(codes, roots, topology)
    own = OWN | {NOT_CHECKED} if _sees_little(standing, topology) else OWN
    causes = {}
    for alert in standing if wanted is None else wanted:
        key = alert.key
        if key.code in own:
            causes[key] = Cause("vantage", topology.vantage)
        elif key.code == FAILING:
            causes[key] = Cause("receiver", key.subject)
        elif key.server is None:
            causes[key] = Cause("zone", key.zone)
        else:
            root = _blamed(key.code, (key.zone, key.server), roots)
            at_fault = root in stalled or not failing.isdisjoint({(root[1], ANY), (root[1], SCOPES.get(key.code, ANY))})
            causes[key] = Cause("server", root[1]) if at_fault else Cause("zone", key.zone)
    return causes


def _root(place: Place, codes: Mapping[Place, set[str]], topology: Topology, via: tuple[str, ...]) -> Place:
    """Up the road of transfers, from one that lags to the one that it all begins with.

    A server with several upstreams is explained only when all of them fail it. ``via`` ends circles.
    """
    zone, server = place
    feeders = topology.feeders(zone, server)
    if not feeders or not all(codes.get((zone, feeder), set()) & FEEDS_NOTHING for feeder in feeders):
        return place
    above = (zone, feeders[0])
    if feeders[0] in via or not codes[above] & BEHIND:
        return above
    return _root(above, codes, topology, (*via, server))


def _left_behind(place: Place, codes: Mapping[Place, set[str]], topology: Topology) -> Place | None:
    """The primary that went back, for one that is ahead of it because of that."""
    zone, server = place
    return next(((zone, up) for up in topology.feeders(zone, server) if WENT_BACK in codes.get((zone, up), ())), None)


def _stalled(standing: Iterable[Alert], roots: Mapping[Place, Place], taken: Taken) -> frozenset[Place]:
    """Where servers lag that have not taken a new version of any zone since, and lag in several."""
    lagging: dict[tuple[str, Address], set[Place]] = defaultdict(set)
    for alert in standing:
        key = alert.key
        if key.code not in BEHIND or key.server is None or key.address is None or alert.bad_since is None:
            continue
        place, last = (key.zone, key.server), taken.get((key.server, key.address))
        if roots[place] == place and last is not None and last < alert.bad_since:
            lagging[key.server, key.address].add(place)
    return frozenset(place for places in lagging.values() if len(places) >= AT_LEAST for place in places)


def _failing(
    codes: Mapping[Place, set[str]], roots: Mapping[Place, Place], topology: Topology
) -> frozenset[tuple[str, str]]:
    """The servers that are bad for most of their zones, by alerts that nothing above them explains, per scope."""
    bad: Counter[tuple[str, str]] = Counter()
    for place, found in codes.items():
        unexplained = found if roots.get(place, place) == place else found - BEHIND - {AHEAD}
        if unexplained:
            bad[place[1], ANY] += 1
            if not SCOPED.isdisjoint(unexplained):
                bad.update((place[1], scope) for scope in {SCOPES[code] for code in SCOPED & unexplained})
    return frozenset(
        where for where, zones in bad.items() if zones >= AT_LEAST and zones > MOST * topology.served.get(where, 0)
    )


def _blamed(code: str, place: Place, roots: Mapping[Place, Place]) -> Place:
    """Where a code at a place begins: above, if it is one that comes from above."""
    return roots.get(place, place) if code in BEHIND or code == AHEAD else place


def _sees_little(standing: Iterable[Alert], topology: Topology) -> bool:
    """We are blind, or most zones could not be checked: the trouble is ours, not theirs."""
    unseen = set()
    for key in (alert.key for alert in standing):
        if key.code == BLIND:
            return True
        if key.code == NOT_CHECKED:
            unseen.add(key.zone)
    return len(unseen) >= AT_LEAST and len(unseen) > MOST * len(topology.zones)


def _scopes(zone: Zone) -> Iterator[str]:
    yield ANY
    if zone.transfers:
        yield "transfers"
    if zone.records:
        yield "records"
