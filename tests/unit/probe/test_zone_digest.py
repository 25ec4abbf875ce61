"""The digest of a zone does not depend on how a server writes it, and on everything that it writes."""

import random

import dns.flags
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.RRSIG
import dns.rrset
import pytest

from checks.model.content import BUCKETS, MAX_ENDED
from monitor.probe.message import wire as wire_format
from monitor.probe.message import zone_digest
from monitor.probe.message.wire import Malformed
from monitor.probe.message.zone_digest import ZoneDigest

APEX = dns.name.from_text("example.com.")
ZONE = APEX.to_wire()
RECORDS = (
    "@ NS ns1", "ns1 A 192.0.2.1", "www A 192.0.2.80", "www A 192.0.2.81", "@ MX 10 mail", "_sip._tcp SRV 0 5 5060 Sip",
    'n NAPTR 100 50 "s" "SIP+D2U" "!^.*$!Sip!" _sip._udp', "alias CNAME WWW", "tree DNAME forest.example.org.",
    "rp RP hostmaster txt", 'txt TXT "Two" "strings"', "px PX 10 a.b c.d", "web HTTPS 1 Svc.Example.Net. alpn=h2",
    "sub DS 12345 13 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "u TYPE65280 \\# 2 abcd",
    "www RRSIG A 13 3 300 20300101000000 20200101000000 1 Example.com. AAAA", "www NSEC Next.example.com. A RRSIG NSEC",
    "deep.er.and.deeper A 192.0.2.3", "lp LP 10 L64.example.com.", "af AFSDB 1 www", "kx KX 1 www",
)  # fmt: skip


LATER_TYPES = ("SVCB", "HTTPS", "LP")


def message(records: tuple[str, ...], *, louder: bool = False, plain: bool = False) -> bytes:
    built = dns.message.Message(4711)
    built.flags |= dns.flags.QR | dns.flags.AA
    built.question = [dns.rrset.RRset(APEX, dns.rdataclass.IN, dns.rdatatype.AXFR)]
    for record in records:
        owner, rtype, text = record.split(None, 2)
        rdata = dns.rdata.from_text("IN", rtype, text, origin=APEX, relativize=False)
        if louder:
            owner = owner.upper()
        name = APEX if owner == "@" else dns.name.from_text(owner, APEX)
        built.answer.append(dns.rrset.from_rdata(name, 300, rdata))
    return built.to_wire() if not plain else uncompressed(built)


def uncompressed(built: dns.message.Message) -> bytes:
    head = built.to_wire()[:12] + ZONE + b"\0\xfc\0\1"
    return head + b"".join(rrset.name.to_wire() + record(rrset) for rrset in built.answer)


def record(rrset: dns.rrset.RRset) -> bytes:
    rdata = rrset[0].to_wire()
    fixed = wire_format.FIXED.pack(int(rrset.rdtype), int(rrset.rdclass), rrset.ttl, len(rdata))
    return fixed + rdata


def canonical(records: tuple[str, ...]) -> set[bytes]:
    """As dnspython writes the canonical form (RFC 4034 section 6.2); with later types in lower case, too."""
    found = set()
    for one in records:
        owner, rtype, text = one.split(None, 2)
        text = text.lower() if rtype in LATER_TYPES else text
        rdata = dns.rdata.from_text("IN", rtype, text, origin=APEX, relativize=False)
        wire = rdata.to_digestable()
        name = APEX if owner == "@" else dns.name.from_text(owner, APEX)
        found.add(name.to_digestable() + wire_format.FIXED.pack(int(rdata.rdtype), 1, 300, len(wire)) + wire)
    return found


def digest(*messages: bytes, keep: range = range(0)) -> ZoneDigest:
    made = ZoneDigest(ZONE, keep)
    for wire in messages:
        assert made.outline(wire) == wire_format.outline(wire)
    return made


def test_what_is_kept_is_the_canonical_form() -> None:
    made = digest(message(RECORDS), keep=range(BUCKETS))
    assert made.kept == canonical(RECORDS)
    assert made.content().records == len(RECORDS)


def test_compression_case_order_and_messages_do_not_matter() -> None:
    usual = digest(message(RECORDS)).content()
    mixed = list(RECORDS)
    random.Random(7).shuffle(mixed)
    assert digest(message(tuple(mixed), louder=True)).content() == usual
    assert digest(message(RECORDS, plain=True)).content() == usual
    assert digest(*(message((one,)) for one in mixed)).content() == usual


@pytest.mark.parametrize("number", range(len(RECORDS)))
def test_every_record_counts(number: int) -> None:
    usual = digest(message(RECORDS)).content()
    fewer = digest(message(RECORDS[:number] + RECORDS[number + 1 :])).content()
    part, *as_given = fewer.differing(usual, dnssec=True)
    rtype = RECORDS[number].split()[1]
    assert len(as_given) == (rtype in LATER_TYPES)
    if rtype not in LATER_TYPES:
        assert fewer.differing(usual, dnssec=False) == (() if rtype in ("RRSIG", "NSEC") else (part,))
    else:
        assert len(fewer.differing(usual, dnssec=False)) == 1


