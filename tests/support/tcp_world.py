"""Servers that die and come back, whole or over TCP alone, and who polls by the sweep of the service: for histories of
what they find.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from zlib import crc32

from alerting.model import Policy
from checks.base import Check
from checks.model import Address, Observation, Query, Transport, Zone, ZonePoll
from checks.reachable import Reachable
from checks.soa_serial import SoaSerial
from checks.zone_state.model import SERIAL_CHECK
from monitor.polling.serial_sweep import SweepContext
from monitor.polling.standing_polls import StandingPolls
from monitor.polling.tcp_prober import TcpProber, TcpResult
from monitor.polling.tcp_turns import TcpTurns
from monitor.state.columns import INHERITS, ZoneColumns
from monitor.state.monitor_state import MonitorState
from monitor.state.ports import PollMessage
from tests.support.evaluator import EvaluatorBench
from tests.support.monitor_state import MINUTE, minute
from tests.support.observations import QUICK, seen

CHECKS: tuple[Check, ...] = (SoaSerial(), Reachable())
TWO_MINUTES = Policy(2 * MINUTE, 2 * MINUTE, 240 * MINUTE)
TURNS = 10
"""Sweeps in which each zone is asked over TCP once."""


@dataclass
class TcpWorld:
    """What is dead: an address (``dead``, with what UDP comes to there), TCP of one (``tcp``) or of one zone there
    (``of_zone``), UDP of a zone there (``udp``). What is not dead may refuse a zone (``refused``).
    """

    dead: dict[Address, str] = field(default_factory=dict)
    tcp: set[Address] = field(default_factory=set)
    of_zone: set[tuple[str, Address]] = field(default_factory=set)
    udp: set[tuple[str, Address]] = field(default_factory=set)
    refused: set[tuple[str, Address]] = field(default_factory=set)
    serials: dict[str, int] = field(default_factory=dict)

    def is_dead(self, zone: str, address: Address) -> bool:
        return address in self.tcp or address in self.dead or (zone, address) in self.of_zone

    def is_silent(self, zone: str, address: Address) -> bool:
        return address in self.dead or (zone, address) in self.udp

    def token(self, query: Query) -> str:
        zone, address = query.zone, query.address
        answer = "REFUSED" if (zone, address) in self.refused else self.serial(zone)
        if query.transport is Transport.TCP:
            tcp = "-" if self.dead.get(address) == "-" else "refused-connection"
            return tcp if self.is_dead(zone, address) else answer
        return self.dead.get(address, "-") if self.is_silent(zone, address) else answer

    def serial(self, zone: str) -> str:
        return str(self.serials.get(zone, 10))

    def poll(self, check: Check, zone: Zone, at: datetime, left_out: Collection[object] = ()) -> ZonePoll:
        """Of all addresses but those."""
        every: tuple[Observation, ...] = ()
        while queries := [one for one in check.queries(zone, every) if (one.server, one.address) not in left_out]:
            every = (*every, *(seen(query, self.token(query), at, QUICK) for query in queries))
        return ZonePoll(zone.name, check.name, at, MINUTE, every)

    def serials_of(self, zone: Zone, at: datetime) -> ZonePoll:
        """A poll of soa-serial: over TCP only few zones are asked where that is dead, too."""
        tries = crc32(f"{zone.name} {at.minute}".encode()) % 3 == 0
        places = [(server.name, address) for server, address in zone.server_addresses()]
        queries = [Query(zone.name, *place, zone.name, "SOA", identify=True) for place in places]
        every: tuple[Observation, ...] = ()
        while queries:
            every = (*every, *(seen(query, self.token(query), at, QUICK) for query in queries))
            more = CHECKS[0].queries(zone, every)
            queries = [one for one in more if tries or not self.is_dead(zone.name, one.address)]
        return ZonePoll(zone.name, SERIAL_CHECK, at, MINUTE, every)


class Watch(EvaluatorBench):
    """An evaluator of zones of that world, swept as the service does; ``polled`` were polled in full by reachable."""

    def __init__(
        self, world: TcpWorld, zones: Sequence[Zone], policy: Policy = TWO_MINUTES, memory: MonitorState | None = None
    ) -> None:
        super().__init__(*zones, checks=CHECKS, policy=policy, memory=memory)
        self.world, self.zones = world, zones
        self.polled: list[str] = []
        self.left_out = 0
        """Polls that left out addresses."""
        self.turns = TcpTurns(MINUTE, lambda zone: TURNS * MINUTE, lambda: self.now().timestamp())

    @property
    def columns(self) -> ZoneColumns:
        return self.evaluator.no_change.columns

    @property
    def memory(self) -> MonitorState:
        return self.evaluator._memory

    def inheriting(self) -> set[str]:
        standing = self.columns.standing.get("reachable", bytearray())
        return {self.columns.zone_table.names[n] for n, value in enumerate(standing) if value == INHERITS}

    def alerts(self, code: str = "tcp-unreachable") -> dict[tuple[str, str], str]:
        """Zone and address → phase."""
        alerts = self.memory.active_alerts.values()
        return {(a.key.zone, str(a.key.address)): a.phase for a in alerts if a.key.code == code}

    async def hear(self, *heard: PollMessage) -> None:
        await self.evaluator.process(heard)

    async def serials(self, number: float, zones: Iterable[Zone] | None = None) -> None:
        """A look of soa-serial at every zone, or at these."""
        self.now.at = max(minute(number), self.now.at)
        await self.hear(*(self.world.serials_of(one, self.now()) for one in (self.zones if zones is None else zones)))

    async def poll(self, names: Iterable[str], polls: StandingPolls | None = None) -> None:
        """In full, each in a batch of its own, but for what ``polls`` leave out; and those that are to be looked at
        again at once by that.
        """
        todo = [*names]
        by_sweep = set(todo) if polls is not None else set()
        most = len(self.polled) + len(todo) + 3 * len(self.zones)
        while todo:
            assert len(self.polled) < most, "the same zones are polled again and again"
            name = todo.pop(0)
            self.polled.append(name)
            self.now.at += timedelta(milliseconds=1)
            zone = self.evaluator.plan.zones[name]
            left_out = polls.left_out(zone) if polls is not None and name in by_sweep else ()
            by_sweep.discard(name)
            self.left_out += bool(left_out)
            await self.hear(self.world.poll(CHECKS[1], zone, self.now(), left_out))
            now = asyncio.get_running_loop().time()
            todo += [one for one in self.evaluator.rechecks.due(now + 0.5).get("reachable", ()) if one not in todo]

    async def poll_every_zone(self) -> None:
        """In full, all in one batch."""
        self.polled += [one.name for one in self.zones]
        await self.hear(*(self.world.poll(CHECKS[1], one, self.now()) for one in self.zones))

    async def minute(self, number: float, chunk: int = 7, later: Collection[Zone] = ()) -> None:
        """A sweep of each check; ``later`` zones have their turn of soa-serial after that of reachable."""
        await self.serials(number, [one for one in self.zones if one not in later])
        await self.confirm()
        nobody, known = cast("Any", None), self.evaluator.plan.zones
        context = SweepContext(self.columns, nobody, nobody, self.hear, known.get, self.now, "here")
        polls = StandingPolls(
            CHECKS[1], lambda: self.evaluator.plan, MINUTE, lambda: context, lambda: cast("Any", None),
            lambda: cast("TcpProber", self), self.turns,
        )  # fmt: skip
        size = len(self.columns.zone_table)
        for first in range(0, size, chunk):
            numbers = range(first, min(first + chunk, size))
            await self.poll(await polls.pass_over(numbers, self.columns.zone_table), polls)
            async for names in polls.ask_gathered(last=first + chunk >= size):
                await self.poll(names, polls)
        if later:
            await self.serials(number + 0.5, later)
            await self.confirm()

    async def confirm(self) -> None:
        """Those are polled that are to be looked at again at once."""
        now = asyncio.get_running_loop().time()
        await self.poll(self.evaluator.rechecks.due(now + 0.5).get("reachable", ()))

    async def ask(self, check: Check, zones: Iterable[Zone]) -> AsyncIterator[TcpResult]:
        """Over TCP alone, as ``TcpProber`` does."""
        good: list[str] = []
        doubtful: list[str] = []
        for one in zones:
            dead = any(self.world.is_dead(one.name, address) for _, address in one.server_addresses())
            (doubtful if dead else good).append(one.name)
        yield TcpResult(good, doubtful)


def dead_places(world: TcpWorld, zones: Collection[Zone], *, silent: bool = False) -> set[tuple[str, str]]:
    """Zone and address where TCP is dead and UDP is not, or where both are."""
    return {
        (one.name, str(address))
        for one in zones
        for _, address in one.server_addresses()
        if world.is_dead(one.name, address) and world.is_silent(one.name, address) is silent
    }
