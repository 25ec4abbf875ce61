"""Estimates how many questions a second the configuration puts to each server."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from checks.base import Check, cadence_of
from checks.model import Address, Observation, Outcome, Query, RrSet, Shape, Soa, TransferResult, Transport, Zone
from checks.model.zone_table import ZoneTable
from checks.soa_serial import SoaSerial
from checks.transfer import Transfer
from monitor.config.model import Config, ZoneEntry
from monitor.probe.settings import worker_of

UNRESOLVED = (Address("192.0.2.1"), Address("2001:db8::1"))
"""Stand for the addresses of a server that is known by name only: one of each family."""

MAX_STEPS = 10
_ONCE = datetime(2000, 1, 1, tzinfo=UTC)
_SOA = Soa(1, "ns.", "hostmaster.", 7200, 3600, 1209600, 3600)


Shares = Mapping[tuple[str, str, timedelta], float]
"""Server, check and cadence → the queries a second that the zones of this cadence make the check ask there. 0: it asks
nothing there itself, and relies on what soa-serial hears.
"""


@dataclass(frozen=True, slots=True)
class Demand:
    """What the cadences need while all is well, in queries a second."""

    shares: Shares
    by_process: Mapping[str, Sequence[float]]
    """Server → what each process is to ask there: the service and, where there are several, each of the workers."""

    def totals(self) -> dict[str, float]:
        """Server → over all checks."""
        return {server: sum(rates) for server, rates in self.by_process.items()}


def demands(config: Config, found: ZoneTable[Zone] | None = None) -> Demand:
    """What is asked while all is well and nothing changes: every question is answered at the first attempt, and what
    stands is not asked again (``Check.standing_questions``).

    ``found`` are zones with the servers they really have; without them they are taken from the configuration,
    where zones whose servers are yet to be found count for nothing.
    """
    tally = _Tally(config)
    for shape, counts in _alike(as_written(config) if found is None else found, config.probe.workers).items():
        for name, check in config.checks.items():
            every = cadence_of(check, shape.cadence, config.cadence)
            if every and check.applies(shape):
                tally.add(name, check, shape, counts, every)
    return Demand(tally.shares, tally.by_process)


def _alike(zones: ZoneTable[Zone], workers: int) -> dict[Zone, Counter[int]]:
    """The shapes of zones and, of each, how many zones which of the workers asks."""
    shapes = [_shape(template) for template in zones.templates]
    alike: defaultdict[Zone, Counter[int]] = defaultdict(Counter)
    if workers == 1:
        for shape, count in zip(shapes, zones.template_counts(), strict=True):
            if count:
                alike[shape][0] += count
        return alike
    by_template = Counter(zip(zones.template_ids, (worker_of(name, workers) for name in zones.names), strict=True))
    for (template_id, worker), count in by_template.items():
        alike[shapes[template_id]][worker] += count
    return alike


class _Tally:
    """Adds up what checks ask of zones. With workers, they ask for serials and RRsets, each of its zones, and over TCP
    by turns; the service asks whatever is polled in full.
    """

    def __init__(self, config: Config) -> None:
        self._cadence, self._workers, self._processes = config.cadence, config.probe.workers, config.probe.parts
        self.shares: dict[tuple[str, str, timedelta], float] = {}
        self.by_process: dict[str, list[float]] = {}
        self._asked_over_tcp: set[tuple[str, timedelta, str, Address]] = set()

    def add(self, name: str, check: Check, zone: Zone, counts: Counter[int], every: timedelta) -> None:
        """What the check asks of so many zones, that is, of those of each worker."""
        serials = cadence_of(SoaSerial, zone.cadence, self._cadence)
        standing = check.standing_questions(zone)
        rrsets = [one for one in standing if one.transport is Transport.UDP and not one.is_for_soa(zone)]
        whole, seconds = counts.total(), every.total_seconds()
        by_worker = [0.0] * self._processes
        for worker, count in counts.items():
            by_worker[worker if self._processes == 1 else worker + 1] = count / whole
        if isinstance(check, SoaSerial):
            for query in _questions(check, zone):
                self._note(query.server, name, every, whole / seconds, by_worker)
        elif rrsets:
            for server, _ in zone.server_addresses():
                self._note(server.name, name, every, len(rrsets) * whole / seconds, by_worker)
        elif standing and serials and serials <= every:
            self._rely_on_serials(name, check, zone, whole, every)
        else:
            for query in _questions(check, zone):
                self._note(query.server, name, every, whole / seconds, [1.0] + [0.0] * (self._processes - 1))

    def _rely_on_serials(self, name: str, check: Check, zone: Zone, count: int, every: timedelta) -> None:
        """Nobody asks for the SOA over UDP but soa-serial. Over TCP each address is asked once at each cadence, for one
        of its zones, and each zone once in the cadence of transfer.
        """
        for server in zone.servers:
            self._note(server.name, name, every, 0.0, [0.0] * self._processes)
        over_tcp = [query for query in _questions(check, zone) if query.transport is Transport.TCP]
        places = {(name, every, query.server, query.address) for query in over_tcp}
        is_due = not places <= self._asked_over_tcp
        self._asked_over_tcp |= places
        interval = cadence_of(Transfer, zone.cadence, self._cadence) or Transfer.cadence
        asked = min(count, is_due + count / max(1, round(interval / every)))
        alike = [1.0] if self._processes == 1 else [0.0] + [1 / self._workers] * self._workers
        for query in over_tcp:
            self._note(query.server, name, every, asked / every.total_seconds(), alike)

    def _note(self, server: str, check: str, every: timedelta, rate: float, parts: Sequence[float]) -> None:
        """``parts``: what part of this rate falls to each process."""
        self.shares[server, check, every] = self.shares.get((server, check, every), 0.0) + rate
        rates = self.by_process.setdefault(server, [0.0] * self._processes)
        for process, part in enumerate(parts):
            rates[process] += part * rate


def _questions(check: Check, zone: Zone) -> list[Query]:
    """All a check asks of the servers of a zone that is well; it is asked again until it wants nothing more."""
    asked: list[Query] = []
    for _ in range(MAX_STEPS):
        found = check.queries(zone, tuple(_answered(query) for query in asked))
        more = [query for query in found if not query.foreign]
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
        soa=_SOA if query.qtype in ("SOA", "AXFR", "IXFR") else None,
        answer=RrSet(query.qname, query.qtype, 0, ()),
        transfer=TransferResult.ALLOWED if query.qtype in ("AXFR", "IXFR") else None,
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
    return replace(
        zone, name="example.", records=records, max_lag=timedelta(0), severity=(), labels=(), quorum=0, min_good=1
    )
