"""Schedules the engine's next turn."""

import asyncio
from collections.abc import Callable


class Wakeup:
    """One timer, and one descriptor that is watched only while little is in flight."""

    def __init__(self, turn: Callable[[], None], descriptor: int) -> None:
        self._turn = turn
        self._descriptor = descriptor
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self._listening = False
        self._closed = False

    def at_once(self) -> None:
        self._cancel()
        self.after(0.0)

    def after(self, seconds: float) -> None:
        """Unless it is to be earlier anyway."""
        if self._timer is None and not self._closed:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(seconds, self._on_timer) if seconds else loop.call_soon(self._on_timer)

    def listen(self, wanted: bool) -> None:
        """Whether to have a turn as soon as something comes in."""
        if wanted is self._listening or self._closed:
            return
        self._listening = wanted
        loop = asyncio.get_running_loop()
        if wanted:
            loop.add_reader(self._descriptor, self._on_readable)
        else:
            loop.remove_reader(self._descriptor)

    def close(self) -> None:
        self._cancel()
        self.listen(False)
        self._closed = True

    def _on_timer(self) -> None:
        self._timer = None
        self._turn()

    def _on_readable(self) -> None:
        self._cancel()
        self._turn()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
