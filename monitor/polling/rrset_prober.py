"""Asks very many zones for RRsets beside the SOA, and tells which of them give what they gave before."""

from array import array
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from checks.model import Observation, Query, Transport, Zone
from monitor.polling.bulk import BulkProber, RrsetChunk, ZoneChunk
from monitor.polling.sweep import ProbeQueries
from monitor.state.alike import SlotKey, question_of, questions_of
from monitor.state.columns import ZoneColumns


class RrsetProber:
    """By the slots that the columns give each RRset at each address (``ZoneColumns.rrset_slots``)."""

    def __init__(self, bulk_prober: BulkProber, others: ProbeQueries) -> None:
        """``others`` asks what has no slot. The bulk prober is the caller's, who closes it."""
        self._bulk_prober, self._others = bulk_prober, others
        self._columns: ZoneColumns | None = None

    def use(self, columns: ZoneColumns) -> None:
        """The bulk prober knows the slots of these from now on, and no others."""
        self._columns = columns

    def close(self) -> None:
        """The bulk prober is not to be asked any more: what is under way is asked by the others."""
        self._columns = None

    def enable_fast_path(self, columns: ZoneColumns, check: str, numbers: Iterable[int]) -> None:
        """From now on these zones give the same while each of their answers is as it was when it was last polled."""
        slots = [slot for number in numbers for slot in columns.rrset_slots(check, number)]
        self._bulk_prober.enable_fast_path(slots, [0] * len(slots))

    async def unchanged(self, columns: ZoneColumns, check: str, numbers: Sequence[int]) -> list[int]:
        """Ask these zones; which of them gave what they gave before. Ends early when there are other columns."""
        if columns is not self._columns:
            return []
        table, questions, starts = columns.zone_table, columns.rrsets[check], columns.rrset_starts[check]
        layouts = array("I", (table.template_ids[number] for number in numbers))
        zones = ZoneChunk(
            array("I", numbers),
            [table.names[number] for number in numbers],
            layouts,
            array("I", (starts[number] for number in numbers)),
        )
        chunk = RrsetChunk(zones, {template_id: questions[template_id] for template_id in set(layouts)})
        return list(await self._bulk_prober.unchanged_rrsets(chunk))

    async def look(
        self, columns: ZoneColumns, check: str, zones: Iterable[Zone]
    ) -> Mapping[str, Sequence[Observation]]:
        """What each of the zones is answered, at each address, to each question that has a slot; of some it may be less
        than that, where there are other columns.
        """
        if columns is not self._columns:
            return {}
        queries = [
            (Query(zone.name, server, address, name, qtype, identify=True, dnssec=dnssec), slot)
            for zone in zones
            for (server, address, name, qtype, dnssec), slot in questions_of(columns, check, zone).items()
        ]
        found: dict[str, list[Observation]] = {}
        async for batch in self._bulk_prober.poll_rrsets(queries):
            for seen in batch:
                found.setdefault(seen.query.zone, []).append(seen)
        return found

    def probe(self, check: str, zone: Zone) -> ProbeQueries:
        """Asks what a poll of this zone asks; what has a slot by that, so that the answer can be told again.

        There may be other columns before all is answered: what they break off is asked again, by its slot in them.
        """

        async def ask(queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
            left = list(queries)
            while mine := self._with_slots(left, check, zone):
                async for batch in self._bulk_prober.poll_rrsets(mine):
                    for seen in batch:
                        left.remove(seen.query)
                    yield batch
            if left:
                async for batch in self._others(left):
                    yield batch

        return ask

    def _with_slots(self, queries: Iterable[Query], check: str, zone: Zone) -> list[tuple[Query, int]]:
        """Those that have a slot now, with it."""
        slots = self._slots(check, zone)
        return [(query, slots[key]) for query in queries if _is_bulk(query) and (key := question_of(query)) in slots]

    def _slots(self, check: str, zone: Zone) -> Mapping[SlotKey, int]:
        """Of the zone as it is in the columns; none where it is another, or is not watched any more."""
        columns = self._columns
        if columns is None or check not in columns.rrsets or columns.zone_table.get(zone.name) != zone:
            return {}
        return questions_of(columns, check, zone)


def _is_bulk(query: Query) -> bool:
    """Whether the bulk engine asks such."""
    usual = query.transport is Transport.UDP and query.key is None and not query.anywhere and not query.version
    return usual and query.identify
