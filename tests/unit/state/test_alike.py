"""Zones that have the result of those they are like: when they take it over, and what is remembered of them."""

from array import array
from collections.abc import Iterable
from dataclasses import replace

import pytest

from alerting.model import Alert, AlertKey, Phase
from checks.base import Check
from checks.common.epoch import micros
from checks.model import CheckResult, Health, RememberedRecords, Severity
from checks.model.remembered import Varying
from checks.ns_set import NsSet
from checks.records import Records
from checks.signatures import Signatures
from monitor.state.alike import look_at, may_be_alike
from monitor.state.alike_zones import MAX_KINDS, AlikeZones, Look
from monitor.state.ports import UnchangedZones
from tests.support.monitor_state import MINUTE, minute
from tests.support.observations import QUICK, checked_at, zone
from tests.support.standing_bench import CHECKS, ONE, OTHER, WELL, WWW, Road, poll

RECORDS_CHECK, NS = Records(), NsSet()


def look(
    on: Road, check: Check, at: float, *, nsid: str | None = None, began: float | None = None, **more: str
) -> Look:
    """What all addresses of the other zone say."""
    asked = [replace(each, nsid=nsid) for each in poll(check, OTHER, at, **more).seen]
    found = look_at(on.columns, check, OTHER, asked, micros(minute(at if began is None else began)))
    assert found is not None
    return found


def alike(on: Road, check: Check, at: float, *looks: Look) -> UnchangedZones:
    zone_table = on.columns.zone_table
    numbers = array("I", [zone_table.index(OTHER.name)])
    return UnchangedZones(check.name, minute(at), MINUTE, numbers, zone_table, alike=True, looks=looks)


async def road(checks: Iterable[Check] = CHECKS, **serials: str) -> Road:
    """One zone of which all is known to be good, and another of which soa-serial alone has said anything."""
    on = Road(ONE, OTHER, checks=checks)
    await on.well(0, ONE)
    for at in (0, 1):
        await on.hear(checked_at(OTHER, {**WELL, **serials}, minute(at), QUICK))
    return on


def asked_again(on: Road) -> set[tuple[str, str]]:
    """The zones that are to be polled in full at once, and the check."""
    due = on.evaluator.rechecks.due(float("inf"))
    return {(check, name) for check, names in due.items() for name in names}


@pytest.mark.parametrize("check", [NS, RECORDS_CHECK, Signatures()])
async def test_a_zone_takes_over_that_all_is_good(check: Check) -> None:
    on = await road()
    assert check.name not in on.stands(OTHER.name)
    await on.hear(alike(on, check, 2, look(on, check, 2)))
    assert check.name in on.stands(OTHER.name)
    assert (check.name, OTHER.name) in on.enabled
    number = on.columns.zone_table.index(OTHER.name)
    assert on.columns.ok_at[check.name][number] == micros(minute(2))
    assert not asked_again(on)


async def test_what_a_zone_was_seen_to_have_is_remembered_as_a_poll_in_full_has_it() -> None:
    on, whole = await road(), await road()
    for check in (NS, RECORDS_CHECK):
        await on.hear(alike(on, check, 2, look(on, check, 2)))
        await whole.hear(poll(check, OTHER, 2))
    assert memories(on) == memories(whole)
    assert len(memories(on)) == 4
    assert kept(on) == kept(whole)


async def test_an_edit_is_told_as_one_of_a_zone_that_was_looked_at_only() -> None:
    on = await road()
    await on.hear(alike(on, RECORDS_CHECK, 2, look(on, RECORDS_CHECK, 2)))
    await on.hear(poll(RECORDS_CHECK, OTHER, 3, off="ns1"))
    assert {alert.key.code for alert in on.evaluator._memory.of_zone(OTHER.name)} == {"serial-unbumped"}


async def test_what_was_seen_before_another_version_came_is_forgotten_unless_soa_serial_looked_in_between() -> None:
    for between, known in ((2.0, True), (1.0, False)):
        on = await road()
        await on.hear(checked_at(OTHER, WELL, minute(between), QUICK))
        await on.hear(alike(on, RECORDS_CHECK, 1.5, look(on, RECORDS_CHECK, 1.5)))
        await on.hear(checked_at(OTHER, {**WELL, "ns1": "11"}, minute(3), QUICK))
        assert (("records", OTHER.name) in memories(on)) is known
        assert kept(on)[-1].agreed != 0 or not known


async def test_a_poll_in_full_that_ties_its_answers_itself_is_not_forgotten() -> None:
    on = await road()
    await on.hear(alike(on, RECORDS_CHECK, 1.5, look(on, RECORDS_CHECK, 1.5)))
    await on.hear(poll(RECORDS_CHECK, OTHER, 1.6, www="192.0.2.81"))
    await on.hear(checked_at(OTHER, {**WELL, "ns1": "11"}, minute(3), QUICK))
    assert ("records", OTHER.name) in memories(on)


def memories(on: Road) -> dict[tuple[str, str], RememberedRecords]:
    every = on.evaluator._memory.record_memories.every()
    return {(one.check, one.zone): one.remembered for one in every if one.remembered.agreed}


def kept(on: Road) -> list[RememberedRecords]:
    every = (one for commit in on.disk.commits for one in commit.record_memories)
    return [one.remembered for one in every if (one.check, one.zone) == ("records", OTHER.name)]


async def test_a_look_at_an_older_version_is_none() -> None:
    on = await road()
    await on.hear(alike(on, RECORDS_CHECK, 2, look(on, RECORDS_CHECK, 2, began=-1)))
    assert "records" not in on.stands(OTHER.name)
    assert asked_again(on) == {("records", OTHER.name)}


