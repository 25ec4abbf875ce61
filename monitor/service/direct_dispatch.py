"""Tells receivers straight from memory while the disk takes no outbox, each in order and on its own."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable

from alerting.model import OutboxMessage
from monitor.state.write_buffer import WriteBuffer

Send = Callable[[OutboxMessage], Awaitable[bool]]
"""Whether the receiver took it."""


async def tell(record: WriteBuffer, send: Send) -> None:
    """Send what waits, once; what is not taken goes back and waits for the next time, or for the disk."""
    waiting: dict[str, list[OutboxMessage]] = defaultdict(list)
    for telling in record.tellings:
        waiting[telling.receiver].append(telling)
    async with asyncio.TaskGroup() as group:
        for tellings in waiting.values():
            group.create_task(_one_receiver(record, tellings, send))


async def _one_receiver(record: WriteBuffer, tellings: Iterable[OutboxMessage], send: Send) -> None:
    refused: list[OutboxMessage] = []
    try:
        for telling in tellings:
            if any(telling.incident.id == one.incident.id for one in refused):
                continue  # its end is not told before its beginning
            if not await record.take(telling):
                return  # the disk works again: the outbox has the rest
            refused.append(telling)
            if await send(telling):
                refused.pop()
    finally:
        for telling in reversed(refused):
            record.give_back(telling)
