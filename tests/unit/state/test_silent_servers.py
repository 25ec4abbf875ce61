"""Servers that answer nothing at all: which zones are polled for that, what the others take over, and how it ends."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from alerting.model import Phase
from checks.model import Address, Health, Zone
from checks.model.finding_type import OverUdp
from monitor.state import server_findings, standing
from monitor.state.columns import INHERITS, UNSETTLED
from monitor.state.monitor_state import MonitorState
from monitor.state.server_findings import Stand
from monitor.web.redaction import public_zone, redaction_of
from tests.support.monitor_state import MINUTE, minute, plan
from tests.support.observations import server, zone
from tests.support.tcp_world import CHECKS, TcpWorld, Watch

NS1, NS2 = Address("192.0.2.1"), Address("192.0.2.2")
NAMES = [f"z{number:02}.example." for number in range(30)]
ELSEWHERE = zone("ns1", "ns3", name="elsewhere.example.")
ZONES = [*(zone("ns1", "ns2", name=name) for name in NAMES), ELSEWHERE]
AT_NS2 = {(name, "192.0.2.2") for name in NAMES}


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few zones decide, so that most inherit."""
    monkeypatch.setattr(server_findings, "MAX_DECIDING", 4)
    monkeypatch.setattr(standing, "MAX_CONFIRMING", 4)
    monkeypatch.setattr("monitor.polling.waiting_zones.MAX_CONFIRMING", 4)


async def watch(*zones: Zone, memory: MonitorState | None = None) -> Watch:
    """All is well, and has stood for a while."""
    on = Watch(TcpWorld(), zones or ZONES, memory=memory)
    for number in range(2):
        await on.minute(number)
    on.polled.clear()
    return on


def stand(on: Watch, brought: OverUdp = OverUdp.SILENT, address: Address = NS2, name: str = "ns2") -> Stand | None:
    one = on.columns.server_findings.known.get(("reachable", name, address, brought))
    return one.stand if one is not None else None


def unreachable(on: Watch) -> set[tuple[str, str]]:
    return set(on.alerts("server-unreachable"))


def began_of_inherited(on: Watch) -> set[datetime]:
    return {alert.began for alert in on.memory.active_alerts.values() if alert.inherited}


@pytest.mark.parametrize("kind", ["-", "refused-connection", "unreachable"])
async def test_all_zones_of_a_dead_server_have_it_by_the_next_look_of_soa_serial(kind: str) -> None:
    on = await watch()
    on.world.dead[NS2] = kind
    await on.minute(2)
    assert unreachable(on) == AT_NS2
    assert len(on.polled) <= 4 + 4 + len(NAMES) / 10
    assert len(on.inheriting()) == len(NAMES) - 4
    assert {on.status.zones[name].health for name in NAMES} == {Health.BAD}
    assert on.status.zones[ELSEWHERE.name].health is Health.GOOD
    for number in range(3, 6):
        on.polled.clear()
        await on.minute(number)
        assert len(on.polled) <= 4 + len(NAMES) / 10 + 2
    assert set(on.alerts("server-unreachable").values()) == {Phase.FIRING}
    (incident,) = on.status.incidents.values()
    assert (str(incident.cause), set(incident.zones)) == ("server ns2", set(NAMES))
    (message,) = [message for commit in on.disk.commits for message in commit.messages]
    assert set(message.incident.zones) == set(NAMES), "at its first telling"


async def test_a_zone_that_soa_serial_has_not_asked_yet_has_it_when_it_has() -> None:
    on = await watch()
    on.world.dead[NS2] = "-"
    later = [one for one in ZONES if one.name in NAMES[15:]]
    await on.serials(2, [one for one in ZONES if one not in later])
    await on.poll(NAMES[:1])
    assert stand(on) is Stand.STANDS
    known = unreachable(on)
    assert known < AT_NS2
    on.polled.clear()
    await on.serials(2.5, later)
    assert unreachable(on) == AT_NS2
    assert not on.polled
    assert len(began_of_inherited(on)) == 1, "it may have been so since it was found first"


async def test_a_zone_that_falls_silent_long_after_has_it_since_then() -> None:
    on = await watch()
    single = NAMES[20]
    on.world.udp |= {(name, NS2) for name in NAMES[:10]}
    on.world.of_zone |= {(name, NS2) for name in NAMES}
    for number in range(2, 8):
        await on.minute(number)
    assert stand(on) is Stand.STANDS
    assert (single, "192.0.2.2") not in unreachable(on)
    on.world.udp.add((single, NS2))
    await on.serials(8)
    (found,) = [each for each in on.status.zones[single].findings if each.key.code == "server-unreachable"]
    assert found.inherited
    assert found.began == minute(8)


@pytest.mark.parametrize("kind", ["-", "refused-connection"])
async def test_an_inherited_finding_says_what_was_seen_and_no_more(kind: str) -> None:
    on = await watch()
    on.world.dead[NS2] = kind
    await on.minute(2)
    own = next(found for name in NAMES for found in on.status.zones[name].findings if not found.inherited)
    inherited = {found.text for name in NAMES for found in on.status.zones[name].findings if found.inherited}
    (text,) = inherited
    assert text.startswith(f"{own.text}; found with z")
    assert text.endswith(" at this server, which gives no answer over UDP for this zone either")


