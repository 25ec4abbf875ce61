"""What checks tell from the answers of all addresses of a zone alone: that it is like another."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from checks.base import ComparesZones
from checks.common.agreement import Likeness, agreed, is_plain
from checks.common.unbumped import agreed_number
from checks.model import Observation, Outcome, RememberedRecords, Shape, Transport, WantedRecord, Zone
from checks.model.resolution import Resolution
from checks.model.signature import Signature
from checks.ns_set import NsSet
from checks.reachable import Reachable
from checks.records import Records
from checks.registry import CHECKS
from checks.signatures import Signatures
from tests.support.observations import has, query, seen, zone
from tests.support.record_looks import looked

A = "192.0.2.80"
SIGNATURE = Signature(13, 7, "one.example.", 0, 9)
ONE, TWO = (zone(name=name, records=(WantedRecord(f"www.{name}", "A"),)) for name in ("one.example.", "two.example."))
EXPECTED = replace(ONE, records=(WantedRecord("www.one.example.", "A", expect=(A,)),))

Change = Callable[[Observation], Observation]


def www(where: Zone, first: str = A, second: str = A, change: Change = lambda one: one) -> Likeness | None:
    """What is told where the addresses have these; ``change`` is the second one's."""
    name = where.records[0].name
    return Records().likeness(
        where, [has(query(where, "ns1", "A", name), first), change(has(query(where, "ns2", "A", name), second))]
    )


def ns(where: Zone, *names: str, other: tuple[str, ...] | None = None) -> Likeness | None:
    pairs = (("ns1", names), ("ns2", names if other is None else other))
    return NsSet().likeness(where, [has(query(where, server, "NS"), *given) for server, given in pairs])


def test_which_checks_compare_zones() -> None:
    assert {name for name, kind in CHECKS.items() if isinstance(kind(), ComparesZones)} == {
        "ns-set", "records", "signatures"
    }  # fmt: skip
    assert not isinstance(Reachable(), ComparesZones)


def test_zones_whose_records_are_everywhere_the_same_are_alike_whatever_they_are() -> None:
    one, two = www(ONE), www(TWO, "192.0.2.66", "192.0.2.66")
    assert one is not None
    assert two is not None
    assert one.kind == two.kind
    assert one.words == ("www.one.example. A", "", A)
    assert two.words == ("www.two.example. A", "", "192.0.2.66")


def test_the_words_stand_for_what_a_poll_in_full_has_remembered() -> None:
    (result,) = looked(ONE, [{"ns1": f"10 {A}", "ns2": f"10 {A}"}])
    told = www(ONE)
    assert told is not None
    assert result.remembered == RememberedRecords(agreed_number(10, told.words))
    assert agreed_number(11, told.words) != agreed_number(10, told.words)


def test_what_is_expected_and_what_is_not_are_two_kinds() -> None:
    as_expected, other = www(EXPECTED), www(EXPECTED, "192.0.2.66", "192.0.2.66")
    assert as_expected is not None
    assert other is not None
    assert as_expected.kind != other.kind


def as_cname(one: Observation) -> Observation:
    return replace(one, shape=Shape.CNAME)


def test_a_cname_everywhere_is_the_same_everywhere_and_not_what_is_expected() -> None:
    name = ONE.records[0].name
    for where, kind in ((ONE, (True,)), (EXPECTED, (False,))):
        given = [as_cname(has(query(where, server, "A", name), A)) for server in ("ns1", "ns2")]
        told = Records().likeness(where, given)
        assert told is not None
        assert told.kind == kind
        assert told.words == (f"{name} A", "a CNAME", A)


CHANGES: list[Change] = [
    lambda one: replace(one, outcome=Outcome.TIMEOUT),
    lambda one: replace(one, transport=Transport.TCP),
    lambda one: replace(one, authoritative=False),
    lambda one: replace(one, without_edns="FORMERR"),
    lambda one: replace(one, source="192.0.2.99"),
    lambda one: replace(one, limited=True),
    lambda one: replace(one, detail="a second answer"),
    lambda one: replace(one, rcode="SERVFAIL"),
    lambda one: replace(one, answer=replace(one.answer, ttl=60)) if one.answer else one,
    as_cname,
]


@pytest.mark.parametrize("change", CHANGES)
def test_an_address_that_says_anything_else_makes_a_zone_like_no_other(change: Change) -> None:
    assert www(ONE) is not None
    assert www(ONE, change=change) is None


