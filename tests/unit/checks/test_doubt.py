"""Who is silent, and what witnesses say → whose fault it is."""

from dataclasses import replace
from datetime import timedelta

import pytest

from checks.model import Address, Family, Zone
from checks.zone_state.connectivity import Connectivity, keep_only, offline_explanation, offline_families, record_poll
from checks.zone_state.doubt import hear, weigh
from checks.zone_state.witness import Witness, WitnessAnswer, WitnessReply, WitnessVerdict, WitnessWord
from tests.support.observations import NOON, checked_at, server, zone

ANSWERED, RESOLVED, SILENT = WitnessAnswer.ANSWERED, WitnessAnswer.RESOLVED, WitnessAnswer.SILENT
NAMED = Witness(Address("192.0.2.53"))
NAMED6 = Witness(Address("2001:db8::53"))
RESOLVER = Witness(Address("198.51.100.53"), named=False, role="the resolver")
GATEWAY = Witness(Address("198.51.100.1"), named=False, role="the default gateway")
WINDOW = timedelta(minutes=2)
BOTH = frozenset(Family)

FIVE = zone("near", "ns2", "ns3", "ns4", "ns5")
PAIR = zone("ns1", "ns2")
DUAL = zone(server("ns1", "192.0.2.1", "2001:db8::1"), "ns2")


def word(*replies: tuple[Witness, WitnessAnswer], proven: bool = False, after: int = 1) -> WitnessWord:
    found = tuple(WitnessReply(witness, answer, proven) for witness, answer in replies)
    return WitnessWord(NOON + timedelta(seconds=after), found)


def heard(where: Zone, *looks: str, apart: timedelta = timedelta(0)) -> Connectivity:
    """Each look is a letter for each address: "+" answers, "-" is silent. The last one is at noon."""
    connectivity = Connectivity()
    for number, look in enumerate(looks):
        at = NOON - apart * (len(looks) - 1 - number)
        places = [(s.name, number) for s in where.servers for number, _ in enumerate(s.addresses)]
        tokens = {
            name if not number else f"{name}/{number}": "10" if how == "+" else "-"
            for (name, number), how in zip(places, look, strict=True)
        }
        connectivity = record_poll(connectivity, checked_at(where, tokens, at))
    return connectivity


def judged(connectivity: Connectivity, said: WitnessWord | None, family: Family = Family.IPV4) -> Connectivity:
    """Weighed, asked, and weighed again."""
    before = weigh(connectivity, BOTH, WINDOW)
    if said is None:
        return before
    assert family in before.asking
    return weigh(hear(before, family, said), BOTH, WINDOW)


YES, NO, NO_PROVEN = word((NAMED, ANSWERED)), word((NAMED, SILENT)), word((NAMED, SILENT), proven=True)
NEAR_ONLY = word((RESOLVER, SILENT), (GATEWAY, ANSWERED))
NEAR_PROVEN = word((RESOLVER, SILENT), (GATEWAY, ANSWERED), proven=True)

ROWS: list[tuple[str, Zone, list[str], WitnessWord, bool]] = [
    ("all silent, a witness answers: a total outage", PAIR, ["++", "--"], YES, False),
    ("all silent from the start, a witness answers", PAIR, ["--"], YES, False),
    ("all silent, and so is the witness", PAIR, ["++", "--"], NO, True),
    ("all silent, and one who resolves is found", PAIR, ["++", "--"], word((RESOLVER, RESOLVED)), False),
    ("all silent, a gateway answers and shows nothing of what lies beyond", PAIR, ["++", "--"], NEAR_ONLY, True),
    ("all silent, and the resolver that always did resolves nothing", PAIR, ["++", "--"], NEAR_PROVEN, True),
    ("most fell silent together, and so is the witness", FIVE, ["+++++", "+----"], NO, True),
    ("most fell silent together, and a witness answers", FIVE, ["+++++", "+----"], YES, False),
    ("most fell silent together, and nobody is there to tell", FIVE, ["+++++", "+----"], NEAR_ONLY, False),
    ("most fell silent together with the resolver", FIVE, ["+++++", "+----"], NEAR_PROVEN, True),
    ("one of two, and the witness never answered", PAIR, ["++", "+-"], NO, False),
    ("one of two together with a witness that did answer", PAIR, ["++", "+-"], NO_PROVEN, True),
]


@pytest.mark.parametrize(("title", "where", "looks", "said", "offline"), ROWS, ids=[title for title, *_ in ROWS])
def test_row(title: str, where: Zone, looks: list[str], said: WitnessWord, offline: bool) -> None:
    asked = judged(heard(where, *looks), None)
    assert (asked.asking, asked.told) == ((Family.IPV4,), ()), "until the witness has spoken nothing is told"
    after = judged(heard(where, *looks), said)
    expected = (Family.IPV4,) if offline else ()
    assert (offline_families(after), after.told, after.asking) == (expected, expected, ())


