"""When a finding stands at a server, who takes it over, and each way in which that ends."""

import math
import random
from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.model import Phase, Policy
from checks.model import Address, Health, Zone
from checks.model.finding_type import OverUdp, Severity
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.server_findings import MAX_DECIDING, WITNESSES, Stand
from monitor.web.redaction import public_zone, redaction_of
from tests.support.monitor_state import AT_ONCE, MINUTE, minute, plan
from tests.support.observations import server, zone
from tests.support.tcp_world import CHECKS, TURNS, TWO_MINUTES, TcpWorld, Watch

NS2 = Address("192.0.2.2")
NAMES = [f"z{number:02}.example." for number in range(12)]
ELSEWHERE = zone("ns1", "ns3", name="elsewhere.example.")
ZONES = [*(zone("ns1", "ns2", name=name) for name in NAMES), ELSEWHERE]


async def watch(*zones: Zone, policy: Policy = TWO_MINUTES, memory: MonitorState | None = None) -> Watch:
    """All is well, and has stood for a while."""
    on = Watch(TcpWorld(), zones or ZONES, policy, memory)
    for number in range(2):
        await on.minute(number)
    on.evaluator.rechecks.clear()
    on.polled.clear()
    return on


def stand(on: Watch, address: Address = NS2, name: str = "ns2") -> Stand | None:
    one = on.columns.server_findings.known.get(("reachable", name, address, OverUdp.ANSWERED))
    return one.stand if one is not None else None


def phases(on: Watch) -> set[str]:
    return set(on.alerts().values())


async def dies(on: Watch, number: float = 2) -> None:
    """TCP of ns2: the first zone finds it, and others are polled at once."""
    on.world.tcp.add(NS2)
    await on.serials(number)
    await on.poll([NAMES[0]])


async def test_what_three_zones_find_all_have_at_once_and_it_is_one_incident() -> None:
    many = [zone("ns1", "ns2", name=f"z{number:03}.example.") for number in range(60)]
    on = await watch(*many, ELSEWHERE)
    on.world.tcp.add(NS2)
    await on.serials(2)
    await on.poll([many[0].name])
    assert len(on.polled) == 1 + MAX_DECIDING
    assert on.alerts() == {(one.name, "192.0.2.2"): Phase.PENDING for one in many}
    assert len(on.inheriting()) == len(many) - MAX_DECIDING
    await on.serials(4)
    await on.poll([many[0].name])
    assert {on.alerts()[name, "192.0.2.2"] for name in on.inheriting()} == {Phase.FIRING}
    (incident,) = on.status.incidents.values()
    assert (str(incident.cause), incident.zones) == ("server ns2", tuple(one.name for one in many))
    (message,) = [message for commit in on.disk.commits for message in commit.messages]
    assert message.incident.zones == incident.zones, "at its first telling"


async def test_an_inherited_finding_says_with_which_zones_it_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.state.standing.MAX_CONFIRMING", 2)
    on = await watch()
    await dies(on)
    (own,), (inherited,) = on.status.zones[NAMES[0]].findings, on.status.zones[NAMES[-1]].findings
    assert not own.inherited
    assert inherited.inherited
    text = "; found with z00.example., z01.example. and z05.example. at this server"
    assert inherited.text == own.text + text
    assert inherited.began == own.began, "it is the server's since it was found first"
    assert on.status.zones[NAMES[-1]].health is Health.BAD
    assert on.status.zones[ELSEWHERE.name].health is Health.GOOD


async def test_two_zones_are_not_enough_and_one_that_is_good_begins_the_count_anew() -> None:
    on = await watch()
    on.world.of_zone = {(name, NS2) for name in NAMES[:4]}
    await on.serials(2)
    on.evaluator.rechecks.clear()
    for name in (*NAMES[:2], NAMES[8], *NAMES[2:4]):
        await on.hear(on.world.poll(CHECKS[1], on.evaluator.plan.zones[name], on.now()))
        assert stand(on) is Stand.OPEN
    assert on.alerts().keys() == {(name, "192.0.2.2") for name in NAMES[:4]}
    assert on.inheriting() == set()


