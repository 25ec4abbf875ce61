"""What is shown: one immutable picture of everything, swapped in by one assignment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerting.model import Incident, Phase, Severity
from checks.model import Address, Health


@dataclass(frozen=True, slots=True)
class AddressStatus:
    """One address of one zone. ``state`` is one of in-sync, propagating, late, overdue, stuck, ahead, unordered,
    silent, not-served, unknown. ``behind_since``: first sight of the oldest version newer than the served one.
    """

    server: str
    address: Address
    hidden: bool
    primary: bool
    serial: int | None
    state: str
    outcome: str
    """The last round's outcome, or the rcode in lower case when it was not NOERROR."""
    rtt: float | None
    since: datetime | None
    behind_since: datetime | None
    looked: datetime | None
    expires: datetime | None = None
    estimated: bool = False
    nsid: str | None = None
    group: str = ""

    def lag(self, now: datetime) -> timedelta | None:
        """None when it is not known: the address is not serving anything now."""
        if self.serial is None:
            return None
        return now - self.behind_since if self.behind_since is not None else timedelta(0)


@dataclass(frozen=True, slots=True)
class FindingStatus:
    code: str
    severity: Severity
    server: str | None
    address: Address | None
    text: str
    since: datetime
    phase: Phase
    check: str
    incident: str | None = None
    subject: str = ""


@dataclass(frozen=True, slots=True)
class CheckStatus:
    """When a check last spoke of a zone, and what it could not tell."""

    check: str
    at: datetime
    health: Health
    why: str = ""


@dataclass(frozen=True, slots=True)
class ZoneStatus:
    name: str
    unicode: str
    health: Health
    references: Mapping[str, int | None]
    """Serial space (group) → its reference; the ungrouped space is ""."""
    addresses: tuple[AddressStatus, ...] = ()
    findings: tuple[FindingStatus, ...] = ()
    checks: tuple[CheckStatus, ...] = ()
    primary: str | None = None
    timers: tuple[int, int, int, int] | None = None
    """refresh, retry, expire, minimum of the reference, in seconds."""
    since: datetime | None = None
    """Since when the health is what it is."""

    @property
    def reference_serial(self) -> int | None:
        return next(iter(self.references.values()), None)


@dataclass(frozen=True, slots=True)
class SweepStatus:
    check: str
    started: datetime
    finished: datetime | None
    zones: int
    queries: int
    missed: int
    """Sweeps that did not start because the one before was still running."""
    cadence: timedelta


@dataclass(frozen=True, slots=True)
class ReceiverStatus:
    name: str
    kind: str
    pending: int = 0
    delivered: int = 0
    last_delivered: datetime | None = None
    last_error: str = ""
    last_error_at: datetime | None = None
    permanent: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    version: str
    vantage: str
    started: datetime
    at: datetime
    zones: Mapping[str, ZoneStatus] = field(default_factory=dict)
    incidents: Mapping[str, Incident] = field(default_factory=dict)
    """Open ones, and the latest resolved ones."""
    sweeps: Mapping[str, SweepStatus] = field(default_factory=dict)
    receivers: Mapping[str, ReceiverStatus] = field(default_factory=dict)
    outbox_pending: int = 0
    blind: tuple[str, ...] = ()
    """Address families over which nothing at all answers the monitor."""
    config_ok: bool = True
    config_loaded: datetime | None = None
    config_error: str = ""
    store_ok: bool = True
    store_error: str = ""
    ready: bool = False
    heartbeat: datetime | None = None
    """When the scheduler last ticked."""
