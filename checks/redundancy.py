"""The check redundancy: no single server, network or operator takes the zone with it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import ClassVar

from checks.base import StandingQuestion
from checks.common.prefix_table import PrefixTable
from checks.common.reachable_addresses import is_public
from checks.common.text import enumerated
from checks.model import Address, Family, Finding, Observation, Query, Server, Zone, ZonePoll
from checks.model.finding_type import FindingType, Severity
from checks.zone_state.model import ZoneState

SINGLE = FindingType("single-server", Severity.WARNING, "A zone has no second server", family="redundancy")
ONE_NAME = FindingType(
    "single-server-name", Severity.INFO, "All addresses of a zone are under one name of a server", family="redundancy"
)
SHARED = FindingType("server-address-shared", Severity.WARNING, "Two servers of a zone are at one address")
ONE_PREFIX = FindingType(
    "single-prefix", Severity.INFO, "All servers of a zone are in one network", family="redundancy"
)
ONE_AS = FindingType(
    "single-as", Severity.INFO, "All servers of a zone are in one autonomous system", family="redundancy"
)
NO_IPV6 = FindingType("no-ipv6", Severity.INFO, "No server of a zone has an IPv6 address")
FINDINGS = (SINGLE, ONE_NAME, SHARED, ONE_PREFIX, ONE_AS, NO_IPV6)

PREFIX_LENGTHS = {Family.IPV4: 24, Family.IPV6: 48}
"""What is one network: the longest prefixes that are routed between operators."""

_NAMES = {Family.IPV4: "IPv4", Family.IPV6: "IPv6"}


@dataclass(frozen=True, slots=True)
class Redundancy:
    """Objective: a zone has two servers or more (RFC 1034 section 4.1), apart from each other in geography and in the
    network (RFC 2182 sections 3.1 and 5).

    Steps: 1. Take the servers of the zone that are watched and are not hidden, with the addresses that the
    configuration or the resolver gives them. 2. Where there is but one, ask it for the NS records: those that are not
    watched are servers, too. 3. Compare. A zone none of whose servers has an
    address of the Internet, but loopback or private ones alone, is no matter of this check, and of networks nothing is
    said where any server has another, or none. Where names of the NS set are ignored, nothing is said but that an
    address is shared: the others are not known.

    =====================  =====================================================================================
    single-server          the zone has one server, with one address
    single-server-name     it has one, with several addresses: one entry in the NS set, and one name to lose
    server-address-shared  two servers are at one address: they are one
    single-prefix          all IPv4 addresses are in one /24, or all IPv6 addresses in one /48, of two servers or more
    single-as              by the ``prefix_as_table`` all addresses are in one autonomous system
    no-ipv6                none of the servers has an IPv6 address (BCP 91), where ``ipv6`` asks for it
    =====================  =====================================================================================
    """

    prefix_as_table: Path | None = field(
        default=None, metadata={"unset": "nothing is said of it", "example": 'prefix_as_table = "pfx2as.txt"'}
    )
    """A file that says which AS announces which prefix, in each line `192.0.2.0 24 64496` (as CAIDA's pfx2as files have
    it) or `192.0.2.0/24 64496`; for `single-as`. It is read with the configuration, at a reload again."""
    ipv6: bool = False
    """Say so of zones that nobody serves over IPv6 (`no-ipv6`); very many zones without are very many remarks."""
    table: PrefixTable = field(default_factory=PrefixTable, hash=False, metadata={"given": True})
    """What is in that file."""

    name: ClassVar[str] = "redundancy"
    finding_types: ClassVar[tuple[FindingType, ...]] = FINDINGS
    cadence: ClassVar[timedelta] = timedelta(hours=6)
    version_bound: ClassVar[bool] = False

    def applies(self, zone: Zone) -> bool:
        return any(is_public(address.host) for server in _visible(zone) for address in server.addresses)

    def standing_questions(self, zone: Zone) -> tuple[StandingQuestion, ...]:
        return tuple(StandingQuestion(zone.name, rdtype) for rdtype in _types(zone))

    def queries(self, zone: Zone, seen: tuple[Observation, ...]) -> Iterable[Query]:
        """The SOA, as soa-serial has it anyway: so that the zone is looked at when that is."""
        if seen:
            return ()
        return [
            Query(zone.name, server.name, address, zone.name, rdtype)
            for server, address in zone.server_addresses()
            for rdtype in _types(zone)
        ]

    def evaluate(self, zone: Zone, poll: ZonePoll, zone_state: ZoneState) -> Iterator[Finding]:
        servers = _visible(zone)
        yield from _shared(servers)
        if zone.ignored:
            return
        if len(servers) == 1 and not _has_others(poll.seen):
            yield _single(servers[0])
        if any(not server.addresses for server in servers):
            return
        every = [address for server in servers for address in server.addresses]
        if self.ipv6 and not any(address.family is Family.IPV6 for address in every):
            yield Finding(NO_IPV6.code, f"none of the {len(every)} addresses of the zone's servers is an IPv6 address")
        if len(servers) > 1 and all(is_public(address.host) for address in every):
            yield from _one_prefix(servers)
            yield from self._one_as(every)

    def _one_as(self, every: Sequence[Address]) -> Iterator[Finding]:
        shared = frozenset.intersection(*(self.table.origins(address.host) for address in every))
        if shared:
            named = enumerated(f"AS{number}" for number in sorted(shared))
            text = f"all {len(every)} addresses of the zone's servers are announced by {named}"
            yield Finding(ONE_AS.code, f"{text}: what befalls that network takes all of them; have one in another")


def _types(zone: Zone) -> tuple[str, ...]:
    return ("SOA", "NS") if len(_visible(zone)) == 1 else ("SOA",)


def _has_others(seen: Sequence[Observation]) -> bool:
    """Whether the zone names several servers, of which one is watched."""
    sets = (
        one.answer.rdata for one in seen if one.query.qtype == "NS" and one.authoritative and one.answer is not None
    )
    return any(len(set(names)) > 1 for names in sets)


def _visible(zone: Zone) -> Sequence[Server]:
    """The servers that resolvers are to ask."""
    return [server for server in zone.servers if not server.hidden]


def _single(server: Server) -> Finding:
    if len(server.addresses) > 1:
        text = (
            f"{server.name} is the zone's only server, with {len(server.addresses)} addresses: there is one name for "
            "all, and who cannot resolve that reaches none of them; have a second name, with a server elsewhere"
        )
        return Finding(ONE_NAME.code, text, server.name)
    text = (
        f"{server.name} is the zone's only server: while it is down or out of reach nobody can resolve a name of the "
        "zone; have a second server, in another network (RFC 2182 section 5 advises three)"
    )
    return Finding(SINGLE.code, text, server.name)


def _shared(servers: Sequence[Server]) -> Iterator[Finding]:
    first: dict[str, Server] = {}
    for server in servers:
        for address in server.addresses:
            other = first.setdefault(address.host, server)
            if other is not server and is_public(address.host):
                text = (
                    f"{server.name} and {other.name} are both at {address.host}: they are one server, and fail together"
                )
                yield Finding(SHARED.code, text, server.name, address)


def _one_prefix(servers: Sequence[Server]) -> Iterator[Finding]:
    for family, length in PREFIX_LENGTHS.items():
        hosts = [[one.host for one in server.addresses if one.family is family] for server in servers]
        every = [host for some in hosts for host in some]
        prefixes = {ip_network(f"{host}/{length}", strict=False) for host in every}
        if sum(map(bool, hosts)) > 1 and len(prefixes) == 1:
            text = f"all {len(every)} {_NAMES[family]} addresses of the zone's servers are in {prefixes.pop()}"
            text += ": what befalls that network takes all of them; have one in another (RFC 2182 section 3.1)"
            yield Finding(ONE_PREFIX.code, text, subject=_NAMES[family])
