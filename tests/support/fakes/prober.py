"""A Prober that knows every answer."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice

from checks.model import Observation, Outcome, Query

Tell = Callable[[Query], Observation]


class FakeProber:
    """A Prober that knows every answer. ``tell`` says what is seen of a query; ``asked`` is what it was asked."""

    def __init__(self, tell: Tell, now: Callable[[], datetime], *, most: int = 100) -> None:
        self._tell = tell
        self._now = now
        self._most = most
        self._closed = False
        self.asked: list[Query] = []

    async def __call__(self, queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
        source = iter(queries)
        while batch := list(islice(source, self._most)):
            self.asked += batch
            yield [self._one(query) for query in batch]

    async def close(self) -> None:
        self._closed = True

    def _one(self, query: Query) -> Observation:
        if self._closed:
            return Observation(query, Outcome.UNASKED, self._now(), detail="the monitor is stopping")
        return replace(self._tell(query), query=query, at=self._now())
