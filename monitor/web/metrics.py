"""The metrics that Prometheus reads, made from one Status whenever somebody asks."""

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from checks.model import Family, Health
from checks.model.finding_type import Severity
from monitor.config.durations import written
from monitor.probe.server_series import ServerSeries
from monitor.state.level import HEALTH_OF_LEVEL
from monitor.state.status import Status, Zones, ZoneStatus
from monitor.state.sweep_status import SweepStatus
from monitor.web.redaction import Redaction
from monitor.web.zone_metrics import series

Labels = tuple[str, ...]
Samples = Iterable[tuple[Labels, float]]

MAX_SOURCES = 100
"""Sources of zones that have series of their own."""

END = b"# EOF\n"
"""The last line of OpenMetrics; the other format has none."""


@dataclass(frozen=True, slots=True)
class ZoneSelection:
    """What is shown of the zones: of all in numbers, and of some, whose statuses these are, in series of their own."""

    health: Mapping[Health, int]
    zones: Sequence[ZoneStatus] = ()
    omitted: int = 0


async def select_zones(zones: Zones, most: int) -> ZoneSelection:
    """All zones get series of their own as long as there are at most so many; above that those that are not good do,
    the worst first, and of them as many. Made on the event loop, some statuses at a time.
    """
    chosen = tuple(Health) if len(zones) <= most else (Health.BAD, Health.UNKNOWN)
    statuses, _ = await zones.page("", chosen, 0, most, by_name=len(zones) <= most)
    return ZoneSelection(zones.tally(), statuses, max(0, len(zones) - len(statuses)))


def place_servers(server_series: ServerSeries, zones: Zones, now: datetime) -> None:
    """Series go to the servers that are bad, where not all can have them. ``zones``: hidden servers included."""
    if server_series.crowded:
        bad = {name for name, tally in zones.servers().items() if HEALTH_OF_LEVEL[tally.level] is Health.BAD}
        server_series.place(bad, now)


def render(
    status: Status,
    selection: ZoneSelection,
    counters: Collector,
    now: datetime,
    accept: str = "",
    redaction: Redaction | None = None,
    server_series: ServerSeries | None = None,
) -> tuple[bytes, str]:
    """The page of /metrics and its content type: Prometheus text, or OpenMetrics where ``accept`` asks for it.

    Pure and slow (some microseconds a sample): to be called in a thread.
    """
    encode, content_type = _encoder(accept)
    families = Families(status, selection, counters, now, redaction, server_series or ServerSeries(0))
    text, zones = encode(families), series(selection.zones, now).encode()
    if not text.endswith(END):
        return text + zones, content_type
    return text.removesuffix(END) + zones + END, content_type


