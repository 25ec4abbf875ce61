"""A server that reloads drops the connections it has just taken: that is told from one that never answers."""

import pytest

from checks.model import Observation, Outcome, Query, TransferResult, Transport
from monitor.clock import now
from monitor.probe.settings import Probe
from tests.support.misbehaviour import TCP, transfer, zone
from tests.support.nameserver import SERIAL, ZONE, Asked, Connection, Nameserver, Tcp
from tests.support.probers import prober_of

BREAKS = ("reset", "closed at once", "half")


def at_first(breaks: Tcp, then: Tcp) -> Tcp:
    """The first connection is broken, those after it are served."""
    connections: list[Connection] = []

    async def tcp(query: Asked, connection: Connection) -> None:
        connections.append(connection)
        await (breaks if len(connections) == 1 else then)(query, connection)

    return tcp


async def see(tcp: Tcp, qtype: str) -> tuple[Observation, int]:
    """And how many connections it took."""
    prober = prober_of(Probe(), {}, now)
    async with Nameserver(None, tcp) as server:
        query = Query(ZONE, "ns1", server.address, ZONE, qtype, Transport.TCP, whole=True)
        (seen,) = [one async for batch in prober([query]) for one in batch]
        await prober.close()
        return seen, len(server.asked_tcp)


@pytest.mark.parametrize("name", BREAKS)
async def test_a_question_is_asked_once_more(name: str) -> None:
    seen, connections = await see(at_first(TCP[name], TCP["right"]), "SOA")
    assert (seen.outcome, seen.serial, connections) == (Outcome.ANSWERED, SERIAL, 2)


@pytest.mark.parametrize("name", BREAKS)
async def test_and_not_more_than_that_but_for_once_without_edns_where_nothing_was_said(name: str) -> None:
    seen, connections = await see(TCP[name], "SOA")
    assert (seen.outcome, connections) == (Outcome.REFUSED_CONNECTION, 2 if name == "half" else 3)


@pytest.mark.parametrize("name", BREAKS)
async def test_so_is_a_transfer_that_was_dropped(name: str) -> None:
    seen, connections = await see(at_first(TCP[name], transfer(lambda _: zone())), "AXFR")
    assert (seen.outcome, seen.transfer, connections) == (Outcome.ANSWERED, TransferResult.ALLOWED, 2)


async def test_so_is_a_transfer_that_breaks_off() -> None:
    half = transfer(lambda _: zone()[:-1])
    seen, connections = await see(at_first(half, transfer(lambda _: zone())), "AXFR")
    assert (seen.transfer, connections) == (TransferResult.ALLOWED, 2)
    seen, connections = await see(half, "AXFR")
    assert (seen.transfer, connections) == (TransferResult.TRUNCATED, 2)
