"""A desk at which zones are looked at, one after the other: looks move alerts, and these make incidents."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from alerting.alert_state import apply_result
from alerting.incidents import IncidentUpdate
from alerting.model import Alert, AlertKey
from alerting.notification import OutboxMessage
from alerting.render import render
from alerting.timeline import TimelineEntry
from checks.model import Finding
from checks.model.finding_type import Severity
from tests.support.alerts import finding, minute, result
from tests.support.at_once import due_reminders, update_incidents
from tests.support.incident_desk import Desk


@dataclass
class LookingDesk(Desk):
    """``zones`` are looked at each ``pace`` minutes, spread over that; ``bad`` says what a look finds."""

    zones: Sequence[str] = ()
    pace: float = 1
    severity: dict[str, Severity] = field(default_factory=dict)
    past: dict[AlertKey, Alert] = field(default_factory=dict)
    told: list[OutboxMessage] = field(default_factory=list)
    timeline: list[TimelineEntry] = field(default_factory=list)
    slices: int = 10
    ticks: str = ""
    """What findings say at their ends by now."""

    def __post_init__(self) -> None:
        self.cadence = {"soa-serial": timedelta(minutes=self.pace)}

    def put(self, alert: Alert) -> None:
        super().put(alert)
        if alert.quiet:
            self.past[alert.key] = alert

    def take(self, kept: IncidentUpdate) -> IncidentUpdate:
        self.timeline += kept.timeline
        return super().take(kept)

    def sweep(self, *bad: tuple[Iterable[str], str, str], times: int = 1) -> None:
        """So many rounds. ``bad``: zones, and code and server of what is found there."""
        found: dict[str, list[Finding]] = {}
        for names, code, server in bad:
            for name in names:
                words = f"{server} has {code}" if server else code
                words = f"{words}{self.ticks}: no more is known"
                found.setdefault(name, []).append(finding(code, server or None, words))
        for _ in range(times):
            begun = self.at
            for number in range(self.slices):
                self.at = begun + self.pace * (number + 1) / self.slices
                self.look(self.zones[number :: self.slices], found)

    def look(self, names: Iterable[str], found: dict[str, list[Finding]]) -> None:
        changed, transitions = [], []
        by_zone: dict[str, dict[AlertKey, Alert]] = {}
        for key, alert in self.active_alerts.items():
            by_zone.setdefault(key.zone, {})[key] = alert
        for name in names:
            known = by_zone.get(name, {})
            spoken = result(name, self.at, *found.get(name, ()))
            touched, moved = apply_result(spoken, known, self.severity, self.policy, self.past)
            changed += [alert for alert in touched if alert != known.get(alert.key)]
            transitions += moved
            for alert in touched:
                self.put(alert)
        args = (self.open_incidents, self.active_alerts)
        if changed:
            kept = self.take(update_incidents(*args, changed, transitions, self.rules, minute(self.at)))
            self.told += kept.messages
        self.told += self.take(
            due_reminders(self.open_incidents, self.active_alerts, self.rules, minute(self.at))
        ).messages

    def heard(self, receiver: str = "oncall") -> list[str]:
        """The subjects of what the receiver was told since this was asked last."""
        new, self.told = [each for each in self.told if each.receiver == receiver], []
        return [render(message).subject for message in new]
