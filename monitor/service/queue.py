"""The queue between those who ask and the evaluator; it makes them wait when that one is behind."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from monitor.state.ports import PollMessage, QueueClosed

MAX_BATCH = 1000
"""Polls evaluated and written at once."""

BATCH_DELAY = 0.05
"""Seconds between two batches that were not full: many small commits become one."""


class PollQueue:
    """It holds at most ``maxsize`` polls; those of one publisher stay in order."""

    def __init__(self, maxsize: int = 1000) -> None:
        if maxsize < 1:
            raise ValueError(f"a queue holds at least one poll, not {maxsize}")
        self._maxsize = maxsize
        self._waiting: deque[PollMessage] = deque()
        self._changed = asyncio.Condition()
        self._closed = False
        self._published = self._evaluated = 0

    def __len__(self) -> int:
        """Polls that wait for the evaluator."""
        return len(self._waiting)

    async def publish(self, *heard: PollMessage) -> None:
        """Many at once wait once, and may then be more than ``maxsize`` by their number."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._closed or len(self._waiting) < self._maxsize)
            if self._closed:
                raise QueueClosed
            self._waiting.extend(heard)
            self._published += len(heard)
            self._changed.notify_all()

    async def take(self, most: int) -> Sequence[PollMessage]:
        async with self._changed:
            await self._changed.wait_for(lambda: self._closed or self._waiting)
            taken = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
            self._changed.notify_all()
            return taken

    async def evaluate(self, process: Callable[[Sequence[PollMessage]], Awaitable[None]]) -> None:
        """Have everything evaluated that is published, in batches, until the queue is closed and empty."""
        while polls := await self.take(MAX_BATCH):
            await process(polls)
            async with self._changed:
                self._evaluated += len(polls)
                self._changed.notify_all()
            if len(polls) < MAX_BATCH and not self._closed:
                await asyncio.sleep(BATCH_DELAY)

    async def caught_up(self) -> None:
        """What has been published so far is evaluated and kept."""
        target = self._published
        async with self._changed:
            await self._changed.wait_for(lambda: self._evaluated >= target)

    async def close(self) -> None:
        async with self._changed:
            self._closed = True
            self._changed.notify_all()
