"""What the prober of RRsets calls unchanged, against a nameserver that gives its records in another order each time:
the same whether this process asks or workers beside it do.
"""

import asyncio
import random
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from copy import copy
from dataclasses import dataclass, field, replace

import pytest

from checks.base import Check
from checks.model import Address, Outcome, Server, Transport, WantedRecord, Zone, ZonePoll
from checks.model.zone_table import ZoneTable
from checks.ns_set import NsSet
from checks.records import Records
from checks.signatures import Signatures
from monitor.clock import now
from monitor.config.model import Config
from monitor.polling.bulk import BulkProber
from monitor.polling.bulk_factory import make_bulk_prober
from monitor.polling.rrset_prober import RrsetProber
from monitor.polling.sweep import poll_zone
from monitor.polling.workers.process import WorkerMetrics
from monitor.probe.prober import ServiceProber
from monitor.probe.settings import Probe
from monitor.probe.stats import ProbeStats
from monitor.state.columns import TableChange, ZoneColumns, change_to
from monitor.state.standing import rrset_questions
from tests.support.monitor_state import MINUTE
from tests.support.nameserver import (
    NS,
    NXDOMAIN,
    SERVFAIL,
    SOA,
    A,
    Asked,
    Connection,
    Nameserver,
    name,
    opt,
    reply,
    rr,
    soa,
)
from tests.support.workers import all_restarted, kill_all

WORKERS = [1, 2]
QUICK = Probe(timeout=0.3, attempts=2, max_qps_per_server=1e6)
CHECKS: dict[str, Check] = {check.name: check for check in (NsSet(), Records(), Signatures())}
OWNER = b"\xc0\x0c"
RRSIG = 46
RRSIG_RDATA = struct.pack("!HBBIIIH", SOA, 13, 2, 300, 2**31, 2**30, 4711) + name("a.example.") + bytes(64)


class Shuffler:
    """Says what it is told to of each zone, in an order that is another one each time."""

    def __init__(self) -> None:
        self.die = random.Random(7)
        self.mend()

    def mend(self) -> None:
        self.names = ["ns1.dns.example.", "ns2.dns.example.", "a.ns.example.org.", "b.ns.example.org."]
        self.www = bytes((192, 0, 2, 80))
        self.ttl, self.nsid, self.rcode = 300, b"ns1.ams", 0
        self.silent = self.truncates = self.signs = self.absent = False
        self.serial = 10
        self.held: set[int] = set()
        """Types that are not answered."""

    def __call__(self, query: Asked) -> list[bytes]:
        if self.silent or query.type in self.held:
            return []
        edns = [opt((3, self.nsid))] if query.edns else []
        if query.type == SOA:
            signature = [rr(OWNER, RRSIG, RRSIG_RDATA)] if self.signs else []
            return [reply(query, [soa(self.serial), *signature], additional=edns)]
        if self.truncates:
            return [reply(query, tc=True, additional=edns)]
        if self.rcode or self.absent:
            return [reply(query, [], [soa(self.serial, OWNER)], edns, rcode=self.rcode)]
        self.die.shuffle(self.names)
        records = [rr(OWNER, NS, name(text), self.ttl) for text in self.names]
        return [reply(query, records if query.type == NS else [rr(OWNER, A, self.www, self.ttl)], additional=edns)]

    async def tcp(self, query: Asked, connection: Connection) -> None:
        """Where nothing is too long."""
        whole = copy(self)
        whole.truncates = False
        for packet in whole(query):
            await connection.send(packet)


