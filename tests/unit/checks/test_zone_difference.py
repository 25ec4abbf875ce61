"""Two sets of records → what differs, in which order, and whether that is all."""

from dataclasses import replace

import pytest

from checks.common.transfers import allowing_rules, transfer_rules, why_not_given
from checks.common.zone_difference import (
    ComparedZone,
    ZoneComparison,
    ZoneDifference,
    left_out,
    soa_line,
    zone_difference,
)
from checks.model import Address, Expectation, Outcome, TransferResult, TransferRule
from tests.support.observations import SOA, pulled, query, zone

A, B, C = "a.example. 300 IN A 192.0.2.1", "b.example. 300 IN A 192.0.2.1", "x.a.example. 300 IN A 192.0.2.1"
CHANGED = "a.example. 60 IN A 192.0.2.1"
SIGNATURE = "a.example. 300 IN NSEC b.example. A NSEC"


def test_a_change_stands_where_it_was_made() -> None:
    found = zone_difference([C, A, B], [B, CHANGED, C], dnssec=True)
    assert (found.removed, found.added, found.number) == ((A,), (CHANGED,), 2)
    assert list(zone_difference([C, A], [B, CHANGED], dnssec=True)) == [
        ("-", A), ("+", CHANGED), ("-", C), ("+", B),
    ]  # fmt: skip


def test_parts_together_are_in_the_order_of_the_zone() -> None:
    one, other = ZoneDifference((B,), ()), ZoneDifference((A,), (C,))
    assert one + other == ZoneDifference((A, B), (C,))


def test_what_a_signer_makes_may_be_left_out() -> None:
    assert zone_difference([A], [A, SIGNATURE], dnssec=False).number == 0
    assert zone_difference([A, SIGNATURE], [A], dnssec=True).removed == (SIGNATURE,)


@pytest.mark.parametrize(
    ("difference", "how", "equal", "complete"),
    [
        (ZoneDifference((), ()), {}, True, True),
        (ZoneDifference((A,), ()), {}, False, True),
        (ZoneDifference((), ()), {"unread": 3}, False, False),
        (ZoneDifference((), ()), {"partly": True}, False, False),
    ],
)
def test_only_what_was_read_whole_is_equal(
    difference: ZoneDifference, how: dict[str, int], equal: bool, complete: bool
) -> None:
    side = ComparedZone("ns1", Address("192.0.2.1"), SOA, 3)
    found = replace(ZoneComparison("example.", side, side, difference), **how)
    assert (found.equal, found.complete) == (equal, complete)


@pytest.mark.parametrize(
    ("how", "shown", "texts"),
    [
        ({}, 2, []),
        ({}, 1, ["and 1 more"]),
        ({"unread": 3}, 1, ["and at least 1 more", "not read: 3 of 4096 parts"]),
        ({"partly": True}, 2, ["not read: some records of the parts that differ"]),
    ],
)
def test_what_is_not_shown_is_said(how: dict[str, int], shown: int, texts: list[str]) -> None:
    side = ComparedZone("ns1", Address("192.0.2.1"), SOA, 3)
    found = replace(ZoneComparison("example.", side, side, ZoneDifference((A,), (B,))), **how)
    told = left_out(found, shown)
    assert len(told) == len(texts)
    assert all(text in one for text, one in zip(texts, told, strict=True))


def test_a_server_without_a_name_is_called_by_its_address_once() -> None:
    address = Address("192.0.2.1")
    assert str(ComparedZone("ns1", address, SOA, 3)) == "ns1 (192.0.2.1)"
    assert str(ComparedZone("192.0.2.1", address, SOA, 3)) == "192.0.2.1"


def test_a_soa_is_written_as_other_records_are() -> None:
    assert soa_line("example.", replace(SOA, serial=7, ttl=60)) == (
        f"example. 60 IN SOA {SOA.mname} {SOA.rname} 7 {SOA.refresh} {SOA.retry} {SOA.expire} {SOA.minimum}"
    )


def test_rules_of_a_server_go_before_those_of_all() -> None:
    every, own = TransferRule("*", Expectation.ALLOWED, "x"), TransferRule("ns1", Expectation.ALLOWED, "y")
    refused, other = TransferRule("ns1", Expectation.REFUSED), TransferRule("ns2", Expectation.ALLOWED)
    rules = (every, refused, other, own)
    assert transfer_rules(rules, "ns1") == [refused, own, every]
    assert allowing_rules(rules, "ns1") == [own, every]


@pytest.mark.parametrize(
    ("result", "fields", "text"),
    [
        (TransferResult.REFUSED, {}, "the transfer is refused (REFUSED)"),
        (TransferResult.NOTAUTH, {}, "the transfer is refused (NOTAUTH)"),
        (TransferResult.LIMIT, {"detail": "more than 5 records"}, "limit, more than 5 records"),
        (TransferResult.SERVFAIL, {}, "servfail"),
        (TransferResult.TIMEOUT, {"outcome": Outcome.TIMEOUT, "detail": "silent"}, "timeout, silent"),
        (TransferResult.TIMEOUT, {"outcome": Outcome.TIMEOUT}, "timeout"),
    ],
)
def test_why_no_zone_came(result: TransferResult, fields: dict[str, object], text: str) -> None:
    assert why_not_given(pulled(query(zone(), "ns1", "AXFR"), result, **fields)) == text
