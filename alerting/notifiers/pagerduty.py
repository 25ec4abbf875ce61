"""PagerDuty: each incident as an alert of its own, triggered and resolved (Events API v2)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar

from alerting.http_notifier import HttpNotifier
from alerting.incident import IncidentEvent
from alerting.model import Remark, Secret
from alerting.notification import Notification
from alerting.urls import exposed
from checks.common.text import enumerated, instant, one_line
from checks.model.finding_type import Severity

KEY_LENGTH = 32
"""Characters of an integration key."""

SEVERITIES: Mapping[Severity, str] = {
    Severity.CRITICAL: "critical",
    Severity.WARNING: "warning",
    Severity.INFO: "info",
}
"""Of the four that there are; nothing here is an "error"."""

ACTIONS = {IncidentEvent.RESOLVED: "resolve", IncidentEvent.ACKNOWLEDGED: "acknowledge"}
"""What is said of an alert that is known there; all else triggers it, once more."""

MAX_SUMMARY = 1024
MAX_NAMED = 20
MAX_TEXT = 2000
"""Characters of a detail: a whole event may have 512 kB."""


@dataclass(frozen=True, slots=True)
class Notifier(HttpNotifier):
    """Triggers an alert at PagerDuty for each incident, and resolves it.

    The incident's id is the deduplication key, so that everything that becomes of it is told of one alert; what it says
    when it is graver or a reminder comes is another trigger of it. It is acknowledged there when it is here. The Events
    API has no event that takes that back: an acknowledgement that is taken back here, or ends because it is worse,
    stays there until somebody takes it back there, too, or the service's own acknowledgement timeout does.
    `"critical"`, `"warning"` and `"info"` are called so there, too. A specimen is to be resolved by hand.
    """

    routing_key: Secret = field(repr=False, metadata={"example": 'routing_key_file = "pagerduty.key"'})
    """The integration key of an integration of type "Events API v2"."""
    url: str = "https://events.pagerduty.com/v2/enqueue"
    """Where to; `"https://events.eu.pagerduty.com/v2/enqueue"` for accounts in the EU."""

    keeps_state: ClassVar[bool] = True
    hears_acknowledgements: ClassVar[bool] = True

    def review(self) -> Iterator[Remark]:
        """Where the URL leads, and whether the key may be one."""
        yield from self.url_remarks(Secret(self.url))
        if found := exposed(self.url):
            yield Remark("url", f"holds {found}: what is secret belongs in routing_key")
        key = self.routing_key.reveal()
        if not (key.isascii() and key.isalnum()):
            yield Remark("routing_key", "is no integration key: these are letters and digits")
        elif len(key) != KEY_LENGTH:
            yield Remark("routing_key", f"has {len(key)} characters, and integration keys {KEY_LENGTH}", fatal=False)

    async def send(self, notification: Notification) -> None:
        if notification.event is IncidentEvent.UNACKNOWLEDGED:
            return  # there is no such action
        event: dict[str, object] = {
            "routing_key": self.routing_key.reveal(),
            "dedup_key": notification.incident,
            "event_action": ACTIONS.get(notification.event, "trigger"),
            "payload": _payload(notification),
            "client": "soawatch",
        }
        if notification.link:
            event["client_url"] = notification.link
            event["links"] = [{"href": notification.link, "text": "soawatch"}]
        at = notification.sent_at or notification.at
        await self.post(Secret(self.url), event, at)
        if notification.event is IncidentEvent.OPENED and notification.about.acknowledged is not None:
            await self.post(Secret(self.url), {**event, "event_action": "acknowledge"}, at)  # it has opened again

    def destination(self) -> Secret:
        return Secret(f"{self.url} {self.routing_key.reveal()}")


def _payload(notification: Notification) -> dict[str, object]:
    about = notification.about
    details = {
        "news": notification.subject,
        "text": "\n".join(notification.details),
        "since": instant(about.began_at),
        "zones": enumerated(map(one_line, about.zones), MAX_NAMED),
        "servers": enumerated(map(one_line, about.servers), MAX_NAMED),
        "codes": enumerated(about.codes, MAX_NAMED),
    }
    return {
        "summary": notification.summary.partition("\n")[0][:MAX_SUMMARY],
        "source": one_line(about.cause.name) or "soawatch",
        "severity": SEVERITIES[about.severity],
        "timestamp": _stamp(notification.at),
        "component": about.cause.kind,
        "class": about.codes[0] if about.codes else "",
        "custom_details": {name: text[:MAX_TEXT] for name, text in details.items() if text},
    }


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
