"""How fast servers are asked, who holds up whom, and what happens when the monitor itself runs short."""

import asyncio
from collections import Counter
from dataclasses import replace

from checks.model import Outcome, Query, TransferResult, Transport
from monitor.clock import monotonic, now
from monitor.probe.settings import Probe
from monitor.probe.stats import DURATION_BOUNDS
from tests.support.misbehaviour import UDP
from tests.support.nameserver import TXT, Asked, Connection, Nameserver, answering, good, reply, rr, soa
from tests.support.prober_observations import CLOSED
from tests.support.prober_queries import gather, queries, right
from tests.support.probers import prober_of


def silent(query: Asked) -> list[bytes]:
    return []


async def test_a_server_is_never_asked_faster_than_it_may_be() -> None:
    times: list[float] = []

    def note(query: Asked) -> list[bytes]:
        times.append(monotonic())
        return [good(query)]

    async with Nameserver(note) as server:
        prober = prober_of(Probe(max_qps_per_server=100), {}, now)
        before = monotonic()
        await gather(prober, queries("ns1", server.address, 60))
        await prober.close()
    # a burst of ten, and then a hundred a second: none comes before its time
    for number, moment in enumerate(times):
        assert moment - before >= (number - 11) / 100


async def test_a_rest_is_not_caught_up_with() -> None:
    async with Nameserver(right) as server:
        prober = prober_of(Probe(max_qps_per_server=100), {}, now)
        await gather(prober, queries("ns1", server.address, 10))
        await asyncio.wait((asyncio.create_task(asyncio.Event().wait()),), timeout=0.5)
        before = monotonic()
        await gather(prober, queries("ns1", server.address, 40))
        await prober.close()
    assert monotonic() - before >= 0.25


async def test_askings_again_count_against_the_rate() -> None:
    async with Nameserver(silent) as server:
        prober = prober_of(Probe(timeout=0.05, attempts=3, max_qps_per_server=50), {}, now)
        before = monotonic()
        await gather(prober, queries("ns1", server.address, 15))
        took = monotonic() - before
        await prober.close()
    assert len(server.asked) <= 5 + 50 * took + 3


async def test_servers_have_rates_of_their_own() -> None:
    async with Nameserver(right) as one, Nameserver(right) as two:
        prober = prober_of(Probe(max_qps_per_server=50), {}, now)
        slow = queries("ns1", one.address, 25)
        quick = queries("ns2", two.address, 5)
        seen = await gather(prober, [*slow, *quick])
        await prober.close()
    assert {one.server for one in seen[:10]} == {"ns1", "ns2"}
    assert [n for n, one in enumerate(seen) if one.server == "ns2"][-1] < 15


async def test_a_silent_server_holds_up_nobody() -> None:
    """A server that swallows everything does not keep the other from being asked, and costs little itself."""
    probe = Probe(timeout=0.5, attempts=2, max_in_flight=128, max_qps_per_server=1e6)
    async with Nameserver(silent) as dead, Nameserver(right) as alive:
        prober = prober_of(probe, {}, now)
        before = monotonic()
        seen = await gather(prober, [*queries("dead", dead.address, 300), *queries("alive", alive.address, 300)])
        took = monotonic() - before
        await prober.close()
    # all that can be answered is, before the first is given up
    assert [one.server for one in seen] == ["alive"] * 300 + ["dead"] * 300
    assert {one.outcome for one in seen[300:]} == {Outcome.TIMEOUT}
    # the first 64 with all their attempts (1 s), the rest all at once, and once each (0.5 s): not 300 / 64 times 1 s
    assert took < 4
    assert len(dead.asked) <= 64 * 2 + 236 + 4


async def test_a_server_that_answers_again_is_asked_as_before() -> None:
    answers = False

    def moody(query: Asked) -> list[bytes]:
        return [good(query)] if answers else []

    probe = Probe(timeout=0.05, attempts=2, max_qps_per_server=1e6)
    async with Nameserver(moody) as server:
        prober = prober_of(probe, {}, now)
        await gather(prober, queries("ns1", server.address, 70))
        asked = len(server.asked)
        await gather(prober, queries("ns1", server.address, 20))
        assert len(server.asked) == asked + 20 + 4  # once each, but for the half-open probes
        answers = True
        assert {one.outcome for one in await gather(prober, queries("ns1", server.address, 20))} == {Outcome.ANSWERED}
        answers = False
        asked = len(server.asked)
        await gather(prober, queries("ns1", server.address, 3))
        assert len(server.asked) == asked + 6  # twice each
        await prober.close()


async def test_a_silent_server_delays_transfers_only_by_a_connection_attempt_each() -> None:
    """Two at a time would take half a minute."""
    async with Nameserver(None, deaf=True) as server:
        prober = prober_of(Probe(timeout=0.1, attempts=2, max_qps_per_server=1e6), {}, now)
        before = monotonic()
        seen = await gather(prober, queries("ns1", server.address, 300, "AXFR"))
        took = monotonic() - before
        await prober.close()
    assert Counter((one.outcome, one.transfer) for one in seen) == {(Outcome.TIMEOUT, None): 300}
    assert took < 15


async def test_a_closed_port_costs_little() -> None:
    """Refused at once, and asked again after a moment: three hundred of them, as of a daemon that died."""
    prober = prober_of(Probe(timeout=2, attempts=3, max_qps_per_server=1e6), {}, now)
    before = monotonic()
    seen = await gather(prober, queries("ns1", CLOSED["127.0.0.1"], 300))
    took = monotonic() - before
    await prober.close()
    assert {one.outcome for one in seen} == {Outcome.REFUSED_CONNECTION}
    assert took < 60  # one after the other, with all patience, it would be half an hour


