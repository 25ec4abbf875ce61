"""Slack, and what takes the messages of its incoming webhooks (Mattermost, Rocket.Chat)."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from alerting.http_notifier import HttpNotifier
from alerting.model import Remark, Secret
from alerting.notification import Notification

MAX_TEXT = 3000
"""Characters of a message; Slack takes 4000."""


@dataclass(frozen=True, slots=True)
class Notifier(HttpNotifier):
    """Writes each notification into a channel of Slack, by an incoming webhook.

    Others that take the messages of such webhooks (Mattermost, Rocket.Chat) show the same, with less form.
    """

    url: Secret = field(repr=False, metadata={"example": 'url_file = "slack.url"'})
    """The webhook's, `https://hooks.slack.com/services/…`; it is a secret because whoever has it may write there."""

    def review(self) -> Iterator[Remark]:
        """Where the URL leads, as far as can be told without looking up its name."""
        yield from self.url_remarks(self.url)

    async def send(self, notification: Notification) -> None:
        subject, link = notification.subject, notification.link
        details = "\n".join(notification.details)[:MAX_TEXT]
        elements: list[dict[str, object]] = [{"type": "text", "text": subject, "style": {"bold": True}}]
        if details:
            elements.append({"type": "text", "text": f"\n{details}"})
        if link:
            elements += [{"type": "text", "text": "\n"}, {"type": "link", "url": link}]
        section = {"type": "rich_text_section", "elements": elements}
        plain = "\n".join(filter(None, (escaped(subject), escaped(details), escaped(link or ""))))
        # Nothing in rich text is markup: a zone is not crossed out, nor an address an emoji.
        message = {"text": plain, "blocks": [{"type": "rich_text", "elements": [section]}], "unfurl_links": False}
        await self.post(self.url, message, notification.sent_at or notification.at)

    def destination(self) -> Secret:
        return self.url


def escaped(text: str) -> str:
    """The three characters with which mentions and links are made, as Slack wants them."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
