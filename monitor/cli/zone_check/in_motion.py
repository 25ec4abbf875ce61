"""What a change on its way may explain, as far as max_lag allows: it accuses nobody, but it is told."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise

from alerting.finding_types import FINDING_TYPES
from checks import ns_set, records, signatures
from checks.common.lateness import LATE, identity_text, late_machines, nsid_text
from checks.common.multi_signer import KEY_MISSING, OTHERS_KEYS
from checks.common.rrset_compare import PROPAGATING
from checks.common.serial import behind, newer
from checks.common.text import format_duration, server_at
from checks.model import Address, CheckResult, Finding, Zone, ZonePoll
from checks.ns_set import NsSet
from checks.records import Records
from checks.signatures import Signatures
from checks.soa_serial import AHEAD
from checks.zone_state.address import ANSWERED
from checks.zone_state.model import SERIAL_CHECK, AddressState, SerialGroup, ZoneState
from checks.zone_state.update import lag, latest, serial_group_of, unsigned

_DIFFERS: Mapping[str, str] = {
    Records.name: records.RECORDS_DIFFER.code,
    NsSet.name: ns_set.NS_DIFFERS.code,
    Signatures.name: signatures.KEYS_DIFFER.code,
}


def in_motion(
    zone: Zone, zone_state: ZoneState, results: Iterable[CheckResult], now: datetime, memory: str
) -> Iterator[Finding]:
    """Differences that are none yet: behind within max_lag, ahead at a first look, other records meanwhile.

    Without ``memory`` nobody knows since when a server is behind, only for how long that was seen: each of these
    may be a change that was published a moment ago.
    """
    said = tuple(results)
    accused = {(f.server, f.address) for result in said for f in result.findings if FINDING_TYPES[f.code].state}
    moving: set[tuple[str, Address]] = set()
    for address_state in zone_state.address_states:
        place = (address_state.server, address_state.address)
        serial_group = serial_group_of(zone_state, address_state.group)
        if serial_group is not None and address_state.outcome == ANSWERED and place not in accused:
            for finding in _of(zone, zone_state, serial_group, address_state, now, memory):
                moving.add(place)
                yield finding
    for result in said:
        for unsure in result.unsure:
            where = unsure.server, unsure.address
            if unsure.reason == PROPAGATING and where[0] is not None and where[1] is not None and where not in moving:
                text, code = _other_content(result.check, server_at(where[0], where[1]), unsure.subject)
                yield Finding(code, f"{text}; {_allowed(zone)}", *where, unsure.subject or "")


def _other_content(check: str, where: str, subject: str | None) -> tuple[str, str]:
    """What an address has for it, and the code of what that would be."""
    if subject == OTHERS_KEYS:
        return f"{where} lacks a key that another group has begun to sign with", KEY_MISSING.code
    text = f"{where} has something else for {subject} than others"
    return text, _DIFFERS.get(check, records.RECORDS_DIFFER.code)


def _of(
    zone: Zone,
    zone_state: ZoneState,
    serial_group: SerialGroup,
    address_state: AddressState,
    now: datetime,
    memory: str,
) -> Iterator[Finding]:
    where = server_at(address_state.server, address_state.address)
    if address_state.doubt is not None:
        serial, reference = address_state.doubt.serial, serial_group.reference
        text = f"{where} serves {serial} where {reference} was expected; one more look would tell"
        yield Finding(AHEAD.code, text, address_state.server, address_state.address)
    elif (
        serial_group.reference is not None
        and address_state.serial is not None
        and behind(serial_group.reference, address_state.serial)
    ):
        known = _how_late(zone_state, address_state, now, memory)
        text = f"{where} serves {address_state.serial} and others {serial_group.reference}, {known}; {_allowed(zone)}"
        yield Finding(LATE.code, text, address_state.server, address_state.address)
    elif late := [one for one in late_machines(address_state, serial_group) if one.sure]:
        who = identity_text(late[0].identity, address_state.identities)
        serves = f"serves {late[0].identity.serial} and others {serial_group.reference}"
        known = _how_late(zone_state, address_state, now, memory)
        text = f"{where} has several machines behind it, and {who} {serves}, {known}; {_allowed(zone)}"
        yield Finding(LATE.code, text, address_state.server, address_state.address)
    elif address_state.server == zone.signer and (waiting := unsigned(zone, zone_state)):
        first = waiting.versions[0]
        text = f"{where} signs the zone and has published nothing since {zone.primary} came to {first.serial}"
        known = f"{format_duration(now - first.seen)} ago"
        yield Finding(LATE.code, f"{text}, {known}; {_allowed(zone)}", address_state.server, address_state.address)


def _how_late(zone_state: ZoneState, address_state: AddressState, now: datetime, memory: str) -> str:
    late = lag(zone_state, address_state.server, address_state.address, now)
    if memory and late is not None:
        return f"{format_duration(late)} behind"
    return "for how long is not known without memory"


def _allowed(zone: Zone) -> str:
    return f"max_lag allows {format_duration(zone.max_lag)}"


def other_machines(zone: Zone, looks: Sequence[Sequence[ZonePoll]]) -> Iterator[Finding]:
    """Where another machine (NSID) than at the look before answers at an address, with something newer: whether the one
    before has it by now, nobody knows.
    """
    seen = [latest(poll) for polls in looks for poll in polls if poll.check == SERIAL_CHECK]
    for before, after in pairwise(seen):
        for (server, address), now in after.items():
            was = before.get((server, address))
            if was is None or was.serial is None or now.serial is None or not newer(now.serial, was.serial):
                continue
            if None not in (was.nsid, now.nsid) and was.nsid != now.nsid:
                who = f"{server_at(server, address)} has several machines behind it, and the one with NSID"
                serves = f"{nsid_text(was.nsid or '')} served {was.serial} where the next served {now.serial}"
                yield Finding(LATE.code, f"{who} {serves}; one more look would tell", server, address)


def differing_while_changing(
    one: tuple[Mapping[str, CheckResult], ZoneState], two: tuple[Mapping[str, CheckResult], ZoneState]
) -> tuple[Finding, ...]:
    """Contents that differ at the second of two looks, between which some address took another version."""
    before = {(s.server, s.address): s.serial for s in one[1].address_states}
    if all(before.get((s.server, s.address), s.serial) == s.serial for s in two[1].address_states):
        return ()
    return tuple(f for result in two[0].values() for f in result.findings if FINDING_TYPES[f.code].transient)
