"""Which worker asks an address over TCP: one at a time, and all of them as much."""

from checks.model import Address
from monitor.polling.workers.tcp_owners import TcpOwners

ADDRESSES = [Address(f"192.0.2.{number}") for number in range(8)]


def test_an_address_that_is_being_asked_stays_with_its_worker() -> None:
    owners = TcpOwners(3)
    first = owners.begin(ADDRESSES[0], 100)
    assert {owners.begin(ADDRESSES[0], 100) for _ in range(5)} == {first}
    for _ in range(5):
        owners.end(ADDRESSES[0])
    assert owners.begin(ADDRESSES[0], 1) == first
    owners.end(ADDRESSES[0])
    owners.end(ADDRESSES[0])
    assert owners.begin(ADDRESSES[0], 1) != first


def test_all_workers_are_given_as_much() -> None:
    owners = TcpOwners(3)
    given = [0, 0, 0]
    for _ in range(90):
        for address in ADDRESSES[:2]:
            given[owners.begin(address, 10)] += 10
        for address in ADDRESSES[:2]:
            owners.end(address)
    assert given == [600, 600, 600]