def test_few_that_fall_silent_are_no_reason_to_ask_anybody() -> None:
    """The kind: a witness that is asked at every fault is asked all the time."""
    few = heard(FIVE, "+++++", "+++--")
    assert weigh(few, BOTH, WINDOW) is few


def test_servers_that_were_silent_long_before_are_not_counted_with_those_that_fall_silent_now() -> None:
    apart = heard(FIVE, "+++++", "+++--", "++---", apart=timedelta(hours=1))
    assert weigh(apart, BOTH, WINDOW).asking == ()
    together = heard(FIVE, "+++++", "+++--", "++---", apart=timedelta(minutes=1))
    assert weigh(together, BOTH, WINDOW).asking == (Family.IPV4,)


def test_nobody_is_accused_while_the_witnesses_are_asked() -> None:
    asked = judged(heard(FIVE, "+++++", "+----"), None)
    assert (offline_families(asked), asked.told, asked.doubtful) == ((Family.IPV4,), (), (Family.IPV4,))


def test_what_a_witness_has_settled_is_not_asked_again_when_only_it_falls_silent_later() -> None:
    """The kind: dead servers are taken back, days later, because the witness has a maintenance."""
    settled = judged(heard(FIVE, "+++++", "+----"), YES)
    later = weigh(settled, BOTH, WINDOW)
    assert (later.doubtful, later.words, offline_families(later)) == ((), {}, ())
    assert weigh(later, BOTH, WINDOW) is later


def test_a_total_outage_is_asked_about_as_long_as_it_lasts_and_the_uplink_may_die_in_it() -> None:
    outage = judged(heard(PAIR, "++", "--"), YES)
    assert outage.doubtful == (Family.IPV4,)
    assert weigh(outage, BOTH, WINDOW) is outage
    dark = weigh(hear(outage, Family.IPV4, word((NAMED, SILENT), proven=True, after=60)), BOTH, WINDOW)
    assert dark.told == (Family.IPV4,)


def test_one_server_that_is_back_ends_it_for_all() -> None:
    dark = judged(heard(PAIR, "++", "--"), NO)
    back = weigh(record_poll(dark, checked_at(PAIR, {"ns1": "10", "ns2": "-"}, NOON)), BOTH, WINDOW)
    assert offline_families(back) == ()


def test_a_server_that_falls_silent_after_the_witness_spoke_has_it_asked_again() -> None:
    settled = judged(heard(FIVE, "+++++", "++---"), YES)
    fell = record_poll(settled, checked_at(FIVE, {"near": "10", "ns2": "-"}, NOON + timedelta(seconds=20)))
    assert weigh(fell, BOTH, WINDOW).asking == (Family.IPV4,)


def test_servers_of_which_one_after_the_other_is_found_silent_fell_silent_together_all_the_same() -> None:
    """The kind: the witness, which never answered before, is asked at the second of four, and the third comes alone."""
    four = zone("near", "ns2", "ns3", "ns4")
    half = judged(heard(four, "++++", "++--"), NO)
    assert (offline_families(half), half.doubtful) == ((), (Family.IPV4,)), "two of four may well be dead"
    fell = record_poll(half, checked_at(four, {"near": "10", "ns2": "-"}, NOON + timedelta(seconds=20)))
    most = judged(fell, word((NAMED, SILENT), after=21))
    assert most.told == (Family.IPV4,)


def test_what_is_told_stays_told_while_more_fall_silent() -> None:
    """The kind: an incident that ends and begins anew with each server."""
    dark = judged(heard(FIVE, "+++++", "++---"), NO_PROVEN)
    fell = record_poll(dark, checked_at(FIVE, {"near": "10", "ns2": "-"}, NOON + timedelta(seconds=20)))
    more = weigh(fell, BOTH, WINDOW)
    assert (more.told, more.asking, more.doubtful) == ((Family.IPV4,), (), (Family.IPV4,))
    alone = weigh(record_poll(fell, checked_at(FIVE, {"near": "-"}, NOON + timedelta(seconds=30))), BOTH, WINDOW)
    assert (alone.told, alone.asking) == ((Family.IPV4,), ())


def test_without_witnesses_it_is_as_the_servers_alone_tell_it() -> None:
    for looks, offline in ((["++", "--"], (Family.IPV4,)), (["++", "+-"], ())):
        connectivity = weigh(heard(PAIR, *looks), frozenset(), WINDOW)
        assert (offline_families(connectivity), connectivity.told, connectivity.doubtful) == (offline, offline, ())


