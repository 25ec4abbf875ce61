"""What servers that fail together have in common, looked for among all alerts at once: what
``alerting.common_causes`` is compared with.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from ipaddress import ip_address, ip_network

from alerting.common_causes import FAMILY_NAMES, MAJORITY, PREFIX_LENGTHS, TOGETHER, AskedAddress
from alerting.incident import Cause
from alerting.model import Alert, AlertKey, Phase
from alerting.root_cause import DependencyGraph
from checks.common.transfer_rules import matrix
from checks.model import Expectation, Family, Zone
from checks.transfer import key_of, tsig_error


class WholeCommon:
    """What alerts have in common, and servers that are silent altogether."""

    def __init__(self, alerts: Iterable[Alert], dependency_graph: DependencyGraph) -> None:
        """``alerts`` are all that stand."""
        zones: list[Zone] = [dependency_graph.zones[name] for name in dependency_graph.zones]
        self.served: defaultdict[AskedAddress, set[str]] = defaultdict(set)
        groups: dict[str, str] = {}
        for zone in zones:
            for server, address in zone.server_addresses():
                self.served[server.name, address].add(zone.name)
                groups[server.name] = server.group
        self.bad: defaultdict[AskedAddress, set[str]] = defaultdict(set)
        self.firing: defaultdict[AskedAddress, dict[str, int]] = defaultdict(dict)
        self.refusing: defaultdict[tuple[str, str], defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for alert in alerts:
            self.note(alert)
        self.silent = {p for p, names in self.served.items() if len(self.firing[p]) > MAJORITY * len(names)}
        self.lone = {family: self.silent_over(family) for family in Family}
        self.held = {cause: p for cause, p in _shared(self.served, groups).items() if self.is_held(cause, p)}
        for family, places in self.lone.items():
            here = {place for place in self.served if place[1].family is family}
            if here <= self.silent and _several(places, self.served) and _together(places, self.firing):
                self.held[Cause("family", FAMILY_NAMES[family])] = places
        self.keys = {
            name
            for (name, _), servers in self.refusing.items()
            if len(servers) > 1 and max(map(len, servers.values())) > 1 and servers.keys() >= _asked_with(name, zones)
        }

    def note(self, alert: Alert) -> None:
        key = alert.key
        if key.server is None:
            return
        if key.code == "server-unreachable" and key.address and alert.phase in (Phase.PENDING, Phase.FIRING):
            self.bad[key.server, key.address].add(key.zone)
            if alert.phase is Phase.FIRING:
                self.firing[key.server, key.address][key.zone] = int(alert.began.timestamp()) // 60
        if key.code == "transfer-refused" and alert.phase is Phase.FIRING and tsig_error(alert.text):
            self.refusing[key_of(key.subject) or "", tsig_error(alert.text)][key.server].add(key.zone)

    def silent_over(self, family: Family) -> set[AskedAddress]:
        """Addresses of servers that have others of the other family, of which nothing bad is known."""
        there = {place for place in self.silent if place[1].family is family}
        others = {place: [p for p in self.served if p[0] == place[0] and p[1].family is not family] for place in there}
        return {place for place in there if others[place] and not any(self.bad.get(p) for p in others[place])}

    def is_held(self, cause: Cause, places: set[AskedAddress]) -> bool:
        families = set(Family) if cause.kind == "group" else {place[1].family for place in places}
        others = {place for place in self.served.keys() - self.silent if place[1].family in families}
        together = places <= self.silent and _together(places, self.firing)
        return bool(others) and together and _several(places, self.served)

    def best(self, places: set[AskedAddress]) -> Cause | None:
        found = [each for each in self.held if each.kind != "family" and self.held[each] & places]
        return min(found, key=lambda e: (-len({s for s, _ in self.held[e]}), e.kind, e.name), default=None)

    def of_server(self, server: str) -> Cause | None:
        there = {place for place in self.served if place[0] == server}
        return self.best(there) if there and there <= self.silent else None

    def of(self, key: AlertKey) -> Cause | None:
        if key.server is None:
            return None
        if key.code == "server-unreachable" and key.address is not None:
            family = Cause("family", FAMILY_NAMES[key.address.family])
            if family in self.held and key.server in {server for server, _ in self.lone[key.address.family]}:
                return family
            return self.of_server(key.server) or self.best({(key.server, key.address)})
        named = key_of(key.subject)
        mine = any(n == named and key.zone in servers[key.server] for (n, _), servers in self.refusing.items())
        return Cause("key", named or "") if key.code == "transfer-refused" and mine and named in self.keys else None


def _shared(served: Mapping[AskedAddress, set[str]], groups: Mapping[str, str]) -> Mapping[Cause, set[AskedAddress]]:
    shared: defaultdict[Cause, set[AskedAddress]] = defaultdict(set)
    for server, address in served:
        if groups[server]:
            shared[Cause("group", groups[server])].add((server, address))
        ip = ip_address(address.host)
        if not ip.is_loopback:
            network = ip_network((ip, PREFIX_LENGTHS[address.family]), strict=False)
            shared[Cause("network", str(network))].add((server, address))
    return shared


def _several(places: set[AskedAddress], served: Mapping[AskedAddress, set[str]]) -> bool:
    return len({server for server, _ in places}) > 1 and len({zone for place in places for zone in served[place]}) > 1


def _together(places: set[AskedAddress], firing: Mapping[AskedAddress, Mapping[str, int]]) -> bool:
    began = [min(firing[place].values()) for place in places]
    return max(began) - min(began) <= TOGETHER


def _asked_with(name: str, zones: Iterable[Zone]) -> set[str]:
    rows = (row for zone in zones for row in matrix(zone))
    return {server.name for server, _, rule in rows if rule.key == name and rule.expect is Expectation.ALLOWED}
