"""A webhook: the incident as JSON, signed as Standard Webhooks want it."""

import binascii
import json
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from alerting.http import signature
from alerting.http_notifier import HttpNotifier, bearer, token_remarks
from alerting.model import Remark, Secret
from alerting.notification import Notification
from checks.common.text import plural

MIN_SECRET_SIZE = 10
"""Octets: 80 bits."""


@dataclass(frozen=True, slots=True)
class Notifier(HttpNotifier):
    """POSTs each notification as JSON, signed as Standard Webhooks want it.

    What it sends, how it is signed and how that is verified: [webhook.md](webhook.md).
    """

    keeps_state: ClassVar[bool] = True
    url: Secret = field(repr=False, metadata={"example": 'url = "https://hooks.example.com/dns"'})
    """Where to; it is a secret because many services put a token in it."""
    secret: Secret | None = field(
        default=None, repr=False, metadata={"unset": "none: not signed", "example": 'secret_env = "HOOK_SECRET"'}
    )
    """`whsec_` and base64, made with `openssl rand -base64 32`."""
    token: Secret | None = field(default=None, repr=False, metadata={"example": 'token_file = "hook.token"'})
    """Goes into an `Authorization: Bearer` header."""

    hears_acknowledgements: ClassVar[bool] = True

    def __post_init__(self) -> None:
        HttpNotifier.__post_init__(self)
        if self.secret is not None:
            _check(self.secret)

    def review(self) -> Iterator[Remark]:
        """Where the URL leads, as far as can be told without looking up its name, and whether the secrets can serve."""
        yield from self.url_remarks(self.url)
        yield from token_remarks(self.token)
        if self.secret is not None and (octets := len(_decoded(self.secret))) < MIN_SECRET_SIZE:
            hint = "make one with: openssl rand -base64 32"
            text = f"the secret has {plural(octets, 'octet')}: so few can be found by trying"
            yield Remark("secret", text, hint, fatal=False)

    async def send(self, notification: Notification) -> None:
        at = notification.sent_at or notification.at
        body = payload(notification)
        signed = signature(self.secret, notification.id, at, body) if self.secret is not None else {}
        await self.post_text(self.url, body, at, {"webhook-id": notification.id, **signed, **bearer(self.token)})

    def destination(self) -> Secret:
        return self.url


def payload(notification: Notification) -> str:
    """``{type, timestamp, title, text, link, late, data}``.

    ``timestamp`` is when it became true, ``late`` whether that was some time ago; title, text and link are for programs
    that only show; ``data`` is the incident as the API shows it.
    """
    return json.dumps(
        {
            "type": str(notification.event),
            "timestamp": notification.at.isoformat().replace("+00:00", "Z"),
            "title": notification.subject,
            "text": notification.summary,
            "link": notification.link,
            "late": notification.late,
            "data": dict(notification.data),
        }
    )


def _check(secret: Secret) -> None:
    if not _decoded(secret):
        raise ValueError("a webhook secret is whsec_ and base64; make one with: openssl rand -base64 32")


def _decoded(secret: Secret) -> bytes:
    """The octets of a secret; none where it is not base64."""
    text = secret.reveal().removeprefix("whsec_")
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
