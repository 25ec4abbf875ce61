"""Several machines behind one address, as anycast and load balancers have them: who of them serves which version.

They are told apart by NSID (RFC 5001). Where an answer has none, or several machines have the same one, only a step
back tells that there are several: a transfer explains that a machine goes on to a newer version, and nothing but a
restored backup that it goes back to one that it served before. So a version that the address comes back to a second
time, after a newer one, is that of another machine.

As long as all serve the same version nothing is kept of them. When one shows an older one than the address has shown,
all that are seen from then on are kept, up to MAX_IDENTITIES of them, until they serve the same version again. So they
are when one of those with the same version is cut off (``is_cut_off``): by its EXPIRE (RFC 7314) it will stop serving
the zone, and the others will not. That count goes back as a version does, only that a restart may explain it. Who is
not seen any more is forgotten after so many answers of the others that chance does not explain it. With one machine of
three asked at each look, at random, 40 looks in a row go without it with a probability of (2/3)^40 = 9e-8, which is
once in sixty years of looking once a minute. Where nobody but the absence of its version can tell that a machine was
repaired, that is the number (UNNAMED_LOOKS). Who has an NSID of his own is seen when he is repaired, so that only his
leaving for good is waited for: NAMED_LOOKS, which one machine of eight is absent for as seldom.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from checks.common.serial import behind, newer
from checks.model import Observation, Soa
from checks.zone_state.model import AddressState, IdentityState

MAX_IDENTITIES = 8
"""Machines of one address that are told apart."""

UNNAMED_LOOKS, NAMED_LOOKS = 40, 120
"""Answers of others, in a row, after which a machine is taken for gone, if ``patience`` is over, too."""

MISSED_LOOKS = 4
"""Answers of others, in a row, after which a machine may be gone."""

RETURNS = 2
"""A version that the address came back to so often after a newer one is that of another machine."""


def note_answer(
    before: AddressState, seen: Observation, serial: int, patience: timedelta, soa: Soa | None
) -> tuple[IdentityState, ...]:
    """All identities after this answer, which shows ``serial``; none if there is no sign of several machines. ``soa``
    has the zone's timers, where they are known.
    """
    known = before.identities or _first(before, seen, serial, soa)
    if not known:
        return ()
    last = min(known, key=lambda one: one.unseen)
    place, after = _answering(known, last, seen, serial, soa)
    others = [replace(one, unseen=one.unseen + 1) for number, one in enumerate(known) if number != place]
    there = [one for one in others if not _gone(one, [*others, after], seen.at, patience)]
    return _capped([*there, after])


def answered_by(identities: Sequence[IdentityState]) -> IdentityState:
    """Whose answer was the last."""
    return next(one for one in identities if one.unseen == 0)


def is_another(one: IdentityState, identities: Sequence[IdentityState]) -> bool:
    """Whether it is sure that a newer version is shown by another machine than this one."""
    ahead = [other for other in identities if newer(other.serial, one.serial)]
    return bool(ahead) and (one.returns >= RETURNS or _has_own_name(one, ahead))


def alternates(identities: Sequence[IdentityState]) -> bool:
    """Whether who answered last is known to be another than shows a newer version, and that was seen after it."""
    one = answered_by(identities) if identities else None
    return one is not None and one.returns >= RETURNS and is_another(one, identities)


def unsettled(identities: Sequence[IdentityState]) -> bool:
    """Whether the next answers tell more than that all is as it was: whether a version is another machine's, whether a
    machine that was not seen for some time is gone, and what those do that have not answered since the monitor started.
    """
    return any(
        one.seen is None
        or MISSED_LOOKS <= one.unseen < leaves_after(one, identities)
        or (not is_another(one, identities) and any(newer(other.serial, one.serial) for other in identities))
        for one in identities
    )


def diverged(identities: tuple[IdentityState, ...], at: datetime, soa: Soa | None) -> tuple[IdentityState, ...]:
    """These, if they do not serve the same version, or one is cut off, or was when the monitor started; else none of
    them is worth keeping.
    """
    if len({one.serial for one in identities}) > 1 or any(one.seen is None for one in identities):
        return identities
    ends = [one.expires for one in identities if one.expires is not None]
    return identities if ends and is_cut_off(min(ends), max(ends), at, soa) else ()


def expires_at(seen: Observation) -> datetime | None:
    """When who answered stops serving the zone, by its own EXPIRE count."""
    return seen.at + timedelta(seconds=seen.expire) if seen.expire is not None else None


def is_cut_off(end: datetime | None, other: datetime | None, at: datetime, soa: Soa | None) -> bool:
    """Whether who ends at ``end`` has half of its time behind it, and missed a refresh that who ends at ``other`` has
    had since. Machines that all refresh are never so far apart.
    """
    if end is None or other is None or soa is None:
        return False
    refreshed = timedelta(seconds=soa.refresh + soa.retry)
    return other - end > refreshed and end - at <= timedelta(seconds=soa.expire) / 2


def parts_company(before: AddressState, seen: Observation, soa: Soa | None) -> bool:
    """Whether the EXPIRE count of this answer may be that of another machine than the one before."""
    if seen.expire is None or before.expires is None or before.estimated:
        return False
    end = expires_at(seen)
    return is_cut_off(end, before.expires, seen.at, soa) or is_cut_off(before.expires, end, seen.at, soa)


def first_to_expire(identities: Sequence[IdentityState]) -> IdentityState | None:
    """Of those that are known to be one, or answered last, the one that stops serving the zone first."""
    ends = [(one.expires, one) for one in identities if one.expires is not None and is_known(one, identities)]
    return min(ends, key=lambda end: end[0])[1] if ends else None


def is_known(one: IdentityState, identities: Sequence[IdentityState]) -> bool:
    """Whether what it said is sure to be so still: it answered last, or is known to be another than who did."""
    return one.unseen == 0 or is_one_of_several(one, identities)


def is_one_of_several(one: IdentityState, identities: Sequence[IdentityState]) -> bool:
    others = [other for other in identities if other is not one]
    return bool(others) and (one.returns >= RETURNS or _has_own_name(one, others))


def oldest(address_state: AddressState, reference: int) -> int | None:
    """The version farthest behind the reference that the address, or surely a machine behind it, serves."""
    every = [address_state.serial] if address_state.serial is not None else []
    every += [one.serial for one in address_state.identities if is_another(one, address_state.identities)]
    return max(every, key=lambda serial: behind(reference, serial) or 0, default=None)


def leaves_after(one: IdentityState, identities: Sequence[IdentityState]) -> int:
    """After how many answers of the others it is taken for gone."""
    others = [other for other in identities if other is not one]
    return NAMED_LOOKS if _has_own_name(one, others) else UNNAMED_LOOKS


def _has_own_name(one: IdentityState, others: Sequence[IdentityState]) -> bool:
    return one.nsid is not None and all(other.nsid not in (None, one.nsid) for other in others)


def _first(before: AddressState, seen: Observation, serial: int, soa: Soa | None) -> tuple[IdentityState, ...]:
    """The first that are known of: an older version with another name than the newer, or at the look before this; or
    one of two that will stop serving it.
    """
    if before.serial is None:
        return ()
    ends = None if before.estimated else before.expires
    shown = IdentityState(before.nsid, before.serial, before.since, seen=before.checked_at, expires=ends)
    doubt = before.doubt
    if doubt is not None and newer(before.serial, doubt.serial):
        older = IdentityState(doubt.nsid, doubt.serial, doubt.since, returns=1, seen=before.checked_at)
        return replace(shown, seen=None, unseen=1), older
    named = None not in (before.nsid, seen.nsid) and before.nsid != seen.nsid
    if before.serial != serial:
        return (shown,) if named and newer(before.serial, serial) else ()
    end = expires_at(seen)
    fell = is_cut_off(end, ends, seen.at, soa)
    return (shown,) if fell or (named and is_cut_off(ends, end, seen.at, soa)) else ()


def _answering(
    known: Sequence[IdentityState], last: IdentityState, seen: Observation, serial: int, soa: Soa | None
) -> tuple[int | None, IdentityState]:
    """Whose answer this is, among those that are known, and what is known of him now.

    Who shows a newer version than before has taken it by transfer: of those with this name the one that was nearest.
    So with who ends later.
    """
    nsid, end = seen.nsid, expires_at(seen)
    if all(one.nsid != nsid for one in known) and any((one.nsid, one.serial) == (None, serial) for one in known):
        nsid = None
    fell = last.serial == serial and is_cut_off(end, last.expires, seen.at, soa)
    returned = newer(last.serial, serial) or fell
    same = [number for number, one in enumerate(known) if one.nsid == nsid]
    there = [number for number in same if known[number].serial == serial]
    there = [number for number in there if not is_cut_off(end, known[number].expires, seen.at, soa)]
    if there:
        at = _last_to_expire(known, there)
        returns = min(RETURNS, known[at].returns + returned)
        return at, replace(known[at], returns=returns, seen=seen.at, unseen=0, expires=end)
    older = [number for number in same if newer(serial, known[number].serial)]
    nearest = [n for n in older if not any(newer(known[other].serial, known[n].serial) for other in older)]
    now = IdentityState(nsid, serial, seen.at, int(returned and not nearest), seen=seen.at, expires=end)
    return (_last_to_expire(known, nearest) if nearest else None), now


def _last_to_expire(known: Sequence[IdentityState], among: Sequence[int]) -> int:
    return max(among, key=lambda number: ends.timestamp() if (ends := known[number].expires) is not None else 0.0)


def _gone(one: IdentityState, identities: Sequence[IdentityState], at: datetime, patience: timedelta) -> bool:
    waited = one.seen is None or at - one.seen >= patience
    return waited and one.unseen >= leaves_after(one, identities)


def _capped(identities: list[IdentityState]) -> tuple[IdentityState, ...]:
    """No more than may be kept. Where too many serve older versions the names say nothing: each answer has another."""
    if len(identities) <= MAX_IDENTITIES:
        return tuple(identities)
    newest = [one for one in identities if not any(newer(other.serial, one.serial) for other in identities)]
    spare = max((one for one in newest if one.unseen), key=lambda one: one.unseen, default=None)
    if spare is not None and len(newest) > 1:
        return tuple(one for one in identities if one is not spare)
    merged: dict[int, IdentityState] = {}
    for one in sorted(identities, key=lambda one: one.unseen):
        merged.setdefault(one.serial, replace(one, nsid=None, returns=min(one.returns, 1)))
    return tuple(sorted(merged.values(), key=lambda one: -one.unseen))[-MAX_IDENTITIES:]
