"""Two writings of the same record are the same text, whoever wrote it."""

import dns.exception
import dns.message
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.model import RrSet
from monitor.probe.message import canonical

ZONE = "example.com."


def rrset(found: dns.rrset.RRset) -> RrSet:
    """An RRset from a message in canonical form."""
    rdata = canonical.ordered(map(canonical.canonical, found))
    return RrSet(found.name.canonicalize().to_text(), dns.rdatatype.to_text(found.rdtype), found.ttl, rdata)


@pytest.mark.parametrize(
    ("rdtype", "one", "other"),
    [
        ("A", "192.0.2.1", "192.0.2.1"),
        ("AAAA", "2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("MX", "10 Mail", "10 mail.EXAMPLE.com."),
        ("NS", "NS1.Example.Net.", "ns1.example.net."),
        ("SRV", "0 5 5060 SIP", "0 5 5060 sip.example.com."),
        ("TXT", "v=spf1 -all", '"v=spf1 -all"'),
        ("TXT", '"a b" "c"', '"a\\032b" c'),
        ("TXT", "grüße", '"gr\\195\\188\\195\\159e"'),
        ("TXT", 'say "hi"', '"say \\"hi\\""'),
        ("CAA", '0 issue "ca.example"', "0 issue ca.example"),
        ("DS", "1 8 2 " + "AB" * 32, "1 8 2 " + "ab " * 32),
        ("TYPE65280", "\\# 2 ABCD", "\\# 2 ab cd"),
        ("HTTPS", "1 . alpn=h2", '1 . alpn="h2"'),
        ("HTTPS", "1 Svc.Example.net. alpn=h2", "1 svc.example.NET. alpn=h2"),
        ("SVCB", "0 Svc", "0 svc.example.com."),
        ("LP", "10 L64", "10 l64.example.com."),
        ("SOA", "NS1 Host 1 2 3 4 5", "ns1.example.com. host.example.com. 1 2 3 4 5"),
    ],
)
def test_writings_of_the_same_record(rdtype: str, one: str, other: str) -> None:
    assert canonical.parse_rdata(rdtype, one, ZONE) == canonical.parse_rdata(rdtype, other, ZONE)


@pytest.mark.parametrize(
    ("rdtype", "one", "other"),
    [
        ("TXT", "A", "a"),
        ("TXT", '"ab"', '"a" "b"'),
        ("CAA", '0 issue "CA.example"', '0 issue "ca.example"'),
        ("MX", "10 mail", "20 mail"),
    ],
)
def test_records_that_differ(rdtype: str, one: str, other: str) -> None:
    assert canonical.parse_rdata(rdtype, one, ZONE) != canonical.parse_rdata(rdtype, other, ZONE)


@pytest.mark.parametrize(
    ("rdtype", "text"),
    [
        ("A", "192.0.2"),
        ("A", ""),
        ("MX", "mail"),
        ("TXT", '"open'),
        ("NOTYPE", "x"),
        ("AAAA", "192.0.2.1"),
        ("A", "192.0.2.1 x"),
    ],
)
def test_what_is_no_record_is_a_value_error_with_a_reason(rdtype: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        canonical.parse_rdata(rdtype, text, ZONE)


def test_a_long_text_is_split_into_strings_of_255_octets() -> None:
    text = canonical.parse_rdata("TXT", "a" * 300, ZONE)
    assert text == f'"{"a" * 255}" "{"a" * 45}"'


def test_an_rrset_is_sorted_in_lower_case_and_each_record_once() -> None:
    found = dns.rrset.from_text("WWW.Example.COM.", 300, "IN", "A", "192.0.2.2", "192.0.2.1", "192.0.2.2")
    assert rrset(found) == RrSet("www.example.com.", "A", 300, ("192.0.2.1", "192.0.2.2"))


def test_what_was_sent_is_what_was_expected() -> None:
    """The path of an answer, through the wire, and the path of the configuration end in the same text."""
    message = dns.message.make_response(dns.message.make_query("example.com.", "MX"))
    message.answer.append(
        dns.rrset.from_text("example.com.", 60, "IN", "MX", "10 MAIL.example.com.", "20 b.example.net.")
    )
    received = dns.message.from_wire(message.to_wire()).answer[0]
    expected = canonical.ordered(canonical.parse_rdata("MX", text, ZONE) for text in ("20 B.Example.net.", "10 mail"))
    assert rrset(received).rdata == expected


def test_a_very_long_record_is_cut_and_still_tells_others_apart() -> None:
    one, other = ("x" * 30_000 + end for end in "ab")
    texts = [canonical.parse_rdata("TXT", text, ZONE) for text in (one, other)]
    assert all(len(text) <= canonical.MAX_RDATA_TEXT for text in texts)
    assert texts[0] != texts[1]


def test_what_cannot_be_written_in_its_own_syntax_is_written_as_rfc_3597_says() -> None:
    odd = dns.rdata.GenericRdata(dns.rdataclass.IN, dns.rdatatype.A, b"abc")
    assert canonical.canonical(odd) == "\\# 3 616263"


COMMON = [dns.rdatatype.from_text(t) for t in ("A", "AAAA", "CAA", "CNAME", "MX", "NAPTR", "NS", "PTR", "SRV", "TXT")]
TYPES = [t for t in dns.rdatatype.RdataType if not dns.rdatatype.is_metatype(t) and t != dns.rdatatype.TYPE0]


@given(st.sampled_from(TYPES), st.binary(max_size=80))
def test_whatever_a_server_sends_is_printable_and_bounded(rdtype: dns.rdatatype.RdataType, wire: bytes) -> None:
    try:
        rdata = dns.rdata.from_wire(dns.rdataclass.IN, rdtype, wire, 0, len(wire))
    except dns.exception.DNSException:  # what cannot be parsed never becomes a record
        return
    text = canonical.canonical(rdata)
    assert text.isascii()
    assert text.isprintable()
    assert len(text) <= canonical.MAX_RDATA_TEXT


@given(st.sampled_from(COMMON), st.binary(max_size=60))
def test_what_is_printed_can_be_expected(rdtype: dns.rdatatype.RdataType, wire: bytes) -> None:
    """The text on the page, copied into ``expect``, means the same record."""
    try:
        text = canonical.canonical(dns.rdata.from_wire(dns.rdataclass.IN, rdtype, wire, 0, len(wire)))
    except dns.exception.DNSException:
        return
    assert canonical.parse_rdata(dns.rdatatype.to_text(rdtype), text, ZONE) == text
