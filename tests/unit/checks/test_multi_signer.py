"""Several providers sign one zone, each with its own keys → who lacks which: tables and a few words on the texts."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import dns.dnssec
import pytest

from checks.common.multi_signer import OTHERS_KEYS
from checks.common.rrset_compare import MACHINES, PROPAGATING
from checks.evaluation import run_check
from checks.model import CheckResult, Health, Observation, Zone
from checks.signatures import Signatures
from checks.zone_state.model import ZoneState
from checks.zone_state.update import update_zone_state
from tests.support.lab.model import SHORT, Content
from tests.support.observations import MINUTE, NOON, checked_at, codes, gather, server, zone
from tests.support.signed_observations import asked, made
from tests.support.signed_zones import ZoneKey, zone_key

A, B, C = zone_key(), zone_key(), zone_key()
STANDBY = zone_key()

PROVIDERS = zone(server("ns1", group="a"), server("ns2", group="b"), server("ns3", group="b"), primary=None)
UNNAMED = zone("ns1", server("ns2", group="b"), server("ns3", group="b"), primary=None)
STANDBYS = zone(server("ns1", group="a"), server("ns2", group="b", hidden=True), server("ns3", group="a"), primary=None)
THREE = zone(server("ns1", group="a"), server("ns2", group="b"), server("ns3", group="c"), primary=None)
ONE = zone("ns1", "ns2", primary=None)

LACKS, PARENT, DIFFER = "provider-key-missing", "parent-key-missing", "key-set-differs"


def dnskey(*keys: ZoneKey) -> tuple[str, ...]:
    return tuple(f"@ DNSKEY {key.public.to_text()}" for key in keys)


def cdnskey(*keys: ZoneKey) -> tuple[str, ...]:
    return tuple(f"@ CDNSKEY {key.public.to_text()}" for key in keys)


def cds(*keys: ZoneKey, digest: str = "SHA256") -> tuple[str, ...]:
    return tuple(f"@ CDS {dns.dnssec.make_ds('example.com.', key.public, digest).to_text()}" for key in keys)


Gives = Callable[[], Content] | str
"""What a server gives: a version of the zone, which is signed where it is asked for, or a token."""


def by(key: ZoneKey, *records: str, serial: int = 10) -> Callable[[], Content]:
    """Signed with this key, with these records beside the usual."""
    return partial(made, key, serial=serial, records=(*SHORT, *records))


def unsigned(serial: int) -> Callable[[], Content]:
    return partial(Content, "example.com.", serial=serial)


def judged_as(where: Zone, *every: Observation) -> CheckResult:
    return run_check(Signatures(), where, gather(where, "signatures", *every), ZoneState(where.name))


def given(where: Zone, *gives: Gives) -> list[Observation]:
    """What its servers answer, one after the other."""
    contents = [one if isinstance(one, str) else one() for one in gives]
    return asked(where, *zip((one.name for one in where.servers), contents, strict=True))


def judged(where: Zone, *gives: Gives) -> CheckResult:
    return judged_as(where, *given(where, *gives))


def unsure(result: CheckResult) -> set[tuple[str, str]]:
    return {(one.server, one.reason) for one in result.unsure if one.subject == OTHERS_KEYS}


WITH_B, WITH_A = by(A, *dnskey(B)), by(B, *dnskey(A), serial=900)
FORGED = cds(A)[0][:-4] + "0000"

ROWS: list[tuple[str, Zone, tuple[Gives, ...], set[tuple[str, str]]]] = [
    ("each has the other's key", PROVIDERS, (WITH_B, WITH_A, WITH_A), set()),
    ("the same in no group and one", UNNAMED, (WITH_B, WITH_A, WITH_A), set()),
    ("nobody has the other's key", PROVIDERS, (by(A), by(B), by(B)), {(LACKS, one) for one in ("ns1", "ns2", "ns3")}),
    ("one lacks it", PROVIDERS, (WITH_B, by(B), by(B)), {(LACKS, "ns2"), (LACKS, "ns3")}),
    ("a key that is published, and signs nothing yet", PROVIDERS,
     (WITH_B, by(B, *dnskey(A, STANDBY)), by(B, *dnskey(A, STANDBY))), set()),
    ("signed by the same key, with serials of their own", PROVIDERS, (by(A), by(A, serial=9), by(A, serial=9)), set()),
    ("a provider that nobody asks yet", STANDBYS, (by(A), by(B), by(A)), set()),
    ("another key within a group is told once", ONE, (by(A), by(B)), {(DIFFER, "ns2")}),
    ("a provider that does not sign", PROVIDERS,
     (by(A), unsigned(9), unsigned(9)), set()),
    ("one of three is not known to the others", THREE,
     (by(A, *dnskey(B)), by(B, *dnskey(A)), by(C, *dnskey(A, B))), {(LACKS, "ns1"), (LACKS, "ns2")}),
    ("the union is offered to the parent", PROVIDERS,
     (by(A, *dnskey(B), *cds(A, B)), by(B, *dnskey(A), *cds(A, B)), by(B, *dnskey(A), *cds(A, B))), set()),
    ("and as keys", PROVIDERS,
     (by(A, *dnskey(B), *cdnskey(A, B)), by(B, *dnskey(A), *cdnskey(A, B)), by(B, *dnskey(A), *cdnskey(A, B))), set()),
    ("each offers its own", PROVIDERS,
     (by(A, *dnskey(B), *cds(A)), by(B, *dnskey(A), *cds(B)), by(B, *dnskey(A), *cds(B))),
     {(DIFFER, "ns2"), (DIFFER, "ns3")}),
    ("all offer the one's", PROVIDERS,
     (by(A, *dnskey(B), *cds(A)), by(B, *dnskey(A), *cds(A)), by(B, *dnskey(A), *cds(A))),
     {(PARENT, one) for one in ("ns1", "ns2", "ns3")}),
    ("as keys", PROVIDERS,
     (by(A, *dnskey(B), *cdnskey(A)), by(B, *dnskey(A), *cdnskey(A)), by(B, *dnskey(A), *cdnskey(A))),
     {(PARENT, one) for one in ("ns1", "ns2", "ns3")}),
    ("a key to come beside the one that signs", ONE, (by(A, *cds(A, STANDBY)), by(A, *cds(A, STANDBY))), set()),
    ("none that signs", ONE, (by(A, *cds(STANDBY)), by(A, *cds(STANDBY))), {(PARENT, "ns1"), (PARENT, "ns2")}),
    ("with another digest", ONE, (by(A, *cds(A, digest="SHA384")), by(A, *cds(A, digest="SHA384"))), set()),
    ("with a digest of another key", ONE, (by(A, FORGED), by(A, FORGED)), {(PARENT, "ns1"), (PARENT, "ns2")}),
    ("with one of a kind that nobody knows", ONE,
     (by(A, "@ CDS 1 13 9 00", *cds(STANDBY)), by(A, "@ CDS 1 13 9 00", *cds(STANDBY))), set()),
    ("asks the parent to delete all", ONE, (by(A, "@ CDS 0 0 0 00"), by(A, "@ CDS 0 0 0 00")), set()),
    ("asks that by a key", ONE, (by(A, "@ CDNSKEY 0 3 0 AA=="), by(A, "@ CDNSKEY 0 3 0 AA==")), set()),
]  # fmt: skip


@pytest.mark.parametrize(("title", "where", "gives", "expected"), ROWS, ids=[title for title, *_ in ROWS])
def test_row(title: str, where: Zone, gives: tuple[Gives, ...], expected: set[tuple[str, str]]) -> None:
    assert codes(judged(where, *gives)) == expected


def test_texts() -> None:
    lacking = judged(UNNAMED, by(A), WITH_A, WITH_A)
    (one,) = lacking.findings
    assert one.text == (
        f"ns1 (192.0.2.1) lacks DNSKEY records: group 'b' signs SOA and NS with key {B.tag}, algorithm 13 "
        "(ECDSAP256SHA256). Who has the keys from here cannot validate that"
    )
    lacking = judged(UNNAMED, WITH_B, by(B, serial=900), WITH_A)
    assert f"ns2 (192.0.2.2) lacks DNSKEY records: who is in no group signs SOA and NS with key {A.tag}" in {
        one.text.partition(", algorithm")[0] for one in lacking.findings
    }
    broken = judged(PROVIDERS, by(A, *dnskey(B), *cds(A)), *[by(B, *dnskey(A), *cds(A))] * 2)
    assert broken.findings[0].text == (
        "ns1 (192.0.2.1) offers CDS records to the parent of which none is for a key that the DNSKEY records of group "
        "'b' are signed with: whoever takes them breaks the chain"
    )
    alone = judged(ONE, *[by(A, *cdnskey(STANDBY))] * 2)
    assert alone.findings[0].text == (
        "ns1 (192.0.2.1) offers CDNSKEY records to the parent of which none is for a key that the DNSKEY records are "
        "signed with: whoever takes them breaks the chain"
    )


def judged_later(minutes: int, *, came: bool = True, read: int = 901) -> CheckResult:
    """So long after the second provider went on to 901, which it signs with a key that the first does not have; or
    where it was there already when the zone was looked at first, and soa-serial has not been there since.
    """
    before, after = ({"ns1": 10, "ns2": serial, "ns3": serial} for serial in (900, 901))
    known = ZoneState(PROVIDERS.name)
    for number, does in enumerate((before, after) if came else (after,)):
        known = update_zone_state(known, PROVIDERS, checked_at(PROVIDERS, does, NOON + number * MINUTE))
    every = given(PROVIDERS, by(A), *[by(B, *dnskey(A), serial=read)] * 2)
    poll = gather(PROVIDERS, "signatures", *every, at=NOON + (minutes + came) * MINUTE)
    return run_check(Signatures(), PROVIDERS, poll, known)


@pytest.mark.parametrize(
    ("judge", "found"),
    [
        pytest.param(partial(judged_later, 1), set(), id="it has just come"),
        pytest.param(partial(judged_later, 10), set(), id="within max_lag"),
        pytest.param(partial(judged_later, 11), {(LACKS, "ns1")}, id="no longer"),
        pytest.param(partial(judged_later, 1, came=False), {(LACKS, "ns1")}, id="since when is not known"),
        pytest.param(partial(judged_later, 60, read=902), set(), id="a version that soa-serial has not seen"),
    ],
)
def test_a_key_that_has_just_come_into_use_is_given_max_lag_to_reach_the_others(
    judge: Callable[[], CheckResult], found: set[tuple[str, str]]
) -> None:
    result = judge()
    assert PROVIDERS.max_lag == 10 * MINUTE
    assert codes(result) == found
    assert unsure(result) == (set() if found else {("ns1", PROPAGATING)})


def changed(type_: str, change: Callable[[Observation], Observation], name: str = "") -> list[Observation]:
    """What two providers give that lack each other's keys, but for the answers of one type."""
    every = given(UNNAMED, by(A), WITH_A, WITH_A)
    return [change(one) if one.query.qtype == type_ and name in ("", one.server) else one for one in every]


