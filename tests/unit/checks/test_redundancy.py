"""Which servers a zone has, and where → what it would lose with one of them."""

from dataclasses import replace

import pytest

from checks.common.prefix_table import Prefix, PrefixTable
from checks.evaluation import run_check
from checks.model import CheckResult, Finding, Health, Zone
from checks.redundancy import Redundancy
from checks.zone_state.model import ZoneState
from tests.support.observations import gather, has, query, seen, server, zone

# addresses of the Internet, for those of examples are no evidence about it
A1, A2, B1, C1 = "9.9.9.1", "9.9.9.2", "9.9.8.1", "8.8.8.8"
A1_6, A2_6, B1_6 = "2620:fe::1", "2620:fe:0:1::2", "2620:fe:1::1"

SINGLE, ONE_NAME, SHARED = "single-server", "single-server-name", "server-address-shared"
ONE_PREFIX, ONE_AS, NO_IPV6 = "single-prefix", "single-as", "no-ipv6"


def judged(where: Zone, check: Redundancy | None = None) -> CheckResult:
    poll = gather(
        where,
        "redundancy",
        *(
            seen(query(where, one.name, place=place), "10")
            for one in where.servers
            for place in range(len(one.addresses))
        ),
    )
    return run_check(check or Redundancy(), where, poll, ZoneState(where.name))


def found(where: Zone, check: Redundancy | None = None) -> set[tuple[str, str | None, str]]:
    return {(one.code, one.server, one.subject) for one in judged(where, check).findings}


def of(*servers: object, **fields: object) -> Zone:
    return zone(*servers, **fields)  # type: ignore[arg-type]


GOOD = of(server("ns1", A1, A1_6), server("ns2", B1, B1_6))
PREFIXES = {(ONE_PREFIX, None, "IPv4"), (ONE_PREFIX, None, "IPv6")}
V4 = (NO_IPV6, None, "")

ROWS: list[tuple[str, Zone, set[tuple[str, str | None, str]]]] = [
    ("two servers in two networks", GOOD, set()),
    ("one server", of(server("ns1", A1)), {(SINGLE, "ns1", ""), V4}),
    ("one server of IPv6 alone", of(server("ns1", A1_6)), {(SINGLE, "ns1", "")}),
    ("one name for all", of(server("ns1", A1, C1, A1_6)), {(ONE_NAME, "ns1", "")}),
    ("one that resolvers ask", of(server("ns1", A1, hidden=True), server("ns2", B1_6)), {(SINGLE, "ns2", "")}),
    ("one /24", of(server("ns1", A1, A1_6), server("ns2", A2, B1_6)), {(ONE_PREFIX, None, "IPv4")}),
    ("one /48", of(server("ns1", A1, A1_6), server("ns2", B1, A2_6)), {(ONE_PREFIX, None, "IPv6")}),
    ("one /24 and one /48", of(server("ns1", A1, A1_6), server("ns2", A2, A2_6)), PREFIXES),
    ("IPv6 at one server alone", of(server("ns1", A1, A1_6, A2_6), server("ns2", B1)), set()),
    ("a hidden primary elsewhere", of(server("p", C1, hidden=True), server("ns1", A1), server("ns2", A2)),
     {(ONE_PREFIX, None, "IPv4"), V4}),
    ("no IPv6", of(server("ns1", A1), server("ns2", B1)), {V4}),
    ("two at one address", of(server("ns1", A1, A1_6), server("ns2", A1, B1_6)),
     {(SHARED, "ns2", ""), (ONE_PREFIX, None, "IPv4")}),
    ("private ones share an address", of(server("ns1", "10.0.0.1", A1_6), server("ns2", "10.0.0.1", B1_6)), set()),
    ("one of them at a private address", of(server("ns1", A1), server("ns2", "192.168.0.1")), {V4}),
    ("one that does not resolve", of(server("ns1", A1), replace(server("ns2"), addresses=())), set()),
    ("others are ignored", of(server("ns1", A1), ignored=("ns2.example.net",)), set()),
    ("others are ignored, and an address is shared", of(server("ns1", A1), server("ns2", A1), ignored=("*",)),
     {(SHARED, "ns2", "")}),
]  # fmt: skip


