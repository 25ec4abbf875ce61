"""What stands at a server is taken over by its zones, and comes to what polling every zone in full comes to."""

import pytest

from alerting.model import Phase
from monitor.polling import waiting_zones
from monitor.state import server_findings, standing
from tests.support.tcp_histories import ADDRESSES, ALONE, SERVERS, Both
from tests.support.tcp_world import dead_places

UDP_KINDS = ("-", "refused-connection", "unreachable")
"""What a question over UDP may come to where nobody is."""


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few zones decide, so that most of some thirty inherit."""
    monkeypatch.setattr(server_findings, "MAX_DECIDING", 4)
    monkeypatch.setattr(standing, "MAX_CONFIRMING", 4)
    monkeypatch.setattr(waiting_zones, "MAX_CONFIRMING", 4)


async def address_by_address(seed: int, minutes: int) -> None:
    """TCP dies and comes back with whole addresses: nothing is said of one that is well, and all at once of others."""
    both = Both(seed, 30)
    await both.minute()
    await both.minute()
    asked = len(both.quick.polled)
    taken_over = 0
    for _ in range(minutes):
        if both.chance.random() < 0.25:
            both.world.tcp ^= {both.chance.choice(ADDRESSES)}
        if both.chance.random() < 0.2:
            both.world.serials[both.chance.choice(both.zones).name] = 11 + both.number
        await both.minute()
        dead, alerts = dead_places(both.world, both.zones), both.quick.alerts()
        bad = {place for place, phase in alerts.items() if phase is not Phase.RECOVERING}
        assert bad <= dead | {place for place in bad if place[0] == ALONE}, "found where all is well"
        assert {place for place in dead if place[0] != ALONE} <= alerts.keys(), "not taken over at once"
        taken_over += len(both.quick.inheriting())
    await both.calm()
    both.same()
    assert taken_over
    assert len(both.quick.polled) - asked < 0.75 * len(both.whole.polled)


async def server_by_server(seed: int, minutes: int) -> None:
    """Addresses die whole and come back, over UDP first, or over TCP, or at once."""
    both = Both(seed, 30)
    await both.minute()
    await both.minute()
    chance, world = both.chance, both.world
    asked, taken_over = len(both.quick.polled), 0
    for _ in range(minutes):
        if chance.random() < 0.2 and len(world.dead) < 3:
            world.dead[chance.choice(ADDRESSES)] = chance.choice(UDP_KINDS)
        if chance.random() < 0.15:
            world.dead.pop(chance.choice(ADDRESSES), None)
        if chance.random() < 0.1:
            world.tcp ^= {chance.choice(ADDRESSES)}
        if chance.random() < 0.2:
            world.serials[chance.choice(both.zones).name] = 11 + both.number
        await both.minute(later=chance.choice((0.0, 0.0, 0.5)))
        taken_over += len(both.quick.inheriting())
    await both.calm()
    both.same()
    assert taken_over
    assert len(both.quick.polled) - both.quick.left_out - asked < 0.75 * len(both.whole.polled)


async def one_server_at_a_time(seed: int, minutes: int) -> None:
    """One that dies is bad for all its zones by the next look of soa-serial, and for no others; so it is good again."""
    both = Both(seed, 30)
    await both.minute()
    await both.minute()
    chance, world = both.chance, both.world
    for _ in range(minutes):
        if chance.random() < 0.3:
            kind, died = chance.choice(UDP_KINDS), chance.choice([*SERVERS.values()])
            world.dead = {} if world.dead else dict.fromkeys(died.addresses, kind)
        before = len(both.quick.polled)
        await both.minute()
        assert len(both.quick.polled) - both.quick.left_out - before < 0.75 * len(both.zones)
        dead, alerts = dead_places(world, both.zones, silent=True), both.quick.alerts("server-unreachable")
        bad = {place for place, phase in alerts.items() if phase is not Phase.RECOVERING}
        assert bad == dead
        assert not both.quick.alerts()
    await both.calm()
    both.same()


async def zone_by_zone(seed: int, minutes: int) -> None:
    """TCP dies for single zones, too, and UDP, and whole addresses: in the end it is known of each."""
    both = Both(seed, 30)
    for _ in range(minutes):
        chance, world = both.chance, both.world
        if chance.random() < 0.15:
            world.tcp ^= {chance.choice(ADDRESSES)}
        place = chance.choice([(one.name, address) for one in both.zones for _, address in one.server_addresses()])
        if chance.random() < 0.3:
            (world.of_zone if chance.random() < 0.7 else world.udp).symmetric_difference_update({place})
        if chance.random() < 0.1:
            world.of_zone.clear()
            world.udp.clear()
        if chance.random() < 0.1:
            world.dead = {} if world.dead else {chance.choice(ADDRESSES): chance.choice(UDP_KINDS)}
        await both.minute(later=chance.choice((0.0, 0.0, 0.5)))
    await both.calm()
    both.same()


async def test_servers_that_die_and_come_back() -> None:
    await one_server_at_a_time(seed=0, minutes=12)


async def test_servers_that_come_back_in_part() -> None:
    await server_by_server(seed=0, minutes=12)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 160))
async def test_servers_that_die_and_come_back_for_long(seed: int) -> None:
    await one_server_at_a_time(seed, 120)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 200))
async def test_servers_that_come_back_in_part_for_long(seed: int) -> None:
    await server_by_server(seed, 60)


async def test_addresses_whose_tcp_comes_and_goes() -> None:
    await address_by_address(seed=0, minutes=12)


async def test_zones_whose_tcp_comes_and_goes() -> None:
    await zone_by_zone(seed=0, minutes=15)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 160))
async def test_addresses_whose_tcp_comes_and_goes_for_long(seed: int) -> None:
    await address_by_address(seed, 120)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 200))
async def test_zones_whose_tcp_comes_and_goes_for_long(seed: int) -> None:
    await zone_by_zone(seed, 60)
