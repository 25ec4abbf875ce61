"""Chooses who asks very many zones: this process, or workers beside it."""

from monitor.clock import Now
from monitor.config.model import Config
from monitor.polling.bulk import BulkProber
from monitor.polling.local_prober import LocalBulkProber
from monitor.polling.workers.pool import WorkerPool
from monitor.polling.workers.process import WorkerMetrics
from monitor.probe.prober import ServiceProber


def make_bulk_prober(config: Config, now: Now, prober: ServiceProber, metrics: WorkerMetrics) -> BulkProber:
    """By ``probe.workers``. It does not own the prober."""
    if config.probe.workers > 1:
        return WorkerPool(config.probe, now, metrics)
    return LocalBulkProber(prober, now)
