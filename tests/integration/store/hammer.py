"""Commits numbered changes as fast as it can until it is killed; says which ones the store acknowledged.

Run as ``python -m tests.integration.store.hammer DATABASE``. Number n is one commit of a run, a zone state, an alert, a
transition, an incident and a message, all carrying n; every third message is then claimed and settled.
"""

import asyncio
import sqlite3
import sys
from dataclasses import replace

from alerting.outbox import DeliveryResult
from monitor.state.ports import Commit
from monitor.store.codec import stamp
from monitor.store.sqlite import SqliteStore
from tests.support.specimens import NOON, alert, at, incident, message, run, transition, zone_state


def change(number: int) -> Commit:
    return Commit(
        zone_states=(zone_state(serial=number),),
        state_changes=(run(number, number),),
        alerts=(replace(alert(seconds=number), incident=f"i{number}"),),
        transitions=(transition(number),),
        incidents=(incident(f"i{number}", number),),
        messages=(message(f"t{number}", seconds=number, about=f"i{number}"),),
    )


async def hammer(path: str) -> None:
    store = await SqliteStore.open(path, lambda: NOON)
    number = max((int(each[1:]) for each in (await store.restore()).incidents), default=0)
    while True:
        number += 1
        await store.commit(change(number))
        print("committed", number, flush=True)
        if number % 3 == 0:
            for claimed in await store.lease(at(number), duration=60, limit=1):
                await store.settle(DeliveryResult(claimed.message.id, at(number)))
                print("settled", claimed.message.id[1:], flush=True)


def check(path: str, committed: int, settled: set[int]) -> int:
    """The number the database has come to. AssertionError when its parts disagree or something told is missing."""
    conn = sqlite3.connect(f"file:{path}?mode=ro", uri=True)  # so that it leaves the -wal to the next start

    def numbers(query: str) -> list[int]:
        return sorted(row[0] for row in conn.execute(query))

    assert conn.execute("pragma integrity_check").fetchall() == [("ok",)]
    last = conn.execute("select count(*) from transitions").fetchone()[0]
    assert last in (committed, committed + 1), f"{committed} were acknowledged, {last} are there"
    everyone = list(range(1, last + 1))
    times = [row[0] for row in conn.execute("select at from transitions order by at")]
    assert times == [stamp(at(number)) for number in everyone]
    assert numbers("select serial from address_history union all select serial from address_current") == everyone
    assert numbers("select serial from address_current") == [last]
    assert numbers("select cast(substr(id, 2) as integer) from incidents") == everyone
    assert numbers("select cast(substr(id, 2) as integer) from outbox") == everyone
    assert conn.execute("select json_extract(body, '$.incident') from alerts").fetchall() == [(f"i{last}",)]
    assert numbers("select json_extract(body, '$.serial_groups[0].reference') from zone_states") == [last]
    delivered = set(numbers("select cast(substr(id, 2) as integer) from outbox where state = 'delivered'"))
    assert settled <= delivered
    assert len(delivered - settled) <= 1, "more is marked as told than was told"
    conn.close()
    return last


if __name__ == "__main__":
    asyncio.run(hammer(sys.argv[1]))
