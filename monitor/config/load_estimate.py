"""Estimates how many questions a second the configuration puts to each server."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from checks.base import Check, cadence_of
from checks.model import Address, Observation, Outcome, Query, RrSet, Shape, Soa, TransferResult, Transport, Zone
from checks.model.zone_table import ZoneTable
from checks.soa_serial import SoaSerial
from checks.transfer import Transfer
from monitor.config.model import Config, ZoneEntry

UNRESOLVED = (Address("192.0.2.1"), Address("2001:db8::1"))
"""Stand for the addresses of a server that is known by name only: one of each family."""

MAX_STEPS = 10
_ONCE = datetime(2000, 1, 1, tzinfo=UTC)
_SOA = Soa(1, "ns.", "hostmaster.", 7200, 3600, 1209600, 3600)


Shares = Mapping[tuple[str, str, timedelta], float]
"""Server, check and cadence → the queries a second that the zones of this cadence make the check ask there."""


def total(shares: Shares) -> dict[str, float]:
    """Server → queries a second, over all checks."""
    rates: dict[str, float] = {}
    for (server, _, _), rate in shares.items():
        rates[server] = rates.get(server, 0.0) + rate
    return rates


def demands(config: Config, found: ZoneTable[Zone] | None = None) -> Shares:
    """What is asked while all is well and nothing changes: every question is answered at the first attempt, and what
    stands is not asked again (``Check.standing_questions``).

    ``found`` are zones with the servers they really have; without them they are taken from the configuration,
    where zones whose servers are yet to be found count for nothing.
    """
    zones = as_written(config) if found is None else found
    alike: Counter[Zone] = Counter()
    for template, count in zip(zones.templates, zones.template_counts(), strict=True):
        if count:
            alike[_shape(template)] += count
    shares: dict[tuple[str, str, timedelta], float] = {}
    for shape, count in alike.items():
        for name, check in config.checks.items():
            every = cadence_of(check, shape.cadence, config.cadence)
            if every and check.applies(shape):
                for server, rate in _rates(config, check, shape, count):
                    shares[server, name, every] = shares.get((server, name, every), 0.0) + rate
    return shares


def _rates(config: Config, check: Check, zone: Zone, count: int) -> Iterator[tuple[str, float]]:
    """What a check asks of so many zones: the server of each question, and how often a second it is asked there.

    Beside soa-serial, where that comes as often, nobody asks for the SOA over UDP; over TCP each address is asked once
    at each cadence, and each zone once in the cadence of transfer.
    """
    cadence = cadence_of(check, zone.cadence, config.cadence)
    serials = cadence_of(SoaSerial, zone.cadence, config.cadence)
    every, questions = cadence.total_seconds(), check.standing_questions(zone)
    for_soa = any(question.is_for_soa(zone) for question in questions)
    if isinstance(check, SoaSerial) or not questions or not serials or (for_soa and serials > cadence):
        yield from ((query.server, count / every) for query in _questions(check, zone))
        return
    if any(question.transport is Transport.TCP for question in questions):
        turns = cadence_of(Transfer, zone.cadence, config.cadence) or Transfer.cadence
        rate = min(count / every, 1 / every + count / turns.total_seconds())
        yield from ((query.server, rate) for query in _questions(check, zone) if query.transport is Transport.TCP)
        return
    for question in questions:
        if not question.is_for_soa(zone):
            yield from ((server.name, count / every) for server, _ in zone.server_addresses())


def _questions(check: Check, zone: Zone) -> list[Query]:
    """All a check asks of a zone that is well; it is asked again until it wants nothing more."""
    asked: list[Query] = []
    for _ in range(MAX_STEPS):
        more = list(check.queries(zone, tuple(_answered(query) for query in asked)))
        if not more:
            break
        asked += more
    return asked


def _answered(query: Query) -> Observation:
    """What a server that is well answers."""
    return Observation(
        query,
        Outcome.ANSWERED,
        _ONCE,
        rtt=0.0,
        transport=query.transport,
        rcode="NOERROR",
        authoritative=True,
        shape=Shape.RECORDS,
        soa=_SOA if query.qtype in ("SOA", "AXFR") else None,
        answer=RrSet(query.qname, query.qtype, 0, ()),
        transfer=TransferResult.ALLOWED if query.qtype == "AXFR" else None,
    )


def as_written(config: Config) -> ZoneTable[Zone]:
    """The zones as far as the configuration alone tells; two stand-ins are the addresses of a host name."""
    zones = config.zones
    return ZoneTable(zones.names, zones.template_ids, [_zone(config, entry) for entry in zones.templates])


def _zone(config: Config, entry: ZoneEntry) -> Zone:
    servers = (config.servers[name] for name in entry.servers)
    return entry.zone(tuple(server.server(server.addresses or UNRESOLVED) for server in servers))


def _shape(zone: Zone) -> Zone:
    """A template of zones under a name, without what makes it unlike others but costs no other questions."""
    records = tuple(
        replace(record, name=f"{at}.", expect=None if record.expect is None else ())
        for at, record in enumerate(zone.records)
    )
    return replace(zone, name="example.", records=records, max_lag=timedelta(0), severity=())
