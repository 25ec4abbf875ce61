"""Sends the heartbeat: a success only while every part of the service goes on, which is looked at and not supposed."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

import structlog
from prometheus_client import CollectorRegistry, Counter

from alerting.heartbeat import Heartbeat, Signal
from alerting.model import Secret
from alerting.notification import DeliveryError
from checks.common.text import format_duration
from monitor.clock import Now
from monitor.service.pause import pause

log = structlog.get_logger(__name__)

TICK = 1.0
"""Seconds between two looks at the parts."""

RETRY = 10.0
"""Seconds until a heartbeat that was not taken is tried again."""

PATIENCE = timedelta(minutes=1)
"""How long a part may stand still."""

Marks = Mapping[str, tuple[object, timedelta]]
"""Part → what changes as long as it goes on, and how long that may stay as it is."""


def heartbeat_counter(registry: CollectorRegistry | None) -> Counter:
    text = "Heartbeats by what was told, and whether the watcher took it."
    return Counter("soawatch_heartbeats", text, ("signal", "outcome"), registry=registry)


class HeartbeatTask:
    """``marks`` says how far each part is; ``troubles`` what else must not be told as a success.

    The first heartbeat comes an interval after the start; until then, and between two, each part has to go on.
    """

    def __init__(
        self,
        heartbeat: Callable[[], Heartbeat],
        marks: Callable[[], Marks],
        troubles: Callable[[], Iterator[str]],
        now: Now,
        monotonic: Callable[[], float],
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._heartbeat, self._marks, self._troubles = heartbeat, marks, troubles
        self._now, self._monotonic = now, monotonic
        self._sent = heartbeat_counter(registry)
        self._seen: dict[str, tuple[object, float]] = {}
        self._started: Secret | None = None
        """The URL that has heard of the start."""
        self._due = monotonic()
        self._failing = ""

    async def run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            await self.look()
            await pause(stopping, TICK)

    async def look(self) -> None:
        """Note how far each part is, and tell the watcher when it is time to."""
        at, heartbeat = self._monotonic(), self._heartbeat()
        wrong = [*self._stalled(at), *self._troubles()]
        if heartbeat.url is None or at < self._due:
            return
        if heartbeat.url != self._started:
            taken = await self._send(heartbeat, Signal.START, "started")
            self._started = heartbeat.url if taken else None
        elif wrong:
            taken = await self._send(heartbeat, Signal.FAIL, "\n".join(wrong))
        else:
            taken = await self._send(heartbeat, Signal.SUCCESS, "everything goes on")
        self._due = at + (heartbeat.interval.total_seconds() if taken else RETRY)

    def _stalled(self, at: float) -> Iterator[str]:
        for part, (mark, patience) in self._marks().items():
            before = self._seen.get(part)
            if before is None or before[0] != mark:
                self._seen[part] = mark, at
            elif at - before[1] >= patience.total_seconds():
                yield f"{part} stands still for {format_duration(at - before[1])}"

    async def _send(self, heartbeat: Heartbeat, signal: Signal, body: str) -> bool:
        try:
            await heartbeat.signal(signal, body, self._now())
        except DeliveryError as error:
            self._sent.labels(signal.value, "not-delivered").inc()
            if error.reason != self._failing:
                log.warning("heartbeat not delivered", signal=signal.value, error=error.reason)
            self._failing = error.reason
            return False
        if self._failing:
            log.info("heartbeat delivered again", signal=signal.value)
        if signal is Signal.FAIL:
            log.error("heartbeat tells a failure", reasons=body)
        self._failing = ""
        self._sent.labels(signal.value, "delivered").inc()
        return True