@pytest.mark.parametrize("count", [1, 2, WITNESSES])
async def test_where_there_is_nobody_else_nothing_is_inherited(count: int) -> None:
    on = await watch(*(zone("ns1", "ns2", name=name) for name in NAMES[:count]))
    await dies(on)
    assert on.inheriting() == set()
    assert len(on.alerts()) == count
    on.world.tcp.clear()
    for number in range(3, 8):
        await on.minute(number)
    assert not on.memory.active_alerts
    assert not on.columns.server_findings.known, "of no address, however many there are"


async def test_a_zone_that_was_good_meanwhile_takes_nothing_over() -> None:
    on = await watch()
    on.world.of_zone = {(name, NS2) for name in NAMES[:6]}
    await on.serials(2)
    for name in (NAMES[0], NAMES[8], *NAMES[1:4]):
        await on.hear(on.world.poll(CHECKS[1], on.evaluator.plan.zones[name], on.now()))
    assert stand(on) is Stand.STANDS
    assert NAMES[8] not in on.inheriting()
    assert (NAMES[8], "192.0.2.2") not in on.alerts()
    assert (NAMES[9], "192.0.2.2") in on.alerts()


async def test_what_is_inherited_fires_and_ends_with_the_polls_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.state.server_findings.MAX_DECIDING", 3)
    monkeypatch.setattr("monitor.state.standing.MAX_CONFIRMING", 3)
    on = await watch()
    await dies(on)
    assert phases(on) == {Phase.PENDING}
    inheriting = on.inheriting()
    assert len(inheriting) >= 7
    appointed = {name for names in on.evaluator.rechecks.due(math.inf).values() for name in names}
    assert appointed.isdisjoint(inheriting)
    decider = next(iter(set(NAMES) - inheriting))
    await on.serials(4)
    on.now.pass_(seconds=1)
    await on.hear(on.world.poll(CHECKS[1], on.evaluator.plan.zones[decider], on.now()))
    alerts = on.alerts()
    assert {alerts[name, "192.0.2.2"] for name in inheriting} == {Phase.FIRING}
    on.world.tcp.clear()
    await on.serials(5)
    await on.poll([decider])
    assert phases(on) == {Phase.RECOVERING}
    assert len(on.polled) < len(NAMES)
    await on.serials(8)
    await on.poll(sorted(set(NAMES) - inheriting))
    assert not on.memory.active_alerts
    assert on.inheriting() == set()
    assert not on.columns.server_findings.known
    assert not on.memory.results
    (incident,) = on.status.incidents.values()
    assert incident.phase == "resolved"


async def test_where_polls_do_not_agree_it_is_a_matter_of_each_zone() -> None:
    on = await watch()
    await dies(on)
    on.world.tcp.clear()
    on.world.of_zone = {(name, NS2) for name in NAMES if name != NAMES[5]}
    await on.serials(3)
    await on.poll([NAMES[5]])
    assert stand(on) is not Stand.OVER
    for number in range(3, 7):
        await on.minute(number)
    assert on.alerts().keys() == {(name, "192.0.2.2") for name in NAMES if name != NAMES[5]}


@pytest.mark.parametrize("count", [12, 40])
async def test_one_zone_that_is_well_where_others_are_not_has_nobody_polled_without_end(count: int) -> None:
    many = [zone("ns1", "ns2", name=f"z{number:02}.example.") for number in range(count)]
    on = await watch(*many)
    on.world.of_zone = {(one.name, NS2) for one in many[:5] + many[6:]}
    sweeps = 2 * TURNS
    for number in range(2, 2 + sweeps):
        await on.minute(number)
        assert (many[5].name, "192.0.2.2") not in on.alerts() or number < 2 + TURNS, "until its turn over TCP"
    assert len(on.alerts()) == count - 1
    assert len(on.polled) < sweeps * (count + 20)


async def test_where_tcp_is_dead_for_half_of_the_zones_nothing_is_said_of_the_others() -> None:
    await dead_for_half(0)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 40))
async def test_so_it_is_whichever_half_it_is(seed: int) -> None:
    await dead_for_half(seed)


async def dead_for_half(seed: int) -> None:
    many = [zone("ns1", "ns2", name=f"z{number:02}.example.") for number in range(40)]
    on = await watch(*many)
    dead = {one.name for one in random.Random(seed).sample(many, 20)}
    on.world.of_zone = {(name, NS2) for name in dead}
    for number in range(2, TURNS + 6):
        await on.minute(number)
    for number in range(TURNS + 6, 30):
        await on.minute(number)
        assert on.alerts() == {(name, "192.0.2.2"): Phase.FIRING for name in dead}
    on.world.of_zone.clear()
    for number in range(30, 50):
        await on.minute(number)
    assert not on.memory.active_alerts
    assert not on.columns.server_findings.known
    on.world.tcp.add(NS2)
    await on.minute(50)
    await on.minute(51)
    assert on.alerts().keys() == {(one.name, "192.0.2.2") for one in many}


