"""The fast path: which polls need not be evaluated.

A zone *is steady* when the pipeline has just evaluated a poll of ``soa-serial`` and

1. the zone state it left is one that packs (``checks.zone_state.codec``): nobody's version is in doubt, each serial
   group has one version and a reference, or has never had any; every address either serves it or has long been known
   not to serve any; and whoever counts down to the end of its service (EDNS EXPIRE) has just said how far it is;
2. the check result has no findings: it is good, or it is unknown because nobody serves a version;
3. no alert of that check would be moved by the same check result, said again, before the zone is *due*; nor would that
   bring a finding about an address whose end is estimated.

The next poll in which every address says the same (same outcome, same SOA, same flags; an EXPIRE above the least from
which on time alone would bring a finding) leads the pipeline to an equal zone state, to the same check result and to
no transition, whatever time has passed until it is due. So such a poll is not made. What it would have moved is moved
here: the time of the look, and what connectivity has recorded. What changes at every poll (rtt, EXPIRE) is written by
the bulk prober. Where every address serves its version and no alert stands, it is never due.

A zone is not steady where an address told its version over TCP, because UDP brought nothing that can be used:
the bulk prober asks over UDP only, and that UDP is as dead as it was says nothing of the version.

A poll that comes back of a silent address rests on more than its zone: on connectivity, which may be lost or come
back; on TCP, which soa-serial tries where UDP is dead; and, where the check result is unknown, on alerts of other
checks, which explain it. So when the families the monitor is offline over change, no zone with silent addresses is
steady any more; of these zones a few are polled in full at each sweep, for TCP to be tried, and all of them as soon as
any of them is heard of again; and one whose alerts change is polled in full, too.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from alerting.alert_state import next_transition
from alerting.model import Policy
from checks.common.epoch import EPOCH, micros
from checks.model import Address, CheckResult, Health, Outcome, Transport, Zone, ZonePoll
from checks.model.zone_table import ZoneTable
from checks.soa_serial import SoaSerial
from checks.zone_state.address import ANSWERED
from checks.zone_state.codec import reachable_addresses
from checks.zone_state.connectivity import offline_families, record_answers
from checks.zone_state.model import SERIAL_CHECK, ZoneState
from checks.zone_state.update import unsigned
from monitor.state.columns import FULL_POLL, GOOD, NO_RESULT, STEADY_SILENT, STEADY_UP, server_addresses
from monitor.state.monitor_state import MonitorState
from monitor.state.ports import UnchangedZones

FULL_POLLS_PER_TEMPLATE = 4
"""Zones of each kind with silent addresses that are asked whole at each sweep …"""

MAX_ZONES_SCANNED = 20_000
"""… as far as they are found among so many; where kinds are rare it is another sweep's turn."""

_ALL_REACHABLE = 256
"""Stands for the reachability of a zone whose every address answers."""

_MARGIN = timedelta(minutes=1)
"""A check result is evaluated by the end of its poll: so much earlier what time brings is looked for."""


