"""The probers that keep one contract: each test of it runs with every one of them."""

from collections.abc import Mapping

from monitor.clock import Now
from monitor.probe.client.client import DnsProber
from monitor.probe.prober import Probing
from monitor.probe.settings import Probe
from monitor.probe.types import Key

PROBERS: dict[str, type[DnsProber] | type[Probing]] = {"dnspython": DnsProber, "engine": Probing}

chosen = ["dnspython"]
"""The one that is tried now is the last."""


def prober_of(
    settings: Probe, keys: Mapping[str, Key], now: Now, *, descriptors: int | None = None
) -> DnsProber | Probing:
    return PROBERS[chosen[-1]](settings, keys, now, descriptors=descriptors)
