"""The fast path: which polls need not be evaluated.

A zone *stands still* when the road has just judged a round of ``soa-serial`` and

1. the ledger it left is one that packs (checks.packed): nobody's version is in doubt, each space has one version and
   a reference, or has never had any; every address either serves it or has long been known not to serve any; and
   whoever counts down to the end of its service (EDNS EXPIRE) has just said how far it is;
2. the verdict has no findings: it is good, or it is unknown because nobody serves a version;
3. no alert of that check would be moved by the same verdict, said again, before the zone is *due*; nor would that
   bring a finding about an address whose end is estimated.

The next round in which every address says the same (same outcome, same SOA, same flags; an EXPIRE above the floor
from which on time alone would bring a finding) leads the road to an equal ledger, to the same verdict and to no
transition, whatever time has passed until it is due. So such a round is not made. What it would have moved is moved
here: the time of the look, and what the vantage has heard. The ticks of the addresses (rtt, EXPIRE) are written by
the canvass. Where every address serves its version and no alert stands, it is never due.

A zone does not stand still where an address told its version over TCP, because UDP brought nothing that can be used:
the canvass asks over UDP only, and that UDP is as dead as it was says nothing of the version.

A round that comes back of a silent address rests on more than its zone: on the vantage, which may be blind or no
longer; on TCP, which soa-serial tries where UDP is dead; and, where the verdict is unknown, on alerts of other
checks, which explain it. So when what the vantage is blind over changes, no zone with silent addresses stands still
any more; of these zones a few are made restless before each sweep, for TCP to be tried, and all of them as soon as
any of them is heard of again; and one whose alerts change is made restless by that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from alerting.alert_state import due
from alerting.model import Policy
from checks.model import Address, CheckResult, Health, Outcome, Transport, Zone, ZonePoll
from checks.model.zone_table import ZoneTable
from checks.soa_serial import SoaSerial
from checks.zone_state.address import SERVING
from checks.zone_state.codec import audible
from checks.zone_state.connectivity import blind, note
from checks.zone_state.model import ZoneState
from monitor.state.columns import ANSWERING, EPOCH, GOOD, RESTLESS, SILENT, UNSAID, heard, micros
from monitor.state.memory import REMEMBERED, MonitorState
from monitor.state.ports import UnchangedZones

SCOUTS = 4
"""Zones of each kind with silent addresses that are asked whole at each sweep …"""

LOOKED_AT = 20_000
"""… as far as they are found among so many; where kinds are rare it is another sweep's turn."""

_EVERYBODY = 256
"""The voice of a zone whose every address answers."""

_SOON = timedelta(minutes=1)
"""A verdict is judged by the end of its round: so much earlier what time brings is looked for."""


