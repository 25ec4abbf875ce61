"""Messages between the service and its workers: pickles with their length before them, over pipes.

Both ends are this very program under one user, and nobody else has the pipes: so pickles are safe here. Settings go
this way too, never on a command line or into an environment, where others could read them.
"""

import asyncio
import pickle
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from struct import Struct

from checks.model import Observation, Query
from monitor.polling.bulk import RrsetChunk, ZoneChunk
from monitor.probe.message.soa_forms import SoaForm
from monitor.probe.settings import Probe
from monitor.probe.stats import ProbeStats
from monitor.state.columns import AddressLayout

_LENGTH = Struct("<Q")


@dataclass(frozen=True, slots=True)
class Configure:
    settings: Probe


@dataclass(frozen=True, slots=True)
class UseLayouts:
    """``size`` slots; ``old_slots`` is that of BulkProber.use."""

    layouts: Sequence[AddressLayout]
    size: int
    old_slots: "array[int] | None"


@dataclass(frozen=True, slots=True)
class PollZones:
    number: int
    chunk: ZoneChunk


@dataclass(frozen=True, slots=True)
class AskRrsets:
    """Asks which of these zones give what they gave before."""

    number: int
    chunk: RrsetChunk


@dataclass(frozen=True, slots=True)
class PollRrsets:
    """Asks what this one zone gives. Each query has its slot."""

    number: int
    queries: Sequence[tuple[Query, int]]


@dataclass(frozen=True, slots=True)
class AskTcp:
    """``BulkProber.ask_tcp``."""

    number: int
    batches: Sequence[Sequence[Query]]


@dataclass(frozen=True, slots=True)
class EnableFastPath:
    slots: "array[int]"
    min_expires: "array[int]"


@dataclass(frozen=True, slots=True)
class DisableFastPath:
    slots: "array[int]"


@dataclass(frozen=True, slots=True)
class FormedZones:
    """Zones whose responses were all recognised: ``ChunkResult.formed`` in columns.

    ``sizes`` are their numbers of addresses; of these is all that follows, one zone after the other.
    """

    numbers: "array[int]"
    sizes: "array[int]"
    forms: "array[int]"
    """Their numbers at this worker."""
    serials: "array[int]"
    expires: "array[int]"
    """-1: none was given."""
    rtts: "array[float]"
    times: "array[int]"
    new_forms: Sequence[SoaForm]
    """Those that the worker has not told before."""
    forget: bool
    """None of those that it has told before is used from here on, but for these."""


@dataclass(frozen=True, slots=True)
class PartialResult:
    """Zones of a PollZones that are done; ``rtts`` and ``expires`` of the unchanged ones, one zone after the other."""

    number: int
    at: datetime
    unchanged: "array[int]"
    rtts: "array[float]"
    expires: "array[int] | None"
    """None: nobody says when it stops serving."""
    changed: Sequence[tuple[int, tuple[Observation, ...]]]
    formed: FormedZones | None
    queries: int
    answered: int
    last: bool
    """All that was asked has come back."""


@dataclass(frozen=True, slots=True)
class UnchangedRrsets:
    """The answer to an AskRrsets: the zones that do, and that all of it is done."""

    number: int
    unchanged: "array[int]"


@dataclass(frozen=True, slots=True)
class PolledRrsets:
    """Some of what a PollRrsets asked."""

    number: int
    seen: Sequence[Observation]


@dataclass(frozen=True, slots=True)
class HeardTcp:
    """Some batches of an AskTcp, by their index there, and which of their queries have a good answer."""

    number: int
    heard: Sequence[tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class Done:
    """All that a PollZones, PollRrsets or AskTcp asks has come back, and there is nothing to add."""

    number: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A fault of the worker's own: no more comes of what was asked under this number."""

    number: int
    fault: str
    """Its kind."""


@dataclass(frozen=True, slots=True)
class StatsUpdate:
    """What a worker has counted since it last said so."""

    stats: ProbeStats


Ask = PollZones | AskRrsets | PollRrsets | AskTcp
"""Each has a number, which is that of what comes back."""

ToWorker = Configure | UseLayouts | Ask | EnableFastPath | DisableFastPath
WorkerAnswer = PartialResult | UnchangedRrsets | PolledRrsets | HeardTcp | Done
"""To an Ask, with its number."""

FromWorker = WorkerAnswer | Failed | StatsUpdate


def encode_message(message: ToWorker | FromWorker) -> bytes:
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(body)) + body


async def read_message(stream: asyncio.StreamReader) -> object:
    """The next message. Raises EOFError when the other end is gone."""
    try:
        (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
        return pickle.loads(await stream.readexactly(length))  # noqa: S301 - from ourselves
    except (asyncio.IncompleteReadError, ConnectionError):
        raise EOFError from None
