"""What stands after a reload: where a check and a zone are as they were, and nothing else."""

from dataclasses import replace

from checks.model import WantedRecord
from checks.model.resolution import Resolution
from checks.ns_set import NsSet
from checks.soa_serial import SoaSerial
from monitor.state.columns import FULL_POLL
from tests.support.observations import zone
from tests.support.standing_bench import ALL, CHECKS, NAME, ONE, OTHER, Road, poll, tcp_closed


async def test_a_check_that_nobody_knows_of_any_more_does_not_stand() -> None:
    on = Road()
    await on.well()
    await on.replan(checks=[check for check in CHECKS if check.name != "records"])
    assert on.stands() == ALL - {"records"}


async def test_other_settings_of_a_check_end_what_it_said_and_no_more() -> None:
    on = Road()
    await on.well()
    await on.replan(checks=(*CHECKS[:2], replace(NsSet(), full=True), *CHECKS[3:]))
    assert on.stands() == ALL - {"ns-set"}


async def test_other_resolutions_of_names_end_what_ns_set_said() -> None:
    """They take no part in the equality of the check, which is about settings."""
    on = Road()
    await on.well()
    other = NsSet({"ns2.example.com": Resolution(("192.0.2.2",))})
    assert other == NsSet()
    await on.replan(checks=(*CHECKS[:2], other, *CHECKS[3:]))
    assert on.stands() == ALL - {"ns-set"}
    await on.hear(poll(other, ONE, 2))
    assert on.stands() == ALL
    await on.replan(checks=(*CHECKS[:2], NsSet({"ns2.example.com": Resolution(("192.0.2.2",))}), *CHECKS[3:]))
    assert on.stands() == ALL


async def test_other_settings_of_soa_serial_end_what_it_alone_looks_after() -> None:
    on = Road()
    await on.well()
    await on.replan(checks=(SoaSerial(expiry_near=0.4), *CHECKS[1:]))
    assert on.mode() == FULL_POLL
    before = on.looked("soa-fields")
    await on.hear(on.unchanged("soa-fields", 3))
    assert on.looked("soa-fields") == before


async def test_a_zone_that_was_removed_and_added_begins_anew() -> None:
    on = Road(ONE, OTHER)
    await on.well(0, ONE, OTHER)
    await on.replan(OTHER)
    assert on.stands(OTHER.name) == ALL
    await on.replan(ONE, OTHER)
    assert on.stands(OTHER.name) == ALL
    assert on.stands() == set()


async def test_a_reload_that_moves_a_zone_to_another_number_keeps_what_stands_and_its_slots() -> None:
    on = Road(ONE, OTHER)
    await on.well(0, OTHER)
    before = [on.columns.rrset_slots(check, 1) for check in ("ns-set", "records")]
    assert on.stands() == set()
    first = zone("ns1", "ns2", name="a.example.")
    change = await on.replan(first, OTHER)
    assert on.stands(OTHER.name) == ALL
    assert on.stands(first.name) == set()
    assert change.old_slots is not None
    number = on.columns.zone_table.index(OTHER.name)
    now = [on.columns.rrset_slots(check, number) for check in ("ns-set", "records")]
    assert [[change.old_slots[slot] for slot in slots] for slots in now] == [list(slots) for slots in before]
    assert [*on.columns.rrset_slots("records", on.columns.zone_table.index(first.name))] == []


async def test_a_zone_on_other_servers_or_with_other_records_begins_anew() -> None:
    on = Road(ONE, OTHER)
    await on.well(0, ONE, OTHER)
    await on.replan(replace(ONE, records=(WantedRecord(f"mail.{NAME}", "A"),)), OTHER)
    assert on.stands() == set()
    assert on.stands(OTHER.name) == ALL


async def test_of_another_table_nothing_is_taken_in() -> None:
    on = Road(ONE, OTHER)
    await on.well(0, ONE, OTHER)
    late = on.unchanged("ns-set", 5)
    await on.replan(OTHER, ONE, zone(name="third.example."))
    before = on.looked("ns-set")
    await on.hear(late)
    assert on.looked("ns-set") == before


async def test_suspects_outlast_a_reload_but_not_their_zones() -> None:
    on = Road(ONE, OTHER)
    await on.well(0, ONE, OTHER)
    await on.hear(tcp_closed(ONE, 2))
    assert len(on.columns.suspects) == 1
    await on.replan(zone("ns8", "ns9", name="third.example."))
    assert not on.columns.suspects


async def test_suspects_outlast_a_reload_but_not_their_check() -> None:
    on = Road(ONE, OTHER)
    await on.well(0, ONE, OTHER)
    await on.hear(tcp_closed(ONE, 2))
    await on.replan(ONE, OTHER, zone(name="third.example."))
    assert len(on.columns.suspects) == 1
    await on.replan(ONE, OTHER, checks=CHECKS[:4])
    assert not on.columns.suspects
