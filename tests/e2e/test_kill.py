"""The service is killed at random points under load: what was told stays told, what was not is told."""

import asyncio
import random
import sqlite3
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from monitor.clock import now
from monitor.pair.pair import Pair
from monitor.pair.zonedata import Timers
from tests.support.receiver import receiver
from tests.support.running import running, until
from tests.support.service_config import write

ZONES = [f"zone{number}.example." for number in range(12)]
FAULTS = ("transfer-open", "lame", "record-changed", "frozen", "tcp-dead")


@pytest.mark.parametrize("kills", [pytest.param(4, id="a few"), pytest.param(50, id="many", marks=pytest.mark.long)])
async def test_nothing_is_lost_and_nothing_is_told_as_new_twice(tmp_path: Path, kills: int) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    async with receiver() as hook, Pair(ZONES, now=now, timers=Timers(refresh=2, retry=1)) as pair:
        await pair.in_sync()
        config = write(tmp_path, pair, hook)
        async with running(config) as service:
            await service.up()
            pair.break_("transfer-open")
            await until(lambda: bool(hook.heard), 30)
        for _ in range(kills):
            async with running(config) as service:
                await service.up()
                for _ in range(dice.randint(1, 3)):
                    meddle(pair, dice)
                    await asyncio.sleep(dice.uniform(0.1, 2.0))
        pair.break_("lame")
        async with running(config) as service:
            await service.up()
            await until(lambda: hook.heard, 30)  # however the dice fell, something has happened
        pair.mend()
        async with running(config) as service:
            await service.up()
            await until(lambda: all_is_well(service), 60)
            await until(lambda: everything_told(tmp_path / "demo.db"), 30)
        check_record(tmp_path / "demo.db")
        check_news(hook.heard)


def meddle(pair: Pair, dice: random.Random) -> None:
    """Something breaks, or is mended, or a zone changes."""
    if dice.random() < 0.3:
        pair.mend()
    else:
        pair.break_(dice.choice(FAULTS))
    pair.change(dice.choice(ZONES))


async def all_is_well(service: Any) -> bool:
    incidents = await service.get("api/v1/incidents")
    zones = await service.get("api/v1/zones")
    return all(i["phase"] == "resolved" for i in incidents) and all(z["health"] == "good" for z in zones)


def everything_told(database: Path) -> bool:
    with sqlite3.connect(database) as conn:
        return conn.execute("select count(*) from outbox where state = 'waiting'").fetchone() == (0,)


def check_record(database: Path) -> None:
    """The database is whole; each incident was told of from its beginning to its end, as often as it opened, and all of
    it delivered, or superseded by what came after.

    One that was over before its first word was due is told to nobody.
    """
    with sqlite3.connect(database) as conn:
        assert conn.execute("pragma integrity_check").fetchone() == ("ok",)
        incidents = dict(conn.execute("select id, phase from incidents").fetchall())
        open_for = "unixepoch(resolved_at) - unixepoch(opened_at)"
        short = {row[0] for row in conn.execute("select id from incidents where " + open_for + " < 60")}
        heard_of = {row[0] for row in conn.execute("select id from incidents where body ->> '$.receivers' != '[]'")}
        told, last = defaultdict(list), {}
        for incident, news, state in conn.execute("select incident, event, state from outbox order by rowid"):
            assert state in ("delivered", "superseded")
            told[incident].append(news)
            last[incident] = state
    assert told.keys() >= heard_of
    assert set(last.values()) == {"delivered"}
    assert incidents.keys() - told.keys() <= short
    assert set(incidents.values()) == {"resolved"}
    for incident in told:
        ends = [news for news in told[incident] if news in ("incident.opened", "incident.resolved")]
        assert ends == ["incident.opened", "incident.resolved"] * (len(ends) // 2)
        assert ends == [told[incident][0], *ends[1:-1], told[incident][-1]]


def check_news(heard: list[tuple[str, dict[str, Any]]]) -> None:
    """Repeats carry the same id; once those are put aside, each incident is heard of in order, and no two at a time
    have one cause.
    """
    first = dict(reversed(heard))
    news = [said for identity, said in heard if first[identity] is said]
    assert len(news) == len(first)
    open_now: dict[str, str] = {}
    for said in news:
        incident, cause = said["data"]["id"], said["data"]["cause"]
        match said["type"]:
            case "incident.opened":
                assert cause not in open_now, f"{cause} told as new twice"
                open_now[cause] = incident
            case "incident.resolved":
                assert open_now.pop(cause, incident) == incident  # all that was heard of it, where it waited
            case _:  # what was a zone's trouble may turn out to be a server's
                before = next(known for known, held in open_now.items() if held == incident)
                del open_now[before]
                assert cause not in open_now
                open_now[cause] = incident
    assert not open_now
    assert news, "nothing happened at all"
