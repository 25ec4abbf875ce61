"""Polls in; what is remembered, evaluated, alerted and shown out: the whole middle of the service."""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice

from alerting.alert_state import recheck, withdraw
from alerting.finding_types import FINDING_TYPES, OFFLINE, severity_of
from alerting.incidents import IncidentUpdate, at_once, note_alerts, remind_in_steps, update_in_steps
from alerting.model import AlertKey, Phase
from alerting.quorum import quorum_severity
from checks.base import Check
from checks.evaluation import run_check
from checks.model import CheckResult, Health, Zone, ZonePoll
from checks.model.finding_type import Severity
from checks.soa_serial import SoaSerial
from checks.zone_state.connectivity import keep_only, mask_offline, record_poll
from checks.zone_state.first_row import NewZones
from checks.zone_state.model import SERIAL_CHECK, ZoneState
from checks.zone_state.update import arrivals, changes, update_zone_state
from monitor.state.alike import note_kind
from monitor.state.awaited_notifies import NOTIFY_CHECK
from monitor.state.fast_path import (
    FastPathChanges,
    apply_unchanged,
    disable_for,
    disable_silent,
    enable_if_steady,
    is_reachable_again,
)
from monitor.state.first_polls import apply_first, forms, is_first, note_first, zone_poll
from monitor.state.inheritance import Inheritance, move_alerts, note_inheriting, note_other_over_udp, pass_on
from monitor.state.missing_notifies import find_missing, may_be_missing, note_moved
from monitor.state.monitor_result import MONITOR, monitor_result
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.offline import follow_offline, hear_witnesses, weigh_silence, withdraw_pending
from monitor.state.over_udp import note_over_udp, over_udp
from monitor.state.own_troubles import note_skews
from monitor.state.pending_commit import PendingCommit
from monitor.state.ports import Commit, FormedPoll, PollMessage, UnchangedZones, WitnessPoll
from monitor.state.rechecks import follow_change, forget_untied, remember_result
from monitor.state.silencing import follow_silences, rules_now
from monitor.state.standing import apply_standing, note_result, note_versions, note_without_edns, shared_polls
from monitor.state.unasked import forget_unasked, known_state

CommitSteps = Generator[None, None, Commit]
"""A commit in the making, with pauses in which others have their turn; who has it must leave the state as it is."""


def process(
    state: MonitorState, heard: Sequence[PollMessage], plan: MonitoringPlan, now: datetime
) -> tuple[Commit, PendingCommit]:
    """Remember, judge, advance, fold. A poll of what is not in the plan any more is dropped."""
    pending = PendingCommit(FastPathChanges(state.columns.zone_table))
    process_batch(state, pending, heard, plan)
    return finish(state, pending, plan, now), pending


def process_batch(
    state: MonitorState, pending: PendingCommit, heard: Sequence[PollMessage], plan: MonitoringPlan
) -> None:
    """Remember, judge and advance what was heard: a part of a batch, so that others have their turn in between."""
    known = len(pending.alerts)
    for one in heard:
        if isinstance(one, UnchangedZones):
            if one.check == SERIAL_CHECK and one.check in plan.checks:
                pending.unchanged += apply_unchanged(state, pending.path_changes, one)
            elif one.check in plan.checks:
                apply_standing(state, pending, one)
        elif isinstance(one, FormedPoll):
            process_formed(state, pending, one, plan)
        elif isinstance(one, WitnessPoll):
            hear_witnesses(state, one)
        else:
            process_poll(state, pending, one, plan)
        follow_offline(state, pending)
    weigh_silence(state, plan)
    follow_offline(state, pending)
    if len(pending.alerts) > known:
        some = islice(pending.alerts, known, None)
        note_alerts(state.open_incidents, state.active_alerts, some, plan.dependency_graph)


def finish(state: MonitorState, pending: PendingCommit, plan: MonitoringPlan, now: datetime) -> Commit:
    """``finish_in_steps``, all of them at once."""
    return at_once(finish_in_steps(state, pending, plan, now))


def finish_in_steps(state: MonitorState, pending: PendingCommit, plan: MonitoringPlan, now: datetime) -> CommitSteps:
    """What zones take over from others, what the monitor has to say of itself, and what the whole batch comes to."""
    yield from pass_on(state, pending, plan)
    yield from find_missing(state, pending, plan, now)
    before = len(pending.transitions)
    advance(state, pending, monitor_result(state, now), plan)
    for moved in pending.transitions[before:]:
        if moved.key.code == OFFLINE.code and moved.after is Phase.FIRING:
            withdraw_pending(state, pending, moved.key.subject, now)
            state.columns.server_findings.clear()
    return (yield from build_commit(state, pending, plan, now))


