"""Servers whose TCP dies and comes back, and who polls by the sweep of the service: for histories of what they find."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from alerting.model import Policy
from checks.base import Check
from checks.model import Address, Query, Transport, Zone, ZonePoll
from checks.reachable import Reachable
from checks.soa_serial import SoaSerial
from monitor.polling.serial_sweep import SweepContext
from monitor.polling.standing_polls import StandingPolls
from monitor.polling.tcp_prober import TcpProber, TcpResult
from monitor.polling.tcp_turns import TcpTurns
from monitor.state.columns import INHERITS, ZoneColumns
from monitor.state.monitor_state import MonitorState
from monitor.state.ports import PollMessage
from tests.support.evaluator import EvaluatorBench
from tests.support.monitor_state import MINUTE, minute
from tests.support.observations import QUICK, checked_at, seen

CHECKS: tuple[Check, ...] = (SoaSerial(), Reachable())
TWO_MINUTES = Policy(2 * MINUTE, 2 * MINUTE, 240 * MINUTE)
TURNS = 10
"""Sweeps in which each zone is asked over TCP once."""


@dataclass
class TcpWorld:
    """What is dead: TCP of an address (``tcp``) or of one zone there (``of_zone``), UDP of a zone there (``udp``)."""

    tcp: set[Address] = field(default_factory=set)
    of_zone: set[tuple[str, Address]] = field(default_factory=set)
    udp: set[tuple[str, Address]] = field(default_factory=set)
    serials: dict[str, int] = field(default_factory=dict)

    def is_dead(self, zone: str, address: Address) -> bool:
        return address in self.tcp or (zone, address) in self.of_zone

    def token(self, query: Query) -> str:
        if query.transport is Transport.TCP:
            dead = self.is_dead(query.zone, query.address)
            return "refused-connection" if dead else self.serial(query.zone)
        return "-" if (query.zone, query.address) in self.udp else self.serial(query.zone)

    def serial(self, zone: str) -> str:
        return str(self.serials.get(zone, 10))

    def poll(self, check: Check, zone: Zone, at: datetime) -> ZonePoll:
        every: tuple[Any, ...] = ()
        while queries := tuple(check.queries(zone, every)):
            every = (*every, *(seen(query, self.token(query), at, QUICK) for query in queries))
        return ZonePoll(zone.name, check.name, at, MINUTE, every)

    def serials_of(self, zone: Zone, at: datetime) -> ZonePoll:
        tokens = {}
        for server in zone.servers:
            for number, address in enumerate(server.addresses):
                name = f"{server.name}/{number}" if number else server.name
                tokens[name] = "-" if (zone.name, address) in self.udp else self.serial(zone.name)
        return checked_at(zone, tokens, at, QUICK)


class Watch(EvaluatorBench):
    """An evaluator of zones of that world, swept as the service does; ``polled`` were polled in full by reachable."""

    def __init__(
        self, world: TcpWorld, zones: Sequence[Zone], policy: Policy = TWO_MINUTES, memory: MonitorState | None = None
    ) -> None:
        super().__init__(*zones, checks=CHECKS, policy=policy, memory=memory)
        self.world, self.zones = world, zones
        self.polled: list[str] = []
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

    def alerts(self) -> dict[tuple[str, str], str]:
        """Zone and address → phase, of tcp-unreachable."""
        alerts = self.memory.active_alerts.values()
        return {(a.key.zone, str(a.key.address)): a.phase for a in alerts if a.key.code == "tcp-unreachable"}

    async def hear(self, *heard: PollMessage) -> None:
        await self.evaluator.process(heard)

    async def serials(self, number: float) -> None:
        """A look of soa-serial at every zone."""
        self.now.at = minute(number)
        await self.hear(*(self.world.serials_of(one, self.now()) for one in self.zones))

    async def poll(self, names: Iterable[str]) -> None:
        """In full, each in a batch of its own; and those that are to be looked at again at once by that."""
        todo = [*names]
        most = len(self.polled) + len(todo) + 3 * len(self.zones)
        while todo:
            assert len(self.polled) < most, "the same zones are polled again and again"
            name = todo.pop(0)
            self.polled.append(name)
            self.now.at += timedelta(milliseconds=1)
            await self.hear(self.world.poll(CHECKS[1], self.evaluator.plan.zones[name], self.now()))
            now = asyncio.get_running_loop().time()
            todo += [one for one in self.evaluator.rechecks.due(now + 0.5).get("reachable", ()) if one not in todo]

    async def poll_every_zone(self) -> None:
        """In full, all in one batch."""
        self.polled += [one.name for one in self.zones]
        await self.hear(*(self.world.poll(CHECKS[1], one, self.now()) for one in self.zones))

    async def minute(self, number: float, chunk: int = 7) -> None:
        """A sweep of each check."""
        await self.serials(number)
        nobody, known = cast("Any", None), self.evaluator.plan.zones
        context = SweepContext(self.columns, nobody, nobody, self.hear, known.get, self.now, "here")
        polls = StandingPolls(
            CHECKS[1], lambda: self.evaluator.plan, MINUTE, lambda: context, lambda: cast("Any", None),
            lambda: cast("TcpProber", self), self.turns,
        )  # fmt: skip
        size = len(self.columns.zone_table)
        for first in range(0, size, chunk):
            numbers = range(first, min(first + chunk, size))
            await self.poll(await polls.pass_over(numbers, self.columns.zone_table))
            async for names in polls.ask_gathered(last=first + chunk >= size):
                await self.poll(names)

    async def ask(self, check: Check, zones: Iterable[Zone]) -> AsyncIterator[TcpResult]:
        """Over TCP alone, as ``TcpProber`` does."""
        good, doubtful = [], []
        for one in zones:
            dead = any(self.world.is_dead(one.name, address) for _, address in one.server_addresses())
            (doubtful if dead else good).append(one.name)
        yield TcpResult(good, doubtful)


def dead_places(world: TcpWorld, zones: Collection[Zone]) -> set[tuple[str, str]]:
    """Zone and address where TCP is dead and UDP is not."""
    return {
        (one.name, str(address))
        for one in zones
        for _, address in one.server_addresses()
        if world.is_dead(one.name, address) and (one.name, address) not in world.udp
    }
