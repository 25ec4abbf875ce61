"""The small print of the values."""

from dataclasses import replace

import pytest

from checks.model import Address, Family, Inconclusive, Outcome, WantedRecord
from tests.support.observations import query, seen, server, zone


@pytest.mark.parametrize(
    ("address", "text", "family"),
    [
        (Address("192.0.2.1"), "192.0.2.1", Family.IPV4),
        (Address("192.0.2.1", 5353), "192.0.2.1:5353", Family.IPV4),
        (Address("2001:db8::1"), "2001:db8::1", Family.IPV6),
        (Address("2001:db8::1", 5353), "[2001:db8::1]:5353", Family.IPV6),
    ],
)
def test_address(address: Address, text: str, family: Family) -> None:
    assert str(address) == text
    assert address.family is family


def test_only_an_authoritative_positive_answer_is_a_version() -> None:
    good = seen(query(zone(), "ns2"), "10")
    assert good.serial == 10
    assert replace(good, authoritative=False).serial is None
    assert replace(good, rcode="SERVFAIL").serial is None
    assert replace(good, soa=None).serial is None
    assert replace(good, outcome=Outcome.MALFORMED).serial is None
    assert (good.server, str(good.address)) == ("ns2", "192.0.2.2")


def test_unsure_covers_what_it_names_and_all_below() -> None:
    one, other = Address("192.0.2.1"), Address("192.0.2.2")
    assert Inconclusive("ns1").covers("ns1", one, "www A")
    assert Inconclusive("ns1", one).covers("ns1", one, "")
    assert not Inconclusive("ns1", one).covers("ns1", other, "")
    assert Inconclusive("ns1", one, "www A").covers("ns1", one, "www A")
    assert not Inconclusive("ns1", one, "www A").covers("ns1", one, "")
    assert not Inconclusive("ns1").covers("ns2", one, "")


def test_a_zone_knows_its_servers_and_places() -> None:
    dual = zone(server("ns1", "192.0.2.1", "2001:db8::1"), "ns2")
    assert dual.server("ns2") is dual.servers[1]
    assert dual.server("ns9") is None
    assert [(one.name, str(address)) for one, address in dual.server_addresses()] == [
        ("ns1", "192.0.2.1"),
        ("ns1", "2001:db8::1"),
        ("ns2", "192.0.2.2"),
    ]


def test_a_wanted_record_in_words() -> None:
    assert str(WantedRecord("www.example.com.", "A")) == "www.example.com. A"


def test_which_outcomes_are_a_failure_of_what() -> None:
    rows = {
        Outcome.ANSWERED: (False, False, False),
        Outcome.TIMEOUT: (True, True, False),
        Outcome.UNREACHABLE: (True, True, False),
        Outcome.REFUSED_CONNECTION: (True, False, False),
        Outcome.TRUNCATED_ONLY: (False, False, False),
        Outcome.MALFORMED: (False, False, True),
        Outcome.MISMATCHED: (False, False, True),
        Outcome.UNASKED: (False, True, False),
    }
    assert {one: (one.transport_failed, one.no_response, one.unusable) for one in Outcome} == rows
