"""An incident, what of it is bad now, and what was told of it: values."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from alerting.model import Flaps
from checks.model import Labels
from checks.model.finding_type import Severity

OPEN, RESOLVED = "open", "resolved"
"""The phases of an incident."""


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
    began: datetime | None = None
    """The first bad look at any that it ever was about, those that are over too; None: ``since``."""
    flaps: Flaps | None = None
    """How often it comes and goes, if it does."""
    pending: bool = False
    """All of it is still in its grace."""


@dataclass(frozen=True, slots=True)
class NotifiedState:
    """What receivers know of an incident: how it was when they were last told of it."""

    at: datetime
    severity: Severity
    zones: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    unserved: tuple[str, ...] = ()
    flapping: bool = False
    short: tuple[str, ...] = ()


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
    """Zones that were told as bad and are no longer monitored, or only for information."""
    moved: int = 0
    """Zones that were told as bad and are bad still, but for another cause."""
    servers: tuple[str, ...] = ()
    servers_back: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    unserved: int = 0
    """Zones that no server answers for any more, and that were not told as such before."""
    named_unserved: tuple[str, ...] = ()
    served_again: int = 0
    flapping: bool | None = None
    """It comes and goes from now on, or has come to stay; None: as before."""
    short: int = 0
    """Zones that too few servers answer for, and that were not told as such, or as worse, before."""
    named_short: tuple[str, ...] = ()
    enough_again: int = 0


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """That somebody knows of an incident: who, and what they have to say.

    ``severity``, ``unserved`` and ``short`` are what was known of it by then: if it is worse than that, and than what
    was told since, the acknowledgement ends.
    """

    at: datetime
    by: str
    note: str = ""
    severity: Severity = Severity.CRITICAL
    unserved: tuple[str, ...] = ()
    short: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IncidentPart:
    """What of an incident one audience is told of, and what it knows: the fields of an incident that are its own."""

    audience: str
    """Its key."""
    severity: Severity
    zones: tuple[str, ...]
    servers: tuple[str, ...]
    opened_at: datetime
    began_at: datetime
    lines: tuple[IncidentFinding, ...] = ()
    findings: int = 0
    recovering: int = 0
    codes: tuple[str, ...] = ()
    unserved: tuple[str, ...] = ()
    past_zones: tuple[str, ...] = ()
    past_servers: tuple[str, ...] = ()
    past_codes: tuple[str, ...] = ()
    left_zones: tuple[str, ...] = ()
    moved_zones: tuple[str, ...] = ()
    moved_servers: tuple[str, ...] = ()
    moved_unserved: tuple[str, ...] = ()
    moved_short: tuple[str, ...] = ()
    worst: Severity = Severity.INFO
    notified: NotifiedState | None = None
    eased_at: datetime | None = None
    updates: int = 0
    receivers: tuple[str, ...] = ()
    labels: Labels = ()
    hushed: bool = False
    short: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ManyIncidents:
    """What one message says of many incidents: so many are open, so many ``more`` than it said last."""

    count: int
    more: int = 0
    over: tuple[str, ...] = ()
    """Incidents that are over since the first such message, by their ids: one that was never sent loses none, …"""
    over_names: tuple[str, ...] = ()
    """… and what the first few were about."""
    common: tuple[str, ...] = ()
    """Servers and codes that all of them have."""


@dataclass(frozen=True, slots=True)
class Incident:
    """Alerts with one cause. ``phase`` is "open" or "resolved".

    ``severity``, ``zones``, ``servers``, ``codes``, ``findings``, ``unserved`` and ``short`` are what is bad *now*:
    alerts that fire or recover, and those of the same cause that are still in their grace. What was bad and is not any
    more is in the ``past_`` fields, and in lines that ended. ``findings`` counts all that stand, ``recovering`` those
    of them that were good at the last look.

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
    short: tuple[str, ...] = ()
    """Zones for which fewer are left than there are to be, and one at least; likewise."""
    past_zones: tuple[str, ...] = ()
    past_servers: tuple[str, ...] = ()
    past_codes: tuple[str, ...] = ()
    left_zones: tuple[str, ...] = ()
    """Zones that are no longer monitored, or only for information: that they are well nobody has seen."""
    moved_zones: tuple[str, ...] = ()
    """Zones that were bad here and are bad still, but for another cause …"""
    moved_servers: tuple[str, ...] = ()
    """… and servers, …"""
    moved_unserved: tuple[str, ...] = ()
    """… and zones for which no server is left …"""
    moved_short: tuple[str, ...] = ()
    """… or too few are, where that is told of elsewhere."""
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
    flapping: bool = False
    """Most of what is bad comes and goes."""
    openings: int = 1
    """How often it has opened: what is bad again soon after it was over is the same incident."""
    over_at: datetime | None = None
    """When it was last over, of one that has opened again."""
    acknowledged: Acknowledgement | None = None
    acts_told: tuple[datetime, ...] = ()
    """When its receivers were last told what somebody did about it, the first of a few …"""
    act_untold: bool = False
    """… and that they have not been told the latest."""
    silenced: int = 0
    """How many of the ``findings`` nobody is told of …"""
    silenced_zones: tuple[str, ...] = ()
    """… the zones of which that is all that is bad here …"""
    silences: tuple[str, ...] = ()
    """… and the silences that make it so."""
    hushed: bool = False
    """Something of what was told has been silenced since."""
    held: tuple[str, ...] = ()
    """Receivers that hear of it only in a message about many (``alerting.storm_guard``)."""
    many: ManyIncidents | None = None
    """What is said of many incidents, where this is not one but a message about them …"""
    incidents: tuple[str, ...] = ()
    """… and their ids."""
    goes_on: bool = False
    """As told to one receiver: what concerned it is over, and the rest is not."""
    unrouted: bool = False
    """As told to one receiver: no route leads to it any more, and it goes on without it."""
    labels: Labels = ()
    """Those of its zones, each with every value that it has there; the first of very many."""
    parts: tuple[IncidentPart, ...] = ()
    """What receivers know that are told of a part of it, or by other clocks; none of these is in ``receivers``."""

    @property
    def has_strays(self) -> bool:
        """Whether something of it, or of a part, is bad elsewhere: how that is may change without it."""
        return self.phase != RESOLVED and (_strays(self) or any(map(_strays, self.parts)))

    @property
    def told(self) -> tuple[str, ...]:
        """Everybody who heard that it opened, in whole or in part."""
        return tuple(dict.fromkeys((*self.receivers, *(name for part in self.parts for name in part.receivers))))


