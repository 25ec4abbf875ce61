"""What the engine calls the same, and what it calls changed: over real sockets, from real answers."""

import asyncio
import random
import socket
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from checks.model import Address, Outcome, Query, Transport
from monitor.clock import now
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.bulk.batches import QueryTemplate
from monitor.probe.bulk.engine import BulkCall, QueryBatch
from monitor.probe.bulk.fingerprints import FingerprintTable
from monitor.probe.bulk.sender import Sender
from monitor.probe.bulk.socket_pool import SocketPool
from monitor.probe.bulk.target import MAX_QUERIES_PER_SOCKET, BatchResult, InFlight, PendingBatch, PooledSocket, Target
from monitor.probe.bulk.timeouts import TimeoutHandler
from monitor.probe.client.client import DnsClient
from monitor.probe.client.sockets import Sockets
from monitor.probe.client.target_queue import TokenBucket
from monitor.probe.prober import ServiceProber
from monitor.probe.settings import Probe
from monitor.probe.stats import ProbeStats
from tests.support.bulk_engine import (
    PATIENT,
    QUICK,
    ask_engine,
    enable_fast_path,
    engine,
    moved,
    names,
    query_batch,
)
from tests.support.nameserver import NS, SERIAL, A, Asked, Nameserver, answering, good, name, opt, reply, rr, soa
from tests.support.prober_observations import CLOSED

COUNT = 300


class Server:
    """Says what it is told to of each zone."""

    def __init__(self) -> None:
        self.serial = SERIAL
        self.expire: int | None = 5000
        self.nsid = b"ns1.ams"
        self.shuffle = False
        self.silent = False
        self.minimum = 0
        self.die = random.Random(5)

    def __call__(self, query: Asked) -> list[bytes]:
        if self.silent:
            return []
        options = [(3, self.nsid)]
        if self.expire is not None:
            options.append((9, struct.pack("!I", self.expire)))
        authority = [rr(b"\xc0\x0c", NS, name(f"ns{number}.example.net.")) for number in range(4)]
        additional = [rr(name(f"ns{number}.example.net."), A, bytes((192, 0, 2, number))) for number in range(4)]
        if self.shuffle:
            self.die.shuffle(authority)
            self.die.shuffle(additional)
        return [reply(query, [soa(self.serial)], authority, [*additional, opt(*options)] if query.edns else additional)]


async def test_at_first_everything_is_changed_and_whole() -> None:
    async with Nameserver(Server()) as server, engine(COUNT) as one:
        unchanged, changed = await ask_engine(one, [query_batch(server.address, COUNT)])
        assert not unchanged
        assert {seen.serial for seen in changed.values()} == {SERIAL}
        prober = DnsClient(PATIENT, {}, now)
        (wanted,) = [seen async for batch in prober([changed[7].query]) for seen in batch]
        await prober.close()
        assert replace(changed[7], at=wanted.at, rtt=wanted.rtt) == wanted


async def test_off_the_fast_path_it_stays_changed() -> None:
    async with Nameserver(Server()) as server, engine(COUNT) as one:
        for _ in range(2):
            unchanged, _ = await ask_engine(one, [query_batch(server.address, COUNT)])
            assert not unchanged


@pytest.mark.parametrize("use_gso", [True, False])
async def test_on_the_fast_path_it_is_unchanged_while_it_says_the_same(use_gso: bool) -> None:
    said = Server()
    async with Nameserver(said) as server, engine(COUNT, use_gso=use_gso) as one:
        await ask_engine(one, [query_batch(server.address, COUNT)])
        enable_fast_path(one, range(COUNT))
        for _ in range(3):
            unchanged, changed = await ask_engine(one, [query_batch(server.address, COUNT)])
            assert (len(unchanged), changed) == (COUNT, {})
        one.disable_fast_path(range(10))
        unchanged, changed = await ask_engine(one, [query_batch(server.address, COUNT)])
        assert set(changed) == set(range(10))
        assert one.stats.queries == {("ns1", "udp", "answered"): 5 * COUNT}
        assert one.stats.discarded == {}
        assert one.pending() == 0


