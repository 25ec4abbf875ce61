"""What addresses that fall silent together have in common: their family, their network, or the group of their servers;
and keys (TSIG) that all servers refuse.

A thing in common is a cause where all that share it fail, it is more than one server and more than one zone, they fell
silent within minutes, and others that do not share it answer. Only what has come out of its grace counts as failing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from alerting.incident import Cause
from alerting.model import Alert, AlertKey, Phase
from checks.common.transfer_rules import matrix
from checks.model import Address, Expectation, Family, Zone
from checks.reachable import UNREACHABLE
from checks.transfer import REFUSED, key_of, tsig_error

TOGETHER = 5
"""Minutes within which things that have one cause begin."""

MAJORITY = 0.5
"""An address is silent when it is for more than this share of its zones."""

PREFIX_LENGTHS = {Family.IPV4: 24, Family.IPV6: 48}
"""Of the networks that are looked at as one."""

FAMILY_NAMES = {Family.IPV4: "IPv4", Family.IPV6: "IPv6"}

AskedAddress = tuple[str, Address]
"""A server, and one of its addresses."""

Refusal = tuple[str, str, str]
"""A key, the error that a server has for it, and the server."""

_IN_GRACE = -1
_BAD = frozenset({Phase.PENDING, Phase.FIRING})


@dataclass(frozen=True, slots=True)
class SharedPlaces:
    """What addresses have in common. Made once per configuration by ``of``."""

    served: Mapping[AskedAddress, int] = field(default_factory=dict)
    """In how many zones it is asked."""
    of_server: Mapping[str, tuple[AskedAddress, ...]] = field(default_factory=dict)
    shared: Mapping[Cause, tuple[AskedAddress, ...]] = field(default_factory=dict)
    """Networks and groups of several servers and several zones, with all that is in them."""
    causes: Mapping[AskedAddress, tuple[Cause, ...]] = field(default_factory=dict)
    """Those that an address is in."""
    only_zone: Mapping[AskedAddress, int] = field(default_factory=dict)
    """For those that are asked in one zone alone: which that is."""
    asked_with: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Key → the servers that are to take it."""

    @classmethod
    def of(cls, kinds: Iterable[tuple[Zone, int]]) -> "SharedPlaces":
        """Zones that are watched alike, and how many they are."""
        served: Counter[AskedAddress] = Counter()
        only: dict[AskedAddress, int] = {}
        asked_with: defaultdict[str, set[str]] = defaultdict(set)
        members: defaultdict[Cause, dict[AskedAddress, None]] = defaultdict(dict)
        for number, (zone, count) in enumerate(kinds):
            for server, address in zone.server_addresses():
                place = server.name, address
                if place not in served:
                    for cause in _in_common(address, server.group):
                        members[cause][place] = None
                served[place] += count
                only[place] = number
            for server, _, rule in matrix(zone) if zone.transfers else ():
                if rule.key is not None and rule.expect is Expectation.ALLOWED:
                    asked_with[rule.key].add(server.name)
        only_zone = {place: number for place, number in only.items() if served[place] == 1}
        shared = {cause: tuple(there) for cause, there in members.items() if _is_several(there, served, only_zone)}
        of_server: defaultdict[str, tuple[AskedAddress, ...]] = defaultdict(tuple)
        for place in served:
            of_server[place[0]] += (place,)
        causes: defaultdict[AskedAddress, tuple[Cause, ...]] = defaultdict(tuple)
        for cause, there in shared.items():
            for place in there:
                causes[place] += (cause,)
        keys = {name: frozenset(servers) for name, servers in asked_with.items()}
        return cls(served, dict(of_server), shared, dict(causes), only_zone, keys)

    def are_several(self, places: Iterable[AskedAddress]) -> bool:
        """Whether they are of more than one server, and asked in more than one zone."""
        return _is_several(places, self.served, self.only_zone)


def _in_common(address: Address, group: str) -> Iterable[Cause]:
    if group:
        yield Cause("group", group)
    ip = ip_address(address.host)
    if not ip.is_loopback:
        yield Cause("network", str(ip_network((ip, PREFIX_LENGTHS[address.family]), strict=False)))


def _is_several(
    places: Iterable[AskedAddress], served: Mapping[AskedAddress, int], only_zone: Mapping[AskedAddress, int]
) -> bool:
    there = list(places)
    zones = {only_zone.get(place) for place in there}
    return len({server for server, _ in there}) > 1 and (len(zones) > 1 or None in zones)


@dataclass(frozen=True, slots=True)
class Signs:
    """What of a zone points to something in common: silent addresses, each with the minute since when, or that it is
    in its grace; and keys that are refused.
    """

    silent: Mapping[AskedAddress, int] = field(default_factory=dict)
    refused: frozenset[Refusal] = frozenset()


_NO_SIGNS = Signs()


def signs_of(alerts: Iterable[Alert]) -> Signs:
    """Those in the alerts of one zone."""
    silent: dict[AskedAddress, int] = {}
    refused: set[Refusal] = set()
    for alert in alerts:
        key = alert.key
        if key.code == UNREACHABLE.code and key.server is not None and key.address is not None and alert.phase in _BAD:
            fires = alert.phase is Phase.FIRING
            silent[key.server, key.address] = int(alert.began.timestamp()) // 60 if fires else _IN_GRACE
        elif key.code == REFUSED.code and key.server is not None and alert.phase is Phase.FIRING:
            error, name = tsig_error(alert.text), key_of(key.subject)
            if error and name is not None:
                refused.add((name, error, key.server))
    return Signs(silent, frozenset(refused)) if silent or refused else _NO_SIGNS


