"""Schedules the engine's next turn."""

import asyncio
from collections.abc import Callable


class Wakeup:
    """One timer, and one descriptor that is listened to only while it is worth it."""

    def __init__(self, turn: Callable[[], None], descriptor: int) -> None:
        self._turn = turn
        self._descriptor = descriptor
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self._listening = False
        self._over = False

    def at_once(self) -> None:
        self._cancel()
        self.after(0.0)

    def after(self, seconds: float) -> None:
        """Unless it is to be earlier anyway."""
        if self._timer is None and not self._over:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(seconds, self._timed) if seconds else loop.call_soon(self._timed)

    def listen(self, wanted: bool) -> None:
        """Whether to have a turn as soon as something comes in."""
        if wanted is self._listening or self._over:
            return
        self._listening = wanted
        loop = asyncio.get_running_loop()
        if wanted:
            loop.add_reader(self._descriptor, self._heard)
        else:
            loop.remove_reader(self._descriptor)

    def end(self) -> None:
        self._cancel()
        self.listen(False)
        self._over = True

    def _timed(self) -> None:
        self._timer = None
        self._turn()

    def _heard(self) -> None:
        self._cancel()
        self._turn()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