CHANGES: dict[str, Callable[[Server], None]] = {
    "the serial": lambda said: setattr(said, "serial", SERIAL + 1),
    "the NSID": lambda said: setattr(said, "nsid", b"ns1.lon"),
    "no EXPIRE any more": lambda said: setattr(said, "expire", None),
    "the EXPIRE below the least": lambda said: setattr(said, "expire", 999),
    "silence": lambda said: setattr(said, "silent", True),
}


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("words", CHANGES)
async def test_whatever_is_different_is_changed(words: str, shuffle: bool) -> None:
    said = Server()
    said.shuffle = shuffle
    async with Nameserver(said) as server, engine(COUNT, replace(QUICK, timeout=0.3)) as one:
        await ask_engine(one, [query_batch(server.address, COUNT)])
        enable_fast_path(one, range(COUNT), min_expire=1000)
        unchanged, _ = await ask_engine(one, [query_batch(server.address, COUNT)])
        assert len(unchanged) == COUNT
        CHANGES[words](said)
        unchanged, changed = await ask_engine(one, [query_batch(server.address, COUNT)])
        assert not unchanged
        assert {seen.outcome for seen in changed.values()} == {Outcome.TIMEOUT if said.silent else Outcome.ANSWERED}
        unchanged, changed = await ask_engine(
            one, [query_batch(server.address, COUNT)]
        )  # and until somebody says that it is known
        assert not unchanged


async def test_an_expire_that_appears_is_changed() -> None:
    said = Server()
    said.expire = None
    async with Nameserver(said) as server, engine(1) as one:
        await ask_engine(one, [query_batch(server.address, 1)])
        enable_fast_path(one, [0])
        said.expire = 5000
        _, changed = await ask_engine(one, [query_batch(server.address, 1)])
        assert changed[0].expire == 5000


