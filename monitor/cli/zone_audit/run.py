"""Looks at all zones of an audit, some at one time."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from checks.common.text import one_line
from monitor.cli.zone_audit.report import AuditedZone, AuditReport, audited_zone, failed_zone, worst_first
from monitor.cli.zone_audit.target import AuditTarget
from monitor.cli.zone_check.check_zone import SECOND_LOOK_DELAY, look_at
from monitor.cli.zone_check.deadline import Deadline
from monitor.clock import now
from monitor.polling.discovery import DiscoveredZones, resolve
from monitor.polling.further_names import resolve_further
from monitor.probe.client.client import DnsClient

MAX_ZONES_AT_ONCE = 16
"""Zones that are looked at at one time: they share the rates of their servers."""


async def audit(
    what: AuditTarget,
    moment: float = SECOND_LOOK_DELAY,
    timeout: float | None = None,
    told: Callable[[AuditedZone], None] = lambda _: None,
) -> AuditReport:
    """Look at each zone by all checks, for ``timeout`` seconds at most. ``told`` hears of each as soon as it is known.

    Names are resolved, and parent zones found, once for all of them.
    """
    begun = now()
    found = await resolve(what.config, None, begun)
    prober = DnsClient(what.config.probe, what.config.keys, now, tls=what.config.tls)
    room = asyncio.Semaphore(MAX_ZONES_AT_ONCE)
    try:
        found = await resolve_further(what.config, found, (), prober, begun)
        alone = replace(found, problems=())

        async def one(zone: str) -> AuditedZone:
            async with room:
                looked = await _look(what, zone, alone, prober, moment, timeout)
                told(looked)
                return looked

        zones = await asyncio.gather(*map(one, what.zones))
    finally:
        await prober.close()
    return AuditReport(worst_first(zones), begun, now(), tuple(map(one_line, (*what.notes, *found.problems))))


async def _look(
    what: AuditTarget, zone: str, found: DiscoveredZones, prober: DnsClient, moment: float, timeout: float | None
) -> AuditedZone:
    if not any(server.addresses for server in found.zones[zone].servers):
        return failed_zone(zone, "nobody could be asked: it is not known where its servers are")
    return audited_zone(await look_at(what.of(zone), found, prober, Deadline.of(timeout), moment))
