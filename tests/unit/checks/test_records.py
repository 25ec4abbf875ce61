"""Who has which records on which version → what is said; ns-set, which asks the same way, stands beside it.

A row says per address what it gives: "10 a" is serial 10 and A records named a; several records are joined by "+".
"""

from dataclasses import replace

import pytest

from checks.common.rrset_compare import PROPAGATING
from checks.common.rrset_content import RRsetContent
from checks.evaluation import run_check
from checks.model import (
    CheckInconclusive,
    CheckResult,
    Health,
    Outcome,
    RrSet,
    Shape,
    WantedRecord,
    Zone,
    ZonePoll,
)
from checks.ns_set import ALONE, NsSet
from checks.records import Records
from checks.zone_state.model import ZoneState
from tests.support.observations import MINUTE, NOON, gather, has, seen, server, story, zone
from tests.support.record_observations import NOW, known, read

WWW = WantedRecord("www.example.com.", "A")
EXPECTED = replace(WWW, expect=("a",))
ABSENT = replace(WWW, expect=())
PAIR = zone(records=(WWW,))
THREE = zone("ns1", "ns2", "ns3", records=(WWW,))
TRIO = zone("ns1", "ns2", "ns3", primary=None, records=(WWW,))
PROVIDERS = zone(server("ns1", group="a"), server("ns2", group="b"), server("ns3", group="b"), records=(WWW,))


def reading(where: Zone, gives: dict[str, str], wanted: WantedRecord = WWW, check: str = "records") -> ZonePoll:
    every = [one for name, token in gives.items() for one in read(where, name, token, wanted)]
    return gather(where, check, *every, at=NOW)


def said(result: CheckResult) -> set[str]:
    return {f"{finding.code} {finding.server}" for finding in result.findings}


ROWS: list[tuple[str, Zone, dict[str, str], float, set[str]]] = [
    # title, zone, what each gives, minutes since the newest version came, what is said
    ("all the same", THREE, {"ns1": "10 a", "ns2": "10 a", "ns3": "10 a"}, 60, set()),
    ("order of records does not matter", PAIR, {"ns1": "10 a+b", "ns2": "10 b+a"}, 60, set()),
    ("same serial, other content", THREE, {"ns1": "10 a", "ns2": "10 b", "ns3": "10 a"}, 60, {"content-differs ns2"}),
    ("one record more", PAIR, {"ns1": "10 a", "ns2": "10 a+b"}, 60, {"content-differs ns2"}),
    ("missing on one", PAIR, {"ns1": "10 a", "ns2": "10 nothing"}, 60, {"content-differs ns2"}),
    ("the name is missing on one", PAIR, {"ns1": "10 a", "ns2": "10 nxdomain"}, 60, {"content-differs ns2"}),
    ("no such name and no such type are one", PAIR, {"ns1": "10 nothing", "ns2": "10 nxdomain"}, 60, set()),
    ("the primary is right", THREE, {"ns1": "10 a", "ns2": "10 b", "ns3": "10 b"}, 60,
     {"content-differs ns2", "content-differs ns3"}),
    ("most are right", TRIO, {"ns1": "10 a", "ns2": "10 b", "ns3": "10 b"}, 60, {"content-differs ns1"}),
    ("a change on its way", PAIR, {"ns1": "11 b", "ns2": "10 a"}, 3, set()),
    ("a change that should have arrived", PAIR, {"ns1": "11 b", "ns2": "10 a"}, 30, {"record-differs ns2"}),
    ("late, but this record did not change", PAIR, {"ns1": "11 a", "ns2": "10 a"}, 30, set()),
    ("ahead of its primary", PAIR, {"ns1": "10 a", "ns2": "12 b"}, 30, {"record-differs ns2"}),
    ("the zone moved while it was read", PAIR, {"ns1": "10 a", "ns2": "10>11 b"}, 60, set()),
    ("the primary moved while it was read", PAIR, {"ns1": "10>11 b", "ns2": "10 a"}, 60, set()),
    ("two machines, the record from one of them", PAIR, {"ns1": "10 a", "ns2": "10@x>10@y b"}, 60,
     {"content-differs ns2"}),
    ("one of the other provider is right", PROVIDERS, {"ns1": "10 b", "ns2": "900 a", "ns3": "900 b"}, 60,
     {"content-differs ns3", "record-differs ns2"}),
    ("no answer for the record", PAIR, {"ns1": "10 a", "ns2": "10 -"}, 60, set()),
    ("refused for the record", PAIR, {"ns1": "10 a", "ns2": "10 REFUSED"}, 60, set()),
    ("no version", PAIR, {"ns1": "10 a", "ns2": "SERVFAIL b"}, 60, set()),
    ("2^31 apart", TRIO, {"ns1": "1 a", "ns2": "2147483649 b", "ns3": "1 a"}, 60, {"record-differs ns2"}),
    ("other TTL", PAIR, {"ns1": "10 a/300", "ns2": "10 a/60"}, 60, {"ttl-differs ns2"}),
    ("other TTL on another version", PAIR, {"ns1": "11 a/300", "ns2": "10 a/60"}, 30, set()),
    ("other TTL and content is told once", PAIR, {"ns1": "10 a/300", "ns2": "10 b/60"}, 60, {"content-differs ns2"}),
    ("providers agree", PROVIDERS, {"ns1": "10 a", "ns2": "900 a", "ns3": "900 a"}, 60, set()),
    ("providers disagree", PROVIDERS, {"ns1": "10 a", "ns2": "900 b", "ns3": "900 b"}, 60,
     {"record-differs ns2", "record-differs ns3"}),
    ("one server of the other provider", PROVIDERS, {"ns1": "10 a", "ns2": "900 a", "ns3": "900 b"}, 60,
     {"content-differs ns3"}),
]  # fmt: skip


