"""How late a server is, or one of the machines behind its address, in times and in words, and what that is called."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from checks.common.serial import behind
from checks.common.serial_texts import address_finding
from checks.common.text import format_duration, instant, one_line, plural, truncate
from checks.common.versions import newer_than
from checks.model import Finding, Inconclusive, Soa, Zone, ZonePoll
from checks.model.finding_type import FindingType, Severity
from checks.zone_state.identities import MISSED_LOOKS, is_another, leaves_after
from checks.zone_state.model import AddressState, IdentityState, SerialGroup

LATE = FindingType(
    "serial-late", Severity.WARNING, "A server is behind for longer than max_lag", state="late", inherits=True
)
OVERDUE = FindingType(
    "serial-overdue", Severity.CRITICAL, "A server is behind for longer than the zone's own refresh and retry",
    state="overdue", inherits=True,
)  # fmt: skip
STUCK = FindingType(
    "serial-stuck", Severity.CRITICAL, "A server stays on one version while newer ones come by",
    state="stuck", inherits=True,
)  # fmt: skip

MAX_NSID = 64
"""Characters of an NSID that are told."""


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


def judged_by_budgets(
    zone: Zone, poll: ZonePoll, soa: Soa | None, address_state: AddressState, late: Lateness, stuck_after: int
) -> Iterator[Finding]:
    """The first that holds of serial-stuck, serial-overdue and serial-late; none while it may still be on its way."""
    text = f"{late.who}is {format_duration(late.lag)} behind: it {late.text}"
    if soa is not None and late.missed >= stuck_after and min(late.lag, late.steady) > steady_limit(zone, soa, poll):
        taken = f"newer versions come by and it has taken none for {format_duration(late.steady)}"
        yield address_finding(STUCK.code, address_state, f"{text}; {taken}{late.last}")
    elif soa is not None and late.lag > promise(soa, poll):
        reason = f"longer than the zone's refresh and retry allow ({format_duration(promise(soa, poll))})"
        yield address_finding(OVERDUE.code, address_state, f"{text}; {reason}{late.last}")
    elif late.lag > zone.max_lag:
        allowed = f"longer than max_lag ({format_duration(zone.max_lag)})" if zone.max_lag else "and no lag is allowed"
        yield address_finding(LATE.code, address_state, f"{text}; {allowed}{late.last}")


def judged_machines(
    zone: Zone, poll: ZonePoll, serial_group: SerialGroup, address_state: AddressState, stuck_after: int
) -> Iterator[Finding | Inconclusive]:
    """What is to be said of machines behind the address that serve an older version than it shows otherwise."""
    place = (address_state.server, address_state.address)
    for one in late_machines(address_state, serial_group):
        if one.lateness is None:
            why = f"a machine behind it that served {one.identity.serial} has not answered again yet"
            yield Inconclusive(*place, reason=why)
            continue
        found = judged_by_budgets(zone, poll, serial_group.soa, address_state, one.lateness, stuck_after)
        if one.sure:
            yield from found
        elif any(found):
            why = f"shows {one.identity.serial} and {address_state.serial} in turn; further looks will tell why"
            yield Inconclusive(*place, reason=why)


_LATENESS = (STUCK.code, OVERDUE.code, LATE.code)
"""The gravest first."""


def gravest_lateness(every: Iterable[Finding | Inconclusive]) -> list[Finding | Inconclusive]:
    """All that is said of an address, as a whole and for the machines behind it: of its lateness the gravest alone, and
    then nothing is unsure.
    """
    said = list(every)
    late = [one for one in said if isinstance(one, Finding) and one.code in _LATENESS]
    if not late:
        return said
    first = min(late, key=lambda one: _LATENESS.index(one.code))
    return [first, *(one for one in said if isinstance(one, Finding) and one.code not in _LATENESS)]


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
        if one.unseen >= MISSED_LOOKS:
            last += f", {one.unseen} answers of others ago, and taken for gone after {leaves_after(one, identities)}"
        who = machine_text(one, identities)
        yield LateMachine(one, sure, Lateness(late.lag, late.missed, late.steady, late.text, who, last))


def machine_text(one: IdentityState, identities: Collection[IdentityState]) -> str:
    """Who it is of whom something is said: "has several machines behind it, and the one with NSID fra1 "."""
    return f"has several machines behind it, and {identity_text(one, identities)} "


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
