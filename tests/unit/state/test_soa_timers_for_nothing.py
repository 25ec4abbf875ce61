"""The timers of the SOA are judged by what soa-serial asks for, and cost no question of their own."""

from dataclasses import replace

from alerting.model import Phase
from checks.model import TimerLimits, Zone
from checks.soa_serial import SoaSerial
from checks.soa_timers import SoaTimers
from monitor.state.columns import STEADY_UP
from tests.support.monitor_state import minute
from tests.support.observations import QUICK, checked_at
from tests.support.standing_bench import NAME, ONE, OTHER, WELL, Road

CHECKS = (SoaSerial(), SoaTimers())
WRONG = replace(QUICK, retry=90)


def told(road: Road, zone: Zone) -> set[tuple[str, str, str]]:
    alerts = road.evaluator._memory.of_check(zone.name, "soa-timers").values()
    return {(alert.key.code, alert.key.subject, str(alert.severity)) for alert in alerts if alert.phase is Phase.FIRING}


async def test_timers_that_are_well_are_judged_once_and_stand_while_the_soa_is_the_same() -> None:
    on = Road(checks=CHECKS)
    await on.hear(checked_at(ONE, WELL, minute(0), QUICK))
    assert (on.stands(), on.mode()) == ({"soa-timers"}, STEADY_UP)
    await on.hear(on.unchanged("soa-serial", 1))
    await on.hear(on.unchanged("soa-timers", 1))
    assert (on.stands(), on.mode(), told(on, ONE)) == ({"soa-timers"}, STEADY_UP, set())


async def test_timers_that_are_wrong_are_found_by_the_poll_of_soa_serial_which_is_passed_over_all_the_same() -> None:
    on = Road(checks=CHECKS)
    await on.hear(checked_at(ONE, WELL, minute(0), WRONG))
    assert told(on, ONE) == {("soa-timers-conflict", "retry", "warning")}
    assert (on.stands(), on.mode()) == (set(), STEADY_UP)
    await on.hear(on.unchanged("soa-serial", 1))
    assert told(on, ONE) == {("soa-timers-conflict", "retry", "warning")}
    mended = dict.fromkeys(WELL, "11")
    await on.hear(checked_at(ONE, mended, minute(2), QUICK))
    await on.hear(checked_at(ONE, mended, minute(3), QUICK))
    assert (told(on, ONE), on.stands()) == (set(), {"soa-timers"})


async def test_what_is_only_advice_opens_no_incident_and_zones_that_have_it_look_alike() -> None:
    advised = [replace(one, timers=TimerLimits("ripe-203")) for one in (ONE, OTHER)]
    on = Road(*advised, checks=CHECKS)
    for one in advised:
        await on.hear(checked_at(one, WELL, minute(0), QUICK))
    expected = {("soa-timer-unusual", field, "info") for field in ("refresh", "retry", "expire", "minimum")}
    assert [told(on, one) for one in advised] == [expected, expected]
    assert not on.status.incidents
    columns = on.columns
    first, second = (columns.group_ids[columns.zone_table.index(name)] for name in (NAME, OTHER.name))
    assert first == second
