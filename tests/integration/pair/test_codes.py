"""Each fault brings the findings its row promises, and no other: real servers, the real prober, the real checks.

Only the monitor's clock is moved on between looks, so that lateness needs no waiting.
"""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from checks.evaluation import run_check
from checks.model import RememberedRecords, Zone
from checks.zone_state.connectivity import Connectivity, mask_offline, record_poll
from checks.zone_state.model import ZoneState
from checks.zone_state.update import update_zone_state
from monitor import clock
from monitor.config.load import parse
from monitor.config.model import Config
from monitor.pair.faults import FAULTS
from monitor.pair.pair import Pair
from monitor.polling.discovery import resolve
from monitor.polling.sweep import poll_zone
from monitor.probe.client.client import DnsClient

ZONE = "pair.example."
LOOKS = (1, 5, 9)
"""Seconds after the fault: at once; beyond max_lag; beyond refresh + retry + cadence."""

WATCHED = 12
"""Seconds that a fault is watched for which lasts by changes of its own: there the clock cannot be moved on."""


@dataclass(slots=True)
class Monitor:
    """A monitor whose clock can be moved on."""

    config: Config
    ahead: float = 0.0
    zone_state: ZoneState = field(default_factory=lambda: ZoneState(ZONE))
    vantage: Connectivity = field(default_factory=Connectivity)
    remembered: dict[str, RememberedRecords] = field(default_factory=dict)

    def now(self) -> datetime:
        return clock.now() + timedelta(seconds=self.ahead)

    async def look(self) -> set[str]:
        """The codes of one look by every check that is for the zone."""
        zone: Zone = (await resolve(self.config, None, self.now())).zones.at(0)
        prober = DnsClient(self.config.probe, self.config.keys, self.now)
        try:
            polls = await asyncio.gather(
                *(
                    poll_zone(check, zone, prober, self.config.cadence[check.name], self.now)
                    for check in self.config.checks.values()
                    if check.applies(zone)
                )
            )
        finally:
            await prober.close()
        for each in polls:
            self.vantage = record_poll(self.vantage, each)
            self.zone_state = update_zone_state(self.zone_state, zone, mask_offline(self.vantage, each))
        found: set[str] = set()
        for each in polls:
            poll = replace(mask_offline(self.vantage, each), remembered=self.remembered.get(each.check))
            result = run_check(self.config.checks[each.check], zone, poll, self.zone_state)
            if result.remembered is not None:
                self.remembered[each.check] = result.remembered
            found |= {finding.code for finding in result.findings}
        return found


def watching(pair: Pair, attempts: int) -> Monitor:
    config = parse(pair.config_toml(), Path("pair.toml"), {})
    probe = replace(config.probe, timeout=0.3, attempts=attempts, transfer=replace(config.probe.transfer, deadline=1.0))
    return Monitor(replace(config, probe=probe))


async def watched(monitor: Monitor) -> set[str]:
    """The codes of all looks, as often as the pair's configuration has them."""
    found: set[str] = set()
    cadence, end = monitor.config.cadence["soa-serial"].total_seconds(), clock.monotonic() + WATCHED
    while (start := clock.monotonic()) < end:
        found |= await monitor.look()
        await asyncio.sleep(max(0.0, start + cadence - clock.monotonic()))
    return found


@pytest.mark.parametrize("name", FAULTS)
async def test_the_fault_is_found_for_what_it_is_and_mended(name: str) -> None:
    fault = FAULTS[name]
    async with Pair([ZONE], now=clock.now) as pair:
        await pair.in_sync()
        monitor = watching(pair, 6 if name == "lossy" else 2)
        assert await monitor.look() == set()

        pair.break_(name)
        if fault.change:
            pair.change(ZONE)
        found: set[str] = set()
        if fault.changes:
            found = await watched(monitor)
        for ahead in () if fault.changes else LOOKS if fault.change else LOOKS[:2]:
            if name == "deaf":
                await pair.in_sync()
            monitor.ahead = ahead
            found |= await monitor.look()
        assert found == set(fault.codes)

        pair.mend(name)
        await pair.in_sync()
        monitor.ahead += 4
        await monitor.look()
        monitor.ahead += 4
        assert await monitor.look() == set()
