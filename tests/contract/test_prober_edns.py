"""An error, or silence, may be meant for EDNS: the same question without it tells (RFC 6891 section 7).

The kind: a server, or something before it, that answers well only when it is asked without EDNS. Its neighbours: an
error that is meant, over either transport, from one zone of many, under rate limits, and while a worker is ended.
"""

import asyncio
import itertools
from dataclasses import replace

import pytest

from checks.model import Outcome, Query, Transport
from monitor.clock import now
from tests.support.bulk_engine import ask_engine, enable_fast_path, engine, query_batch
from tests.support.misbehaviour import TCP, UDP
from tests.support.nameserver import (
    FORMERR,
    NXDOMAIN,
    REFUSED,
    SERIAL,
    SERVFAIL,
    Asked,
    Connection,
    Nameserver,
    Tcp,
    Udp,
    good,
    opt,
    reply,
    soa,
)
from tests.support.prober_observations import HOSTS, PATIENT, QUICK, see
from tests.support.probers import prober_of

MEANT = {"REFUSED": REFUSED, "SERVFAIL": SERVFAIL}


def refusing(rcode: int) -> Udp:
    return lambda query: [reply(query, rcode=rcode, aa=False, additional=[opt((15, b"\0\x14"))] if query.edns else [])]


def refusing_tcp(rcode: int) -> Tcp:
    async def tcp(query: Asked, connection: Connection) -> None:
        await connection.send(next(iter(refusing(rcode)(query))))
        await connection.stall()

    return tcp


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("words", MEANT)
async def test_an_error_that_is_meant_is_asked_for_twice_and_keeps_what_it_said(
    words: str, host: str, transport: Transport
) -> None:
    async with Nameserver(refusing(MEANT[words]), refusing_tcp(MEANT[words]), host) as server:
        prober = prober_of(PATIENT, {}, now)
        query = Query("example.net.", "ns1", server.address, "example.net.", "SOA", transport)
        (seen,) = [one async for batch in prober([query]) for one in batch]
        await prober.close()
    assert (seen.rcode, seen.ede, seen.without_edns) == (words, ("20 Not Authoritative",), "")
    asked = server.asked if transport is Transport.UDP else server.asked_tcp
    assert [one.edns for one in asked] == [True, False]


async def test_one_that_knows_no_edns_and_refuses_is_told_by_what_it_says_without() -> None:
    seen = await see(lambda q: [reply(q, rcode=FORMERR if q.edns else REFUSED, aa=False)], None)
    assert (seen.rcode, seen.without_edns) == ("REFUSED", "FORMERR")


async def test_of_two_errors_the_first_counts_where_neither_speaks_of_edns() -> None:
    seen = await see(lambda q: [reply(q, rcode=SERVFAIL if q.edns else REFUSED, aa=False)], None)
    assert (seen.rcode, seen.without_edns) == ("SERVFAIL", "")


UNUSABLE: dict[str, Udp] = {
    "another id": lambda q: [reply(q, [soa()], id=q.id ^ 1)],
    "no response": lambda q: [q.wire],
    "five octets": lambda q: [q.wire[:5]],
    "half a message": lambda q: [good(q)[:40]],
    "garbage": lambda q: [b"\xff" * 40],
}


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("alive", [True, False], ids=["tcp", "no tcp"])
@pytest.mark.parametrize("words", UNUSABLE)
async def test_answers_to_edns_that_cannot_be_used_are_told_beside_a_good_one_without(
    words: str, alive: bool, host: str
) -> None:
    """Resolvers throw them away, as they do nothing else with silence; TCP, and the plain question, are well."""

    def udp(query: Asked) -> list[bytes]:
        return list(UNUSABLE[words](query)) if query.edns else [good(query)]

    seen = await see(udp, TCP["right"] if alive else None, host=host, probe=replace(PATIENT, timeout=0.4))
    assert (seen.serial, seen.without_edns) == (SERIAL, "an answer that cannot be used")


async def test_one_stray_beside_a_right_answer_to_edns_is_no_word_about_edns() -> None:
    seen = await see(lambda q: [reply(q, [soa()], id=q.id ^ 1), good(q)], TCP["right"])
    assert (seen.serial, seen.without_edns) == (SERIAL, "")


async def test_at_the_apex_no_such_name_is_an_error_and_elsewhere_an_answer() -> None:
    def udp(query: Asked) -> list[bytes]:
        return [reply(query, rcode=NXDOMAIN) if query.edns else good(query)]

    seen = await see(udp, None)
    assert (seen.serial, seen.without_edns) == (SERIAL, "NXDOMAIN")
    async with Nameserver(lambda q: [reply(q, rcode=NXDOMAIN)]) as server:
        prober = prober_of(PATIENT, {}, now)
        for name, times in (("example.net.", 2), ("www.example.net.", 1)):
            server.asked.clear()
            query = Query("example.net.", "ns1", server.address, name, "SOA")
            (seen,) = [one async for batch in prober([query]) for one in batch]
            assert (seen.rcode, seen.without_edns, len(server.asked)) == ("NXDOMAIN", "", times)
        await prober.close()