@pytest.mark.parametrize(("title", "where", "gives", "late", "expected"), ROWS, ids=[title for title, *_ in ROWS])
def test_row(title: str, where: Zone, gives: dict[str, str], late: float, expected: set[str]) -> None:
    result = run_check(Records(), where, reading(where, gives), known(where, gives, late))
    assert said(result) == expected
    assert {finding.subject for finding in result.findings} <= {"www.example.com. A"}


EXPECTATIONS: list[tuple[str, WantedRecord, dict[str, str], float, set[str]]] = [
    ("as expected", EXPECTED, {"ns1": "10 a", "ns2": "10 a"}, 60, set()),
    ("all of them something else", EXPECTED, {"ns1": "10 b", "ns2": "10 b"}, 60,
     {"record-unexpected ns1", "record-unexpected ns2"}),
    ("one of them something else", EXPECTED, {"ns1": "10 a", "ns2": "10 b"}, 60,
     {"content-differs ns2", "record-unexpected ns2"}),
    ("one of them nothing", EXPECTED, {"ns1": "10 a", "ns2": "10 nothing"}, 60,
     {"content-differs ns2", "record-unexpected ns2"}),
    ("on its way to it", EXPECTED, {"ns1": "11 a", "ns2": "10 b"}, 3, set()),
    ("not on its way any more", EXPECTED, {"ns1": "11 a", "ns2": "10 b"}, 30,
     {"record-differs ns2", "record-unexpected ns2"}),
    ("away from it", EXPECTED, {"ns1": "11 b", "ns2": "10 a"}, 3, {"record-unexpected ns1"}),
    ("must not be there, and is not", ABSENT, {"ns1": "10 nothing", "ns2": "10 nxdomain"}, 60, set()),
    ("must not be there, and is", ABSENT, {"ns1": "10 a", "ns2": "10 a"}, 60,
     {"record-unexpected ns1", "record-unexpected ns2"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("title", "wanted", "gives", "late", "expected"), EXPECTATIONS, ids=[e[0] for e in EXPECTATIONS]
)
def test_expectation(title: str, wanted: WantedRecord, gives: dict[str, str], late: float, expected: set[str]) -> None:
    where = replace(PAIR, records=(wanted,))
    result = run_check(Records(), where, reading(where, gives, wanted), known(where, gives, late))
    assert said(result) == expected


def test_a_ttl_may_be_of_no_interest() -> None:
    where = replace(PAIR, records=(replace(WWW, ttl=False),))
    gives = {"ns1": "10 a/300", "ns2": "10 a/60"}
    assert run_check(Records(), where, reading(where, gives), known(where, gives, 60)).health is Health.GOOD


def test_providers_are_given_time_to_follow_each_other() -> None:
    gives = {"ns1": "10 a", "ns2": "901 b", "ns3": "901 b"}
    one_later = {"ns1": "10 . .", "ns2": "900 901 901", "ns3": "900 901 901"}
    early = story(PROVIDERS, one_later, start=NOW - 5 * MINUTE)[-1].zone_state
    result = run_check(Records(), PROVIDERS, reading(PROVIDERS, gives), early)
    assert said(result) == set()
    assert {(one.server, one.reason) for one in result.unsure} == {
        ("ns2", "a change is propagating"),
        ("ns3", "a change is propagating"),
    }
    later = story(PROVIDERS, one_later, start=NOW - 30 * MINUTE)[-1].zone_state
    assert said(run_check(Records(), PROVIDERS, reading(PROVIDERS, gives), later)) == {
        "record-differs ns2", "record-differs ns3",
    }  # fmt: skip


def test_without_a_zone_state_differing_versions_are_in_motion_and_equal_ones_are_not() -> None:
    empty = ZoneState(PAIR.name)
    assert said(run_check(Records(), PAIR, reading(PAIR, {"ns1": "11 b", "ns2": "10 a"}), empty)) == set()
    assert said(run_check(Records(), PAIR, reading(PAIR, {"ns1": "10 b", "ns2": "10 a"}), empty)) == {
        "content-differs ns2"
    }
    providers = run_check(Records(), PROVIDERS, reading(PROVIDERS, {"ns1": "1 a", "ns2": "9 b", "ns3": "9 b"}), empty)
    assert said(providers) == {"record-differs ns2", "record-differs ns3"}


def test_serials_that_cannot_be_ordered_and_no_reference() -> None:
    where = replace(PAIR, primary=None)
    gives = {"ns1": "1 a", "ns2": "2147483649 b"}
    result = run_check(Records(), where, reading(where, gives), ZoneState(PAIR.name))
    assert (result.health, result.reason) == (Health.UNKNOWN, "serials cannot be ordered")
    wanting = replace(where, records=(EXPECTED,))
    result = run_check(Records(), wanting, reading(wanting, gives, EXPECTED), ZoneState(PAIR.name))
    assert result.health is Health.UNKNOWN


def test_what_the_zone_state_has_not_seen_yet_is_in_motion() -> None:
    gives = {"ns1": "11 b", "ns2": "10 a"}
    before = known(PAIR, {"ns1": "10 a", "ns2": "10 a"}, 60)
    assert said(run_check(Records(), PAIR, reading(PAIR, gives), before)) == set()


@pytest.mark.parametrize(
    ("minutes", "found"), [(0, set()), (9, set()), (11, {"record-differs ns2", "record-differs ns3"})]
)
def test_groups_that_differ_at_a_first_look_may_have_a_change_on_its_way(minutes: int, found: set[str]) -> None:
    """The kind: who begins to look knows of no version since when it is there, so nobody is late within max_lag."""
    gives = {"ns1": "10 a", "ns2": "77 b", "ns3": "77 b"}
    begun = story(PROVIDERS, {name: token.partition(" ")[0] for name, token in gives.items()})[-1].zone_state
    assert all(serial_group.versions[-1].absent is None for serial_group in begun.serial_groups)
    result = run_check(Records(), PROVIDERS, replace(reading(PROVIDERS, gives), at=NOON + minutes * MINUTE), begun)
    assert said(result) == found
    assert {unsure.reason for unsure in result.unsure} == (set() if found else {PROPAGATING})


def test_nothing_decided_is_unknown() -> None:
    gives = {"ns1": "10 -", "ns2": "10 -"}
    result = run_check(Records(), PAIR, reading(PAIR, gives), known(PAIR, gives, 60))
    assert (result.health, result.reason) == (Health.UNKNOWN, "no usable answer for the record")
    alone = run_check(Records(), PAIR, reading(PAIR, {"ns1": "10 a"}), known(PAIR, {"ns1": "10", "ns2": "10"}, 60))
    assert alone.health is Health.UNKNOWN
    with pytest.raises(CheckInconclusive, match="serves no version"):
        list(Records().evaluate(PAIR, gather(PAIR, "records"), ZoneState(PAIR.name)))


def test_one_address_with_an_expectation_is_enough() -> None:
    where = zone("ns1", records=(EXPECTED,))
    gives = {"ns1": "10 b"}
    assert Records().applies(where)
    assert said(run_check(Records(), where, reading(where, gives, EXPECTED), known(where, gives, 60))) == {
        "record-unexpected ns1"
    }


@pytest.mark.parametrize(
    ("where", "applies"),
    [
        (PAIR, True),
        (zone(), False),
        (zone("ns1", records=(WWW,)), False),
        (zone("ns1", records=(ABSENT,)), True),
        (Zone("example.com.", records=(EXPECTED,)), False),
        (zone(records=(WantedRecord("example.com.", "SOA"),)), False),
    ],
)
def test_applies(where: Zone, applies: bool) -> None:
    assert Records().applies(where) is applies


def test_it_asks_soa_records_soa_of_those_that_serve() -> None:
    where = zone("ns1", "ns2", "ns3", records=(WWW, WantedRecord("example.com.", "MX")))
    check = Records()
    first = list(check.queries(where, ()))
    assert [(q.server, q.qtype) for q in first] == [("ns1", "SOA"), ("ns2", "SOA"), ("ns3", "SOA")]
    answers = tuple(seen(q, "-" if q.server == "ns2" else "10") for q in first)
    second = list(check.queries(where, answers))
    assert [(q.server, q.qname, q.qtype) for q in second] == [
        ("ns1", "www.example.com.", "A"),
        ("ns1", "example.com.", "MX"),
        ("ns3", "www.example.com.", "A"),
        ("ns3", "example.com.", "MX"),
    ]
    answers += tuple(has(q, "x") for q in second)
    third = list(check.queries(where, answers))
    assert [(q.server, q.qtype) for q in third] == [("ns1", "SOA"), ("ns3", "SOA")]
    assert list(check.queries(where, answers + tuple(seen(q, "10") for q in third))) == []
    assert all(q.identify for q in first + second + third)
    assert list(check.queries(where, tuple(seen(q, "-") for q in first))) == []


SHAPES: list[tuple[str, dict[str, object], str]] = [
    ("delegation", {"shape": Shape.REFERRAL, "authoritative": False}, "a delegation"),
    ("CNAME", {"shape": Shape.CNAME, "answer": RrSet(WWW.name, "CNAME", 60, ("x.",))}, "a CNAME to x."),
    (
        "CNAME to nothing",
        {"shape": Shape.CNAME, "rcode": "NXDOMAIN", "answer": RrSet("", "CNAME", 60, ("x.",))},
        "a CNAME to x.",
    ),
    ("CNAME not kept", {"shape": Shape.CNAME, "answer": None}, "a CNAME"),
    ("nothing", {"shape": Shape.NODATA}, "nothing"),
]


@pytest.mark.parametrize(("title", "fields", "words"), SHAPES, ids=[title for title, *_ in SHAPES])
def test_what_stands_there_instead(title: str, fields: dict[str, object], words: str) -> None:
    poll = reading(PAIR, {"ns1": "10 a", "ns2": "10 b"})
    odd = tuple(
        replace(one, answer=None, **fields) if one.server == "ns2" and one.query.qtype == "A" and "answer" not in fields
        else replace(one, **fields) if one.server == "ns2" and one.query.qtype == "A"
        else one
        for one in poll.seen
    )  # fmt: skip
    result = run_check(Records(), PAIR, replace(poll, seen=odd), known(PAIR, {"ns1": "10", "ns2": "10"}, 60))
    assert [finding.text for finding in result.findings] == [
        f"ns2 (192.0.2.2) has {words} for www.example.com. A, ns1 has a, all on serial 10"
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"authoritative": False},
        {"outcome": Outcome.TIMEOUT},
        {"rcode": "SERVFAIL"},
        {"shape": Shape.OTHER, "answer": None},
        {"answer": None},
    ],
)
def test_unusable_answers_say_nothing(fields: dict[str, object]) -> None:
    poll = reading(THREE, {"ns1": "10 a", "ns2": "10 b", "ns3": "10 a"})
    odd = tuple(
        replace(one, **fields) if one.server == "ns2" and one.query.qtype == "A" else one  # type: ignore[arg-type]
        for one in poll.seen
    )
    result = run_check(Records(), THREE, replace(poll, seen=odd), ZoneState(THREE.name))
    assert result.health is Health.GOOD
    assert ("ns2", "no usable answer for the record") in {(one.server, one.reason) for one in result.unsure}