async def test_a_server_that_answers_over_tcp_only_is_not_called_unreachable() -> None:
    on = await watch()
    on.world.udp |= {(name, NS2) for name in NAMES}
    for number in range(2, 5):
        await on.minute(number)
    assert not unreachable(on)
    assert set(on.alerts("no-answer")) == AT_NS2
    assert not on.inheriting()


async def test_when_it_answers_again_all_are_well_by_the_next_look_of_soa_serial() -> None:
    on = await watch()
    on.world.dead[NS2] = "-"
    await on.minute(2)
    on.world.dead.clear()
    on.polled.clear()
    await on.minute(3)
    assert not on.memory.active_alerts, "all of them were pending"
    assert {on.status.zones[name].health for name in NAMES} == {Health.GOOD}
    assert len(on.polled) < len(NAMES) / 2
    assert not on.columns.server_findings.known
    assert not on.memory.results


async def test_it_recovers_and_settles_with_the_polls_of_others_and_may_die_meanwhile() -> None:
    on = await watch()
    on.world.dead[NS2] = "-"
    for number in range(2, 6):
        await on.minute(number)
    on.world.dead.clear()
    on.polled.clear()
    await on.minute(6)
    assert on.alerts("server-unreachable") == dict.fromkeys(AT_NS2, Phase.RECOVERING)
    on.world.dead[NS2] = "-"
    await on.minute(7)
    await on.minute(8)
    assert on.alerts("server-unreachable") == dict.fromkeys(AT_NS2, Phase.FIRING)
    on.world.dead.clear()
    for number in range(9, 13):
        await on.minute(number)
    assert not on.memory.active_alerts
    assert len(on.polled) < 7 * len(NAMES) / 2


async def test_a_zone_that_soa_serial_has_not_heard_of_again_keeps_it_until_then() -> None:
    on = await watch()
    on.world.dead[NS2] = "-"
    await on.minute(2)
    on.world.dead.clear()
    heard, later = ZONES[:15], ZONES[15:-1]
    await on.serials(3, [*heard, ELSEWHERE])
    await on.confirm()
    assert stand(on) is Stand.OVER
    assert unreachable(on) == {(one.name, "192.0.2.2") for one in later if one.name in on.inheriting()}
    on.polled.clear()
    await on.serials(3.5, later)
    assert not unreachable(on)
    assert not on.polled


async def test_one_zone_that_is_heard_again_where_others_are_not_is_polled_itself() -> None:
    on = await watch()
    on.world.udp |= {(name, NS2) for name in NAMES}
    on.world.of_zone |= {(name, NS2) for name in NAMES}
    for number in range(2, 4):
        await on.minute(number)
    alone = max(on.inheriting())
    on.world.udp.discard((alone, NS2))
    await on.serials(4)
    columns = on.columns
    assert columns.standing["reachable"][columns.zone_table.index(alone)] == UNSETTLED
    on.polled.clear()
    await on.minute(4)
    assert alone in on.polled
    assert on.alerts()[alone, "192.0.2.2"] is Phase.PENDING
    assert (alone, "192.0.2.2") not in unreachable(on), "it was pending"


async def test_tcp_dies_first_and_comes_back_last() -> None:
    on = await watch()
    on.world.tcp.add(NS2)
    await on.minute(2)
    assert set(on.alerts()) == AT_NS2
    assert len(on.inheriting()) == len(NAMES) - 4
    on.world.dead[NS2] = "-"
    on.polled.clear()
    await on.minute(3)
    assert unreachable(on) == AT_NS2
    assert not on.alerts(), "pending, and not so any more"
    on.world.dead.clear()
    await on.minute(4)
    await on.minute(5)
    assert set(on.alerts()) == AT_NS2
    assert not unreachable(on)
    on.world.tcp.clear()
    for number in range(6, 10):
        await on.minute(number)
    assert not on.memory.active_alerts


async def test_a_zone_with_something_else_to_say_leaves_the_dead_address_out() -> None:
    on = await watch()
    other, here = NAMES[7], NAMES[8]
    on.world.refused |= {(other, NS1), (here, NS2)}
    await on.minute(2)
    on.world.dead[NS2] = "-"
    await on.minute(3)
    assert unreachable(on) == AT_NS2
    on.left_out = 0
    await on.minute(4)
    await on.minute(5)
    assert on.left_out
    found = {(each.key.code, each.inherited) for each in on.status.zones[other].findings}
    assert found == {("zone-not-served", False), ("server-unreachable", True)}
    assert on.alerts("zone-not-served")[other, "192.0.2.1"] is Phase.FIRING
    assert on.alerts("zone-not-served").get((here, "192.0.2.2")) is None, "nobody knows, as of any that is silent"
    on.world.dead.clear()
    for number in range(6, 10):
        await on.minute(number)
    assert not unreachable(on)
    assert set(on.alerts("zone-not-served")) == {(other, "192.0.2.1"), (here, "192.0.2.2")}


