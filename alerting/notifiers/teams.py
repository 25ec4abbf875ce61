"""Microsoft Teams: an Adaptive Card into a channel or chat, by a workflow."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from alerting.http_notifier import HttpNotifier
from alerting.incident import IncidentEvent
from alerting.model import Remark, Secret
from alerting.notification import Notification
from checks.model.finding_type import Severity

COLOURS = {Severity.CRITICAL: "attention", Severity.WARNING: "warning", Severity.INFO: "accent"}
GOOD = "good"

MAX_TEXT = 3000
"""Characters of a line; a whole message may have 28 kB."""


@dataclass(frozen=True, slots=True)
class Notifier(HttpNotifier):
    """Writes each notification into a channel or chat of Microsoft Teams, by a workflow.

    The workflow begins with "When a Teams webhook request is received" and posts the card; Teams has a template for it.
    """

    url: Secret = field(repr=False, metadata={"example": 'url_file = "teams.url"'})
    """The workflow's URL; it is a secret because whoever has it may write there."""

    def review(self) -> Iterator[Remark]:
        """Where the URL leads, as far as can be told without looking up its name."""
        yield from self.url_remarks(self.url)

    async def send(self, notification: Notification) -> None:
        attachment = {
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": None,
            "content": card(notification),
        }
        message = {"type": "message", "attachments": [attachment]}
        await self.post(self.url, message, notification.sent_at or notification.at)

    def destination(self) -> Secret:
        return self.url


def card(notification: Notification) -> dict[str, object]:
    """Of text runs, in which nothing is Markdown: what servers say cannot be taken for a link."""
    good = notification.event in (IncidentEvent.RESOLVED, IncidentEvent.IMPROVED)
    colour = GOOD if good else COLOURS[notification.about.severity]
    body = [_line(notification.subject, weight="bolder", color=colour), *map(_line, notification.details)]
    link = notification.link
    actions = [{"type": "Action.OpenUrl", "title": "Open in soawatch", "url": link}] if link else []
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "fallbackText": notification.subject,
        "body": body,
        "actions": actions,
        "msteams": {"width": "Full"},
    }


def _line(text: str, **style: str) -> dict[str, object]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text[:MAX_TEXT], **style}]}
