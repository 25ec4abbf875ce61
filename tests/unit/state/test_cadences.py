"""Zones that are asked more or less often than others, or not at all by some check."""

from dataclasses import replace
from datetime import timedelta

from alerting.model import Phase
from checks.model import Cadences, Health, WantedRecord, Zone
from checks.model.finding_type import Severity
from checks.model.zone_table import ZoneTable
from checks.ns_set import NsSet
from checks.reachable import Reachable
from checks.records import Records
from checks.signatures import Signatures
from checks.soa_fields import SoaFields
from checks.soa_serial import SoaSerial
from monitor.state.columns import FULL_POLL, STEADY_UP
from monitor.state.level import NOT_ASKED_STATE
from monitor.state.monitoring_plan import MonitoringPlan, SweepGroup
from tests.support.monitor_state import MINUTE, minute, plan
from tests.support.observations import QUICK, checked_at, zone
from tests.support.standing_bench import NAME, ONE, WELL, Road, poll, tcp_closed

HOUR, OFF = timedelta(hours=1), timedelta(0)
USUAL = {"soa-serial": MINUTE, "reachable": MINUTE, "records": 5 * MINUTE}


def with_cadence(one: Zone, **own: timedelta) -> Zone:
    cadence: Cadences = tuple(sorted((name.replace("_", "-"), every) for name, every in own.items()))
    return replace(one, cadence=cadence)


def planned(*zones: Zone, usual: dict[str, timedelta] = USUAL) -> MonitoringPlan:
    checks = {check.name: check for check in (SoaSerial(), Reachable(), Records())}
    return MonitoringPlan(ZoneTable.of(zones), checks, cadence=usual)


def groups(watched: MonitoringPlan) -> list[str]:
    return [str(group) for group in watched.sweep_groups]


def test_zones_that_a_check_asks_equally_often_are_one_group() -> None:
    watched = planned(
        zone(name="a."),
        with_cadence(zone(name="b."), records=HOUR, reachable=OFF),
        with_cadence(zone(name="c."), records=HOUR),
        with_cadence(zone(name="d."), records=5 * MINUTE),
    )
    assert groups(watched) == ["reachable every 1m", "records every 5m", "records every 1h", "soa-serial every 1m"]
    hourly, often = (
        {watched.zones.templates[kind].cadence for kind in watched.template_ids(SweepGroup("records", every))}
        for every in (HOUR, 5 * MINUTE)
    )
    assert hourly == {(("reachable", OFF), ("records", HOUR)), (("records", HOUR),)}
    assert often == {(), (("records", 5 * MINUTE),)}


def test_where_all_zones_say_something_else_nobody_is_asked_as_usual() -> None:
    assert groups(planned(with_cadence(zone(), records=HOUR, soa_serial=OFF))) == [
        "reachable every 1m", "records every 1h",
    ]  # fmt: skip


def test_a_check_that_is_off_may_be_on_for_a_zone() -> None:
    watched = planned(zone(name="a."), with_cadence(zone(name="b."), records=HOUR), usual={**USUAL, "records": OFF})
    assert [each for each in groups(watched) if "records" in each] == ["records every 1h"]
    records = (WantedRecord("www", "A"),)
    assert not watched.asks("records", replace(watched.zones["a."], records=records))
    assert watched.asks("records", replace(watched.zones["b."], records=records))
    assert watched.usually_on == {"soa-serial", "reachable"}
    assert watched.cadence_of("no-such-check", watched.zones["a."]) == OFF


def test_whoever_hears_of_a_check_waits_for_the_slowest_of_its_groups() -> None:
    rules = planned(zone(name="a."), with_cadence(zone(name="b."), records=HOUR)).rules
    assert set(rules.cadences["records"]) == {5 * MINUTE, HOUR}
    assert MonitoringPlan(checks=plan().checks).rules.cadences == {}


def test_a_zone_has_its_own_severities_and_all_others() -> None:
    stern = replace(zone(name="a."), severity=(("no-answer", Severity.CRITICAL),))
    watched = replace(planned(stern, zone(name="b.")), severity={"serial-late": Severity.INFO})
    assert watched.severities("a.") == {"serial-late": Severity.INFO, "no-answer": Severity.CRITICAL}
    assert watched.severities("b.") == watched.severities("") == {"serial-late": Severity.INFO}


