"""First polls after a start: what was made of one zone's goes for all zones like it.

A zone of which there is no result and no alert, and no zone state or a steady one from before the start, is *like*
another if it has the same template and each of its addresses answers soa-serial in the same form as the other's: with
the same response but for zone, serial and EXPIRE (``monitor.probe.message.soa_forms``). The pipeline has evaluated a
poll of the other, and found it steady, with every address up. Then it would make of this one what it made of that, but
for serials and times, if

1. every address of a serial group has one serial, as all had there, and the zone state, if there is one, says the
   same of serials, SOA and NSIDs (that leaves it as it is), and
2. the EXPIREs are above the least from which on time alone would bring a finding, and are given where they were, and
3. no serial is a date that is to come, of which soa-serial has something to say, and
4. connectivity has heard of each of the addresses, and the monitor is offline over nothing.

So it is made directly, without an observation, a zone state, or a check result. All others are polls as any.
"""

from checks.common.epoch import micros
from checks.common.serial_styles import date_ahead
from checks.model import ZonePoll
from checks.zone_state.first_row import first_row
from monitor.probe.bulk.observations import formed_observation
from monitor.state.columns import FULL_POLL, GOOD, STEADY_UP
from monitor.state.fast_path import FastPathChanges
from monitor.state.first_results import FirstResult
from monitor.state.monitor_state import MonitorState
from monitor.state.ports import FormedPoll

_ELSEWHERE = "\0."
"""A zone that no record lies in but those that are written as seen from their zone."""


def zone_poll(poll: FormedPoll) -> ZonePoll:
    """The same poll with its observations, in the order of asking."""
    origin, number = poll.origin, poll.number
    zone_table = origin.zone_table
    zone, name = zone_table.templates[zone_table.template_ids[number]], zone_table.names[number]
    places = list(zip(zone.server_addresses(), poll.answers, strict=True))
    places.sort(key=lambda place: place[0][0].name == zone.primary)
    seen = tuple(formed_observation(name, server.name, address, answer) for (server, address), answer in places)
    return ZonePoll(name, origin.check, poll.at, origin.cadence, seen, origin.vantage)


def is_first(state: MonitorState, number: int) -> bool:
    """Whether nothing is known of a zone but what a steady zone state says."""
    columns = state.columns
    name = columns.zone_table.names[number]
    return (
        columns.mode[number] == FULL_POLL
        and (state.zone_states.row(name) is not None or name not in state.zone_states)
        and name not in state.results
        and name not in state.by_zone
        and not any(column[number] for column in columns.ok_at.values())
    )


def forms(poll: FormedPoll) -> tuple[int, ...]:
    """What all that are like it have in common."""
    return (poll.origin.zone_table.template_ids[poll.number], *[answer.form.number for answer in poll.answers])


def note_first(state: MonitorState, poll: FormedPoll, min_expires: tuple[int, ...]) -> None:
    """Notes what is to be taken over of the first poll of a zone, which the pipeline has evaluated.

    ``min_expires`` are the seconds of EXPIRE from which on its addresses have changed.
    """
    columns, number = state.columns, poll.number
    name, codec = columns.zone_table.names[number], state.zone_states.codec
    row = state.zone_states.row(name)
    if row is None or columns.mode[number] != STEADY_UP or name in state.results or name in state.by_zone:
        return
    found = first_row(codec, row)
    if found is None:
        return
    said = [answer.form.answer(_ELSEWHERE, 0, None).soa for answer in poll.answers]
    if not all(soa in said for soa in found.soas_for(codec, _ELSEWHERE)):
        return
    state.first_results.known[forms(poll)] = FirstResult(
        found, min_expires,
        tuple(check for check, column in columns.ok_at.items() if column[number]),
        tuple(check for check, column in columns.standing.items() if column[number]),
        tuple(place.primary for place in columns.layouts[columns.zone_table.template_ids[number]]),
    )  # fmt: skip


def apply_first(
    state: MonitorState, path_changes: FastPathChanges, poll: FormedPoll, result: FirstResult
) -> bytes | None:
    """Take in the first poll of a zone that is like one that had this result; its packed zone state, new or as it was.

    None: it is not like it after all, and nothing has been done.
    """
    answers, number, columns = poll.answers, poll.number, state.columns
    expires: list[int | None] = []
    for answer, least, primary in zip(answers, result.min_expires, result.primary, strict=True):
        left = answer.expire
        if left is not None and left < least:
            return None
        expires.append(None if left is None or primary else answer.at + left * 1_000_000)
    at, name, serials = micros(poll.at), columns.zone_table.names[number], [one.serial for one in answers]
    if any(date_ahead(serial, poll.at) for serial in serials):
        return None
    row = known = state.zone_states.row(name)
    if known is None:
        row = result.row.pack(at, serials, [one.at for one in answers], expires)
    if row is None or (known is not None and not result.row.fits(known, serials)):
        return None
    rtts, ends = columns.address_metrics.rtts, columns.address_metrics.expires
    for slot, answer, end in zip(columns.slots_of(number), answers, expires, strict=True):
        rtts[slot], ends[slot] = answer.rtt, end or 0
    if known is None:
        state.zone_states.put_row(name, row)
    columns.mode[number], columns.recheck_at[number], columns.result_id[number] = STEADY_UP, 0, GOOD
    columns.checked_at[number], columns.udp_id[number] = at, 0
    for check in result.good:
        columns.note_ok(check, number, at)
    for check in result.standing:
        columns.set_standing(check, number, True)
    path_changes.enable(number, result.min_expires)
    return row
