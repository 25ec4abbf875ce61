"""The configuration once it has been understood: plain values, secrets wrapped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from alerting.model import Policy, Route, Secret, Severity
from alerting.notifier import Notifier
from checks.base import Check
from checks.model import Address, TransferRule, WantedRecord, alike, belonging
from checks.model.zone_table import ZoneTable
from monitor.probe.settings import Probe
from monitor.probe.types import TsigKey


@dataclass(frozen=True, slots=True)
class Service:
    """``listen`` is (host, port); port 0 lets the system choose. ``url`` is how people reach the page, for links."""

    listen: tuple[str, int] = ("127.0.0.1", 9953)
    database: Path = Path("soawatch.db")
    vantage: str = "local"
    token: Secret | None = None
    public: bool = False
    url: str | None = None
    retention: timedelta = timedelta(days=90)
    log_format: str = "auto"


@dataclass(frozen=True, slots=True)
class ServerEntry:
    """A server as written. Without ``addresses`` its ``name`` is a host name that is resolved."""

    name: str
    addresses: tuple[Address, ...] = ()
    host: str | None = None
    port: int = 53
    hidden: bool = False
    group: str = ""
    upstream: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ZoneEntry:
    """A zone as written. Without ``servers`` they are found from its NS set."""

    name: str
    servers: tuple[str, ...] = ()
    primary: str | None = None
    max_lag: timedelta = timedelta(minutes=10)
    records: tuple[WantedRecord, ...] = ()
    transfers: tuple[TransferRule, ...] = ()
    ignored: tuple[str, ...] = ()
    """Names in its NS set that are not to be watched, without final dot; "*": none that is not listed."""

    def nameless(self) -> "ZoneEntry":
        """The entry but for its name, equal for all zones that are written alike."""
        records = alike(self.records, self.name)
        return ZoneEntry("", self.servers, self.primary, self.max_lag, records, self.transfers, self.ignored)

    def named(self, name: str) -> "ZoneEntry":
        """The nameless entry under this name."""
        records = belonging(self.records, name)
        return ZoneEntry(name, self.servers, self.primary, self.max_lag, records, self.transfers, self.ignored)


@dataclass(frozen=True, slots=True)
class Resolver:
    """Who resolves names of servers and NS sets. Without addresses: the system's resolver."""

    addresses: tuple[Address, ...] = ()
    interval: timedelta = timedelta(minutes=15)
    timeout: float = 5.0


@dataclass(frozen=True, slots=True)
class Listed:
    """A file of zones, how it was read, and how many it has."""

    path: Path
    format: str
    zones: int


def no_zones() -> ZoneTable[ZoneEntry]:
    return ZoneTable.of(())


@dataclass(frozen=True, slots=True)
class Config:
    path: Path | None = None
    service: Service = Service()
    probe: Probe = Probe()
    resolver: Resolver = Resolver()
    cadence: Mapping[str, timedelta] = field(default_factory=dict)
    """Check name → how often; every registered check has an entry. A cadence of zero switches it off."""
    checks: Mapping[str, Check] = field(default_factory=dict)
    keys: Mapping[str, TsigKey] = field(default_factory=dict)
    servers: Mapping[str, ServerEntry] = field(default_factory=dict)
    zones: ZoneTable[ZoneEntry] = field(default_factory=no_zones)
    lists: tuple[Listed, ...] = ()
    """The files beside the configuration that some of the zones are from."""
    severity: Mapping[str, Severity] = field(default_factory=dict)
    """Only what the operator changed; the rest is as in checks/codes.py."""
    policy: Policy = field(default_factory=Policy)
    receivers: Mapping[str, Notifier] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    """Receiver name → its type."""
    routes: tuple[Route, ...] = ()
    max_zones: int = 1000
    """Above this many zones /metrics has per-zone series only for those that are not good."""
    warnings: tuple[str, ...] = ()
    """What is allowed but unwise, each with file and line."""
    notes: tuple[str, ...] = ()
    """What could not be looked at, each with file and line."""