@dataclass
class Scene:
    """Two servers of zones that are alike, and who asks them."""

    said: tuple[Shuffler, Shuffler]
    servers: tuple[Nameserver, Nameserver]
    dns: ServiceProber
    bulk_prober: BulkProber
    metrics: WorkerMetrics
    columns: ZoneColumns = field(init=False)
    prober: RrsetProber = field(init=False)

    def __post_init__(self) -> None:
        self.columns = ZoneColumns(ZoneTable.of(()))
        self.prober = RrsetProber(self.bulk_prober, self.dns)

    def zone(self, label: str, *records: str) -> Zone:
        places = tuple(Server(f"ns{number}", (server.address,)) for number, server in enumerate(self.servers, 1))
        text = f"{label}.example."
        return Zone(text, places, records=tuple(WantedRecord(f"{one}.{text}", "A") for one in records))

    def use(self, *zones: Zone) -> TableChange:
        zone_table = ZoneTable.of(zones)
        change = change_to(self.columns, zone_table, rrset_questions(zone_table, CHECKS))
        self.columns = change.columns
        self.bulk_prober.use(self.columns.layouts, self.columns.address_metrics, change.old_slots)
        self.prober.use(self.columns)
        return change

    async def poll(self, check: str, label: str) -> ZonePoll:
        zone = self.columns.zone_table[f"{label}.example."]
        return await poll_zone(CHECKS[check], zone, self.prober.probe(check, zone), MINUTE, now)

    async def stand(self, check: str, *labels: str) -> None:
        """These zones are polled, and what they gave stands."""
        for label in labels:
            await self.poll(check, label)
        self.prober.enable_fast_path(self.columns, check, [self.number(label) for label in labels])

    def number(self, label: str) -> int:
        return self.columns.zone_table.index(f"{label}.example.")

    async def unchanged(self, check: str, *labels: str) -> set[str]:
        async with asyncio.timeout(10):
            found = await self.prober.unchanged(self.columns, check, [self.number(label) for label in labels])
        return {self.columns.zone_table.names[number].partition(".")[0] for number in found}

    def asked(self) -> list[int]:
        """The types that both servers were asked for since this was last called."""
        found = [query.type for server in self.servers for query in (*server.asked, *server.asked_tcp)]
        for server in self.servers:
            server.asked.clear()
            server.asked_tcp.clear()
        return found


@asynccontextmanager
async def scene(workers: int, probe: Probe = QUICK) -> AsyncIterator[Scene]:
    probe = replace(probe, workers=workers)
    said = (Shuffler(), Shuffler())
    async with AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(Nameserver(one, one.tcp)) for one in said]
        metrics = WorkerMetrics(ProbeStats())
        dns = ServiceProber(probe, {}, now, stats=metrics.stats)
        stack.push_async_callback(dns.close)
        bulk_prober = make_bulk_prober(Config(probe=probe), now, dns, metrics)
        stack.push_async_callback(bulk_prober.close)
        yield Scene(said, (first, second), dns, bulk_prober, metrics)


@pytest.mark.parametrize("workers", WORKERS)
async def test_records_in_another_order_are_unchanged_and_nothing_else_is_asked(workers: int) -> None:
    async with scene(workers) as on:
        on.use(on.zone("a", "www"), on.zone("b"), on.zone("c", "www", "mail"))
        await on.stand("ns-set", "a", "b", "c")
        await on.stand("records", "a", "c")
        on.asked()
        for _ in range(5):
            assert await on.unchanged("ns-set", "a", "b", "c") == {"a", "b", "c"}
        assert on.asked() == [NS] * 30
        assert await on.unchanged("records", "a", "c") == {"a", "c"}
        assert on.asked() == [A] * 6


