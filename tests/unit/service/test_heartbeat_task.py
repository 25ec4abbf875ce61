"""When a heartbeat is sent, and what it says: a success only while every part goes on."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

from prometheus_client import CollectorRegistry

from alerting.heartbeat import Heartbeat, Signal
from alerting.model import Secret
from alerting.notification import DeliveryError
from monitor.service.heartbeat_task import PATIENCE, RETRY, HeartbeatTask
from tests.support.observations import NOON

URL = Secret("https://hc.example.net/uuid")


@dataclass(frozen=True, kw_only=True)
class Watcher(Heartbeat):
    """Takes it, or does not."""

    heard: list[tuple[Signal, str]] = field(default_factory=list, compare=False)
    refuses: list[str] = field(default_factory=list, compare=False)

    async def signal(self, signal: Signal, body: str, at: object) -> None:
        if self.refuses:
            raise DeliveryError(self.refuses[0])
        self.heard.append((signal, body))


@dataclass
class Bench:
    watcher: Watcher = field(default_factory=lambda: Watcher(url=URL))
    at: float = 1000.0
    marks: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("asking", "writing the database"), 0))
    wrong: list[str] = field(default_factory=list)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    task: HeartbeatTask = field(init=False)

    def __post_init__(self) -> None:
        def troubles() -> Iterator[str]:
            yield from self.wrong

        self.task = HeartbeatTask(
            lambda: self.watcher,
            lambda: {part: (mark, PATIENCE) for part, mark in self.marks.items()},
            troubles,
            lambda: NOON + timedelta(seconds=self.at),
            lambda: self.at,
            self.registry,
        )

    async def after(self, seconds: int, *stuck: str) -> list[tuple[Signal, str]]:
        """What the watcher hears meanwhile, while all parts go on that are not stuck; looked at every second."""
        before = len(self.watcher.heard)
        for _ in range(seconds):
            self.at += 1
            for part in self.marks.keys() - set(stuck):
                self.marks[part] += 1
            await self.task.look()
        return self.watcher.heard[before:]

    def count(self, signal: str, outcome: str) -> float | None:
        return self.registry.get_sample_value("soawatch_heartbeats_total", {"signal": signal, "outcome": outcome})


WELL = (Signal.SUCCESS, "everything goes on")


async def test_the_start_is_told_and_then_every_minute_that_all_goes_on() -> None:
    on = Bench()
    assert await on.after(1) == [(Signal.START, "started")]
    assert await on.after(59) == []
    assert await on.after(121) == [WELL] * 3
    assert on.count("success", "delivered") == 3


async def test_a_part_that_stands_still_is_a_failure_that_names_it_until_it_goes_on() -> None:
    """The kind: a timer that says that all is well while the writer hangs."""
    on = Bench()
    await on.after(2)
    assert await on.after(59, "writing the database") == [WELL], "that is no minute yet"
    (failure,) = await on.after(60, "writing the database")
    assert failure == (Signal.FAIL, "writing the database stands still for 1 min 59 s")
    assert await on.after(60) == [WELL]


async def test_what_never_went_on_is_not_taken_for_well() -> None:
    on = Bench()
    assert await on.after(62, "asking", "writing the database") == [
        (Signal.START, "started"),
        (Signal.FAIL, "asking stands still for 1 min\nwriting the database stands still for 1 min"),
    ]
    assert (await on.after(60, "asking")) == [(Signal.FAIL, "asking stands still for 2 min")]


async def test_troubles_are_told_and_the_next_success_ends_it() -> None:
    on = Bench()
    await on.after(1)
    on.wrong = ["the database takes no changes", "no zone is watched"]
    assert await on.after(60) == [(Signal.FAIL, "the database takes no changes\nno zone is watched")]
    on.wrong = []
    assert await on.after(60) == [WELL]


async def test_what_is_not_taken_is_tried_again_soon() -> None:
    on = Bench()
    on.watcher.refuses.append("https://hc.example.net answered 500")
    assert await on.after(int(RETRY) + 1) == []
    assert on.count("start", "not-delivered") == 2
    on.watcher.refuses.clear()
    assert await on.after(int(RETRY)) == [(Signal.START, "started")]
    on.watcher.refuses.append("https://hc.example.net answered 500")
    await on.after(61)
    on.watcher.refuses.clear()
    assert await on.after(int(RETRY)) == [WELL]


async def test_nobody_is_told_without_a_url_and_another_hears_of_the_start() -> None:
    on = Bench(Watcher())
    assert await on.after(100) == []
    on.watcher = Watcher(url=URL)
    assert await on.after(1) == [(Signal.START, "started")]
    on.watcher = replace(on.watcher, url=Secret("https://other.example.net/"), heard=[])
    assert await on.after(60) == [(Signal.START, "started")]
    assert await on.after(60) == [WELL]
