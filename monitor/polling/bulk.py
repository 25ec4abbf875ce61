"""BulkProber's seam: very many zones asked at once, in columns in, in columns out.

What is asked for serials, and in which order, is what ``checks.soa_serial`` asks of each zone: every secondary for the
SOA over UDP, with NSID and EXPIRE, then the primary. A zone whose every address says what it said before is
*unchanged*: it comes back as a number and nothing else. Of any other the observations come back, to be evaluated.
Other RRsets are asked for in two ways: which zones give what they gave before, as numbers; and all that a poll asks of
one zone, as observations. Over TCP it is told which answers are good.
"""

from array import array
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from checks.model import Observation, Query
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.message.soa_forms import FormedAnswer
from monitor.state.columns import AddressLayout, RrsetQuestion


@dataclass(frozen=True, slots=True)
class ZoneChunk:
    """Zones to be asked now, in columns of one length.

    ``numbers`` tells the zones apart, ``names`` are absolute and in lower case, ``layouts`` are indices of the
    layouts in use, and ``slots`` are those of the zones' first addresses: an address' slot is that plus its
    place in the layout, unique among all zones and the same at every asking.
    """

    numbers: "array[int]"
    names: Sequence[str]
    layouts: "array[int]"
    slots: "array[int]"


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """Zones of a chunk whose every address has been heard, or given up.

    ``unchanged`` are the numbers of those that are as they were; ``changed`` the others with an observation for each
    place in the order of asking (secondaries first). ``formed`` are others that have changed: all their responses were
    recognised, one for each place in the layout. ``queries`` and ``answered`` count all of them.
    """

    at: datetime
    unchanged: "array[int]"
    changed: Sequence[tuple[int, tuple[Observation, ...]]] = ()
    queries: int = 0
    answered: int = 0
    formed: Sequence[tuple[int, tuple[FormedAnswer, ...]]] = ()


@dataclass(frozen=True, slots=True)
class RrsetChunk:
    """Zones to be asked for RRsets beside the SOA that soa-serial asks for.

    ``questions`` has for each layout in the chunk the RRsets. ``zones.slots`` are here those of the zones' first RRset
    at their first address. Those of the same RRset at the other addresses follow, in the order of the layout, then
    those of the next RRset.
    """

    zones: ZoneChunk
    questions: Mapping[int, Sequence[RrsetQuestion]]


class BulkProber(Protocol):
    """Asks many; keeps of each address just enough to tell whether it says the same again.

    Only what is on the fast path is ever called unchanged: what a zone said at its last changed return is what stays
    unchanged, once the evaluator has said that there is nothing more to it. Being changed takes all addresses of a
    zone off it.
    """

    def use(
        self, layouts: Sequence[AddressLayout], address_metrics: AddressMetrics, old_slots: "array[int] | None" = None
    ) -> None:
        """Another plan: ``old_slots`` ("q") has for each slot the one that the same address had before, or -1.

        None: nothing of before holds. Chunks asked before are no longer of use to anybody, and end soon.
        """
        ...

    def ask(self, chunk: ZoneChunk) -> AsyncIterator[ChunkResult]:
        """Each zone of the chunk is in exactly one of the returns, soon after its last address was heard or given up.

        Never raises. A dead server holds up no zone that it does not serve. Zones are never asked twice at once.
        """
        ...

    def unchanged_rrsets(self, chunk: RrsetChunk) -> Awaitable["array[int]"]:
        """The numbers of those zones of the chunk that give at each address what they gave before, when all have been
        heard or given up. They have been asked at the call. None of them is sure any more when there is another plan.
        """
        ...

    def poll_rrsets(self, queries: Sequence[tuple[Query, int]]) -> AsyncIterator[Sequence[Observation]]:
        """Asks these queries, of any zones, each with its slot, and takes the slots off the fast path, at the call.

        There is one observation for each, from which on the slot may be unchanged again; none for what is broken off by
        another plan.
        """
        ...

    def ask_tcp(self, batches: Sequence[Sequence[Query]]) -> AsyncIterator[Sequence[tuple[int, bytes]]]:
        """Asks each batch, all of it at one address over TCP, several questions down one connection.

        Each batch is in exactly one of the returns, by its index, with an octet for each query: 1 where the answer is
        good (``local_tcp.is_good``), 0 where it is not, or is not known to be. There is one connection to an address at
        one time. Another plan changes nothing.
        """
        ...

    def enable_fast_path(self, slots: Sequence[int], min_expires: Sequence[int]) -> None:
        """From now on these addresses are unchanged while they say what they said at their last changed return.

        ``min_expires``: an EXPIRE below so many seconds has changed all the same. A silent address is unchanged while
        it stays so.
        """
        ...

    def disable_fast_path(self, slots: Sequence[int]) -> None:
        """Whatever these addresses say next has changed."""
        ...

    def pending(self) -> int:
        """Zones or queries of other processes that have not come back."""
        ...

    async def close(self) -> None:
        """What is in flight ends as UNASKED, soon."""
        ...
