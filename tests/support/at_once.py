"""What the product does in steps, with everybody else's turn in between, done all at once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from alerting.incident import Cause
from alerting.incident_news import Rules
from alerting.incidents import ActiveAlerts, IncidentUpdate, OpenIncidents, at_once, remind_in_steps, update_in_steps
from alerting.model import Alert, AlertKey, Phase, Transition
from alerting.root_cause import Causes, DependencyGraph
from checks.model.finding_type import Severity
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.pipeline import reminders_in_steps
from monitor.state.ports import Commit


def update_incidents(
    open_incidents: OpenIncidents,
    active_alerts: ActiveAlerts,
    changed: Sequence[Alert],
    transitions: Iterable[Transition],
    rules: Rules,
    now: datetime,
    *,
    anew: bool = False,
) -> IncidentUpdate:
    return at_once(update_in_steps(open_incidents, active_alerts, changed, transitions, rules, now, anew=anew))


def due_reminders(
    open_incidents: OpenIncidents, active_alerts: ActiveAlerts, rules: Rules, now: datetime
) -> IncidentUpdate:
    return at_once(remind_in_steps(open_incidents, active_alerts, rules, now))


def reminders(state: MonitorState, plan: MonitoringPlan, now: datetime) -> Commit:
    return at_once(reminders_in_steps(state, plan, now))


def root_causes(alerts: Iterable[Alert], dependency_graph: DependencyGraph) -> Mapping[AlertKey, Cause]:
    """The cause of each of these alerts that stands and is more than information."""
    alerts = [a for a in alerts if a.phase is not Phase.OK and a.severity is not Severity.INFO]
    standing, by_zone = [a.key for a in alerts], defaultdict[str, dict[AlertKey, Alert]](dict)
    for each in alerts:
        by_zone[each.key.zone][each.key] = each
    causes = Causes(dependency_graph, by_zone)
    for key in standing:
        causes.add(key)
    causes.refresh()
    return {key: causes.cause(key) for key in standing}
