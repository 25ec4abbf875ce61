"""An alert, the rules it is told by, and the names they are kept under: values."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from checks.model import Address, LabelPatterns, RecordDifference
from checks.model.finding_type import Severity

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
    """How often you are told again while it lasts; at least `"1m"`; `"off"`: once is enough. Nobody is told again of
    what somebody has acknowledged."""
    max_messages: int = field(default=20, metadata={"bounds": {"ge": 1}})
    """A receiver is told of so many things in ten minutes at most; then one message says how many more there are, and
    what is said of these is said there."""
    min_good: int = field(default=1, metadata={"bounds": {"ge": 1}})
    """So many servers of a zone must be left that answer, of those that are not hidden: where fewer are, that is
    critical and told at once. A zone that is watched on fewer servers needs all of them. For single zones:
    [min_good](#zones) there."""
    quorum: int | None = field(
        default=None, metadata={"bounds": {"ge": 1}, "unset": "as in `[severity]`", "example": "quorum = 2"}
    )
    """While so many servers of a zone answer, those that do not are warnings; with fewer they are critical. For single
    zones: [quorum](#zones) there."""
    witness: tuple[Address, ...] | None = field(
        default=None,
        metadata={"unset": "the resolvers and the default gateway", "example": 'witness = ["192.0.2.53"]'},
    )
    """Addresses beyond your uplink that tell whether this monitor is cut off or the servers are silent: any answer of
    theirs counts, `REFUSED` and a closed port too ([Is it us?](offline.md)). `[]`: nobody is asked."""
    proxy: Secret | None = field(
        default=None,
        repr=False,
        compare=False,
        metadata={"unset": "none", "example": 'proxy = "http://proxy.example.com:3128"'},
    )
    """The HTTP proxy by which receivers (mail aside) and the [heartbeat](#heartbeat) are asked that name none of their
    own: `http://` or `https://`, host, port, and user and password where it wants them (`proxy_file` keeps these out of
    the file). Those of the environment are never used. By a proxy names are looked up there, so that what they lead to
    is not checked here, but an address in a URL is; the proxy itself may be at a private address."""


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
class Flaps:
    """That a finding comes and goes: ``count`` times it was bad and good again since ``began``, the last time good at
    ``until``; bad for ``bad`` seconds in all.
    """

    began: datetime
    count: int
    bad: float
    until: datetime


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
    difference: RecordDifference | None = field(default=None, compare=False)
    """The records that it is about, one by one, where it tells of some that differ."""
    flaps: Flaps | None = None
    """How often it has come and gone; kept for a while after it is OK."""
    flapping: bool = False
    """It comes and goes so often that it fires without a whole grace, and is over only once it has been calm."""

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


_AS_USUAL = "as in `[alerting]`"


@dataclass(frozen=True, slots=True)
class Route:
    """Who hears of what. Empty selectors match everything."""

    receivers: tuple[str, ...]
    """Who is told."""
    severity: tuple[Severity, ...] = field(default=(), metadata={"unset": "any"})
    """`"critical"`, `"warning"`, `"info"`: the severity of the incident."""
    zones: tuple[str, ...] = field(default=(), metadata={"unset": "any"})
    """Any of its zones: shell globs. `"*.example.com"` matches what is below `example.com`, not the zone itself. Its
    receivers read of no other zone."""
    servers: tuple[str, ...] = field(default=(), metadata={"unset": "any"})
    """Any of its servers: shell globs."""
    codes: tuple[str, ...] = field(default=(), metadata={"unset": "any"})
    """Any of its codes."""
    labels: LabelPatterns = field(default=(), metadata={"unset": "any", "example": 'labels = { team = "web" }'})
    """Any of its zones that has all these labels, each with a value that one of the shell globs here matches. Its
    receivers read of no other zone."""
    grace: timedelta | None = field(
        default=None,
        metadata={"unset": _AS_USUAL, "bounds": {"ge": timedelta(0)}, "example": 'grace = "15m"'},
    )
    """Bad for this long before these receivers hear of it."""
    settle: timedelta | None = field(
        default=None,
        metadata={"unset": _AS_USUAL, "bounds": {"ge": timedelta(0)}, "example": 'settle = "5m"'},
    )
    """Good for this long before they hear that it is over."""
    remind: timedelta | None = field(
        default=None,
        metadata={
            "unset": _AS_USUAL,
            "bounds": {"ge": timedelta(minutes=1)},
            "off": True,
            "example": 'remind = "off"',
        },
    )
    """How often they are told again while it lasts; at least `"1m"`; `"off"`: once is enough."""
    send_resolved: bool = True
    """Whether they hear that it is over."""
