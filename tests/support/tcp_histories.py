"""One world of servers that die and come back, watched by the sweep of the service, and by polling all in full."""

import random

from checks.model import Zone
from tests.support.observations import server, zone
from tests.support.tcp_world import TURNS, TcpWorld, Watch

SERVERS = {
    "ns1": server("ns1"), "ns2": server("ns2"), "ns3": server("ns3", "192.0.2.3", "2001:db8::3"), "ns4": server("ns4"),
    "in": server("in", "192.0.2.9", hidden=True),
}  # fmt: skip
LAYOUTS = (("ns1", "ns2"), ("ns1", "ns3"), ("ns1", "ns2", "in"))
ADDRESSES = [address for one in SERVERS.values() for address in one.addresses]
ALONE = "alone.example."
"""A zone that has a server of its own."""


def zones(count: int) -> list[Zone]:
    made = [
        zone(*(SERVERS[name] for name in LAYOUTS[number % len(LAYOUTS)]), name=f"z{number:02}.example.")
        for number in range(count)
    ]
    return [*made, zone(SERVERS["ns1"], SERVERS["ns4"], name=ALONE)]


class Both:
    """The world and those who watch it."""

    def __init__(self, seed: int, count: int) -> None:
        self.chance = random.Random(seed)
        self.world, self.zones = TcpWorld(), zones(count)
        self.quick, self.whole = Watch(self.world, self.zones), Watch(self.world, self.zones)
        self.number = 0

    async def minute(self, later: float = 0.0) -> None:
        """``later``: the share of the zones that soa-serial looks at after reachable."""
        behind = [one for one in self.zones if self.chance.random() < later]
        await self.quick.minute(self.number, self.chance.choice((1, 7, 40)), behind)
        await self.whole.serials(self.number)
        await self.whole.poll_every_zone()
        self.number += 1

    async def calm(self) -> None:
        """So long that every zone had its turn, and whatever that began or ended is out of its grace and settle."""
        for _ in range(TURNS + 5):
            await self.minute()

    def same(self) -> None:
        found = [
            {key: alert.phase for key, alert in on.memory.active_alerts.items()} for on in (self.quick, self.whole)
        ]
        assert found[0] == found[1]
        healths = [
            {one.name: on.status.zones[one.name].health for one in self.zones} for on in (self.quick, self.whole)
        ]
        assert healths[0] == healths[1]
