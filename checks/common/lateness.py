"""How late a server is, or one of the machines behind its address, in times and in words."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from checks.common.serial import behind
from checks.common.text import instant, one_line, plural, truncate
from checks.common.versions import newer_than
from checks.model import Soa, Zone, ZonePoll
from checks.zone_state.identities import is_another, leaves_after
from checks.zone_state.model import AddressState, IdentityState, SerialGroup

MAX_NSID = 64
"""Characters of an NSID that are told."""

TOLD_UNSEEN = 4
"""Answers of others after which it is told how long a machine has not been seen."""


@dataclass(frozen=True, slots=True)
class Lateness:
    """For how long a server has not had a version, how many it lacks, for how long its own has not moved, in words.

    ``who`` is late, where it is not the address as a whole; ``last`` says when that was seen.
    """

    lag: timedelta
    missed: int
    steady: timedelta
    text: str
    who: str = ""
    last: str = ""


@dataclass(frozen=True, slots=True)
class LateMachine:
    """One of several machines behind an address that is late; None in place of how late, where it has not been seen
    since the monitor started. ``sure``: it is no single machine that went back and forth, nor is the primary about to
    be seen going back to that version.
    """

    identity: IdentityState
    sure: bool
    lateness: Lateness | None


def lateness_of(serial_group: SerialGroup, reference: int, serial: int, since: datetime, at: datetime) -> Lateness:
    """Of whoever serves an older version than the reference ``at`` that time, and came to it at ``since``."""
    later = newer_than(serial, reference, serial_group.versions)
    text = f"serves {serial}, {plural(len(later), 'version')} before {reference}, since {instant(later[0].seen)}"
    missed = sum(version.seen > since for version in later)
    return Lateness(at - later[0].seen, missed, at - since, text)


def late_machines(address_state: AddressState, serial_group: SerialGroup) -> Iterator[LateMachine]:
    """The machines behind an address that were behind the reference, and what the address shows, when they were last
    seen. What they did since is not known, so that time alone does not make them later.
    """
    reference, identities = serial_group.reference, address_state.identities
    for one in identities:
        if reference is None or one.serial == address_state.serial or not behind(reference, one.serial):
            continue
        doubtful = serial_group.doubt is not None and serial_group.doubt.serial == one.serial
        sure = is_another(one, identities) and not doubtful
        if one.seen is None:
            yield LateMachine(one, sure, None)
            continue
        late = lateness_of(serial_group, reference, one.serial, one.since, one.seen)
        last = f"; last seen at {instant(one.seen)}"
        if one.unseen >= TOLD_UNSEEN:
            last += f", {one.unseen} answers of others ago, and taken for gone after {leaves_after(one, identities)}"
        who = f"has several machines behind it, and {identity_text(one, identities)} "
        yield LateMachine(one, sure, Lateness(late.lag, late.missed, late.steady, late.text, who, last))


def identity_text(one: IdentityState, identities: Collection[IdentityState]) -> str:
    """ "the one with NSID fra1", "one of them (no NSID tells which)", "one of them (not the only one with NSID a)"."""
    if one.nsid is None:
        return "one of them (no NSID tells which)"
    if any(other.nsid == one.nsid for other in identities if other is not one):
        return f"one of them (not the only one with NSID {nsid_text(one.nsid)})"
    return f"the one with NSID {nsid_text(one.nsid)}"


def nsid_text(nsid: str) -> str:
    """An NSID as it is told: strangers have written it."""
    return truncate(one_line(nsid), MAX_NSID)


def promise(soa: Soa, poll: ZonePoll) -> timedelta:
    """By when a secondary must have refreshed, and we must have seen it."""
    return timedelta(seconds=soa.refresh + soa.retry) + poll.cadence


def steady_limit(zone: Zone, soa: Soa, poll: ZonePoll) -> timedelta:
    """How long a version may stay while newer ones come by. Up to then its server may wait for the refresh: no NOTIFY
    reaches it.
    """
    return max(zone.max_lag, timedelta(seconds=soa.refresh) + poll.cadence)
