"""Standing results: which polls of the checks beside soa-serial need not be evaluated, nor made.

The result of a check for a zone *stands* when the pipeline has just evaluated a poll of it and

1. the result is good, and that is all: no findings, nothing unsure, no signatures, whose end comes by itself;
2. no alert of the check stands at the zone;
3. and since then no server has been found with another version of the zone, if the check is bound to versions.

While it stands, a poll in which every address says the same to each of the check's standing questions, or over TCP
what is as good, would lead to an equal result, to no transition, and to no change of the zone state, which only
soa-serial makes. So such a poll is not evaluated; only the time of the look moves. Whether it is so is known

- of a SOA over UDP by soa-serial: its zone is on the fast path (``fast_path``), with every address up; where soa-serial
  is off for a zone, or comes less often than the check does, the check asks by itself;
- of another RRset by the bulk prober's fingerprints, which are those of the poll that was evaluated;
- of a zone that has not stood yet by its likeness to others (``monitor.state.alike``);
- of an answer over TCP by turns (``monitor.polling.tcp_turns``): TCP is a property of an address far more than of a
  zone. A zone whose turn it is and that stands is asked over TCP alone, with others down one connection; if each of its
  addresses gives an answer that reachable has nothing to say of (``monitor.polling.tcp_prober``) it stands, else it is
  polled in full. Where a zone finds something at an address, that address is *suspect*: some of its zones are polled at
  once, the others in full at their turn, until one of them finds nothing there.

A result that has findings and no doubts stands, too, while all of them stand at servers and other zones are polled for
them (``server_findings``): the zone *inherits*. That ends with its next poll in full, which is made at its turn over
TCP, or as soon as anything but that does not stand.

A poll of soa-serial in which every address has answered over UDP is also one of each check that asks for nothing else:
it is evaluated as such, so that what these say is bound to the very answers that the fast path compares with.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from itertools import islice, zip_longest

from checks.base import Check
from checks.common.epoch import micros, moment_of
from checks.model import Address, CheckResult, Health, Transport, Zone, ZonePoll
from checks.model.finding_type import OverUdp
from checks.model.relative_names import ZONE_PLACEHOLDER, relative
from checks.model.zone_table import ZoneTable
from checks.soa_serial import SoaSerial
from checks.zone_state.connectivity import record_answers
from monitor.state.alike import remember_looks, takes_over
from monitor.state.alike_zones import Look
from monitor.state.columns import (
    FULL_POLL,
    INHERITS,
    STANDS,
    STEADY_UP,
    RrsetQuestion,
    RrsetQuestions,
    ZoneColumns,
    server_addresses,
)
from monitor.state.fast_path import FastPathChanges
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.over_udp import over_udp
from monitor.state.pending_commit import PendingCommit
from monitor.state.ports import UnchangedZones
from monitor.state.zone_status import HEALTH_CHECKS

_TEMPLATE = f"{ZONE_PLACEHOLDER}."
"""A zone that no record lies in but those that are written as seen from their zone."""


MAX_CONFIRMING = 16
"""Zones that are polled at once to see whether they, too, find something at an address: spread over the table."""


def rrset_questions(zone_table: ZoneTable[Zone], checks: Mapping[str, Check]) -> RrsetQuestions:
    """Of the checks that ask for any RRset beside the SOA: for which, by template."""
    zones = [template.with_name(_TEMPLATE) for template in zone_table.templates]
    found = {name: tuple(_rrsets(check, zone) for zone in zones) for name, check in checks.items()}
    return {name: by_template for name, by_template in found.items() if any(by_template)}


def _rrsets(check: Check, zone: Zone) -> tuple[RrsetQuestion, ...]:
    return tuple(
        RrsetQuestion(relative(question.name, zone.name), question.type, question.dnssec)
        for question in check.standing_questions(zone)
        if question.transport is Transport.UDP and not question.is_for_soa(zone)
    )


def shared_polls(zone: Zone, poll: ZonePoll, plan: MonitoringPlan) -> Iterator[ZonePoll]:
    """The polls of other checks that a poll of soa-serial is, too."""
    if any(seen.serial is None or seen.query.transport is not Transport.UDP for seen in poll.seen):
        return
    for name, check in plan.checks.items():
        questions = () if isinstance(check, SoaSerial) else check.standing_questions(zone)
        if questions and all(one.is_for_soa(zone) for one in questions) and plan.asks(name, zone):
            yield replace(poll, check=name, cadence=plan.cadence_of(name, zone))


def note_result(
    state: MonitorState,
    path_changes: FastPathChanges,
    check: Check,
    zone: Zone,
    result: CheckResult,
    *,
    shared: bool,
) -> Sequence[str]:
    """Notes whether the result of a poll stands, of another check than soa-serial, once its alerts have moved.
    Returns zones that are to be polled by it at once, to see whether they find the same.

    ``shared``: the poll was one of soa-serial. Where a check asks for nothing else, only that binds its result to what
    the fast path compares with; after a poll of its own the next one of soa-serial is to be made in full.
    """
    columns, questions = state.columns, check.standing_questions(zone)
    if not questions or zone.name not in columns.zone_table:
        return ()
    number = columns.zone_table.index(zone.name)
    good = result.health is Health.GOOD and not (result.findings or result.unsure or result.reason or result.ends)
    alerts = state.of_check(zone.name, check.name)
    stands = good and not alerts
    if stands and not shared and all(question.is_for_soa(zone) for question in questions):
        steady = columns.mode[number] == STEADY_UP
        known = columns.standing.get(check.name)
        stands = steady and known is not None and known[number] == STANDS
        if steady and not stands:
            columns.mode[number] = FULL_POLL
            path_changes.disable((number,))
    columns.set_standing(check.name, number, stands)
    memory = result.remembered
    uncertain = memory is not None and bool(memory.looks or memory.varying)
    columns.alike.poll_in_full(check.name, number, wanted=not stands or uncertain)
    if stands and columns.rrset_slots(check.name, number):
        path_changes.standing.setdefault(check.name, []).append(number)
    if not any(question.transport is Transport.TCP for question in questions):
        return ()
    brought = over_udp(columns, number)
    confirming = [
        *_note_suspects(state, check, zone, result), *columns.server_findings.note(check, zone, result, brought)
    ]  # fmt: skip
    if columns.server_findings.inherits(check.name, zone, result) and len(alerts) == len(result.findings):
        columns.set_standing(check.name, number, INHERITS)
    return confirming


def _note_suspects(state: MonitorState, check: Check, zone: Zone, result: CheckResult) -> Sequence[str]:
    """Some of the zones of the addresses at which something is found only now.

    What is found where UDP is silent makes nothing suspect: others of which UDP brings the same wait for it, and of
    those that UDP answers for it says nothing.
    """
    columns, suspects, findings = state.columns, state.columns.suspects, state.columns.server_findings
    of_silent = {one.code for one in check.finding_types if one.of_address is OverUdp.SILENT}
    found = {(one.server, one.address): one for one in result.findings}
    if not found and not suspects:
        return ()
    unsure = {(one.server, one.address) for one in result.unsure}
    fresh: set[tuple[str, Address]] = set()
    for server, address in zone.server_addresses():
        place, one = (check.name, server.name, address), found.get((server.name, address))
        if one is None:
            if result.health is not Health.UNKNOWN and (server.name, address) not in unsure:
                suspects.discard(place)
        elif one.inherited:  # it was left out
            continue
        elif one.code in of_silent:
            fresh |= {(server.name, address)} if findings.of_code(place, one.code) is None else set()
        else:
            fresh |= {(server.name, address)} if place not in suspects else set()
            suspects.add(place)
    standing = columns.standing.get(check.name)
    if standing is None:
        return ()
    fresh = {place for place in fresh if columns.server_findings.takes_confirming((check.name, *place), result.at)}
    if not fresh:
        return ()
    # where it has stood before, zones may inherit it: asked again and again they would find it again and again
    new = not any(findings.has_stood((check.name, *place)) for place in fresh)
    every = columns.spread_zones_at(fresh, MAX_CONFIRMING)
    others = (number for number in every if standing[number] == STANDS or (new and standing[number]))
    return [columns.zone_table.names[number] for number in islice(others, MAX_CONFIRMING)]


def note_versions(state: MonitorState, zone: str, checks: Mapping[str, Check]) -> None:
    """Who serves which version has changed: what is bound to that is to be found again."""
    columns = state.columns
    if zone in columns.zone_table:
        number = columns.zone_table.index(zone)
        for name, column in columns.standing.items():
            if column[number] and (name not in checks or checks[name].version_bound):
                column[number] = 0


def note_without_edns(state: MonitorState, poll: ZonePoll, checks: Mapping[str, Check]) -> None:
    """A poll of soa-serial in which an address gave its version only without EDNS, or better: to it that is all the
    same, and the zone is steady; others are to find out about it.
    """
    columns = state.columns
    if poll.zone in columns.zone_table and any(seen.without_edns and not seen.query.foreign for seen in poll.seen):
        number = columns.zone_table.index(poll.zone)
        for name, column in columns.standing.items():
            if name not in checks or not checks[name].version_bound:
                column[number] = 0
        for name, check in checks.items():
            if not check.version_bound:
                columns.alike.poll_in_full(name, number, wanted=True)


def apply_standing(state: MonitorState, pending: PendingCommit, unchanged: UnchangedZones) -> None:
    """Take in polls that were not made. What does not stand any more is polled in full at its next turn; some zones are
    at once.

    Where nothing but the SOA was to be asked for, it was soa-serial that looked. A zone that inherits was not looked
    at: others were.
    """
    columns, check = state.columns, unchanged.check
    if unchanged.zone_table is not columns.zone_table:
        names = (unchanged.zone_table.names[number] for number in unchanged.numbers if unchanged.alike)
        pending.rechecks |= {(check, name): unchanged.at for name in names if name in columns.zone_table}
        return
    own, at = check in columns.rrsets, micros(unchanged.at)
    mode, checked_at = columns.mode, columns.checked_at
    doubted = dict.fromkeys(_take_over(state, pending, unchanged) if unchanged.alike else ())
    standing = columns.standing.get(check)
    heard: set[int] = set()
    for number in unchanged.numbers:
        if standing is None:
            break
        if standing[number] == STANDS and (own or mode[number] == STEADY_UP):
            looked = at if own else checked_at[number]
            columns.note_ok(check, number, max(columns.ok_at[check][number] if check in columns.ok_at else 0, looked))
            if columns.zone_table.template_ids[number] not in heard:
                _note_heard(state, number, at if unchanged.over_tcp else looked, heard)
            if unchanged.over_tcp:
                doubted |= dict.fromkeys(_note_good(columns, check, number, unchanged.at))
    pending.rechecks |= {(check, name): unchanged.at for name in doubted}


def _note_heard(state: MonitorState, number: int, looked: int, heard: set[int]) -> None:
    """Each address of the zone had answered for it when that was looked at: as after a poll in full. ``heard``: the
    templates at whose addresses nothing is silent.
    """
    columns, template_id = state.columns, state.columns.zone_table.template_ids[number]
    news = dict.fromkeys(server_addresses(columns.layouts[template_id]), True)
    if all(map(state.connectivity.heard.get, news)):
        heard.add(template_id)
        return
    name = columns.zone_table.names[number]
    state.connectivity = record_answers(state.connectivity, news, name, moment_of(looked))


def _take_over(state: MonitorState, pending: PendingCommit, alike: UnchangedZones) -> Iterator[str]:
    """What did not stand stands from now on; returns the zones that are to be polled in full at once instead.

    One that soa-serial has found something of meanwhile waits for its turn if that is all that it was asked for.
    """
    columns, check = state.columns, alike.check
    own, took_over, seen = check in columns.rrsets, list[int](), list[tuple[int, Look]]()
    for number, look in zip_longest(alike.numbers, alike.looks):
        standing = columns.standing.get(check)
        if standing is not None and standing[number]:
            continue
        if takes_over(state, check, number, look):
            columns.set_standing(check, number, STANDS)
            took_over.append(number)
            seen += [] if look is None else [(number, look)]
        elif own or columns.mode[number] == STEADY_UP:
            yield columns.zone_table.names[number]
    memories = remember_looks(state, check, seen)
    pending.record_memories |= {(memory.check, memory.zone): memory for memory in memories}
    if own and took_over:
        pending.path_changes.standing.setdefault(check, []).extend(took_over)
    if check in HEALTH_CHECKS:  # nothing else that is taken over shows in how a zone is
        pending.took_over += took_over


def _note_good(columns: ZoneColumns, check: str, number: int, at: datetime) -> Iterator[str]:
    """A zone is good over TCP at every address. Zones that are to be polled at once, because of what stands there."""
    if columns.server_findings.known:
        for place in columns.layouts[columns.zone_table.template_ids[number]]:
            name = columns.zone_table.names[number]
            yield from columns.server_findings.note_good((check, place.server, place.address), name, at)


def reset_changed(state: MonitorState, before: Mapping[str, Check], now: Mapping[str, Check]) -> None:
    """Other settings of a check, or other things that it knows of: nothing that it said stands."""
    for name, check in now.items():
        if name in before and _settings(check) != _settings(before[name]):
            state.columns.standing.pop(name, None)
            state.columns.alike.forget_kinds(name)


def _settings(check: Check) -> tuple[object, ...]:
    """All of them, those that are handed in by the service, too."""
    return tuple(getattr(check, field.name) for field in fields(check))  # type: ignore[arg-type]  # checks are dataclasses
