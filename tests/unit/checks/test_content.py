"""Who gave which zone on which serial, and what a second look at what differs shows → what is said."""

from dataclasses import replace

import pytest

from checks.common.record_differences import MAX_SHOWN
from checks.common.text import format_time
from checks.common.zone_difference import zone_difference
from checks.content import Content
from checks.evaluation import run_check
from checks.model import (
    CheckResult,
    Expectation,
    Health,
    Observation,
    Outcome,
    Query,
    TransferResult,
    TransferRule,
    Transport,
    Zone,
    ZoneContent,
)
from checks.model.content import MAX_ENDED, SignatureOfRRset
from checks.zone_state.model import ZoneState
from tests.support.observations import NOON, SOA, gather, pulled, server, zone

THREE = zone("ns1", "ns2", "ns3", content=True)
TRIO = replace(THREE, primary=None)

Served = dict[str, tuple[int, str]]
"""Server → serial and records, one letter each; upper-case ones are of DNSSEC, one twice is a record sent twice."""


def line(letter: str) -> str:
    return f"{letter.lower()}.example.com. 300 IN {'NSEC' if letter.isupper() else 'A'} of {letter}"


def content(letters: str, keep: tuple[int, ...], *, overflow: bool = False) -> ZoneContent:
    """A zone in parts of which each has the records of one letter."""
    of = [letters.count(chr(97 + part)) for part in range(26)]
    generated = [letters.count(chr(65 + part)) for part in range(26)]
    kept = tuple(line(letter) for letter in dict.fromkeys(letters) if ord(letter.lower()) - 97 in keep)
    return ZoneContent(len(letters), tuple(map(_token, of)), tuple(map(_token, generated)), kept, overflow)


def _token(count: int) -> bytes:
    return bytes([count]) if count else b""


def give(query: Query, served: Served, *, overflow: bool = False) -> Observation:
    if query.server not in served:
        return pulled(query, TransferResult.REFUSED, rcode="REFUSED")
    serial, letters = served[query.server]
    given = content(letters, query.content or (), overflow=overflow)
    return pulled(query, TransferResult.ALLOWED, soa=replace(SOA, serial=serial), content=given)


def look(
    where: Zone, served: Served, then: Served | None = None, check: Content | None = None, *, overflow: bool = False
) -> CheckResult:
    """``then``: what is served at the second transfer, if that is something else."""
    check = check or Content()
    first = tuple(give(query, served) for query in check.queries(where, ()))
    again = tuple(check.queries(where, first))
    second = tuple(give(query, served if then is None else then, overflow=overflow) for query in again)
    assert not tuple(check.queries(where, (*first, *second))) or not second
    return run_check(check, where, gather(where, "content", *first, *second), ZoneState(where.name))


def found(result: CheckResult) -> set[str]:
    if result.health is Health.UNKNOWN:
        return {"?"}
    unsure = {f"? {one.server}" for one in result.unsure}
    return {f"{one.code} {one.server}" for one in result.findings} | unsure


SAME: Served = {"ns1": (5, "abc"), "ns2": (5, "abc"), "ns3": (5, "abc")}
CASES: list[tuple[str, Zone, Served, set[str]]] = [
    ("all the same", THREE, SAME, set()),
    ("one changed", THREE, SAME | {"ns2": (5, "abd")}, {"content-differs ns2"}),
    ("one missing", THREE, SAME | {"ns3": (5, "ab")}, {"content-differs ns3"}),
    ("the primary is believed", THREE, SAME | {"ns1": (5, "abd")}, {"content-differs ns2", "content-differs ns3"}),
    ("without one most are", TRIO, SAME | {"ns1": (5, "abd")}, {"content-differs ns1"}),
    ("a record sent twice", THREE, SAME | {"ns2": (5, "aabc")}, set()),
    ("another serial", THREE, SAME | {"ns2": (4, "ab")}, {"? ns2"}),
    ("nobody on the same", THREE, {"ns1": (5, "a"), "ns2": (6, "b"), "ns3": (7, "c")}, {"?"}),
    ("one refuses", THREE, {"ns1": (5, "abc"), "ns2": (5, "abc")}, {"? ns3"}),
    ("two refuse", THREE, {"ns1": (5, "abc")}, {"?"}),
    ("all refuse", THREE, {}, {"?"}),
    ("other signatures", THREE, SAME | {"ns2": (5, "abcX")}, set()),
]


