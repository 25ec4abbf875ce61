"""When zones are asked because of a NOTIFY: at once, but never by as many as may be sent."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

MIN_INTERVAL = 0.5
"""Seconds between the beginnings of two such polls of one zone."""

MAX_PER_TURN = 5
"""Zones whose polls begin together …"""

TURN = 0.1
"""… every so many seconds, so that the sweeps have most of what servers may be asked; a sweep may come first."""

MAX_WAITING = 10_000
"""Zones that wait for their turn; of those beyond, the next sweep sees what is new."""

AskZones = Callable[[Sequence[str]], "asyncio.Future[Any]"]
"""Asks these zones; done when it has."""


class NotifyPolls:
    """One poll at most of each zone at a time; a NOTIFY that comes meanwhile makes one more after it."""

    def __init__(self, ask: AskZones, is_being_asked: Callable[[str], bool]) -> None:
        self._ask, self._is_being_asked = ask, is_being_asked
        self._waiting: dict[str, None] = {}
        """In the order in which they came."""
        self._under_way: set[str] = set()
        self._begun: dict[str, float] = {}
        """Zone → when its latest poll began, for MIN_INTERVAL."""
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0
        """When the next turn is, by the loop's clock."""

    def want(self, zone: str) -> bool:
        """Ask the zone as soon as may be; False where too many wait already."""
        if zone not in self._waiting:
            if len(self._waiting) >= MAX_WAITING:
                return False
            self._waiting[zone] = None
        self._plan()
        return True

    def close(self) -> None:
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _plan(self) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is None and self._waiting:
            self._timer = loop.call_at(max(self._next, loop.time()), self._turn)

    def _turn(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        self._next = now + TURN
        self._begun = {zone: at for zone, at in self._begun.items() if now - at < MIN_INTERVAL}
        ready: list[str] = []
        for zone in self._waiting:
            if len(ready) == MAX_PER_TURN:
                break
            if zone not in self._under_way and zone not in self._begun and not self._is_being_asked(zone):
                ready.append(zone)
        for zone in ready:
            del self._waiting[zone]
            self._begin(zone, now)
        self._plan()

    def _begin(self, zone: str, now: float) -> None:
        """Each on its own: a zone whose servers are silent holds up no other."""
        self._under_way.add(zone)
        self._begun[zone] = now
        self._ask([zone]).add_done_callback(lambda _: self._under_way.discard(zone))
