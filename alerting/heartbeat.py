"""A heartbeat to a watcher elsewhere, which raises the alarm when it stays away: the protocol of healthchecks.io."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from alerting.http_proxy import proxy_remarks
from alerting.model import Remark, Secret
from alerting.tls_trust import Trust
from alerting.urls import parsed, url_remarks

MAX_BODY = 1000
"""Characters; healthchecks.io shows the first ten thousand octets of a body."""


class Signal(StrEnum):
    """What is told; the end of the path to which it is."""

    START = "start"
    SUCCESS = "success"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """A watcher elsewhere is told again and again that this monitor works ([Watching the monitor](heartbeat.md))."""

    url: Secret | None = field(
        default=None, repr=False, metadata={"unset": "none: nobody is told", "example": 'url_file = "heartbeat.url"'}
    )
    """Where to, with a POST, as healthchecks.io takes it: `URL/start` once at the start, `URL` while everything works,
    `URL/fail` with a reason while something does not. It is a secret because whoever knows it can send the same."""
    interval: timedelta = field(default=timedelta(minutes=1), metadata={"bounds": {"ge": timedelta(seconds=10)}})
    """How often; at least `"10s"`. The watcher should wait for some minutes longer."""
    allow_private: bool = False
    """The address may be loopback or private, as of a receiver."""
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "_trust", Trust(self.ca_file))

    def review(self) -> Iterator[Remark]:
        """Where the URL leads, as far as can be told without looking up its name."""
        if self.url is not None:
            yield from url_remarks(self.url, allow_private=self.allow_private)
        yield from proxy_remarks(self.proxy, self.url)

    async def signal(self, signal: Signal, body: str, at: datetime) -> None:
        """Tell it, if there is anybody to tell. Raises DeliveryError if it was not taken."""
        from alerting.http import cached_resolver, send  # httpx takes long, and nobody else who reads settings needs it

        if self.url is None:
            return
        await send(
            self.url if signal is Signal.SUCCESS else _below(self.url, signal),
            body[:MAX_BODY].encode("ascii", "replace"),
            {"Content-Type": "text/plain; charset=us-ascii", "User-Agent": "soawatch"},
            allow_private=self.allow_private,
            trust=self._trust,
            sent_at=at,
            deadline=self.timeout.total_seconds(),
            resolve=cached_resolver(self._known),
            proxy=self.proxy,
        )


def _below(url: Secret, signal: Signal) -> Secret:
    """``URL/fail``, before the query that it may have."""
    wanted = parsed(url.reveal())
    path, mark, query = wanted.raw_path.partition(b"?")
    return Secret(str(wanted.copy_with(raw_path=path.rstrip(b"/") + b"/" + signal.encode("ascii") + mark + query)))