@dataclass(slots=True)
class FastPathChanges:
    """Which zones began to stand still, by number, with the seconds of EXPIRE that each address must have left; and
    which ended. The canvass is told.
    """

    roll: ZoneTable[Zone]
    armed: dict[int, tuple[int, ...]] = field(default_factory=dict)
    disarmed: set[int] = field(default_factory=set)

    def arm(self, number: int, floors: tuple[int, ...]) -> None:
        self.disarmed.discard(number)
        self.armed[number] = floors

    def disarm(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.armed.pop(number, None)
            self.disarmed.add(number)


def settle(
    memory: MonitorState,
    moves: FastPathChanges,
    round: ZonePoll,
    ledger: ZoneState,
    verdict: CheckResult,
    check: SoaSerial,
    policy: Policy,
) -> None:
    """After a round of soa-serial was judged, and its alerts moved: does the zone stand still now?

    ``ledger`` is the one that it left.
    """
    still, name = memory.still, round.zone
    number = still.roll.number(name)
    row = memory.ledgers.row(name)
    said = UNSAID
    if (
        row is not None
        and not (verdict.failed or verdict.findings)
        and _renewed(ledger, round)
        and not _told_by_tcp(round)
    ):
        said = _fit(memory, number, row, ledger, verdict, check, policy, round.cadence)
    still.said[number] = said
    if row is None or said == UNSAID:
        if still.fit[number] != RESTLESS:
            moves.disarm((number,))
        still.fit[number] = RESTLESS
        return
    still.looked[number] = micros(verdict.at)
    memory.forget(name, REMEMBERED)
    moves.arm(number, memory.ledgers.packer.floors(row, check.expiry_near))


def _fit(
    memory: MonitorState, number: int, row: bytes, ledger: ZoneState, verdict: CheckResult, check: SoaSerial,
    policy: Policy,
    cadence: timedelta,
) -> int:  # fmt: skip
    """Notes in what way the zone is fit to be passed over; what is said of it then, UNSAID when it is not fit."""
    still, packer = memory.still, memory.ledgers.packer
    alerts = memory.of_check(verdict.zone, REMEMBERED)
    if not alerts and packer.answering(row) and verdict.health is Health.GOOD:
        still.fit[number], still.due[number] = ANSWERING, 0
        return GOOD
    when = [check.due(ledger)]
    if verdict.health is Health.GOOD or not memory.explained(verdict.zone):
        when.append(due(verdict, alerts, policy))
    first = min((moment for moment in when if moment is not None), default=None)
    if first is not None and first - _SOON <= verdict.at + cadence:
        return UNSAID  # the next look is on the road: passed over, it would be due, and cost one more
    still.fit[number] = SILENT
    still.due[number] = 0 if first is None else micros(first - _SOON)
    still.voice[number] = memory.voice(audible(ledger))
    return memory.saying(verdict)


def _renewed(ledger: ZoneState, round: ZonePoll) -> bool:
    """Whether no address serves on with an EXPIRE that it gave earlier and does not give any more: that runs down."""
    gave = {(seen.query.server, seen.query.address) for seen in round.seen if seen.expire is not None}
    return all(
        standing.expires is None
        or standing.estimated
        or standing.state != SERVING
        or (standing.server, standing.address) in gave
        for standing in ledger.standings
    )


def _told_by_tcp(round: ZonePoll) -> bool:
    """Whether an address told its version only when it was asked over TCP."""
    return any(seen.query.transport is Transport.TCP and seen.outcome is Outcome.ANSWERED for seen in round.seen)


def pass_over(memory: MonitorState, moves: FastPathChanges, lull: UnchangedZones) -> int:
    """Take in rounds that were not made; how many.

    A zone that does not stand still counts as not looked at: it was a near miss between a round on the road and the
    next asking, and is asked whole next time. So is one that would be due before it is asked again.
    """
    still = memory.still
    if lull.roll is not still.roll:
        return 0
    fit, due, looked, kinds, voice = still.fit, still.due, still.looked, still.roll.kinds, still.voice
    at = micros(lull.at)
    following = at + micros(EPOCH + lull.cadence)
    known: set[tuple[int, int]] = set()
    taken = 0
    for number in lull.numbers:
        way = fit[number]
        if way == RESTLESS or (way == SILENT and 0 < due[number] <= at):
            fit[number] = RESTLESS
            moves.disarm((number,))
            continue
        key = (kinds[number], voice[number] if way == SILENT else _EVERYBODY)
        if key not in known:
            vantage = note(memory.vantage, _heard(memory, number), still.roll.names[number])
            if vantage is not memory.vantage:
                known.clear()
                if blind(vantage) != blind(memory.vantage):
                    unsettle(memory, moves)
                    if way == SILENT:  # by its own word something else is to be made of its silence
                        continue
                memory.vantage = vantage
            if key[1]:
                known.add(key)
        looked[number] = at
        taken += 1
        if way == SILENT and 0 < due[number] <= following:
            fit[number] = RESTLESS
            moves.disarm((number,))
    return taken


def _heard(memory: MonitorState, number: int) -> Mapping[tuple[str, Address], bool]:
    """Of which addresses anything was heard at the last look on the road, and so at this one."""
    still = memory.still
    places = heard(still.layouts[still.roll.kinds[number]])
    if still.fit[number] == ANSWERING:
        return dict.fromkeys(places, True)
    voice = memory.voices[still.voice[number]] or audible(memory.ledgers[still.roll.names[number]])
    return dict(zip(places, voice, strict=True))


def unsettle(memory: MonitorState, moves: FastPathChanges) -> None:
    """The vantage is blind over something else, a silent address has been heard of, or there are other rules for
    alerts: nothing silent stands still.
    """
    moves.disarm(memory.still.restless(fit=SILENT))


def wake(memory: MonitorState, moves: FastPathChanges, names: Iterable[str]) -> None:
    """Alerts of these zones changed: one that explains why a check can say nothing may have come, or gone."""
    still = memory.still
    for name in names:
        if name in still.roll:
            number = still.roll.number(name)
            if still.fit[number] == SILENT and memory.sayings[still.said[number]][0] is Health.UNKNOWN:
                still.fit[number] = RESTLESS
                moves.disarm((number,))


def heard_of(memory: MonitorState, round: ZonePoll) -> bool:
    """Whether the round brings word of an address that was silent when it was last heard of."""
    before = memory.vantage.heard
    return any(
        not seen.outcome.silent and before.get((seen.query.server, seen.query.address)) is False for seen in round.seen
    )


def scouts(memory: MonitorState, moves: FastPathChanges) -> None:
    """Before a sweep: a few of each kind of zone with silent addresses are to be asked whole."""
    still = memory.still
    sent = [0] * len(still.layouts)
    for number in still.some(fit=SILENT, most=LOOKED_AT):
        kind = still.roll.kinds[number]
        if sent[kind] < SCOUTS:
            sent[kind] += 1
            still.fit[number] = RESTLESS
            moves.disarm((number,))
            if min(sent) == SCOUTS:
                break


def settled_anew(memory: MonitorState, moves: FastPathChanges) -> None:
    """soa-serial itself has changed: whatever it said, it must say again."""
    for way in (ANSWERING, SILENT):
        moves.disarm(memory.still.restless(fit=way))
