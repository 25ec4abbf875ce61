"""When the result of a check stands, and each way in which it ceases to."""

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from checks.base import Check
from checks.common.epoch import micros
from checks.model import NO_ANSWER, CheckResult, Finding, Health, Inconclusive, Transport, WantedRecord, Zone, ZonePoll
from checks.ns_set import NsSet
from checks.reachable import Reachable
from checks.records import Records
from checks.soa_fields import SoaFields
from checks.soa_serial import SoaSerial
from checks.zone_state.model import ZoneState
from monitor.state.columns import FULL_POLL, STEADY_UP, RrsetQuestion
from monitor.state.standing import MAX_CONFIRMING, rrset_questions
from tests.support.monitor_state import MINUTE, minute, plan
from tests.support.observations import QUICK, checked_at, query, seen, zone
from tests.support.signed_observations import asked, made
from tests.support.signed_zones import zone_key
from tests.support.standing_bench import ALL, CHECKS, NAME, ONE, OTHER, SETTLING, WELL, WWW, Road, poll, tcp_closed


async def test_what_is_good_stands_and_the_prober_hears_of_what_it_has_to_ask_itself() -> None:
    on = Road()
    await on.well()
    assert on.stands() == ALL
    assert set(on.enabled) == {("ns-set", NAME), ("records", NAME), ("signatures", NAME)}
    assert on.mode() == STEADY_UP


async def test_signatures_that_are_good_do_not_stand_for_they_end_by_themselves() -> None:
    on = Road()
    await on.well()
    assert "signatures" in on.stands(), "the zone was not signed"
    signed = made(zone_key(), at=minute(2))
    seen = tuple(asked(ONE, *((server.name, signed) for server in ONE.servers), at=minute(2)))
    await on.hear(ZonePoll(NAME, "signatures", minute(2), MINUTE, seen))
    assert not on.evaluator._memory.by_zone
    assert on.stands() == ALL - {"signatures"}


@pytest.mark.parametrize("check", [SoaFields(), NsSet(), Records()])
async def test_findings_do_not_stand(check: Check) -> None:
    on = Road()
    await on.well()
    on.enabled.clear()
    await on.hear(poll(check, ONE, 2, off="ns2"))
    assert on.stands() == ALL - {check.name}
    assert not on.enabled


async def test_reachable_with_findings_does_not_stand() -> None:
    on = Road()
    await on.well()
    await on.hear(tcp_closed(ONE, 2))
    assert on.stands() == ALL - {"reachable"}


async def test_what_is_unsure_does_not_stand() -> None:
    on = Road()
    await on.well()
    alone = replace(ONE, max_lag=timedelta(hours=1))
    for check in (SoaFields(), NsSet(), Records()):
        await on.hear(poll(check, alone, 2, ns3="?"))
        assert check.name not in on.stands()
    assert on.stands() == {"reachable", "signatures"}


async def test_while_an_alert_recovers_nothing_stands() -> None:
    """Its end is told only when it was good for five minutes, so each of these is to be evaluated."""
    on = Road(policy=SETTLING)
    await on.well()
    await on.hear(poll(NsSet(), ONE, 2, off="ns2"))
    for number in (3, 5, 7):
        await on.hear(poll(NsSet(), ONE, number))
        assert "ns-set" not in on.stands()
    await on.hear(poll(NsSet(), ONE, 8.1))
    assert on.stands() == ALL
    assert on.enabled[-1] == ("ns-set", NAME)


async def test_another_version_ends_what_is_bound_to_versions() -> None:
    on = Road()
    await on.well()
    await on.hear(checked_at(ONE, {**WELL, "ns1": "11"}, minute(2), QUICK))
    assert on.stands() == {"reachable"}
    await on.hear(checked_at(ONE, dict.fromkeys(WELL, "11"), minute(3), QUICK))
    assert on.stands() == {"reachable", "soa-fields"}, "the poll of soa-serial was one of soa-fields, too"


async def test_the_same_versions_end_nothing() -> None:
    on = Road()
    await on.well()
    await on.hear(checked_at(ONE, WELL, minute(2), QUICK))
    assert on.stands() == ALL


async def test_another_silent_server_ends_what_is_bound_to_versions() -> None:
    on = Road()
    await on.well()
    await on.hear(checked_at(ONE, {**WELL, "ns2": "-"}, minute(2), QUICK))
    assert on.stands() == {"reachable"}
    assert on.mode() != STEADY_UP


async def test_a_poll_of_soa_fields_of_its_own_has_soa_serial_make_its_next_in_full() -> None:
    """What it said is bound to answers that the fast path does not compare with."""
    on = Road()
    await on.well()
    await on.hear(poll(SoaFields(), ONE, 2, off="ns2"))
    assert on.mode() == STEADY_UP
    await on.hear(poll(SoaFields(), ONE, 3))
    assert on.stands() == ALL - {"soa-fields"}
    assert on.mode() == FULL_POLL
    assert on.disabled == {NAME}
    await on.hear(checked_at(ONE, WELL, minute(4), QUICK))
    assert on.stands() == ALL