def test_a_difference_or_a_record_that_was_not_asked_for_makes_it_like_no_other() -> None:
    assert www(ONE, A, "192.0.2.66") is None
    assert Records().likeness(ONE, [has(query(ONE, "ns1", "AAAA", "www.one.example."))]) is None


def test_the_default_list_is_compared_whole() -> None:
    where = zone(default_records=True)
    every = [(question.name, question.type) for question in Records().standing_questions(where)[1:]]
    answers = [has(query(where, server, qtype, name)) for name, qtype in every for server in ("ns1", "ns2")]
    assert Records().likeness(where, answers) is not None
    assert Records().likeness(where, answers[2:]) is None


def test_of_the_default_list_a_text_is_what_its_strings_make() -> None:
    where = zone(default_records=True)
    every = [(question.name, question.type) for question in Records().standing_questions(where)[1:]]

    def told(*texts: str) -> Likeness | None:
        rdata = {"TXT": texts}
        answers = [
            has(query(where, server, qtype, name), *rdata.get(qtype, ()))
            for name, qtype in every
            for server in ("ns1", "ns2")
        ]
        return Records().likeness(where, answers)

    assert told('"v=spf1 " "-all"') == told('"v=spf1 -all"')
    assert told('"v=spf1 -all"') != told('"v=spf1 ~all"')


def test_zones_with_the_same_ns_set_are_alike_as_seen_from_each() -> None:
    one, two = ns(ONE, "ns1.one.example.", "NS2.one.example."), ns(TWO, "ns1.two.example.", "ns2.two.example.")
    assert one is not None
    assert two is not None
    assert one.kind == two.kind
    assert one.words == ("one.example. NS", "", "NS2.one.example.", "ns1.one.example.")


def test_other_names_are_another_kind() -> None:
    assert ns(ONE, ".") == Likeness((".",), ("one.example. NS", "", "."))
    one, two = ns(ONE, "ns1.example.net.", "ns2.example.net."), ns(TWO, "ns1.example.org.", "ns2.example.org.")
    assert one is not None
    assert two is not None
    assert one.kind != two.kind


@pytest.mark.parametrize(
    "names",
    [
        ("ns1.one.example.", "ns9.one.example."),  # nobody's name, in the zone: what that resolves to is its own
        ("ns1.one.example.", "one.example."),  # its first label tells something
    ],
)
def test_names_that_only_a_zone_itself_can_tell_of_make_it_like_no_other(names: tuple[str, ...]) -> None:
    assert ns(ONE, *names) is None


def test_what_a_name_in_the_zone_leads_to_is_known_of_that_zone_alone() -> None:
    check = NsSet({"ns1.one.example": Resolution(("192.0.2.1",), alias="www.example.net")})
    for where, alike in ((ONE, False), (TWO, True)):
        given = [has(query(where, server, "NS"), f"ns1.{where.name}") for server in ("ns1", "ns2")]
        assert (check.likeness(where, given) is not None) is alike


def test_ns_sets_that_differ_or_are_none_are_like_no_other() -> None:
    assert ns(ONE, "ns1.one.example.", other=("ns2.one.example.",)) is None
    strange = [as_cname(has(query(ONE, server, "NS"), "www.example.net.")) for server in ("ns1", "ns2")]
    assert NsSet().likeness(ONE, strange) is None


def test_only_zones_without_signatures_are_alike() -> None:
    def soas(*tokens: str, change: Change = lambda one: one) -> list[Observation]:
        pairs = zip(("ns1", "ns2"), tokens, strict=True)
        return [change(seen(query(ONE, server, dnssec=True), token)) for server, token in pairs]

    check = Signatures()
    assert check.likeness(ONE, soas("10", "10")) == check.likeness(TWO, soas("11", "11"))
    assert check.likeness(ONE, soas("10", "10")) is not None
    signed = soas("10", "10", change=lambda one: replace(one, signatures=(SIGNATURE,)))
    for unlike in (soas("10", "-"), soas("10", "REFUSED"), signed):
        assert check.likeness(ONE, unlike) is None


def test_what_is_agreed_is_by_name_and_type() -> None:
    answers = [has(query(ONE, server, "A", "www.one.example."), A) for server in ("ns1", "ns2")]
    assert all(map(is_plain, answers))
    found = agreed(answers)
    assert found is not None
    assert found["www.one.example.", "A"].rdata == (A,)
    assert agreed([]) == {}
