"""An alert, an incident, and what is told of them: values, and the names they are kept under."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from checks.model import Address
from checks.model.finding_type import Severity

NOT_CHECKED = "not-checked"
"""The code of the alert that something could not be checked for a while."""

OPEN, RESOLVED = "open", "resolved"
"""The phases of an incident."""


@dataclass(frozen=True, slots=True)
class Secret:
    """Text that must not be seen: it prints as ``<secret>`` everywhere and is had only through ``reveal``."""

    _text: str = field(repr=False)

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "<secret>"

    def __str__(self) -> str:
        return "<secret>"


@dataclass(frozen=True, slots=True)
class Remark:
    """What a notifier finds in its own settings. ``fatal``: nothing could ever be delivered; else only unwise.

    ``setting`` is the field, with dots for one inside another; ``text`` and ``hint`` never repeat a secret.
    """

    setting: str
    text: str
    hint: str = ""
    fatal: bool = True


class Phase(StrEnum):
    OK = "ok"
    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"


class Reason(StrEnum):
    FIRED = "fired"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"
    """It is no longer monitored: the zone, server or check left the configuration."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient alerts are."""

    # monitor/config/tables.py reads the fields, and says what their metadata means

    grace: timedelta = field(default=timedelta(minutes=2), metadata={"bounds": {"ge": timedelta(0)}})
    """Bad for this long before it fires. With less than a cadence the first message still waits until each zone had its
    turn (ten seconds where the cadence is longer than a minute), so that a dead server is one message."""
    settle: timedelta = field(default=timedelta(minutes=2), metadata={"bounds": {"ge": timedelta(0)}})
    """Good for this long before it is resolved."""
    remind: timedelta = field(
        default=timedelta(hours=4), metadata={"bounds": {"ge": timedelta(minutes=1)}, "off": True}
    )
    """How often you are told again while it lasts; at least `"1m"`; `"off"`: once is enough."""


@dataclass(frozen=True, slots=True)
class AlertKey:
    """What an alert is about. The monitor's own alerts have the empty zone."""

    zone: str
    check: str
    code: str
    server: str | None = None
    address: Address | None = None
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """``since`` is when the present phase began, ``bad_since`` when the finding was first seen this time.

    ``good_since`` is the first good look since then, while it recovers and once it is over. ``seen`` is the time of
    the last check result that spoke of it, ``text`` what it said ("22 min behind"). Neither of these two takes part in
    ``==``, nor does ``inherited``, so that a standing alert costs no write.
    """

    key: AlertKey
    phase: Phase
    since: datetime
    severity: Severity
    text: str = field(compare=False)
    bad_since: datetime | None = None
    good_since: datetime | None = None
    incident: str | None = None
    seen: datetime | None = field(default=None, compare=False)
    inherited: bool = field(default=False, compare=False)
    """What it says was found with other zones at the same address, and not with this one."""

    @property
    def quiet(self) -> bool:
        """Nothing is wrong: it need not be remembered."""
        return self.phase is Phase.OK

    @property
    def began(self) -> datetime:
        """When the finding was first seen this time."""
        return self.bad_since or self.since


@dataclass(frozen=True, slots=True)
class Transition:
    """An alert fired or ended; why, and when."""

    key: AlertKey
    before: Phase
    after: Phase
    reason: Reason
    at: datetime


