"""The records that findings tell of, one by one: which they are, at whom, and how many at most."""

from dataclasses import replace

import pytest

from checks.common.record_differences import MAX_LENGTH, MAX_SHOWN, record_difference, rrset_difference
from checks.common.rrset_content import ALIAS, DELEGATION, RRsetContent
from checks.evaluation import run_check
from checks.model import Finding, RecordDifference, WantedRecord, Zone
from checks.records import Records
from checks.zone_state.model import ZoneState
from tests.support.observations import NOON, gather, has, query, seen, server, zone
from tests.support.record_looks import in_columns, looked
from tests.support.record_observations import NOW, known, read

WWW = WantedRecord("www.example.com.", "A")
PAIR = zone(records=(WWW,))
TWICE = zone(server("ns2", "192.0.2.2", "2001:db8::2"), primary=None, records=(WWW,))


def line(data: str, type_: str = "A", ttl: int = 3600) -> str:
    return f"www.example.com. {ttl} IN {type_} {data}"


def found(where: Zone, gives: dict[str, str]) -> Finding:
    every = [one for name, token in gives.items() for one in read(where, name, token, WWW)]
    (one,) = run_check(Records(), where, gather(where, "records", *every, at=NOW), known(where, gives, 60)).findings
    return one


@pytest.mark.parametrize(
    ("theirs", "own", "removed", "added"),
    [
        (("a", "b"), ("b", "c"), ["a"], ["c"]),
        (("a",), (), ["a"], []),
        ((), ("a",), [], ["a"]),
    ],
)
def test_what_both_have_is_left_out(
    theirs: tuple[str, ...], own: tuple[str, ...], removed: list[str], added: list[str]
) -> None:
    told = rrset_difference("said", "ns1", [(WWW, RRsetContent(theirs, 3600), RRsetContent(own, 3600))])
    assert told == RecordDifference("said", "ns1", tuple(map(line, removed)), tuple(map(line, added)))


def test_an_alias_is_a_record_and_a_delegation_is_none() -> None:
    records, alias = RRsetContent(("a",), 60), RRsetContent(("other.example.",), 30, ALIAS)
    told = rrset_difference("said", "ns1", [(WWW, records, alias)])
    assert told is not None
    assert (told.removed, told.added) == ((line("a", ttl=60),), (line("other.example.", "CNAME", 30),))
    for instead in (RRsetContent((), instead=DELEGATION), RRsetContent((), instead=ALIAS)):
        assert rrset_difference("said", "ns1", [(WWW, records, instead)]) is None
    assert rrset_difference("said", "ns1", [(WWW, records, replace(records, ttl=5))]) is None


def test_as_many_are_told_as_may_be_shown() -> None:
    many = [line(str(number)) for number in range(30)]
    told = record_difference("said", "ns1", many, many)
    assert told is not None
    assert (len(told.removed), len(told.added), told.more) == (MAX_SHOWN // 2, MAX_SHOWN // 2, 60 - MAX_SHOWN)
    few = record_difference("said", "ns1", many[:3], many)
    assert few is not None
    assert (len(few.removed), len(few.added), few.more) == (3, MAX_SHOWN - 3, 13)
    (cut,) = record_difference("said", "ns1", ["x" * 1000], ()).removed  # type: ignore[union-attr]
    assert cut == f"{'x' * MAX_LENGTH}... ({1000 - MAX_LENGTH} more)"


WHO = "ns2 (192.0.2.2) has other records for www.example.com. A "


@pytest.mark.parametrize(
    ("where", "gives", "summary", "reference"),
    [
        (PAIR, {"ns1": "10 a", "ns2": "10 b"}, f"{WHO}than ns1, all on serial 10", "ns1"),
        (PAIR, {"ns1": "11 a", "ns2": "10 b"}, f"{WHO}on serial 10 than ns1 on 11", "ns1"),
        (
            zone(server("ns1", group="a"), server("ns2", group="b"), records=(WWW,)),
            {"ns1": "10 a", "ns2": "900 b"},
            f"{WHO}than ns1, which is in another group",
            "ns1",
        ),
        (
            zone(server("ns1", group="a"), server("ns2", group="b"), signer="ns2", records=(WWW,)),
            {"ns1": "10 a", "ns2": "900 b"},
            f"{WHO}than ns1, whose zone it signs",
            "ns1",
        ),
    ],
)
def test_a_record_that_differs_is_told_with_who_has_the_other(
    where: Zone, gives: dict[str, str], summary: str, reference: str
) -> None:
    told = found(where, gives).difference
    assert told is not None
    assert (told.summary, told.reference, len(told.removed), len(told.added)) == (summary, reference, 1, 1)
    assert told.removed[0].endswith(" IN A a")
    assert told.added[0].endswith(" IN A b")


def test_of_two_addresses_of_one_server_the_other_is_named() -> None:
    every = []
    for place, data in enumerate("ab"):
        soa = query(TWICE, "ns2", place=place)
        every += [seen(soa, "10"), has(query(TWICE, "ns2", "A", WWW.name, place), data), seen(soa, "10")]
    poll = gather(TWICE, "records", *every, at=NOON)
    (one,) = run_check(Records(), TWICE, poll, ZoneState(TWICE.name)).findings
    assert one.difference is not None
    assert one.difference.reference == "ns2 (192.0.2.2)"
    assert one.difference.summary.startswith("ns2 (2001:db8::2) has other records for www.example.com. A than ns2 (192")


def test_an_edit_is_told_with_what_was_there_before() -> None:
    columns = in_columns({"ns1": "10 a,10 b", "ns2": "10 a,10 a"})
    (one,) = looked(PAIR, columns)[1].findings
    assert one.code == "serial-unbumped"
    assert one.difference is not None
    assert one.difference.summary == (
        "ns1 (192.0.2.1) has other records than before on the same serial 10, and no transfer brings them to ns2"
    )
    assert one.difference.reference == "ns2"
    assert [len(each) for each in (one.difference.removed, one.difference.added)] == [1, 1]
