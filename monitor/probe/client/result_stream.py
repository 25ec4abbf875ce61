"""The stream of results of one call."""

import asyncio
from enum import Enum, auto

from checks.model import Observation


class Suspicion(Enum):
    """Why queries are asked again."""

    NONE = auto()
    """They are asked for the first time, or the response was unusual."""
    FORGED = auto()
    """Strays came: TCP is asked first, and then whether UDP brings anything that can be used."""
    TRUNCATED = auto()
    """UDP has answered, and not whole: TCP is asked (RFC 7766 section 5)."""


class ResultStream:
    """The observations of one call of the prober, until they are fetched."""

    __slots__ = ("_done", "_waiter", "cancelled", "left", "suspicion")

    def __init__(self, suspicion: Suspicion = Suspicion.NONE) -> None:
        self._done: list[Observation] = []
        self._waiter: asyncio.Future[None] | None = None
        self.left = 0
        """Queries that have no observation yet."""
        self.suspicion = suspicion
        self.cancelled = False
        """Nobody waits any more."""

    def put(self, seen: Observation) -> None:
        self.left -= 1
        self._done.append(seen)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def batch(self) -> list[Observation]:
        """What has come since the last time; waits for the first; empty when nothing is left."""
        if not self._done and self.left:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        batch, self._done = self._done, []
        return batch