def _encoder(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    """As prometheus_client negotiates, but a version that is no version gets plain text instead of a TypeError."""
    try:
        return choose_encoder(accept)
    except (TypeError, ValueError):
        return generate_latest, CONTENT_TYPE_PLAIN_0_0_4


@dataclass(frozen=True, slots=True)
class Families:
    """A prometheus_client collector of all but single zones: gauges from Status, and all counters."""

    status: Status
    selection: ZoneSelection
    counters: Collector
    now: datetime
    redaction: Redaction | None = None
    server_series: ServerSeries = field(default_factory=lambda: ServerSeries(0))

    def collect(self) -> Iterator[Metric]:
        yield from self._service()
        yield from self._alerting()
        yield from self._sources()
        yield from self._asking()
        yield from self._zones()
        yield from self._servers()
        yield from self._counters()

    def _service(self) -> Iterator[Metric]:
        status = self.status
        yield InfoMetricFamily(
            "soawatch_build",
            "What is running; always 1.",
            value={"version": status.version, "python": platform.python_version()},
        )
        yield _gauge("soawatch_start_time_seconds", "When the service started.", status.started.timestamp())
        yield _gauge(
            "soawatch_config_last_reload_successful",
            "1: the configuration file is in force as it is.",
            status.config_ok,
        )
        if status.config_loaded is not None:
            yield _gauge(
                "soawatch_config_last_reload_success_timestamp_seconds",
                "When a configuration was last taken over.",
                status.config_loaded.timestamp(),
            )
        yield _gauge("soawatch_database_up", "1: the database takes what is to be kept.", status.store_ok)
        yield _gauges(
            "soawatch_monitor_offline",
            "1: the monitor is cut off over this address family; its results over it are suspended.",
            ("family",),
            (((family.value,), family.value in status.offline_families) for family in Family),
        )

    def _alerting(self) -> Iterator[Metric]:
        status = self.status
        opened = [i.severity for i in status.incidents.values() if i.phase == "open"]
        yield _gauges(
            "soawatch_incidents_open",
            "Incidents that are open now.",
            ("severity",),
            (((str(severity),), opened.count(severity)) for severity in Severity),
        )
        yield _gauge(
            "soawatch_silences_active",
            "Silences and maintenance windows that are active now.",
            status.silences.count,
        )
        yield _gauge("soawatch_outbox_pending", "Notifications that wait to be delivered.", status.outbox_pending)

    def _sources(self) -> Iterator[Metric]:
        """Of so many sources at most, those that are not believed first."""
        ordered = sorted(self.status.sources, key=lambda one: one.health is not Health.BAD)
        sources = [((one.kind, one.name), one) for one in ordered[:MAX_SOURCES]]
        yield _gauges(
            "soawatch_zone_source_up",
            "1: at the last look this source of zones could be read, and was believed.",
            ("kind", "source"),
            ((labels, one.health is Health.GOOD) for labels, one in sources if one.health is not Health.UNKNOWN),
        )
        yield _gauges(
            "soawatch_zone_source_zones",
            "Zones that this source named when it was believed last, and new ones since.",
            ("kind", "source"),
            ((labels, one.zones) for labels, one in sources),
        )
        yield _gauges(
            "soawatch_zone_source_last_read_timestamp_seconds",
            "When this source was last read and believed, since the start.",
            ("kind", "source"),
            ((labels, one.read_at.timestamp()) for labels, one in sources if one.read_at is not None),
        )
        yield _gauges(
            "soawatch_zone_source_serial",
            "The serial of the version of this catalog that was taken last.",
            ("kind", "source"),
            ((labels, one.serial) for labels, one in sources if one.serial is not None),
        )
        yield _gauge(
            "soawatch_metrics_zone_sources_omitted",
            f"Sources of zones without series of their own here, because there are more than {MAX_SOURCES}.",
            max(0, len(ordered) - MAX_SOURCES),
        )

    def _asking(self) -> Iterator[Metric]:
        sweeps = self.status.sweeps.values()
        finished = [(_sweep(s), s.started, s.finished) for s in sweeps if s.started and s.finished]
        kept = [(_sweep(s), s.kept(self.now)) for s in sweeps]
        yield _gauges(
            "soawatch_cadence_seconds",
            "How often the zones of a sweep are to be asked.",
            ("check", "cadence"),
            ((_sweep(s), s.cadence.total_seconds()) for s in sweeps),
        )
        yield _gauges(
            "soawatch_cadence_kept_seconds",
            "How often they are really asked; absent until the first sweep begins.",
            ("check", "cadence"),
            ((labels, every.total_seconds()) for labels, every in kept if every is not None),
        )
        yield _gauges(
            "soawatch_sweep_duration_seconds",
            "How long the last complete sweep took.",
            ("check", "cadence"),
            ((labels, (end - start).total_seconds()) for labels, start, end in finished),
        )
        yield _gauges(
            "soawatch_last_sweep_timestamp_seconds",
            "When the last complete sweep ended.",
            ("check", "cadence"),
            ((labels, end.timestamp()) for labels, _, end in finished),
        )
        yield _counters(
            "soawatch_sweeps_missed",
            "Sweeps that did not start because the one before was still running.",
            ("check", "cadence"),
            ((_sweep(s), s.missed) for s in sweeps),
        )

    def _servers(self) -> Iterator[Metric]:
        hidden = 0 if self.redaction is not None else self.server_series.omitted(hidden=True)
        yield _gauge(
            "soawatch_metrics_servers_omitted",
            "Servers without series of their own here, because there are more than metrics.max_servers.",
            self.server_series.omitted(hidden=False) + hidden,
        )

    def _counters(self) -> Iterator[Metric]:
        """What the parts count. When a series was created is left out: soawatch_start_time_seconds is as good."""
        for family in self.counters.collect():
            family.samples = [
                sample
                for sample in family.samples
                if not sample.name.endswith("_created")
                and ("server" not in sample.labels or self.server_series.is_shown(sample.labels["server"]))
                and (self.redaction is None or self.redaction.may_show(sample.labels))
            ]
            yield family

    def _zones(self) -> Iterator[Metric]:
        selection = self.selection
        yield _gauges(
            "soawatch_zones",
            "Watched zones by health.",
            ("health",),
            (((kind.value,), selection.health.get(kind, 0)) for kind in Health),
        )
        yield _gauge(
            "soawatch_metrics_zones_omitted",
            "Zones without series of their own here, because there are more than metrics.max_zones.",
            selection.omitted,
        )


def _sweep(sweep: SweepStatus) -> Labels:
    """The zones that a check asks equally often have a sweep of their own."""
    return sweep.check, written(sweep.cadence)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))


def _gauges(name: str, text: str, labels: Labels, samples: Samples) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in samples:
        family.add_metric(values, float(value))
    return family


def _counters(name: str, text: str, labels: Labels, samples: Samples) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, value in samples:
        family.add_metric(values, float(value))
    return family