@pytest.mark.parametrize(("where", "served", "said"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_who_differs(where: Zone, served: Served, said: set[str]) -> None:
    assert found(look(where, served)) == said


def test_records_of_dnssec_count_where_they_are_to() -> None:
    result = look(THREE, SAME | {"ns2": (5, "abcX")}, check=Content(dnssec=True))
    assert found(result) == {"content-differs ns2"}


def test_the_records_are_told() -> None:
    (one,) = look(THREE, SAME | {"ns2": (5, "abd")}).findings
    assert one.text == (
        "ns2 (192.0.2.2) is on serial 5 as ns1 (192.0.2.1) is, with other records: 1 record missing, 1 more: "
        "- c.example.com. 300 IN A of c; + d.example.com. 300 IN A of d"
    )


def test_no_more_records_are_told_than_can_be_read() -> None:
    every = "abcdefghijklmnopqrstuvwxyz"
    (one,) = look(THREE, {"ns1": (5, "a"), "ns2": (5, every), "ns3": (5, "a")}).findings
    assert one.text.count(" IN A ") == 16 < MAX_SHOWN
    assert "with other records: at least 0 records missing, 16 more: + " in one.text
    (one,) = look(THREE, {"ns1": (5, every[:13]), "ns2": (5, every[13:]), "ns3": (5, every[:13])}).findings
    assert "- a.example.com." in one.text
    assert one.text.count(" IN A ") <= MAX_SHOWN


def test_a_zone_of_which_most_is_sent_twice_accuses_nobody() -> None:
    """In more parts than are looked at, it is not known whether that is all."""
    every = "abcdefghijklmnopqrstuvwxyz"
    result = look(THREE, {"ns1": (5, every), "ns2": (5, every + every), "ns3": (5, every)})
    assert found(result) == {"? ns2"}
    assert result.unsure[0].reason == "it differs in 10 parts more than are looked at"


def test_too_many_to_keep() -> None:
    (one,) = look(THREE, SAME | {"ns2": (5, "abd")}, overflow=True).findings
    assert one.text.endswith("with other records, too many to compare here")


MOVED: list[tuple[str, Served]] = [
    ("refused now", {"ns1": (5, "abc")}),
    ("the primary refuses now", {"ns2": (5, "abd")}),
    ("moved", {"ns1": (5, "abc"), "ns2": (6, "abc")}),
    ("the primary moved", {"ns1": (6, "abc"), "ns2": (5, "abd")}),
]


@pytest.mark.parametrize("then", [case[1] for case in MOVED], ids=[case[0] for case in MOVED])
def test_a_second_transfer_that_cannot_tell_accuses_nobody(then: Served) -> None:
    assert found(look(THREE, SAME | {"ns2": (5, "abd")}, then)) == {"? ns2"}


def test_groups_have_serials_of_their_own() -> None:
    where = zone(server("ns1", "192.0.2.1", group="a"), server("ns2", "192.0.2.2", group="b"), content=True)
    assert found(look(where, {"ns1": (5, "abc"), "ns2": (5, "abd")})) == {"?"}


def test_it_asks_only_where_it_is_told_to_and_there_is_something_to_compare() -> None:
    assert Content().applies(THREE)
    assert not Content().applies(replace(THREE, content=False))
    assert not Content().applies(zone("ns1", content=True))
    assert Content().standing_questions(THREE) == ()


RULES: list[tuple[str, tuple[TransferRule, ...], list[tuple[str, str | None]]]] = [
    ("no rule", (), [("ns1", None), ("ns2", None), ("ns3", None)]),
    ("a key for all", (TransferRule("*", Expectation.ALLOWED, "xfr"),),
     [("ns1", "xfr"), ("ns2", "xfr"), ("ns3", "xfr")]),
    ("one's own", (TransferRule("*", Expectation.ALLOWED, "xfr"), TransferRule("ns2", Expectation.ALLOWED, "own")),
     [("ns1", "xfr"), ("ns2", "own"), ("ns3", "xfr")]),
    ("who must refuse it is not asked", (TransferRule("ns1", Expectation.REFUSED),), [("ns2", None), ("ns3", None)]),
    ("refused to strangers", (TransferRule("*", Expectation.REFUSED), TransferRule("ns1", Expectation.ALLOWED, "xfr")),
     [("ns1", "xfr")]),
    ("a key that is refused", (TransferRule("ns1", Expectation.REFUSED, "old"),),
     [("ns1", None), ("ns2", None), ("ns3", None)]),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "asked"), [case[1:] for case in RULES], ids=[case[0] for case in RULES])
def test_whom_it_asks_with_which_key(rules: tuple[TransferRule, ...], asked: list[tuple[str, str | None]]) -> None:
    queries = list(Content().queries(replace(THREE, transfers=rules), ()))
    assert [(query.server, query.key) for query in queries] == asked
    assert all(query.whole and query.content == () for query in queries)


NOW = NOON.timestamp()
"""When all was seen."""

Ends = dict[str, tuple[int, ...]]
"""Owner → in how many seconds its signatures end, in the order in which they come."""


def with_signatures(query: Query, ends: Ends) -> Observation:
    """As a transfer reads them: first who has one that has ended, then of these the one that ends last."""
    watched = [owner for owner, left in ends.items() if any(one <= 0 for one in left)]
    found = tuple(
        SignatureOfRRset(owner.encode(), f"{owner}.example.com. A", int(NOW + (max(left) if query.signatures else -1)))
        for owner, left in ends.items()
        if owner in watched[:MAX_ENDED] and (not query.signatures or owner.encode() in query.signatures)
    )
    seen = give(query, SAME)
    assert seen.content is not None
    return replace(seen, content=replace(seen.content, signatures=found))


def look_at_signatures(ends: Ends, then: Ends | None = None) -> CheckResult:
    """Of ns2, the others' never end."""
    check = Content()
    first = [with_signatures(query, ends if query.server == "ns2" else {}) for query in check.queries(THREE, ())]
    again = check.queries(THREE, tuple(first))
    second = [with_signatures(query, ends) if then is None else give(query, {}) for query in again]
    assert {one.query.server for one in second} <= {"ns2"}
    return run_check(check, THREE, gather(THREE, "content", *first, *second), ZoneState(THREE.name))


ENDS: list[tuple[Ends, set[str]]] = [
    ({}, set()),
    ({"www": (3600,)}, set()),
    ({"www": (3600, -3600)}, set()),
    ({"www": (-3600, 3600)}, set()),
    ({"www": (-7200, -3600)}, {"signature-expired ns2"}),
    ({"www": (0,)}, {"signature-expired ns2"}),
    ({"www": (-1,), "mail": (-7200, 7200)}, {"signature-expired ns2"}),
]


@pytest.mark.parametrize(("ends", "said"), ENDS)
def test_an_rrset_whose_last_signature_has_ended_is_told_wherever_it_is(ends: Ends, said: set[str]) -> None:
    assert found(look_at_signatures(ends)) == said


def test_what_is_told_of_signatures() -> None:
    (one,) = look_at_signatures({"www": (-7200, -3600), "good": (-1, 60)}).findings
    assert one.text == (
        "ns2 (192.0.2.2), in the whole zone: the last signature of www.example.com. A has ended, 1 h ago; "
        f"by the clock of the monitor, {format_time(NOON)}"
    )
    (one,) = look_at_signatures({"www": (-60,), "mail": (-7200,)}).findings
    assert "of mail.example.com. A and www.example.com. A has ended for each, of the first 2 h ago; by" in one.text
    (one,) = look_at_signatures({f"h{number}": (-60,) for number in range(100)}).findings
    assert "and 60 more has ended for each, of the first 1 min ago (there may be more: no more than 64 were" in one.text


def test_signatures_of_which_a_second_transfer_does_not_tell_accuse_nobody() -> None:
    result = look_at_signatures({"www": (-60,)}, then={})
    assert found(result) == {"? ns2"}
    assert "was not given a second time to see whose" in result.unsure[0].reason


def test_a_signature_that_has_ended_is_told_where_nobody_can_be_compared_with() -> None:
    check = Content()
    first = [with_signatures(query, {"www": (-60,)}) for query in check.queries(THREE, ())][:1]
    second = [with_signatures(query, {"www": (-60,)}) for query in check.queries(THREE, tuple(first))]
    result = run_check(check, THREE, gather(THREE, "content", *first, *second), ZoneState(THREE.name))
    assert found(result) == {"signature-expired ns1", "? ns1"}


def test_it_asks_as_the_rule_says_over_tls_and_from_where() -> None:
    """Who must give it over TLS is not asked in the clear, and who has no TLS is not asked by a rule for that."""
    private = TransferRule("*", Expectation.ALLOWED, "xfr", transport="tls")
    elsewhere = TransferRule("*", Expectation.ALLOWED, source="2001:db8::200")
    first, *others = THREE.servers
    where = replace(THREE, servers=(replace(first, tls=True), *others), transfers=(private, elsewhere))
    queries = list(Content().queries(where, ()))
    assert [(one.server, one.key, one.transport) for one in queries] == [
        ("ns1", "xfr", Transport.TLS), ("ns2", None, Transport.TCP), ("ns3", None, Transport.TCP),
    ]  # fmt: skip
    assert {one.source for one in queries} == {None}


ASKED = Query("", "", THREE.servers[0].addresses[0], "", "AXFR")
REASONS: list[tuple[Observation, str]] = [
    (pulled(ASKED, TransferResult.NOTAUTH), "is refused (NOTAUTH)"),
    (pulled(ASKED, TransferResult.EMPTY), ": empty"),
    (pulled(ASKED, TransferResult.LIMIT, detail="so long"), "so long"),
    (pulled(ASKED, TransferResult.TIMEOUT), ": timeout"),
    (pulled(ASKED, TransferResult.RESET, outcome=Outcome.UNREACHABLE,
            detail="no route"), "unreachable, no route"),
]  # fmt: skip


@pytest.mark.parametrize(("ended", "said"), REASONS)
def test_it_says_why_somebody_is_left_out(ended: Observation, said: str) -> None:
    check = Content()
    first = [give(query, SAME) for query in check.queries(THREE, ())]
    first[2] = replace(ended, query=first[2].query)
    result = run_check(check, THREE, gather(THREE, "content", *first), ZoneState(THREE.name))
    (unsure,) = result.unsure
    assert (result.health, unsure.server) == (Health.GOOD, "ns3")
    assert said in unsure.reason


def test_what_is_told_stands_in_the_order_of_a_zone() -> None:
    lines = [f"{owner} 300 IN {rest}" for owner, rest in (
        ("b.a.example. ", "A 192.0.2.1"), ("example.", "NS x."), ("a.example.", "TXT x"),
        ("a.example.", "A 192.0.2.2"),
        ("x.example.", "RRSIG y"),
    )]  # fmt: skip
    difference = zone_difference((), lines, dnssec=False)
    assert [line.split()[0] for line in difference.added] == ["example.", "a.example.", "a.example.", "b.a.example."]
    assert zone_difference(lines, lines[1:], dnssec=True).removed == (lines[0],)
