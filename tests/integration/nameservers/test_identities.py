"""Real servers behind one address, one of them stale for good: one incident that names it, told once, over once."""

import asyncio
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from alerting.incident import IncidentEvent
from alerting.model import Policy
from alerting.notification import OutboxMessage
from checks.model import Server as Watched
from checks.model import Zone
from checks.soa_serial import SoaSerial
from checks.zone_state.identities import UNNAMED_LOOKS
from monitor.clock import now
from monitor.polling.sweep import poll_zone
from monitor.probe.types import Prober
from monitor.state.monitor_state import MonitorState
from monitor.state.pipeline import process
from tests.integration.nameservers.world import shifted
from tests.support.lab.model import Content
from tests.support.lab.server import Server
from tests.support.lab.topology import Lab
from tests.support.load_balancer import LoadBalancer, Turns, by_chance, in_alternation
from tests.support.monitor_state import plan

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MINUTE = timedelta(minutes=1)
POLICY = Policy(timedelta(minutes=2), timedelta(minutes=2), timedelta(hours=4))
OPENED, RESOLVED = IncidentEvent.OPENED, IncidentEvent.RESOLVED
TURNS = {"two in strict alternation": 2, "two by chance": 2, "three by chance": 3, "three in turn": 3}
ZONES = {way: f"{way.replace(' ', '-')}.test." for way in (*TURNS, "healthy")}
SOFTWARE = ("nsd", "knot", "bind")
"""Behind the address; the first of those that have turns is stale."""


def turns_of(way: str) -> Turns:
    return by_chance(TURNS[way], seed=5) if "chance" in way else in_alternation(TURNS.get(way, 3))


@dataclass(frozen=True, slots=True)
class Site:
    lab: Lab
    primary: Server
    machines: tuple[Server, ...]
    named: bool


@pytest.fixture(scope="module", params=[True, False], ids=["NSID", "no NSID"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    contents = tuple(Content(zone, serial=10) for zone in ZONES.values())
    with Lab() as lab:
        primary = lab.primary("bind", *contents, name="primary")
        machines = tuple(lab.secondary(software, of=primary, name=f"{software}-site") for software in SOFTWARE)
        if not request.param:
            for machine in machines:
                machine.hide_name()
        lab.start()
        for machine in machines:
            for zone in ZONES.values():
                machine.catch_up(zone, 10)
        yield Site(lab, primary, machines, request.param)


@dataclass(slots=True)
class Monitor:
    """The service's middle, with a clock that goes a minute on at each look."""

    probe: Prober
    zone: Zone
    memory: MonitorState = field(default_factory=MonitorState)
    messages: list[OutboxMessage] = field(default_factory=list)
    looks: int = 0

    async def look(self, times: int = 1, *, every: timedelta = MINUTE) -> None:
        for _ in range(times):
            poll = await poll_zone(SoaSerial(), self.zone, self.probe, MINUTE, now)
            poll = shifted(poll, self.looks * every)
            commit, _ = process(self.memory, [poll], plan(self.zone, policy=POLICY), poll.at)
            self.messages += commit.messages
            self.looks += 1

    @property
    def events(self) -> list[IncidentEvent]:
        return [message.event for message in self.messages if message.event is not IncidentEvent.WORSENED]


@asynccontextmanager
async def watching(probe: Prober, site: Site, zone: str, machines: int, turns: Turns) -> "AsyncIterator[Monitor]":
    addresses = [machine.ipv4 for machine in site.machines[:machines]]
    async with LoadBalancer(addresses, turns) as balancer:
        servers = (Watched("primary", (site.primary.ipv4,)), Watched("anycast", (balancer.address,)))
        yield Monitor(probe, Zone(zone, servers, "primary", max_lag=timedelta(seconds=90)))


@pytest.mark.parametrize("way", TURNS)
async def test_who_is_stale_for_good_is_one_incident_until_it_catches_up(site: Site, probe: Prober, way: str) -> None:
    zone, (stale, *others) = ZONES[way], site.machines[: TURNS[way]]
    async with watching(probe, site, zone, TURNS[way], turns_of(way)) as monitor:
        await monitor.look(5)
        assert not monitor.messages
        await asyncio.to_thread(stale.freeze, zone)
        site.primary.bump(zone)
        for machine in others:
            await asyncio.to_thread(machine.catch_up, zone, 11)
        await monitor.look(120)
        assert monitor.events == [OPENED]
        (line,) = monitor.messages[-1].incident.lines
        who = f"the one with NSID {stale.name}" if site.named else "one of them (no NSID tells which)"
        assert f"has several machines behind it, and {who} is " in line.text
        assert "serves 10, 1 version before 11" in line.text
        await asyncio.to_thread(stale.thaw, zone)
        await asyncio.to_thread(stale.catch_up, zone, 11)
        await monitor.look(30 if site.named else UNNAMED_LOOKS + 10)
        assert monitor.events == [OPENED, RESOLVED]
        assert len({message.incident.id for message in monitor.messages}) == 1
        assert all(state.identities == () for state in monitor.memory.zone_states[zone].address_states)


async def test_those_that_take_each_version_some_looks_apart_are_well(site: Site, probe: Prober) -> None:
    """As a single server that takes it within max_lag; looks are ten seconds apart, as when a change is followed."""
    zone = ZONES["healthy"]
    async with watching(probe, site, zone, 3, in_alternation(3)) as monitor:
        for serial in (11, 12, 13):
            for machine in site.machines:
                await asyncio.to_thread(machine.freeze, zone)
            site.primary.bump(zone)
            for machine in site.machines:
                await monitor.look(2, every=timedelta(seconds=10))
                await asyncio.to_thread(machine.thaw, zone)
                await asyncio.to_thread(machine.catch_up, zone, serial)
            await monitor.look(20, every=timedelta(seconds=10))
        assert not monitor.messages
        assert not monitor.memory.active_alerts
