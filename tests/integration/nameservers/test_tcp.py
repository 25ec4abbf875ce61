"""Real servers asked for very many zones over TCP, several down one connection, by the default cap and without one."""

from dataclasses import replace

import pytest

from checks.model import Server, Zone
from checks.reachable import Reachable
from monitor.clock import now
from monitor.polling.local_prober import LocalBulkProber
from monitor.polling.tcp_prober import TcpProber
from monitor.probe.prober import ServiceProber
from monitor.probe.settings import Probe
from tests.support.lab.model import Content
from tests.support.lab.server import SOFTWARE
from tests.support.lab.topology import Lab

NAMES = [f"z{number}.test." for number in range(100)]
STRANGE = "strange.test."
"""A zone that nobody serves."""


async def good_of(settings: Probe, zones: list[Zone]) -> tuple[set[str], ServiceProber]:
    prober = ServiceProber(settings, {}, now)
    passed: list[str] = []
    async for result in TcpProber(LocalBulkProber(prober, now)).ask(Reachable(), zones):
        passed += result.good
    await prober.close()
    return set(passed), prober


@pytest.mark.parametrize("software", SOFTWARE)
async def test_a_hundred_zones_are_good_over_tcp_and_one_that_is_not_served_is_not(software: str) -> None:
    with Lab() as lab:
        server = lab.primary(software, *(Content(name, serial=7) for name in NAMES))
        lab.start()
        zones = [Zone(name, (Server("ns1", (server.ipv4, server.ipv6)),)) for name in (*NAMES, STRANGE)]
        for settings in (Probe(), replace(Probe(), max_qps_per_server=1e6)):
            passed, prober = await good_of(settings, zones)
            assert passed == set(NAMES)
            assert prober.stats.queries == {("ns1", "tcp", "answered"): 2 * len(zones)}
            assert prober.tcp_pipelines.limits == {}, "all of them take many questions on one connection"
