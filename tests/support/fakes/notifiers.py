"""Those who are told: some say yes, some say no, some say nothing."""

import asyncio
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from alerting.dispatcher import Dispatcher
from alerting.model import Secret
from alerting.notification import DeliveryError, Notification, OutboxMessage
from alerting.retry_policy import RetryPolicy
from monitor.state.ports import Store, StoreError
from tests.support.specimens import NOON

QUICK = RetryPolicy(poll_interval=0.01)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time

    def pass_by(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Receiver:
    """Answers each sending with the next of ``answers``: an exception, or None for yes; then always yes."""

    def __init__(self, *answers: Exception | None) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []
        self.got: list[str] = []
        self.done: list[frozenset[str]] = []

    async def send(self, notification: Notification) -> None:
        self.asked.append(notification.id)
        self.done.append(notification.done)
        await asyncio.sleep(0)
        answer = self._answers.pop(0) if self._answers else None
        if answer is not None:
            raise answer
        self.got.append(notification.id)

    def destination(self) -> Secret:
        return Secret(str(id(self)))


class NeverAnswering:
    """Takes the call and never says a word, until it is ``released``."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.got: list[str] = []
        self.released = asyncio.Event()

    async def send(self, notification: Notification) -> None:
        self.asked.append(notification.id)
        await self.released.wait()
        self.got.append(notification.id)

    def destination(self) -> Secret:
        return Secret(str(id(self)))


class Failing:
    """A store whose disk fails: the named call raises as often as it is told to. ``calls`` are all, in order."""

    def __init__(self, store: Store, **times: int) -> None:
        self._store = store
        self.left = times
        self.error: Exception = StoreError("s.db: the disk is full")
        self.calls: list[str] = []

    def __getattr__(self, name: str):
        call = getattr(self._store, name)
        self.calls.append(name)
        if self.left.get(name, 0) <= 0:
            return call

        async def fail(*_args, **_more):
            self.left[name] -= 1
            raise self.error

        return fail


def no(reason: str = "451 come back later", **more) -> DeliveryError:
    return DeliveryError(reason, **more)


def render(message: OutboxMessage) -> Notification:
    about = message.incident
    return Notification(message.id, message.event, message.at, about.id, about, about.id, "subject", "text", "html", {})


@asynccontextmanager
async def delivering(store, receivers, clock, policy: RetryPolicy = QUICK, **more):
    dispatcher = Dispatcher(store, receivers, render, clock, policy=policy, random_fraction=lambda: 0.5, **more)
    running = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher
    finally:
        await dispatcher.stop()
        await asyncio.wait_for(running, 5)


def attempts(dispatcher: Dispatcher) -> dict[tuple[str, str], float]:
    """(receiver, outcome) → how many."""
    (family,) = dispatcher.attempts.collect()
    counted = (sample for sample in family.samples if sample.name.endswith("_total"))
    return {(sample.labels["receiver"], sample.labels["outcome"]): sample.value for sample in counted}


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that in time"
        await asyncio.sleep(0.002)


async def idle(dispatcher: Dispatcher, store: Store, clock: Clock, seconds: float = 20.0) -> None:
    """Nothing is due, and nothing is being sent or written down."""
    end = time.monotonic() + seconds
    while dispatcher._sending or ((due := await store.next_due()) is not None and due <= clock()):
        assert time.monotonic() < end, "it does not come to rest"
        await asyncio.sleep(0.002)
