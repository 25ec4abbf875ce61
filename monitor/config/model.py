"""The configuration once it has been understood: plain values, secrets wrapped."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from alerting.heartbeat import Heartbeat
from alerting.maintenance import MaintenanceWindow
from alerting.model import Policy, Route, Secret
from alerting.notifier import Notifier
from checks.base import Check
from checks.model import (
    MAX_LAG,
    PORT,
    Address,
    Cadences,
    CanaryRecord,
    Labels,
    Server,
    Severities,
    TimerLimits,
    TransferRule,
    WantedRecord,
    Zone,
    absolutise_records,
    relativise_records,
)
from checks.model.finding_type import Severity
from checks.model.signing import with_signer
from checks.model.zone_table import ZoneTable
from monitor.config.field_types import Label, NetworkText, Port, PortlessAddress, expected, profiled
from monitor.config.named_token import NamedToken
from monitor.config.records import spelled
from monitor.config.sections import Metrics, NotifySettings, Resolver, ServiceSettings
from monitor.config.validators import BeforeValidator
from monitor.probe.settings import Probe, TlsSettings
from monitor.probe.types import TsigKey


@dataclass(frozen=True, slots=True)
class ServerEntry:
    """A nameserver. Without ``addresses`` its host name is resolved."""

    name: str = field(metadata={"given": True})
    addresses: tuple[PortlessAddress, ...] = field(default=(), metadata={"unset": ""})
    """Every address it has; each is watched on its own."""
    host: str | None = field(default=None, metadata={"unset": "NAME"})
    """A host name; all its A and AAAA addresses are watched, and looked up again every `resolver.interval`."""
    port: Port = PORT
    """For addresses without a port, and for the host."""
    hidden: bool = False
    """It is not in the NS set (a hidden primary), and not shown on a public page."""
    group: Label = ""
    """Servers of one group share one serial. Give each provider its own where providers count their own serials."""
    upstream: tuple[str, ...] = field(default=(), metadata={"unset": "the zone's primary"})
    """The servers it transfers from, where that is not the primary: their lateness explains its own. Circles are
    refused; the upstream of a zone's primary does not count in that zone. In a group that is not the primary's a server
    transfers from nobody that is known, unless it says so here."""
    notify_from: tuple[NetworkText, ...] = field(
        default=(), metadata={"unset": "", "example": 'notify_from = ["192.0.2.0/24"]'}
    )
    """Where its NOTIFY may come from beside its `addresses`, where `[notify]` listens."""
    notify_key: str | None = field(default=None, metadata={"example": 'notify_key = "xfr"'})
    """A key of `[keys.…]` that must sign its NOTIFY (TSIG), and every other from an address of its."""
    expect_notify: bool | None = field(
        default=None, metadata={"unset": "where it has sent one", "example": "expect_notify = true"}
    )
    """Whether it is `notify-missing` when a zone of which it is the primary has a new version and no NOTIFY comes. Left
    out, that holds for the zones of which it has sent one since the start."""
    tls: TlsSettings | None = field(default=None, metadata={"example": 'tls = { name = "ns1.example.net" }'})
    """It is asked over TLS, too."""

    def server(self, addresses: tuple[Address, ...]) -> Server:
        """The server that is asked, at the addresses it has."""
        return Server(self.name, addresses, self.hidden, self.group, self.upstream, self.tls is not None)


@dataclass(frozen=True, slots=True)
class ZoneEntry:
    """A zone. Without ``servers`` they are found from its NS set."""

    name: str
    """The zone. Zones with nothing but a name may also be written `zones = ["example.com", "example.org"]`, in place of
    all `[[zones]]`; very many go into [lists](#lists)."""
    servers: tuple[str, ...] = field(default=(), metadata={"unset": "the NS set"})
    """The servers to watch: names of `[servers.…]`, full host names, or addresses. Without it they are found from the
    zone's NS records, and found again every `resolver.interval`."""
    primary: str | None = None
    """The server where the zone is made; its serial is the reference. It is one of `servers`, also when it is hidden.
    Without `servers` it is watched beside the NS set. Without `primary` the newest serial seen anywhere is the
    reference."""
    signer: str | None = field(default=None, metadata={"example": 'signer = "signer"'})
    """The server that signs what `primary` has, where that one has the zone unsigned: its serials are its own, and all
    others follow it, but those whose `upstream` or `group` says otherwise. Like `primary` it is one of `servers`, or is
    watched beside the NS set. See [A signer](#a-signer)."""
    max_lag: timedelta = MAX_LAG
    """How long a server may be behind before it is `serial-late`."""
    records: tuple[Annotated[WantedRecord, BeforeValidator(spelled)], ...] | None = field(
        default=None, metadata={"unset": "the default list"}
    )
    """Records to compare on all servers, see below. Left out, that is the default list: A, AAAA, MX, TXT and CAA of the
    zone itself, A and AAAA of `www`; `[]`: none."""
    transfers: tuple[Annotated[TransferRule, BeforeValidator(expected)], ...] = field(
        default=(), metadata={"key": "transfer"}
    )
    """Who may transfer the zone, see below."""
    ignored: tuple[str, ...] = field(default=(), metadata={"key": "ignore_servers"})
    """Full names in the NS set that are not to be watched, and so are not told of as `unwatched-server`,
    `ns-unresolvable` or `ns-alias`; `"*"`: none that is not among `servers`. At the top of the file, before the first
    table, it holds for every zone."""
    cadence: Cadences = field(
        default=(),
        metadata={"unset": "as in `[cadence]`", "example": 'cadence = { records = "1h", reachable = "off" }'},
    )
    """How often single checks ask this zone, `"off"`: not at all; all others ask it as often as `[cadence]` says. See
    below."""
    severity: Severities = field(
        default=(), metadata={"unset": "as in `[severity]`", "example": 'severity = { serial-late = "critical" }'}
    )
    """How severe single codes are for this zone; all others are as `[severity]` says."""
    content: bool = False
    """Compare the whole zone on all servers that allow the transfer, by the check `content`, with the keys that
    `transfer` names. See [Whole zones](#whole-zones)."""
    ignored_between_groups: tuple[str, ...] = field(
        default=(),
        metadata={"key": "ignore_between_groups", "example": 'ignore_between_groups = ["@ NS", "* MX"]'},
    )
    """Records that may differ between serial groups (providers), and are compared within each alone: a name, or a name
    and a type, `"*"` for any. See [Several providers](#several-providers)."""
    canary: CanaryRecord | None = field(
        default=None, metadata={"unset": "nothing is changed", "example": 'canary = { key = "xfr", max_lag = "2m" }'}
    )
    """A TXT record that the running service **changes**, as often as `cadence.canary` says, by signed UPDATE, to see
    that changes arrive everywhere. See [A canary](canary.md)."""
    labels: Labels = field(default=(), metadata={"unset": "none", "example": 'labels = { team = "web" }'})
    """What you say of the zone: names and values, by which [routes](#routes) select. See below."""
    quorum: int | None = field(
        default=None, metadata={"bounds": {"ge": 1}, "unset": "as in `[alerting]`", "example": "quorum = 2"}
    )
    """While so many of its servers answer, those that do not are warnings; with fewer they are critical. So one dead
    server of four wakes nobody, by a route of `severity = ["critical"]`. That fewer than `min_good` are left is
    critical at any rate."""
    min_good: int | None = field(
        default=None, metadata={"bounds": {"ge": 1}, "unset": "as in `[alerting]`", "example": "min_good = 2"}
    )
    """So many of its servers must answer; that fewer are left is critical, and told at once."""
    parent: tuple[Address, ...] = field(
        default=(), metadata={"unset": "its servers are found", "example": 'parent = ["192.0.2.1", "2001:db8::1"]'}
    )
    """Where the parent zone is asked for the zone's delegation, where that is not at the servers that the world knows:
    of a zone that is there for some networks alone, or below a root of your own. See [Delegation](delegation.md)."""
    timers: Annotated[TimerLimits, BeforeValidator(profiled)] | None = field(
        default=None, metadata={"unset": "as in `[checks.soa-timers]`", "example": 'timers = "rfc1912"'}
    )
    """What the timers of its SOA are to be, in place of what `[checks.soa-timers]` says; a profile alone may stand for
    the table."""
    catalog: str = field(default="", metadata={"given": True})
    """The catalog that it is a member of …"""
    removed: bool = field(default=False, metadata={"given": True})
    """… or was, until a while ago."""

    def without_name(self) -> "ZoneEntry":
        """The entry but for its name, equal for all zones that are written alike."""
        return self._called("", None if self.records is None else relativise_records(self.records, self.name))

    def with_name(self, name: str) -> "ZoneEntry":
        """The entry without a name under this one."""
        return self._called(name, None if self.records is None else absolutise_records(self.records, name))

    def _called(self, name: str, records: tuple[WantedRecord, ...] | None) -> "ZoneEntry":
        return ZoneEntry(
            name, self.servers, self.primary, self.signer, self.max_lag, records, self.transfers, self.ignored,
            self.cadence, self.severity, self.content, self.ignored_between_groups, self.canary, self.labels,
            self.quorum, self.min_good, self.parent, self.timers, self.catalog, self.removed,
        )  # fmt: skip

    def zone(self, servers: tuple[Server, ...]) -> Zone:
        """The zone that is watched, on the servers that it has."""
        if self.primary is not None and self.signer is not None:
            servers = with_signer(servers, self.primary, self.signer)
        return Zone(
            self.name, servers, self.primary, self.max_lag, self.records or (), self.transfers, self.ignored,
            discovered=not self.servers, cadence=self.cadence, severity=self.severity, signer=self.signer,
            default_records=self.records is None, content=self.content,
            ignored_between_groups=self.ignored_between_groups, catalog=self.catalog, removed=self.removed,
            canary=self.canary, labels=self.labels, quorum=self.quorum or 0, min_good=self.min_good or 1,
            parent=self.parent, timers=self.timers,
        )  # fmt: skip


MAX_SHRINK = 0.2
"""The share of its zones that a source may lose at once, where nobody has said another."""


@dataclass(frozen=True, slots=True)
class ZoneList:
    """A file of zones, or a directory of such files; the options are those of every zone that has none of its own."""

    file: str | None = field(default=None, metadata={"unset": ""})
    """The file of zones. Either this or `directory` is needed."""
    directory: str | None = field(default=None, metadata={"unset": ""})
    """Every file in it is a list; hidden files, backups (`~`, `.bak`, `.orig`, `.tmp`) and directories in it are passed
    over; whatever else cannot be read (a link that leads nowhere, a pipe) is a mistake."""
    format: (
        Literal["names", "csv", "jsonl", "bind", "knot", "nsd", "named.conf", "knot.conf", "nsd.conf", "zone.list"]
        | None
    ) = field(default=None, metadata={"unset": "by the name of the file"})
    """`"csv"` (`.csv`); `"jsonl"` (`.jsonl`, `.ndjson`); `"named.conf"` (that name, `named.conf.…`, `.nzf`),
    `"knot.conf"`, `"nsd.conf"`, `"zone.list"` (these names), any other name: `"names"`, or `"bind"`, `"knot"`, `"nsd"`
    where it begins as their own lists do."""
    url: str | None = field(
        default=None,
        metadata={"unset": "", "example": 'url = "http://127.0.0.1:8081/api/v1/servers/localhost/zones"'},
    )
    """In place of a file: the zones of a PowerDNS server, by its API (http or https). The running service asks for
    them; `check-config` does not."""
    api_key: Secret | None = field(default=None, repr=False, metadata={"example": 'api_key_file = "pdns.key"'})
    """The key of that API (`api-key` in `pdns.conf`), needed with `url`."""
    refresh: timedelta = field(default=timedelta(minutes=1), metadata={"bounds": {"ge": timedelta(seconds=1)}})
    """How often the zones are asked for at the `url`; at least `"1s"`."""
    max_shrink: float = field(default=MAX_SHRINK, metadata={"bounds": {"ge": 0, "le": 1}})
    """The share of the zones of this file, or of all files of this directory, that may be gone at once, from one
    reading to the next, by a reload or a restart; one zone may be in any case, all of them only with `1`. Where
    more are gone the list may have been cut short: all are watched as before, and `zone-source-shrunk` says so, until
    they are back or `1` says that it is meant."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """A catalog zone (RFC 9432), whose members are watched; the options are those of every member."""

    zone: str
    """The catalog, version 2; BIND's version 1 is read as well."""
    from_: tuple[str, ...]
    """The servers to transfer it from: names of `[servers.…]`, full host names, or addresses. The first that gives it
    is taken."""
    key: str | None = None
    """The TSIG key to ask with, a name of `[keys.…]`."""
    refresh: timedelta = field(default=timedelta(minutes=1), metadata={"bounds": {"ge": timedelta(seconds=1)}})
    """How often its serial is asked for, over TCP; at least `"1s"`."""
    max_shrink: float = field(default=MAX_SHRINK, metadata={"bounds": {"ge": 0, "le": 1}})
    """The share of its members that may be gone at once; one may be in any case, all of them only with `1`. Where more
    are gone, all are watched as before, and `zone-source-shrunk` says so."""
    watch_removed: timedelta = field(default=timedelta(days=1), metadata={"off": True})
    """How long a zone that was removed from the catalog is asked for, at the servers that had it as a member: one that
    still serves it is told of as `member-removed`. `"off"`: not at all. Members without `servers` are not asked for."""
    entry: ZoneEntry = field(default=ZoneEntry(""), metadata={"given": True})
    """What its members are that are in none of the groups, without a name."""
    groups: tuple[tuple[str, ZoneEntry], ...] = field(default=(), metadata={"given": True})
    """Group → what those in it are."""

    def member(self, groups: Collection[str]) -> ZoneEntry:
        """What a member in these groups is: that of the first of ``self.groups`` that it is in."""
        return next((entry for name, entry in self.groups if name in groups), self.entry)

    def removed(self, groups: Collection[str]) -> ZoneEntry:
        """What is watched of one that was in these groups and is no member any more: that nobody serves it."""
        from checks.registry import CHECKS  # with all that signatures are verified by: only where it is needed
        from checks.removed_member import RemovedMember

        others = (name for name in CHECKS if name != RemovedMember.name)
        off = tuple(sorted((name, timedelta(0)) for name in others))
        return replace(self.member(groups), removed=True, cadence=off, records=(), transfers=(), canary=None)


@dataclass(frozen=True, slots=True)
class PolledList:
    """Zones that the API of a PowerDNS server has, asked for again and again."""

    url: str
    api_key: Secret = field(repr=False)
    refresh: timedelta
    max_shrink: float
    entry: ZoneEntry
    """What its zones are, without a name."""


@dataclass(frozen=True, slots=True)
class ZoneFile:
    """A file of zones, how it was read, and the names in it."""

    path: Path
    format: str
    names: Sequence[str] = ()
    source: str = ""
    """The file or directory that is written in the configuration, as a path that is absolute."""
    max_shrink: float = MAX_SHRINK
    entry: ZoneEntry = ZoneEntry("")
    """What its zones are that have no options of their own."""

    @property
    def zones(self) -> int:
        return len(self.names)


def no_zones() -> ZoneTable[ZoneEntry]:
    return ZoneTable.of(())


@dataclass(frozen=True, slots=True)
class Config:
    path: Path | None = None
    service: ServiceSettings = field(default_factory=ServiceSettings)
    tokens: Mapping[str, NamedToken] = field(default_factory=dict)
    probe: Probe = Probe()
    resolver: Resolver = field(default_factory=Resolver)
    cadence: Mapping[str, timedelta] = field(default_factory=dict)
    """Check name → how often it asks the zones that say nothing of it; every registered check has an entry. A cadence
    of zero switches it off."""
    checks: Mapping[str, Check] = field(default_factory=dict)
    keys: Mapping[str, TsigKey] = field(default_factory=dict)
    servers: Mapping[str, ServerEntry] = field(default_factory=dict)
    zones: ZoneTable[ZoneEntry] = field(default_factory=no_zones)
    lists: tuple[ZoneFile, ...] = ()
    """The files beside the configuration that some of the zones are from."""
    catalogs: tuple[Catalog, ...] = ()
    """The catalogs whose members are watched beside ``zones``."""
    polled_lists: tuple[PolledList, ...] = ()
    """Lists whose zones are watched beside ``zones``, as soon as they are known."""
    severity: Mapping[str, Severity] = field(default_factory=dict)
    """Only what the operator changed; the rest is as in the finding types."""
    policy: Policy = field(default_factory=Policy)
    heartbeat: Heartbeat = field(default_factory=Heartbeat)
    receivers: Mapping[str, Notifier] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    """Receiver name → its type."""
    routes: tuple[Route, ...] = ()
    maintenance: tuple[MaintenanceWindow, ...] = ()
    metrics: Metrics = field(default_factory=Metrics)
    notify: NotifySettings = field(default_factory=NotifySettings)
    warnings: tuple[str, ...] = ()
    """What is allowed but unwise, each with file and line."""
    notes: tuple[str, ...] = ()
    """What could not be looked at, each with file and line."""

    @property
    def asking(self) -> tuple[object, ...]:
        """All that a prober is made of."""
        return self.probe, self.keys, self.tls

    @property
    def tls(self) -> Mapping[str, TlsSettings]:
        """By server, for those that are asked over TLS."""
        return {name: entry.tls for name, entry in self.servers.items() if entry.tls is not None}