def process_formed(state: MonitorState, pending: PendingCommit, poll: FormedPoll, plan: MonitoringPlan) -> None:
    """A poll in which every response was recognised: the first of its zone may have the result of another's."""
    zone_table, number, results = poll.origin.zone_table, poll.number, state.first_results
    same = zone_table is plan.zones and zone_table is state.columns.zone_table
    same = same and bool(plan.cadence_of(poll.origin.check, zone_table.templates[zone_table.template_ids[number]]))
    first = same and is_first(state, number)
    if first and results.heard(state.connectivity, state.columns, zone_table.template_ids[number]):
        result, name = results.known.get(forms(poll)), zone_table.names[number]
        known = name in state.zone_states
        if result is not None and (row := apply_first(state, pending.path_changes, poll, result)) is not None:
            if not known:
                pending.new_rows[name] = row
            pending.first.append(number)
            pending.evaluated += 1
            return
    if not same and plan.zones.get(zone_table.names[number]) != zone_table.at(number):
        return  # it was asked of another zone than there is now
    process_poll(state, pending, zone_poll(poll), plan)
    if first:
        note_first(state, poll, pending.path_changes.enabled.get(number, ()))


def process_poll(
    state: MonitorState, pending: PendingCommit, poll: ZonePoll, plan: MonitoringPlan, *, shared: bool = False
) -> None:
    """Remember and evaluate one poll, and note whether its zone is steady. ``shared``: it was one of soa-serial."""
    zone, check = plan.zones.get(poll.zone), plan.checks.get(poll.check)
    if zone is None or check is None or not plan.asks(poll.check, zone) or not is_still_served(zone, poll):
        return
    if is_reachable_again(state, poll):
        disable_silent(state, pending.path_changes)
    state.connectivity = record_poll(state.connectivity, poll)
    note_skews(state.clock_skews, poll)
    result, zone_state = check_result(state, pending, check, zone, mask_offline(state.connectivity, poll), plan)
    result = Inheritance(state, pending, plan).complete(check, zone, poll, result)
    state.store_result(result)
    pending.canary_arrivals += result.arrivals
    if result.failed:
        pending.failed.append(check.name)
    waited = bool(state.of_check(zone.name, check.name))
    advance(state, pending, result, plan)
    active_alerts = state.of_check(zone.name, check.name)
    if waited or active_alerts:
        again = recheck(active_alerts.values(), result.at, poll.cadence, plan.alert_policy)
        pending.rechecks[check.name, zone.name] = again
    remember_result(state, pending, result, poll.cadence)
    learned = zone_state is not None and zone_state.at == poll.at
    if zone_state is not None and learned and isinstance(check, SoaSerial) and state.columns.zone_table is plan.zones:
        number = plan.zones.index(zone.name)
        before = over_udp(state.columns, number)
        note_over_udp(state.columns, poll)
        enable_if_steady(state, pending.path_changes, zone, poll, zone_state, result, check, plan.alert_policy)
        note_other_over_udp(state, pending, number, before, result.at)
    pending.touched.add(zone.name)
    pending.evaluated += check.name == SERIAL_CHECK
    if not isinstance(check, SoaSerial):
        if state.columns.zone_table is plan.zones:
            confirming = note_result(state, pending.path_changes, check, zone, result, shared=shared)
            pending.rechecks |= {(check.name, name): result.at for name in confirming}
            note_inheriting(state, pending, result, plan)
            note_kind(state, check, zone, poll.seen)
        return
    if zone_state is not None and learned:
        follow_change(state, pending, zone, poll, zone_state)
    note_without_edns(state, poll, plan.checks)
    for same in shared_polls(zone, poll, plan):
        process_poll(state, pending, same, plan, shared=True)


def check_result(
    state: MonitorState, pending: PendingCommit, check: Check, zone: Zone, poll: ZonePoll, plan: MonitoringPlan
) -> tuple[CheckResult, ZoneState | None]:
    """What the check says, and the zone state it said it by.

    A defect in remembering is contained as one in judging is: one zone must not end it all.
    """
    try:
        zone_state = remember(state, pending, zone, poll, plan)
    except Exception as defect:  # noqa: BLE001 - told as "check failed", counted and alerted on
        why = f"check failed: {type(defect).__name__}: {defect}"
        return CheckResult(zone.name, check.name, poll.at, Health.UNKNOWN, reason=why, failed=True), None
    return run_check(check, zone, state.record_memories.recall(poll), zone_state), zone_state


def is_still_served(zone: Zone, poll: ZonePoll) -> bool:
    """Whether the zone still is where it was asked: who has left it is not accused any more."""
    places = {(server.name, address) for server, address in zone.server_addresses()}
    return all(seen.query.foreign or (seen.query.server, seen.query.address) in places for seen in poll.seen)


def remember(
    state: MonitorState, pending: PendingCommit, zone: Zone, poll: ZonePoll, plan: MonitoringPlan
) -> ZoneState:
    before = known_state(state, plan, zone) or ZoneState(zone.name)
    if poll.check != SERIAL_CHECK:
        return before
    after = update_zone_state(before, zone, poll)
    state.zone_states[zone.name] = after
    if after != before:
        pending.zone_states[zone.name] = after
        pending.state_changes += changes(before, after)
        pending.propagations += arrivals(before, after, zone.primary, zone.signer)
        note_versions(state, zone.name, plan.checks)
        forget_untied(state, pending, before, after)
        note_moved(state, plan, zone, before, after, poll.cadence)
    return after


