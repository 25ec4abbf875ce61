"""Which one trouble stands behind many alerts?

From the widest to the narrowest: the monitor's own vantage, a server that fails for most of its zones, a zone.
A secondary that lags because what it transfers from is gone, or lags itself, shares the cause of that one.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from alerting.model import Alert, AlertKey, Cause, Severity
from checks.model import Zone

BLIND = "vantage-blind"

OWN = frozenset({BLIND, "store-failing"})
"""What the monitor says of itself."""

NOT_CHECKED = "not-checked"

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

Place = tuple[str, str]
"""A zone at a server."""


@dataclass(frozen=True, slots=True)
class Topology:
    """Who serves which zone, and from whom it gets it. Made once per configuration by ``of``."""

    zones: Mapping[str, Zone] = field(default_factory=dict)
    served: Mapping[str, int] = field(default_factory=dict)
    """Server → in how many zones it is listed."""
    vantage: str = "local"

    @classmethod
    def of(cls, zones: Iterable[Zone], vantage: str = "local") -> "Topology":
        known = {zone.name: zone for zone in zones}
        served = Counter(name for zone in known.values() for name in {server.name for server in zone.servers})
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


def fold(alerts: Iterable[Alert], topology: Topology) -> Mapping[AlertKey, Cause]:
    """The cause of each alert that stands. Pending ones count too: they are how a wide trouble begins.

    Alerts of severity info have no cause: they open no incident and explain nothing.
    """
    standing = [a for a in alerts if not a.quiet and a.severity > Severity.INFO]
    codes: dict[Place, set[str]] = defaultdict(set)
    for alert in standing:
        if alert.key.server is not None:
            codes[alert.key.zone, alert.key.server].add(alert.key.code)
    roots = {place: _root(place, codes, topology, ()) for place, found in codes.items() if found & BEHIND}
    roots |= {place: above for place in codes if (above := _left_behind(place, codes, topology)) is not None}
    failing = _failing(codes, roots, topology)
    own = OWN | {NOT_CHECKED} if _sees_little(standing, topology) else OWN
    return {alert.key: _cause(alert.key, roots, failing, own, topology.vantage) for alert in standing}


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
    if AHEAD not in codes[place]:
        return None
    return next(((zone, up) for up in topology.feeders(zone, server) if WENT_BACK in codes.get((zone, up), ())), None)


def _failing(codes: Mapping[Place, set[str]], roots: Mapping[Place, Place], topology: Topology) -> frozenset[str]:
    """The servers that are bad for most of their zones, by alerts that nothing above them explains."""
    bad = Counter(
        server
        for (zone, server), found in codes.items()
        if roots.get((zone, server), (zone, server)) == (zone, server) or found - BEHIND - {AHEAD}
    )
    return frozenset(
        server for server, zones in bad.items() if zones >= AT_LEAST and zones > MOST * topology.served.get(server, 0)
    )


def _sees_little(standing: Iterable[Alert], topology: Topology) -> bool:
    """We are blind, or most zones could not be checked: the trouble is ours, not theirs."""
    if any(alert.key.code == BLIND for alert in standing):
        return True
    unseen = {alert.key.zone for alert in standing if alert.key.code == NOT_CHECKED}
    return len(unseen) >= AT_LEAST and len(unseen) > MOST * len(topology.zones)


def _cause(
    key: AlertKey, roots: Mapping[Place, Place], failing: frozenset[str], own: frozenset[str], vantage: str
) -> Cause:
    if key.code in own:
        return Cause("vantage", vantage)
    if key.server is None:
        return Cause("zone", key.zone)
    zone, server = place = (key.zone, key.server)
    if key.code in BEHIND or key.code == AHEAD:
        zone, server = roots.get(place, place)
    return Cause("server", server) if server in failing else Cause("zone", zone)