@pytest.mark.parametrize("workers", WORKERS)
async def test_zones_that_are_looked_at_together_stand_by_what_was_seen(workers: int) -> None:
    async with scene(workers) as on:
        zones = [on.zone("a", "www"), on.zone("b"), on.zone("c", "www", "mail")]
        on.use(*zones)
        looked = await on.prober.look(on.columns, "records", [zones[0], zones[2]])
        assert {name: len(seen) for name, seen in looked.items()} == {"a.example.": 2, "c.example.": 4}
        assert on.asked() == [A] * 6
        for one in zones[::2]:
            polled = (await on.poll("records", one.name.partition(".")[0])).seen
            by_query = {(seen.query.server, seen.query.qname): seen for seen in polled if seen.query.qtype == "A"}
            for seen in looked[one.name]:
                alone = by_query[seen.query.server, seen.query.qname]
                assert replace(seen, at=alone.at, rtt=alone.rtt) == alone
        for check, labels in (("ns-set", "abc"), ("records", "ac")):
            looked_at = [zone for zone in zones if zone.name[0] in labels]
            await on.prober.look(on.columns, check, looked_at)
            on.prober.enable_fast_path(on.columns, check, [on.number(label) for label in labels])
            assert await on.unchanged(check, *labels) == set(labels)
            on.said[1].mend()
            on.said[1].ttl = 299
            assert await on.unchanged(check, *labels) == set()
            on.said[1].mend()
            await on.prober.look(on.columns, check, looked_at)
            assert await on.unchanged(check, *labels) == set(), "nobody has let them stand"


@pytest.mark.parametrize("workers", WORKERS)
async def test_zones_of_other_columns_are_not_looked_at(workers: int) -> None:
    async with scene(workers) as on:
        on.use(on.zone("a"))
        before = on.columns
        on.use(on.zone("a"), on.zone("b"))
        assert await on.prober.look(before, "ns-set", [on.zone("a")]) == {}
        on.said[0].silent = on.said[1].silent = True
        looked = await on.prober.look(on.columns, "ns-set", [on.zone("a"), on.zone("b")])
        assert {one.outcome for seen in looked.values() for one in seen} == {Outcome.TIMEOUT}


@pytest.mark.parametrize("workers", WORKERS)
async def test_whether_a_zone_is_signed_is_asked_with_one_question_and_known_again(workers: int) -> None:
    async with scene(workers) as on:
        on.use(on.zone("a"), on.zone("b"))
        await on.stand("signatures", "a", "b")
        on.asked()
        assert await on.unchanged("signatures", "a", "b") == {"a", "b"}
        assert on.asked() == [SOA] * 4
        on.said[1].signs = True
        assert await on.unchanged("signatures", "a", "b") == set()
        assert {one.server for one in (await on.poll("signatures", "a")).seen if one.signatures} == {"ns2"}
        on.said[1].mend()
        await on.stand("signatures", "a", "b")
        on.said[0].serial = 11
        assert await on.unchanged("signatures", "a", "b") == set()


@pytest.mark.parametrize("workers", WORKERS)
async def test_what_was_not_polled_or_does_not_stand_is_changed(workers: int) -> None:
    async with scene(workers) as on:
        on.use(on.zone("a"), on.zone("b"), on.zone("c"))
        await on.stand("ns-set", "a")
        await on.poll("ns-set", "b")
        assert await on.unchanged("ns-set", "a", "b", "c") == {"a"}
        await on.poll("ns-set", "a")
        assert await on.unchanged("ns-set", "a") == set()


CHANGES: dict[str, Callable[[Shuffler], None]] = {
    "a record more": lambda said: said.names.append("ns9.example."),
    "a record less": lambda said: said.names.remove("ns1.dns.example."),
    "another record": lambda said: said.names.__setitem__(0, "ns9.example."),
    "another TTL": lambda said: setattr(said, "ttl", 299),
    "another machine": lambda said: setattr(said, "nsid", b"ns1.lon"),
    "NXDOMAIN": lambda said: setattr(said, "rcode", NXDOMAIN),
    "SERVFAIL": lambda said: setattr(said, "rcode", SERVFAIL),
    "no record": lambda said: said.names.clear(),
    "silence": lambda said: setattr(said, "silent", True),
    "truncation": lambda said: setattr(said, "truncates", True),
}


