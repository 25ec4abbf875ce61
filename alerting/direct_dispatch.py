"""Sending straight from memory while the disk takes no outbox: each receiver in order and on its own."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable

from alerting.notification import OutboxMessage
from alerting.outbox import UnwrittenOutbox

Send = Callable[[OutboxMessage], Awaitable[bool]]
"""Whether the receiver took it."""


async def dispatch_directly(outbox: UnwrittenOutbox, send: Send) -> None:
    """Send what waits, once; what is not taken goes back and waits for the next time, or for the disk."""
    by_receiver: dict[str, list[OutboxMessage]] = defaultdict(list)
    for message in outbox.messages:
        by_receiver[message.receiver].append(message)
    async with asyncio.TaskGroup() as group:
        for messages in by_receiver.values():
            group.create_task(_to_one_receiver(outbox, messages, send))


async def _to_one_receiver(outbox: UnwrittenOutbox, messages: Iterable[OutboxMessage], send: Send) -> None:
    refused: list[OutboxMessage] = []
    try:
        for message in messages:
            if any(message.incident.id == one.incident.id for one in refused):
                continue  # its end is not told before its beginning
            if not await outbox.take(message):
                return  # the disk works again: the outbox has the rest
            refused.append(message)
            if await send(message):
                refused.pop()
    finally:
        for message in reversed(refused):
            outbox.requeue(message)
