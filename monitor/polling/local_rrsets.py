"""RRsets beside the SOA, asked for by the engine of this very process."""

from array import array
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence

from checks.model import Address, Observation, Query
from monitor.polling.bulk import RrsetChunk
from monitor.probe.bulk.batches import QueryBatch, QueryTemplate
from monitor.probe.bulk.call import BulkCall
from monitor.probe.bulk.engine import BulkEngine
from monitor.probe.message.bulk_names import wire_names
from monitor.probe.message.request import wire_name
from monitor.state.columns import AddressLayout

_Groups = dict[tuple[str, Address, str, bool], tuple[list[bytes], list[int]]]
"""Server, address, type and whether with signatures → names and slots to be asked there."""


class LocalRrsets:
    """The part of a BulkProber that asks for RRsets. What is asked ends when the engine's slots are renumbered."""

    def __init__(self, engine: BulkEngine) -> None:
        self._engine = engine
        self._templates: dict[tuple[str, bool], QueryTemplate] = {}

    def unchanged(self, layouts: Sequence[AddressLayout], chunk: RrsetChunk) -> Awaitable["array[int]"]:
        zones, questions = chunk.zones, chunk.questions
        groups, owners = _questions(layouts, chunk)
        left = {
            number: len(questions[layout]) * len(layouts[layout])
            for number, layout in zip(zones.numbers, zones.layouts, strict=True)
        }
        batches = [
            (QueryBatch(server, address, names, slots), self._template(qtype, dnssec=dnssec), None)
            for (server, address, qtype, dnssec), (names, slots) in groups.items()
        ]
        return _unchanged(self._engine.ask_also(batches, by_slot=True), owners, left)

    def poll(self, queries: Sequence[tuple[Query, int]]) -> AsyncIterator[Sequence[Observation]]:
        self._engine.disable_fast_path([slot for _, slot in queries])
        batches = [
            (QueryBatch(server, address, list(named), slots), self._template(qtype, dnssec=dnssec), named)
            for (server, address, qtype, dnssec), parts in _grouped(queries).items()
            for slots, named in parts
        ]
        return _changed(self._engine.ask_also(batches, by_slot=True))

    def _template(self, qtype: str, *, dnssec: bool) -> QueryTemplate:
        template = self._templates.get((qtype, dnssec))
        if template is None:
            template = self._templates[qtype, dnssec] = QueryTemplate(qtype, dnssec=dnssec)
        return template


async def _unchanged(call: BulkCall, owners: dict[int, int], left: dict[int, int]) -> "array[int]":
    """``owners`` has the zone of each slot, ``left`` how many slots of each zone have not been heard."""
    try:
        async for update in call:
            for slot in update.unchanged:
                left[owners[slot]] -= 1
    finally:
        await call.aclose()
    return array("I", (number for number, missing in left.items() if not missing))


async def _changed(call: BulkCall) -> AsyncIterator[Sequence[Observation]]:
    try:
        async for update in call:
            yield [seen for _, seen in update.changed]
    finally:
        await call.aclose()


_Part = tuple[list[int], dict[bytes, list[Query]]]
"""Slots and, in the same order, the name and the query of each."""


def _grouped(queries: Iterable[tuple[Query, int]]) -> dict[tuple[str, Address, str, bool], list[_Part]]:
    """By server, address, type and whether with signatures; no name is twice in one part."""
    groups: dict[tuple[str, Address, str, bool], list[_Part]] = {}
    for query, slot in queries:
        name = wire_name(query.qname)
        parts = groups.setdefault((query.server, query.address, query.qtype, query.dnssec), [])
        if not parts or name in parts[-1][1]:
            parts.append(([], {}))
        slots, named = parts[-1]
        slots.append(slot)
        named[name] = [query]
    return groups


def _questions(layouts: Sequence[AddressLayout], chunk: RrsetChunk) -> tuple[_Groups, dict[int, int]]:
    """What to ask, and the zone of each slot."""
    groups: _Groups = {}
    owners: dict[int, int] = {}
    by_layout: dict[int, list[int]] = {}
    for index, layout in enumerate(chunk.zones.layouts):
        by_layout.setdefault(layout, []).append(index)
    for layout, indices in by_layout.items():
        endpoints = layouts[layout]
        numbers = [chunk.zones.numbers[index] for index in indices]
        apexes = wire_names(chunk.zones.names[index] for index in indices)
        firsts = [chunk.zones.slots[index] for index in indices]
        for rrset, (owner, qtype, dnssec) in enumerate(chunk.questions[layout]):
            names = _owners(owner, apexes)
            for place, endpoint in enumerate(endpoints):
                offset = rrset * len(endpoints) + place
                slots = [first + offset for first in firsts]
                owners.update(zip(slots, numbers, strict=True))
                group = groups.setdefault((endpoint.server, endpoint.address, qtype, dnssec), ([], []))
                group[0].extend(names)
                group[1].extend(slots)
    return groups, owners


def _owners(owner: str, apexes: Sequence[bytes]) -> Sequence[bytes]:
    """The owner name in each of the zones; one that is elsewhere is the same for all."""
    if owner.endswith("."):
        return [wire_name(owner)] * len(apexes)
    before = wire_name(f"{owner}.")[:-1] if owner else b""
    return [before + apex for apex in apexes]