class CommonCauses:
    """Which things in common are causes, kept up to date zone by zone. A zone more or less costs what it has; what is
    in common is looked at when an address falls silent or is back.
    """

    def __init__(self, places: SharedPlaces) -> None:
        self._places = places
        self._signs: dict[str, Signs] = {}
        self._onsets: defaultdict[AskedAddress, Counter[int]] = defaultdict(Counter)
        """How many zones it is silent for, by the minute since when."""
        self._touched: set[AskedAddress] = set()
        self._silent: set[AskedAddress] = set()
        self._silent_in: Counter[Cause] = Counter()
        self._heard: Counter[Family] = Counter(address.family for _, address in places.served)
        """How many addresses are not silent."""
        self._lone: defaultdict[Family, set[str]] = defaultdict(set)
        """Servers that are silent over a family, and not in the least over the other one."""
        self._refusals: dict[Refusal, int] = {}
        self._refused = False
        self._held: frozenset[Cause] = frozenset()

    def set_zone(self, zone: str, alerts: Iterable[Alert]) -> None:
        """What stands of a zone is this now."""
        before, after = self._signs.get(zone, _NO_SIGNS), signs_of(alerts)
        if before == after:
            return
        if after is _NO_SIGNS:
            del self._signs[zone]
        else:
            self._signs[zone] = after
        for signs, by in ((after, 1), (before, -1)):
            for place, since in signs.silent.items():
                self._onsets[place][since] += by
                if not self._onsets[place][since]:
                    del self._onsets[place][since]
                self._touched.add(place)
            for refusal in signs.refused:
                self._refusals[refusal] = self._refusals.get(refusal, 0) + by
                if not self._refusals[refusal]:
                    del self._refusals[refusal]
                self._refused = True

    def refresh(self) -> bool:
        """Whether other things in common are causes than before."""
        if not (self._touched or self._refused):
            return False
        for place in self._touched:
            self._set_silent(place)
        for server in {server for server, _ in self._touched}:
            self._set_lone(server)
        self._touched, self._refused = set(), False
        before, self._held = self._held, frozenset(self._causes())
        return before != self._held

    def _set_silent(self, place: AskedAddress) -> None:
        firing = sum(count for since, count in self._onsets[place].items() if since != _IN_GRACE)
        silent = firing > MAJORITY * self._places.served.get(place, 0)
        if silent == (place in self._silent) or place not in self._places.served:
            return
        by = 1 if silent else -1
        (self._silent.add if silent else self._silent.remove)(place)
        self._heard[place[1].family] -= by
        for cause in self._places.causes.get(place, ()):
            self._silent_in[cause] += by

    def _set_lone(self, server: str) -> None:
        there = self._places.of_server.get(server, ())
        families, doubtful = {place[1].family for place in there}, {p[1].family for p in there if self._onsets[p]}
        heard = {place[1].family for place in there if place not in self._silent}
        for family in families:
            lone = family not in heard and doubtful == {family} != families
            (self._lone[family].add if lone else self._lone[family].discard)(server)

    def _causes(self) -> Iterable[Cause]:
        for cause, silent in self._silent_in.items():
            there = self._places.shared[cause]
            if silent == len(there) and self._is_told_apart(cause, there) and self._began_together(there):
                yield cause
        for family, servers in self._lone.items():
            there = tuple(p for name in servers for p in self._places.of_server[name] if p[1].family is family)
            if not self._heard[family] and self._places.are_several(there) and self._began_together(there):
                yield Cause("family", FAMILY_NAMES[family])
        yield from (Cause("key", name) for name in self._refused_keys())

    def _is_told_apart(self, cause: Cause, places: tuple[AskedAddress, ...]) -> bool:
        """Whether some address that is not in there is heard."""
        families = {place[1].family for place in places} if cause.kind == "network" else Family
        return any(self._heard[family] for family in families)

    def _began_together(self, places: Iterable[AskedAddress]) -> bool:
        began = [min(since for since in self._onsets[place] if since != _IN_GRACE) for place in places]
        return max(began) - min(began) <= TOGETHER

    def _refused_keys(self) -> Iterable[str]:
        """Keys that all servers refuse that are to take them, with one error, and in several zones."""
        refusing: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
        for (name, error, server), zones in self._refusals.items():
            refusing[name, error][server] = zones
        for (name, _), servers in refusing.items():
            asked = self._places.asked_with.get(name, frozenset())
            if len(servers) > 1 and max(servers.values()) > 1 and servers.keys() >= asked:
                yield name

    def of(self, key: AlertKey) -> Cause | None:
        """The thing in common that an alert which stands points to, if that is a cause."""
        if not self._held or key.server is None:
            return None
        if key.code == UNREACHABLE.code and key.address is not None:
            family = Cause("family", FAMILY_NAMES[key.address.family])
            if family in self._held and key.server in self._lone[key.address.family]:
                return family
            return self.of_server(key.server) or self._best(((key.server, key.address),))
        if key.code == REFUSED.code:
            name = key_of(key.subject)
            signs = self._signs.get(key.zone, _NO_SIGNS)
            if any(refusal[::2] == (name, key.server) for refusal in signs.refused):
                cause = Cause("key", name or "")
                return cause if cause in self._held else None
        return None

    def of_server(self, server: str) -> Cause | None:
        """What a server that is silent altogether has in common with others, if that is a cause."""
        there = self._places.of_server.get(server, ())
        return self._best(there) if there and all(place in self._silent for place in there) else None

    def _best(self, places: Iterable[AskedAddress]) -> Cause | None:
        """The widest; of equal ones the group that somebody has named."""
        found = {cause for place in places for cause in self._places.causes.get(place, ()) if cause in self._held}
        return min(found, key=self._rank, default=None)

    def _rank(self, cause: Cause) -> tuple[int, str, str]:
        return -len({server for server, _ in self._places.shared[cause]}), cause.kind, cause.name