def test_one_ipv6_address_accuses_nobody_where_the_witness_says_that_ipv6_is_dead_even_if_its_server_dies() -> None:
    dead = heard(DUAL, "+++", "--+")
    assert offline_families(dead) == ()
    silent = word((NAMED6, SILENT), proven=True)
    assert offline_families(judged(dead, silent, Family.IPV6)) == (Family.IPV4, Family.IPV6), "IPv4 is asked about yet"
    assert judged(dead, silent, Family.IPV6).told == (Family.IPV6,)
    alive = judged(heard(DUAL, "+++", "+-+"), word((NAMED6, ANSWERED)), Family.IPV6)
    assert offline_families(alive) == (), "the witness answers, so it is the server"
    resolver = Witness(Address("2001:db8::35"), named=False, role="the resolver")
    unsure = judged(heard(DUAL, "+++", "+-+"), word((resolver, RESOLVED)), Family.IPV6)
    assert offline_families(unsure) == (Family.IPV6,), "it may have resolved over IPv4"


def test_servers_that_are_silent_over_both_families_are_not_dead_where_the_monitor_is_cut_off_over_one() -> None:
    """The kind: the uplink dies, a server on the LAN answers over IPv4, and those with IPv6 are accused."""
    dual = zone("near", server("ns2", "192.0.2.2", "2001:db8::2"), server("ns3", "192.0.2.3", "2001:db8::3"))
    fell = heard(dual, "+++++", "+----")
    asked = weigh(fell, {Family.IPV4}, WINDOW)
    assert (asked.asking, offline_families(asked), asked.told) == ((Family.IPV4,), (Family.IPV4, Family.IPV6), ())
    dark = weigh(hear(asked, Family.IPV4, NO), {Family.IPV4}, WINDOW)
    assert dark.told == (Family.IPV4, Family.IPV6)
    dead = weigh(hear(asked, Family.IPV4, YES), {Family.IPV4}, WINDOW)
    assert (offline_families(dead), dead.told) == ((), ())


def test_a_clock_that_was_set_back_asks_nobody_for_ever() -> None:
    ahead = heard(PAIR, "++", "+-")
    behind = replace(word((NAMED, ANSWERED)), at=NOON - timedelta(hours=1))
    assert weigh(hear(weigh(ahead, BOTH, WINDOW), Family.IPV4, behind), BOTH, WINDOW).asking == ()


def test_a_reload_keeps_what_witnesses_said() -> None:
    outage = judged(heard(PAIR, "++", "--"), YES)
    assert keep_only(outage, outage.heard.keys() - {("ns9", Address("192.0.2.9"))}).words == outage.words


EXPLAINED = [
    (PAIR, "--", NO, (
        "no server answers over ipv4 (2 are asked), nor does the witness 192.0.2.53: "
        "most likely this monitor is cut off"
    )),
    (PAIR, "--", NO_PROVEN, (
        "no server answers over ipv4 (2 are asked), nor does the witness 192.0.2.53: this monitor is cut off"
    )),
    (PAIR, "--", NEAR_PROVEN, (
        "no server answers over ipv4 (2 are asked), nor does the resolver 198.51.100.53, while "
        "the default gateway 198.51.100.1 answers but reaches nobody: this monitor is cut off"
    )),
    (PAIR, "--", word((GATEWAY, ANSWERED)), (
        "no server answers over ipv4 (2 are asked), and the default gateway 198.51.100.1 answers but "
        "reaches nobody: most likely this monitor is cut off"
    )),
    (FIVE, "+----", NO_PROVEN, (
        "4 of 5 servers do not answer over ipv4, nor does the witness 192.0.2.53: "
        "this monitor is cut off from them, and what is silent over ipv4 is not judged"
    )),
    (zone("ns1"), "-", NO_PROVEN, (
        "no server answers over ipv4 (1 is asked), nor does the witness 192.0.2.53: this monitor is cut off"
    )),
]  # fmt: skip


@pytest.mark.parametrize(("where", "look", "said", "words"), EXPLAINED)
def test_what_is_said(where: Zone, look: str, said: WitnessWord, words: str) -> None:
    assert offline_explanation(judged(heard(where, "+" * len(look), look), said), Family.IPV4) == words


def test_who_is_to_be_relied_on() -> None:
    assert word((GATEWAY, ANSWERED)).verdict(other_family=False) is WitnessVerdict.UNCERTAIN
    assert word((NAMED, ANSWERED), (GATEWAY, SILENT)).verdict(other_family=True) is WitnessVerdict.CONNECTED
    assert word().verdict(other_family=False) is WitnessVerdict.UNCERTAIN
    assert WitnessWord(NOON).silence() == ""
