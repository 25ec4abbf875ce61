"""An alert, an incident, and what is told of them: values, and the names they are kept under."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum

from checks.model import Address

NOT_CHECKED = "not-checked"
"""The code of the alert that something could not be checked for a while."""


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


class Severity(IntEnum):
    INFO = 1
    WARNING = 2
    CRITICAL = 3

    def __str__(self) -> str:
        return self.name.lower()

    @classmethod
    def parse(cls, text: str) -> "Severity":
        return cls[text.upper()]


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
    grace: timedelta = timedelta(minutes=2)
    settle: timedelta = timedelta(minutes=2)
    remind: timedelta = timedelta(hours=4)


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

    ``seen`` is the time of the last verdict that spoke of it, ``text`` what it said ("22 min behind"). Neither takes
    part in ``==``, so that a standing alert costs no write.
    """

    key: AlertKey
    phase: Phase
    since: datetime
    severity: Severity
    text: str = field(compare=False)
    bad_since: datetime | None = None
    incident: str | None = None
    seen: datetime | None = field(default=None, compare=False)

    @property
    def quiet(self) -> bool:
        """Nothing is wrong: it need not be remembered."""
        return self.phase is Phase.OK


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
class Line:
    """A finding as an incident tells it; ``ended`` once it no longer stands."""

    code: str
    severity: Severity
    zone: str
    server: str | None
    address: str | None
    text: str
    since: datetime
    ended: datetime | None = None
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Incident:
    """Alerts with one cause. ``phase`` is "open" or "resolved". ``lines`` are capped, ``findings`` counts all.

    ``codes`` were told of; ``receivers`` heard that it opened, and will hear the rest; ``news`` counts what was told.
    """

    id: str
    cause: Cause
    severity: Severity
    phase: str
    zones: tuple[str, ...]
    servers: tuple[str, ...]
    opened_at: datetime
    told_at: datetime
    resolved_at: datetime | None = None
    lines: tuple[Line, ...] = ()
    findings: int = 0
    told: bool = True
    codes: tuple[str, ...] = ()
    receivers: tuple[str, ...] = ()
    news: int = 0


class News(StrEnum):
    """Why a receiver hears of an incident; the ``type`` of the webhook."""

    OPENED = "incident.opened"
    REMINDED = "incident.reminded"
    WORSENED = "incident.worsened"
    RESOLVED = "incident.resolved"
    TEST = "incident.test"


@dataclass(frozen=True, slots=True)
class Route:
    """Who hears of what. Empty selectors match everything; zone and server patterns are shell globs."""

    receivers: tuple[str, ...]
    severity: tuple[Severity, ...] = ()
    zones: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Telling:
    """One piece of news for one receiver: a row of the outbox. The id is stable over every retry."""

    id: str
    receiver: str
    news: News
    incident: Incident
    at: datetime


@dataclass(frozen=True, slots=True)
class Notification:
    """A telling put in words. ``data`` is the incident as the API shows it.

    ``at`` is when it became true, ``sent_at`` when this attempt to say so is made: receivers of webhooks refuse
    signatures that are older than some minutes.
    """

    id: str
    news: News
    at: datetime
    incident: str
    thread: str
    """Stable per incident: mail threads by it."""
    subject: str
    text: str
    html: str
    data: Mapping[str, object]
    sent_at: datetime | None = None
    done: frozenset[str] = frozenset()
    """Addresses of the receiver that need no more of it: they took an earlier attempt, or refused it for good."""


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