def _strays(one: Incident | IncidentPart) -> bool:
    return bool(one.moved_zones or one.moved_servers or one.moved_unserved or one.moved_short)


@dataclass(frozen=True, slots=True)
class Storm:
    """What a receiver was told of late, and what is held back from it.

    ``told`` are the times of its latest messages. ``incident`` is the id of the message about many, since
    ``opened_at``; ``known`` are the incidents that it told as open at ``told_at``, the gravest of ``severity``.
    ``over`` have ended since that began, ``over_told`` of them as it says. At ``due_at`` there may be something to
    tell.
    """

    receiver: str
    told: tuple[datetime, ...] = ()
    incident: str = ""
    opened_at: datetime | None = None
    announcements: int = 0
    known: tuple[str, ...] = ()
    severity: Severity = Severity.INFO
    told_at: datetime | None = None
    over: tuple[str, ...] = ()
    over_told: int = 0
    over_names: tuple[str, ...] = ()
    due_at: datetime | None = None


class IncidentEvent(StrEnum):
    """Why a receiver hears of an incident; the ``type`` of the webhook."""

    OPENED = "incident.opened"
    REMINDED = "incident.reminded"
    WORSENED = "incident.worsened"
    IMPROVED = "incident.improved"
    ACKNOWLEDGED = "incident.acknowledged"
    UNACKNOWLEDGED = "incident.unacknowledged"
    RESOLVED = "incident.resolved"
    TEST = "incident.test"
