"""What a check says of its standing questions is what it asks every address of a zone that is well."""

import pytest

from checks.base import Check, StandingQuestion
from checks.model import Observation, Transport, WantedRecord, Zone
from checks.ns_set import NsSet
from checks.reachable import Reachable
from checks.records import Records
from checks.redundancy import Redundancy
from checks.registry import CHECKS
from checks.signatures import Signatures
from checks.soa_fields import SoaFields
from checks.soa_serial import SoaSerial
from checks.soa_timers import SoaTimers
from checks.transfer import Transfer
from tests.support.observations import has, seen, zone

ONE = zone(
    "ns1", "ns2", "ns3", records=(WantedRecord("www.example.com.", "A"), WantedRecord("elsewhere.example.", "MX"))
)
STANDING = tuple(check for kind in CHECKS.values() if (check := kind()).standing_questions(ONE))


def asked_of_each_address(check: Check, one: Zone) -> list[set[StandingQuestion]]:
    """By address, over all steps of a poll in which everything is answered."""
    every: tuple[Observation, ...] = ()
    while queries := tuple(check.queries(one, every)):
        every += tuple(seen(each, "10") if each.qtype == "SOA" else has(each, "192.0.2.80") for each in queries)
    return [
        {
            StandingQuestion(each.query.qname, each.query.qtype, each.query.transport, each.query.dnssec)
            for each in every
            if each.query.address == address
        }
        for _, address in one.server_addresses()
    ]


@pytest.mark.parametrize("check", STANDING, ids=lambda check: check.name)
def test_they_are_what_is_asked_of_every_address(check: Check) -> None:
    questions = check.standing_questions(ONE)
    assert len(set(questions)) == len(questions)
    assert asked_of_each_address(check, ONE) == [set(questions)] * 3


def test_transfers_are_tried_in_full_each_time() -> None:
    assert Transfer().standing_questions(ONE) == ()


def test_the_soa_over_udp_is_what_soa_serial_asks_for() -> None:
    shared: dict[type[Check], list[bool]] = {
        SoaSerial: [True],
        SoaFields: [True],
        SoaTimers: [True],
        Redundancy: [True],
        NsSet: [True, False],
        Records: [True, False, False],
        Reachable: [True, False],
        Signatures: [False],
    }
    for check, expected in shared.items():
        assert [one.is_for_soa(ONE) for one in check().standing_questions(ONE)] == expected
    assert {one.transport for one in Reachable().standing_questions(ONE)} == {Transport.UDP, Transport.TCP}