def advance(state: MonitorState, pending: PendingCommit, result: CheckResult, plan: MonitoringPlan) -> None:
    if result.health is Health.UNKNOWN and not result.failed and state.is_explained(result.zone):
        return
    move_alerts(state, pending, result, dict(state.of_check(result.zone, result.check)), plan)


def build_commit(
    state: MonitorState, pending: PendingCommit, plan: MonitoringPlan, now: datetime, *, anew: bool = False
) -> CommitSteps:
    """Fold what moved into incidents, and say who must hear of it; ``anew``: even if nothing moved."""
    others = follow_silences(state, plan, now)
    disable_for(state, pending.path_changes, (key.zone for key in pending.alerts if key.check != SERIAL_CHECK))
    update = IncidentUpdate(state.open_incidents)
    if pending.alerts or anew or others:
        changed, rules = tuple(pending.alerts.values()), rules_now(state, plan)
        update = yield from update_in_steps(
            state.open_incidents, state.active_alerts, changed, pending.transitions, rules, now, anew=anew
        )
    state.open_incidents = update.open_incidents
    for alert in update.alerts:
        pending.alerts[alert.key] = alert
        state.put(alert)
        pending.touched.add(alert.key.zone)
    return replace(
        Commit.of_incidents(update),
        zone_states=tuple(pending.zone_states.values()),
        state_changes=tuple(pending.state_changes),
        propagations=tuple(pending.propagations),
        alerts=tuple(pending.alerts.values()),
        transitions=tuple(pending.transitions),
        dropped_zones=pending.dropped,
        new_zones=NewZones(state.zone_states.codec, pending.new_rows) if pending.new_rows else None,
        record_memories=tuple(pending.record_memories.values()),
        transfers=tuple(pending.transfers.values()),
    )


def reminders_in_steps(state: MonitorState, plan: MonitoringPlan, now: datetime) -> CommitSteps:
    """What is told only because time has passed."""
    update = yield from remind_in_steps(state.open_incidents, state.active_alerts, rules_now(state, plan), now)
    state.open_incidents = update.open_incidents
    for alert in update.alerts:
        state.put(alert)
    return Commit.of_incidents(update)


def drop_unmonitored(
    state: MonitorState, plan: MonitoringPlan, now: datetime, gone: Iterable[str] | None = None
) -> tuple[Commit, PendingCommit]:
    """Let go of what the plan no longer holds: zones, servers, addresses and checks, and the alerts about them.

    ``gone`` are the zones that left, where that is known; otherwise all zone states are looked through.
    """
    pending = PendingCommit(FastPathChanges(state.columns.zone_table))
    left = [name for name in (state.zone_states if gone is None else gone) if name not in plan.zones]
    pending.dropped = tuple(sorted(name for name in left if state.zone_states.pop(name, None) is not None))
    state.keep_results(lambda check, zone: applies(plan, check, zone))
    pending.transfers = {one[:2]: one for one in state.transfers.keep_only(plan)}
    state.columns.keep_checks(plan.checks)
    forget_unasked(state, pending.path_changes, plan)
    places = {(server.name, address) for zone in plan.zones.templates for server, address in zone.server_addresses()}
    state.connectivity = keep_only(state.connectivity, places)
    for alert in list(state.active_alerts.values()):
        if not is_watched(alert.key, plan):
            over, transition = withdraw(alert, now)
            pending.transitions += [transition] if transition is not None else []
        elif (severity := severity_by(state, plan, alert.key)) is not alert.severity:
            over = replace(alert, severity=severity)
        else:
            continue
        pending.alerts[alert.key] = over
        state.put(over)
        pending.touched.add(alert.key.zone)
    return at_once(build_commit(state, pending, plan, now, anew=True)), pending


def severity_by(state: MonitorState, plan: MonitoringPlan, key: AlertKey) -> Severity:
    """How severe an alert is by this plan, as things stand."""
    severity = severity_of(key.code, plan.severities(key.zone))
    if key.zone not in plan.zones or not (zone := plan.zones.template(key.zone)).quorum:
        return severity
    return quorum_severity(key, severity, state.of_zone(key.zone), zone)


def is_watched(key: AlertKey, plan: MonitoringPlan) -> bool:
    if key.zone == MONITOR:
        return True
    if key.check == NOTIFY_CHECK:
        return key.zone in plan.zones and may_be_missing(plan, plan.zones[key.zone], key.server)
    if not applies(plan, key.check, key.zone):
        return False
    if key.server is None:
        return True
    server = plan.zones[key.zone].server(key.server)
    if server is None:
        return key.code in FINDING_TYPES and FINDING_TYPES[key.code].any_server
    return key.address is None or key.address in server.addresses


def applies(plan: MonitoringPlan, check: str, zone: str) -> bool:
    """Whether the plan has this check look at this zone."""
    return zone in plan.zones and plan.asks(check, plan.zones[zone])
