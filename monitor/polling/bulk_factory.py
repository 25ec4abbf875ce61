"""Chooses who asks for the serials: this process, or workers beside it."""

from monitor.clock import Now
from monitor.config.model import Config
from monitor.polling.bulk import BulkProber
from monitor.polling.local_prober import LocalBulkProber
from monitor.polling.workers.pool import WorkerPool
from monitor.probe.prober import ServiceProber


def make_bulk_prober(config: Config, now: Now, prober: ServiceProber) -> BulkProber:
    """By ``probe.workers``. It does not own the prober."""
    if config.probe.workers > 1:
        return WorkerPool(config.probe, now, prober.counts)
    return LocalBulkProber(prober.engine, now)