async def test_at_a_start_beside_a_dead_server_few_are_polled_there() -> None:
    on = Watch(TcpWorld(dead={NS2: "-"}), ZONES)
    await on.minute(0)
    assert unreachable(on) == AT_NS2
    assert len(on.polled) - on.left_out <= 4 + len(NAMES) / 10 + 2
    assert {on.status.zones[name].health for name in NAMES} == {Health.BAD}
    assert len(began_of_inherited(on)) == 1
    on.polled.clear()
    await on.minute(1)
    assert len(on.polled) < len(NAMES) / 2, "their results stand"
    for number in range(2, 4):
        await on.minute(number)
    assert set(on.alerts("server-unreachable").values()) == {Phase.FIRING}
    on.world.dead.clear()
    for number in range(4, 9):
        await on.minute(number)
    assert not on.memory.active_alerts


async def test_after_a_restart_and_after_a_reload_it_is_found_anew_with_few() -> None:
    on = await watch()
    on.world.dead[NS2] = "-"
    for number in range(2, 5):
        await on.minute(number)
    again = Watch(on.world, on.zones, memory=MonitorState.of(await on.disk.kept.restore()))
    again.now.at = minute(5)
    await again.minute(5)
    assert len(again.polled) - again.left_out <= 4 + len(NAMES) / 10 + 2
    assert again.alerts("server-unreachable") == dict.fromkeys(AT_NS2, Phase.FIRING)
    left = [*ZONES[:-2], ELSEWHERE]
    again.zones = left
    await again.evaluator.replan(plan(*left, checks=CHECKS, policy=again.evaluator.plan.policy))
    assert not again.columns.server_findings.known
    again.polled.clear()
    await again.minute(6)
    assert stand(again) is Stand.STANDS
    assert len(again.polled) - again.left_out < len(NAMES) / 2
    assert unreachable(again) == {(one.name, "192.0.2.2") for one in left[:-1]}
    again.world.dead.clear()
    for number in range(7, 12):
        await again.minute(number)
    assert not again.memory.active_alerts


async def test_while_the_monitor_is_offline_nothing_is_taken_over_and_nobody_is_polled() -> None:
    on = await watch()
    on.world.dead = dict.fromkeys((NS1, NS2, Address("192.0.2.3")), "-")
    await on.minute(2)
    assert on.columns.offline
    on.polled.clear()
    before = on.alerts("server-unreachable")
    for number in range(3, 8):
        await on.minute(number)
    assert not on.polled
    assert before.keys() >= unreachable(on)
    assert {on.status.zones[name].health for name in NAMES} == {Health.UNKNOWN}
    on.world.dead.clear()
    for number in range(8, 12):
        await on.minute(number)
    assert not [alert for alert in on.memory.active_alerts.values() if alert.key.zone in NAMES]
    assert {on.status.zones[name].health for name in NAMES} == {Health.GOOD}


@pytest.mark.parametrize("cadence", [timedelta(0), 5 * MINUTE])
async def test_where_soa_serial_does_not_come_as_often_each_zone_is_polled(cadence: timedelta) -> None:
    seldom = [replace(one, cadence=(("soa-serial", cadence),)) for one in ZONES[:5]]
    on = await watch(*seldom, *ZONES[5:])
    on.world.dead[NS2] = "-"
    for number in range(2, 5):
        on.polled.clear()
        await on.minute(number)
        assert {one.name for one in seldom} <= set(on.polled)
    assert unreachable(on) == AT_NS2


async def test_of_two_families_each_address_stands_on_its_own() -> None:
    dual = server("ns2", "192.0.2.2", "2001:db8::2")
    on = await watch(*(zone(server("ns1", "192.0.2.1", "2001:db8::1"), dual, name=name) for name in NAMES))
    on.world.dead[Address("2001:db8::2")] = "-"
    await on.minute(2)
    assert unreachable(on) == {(name, "2001:db8::2") for name in NAMES}
    on.world.dead[NS2] = "refused-connection"
    await on.minute(3)
    assert unreachable(on) == {(name, address) for name in NAMES for address in ("2001:db8::2", "192.0.2.2")}
    assert len(on.inheriting()) >= len(NAMES) - 8


async def test_of_a_hidden_server_the_public_hears_nothing() -> None:
    hidden = server("in", "192.0.2.9", hidden=True)
    on = await watch(*(zone("ns1", "ns2", hidden, name=name) for name in NAMES))
    on.world.dead = dict.fromkeys(hidden.addresses, "-")
    await on.minute(2)
    redaction = redaction_of(on.status.zones.server_addresses())
    for name in NAMES:
        assert len(on.status.zones[name].findings) == 1
        assert not public_zone(on.status.zones[name], redaction).findings


async def test_two_silent_zones_say_nothing_of_others() -> None:
    on = await watch()
    alone = NAMES[:2]
    on.world.udp |= {(name, NS2) for name in alone}
    on.world.of_zone |= {(name, NS2) for name in alone}
    for number in range(2, 6):
        await on.minute(number)
        assert unreachable(on) == {(name, "192.0.2.2") for name in alone}
        assert not on.alerts()
    standing_of = on.columns.standing["reachable"]
    assert INHERITS not in standing_of
