"""Asks very many zones for RRsets beside the SOA, and tells which of them give what they gave before."""

from array import array
from collections.abc import AsyncIterator, Iterable, Sequence

from checks.model import Address, Observation, Query, Transport, Zone
from checks.model.relative_names import absolute
from monitor.polling.bulk import BulkProber, RrsetChunk, ZoneChunk
from monitor.polling.sweep import ProbeQueries
from monitor.state.columns import ZoneColumns

_QueryKey = tuple[str, Address, str, str, bool]
"""Server, address, name and type of what is asked, and whether with signatures."""


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
        return [(query, slots[key]) for query in queries if (key := _key(query)) in slots]

    def _slots(self, check: str, zone: Zone) -> dict[_QueryKey | None, int]:
        """Of the zone as it is in the columns; none where it is another, or is not watched any more."""
        columns = self._columns
        if columns is None or check not in columns.rrsets or columns.zone_table.get(zone.name) != zone:
            return {}
        number = columns.zone_table.index(zone.name)
        template_id = columns.zone_table.template_ids[number]
        slots = iter(columns.rrset_slots(check, number))
        return {
            (endpoint.server, endpoint.address, absolute(owner, zone.name), qtype, dnssec): next(slots)
            for owner, qtype, dnssec in columns.rrsets[check][template_id]
            for endpoint in columns.layouts[template_id]
        }


def _key(query: Query) -> _QueryKey | None:
    """None for what the bulk engine does not ask."""
    if query.transport is not Transport.UDP or query.key is not None or query.anywhere or not query.identify:
        return None
    if query.version:
        return None
    return query.server, query.address, query.qname, query.qtype, query.dnssec
