"""Incidents through a story: alerts go in minute by minute, messages come out."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from alerting.incident import Incident
from alerting.incident_news import Rules
from alerting.incidents import IncidentUpdate, OpenIncidents
from alerting.model import Alert, AlertKey, Phase, Policy, Route, Transition
from alerting.root_cause import DependencyGraph
from alerting.silences import NO_SILENCES, ActiveSilences
from tests.support.alerts import minute, zone
from tests.support.at_once import due_reminders, update_incidents

A, B, C, D = "a.example.", "b.example.", "c.example.", "d.example."


@dataclass
class Desk:
    """Keeps the incidents through a story: what changes goes in, what is told comes out."""

    topology: DependencyGraph = field(
        default_factory=lambda: DependencyGraph.of([zone(n, "ns1", "ns2", "ns3") for n in (A, B, C, D)])
    )
    routes: tuple[Route, ...] = ()
    receivers: tuple[str, ...] = ("oncall",)
    state_receivers: tuple[str, ...] = ()
    standing_receivers: tuple[str, ...] = ()
    policy: Policy = field(default_factory=Policy)
    cadence: dict[str, timedelta] = field(default_factory=dict)
    silences: ActiveSilences = NO_SILENCES
    hearing: frozenset[str] = frozenset({"hook"})
    open_incidents: OpenIncidents = field(default_factory=OpenIncidents)
    active_alerts: dict[AlertKey, Alert] = field(default_factory=dict)
    at: float = 0

    def change(self, *changed: Alert, transitions: Iterable[Transition] = ()) -> IncidentUpdate:
        """One batch, a minute after the one before."""
        self.at += 1
        known = [
            replace(a, incident=a.incident or getattr(self.active_alerts.get(a.key), "incident", None)) for a in changed
        ]
        for each in known:
            self.put(each)
        return self.take(
            update_incidents(self.open_incidents, self.active_alerts, known, transitions, self.rules, minute(self.at))
        )

    def wait(self, minutes: float) -> list[str]:
        """Nothing changes for so long; what is told meanwhile, the clock being looked at every five seconds."""
        heard = []
        for _ in range(round(minutes * 12)):
            self.at += 1 / 12
            heard += said(
                self.take(due_reminders(self.open_incidents, self.active_alerts, self.rules, minute(self.at)))
            )
        return heard

    def take(self, kept: IncidentUpdate) -> IncidentUpdate:
        for each in kept.alerts:
            self.put(each)
        self.open_incidents = kept.open_incidents
        return kept

    @property
    def rules(self) -> Rules:
        return Rules(
            self.topology,
            self.routes,
            self.receivers,
            self.policy,
            {check: (every,) for check, every in self.cadence.items()},
            state_receivers=self.state_receivers,
            standing_receivers=self.standing_receivers,
            silences=self.silences,
            hearing=self.hearing,
        )

    def put(self, alert: Alert) -> None:
        if alert.quiet:
            self.active_alerts.pop(alert.key, None)
        else:
            self.active_alerts[alert.key] = alert

    def fire(self, *alerts: Alert) -> list[str]:
        return said(self.change(*alerts))

    def end(self, *alerts: Alert) -> list[str]:
        over = minute(self.at + 1)
        return said(self.change(*(replace(a, phase=Phase.OK, since=over, good_since=over) for a in alerts)))

    def move(self, phase: Phase, *alerts: Alert) -> list[str]:
        return said(self.change(*(replace(a, phase=phase) for a in alerts)))

    @property
    def only(self) -> Incident:
        (incident,) = self.open_incidents.incidents.values()
        return incident


def said(kept: IncidentUpdate) -> list[str]:
    return [f"{t.receiver}: {t.event.removeprefix('incident.')} {t.incident.cause}" for t in kept.messages]