@pytest.mark.parametrize("workers", WORKERS)
async def test_whatever_changes_at_one_address_is_changed_until_it_was_polled_and_stands_again(workers: int) -> None:
    async with scene(workers) as on:
        on.use(on.zone("a"), on.zone("b"))
        await on.stand("ns-set", "a", "b")
        for words, change in CHANGES.items():
            change(on.said[1])
            assert await on.unchanged("ns-set", "a") == set(), words
            on.said[1].mend()
            assert await on.unchanged("ns-set", "a", "b") == {"b"}, f"{words}: until it was polled"
            await on.stand("ns-set", "a")
            assert await on.unchanged("ns-set", "a", "b") == {"a", "b"}, words


@pytest.mark.parametrize("workers", WORKERS)
async def test_another_address_of_one_record_is_changed(workers: int) -> None:
    async with scene(workers) as on:
        on.use(on.zone("a", "www"))
        await on.stand("records", "a")
        on.said[0].www = bytes((192, 0, 2, 66))
        assert await on.unchanged("records", "a") == set()


@pytest.mark.parametrize("rcode", [0, NXDOMAIN])
@pytest.mark.parametrize("workers", WORKERS)
async def test_what_is_not_there_is_as_cheap_as_what_is_whatever_the_serial_beside_it(workers: int, rcode: int) -> None:
    async with scene(workers) as on:
        for said in on.said:
            said.absent, said.rcode = True, rcode
        on.use(on.zone("a", "www"))
        await on.stand("records", "a")
        on.asked()
        assert await on.unchanged("records", "a") == {"a"}
        on.said[0].serial = 11
        assert await on.unchanged("records", "a") == {"a"}
        assert on.asked() == [A] * 4
        on.said[1].rcode = 0 if rcode else NXDOMAIN
        assert await on.unchanged("records", "a") == set()
        await on.stand("records", "a")
        assert await on.unchanged("records", "a") == {"a"}
        on.said[1].absent, on.said[1].rcode = False, 0
        assert await on.unchanged("records", "a") == set()


@pytest.mark.parametrize("workers", WORKERS)
async def test_a_poll_through_it_is_one_as_it_is_without_it(workers: int) -> None:
    async with scene(workers) as on:
        on.use(on.zone("a", "www"))
        zone = on.columns.zone_table["a.example."]
        for check in ("ns-set", "records"):
            mine = await on.poll(check, "a")
            theirs = await poll_zone(CHECKS[check], zone, on.dns, MINUTE, now)
            assert {same(one) for one in mine.seen} == {same(one) for one in theirs.seen}
            assert len(mine.seen) == len(theirs.seen) == 6


def same(seen: object) -> object:
    return replace(seen, at=None, rtt=None, octets=None)  # type: ignore[type-var]


@pytest.mark.parametrize("workers", WORKERS)
async def test_what_is_truncated_is_told_over_tcp_and_never_stands(workers: int) -> None:
    async with scene(workers) as on:
        on.use(on.zone("a"))
        on.said[0].truncates = True
        await on.stand("ns-set", "a")
        poll = await on.poll("ns-set", "a")
        given = [one for one in poll.seen if one.query.qtype == "NS"]
        assert {one.transport for one in given} == {Transport.TCP, Transport.UDP}
        assert {one.outcome for one in given} == {Outcome.ANSWERED}
        on.prober.enable_fast_path(on.columns, "ns-set", [0])
        assert await on.unchanged("ns-set", "a") == set()


@pytest.mark.parametrize("workers", WORKERS)
async def test_after_a_reload_what_stands_is_asked_by_its_new_slots(workers: int) -> None:
    async with scene(workers) as on:
        on.use(on.zone("b", "www"), on.zone("c"))
        await on.stand("ns-set", "b", "c")
        await on.stand("records", "b")
        on.use(on.zone("a", "www"), on.zone("b", "www"), on.zone("c"), on.zone("d", "www", "mail"))
        assert await on.unchanged("ns-set", "a", "b", "c", "d") == {"b", "c"}
        assert await on.unchanged("records", "a", "b", "d") == {"b"}
        on.said[0].names.pop()
        assert await on.unchanged("ns-set", "a", "b", "c", "d") == set()


