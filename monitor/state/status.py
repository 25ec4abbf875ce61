"""What is shown: one immutable status of everything, swapped in by one assignment."""

from collections.abc import Callable, Collection, Iterator, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from alerting.incident import Incident
from alerting.model import Alert
from alerting.outbox import ReceiverStatus
from checks.common.transfer_tree import TransferHop
from checks.model import Address, Cadences, CanaryArrival, Health, IxfrResponse, Labels, ZoneTransfer
from checks.model.finding_type import Severity
from checks.zone_state.model import IdentityState
from monitor.state.label_search import SoughtLabel
from monitor.state.level import Level
from monitor.state.notifies import Notify
from monitor.state.silence_status import SilenceStatus
from monitor.state.source_status import SourceStatus
from monitor.state.sweep_status import SweepStatus


@dataclass(frozen=True, slots=True)
class AddressStatus:
    """One address of one zone. ``state`` is one of in-sync, propagating, late, overdue, stuck, ahead, unordered,
    silent, not-served, unknown; not-asked: soa-serial is off for the zone. ``behind_since``: first sight of the oldest
    version newer than the served one; at the signer, of the primary that it has not signed.
    """

    server: str
    address: Address
    hidden: bool
    primary: bool
    serial: int | None
    state: str
    outcome: str
    """The last poll's outcome, or the rcode in lower case when it was not NOERROR."""
    rtt: float | None
    since: datetime | None
    behind_since: datetime | None
    checked_at: datetime | None
    expires: datetime | None = None
    estimated: bool = False
    nsid: str | None = None
    group: str = ""
    signer: bool = False
    signatures_end: datetime | None = None
    """When the first of the signatures there ends, or ended; None where the zone is not signed, or it is not known."""
    identities: tuple[IdentityState, ...] = ()
    """The machines behind it, while they differ."""
    canary: CanaryArrival | None = None
    """When the last change of the canary arrived there; None: there is none, or it did not."""
    transfers: tuple[ZoneTransfer, ...] = ()
    """The latest whole transfer of each way in which the zone is asked for."""
    ixfr: tuple[IxfrResponse, ...] = ()
    """The latest answer to IXFR of each way in which it must be answered."""

    def lag(self, now: datetime) -> timedelta | None:
        """None when it is not known: the address is not serving anything now."""
        if self.serial is None:
            return None
        return now - self.behind_since if self.behind_since is not None else timedelta(0)


@dataclass(frozen=True, slots=True)
class CheckStatus:
    """When a check last spoke of a zone, and what it could not tell."""

    check: str
    at: datetime
    health: Health
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ZoneStatus:
    name: str
    unicode: str
    health: Health
    reference_serials: Mapping[str, int | None]
    """Serial space (group) → its reference; the ungrouped space is ""."""
    addresses: tuple[AddressStatus, ...] = ()
    findings: tuple[Alert, ...] = ()
    """Those that stand, the gravest first."""
    checks: tuple[CheckStatus, ...] = ()
    primary: str | None = None
    soa_timers: tuple[int, int, int, int] | None = None
    """refresh, retry, expire, minimum of the reference, in seconds."""
    since: datetime | None = None
    """Since when the health is what it is."""
    cadences: Cadences = ()
    """How often each check that has something to ask of the zone does so; zero: it is off here."""
    last_notify: Notify | None = None
    """The latest NOTIFY that a server of the zone sent here, since the service started."""
    signer: str | None = None
    """Who signs what the primary has."""
    catalog: str | None = None
    """The catalog that it is a member of …"""
    removed: bool = False
    """… or was, until a while ago."""
    tree: tuple[TransferHop, ...] = ()
    """Who has the zone from whom, each below that one; () where it is not known."""
    labels: Labels = ()

    @property
    def reference_serial(self) -> int | None:
        return next(iter(self.reference_serials.values()), None)


@dataclass(frozen=True, slots=True)
class CodeTally:
    """One code at one server: how many zones have it there, how grave it is at worst, since when any zone has it."""

    zones: int
    severity: Severity
    since: datetime


@dataclass(frozen=True, slots=True)
class ServerTally:
    """A server over all its zones; ``states`` of its addresses there (in-sync → so many …), ``codes`` found there.

    ``level`` is how grave the worst of it is.
    """

    addresses: tuple[Address, ...]
    zones: int
    states: Mapping[str, int]
    codes: Mapping[str, CodeTally]
    level: Level = Level.UNKNOWN


Redact = Callable[[ZoneStatus], ZoneStatus]
"""Takes from a status what public viewers may not see."""


class Zones(Protocol):
    """All zones, by name, in the order of names. Their statuses are drawn when they are asked for, as of that moment
    and on the event loop only; everything else is tallied, and costs nothing for a zone that is well.
    """

    @property
    def checked_at(self) -> datetime | None:
        """When anything was last heard of any zone."""
        ...

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str]: ...
    def __contains__(self, name: object, /) -> bool: ...
    def __getitem__(self, name: str, /) -> ZoneStatus: ...
    def get(self, name: str, /) -> ZoneStatus | None: ...

    def tally(self) -> Mapping[Health, int]: ...

    def levels(self) -> Mapping[Level, int]:
        """How many zones have which level; only levels that some zone has."""
        ...

    def servers(self) -> Mapping[str, ServerTally]:
        """All servers that have an address, in the order of their names."""
        ...

    def server_addresses(self) -> Set[tuple[str, Address, bool]]:
        """Every address of every server, and whether it is hidden there."""
        ...

    async def page(
        self,
        text: str,
        healths: Collection[Health],
        first: int,
        most: int,
        *,
        by_name: bool = False,
        labels: Collection[SoughtLabel] = (),
    ) -> tuple[list[ZoneStatus], int]:
        """Of the zones of these healths whose name, in either form, holds the text, and that have all the ``labels``:
        ``most`` from the ``first`` on, and how many there are in all; the worst first, then by name, or all
        ``by_name``.
        """
        ...

    async def at_server(self, server: str, first: int, most: int) -> tuple[list[ZoneStatus], int]:
        """The zones of a server, those first that are worst there, then by name; and how many there are in all."""
        ...

    async def with_code(self, server: str, code: str) -> ZoneStatus | None:
        """A zone that has this code at this server; None where none has it any more."""
        ...

    def redacted(self, redact: Redact) -> "Zones":
        """The same as public viewers may see it: no server that is hidden, no trouble of such a server alone."""
        ...


@dataclass(frozen=True, slots=True)
class Status:
    version: str
    vantage: str
    started: datetime
    at: datetime
    zones: Zones
    incidents: Mapping[str, Incident] = field(default_factory=dict)
    """Open ones, and the latest resolved ones."""
    sweeps: Mapping[str, SweepStatus] = field(default_factory=dict)
    """By what the scheduler calls them: for each check one for each cadence."""
    sources: tuple[SourceStatus, ...] = ()
    """Where zones come from, the configuration itself aside."""
    silences: SilenceStatus = field(default_factory=SilenceStatus)
    receivers: Mapping[str, ReceiverStatus] = field(default_factory=dict)
    outbox_pending: int = 0
    offline_families: tuple[str, ...] = ()
    """Address families over which nothing at all answers the monitor."""
    config_ok: bool = True
    config_loaded: datetime | None = None
    config_error: str = ""
    store_ok: bool = True
    store_error: str = ""
    ready: bool = False
    heartbeat: datetime | None = None
    """When the scheduler last ticked."""