def test_machines_that_differ_accuse_nobody() -> None:
    every = [replace(one, nsid="a") for one in changed("", lambda one: one)]
    every = [replace(one, nsid="b") if one.query.qtype == "DNSKEY" else one for one in every]
    result = judged_as(UNNAMED, *every)
    assert (result.health, codes(result)) == (Health.GOOD, set())
    assert unsure(result) == {(one, MACHINES) for one in ("ns1", "ns2", "ns3")}


def test_what_does_not_verify_at_home_is_told_there() -> None:
    def spoilt(one: Observation) -> Observation:
        return replace(one, signatures=tuple(replace(each, octets=bytes(64)) for each in one.signatures))

    every = [spoilt(one) if one.server != "ns1" else one for one in changed("", lambda one: one)]
    result = judged_as(UNNAMED, *every)
    assert codes(result) == {("signature-invalid", "ns2"), ("signature-invalid", "ns3")}
    assert unsure(result) == {("ns1", "nothing that group 'b' signs can be verified")}


def test_keys_that_were_not_kept_may_be_the_one() -> None:
    def cut(one: Observation) -> Observation:
        assert one.answer is not None
        return replace(one, answer=replace(one.answer, rdata=(*one.answer.rdata, "... 3 more, sha256:00")))

    result = judged_as(UNNAMED, *changed("DNSKEY", cut, "ns1"))
    assert codes(result) == set()
    assert ("ns1", "nothing that group 'b' signs can be verified") in unsure(result)