@dataclass(slots=True)
class FastPathChanges:
    """Which zones began to be steady, by number, with the seconds of EXPIRE that each address must have left; and
    which ended; and of which zones the results of other checks stand from now on. The bulk prober is told.
    """

    zone_table: ZoneTable[Zone]
    enabled: dict[int, tuple[int, ...]] = field(default_factory=dict)
    disabled: set[int] = field(default_factory=set)
    standing: dict[str, list[int]] = field(default_factory=dict)

    def enable(self, number: int, min_expires: tuple[int, ...]) -> None:
        self.disabled.discard(number)
        self.enabled[number] = min_expires

    def disable(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.enabled.pop(number, None)
            self.disabled.add(number)


def enable_if_steady(
    state: MonitorState,
    path_changes: FastPathChanges,
    zone: Zone,
    poll: ZonePoll,
    zone_state: ZoneState,
    result: CheckResult,
    check: SoaSerial,
    policy: Policy,
) -> None:
    """Enables it, after a poll of soa-serial was evaluated and its alerts moved, if the zone is steady now.

    ``zone_state`` is the one that it left.
    """
    columns, name = state.columns, poll.zone
    number = columns.zone_table.index(name)
    row = state.zone_states.row(name)
    result_id = NO_RESULT
    if (
        row is not None
        and not (result.failed or result.findings)
        and unsigned(zone, zone_state) is None
        and _expire_renewed(zone_state, poll)
        and not _answered_over_tcp(poll)
    ):
        result_id = _note_steady_mode(state, number, row, zone_state, result, check, policy, poll.cadence)
    columns.result_id[number] = result_id
    if row is None or result_id == NO_RESULT:
        if columns.mode[number] != FULL_POLL:
            path_changes.disable((number,))
        columns.mode[number] = FULL_POLL
        return
    columns.checked_at[number] = micros(result.at)
    state.drop_result(name, SERIAL_CHECK)
    path_changes.enable(number, state.zone_states.codec.min_expires(row, check.expiry_near))


def _note_steady_mode(
    state: MonitorState, number: int, row: bytes, zone_state: ZoneState, result: CheckResult, check: SoaSerial,
    policy: Policy,
    cadence: timedelta,
) -> int:  # fmt: skip
    """Notes in what way the zone is fit to be passed over; what is said of it then, NO_RESULT when it is not fit."""
    columns, codec = state.columns, state.zone_states.codec
    alerts = state.of_check(result.zone, SERIAL_CHECK)
    if not alerts and codec.answering(row) and result.health is Health.GOOD:
        columns.mode[number], columns.recheck_at[number] = STEADY_UP, 0
        return GOOD
    when = [check.due(zone_state)]
    if result.health is Health.GOOD or not state.is_explained(result.zone):
        when.append(next_transition(result, alerts, policy))
    first = min((moment for moment in when if moment is not None), default=None)
    if first is not None and first - _MARGIN <= result.at + cadence:
        return NO_RESULT  # the next poll is made in full: passed over, it would be due, and cost one more
    columns.mode[number] = STEADY_SILENT
    columns.recheck_at[number] = 0 if first is None else micros(first - _MARGIN)
    columns.reachability_id[number] = state.reachability_id(reachable_addresses(zone_state))
    return state.steady_result_id(result)


def _expire_renewed(zone_state: ZoneState, poll: ZonePoll) -> bool:
    """Whether no address serves on with an EXPIRE that it gave earlier and does not give any more: that runs down."""
    gave = {(seen.query.server, seen.query.address) for seen in poll.seen if seen.expire is not None}
    return all(
        address_state.expires is None
        or address_state.estimated
        or address_state.outcome != ANSWERED
        or (address_state.server, address_state.address) in gave
        for address_state in zone_state.address_states
    )


def _answered_over_tcp(poll: ZonePoll) -> bool:
    """Whether an address told its version only when it was asked over TCP."""
    return any(seen.query.transport is Transport.TCP and seen.outcome is Outcome.ANSWERED for seen in poll.seen)


def apply_unchanged(state: MonitorState, path_changes: FastPathChanges, unchanged: UnchangedZones) -> int:
    """Take in polls that were not made; how many.

    A zone that is not steady counts as not looked at: it was a near miss between a poll in full and the
    next asking, and is asked whole next time. So is one that would be due before it is asked again.
    """
    columns = state.columns
    if unchanged.zone_table is not columns.zone_table:
        return 0
    mode, recheck_at, checked_at, template_ids, reachability_id = (
        columns.mode,
        columns.recheck_at,
        columns.checked_at,
        columns.zone_table.template_ids,
        columns.reachability_id,
    )
    at = micros(unchanged.at)
    following = at + micros(EPOCH + unchanged.cadence)
    known: set[tuple[int, int]] = set()
    applied = 0
    for number in unchanged.numbers:
        zone_mode = mode[number]
        if zone_mode == FULL_POLL or (zone_mode == STEADY_SILENT and 0 < recheck_at[number] <= at):
            mode[number] = FULL_POLL
            path_changes.disable((number,))
            continue
        key = (template_ids[number], reachability_id[number] if zone_mode == STEADY_SILENT else _ALL_REACHABLE)
        if key not in known:
            connectivity = record_answers(
                state.connectivity, _reachability(state, number), columns.zone_table.names[number], unchanged.at
            )
            if connectivity is not state.connectivity:
                known.clear()
                if offline_families(connectivity) != offline_families(state.connectivity):
                    disable_silent(state, path_changes)
                    if zone_mode == STEADY_SILENT:  # by its own word something else is to be made of its silence
                        continue
                state.connectivity = connectivity
            if key[1]:
                known.add(key)
        checked_at[number] = at
        applied += 1
        if zone_mode == STEADY_SILENT and 0 < recheck_at[number] <= following:
            mode[number] = FULL_POLL
            path_changes.disable((number,))
    return applied


def _reachability(state: MonitorState, number: int) -> Mapping[tuple[str, Address], bool]:
    """Of which addresses anything was heard at the last poll in full, and so at this one."""
    columns = state.columns
    places = server_addresses(columns.layouts[columns.zone_table.template_ids[number]])
    if columns.mode[number] == STEADY_UP:
        return dict.fromkeys(places, True)
    reachability_id = state.reachability_patterns[columns.reachability_id[number]] or reachable_addresses(
        state.zone_states[columns.zone_table.names[number]]
    )
    return dict(zip(places, reachability_id, strict=True))


def disable_silent(state: MonitorState, path_changes: FastPathChanges) -> None:
    """Connectivity: the monitor is offline over something else, a silent address has been heard of, or there are other
    rules for alerts: nothing silent is steady.
    """
    path_changes.disable(state.columns.reset_mode(STEADY_SILENT))


def disable_changed(state: MonitorState, path_changes: FastPathChanges, names: Iterable[str]) -> None:
    """There are other settings for these zones: none that is silent is steady."""
    columns = state.columns
    numbers = [columns.zone_table.index(name) for name in names]
    silent = [number for number in numbers if columns.mode[number] == STEADY_SILENT]
    for number in silent:
        columns.mode[number] = FULL_POLL
    path_changes.disable(silent)


def disable_for(state: MonitorState, path_changes: FastPathChanges, names: Iterable[str]) -> None:
    """Alerts of these zones changed: one that explains why a check can say nothing may have come, or gone."""
    columns = state.columns
    for name in names:
        if name in columns.zone_table:
            number = columns.zone_table.index(name)
            if (
                columns.mode[number] == STEADY_SILENT
                and state.steady_results[columns.result_id[number]][0] is Health.UNKNOWN
            ):
                columns.mode[number] = FULL_POLL
                path_changes.disable((number,))


def is_reachable_again(state: MonitorState, poll: ZonePoll) -> bool:
    """Whether the poll brings word of an address that was silent when it was last heard of."""
    before = state.connectivity.heard
    return any(
        not seen.outcome.no_response and before.get((seen.query.server, seen.query.address)) is False
        for seen in poll.seen
    )


def pick_full_polls(state: MonitorState, path_changes: FastPathChanges, template_ids: Container[int]) -> None:
    """Before a sweep of the zones with these templates: a few of each kind that have silent addresses are to be asked
    whole.
    """
    columns = state.columns
    picked = [0 if kind in template_ids else FULL_POLLS_PER_TEMPLATE for kind in range(len(columns.layouts))]
    for number in columns.next_in_mode(STEADY_SILENT, MAX_ZONES_SCANNED):
        template_id = columns.zone_table.template_ids[number]
        if picked[template_id] < FULL_POLLS_PER_TEMPLATE:
            picked[template_id] += 1
            columns.mode[number] = FULL_POLL
            path_changes.disable((number,))
            if min(picked) == FULL_POLLS_PER_TEMPLATE:
                break


def disable_all(state: MonitorState, path_changes: FastPathChanges) -> None:
    """soa-serial itself has changed: whatever it said, it must say again."""
    for mode in (STEADY_UP, STEADY_SILENT):
        path_changes.disable(state.columns.reset_mode(mode))
