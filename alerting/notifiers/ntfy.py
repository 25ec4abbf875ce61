"""ntfy: a push message to whoever has subscribed to a topic."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from alerting.http_notifier import HttpNotifier, bearer, token_remarks
from alerting.incident import IncidentEvent
from alerting.model import Remark, Secret
from alerting.notification import DeliveryError, Notification
from alerting.urls import BadUrl, parsed
from checks.model.finding_type import Severity

URGENCY = {
    Severity.CRITICAL: (5, "rotating_light"),
    Severity.WARNING: (4, "warning"),
    Severity.INFO: (3, "information_source"),
}
"""Priority, of 1 to 5 with 3 as usual, and the tag that makes an emoji."""

GOOD_NEWS = {IncidentEvent.RESOLVED: (3, "white_check_mark"), IncidentEvent.IMPROVED: (3, "arrow_down")}
SPECIMEN = (3, "test_tube")

MAX_OCTETS = 4000
"""Of a message; from 4096 on it would become an attachment."""

_TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")


@dataclass(frozen=True, slots=True)
class Notifier(HttpNotifier):
    """Publishes each notification to a topic of an ntfy server, as a push message.

    `"critical"` has the highest priority (5), `"warning"` 4, all other 3. A tap on it opens the page.
    """

    url: Secret = field(repr=False, metadata={"example": 'url_file = "ntfy.url"'})
    """Server and topic, `https://ntfy.sh/TOPIC`; it is a secret because whoever knows the topic may read it."""
    token: Secret | None = field(default=None, repr=False, metadata={"example": 'token_file = "ntfy.token"'})
    """An access token (`tk_…`); user and password may be in the URL instead."""

    def review(self) -> Iterator[Remark]:
        """Where the URL leads, and whether it names a topic."""
        remarks = tuple(self.url_remarks(self.url))
        yield from remarks
        yield from token_remarks(self.token)
        if not remarks and not _TOPIC.fullmatch(_server_and_topic(self.url)[1]):
            hint = 'write for example "https://ntfy.example.com/dns-alerts"'
            yield Remark("url", "names no topic: letters, digits, - and _, 64 at most", hint)

    async def send(self, notification: Notification) -> None:
        try:
            server, topic = _server_and_topic(self.url)
        except BadUrl as error:
            raise DeliveryError(f"the URL {error.text}", permanent=True) from None
        priority, tag = _urgency(notification)
        message: dict[str, object] = {
            "topic": topic,
            "title": notification.subject,
            "message": _cut("\n".join(notification.details)),
            "priority": priority,
            "tags": [tag],
        }
        if notification.link:
            message["click"] = notification.link
        await self.post(server, message, notification.sent_at or notification.at, bearer(self.token))

    def destination(self) -> Secret:
        return self.url


def _server_and_topic(url: Secret) -> tuple[Secret, str]:
    """JSON is published to the server, and not to the topic. Raises BadUrl."""
    wanted = parsed(url.reveal())
    above, _, topic = wanted.path.rpartition("/")
    return Secret(str(wanted.copy_with(path=f"{above}/"))), topic


def _urgency(notification: Notification) -> tuple[int, str]:
    if notification.event is IncidentEvent.TEST:
        return SPECIMEN
    return GOOD_NEWS.get(notification.event) or URGENCY[notification.about.severity]


def _cut(text: str) -> str:
    """So many octets of UTF-8 at most, and no half characters."""
    octets = text.encode("utf-8", "replace")
    return text if len(octets) <= MAX_OCTETS else octets[:MAX_OCTETS].decode("utf-8", "ignore") + "…"
