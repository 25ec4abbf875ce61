"""A monitor whose receivers fail, that is reloaded, silenced and killed: its evaluator, database and dispatcher are
those of the service, the clock is moved by hand, and the receivers are scripted.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx

from alerting.dispatcher import Dispatcher
from alerting.http import _check_answer
from alerting.incident import Incident, IncidentEvent
from alerting.model import Policy, Route, Secret
from alerting.notification import DeliveryError, Notification, OutboxMessage
from alerting.retry_policy import RetryPolicy
from alerting.silences import Matchers, Silence
from checks.model.finding_type import Severity
from checks.reachable import Reachable
from checks.soa_serial import SoaSerial
from monitor.service.incident_actions import ServiceIncidents
from monitor.service.receiver_moves import ReceiverMoves
from monitor.state.evaluator import Evaluator
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.status import Status
from monitor.state.write_buffer import WriteBuffer
from monitor.store.durable import DurableStore
from tests.support.fakes.zones import FakeZones
from tests.support.monitor_state import Clock, plan, reached
from tests.support.observations import NOON, QUICK, checked_at, zone

ZONES = (
    zone("ns1", "ns2", name="a.example."),
    zone("ns1", "ns2", name="b.example."),
    zone("ns1", "ns3", name="c.example."),
)
WELL = "10"
TOKENS = (WELL, "SERVFAIL", "REFUSED", "-", "?")
"""What a secondary does: it serves the zone, has no valid copy, does not know it, says nothing, or cannot be asked."""

ANSWERS: Mapping[str, Any] = {
    "200": None,
    "301": (301, {"Location": "https://example.net/"}),
    "401": (401, {}),
    "404": (404, {}),
    "410": (410, {}),
    "429": (429, {"Retry-After": "300"}),
    "500": (500, {}),
    "503": (503, {"Retry-After": "60"}),
}
SILENT, LOST, REFUSED, DEADLY, FATAL = "silent", "lost", "refused", "deadly", "fatal"
"""No answer in time; taken, and the answer is lost; nobody listens; the process is killed before it takes it, or after
that.
"""
MODES = (*ANSWERS, SILENT, LOST, REFUSED, DEADLY, FATAL)
AWAY = httpx.URL("https://hooks.example.com/")


@dataclass
class Box:
    """Where a receiver leads; ``taken`` is all that it was told, in order, each id once."""

    name: str
    keeps: bool
    mode: str = "200"
    taken: dict[str, OutboxMessage] = field(default_factory=dict)
    dying: asyncio.Event = field(default_factory=asyncio.Event)

    def believed(self) -> dict[str, OutboxMessage]:
        """The incidents that it takes for open, by what it was told last of each."""
        last = {each.incident.id: each for message in self.taken.values() for each in (message.digest or (message,))}
        return {name: each for name, each in last.items() if each.event is not IncidentEvent.RESOLVED}


class People:
    """A receiver without a memory of incidents."""

    def __init__(self, box: Box) -> None:
        self.box = box

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.box is self.box  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return id(self.box)

    async def send(self, notification: Notification) -> None:
        box, message = self.box, notification.data["message"]
        await asyncio.sleep(0)
        if box.mode in ("200", LOST, FATAL):
            assert isinstance(message, OutboxMessage)
            box.taken.setdefault(message.id, message)
        if box.mode in (DEADLY, FATAL):
            box.dying.set()
            await asyncio.Event().wait()
        if box.mode in (SILENT, LOST):
            raise DeliveryError("hooks.example.com did not answer within 10 s")
        if box.mode == REFUSED:
            raise DeliveryError("hooks.example.com cannot be reached: connection refused", away=True)
        if (answer := ANSWERS[box.mode]) is not None:
            _check_answer(httpx.Response(answer[0], headers=answer[1]), AWAY, notification.sent_at)

    def review(self) -> Sequence[Any]:
        return ()

    def destination(self) -> Secret:
        return Secret(self.box.name)


class Program(People):
    """A receiver with incidents of its own."""

    keeps_state = True


def render(message: OutboxMessage) -> Notification:
    about = message.incident
    data = {"message": message}
    return Notification(message.id, message.event, message.at, about.id, about, about.id, "", "", "", data)


@dataclass
class World:
    """``receivers`` are boxes by the name they have in the configuration."""

    path: Path
    receivers: dict[str, Box]
    zones: Sequence[str] = tuple(one.name for one in ZONES)
    severity: Mapping[str, Severity] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    boxes: list[Box] = field(default_factory=list)
    silence: Silence | None = None
    kills: int = 0

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.boxes += self.receivers.values()

    @property
    def plan(self) -> MonitoringPlan:
        chosen = [one for one in ZONES if one.name in self.zones]
        return replace(
            plan(*chosen, checks=(SoaSerial(), Reachable())),
            policy=Policy(timedelta(minutes=1), timedelta(minutes=1), timedelta(minutes=30), max_messages=1000),
            severity=self.severity,
            receivers=tuple(self.receivers),
            routes=(
                Route(tuple(self.receivers)[:-1]),
                Route(tuple(self.receivers)[-1:], severity=(Severity.CRITICAL,)),
            ),
            state_receivers=frozenset(name for name, box in self.receivers.items() if box.keeps),
        )

    @property
    def config(self) -> Any:
        kinds = dict.fromkeys(self.receivers, "scripted")
        return SimpleNamespace(
            receivers={name: (Program if box.keeps else People)(box) for name, box in self.receivers.items()},
            kinds=kinds,
        )

    async def begin(self) -> None:
        """A process starts."""
        self.store = await DurableStore.open(self.path, self.clock)
        remembered = await self.store.restore()
        policy = RetryPolicy(poll_interval=60, drain_timeout=0)
        self.dispatcher = Dispatcher(self.store, {}, render, self.clock, policy=policy, random_fraction=lambda: 0.5)
        status = Status("1", "local", NOON, NOON, FakeZones(), incidents=dict(remembered.incidents))
        self.evaluator = Evaluator(
            MonitorState.of(remembered), self.plan, status, WriteBuffer(self.store, self.clock), self.clock,
            lambda: None, self.dispatcher.wake,
        )  # fmt: skip
        self.moves = ReceiverMoves(self.store, self.evaluator, self.dispatcher, remembered.destinations)
        await self.moves.use(self.config)
        await self.evaluator.replan(self.plan, first=True)
        self.running = asyncio.create_task(self.dispatcher.run())

    async def end(self) -> None:
        """It is killed: what is being sent is broken off."""
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        await self.store.close()

    async def reload(self) -> None:
        await self.moves.use(self.config)
        await self.evaluator.replan(self.plan)

    async def look(self) -> None:
        """At all zones, and at what time brings."""
        polls = []
        for one in ZONES:
            if one.name in self.zones:
                first, second = (server.name for server in one.servers)
                tokens = {first: WELL, second: self.tokens.get(one.name, WELL)}
                polls += [checked_at(one, tokens, self.clock(), QUICK), reached(one, self.clock(), **tokens)]
        await self.evaluator.process(polls)
        await self.evaluator.remind()
        await self.deliver()

    async def deliver(self) -> None:
        """Until nothing is due; killed meanwhile it starts again."""
        self.dispatcher.wake()
        end = time.monotonic() + 30
        while self.dispatcher._sending or ((due := await self.store.next_due()) is not None and self._is_due(due)):
            assert time.monotonic() < end, "it does not come to rest"
            for box in self.boxes:
                if box.dying.is_set():
                    box.dying.clear()
                    box.mode = "200"
                    self.kills += 1
                    await self.end()
                    await self.begin()
            await asyncio.sleep(0.001)

    def _is_due(self, due: Any) -> bool:
        return due <= self.clock() and not self.dispatcher._left_alone

    def open_incidents(self) -> dict[str, Incident]:
        return {i.id: i for i in self.evaluator.status.incidents.values() if i.phase == "open"}

    async def act(self) -> None:
        """Somebody acknowledges the eldest incident, or takes that back."""
        for name, incident in sorted(self.open_incidents().items())[:1]:
            who = ServiceIncidents(self.evaluator)
            acknowledged = incident.acknowledged is not None
            await (who.unacknowledge if acknowledged else who.acknowledge)(name, "ann", "")

    async def hush(self, matchers: Matchers | None, minutes: float) -> None:
        """A silence begins, or the one that there is ends."""
        at = self.clock()
        if matchers is not None:
            number = f"s{at:%H%M%S}"
            self.silence = Silence(number, matchers, at, at + timedelta(minutes=minutes), "ann", "", at)
        elif self.silence is not None:
            self.silence = replace(self.silence, ends_at=at, ended_by="ann")
        if self.silence is not None:
            await self.evaluator.keep_silence(self.silence)
