"""What the web has of the service."""

import asyncio
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from monitor.clock import now
from monitor.config.model import Config
from monitor.polling.poller import Poller
from monitor.probe.server_series import ServerSeries
from monitor.service.diffs import ServiceDiffs
from monitor.service.incident_actions import ServiceIncidents
from monitor.service.silences import ServiceSilences
from monitor.service.waits import ServiceWaits
from monitor.state.evaluator import Evaluator
from monitor.state.ports import Store
from monitor.state.status import Status
from monitor.web.event_hub import EventHub
from monitor.web.snapshot import Settings, WebContext


def web_context(
    started: Config,
    config: Callable[[], Config],
    status: Callable[[], Status],
    evaluator: Evaluator,
    poller: Poller,
    store: Store,
    server_series: ServerSeries,
    event_hub: EventHub,
    registry: CollectorRegistry,
    stopping: asyncio.Event,
) -> WebContext:
    """``started`` is the configuration at the start, ``config`` the present one."""
    service = started.service
    return WebContext(
        status=status,
        registry=registry,
        probe_stats=poller.stats,
        server_series=server_series,
        store=store,
        event_hub=event_hub,
        now=now,
        stopping=stopping,
        waits=ServiceWaits(lambda: evaluator.plan.zones, poller.probe),
        diffs=ServiceDiffs(lambda: evaluator.plan.zones, poller.probe),
        incident_actions=ServiceIncidents(evaluator),
        silence_actions=ServiceSilences(evaluator, now),
        settings=Settings(service.token, service.public, started.metrics.max_zones, service.url),
        named_tokens=lambda: tuple(config().tokens.values()),
    )