async def test_a_server_that_was_restarted_meanwhile_is_not_called_closed() -> None:
    # An address of its own: on 127.0.0.1 somebody else may take the port between the two.
    async with Nameserver(right, answering, host="127.0.0.78") as server:
        address = server.address
    prober = prober_of(Probe(timeout=2, attempts=3), {}, now)
    asking = asyncio.create_task(gather(prober, queries("ns1", address, 1)))
    await asyncio.sleep(0.05)
    async with Nameserver(right, answering, host=address.host, port=address.port):
        (seen,) = await asking
    await prober.close()
    assert seen.outcome is Outcome.ANSWERED


async def test_dead_tcp_does_not_hold_up_udp() -> None:
    """Somebody closes 53/tcp by dropping: a few hundred queries over TCP wait for nothing; UDP goes on as before."""
    async with Nameserver(right, deaf=True) as server:
        prober = prober_of(Probe(timeout=0.4, attempts=3, max_qps_per_server=1e6), {}, now)
        tcp = [replace(one, transport=Transport.TCP) for one in queries("ns1", server.address, 100)]
        seen = await gather(prober, [*tcp, *queries("ns1", server.address, 100)])
        await prober.close()
    assert [one.outcome for one in seen] == [Outcome.ANSWERED] * 100 + [Outcome.TIMEOUT] * 100


async def test_truncated_answers_over_dead_tcp_cost_less_once_it_is_known_to_be_dead() -> None:
    async with Nameserver(UDP["truncated"], deaf=True) as server:
        prober = prober_of(Probe(timeout=0.2, attempts=3, max_qps_per_server=1e6), {}, now)
        before = monotonic()
        seen = await gather(prober, queries("ns1", server.address, 64 * 5))
        took = monotonic() - before
        await prober.close()
    assert {one.outcome for one in seen} == {Outcome.TRUNCATED_ONLY}
    assert took < 0.6 + 4 * 0.6 - 0.2  # 0.6 s for the first 64, and 0.2 s for each 64 after them


async def test_closing_ends_everything_at_once() -> None:
    probe = Probe(timeout=30, max_qps_per_server=1e6)

    async def stall(query: Asked, connection: Connection) -> None:
        await connection.stall()

    async with Nameserver(silent, stall) as server:
        prober = prober_of(probe, {}, now)
        asked = queries("ns1", server.address, 200) + queries("ns1", server.address, 5, "AXFR")
        task = asyncio.create_task(gather(prober, asked))
        while len(server.asked) < 60 or len(server.asked_tcp) < 2:
            await asyncio.sleep(0.005)
        before = monotonic()
        await prober.close()
        seen = await task
    assert monotonic() - before < probe.timeout / 2
    assert Counter(one.query for one in seen) == Counter(asked)
    assert {one.outcome for one in seen} == {Outcome.UNASKED}
    assert prober.pending() == 0


async def test_closing_right_after_asking_loses_nothing() -> None:
    """A task that was cancelled before it began has an observation too."""
    async with Nameserver(right) as server:
        prober = prober_of(Probe(), {}, now)
        calling = prober(queries("ns1", server.address, 5))
        first = asyncio.ensure_future(anext(calling))
        await asyncio.sleep(0)
        await prober.close()
        seen = [*await first, *[one async for batch in calling for one in batch]]
    assert len(seen) == 5


async def test_what_is_asked_is_counted() -> None:
    async with Nameserver(UDP["wrong id, then right"], answering) as odd, Nameserver(silent) as dead:
        prober = prober_of(Probe(timeout=0.05, attempts=1, max_qps_per_server=1e6), {}, now)
        await gather(prober, queries("odd", odd.address, 3))
        await gather(prober, queries("dead", dead.address, 2))
        await gather(prober, [Query("z.", "odd", odd.address, "z.", "SOA", Transport.TCP)])
        await prober.close()
    stats = prober.stats
    assert stats.queries == {("odd", "tcp", "answered"): 4, ("dead", "udp", "timeout"): 2}
    assert set(stats.durations) == {("odd", "tcp")}
    *buckets, total = stats.durations["odd", "tcp"]
    assert sum(buckets) == 4
    assert len(buckets) == len(DURATION_BOUNDS) + 1
    assert 0 < total < 4
    assert stats.discarded["odd"] >= 3
    assert prober.pending() == 0


async def test_transfers_have_slots_of_their_own() -> None:
    """All that may be in flight is, and a transfer is asked all the same."""

    async def tcp(query: Asked, connection: Connection) -> None:
        await connection.send(reply(query, [soa(), rr(query.name, TXT, b"\x01x")]))

    async with Nameserver(silent) as dead, Nameserver(None, tcp) as giving:
        prober = prober_of(Probe(timeout=5, max_in_flight=8, max_qps_per_server=1e6), {}, now)
        busy = asyncio.create_task(gather(prober, queries("dead", dead.address, 50)))
        while len(dead.asked) < 8:
            await asyncio.sleep(0.005)
        (seen,) = await asyncio.wait_for(gather(prober, queries("giving", giving.address, 1, "AXFR")), 2)
        assert seen.transfer is TransferResult.ALLOWED
        await prober.close()
        assert len(await busy) == 50
