"""Puts messages in the outbox and delivers them to a file, until it is killed.

Run as ``python -m tests.integration.alerting.sending_process DATABASE SINK NUMBER RECEIVERS [FATAL]``. NUMBER
incidents are each told as opened, and every other one as resolved, to all RECEIVERS (names with commas between), which
keep a state: what is over by their turn is told as that alone. What a receiver
takes is a line of SINK, on the disk before the sending ends. At the message named FATAL it kills itself then: after
the receiver has said yes, before the outbox knows. Ends by itself when all is told.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from alerting.dispatcher import Dispatcher
from alerting.incident import IncidentEvent
from alerting.model import Secret
from alerting.notification import Notification
from alerting.retry_policy import RetryPolicy
from monitor.clock import now
from monitor.state.ports import Commit
from monitor.store.database import value
from monitor.store.sqlite import SqliteStore
from tests.support.fakes.notifiers import render
from tests.support.specimens import message


class Sink:
    keeps_state = True

    def __init__(self, path: Path, fatal: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._fatal = fatal

    async def send(self, notification: Notification) -> None:
        os.write(self._file, f"{notification.id}\n".encode())
        os.fsync(self._file)
        if notification.id == self._fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.sleep(0)

    def destination(self) -> Secret:
        return Secret("")


def both(number: int, names: list[str]) -> Commit:
    return Commit(
        messages=tuple(
            message(f"{receiver}/{number}/{news.value}", receiver, about=f"i{number}", event=news)
            for receiver in names
            for news in (IncidentEvent.OPENED, IncidentEvent.RESOLVED)[: 1 + number % 2]
        )
    )


async def work(database: str, sink: Path, number: int, names: list[str], fatal: str) -> None:
    store = await SqliteStore.open(database, now)
    receivers = {name: Sink(sink, fatal) for name in names}
    dispatcher = Dispatcher(store, receivers, render, now, policy=RetryPolicy(poll_interval=0.01))
    running = asyncio.create_task(dispatcher.run())
    before = await store.read(lambda db: value(db, "select count(distinct incident) from outbox"))
    for each in range(int(before or 0), number):  # the rest of them, if it has been killed before
        await store.commit(both(each, names))
        dispatcher.wake()
    print("committed", flush=True)
    while any(row.pending for row in await store.receivers()):
        await asyncio.sleep(0.005)
    await dispatcher.stop()
    await running
    await store.close()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4].split(","), "".join(sys.argv[5:])))
