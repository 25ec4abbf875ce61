"""Waits at the zones that the service watches, by its own prober and under its caps."""

from collections.abc import Callable

from checks.common.wait_progress import WaitProgress
from checks.model import Zone
from checks.model.zone_table import ZoneTable
from monitor.polling.sweep import ProbeQueries
from monitor.polling.wait import TellStep, Wait


class ServiceWaits:
    """What the web needs to wait: zones as they are watched now, and a wait at one of them.

    A wait under way goes on with the addresses that it began with.
    """

    def __init__(self, zones: Callable[[], ZoneTable[Zone]], probe: ProbeQueries) -> None:
        self._zones = zones
        self._probe = probe

    def zone(self, name: str) -> Zone | None:
        return self._zones().get(name)

    def wait(self, progress: WaitProgress, tell: TellStep) -> Wait:
        return Wait(progress, self._probe, tell)
