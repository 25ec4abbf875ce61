"""Finds the parent zones of the zones that are watched, and where their servers are."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from checks.base import cadence_of
from checks.common.parent_side import ParentZone
from checks.common.reachable_addresses import may_be_asked
from checks.delegation import Delegation
from checks.model import PORT, Address, Observation, Outcome, Query, Server, Shape, Zone
from checks.model.relative_names import ancestors
from checks.model.zone_table import ZoneTable
from monitor.config import addresses
from monitor.config.errors import InvalidValue
from monitor.config.model import Config
from monitor.polling.known_parents import KnownParents
from monitor.polling.resolver import Lookups
from monitor.polling.sweep import ProbeQueries

MAX_SERVERS, MAX_ADDRESSES = 16, 4
"""Servers of a parent zone, and addresses of each, that are believed to be meant."""
MAX_IN_FLIGHT = 32
"""Names that are looked for at one time, on the way down from the roots."""
ADDRESS_TYPES = ("A", "AAAA")
INTERNET = "198.41.0.4"
"""An address that stands for the public root: what the resolver finds has been told by it."""
MAX_ASKED = 3
"""Servers that are asked for the next zone below, one after the other, when finding the way down from the roots."""


Found = dict[str, ParentZone | None]
"""Name → the zone that begins there, None where none does."""


async def find_parents(
    config: Config, zones: ZoneTable[Zone], known: KnownParents, probe: ProbeQueries, now: datetime
) -> KnownParents:
    """What is known after those were looked for that are not known, or not any more; the very same object where there
    are none. Never raises: what cannot be found stays as it was known.

    ``probe`` asks on the way down from roots of the operator's own; otherwise it is the resolver that knows.
    """
    check = config.checks.get(Delegation.name)
    if not isinstance(check, Delegation):
        return known
    children = await asyncio.to_thread(_children, check, config, zones)
    settled = {name: one for name, one in known.zones.items() if not known.is_due(name, now)}
    due = [child for child in children if _next_above(child, {n: one is not None for n, one in settled.items()})]
    if not due:
        return known
    wanted = {name for child in children for name in ancestors(child)}
    finder = _FromRoots(config, check.roots, probe) if check.roots else _ByResolver(config)
    fresh = await finder.find(due, settled)
    kept = {name: known.zones[name] for name in wanted.intersection(known.zones)}
    since = {name: known.at[name] for name in kept}
    return KnownParents(_counted({**kept, **fresh}, children), {**since, **dict.fromkeys(fresh, now)})


def _counted(found: Found, children: Mapping[str, int]) -> Found:
    """Each parent zone with how many zones are watched below it."""
    counts: Counter[str] = Counter()
    for child, count in children.items():
        above = next((one for name in ancestors(child) if (one := found.get(name)) is not None), None)
        if above is not None:
            counts[above.name] += count
    return {name: one and replace(one, zones=counts[name]) for name, one in found.items()}


def _children(check: Delegation, config: Config, zones: ZoneTable[Zone]) -> Mapping[str, int]:
    """One zone for each name right above zones whose parent is to be found, and how many these are."""
    asked = {
        template_id
        for template_id, zone in enumerate(zones.templates)
        if not zone.parent
        and cadence_of(check, zone.cadence, config.cadence)
        and check.applies(replace(zone, name="example."))
    }
    first: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for name, template_id in zip(zones.names, zones.template_ids, strict=True):
        if template_id in asked and name != ".":
            counts[first.setdefault(next(iter(ancestors(name))), name)] += 1
    return counts


class _ByResolver:
    """Asks the resolver for NS records of the nearest name above, then of the next, until a zone begins there."""

    def __init__(self, config: Config) -> None:
        self._lookups = Lookups(config.resolver)

    async def find(self, children: Sequence[str], known: Found) -> Found:
        begins: dict[str, bool | None] = {name: one is not None for name, one in known.items()}
        """Whether a zone begins there; None: that cannot be told."""
        while wanted := {name for child in children if (name := _next_above(child, begins)) is not None}:
            await self._lookups.ask((name, "NS") for name in wanted)
            begins |= {name: self._begins(name) for name in wanted}
        fresh = {name: one for name, one in begins.items() if name not in known}
        hosts = {host for name, one in fresh.items() if one for host in self._hosts(name)}
        await self._lookups.ask((host, type_) for host in hosts for type_ in ADDRESS_TYPES)
        found: Found = {name: None for name, one in fresh.items() if one is False}
        for name, one in fresh.items():
            where = {host: resolved(self._lookups, host) for host in self._hosts(name)} if one else {}
            if servers := tuple(_servers(where, INTERNET)):
                found[name] = ParentZone(name, servers)
        return found

    def _begins(self, name: str) -> bool | None:
        """At an alias no zone begins: the NS records are those of its target."""
        if (name, "NS") not in self._lookups.answers:
            return None
        return bool(self._lookups.answers[name, "NS"]) and (name, "NS") not in self._lookups.aliases

    def _hosts(self, name: str) -> list[str]:
        return sorted(self._lookups.answers[name, "NS"])[:MAX_SERVERS]


class _FromRoots:
    """Goes down from roots of the operator's own, label by label (RFC 9156): each zone's servers are asked for the NS
    records of the next name below. Whoever they name without saying where is looked for by the resolver.
    """

    def __init__(self, config: Config, roots: Sequence[Address], probe: ProbeQueries) -> None:
        self._lookups, self._probe = Lookups(config.resolver), probe
        self._room = asyncio.Semaphore(MAX_IN_FLIGHT)
        self.found: Found = {".": ParentZone(".", tuple(Server(str(root), (root,)) for root in roots))}

    async def find(self, children: Sequence[str], known: Found) -> Found:
        self.found |= {name: one for name, one in known.items() if name != "."}
        paths = [list(ancestors(child))[::-1] for child in children]
        for depth in range(1, max(map(len, paths))):
            wanted = {path[depth] for path in paths if depth < len(path)}.difference(self.found)
            await asyncio.gather(*map(self._look, wanted))
        return {name: one for name, one in self.found.items() if name not in known}

    async def _look(self, name: str) -> None:
        above = self._zone_above(name)
        if above is None:
            return
        async with self._room:
            for server, address in list(above.places())[:MAX_ASKED]:
                seen = await self._ask(name, server.name, address, name, "NS")
                if seen is not None and await self._take(name, seen):
                    return

    def _zone_above(self, name: str) -> ParentZone | None:
        """None: one of the names in between could not be found out about."""
        for one in ancestors(name):
            if one not in self.found:
                return None
            if (known := self.found[one]) is not None:
                return known
        return None

    async def _take(self, name: str, seen: Observation) -> bool:
        """Whether the answer tells whether a zone begins there, and where its servers are."""
        referral = seen.referral
        if referral is not None and referral.zone == name:
            where = {host: referral.addresses(host) for host in referral.nameservers[:MAX_SERVERS]}
            distant = [host for host, found in where.items() if not found]
            await self._lookups.ask((host, type_) for host in distant for type_ in ADDRESS_TYPES)
            where |= {host: resolved(self._lookups, host) for host in distant}
        elif seen.authoritative and seen.shape is Shape.RECORDS and seen.answer is not None:
            where = {host: await self._within(seen, host) for host in seen.answer.rdata[:MAX_SERVERS]}
        elif seen.authoritative and seen.shape is Shape.NODATA and seen.rcode in ("NOERROR", "NXDOMAIN"):
            self.found[name] = None
            return True
        else:
            return False
        servers = tuple(_servers(where, seen.address.host, seen.address.port))
        if servers:
            self.found[name] = ParentZone(name, servers)
        return bool(servers)

    async def _within(self, seen: Observation, host: str) -> tuple[str, ...]:
        """Where a nameserver is, of one who serves the zone that it is in; or as the resolver says."""
        told: list[str] = []
        for type_ in ADDRESS_TYPES:
            answer = await self._ask(seen.query.zone, seen.server, seen.address, host, type_)
            if answer is not None and answer.authoritative and answer.answer is not None:
                told += answer.answer.rdata
        if not told:
            await self._lookups.ask((host, type_) for type_ in ADDRESS_TYPES)
        return tuple(told) or resolved(self._lookups, host)

    async def _ask(self, zone: str, server: str, address: Address, name: str, type_: str) -> Observation | None:
        query = Query(zone, server, address, name, type_, foreign=True)
        async for batch in self._probe((query,)):
            for seen in batch:
                return seen if seen.outcome is Outcome.ANSWERED else None
        return None


def _next_above(child: str, begins: Mapping[str, bool | None]) -> str | None:
    """The next name of which it is to be asked whether a zone begins there; None: that is known, or cannot be told."""
    for name in ancestors(child):
        if name not in begins:
            return name
        if begins[name] is not False:
            return None
    return None


def _servers(where: Mapping[str, tuple[str, ...]], told_by: str, port: int = PORT) -> Iterator[Server]:
    """Those of which it is known where they are, and that may be asked there. Below a root at another port than 53 all
    are at that port.
    """
    for host, found in sorted(where.items()):
        if usable := [ip for ip in found if may_be_asked(ip, told_by)]:
            yield Server(host.removesuffix(".") or ".", tuple(Address(ip, port) for ip in usable[:MAX_ADDRESSES]))


def resolved(lookups: Lookups, host: str) -> tuple[str, ...]:
    """The addresses of a host that somebody can be asked at, as far as the resolver has said."""
    found: list[str] = []
    for type_ in ADDRESS_TYPES:
        for text in lookups.answers.get((host, type_), ()):
            with contextlib.suppress(InvalidValue):
                found.append(str(addresses.ip(text)))
    return tuple(found)
