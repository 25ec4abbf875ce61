"""What every queue keeps to."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from checks.model import ZonePoll
from monitor.service.queue import PollQueue
from monitor.state.ports import QueueClosed
from tests.support.specimens import NOON

SIZE = 3


@pytest.fixture
async def queue() -> AsyncIterator[PollQueue]:
    queue = PollQueue(SIZE)
    yield queue
    await queue.close()


def one(number: int) -> ZonePoll:
    return ZonePoll(f"zone{number}.example.", "soa-serial", NOON, timedelta(seconds=60), ())


async def settled(task: asyncio.Task) -> bool:
    """Has it ended, once everything that could run has run?"""
    for _ in range(20):
        await asyncio.sleep(0)
    return task.done()


async def test_polls_come_out_as_they_went_in(queue):
    for number in range(SIZE):
        await queue.publish(one(number))
    assert list(await queue.take(2)) == [one(0), one(1)]
    assert list(await queue.take(2)) == [one(2)]


async def test_the_evaluator_waits_for_the_first_poll_only(queue):
    taking = asyncio.create_task(queue.take(100))
    assert not await settled(taking)
    await queue.publish(one(1))
    assert list(await taking) == [one(1)]


async def test_who_asks_waits_when_the_evaluator_is_behind(queue):
    for number in range(SIZE):
        await queue.publish(one(number))
    publishing = asyncio.create_task(queue.publish(one(SIZE)))
    assert not await settled(publishing)
    assert list(await queue.take(1)) == [one(0)]
    await publishing
    assert list(await queue.take(100)) == [one(1), one(2), one(3)]


async def test_many_who_ask_and_one_who_evaluates_lose_nothing(queue):
    async def ask(start: int) -> None:
        for number in range(start, start + 100):
            await queue.publish(one(number))

    taken: list[ZonePoll] = []
    async with asyncio.TaskGroup() as group:
        for start in (0, 1000, 2000):
            group.create_task(ask(start))
        while len(taken) < 300:
            taken += await queue.take(7)
    for start in (0, 1000, 2000):
        mine = [each for each in taken if start <= int(each.zone[4:].split(".")[0]) < start + 100]
        assert mine == [one(number) for number in range(start, start + 100)]


async def test_a_closed_queue_hands_out_what_it_holds_and_then_nothing(queue):
    await queue.publish(one(1))
    await queue.close()
    assert list(await queue.take(9)) == [one(1)]
    assert list(await queue.take(9)) == []


async def test_closing_frees_those_who_wait(queue):
    taking = asyncio.create_task(queue.take(9))
    assert not await settled(taking)
    await queue.close()
    assert list(await taking) == []


async def test_closing_turns_away_those_who_still_publish(queue):
    for number in range(SIZE):
        await queue.publish(one(number))
    publishing = asyncio.create_task(queue.publish(one(SIZE)))
    assert not await settled(publishing)
    await queue.close()
    with pytest.raises(QueueClosed):
        await publishing
    with pytest.raises(QueueClosed):
        await queue.publish(one(9))
    assert len(await queue.take(99)) == SIZE


async def test_who_stops_waiting_takes_nothing_with_him(queue):
    taking = asyncio.create_task(queue.take(9))
    assert not await settled(taking)
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    await queue.publish(one(1))
    assert list(await queue.take(9)) == [one(1)]


def test_a_queue_without_room_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        PollQueue(0)
