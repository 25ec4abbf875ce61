"""What stands at a server is taken over by its zones, and comes to what polling every zone in full comes to."""

import random

import pytest

from alerting.model import Phase
from checks.model import Zone
from monitor.state import server_findings, standing
from tests.support.observations import server, zone
from tests.support.tcp_world import TURNS, TcpWorld, Watch, dead_places

SERVERS = {
    "ns1": server("ns1"), "ns2": server("ns2"), "ns3": server("ns3", "192.0.2.3", "2001:db8::3"), "ns4": server("ns4"),
    "in": server("in", "192.0.2.9", hidden=True),
}  # fmt: skip
LAYOUTS = (("ns1", "ns2"), ("ns1", "ns3"), ("ns1", "ns2", "in"))
ADDRESSES = [address for one in SERVERS.values() for address in one.addresses]


def zones(count: int) -> list[Zone]:
    made = [
        zone(*(SERVERS[name] for name in LAYOUTS[number % len(LAYOUTS)]), name=f"z{number:02}.example.")
        for number in range(count)
    ]
    return [*made, zone(SERVERS["ns1"], SERVERS["ns4"], name="alone.example.")]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few zones decide, so that most of some thirty inherit."""
    monkeypatch.setattr(server_findings, "MAX_DECIDING", 4)
    monkeypatch.setattr(standing, "MAX_CONFIRMING", 4)


class Both:
    """One world that is watched by the sweep of the service, and by polling every zone in full."""

    def __init__(self, seed: int, count: int) -> None:
        self.chance = random.Random(seed)
        self.world, self.zones = TcpWorld(), zones(count)
        self.quick, self.whole = Watch(self.world, self.zones), Watch(self.world, self.zones)
        self.number = 0

    async def minute(self) -> None:
        await self.quick.minute(self.number, self.chance.choice((1, 7, 40)))
        await self.whole.serials(self.number)
        await self.whole.poll_every_zone()
        self.number += 1

    async def calm(self) -> None:
        """So long that every zone had its turn, and whatever that began or ended is out of its grace and settle."""
        for _ in range(TURNS + 5):
            await self.minute()

    def same(self) -> None:
        assert self.quick.alerts() == self.whole.alerts()
        healths = [
            {one.name: on.status.zones[one.name].health for one in self.zones} for on in (self.quick, self.whole)
        ]
        assert healths[0] == healths[1]


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
        assert bad <= dead | {place for place in bad if place[0] == "alone.example."}, "found where all is well"
        assert {place for place in dead if place[0] != "alone.example."} <= alerts.keys(), "not taken over at once"
        taken_over += len(both.quick.inheriting())
    await both.calm()
    both.same()
    assert taken_over
    assert len(both.quick.polled) - asked < 0.75 * len(both.whole.polled)


async def zone_by_zone(seed: int, minutes: int) -> None:
    """TCP dies for single zones, too, and UDP: in the end it is known of each."""
    both = Both(seed, 20)
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
        await both.minute()
    await both.calm()
    both.same()


@pytest.mark.parametrize("seed", range(3))
async def test_addresses_whose_tcp_comes_and_goes(seed: int) -> None:
    await address_by_address(seed, 40)


@pytest.mark.parametrize("seed", range(4))
async def test_zones_whose_tcp_comes_and_goes(seed: int) -> None:
    await zone_by_zone(seed, 25)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 160))
async def test_addresses_whose_tcp_comes_and_goes_for_long(seed: int) -> None:
    await address_by_address(seed, 120)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 200))
async def test_zones_whose_tcp_comes_and_goes_for_long(seed: int) -> None:
    await zone_by_zone(seed, 60)
