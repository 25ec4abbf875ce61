"""Tells whoever looks at a page that something changed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class TooMany(Exception):
    """As many streams are open as may be."""


class Ticks:
    """What one watcher has not heard yet: at most one tick, for a late one replaces those before it."""

    def __init__(self) -> None:
        self._bell = asyncio.Event()

    def ring(self) -> None:
        self._bell.set()

    async def wait(self, seconds: float) -> bool:
        """Whether something changed within that time."""
        try:
            async with asyncio.timeout(seconds):
                await self._bell.wait()
        except TimeoutError:
            return False
        self._bell.clear()
        return True


class EventHub:
    """All open streams. ``tell`` is called from the event loop after each new Status and never waits."""

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._watching: set[Ticks] = set()
        self._number = 0

    @property
    def number(self) -> int:
        """How many changes there have been."""
        return self._number

    def __len__(self) -> int:
        return len(self._watching)

    def tell(self) -> None:
        self._number += 1
        for address_metrics in self._watching:
            address_metrics.ring()

    @contextmanager
    def subscribe(self) -> Iterator[Ticks]:
        """The ticks from now on. Raises TooMany."""
        if len(self._watching) >= self._most:
            raise TooMany
        address_metrics = Ticks()
        self._watching.add(address_metrics)
        try:
            yield address_metrics
        finally:
            self._watching.discard(address_metrics)
