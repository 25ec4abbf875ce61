"""When need a round not be judged? The one shortcut of the road, whole.

A zone *stands still* when the road has just judged a round of ``soa-serial`` and

1. the ledger it left is one that packs (checks.packed): nobody's version is in doubt, each space has one version and
   a reference, every address either serves it or has long been known not to serve any; and whoever counts down to
   the end of its service (EDNS EXPIRE) has just said how far it is;
2. no alert of that check stands about the zone, not even a pending one;
3. the verdict is good and has no findings, or it is unknown because the vantage is blind.

The next round in which every address says the same (same outcome, same SOA, same flags; an EXPIRE above the floor
from which on time alone would bring a finding) leads the road to an equal ledger, to the same verdict and to no
transition, whatever time has passed: what the ledger holds of time moves only with a change, and by 2 and 3 there is
no alert for the verdict to move. So such a round is not made. What it would have moved is moved here: the time of
the look, and what the vantage has heard. The ticks of the addresses (rtt, EXPIRE) are written by the canvass.

A round that comes back of a silent address rests on more than its zone: on the vantage, which may be blind or no
longer, and on TCP, which soa-serial tries where UDP is dead. So when what the vantage is blind over changes, no zone
with silent addresses stands still any more; and of these zones a few are made restless before each sweep, for TCP to
be tried, and all of them as soon as any of them is heard of again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from checks.history import Ledger
from checks.looks import SERVING
from checks.model import Address, Health, Round, Verdict, Zone
from checks.roll import Roll
from checks.vantage import blind, note
from monitor.canvass import Layout
from monitor.memory import REMEMBERED, Memory
from monitor.ports import Lull
from monitor.still import ANSWERING, BLIND, GOOD, RESTLESS, SILENT, UNSAID, heard, micros

SCOUTS = 4
"""Zones of each kind with silent addresses that are asked whole at each sweep."""


@dataclass(slots=True)
class Moves:
    """Which zones began to stand still, by number, with the seconds of EXPIRE that each address must have left; and
    which ended. The canvass is told.
    """

    roll: Roll[Zone]
    armed: dict[int, tuple[int, ...]] = field(default_factory=dict)
    disarmed: set[int] = field(default_factory=set)

    def arm(self, number: int, floors: tuple[int, ...]) -> None:
        self.disarmed.discard(number)
        self.armed[number] = floors

    def disarm(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.armed.pop(number, None)
            self.disarmed.add(number)


def settle(memory: Memory, moves: Moves, round: Round, ledger: Ledger, verdict: Verdict, near: float) -> None:
    """After a round of soa-serial was judged: does the zone stand still now?

    ``ledger`` is the one that it left, ``near`` is SoaSerial.expiry_near.
    """
    still, name = memory.still, round.zone
    number = still.roll.number(name)
    row = memory.ledgers.row(name)
    said = UNSAID
    if row is not None and not memory.of_check(name, REMEMBERED) and _renewed(ledger, round):
        said = _said(memory, verdict)
    if row is None or said == UNSAID:
        if still.fit[number] != RESTLESS:
            moves.disarm((number,))
        still.fit[number], still.said[number] = RESTLESS, UNSAID
        return
    answering = memory.ledgers.packer.answering(row)
    still.fit[number] = ANSWERING if answering and said == GOOD else SILENT
    still.said[number] = said
    still.looked[number] = micros(verdict.at)
    memory.forget(name, REMEMBERED)
    moves.arm(number, memory.ledgers.packer.floors(row, near))


def _said(memory: Memory, verdict: Verdict) -> int:
    if verdict.failed or verdict.findings:
        return UNSAID
    if verdict.health is Health.GOOD:
        return GOOD
    return BLIND if blind(memory.vantage) else UNSAID


def _renewed(ledger: Ledger, round: Round) -> bool:
    """Whether no address serves on with an EXPIRE that it gave earlier and does not give any more: that runs down."""
    gave = {(seen.query.server, seen.query.address) for seen in round.seen if seen.expire is not None}
    return all(
        standing.expires is None or standing.state != SERVING or (standing.server, standing.address) in gave
        for standing in ledger.standings
    )


def pass_over(memory: Memory, moves: Moves, lull: Lull) -> int:
    """Take in rounds that were not made; how many.

    A zone that does not stand still counts as not looked at: it was a near miss between a round on the road and the
    next asking, and is asked whole next time.
    """
    still = memory.still
    if lull.roll is not still.roll:
        return 0
    at, fit, looked, kinds = micros(lull.at), still.fit, still.looked, still.roll.kinds
    known: set[int] = set()
    vantage, taken = memory.vantage, 0
    for number in lull.numbers:
        if fit[number] == ANSWERING:
            kind = kinds[number]
            if kind not in known:
                memory.vantage = note(memory.vantage, _all_heard(still.layouts[kind]))
                known.add(kind)
        elif fit[number] == SILENT:
            memory.vantage = note(memory.vantage, _heard(memory, number))
        else:
            moves.disarm((number,))
            continue
        looked[number] = at
        if memory.vantage is not vantage:
            vantage, known = memory.vantage, {kinds[number]} if fit[number] == ANSWERING else set()
        taken += 1
    return taken


def _all_heard(zone: Layout) -> Mapping[tuple[str, Address], bool]:
    return dict.fromkeys(heard(zone), True)


def _heard(memory: Memory, number: int) -> Mapping[tuple[str, Address], bool]:
    """Of which addresses anything was heard at the last look on the road, and so at this one."""
    still = memory.still
    row = memory.ledgers.row(still.roll.names[number])
    audible = memory.ledgers.packer.audible(row) if row is not None else ()
    return dict(zip(heard(still.layouts[still.roll.kinds[number]]), audible, strict=True))


def unsettle(memory: Memory, moves: Moves) -> None:
    """The vantage is blind over something else, or a silent address has been heard of: nothing silent stands still."""
    moves.disarm(memory.still.restless(fit=SILENT))


def heard_of(memory: Memory, round: Round) -> bool:
    """Whether the round brings word of an address that was silent when it was last heard of."""
    before = memory.vantage.heard
    return any(
        not seen.outcome.silent and before.get((seen.query.server, seen.query.address)) is False for seen in round.seen
    )


def scouts(memory: Memory, moves: Moves) -> None:
    """Before a sweep: a few of each kind of zone with silent addresses are to be asked whole."""
    still = memory.still
    sent = [0] * len(still.layouts)
    number = still.fit.find(SILENT)
    while number >= 0 and min(sent) < SCOUTS:
        kind = still.roll.kinds[number]
        if sent[kind] < SCOUTS:
            sent[kind] += 1
            still.fit[number] = RESTLESS
            moves.disarm((number,))
        number = still.fit.find(SILENT, number + 1)


def settled_anew(memory: Memory, moves: Moves) -> None:
    """soa-serial itself has changed: whatever it said, it must say again."""
    for way in (ANSWERING, SILENT):
        moves.disarm(memory.still.restless(fit=way))
