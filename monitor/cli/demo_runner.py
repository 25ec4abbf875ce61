"""The demo: faults are switched on and off at the bundled pairs while the service watches them."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from alerting.finding_types import severity_of
from alerting.model import Alert, Phase
from checks.model import Health
from checks.model.finding_type import Severity
from monitor.cli.demo_environment import HARMLESS_WATCH_TIME, TIMEOUT, ZONES, Environment, server_names
from monitor.clock import monotonic
from monitor.pair.faults import Fault
from monitor.pair.pair import Pair
from monitor.state.status import Status

DEMO_FAULTS = (
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
"""The faults of the demo, in order. Those without codes must raise no alert."""

CONCURRENT_FAULTS = len(ZONES)
"""Faults at one time, each at a pair of its own, so that none explains or hides another."""

Progress = Callable[[str], None]
Report = Callable[[int, "str | FaultResult"], None]


@dataclass(frozen=True, slots=True)
class FaultResult:
    """What came of one fault. Seconds are counted from when it was switched on, ``resolved`` from when it was removed.

    ``codes`` has each finding's code with the time it was first seen, ``fired`` those that outlasted the grace;
    ``alerted`` is when the receiver got the alert.
    """

    fault: Fault
    codes: dict[str, float]
    fired: frozenset[str]
    alerted: float | None
    resolved: float | None
    unserved: float | None = None
    """When the receiver was told that no server answers, where the fault spreads to the last one."""

    @property
    def as_expected(self) -> bool:
        """What must be noticed was, and alerted, and its end too; or nothing where nothing must be."""
        if not self.fault.codes:
            return not self.fired and self.alerted is None
        alerted = self.alerted is not None and self.resolved is not None
        spread = self.unserved is not None or not self.fault.spreads_to
        return set(self.fault.codes) <= self.fired and alerted is alerts(self.fault) and spread


def alerts(fault: Fault) -> bool:
    """Whether receivers must hear of it: findings of severity info are shown only."""
    return any(severity_of(code, {}) > Severity.INFO for code in fault.codes)


async def run_fault(
    on: Environment, fault: Fault, progress: Progress = lambda text: None, pair: Pair | None = None
) -> FaultResult:
    """Switches a fault on, watches, switches it off, watches. ``progress`` gets each thing as it is noticed.

    It is applied to the first pair unless ``pair`` is another; what is noticed elsewhere meanwhile does not count.
    """
    broken = pair or on.pair
    zones = broken.zones if len(on.pairs) > 1 else ()
    start = monotonic()
    codes: dict[str, float] = {}
    fired: set[str] = set()
    alerted: float | None = None

    def noticed() -> bool:
        nonlocal alerted
        for finding in standing_findings(on.service.status, zones):
            if finding.key.code not in codes:
                codes[finding.key.code] = monotonic() - start
                progress(f"{codes[finding.key.code]:4.1f} s  {finding.key.code}: {finding.text}")
            if finding.phase is Phase.FIRING:
                fired.add(finding.key.code)
        if alerted is None and (alerted := on.receiver.since(start, "incident.opened", zones)) is not None:
            progress(f"{alerted:4.1f} s  alert delivered")
        found = bool(fault.codes) and set(fault.codes) <= fired
        return found and (alerted is not None or not alerts(fault))

    broken.break_(fault.name)
    if fault.change:
        for zone in broken.zones:
            broken.change(zone)
    await wait_until(noticed, TIMEOUT if fault.codes else HARMLESS_WATCH_TIME)
    unserved: float | None = None
    if fault.spreads_to:
        name = _configured_name(on, broken, fault.spreads_to)
        progress(f"{monotonic() - start:4.1f} s  the same fault at {name}, the last server that is left")
        broken.break_(fault.name, fault.spreads_to)
        await wait_until(lambda: on.receiver.unserved_since(start, broken.zones) is not None, TIMEOUT)
        unserved = on.receiver.unserved_since(start, broken.zones)
        if unserved is not None:
            progress(f"{unserved:4.1f} s  alert delivered: no server is left that answers")
    removed = monotonic()
    broken.mend(fault.name)
    settled = await wait_until(lambda: all_well(on.service.status, zones), TIMEOUT)
    if alerted is not None and settled:
        await wait_until(lambda: on.receiver.since(removed, "incident.resolved", zones) is not None, 5.0)
    resolved = on.receiver.since(removed, "incident.resolved", zones)
    return FaultResult(fault, codes, frozenset(fired), alerted, resolved, unserved)


def _configured_name(on: Environment, pair: Pair, server: str) -> str:
    """What the configuration calls ns1 or ns2 of that pair."""
    return server_names(on.pairs.index(pair))[("ns1", "ns2").index(server)]


async def run_faults(on: Environment, faults: Sequence[Fault], report: Report) -> list[FaultResult]:
    """Each fault at a pair that is free, as many at a time as there are pairs; the results, in the order of the faults.

    ``report`` gets the index of a fault with each thing as it is noticed, and with the result.
    """
    free: asyncio.Queue[Pair] = asyncio.Queue()
    for pair in on.pairs:
        free.put_nowait(pair)

    async def one(index: int, fault: Fault) -> FaultResult:
        pair = await free.get()
        try:
            result = await run_fault(on, fault, lambda text: report(index, text), pair)
        finally:
            free.put_nowait(pair)
        report(index, result)
        return result

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(index, fault)) for index, fault in enumerate(faults)]
    return [task.result() for task in tasks]


def standing_findings(status: Status, zones: Collection[str] = ()) -> Iterable[Alert]:
    """Findings that stand now in these zones, or in any, and not those that only wait to be believed gone."""
    names = zones or status.zones
    return (f for name in names for f in status.zones[name].findings if f.phase in (Phase.PENDING, Phase.FIRING))


def all_well(status: Status, zones: Collection[str] = ()) -> bool:
    """Nothing is open, and all is good, in these zones or in any."""
    unsettled = (each for each in status.incidents.values() if each.phase != "resolved")
    if not zones:
        return not any(unsettled) and status.zones.tally()[Health.GOOD] == len(status.zones)
    named = any(not set(zones).isdisjoint((*each.zones, *each.past_zones)) for each in unsettled)
    return not named and all(status.zones[name].health is Health.GOOD for name in zones)


def all_checked(status: Status) -> bool:
    """Whether there are zones, and each has a result of every check that asks anything of it."""
    names = list(status.zones)
    return bool(names) and all(
        {check for check, cadence in zone.cadences if cadence} <= {each.check for each in zone.checks}
        for zone in map(status.zones.__getitem__, names)
    )


async def wait_until(condition: Callable[[], bool], timeout: float) -> bool:
    """Whether the condition came true within so many seconds; it is tried twenty times a second."""
    end = monotonic() + timeout
    while not condition():
        if monotonic() > end:
            return False
        await asyncio.sleep(0.05)
    return True


async def ready(on: Environment) -> float:
    """Seconds until each check has seen every zone, and all was well. Raises TimeoutError.

    A zone is good as soon as soa-serial has found it so; what the records were before a fault is known later.
    """
    start = monotonic()
    if not await wait_until(lambda: all_checked(on.service.status) and all_well(on.service.status), TIMEOUT):
        raise TimeoutError("the pair was not seen to be well")
    return monotonic() - start


@dataclass(frozen=True, slots=True)
class Summary:
    """``noticed`` of ``faults`` that must be noticed, ``silent`` of ``harmless`` that must raise no alert."""

    faults: int
    noticed: int
    harmless: int
    silent: int

    @property
    def all_well(self) -> bool:
        return self.noticed == self.faults and self.silent == self.harmless


def summarise(results: Sequence[FaultResult]) -> Summary:
    noticed = [result.as_expected for result in results if result.fault.codes]
    silent = [result.as_expected for result in results if not result.fault.codes]
    return Summary(len(noticed), sum(noticed), len(silent), sum(silent))
