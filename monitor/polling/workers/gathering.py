"""What has come back of a chunk at a worker and has not been told: few messages cost less than many."""

from array import array

from checks.model import Observation
from monitor.polling.bulk import ChunkResult
from monitor.polling.workers.forms import ToldForms
from monitor.polling.workers.messages import PartialResult, PollZones
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.message.soa_forms import FormedAnswer
from monitor.state.columns import AddressLayout


class GatheredResults:
    """Of one PollZones. The layouts and the metrics are those of the plan under which it was asked."""

    def __init__(self, ask: PollZones, layouts: tuple[AddressLayout, ...], metrics: AddressMetrics) -> None:
        chunk = ask.chunk
        self._number, self._metrics = ask.number, metrics
        self._slots = {
            number: (slot, slot + len(layouts[layout]))
            for number, slot, layout in zip(chunk.numbers, chunk.slots, chunk.layouts, strict=True)
        }
        self._clear()

    def _clear(self) -> None:
        self._latest: ChunkResult | None = None
        self._unchanged, self._rtts, self._expires = array("I"), array("f"), array("q")
        self._changed: list[tuple[int, tuple[Observation, ...]]] = []
        self._formed: list[tuple[int, tuple[FormedAnswer, ...]]] = []
        self._queries = self._answered = 0

    def __bool__(self) -> bool:
        return self._latest is not None

    def add(self, result: ChunkResult) -> None:
        """What was measured is taken at once: it is another plan's soon, perhaps."""
        rtts, expires = self._metrics.rtts, self._metrics.expires
        for number in result.unchanged:
            slot, end = self._slots[number]
            self._rtts += rtts[slot:end]
            self._expires += expires[slot:end]
        self._unchanged += result.unchanged
        self._changed += result.changed
        self._formed += result.formed
        self._queries += result.queries
        self._answered += result.answered
        self._latest = result

    def take(self, told: ToldForms, *, last: bool) -> PartialResult | None:
        """All of it, in one message; None where there is nothing to tell."""
        latest = self._latest
        if latest is None:
            return None
        message = PartialResult(
            self._number,
            latest.at,
            self._unchanged,
            self._rtts,
            self._expires if any(self._expires) else None,
            self._changed,
            told.pack(self._formed) if self._formed else None,
            self._queries,
            self._answered,
            last,
        )
        self._clear()
        return message
