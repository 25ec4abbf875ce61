"""What is told of the records that nobody has chosen, look by look: what stays different, and not what is made up."""

from dataclasses import replace
from datetime import timedelta

import pytest

from checks.common.rrset_compare import copies
from checks.evaluation import run_check
from checks.model import Family, Health, Observation, Server, Shape, WantedRecord, Zone, ZonePoll
from checks.model.wanted import DEFAULT_RECORDS
from checks.records import NEW, Records, compared_records
from checks.zone_state.model import ZoneState
from tests.support.observations import gather, has, query, seen, server, zone
from tests.support.record_looks import in_columns, looked, poll_of, said
from tests.support.record_observations import NOW

PAIR = zone(default_records=True)
THREE = zone("ns1", "ns2", "ns3", default_records=True)
PROVIDERS = zone(server("ns1", group="a"), server("ns2", group="b"), default_records=True)

STORIES: list[tuple[str, Zone, dict[str, str], list[str]]] = [
    # title, zone, what each server gives at one look after the other, what is said at each
    ("all the same", PAIR, {"ns1": "10 a,10 a", "ns2": "10 a,10 a"}, ["", ""]),
    ("nowhere", PAIR, {"ns1": "10 nothing", "ns2": "10 nothing"}, [""]),
    ("told at the second look", PAIR, {"ns1": "10 a,10 a,10 a", "ns2": "10 b,10 b,10 b"},
     ["?", "content-differs ns2", "content-differs ns2"]),
    ("missing at one", PAIR, {"ns1": "10 a,10 a", "ns2": "10 nothing,10 nothing"}, ["?", "content-differs ns2"]),
    ("gone at the second look", PAIR, {"ns1": "10 a,10 a", "ns2": "10 b,10 a"}, ["?", ""]),
    ("another at each look", PAIR, {"ns1": "10 a,10 a,10 a", "ns2": "10 b,10 c,10 d"}, ["?", "?", "?"]),
    ("so again and again", PAIR, {"ns1": "10 a,10 a,10 a,10 a,10 a,10 a", "ns2": "10 b,10 c,10 d,10 e,10 e,10 e"},
     ["?", "?", "?", "", "", ""]),
    ("both turn round", PAIR, {"ns1": "10 a,10 b,10 a,10 a,10 a", "ns2": "10 b,10 a,10 b,10 b,10 b"},
     ["?", "?", "", "", ""]),
    ("another each time at one look", PAIR, {"ns1": "10 a,10 a,10 a", "ns2": "10 a|b|a,10 b,10 b"}, ["", "", ""]),
    ("TTLs run down", PAIR, {"ns1": "10 a/60,10 a/30,10 a/60", "ns2": "10 b/60,10 b/60,10 b/60"}, ["?", "", ""]),
    ("no answer in between", PAIR, {"ns1": "10 a,10 a,10 a", "ns2": "10 b,10 -,10 b"}, ["?", "?", "?"]),
    ("late with the zone", PAIR, {"ns1": "11 a,11 a", "ns2": "10 b,10 b"}, ["?", "?"]),
    ("a new serial", PAIR, {"ns1": "10 a,11 a,11 a", "ns2": "10 b,11 b,11 b"}, ["?", "?", "content-differs ns2"]),
    ("one of three", THREE, {"ns1": "10 a,10 a", "ns2": "10 a,10 a", "ns3": "10 b,10 b"}, ["?", "content-differs ns3"]),
]  # fmt: skip


@pytest.mark.parametrize(("title", "where", "gives", "expected"), STORIES, ids=[title for title, *_ in STORIES])
def test_story(title: str, where: Zone, gives: dict[str, str], expected: list[str]) -> None:
    assert [said(result) for result in looked(where, in_columns(gives))] == expected


def dual(*numbers: int, group: str = "") -> list[Server]:
    return [server(f"ns{one}", f"192.0.2.{one}", f"2001:db8::{one}", group=group) for one in numbers]


BY_FAMILY: list[tuple[str, list[Server | str], dict[str, str], str]] = [
    # title, servers, what each gives over IPv6, what is said at the second look; over IPv4 all give a
    ("by who asks", dual(1, 2), {"ns1": "10 b", "ns2": "10 b"}, ""),
    ("not at one of them", dual(1, 2), {"ns1": "10 a", "ns2": "10 b"}, "content-differs ns2"),
    ("another at each", dual(1, 2), {"ns1": "10 c", "ns2": "10 b"}, "content-differs ns1 content-differs ns2"),
    ("one server alone has both", [*dual(1), "ns2"], {"ns1": "10 b"}, "content-differs ns1"),
    ("two providers", [*dual(1, group="a"), *dual(2, group="b")], {"ns1": "10 b", "ns2": "10 b"}, ""),
    ("one is on another serial there", dual(1, 2), {"ns1": "10 b", "ns2": "11 b"}, "?"),
]