@pytest.mark.parametrize(("where", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_row(where: Zone, expected: set[tuple[str, str | None, str]]) -> None:
    assert found(where, Redundancy(ipv6=True)) == expected
    assert found(where) == expected - {V4}


@pytest.mark.parametrize("addresses", [(A1,), (A1, C1)])
def test_a_zone_that_names_others_has_not_one_server(addresses: tuple[str, ...]) -> None:
    where = of(server("ns1", *addresses))
    asked = tuple(Redundancy().queries(where, ()))
    standing = {one.type for one in Redundancy().standing_questions(where)}
    assert {one.qtype for one in asked} == standing == {"SOA", "NS"}

    def codes(*names: str) -> set[str]:
        said = [has(one, *names) if one.qtype == "NS" and names else seen(one, "10") for one in asked]
        poll = gather(where, "redundancy", *said)
        return {one.code for one in run_check(Redundancy(), where, poll, ZoneState(where.name)).findings}

    assert codes("ns1.example.com.", "ns2.example.net.") == set()
    assert codes("ns1.example.com.") == codes() == {SINGLE if len(addresses) == 1 else ONE_NAME}
    assert [one.qtype for one in Redundancy().queries(GOOD, ())] == ["SOA"] * 4


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "192.168.1.1", "172.16.0.1", "::1", "fd00::1", "192.0.2.1"])
def test_addresses_that_are_not_of_the_internet_are_no_matter_of_it(host: str) -> None:
    assert not Redundancy().applies(of(server("ns1", host)))


def test_it_applies_where_resolvers_have_somebody_to_ask() -> None:
    assert Redundancy().applies(GOOD)
    assert not Redundancy().applies(of(server("ns1", A1, hidden=True)))
    assert not Redundancy().applies(replace(GOOD, servers=()))


TABLE = PrefixTable(
    [
        Prefix(4, 8, 9, frozenset({64500})),
        Prefix(4, 24, 0x090909, frozenset({64501})),
        Prefix(4, 24, 0x090908, frozenset({64501, 64502})),
        Prefix(6, 32, 0x262000FE, frozenset({64501})),
    ]
)


def test_all_in_one_as_is_told_of_where_the_table_knows_all_of_them() -> None:
    check = Redundancy(table=TABLE)
    assert found(GOOD, check) == {(ONE_AS, None, "")}
    (told,) = judged(GOOD, check).findings
    assert told.text == (
        "all 4 addresses of the zone's servers are announced by AS64501: what befalls that network takes all of them; "
        "have one in another"
    )
    assert found(of(server("ns1", A1, A1_6), server("ns2", "9.1.1.1")), check) == set(), "another AS"
    assert found(of(server("ns1", A1, A1_6), server("ns2", C1)), check) == set(), "one that is not known"


def test_texts_say_where_and_what_to_do() -> None:
    def text(where: Zone, code: str) -> str:
        return next(one.text for one in judged(where).findings if one.code == code)

    assert "9.9.9.0/24" in text(of(server("ns1", A1), server("ns2", A2)), ONE_PREFIX)
    assert text(of(server("ns1", A1), server("ns2", A1)), SHARED).startswith("ns2 and ns1 are both at 9.9.9.1: they")
    assert text(of(server("ns1", A1)), SINGLE).startswith("ns1 is the zone's only server: while it is down")
    assert text(of(server("ns1", A1, A2)), ONE_NAME).startswith("ns1 is the zone's only server, with 2 addresses")


def test_silence_is_no_matter_of_it() -> None:
    lone = of(server("ns1", A1_6))
    poll = gather(lone, "redundancy", seen(query(lone, "ns1"), "-"))
    result = run_check(Redundancy(), lone, poll, ZoneState(lone.name))
    assert (result.health, [type(one) for one in result.findings]) == (Health.BAD, [Finding])
    poll = gather(
        GOOD, "redundancy", *(seen(query(GOOD, name, place=at), "-") for name in ("ns1", "ns2") for at in (0, 1))
    )
    assert run_check(Redundancy(), GOOD, poll, ZoneState(GOOD.name)).health is Health.GOOD


def test_it_asks_what_soa_serial_asks() -> None:
    assert [(one.server, one.qtype) for one in Redundancy().queries(GOOD, ())] == [
        ("ns1", "SOA"), ("ns1", "SOA"), ("ns2", "SOA"), ("ns2", "SOA"),
    ]  # fmt: skip
    assert list(Redundancy().queries(GOOD, (seen(query(GOOD, "ns1"), "10"),))) == []
