"""Rate limits of real servers: what they drop is told as a limit, or not at all, and never as a filter.

The kind: a server that is well, and answers less often than it is asked. Every check of the zone asks for the same, so
that a short cadence is enough. PowerDNS has no limits of its own.
"""

import asyncio

import pytest

from checks.evaluation import run_check
from checks.model import Outcome, Query, Server, Transport, Zone
from checks.reachable import Reachable
from checks.zone_state.model import ZoneState
from monitor.clock import now
from monitor.polling.sweep import poll_zone
from monitor.probe.prober import ServiceProber
from monitor.probe.settings import Probe
from tests.support.lab.model import Content
from tests.support.lab.topology import Lab

ZONE = "limited.test."
RATE = 2
PROBE = Probe(timeout=0.4, attempts=3, max_qps_per_server=400)


@pytest.mark.parametrize("software", ["bind", "knot", "nsd"])
async def test_a_server_that_limits_its_answers_is_not_taken_for_filtered(software: str) -> None:
    with Lab() as lab:
        server = lab.server(software, "limits")
        server.limit(RATE)
        server.serve(Content(ZONE, serial=7))
        lab.start()
        zone = Zone(ZONE, (Server("limits", (server.ipv4,)),))
        prober = ServiceProber(PROBE, {}, now)
        check = Reachable()
        queries = [Query(ZONE, "limits", server.ipv4, ZONE, "SOA", identify=True)] * 30
        found: set[str] = set()
        cut = 0
        for _ in range(2):
            polls = asyncio.gather(*(poll_zone(check, zone, prober, check.cadence, now) for _ in range(4)))
            async for batch in prober(queries):
                cut += sum(seen.outcome is Outcome.ANSWERED and seen.transport is Transport.TCP for seen in batch)
            for poll in await polls:
                found |= {finding.code for finding in run_check(check, zone, poll, ZoneState(ZONE)).findings}
        part = prober._dns.rate_limiter.bucket("limits")._rate_part
        await prober.close()
    assert cut > 0, "nothing was truncated: the limit was not reached"
    assert found <= {"rate-limited"}
    assert part < 1