@pytest.mark.parametrize(
    ("serials", "nsid", "takes"),
    [
        ({}, None, True),
        ({}, "a", False),
        ({"ns1": "10@a", "ns2": "10@a", "ns3": "10@a"}, "a", True),
        ({"ns1": "10@a", "ns2": "10@b", "ns3": "10@a"}, "a", False),
        ({"ns1": "10@a", "ns2": "10@b", "ns3": "10@a"}, None, True),
    ],
)  # fmt: skip
async def test_records_are_tied_to_a_version_by_the_machine_that_gave_them(
    serials: dict[str, str], nsid: str | None, takes: bool
) -> None:
    on = await road(**serials)
    await on.hear(alike(on, RECORDS_CHECK, 2, look(on, RECORDS_CHECK, 2, nsid=nsid)))
    assert ("records" in on.stands(OTHER.name)) is takes


async def test_of_several_machines_at_one_address_nothing_is_told() -> None:
    on = await road()
    mixed = look(on, RECORDS_CHECK, 2)._replace(nsids=())
    await on.hear(alike(on, RECORDS_CHECK, 2, mixed))
    assert "records" not in on.stands(OTHER.name)


async def test_machines_are_told_apart_at_each_address() -> None:
    two = zone("ns1", "ns2", records=(WWW, replace(WWW, name="ftp.example.com.")))
    on = Road(two)
    names = iter("abcdefgh")
    seen = poll(RECORDS_CHECK, two, 0).seen
    found = look_at(on.columns, RECORDS_CHECK, two, [replace(each, nsid=next(names)) for each in seen[2:6]], 0)
    assert found is not None
    assert found.nsids == ()


async def test_a_zone_of_which_more_is_known_is_polled_in_full() -> None:
    """Findings, and records that differed once; and where soa-serial has found something."""
    on = await road()
    seen = look(on, RECORDS_CHECK, 3)
    await on.hear(poll(RECORDS_CHECK, OTHER, 2, off="ns2"))
    number = on.columns.zone_table.index(OTHER.name)
    assert not may_be_alike(on.columns, "records", [number])
    await on.hear(alike(on, RECORDS_CHECK, 3, seen))
    assert "records" not in on.stands(OTHER.name)


async def test_after_a_restart_a_zone_with_an_alert_of_the_check_is_polled_in_full() -> None:
    """The alert is known from the store, and no result: it ends by a poll."""
    on = await road()
    key = AlertKey(OTHER.name, "records", "records-differ", "ns2")
    alert = Alert(key, Phase.RECOVERING, minute(0), Severity.WARNING, "www differs", bad_since=minute(0))
    on.evaluator._memory.put(alert)
    await on.hear(alike(on, RECORDS_CHECK, 2, look(on, RECORDS_CHECK, 2)))
    assert "records" not in on.stands(OTHER.name)
    assert asked_again(on) == {("records", OTHER.name)}


async def test_records_that_are_known_to_vary_are_polled_in_full() -> None:
    """As it is after a restart."""
    on = await road()
    varying = RememberedRecords(7, varying=(Varying(f"www.{OTHER.name} A", minute(0)),))
    known = CheckResult(OTHER.name, "records", minute(1), Health.GOOD, remembered=varying)
    on.evaluator._memory.record_memories.note(known)
    await on.hear(alike(on, RECORDS_CHECK, 2, look(on, RECORDS_CHECK, 2)))
    assert "records" not in on.stands(OTHER.name)
    assert asked_again(on) == {("records", OTHER.name)}


async def test_zones_that_are_not_steady_wait_for_a_poll() -> None:
    on = await road()
    seen = look(on, RECORDS_CHECK, 2)
    await on.hear(checked_at(OTHER, {**WELL, "ns2": "9"}, minute(1.5), QUICK))
    await on.hear(alike(on, RECORDS_CHECK, 2, seen))
    assert "records" not in on.stands(OTHER.name)
    assert ("records", OTHER.name) in asked_again(on)


async def test_what_was_asked_under_another_table_is_polled_at_once() -> None:
    on = await road()
    told = alike(on, RECORDS_CHECK, 2, look(on, RECORDS_CHECK, 2))
    await on.replan(ONE, OTHER, zone(name="third.example."))
    asked_again(on)
    await on.hear(told)
    assert asked_again(on) == {("records", OTHER.name)}


async def test_a_kind_is_good_only_where_its_result_stands() -> None:
    on = Road(ONE, OTHER)
    await on.hear(checked_at(ONE, WELL, minute(0), QUICK))
    await on.hear(poll(RECORDS_CHECK, ONE, 0, off="ns2"))
    assert not on.columns.alike.is_good("records", look(on, RECORDS_CHECK, 1).kind)
    await on.hear(poll(RECORDS_CHECK, ONE, 1), poll(RECORDS_CHECK, ONE, 2))
    await on.hear(poll(RECORDS_CHECK, OTHER, 1))
    assert on.columns.alike.is_good("records", look(on, RECORDS_CHECK, 1).kind)


async def test_other_settings_and_other_checks_forget_the_kinds() -> None:
    on = await road()
    kind = look(on, NS, 2).kind
    assert on.columns.alike.is_good("ns-set", kind)
    await on.replan(ONE, OTHER, checks=[NsSet(full=True) if one.name == "ns-set" else one for one in CHECKS])
    assert not on.columns.alike.is_good("ns-set", kind)


def test_no_more_kinds_are_remembered_than_are_worth_it() -> None:
    zones = AlikeZones(1)
    for number in range(MAX_KINDS + 1):
        zones.note_good("records", (number, ""))
    assert not zones.is_good("records", (0, ""))
    assert zones.is_good("records", (MAX_KINDS, ""))
