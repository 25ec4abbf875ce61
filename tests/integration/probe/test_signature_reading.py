"""What is read of signatures: as many as are looked at, and of broken answers nothing but that they are broken."""

from dataclasses import replace
from datetime import timedelta

import dns.message
import dns.rdatatype
import pytest

from checks.model import MAX_SIGNATURES, Address, Query
from monitor.probe.message import quick_response
from monitor.probe.message.request import make_request, question
from monitor.probe.message.wire import Malformed
from tests.support.mutations import dice, mutants
from tests.support.observations import NOON
from tests.support.signed_observations import made, parsed, wire
from tests.support.signed_zones import zone_key

KEY = zone_key()
COPY = parsed(made(KEY))


def query(qtype: str, *, dnssec: bool = True) -> Query:
    return Query("example.com.", "ns1", Address("192.0.2.1"), "example.com.", qtype, identify=True, dnssec=dnssec)


@pytest.mark.parametrize("qtype", ["SOA", "NS", "MX", "DNSKEY"])
def test_a_signature_is_read_where_it_was_asked_for(qtype: str) -> None:
    asked = query(qtype)
    (signature,) = quick_response.read(wire(asked, COPY), question(asked)).signatures
    assert (signature.key_tag, signature.algorithm, signature.signer) == (KEY.tag, 13, "example.com.")
    assert signature.inception == int((NOON - timedelta(days=1)).timestamp())
    assert signature.expiration == int((NOON + timedelta(days=29)).timestamp())
    plain = replace(asked, dnssec=False)
    assert quick_response.read(wire(asked, COPY), question(plain)).signatures == ()
    assert quick_response.read(wire(plain, COPY), question(asked)).signatures == ()


def test_it_is_asked_for_by_the_do_bit_and_not_without_edns() -> None:
    with_do = dns.message.from_wire(make_request(question(query("SOA")), edns=True).wire)
    assert (with_do.ednsflags, with_do.payload) == (dns.flags.EDNSFlag.DO, 1232)
    assert dns.message.from_wire(make_request(question(query("SOA", dnssec=False)), edns=True).wire).ednsflags == 0
    assert dns.message.from_wire(make_request(question(query("SOA")), edns=False).wire).edns == -1


def test_no_more_are_kept_than_are_looked_at() -> None:
    asked = query("NS")
    message = dns.message.from_wire(wire(asked, COPY))
    rrset = next(one for one in message.answer if one.rdtype == dns.rdatatype.RRSIG)
    first = rrset[0]
    for number in range(600):
        rrset.add(first.replace(key_tag=number, signature=number.to_bytes(64, "big")))
    read = quick_response.read(message.to_wire(max_size=65535), question(asked))
    assert len(read.signatures) == MAX_SIGNATURES
    assert read.answer is not None
    assert len(read.answer.rdata) == 2


@pytest.mark.parametrize("qtype", ["SOA", "NS", "DNSKEY"])
def test_what_is_broken_is_called_broken(qtype: str) -> None:
    asked = query(qtype)
    seeds = [wire(query(one), COPY) for one in (qtype, "MX")]
    for mutant in mutants(seeds, 3000, dice(), keep=2):
        try:
            read = quick_response.read(mutant, question(asked))
        except Malformed:
            continue
        assert all(one.signer.isascii() and one.signer.isprintable() for one in read.signatures), mutant.hex()
