"""Several machines behind one address, as anycast and load balancers have them: who of them serves which version.

They are told apart by NSID (RFC 5001). Where an answer has none, or several machines have the same one, only a step
back tells that there are several: a transfer explains that a machine goes on to a newer version, and nothing but a
restored backup that it goes back to one that it served before. So a version that the address comes back to a second
time, after a newer one, is that of another machine.

As long as all serve the same version nothing is kept of them. When one shows an older one than the address has shown,
all that are seen from then on are kept, up to MAX_IDENTITIES of them, until they serve the same version again. Who is
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
from checks.model import Observation
from checks.zone_state.model import AddressState, IdentityState

MAX_IDENTITIES = 8
"""Machines of one address that are told apart."""

UNNAMED_LOOKS, NAMED_LOOKS = 40, 120
"""Answers of others, in a row, after which a machine is taken for gone, if ``patience`` is over, too."""

RETURNS = 2
"""A version that the address came back to so often after a newer one is that of another machine."""


def note_answer(before: AddressState, seen: Observation, serial: int, patience: timedelta) -> tuple[IdentityState, ...]:
    """All identities after this answer, which shows ``serial``; none if there is no sign of several machines."""
    known = before.identities or _first(before, seen, serial)
    if not known:
        return ()
    last = min(known, key=lambda one: one.unseen)
    place, after = _answering(known, last, seen, serial)
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


def diverged(identities: tuple[IdentityState, ...]) -> tuple[IdentityState, ...]:
    """These, if they do not serve the same version; else none of them is worth keeping."""
    return identities if len({one.serial for one in identities}) > 1 else ()


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


def _first(before: AddressState, seen: Observation, serial: int) -> tuple[IdentityState, ...]:
    """The first that are known of: an older version with another name than the newer, or at the look before this."""
    if before.serial is None:
        return ()
    shown = IdentityState(before.nsid, before.serial, before.since, seen=before.checked_at)
    doubt = before.doubt
    if doubt is not None and newer(before.serial, doubt.serial):
        older = IdentityState(doubt.nsid, doubt.serial, doubt.since, returns=1, seen=before.checked_at)
        return replace(shown, seen=None, unseen=1), older
    named = None not in (before.nsid, seen.nsid) and before.nsid != seen.nsid
    return (shown,) if named and newer(before.serial, serial) else ()


def _answering(
    known: Sequence[IdentityState], last: IdentityState, seen: Observation, serial: int
) -> tuple[int | None, IdentityState]:
    """Whose answer this is, among those that are known, and what is known of him now.

    Who shows a newer version than before has taken it by transfer: of those with this name the one that was nearest.
    """
    nsid = seen.nsid
    if all(one.nsid != nsid for one in known) and any((one.nsid, one.serial) == (None, serial) for one in known):
        nsid = None
    returned = newer(last.serial, serial)
    same = [(number, one) for number, one in enumerate(known) if one.nsid == nsid]
    for number, one in same:
        if one.serial == serial:
            returns = min(RETURNS, one.returns + returned)
            return number, replace(one, returns=returns, seen=seen.at, unseen=0)
    at: int | None = None
    for number, one in same:
        if newer(serial, one.serial) and (at is None or newer(one.serial, known[at].serial)):
            at = number
    return at, IdentityState(nsid, serial, seen.at, int(returned and at is None), seen=seen.at)


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