@pytest.mark.parametrize("workers", WORKERS)
async def test_other_columns_while_it_is_asked_end_it_soon(workers: int) -> None:
    async with scene(workers, replace(QUICK, timeout=20)) as on:
        on.use(on.zone("a"), on.zone("b"))
        await on.stand("ns-set", "a", "b")
        on.said[1].held = {NS}
        asking = asyncio.create_task(on.unchanged("ns-set", "a", "b"))
        await waits_for(on, on.servers[1])
        before = on.columns
        on.use(on.zone("b"), on.zone("c"))
        assert await asyncio.wait_for(asking, 5) == set()
        on.said[1].held = set()
        assert await on.prober.unchanged(before, "ns-set", [0, 1]) == [], "its slots are others' now"
        assert await on.unchanged("ns-set", "b", "c") == {"b"}


async def waits_for(on: Scene, server: Nameserver) -> None:
    on.asked()
    async with asyncio.timeout(5):
        while not asked_for_ns(server):
            await asyncio.sleep(0.005)


def asked_for_ns(server: Nameserver) -> list[Asked]:
    return [query for query in server.asked if query.type == NS]


@pytest.mark.parametrize("fewer", [False, True])
@pytest.mark.parametrize("workers", WORKERS)
async def test_other_columns_while_a_zone_is_polled_cost_it_nothing(workers: int, fewer: bool) -> None:
    """What was broken off is asked again by the slots of now, and stands by what was answered then."""
    async with scene(workers, replace(QUICK, timeout=20)) as on:
        many = [on.zone(label) for label in "abcd"]
        on.use(*many)
        await on.stand("ns-set", *"abcd")
        on.said[1].held = {NS}
        polling = asyncio.create_task(on.poll("ns-set", "d"))
        await waits_for(on, on.servers[1])
        on.said[1].held = set()
        on.said[1].names.remove("ns1.dns.example.")
        on.use(*many[2:]) if fewer else on.use(on.zone("0"), *many)
        poll = await asyncio.wait_for(polling, 5)
        assert {one.outcome for one in poll.seen} == {Outcome.ANSWERED}
        assert sorted(one.query.qtype for one in poll.seen) == ["NS"] * 2 + ["SOA"] * 4
        on.prober.enable_fast_path(on.columns, "ns-set", [on.number("d")])
        assert await on.unchanged("ns-set", "c", "d") == {"d"}
        on.said[1].names.append("ns1.dns.example.")
        assert await on.unchanged("ns-set", "d") == set()


@pytest.mark.parametrize("workers", WORKERS)
async def test_a_zone_that_is_gone_or_has_changed_is_asked_all_the_same(workers: int) -> None:
    """Whoever asked throws away what comes of it."""
    async with scene(workers) as on:
        on.use(on.zone("a"), on.zone("b", "www"))
        gone, changed = on.columns.zone_table["a.example."], on.columns.zone_table["b.example."]
        probes = [on.prober.probe("ns-set", one) for one in (gone, changed)]
        on.use(replace(on.zone("b", "www"), servers=on.zone("b").servers[:1]))
        await on.stand("ns-set", "b")
        for zone, probe in zip((gone, changed), probes, strict=True):
            poll = await poll_zone(CHECKS["ns-set"], zone, probe, MINUTE, now)
            assert len(poll.seen) == 6
        assert await on.unchanged("ns-set", "b") == {"b"}


@pytest.mark.parametrize("workers", WORKERS)
async def test_dead_addresses_are_changed(workers: int) -> None:
    async with scene(workers) as on:
        nobody = replace(on.zone("a"), servers=(Server("ns1", (Address("127.0.0.1", 1),)), on.zone("a").servers[1]))
        on.use(nobody)
        await on.stand("ns-set", "a")
        assert await on.unchanged("ns-set", "a") == set()


# --- workers only ---


MANY = "abcdefgh"
"""Some of them belong to each of two workers."""


