"""A webhook: the incident as JSON, signed as Standard Webhooks want it."""

import binascii
import json
from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from alerting.http import cached_resolver, send, signature
from alerting.model import Notification, Remark, Secret
from alerting.tls_trust import Trust
from alerting.urls import BadUrl, forbidden, parsed
from checks.common.text import plural

MIN_SECRET_SIZE = 10
"""Octets: 80 bits."""


@dataclass(frozen=True, slots=True)
class Notifier:
    """POSTs each notification as JSON, signed as Standard Webhooks want it.

    What it sends, how it is signed and how that is verified: [webhook.md](webhook.md).
    """

    url: Secret = field(repr=False, metadata={"example": 'url = "https://hooks.example.com/dns"'})
    """Where to; it is a secret because many services put a token in it."""
    secret: Secret | None = field(
        default=None, repr=False, metadata={"unset": "none: not signed", "example": 'secret_env = "HOOK_SECRET"'}
    )
    """`whsec_` and base64, made with `openssl rand -base64 32`."""
    token: Secret | None = field(default=None, repr=False, metadata={"example": 'token_file = "hook.token"'})
    """Goes into an `Authorization: Bearer` header."""
    allow_private: bool = False
    """The address may be loopback or private; an IPv4 address inside an IPv6 one counts (mapped, NAT64, 6to4, Teredo
    …), link-local and metadata addresses never may."""
    ca_file: Path | None = field(default=None, metadata={"unset": "the system's", "example": 'ca_file = "ca.pem"'})
    """Certificates to trust."""
    timeout: timedelta = timedelta(seconds=10)
    """For a whole attempt."""
    _trust: Trust = field(default_factory=Trust, init=False, repr=False, compare=False)
    _known: dict[str, Sequence[str]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Where the host was the last time its name could be resolved."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_trust", Trust(self.ca_file))
        if self.secret is not None:
            _check(self.secret)

    def review(self) -> Iterator[Remark]:
        """Where the URL leads, as far as can be told without looking up its name, and whether the secrets can serve."""
        yield from _url_remarks(self.url, allow_private=self.allow_private)
        if self.token is not None:
            yield from _token_remarks(self.token)
        if self.secret is not None and (octets := len(_decoded(self.secret))) < MIN_SECRET_SIZE:
            hint = "make one with: openssl rand -base64 32"
            text = f"the secret has {plural(octets, 'octet')}: so few can be found by trying"
            yield Remark("secret", text, hint, fatal=False)

    async def send(self, notification: Notification) -> None:
        at = notification.sent_at or notification.at
        body = payload(notification)
        headers = {"Content-Type": "application/json", "User-Agent": "soawatch", "webhook-id": notification.id}
        if self.secret is not None:
            headers |= signature(self.secret, notification.id, at, body)
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token.reveal()}"
        await send(
            self.url,
            body.encode("ascii"),
            headers,
            allow_private=self.allow_private,
            trust=self._trust,
            sent_at=at,
            deadline=self.timeout.total_seconds(),
            resolve=cached_resolver(self._known),
        )

    def destination(self) -> Secret:
        return self.url


def payload(notification: Notification) -> str:
    """``{type, timestamp, title, text, link, data}``.

    ``timestamp`` is when it became true; title, text and link are for programs that only show; ``data`` is the
    incident as the API shows it.
    """
    return json.dumps(
        {
            "type": str(notification.event),
            "timestamp": notification.at.isoformat().replace("+00:00", "Z"),
            "title": notification.subject,
            "text": notification.summary,
            "link": notification.link,
            "data": dict(notification.data),
        }
    )


def _url_remarks(url: Secret, *, allow_private: bool) -> Iterator[Remark]:
    try:
        wanted = parsed(url.reveal())
    except BadUrl as error:
        yield Remark("url", error.text, error.hint)
        return
    why = forbidden(wanted, allow_private=allow_private)
    if why is not None:
        yield Remark("url", f"leads to {why}")


def _token_remarks(token: Secret) -> Iterator[Remark]:
    """What a header can hold (RFC 9110 section 5.5, RFC 6750 section 2.1)."""
    text = token.reveal()
    if not (text.isascii() and text.isprintable()):
        yield Remark("token", "cannot be sent in a header: it holds something beyond printable ASCII")
    elif text != text.strip():
        yield Remark("token", "begins or ends with a space, which does not arrive")


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
