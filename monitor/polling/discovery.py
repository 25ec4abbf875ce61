"""Resolves which zones are on which servers, at which addresses."""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from checks.common.text import enumerated, format_time
from checks.model import Address, Server, Zone
from checks.model.resolution import Resolution
from checks.model.zone_table import ZoneTable
from monitor.config import addresses
from monitor.config.errors import InvalidValue
from monitor.config.model import Config, ServerEntry, ZoneEntry
from monitor.polling.known_parents import KnownParents
from monitor.polling.resolver import NOT_ASKED, Lookups, NameQuestion
from monitor.probe.message import names

MAX_ADDRESSES = 32
"""Servers of a zone, and addresses of a server, that are believed to be meant."""
MAX_PROBLEMS = 100
MAX_NS_NAMES = 10_000
"""Names met in NS sets that are resolved; of others nothing is said."""
FAILURE_TOLERANCE = timedelta(hours=1)
"""A name that has not resolved for so long, though others have, is not our resolver's trouble."""


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """What the resolver said, and when it said so."""

    values: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class DiscoveredZones:
    """The zones with their servers, the servers with their addresses, and sentences on what could not be found.

    ``cached`` is what names resolved to when they last did; it outlives a resolver that fails. ``names`` are those of
    servers, and ``ns_names``, of NS sets, without final dot; ``failing`` says since when nothing can be told of one.
    """

    zones: ZoneTable[Zone]
    servers: Mapping[str, Server]
    problems: tuple[str, ...] = ()
    cached: Mapping[NameQuestion, CachedAnswer] = field(default_factory=dict)
    names: Mapping[str, Resolution] = field(default_factory=dict)
    ns_names: frozenset[str] = frozenset()
    failing: Mapping[str, datetime] = field(default_factory=dict)
    parents: KnownParents = field(default_factory=KnownParents)


async def resolve(config: Config, previous: DiscoveredZones | None, now: datetime) -> DiscoveredZones:
    """The zones and servers that the configuration means. Never raises: what cannot be found is one of its problems.

    A server given by addresses costs no question. Host names are asked for A and AAAA, zones without servers for NS.
    What cannot be resolved keeps what ``previous`` knew; a zone of which nothing is known has no servers.
    Zones whose servers are given are not walked. Where all is as it was, the zones are those of ``previous``.
    """
    before = previous or DiscoveredZones(ZoneTable.of(()), {})
    lookups = Lookups(config.resolver)
    look = _Resolver(lookups, before, now)
    unserved = [config.zones.names[number] for number in _unserved(config.zones)]
    await lookups.ask((name, "NS") for name in unserved)
    called = _called(config)
    discovered = {zone: tuple(dict.fromkeys(called.get(n, n) for n in look.ns_set(zone))) for zone in unserved}
    entries = dict(_entries(config, discovered.values()))
    hosts = dict.fromkeys(entry.host for entry in entries.values() if entry.host and not entry.addresses)
    await lookups.ask((host, rdtype) for host in (*hosts, *map(_dotted, before.ns_names)) for rdtype in ("A", "AAAA"))
    resolved = {host: look.addresses(host) for host in hosts}
    servers = {name: _server(entry, resolved) for name, entry in entries.items()}
    zones = look.zones(config.zones, discovered, servers)
    if previous is not None and previous.zones == zones:
        zones = previous.zones
    names = {host.removesuffix("."): look.resolution(host) for host in (*hosts, *map(_dotted, before.ns_names))}
    names |= {name: names[entry.host.removesuffix(".")] for name, entry in entries.items() if entry.host in hosts}
    found = DiscoveredZones(zones, servers, look.told(), look.kept, names, before.ns_names, look.failing)
    return replace(found, parents=before.parents)


async def resolve_ns_names(
    config: Config, found: DiscoveredZones, ns_names: Iterable[str], now: datetime
) -> DiscoveredZones:
    """The zones found, with what these names resolve to, met in NS sets and written without final dot. Never raises.

    Those that are known already are not asked again; nor are those of which there are too many.
    """
    fresh = sorted(set(ns_names).difference(found.names, found.ns_names))[: MAX_NS_NAMES - len(found.ns_names)]
    if not fresh:
        return found
    lookups = Lookups(config.resolver)
    await lookups.ask((_dotted(name), rdtype) for name in fresh for rdtype in ("A", "AAAA"))
    look = _Resolver(lookups, found, now)
    names = {**found.names, **{name: look.resolution(_dotted(name)) for name in fresh}}
    return replace(found, names=names, ns_names=found.ns_names.union(fresh), failing={**found.failing, **look.failing})


