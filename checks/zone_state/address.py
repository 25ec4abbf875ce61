"""Updates the state of one address by one look at it, and of the reference by one at the primary."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from checks.common.serial import newer, newest
from checks.model import Address, Observation, Outcome, Server, Soa
from checks.zone_state.identities import alternates, answered_by, diverged, is_another, note_answer
from checks.zone_state.model import AddressState, SerialGroup, UnconfirmedSerial

ANSWERED = "answered"
"""The state of an address that serves a version; every other state is an outcome, or an rcode in lower case."""

_OUTCOMES = frozenset(Outcome)

CONFIRMING_LOOKS = 2


def refuses(state: str) -> bool:
    """Whether the address answered that it has no version of the zone: its state is an rcode."""
    return state not in _OUTCOMES


@dataclass(frozen=True, slots=True)
class AddressUpdate:
    """An address of a serial group, what it stood at before, and what was seen of it now."""

    server: Server
    address: Address
    before: AddressState | None
    seen: Observation | None

    @property
    def serial(self) -> int | None:
        return self.seen.serial if self.seen is not None else None

    @property
    def version(self) -> tuple[int, Observation] | None:
        """The serial it showed and the observation that shows it."""
        if self.seen is None or (serial := self.seen.serial) is None:
            return None
        return serial, self.seen


def outcome_name(seen: Observation) -> str:
    """The state an observation puts its address in."""
    if seen.serial is not None:
        return ANSWERED
    if seen.outcome is not Outcome.ANSWERED:
        return seen.outcome.value
    return (seen.rcode or "noerror").lower()


def next_state(
    look: AddressUpdate,
    reference: int | None,
    at: datetime,
    patience: timedelta,
    soa: Soa | None = None,
    *,
    ahead_is_odd: bool,
) -> AddressState:
    """What the address is believed to serve after this look, and what is known of the machines behind it."""
    before, version = look.before, look.version
    after = _believed(look, reference, at, patience, ahead_is_odd=ahead_is_odd)
    if before is None or version is None:
        return after
    identities = diverged(note_answer(before, version[1], version[0], patience, soa), version[1].at, soa)
    return after if identities == after.identities == () else replace(after, identities=identities)


def _believed(
    look: AddressUpdate, reference: int | None, at: datetime, patience: timedelta, *, ahead_is_odd: bool
) -> AddressState:
    """What the address is believed to serve after this look.

    Believed at once: the reference, the same as before, anything newer. Only at the second look that the same
    identity (NSID) answers in a row: older than before (or 2^31 away from it); if ``ahead_is_odd``, newer than the
    reference, unless that was believed already; and a step onward from there that ends behind the reference: the
    address was led around the circle, by a primary that is about to be seen doing so. A primary that has come to
    the doubtful version meanwhile answers the doubt: then the address is merely quick.
    Until then the address stands where it stood, so that anycast in motion changes nothing. Where the identity
    changes at every look, it is believed once nothing else was seen for the whole of ``patience``. An older version of
    which it is known that it is another machine's (``identities``) changes nothing while newer ones are seen.
    """
    before, seen = look.before, look.seen
    if before is not None and before.group != look.server.group:
        before = replace(before, group=look.server.group)
    if seen is None:
        return before or _unseen(look, Outcome.UNASKED.value, at)
    serial = seen.serial
    if serial is None:
        return _silence(before or _unseen(look, outcome_name(seen), seen.at), seen)
    ahead = ahead_is_odd and _beyond(reference, serial)
    if before is None or before.serial is None:
        return _serve(look, seen, serial, UnconfirmedSerial(serial, seen.nsid, 1, seen.at) if ahead else None)
    onward = serial == before.serial or newer(serial, before.serial)
    known_ahead = before.doubt is None and _beyond(reference, before.serial)
    around = known_ahead and not _beyond(reference, serial)
    if serial == reference or (onward and not around and (not ahead or known_ahead)):
        return _answer(before, seen) if serial == before.serial else _serve(look, seen, serial, None)
    identities = note_answer(before, seen, serial, patience, None)
    if identities and not onward:
        if is_another(answered_by(identities), identities):
            return _answer(before, seen)
        if before.identities and not any(newer(one.serial, serial) for one in identities):
            return replace(_serve(look, seen, serial, None), since=answered_by(identities).since)
    doubt = before.doubt
    if doubt is None or (ahead and not _beyond(reference, doubt.serial)):
        doubt = UnconfirmedSerial(serial, seen.nsid, 0, seen.at)
    again = doubt.nsid == seen.nsid and doubt.looks + 1 >= CONFIRMING_LOOKS
    if not again and seen.at - doubt.since < patience:
        return replace(_answer(before, seen), doubt=UnconfirmedSerial(serial, seen.nsid, 1, doubt.since))
    return _answer(before, seen) if serial == before.serial else _serve(look, seen, serial, None)


def _beyond(reference: int | None, serial: int) -> bool:
    return reference is not None and newer(serial, reference)


def _unseen(look: AddressUpdate, state: str, at: datetime) -> AddressState:
    return AddressState(look.server.name, look.address, look.server.group, None, at, state, at)


def _serve(look: AddressUpdate, seen: Observation, serial: int, doubt: UnconfirmedSerial | None) -> AddressState:
    return AddressState(
        server=look.server.name,
        address=look.address,
        group=look.server.group,
        serial=serial,
        since=seen.at,
        outcome=ANSWERED,
        changed=seen.at,
        synced=look.before.synced if look.before is not None else None,
        nsid=seen.nsid,
        doubt=doubt,
        checked_at=seen.at,
        rtt=seen.rtt,
    )


def _answer(before: AddressState, seen: Observation) -> AddressState:
    changed = before.changed if before.outcome == ANSWERED else seen.at
    return replace(before, outcome=ANSWERED, changed=changed, doubt=None, checked_at=seen.at, rtt=seen.rtt)


def _silence(before: AddressState, seen: Observation) -> AddressState:
    """The serial stays the last known one, and so does a doubt about it: a look that saw nothing decides nothing."""
    state = outcome_name(seen)
    if state == before.outcome:
        return replace(before, checked_at=seen.at, rtt=seen.rtt)
    return replace(before, outcome=state, changed=seen.at, checked_at=seen.at, rtt=seen.rtt)


def refresh(address_state: AddressState, seen: Observation, *, secondary: bool) -> AddressState:
    """The same standing after a look that found nothing new. Written out, because replace() takes twice as long."""
    expires, estimated = address_state.expires, address_state.estimated
    if seen.serial is not None:
        if secondary and seen.expire is not None:
            expires, estimated = seen.at + timedelta(seconds=seen.expire), False
        elif address_state.synced is None:
            expires, estimated = None, False  # it is in sync and tells no more: a count told earlier has ended
    return AddressState(
        address_state.server,
        address_state.address,
        address_state.group,
        address_state.serial,
        address_state.since,
        address_state.outcome,
        address_state.changed,
        address_state.synced,
        address_state.passed,
        address_state.nsid,
        address_state.doubt,
        seen.at,
        expires,
        estimated,
        seen.rtt,
    )


def first_state(server: Server, address: Address, seen: Observation, *, secondary: bool) -> AddressState:
    """The standing of an address that shows its version, the reference, at the first look."""
    at, expires = seen.at, None
    if secondary and seen.expire is not None:
        expires = at + timedelta(seconds=seen.expire)
    return AddressState(
        server.name, address, server.group, seen.serial, at, ANSWERED, at, None, 0, seen.nsid, None, at, expires,
        False, seen.rtt,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReferenceUpdate:
    """What the primary's answers make of the reference. ``stepped``: it went back, and that is believed now.

    ``by_another``: all that answered is a machine that is known to be behind another, so nothing is said of what is
    new.
    """

    reference: int | None
    doubt: UnconfirmedSerial | None
    stepped: bool = False
    by_another: bool = False


def primary_reference(
    serial_group: SerialGroup, looks: Iterable[AddressUpdate], patience: timedelta
) -> ReferenceUpdate | None:
    """The reference as the primary's own addresses (``looks``) have it; None when none of them answers.

    Forward is believed at once. Back (or to the undefined distance of 2^31) is believed at the second look at
    which the identity that showed the reference shows the older serial, nobody of the primary having shown the
    reference in between. Another identity may be a machine of an anycast primary that lags, and is
    believed only once it alone has been seen for the whole of ``patience``, or, if the address is known to show both in
    turn, once the other is gone. An address of the primary that always
    was on the older serial, while the one that has the newer is silent, is late and says nothing of the reference.
    """
    every = tuple(looks)
    spoke = [(*look.version, look.before) for look in every if look.version is not None]
    if not spoke:
        return None
    serial = newest(shown for shown, _, _ in spoke)
    if serial is None:
        return ReferenceUpdate(serial_group.reference, serial_group.doubt)
    if serial_group.reference is None or serial == serial_group.reference or newer(serial, serial_group.reference):
        return ReferenceUpdate(serial, None)
    _, seen, before = next(one for one in spoke if one[0] == serial)
    silent = (look.before for look in every if look.serial is None)
    if not _went_back(before, serial) and any(_knew_newer(one, serial) for one in silent):
        return ReferenceUpdate(serial_group.reference, None)
    identities = note_answer(before, seen, serial, patience, None) if before is not None else ()
    if alternates(identities):
        return ReferenceUpdate(serial_group.reference, None, by_another=True)
    doubt = _count_confirmation(serial_group.doubt, before, seen, serial)
    if doubt.looks >= CONFIRMING_LOOKS or seen.at - doubt.since >= patience:
        another = bool(identities) and is_another(answered_by(identities), identities)
        stepped = not another and any(_knew_newer(look.before, serial) for look in every)
        return ReferenceUpdate(serial, None, stepped=stepped)
    return ReferenceUpdate(serial_group.reference, doubt)


def _went_back(before: AddressState | None, serial: int) -> bool:
    return before is not None and before.serial not in (None, serial)


def _knew_newer(before: AddressState | None, serial: int) -> bool:
    known = before.serial if before is not None else None
    return known is not None and newer(known, serial)


def _count_confirmation(
    doubt: UnconfirmedSerial | None, before: AddressState | None, seen: Observation, serial: int
) -> UnconfirmedSerial:
    """``nsid`` is the identity that showed the reference; only its looks are counted."""
    if doubt is None:
        identity = before.nsid if before is not None and before.serial is not None else seen.nsid
        return UnconfirmedSerial(serial, identity, int(seen.nsid == identity), seen.at)
    return replace(doubt, serial=serial, looks=doubt.looks + (seen.nsid == doubt.nsid))


def expiry(
    now: AddressState, synced: datetime | None, before: AddressState | None, seen: Observation | None, soa: Soa | None
) -> tuple[datetime | None, bool]:
    """When a secondary stops serving, and whether that is only estimated.

    Its own word is EDNS EXPIRE (RFC 7314) and stays true while it is silent. Failing that: the SOA's expire
    counted from the last look at which it served what its primary served, or from when it was seen to take a
    version, if that was later.
    """
    if seen is not None and seen.expire is not None and seen.serial is not None:
        return seen.at + timedelta(seconds=seen.expire), False
    if synced is None:
        return None, False
    if before is not None and before.expires is not None and not before.estimated and now.serial == before.serial:
        return before.expires, False
    if soa is None:
        return None, False
    return max(synced, now.since) + timedelta(seconds=soa.expire), True
