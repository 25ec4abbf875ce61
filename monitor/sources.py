"""Which zones are on which servers, at which addresses, now that names have been resolved?"""

import asyncio
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rcode
import dns.rdatatype
import dns.resolver

from checks.model import Address, Server, Zone
from checks.roll import Roll
from monitor import names
from monitor.config import addresses
from monitor.config.errors import Wrong
from monitor.config.model import Config, Resolver, ServerEntry, ZoneEntry

Asked = tuple[str, str]
"""What the resolver is asked: a name with its final dot, and a type: "NS", "A" or "AAAA"."""

IN_FLIGHT = 32
SILENT_ENOUGH = 2 * IN_FLIGHT
"""So many questions in a row without any answer, and the resolver is not asked the rest."""
NOT_ASKED = "not asked, because the resolver does not answer"
MOST = 32
"""Servers of a zone, and addresses of a server, that are believed to be meant."""
MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Known:
    """What the resolver said, and when it said so."""

    values: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Topology:
    """The zones with their servers, the servers with their addresses, and sentences on what could not be found.

    ``known`` is what names resolved to when they last did; it outlives a resolver that fails.
    """

    zones: Roll[Zone]
    servers: Mapping[str, Server]
    problems: tuple[str, ...] = ()
    known: Mapping[Asked, Known] = field(default_factory=dict)


async def resolve(config: Config, previous: Topology | None, now: datetime) -> Topology:
    """The topology that the configuration means. Never raises: what cannot be found is a problem in the result.

    A server given by addresses costs no question. Host names are asked for A and AAAA, zones without servers for NS.
    What cannot be resolved keeps what ``previous`` knew; a zone of which nothing is known has no servers.
    Zones whose servers are given are not walked. Where all is as it was, the zones are those of ``previous``.
    """
    look = _Look(config.resolver, {} if previous is None else previous.known, now)
    unserved = [config.zones.names[number] for number in _unserved(config.zones)]
    await look.ask((name, "NS") for name in unserved)
    called = _called(config)
    discovered = {zone: tuple(dict.fromkeys(called.get(n, n) for n in look.ns_set(zone))) for zone in unserved}
    entries = dict(_entries(config, discovered.values()))
    hosts = dict.fromkeys(entry.host for entry in entries.values() if entry.host and not entry.addresses)
    await look.ask((host, rdtype) for host in hosts for rdtype in ("A", "AAAA"))
    resolved = {host: look.addresses(host) for host in hosts}
    servers = {name: _server(entry, resolved) for name, entry in entries.items()}
    zones = look.zones(config.zones, discovered, servers)
    if previous is not None and previous.zones == zones:
        zones = previous.zones
    return Topology(zones, servers, look.told(), look.kept)


def _unserved(zones: Roll[ZoneEntry]) -> Iterator[int]:
    """The numbers of the zones whose servers are to be found."""
    kinds = {kind for kind, entry in enumerate(zones.templates) if not entry.servers}
    return (number for number, kind in enumerate(zones.kinds) if kind in kinds) if kinds else iter(())


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
    """What zones are that are written alike; a primary that is not in the NS set is hidden, and one of them."""
    found = tuple(servers[name] for name in listed)
    return Zone("", found, entry.primary, entry.max_lag, entry.records, entry.transfers)


def _server(entry: ServerEntry, resolved: Mapping[str, tuple[str, ...]]) -> Server:
    found = entry.addresses or tuple(Address(ip, entry.port) for ip in resolved.get(entry.host or "", ()))
    return Server(entry.name, found, entry.hidden, entry.group, entry.upstream)


