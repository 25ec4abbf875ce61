"""A monitor of zones that break and heal by a script, in a process that is killed again and again.

Run as ``python -m tests.integration.alerting.killed_monitor DATABASE PORT``: it imports everything once, and forks a
process for each line of stdin, a ``Life``. Of each it writes the pid and, when that has ended, its wait status. Such a
process runs what the service runs: evaluator, write buffer, database, dispatcher, webhooks. The clock is moved by a
minute for each look, and what is seen at a look depends on nothing but its number: so ``uninterrupted`` knows what a
monitor comes to that nobody kills.
"""

import asyncio
import contextlib
import json
import logging
import os
import random
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import Any

import structlog

from alerting.dispatcher import Dispatcher
from alerting.http_notifier import HttpNotifier
from alerting.model import Policy, Route, Secret
from alerting.notification import Notification
from alerting.notifiers.webhook import Notifier as Webhook
from alerting.render import render
from alerting.retry_policy import RetryPolicy
from checks.model import ZonePoll
from checks.model.finding_type import Severity
from checks.reachable import Reachable
from checks.soa_serial import SoaSerial
from monitor.state.evaluator import Evaluator
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.ports import Commit, Store, Sweep
from monitor.state.status import Status
from monitor.state.write_buffer import WriteBuffer
from monitor.store.durable import DurableStore
from tests.support.fakes.zones import FakeZones
from tests.support.monitor_state import Clock, FullDisk, minute, plan, reached
from tests.support.observations import NOON, QUICK, checked_at, zone

ZONES = (
    *(zone("ns1", "ns2", name=f"a{number}.example.") for number in range(3)),
    *(zone("ns3", "ns4", name=f"b{number}.example.", primary="ns3") for number in range(2)),
)
HOOK, PEOPLE, TEAM = "hook", "people", "team"
RECEIVERS = (HOOK, PEOPLE, TEAM)
RULES: MonitoringPlan = replace(
    plan(*ZONES, checks=(SoaSerial(), Reachable())),
    policy=Policy(timedelta(minutes=1), timedelta(minutes=1), timedelta(minutes=15)),
    receivers=RECEIVERS,
    routes=(Route((HOOK,)), Route((PEOPLE,), severity=(Severity.CRITICAL,)), Route((TEAM,), zones=("a0.example",))),
    state_receivers=frozenset({HOOK, TEAM}),
)
LASTS = 5
"""Looks that something stays as it is, more or less."""
CALM = 90
"""Looks at the end at which all is well: longer than anything is held back."""

COMMITTING, COMMITTED, LEASED, SETTLING, SETTLED = "committing", "committed", "leased", "settling", "settled"
POINTS = (COMMITTING, COMMITTED, LEASED, SETTLING, SETTLED)
"""Where a life may end: before something is on the disk, exactly between that and its delivery, and after."""


@dataclass(frozen=True)
class Life:
    """``point``: where it kills itself, at the ``nth`` time it comes there. ``calm_from``: from that look on all is
    well, and it ends by itself once it was so for ``CALM`` looks and all is told.
    """

    seed: int
    point: str = ""
    nth: int = 0
    calm_from: int | None = None


@dataclass(frozen=True, slots=True)
class Chat(HttpNotifier):
    """For people, who have many incidents in one message."""

    url: Secret = field(repr=False)

    async def send(self, notification: Notification) -> None:
        said = {"type": str(notification.event), "title": notification.subject, "data": dict(notification.data)}
        at = notification.sent_at or notification.at
        await self.post(self.url, said, at, {"webhook-id": notification.id})

    def destination(self) -> Secret:
        return self.url


class Fatal:
    """The database; whoever uses it may be killed before and after that."""

    def __init__(self, store: DurableStore, life: Life) -> None:
        self._store, self._life = store, life
        self._times = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def _at(self, point: str) -> None:
        if point == self._life.point:
            self._times += 1
            if self._times == self._life.nth:
                os.kill(os.getpid(), signal.SIGKILL)

    async def commit(self, commit: Commit) -> None:
        news = bool(commit.messages)
        if news:
            self._at(COMMITTING)
        await self._store.commit(commit)
        if news:
            self._at(COMMITTED)

    async def lease(self, *args: Any, **more: Any) -> Any:
        leases = await self._store.lease(*args, **more)
        if leases:
            self._at(LEASED)
        return leases

    async def settle(self, result: Any) -> None:
        self._at(SETTLING)
        await self._store.settle(result)
        self._at(SETTLED)