@pytest.mark.parametrize(("title", "servers", "over_ipv6", "said_then"), BY_FAMILY, ids=[row[0] for row in BY_FAMILY])
def test_who_answers_by_who_asks_gives_all_the_same_over_one_family(
    title: str, servers: list[Server | str], over_ipv6: dict[str, str], said_then: str
) -> None:
    where = zone(*servers, primary=None, default_records=True)
    names = [one.name for one in where.servers]
    first, second = (poll_of(where, dict.fromkeys(names, "10 a"), NOW), poll_of(where, over_ipv6, NOW))
    over = {True: first.seen, False: second.seen}
    seen_both = tuple(
        one for v4, every in over.items() for one in every if (one.query.address.family is Family.IPV4) is v4
    )
    remembered = None
    for number in range(2):
        at = NOW + number * timedelta(minutes=1)
        poll = replace(first, at=at, seen=seen_both, remembered=remembered)
        result = run_check(Records(), where, poll, ZoneState(where.name))
        remembered = result.remembered
    assert said(result) == said_then


TEXTS: list[tuple[str, tuple[str, ...], str]] = [
    ("cut elsewhere", ('"v=spf1 a" "b -all"',), ""),
    ("not cut", ('"v=spf1 ab -all"',), ""),
    ("a quote in it", ('"v=spf1 a\\"" "b -all"',), "content-differs ns2"),
    ("another text", ('"v=spf1 a b -all"',), "content-differs ns2"),
    ("no strings", ("... 3 more, sha256:00",), "content-differs ns2"),
]


@pytest.mark.parametrize(("title", "rdata", "said_then"), TEXTS, ids=[title for title, *_ in TEXTS])
def test_a_text_may_be_cut_into_strings_anywhere(title: str, rdata: tuple[str, ...], said_then: str) -> None:
    texts = {"ns1": ('"v=spf1 " "ab -all"',), "ns2": rdata}
    remembered = None
    for number in range(2):
        at = NOW + number * timedelta(minutes=1)
        poll = replace(poll_of(PAIR, {"ns1": "10 a", "ns2": "10 a"}, at), remembered=remembered)
        seen_texts = tuple(has(one.query, *texts[one.server]) if one.query.qtype == "TXT" else one for one in poll.seen)
        result = run_check(Records(), PAIR, replace(poll, seen=seen_texts), ZoneState(PAIR.name))
        remembered = result.remembered
    assert said(result) == said_then


def test_what_is_new_is_unsure_and_is_to_be_looked_at_again_soon() -> None:
    first, second = looked(PAIR, [{"ns1": "10 a", "ns2": "10 b"}] * 2)
    assert [one.reason for one in first.unsure] == [NEW]
    assert first.health is Health.GOOD  # of the other records it is known that they are the same
    assert first.remembered is not None
    assert second.remembered is not None
    assert (first.remembered.soon_again, second.remembered.soon_again) == (True, False)


def test_who_is_looked_at_again_and_again_in_vain_is_not_looked_at_sooner() -> None:
    turns = [{"ns1": "10 a", "ns2": f"10 {what}"} for what in "bbcbbcbb"]
    results = looked(PAIR, turns)
    soon = [result.remembered.soon_again for result in results if result.remembered is not None]
    assert soon == [True, False, True, False, False, False, False, False]


def test_providers_may_differ_for_an_hour() -> None:
    look = {"ns1": "10 a", "ns2": "900 b"}
    results = looked(PROVIDERS, [look] * 5, every=timedelta(minutes=20))
    assert [said(result) for result in results] == ["?", "?", "?", "record-differs ns2", "record-differs ns2"]


def test_what_varied_is_left_out_for_a_week() -> None:
    turns = [{"ns1": "10 a", "ns2": "10 a|b"}, *[{"ns1": "10 a", "ns2": "10 b"}] * 5]
    results = looked(PAIR, turns, every=timedelta(days=3))
    assert [said(result) for result in results] == ["", "", "", "content-differs ns2", *["content-differs ns2"] * 2]


def test_what_varies_is_noted_once_a_day() -> None:
    results = looked(PAIR, [{"ns1": "10 a", "ns2": "10 a|b"}] * 30, every=timedelta(hours=1))
    noted = {one.at for result in results for one in result.remembered.varying} if results[0].remembered else set()
    assert len(noted) == 2


