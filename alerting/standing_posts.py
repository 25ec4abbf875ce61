"""What stands, told again and again to receivers that forget it otherwise: on a clock, beside the outbox."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from alerting.audience_news import as_told_to
from alerting.dispatcher import Dispatcher
from alerting.incident import Incident, IncidentEvent
from alerting.notification import Notification, OutboxMessage
from alerting.notifier import StandingNotifier


class StandingPosts:
    """Each receiver has its own clock. ``standing`` are the open incidents, by id, as they are decided: no message says
    that one is over before it has left them.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        standing: Callable[[], Mapping[str, Incident]],
        render: Callable[[OutboxMessage], Notification],
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._dispatcher, self._standing, self._render = dispatcher, standing, render
        self._now, self._monotonic = now, monotonic
        self._due: dict[str, float] = {}

    async def post_due(self) -> None:
        """Begin with those whose turn it is; one that is busy has it a little later."""
        at = self._monotonic()
        for name, notifier in self._dispatcher.receivers.items():
            if not isinstance(notifier, StandingNotifier) or at < self._due.get(name, at):
                continue
            if self._dispatcher.post(name, lambda to=name, by=notifier: self._post(to, by)):  # type: ignore[misc]
                self._due[name] = at + notifier.resend.total_seconds()

    async def _post(self, name: str, notifier: StandingNotifier) -> None:
        notifications: list[Notification] = []
        for incident in list(self._standing().values()):
            told = as_told_to(incident, name)
            if told is not None:
                notifications.append(self._render(_message(told, name, self._now())))
                await asyncio.sleep(0)
        if notifications:
            await notifier.post_standing(notifications, self._now())


def _message(incident: Incident, receiver: str, at: datetime) -> OutboxMessage:
    """The incident as it is, with the severity that was told last."""
    severity = incident.notified.severity if incident.notified is not None else incident.severity
    shown = replace(incident, severity=severity, change=None, notified=None, due_at=None, parts=())
    return OutboxMessage(incident.id, receiver, IncidentEvent.OPENED, shown, at)