def seen_at(number: int, seed: int, calm_from: int | None) -> Iterator[ZonePoll]:
    """The polls of one look; the same whenever it is made."""
    at = minute(number)
    calm = calm_from is not None and number >= calm_from
    era = number // LASTS
    for one in ZONES:
        first, second = (server.name for server in one.servers)
        dead = random.Random(f"{seed} {second} {era}").random() < 0.3
        ill = random.Random(f"{seed} {one.name} {(number + ZONES.index(one)) // LASTS}").random() < 0.3
        token = "SERVFAIL" if (dead or ill) and not calm else "10"
        both = ill and not calm and random.Random(f"{seed} {one.name} both {era}").random() < 0.3
        tokens = {first: "REFUSED" if both else "10", second: token}
        yield checked_at(one, tokens, at, QUICK)
        yield reached(one, at, **tokens)


async def look(evaluator: Evaluator, number: int, life: Life) -> None:
    await evaluator.process(list(seen_at(number, life.seed, life.calm_from)))
    await evaluator.remind()
    await evaluator.record_sweep(Sweep("soa-serial", minute(number), minute(number), len(ZONES), 6, 6))


def looking(store: Any, clock: Clock, memory: MonitorState, told: Callable[[], None] = lambda: None) -> Evaluator:
    status = Status("1", "local", NOON, NOON, FakeZones())
    return Evaluator(memory, RULES, status, WriteBuffer(store, clock), clock, lambda: None, told)


async def uninterrupted(life: Life) -> tuple[set[tuple[str, ...]], int]:
    """What a monitor decides that nobody kills: receiver, id, incident and event of each message, and the number of
    transitions.
    """
    clock = Clock()
    disk = FullDisk(clock)
    evaluator = looking(disk, clock, MonitorState())
    assert life.calm_from is not None
    for number in range(life.calm_from + CALM):
        clock.at = minute(number)
        await look(evaluator, number, life)
    messages = [message for commit in disk.commits for message in commit.messages]
    owed = {(each.receiver, each.id, each.incident.id, each.event.value) for each in messages}
    return owed, sum(len(commit.transitions) for commit in disk.commits)


async def live(database: str, port: int, life: Life) -> None:
    clock = Clock()
    opened = await DurableStore.open(database, clock)
    with contextlib.closing(sqlite3.connect(database)) as reader:
        (begun,) = reader.execute("select count(*) from sweeps").fetchone()
    store: Any = Fatal(opened, life)
    url = {name: Secret(f"http://127.0.0.1:{port}/{name}") for name in RECEIVERS}
    people = Chat(url[PEOPLE], allow_private=True)
    receivers = {name: Webhook(url[name], allow_private=True) for name in (HOOK, TEAM)} | {PEOPLE: people}
    clock.at = minute(begun)
    dispatcher = Dispatcher(
        store, receivers, lambda message: render(message, None, clock()), clock, policy=RetryPolicy(poll_interval=0.02)
    )
    evaluator = looking(store, clock, MonitorState.of(await store.restore()), dispatcher.wake)
    end = None if life.calm_from is None else life.calm_from + CALM
    number = begun + random.Random(f"{life.seed} late {begun}").choice((0, 0, 1, 2, 4, 8))
    for early in range(begun, number):  # more is told of what was being sent when the life before ended
        clock.at = minute(early)
        await look(evaluator, early, life)
    delivering = asyncio.create_task(dispatcher.run())
    while end is None or number < end:
        clock.at = minute(number)
        await look(evaluator, number, life)
        if random.Random(f"{life.seed} pace {number}").random() < 0.6:
            await told_all(store)
        number += 1
    clock.pass_(minutes=5)  # what was being sent when the life before ended is due again
    dispatcher.wake()
    await told_all(store)
    await dispatcher.stop()
    await delivering
    await store.close()


async def told_all(store: Store) -> None:
    while any(row.pending for row in await store.receivers()):
        await asyncio.sleep(0.002)


def serve(database: str, port: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    for line in sys.stdin:
        child = os.fork()
        if not child:
            asyncio.run(live(database, port, Life(**json.loads(line))))
            os._exit(0)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


class Monitor:
    """That program, from outside."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid: int | None = None
        """The life that lasts."""

    async def live(self, life: Life) -> None:
        """Begins; ``ended`` says how it ended."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(life)).encode() + b"\n")
        self.pid = await self._number()

    async def ended(self) -> int:
        """The exit status; negative: the signal that ended it."""
        status = await self._number()
        self.pid = None
        return os.waitstatus_to_exitcode(status)

    def kill(self) -> None:
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)

    async def _number(self) -> int:
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            return int(await self._process.stdout.readline())


@contextlib.asynccontextmanager
async def monitor(database: str, port: int) -> AsyncIterator[Monitor]:
    command = (sys.executable, "-m", "tests.integration.alerting.killed_monitor", database, str(port))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    running = Monitor(process)
    try:
        yield running
    finally:
        running.kill()
        process.kill()
        await process.wait()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