async def test_a_poll_of_soa_fields_beside_one_of_soa_serial_by_which_it_stands_has_none_made_again() -> None:
    """Both sweeps begin at once: each poll in full would lead to the next, for good."""
    on = Road()
    await on.well()
    await on.hear(poll(SoaFields(), ONE, 1.01))
    assert on.stands() == ALL
    assert on.mode() == STEADY_UP
    assert not on.disabled


async def test_a_poll_of_soa_serial_is_one_of_soa_fields_only_if_all_have_answered_over_udp() -> None:
    on = Road(checks=(SoaSerial(), SoaFields()))
    whole = checked_at(ONE, WELL, minute(0), QUICK)
    asked = query(ONE, "ns2", transport=Transport.TCP, identify=True)
    by_tcp = replace(whole, seen=(*whole.seen, seen(asked, "10", minute(0), QUICK)))
    await on.hear(by_tcp)
    assert "soa-fields" not in on.columns.ok_at
    await on.hear(checked_at(ONE, {**WELL, "ns2": "-"}, minute(1), QUICK))
    assert "soa-fields" not in on.columns.ok_at
    await on.hear(checked_at(ONE, WELL, minute(2), QUICK))
    assert on.looked("soa-fields") == micros(minute(2))
    assert on.stands() == {"soa-fields"}


async def test_a_poll_of_soa_serial_finds_what_soa_fields_finds() -> None:
    on = Road(checks=(SoaSerial(), SoaFields()))
    whole = checked_at(ONE, WELL, minute(0), QUICK)
    other = tuple(replace(one, soa=replace(QUICK, serial=10, minimum=7)) for one in whole.seen[:1])
    await on.hear(replace(whole, seen=(*other, *whole.seen[1:])))
    assert {finding.key.code for finding in on.status.zones[NAME].findings} == {"soa-fields-differ"}


async def test_what_is_passed_over_was_looked_at_when_soa_serial_looked_or_else_now() -> None:
    on = Road()
    await on.well()
    await on.hear(on.unchanged("soa-serial", 2))
    for check in sorted(ALL):
        await on.hear(on.unchanged(check, 4))
    looked = {check: on.looked(check) for check in ALL}
    assert looked == {
        "soa-fields": micros(minute(2)),
        "reachable": micros(minute(2)),
        "ns-set": micros(minute(4)),
        "records": micros(minute(4)),
        "signatures": micros(minute(4)),
    }


@pytest.mark.parametrize("check", ["ns-set", "records", "signatures", "reachable"])
async def test_an_address_that_one_zone_is_silent_at_is_heard_again_where_another_is_passed_over(
    check: str,
) -> None:
    """As by a poll in full: by whom it was heard last decides whose silence will tell that the monitor is offline.

    What soa-serial had heard before that silence is no news, in whatever check's name it is told.
    """
    on, place = Road(ONE, OTHER), ("ns3", ONE.servers[2].addresses[0])
    await on.well(0, ONE, OTHER)
    await on.hear(checked_at(ONE, {**WELL, "ns3": "-"}, minute(2), QUICK))
    await on.hear(on.unchanged("soa-fields", 3, OTHER.name))
    connectivity = on.evaluator._memory.connectivity
    assert (connectivity.heard[place], connectivity.by[place]) == (False, (NAME, "udp"))
    await on.hear(replace(on.unchanged(check, 3, OTHER.name), over_tcp=check == "reachable"))
    connectivity = on.evaluator._memory.connectivity
    assert (connectivity.heard[place], connectivity.by[place]) == (True, (OTHER.name, "udp"))


async def test_what_does_not_stand_any_more_was_not_looked_at() -> None:
    on = Road()
    await on.well()
    before = {check: on.looked(check) for check in ALL}
    await on.hear(checked_at(ONE, {**WELL, "ns2": "-"}, minute(2), QUICK))
    for check in sorted(ALL):
        await on.hear(on.unchanged(check, 3))
    assert {check: on.looked(check) for check in ALL} == before


async def test_a_server_at_which_one_zone_finds_something_is_suspect_until_one_finds_nothing() -> None:
    on = Road(ONE, OTHER)
    await on.well(0, ONE, OTHER)
    assert not on.columns.suspects
    await on.hear(tcp_closed(ONE, 2))
    ns2 = ("reachable", "ns2", ONE.servers[1].addresses[0])
    assert on.columns.suspects == {ns2}
    await on.hear(replace(poll(Reachable(), OTHER, 3), seen=()))  # nothing is known of it then
    assert on.columns.suspects == {ns2}
    unsure = poll(Reachable(), OTHER, 3, ns2="?")
    await on.hear(unsure)
    assert on.columns.suspects == {ns2}
    await on.hear(tcp_closed(OTHER, 4, "ns2", "ns3"))
    assert len(on.columns.suspects) == 2
    await on.hear(poll(Reachable(), OTHER, 5))
    assert not on.columns.suspects
    assert "reachable" not in on.stands()


