"""What all notifiers that POST to a URL have in common: some settings, and how it is sent."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

from alerting.http import cached_resolver, send
from alerting.http_proxy import proxy_remarks
from alerting.model import Remark, Secret
from alerting.tls_trust import Trust
from alerting.urls import url_remarks

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpNotifier:
    """Where it may lead, whom it trusts, and how long an attempt may take."""

    allow_private: bool = False
    """The address may be loopback or private; an IPv4 address inside an IPv6 one counts (mapped, NAT64, 6to4, Teredo
    …), link-local and metadata addresses never may."""
    ca_file: Path | None = field(default=None, metadata={"unset": "the system's", "example": 'ca_file = "ca.pem"'})
    """Certificates to trust."""
    timeout: timedelta = timedelta(seconds=10)
    """For a whole attempt."""
    proxy: Secret | None = field(
        default=None, repr=False, metadata={"unset": "that of `[alerting]`", "example": 'proxy = "none"'}
    )
    """A proxy to ask by, as in [alerting](#alerting); `"none"`: without one."""
    _trust: Trust = field(default_factory=Trust, init=False, repr=False, compare=False)
    _known: dict[str, Sequence[str]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Where the host was the last time its name could be resolved."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_trust", Trust(self.ca_file))

    async def post(self, url: Secret, document: object, at: datetime, headers: Mapping[str, str] = NO_HEADERS) -> None:
        """Hand over ``document`` as JSON in ASCII, ``at`` by our clock. Raises DeliveryError if it was not taken."""
        await self.post_text(url, json.dumps(document), at, headers)

    async def post_text(self, url: Secret, body: str, at: datetime, headers: Mapping[str, str] = NO_HEADERS) -> None:
        """As ``post``, of what is JSON in ASCII already."""
        await send(
            url,
            body.encode("ascii"),
            {"Content-Type": "application/json", "User-Agent": "soawatch", **headers},
            allow_private=self.allow_private,
            trust=self._trust,
            sent_at=at,
            deadline=self.timeout.total_seconds(),
            resolve=cached_resolver(self._known),
            proxy=self.proxy,
        )

    def url_remarks(self, url: Secret) -> Iterator[Remark]:
        """Where the URL leads, as far as can be told without looking up its name."""
        yield from url_remarks(url, allow_private=self.allow_private)
        yield from proxy_remarks(self.proxy, url)


def bearer(token: Secret | None) -> Mapping[str, str]:
    """The header for a token (RFC 6750 section 2.1); none without one."""
    return NO_HEADERS if token is None else {"Authorization": f"Bearer {token.reveal()}"}


def token_remarks(token: Secret | None) -> Iterator[Remark]:
    """What a header cannot hold (RFC 9110 section 5.5)."""
    text = "" if token is None else token.reveal()
    if not (text.isascii() and text.isprintable()):
        yield Remark("token", "cannot be sent in a header: it holds something beyond printable ASCII")
    elif text != text.strip():
        yield Remark("token", "begins or ends with a space, which does not arrive")