def _dotted(name: str) -> str:
    return name if name == "." else f"{name}."


def _unserved(zones: ZoneTable[ZoneEntry]) -> Iterator[int]:
    """The numbers of the zones whose servers are to be found."""
    template_ids = {kind for kind, entry in enumerate(zones.templates) if not entry.servers}
    return (
        (number for number, kind in enumerate(zones.template_ids) if kind in template_ids) if template_ids else iter(())
    )


def _called(config: Config) -> dict[str, str]:
    """Host name, as an NS record gives it → the name of the configured server with that host."""
    return {entry.host.removesuffix("."): name for name, entry in config.servers.items() if entry.host} | {
        name: name for name in config.servers
    }


def _entries(config: Config, ns_sets: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, ServerEntry]]:
    """The servers of the configuration, and those that NS sets brought; one that is configured is not brought again."""
    yield from config.servers.items()
    for ns_set in ns_sets:
        for name in ns_set:
            if name not in config.servers:
                yield name, ServerEntry(name, host=f"{name}.")


def _zone(entry: ZoneEntry, listed: Iterable[str], servers: Mapping[str, Server]) -> Zone:
    """What zones are that are written alike; a primary or signer not in the NS set is hidden, and one of them."""
    return entry.zone(tuple(servers[name] for name in listed))


def _server(entry: ServerEntry, resolved: Mapping[str, tuple[str, ...]]) -> Server:
    found = entry.addresses or tuple(Address(ip, entry.port) for ip in resolved.get(entry.host or "", ()))
    return entry.server(found)