async def test_what_one_zone_finds_at_an_address_some_of_its_others_are_asked_for_at_once() -> None:
    """Those of which it would not be known before their turn over TCP, and no more than show whether it is the zone."""
    beside = [zone("ns1", "ns2", "ns3", name=f"z{number}.example.") for number in range(MAX_CONFIRMING + 4)]
    elsewhere = zone("ns8", "ns9", name="elsewhere.example.", primary="ns8")
    on = Road(ONE, *beside, elsewhere)
    await on.well(0, ONE, *beside)
    on.evaluator.rechecks.due(math.inf)
    await on.hear(tcp_closed(ONE, 2))
    asked = on.evaluator.rechecks.due(math.inf)["reachable"]
    assert len(set(asked) - {NAME}) == MAX_CONFIRMING
    assert set(asked) <= {NAME, *(one.name for one in beside)}
    await on.hear(tcp_closed(beside[0], 3))
    assert set(on.evaluator.rechecks.due(math.inf)["reachable"]) <= {beside[0].name}, "it is known by now"


async def test_those_that_are_asked_at_once_do_not_all_come_from_one_end_of_the_table() -> None:
    """Zones of one customer often have names that follow each other, and something else in common."""
    beside = [zone("ns1", "ns2", "ns3", name=f"z{number:03}.example.") for number in range(5 * MAX_CONFIRMING)]
    on = Road(ONE, *beside)
    await on.well(0, ONE, *beside)
    on.evaluator.rechecks.due(math.inf)
    await on.hear(tcp_closed(ONE, 2))
    asked = sorted(on.columns.zone_table.index(name) for name in on.evaluator.rechecks.due(math.inf)["reachable"])
    assert asked[-1] - asked[0] > 4 * MAX_CONFIRMING


class Defective(Reachable):
    """Fails whatever it sees."""

    def evaluate(self, zone: Zone, poll: ZonePoll, zone_state: ZoneState) -> Iterator[Finding | Inconclusive]:
        raise ValueError


async def test_a_check_that_fails_clears_nobody() -> None:
    on = Road()
    await on.well()
    await on.hear(tcp_closed(ONE, 2))
    await on.replan(checks=(*CHECKS[:4], Defective()))
    await on.hear(poll(Reachable(), ONE, 3))
    assert len(on.columns.suspects) == 1


async def test_findings_of_checks_that_do_not_ask_over_tcp_make_nobody_suspect() -> None:
    on = Road()
    await on.well()
    await on.hear(poll(NsSet(), ONE, 2, off="ns2"))
    assert not on.columns.suspects


async def test_transfers_never_stand() -> None:
    on = Road()
    await on.hear(ZonePoll(NAME, "transfer", minute(0), MINUTE, ()))
    assert on.stands() == set()
    found = rrset_questions(on.evaluator.plan.zones, on.evaluator.plan.checks)
    assert set(found) == {"ns-set", "records", "signatures"}


def test_what_is_asked_beside_the_soa_is_written_as_seen_from_the_zone() -> None:
    elsewhere = replace(ONE, records=(WWW, WantedRecord("elsewhere.example.", "TXT"), WantedRecord(NAME, "SOA")))
    rules = plan(elsewhere, OTHER, zone(name="third.example."), checks=CHECKS)
    found = rrset_questions(rules.zones, rules.checks)
    by_zone = {
        name: {check: every[rules.zones.template_ids[number]] for check, every in found.items()}
        for number, name in enumerate(rules.zones.names)
    }
    apex = {"ns-set": (RrsetQuestion("", "NS"),), "signatures": (RrsetQuestion("", "SOA", dnssec=True),)}
    www = RrsetQuestion("www", "A")
    assert by_zone[NAME] == {**apex, "records": (www, RrsetQuestion("elsewhere.example.", "TXT"))}
    assert by_zone[OTHER.name] == {**apex, "records": (www,)}


async def test_a_result_that_failed_does_not_stand() -> None:
    on = Road()
    await on.well()
    whole = poll(SoaFields(), ONE, 2)
    await on.hear(replace(whole, seen=()))
    assert isinstance(on.evaluator._memory.results[NAME]["soa-fields"], CheckResult)
    assert on.evaluator._memory.results[NAME]["soa-fields"].health is Health.UNKNOWN
    assert on.stands() == ALL - {"soa-fields"}


async def test_an_address_that_soa_serial_hears_only_without_edns_is_for_reachable_to_look_at() -> None:
    """To soa-serial that makes no difference: the zone is steady all the same."""
    on = Road()
    await on.well()
    whole = checked_at(ONE, WELL, minute(2), QUICK)
    await on.hear(replace(whole, seen=(replace(whole.seen[0], without_edns=NO_ANSWER), *whole.seen[1:])))
    assert on.mode() == STEADY_UP
    assert on.stands() == ALL - {"reachable"}
