"""The demo: the bundled pair is broken and mended while the service watches it."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerting.model import Phase, Severity
from alerting.severity import severity_of
from checks.model import Health
from monitor.cli.demo_environment import PATIENCE, QUIET, ZONES, Hook, Stage, server_names, stage
from monitor.clock import monotonic
from monitor.pair import faults
from monitor.pair.faults import Fault
from monitor.pair.pair import Pair
from monitor.state.status import FindingStatus, Status

__all__ = ["AT_ONCE", "SCENES", "Hook", "Noticed", "Stage", "play", "play_all", "ready", "scene",
           "server_names", "stage", "standing", "sum_up", "well"]  # fmt: skip

SCENES = (
    "frozen",
    "slow-follower",
    "lossy",
    "tcp-dead",
    "transfer-open",
    "wrong-secret",
    "skewed-clock",
    "truncated-transfer",
    "lame",
    "last-server",
    "expired",
    "not-authoritative",
    "record-changed",
    "serial-ahead",
    "serial-back",
    "forged",
    "strays",
    "elsewhere",
    "edns-servfail",
    "garbage",
    "dead",
)
"""The faults that are played, in this order. Those without codes must be ridden out in silence."""

AT_ONCE = len(ZONES)
"""Faults that are played at one time, each on a pair of its own, so that none explains or hides another."""

Progress = Callable[[str], None]
Hear = Callable[[int, "str | Noticed"], None]


@dataclass(frozen=True, slots=True)
class Noticed:
    """What came of one fault. Seconds are counted from when it was switched on, ``resolved`` from when it was mended.

    ``codes`` has each finding's code with the time of its first sight, ``fired`` those that outlasted the grace;
    ``told`` is when the receiver heard.
    """

    fault: Fault
    codes: dict[str, float]
    fired: frozenset[str]
    texts: dict[str, str]
    told: float | None
    resolved: float | None
    last: float | None = None
    """When the receiver heard that no server is left, where the fault spreads to the last one."""

    @property
    def as_expected(self) -> bool:
        """What must be noticed was, and told, and its end too; or nothing where nothing must be."""
        if not self.fault.codes:
            return not self.fired and self.told is None
        heard = self.told is not None and self.resolved is not None
        spread = self.last is not None or not self.fault.spreads_to
        return set(self.fault.codes) <= self.fired and heard is news(self.fault) and spread


def news(fault: Fault) -> bool:
    """Whether somebody must hear of it: findings of severity info are shown only."""
    return any(severity_of(code, {}) > Severity.INFO for code in fault.codes)


async def play(stage: Stage, fault: Fault, progress: Progress = lambda text: None, pair: Pair | None = None) -> Noticed:
    """Break, watch, mend, watch. ``progress`` hears each thing as it is noticed.

    Broken is the stage's first pair unless ``pair`` is another; what is noticed elsewhere meanwhile does not count.
    """
    broken = pair or stage.pair
    zones = broken.zones if len(stage.pairs) > 1 else ()
    start = monotonic()
    codes: dict[str, float] = {}
    texts: dict[str, str] = {}
    fired: set[str] = set()
    heard: float | None = None

    def look() -> bool:
        nonlocal heard
        for finding in standing(stage.service.status, zones):
            if finding.code not in codes:
                codes[finding.code] = monotonic() - start
                texts[finding.code] = finding.text
                progress(f"{codes[finding.code]:4.1f} s  {finding.code}: {finding.text}")
            if finding.phase is Phase.FIRING:
                fired.add(finding.code)
        if heard is None and (heard := stage.hook.since(start, "incident.opened", zones)) is not None:
            progress(f"{heard:4.1f} s  the receiver was told")
        found = bool(fault.codes) and set(fault.codes) <= fired
        return found and (heard is not None or not news(fault))

    broken.break_(fault.name)
    if fault.change:
        for zone in broken.zones:
            broken.change(zone)
    await until(look, PATIENCE if fault.codes else QUIET)
    last: float | None = None
    if fault.spreads_to:
        progress(f"{monotonic() - start:4.1f} s  now {fault.spreads_to} too, the last server that is left")
        broken.break_(fault.name, fault.spreads_to)
        await until(lambda: stage.hook.of_the_last(start, broken.zones) is not None, PATIENCE)
        last = stage.hook.of_the_last(start, broken.zones)
        if last is not None:
            progress(f"{last:4.1f} s  the receiver was told that no server is left that answers")
    mended = monotonic()
    broken.mend(fault.name)
    settled = await until(lambda: well(stage.service.status, zones), PATIENCE)
    resolved = stage.hook.since(mended, "incident.resolved", zones)
    if heard is not None and settled:
        await until(lambda: stage.hook.since(mended, "incident.resolved", zones) is not None, 5.0)
        resolved = stage.hook.since(mended, "incident.resolved", zones)
    return Noticed(fault, codes, frozenset(fired), texts, heard, resolved, last)


async def play_all(stage: Stage, faults: Sequence[Fault], hear: Hear) -> list[Noticed]:
    """Each fault on a pair that is free, as many at a time as there are pairs; what came of them, in their order.

    ``hear`` is told when the fault of that index begins (nothing), each thing as it is noticed, and what came of it.
    """
    free: asyncio.Queue[Pair] = asyncio.Queue()
    for pair in stage.pairs:
        free.put_nowait(pair)

    async def one(index: int, fault: Fault) -> Noticed:
        pair = await free.get()
        try:
            noticed = await play(stage, fault, lambda text: hear(index, text), pair)
        finally:
            free.put_nowait(pair)
        hear(index, noticed)
        return noticed

    async with asyncio.TaskGroup() as playing:
        tasks = [playing.create_task(one(index, fault)) for index, fault in enumerate(faults)]
    return [task.result() for task in tasks]


def standing(status: Status, zones: Collection[str] = ()) -> Iterable[FindingStatus]:
    """Findings that stand now in these zones, or in any, and not those that only wait to be believed gone."""
    names = zones or status.zones
    return (f for name in names for f in status.zones[name].findings if f.phase in (Phase.PENDING, Phase.FIRING))


def well(status: Status, zones: Collection[str] = ()) -> bool:
    """Nothing is open, and all is good, in these zones or in any."""
    unsettled = (each for each in status.incidents.values() if each.phase != "resolved")
    if not zones:
        return not any(unsettled) and status.zones.tally()[Health.GOOD] == len(status.zones)
    named = any(not set(zones).isdisjoint((*each.zones, *each.past_zones)) for each in unsettled)
    return not named and all(status.zones[name].health is Health.GOOD for name in zones)


async def until(condition: Callable[[], bool], patience: float) -> bool:
    """Whether the condition came true in time; looked at twenty times a second."""
    end = monotonic() + patience
    while not condition():
        if monotonic() > end:
            return False
        await asyncio.sleep(0.05)
    return True


async def ready(stage: Stage) -> float:
    """Seconds until every zone was seen to be well. Raises TimeoutError."""
    start = monotonic()
    if not await until(lambda: len(stage.service.status.zones) > 0 and well(stage.service.status), PATIENCE):
        raise TimeoutError("the pair was not seen to be well")
    return monotonic() - start


def scene(name: str) -> Fault:
    """Raises UnknownFault."""
    return faults.fault(name)


@dataclass(frozen=True, slots=True)
class Told:
    """The demo's sum: ``noticed`` of ``faults`` that had to be, ``silent`` of ``harmless`` that had not to be."""

    faults: int
    noticed: int
    harmless: int
    silent: int
    began: datetime

    @property
    def all_well(self) -> bool:
        return self.noticed == self.faults and self.silent == self.harmless


def sum_up(played: Iterable[Noticed], began: datetime) -> Told:
    scenes = list(played)
    real = [n for n in scenes if n.fault.codes]
    harmless = [n for n in scenes if not n.fault.codes]
    return Told(len(real), sum(n.as_expected for n in real), len(harmless), sum(n.as_expected for n in harmless), began)
