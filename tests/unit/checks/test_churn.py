"""A day of healthy churn, with NOTIFY delays, lost polls, anycast and restarts of the monitor, raises nothing.

Seeded, so that a day that fails can be lived again.
"""

import random
from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from checks.evaluation import run_check
from checks.model import ZonePoll
from checks.soa_serial import SoaSerial
from checks.zone_state.model import ZoneState
from checks.zone_state.update import update_zone_state
from tests.support.observations import NOON, gather, query, seen, server, zone
from tests.support.zone_states import rebuilt

DAY = 24 * 60
LOOK = timedelta(seconds=60)


@dataclass(frozen=True)
class Machine:
    """Which serial it serves from when on."""

    times: list[datetime]
    serials: list[int]

    def serves(self, at: datetime) -> int:
        return self.serials[max(0, bisect_right(self.times, at) - 1)]


def published(rng: random.Random, every: float, first: int) -> list[tuple[datetime, int]]:
    at, serial = NOON - timedelta(hours=1), first
    versions = [(at, serial)]
    while at < NOON + timedelta(days=1):
        at += timedelta(seconds=rng.expovariate(1 / every))
        serial = (serial + rng.choice([1, 1, 7])) % 2**32
        versions.append((at, serial))
    return versions


def follows(rng: random.Random, versions: list[tuple[datetime, int]], delay: float) -> Machine:
    """Takes every version within ``delay`` seconds; one in twenty takes ten times as long (a NOTIFY got lost)."""
    times: list[datetime] = []
    for at, _ in versions:
        arrival = at + timedelta(seconds=rng.uniform(0, delay) * (10 if rng.random() < 0.05 else 1))
        times.append(max(arrival, times[-1]) if times else arrival)
    return Machine(times, [serial for _, serial in versions])


@dataclass(frozen=True)
class Weather:
    every: float = 60
    primary: str | None = "ns1"
    machines: int = 1
    named: bool = False
    first: int = 2026112000
    loss: float = 0.05
    frozen: str = ""


def day(weather: Weather, seed: int) -> set[tuple[str, str | None]]:
    """Which codes were said of which server in a day of looks, one a minute."""
    rng = random.Random(seed)
    where = zone("ns1", server("ns2", "192.0.2.2", "2001:db8::2"), "ns3", primary=weather.primary)
    versions = published(rng, weather.every, weather.first)
    delays = {"ns1": 0.0, "ns2": 6.0, "ns3": 6.0}
    farm = {
        name: [follows(rng, versions, 2.0 if name == "ns1" and number else delay) for number in range(weather.machines)]
        for name, delay in delays.items()
    }

    def serves(name: str, machine: int, at: datetime) -> int:
        return farm[name][machine].serves(NOON if name == weather.frozen else at)

    zone_state, said = ZoneState(where.name), set()
    for number in range(DAY):
        at = NOON + number * LOOK + timedelta(seconds=rng.uniform(0, 3))
        observations = []
        for one, address in sorted(where.server_addresses(), key=lambda place: place[0].name == weather.primary):
            at += timedelta(milliseconds=rng.uniform(1, 400))
            machine = rng.randrange(weather.machines)
            token = f"{serves(one.name, machine, at)}" + (f"@m{machine}" if weather.named else "")
            asked = query(where, one.name, place=one.addresses.index(address), identify=True)
            observations.append(seen(asked, "-" if rng.random() < weather.loss else token, at))
        poll: ZonePoll = gather(where, "soa-serial", *observations, at=at, cadence=LOOK)
        zone_state = update_zone_state(rebuilt(zone_state) if rng.random() < 0.01 else zone_state, where, poll)
        said |= {(finding.code, finding.server) for finding in run_check(SoaSerial(), where, poll, zone_state).findings}
    return said


HEALTHY = [
    ("a change a minute", Weather()),
    ("a change every five seconds", Weather(every=5)),
    ("no primary named", Weather(primary=None)),
    ("around zero", Weather(first=4294967000)),
    ("every third poll lost", Weather(loss=0.3)),
    ("anycast without names", Weather(every=5, machines=3)),
    ("anycast with NSID", Weather(every=20, machines=3, named=True)),
]


@pytest.mark.parametrize(("title", "weather"), HEALTHY, ids=[title for title, _ in HEALTHY])
def test_a_healthy_day_is_silent(title: str, weather: Weather) -> None:
    assert day(weather, seed=7) == set()


def test_the_same_day_with_one_frozen_secondary_names_it_and_nobody_else() -> None:
    assert {name for _, name in day(Weather(frozen="ns3"), seed=7)} == {"ns3"}