@pytest.mark.parametrize("shuffle", [False, True])
async def test_an_expire_that_counts_down_is_unchanged_and_is_told_by_the_address_metrics(shuffle: bool) -> None:
    said = Server()
    said.shuffle = shuffle
    at = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
    async with Nameserver(said) as server, engine(COUNT, clock=lambda: at) as one:
        address_metrics = AddressMetrics.of(COUNT)
        one.use(address_metrics)
        await ask_engine(one, [query_batch(server.address, COUNT)])
        enable_fast_path(one, range(COUNT), min_expire=1000)
        said.expire, at = 4000, at + timedelta(seconds=1000)
        unchanged, _ = await ask_engine(one, [query_batch(server.address, COUNT)])
        assert len(unchanged) == COUNT
        stops = (at + timedelta(seconds=4000) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        assert set(address_metrics.expires) == {stops}
        assert all(0 < rtt < 30 for rtt in address_metrics.rtts)


async def test_a_silent_address_is_unchanged_while_it_stays_so() -> None:
    said = Server()
    said.silent = True
    address_metrics = AddressMetrics.of(COUNT)
    # In the end so many answers must come in time, and they are made in the same thread.
    async with Nameserver(said) as server, engine(COUNT, replace(QUICK, timeout=0.5)) as one:
        one.use(address_metrics)
        _, changed = await ask_engine(one, [query_batch(server.address, COUNT)])
        assert {seen.outcome for seen in changed.values()} == {Outcome.TIMEOUT}
        enable_fast_path(one, range(COUNT))
        unchanged, changed = await ask_engine(one, [query_batch(server.address, COUNT)])
        assert (len(unchanged), changed) == (COUNT, {})
        assert set(address_metrics.rtts) == {-1.0}
        assert one.stats.queries == {("ns1", "udp", "timeout"): 2 * COUNT}
        said.silent = False
        unchanged, changed = await ask_engine(one, [query_batch(server.address, COUNT)])
        assert not unchanged
        assert {seen.serial for seen in changed.values()} == {SERIAL}


async def test_silence_of_another_kind_is_changed() -> None:
    said = Server()
    said.silent = True
    async with engine(1, QUICK) as one:
        async with Nameserver(said, host="127.0.0.79") as server:
            await ask_engine(one, [query_batch(server.address, 1)])
            enable_fast_path(one, [0])
            address = server.address
        _, changed = await ask_engine(one, [query_batch(address, 1)])
        assert changed[0].outcome is Outcome.REFUSED_CONNECTION


async def test_a_closed_port_refuses() -> None:
    async with engine(COUNT, replace(QUICK, timeout=0.3)) as one:
        for _ in range(2):
            unchanged, changed = await ask_engine(one, [query_batch(CLOSED["127.0.0.1"], COUNT)])
            assert {seen.outcome for seen in changed.values()} == {Outcome.REFUSED_CONNECTION}
        enable_fast_path(one, range(COUNT))
        unchanged, changed = await ask_engine(one, [query_batch(CLOSED["127.0.0.1"], COUNT)])
        assert len(unchanged) == COUNT


async def test_a_port_that_failed_is_closed_though_answers_may_still_come_to_it() -> None:
    """Some have waited for long when the server goes, and the network says so to those that come then."""
    said = Server()
    said.silent = True
    async with engine(20, replace(QUICK, timeout=1)) as one:
        async with Nameserver(said, host="127.0.0.81") as server:
            first = asyncio.create_task(ask_engine(one, [query_batch(server.address, 10)]))
            while len(server.asked) < 20:  # each is asked for the second time
                await asyncio.sleep(0.005)
        _, changed = await ask_engine(one, [query_batch(server.address, 10, 10)])
        assert {seen.outcome for seen in changed.values()} == {Outcome.REFUSED_CONNECTION}
        _, changed = await first
        assert {seen.outcome for seen in changed.values()} <= {Outcome.REFUSED_CONNECTION, Outcome.TIMEOUT}
        assert len(one._pool) == 0


async def test_what_is_the_same_can_be_had_whole() -> None:
    said = Server()
    async with Nameserver(said) as server, engine(COUNT, replace(QUICK, timeout=0.3)) as one:
        _, changed = await ask_engine(one, [query_batch(server.address, COUNT)])
        enable_fast_path(one, range(COUNT))
        asking = one.ask([query_batch(server.address, COUNT)])
        async for update in asking:
            for slot in update.unchanged:
                seen = asking.observation(slot)
                assert replace(seen, at=changed[slot].at, rtt=changed[slot].rtt) == changed[slot]
                assert seen.at == update.at
        said.silent = True
        _, changed = await ask_engine(one, [query_batch(server.address, 5)])
        enable_fast_path(one, range(5))
        asking = one.ask([query_batch(server.address, 5)])
        assert [len(update.unchanged) async for update in asking]
        assert {asking.observation(slot).outcome for slot in range(5)} == {Outcome.TIMEOUT}
        with pytest.raises(KeyError):
            asking.observation(6)


async def test_another_plan_keeps_what_is_known() -> None:
    said = Server()
    async with Nameserver(said) as server, engine(4) as one:
        await ask_engine(one, [query_batch(server.address, 4)])
        enable_fast_path(one, range(4))
        one.use(AddressMetrics.of(6), moved(3, 2, -1, 1, -1, 0))
        order = [3, 2, 5, 1, 4, 0]
        asked = QueryBatch("ns1", server.address, [names(6)[number] for number in order], range(6))
        unchanged, _ = await ask_engine(one, [asked])
        assert unchanged == {0, 1, 3, 5}
        one.use(AddressMetrics.of(6))
        unchanged, _ = await ask_engine(one, [asked])
        assert not unchanged


@pytest.mark.parametrize("shift", [0, 1, 5000])
async def test_of_very_many_too(shift: int) -> None:
    """Where whole stretches keep their order, they are carried over at once."""
    said, many = Server(), 9000
    async with Nameserver(said) as server, engine(many) as one:
        await ask_engine(one, [QueryBatch("ns1", server.address, names(many)[::100], range(0, many, 100))])
        enable_fast_path(one, range(many))
        was = moved(*(range(shift, many)), *([-1] * shift))
        one.use(AddressMetrics.of(many), was)
        slots = [slot - shift for slot in range(0, many, 100) if slot >= shift]
        asked = QueryBatch("ns1", server.address, [names(many)[slot + shift] for slot in slots], slots)
        unchanged, _ = await ask_engine(one, [asked])
        assert unchanged == set(slots)


async def test_another_plan_ends_what_is_being_asked_and_nothing_of_it_is_written() -> None:
    said = Server()
    said.silent = True
    async with Nameserver(said) as server, engine(COUNT) as one:
        asking = one.ask([query_batch(server.address, COUNT)])
        waiting = asyncio.create_task(_all(asking))
        while not server.asked:
            await asyncio.sleep(0.001)
        address_metrics = AddressMetrics.of(1)
        one.use(address_metrics)
        assert await asyncio.wait_for(waiting, 1) == 0
        said.silent = False
        assert one.pending() == 0
        assert len(address_metrics.rtts) == 1


async def _all(asking: BulkCall) -> int:
    return sum([len(update.changed) + len(update.unchanged) async for update in asking])


async def test_who_stops_listening_frees_what_was_in_flight() -> None:
    said = Server()
    said.silent = True
    async with Nameserver(said) as server, engine(COUNT) as one:
        asking = one.ask([query_batch(server.address, COUNT)])
        while len(server.asked) < 20:
            await asyncio.sleep(0.001)
        await asking.aclose()
        await asking.aclose()
        assert one.pending() == 0
        said.silent = False
        _, changed = await ask_engine(one, [query_batch(server.address, COUNT)])
        assert {seen.serial for seen in changed.values()} == {SERIAL}


async def test_closing_ends_everything_as_unasked() -> None:
    said = Server()
    said.silent = True
    async with Nameserver(said) as server, engine(COUNT) as one:
        asking = asyncio.create_task(ask_engine(one, [query_batch(server.address, COUNT)]))
        while len(server.asked) < 20:
            await asyncio.sleep(0.001)
        await one.close()
        _, changed = await asyncio.wait_for(asking, 1)
        assert {seen.outcome for seen in changed.values()} == {Outcome.UNASKED}
        _, changed = await ask_engine(one, [query_batch(server.address, 3)])
        assert {seen.outcome for seen in changed.values()} == {Outcome.UNASKED}
        await one.close()


async def test_a_lost_answer_is_asked_for_again_from_another_port() -> None:
    update: dict[bytes, int] = {}

    def lossy(query: Asked) -> list[bytes]:
        update[query.question] = update.get(query.question, 0) + 1
        return [good(query)] if update[query.question] > 1 else []

    async with Nameserver(lossy) as server, engine(COUNT, replace(QUICK, timeout=0.2)) as one:
        _, changed = await ask_engine(one, [query_batch(server.address, COUNT)])
        assert {seen.serial for seen in changed.values()} <= {SERIAL, None}
        assert changed[0].serial == SERIAL
        ports: dict[bytes, list[int]] = {}
        for query, port in zip(server.asked, server.sources, strict=True):
            ports.setdefault(query.question, []).append(port)
        assert all(len(set(used)) == len(used) for used in ports.values())


async def test_a_dead_server_delays_nobody() -> None:
    """Two dead addresses of very many zones, and a living one: what lives is heard before the first is given up."""
    said = Server()
    said.silent = True
    probe = Probe(timeout=0.5, attempts=2, max_qps_per_server=1e6)
    many = 5000
    async with Nameserver(said) as dead, Nameserver(Server()) as alive, engine(2 * many, probe) as one:
        order: list[str] = []
        async with asyncio.timeout(30):
            both = [query_batch(dead.address, many, 0, "dead"), query_batch(alive.address, 400, many)]
            async for update in one.ask(both):
                order += [seen.server for _, seen in update.changed]
        assert order == ["ns1"] * 400 + ["dead"] * many
        assert len(dead.asked) <= many + 64 + 8


async def test_rates_hold_for_both_probers_together() -> None:
    probe = Probe(max_qps_per_server=100)
    times: list[float] = []
    loop = asyncio.get_running_loop()

    def note(query: Asked) -> list[bytes]:
        times.append(loop.time())
        return [good(query)]

    async with Nameserver(note, answering) as server:
        dns = DnsClient(probe, {}, now)
        one = dns.engine
        one.use(AddressMetrics.of(40))
        before = loop.time()
        _, changed = await ask_engine(one, [query_batch(server.address, 30)])
        again = [seen async for batch in dns([seen.query for seen in changed.values()]) for seen in batch]
        await dns.close()
    assert len(again) == 30
    for number, moment in enumerate(times):
        assert moment - before >= (number - 11) / 100


async def test_a_rate_for_all_servers_holds_for_all_and_for_both_probers_together() -> None:
    probe = Probe(max_qps_per_server=1e6, max_qps=100)
    times: list[float] = []
    loop = asyncio.get_running_loop()

    def note(query: Asked) -> list[bytes]:
        times.append(loop.time())
        return [good(query)]

    async with Nameserver(note) as first, Nameserver(note, answering) as second:
        dns = DnsClient(probe, {}, now)
        one = dns.engine
        one.use(AddressMetrics.of(40))
        before = loop.time()
        _, changed = await ask_engine(one, [query_batch(first.address, 15), query_batch(second.address, 15, 15, "ns2")])
        again = [seen async for batch in dns([seen.query for seen in changed.values()]) for seen in batch]
        await dns.close()
    assert len(again) == 30
    assert len(times) == 60
    for number, moment in enumerate(times):
        assert moment - before >= (number - 11) / 100


async def test_ports_are_renewed_and_ids_are_spread() -> None:
    many = 2000
    async with Nameserver(Server()) as server, engine(many) as one:
        await ask_engine(one, [query_batch(server.address, many)])
        ids = [query.id for query in server.asked]
        used = set(server.sources)
    assert len(used) >= many / MAX_QUERIES_PER_SOCKET
    # 2000 of 65536 ids: some thirty meet by chance, and every sixteenth of the range has its share
    assert len(set(ids)) > 0.96 * many
    sixteenths = [0] * 16
    for number in ids:
        sixteenths[number >> 12] += 1
    assert min(sixteenths) > 0.6 * many / 16


async def test_ids_are_as_random_as_can_be_even_when_drawn_one_by_one() -> None:
    """What is drawn must not depend on how a set or a dict orders it."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    port = PooledSocket(
        sock, Target("ns1", Address("127.0.0.1"), TokenBucket(1), QUICK, InFlight(), use_gso=True), 0, 1.0, True, 0.0
    )
    ids = [number for _ in range(4000) for number in port.ids(1)]
    sock.close()
    assert len(set(ids)) > 0.95 * len(ids)
    first = Counter(number[0] for number in ids)
    assert len(first) == 256
    assert max(first.values()) < 50


async def test_ids_in_use_are_not_drawn() -> None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    port = PooledSocket(
        sock, Target("ns1", Address("127.0.0.1"), TokenBucket(1), QUICK, InFlight(), use_gso=True), 0, 1.0, True, 0.0
    )
    everything = {number.to_bytes(2, "big") for number in range(65536)}
    entry = (
        0,
        b"",
        0.0,
        PendingBatch(QueryBatch("ns1", Address("127.0.0.1"), [b"\0"], [0]), BatchResult(set()), QueryTemplate()),
    )
    port.queries = dict.fromkeys(sorted(everything)[:60000], entry)
    for _ in range(50):
        assert not {*port.ids(1)} & port.queries.keys()
    sock.close()


async def test_ports_are_closed_when_there_is_nothing_to_ask() -> None:
    def sockets() -> int:
        return sum("socket" in str(one.readlink()) for one in Path("/proc/self/fd").iterdir() if one.is_symlink())

    async with Nameserver(Server()) as server, engine(900) as one:
        before = sockets()
        for first in range(3):
            batches = [query_batch(server.address, 3, 9 * number + 3 * first, f"ns{number}") for number in range(60)]
            await ask_engine(one, batches)
            assert sockets() == before


async def test_names_of_any_length_and_zones_of_any_kind() -> None:
    odd_names = [b"\0", b"\2\xff.\3net\0", (b"\x3f" + b"x" * 63) * 3 + b"\x3d" + b"y" * 61 + b"\0", *names(50)]
    async with Nameserver(lambda query: [good(query)]) as server, engine(len(odd_names)) as one:
        asked = QueryBatch("ns1", server.address, odd_names, range(len(odd_names)))
        _, changed = await ask_engine(one, [asked])
        assert {seen.serial for seen in changed.values()} == {SERIAL}
        assert changed[0].query.qname == "."
        assert changed[1].query.qname == "\\255\\..net."
        enable_fast_path(one, range(len(odd_names)))
        unchanged, _ = await ask_engine(one, [asked])
        assert len(unchanged) == len(odd_names)


async def test_both_families_and_no_address() -> None:
    async with Nameserver(Server(), host="::1") as server, engine(3) as one:
        asked = [query_batch(server.address, 2), query_batch(Address("ns1.example.net"), 1, 2, "ns2")]
        _, changed = await ask_engine(one, asked)
        assert [changed[slot].outcome for slot in range(3)] == [Outcome.ANSWERED, Outcome.ANSWERED, Outcome.UNASKED]
        assert changed[2].detail == "ns1.example.net is not an address"


async def test_very_many_questions_leave_room_for_a_few_others() -> None:
    """Of the same server's rate: a connection, and a question over UDP that came later, wait for their share only."""
    probe = Probe(max_qps_per_server=200)
    many = 1000
    async with Nameserver(lambda query: [good(query)], answering) as server:
        prober = ServiceProber(probe, {}, now)
        prober.engine.use(AddressMetrics.of(many))
        asking = asyncio.create_task(ask_engine(prober.engine, [query_batch(server.address, many)]))
        while len(server.asked) < 30:
            await asyncio.sleep(0.005)
        few = [
            Query(f"x{number}.", "ns1", server.address, f"x{number}.", "SOA", transport)
            for number in range(5)
            for transport in (Transport.UDP, Transport.TCP)
        ]
        seen = [one async for batch in prober(few) for one in batch]
        assert {one.outcome for one in seen} == {Outcome.ANSWERED}
        assert not asking.done()
        assert len(server.asked) < many / 2
        await prober.close()
        _, changed = await asking
        assert {one.outcome for one in changed.values()} == {Outcome.ANSWERED, Outcome.UNASKED}


def test_where_the_system_cannot_cut_packets_they_are_sent_one_by_one() -> None:
    """It refuses to where checksums are left out (SO_NO_CHECK): that is remembered of the address."""
    silence = TimeoutHandler(FingerprintTable(), ProbeStats(), SocketPool(Sockets((), 8)), lambda *_: None)
    sending = Sender(SocketPool(Sockets((), 8)), silence, lambda *_: None)
    target = Target("ns1", Address("127.0.0.1"), TokenBucket(1), QUICK, InFlight(), use_gso=True)
    kind = socket.AF_INET, socket.SOCK_DGRAM
    with socket.socket(*kind) as there, socket.socket(*kind) as us:
        there.bind(("127.0.0.1", 0))
        us.connect(there.getsockname())
        port = PooledSocket(us, target, 0, 1.0, True, 0.0)
        for off in (0, 1):
            us.setsockopt(socket.SOL_SOCKET, 11, off)
            ids = port.ids(5)
            assert sending._send(target, port, ids, names(5), QueryTemplate().tail) == (5, None)
            assert target.use_gso is not bool(off)
            packets = [there.recv(512) for _ in range(5)]
            assert [packet[:2] for packet in packets] == ids
            assert {packet[12:] for packet in packets} == {one + QueryTemplate().tail for one in names(5)}