async def test_polls_that_were_under_way_when_it_ended_do_not_hold_it_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where TCP is dropped they have nothing to say for seconds after others are good."""
    monkeypatch.setattr("monitor.state.server_findings.MAX_DECIDING", 3)
    on = await watch()
    await dies(on)
    inheriting = on.inheriting()
    assert len(inheriting) > 6
    deciding = sorted(set(NAMES) - inheriting)
    await on.serials(3)
    late = on.world.poll(CHECKS[1], on.evaluator.plan.zones[deciding[0]], on.now() + timedelta(seconds=2))
    on.world.tcp.clear()
    goods = [on.world.poll(CHECKS[1], on.evaluator.plan.zones[name], on.now()) for name in deciding]
    await on.hear(goods[1])
    await on.hear(late)
    assert stand(on) is Stand.OPEN
    for seconds, poll in enumerate((goods[1], goods[2], goods[0]), 3):
        await on.hear(replace(poll, at=on.now() + timedelta(seconds=seconds)))
    assert not on.memory.active_alerts, "pending, all of them"
    assert on.inheriting() == set()


async def test_it_comes_back_while_it_recovers() -> None:
    on = await watch(policy=replace(AT_ONCE, settle=10 * MINUTE))
    await dies(on)
    on.world.tcp.clear()
    await on.minute(3)
    assert phases(on) == {Phase.RECOVERING}
    on.world.tcp.add(NS2)
    await on.minute(4)
    assert phases(on) == {Phase.FIRING}
    assert len(on.alerts()) == len(NAMES)


async def test_however_often_it_comes_and_goes_each_zone_waits_once() -> None:
    """A settle of an hour, in which it is over and comes back many times."""
    many = [zone("ns1", "ns2", name=f"z{number:02}.example.") for number in range(60)]
    on = await watch(*many, ELSEWHERE, policy=Policy(grace=timedelta(0), settle=timedelta(hours=1)))
    await dies(on)
    for turn in range(5):
        (on.world.tcp.discard if turn % 2 == 0 else on.world.tcp.add)(NS2)
        await on.serials(3 + turn)
        await on.poll(sorted(on.columns.server_findings.known["reachable", "ns2", NS2, OverUdp.ANSWERED].agreeing))
    one = on.columns.server_findings.known["reachable", "ns2", NS2, OverUdp.ANSWERED]
    waiting = [name for _, name in one.waiting]
    assert len(waiting) == len(set(waiting)) == len(on.inheriting()) > 0


async def test_a_zone_with_a_finding_of_its_own_or_silent_over_udp_inherits_nothing() -> None:
    on = await watch()
    on.world.of_zone.add((NAMES[7], Address("192.0.2.1")))
    on.world.udp.add((NAMES[8], Address("192.0.2.1")))
    await on.minute(2)
    await dies(on, 3)
    assert on.inheriting().isdisjoint(NAMES[7:9])
    await on.minute(4)
    assert {(NAMES[7], "192.0.2.1"), (NAMES[7], "192.0.2.2"), (NAMES[8], "192.0.2.2")} <= on.alerts().keys()


async def test_a_zone_that_falls_silent_over_udp_is_polled_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.state.server_findings.MAX_DECIDING", 3)
    on = await watch()
    await dies(on)
    await on.minute(3)
    silent = max(on.inheriting())
    on.world.udp.add((silent, NS2))
    await on.minute(4)
    (finding,) = [f for f in on.status.zones[silent].findings if f.key.code == "server-unreachable"]
    assert not finding.inherited
    assert silent not in on.inheriting()


@pytest.mark.parametrize("family", ["192.0.2.3", "2001:db8::3"])
async def test_addresses_of_one_server_stand_each_on_its_own(family: str) -> None:
    dual = server("ns3", "192.0.2.3", "2001:db8::3")
    on = await watch(*(zone("ns1", dual, name=name) for name in NAMES))
    on.world.tcp.add(Address(family))
    await on.minute(2)
    assert on.alerts().keys() == {(name, family) for name in NAMES}
    on.world.tcp |= set(dual.addresses)
    await on.minute(3)
    assert len(on.alerts()) == 2 * len(NAMES)
    on.world.tcp.clear()
    for number in range(4, 9):
        await on.minute(number)
    assert not on.memory.active_alerts


async def test_severity_and_cadence_of_a_zone_are_its_own() -> None:
    own = [
        replace(ZONES[10], severity=(("tcp-unreachable", Severity.CRITICAL),)),
        replace(ZONES[11], cadence=(("reachable", timedelta(0)),)),
    ]
    on = await watch(*ZONES[:10], *own)
    await dies(on)
    assert [finding.severity for finding in on.status.zones[NAMES[10]].findings] == [Severity.CRITICAL]
    assert on.status.zones[NAMES[9]].findings[0].severity is Severity.WARNING
    assert on.status.zones[NAMES[11]].findings == ()


async def test_of_a_hidden_server_the_public_hears_nothing() -> None:
    hidden = server("in", "192.0.2.9", hidden=True)
    on = await watch(*(zone("ns1", "ns2", hidden, name=name) for name in NAMES))
    on.world.tcp |= {NS2, *hidden.addresses}
    await on.minute(2)
    redaction = redaction_of(on.status.zones.server_addresses())
    for name in NAMES:
        assert len(on.status.zones[name].findings) == 2
        assert {one.key.server for one in public_zone(on.status.zones[name], redaction).findings} == {"ns2"}


async def test_a_restart_inherits_nothing_and_keeps_its_alerts() -> None:
    on = await watch()
    await dies(on)
    before = on.alerts()
    again = Watch(on.world, on.zones, memory=MonitorState.of(await on.disk.kept.restore()))
    again.now.at = minute(3)
    assert again.alerts() == before
    assert {alert.inherited for alert in again.memory.active_alerts.values()} == {False, True}
    assert again.inheriting() == set()
    await again.minute(3)
    assert again.alerts().keys() == before.keys()
    await again.minute(4)
    await again.minute(5)
    assert phases(again) == {Phase.FIRING}
    assert not any(alert.inherited for alert in again.memory.active_alerts.values()), "each was polled after the start"


async def test_at_a_first_start_few_are_polled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.state.server_findings.MAX_DECIDING", 3)
    on = Watch(TcpWorld(tcp={NS2}), ZONES)
    await on.minute(0)
    assert set(on.polled) >= set(NAMES)
    assert len(on.inheriting()) >= len(NAMES) - 2 * WITNESSES
    on.polled.clear()
    for number in range(1, 4):
        await on.minute(number)
    assert len(on.polled) < 3 * len(NAMES) * 0.7
    assert on.alerts() == dict.fromkeys([(name, "192.0.2.2") for name in NAMES], Phase.FIRING)


async def replan(on: Watch, changed: MonitoringPlan) -> None:
    await on.evaluator.replan(changed)


async def test_after_a_reload_it_is_to_be_found_anew() -> None:
    on = await watch()
    await dies(on)
    moved = replace(ZONES[-2], servers=(server("ns1"), server("ns3")))
    on.zones = [*ZONES[:-2], moved, ELSEWHERE]
    await replan(on, plan(*on.zones, checks=CHECKS, policy=TWO_MINUTES))
    assert not on.columns.server_findings.known
    assert (moved.name, "192.0.2.2") not in on.alerts(), "it is not served there any more"
    assert len(on.alerts()) == len(NAMES) - 1
    on.world.tcp.clear()
    for number in range(3, 9):
        await on.minute(number)
    assert not on.memory.active_alerts
    assert on.status.zones[NAMES[5]].health is Health.GOOD


async def test_after_a_reload_no_evidence_names_zones_that_have_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.state.server_findings.MAX_DECIDING", 3)
    monkeypatch.setattr("monitor.state.standing.MAX_CONFIRMING", 3)
    on = await watch()
    await dies(on)
    inheriting = on.inheriting()
    assert NAMES[0] in on.status.zones[NAMES[-1]].findings[0].text
    on.zones = [*ZONES[4:]]
    await replan(on, plan(*on.zones, checks=CHECKS, policy=TWO_MINUTES))
    await on.minute(3)
    assert on.inheriting() & inheriting, "not all were polled"
    for one in on.zones[:-1]:
        (finding,) = on.status.zones[one.name].findings
        assert not any(name in finding.text for name in NAMES[:4])


async def test_a_reload_that_changes_no_zone_has_it_found_anew_too() -> None:
    on = await watch()
    await dies(on)
    await replan(on, replace(on.evaluator.plan, policy=AT_ONCE))
    assert not on.columns.server_findings.known
    await on.minute(3)
    assert phases(on) == {Phase.FIRING}
    assert stand(on) is Stand.STANDS


async def test_a_check_that_is_switched_off_leaves_nothing_behind() -> None:
    on = await watch()
    await dies(on)
    await replan(on, plan(*ZONES, checks=CHECKS[:1], policy=TWO_MINUTES))
    assert not on.memory.active_alerts
    assert on.inheriting() == set()


async def test_what_is_not_heard_of_for_long_is_polled_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever becomes of those that decide."""
    monkeypatch.setattr("monitor.state.server_findings.MAX_DECIDING", 3)
    on = await watch()
    await dies(on)
    findings, columns = on.columns.server_findings, on.columns
    places = [("ns1", Address("192.0.2.1"), OverUdp.ANSWERED), ("ns2", NS2, OverUdp.ANSWERED)]
    heard_at = findings.known["reachable", "ns2", NS2, OverUdp.ANSWERED].heard_at
    assert findings.lets_pass("reachable", places, columns.suspects, heard_at)
    assert not findings.lets_pass("reachable", places, columns.suspects, heard_at + MINUTE)
    assert not findings.lets_pass("reachable", places[:1], columns.suspects, heard_at)
    suspect = ("reachable", *places[0][:2])
    assert not findings.lets_pass("reachable", places, {*columns.suspects, suspect}, heard_at)