class _Look:
    """One look at the resolver: what it answered, what it did not, and what is kept from before."""

    def __init__(self, settings: Resolver, known: Mapping[Asked, Known], now: datetime) -> None:
        self.settings = settings
        self.known = known
        self.now = now
        self.kept: dict[Asked, Known] = {}
        self.problems: list[str] = []
        self.answers: dict[Asked, tuple[str, ...]] = {}
        self.failures: dict[Asked, str] = {}
        self.silent = 0
        self.unasked = 0

    async def ask(self, wanted: Iterable[Asked]) -> None:
        """Puts the questions, each once, ``IN_FLIGHT`` at a time."""
        each = dict.fromkeys(wanted)
        if not each:
            return
        try:
            resolver = _resolver(self.settings)
        except (dns.exception.DNSException, OSError, ValueError) as error:
            self.failures.update(dict.fromkeys(each, f"there is no resolver: {_words(error)}"))
            return
        questions = iter(each)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(IN_FLIGHT, len(each))):
                group.create_task(self._work(resolver, questions))

    async def _work(self, resolver: dns.asyncresolver.Resolver, questions: Iterator[Asked]) -> None:
        for question in questions:
            if self.silent >= SILENT_ENOUGH:
                self.unasked += 1
                self.failures[question] = NOT_ASKED
            else:
                await self._put(resolver, question)

    async def _put(self, resolver: dns.asyncresolver.Resolver, question: Asked) -> None:
        """One question to the resolver; its end is in ``answers`` or in ``failures``."""
        name, rdtype = question
        try:
            answer = await resolver.resolve(dns.name.from_text(name), rdtype, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            self.silent = 0
            self.answers[question] = ()
        except dns.resolver.NoNameservers as error:
            rcode = _rcode(error)
            self.silent = 0 if rcode else self.silent + 1
            self.failures[question] = f"the resolver says {rcode}" if rcode else "the resolver does not answer"
        except (dns.exception.DNSException, OSError) as error:
            self.silent += 1
            timeout = isinstance(error, dns.exception.Timeout)
            self.failures[question] = "the resolver does not answer" if timeout else _words(error)
        else:
            self.silent = 0
            self.answers[question] = _values(answer)

    def ns_set(self, zone: str) -> tuple[str, ...]:
        """The names of the zone's servers, as server names are written: without final dot."""
        question = (zone, "NS")
        found, trouble = [], self.failures.get(question, "there is no such zone, or it has no NS records")
        for name in self.answers.get(question, ()):
            try:
                found.append(names.host(name).removesuffix("."))
            except names.BadName as error:
                self.problems.append(f"{names.show(zone)}: NS {name}: {error.reason}")
        if len(found) > MOST:
            self.problems.append(f"{names.show(zone)} has {len(found)} NS records; the first {MOST} are watched")
        values = self._settled(question, tuple(sorted(found)[:MOST]))
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
        return tuple(found[:MOST])

    def _tell_about(self, host: str, pair: tuple[Asked, ...], *, some: bool, has_any: bool) -> None:
        reasons = list(dict.fromkeys(self.failures[question] for question in pair if question in self.failures))
        if reasons or not some:
            reason = reasons[0] if reasons else "there is no such name, or it has no address"
            since = next((text for question in pair if (text := self._since(question))), "")
            self.problems.append(f"{host.removesuffix('.')} does not resolve: {reason}{since if has_any else ''}")

    def _usable(self, question: Asked) -> tuple[str, ...]:
        """The addresses among the answers that can be those of a server."""
        found = []
        for text in self.answers.get(question, ()):
            try:
                found.append(str(addresses.ip(text)))
            except Wrong as error:
                self.problems.append(f"{question[0].removesuffix('.')}: {error.text}")
        return tuple(sorted(found))

    def _settled(self, question: Asked, fresh: tuple[str, ...]) -> tuple[str, ...]:
        """What is kept of a question: the fresh answer, else what was known."""
        known = Known(fresh, self.now) if fresh else self.known.get(question)
        if known is None:
            return ()
        self.kept[question] = known
        return known.values

    def _since(self, question: Asked) -> str:
        known = self.kept.get(question)
        return (
            "" if known is None or known.at == self.now else f"; what was known {known.at:%Y-%m-%d %H:%M} UTC is used"
        )

    def zones(
        self, entries: Roll[ZoneEntry], discovered: Mapping[str, tuple[str, ...]], servers: Mapping[str, Server]
    ) -> Roll[Zone]:
        """The zones with their servers: of those that are written alike, also those that were found alike are."""
        templates = [_zone(entry, entry.servers, servers) for entry in entries.templates]
        if not discovered:
            return Roll(entries.names, entries.kinds, templates)
        kinds, found = array("I", entries.kinds), dict[tuple[int, tuple[str, ...]], int]()
        for number in _unserved(entries):
            kind, name = entries.kinds[number], entries.names[number]
            listed, entry = discovered[name], entries.templates[kind]
            if listed and entry.primary is not None and entry.primary not in listed:
                listed = (*listed, entry.primary)
            if entry.transfers and listed:
                self._tell_of_rules(name, entry, listed)
            kinds[number] = found.setdefault((kind, listed), len(templates))
            if kinds[number] == len(templates):
                templates.append(_zone(entry, listed, servers))
        return Roll(entries.names, kinds, templates)

    def _tell_of_rules(self, zone: str, entry: ZoneEntry, listed: tuple[str, ...]) -> None:
        for rule in entry.transfers:
            if rule.server != "*" and rule.server not in listed:
                self.problems.append(f"{names.show(zone)}: {rule.server} of a transfer rule is not in the NS set")

    def told(self) -> tuple[str, ...]:
        """The problems, each once; one sentence stands for what was not even asked."""
        told = [text for text in dict.fromkeys(self.problems) if NOT_ASKED not in text]
        if self.unasked:
            told.insert(0, f"the resolver does not answer; {self.unasked} questions were not put to it")
        if len(told) > MOST_PROBLEMS:
            told[MOST_PROBLEMS:] = [f"and {len(told) - MOST_PROBLEMS} more names do not resolve"]
        return tuple(told)


def _resolver(settings: Resolver) -> dns.asyncresolver.Resolver:
    """The system's resolver, or the one that is configured. Raises DNSException where the system has none."""
    resolver = dns.asyncresolver.Resolver(configure=not settings.addresses)
    if settings.addresses:
        resolver.nameservers = [dns.nameserver.Do53Nameserver(a.host, a.port) for a in settings.addresses]
    resolver.lifetime = settings.timeout
    resolver.timeout = min(2.0, settings.timeout)
    return resolver


def _values(answer: dns.resolver.Answer) -> tuple[str, ...]:
    if answer.rrset is None:
        return ()
    if answer.rrset.rdtype == dns.rdatatype.NS:
        return tuple(rdata.target.canonicalize().to_text() for rdata in answer.rrset)
    return tuple(rdata.address for rdata in answer.rrset)


def _rcode(error: dns.resolver.NoNameservers) -> str:
    """The rcode with which a resolver gave up; empty when none of them answered at all."""
    responses = [response for *_, response in error.kwargs.get("errors", ()) if response is not None]
    return dns.rcode.to_text(responses[-1].rcode()) if responses else ""


def _words(error: Exception) -> str:
    text = str(error).rstrip(".") or type(error).__name__
    return text[:1].lower() + text[1:]
