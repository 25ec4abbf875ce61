"""Worker processes that tests kill."""

import asyncio
import os
import signal

from monitor.polling.bulk import BulkProber
from monitor.polling.workers.pool import WorkerPool
from monitor.polling.workers.process import WorkerMetrics


def pids(bulk_prober: BulkProber) -> list[int]:
    """Of those that are running."""
    assert isinstance(bulk_prober, WorkerPool)
    return [worker.pid for worker in bulk_prober._workers if worker.pid is not None]


def kill_all(bulk_prober: BulkProber) -> None:
    for pid in pids(bulk_prober):
        os.kill(pid, signal.SIGKILL)


async def all_restarted(bulk_prober: BulkProber, metrics: WorkerMetrics, times: int) -> None:
    """All are up again, so many deaths later."""
    assert isinstance(bulk_prober, WorkerPool)
    async with asyncio.timeout(20):
        while metrics.restarts._value.get() < times or len(pids(bulk_prober)) < len(bulk_prober._workers):
            await asyncio.sleep(0.01)