def test_a_provider_that_is_silent_leaves_the_others_as_they_are() -> None:
    result = judged_as(UNNAMED, *changed("", lambda one: one))
    assert codes(result) == {(LACKS, "ns1")}
    silent = judged(UNNAMED, by(A), "-", "-")
    assert codes(silent) == set()
    assert unsure(silent) == {("ns1", "nothing that group 'b' signs can be verified")}


def test_no_word_on_what_is_offered_where_the_keys_are_not_known() -> None:
    every = given(ONE, *[by(A, *cds(STANDBY))] * 2)
    lost = [replace(one, signatures=()) if one.query.qtype == "DNSKEY" else one for one in every]
    assert PARENT not in {code for code, _ in codes(judged_as(ONE, *lost))}


@pytest.mark.parametrize("name", ["example.com.", ".", r"a\.b.example.com."])
def test_a_digest_is_of_the_owner_too(name: str) -> None:
    """RFC 4034 section 5.1.4; an owner that needs escapes is left alone."""
    ds = dns.dnssec.make_ds(name, A.public, "SHA256")
    records = (f"@ CDS {ds.to_text()}",)
    for offered, found in ((records, False), (cds(STANDBY), "\\" not in name)):
        content = partial(made, A, zone=name, records=("@ NS ns1.example.net.", *offered))
        where = zone("ns1", "ns2", name=name, primary=None)
        assert (PARENT in {code for code, _ in codes(judged(where, content, content))}) is found