async def test_another_cadence_leaves_all_that_stands_as_it_is() -> None:
    on = Road()
    await on.well()
    stood, checked = on.stands(), on.evaluator.status.zones[NAME]
    change = await on.replan(with_cadence(ONE, records=HOUR))
    assert change.added_or_changed == [NAME]
    assert (on.stands(), on.mode()) == (stood, STEADY_UP)
    now = on.evaluator.status.zones[NAME]
    assert (now.health, now.checks, now.addresses) == (Health.GOOD, checked.checks, checked.addresses)
    assert dict(now.cadences)["records"] == HOUR
    assert on.evaluator.no_change.columns.address_metrics.rtts


async def test_a_check_that_is_off_for_a_zone_takes_its_findings_along_and_is_heard_no_more() -> None:
    on = Road()
    await on.well()
    await on.hear(tcp_closed(ONE, 2))
    assert [alert.key.code for alert in on.evaluator.status.zones[NAME].findings] == ["tcp-unreachable"]
    silent = with_cadence(ONE, reachable=OFF)
    await on.replan(silent)
    shown = on.evaluator.status.zones[NAME]
    assert (shown.health, shown.findings) == (Health.GOOD, ())
    assert "reachable" not in {check.check for check in shown.checks}
    assert dict(shown.cadences)["reachable"] == OFF
    assert {incident.phase for incident in on.evaluator.status.incidents.values()} == {"resolved"}
    await on.hear(tcp_closed(silent, 3))
    assert on.evaluator.status.zones[NAME].findings == ()


async def test_without_soa_serial_no_version_is_shown_and_the_rest_is_evaluated() -> None:
    on = Road()
    await on.well()
    quiet = with_cadence(ONE, soa_serial=OFF)
    await on.replan(quiet)
    assert on.mode() == FULL_POLL
    shown = on.evaluator.status.zones[NAME]
    assert {address.state for address in shown.addresses} == {NOT_ASKED_STATE}
    assert (shown.health, shown.reference_serials) == (Health.GOOD, {})
    tally = on.evaluator.status.zones.servers()["ns1"]
    assert tally.states[NOT_ASKED_STATE] == 1
    await on.hear(checked_at(quiet, {**WELL, "ns2": "9"}, minute(3), QUICK))
    assert {address.serial for address in on.evaluator.status.zones[NAME].addresses} == {None}
    await on.replan(ONE)
    again = on.evaluator.status.zones[NAME]
    assert {address.serial for address in again.addresses} == {10}
    assert again.health is Health.UNKNOWN, "soa-serial has not said anything yet"


async def test_where_neither_tells_the_checks_that_are_left_do() -> None:
    bare = with_cadence(ONE, soa_serial=OFF, reachable=OFF)
    on = Road(bare)
    for check in (NsSet(), Records(), Signatures()):
        assert on.evaluator.status.zones[NAME].health is Health.UNKNOWN
        await on.hear(poll(check, bare, 0))
    await on.hear(poll(SoaFields(), bare, 0))
    assert on.evaluator.status.zones[NAME].health is Health.GOOD


async def test_a_poll_of_soa_serial_is_none_of_a_check_that_is_off() -> None:
    bare = with_cadence(ONE, soa_fields=OFF)
    on = Road(bare)
    await on.hear(checked_at(bare, WELL, minute(0), QUICK))
    assert {check.check for check in on.evaluator.status.zones[NAME].checks} == {"soa-serial"}


async def test_a_severity_of_its_own_counts_from_the_first_alert_and_at_a_reload() -> None:
    on = Road(replace(ONE, severity=(("tcp-unreachable", Severity.CRITICAL),)))
    await on.hear(tcp_closed(ONE, 0))
    await on.hear(tcp_closed(on.evaluator.plan.zones[NAME], 1))
    (alert,) = on.evaluator.status.zones[NAME].findings
    assert (alert.severity, alert.phase) == (Severity.CRITICAL, Phase.FIRING)
    await on.replan(replace(ONE, severity=(("tcp-unreachable", Severity.INFO),)))
    (alert,) = on.evaluator.status.zones[NAME].findings
    assert alert.severity is Severity.INFO


async def test_of_silent_zones_only_those_of_the_sweep_are_asked_whole() -> None:
    hourly = with_cadence(replace(ONE, name="hourly."), soa_serial=HOUR)
    on = Road(replace(ONE, records=()), replace(hourly, records=()))
    columns = on.columns
    for number in range(2):
        columns.mode[number] = 2
    await on.evaluator.select_for_full_poll(SweepGroup("soa-serial", HOUR))
    assert [columns.mode[columns.zone_table.index(name)] for name in (NAME, "hourly.")] == [2, FULL_POLL]
