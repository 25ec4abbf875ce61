"""The sections of the file of which there is one: plain values, secrets wrapped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from alerting.heartbeat import Heartbeat
from alerting.model import Policy, Secret
from checks.model import Address
from monitor.config.field_types import DatabasePath, Label, ListenText, NotifyAddress, PageUrl
from monitor.probe.settings import Probe


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """The page, the API and what is remembered."""

    listen: ListenText = ("127.0.0.1", 9953)
    """Address and port of the page, the API and `/metrics`; port 0 takes a free one. Beyond loopback it is refused
    without a token (here or in [tokens](#tokensname)) or `public`. A port in use or an address that is not there ends
    `run` with 1, a port that this user may not listen on with 78."""
    token: Secret | None = field(default=None, metadata={"example": 'token_file = "token"'})
    """Who reads the page must know it; or one of [tokens](#tokensname). Needed beyond loopback, unless `public`. It
    reads, and acts on nothing. After ten different wrong ones in a
    row a client has to wait, with the right one, too; the same wrong one again and again (a job that has an old
    token) slows nobody and is told once in the log. Clients behind a reverse proxy on the same machine are told
    apart by the last address in `X-Forwarded-For`, so the proxy must set that header, or append to it. Where it
    passes on what a client sent, and for programs on this machine, each try may look like another client's, and
    only the length of the token makes guessing slow."""
    public: bool = False
    """Anyone may read the page, and hidden servers are left out of it."""
    url: PageUrl | None = field(default=None, metadata={"example": 'url = "https://dns-status.example.net"'})
    """How people reach the page, `https://…`; notifications link to it."""
    database: DatabasePath = Path("soawatch.db")
    """The SQLite file in which everything is remembered; it and the files beside it are mode 0600. Deleted under the
    running service it is made anew; another file in its place is left alone and told of
    ([database-failing](findings.md))."""
    retention: timedelta = field(default=timedelta(days=90), metadata={"bounds": {"ge": timedelta(hours=1)}})
    """How long closed history is kept; at least `"1h"`."""
    vantage: Label = "local"
    """What this place of observation is called."""
    log_format: Literal["auto", "console", "json"] = "auto"
    """`"console"` (for eyes), `"json"`, or `"auto"`: console on a terminal, JSON elsewhere."""


@dataclass(frozen=True, slots=True)
class Resolver:
    """Who resolves names of servers and NS sets."""

    addresses: tuple[Address, ...] = field(
        default=(),
        metadata={"unset": "the system's", "example": 'addresses = ["192.0.2.53", "[2001:db8::53]:5353"]'},
    )
    """Resolvers to ask instead."""
    interval: timedelta = field(default=timedelta(minutes=15), metadata={"bounds": {"ge": timedelta(seconds=10)}})
    """How often names are resolved again; at least `"10s"`."""
    timeout: float = field(default=5.0, metadata={"unit": "s", "bounds": {"ge": 0.01}})
    """For one name; at least `"10ms"`, at most `interval`."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """How much `/metrics` says."""

    max_zones: int = field(default=1000, metadata={"bounds": {"ge": 0}})
    """How many zones may have series of their own in `/metrics`; where there are more, only those that are not good
    have, at most so many, the worst first. `soawatch_metrics_zones_omitted` says how many have none, `soawatch_zones`
    counts all."""
    max_servers: int = field(default=200, metadata={"bounds": {"ge": 0}})
    """How many servers may have series of their own in `/metrics`, and as many hidden ones; where there are more, those
    that are bad have a place before all others, and those without one are counted together, as `other servers`.
    `soawatch_metrics_servers_omitted` says how many have none."""


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """NOTIFY (RFC 1996) as the start signal: soawatch listens as a stealth secondary does, see [NOTIFY](notify.md)."""

    listen: tuple[NotifyAddress, ...] = field(
        default=(),
        metadata={"unset": "nowhere", "example": 'listen = ["192.0.2.10:5300", "[2001:db8::10]:5300"]'},
    )
    """Addresses of this machine to listen at for NOTIFY, over UDP and TCP; port 53 where none is written, 0 takes a
    free one. A zone that is announced there is asked at once. A port in use or an address that is not there ends `run`
    with 1, a port that this user may not listen on with 78; a reload that cannot have an address is refused."""


SECTIONS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "service": ServiceSettings,
        "probe": Probe,
        "resolver": Resolver,
        "notify": NotifySettings,
        "metrics": Metrics,
        "alerting": Policy,
        "heartbeat": Heartbeat,
    }
)
"""The tables of which there is one, and the dataclass that each is read into."""
