"""Compares the zone with a prober of its own."""

from collections.abc import Sequence
from pathlib import Path

from checks.common.zone_difference import CannotCompare, ZoneComparison
from monitor.cli.errors import Failure
from monitor.cli.zone_diff.target import read_target
from monitor.clock import now
from monitor.polling.zone_comparison import compare_zones
from monitor.probe.client.client import DnsClient


async def compared(
    zone: str, servers: Sequence[str], config: Path | None, *, dnssec: bool, wanted: int
) -> ZoneComparison:
    """What ``zone`` differs in from the first server to the second.

    Raises Failure: 2 for wrong usage and where nothing can be told, 78 for a bad configuration.
    """
    target = await read_target(zone, servers, config)
    prober = DnsClient(target.config.probe, target.config.keys, now, tls=target.tls)
    try:
        return await compare_zones(prober, target.before, target.after, dnssec=dnssec, wanted=wanted)
    except CannotCompare as why:
        raise Failure(str(why), 2) from None
    finally:
        await prober.close()
