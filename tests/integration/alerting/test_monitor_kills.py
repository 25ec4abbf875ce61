"""A monitor is killed at any point between what it sees and what its receivers know: nothing is lost, hardly anything
is repeated, and what is has the id that it had.
"""

import asyncio
import random
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from alerting.incident import IncidentEvent
from tests.integration.alerting.killed_monitor import POINTS, Life, Monitor, monitor, uninterrupted
from tests.support.hookserver import HookServer, hookserver, reply

SEED = 20260301
TAKEN, ANSWERED, ANY = "taken", "answered", "any"
"""Killed by whoever it tells: before the answer, after it; or after some time."""
OPENED, RESOLVED = IncidentEvent.OPENED.value, IncidentEvent.RESOLVED.value


Told = tuple[str, str, Any]
"""Receiver, id and body of what one of them was sent."""


def told(hook: HookServer) -> list[Told]:
    """Since the last time."""
    some = [(each.line.split()[1].strip("/"), each.headers["webhook-id"], each.json) for each in hook.requests]
    hook.requests.clear()
    return some


def incidents(body: Any) -> list[str]:
    """Those that a message is about: a digest is about several."""
    return [each["id"] for each in body["data"].get("incidents", [body["data"]])]


def killing(running: Monitor, hook: HookServer, when: str, nth: int) -> None:
    """The receiver ends the life at the message ``nth``."""
    usual, left = reply(204), nth

    async def behave(writer: asyncio.StreamWriter) -> None:
        nonlocal left
        left -= 1
        if left == 0 and when == TAKEN:
            running.kill()
        await usual(writer)
        if left == 0 and when == ANSWERED:
            running.kill()

    hook.behave = behave


async def killed_once(running: Monitor, hook: HookServer, dice: random.Random) -> str:
    """Where it was killed."""
    where = dice.choice((*POINTS, TAKEN, ANSWERED, ANY, ANY))
    nth = dice.choice((1, 1, 2, 3, 5))
    hook.behave = reply(204)
    if where in (TAKEN, ANSWERED):
        killing(running, hook, where, nth)
    await running.live(Life(SEED, where if where in POINTS else "", nth))
    if where == ANY:
        await asyncio.sleep(dice.uniform(0.0, 0.15))
        running.kill()
    assert await running.ended() == -9
    return where


async def kill_often(directory: Path, times: int, least: int) -> None:
    """``least``: so many alerts must have fired or ended meanwhile, or it proves nothing."""
    database, dice, where = directory / "s.db", random.Random(SEED), Counter[str]()
    async with hookserver() as hook, monitor(str(database), hook.port) as running:
        lives = []
        for _ in range(times):
            where[await killed_once(running, hook, dice)] += 1
            lives.append(told(hook))
        (looks,) = select(database, "select count(*) from sweeps")[0]
        last = Life(SEED, calm_from=looks + 1)
        hook.behave = reply(204)
        await running.live(last)
        assert await running.ended() == 0
        lives.append(told(hook))
    moved = check_what_was_decided(database, *await uninterrupted(last))
    assert moved >= least
    again = check_repeats(lives)
    said = {(receiver, id_): body for life in lives for receiver, id_, body in life}
    check_what_was_told(database, said)
    check_the_order(said)
    print(f"{moved} transitions, {len(said)} messages, {dict(again)} of them again, by {times} kills: {dict(where)}")


def select(database: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(database) as conn:
        return conn.execute(query).fetchall()


def check_what_was_decided(database: Path, messages: set[tuple[str, ...]], transitions: int) -> int:
    """All of it is on the disk, and no more than what a monitor decides that nobody kills: so many transitions."""
    assert select(database, "pragma integrity_check") == [("ok",)]
    assert set(select(database, "select receiver, id, incident, event from outbox")) == messages
    assert select(database, "select count(*) from transitions") == [(transitions,)]
    return transitions


def check_repeats(lives: list[list[Told]]) -> Counter[str]:
    """A kill has each receiver hear one thing again at most, and that has the id that it had and says what it said."""
    heard: dict[tuple[str, str], Any] = {}
    repeats = Counter[str]()
    for number, life in enumerate(lives):
        again = Counter(receiver for receiver, id_, _ in life if (receiver, id_) in heard)
        assert set(again.values()) <= {1}, f"after kill {number}: {again}"
        repeats += again
        for receiver, id_, body in life:
            before = heard.setdefault((receiver, id_), body)
            assert (body["type"], incidents(body)) == (before["type"], incidents(before))
    return repeats


def check_what_was_told(database: Path, said: dict[tuple[str, str], Any]) -> None:
    """Nobody waits for anything; what is marked as delivered was heard, by itself or in a digest, and of each incident
    the last of it is.
    """
    digested = {(to, each) for (to, _), body in said.items() if "id" not in body["data"] for each in incidents(body)}
    last = {}
    rows = select(database, "select receiver, id, incident, event, state from outbox order by seq")
    for receiver, id_, incident, event, state in rows:
        assert state in ("delivered", "superseded")
        last[receiver, incident] = event, state
        if state == "delivered":
            assert (receiver, id_) in said or (event == RESOLVED and (receiver, incident) in digested)
    assert set(last.values()) == {(RESOLVED, "delivered")}


def check_the_order(said: dict[tuple[str, str], Any]) -> None:
    """Repeats put aside nobody hears that something has opened which he knows to be open."""
    state: dict[tuple[str, str], str] = {}
    for (receiver, _), body in said.items():
        for incident in incidents(body):
            assert body["type"] != OPENED or state.get((receiver, incident), RESOLVED) == RESOLVED, incident
            state[receiver, incident] = body["type"]


async def test_a_few_kills_lose_nothing_and_repeat_what_was_being_sent_as_it_was(tmp_path: Path) -> None:
    await kill_often(tmp_path, 20, 20)


@pytest.mark.long
async def test_three_hundred_kills_lose_nothing_and_repeat_what_was_being_sent_as_it_was(tmp_path: Path) -> None:
    await kill_often(tmp_path, 300, 100)
