"""What is asked, what came back, and what it means: the values everything else passes around."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from checks.model.address import PORT as PORT
from checks.model.address import Address as Address
from checks.model.address import Family as Family
from checks.model.canary import AwaitedValue as AwaitedValue
from checks.model.canary import CanaryArrival as CanaryArrival
from checks.model.canary import CanaryRecord as CanaryRecord
from checks.model.canary import CanaryUpdate as CanaryUpdate
from checks.model.content import ZoneContent as ZoneContent
from checks.model.finding_type import Severity
from checks.model.ixfr import IxfrAnswer as IxfrAnswer
from checks.model.ixfr import IxfrResponse as IxfrResponse
from checks.model.observation import MANGLED as MANGLED
from checks.model.observation import NO_ANSWER as NO_ANSWER
from checks.model.observation import Observation as Observation
from checks.model.observation import Query as Query
from checks.model.observation import Shape as Shape
from checks.model.outcome import Outcome as Outcome
from checks.model.outcome import TransferResult as TransferResult
from checks.model.outcome import UpdateResult as UpdateResult
from checks.model.record_difference import RecordDifference as RecordDifference
from checks.model.referral import Referral as Referral
from checks.model.remembered import RememberedRecords as RememberedRecords
from checks.model.rrset import RrSet as RrSet
from checks.model.rrset import Soa as Soa
from checks.model.signature import MAX_SIGNATURES as MAX_SIGNATURES
from checks.model.signature import Signature as Signature
from checks.model.signature import SignatureEnd as SignatureEnd
from checks.model.timers import TimerLimits as TimerLimits
from checks.model.tls import Tls as Tls
from checks.model.transport import Transport as Transport
from checks.model.wanted import Expectation as Expectation
from checks.model.wanted import TransferRule as TransferRule
from checks.model.wanted import WantedRecord as WantedRecord
from checks.model.wanted import absolutise_records as absolutise_records
from checks.model.wanted import relativise_records as relativise_records
from checks.model.zone_transfer import TransferFigures as TransferFigures
from checks.model.zone_transfer import ZoneTransfer as ZoneTransfer

MAX_LAG = timedelta(minutes=10)
"""How long a server may be behind where nobody says otherwise."""

Cadences = tuple[tuple[str, timedelta], ...]
"""Check → how often it asks, zero: never; in the order of their names."""
Severities = tuple[tuple[str, Severity], ...]
"""Code → how severe it is; in the order of the codes."""
Labels = tuple[tuple[str, str], ...]
"""What somebody says of a zone: name and value, in the order of the names."""
LabelPatterns = tuple[tuple[str, tuple[str, ...]], ...]
"""Labels that are looked for: name, and shell globs for the value."""


@dataclass(frozen=True, slots=True)
class Server:
    """A nameserver. ``group`` names the serial group it shares; ``upstream`` where it transfers from; ``tls``: it is
    asked over TLS, too.
    """

    name: str
    addresses: tuple[Address, ...] = ()
    hidden: bool = False
    group: str = ""
    upstream: tuple[str, ...] = ()
    tls: bool = False


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone to watch. ``name`` is absolute, lower case, A-labels, with the final dot."""

    name: str
    servers: tuple[Server, ...] = ()
    primary: str | None = None
    max_lag: timedelta = MAX_LAG
    records: tuple[WantedRecord, ...] = ()
    transfers: tuple[TransferRule, ...] = ()
    ignored: tuple[str, ...] = ()
    """Names in the NS set, without final dot, that are meant to be watched by nobody; "*": whoever they are."""
    discovered: bool = False
    """Its servers are those of its NS set."""
    cadence: Cadences = ()
    """Of the checks that ask it more or less often than they ask most zones, or not at all."""
    severity: Severities = ()
    """Of the codes that are more or less severe here than elsewhere."""
    signer: str | None = None
    """The server that signs what the primary has, under serials of its own."""
    default_records: bool = False
    """Nobody has said which ``records`` to compare: DEFAULT_RECORDS are."""
    content: bool = False
    ignored_between_groups: tuple[str, ...] = ()
    """Records that may differ between serial groups, as patterns (``checks.model.wanted.is_named``)."""
    catalog: str = ""
    """The catalog zone that it is a member of (RFC 9432), or was until a while ago, where it is ``removed``."""
    removed: bool = False
    canary: CanaryRecord | None = None
    labels: Labels = ()
    quorum: int = 0
    """While so many of its servers answer, one that does not is a warning, and critical below; 0: as its code says."""
    min_good: int = 1
    """That fewer of its servers are left that answer is critical, and told at once."""
    parent: tuple[Address, ...] = ()
    """Where the zone above it is asked; empty: at its servers, wherever these are found."""
    timers: TimerLimits | None = None
    """What its SOA's are to be; None: as the check says."""

    def server(self, name: str) -> Server | None:
        return next((s for s in self.servers if s.name == name), None)

    def leader(self, group: str) -> Server | None:
        """The server whose serial is the reference of a serial group: the primary, or the signer in its own."""
        named = (self.server(name) for name in (self.primary, self.signer) if name is not None)
        return next((server for server in named if server is not None and server.group == group), None)

    def leads(self, name: str) -> bool:
        """Whether the serial of that server is a reference."""
        return name in (self.primary, self.signer)

    def signing(self) -> tuple[Server, Server] | None:
        """The primary and the server that signs what it has, where each has serials of its own."""
        if self.primary is None or self.signer is None:
            return None
        primary, signer = self.server(self.primary), self.server(self.signer)
        if primary is None or signer is None or primary.group == signer.group:
            return None
        return primary, signer

    def server_addresses(self) -> Iterator[tuple[Server, Address]]:
        """Every address of every server, in order."""
        return ((server, address) for server in self.servers for address in server.addresses)

    def without_name(self) -> "Zone":
        """The zone but for its name, equal for all zones that are watched alike; its records' names are relative."""
        records = relativise_records(self.records, self.name)
        return Zone(
            "", self.servers, self.primary, self.max_lag, records, self.transfers, self.ignored, self.discovered,
            self.cadence, self.severity, self.signer, self.default_records, self.content, self.ignored_between_groups,
            self.catalog, self.removed, self.canary, self.labels, self.quorum,
            self.min_good,
            self.parent, self.timers,
        )  # fmt: skip

    def with_name(self, name: str) -> "Zone":
        """The zone without a name under this one."""
        records = absolutise_records(self.records, name)
        return Zone(
            name, self.servers, self.primary, self.max_lag, records, self.transfers, self.ignored, self.discovered,
            self.cadence, self.severity, self.signer, self.default_records, self.content, self.ignored_between_groups,
            self.catalog, self.removed, self.canary, self.labels, self.quorum,
            self.min_good,
            self.parent, self.timers,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ZonePoll:
    """One check's observations of one zone. ``at`` is when it was complete, ``cadence`` how often it comes,
    ``remembered`` what the check said is to be remembered, when it was last evaluated.
    """

    zone: str
    check: str
    at: datetime
    cadence: timedelta
    seen: tuple[Observation, ...]
    vantage: str = "local"
    remembered: RememberedRecords | None = None


class Health(StrEnum):
    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is so. ``code`` is stable; ``subject`` tells apart findings of one code at one address."""

    code: str
    text: str
    server: str | None = None
    address: Address | None = None
    subject: str = ""
    inherited: bool = False
    """It was found with other zones, and holds for this one because it belongs to the address."""
    difference: RecordDifference | None = field(default=None, compare=False)
    """The records that it is about, where it tells which differ."""


@dataclass(frozen=True, slots=True)
class Inconclusive:
    """What a check could not decide: a whole server, one of its addresses, or one subject there; or, without server,
    what belongs to none.
    """

    server: str | None
    address: Address | None = None
    subject: str | None = None
    reason: str = ""

    def covers(self, server: str | None, address: Address | None, subject: str) -> bool:
        return self.server == server and self.address in (None, address) and self.subject in (None, subject)


class CheckInconclusive(Exception):
    """Raised by a check that can say nothing about the whole zone this time."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check says of one zone at one time. UNKNOWN as a whole: nothing was decided."""

    zone: str
    check: str
    at: datetime
    health: Health
    findings: tuple[Finding, ...] = ()
    unsure: tuple[Inconclusive, ...] = ()
    reason: str = ""
    failed: bool = False
    """A defect of the check itself, not of any server."""
    ends: tuple[SignatureEnd, ...] = ()
    transfers: tuple[ZoneTransfer, ...] = ()
    ixfr: tuple[IxfrResponse, ...] = ()
    arrivals: tuple[CanaryArrival, ...] = ()
    remembered: RememberedRecords | None = field(default=None, compare=False)
    """For its next evaluation; None: nothing is to be remembered, or as before."""
