"""Finds NOTIFYs missing: the serial of a primary moved, and none came that was taken."""

from collections.abc import Generator
from datetime import datetime, timedelta

from alerting.alert_state import next_transition
from alerting.finding_types import NOTIFY_MISSING
from checks.common.serial import newer
from checks.common.text import instant
from checks.model import CheckResult, Finding, Health, Zone
from checks.zone_state.address import ANSWERED
from checks.zone_state.connectivity import offline_families
from checks.zone_state.model import AddressState, ZoneState
from monitor.state.awaited_notifies import NOTIFY_CHECK, AwaitedNotify
from monitor.state.inheritance import move_alerts
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.pending_commit import PendingCommit

WAIT = timedelta(minutes=1)
"""How long after a new version was seen its NOTIFY may still come: servers collect changes, and send in turn."""

EARLIER = timedelta(minutes=1)
"""How long before the last look at the old version a NOTIFY may be that counts for the new one: the two are not of one
moment, and what was sent for a change just before is not sent again by a server that collects.
"""

MAX_GAP = timedelta(seconds=10)
"""How much longer than two cadences there may be between the looks at the old and at the new version. In a longer gap
we or the primary were away, and so may its NOTIFY have been.
"""

ZONES_PER_STEP = 100
"""So many are looked at before others have their turn."""


def may_be_missing(plan: MonitoringPlan, zone: Zone, server: str | None) -> bool:
    """Whether anybody listens for NOTIFY, and the server is the zone's primary, of which it is not said that it sends
    none.
    """
    return plan.notify is not None and server == zone.primary is not None and server not in plan.notify.never


def note_moved(
    state: MonitorState, plan: MonitoringPlan, zone: Zone, before: ZoneState, after: ZoneState, cadence: timedelta
) -> None:
    """After a poll of soa-serial: a NOTIFY is awaited if the serial of the primary moved and it has not come yet."""
    if not may_be_missing(plan, zone, zone.primary) or zone.primary is None:
        return
    moved = _moved(zone.primary, before, after)
    if moved is None or before.at is None or after.at is None:
        return
    was, now = moved
    absent, listening = was.checked_at or before.at, state.notifies.since
    if listening is None or absent < listening or after.at - absent > 2 * cadence + MAX_GAP:
        return
    latest, expected = state.notifies.latest(zone.name, zone.primary), plan.notify
    always = expected is not None and zone.primary in expected.always
    if (latest is None and not always) or (latest is not None and latest.at >= absent - EARLIER):
        return
    text = (
        f"its serial went from {was.serial} to {now.serial} by {instant(after.at)}, "
        f"and no NOTIFY of that was taken here since {instant(absent)}"
    )
    state.awaited_notifies.put(zone.name, AwaitedNotify(zone.primary, text), after.at + WAIT)


def _moved(primary: str, before: ZoneState, after: ZoneState) -> tuple[AddressState, AddressState] | None:
    """An address of the primary that went forward between two looks at which it answered, as it was and is."""
    old = {(one.server, one.address): one for one in before.address_states}
    for now in after.address_states:
        was = old.get((now.server, now.address))
        if now.server != primary or was is None or was.outcome != ANSWERED or now.outcome != ANSWERED:
            continue
        if was.serial is not None and now.serial is not None and newer(now.serial, was.serial):
            return was, now
    return None


def find_missing(
    state: MonitorState, pending: PendingCommit, plan: MonitoringPlan, now: datetime
) -> Generator[None, None, None]:
    """What is to be said now of zones whose NOTIFY was awaited, and when to look at them next."""
    awaited = state.awaited_notifies
    for count, name in enumerate(awaited.due(now), 1):
        if count % ZONES_PER_STEP == 0:
            yield
        zone, missing = plan.zones.get(name), awaited.get(name)
        if missing is not None and (zone is None or not may_be_missing(plan, zone, missing.server)):
            awaited.end(name, now)
            missing = None
        if zone is None:
            continue
        if missing is not None and offline_families(state.connectivity):
            awaited.look_at(name, now + WAIT)  # what does not come may be our own doing
            continue
        findings = (Finding(NOTIFY_MISSING.code, missing.text, missing.server),) if missing is not None else ()
        result = CheckResult(name, NOTIFY_CHECK, now, Health.BAD if findings else Health.GOOD, findings)
        move_alerts(state, pending, result, dict(state.of_check(name, NOTIFY_CHECK)), plan)
        pending.touched.add(name)
        again = next_transition(result, state.of_check(name, NOTIFY_CHECK), plan.alert_policy)
        if again is not None:
            awaited.look_at(name, again)
