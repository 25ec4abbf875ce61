"""The stream of results for those who asked."""

import asyncio
from enum import Enum, auto

from checks.model import Observation


class Doubted(Enum):
    """Why queries are asked anew."""

    NOT = auto()
    """They are asked for the first time, or what was heard could not be told at a glance."""
    FORGED = auto()
    """Strays came: TCP is asked first, and then whether UDP brings anything that can be used."""
    TRUNCATED = auto()
    """UDP has answered, and not whole: TCP is asked (RFC 7766 section 5)."""


class ResultStream:
    """The observations of one call of the prober, until they are fetched."""

    __slots__ = ("_done", "_woken", "doubt", "left", "over")

    def __init__(self, doubt: Doubted = Doubted.NOT) -> None:
        self._done: list[Observation] = []
        self._woken: asyncio.Future[None] | None = None
        self.left = 0
        """Queries that have no observation yet."""
        self.doubt = doubt
        self.over = False
        """Nobody waits for the rest."""

    def put(self, seen: Observation) -> None:
        self.left -= 1
        self._done.append(seen)
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    async def batch(self) -> list[Observation]:
        """What has come since the last time; waits for the first; empty when nothing is left."""
        if not self._done and self.left:
            self._woken = asyncio.get_running_loop().create_future()
            await self._woken
        batch, self._done = self._done, []
        return batch
