"""Zones take over what stands at their servers, or is over there: ``monitor.state.server_findings`` has the rule."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from alerting.alert_state import apply_result, next_transition
from alerting.incidents import begin_index, note_alerts
from alerting.model import Alert, AlertKey
from alerting.quorum import by_quorum
from checks.base import Check
from checks.common.epoch import micros
from checks.model import CheckResult, Finding, Health, Zone, ZonePoll
from checks.model.finding_type import OverUdp
from checks.zone_state.connectivity import offline_families
from checks.zone_state.model import SERIAL_CHECK
from checks.zone_state.update import address_state_of
from monitor.state.columns import INHERITS, STANDS, UNSETTLED
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.over_udp import over_udp
from monitor.state.pending_commit import PendingCommit
from monitor.state.server_findings import Place, ServerFinding, ServerKey, Stand

ZONES_PER_STEP = 50
"""So many take something over before others have their turn."""

MAX_AGE = 2
"""Cadences of a check for which the latest look of soa-serial counts, where soa-serial comes as often."""


def pass_on(state: MonitorState, pending: PendingCommit, plan: MonitoringPlan) -> Generator[None, None, None]:
    """After the polls of a batch: what they say of servers is taken over by the zones that inherit it, and zones of
    which UDP brings something else than before have what stands of the zones like them.
    """
    inheritance = Inheritance(state, pending, plan)
    moved = list(state.columns.server_findings.take_moved())
    if not (moved or pending.other_over_udp):
        return
    known = len(pending.alerts)
    state.open_incidents = begin_index(
        state.open_incidents, state.active_alerts, plan.dependency_graph, state.active_silences
    )
    for count, (place, number) in enumerate(_affected(state, pending, moved), 1):
        inheritance.settle(place, number)
        if count % ZONES_PER_STEP == 0:
            known = _note(state, pending, plan, known)
            yield
    _note(state, pending, plan, known)
    for key, one, _ in moved:
        if one.waiting:
            look = (key[0], one.agreeing[0])
            pending.rechecks[look] = min(one.waiting[0][0], pending.rechecks.get(look) or one.waiting[0][0])
        elif one.stand is Stand.OVER and not _is_inherited(state, key):
            state.columns.server_findings.forget(key)


def _affected(
    state: MonitorState, pending: PendingCommit, moved: Sequence[tuple[ServerKey, ServerFinding, bool]]
) -> Iterator[tuple[Place, int]]:
    columns = state.columns
    for key, one, whole in moved:
        for number in _zones_of(state, key, one, whole=whole):
            yield key[:3], number
    checks = dict.fromkeys(key[0] for key in columns.server_findings.known)
    for number in pending.other_over_udp:
        for check in checks:
            for place in columns.layouts[columns.zone_table.template_ids[number]]:
                yield (check, place.server, place.address), number


def _zones_of(state: MonitorState, key: ServerKey, one: ServerFinding, *, whole: bool) -> Iterator[int]:
    """Those that have something to take over, by number."""
    columns, standing = state.columns, state.columns.standing.get(key[0])
    if standing is None:
        return
    if whole:
        for number in columns.zones_at({key[1:3]}):
            if standing[number] in (INHERITS, UNSETTLED) or (standing[number] == STANDS and one.bad):
                yield number
        return
    for name in one.due():
        number = columns.zone_table.index(name)
        if standing[number] in (INHERITS, UNSETTLED):
            yield number


def _is_inherited(state: MonitorState, key: ServerKey) -> bool:
    """Whether there are zones at the place that have not yet taken over that it is over."""
    columns, standing = state.columns, state.columns.standing.get(key[0])
    if standing is None or (standing.find(INHERITS) < 0 and standing.find(UNSETTLED) < 0):
        return False
    return any(standing[number] in (INHERITS, UNSETTLED) for number in columns.zones_at({key[1:3]}))


def note_other_over_udp(
    state: MonitorState, pending: PendingCommit, number: int, before: Sequence[OverUdp], at: datetime
) -> None:
    """A poll of soa-serial was evaluated of a zone of which UDP brought this ``before``: now it may be something else.
    Where it answers what was silent, those are to be polled at once that decide what stands there.
    """
    columns, findings = state.columns, state.columns.server_findings
    after = over_udp(columns, number)
    if after == tuple(before) or not findings.known:
        return
    pending.other_over_udp[number] = None
    layout = columns.layouts[columns.zone_table.template_ids[number]]
    for check in {key[0] for key in findings.known}:
        for place, was, brought in zip(layout, before, after, strict=True):
            if was is OverUdp.SILENT and brought is not was:
                key = (check, place.server, place.address, was)
                pending.rechecks |= {(check, name): at for name in findings.note_answered(key, at)}


def note_inheriting(state: MonitorState, pending: PendingCommit, result: CheckResult, plan: MonitoringPlan) -> None:
    """After a poll in full: a zone that goes on with what is found at others has no appointment of its own."""
    columns, check, zone = state.columns, result.check, result.zone
    standing = columns.standing.get(check)
    if standing is None or standing[number := columns.zone_table.index(zone)] != INHERITS:
        return
    if not is_as_over_udp(state, plan.checks[check], number, result.findings):
        standing[number] = UNSETTLED
    pending.rechecks[check, zone] = None
    for found in result.findings:
        if found.server is not None and found.address is not None:
            place = (check, found.server, found.address)
            one = columns.server_findings.of_code(place, found.code)
            until = next_transition(result, alerts_at(state, zone, place), plan.alert_policy)
            if until is not None and one is not None:
                one.wait(zone, until)


def is_as_over_udp(state: MonitorState, check: Check, number: int, findings: Sequence[Finding]) -> bool:
    """Whether what was found of a zone is what may stand there by what UDP brings of it now."""
    columns = state.columns
    codes = {found.code: found.of_address for found in check.finding_types}
    by_place = {(found.server, found.address): codes.get(found.code) for found in findings}
    layout = columns.layouts[columns.zone_table.template_ids[number]]
    return all(
        by_place.get((place.server, place.address), OverUdp.ANSWERED) is brought
        for place, brought in zip(layout, over_udp(columns, number), strict=True)
    )


def move_alerts(
    state: MonitorState,
    pending: PendingCommit,
    result: CheckResult,
    active_alerts: Mapping[AlertKey, Alert],
    plan: MonitoringPlan,
) -> None:
    """What the result makes of these alerts, and of those that it begins."""
    severities, past = plan.severities(result.zone), state.past_alerts
    touched, transitions = apply_result(result, active_alerts, severities, plan.alert_policy, past)
    for alert in touched:
        state.put(alert)
    now = {alert.key: alert for alert in touched}
    zone = plan.zones.template(result.zone) if touched and result.zone in plan.zones else None
    if zone is not None and zone.quorum:
        now |= {alert.key: alert for alert in by_quorum(state.of_zone(result.zone), zone)}
    for key, alert in now.items():
        if alert != active_alerts.get(key):
            pending.alerts[key] = alert
        state.put(alert)
    pending.transitions += transitions


def _note(state: MonitorState, pending: PendingCommit, plan: MonitoringPlan, known: int) -> int:
    """The incidents hear of the alerts after the first ``known``; how many there are by now."""
    if len(pending.alerts) > known:
        some = islice(pending.alerts, known, None)
        note_alerts(state.open_incidents, state.active_alerts, some, plan.dependency_graph)
    return len(pending.alerts)


@dataclass(frozen=True, slots=True)
class Inheritance:
    """Gives zones what is found at their servers."""

    state: MonitorState
    pending: PendingCommit
    plan: MonitoringPlan

    def settle(self, place: Place, number: int) -> None:
        """The zone goes on with what is found there, or begins to; as one that was polled would."""
        state, (check, *_) = self.state, place
        columns, name = state.columns, state.columns.zone_table.names[number]
        standing = columns.standing.get(check)
        if standing is None or not standing[number]:
            return
        before = state.results.get(name, {}).get(check)
        findings = before.findings if before is not None else ()
        found = next((each for each in findings if _is_at(each, place)), None)
        one = self._speaking(place, number, found)
        if one is not None and (
            found is not None or alerts_at(state, name, place) or self._may_begin(place, number, one)
        ):
            if one.bad:
                self.begin(place, name, one)
            own = found if found is not None and not found.inherited and found.code == one.finding.code else None
            here = (own or one.inherited(),) if one.bad else ()
            findings = (*(each for each in findings if not _is_at(each, place)), *here)
            self._go_on(place, number, one, here, findings)
        if standing[number] != STANDS or findings:
            settled = is_as_over_udp(state, self.plan.checks[check], number, findings)
            stands = settled and not findings and not state.of_check(name, check)
            columns.set_standing(check, number, STANDS if stands else INHERITS if settled else UNSETTLED)

    def _speaking(self, place: Place, number: int, found: Finding | None) -> ServerFinding | None:
        """What says what the zone has there now: that of the zones of which UDP brings the same, as far as there is
        any; else, where UDP answers, that it is over what it has.
        """
        state, findings = self.state, self.state.columns.server_findings
        brought = self._over_udp(place, number)
        if brought is OverUdp.UNKNOWN or place[2].family in offline_families(state.connectivity):
            return None
        one = findings.known.get((*place, brought))
        if one is not None and one.bad:
            return one if one.settled else None
        if brought is OverUdp.SILENT or (found is not None and findings.of_code(place, found.code) is None):
            return None
        codes = {key.code for key in alerts_at(state, state.columns.zone_table.names[number], place)}
        codes |= {found.code} if found is not None else set()
        known = [each for code in codes if (each := findings.of_code(place, code)) is not None]
        if any(each.bad or not each.settled for each in known):
            return None
        return max(known, key=lambda each: each.heard_at, default=None)

    def _over_udp(self, place: Place, number: int) -> OverUdp:
        """What soa-serial has found there of the zone; where it does not come as often, that is not known."""
        columns, (check, server, address) = self.state.columns, place
        zone = columns.zone_table.templates[columns.zone_table.template_ids[number]]
        every, serials = self.plan.cadence_of(check, zone), self.plan.cadence_of(SERIAL_CHECK, zone)
        if not timedelta(0) < serials <= every:
            return OverUdp.UNKNOWN
        layout = columns.layouts[columns.zone_table.template_ids[number]]
        return next(
            brought
            for each, brought in zip(layout, over_udp(columns, number), strict=True)
            if (each.server, each.address) == (server, address)
        )

    def _may_begin(self, place: Place, number: int, one: ServerFinding) -> bool:
        """Of a zone that has nothing there: not if it was good there meanwhile."""
        columns = self.state.columns
        name = columns.zone_table.names[number]
        every = self.plan.cadence_of(place[0], self.plan.zones[name])
        is_old = columns.checked_at[number] < latest_that_counts(one.heard_at, every)
        return one.bad and name not in one.good and not (one.over_udp is OverUdp.SILENT and is_old)

    def begin(self, place: Place, name: str, one: ServerFinding) -> None:
        """Unless it is so already, it has been so since it was found first, or since UDP fell silent, where that was
        after.
        """
        if any(key.code == one.finding.code for key in alerts_at(self.state, name, place)):
            return
        at, zone = one.since, self.plan.zones[name]
        if one.over_udp is OverUdp.SILENT and (zone_state := self.state.zone_states.get(name)) is not None:
            address_state = address_state_of(zone_state, *place[1:])
            cadence = self.plan.cadence_of(SERIAL_CHECK, zone)
            if address_state is not None and address_state.changed - cadence > at:
                at = address_state.changed
        first = CheckResult(name, place[0], at, Health.BAD, (one.inherited(),))
        move_alerts(self.state, self.pending, first, {}, self.plan)

    def _go_on(
        self, place: Place, number: int, one: ServerFinding, here: tuple[Finding, ...], every: tuple[Finding, ...]
    ) -> None:
        state, check, at = self.state, place[0], one.heard_at
        name = state.columns.zone_table.names[number]
        result = CheckResult(name, check, at, Health.BAD if here else Health.GOOD, here)
        move_alerts(state, self.pending, result, alerts_at(state, name, place), self.plan)
        state.store_result(CheckResult(name, check, at, Health.BAD if every else Health.GOOD, every))
        until = next_transition(result, alerts_at(state, name, place), self.plan.alert_policy)
        if until is not None:
            one.wait(name, until)
        self.pending.touched.add(name)

    def complete(self, check: Check, zone: Zone, poll: ZonePoll, result: CheckResult) -> CheckResult:
        """The result of a poll that has left out addresses: with what stands there."""
        if result.failed or not any(found.of_address for found in check.finding_types):
            return result
        asked = {(seen.query.server, seen.query.address) for seen in poll.seen}
        left_out = [(server.name, address) for server, address in zone.server_addresses()]
        left_out = [each for each in left_out if each not in asked]
        columns = self.state.columns
        if not left_out or columns.zone_table is not self.plan.zones:
            return result
        number, here = columns.zone_table.index(zone.name), []
        for server, address in left_out:
            place = (check.name, server, address)
            one = self._speaking(place, number, None)
            if one is not None and one.bad and one.over_udp is OverUdp.SILENT:
                here.append(one.inherited())
                self.begin(place, zone.name, one)
        if not here:
            return result
        places = {(found.server, found.address) for found in here}
        unsure = tuple(one for one in result.unsure if (one.server, one.address) not in places)
        findings = tuple(sorted((*result.findings, *here), key=lambda one: (one.server or "", str(one.address))))
        return CheckResult(zone.name, check.name, result.at, Health.BAD, findings, unsure)


def alerts_at(state: MonitorState, zone: str, place: Place) -> Mapping[AlertKey, Alert]:
    check, server, address = place
    alerts = state.of_check(zone, check)
    return {key: alert for key, alert in alerts.items() if (key.server, key.address) == (server, address)}


def _is_at(finding: Finding, place: Place) -> bool:
    return (finding.server, finding.address) == place[1:]


def latest_that_counts(at: datetime, cadence: timedelta) -> int:
    """Microseconds: looks of soa-serial before that do not count any more."""
    return micros(at - MAX_AGE * cadence)
