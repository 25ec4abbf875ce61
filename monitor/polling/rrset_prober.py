"""Asks very many zones for RRsets beside the SOA, and tells which of them give what they gave before."""

from collections.abc import AsyncIterator, Iterable, Sequence

from checks.model import Address, Observation, Query, Transport, Zone
from checks.model.relative_names import absolute
from monitor.polling.sweep import ProbeQueries
from monitor.probe.bulk.batches import QueryBatch, QueryTemplate
from monitor.probe.bulk.call import BulkCall
from monitor.probe.bulk.engine import BulkEngine
from monitor.probe.message.bulk_names import wire_names
from monitor.probe.message.request import wire_name
from monitor.state.columns import ZoneColumns

_Groups = dict[tuple[str, Address, str], tuple[list[bytes], list[int]]]
"""Server, address and type → names and slots to be asked there."""


class RrsetProber:
    """By the slots that the columns give each RRset at each address (``ZoneColumns.rrset_slots``)."""

    def __init__(self, engine: BulkEngine, others: ProbeQueries) -> None:
        """``others`` asks what has no slot. The engine is the caller's, who closes it."""
        self._engine, self._others = engine, others
        self._columns: ZoneColumns | None = None
        self._templates: dict[str, QueryTemplate] = {}

    def use(self, columns: ZoneColumns) -> None:
        """The engine knows the slots of these from now on, and no others."""
        self._columns = columns

    def enable_fast_path(self, columns: ZoneColumns, check: str, numbers: Iterable[int]) -> None:
        """From now on these zones give the same while each of their answers is as it was when it was last polled."""
        slots = [slot for number in numbers for slot in columns.rrset_slots(check, number)]
        self._engine.enable_fast_path(slots, [0] * len(slots))

    async def unchanged(self, columns: ZoneColumns, check: str, numbers: Sequence[int]) -> list[int]:
        """Ask these zones; which of them gave what they gave before. Ends early when there are other columns."""
        if columns is not self._columns:
            return []
        groups, owners = self._questions(columns, check, numbers)
        left = {number: len(columns.rrset_slots(check, number)) for number in numbers}
        batches = [
            (QueryBatch(server, address, names, slots), self._template(qtype), None)
            for (server, address, qtype), (names, slots) in groups.items()
        ]
        call = self._engine.ask_also(batches, by_slot=True)
        try:
            async for update in call:
                for slot in update.unchanged:
                    left[owners[slot]] -= 1
        finally:
            await call.aclose()
        return [number for number, missing in left.items() if not missing]

    def probe(self, check: str, zone: Zone) -> ProbeQueries:
        """Asks what a poll of this zone asks; what has a slot by that, so that the answer can be told again.

        There may be other columns before all is answered: what they break off is asked again, by its slot in them.
        """

        async def ask(queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
            left = list(queries)
            while mine := self._with_slots(left, check, zone):
                async for batch in self._ask_by_slot(mine):
                    for seen in batch:
                        left.remove(seen.query)
                    yield batch
            if left:
                async for batch in self._others(left):
                    yield batch

        return ask

    async def _ask_by_slot(self, queries: Sequence[tuple[Query, int]]) -> AsyncIterator[Sequence[Observation]]:
        """What is broken off by other columns has no observation."""
        self._engine.disable_fast_path([slot for _, slot in queries])
        batches = [
            (
                QueryBatch(query.server, query.address, [wire_name(query.qname)], [slot]),
                self._template(query.qtype),
                {wire_name(query.qname): [query]},
            )
            for query, slot in queries
        ]
        call: BulkCall = self._engine.ask_also(batches, by_slot=True)
        try:
            async for update in call:
                yield [seen for _, seen in update.changed]
        finally:
            await call.aclose()

    def _questions(self, columns: ZoneColumns, check: str, numbers: Sequence[int]) -> tuple[_Groups, dict[int, int]]:
        """What to ask, and the zone of each slot."""
        groups: _Groups = {}
        owners: dict[int, int] = {}
        by_template: dict[int, list[int]] = {}
        for number in numbers:
            by_template.setdefault(columns.zone_table.template_ids[number], []).append(number)
        for template_id, zones in by_template.items():
            layout = columns.layouts[template_id]
            apexes = wire_names(columns.zone_table.names[number] for number in zones)
            firsts = [columns.rrset_starts[check][number] for number in zones]
            for number, (owner, qtype) in enumerate(columns.rrsets[check][template_id]):
                names = _owners(owner, apexes)
                for place, endpoint in enumerate(layout):
                    offset = number * len(layout) + place
                    slots = [first + offset for first in firsts]
                    owners.update(zip(slots, zones, strict=True))
                    group = groups.setdefault((endpoint.server, endpoint.address, qtype), ([], []))
                    group[0].extend(names)
                    group[1].extend(slots)
        return groups, owners

    def _with_slots(self, queries: Iterable[Query], check: str, zone: Zone) -> list[tuple[Query, int]]:
        """Those that have a slot now, with it."""
        slots = self._slots(check, zone)
        return [(query, slots[key]) for query in queries if (key := _key(query)) in slots]

    def _slots(self, check: str, zone: Zone) -> dict[tuple[str, Address, str, str] | None, int]:
        """Of the zone as it is in the columns; none where it is another, or is not watched any more."""
        columns = self._columns
        if columns is None or check not in columns.rrsets or columns.zone_table.get(zone.name) != zone:
            return {}
        number = columns.zone_table.index(zone.name)
        template_id = columns.zone_table.template_ids[number]
        slots = iter(columns.rrset_slots(check, number))
        return {
            (endpoint.server, endpoint.address, absolute(owner, zone.name), qtype): next(slots)
            for owner, qtype in columns.rrsets[check][template_id]
            for endpoint in columns.layouts[template_id]
        }

    def _template(self, qtype: str) -> QueryTemplate:
        template = self._templates.get(qtype)
        if template is None:
            template = self._templates[qtype] = QueryTemplate(qtype)
        return template


def _owners(owner: str, apexes: Sequence[bytes]) -> Sequence[bytes]:
    """The owner name in each of the zones; one that is elsewhere is the same for all."""
    if owner.endswith("."):
        return [wire_name(owner)] * len(apexes)
    before = wire_name(f"{owner}.")[:-1] if owner else b""
    return [before + apex for apex in apexes]


def _key(query: Query) -> tuple[str, Address, str, str] | None:
    """None for what the bulk engine does not ask."""
    if query.transport is not Transport.UDP or query.key is not None or query.anywhere or not query.identify:
        return None
    return query.server, query.address, query.qname, query.qtype
