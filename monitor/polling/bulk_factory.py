"""Chooses who asks for the serials: this process, or workers beside it."""

from monitor.clock import Now
from monitor.config.model import Config
from monitor.polling.bulk import Canvass
from monitor.polling.local_prober import Here
from monitor.polling.workers.pool import Workers
from monitor.probe.prober import Probing


def canvass(config: Config, now: Now, prober: Probing) -> Canvass:
    """By ``probe.workers``. It does not own the prober."""
    if config.probe.workers > 1:
        return Workers(config.probe, now, prober.counts)
    return Here(prober.engine, now)
