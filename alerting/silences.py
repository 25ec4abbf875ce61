"""Silences: what nobody is to be told of for a while, and why; values, and what they match."""

from dataclasses import dataclass
from datetime import datetime

from alerting.model import NOT_CHECKED, Alert
from alerting.routing import LabelsOf, any_named, has_labels
from checks.model import LabelPatterns
from checks.model.finding_type import Severity


@dataclass(frozen=True, slots=True)
class Matchers:
    """Which findings are meant: those that each of these matches. An empty one matches everything.

    ``zones`` and ``servers`` are shell globs, and ``labels`` are wanted of the zone, all as those of a route are; a
    finding without a server matches no pattern of servers. What the monitor says of itself, and that it could not check
    something, is meant only where ``codes`` names it: who expects a server to be away does not want to be blind.
    """

    zones: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    severity: tuple[Severity, ...] = ()
    labels: LabelPatterns = ()

    def __bool__(self) -> bool:
        return bool(self.zones or self.servers or self.codes or self.severity or self.labels)

    @property
    def patterns(self) -> int:
        """How many a finding may have to be compared with."""
        return len(self.zones) + len(self.servers) + sum(len(values) for _, values in self.labels)

    def match(self, alert: Alert, labels_of: LabelsOf) -> bool:
        """Whether it means the alert; ``labels_of`` knows the labels of its zone."""
        key = alert.key
        if (self.codes or not key.zone or key.code == NOT_CHECKED) and key.code not in self.codes:
            return False
        return (
            (not self.severity or alert.severity in self.severity)
            and any_named(self.servers, (key.server,) if key.server is not None else ())
            and any_named(self.zones, (key.zone,) if key.zone else ())
            and (not self.labels or has_labels(self.labels, labels_of(key.zone)))
        )

    def __str__(self) -> str:
        named = {
            "zone": self.zones,
            "server": self.servers,
            "code": self.codes,
            "severity": tuple(map(str, self.severity)),
        }
        named |= {f"label {name}": values for name, values in self.labels}
        return ", ".join(f"{kind} {' or '.join(names)}" for kind, names in named.items() if names)


@dataclass(frozen=True, slots=True)
class Silence:
    """Nobody is told of what ``matchers`` match from ``starts_at`` until before ``ends_at``; None: until somebody ends
    it. One that was ended by hand ends then, and has ``ended_by``. ``maintenance``: it is an occurrence of a window in
    the configuration, which is not kept.
    """

    id: str
    matchers: Matchers
    starts_at: datetime
    ends_at: datetime | None
    created_by: str
    comment: str
    created_at: datetime
    ended_by: str = ""
    maintenance: bool = False

    def is_active(self, at: datetime) -> bool:
        return self.starts_at <= at and not self.is_over(at)

    def is_over(self, at: datetime) -> bool:
        return self.ends_at is not None and self.ends_at <= at


@dataclass(frozen=True, slots=True)
class ActiveSilences:
    """Those that are active at a moment."""

    silences: tuple[Silence, ...] = ()

    def of(self, alert: Alert, labels_of: LabelsOf) -> tuple[str, ...]:
        """The ids of those that match it, in order; () while anybody is to be told of it."""
        if not self.silences:
            return ()
        return tuple(silence.id for silence in self.silences if silence.matchers.match(alert, labels_of))


NO_SILENCES = ActiveSilences()