class _Resolver:
    """What the resolver's answers come to, and what is kept from before where there is none."""

    def __init__(self, lookups: Lookups, before: DiscoveredZones, now: datetime) -> None:
        self.lookups = lookups
        self.answers, self.failures = lookups.answers, lookups.failures
        self.cached = before.cached
        self.failing: dict[str, datetime] = {}
        """Host → since when the resolver has told nothing of it."""
        self._failed_before = before.failing
        self.now = now
        self.kept: dict[NameQuestion, CachedAnswer] = {}
        self.problems: list[str] = []

    def ns_set(self, zone: str) -> tuple[str, ...]:
        """The names of the zone's servers, as server names are written: without final dot."""
        question = (zone, "NS")
        found, trouble = [], self.failures.get(question, "there is no such zone, or it has no NS records")
        for name in self.answers.get(question, ()):
            try:
                found.append(names.host(name).removesuffix("."))
            except names.BadName as error:
                self.problems.append(f"{names.show(zone)}: NS {name}: {error.reason}")
        if len(found) > MAX_ADDRESSES:
            self.problems.append(
                f"{names.show(zone)} has {len(found)} NS records; the first {MAX_ADDRESSES} are watched"
            )
        values = self._settled(question, tuple(sorted(found)[:MAX_ADDRESSES]))
        if not found:
            self.problems.append(f"the servers of {names.show(zone)} cannot be found: {trouble}{self._since(question)}")
        return values

    def addresses(self, host: str) -> tuple[str, ...]:
        """All addresses of a host: what was answered, and for a family that was not, what was known."""
        pair = ((host, "A"), (host, "AAAA"))
        some = any(self.answers.get(question) for question in pair)
        found: list[str] = []
        for question in pair:
            fresh = self._usable(question)
            gone = some and question in self.answers
            found += fresh if gone or fresh else self._settled(question, ())
            if fresh:
                self._settled(question, fresh)
        self._tell_about(host, pair, some=some, has_any=bool(found))
        return tuple(found[:MAX_ADDRESSES])

    def resolution(self, host: str) -> Resolution:
        """What has become of a host name. What cannot be told of it now is certain once that has lasted for long."""
        pair = ((host, "A"), (host, "AAAA"))
        found = tuple(dict.fromkeys(text for question in pair for text in self._usable(question)))[:MAX_ADDRESSES]
        failure = next((self.failures[question] for question in pair if question in self.failures), "")
        if found:
            alias = next((self.lookups.aliases[one] for one in pair if one in self.lookups.aliases), "")
            return Resolution(found, alias=alias.removesuffix("."))
        if not failure:
            return Resolution(reason=self._why_none(pair))
        since = self.failing[host] = self._failed_before.get(host, self.now)
        old = tuple(text for question in pair if question in self.cached for text in self.cached[question].values)
        if self.answers and self.now - since >= FAILURE_TOLERANCE:
            return Resolution((), f"has not resolved since {format_time(since)}: {failure}")
        return Resolution(old, failure, certain=False)

    def _why_none(self, pair: tuple[NameQuestion, ...]) -> str:
        """Why a name that the resolver knows about leads to no server."""
        if useless := [text for question in pair for text in self.answers.get(question, ())]:
            return f"it has no address of a server, but {enumerated(sorted(useless))}"
        return "there is no such name" if self.lookups.missing.intersection(pair) else "it has no address"

    def _tell_about(self, host: str, pair: tuple[NameQuestion, ...], *, some: bool, has_any: bool) -> None:
        reasons = list(dict.fromkeys(self.failures[question] for question in pair if question in self.failures))
        if reasons or not some:
            reason = reasons[0] if reasons else "there is no such name, or it has no address"
            since = next((text for question in pair if (text := self._since(question))), "")
            self.problems.append(f"{host.removesuffix('.')} does not resolve: {reason}{since if has_any else ''}")

    def _usable(self, question: NameQuestion) -> tuple[str, ...]:
        """The addresses among the answers that can be those of a server."""
        found = []
        for text in self.answers.get(question, ()):
            try:
                found.append(str(addresses.ip(text)))
            except InvalidValue as error:
                self.problems.append(f"{question[0].removesuffix('.')}: {error.text}")
        return tuple(sorted(found))

    def _settled(self, question: NameQuestion, fresh: tuple[str, ...]) -> tuple[str, ...]:
        """What is kept of a question: the fresh answer, else what was known."""
        cached = CachedAnswer(fresh, self.now) if fresh else self.cached.get(question)
        if cached is None:
            return ()
        self.kept[question] = cached
        return cached.values

    def _since(self, question: NameQuestion) -> str:
        cached = self.kept.get(question)
        return (
            ""
            if cached is None or cached.at == self.now
            else f"; what was known {cached.at:%Y-%m-%d %H:%M} UTC is used"
        )

    def zones(
        self, entries: ZoneTable[ZoneEntry], discovered: Mapping[str, tuple[str, ...]], servers: Mapping[str, Server]
    ) -> ZoneTable[Zone]:
        """The zones with their servers: of those that are written alike, also those that were found alike are."""
        templates = [_zone(entry, entry.servers, servers) for entry in entries.templates]
        if not discovered:
            return ZoneTable(entries.names, entries.template_ids, templates)
        template_ids, found = array("I", entries.template_ids), dict[tuple[int, tuple[str, ...]], int]()
        for number in _unserved(entries):
            kind, name = entries.template_ids[number], entries.names[number]
            entry = entries.templates[kind]
            listed = tuple(one for one in discovered[name] if one not in entry.ignored)
            for leader in (entry.primary, entry.signer) if listed else ():
                if leader is not None and leader not in listed:
                    listed = (*listed, leader)
            if entry.transfers and listed:
                self._tell_of_rules(name, entry, listed)
            template_ids[number] = found.setdefault((kind, listed), len(templates))
            if template_ids[number] == len(templates):
                templates.append(_zone(entry, listed, servers))
        return ZoneTable(entries.names, template_ids, templates)

    def _tell_of_rules(self, zone: str, entry: ZoneEntry, listed: tuple[str, ...]) -> None:
        for rule in entry.transfers:
            if rule.server != "*" and rule.server not in listed:
                self.problems.append(f"{names.show(zone)}: {rule.server} of a transfer rule is not in the NS set")

    def told(self) -> tuple[str, ...]:
        """The problems, each once; one sentence stands for what was not even asked."""
        told = [text for text in dict.fromkeys(self.problems) if NOT_ASKED not in text]
        if self.lookups.unasked:
            told.insert(0, f"the resolver does not answer; {self.lookups.unasked} questions were not put to it")
        if len(told) > MAX_PROBLEMS:
            told[MAX_PROBLEMS:] = [f"and {len(told) - MAX_PROBLEMS} more names do not resolve"]
        return tuple(told)