def from_elsewhere(poll: ZonePoll, name: str) -> ZonePoll:
    """The same, but the record came from a machine of which no SOA was seen."""
    return replace(
        poll,
        seen=tuple(replace(o, nsid="m1" if o.soa is not None else "m2") if o.server == name else o for o in poll.seen),
    )


@pytest.mark.parametrize(
    ("where", "wanted", "gives"),
    [
        (THREE, WWW, {"ns1": "10 a", "ns2": "10 b", "ns3": "10 a"}),
        (THREE, WWW, {"ns1": "10 a/300", "ns2": "10 a/60", "ns3": "10 a/300"}),
        (THREE, EXPECTED, {"ns1": "10 a", "ns2": "10 b", "ns3": "10 a"}),
        (PROVIDERS, WWW, {"ns1": "10 a", "ns2": "900 b", "ns3": "900 a"}),
    ],
)
def test_a_machine_whose_version_is_not_known_is_not_accused(
    where: Zone, wanted: WantedRecord, gives: dict[str, str]
) -> None:
    where = replace(where, records=(wanted,))
    poll = reading(where, gives, wanted)
    assert "ns2" in {finding.server for finding in run_check(Records(), where, poll, ZoneState(where.name)).findings}
    result = run_check(Records(), where, from_elsewhere(poll, "ns2"), ZoneState(where.name))
    assert result.health is Health.GOOD
    assert {one.reason for one in result.unsure} <= {
        "different machines answer at this address, and which version this one has is not known"
    }


