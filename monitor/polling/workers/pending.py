"""What a worker owes: asked again of the next one when it dies, and unasked where there is none."""

import asyncio
from array import array
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Protocol

from checks.model import Observation, Outcome, Query
from monitor.polling.bulk import ChunkResult, RrsetChunk, ZoneChunk
from monitor.polling.workers.forms import HeardForms
from monitor.polling.workers.messages import (
    Ask,
    AskRrsets,
    AskTcp,
    Done,
    HeardTcp,
    PartialResult,
    PolledRrsets,
    PollRrsets,
    PollZones,
    UnchangedRrsets,
    WorkerAnswer,
)
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.state.columns import AddressLayout


class Pending(Protocol):
    """Something asked of a worker that has not come back as a whole. ``by_slot``: another plan ends it."""

    by_slot: ClassVar[bool]

    @property
    def missing(self) -> int:
        """Zones or queries that have not come back."""
        ...

    def ask(self, number: int) -> Ask:
        """The question of this number, for all that is missing."""
        ...

    def take(self, message: WorkerAnswer) -> bool:
        """Something that has come back; whether it was the last."""
        ...

    def unasked(self, at: datetime, why: str) -> None:
        """Nobody is asked for what is missing: it accuses nobody. The end is for the caller to tell."""
        ...

    def end(self) -> None:
        """No more comes of it."""
        ...


class PendingChunk:
    """Zones asked for their serial. ``on_result`` is told of zones as they come back, and None at the end."""

    __slots__ = ("_address_metrics", "_chunk", "_forms", "_layouts", "_left", "_on_result")
    by_slot: ClassVar[bool] = True

    def __init__(
        self,
        chunk: ZoneChunk,
        layouts: Sequence[AddressLayout],
        address_metrics: AddressMetrics,
        forms: HeardForms,
        on_result: Callable[[ChunkResult | None], None],
    ) -> None:
        """``forms`` are those of the worker."""
        self._chunk, self._layouts, self._address_metrics = chunk, layouts, address_metrics
        self._forms, self._on_result = forms, on_result
        self._left = {number: index for index, number in enumerate(chunk.numbers)}
        """The place of each missing zone in the chunk."""

    @property
    def missing(self) -> int:
        return len(self._left)

    def ask(self, number: int) -> PollZones:
        return PollZones(number, self._missing_chunk())

    def take(self, message: WorkerAnswer) -> bool:
        if isinstance(message, PartialResult):
            self._take(message)
            return message.last
        return isinstance(message, Done)

    def unasked(self, at: datetime, why: str) -> None:
        missing = self._missing_chunk()
        changed = [
            (number, tuple(
                _unasked(Query(name, index.server, index.address, name, "SOA", identify=True), at, why)
                for index in sorted(self._layouts[layout], key=lambda index: index.primary)
            ))
            for number, name, layout in zip(missing.numbers, missing.names, missing.layouts, strict=True)
        ]  # fmt: skip
        if changed:
            self._on_result(ChunkResult(at, array("I"), changed, sum(len(seen) for _, seen in changed), 0))

    def end(self) -> None:
        self._on_result(None)

    def _missing_chunk(self) -> ZoneChunk:
        whole = len(self._left) == len(self._chunk.numbers)
        return self._chunk if whole else some_zones(self._chunk, list(self._left.values()))

    def _take(self, message: PartialResult) -> None:
        chunk, index = self._chunk, 0
        rtts, expires = self._address_metrics.rtts, self._address_metrics.expires
        for number in message.unchanged:
            at = self._left.pop(number)
            slot, size = chunk.slots[at], len(self._layouts[chunk.layouts[at]])
            rtts[slot : slot + size] = message.rtts[index : index + size]
            if message.expires is not None:
                expires[slot : slot + size] = message.expires[index : index + size]
            index += size
        formed = self._forms.unpack(message.formed) if message.formed is not None else ()
        for number, _ in (*message.changed, *formed):
            del self._left[number]
        self._on_result(
            ChunkResult(message.at, message.unchanged, message.changed, message.queries, message.answered, formed)
        )


