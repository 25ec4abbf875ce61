"""The probers that keep one contract: each test of it runs with every one of them."""

from collections.abc import Mapping

from monitor.clock import Now
from monitor.probe.client.client import DnsClient
from monitor.probe.prober import ServiceProber
from monitor.probe.settings import Probe
from monitor.probe.types import TsigKey

PROBERS: dict[str, type[DnsClient] | type[ServiceProber]] = {"dnspython": DnsClient, "engine": ServiceProber}

chosen = ["dnspython"]
"""The one that is tried now is the last."""


def prober_of(
    settings: Probe, keys: Mapping[str, TsigKey], now: Now, *, descriptors: int | None = None
) -> DnsClient | ServiceProber:
    return PROBERS[chosen[-1]](settings, keys, now, descriptors=descriptors)
