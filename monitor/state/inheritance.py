"""Zones take over what stands at their servers, or is over there: ``monitor.state.server_findings`` has the rule."""

from collections.abc import Generator, Iterator, Mapping
from itertools import islice

from alerting.alert_state import apply_result, next_transition
from alerting.incidents import begin_index, note_alerts
from alerting.model import Alert, AlertKey
from checks.model import CheckResult, Finding, Health
from monitor.state.columns import INHERITS, STANDS, STEADY_UP
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.pending_commit import PendingCommit
from monitor.state.server_findings import Place, ServerFinding, Stand

ZONES_PER_STEP = 50
"""So many take something over before others have their turn."""


def pass_on(state: MonitorState, pending: PendingCommit, plan: MonitoringPlan) -> Generator[None, None, None]:
    """After the polls of a batch: what they say of servers is taken over by the zones that inherit it."""
    for place, one, whole in state.columns.server_findings.take_moved():
        known = len(pending.alerts)
        state.open_incidents = begin_index(state.open_incidents, state.active_alerts, plan.dependency_graph)
        for count, number in enumerate(_zones_of(state, place, one, whole=whole), 1):
            _take_over(state, pending, plan, place, one, number)
            if count % ZONES_PER_STEP == 0:
                known = _note(state, pending, plan, known)
                yield
        _note(state, pending, plan, known)
        if one.waiting:
            look = (place[0], one.agreeing[0])
            pending.rechecks[look] = min(one.waiting[0][0], pending.rechecks.get(look) or one.waiting[0][0])
        elif one.stand is Stand.OVER:
            del state.columns.server_findings.known[place]


def note_inheriting(state: MonitorState, pending: PendingCommit, result: CheckResult, plan: MonitoringPlan) -> None:
    """After a poll in full: a zone that goes on with what is found at others has no appointment of its own."""
    columns, check, zone = state.columns, result.check, result.zone
    standing = columns.standing.get(check)
    if standing is None or standing[columns.zone_table.index(zone)] != INHERITS:
        return
    pending.rechecks[check, zone] = None
    for found in result.findings:
        if found.server is not None and found.address is not None:
            place = (check, found.server, found.address)
            until = next_transition(result, _alerts_at(state, zone, place), plan.policy)
            if until is not None:
                columns.server_findings.known[place].wait(zone, until)


def move_alerts(
    state: MonitorState,
    pending: PendingCommit,
    result: CheckResult,
    active_alerts: Mapping[AlertKey, Alert],
    plan: MonitoringPlan,
) -> None:
    """What the result makes of these alerts, and of those that it begins."""
    touched, transitions = apply_result(result, active_alerts, plan.severities(result.zone), plan.policy)
    for alert in touched:
        if alert != active_alerts.get(alert.key):
            pending.alerts[alert.key] = alert
        state.put(alert)
    pending.transitions += transitions


def _note(state: MonitorState, pending: PendingCommit, plan: MonitoringPlan, known: int) -> int:
    """The incidents hear of the alerts after the first ``known``; how many there are by now."""
    if len(pending.alerts) > known:
        some = islice(pending.alerts, known, None)
        note_alerts(state.open_incidents, state.active_alerts, some, plan.dependency_graph)
    return len(pending.alerts)


def _zones_of(state: MonitorState, place: Place, one: ServerFinding, *, whole: bool) -> Iterator[int]:
    """Those that have something to take over, by number."""
    columns = state.columns
    check, server, address = place
    standing = columns.standing.get(check)
    if standing is None:
        return
    if whole:
        for number in columns.zones_at({(server, address)}):
            if standing[number] == INHERITS or (standing[number] == STANDS and one.bad):
                yield number
        return
    for name in one.due():
        number = columns.zone_table.index(name)
        if standing[number] == INHERITS:
            yield number


def _take_over(
    state: MonitorState, pending: PendingCommit, plan: MonitoringPlan, place: Place, one: ServerFinding, number: int
) -> None:
    """The zone goes on with what is found there, or begins to; as one that was polled would."""
    check, name = place[0], state.columns.zone_table.names[number]
    before = state.results.get(name, {}).get(check)
    findings = before.findings if before is not None else ()
    found = next((each for each in findings if _is_at(each, place)), None)
    begins = found is None and not _alerts_at(state, name, place)
    if begins and (not one.bad or name in one.good or state.columns.mode[number] != STEADY_UP):
        return
    own = found if found is not None and not found.inherited else None  # else as those say it that are there now
    here = (own or one.inherited(),) if one.bad else ()
    if begins:  # it has been so since it was found first
        first = CheckResult(name, check, one.since, Health.BAD, here)
        move_alerts(state, pending, first, {}, plan)
    result = CheckResult(name, check, one.heard_at, Health.BAD if here else Health.GOOD, here)
    move_alerts(state, pending, result, _alerts_at(state, name, place), plan)
    every = (*(each for each in findings if not _is_at(each, place)), *here)
    state.store_result(CheckResult(name, check, one.heard_at, Health.BAD if every else Health.GOOD, every))
    until = next_transition(result, _alerts_at(state, name, place), plan.policy)
    if until is not None:
        one.wait(name, until)
    stands = not every and not state.of_check(name, check)
    state.columns.set_standing(check, number, STANDS if stands else INHERITS)
    pending.touched.add(name)


def _alerts_at(state: MonitorState, zone: str, place: Place) -> Mapping[AlertKey, Alert]:
    check, server, address = place
    alerts = state.of_check(zone, check)
    return {key: alert for key, alert in alerts.items() if (key.server, key.address) == (server, address)}


def _is_at(finding: Finding, place: Place) -> bool:
    return (finding.server, finding.address) == place[1:]