@dataclass(frozen=True, slots=True)
class Cause:
    """What an incident is about. ``kind``: "zone", "server", "vantage", "receiver"; text form "server ns2"."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class IncidentFinding:
    """Findings of one incident that differ in nothing but their zone and subject, as the incident tells of them.

    ``zone`` is the first of ``zones`` zones, ``sample`` are the first few; ``count`` counts findings. ``text`` and
    ``subject`` are those of one of them. ``since`` is the first bad look at any of them; ``ended_at`` the first good
    look at the last of them, once none is bad any more. A text that only ticks ("22 min behind") makes no other line.
    """

    code: str
    severity: Severity
    zone: str
    server: str | None
    address: str | None
    text: str = field(compare=False)
    since: datetime
    ended_at: datetime | None = None
    subject: str = ""
    count: int = 1
    zones: int = 1
    sample: tuple[str, ...] = ()
    most: tuple[int, ...] = (1, 1)
    """The most findings, and zones, that it ever was about: what it says once none of them is bad any more …"""
    most_sample: tuple[str, ...] = ()
    """… and the first few of those zones."""


@dataclass(frozen=True, slots=True)
class NotifiedState:
    """What receivers know of an incident: how it was when they were last told of it."""

    at: datetime
    severity: Severity
    zones: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    unserved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IncidentChange:
    """What was told of an incident, against what had been told before. Names are the first few, in order."""

    severity: Severity | None = None
    """What it was before, where it is another now."""
    zones: int = 0
    """Zones told as bad before."""
    more_zones: int = 0
    named_zones: tuple[str, ...] = ()
    back: int = 0
    """Zones that were told as bad and are not any more."""
    left: int = 0
    """Zones that were told as bad and are no longer monitored."""
    servers: tuple[str, ...] = ()
    servers_back: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    unserved: int = 0
    """Zones that no server answers for any more, and that were not told as such before."""
    served_again: int = 0


@dataclass(frozen=True, slots=True)
class Incident:
    """Alerts with one cause. ``phase`` is "open" or "resolved".

    ``severity``, ``zones``, ``servers``, ``codes``, ``findings`` and ``unserved`` are what is bad *now*: alerts that
    fire or recover, and those of the same cause that are still in their grace. What was bad and is not any more is
    in the ``past_`` fields, and in lines that ended. ``findings`` counts all that stand, ``recovering`` those of them
    that were good at the last look.

    ``began_at`` is the first bad look, ``ended_at`` the first good one at what was bad last; ``opened_at`` and
    ``resolved_at`` say when the alerts fired and were over. ``notified`` is what ``receivers`` know; they heard that it
    opened, and will hear the rest. ``updates`` counts what they heard in quick succession, ``announcements`` all. At
    ``due_at`` there may be something to tell even if nothing changes until then.
    """

    id: str
    cause: Cause
    severity: Severity
    phase: str
    zones: tuple[str, ...]
    servers: tuple[str, ...]
    opened_at: datetime
    began_at: datetime
    ended_at: datetime | None = None
    resolved_at: datetime | None = None
    lines: tuple[IncidentFinding, ...] = ()
    findings: int = 0
    recovering: int = 0
    codes: tuple[str, ...] = ()
    unserved: tuple[str, ...] = ()
    """Zones for which no server is left that answers, where what came last to make it so is in this incident."""
    past_zones: tuple[str, ...] = ()
    past_servers: tuple[str, ...] = ()
    past_codes: tuple[str, ...] = ()
    left_zones: tuple[str, ...] = ()
    """Zones that are no longer monitored: whether they are well nobody knows."""
    worst: Severity = Severity.INFO
    """How severe it ever was."""
    notified: NotifiedState | None = None
    change: IncidentChange | None = None
    """What the latest news was."""
    eased_at: datetime | None = None
    """When a part of it was last over."""
    updates: int = 0
    due_at: datetime | None = None
    receivers: tuple[str, ...] = ()
    announcements: int = 0
    goes_on: bool = False
    """As told to one receiver: what concerned it is over, and the rest is not."""


class IncidentEvent(StrEnum):
    """Why a receiver hears of an incident; the ``type`` of the webhook."""

    OPENED = "incident.opened"
    REMINDED = "incident.reminded"
    WORSENED = "incident.worsened"
    IMPROVED = "incident.improved"
    RESOLVED = "incident.resolved"
    TEST = "incident.test"


@dataclass(frozen=True, slots=True)
class Route:
    """Who hears of what. Empty selectors match everything."""

    receivers: tuple[str, ...]
    """Who is told."""
    severity: tuple[Severity, ...] = field(default=(), metadata={"unset": "any"})
    """`"critical"`, `"warning"`, `"info"`: the severity of the incident."""
    zones: tuple[str, ...] = field(default=(), metadata={"unset": "any"})
    """Any of its zones: shell globs. `"*.example.com"` matches what is below `example.com`, not the zone itself."""
    servers: tuple[str, ...] = field(default=(), metadata={"unset": "any"})
    """Any of its servers: shell globs."""
    codes: tuple[str, ...] = field(default=(), metadata={"unset": "any"})
    """Any of its codes."""


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """One piece of news for one receiver: a row of the outbox. The id is stable over every retry."""

    id: str
    receiver: str
    event: IncidentEvent
    incident: Incident
    at: datetime


@dataclass(frozen=True, slots=True)
class Notification:
    """A message put in words. ``data`` is the incident as the API shows it, ``summary`` what a small screen has room
    for, ``link`` where the page shows it.

    ``at`` is when it became true, ``sent_at`` when this attempt to say so is made: receivers of webhooks refuse
    signatures that are older than some minutes.
    """

    id: str
    event: IncidentEvent
    at: datetime
    incident: str
    about: Incident
    """That incident, as this receiver is told of it."""
    thread: str
    """Stable per incident: mail threads by it."""
    subject: str
    text: str
    html: str
    data: Mapping[str, object]
    sent_at: datetime | None = None
    summary: str = ""
    link: str | None = None
    done: frozenset[str] = frozenset()
    """Addresses of the receiver that need no more of it: they took an earlier attempt, or refused it for good."""

    @property
    def details(self) -> Sequence[str]:
        """What the summary says beside its first line, which is in the subject, and the link."""
        return tuple(line for line in self.summary.splitlines()[1:] if line != self.link)


class DeliveryError(Exception):
    """A receiver did not take a notification. ``permanent``: trying again soon will not help.

    ``retry_after`` is what the receiver asked for, in seconds. The text never holds a secret or a URL's path.
    ``done`` are addresses that need no more of it: they have it, or were refused for good, which ``refused`` says.
    Permanent, and some done: the others have it, and that is all there is to it.
    """

    def __init__(
        self,
        reason: str,
        *,
        permanent: bool = False,
        retry_after: float | None = None,
        done: Iterable[str] = (),
        refused: str = "",
    ) -> None:
        super().__init__(reason)
        self.done = frozenset(done)
        self.refused = refused
        self.reason = reason
        self.permanent = permanent
        self.retry_after = retry_after