def test_content_in_words() -> None:
    assert str(RRsetContent(())) == "nothing"
    assert str(RRsetContent(("a", "b"))) == "a and b"
    assert str(RRsetContent((), instead="a delegation")) == "a delegation"
    assert str(RRsetContent(("x.",), instead="a CNAME")) == "a CNAME to x."


# --- ns-set ---

NS = WantedRecord("example.com.", "NS", ttl=False)
NS_ROWS: list[tuple[str, Zone, dict[str, str], float, set[str]]] = [
    ("the same", THREE, {"ns1": "10 x.+y.", "ns2": "10 y.+x.", "ns3": "10 x.+y."}, 60, set()),
    ("TTL apart", PAIR, {"ns1": "10 x./300", "ns2": "10 x./60"}, 60, set()),
    ("one differs", THREE, {"ns1": "10 x.+y.", "ns2": "10 x.", "ns3": "10 x.+y."}, 60, {"ns-set-differs ns2"}),
    ("a change on its way", PAIR, {"ns1": "11 x.", "ns2": "10 y."}, 3, set()),
    ("a change that should have arrived", PAIR, {"ns1": "11 x.", "ns2": "10 y."}, 30, {"ns-set-differs ns2"}),
    ("providers disagree", PROVIDERS, {"ns1": "1 x.", "ns2": "9 y.", "ns3": "9 y."}, 60,
     {"ns-set-differs ns2", "ns-set-differs ns3"}),
]  # fmt: skip


@pytest.mark.parametrize(("title", "where", "gives", "late", "expected"), NS_ROWS, ids=[row[0] for row in NS_ROWS])
def test_ns_set(title: str, where: Zone, gives: dict[str, str], late: float, expected: set[str]) -> None:
    result = run_check(NsSet(), where, reading(where, gives, NS, "ns-set"), known(where, gives, late))
    assert said(result) == expected


def test_ns_set_needs_two_answers() -> None:
    half = reading(PAIR, {"ns1": "10 x.", "ns2": "10 -"}, NS)
    result = run_check(NsSet(), replace(PAIR, ignored=("*",)), half, ZoneState(PAIR.name))
    assert (result.health, result.reason) == (Health.UNKNOWN, ALONE)
    result = run_check(NsSet(), PAIR, half, ZoneState(PAIR.name))  # of the names something can be said
    assert result.health is Health.GOOD
    assert all(any(one.covers(s.name, a, "") for one in result.unsure) for s, a in PAIR.server_addresses())
    assert NsSet().applies(PAIR)
    assert [(q.server, q.qtype) for q in NsSet().queries(PAIR, ())] == [("ns1", "SOA"), ("ns2", "SOA")]
