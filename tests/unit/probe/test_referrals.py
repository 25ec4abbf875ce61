"""Delegations as they are read off the octets of an answer."""

import random

import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.rrset
import pytest

from checks.model import Address, Query, Referral
from monitor.probe.message import quick_response
from monitor.probe.message.request import make_request, question
from monitor.probe.message.wire import Malformed

QUERY = Query("example.com.", "a.nic", Address("203.0.113.1"), "example.com.", "NS", dnssec=True, foreign=True)
NS = ("example.com. 3600 IN NS ns2.EXAMPLE.net.", "Example.com. 7200 IN NS ns1.example.com.")
GLUE = (
    "NS1.example.com. 60 IN A 192.0.2.1",
    "ns1.example.com. 60 IN AAAA 2001:db8::1",
    "ns9.example.org. 60 IN A 192.0.2.9",
)
DS = "example.com. 60 IN DS 1 13 2 " + "ab" * 32
NSEC = "example.com. 60 IN NSEC exampld.com. NS RRSIG NSEC"


def wire(authority: tuple[str, ...] = (), additional: tuple[str, ...] = (), answer: tuple[str, ...] = ()) -> bytes:
    reply = dns.message.make_response(dns.message.from_wire(make_request(question(QUERY), edns=True).wire))
    for section, lines in ((reply.answer, answer), (reply.authority, authority), (reply.additional, additional)):
        for line in lines:
            name, ttl, _, rtype, rdata = line.split(None, 4)
            section.append(dns.rrset.from_text(name, int(ttl), "IN", rtype, rdata))
    return reply.to_wire(max_size=65535)


def read(octets: bytes, foreign: bool = True) -> Referral | None:
    asked = QUERY if foreign else Query("example.com.", "ns1", Address("192.0.2.1"), "example.com.", "NS")
    return quick_response.read(octets, question(asked)).referral


def test_a_referral_holds_names_glue_and_keys() -> None:
    assert read(wire((*NS, DS), GLUE)) == Referral(
        "example.com.", ("ns1.example.com.", "ns2.example.net."), 3600,
        (("ns1.example.com.", "192.0.2.1"), ("ns1.example.com.", "2001:db8::1")), (f"1 13 2 {'ab' * 32}",),
    )  # fmt: skip
    assert read(wire((*NS, NSEC))) == Referral(
        "example.com.", ("ns1.example.com.", "ns2.example.net."), 3600, denied=True
    )


def test_it_is_read_where_a_stranger_was_asked_alone() -> None:
    assert read(wire(NS), foreign=False) is None


@pytest.mark.parametrize(
    "octets",
    [
        wire(),
        wire(answer=NS),
        wire(("example.org. 60 IN NS ns1.example.org.",)),
        wire(("www.example.com. 60 IN NS ns1.example.org.",)),
        wire(("com. 60 IN SOA a.nic. b.nic. 1 2 3 4 5",)),
    ],
    ids=["nothing", "NS records that answer", "of another zone", "of a zone below", "a SOA record"],
)
def test_what_delegates_nothing_at_or_above_the_zone_is_no_referral(octets: bytes) -> None:
    assert read(octets) is None


def test_of_two_delegations_the_nearer_counts() -> None:
    found = read(wire(("com. 60 IN NS a.nic.", *NS)))
    assert found is not None
    assert found.zone == "example.com."


def test_what_is_kept_of_a_referral_is_bounded() -> None:
    many = tuple(f"example.com. 60 IN NS ns{number}.example.net." for number in range(300))
    glue = tuple(f"ns0.example.net. 60 IN A 10.0.{number // 250}.{number % 250}" for number in range(500))
    found = read(wire(many, glue))
    assert found is not None
    assert (len(found.nameservers), len(found.glue)) == (64, 256)


def test_whatever_is_garbled_is_malformed_or_read() -> None:
    rng, octets = random.Random(9471), wire((*NS, DS), GLUE)
    for _ in range(3000):
        broken = bytearray(octets)
        for _ in range(rng.randint(1, 4)):
            broken[rng.randrange(12, len(broken))] = rng.randrange(256)
        try:
            found = read(bytes(broken))
        except Malformed:
            continue
        assert found is None or found.zone.endswith(".")
