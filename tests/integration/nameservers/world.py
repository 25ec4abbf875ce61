"""A primary of one software, secondaries of all four, and the monitor's road in small."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from checks.evaluation import run_check
from checks.model import (
    CheckResult,
    Family,
    Observation,
    Query,
    RememberedRecords,
    TransferRule,
    WantedRecord,
    Zone,
    ZonePoll,
)
from checks.model import Server as Watched
from checks.registry import CHECKS
from checks.zone_state.model import ZoneState
from checks.zone_state.update import update_zone_state
from monitor.clock import now
from monitor.polling.earlier_serials import from_earlier, nothing_known
from monitor.polling.sweep import poll_zone
from monitor.probe.types import Prober
from tests.support.lab.model import GUEST, Content
from tests.support.lab.server import SOFTWARE, Server
from tests.support.lab.topology import Lab

NO_TIME = timedelta()

SYNC = "sync.test."
LATE = "late.test."
HELD = "held.test."
ROUND = "round.test."
ZERO = "zero.test."
JUMP = "jump.test."
AHEAD = "ahead.test."
SIX = "six.test."
BACK = "back.test."
HALF = "half.test."
MOVED = "moved.test."
BUSY = "busy.test."
BRIEF = "brief.test."
NEVER = "never.test."
LOCKED = "locked.test."
PARTIAL = "partial.test."
ALIEN = "alien.test."
BIG = "big.test."

BIG_COUNT = 5000
HOSTS = tuple(f"h{number} A 10.0.{number // 256}.{number % 256}" for number in range(BIG_COUNT - 3))


@dataclass(frozen=True, slots=True)
class World:
    """``servers`` are all five, the primary first; secondaries are called by their software."""

    lab: Lab
    primary: Server
    secondaries: tuple[Server, ...]

    @property
    def servers(self) -> tuple[Server, ...]:
        return (self.primary, *self.secondaries)

    def named(self, name: str) -> Server:
        return next(server for server in self.servers if server.name == name)

    def zone(
        self,
        name: str,
        *servers: Server,
        records: tuple[WantedRecord, ...] = (),
        transfers: tuple[TransferRule, ...] = (),
    ) -> Zone:
        """The zone as the monitor is told of it: on all five, or on these, at both addresses of each."""
        watched = tuple(Watched(server.name, server.setup.addresses) for server in servers or self.servers)
        # No resolver knows the names in these NS sets.
        return Zone(name, watched, self.primary.name, records=records, transfers=transfers, ignored=("*",))


def build(lab: Lab, software: str) -> World:
    """Every zone is one story's own, so that stories may be told in any order."""
    primary = lab.primary(software, name="primary")
    for zone in (SYNC, LATE, HELD, SIX, BACK, HALF, MOVED, BUSY, NEVER, LOCKED, PARTIAL):
        primary.serve(Content(zone, serial=10))
    primary.serve(Content(ROUND, serial=4294967290))
    primary.serve(Content(ZERO, serial=4294967295))
    for zone in (JUMP, AHEAD):
        primary.serve(Content(zone, serial=2020112601))
    primary.serve(Content(BRIEF, serial=10, refresh=1, retry=1, expire=4))
    primary.serve(Content(BIG, serial=10, records=("@ NS ns1", "ns1 A 192.0.2.53", *HOSTS)))
    secondaries = tuple(lab.server(software, software) for software in SOFTWARE)
    for secondary in secondaries:
        secondary.follow(primary, SYNC, LATE, HELD, BACK, HALF, MOVED, BUSY, ROUND, ZERO, JUMP, AHEAD, BRIEF, BIG)
        secondary.follow(primary, SIX, over=Family.IPV6)
        secondary.follow(primary, NEVER, LOCKED, key=GUEST)
    return World(lab, primary, secondaries)


class Watch:
    """Asks, remembers and judges one zone, as the service does, at times of the test's choosing."""

    def __init__(self, probe: Prober, zone: Zone, cadence: timedelta | None = None) -> None:
        """``cadence`` is how often it says that it looks; by default as often as each check does."""
        self.probe = probe
        self.zone = zone
        self.cadence = cadence
        self.zone_state = ZoneState(zone.name)
        self.seen: tuple[Observation, ...] = ()
        self.remembered: dict[str, RememberedRecords] = {}

    async def look(self, check: str, *, after: timedelta = NO_TIME) -> CheckResult:
        """What the check says now, or would say ``after`` some time if the servers still answered the same."""
        one = CHECKS[check]()
        asked = await poll_zone(one, self.zone, self._ask, self.cadence or one.cadence, now)
        done = replace(shifted(asked, after), remembered=self.remembered.get(check))
        self.seen = done.seen
        self.zone_state = update_zone_state(self.zone_state, self.zone, done)
        result = run_check(one, self.zone, done, self.zone_state)
        if result.remembered is not None:
            self.remembered[check] = result.remembered
        return result

    def _ask(self, queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
        return from_earlier(queries, self.probe, nothing_known)


def shifted(poll: ZonePoll, by: timedelta) -> ZonePoll:
    return replace(poll, at=poll.at + by, seen=tuple(replace(seen, at=seen.at + by) for seen in poll.seen))


def codes(result: CheckResult) -> dict[str, set[str]]:
    """Server → codes found at any of its addresses; a finding without a server stands under "zone"."""
    found: dict[str, set[str]] = {}
    for finding in result.findings:
        found.setdefault(finding.server or "zone", set()).add(finding.code)
    return found


async def ask(probe: Prober, *queries: Query) -> list[Observation]:
    """Observations in the order of the queries."""
    got: dict[Query, Observation] = {}
    async for batch in probe(queries):
        got.update((seen.query, seen) for seen in batch)
    return [got[query] for query in queries]
