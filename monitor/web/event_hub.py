"""Tells whoever looks at a page that something changed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class TooMany(Exception):
    """As many streams are open as may be."""


class Subscription:
    """What one watcher has not heard yet: at most one tick, for a late one replaces those before it."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def notify(self) -> None:
        self._changed.set()

    async def wait(self, seconds: float) -> bool:
        """Whether something changed within that time."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True


class EventHub:
    """All open streams. ``notify`` is called from the event loop after each new Status and never waits."""

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._watching: set[Subscription] = set()
        self._number = 0

    @property
    def number(self) -> int:
        """How many changes there have been."""
        return self._number

    def __len__(self) -> int:
        return len(self._watching)

    def notify(self) -> None:
        self._number += 1
        for subscription in self._watching:
            subscription.notify()

    @contextmanager
    def subscribe(self) -> Iterator[Subscription]:
        """The ticks from now on. Raises TooMany."""
        if len(self._watching) >= self._most:
            raise TooMany
        subscription = Subscription()
        self._watching.add(subscription)
        try:
            yield subscription
        finally:
            self._watching.discard(subscription)
