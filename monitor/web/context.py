"""What the web needs from the rest of the service, and who may see how much."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client import CollectorRegistry

from alerting.model import Secret
from monitor.clock import Now
from monitor.probe.stats import ProbeStats
from monitor.state.ports import Store
from monitor.state.status import Status
from monitor.web.event_hub import EventHub


class View(StrEnum):
    """Everything, or only what strangers may see."""

    WHOLE = "whole"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Settings:
    """Without ``token`` and not ``public``: whoever reaches the port sees everything (it is a loopback port).

    ``token``: whoever has it sees everything; others see nothing, or, when ``public``, the public view.
    ``public`` without ``token``: everybody has the public view. ``url`` is how people reach the page.
    """

    token: Secret | None = None
    public: bool = False
    max_zones: int = 1000
    url: str | None = None


@dataclass(frozen=True, slots=True)
class WebContext:
    """``status`` gives the present Status; ``registry`` has all counters; ``stopping`` ends all open streams."""

    status: Callable[[], Status]
    registry: CollectorRegistry
    probe_stats: ProbeStats
    store: Store
    watchers: EventHub
    now: Now
    stopping: asyncio.Event
    settings: Settings = Settings()