@pytest.mark.parametrize("record", ["a SVCB 1 {}", "a HTTPS 0 {}", "a LP 10 {}"])
def test_names_of_later_types_are_told_apart_by_capitals_only_where_digests_are(record: str) -> None:
    """NSD serves them in lower case: for who compares records the same, for who verifies a digest not."""
    one, other = (digest(message((record.format(name),))).content() for name in ("Target.Example.", "target.example."))
    assert one.differing(other, dnssec=False) == ()
    assert one.differing(other, dnssec=True)


def test_a_record_given_twice_is_not_taken_for_another() -> None:
    """Sums would cancel out if hashes were only combined by exclusive or."""
    usual = digest(message(RECORDS)).content()
    twice = digest(message(RECORDS), message((RECORDS[1], RECORDS[1]))).content()
    assert twice.differing(usual, dnssec=True)


def test_another_ttl_is_another_record() -> None:
    wire = message(("www A 192.0.2.80",))
    other = wire.replace(b"\0\0\1\x2c", b"\0\0\1\x2d")
    assert digest(wire).content().differing(digest(other).content(), dnssec=False)


ENDED, LATER, LAST = 100, 200, 2**31 + 50
"""When signatures end; the last is nearly half a turn of the clock after."""


def signature(owner: str, covered: str, ends: int) -> str:
    text = dns.rdtypes.ANY.RRSIG.posixtime_to_sigtime(ends)
    return f"{owner} RRSIG {covered} 13 3 300 {text} 19700101000000 1 example.com. AAAA"


SIGNED = (
    "www A 192.0.2.80", signature("www", "A", LATER), signature("www", "TXT", ENDED), signature("WWW", "A", ENDED),
    signature("mail", "A", ENDED), signature("a.mail", "A", LATER), signature("mail", "A", LAST),
)  # fmt: skip


def ends(records: tuple[str, ...], at: int, watched: tuple[bytes, ...] = ()) -> dict[str, int]:
    made = ZoneDigest(ZONE, (), watched, at)
    for louder in False, True:
        made.outline(message(records, louder=louder))
    return {one.what: one.expiration for one in made.content().signatures}


def test_whose_signatures_have_ended() -> None:
    assert ends(SIGNED, ENDED - 1) == {}
    over = ends(SIGNED, ENDED)
    assert over == {"www.example.com. TXT": ENDED, "www.example.com. A": LATER, "mail.example.com. A": LAST}
    made = ZoneDigest(ZONE, (), (), ENDED)
    made.outline(message(SIGNED))
    first = made.content().signatures
    assert [one.what for one in first] == ["www.example.com. TXT", "www.example.com. A", "mail.example.com. A"]
    assert first[1].expiration == ENDED, "what came before it was not noted"
    keys = tuple(one.key for one in first)
    assert ends(SIGNED, ENDED, keys) == over
    assert ends(SIGNED[::-1], LATER, keys[:1]) == {"www.example.com. TXT": ENDED}
    assert ends(SIGNED, LATER, keys[1:2]) == {"www.example.com. A": LATER}


def test_a_zone_whose_every_signature_has_ended_takes_no_room() -> None:
    many = tuple(signature(f"h{number}", "A", ENDED) for number in range(200))
    assert len(ends(many, ENDED)) == MAX_ENDED


def test_no_more_is_kept_than_there_is_room_for() -> None:
    made = ZoneDigest(ZONE, range(BUCKETS))
    many = tuple(f"h{number} A 192.0.2.1" for number in range(1500))
    wire = message(many)
    for number in range(zone_digest.MAX_KEPT_RECORDS // len(many) + 2):
        made.outline(wire.replace(b"\xc0\0\2\1", number.to_bytes(4, "big")))
    assert len(made.kept) == zone_digest.MAX_KEPT_RECORDS
    assert made.content().overflow


@pytest.mark.parametrize("seed", range(300))
def test_what_is_broken_is_malformed_and_nothing_worse(seed: int) -> None:
    chance = random.Random(seed)
    wire = bytearray(message(RECORDS))
    for _ in range(chance.randrange(1, 6)):
        wire[chance.randrange(12, len(wire))] = chance.choice((0, 1, 63, 64, 128, 192, 255, chance.randrange(256)))
    cut = bytes(wire[: chance.choice((len(wire), chance.randrange(12, len(wire))))])
    try:
        outline = ZoneDigest(ZONE, range(BUCKETS)).outline(cut)
    except Malformed:
        return
    assert outline == wire_format.outline(cut)