def test_what_is_equal_again_leaves_the_memory_as_it_is() -> None:
    """So a look that is passed over, because all was as before, would not have changed it."""
    before, *rest = looked(PAIR, [{"ns1": "10 a", "ns2": "10 a|b"}, *[{"ns1": "10 a", "ns2": "10 a"}] * 3])
    assert before.remembered is not None
    assert {result.remembered for result in rest} == {rest[0].remembered}


def test_the_default_list_is_asked_for_and_its_names_are_seen_from_the_zone() -> None:
    questions = [(one.name, one.type) for one in Records().standing_questions(PAIR)]
    assert questions == [
        ("example.com.", "SOA"), *(("example.com.", one) for one in ("A", "AAAA", "MX", "TXT", "CAA")),
        ("www.example.com.", "A"), ("www.example.com.", "AAAA"),
    ]  # fmt: skip
    assert len(DEFAULT_RECORDS) == 7
    assert not Records().applies(replace(PAIR, default_records=False))
    assert not Records().applies(zone("ns1", default_records=True))


def answers(asked_for: tuple[Observation, ...], number: int) -> tuple[Observation, ...]:
    """All that is asked, ns2 with another address for www each time."""
    every: list[Observation] = []
    for one in Records().queries(PAIR, asked_for):
        if one.qtype == "SOA":
            every.append(seen(one, "10"))
        elif one.qname.startswith("www.") and one.qtype == "A":
            every.append(has(one, "a" if one.server == "ns1" else f"b{number}"))
        else:
            every.append(has(one))
    return tuple(every)


def test_what_is_not_the_same_everywhere_is_asked_for_three_times_between_two_soas() -> None:
    every: tuple[Observation, ...] = ()
    steps = []
    for number in range(6):
        more = answers(every, number)
        steps.append(sorted({one.query.qtype for one in more}))
        every += more
    assert steps == [["SOA"], ["A", "AAAA", "CAA", "MX", "TXT"], ["A"], ["A"], ["SOA"], []]
    assert sum(one.query.qname.startswith("www.") and one.query.qtype == "A" for one in every) == 6


def test_who_gave_no_usable_answer_is_not_asked_three_times() -> None:
    wanted = WantedRecord("www.example.com.", "A")
    where = replace(PAIR, default_records=False, records=(wanted,))
    soas = tuple(seen(query(where, name), "10") for name in ("ns1", "ns2"))
    asked = (query(where, name, "A", wanted.name) for name in ("ns1", "ns2"))
    records = tuple(has(one, "a") if one.server == "ns1" else seen(one, "-") for one in asked)
    assert {one.qtype for one in Records().queries(where, (*soas, *records))} == {"SOA"}
    assert {one.shape for one in records} == {Shape.RECORDS, None}


def versioned(version: int | None) -> tuple[list[list[str]], ZonePoll]:
    """What is asked at each step, and the poll, if ns2 says that its repeated answers are of this version."""
    every: tuple[Observation, ...] = ()
    steps = []
    for _ in range(6):
        more = [
            replace(one, zone_version=version) if one.query.version and one.query.server == "ns2" else one
            for one in answers(every, 0)
        ]
        steps.append(sorted(f"{one.query.server} {one.query.qtype}" for one in more))
        every += tuple(more)
    return steps, gather(PAIR, "records", *every, at=NOW)


def test_who_says_which_version_an_answer_is_from_is_not_asked_for_its_soa_again() -> None:
    """ZONEVERSION (RFC 9660) is as good as the SOA after it."""
    steps, poll = versioned(10)
    assert steps[2:] == [["ns1 A", "ns2 A"], ["ns1 A", "ns2 A"], ["ns1 SOA"], []]
    copy = {one.server.name: one for one in copies(PAIR, compared_records(PAIR), poll)}
    assert (copy["ns1"].serial, copy["ns2"].serial) == (10, 10)


def test_an_answer_from_another_version_than_the_soa_before_it_is_tied_to_nothing() -> None:
    copy = {one.server.name: one for one in copies(PAIR, compared_records(PAIR), versioned(11)[1])}
    assert (copy["ns2"].serial, copy["ns2"].reason) == (None, "the zone moved while it was read")


def test_a_machine_that_says_its_version_itself_may_be_another_than_gave_the_soa() -> None:
    poll = versioned(10)[1]
    seen_ = tuple(
        replace(one, nsid=("x" if one.query.qtype == "SOA" else "y")) if one.query.server == "ns2" else one
        for one in poll.seen
    )
    www = compared_records(PAIR)[5]
    copy = copies(PAIR, (www,), replace(poll, seen=seen_))[1]
    assert not copy.contents[www].tied, "the first of its answers says nothing of its version"
    told = tuple(replace(one, zone_version=10) if one.query.qtype == "A" else one for one in seen_)
    assert copies(PAIR, (www,), replace(poll, seen=told))[1].contents[www].tied