async def test_the_end_of_grace_is_looked_at_with_one_zone_for_all_that_inherit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever looks once an hour need not wait for that, and forty zones are not asked for it."""
    monkeypatch.setattr("monitor.state.server_findings.MAX_DECIDING", 3)
    many = [zone("ns1", "ns2", name=f"z{number:02}.example.") for number in range(40)]
    on = Watch(TcpWorld(tcp={NS2}), many)
    await on.serials(0)
    for one in many:  # of a start: each finds it itself, one after the other
        on.now.pass_(seconds=1)
        await on.hear(replace(on.world.poll(CHECKS[1], one, on.now()), cadence=timedelta(hours=1)))
    assert len(on.inheriting()) > 30
    appointed = {name for names in on.evaluator.rechecks.due(math.inf).values() for name in names}
    assert appointed
    assert appointed.isdisjoint(on.inheriting())
    on.now.at = minute(2) + timedelta(seconds=41)
    await on.hear(replace(on.world.poll(CHECKS[1], many[0], on.now()), cadence=timedelta(hours=1)))
    alerts = on.alerts()
    assert {alerts[name, "192.0.2.2"] for name in on.inheriting()} == {Phase.FIRING}


async def test_a_sweep_polls_those_that_decide_and_those_whose_turn_it_is() -> None:
    many = [zone("ns1", "ns2", name=f"z{number:03}.example.") for number in range(100)]
    on = await watch(*many)
    on.world.tcp.add(NS2)
    await on.minute(2)
    assert len(on.alerts()) == len(many)
    on.polled.clear()
    sweeps = 5
    for number in range(3, 3 + sweeps):
        await on.minute(number)
    assert MAX_DECIDING * sweeps <= len(on.polled) <= (MAX_DECIDING + len(many) / TURNS + 2) * sweeps
    assert phases(on) == {Phase.FIRING}


async def test_after_a_reload_few_are_polled_until_it_stands_again() -> None:
    many = [zone("ns1", "ns2", name=f"z{number:03}.example.") for number in range(100)]
    on = await watch(*many)
    on.world.tcp.add(NS2)
    await on.minute(2)
    await on.evaluator.replan(plan(*many, ELSEWHERE, checks=CHECKS, policy=TWO_MINUTES))
    on.zones = [*many, ELSEWHERE]
    on.polled.clear()
    await on.minute(3)
    assert len(on.polled) < len(many) / 2
    assert stand(on) is Stand.STANDS
    await on.minute(4)
    await on.minute(5)
    assert on.alerts() == {(one.name, "192.0.2.2"): Phase.FIRING for one in many}