async def test_workers_that_are_killed_call_nothing_unchanged_until_it_was_polled_again() -> None:
    async with scene(2) as on:
        on.use(*map(on.zone, MANY))
        await on.stand("ns-set", *MANY)
        assert await on.unchanged("ns-set", *MANY) == set(MANY)
        kill_all(on.bulk_prober)
        await all_restarted(on.bulk_prober, on.metrics, 2)
        assert await on.unchanged("ns-set", *MANY) == set()
        await on.stand("ns-set", *MANY)
        assert await on.unchanged("ns-set", *MANY) == set(MANY)


async def test_workers_that_are_killed_while_they_ask_are_asked_again() -> None:
    async with scene(2, replace(QUICK, timeout=20)) as on:
        on.use(*map(on.zone, MANY))
        await on.stand("ns-set", *MANY)
        on.said[1].held = {NS}
        asking = asyncio.create_task(on.unchanged("ns-set", *MANY))
        await waits_for(on, on.servers[1])
        on.said[1].held = set()
        kill_all(on.bulk_prober)
        assert await asyncio.wait_for(asking, 10) == set(), "they know nothing"
        assert on.bulk_prober.pending() == 0
        await on.stand("ns-set", *MANY)
        assert await on.unchanged("ns-set", *MANY) == set(MANY)


async def test_a_poll_is_whole_though_the_workers_are_killed_and_does_not_stand_by_what_a_dead_one_heard() -> None:
    async with scene(2, replace(QUICK, timeout=20)) as on:
        on.use(*map(on.zone, MANY))
        on.said[1].held = {NS}
        polling = [asyncio.create_task(on.poll("ns-set", label)) for label in MANY]
        async with asyncio.timeout(10):
            while len(asked_for_ns(on.servers[1])) < len(MANY) or on.bulk_prober.pending() > len(MANY):
                await asyncio.sleep(0.005)  # until the first server has answered for all of them
        on.said[1].held = set()
        kill_all(on.bulk_prober)
        async with asyncio.timeout(10):
            polls = await asyncio.gather(*polling)
        for poll in polls:
            assert {one.outcome for one in poll.seen} == {Outcome.ANSWERED}
            assert sorted(one.query.qtype for one in poll.seen) == ["NS"] * 2 + ["SOA"] * 4
        on.prober.enable_fast_path(on.columns, "ns-set", range(len(MANY)))
        assert await on.unchanged("ns-set", *MANY) == set()


async def test_what_stood_when_the_workers_died_does_not_stand_by_being_said_to() -> None:
    """The poll was asked by one that is dead when it has been evaluated."""
    async with scene(2) as on:
        on.use(*map(on.zone, MANY))
        for label in MANY:
            await on.poll("ns-set", label)
        kill_all(on.bulk_prober)
        on.prober.enable_fast_path(on.columns, "ns-set", range(len(MANY)))
        await all_restarted(on.bulk_prober, on.metrics, 2)
        on.prober.enable_fast_path(on.columns, "ns-set", range(len(MANY)))
        assert await on.unchanged("ns-set", *MANY) == set()


async def test_at_the_end_what_workers_were_asked_is_unasked() -> None:
    async with scene(2, replace(QUICK, timeout=20)) as on:
        on.use(on.zone("a"), on.zone("b"))
        await on.stand("ns-set", "a")
        on.said[1].held = {NS}
        asking = asyncio.create_task(on.unchanged("ns-set", "a"))
        polling = asyncio.create_task(on.poll("ns-set", "b"))
        await waits_for(on, on.servers[1])
        await on.bulk_prober.close()
        assert await asyncio.wait_for(asking, 10) == set()
        poll = await asyncio.wait_for(polling, 10)
        assert Outcome.UNASKED in {one.outcome for one in poll.seen if one.query.qtype == "NS"}
        later = await on.poll("ns-set", "b")
        assert {one.outcome for one in later.seen if one.query.qtype == "NS"} == {Outcome.UNASKED}
        assert await on.unchanged("ns-set", "a") == set()
