"""Deadlines: what is taken out when, and in which order."""

import socket
from collections.abc import Iterator

import pytest

from checks.model import Address
from monitor.clock import monotonic
from monitor.probe.bulk.batches import QueryBatch, QueryTemplate
from monitor.probe.bulk.deadlines import Deadlines
from monitor.probe.bulk.target import BatchResult, InFlight, PendingBatch, PooledSocket, Retry, Target
from monitor.probe.client.target_queue import TokenBucket
from monitor.probe.settings import Probe

ADDRESS = Address("127.0.0.1")


@pytest.fixture
def target() -> Target:
    return Target("ns1", ADDRESS, TokenBucket(1), Probe(), InFlight(), use_gso=True)


@pytest.fixture
def socks(target: Target) -> Iterator[list[PooledSocket]]:
    """They wait 1, 2 and 1 s."""
    waits = (1.0, 2.0, 1.0)
    found = [PooledSocket(socket.socket(type=socket.SOCK_DGRAM), target, 0, wait, True, 0.0) for wait in waits]
    yield found
    for one in found:
        one.raw.close()


def test_a_socket_expires_once_for_each_time_it_was_sent_from(socks: list[PooledSocket]) -> None:
    deadlines = Deadlines()
    short, long, closed = socks
    for sock, at in ((short, 10.0), (long, 10.0), (closed, 10.2), (short, 10.5)):
        deadlines.sent(sock, at)
    assert deadlines.next(99.0) == 11.0
    assert deadlines.expired(10.9) is None
    assert deadlines.expired(11.0) == (short, 10.0)
    closed.closed = True
    assert deadlines.expired(11.4) is None
    assert deadlines.expired(12.0) == (short, 10.5)
    assert deadlines.expired(12.0) == (long, 10.0)
    assert deadlines.expired(99.0) is None
    assert deadlines.next(99.0) == 99.0


def test_what_is_delayed_is_due_in_order_of_its_time(target: Target) -> None:
    deadlines = Deadlines()
    batch = PendingBatch(QueryBatch("ns1", ADDRESS, [b"\1z\0"], [-1]), BatchResult(set()), QueryTemplate())
    late, soon, again = (Retry(batch, b"\1z\0", -1, target) for _ in range(3))
    for retry, pause in ((late, 3.0), (soon, 1.0), (again, 1.0)):
        deadlines.later(retry, pause)
    now = monotonic()
    assert deadlines.due(now) is None
    assert now < deadlines.next(now + 99) <= now + 1
    assert [deadlines.due(now + 2) for _ in range(3)] == [soon, again, None]
    assert len(deadlines) == 1
    assert deadlines.due(now + 4) is late
