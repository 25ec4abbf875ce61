"""Who gives which signatures → what is said: tables and a few words on the texts."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import dns.dnssec
import pytest

from checks.base import StandingQuestion
from checks.common.dnssec import zone_keys
from checks.common.rrset_compare import MACHINES, PROPAGATING
from checks.common.signed_rrsets import moment
from checks.evaluation import run_check
from checks.model import (
    MAX_SIGNATURES,
    CheckResult,
    Health,
    Observation,
    Outcome,
    Shape,
    SignatureEnd,
    WantedRecord,
    Zone,
)
from checks.model.signing import with_signer
from checks.signatures import VERIFICATION, Signatures
from checks.zone_state.model import ZoneState
from tests.support.lab.model import SHORT, Content
from tests.support.observations import MINUTE, NOON, codes, gather, query, seen, server, story, zone
from tests.support.signed_observations import DAY, asked, made
from tests.support.signed_zones import ZoneKey, signed, without_signatures, zone_key

KEY, OTHER = zone_key(), zone_key()

PAIR = zone()
TRIO = zone("ns1", "ns2", "ns3")
HIDDEN = zone("ns1", server("ns2", hidden=True), "ns3")
PROVIDERS = zone(server("ns1", group="a"), server("ns2", group="b"), server("ns3", group="b"))
WWW = zone(records=(WantedRecord("www.example.com.", "A"), WantedRecord("nothing.example.com.", "A")))

HOUR = timedelta(hours=1)
BY_KNOT = 14 * DAY + 1.5 * HOUR
"""From inception to expiration, as Knot DNS dates signatures by default."""

ALIAS = zone(records=(WantedRecord("alias.example.com.", "A"),))

GOOD = made(KEY)
PLAIN = Content("example.com.", serial=10)
STRIPPED = without_signatures(GOOD)
CDS = f"@ CDS {dns.dnssec.make_ds('example.com.', KEY.public, 'SHA256')}"


def with_records(*records: str, key: ZoneKey = KEY, left: timedelta = 29 * DAY) -> Content:
    return made(key, left=left, records=(*SHORT, *records))


WHOLE = zone(content=True)
ZONEMD = f"@ ZONEMD 10 1 1 {'ab' * 48}"
DIGESTED = with_records(ZONEMD)
OTHER_DIGEST = replace(DIGESTED, records=tuple(one.replace("abab", "cdcd", 1) for one in DIGESTED.records))
NOT_SIGNED = replace(
    DIGESTED, records=tuple(one for one in DIGESTED.records if not one.startswith("example.com. RRSIG ZONEMD "))
)


def foreign(content: Content) -> Content:
    """Its signatures say that another zone made them."""
    return replace(content, records=tuple(one.replace(" example.com. ", " example.net. ") for one in content.records))


def tampered(content: Content, *types: str) -> Content:
    """With other signatures of these types: as they were made for another version."""
    other = {one.split(None, 3)[0:3][2]: one for one in made(KEY, mname="x", records=(*SHORT[1:], "@ NS ns9")).records
             if one.split(None, 2)[1] == "RRSIG" and one.startswith("example.com. ")}  # fmt: skip
    kept = [
        one for one in content.records if not (one.startswith("example.com. RRSIG ") and one.split(None, 3)[2] in types)
    ]
    return replace(content, records=(*kept, *(other[one] for one in types)))


def judged(
    where: Zone, *gives: tuple[str, Content | str], known: ZoneState | None = None, **fields: object
) -> CheckResult:
    poll = gather(where, "signatures", *asked(where, *gives, **fields))  # type: ignore[arg-type]
    return run_check(Signatures(), where, poll, known or ZoneState(where.name))


def left(left: timedelta, life: timedelta = 30 * DAY) -> Content:
    """Of a zone that its secondaries hardly serve without their primary."""
    return made(KEY, left=left, life=life, expire=1)


def everywhere(content: Content) -> tuple[tuple[str, Content], ...]:
    return (("ns1", content), ("ns2", content))


def only_of(name: str, ended: Content, others: Content) -> Content:
    """With signatures that have ended for one name, and those of another signing for all else."""
    sigs = [one for one in ended.records if one.startswith(f"{name} RRSIG ")]
    rest = [one for one in others.records if not one.startswith(f"{name} RRSIG ")]
    return replace(others, records=(*rest, *sigs))


aliased = only_of(
    "alias.example.com.",
    made(KEY, left=-DAY, records=(*SHORT, "alias CNAME www")),
    made(KEY, records=(*SHORT, "alias CNAME www")),
)

EXPIRED, INVALID, EXPIRING = "signature-expired", "signature-invalid", "signature-expiring"
MISSING, DIFFER, KEYS = "signature-missing", "signatures-differ", "key-set-differs"
FOREIGN = "provider-key-missing"
EXPIRE = "signature-before-expire"
BOTH = ("ns1", "ns2")

ROWS: list[tuple[str, Zone, tuple[tuple[str, Content | str], ...], set[tuple[str, str]]]] = [
    ("good", PAIR, everywhere(GOOD), set()),
    ("not signed", PAIR, everywhere(PLAIN), set()),
    ("keys, and nothing signed", PAIR, everywhere(STRIPPED), set()),
    ("alone", zone("ns1"), (("ns1", GOOD),), set()),
    ("three days left of thirty, and three hours to renew them", PAIR, everywhere(left(69 * HOUR + MINUTE)), set()),
    ("three hours later", PAIR, everywhere(left(69 * HOUR)), {(EXPIRING, one) for one in BOTH}),
    ("a quarter left of four days, and a tenth of it", PAIR, everywhere(left(0.9 * DAY + MINUTE, 4 * DAY)), set()),
    ("a tenth later", PAIR, everywhere(left(0.9 * DAY, 4 * DAY)), {(EXPIRING, one) for one in BOTH}),
    ("a quarter left of an hour", PAIR, everywhere(left(13.6 * MINUTE, HOUR)), set()),
    ("less of an hour", PAIR, everywhere(left(13.5 * MINUTE, HOUR)), {(EXPIRING, one) for one in BOTH}),
    ("when Knot DNS renews by default", PAIR, everywhere(left(HOUR + 5 * MINUTE, BY_KNOT)), set()),
    ("ten minutes later", PAIR, everywhere(left(55 * MINUTE, BY_KNOT)), {(EXPIRING, one) for one in BOTH}),
    ("when Knot DNS renews, TTL a day", PAIR, everywhere(made(KEY, DAY + HOUR, BY_KNOT, expire=1, ttl=86400)), set()),
    ("ten minutes later, TTL a day", PAIR,
     everywhere(made(KEY, DAY + 50 * MINUTE, BY_KNOT, expire=1, ttl=86400)), {(EXPIRING, one) for one in BOTH}),
    ("TTL of a week, and a quarter of the life", PAIR,
     everywhere(made(KEY, 3 * DAY, BY_KNOT, expire=1, ttl=604800)), set()),
    ("the moment it ends", PAIR, everywhere(left(0 * DAY)), {(EXPIRED, one) for one in BOTH}),
    ("a second before", PAIR, everywhere(left(timedelta(seconds=1))), {(EXPIRING, one) for one in BOTH}),
    ("ended long ago", PAIR, everywhere(made(KEY, left=-60 * DAY)), {(EXPIRED, one) for one in BOTH}),
    ("not begun", PAIR, everywhere(made(KEY, left=31 * DAY)), {(INVALID, one) for one in BOTH}),
    ("ends before a secondary falls silent", PAIR, everywhere(made(KEY, left=6 * DAY)), {(EXPIRE, "ns2")}),
    ("as long as a secondary serves", PAIR, everywhere(made(KEY, left=7 * DAY)), set()),
    ("one has older signatures", TRIO, (("ns1", GOOD), ("ns2", GOOD), ("ns3", made(KEY, left=20 * DAY))),
     {(DIFFER, "ns3")}),
    ("the primary has older ones", PAIR, (("ns1", made(KEY, left=20 * DAY)), ("ns2", GOOD)), {(DIFFER, "ns1")}),
    ("older, on an older version", PAIR, (("ns1", GOOD), ("ns2", made(KEY, left=20 * DAY, serial=9))), set()),
    ("older, in another group", PROVIDERS,
     (("ns1", made(KEY, left=20 * DAY)), ("ns2", GOOD), ("ns3", GOOD)), set()),
    ("older by another key", PAIR, (("ns1", GOOD), ("ns2", made(OTHER, left=20 * DAY))), {(KEYS, "ns2")}),
    ("stripped on one", TRIO, (("ns1", GOOD), ("ns2", STRIPPED), ("ns3", GOOD)), {(MISSING, "ns2")}),
    ("not signed on one", TRIO, (("ns1", GOOD), ("ns2", PLAIN), ("ns3", GOOD)), {(MISSING, "ns2")}),
    ("not signed at the primary, which another signs", TRIO, (("ns1", PLAIN), ("ns2", GOOD), ("ns3", GOOD)), set()),
    ("not signed at a hidden server", HIDDEN, (("ns1", GOOD), ("ns2", PLAIN), ("ns3", GOOD)), set()),
    ("not signed on an older version", PAIR, (("ns1", GOOD), ("ns2", replace(PLAIN, serial=9))), set()),
    ("not signed in another group", PROVIDERS, (("ns1", GOOD), ("ns2", PLAIN), ("ns3", PLAIN)), set()),
    ("edited after it was signed", PAIR, (("ns1", GOOD), ("ns2", tampered(GOOD, "SOA", "NS"))), {(INVALID, "ns2")}),
    ("signed in the name of another zone", PAIR, (("ns1", GOOD), ("ns2", foreign(GOOD))), set()),
    ("keys for the parent on one", PAIR, (("ns1", GOOD), ("ns2", with_records(CDS))), {(KEYS, "ns2")}),
    ("keys for the parent everywhere", PAIR, everywhere(with_records(CDS)), set()),
    ("keys for the parent in one group", PROVIDERS,
     (("ns1", GOOD), ("ns2", with_records(CDS)), ("ns3", with_records(CDS))), {(KEYS, "ns2"), (KEYS, "ns3")}),
    ("keys differ within a group", PROVIDERS, (("ns1", GOOD), ("ns2", made(OTHER)), ("ns3", GOOD)),
     {(KEYS, "ns3"), (FOREIGN, "ns1"), (FOREIGN, "ns2")}),
    ("chosen records", WWW, everywhere(GOOD), set()),
    ("an alias ends", ALIAS, everywhere(aliased), {(EXPIRED, one) for one in BOTH}),
    ("a ZONEMD record", WHOLE, everywhere(DIGESTED), set()),
    ("another than was signed", WHOLE, (("ns1", DIGESTED), ("ns2", OTHER_DIGEST)), {(INVALID, "ns2")}),
    ("one that is not signed", WHOLE, (("ns1", DIGESTED), ("ns2", NOT_SIGNED)), {(MISSING, "ns2")}),
    ("one that is not looked at", PAIR, (("ns1", DIGESTED), ("ns2", NOT_SIGNED)), set()),
    ("no ZONEMD record", WHOLE, everywhere(GOOD), set()),
    ("one is silent", PAIR, (("ns1", GOOD), ("ns2", "-")), set()),
]  # fmt: skip


@pytest.mark.parametrize(("title", "where", "gives", "expected"), ROWS, ids=[title for title, *_ in ROWS])
def test_row(
    title: str, where: Zone, gives: tuple[tuple[str, Content | str], ...], expected: set[tuple[str, str]]
) -> None:
    assert codes(judged(where, *gives)) == expected


def text(result: CheckResult, code: str) -> str:
    return next(finding.text for finding in result.findings if finding.code == code)


def test_texts() -> None:
    tag = KEY.tag
    assert text(judged(PAIR, *everywhere(made(KEY, left=-61 * DAY))), EXPIRED) == (
        "ns1 (192.0.2.1): the signatures of SOA, NS and DNSKEY have ended, the first 61 d ago "
        f"(SOA, 2026-09-20 12:00 UTC, key {tag}); by the clock of the monitor, 2026-11-20 12:00 UTC"
    )
    soon = judged(PAIR, *everywhere(made(KEY, left=DAY)))
    assert text(soon, EXPIRING) == (
        "ns1 (192.0.2.1): the signatures of SOA, NS and DNSKEY end soon, the first in 1 d "
        f"(SOA, 2026-11-21 12:00 UTC, key {tag}), of a life of 30 d"
    )
    assert text(soon, EXPIRE) == (
        "ns2 (192.0.2.2) would serve the zone for 7 d without its primary (SOA expire), but the signature of SOA ends "
        f"in 1 d (2026-11-21 12:00 UTC, key {tag})"
    )
    assert text(judged(PAIR, *everywhere(made(KEY, left=31 * DAY))), INVALID) == (
        "ns1 (192.0.2.1): no signature of SOA, NS and DNSKEY has begun; the first begins in 1 d, 2026-11-21 12:00 UTC, "
        f"key {tag}; by the clock of the monitor, 2026-11-20 12:00 UTC"
    )
    assert text(judged(PAIR, ("ns1", GOOD), ("ns2", made(KEY, left=20 * DAY))), DIFFER) == (
        "ns2 (192.0.2.2) has serial 10 like others, but older signatures of SOA, NS and DNSKEY: that of SOA by key "
        f"{tag} ends 2026-12-10 12:00 UTC, another's 2026-12-19 12:00 UTC"
    )
    assert text(judged(TRIO, ("ns1", GOOD), ("ns2", STRIPPED), ("ns3", GOOD)), MISSING) == (
        "ns2 (192.0.2.2) gives no signatures of SOA, NS and DNSKEY, others on serial 10 do: ns1 and ns3"
    )
    assert text(judged(PAIR, ("ns1", GOOD), ("ns2", tampered(GOOD, "NS"))), INVALID) == (
        f"ns2 (192.0.2.2): no signature of NS verifies with the DNSKEY records it gives: that by key {tag}, algorithm "
        "13 (ECDSAP256SHA256), does not"
    )


def test_one_that_ends_sooner_is_told_alone() -> None:
    mixed = replace(GOOD, records=tuple(
        one for one in (*GOOD.records, *made(KEY, left=2 * DAY).records)
        if "RRSIG" not in one.split()[:2] or (" NS " in one[:25]) == (one not in GOOD.records)
    ))  # fmt: skip
    result = judged(zone("ns1"), ("ns1", mixed))
    assert codes(result) == {(EXPIRING, "ns1")}
    assert "the signature of NS ends in 2 d (2026-11-22 12:00 UTC" in result.findings[0].text


def test_a_leftover_that_has_ended_beside_one_that_holds_is_no_trouble() -> None:
    both = replace(GOOD, records=tuple(dict.fromkeys((*GOOD.records, *made(KEY, left=-DAY).records))))
    assert judged(PAIR, *everywhere(both)).health is Health.GOOD


def test_nor_is_one_by_a_key_that_is_gone() -> None:
    """But what verifies has ended, and so validators have nothing."""
    both = replace(
        made(KEY, left=-DAY),
        records=tuple(
            one
            for one in dict.fromkeys((*made(KEY, left=-DAY).records, *made(OTHER).records))
            if one.split(None, 2)[1] != "DNSKEY" or one in GOOD.records
        ),
    )
    assert codes(judged(PAIR, *everywhere(both))) == {(EXPIRED, one) for one in BOTH} | set()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: replace(one, answer=None, shape=Shape.NODATA), "there are none"),
        (lambda one: replace(one, answer=replace(one.answer, rdata=("257 3 13 AAAA",))), "none of them is key"),
    ],
)
def test_no_key_that_could_have_made_it(change: Callable[[Observation], Observation], words: str) -> None:
    every = [change(one) if one.query.qtype == "DNSKEY" else one for one in asked(PAIR, *everywhere(GOOD))]
    result = run_check(Signatures(), PAIR, gather(PAIR, "signatures", *every), ZoneState(PAIR.name))
    assert codes(result) == {(INVALID, one) for one in BOTH}
    assert words in text(result, INVALID)


def unsure(result: CheckResult) -> set[tuple[str, str | None, str]]:
    return {(one.server, one.subject, one.reason) for one in result.unsure}


def judged_as(*every: Observation, where: Zone = PAIR, known: ZoneState | None = None) -> CheckResult:
    return run_check(Signatures(), where, gather(where, "signatures", *every), known or ZoneState(where.name))


def test_what_cannot_be_verified_is_judged_by_its_times() -> None:
    rdata = ("257 3 12 AAAA",)
    (key,) = zone_keys(rdata)

    def gost(one: Observation) -> Observation:
        answer = replace(one.answer, rdata=rdata) if one.answer and one.query.qtype == "DNSKEY" else one.answer
        by = tuple(replace(each, algorithm=12, key_tag=key.tag) for each in one.signatures)
        return replace(one, answer=answer, signatures=by)

    strange = map(gost, asked(PAIR, *everywhere(made(KEY, left=DAY, expire=60))))
    result = judged_as(*strange)
    assert codes(result) == {(EXPIRING, one) for one in BOTH}
    why = f"the signature of SOA by key {key.tag}, algorithm 12 (ECC-GOST), cannot be verified here"
    assert unsure(result) == {(one, VERIFICATION, why) for one in BOTH}


def test_no_answer_for_the_keys() -> None:
    every = [
        replace(one, outcome=Outcome.TIMEOUT) if one.query.qtype == "DNSKEY" else one
        for one in asked(PAIR, *everywhere(GOOD))
    ]
    result = judged_as(*every)
    assert result.health is Health.GOOD
    assert ("ns1", VERIFICATION, "no usable answer for the DNSKEY records") in unsure(result)


def test_keys_behind_a_delegation_are_no_keys() -> None:
    every = [
        replace(one, shape=Shape.CNAME) if one.query.qtype == "DNSKEY" else one
        for one in asked(PAIR, *everywhere(GOOD))
    ]
    assert ("ns1", VERIFICATION, "no usable answer for the DNSKEY records") in unsure(judged_as(*every))


def test_several_machines_at_one_address_accuse_nobody() -> None:
    every = [replace(one, nsid="b" if one.query.qtype == "NS" else "a") for one in asked(PAIR, *everywhere(GOOD))]
    result = judged_as(*every)
    assert result.health is Health.GOOD
    assert {(one, VERIFICATION, MACHINES) for one in BOTH} <= unsure(result)


def test_more_signatures_than_are_tried() -> None:
    def many(one: Observation) -> Observation:
        (right,) = one.signatures
        every = (replace(right, octets=bytes(64), expiration=right.expiration + n) for n in range(MAX_SIGNATURES))
        return replace(one, signatures=tuple(every))

    every = [many(one) if one.query.qtype == "NS" else one for one in asked(zone("ns1"), ("ns1", GOOD))]
    result = judged_as(*every, where=zone("ns1"))
    assert result.health is Health.GOOD
    assert unsure(result) == {("ns1", VERIFICATION, "more than 16 signatures of NS: not all are tried")}


def test_the_zone_moved_while_it_was_read() -> None:
    first, *rest = asked(zone("ns1"), ("ns1", GOOD))
    assert first.soa is not None
    every = [replace(first, soa=replace(first.soa, serial=9)), *rest]
    assert judged_as(*every, where=zone("ns1")).reason == "the zone moved while it was read"
    last = next(one for one in reversed(rest) if one.query.qtype == "SOA")
    rest[rest.index(last)] = replace(last, nsid="b")
    several = judged_as(replace(every[0], nsid="a"), *rest, where=zone("ns1"))
    assert several.reason == "several machines behind the address answered, on different versions"


def test_without_edns_there_is_nothing_to_be_missed() -> None:
    plain = asked(TRIO, ("ns2", PLAIN), without_edns="FORMERR")
    others = asked(TRIO, ("ns1", GOOD), ("ns3", GOOD))
    keys = [one for one in asked(TRIO, ("ns2", STRIPPED), ("ns1", GOOD)) if one.server == "ns2"]
    plain = [replace(one, without_edns="FORMERR") for one in keys]
    result = judged_as(*others, *plain, where=TRIO)
    assert codes(result) == set()
    assert ("ns2", "", "it answers only without EDNS, and signatures cannot be asked for without") in unsure(result)


def test_some_of_the_apex_unsigned_needs_nobody_to_compare_with() -> None:
    partly = replace(GOOD, records=tuple(one for one in GOOD.records if not one.startswith("example.com. RRSIG NS ")))
    result = judged(zone("ns2", primary=None), ("ns2", partly))
    assert codes(result) == {(MISSING, "ns2")}
    assert result.findings[0].text == "ns2 (192.0.2.2) gives no signatures of NS, but of other records"


def test_alone_without_signatures_on_its_version() -> None:
    result = judged(PAIR, ("ns1", GOOD), ("ns2", replace(PLAIN, serial=9)))
    assert ("ns2", "", "gives no signatures, and nobody else is on 9") in unsure(result)


def test_keys_on_their_way() -> None:
    behind = story(PAIR, {"ns1": "9 10", "ns2": "9 9"}, start=NOON - 2 * MINUTE)[-1].zone_state
    result = judged(PAIR, ("ns1", with_records(CDS)), ("ns2", made(KEY, serial=9)), known=behind)
    assert codes(result) == set()
    assert ("ns2", "example.com. CDS", PROPAGATING) in unsure(result)
    late = story(PAIR, {"ns1": "9 10 10", "ns2": "9 9 9"}, start=NOON - 40 * MINUTE, every=20 * MINUTE)[-1].zone_state
    assert codes(judged(PAIR, ("ns1", with_records(CDS)), ("ns2", made(KEY, serial=9)), known=late)) == {(KEYS, "ns2")}


def test_an_unsigned_zone_is_asked_for_its_soa_alone() -> None:
    every = asked(PAIR, ("ns1", PLAIN), ("ns2", PLAIN))
    assert [(one.query.qtype, one.query.dnssec) for one in every] == [("SOA", True)] * 2
    result = judged_as(every[0], seen(query(PAIR, "ns2"), "REFUSED"))
    assert unsure(result) == {("ns2", None, "serves no version now")}


def test_a_signed_zone_is_asked_for_the_apex_and_the_chosen_records() -> None:
    every = asked(WWW, ("ns1", GOOD), ("ns2", "-"))
    assert [(one.query.qname, one.query.qtype) for one in every if one.server == "ns1"] == [
        *(("example.com.", one) for one in ("SOA", "NS", "DNSKEY", "CDS", "CDNSKEY", "CSYNC")),
        ("www.example.com.", "A"),
        ("nothing.example.com.", "A"),
        ("example.com.", "SOA"),
    ]
    assert all(one.query.dnssec and one.query.identify for one in every)


def test_where_it_applies() -> None:
    assert Signatures().applies(PAIR)
    assert not Signatures().applies(zone(replace(server("ns1"), addresses=())))
    assert Signatures().standing_questions(PAIR) == (StandingQuestion(PAIR.name, "SOA", dnssec=True),)
    assert not any(one.is_for_soa(PAIR) for one in Signatures().standing_questions(PAIR))


def test_the_end_is_told_whether_it_is_near_or_not() -> None:
    address = PAIR.servers[0].addresses[0]
    for days in (29, 2, -60):
        result = judged(zone("ns1"), ("ns1", made(KEY, left=days * DAY)))
        assert result.ends == (SignatureEnd("ns1", address, NOON + days * DAY, "SOA"),)
    for nothing in (PLAIN, made(KEY, left=31 * DAY), "-"):
        assert judged(zone("ns1"), ("ns1", nothing)).ends == ()


def test_settings_move_the_margin() -> None:
    poll = gather(PAIR, "signatures", *asked(PAIR, *everywhere(made(KEY, left=2 * DAY, expire=60))))
    for check in (Signatures(expiring=DAY), Signatures(expiring_share=0.05)):
        assert run_check(check, PAIR, poll, ZoneState(PAIR.name)).findings == ()


def test_as_late_as_knot_only_where_all_signatures_are_dated_so() -> None:
    """And not where the operator says otherwise."""
    knot = made(KEY, 2 * HOUR, BY_KNOT, expire=1)
    mixed = only_of("example.com.", made(KEY, left=2 * HOUR, expire=1), made(KEY, DAY, BY_KNOT, expire=1))
    poll = gather(PAIR, "signatures", *asked(PAIR, *everywhere(knot)))
    assert codes(judged(PAIR, *everywhere(knot))) == set()
    assert codes(judged(PAIR, *everywhere(mixed))) == {(EXPIRING, one) for one in BOTH}
    told = run_check(Signatures(expiring_knot=3 * DAY), PAIR, poll, ZoneState(PAIR.name))
    assert codes(told) == {(EXPIRING, one) for one in BOTH}


def test_a_signer_goes_on_signing_without_its_primary() -> None:
    named = replace(TRIO, servers=with_signer(TRIO.servers, "ns1", "ns2"), signer="ns2")
    brief = made(KEY, left=6 * DAY)
    assert codes(judged(named, ("ns1", replace(PLAIN, serial=3)), ("ns2", brief), ("ns3", brief))) == {(EXPIRE, "ns3")}


def test_keys_that_were_not_kept_may_have_made_it() -> None:
    for cut in ("257 3 8 AAAA... sha256:00", "... 3 more, sha256:00"):
        every = [
            replace(one, answer=replace(one.answer, rdata=(cut,)))
            if one.answer is not None and one.query.qtype == "DNSKEY"
            else one
            for one in asked(PAIR, *everywhere(GOOD))
        ]
        result = judged_as(*every)
        assert result.health is Health.GOOD
        assert {name for name, subject, _ in unsure(result) if subject == VERIFICATION} == set(BOTH)


def test_who_keeps_us_busy_hides_nothing_of_others() -> None:
    """One gives more signatures that fail than are tried (CVE-2023-50387); what is wrong elsewhere is told anyway."""

    def hostile(one: Observation) -> Observation:
        every = (replace(each, octets=bytes((n,)) * 64) for each in one.signatures for n in range(MAX_SIGNATURES - 1))
        return replace(one, signatures=tuple(every)) if one.server == "ns1" else one

    result = judged_as(*map(hostile, asked(WWW, ("ns1", GOOD), ("ns2", tampered(GOOD, "SOA", "NS")))), where=WWW)
    assert codes(result) == {(INVALID, "ns1"), (INVALID, "ns2")}
    assert "no signature of SOA and NS verifies" in text(result, INVALID)


@pytest.mark.parametrize("away", [-(2**31), -1, 0, 1, 2**31 - 1])
def test_times_are_near_whatever_the_century(away: int) -> None:
    """Modulo 2^32 they begin anew in 2106 (RFC 4034 section 3.1.5)."""
    for now in (NOON, NOON.replace(year=2106, month=2, day=7), NOON.replace(year=2242)):
        assert moment((int(now.timestamp()) + away) % 2**32, now) == now + timedelta(seconds=away)


def test_wildcards_verify_under_their_own_name() -> None:
    wild = made(KEY, records=(*SHORT, "*.w A 192.0.2.1"))
    expanded = replace(wild, records=tuple(
        one.replace("*.w.example.com.", "a.b.w.example.com.") for one in wild.records
    ))  # fmt: skip
    where = zone(records=(WantedRecord("a.b.w.example.com.", "A"),))
    assert judged(where, ("ns1", expanded), ("ns2", expanded)).health is Health.GOOD
    itself = zone(records=(WantedRecord("*.w.example.com.", "A"),))
    assert judged(itself, ("ns1", wild), ("ns2", wild)).health is Health.GOOD


def test_a_signature_for_a_longer_name_verifies_nothing() -> None:
    parts = [one.split(" ") for one in GOOD.records]
    for part in parts:
        if part[1:3] == ["RRSIG", "A"] and part[0] == "www.example.com.":
            part[4] = "5"
    longer = replace(GOOD, records=tuple(" ".join(one) for one in parts))
    result = judged(WWW, ("ns1", longer), ("ns2", GOOD))
    assert codes(result) == {(INVALID, "ns1")}
    assert "no signature of www.example.com. A verifies" in text(result, INVALID)


def test_signed_helper_keeps_the_serial() -> None:
    assert signed(replace(PLAIN, serial=7), KEY, NOON, NOON + DAY).serial == 7
