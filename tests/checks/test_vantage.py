"""Is it us? Who answers over which family → over which the monitor is blind."""

import pytest

from checks.history import Ledger
from checks.judge import judge
from checks.model import Health, Outcome, Round, TransferResult, Zone
from checks.reachable import Reachable
from checks.vantage import Vantage, blind, excuse, hear, keep
from tests.checks.build import NOON, gather, look, looked, pulled, query, seen, server, zone

DUAL = zone(server("ns1", "192.0.2.1", "2001:db8::1"), server("ns2", "192.0.2.2", "2001:db8::2"))
SINGLE6 = zone(server("ns1", "192.0.2.1", "2001:db8::1"), "ns2")
TWO_EACH = zone(server("ns1", "192.0.2.1", "192.0.2.11"), "ns2")


def heard(zone: Zone, *looks: dict[str, str]) -> Vantage:
    vantage = Vantage()
    for tokens in looks:
        vantage = hear(vantage, looked(zone, tokens, NOON))
    return vantage


ALL = {"ns1": "10", "ns1/1": "10", "ns2": "10", "ns2/1": "10"}
ROWS: list[tuple[str, Zone, list[dict[str, str]], tuple[str, ...]]] = [
    ("all answer", DUAL, [ALL], ()),
    ("nothing asked yet", DUAL, [], ()),
    ("nothing over IPv6", DUAL, [ALL | {"ns1/1": "-", "ns2/1": "-"}], ("ipv6",)),
    ("nothing over IPv4", DUAL, [ALL | {"ns1": "-", "ns2": "unreachable"}], ("ipv4",)),
    ("nothing at all", DUAL, [dict.fromkeys(ALL, "-")], ("ipv4", "ipv6")),
    ("no route", DUAL, [ALL | {"ns1/1": "?", "ns2/1": "?"}], ("ipv6",)),
    ("one server down", DUAL, [ALL | {"ns1": "-", "ns1/1": "-"}], ()),
    ("a closed port came back", DUAL, [ALL | {"ns1/1": "-", "ns2/1": "refused-connection"}], ()),
    ("garbage came back", DUAL, [ALL | {"ns1/1": "-", "ns2/1": "malformed"}], ()),
    ("something else came back", DUAL, [ALL | {"ns1/1": "-", "ns2/1": "mismatched"}], ()),
    ("an error came back", DUAL, [ALL | {"ns1/1": "-", "ns2/1": "REFUSED"}], ()),
    ("only one server has IPv6", SINGLE6, [{"ns1": "10", "ns1/1": "-", "ns2": "10"}], ()),
    ("two addresses of one server are one server", TWO_EACH, [{"ns1": "-", "ns1/1": "-"}], ()),
    ("every address counts", TWO_EACH, [{"ns1": "-", "ns1/1": "10", "ns2": "-"}], ()),
    ("the latest word counts", DUAL, [ALL, dict.fromkeys(ALL, "-")], ("ipv4", "ipv6")),
    ("sight comes back", DUAL, [dict.fromkeys(ALL, "-"), {"ns2/1": "10"}], ("ipv4",)),
]


@pytest.mark.parametrize(("title", "where", "looks", "expected"), ROWS, ids=[title for title, *_ in ROWS])
def test_row(title: str, where: Zone, looks: list[dict[str, str]], expected: tuple[str, ...]) -> None:
    assert blind(heard(where, *looks)) == expected


def test_nothing_new_is_the_very_same_object() -> None:
    vantage = heard(DUAL, ALL)
    assert hear(vantage, looked(DUAL, ALL, NOON)) is vantage
    assert hear(vantage, looked(DUAL, {"ns1": "REFUSED"}, NOON)) is vantage


def test_an_address_that_answers_over_one_transport_answers() -> None:
    first = looked(DUAL, {"ns1": "10", "ns2": "-"}, NOON)
    second = looked(DUAL, {"ns1": "-", "ns2": "-"}, NOON)
    assert blind(hear(Vantage(), gather(DUAL, "reachable", *first.seen, *second.seen))) == ()


def test_silence_over_a_blind_family_becomes_unasked_and_the_rest_stays() -> None:
    tokens = ALL | {"ns1/1": "-", "ns2/1": "unreachable", "ns2": "-"}
    round = looked(DUAL, tokens, NOON)
    excused = excuse(heard(DUAL, tokens), round)
    assert {(o.server, str(o.address)): o.outcome for o in excused.seen} == {
        ("ns1", "192.0.2.1"): Outcome.ANSWERED,
        ("ns1", "2001:db8::1"): Outcome.UNASKED,
        ("ns2", "192.0.2.2"): Outcome.TIMEOUT,
        ("ns2", "2001:db8::2"): Outcome.UNASKED,
    }
    assert {o.detail for o in excused.seen if o.outcome is Outcome.UNASKED} == {
        "no server at all answers the monitor over ipv6"
    }


def test_a_seeing_vantage_excuses_nothing() -> None:
    round = looked(DUAL, ALL | {"ns1": "-"}, NOON)
    assert excuse(heard(DUAL, ALL), round) is round
    answered: Round = look(DUAL, NOON, ns1=10)
    assert excuse(heard(DUAL, ALL | {"ns1/1": "-", "ns2/1": "-"}), answered) is answered


def test_a_transfer_that_timed_out_blindly_says_nothing() -> None:
    one = pulled(query(DUAL, "ns1", "AXFR"), TransferResult.TIMEOUT)
    excused = excuse(heard(DUAL, dict.fromkeys(ALL, "-")), gather(DUAL, "transfer", one))
    assert (excused.seen[0].outcome, excused.seen[0].transfer) == (Outcome.UNASKED, None)


def test_addresses_that_left_prove_nothing_any_more() -> None:
    where = zone("ns1", "ns2", server("ns3", "192.0.2.3", "192.0.2.33"))
    vantage = heard(where, {"ns1": "-", "ns2": "-", "ns3": "-", "ns3/1": "10"})
    ns1, ns2, ns3, old = [(one.name, address) for one, address in where.places()]
    assert blind(vantage) == ()
    assert blind(keep(vantage, {ns1, ns2, ns3})) == ("ipv4",)
    assert blind(keep(vantage, {ns1, old})) == ()
    assert keep(vantage, {ns1, ns2, ns3, old}) is vantage


def test_a_blind_monitor_finds_nothing_wrong_and_nothing_right() -> None:
    pair = zone()
    every = [seen(q, "-") for q in Reachable().ask(pair, ())]
    round = gather(pair, "reachable", *every)
    vantage = hear(Vantage(), round)
    assert judge(Reachable(), pair, round, Ledger(pair.name)).health is Health.BAD
    assert judge(Reachable(), pair, excuse(vantage, round), Ledger(pair.name)).health is Health.UNKNOWN
