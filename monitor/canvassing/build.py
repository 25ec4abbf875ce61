"""Who asks for the serials: this process, or others beside it?"""

from monitor.canvass import Canvass
from monitor.canvassing.here import Here
from monitor.canvassing.workers import Workers
from monitor.config.model import Config
from monitor.ports import Now
from monitor.probe.prober import Probing


def canvass(config: Config, now: Now, prober: Probing) -> Canvass:
    """By ``probe.workers``. It does not own the prober."""
    if config.probe.workers > 1:
        return Workers(config.probe, now, prober.counts)
    return Here(prober.engine, now)