async def test_an_error_to_edns_and_silence_without_is_an_error() -> None:
    seen = await see(lambda q: [reply(q, rcode=SERVFAIL, aa=False)] if q.edns else [], None, probe=QUICK)
    assert (seen.outcome, seen.rcode, seen.without_edns) == (Outcome.ANSWERED, "SERVFAIL", "")


async def test_one_zone_of_many() -> None:
    """The zones are at one address; what is so of one is not said of the others."""

    def udp(query: Asked) -> list[bytes]:
        return [reply(query, rcode=SERVFAIL, aa=False) if query.edns and query.name[2] == 51 else good(query)]

    async with Nameserver(udp) as server:
        prober = prober_of(PATIENT, {}, now)
        names = [f"z{number}.example.net." for number in range(9)]
        queries = [Query(name, "ns1", server.address, name, "SOA", identify=True) for name in names]
        seen = {one.query.qname: one async for batch in prober(queries) for one in batch}
        await prober.close()
    assert {one.serial for one in seen.values()} == {SERIAL}
    assert [name for name, one in seen.items() if one.without_edns] == ["z3.example.net."]


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
@pytest.mark.parametrize("machines", [2, 3])
@pytest.mark.parametrize("words", MEANT)
async def test_one_of_several_machines_that_fails_is_no_word_about_edns(
    words: str, machines: int, transport: Transport
) -> None:
    """They take turns, and the first is the one that fails."""
    turns = itertools.cycle([True] + [False] * (machines - 1))

    def udp(query: Asked) -> list[bytes]:
        return list(refusing(MEANT[words])(query)) if next(turns) else [good(query)]

    async def tcp(query: Asked, connection: Connection) -> None:
        await connection.send(udp(query)[0])
        await connection.stall()

    async with Nameserver(udp, tcp) as server:
        prober = prober_of(PATIENT, {}, now)
        query = Query("example.net.", "ns1", server.address, "example.net.", "SOA", transport)
        (seen,) = [one async for batch in prober([query]) for one in batch]
        await prober.close()
    assert seen.without_edns == ""
    assert seen.rcode in {words, "NOERROR"}  # the engine asks once more what it got without EDNS


# --- the engine ---

COUNT = 40


@pytest.mark.parametrize("words", MEANT)
async def test_an_error_that_is_meant_is_known_again_and_costs_one_question(words: str) -> None:
    async with Nameserver(refusing(MEANT[words])) as server, engine(COUNT) as one:
        _, changed = await ask_engine(one, [query_batch(server.address, COUNT)])
        assert {(seen.rcode, seen.ede) for seen in changed.values()} == {(words, ("20 Not Authoritative",))}
        assert len(server.asked) == 2 * COUNT
        enable_fast_path(one, range(COUNT))
        unchanged, changed = await ask_engine(one, [query_batch(server.address, COUNT)])
        assert (len(unchanged), changed) == (COUNT, {})
        assert len(server.asked) == 3 * COUNT
        assert one.stats.queries == {("ns1", "udp", "answered"): 2 * COUNT}
        assert one.pending() == 0


@pytest.mark.parametrize("words", ["servfail to EDNS", "refused to EDNS", "EDNS dropped", "formerr to EDNS"])
async def test_what_was_asked_without_edns_does_not_become_unchanged(words: str) -> None:
    async with Nameserver(UDP[words]) as server, engine(COUNT, QUICK) as one:
        for _ in range(2):
            unchanged, changed = await ask_engine(one, [query_batch(server.address, COUNT)])
            assert not unchanged
            assert {seen.serial for seen in changed.values()} == {SERIAL}
            assert all(seen.without_edns for seen in changed.values())
            enable_fast_path(one, range(COUNT))


async def test_an_answer_that_waits_for_a_better_one_is_told_when_it_ends() -> None:
    """Held while the question without EDNS is out, it has come all the same: it is neither lost nor unasked."""

    def udp(query: Asked) -> list[bytes]:
        return [reply(query, rcode=REFUSED, aa=False)] if query.edns else []

    async with Nameserver(udp) as server, engine(COUNT) as one:
        task = asyncio.create_task(ask_engine(one, [query_batch(server.address, COUNT)]))
        while len(server.asked) < 2 * COUNT:
            await asyncio.sleep(0.005)
        await one.close()
        _, changed = await task
        assert {seen.rcode for seen in changed.values()} == {"REFUSED"}
        assert one.pending() == 0


async def test_a_closed_port_in_between_leaves_the_answer_that_came() -> None:
    def udp(query: Asked) -> list[bytes]:
        if not query.edns:
            return [b""]  # a stray casts doubt on it, and closes the port
        return [reply(query, rcode=REFUSED, aa=False)]

    async with Nameserver(udp) as server, engine(4, QUICK) as one:
        _, changed = await ask_engine(one, [query_batch(server.address, 4)])
        assert {seen.rcode for seen in changed.values()} == {"REFUSED"}


@pytest.mark.parametrize("attempts", [1, 2, 3])
async def test_however_often_it_may_be_asked_it_is_asked_without_as_well(attempts: int) -> None:
    seen = await see(UDP["refused to EDNS"], None, probe=replace(PATIENT, attempts=attempts))
    assert (seen.serial, seen.without_edns) == (SERIAL, "REFUSED")