class PendingRrsets:
    """Zones asked whether they give what they gave before. What is not known is not unchanged."""

    __slots__ = ("_chunk", "unchanged")
    by_slot: ClassVar[bool] = True

    def __init__(self, chunk: RrsetChunk) -> None:
        self._chunk = chunk
        self.unchanged: asyncio.Future[array[int]] = asyncio.get_running_loop().create_future()
        """Those that do, by number."""

    @property
    def missing(self) -> int:
        return 0 if self.unchanged.done() else len(self._chunk.zones.numbers)

    def ask(self, number: int) -> AskRrsets:
        return AskRrsets(number, self._chunk)

    def take(self, message: WorkerAnswer) -> bool:
        if isinstance(message, UnchangedRrsets) and not self.unchanged.done():
            self.unchanged.set_result(message.unchanged)
        return True

    def unasked(self, at: datetime, why: str) -> None:
        """The end says it."""

    def end(self) -> None:
        if not self.unchanged.done():
            self.unchanged.set_result(array("I"))


class PendingRrsetPoll:
    """Queries of some zones. ``on_seen`` is told what comes back, and None at the end."""

    __slots__ = ("_left", "_on_seen")
    by_slot: ClassVar[bool] = True

    def __init__(
        self, queries: Sequence[tuple[Query, int]], on_seen: Callable[[Sequence[Observation] | None], None]
    ) -> None:
        self._left = dict(queries)
        self._on_seen = on_seen

    @property
    def missing(self) -> int:
        return len(self._left)

    def ask(self, number: int) -> PollRrsets:
        return PollRrsets(number, tuple(self._left.items()))

    def take(self, message: WorkerAnswer) -> bool:
        if isinstance(message, PolledRrsets):
            for one in message.seen:
                del self._left[one.query]
            self._on_seen(message.seen)
        return isinstance(message, Done)

    def unasked(self, at: datetime, why: str) -> None:
        if self._left:
            self._on_seen([_unasked(query, at, why) for query in self._left])

    def end(self) -> None:
        self._on_seen(None)


class PendingTcp:
    """Batches asked over TCP. ``on_heard`` is told what is heard, by the indices that were given, and None at the end.

    What is not known is not good.
    """

    __slots__ = ("_asked", "_left", "_on_heard")
    by_slot: ClassVar[bool] = False

    def __init__(
        self,
        batches: Mapping[int, Sequence[Query]],
        on_heard: Callable[[Sequence[tuple[int, bytes]] | None], None],
    ) -> None:
        self._left, self._on_heard = dict(batches), on_heard
        self._asked: Sequence[int] = ()
        """The indices, in the order of the latest asking."""

    @property
    def missing(self) -> int:
        return sum(map(len, self._left.values()))

    def ask(self, number: int) -> AskTcp:
        self._asked = tuple(self._left)
        return AskTcp(number, tuple(self._left.values()))

    def take(self, message: WorkerAnswer) -> bool:
        if isinstance(message, HeardTcp):
            heard = [(self._asked[place], good) for place, good in message.heard]
            for index, _ in heard:
                del self._left[index]
            self._on_heard(heard)
        return isinstance(message, Done)

    def unasked(self, at: datetime, why: str) -> None:
        """The end says it."""

    def end(self) -> None:
        if self._left:
            self._on_heard([(index, bytes(len(queries))) for index, queries in self._left.items()])
        self._on_heard(None)


def _unasked(query: Query, at: datetime, why: str) -> Observation:
    return Observation(query, Outcome.UNASKED, at, detail=why)


def some_zones(chunk: ZoneChunk, indices: Sequence[int]) -> ZoneChunk:
    """Those at these places of the chunk."""
    return ZoneChunk(
        array("I", map(chunk.numbers.__getitem__, indices)),
        list(map(chunk.names.__getitem__, indices)),
        array("I", map(chunk.layouts.__getitem__, indices)),
        array("I", map(chunk.slots.__getitem__, indices)),
    )
