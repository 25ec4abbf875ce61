"""Counts how long what was changed took to the servers: new versions of zones, and the values of canaries."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Histogram

from checks.model.canary import CanaryArrival
from checks.zone_state.model import Propagation
from monitor.probe.server_series import ServerSeries

PROPAGATION_BOUNDS: tuple[float, ...] = (
    1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0, 86400.0,
)  # fmt: skip
"""Upper bounds, in seconds, of the buckets of propagation times; one more bucket has no bound."""

CANARY_BOUNDS: tuple[float, ...] = (0.1, 0.25, 0.5, *PROPAGATION_BOUNDS)
"""The same of canaries, which are asked for as soon as they are written."""


class ArrivalTimes:
    """Each server is counted under the label that it has in ``series``."""

    def __init__(self, registry: CollectorRegistry | None, series: ServerSeries) -> None:
        self._series = series
        self.propagation = Histogram(
            "soawatch_propagation_seconds",
            "How long a new version took from its first sight anywhere to this secondary.",
            ("server",),
            buckets=PROPAGATION_BOUNDS,
            registry=registry,
        )
        self.canary = Histogram(
            "soawatch_canary_seconds",
            "How long the value of a canary took from when it was made to the first answer with it at this server.",
            ("server",),
            buckets=CANARY_BOUNDS,
            registry=registry,
        )

    def count(self, propagations: Iterable[Propagation], canaries: Iterable[CanaryArrival]) -> None:
        """Of versions those that were seen to come: how long another took is not known."""
        for one in propagations:
            if one.seconds:
                self.propagation.labels(self._series.label(one.server)).observe(one.seconds)
        for value in canaries:
            self.canary.labels(self._series.label(value.server)).observe(value.seconds)
