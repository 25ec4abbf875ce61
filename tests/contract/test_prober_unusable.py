"""What UDP did is told of UDP: TCP's word never makes an answer over UDP out of strays, noise or silence.

The kind: an address at which nothing that comes over UDP can be used by anybody who asks, while its TCP is fine. Its
neighbours: a stray beside a right answer, a stray beside silence, other types than SOA, IPv6, TCP closed, one query
and very many.
"""

import asyncio
from dataclasses import replace

import pytest

from checks.model import Observation, Outcome, Query, Transport
from monitor.clock import now
from monitor.probe.circuit_breaker import FAILURE_THRESHOLD, HALF_OPEN_PROBES
from monitor.probe.settings import Probe
from tests.support.misbehaviour import UDP
from tests.support.nameserver import SERIAL, ZONE, Asked, Nameserver, Tcp, Udp, answering, forged, good
from tests.support.prober_observations import HOSTS, QUICK, see
from tests.support.probers import prober_of

SLOW = Probe(timeout=0.3, attempts=3, max_qps_per_server=1e6)
NOT_OURS = "another id or question than was asked"


@pytest.mark.parametrize("tcp", [answering, None], ids=["TCP answers", "TCP is closed"])
@pytest.mark.parametrize("host", HOSTS)
async def test_whatever_tcp_does_an_address_that_sends_only_strays_is_mismatched(host: str, tcp: Tcp | None) -> None:
    seen = await see(UDP["wrong id"], tcp, host, QUICK)
    assert (seen.outcome, seen.serial, seen.transport) == (Outcome.MISMATCHED, None, None)
    assert seen.detail.startswith(f"{NOT_OURS}, at 3 of 3 attempts")
    assert seen.discarded >= 3
    assert seen.evidence


@pytest.mark.parametrize("qtype", ["NS", "A", "TXT", "DNSKEY"])
async def test_of_any_type(qtype: str) -> None:
    seen = await see(UDP["wrong question"], answering, probe=QUICK, qtype=qtype)
    assert seen.outcome is Outcome.MISMATCHED


async def test_asked_once_one_stray_is_all_there_is() -> None:
    assert (await see(UDP["wrong id"], answering, probe=replace(QUICK, attempts=1))).outcome is Outcome.MISMATCHED


@pytest.mark.parametrize("tcp", [answering, None], ids=["TCP answers", "TCP is closed"])
@pytest.mark.parametrize("after", [0.0, 0.1])
async def test_a_stray_before_the_right_answer_is_nothing_be_it_ever_so_late(tcp: Tcp | None, after: float) -> None:
    """Somebody who guesses the port makes one packet; the server's own answer comes all the same."""
    loop, timers = asyncio.get_running_loop(), []
    async with Nameserver(lambda query: [], tcp) as server:

        def udp(query: Asked) -> list[bytes]:
            timers.append(loop.call_later(after, server.send, good(query), (server.address.host, server.sources[-1])))
            return [forged(query)]

        server._udp = udp
        (seen,) = await ask(server, [ZONE], SLOW)
        for timer in timers:
            timer.cancel()
    assert (seen.outcome, seen.serial) == (Outcome.ANSWERED, SERIAL)
    assert seen.discarded >= 1


@pytest.mark.parametrize("tcp", [answering, None], ids=["TCP answers", "TCP is closed"])
async def test_one_stray_does_not_make_silence_anything_else(tcp: Tcp | None, kind: str) -> None:
    """The engine hands a query that was disturbed to DnsClient, so that the stray is of the first attempt."""
    times = iter(range(100))
    seen = await see(lambda query: [forged(query)] if next(times) == 0 else [], tcp, probe=QUICK)
    assert seen.outcome is Outcome.TIMEOUT
    assert seen.detail.startswith("no answer to 3 attempts within 0.3 s")


async def ask(server: Nameserver, names: list[str], probe: Probe) -> list[Observation]:
    prober = prober_of(probe, {}, now)
    queries = [Query(name, "ns1", server.address, name, "SOA") for name in names]
    try:
        async with asyncio.timeout(60):
            found = {seen.query.qname: seen async for batch in prober(queries) for seen in batch}
    finally:
        await prober.close()
    assert len(found) == len(names)
    return [found[name] for name in names]


STRAYS: dict[str, Udp] = {name: UDP[name] for name in ("empty", "five octets", "noise", "our own query", "wrong id")}


@pytest.mark.parametrize("words", STRAYS)
async def test_what_one_zone_provokes_is_not_held_for_the_answer_of_another(words: str) -> None:
    """One address, many zones: strays for some, silence for some, and right answers for the rest."""

    def udp(query: Asked) -> list[bytes]:
        number = int(query.name[2 : 1 + query.name[0]])
        return [good(query)] if number % 3 == 0 else [] if number % 3 == 1 else [*STRAYS[words](query)]

    names = [f"z{number}.example.net." for number in range(9)]
    async with Nameserver(udp, answering) as server:
        seen = await ask(server, names, QUICK)
    assert [one.serial for one in seen[::3]] == [SERIAL] * 3
    assert [one.outcome for one in seen[1::3]] == [Outcome.TIMEOUT] * 3
    assert {one.outcome for one in seen[2::3]} <= {Outcome.MISMATCHED, Outcome.MALFORMED}


@pytest.mark.parametrize("words", ["wrong id", "noise under our id"])
async def test_very_many_zones_of_such_an_address_do_not_wait_for_each_other(words: str) -> None:
    """Once it is known for that, only a few questions at a time still wait for something better to come."""
    many = 150
    probe = Probe(timeout=0.5, attempts=3, max_qps_per_server=1e6)
    async with Nameserver(UDP[words], answering) as server:
        start = asyncio.get_running_loop().time()
        seen = await ask(server, [f"z{number}.example.net." for number in range(many)], probe)
        took = asyncio.get_running_loop().time() - start
    assert {one.outcome for one in seen} == {Outcome.MISMATCHED if words == "wrong id" else Outcome.MALFORMED}
    patience = probe.timeout * probe.attempts
    assert took < patience * many / (HALF_OPEN_PROBES + FAILURE_THRESHOLD)


async def test_such_an_address_is_believed_again_as_soon_as_it_answers() -> None:
    mended = False

    def udp(query: Asked) -> list[bytes]:
        return [good(query) if mended else forged(query)]

    names = [f"z{number}.example.net." for number in range(40)]
    async with Nameserver(udp, answering) as server:
        prober = prober_of(SLOW, {}, now)
        queries = [Query(name, "ns1", server.address, name, "SOA") for name in names]
        for expected in (Outcome.MISMATCHED, Outcome.ANSWERED):
            mended = expected is Outcome.ANSWERED
            seen = [one async for batch in prober(queries) for one in batch]
            assert {one.outcome for one in seen} == {expected}
        assert {one.transport for one in seen} == {Transport.UDP}
        await prober.close()
