"""Asks servers about zones: who answers with authority, which serial, over TCP, whether the zone is given away."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from checks.common.serial import newest
from checks.model import Address, Observation, Query, Transport, Zone
from monitor.clock import now
from monitor.config.model import Config
from monitor.polling.discovery import MAX_ADDRESSES, resolve
from monitor.polling.resolver import Lookups
from monitor.probe.client.client import DnsClient

MAX_NS_NAMES = 500
"""Names of NS and SOA records that are resolved; of others it is not known who they are."""


@dataclass(frozen=True, slots=True)
class AddressAnswers:
    """What one address said of one zone. ``ns`` and ``axfr`` are None where it did not answer with authority."""

    server: str
    address: Address
    soa: Observation
    tcp: Observation
    ns: Observation | None = None
    axfr: Observation | None = None

    @property
    def serial(self) -> int | None:
        """That of an answer with authority, over UDP or else over TCP."""
        return self.soa.serial if self.soa.serial is not None else self.tcp.serial

    @property
    def mname(self) -> str:
        """The name of the primary in the SOA, without final dot."""
        of = self.soa if self.soa.serial is not None else self.tcp
        return of.soa.mname.lower().removesuffix(".") if of.soa is not None else ""

    @property
    def ns_names(self) -> frozenset[str]:
        """The names in its NS set, without final dot."""
        rdata = self.ns.answer.rdata if self.ns is not None and self.ns.answer is not None else ()
        return frozenset(name.lower().removesuffix(".") for name in rdata[:MAX_ADDRESSES])


@dataclass(frozen=True, slots=True)
class ZoneAnswers:
    """What all addresses of a zone said of it."""

    zone: Zone
    answers: tuple[AddressAnswers, ...]

    @property
    def served(self) -> tuple[AddressAnswers, ...]:
        """Those that answered with authority."""
        return tuple(one for one in self.answers if one.serial is not None)

    @property
    def newest(self) -> int | None:
        """The newest serial; None where there is none, or no single one."""
        return newest(one.serial for one in self.served if one.serial is not None)

    @property
    def ns_names(self) -> frozenset[str]:
        return frozenset[str]().union(*(one.ns_names for one in self.served))

    def of(self, server: str) -> list[AddressAnswers]:
        return [one for one in self.answers if one.server == server]


@dataclass(frozen=True, slots=True)
class Survey:
    """What came of all questions. ``addresses`` are those of names met in SOA and NS records, as the resolver says;
    a name of which it says nothing is not among them. ``problems`` are sentences on what could not be found.
    """

    zones: tuple[ZoneAnswers, ...]
    addresses: Mapping[str, frozenset[str]]
    problems: tuple[str, ...] = ()


async def survey(config: Config, zones: Iterable[str]) -> Survey:
    """Asks about these zones of the configuration, every address of every server. Never raises for what is answered."""
    found = await resolve(config, None, now())
    client = DnsClient(config.probe, {}, now)
    try:
        first = await _asked(client, (query for name in zones for query in _first(found.zones[name])))
        seen = [_zone(found.zones[name], first) for name in zones]
        more = await _asked(
            client,
            (query for each in seen for one in each.served for query in _second(each.zone, one)),
        )
    finally:
        await client.close()
    answers = tuple(_with_more(each, more) for each in seen)
    lookups = Lookups(config.resolver)
    names = sorted({name for each in answers for one in each.served for name in (one.mname, *one.ns_names) if name})
    await lookups.ask((f"{name}.", rdtype) for name in names[:MAX_NS_NAMES] for rdtype in ("A", "AAAA"))
    return Survey(answers, _addresses(lookups, names), found.problems)


def _addresses(lookups: Lookups, names: Sequence[str]) -> dict[str, frozenset[str]]:
    """Those of the names of which both families are known."""
    pairs = {name: [(f"{name}.", rdtype) for rdtype in ("A", "AAAA")] for name in names}
    return {
        name: frozenset(text for question in pair for text in lookups.answers[question])
        for name, pair in pairs.items()
        if all(question in lookups.answers for question in pair)
    }


async def _asked(client: DnsClient, queries: Iterable[Query]) -> dict[Query, Observation]:
    wanted = tuple(dict.fromkeys(queries))
    return {seen.query: seen async for some in client(wanted) for seen in some}


def _query(zone: str, server: str, address: Address, qtype: str, transport: Transport) -> Query:
    return Query(zone, server, address, zone, qtype, transport)


def _first(zone: Zone) -> list[Query]:
    return [
        _query(zone.name, server.name, address, "SOA", transport)
        for server, address in zone.server_addresses()
        for transport in (Transport.UDP, Transport.TCP)
    ]


def _second(zone: Zone, one: AddressAnswers) -> tuple[Query, Query]:
    """Only who has the zone is asked for more of it."""
    transport = Transport.UDP if one.soa.serial is not None else Transport.TCP
    return (
        _query(zone.name, one.server, one.address, "NS", transport),
        _query(zone.name, one.server, one.address, "AXFR", Transport.TCP),
    )


def _zone(zone: Zone, first: Mapping[Query, Observation]) -> ZoneAnswers:
    def soa(server: str, address: Address, transport: Transport) -> Observation:
        return first[_query(zone.name, server, address, "SOA", transport)]

    return ZoneAnswers(
        zone,
        tuple(
            AddressAnswers(
                server.name, address, soa(server.name, address, Transport.UDP), soa(server.name, address, Transport.TCP)
            )
            for server, address in zone.server_addresses()
        ),
    )


def _with_more(each: ZoneAnswers, more: Mapping[Query, Observation]) -> ZoneAnswers:
    def whole(one: AddressAnswers) -> AddressAnswers:
        if one.serial is None:
            return one
        ns, axfr = _second(each.zone, one)
        return AddressAnswers(one.server, one.address, one.soa, one.tcp, more[ns], more[axfr])

    return ZoneAnswers(each.zone, tuple(map(whole, each.answers)))
