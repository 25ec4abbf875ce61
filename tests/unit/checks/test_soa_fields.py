"""Who gives which SOA → who is said to differ, and nobody else."""

from dataclasses import replace

import pytest

from checks.evaluation import run_check
from checks.model import Health, Observation, Soa, Zone
from checks.soa_fields import SoaFields
from checks.zone_state.model import ZoneState
from tests.support.observations import SOA, codes, gather, query, seen, server, zone

TRIO = zone("ns1", "ns2", "ns3", primary=None)
NAMED = zone("ns1", "ns2", "ns3")
GROUPS = zone("ns1", server("ns2", group="b"), server("ns3", group="b"))


def gives(name: str, token: str = "10", where: Zone = NAMED, **fields: object) -> Observation:
    soa: Soa = replace(SOA, **fields)  # type: ignore[arg-type]
    return seen(query(where, name), token, like=soa)


D = "soa-fields-differ"
ROWS: list[tuple[str, Zone, tuple[Observation, ...], set[str]]] = [
    ("all the same", NAMED, (gives("ns1"), gives("ns2"), gives("ns3")), set()),
    ("refresh", NAMED, (gives("ns1"), gives("ns2", refresh=1), gives("ns3")), {"ns2"}),
    ("retry", NAMED, (gives("ns1"), gives("ns2", retry=1), gives("ns3")), {"ns2"}),
    ("expire", NAMED, (gives("ns1"), gives("ns2", expire=1), gives("ns3")), {"ns2"}),
    ("minimum", NAMED, (gives("ns1"), gives("ns2", minimum=1), gives("ns3")), {"ns2"}),
    ("mname", NAMED, (gives("ns1"), gives("ns2", mname="x."), gives("ns3")), {"ns2"}),
    ("rname", NAMED, (gives("ns1"), gives("ns2", rname="x."), gives("ns3")), {"ns2"}),
    ("TTL is no field", NAMED, (gives("ns1"), gives("ns2", ttl=1), gives("ns3")), set()),
    ("case is no difference", NAMED, (gives("ns1"), gives("ns2", mname="NS1.Example.COM."), gives("ns3")), set()),
    ("the primary is right", NAMED, (gives("ns1", retry=5), gives("ns2"), gives("ns3")), {"ns2", "ns3"}),
    ("most are right where no primary is named", TRIO, (gives("ns1", retry=5), gives("ns2"), gives("ns3")), {"ns1"}),
    ("the primary is silent: most are right", NAMED, (gives("ns1", "-"), gives("ns2"), gives("ns3")), set()),
    ("another version may differ", NAMED, (gives("ns1", "11", retry=5), gives("ns2"), gives("ns3")), set()),
    ("other groups are not compared", GROUPS, (gives("ns1", retry=5), gives("ns2"), gives("ns3")), set()),
    ("within the other group", GROUPS, (gives("ns1"), gives("ns2"), gives("ns3", retry=5)), {"ns3"}),
]


@pytest.mark.parametrize(("title", "where", "seen_", "expected"), ROWS, ids=[title for title, *_ in ROWS])
def test_row(title: str, where: Zone, seen_: tuple[Observation, ...], expected: set[str]) -> None:
    result = run_check(SoaFields(), where, gather(where, "soa-fields", *seen_), ZoneState(where.name))
    assert codes(result) == {(D, name) for name in expected}


def test_text_says_what_differs() -> None:
    poll = gather(NAMED, "soa-fields", gives("ns1"), gives("ns2", retry=5, mname="a."), gives("ns3"))
    assert run_check(SoaFields(), NAMED, poll, ZoneState(NAMED.name)).findings[0].text == (
        "ns2 (192.0.2.2) has serial 10 like others, but mname a. instead of ns1.example.com. and retry 5 instead of 600"
    )


def test_alone_on_a_version_is_unsure_and_all_alone_is_unknown() -> None:
    poll = gather(NAMED, "soa-fields", gives("ns1", "11"), gives("ns2"), gives("ns3", "REFUSED"))
    result = run_check(SoaFields(), NAMED, poll, ZoneState(NAMED.name))
    assert result.health is Health.UNKNOWN
    assert sorted(one.reason for one in result.unsure) == [
        "nobody else is on 10 to compare with",
        "nobody else is on 11 to compare with",
        "serves no version now",
    ]


def test_it_asks_each_address_once_and_needs_two() -> None:
    check = SoaFields()
    assert [(q.server, q.qtype) for q in check.queries(NAMED, ())] == [("ns1", "SOA"), ("ns2", "SOA"), ("ns3", "SOA")]
    assert list(check.queries(NAMED, (gives("ns1"),))) == []
    assert not check.applies(zone("ns1"))
    assert check.applies(zone(server("ns1", "192.0.2.1", "2001:db8::1")))
