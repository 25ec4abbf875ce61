"""A NOTIFY has its zone asked at once; very many have not everything asked at once."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

from monitor.polling.notify_polls import MAX_PER_TURN, MAX_WAITING, MIN_INTERVAL, TURN, NotifyPolls
from tests.support.lab.waiting import eventually


class Asked:
    """Polls that end when they are told to; ``busy`` are the zones that a sweep asks."""

    def __init__(self) -> None:
        self.at: list[tuple[float, str]] = []
        self.open: dict[str, asyncio.Future[Any]] = {}
        self.busy: set[str] = set()
        self.polls = NotifyPolls(self.ask, self.busy.__contains__)

    @property
    def zones(self) -> list[str]:
        return [zone for _, zone in self.at]

    def ask(self, zones: Sequence[str]) -> "asyncio.Future[Any]":
        (zone,) = zones
        assert zone not in self.open
        loop = asyncio.get_running_loop()
        self.at.append((loop.time(), zone))
        self.open[zone] = loop.create_future()
        return self.open[zone]

    def end(self, zone: str) -> None:
        self.open.pop(zone).set_result(None)


async def test_a_zone_is_asked_in_the_next_turn_of_the_loop() -> None:
    asked = Asked()
    begun = asyncio.get_running_loop().time()
    assert asked.polls.want("a.")
    await eventually(lambda: asked.zones == ["a."], "the poll")
    assert asked.at[0][0] - begun < TURN


async def test_what_comes_while_it_is_asked_makes_one_more_poll_after_it() -> None:
    asked = Asked()
    asked.polls.want("a.")
    await eventually(lambda: asked.zones == ["a."], "the first")
    for _ in range(50):
        asked.polls.want("a.")
    asked.polls.want("b.")
    await eventually(lambda: "b." in asked.zones, "another zone")
    assert asked.zones == ["a.", "b."]
    asked.end("a.")
    await eventually(lambda: asked.zones.count("a.") == 2, "the second")
    assert asked.at[-1][0] - asked.at[0][0] >= MIN_INTERVAL
    asked.end("a.")
    asked.polls.want("c.")
    await eventually(lambda: "c." in asked.zones, "one more zone")
    assert asked.zones.count("a.") == 2


async def test_a_zone_that_a_sweep_asks_is_asked_after_that() -> None:
    asked = Asked()
    asked.busy.add("a.")
    asked.polls.want("a.")
    asked.polls.want("b.")
    await eventually(lambda: asked.zones == ["b."], "the other zone")
    asked.busy.clear()
    await eventually(lambda: asked.zones == ["b.", "a."], "the zone")


async def test_very_many_zones_are_asked_in_order_and_a_few_at_a_time() -> None:
    asked, names = Asked(), [f"{number}." for number in range(4 * MAX_PER_TURN)]
    for name in names:
        asked.polls.want(name)
    await eventually(lambda: len(asked.at) == len(names), "all")
    assert asked.zones == names
    turns = Counter(at for at, _ in asked.at)
    assert asked.at[-1][0] - asked.at[0][0] > 2 * TURN
    assert len(turns) >= 4


async def test_beyond_what_may_wait_zones_are_left_to_the_sweep() -> None:
    asked = Asked()
    assert all(asked.polls.want(f"{number}.") for number in range(MAX_WAITING))
    assert not asked.polls.want("one more.")
    assert asked.polls.want("7.")  # that waits already
    asked.polls.close()
    await asyncio.sleep(0)
    assert asked.at == []
