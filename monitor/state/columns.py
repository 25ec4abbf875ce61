"""Columns: what is known of each zone and address in a few octets, instead of objects.

A zone is steady when its last poll left nothing pending: as long as its addresses say the same, no poll of it need be
evaluated. The rules for that are in ``fast_path``; here are only the arrays, and how they survive a reload.
"""

from array import array
from collections import deque
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

from checks.model import Address, Family, Zone
from checks.model.finding_type import OverUdp
from checks.model.zone_table import ZoneTable, difference
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.bulk.remap import BLOCK, consecutive, remap
from monitor.state.alike_zones import AlikeZones
from monitor.state.server_findings import ServerFindings


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of a zone; those of the primary are asked when all others have been heard."""

    server: str
    address: Address
    primary: bool = False


AddressLayout = tuple[Endpoint, ...]
"""The addresses of a zone, in the order of ``Zone.server_addresses``. Most zones share theirs with many others."""


class RrsetQuestion(NamedTuple):
    """An RRset: its owner as seen from the zone (``checks.model.relative_names``), its type, and whether its signatures
    are asked for, too.
    """

    owner: str
    type: str
    dnssec: bool = False


RrsetQuestions = Mapping[str, tuple[tuple[RrsetQuestion, ...], ...]]
"""Check → for each template what it asks every address for beside the SOA that soa-serial asks for."""

NO_RRSETS: RrsetQuestions = MappingProxyType({})


FULL_POLL, STEADY_UP, STEADY_SILENT = 0, 1, 2
"""How a zone is polled: evaluated each time; passed over while every address serves the version it served; passed over
while its silent addresses are silent, which has been told."""

STANDS, INHERITS, UNSETTLED = 1, 2, 3
"""How a result stands: it is good, and that is all; it has what stands at its servers (``server_findings``); it has
what was found there, and UDP has brought something else of the zone since."""

NO_RESULT, GOOD = 0, 1
"""What was said of a steady zone: nothing; that it is well. Other numbers: ``monitor.state.monitor_state``."""


class ZoneColumns:
    """Every array by zone or by address, of the zones of one table.

    By the zone's number in the table: ``mode``, ``result_id``, ``reachability_id`` and ``udp_id`` (octets),
    ``recheck_at`` and ``checked_at`` (microseconds since 1970), ``ok_at`` (the same, for each check), and what the
    zone index shows: ``group_ids`` ("I"), ``health_since`` (microseconds), ``levels`` and ``public_levels`` (octets);
    ``standing`` (octets, for each check). By slot: ``address_metrics``. Each address of a zone has a slot, and after
    all of those each RRset that a check asks an address for has one. All are changed by the evaluator only, but
    ``address_metrics``, which the bulk prober writes.
    """

    __slots__ = (
        "address_metrics",
        "alike",
        "checked_at",
        "cursor",
        "group_ids",
        "health_since",
        "layouts",
        "levels",
        "mode",
        "offline",
        "ok_at",
        "public_levels",
        "reachability_id",
        "recheck_at",
        "result_id",
        "rrset_starts",
        "rrsets",
        "server_findings",
        "slot_starts",
        "standing",
        "suspects",
        "udp_id",
        "udp_patterns",
        "zone_table",
    )

    def __init__(self, zone_table: ZoneTable[Zone], rrsets: RrsetQuestions = NO_RRSETS) -> None:
        size = len(zone_table)
        self.zone_table = zone_table
        self.rrsets = rrsets
        self.layouts: tuple[AddressLayout, ...] = tuple(layout(template) for template in zone_table.templates)
        self.slot_starts = zone_table.offsets([len(each) for each in self.layouts])
        """Where each zone's slots begin; one more for the end."""
        self.rrset_starts: dict[str, array[int]] = {}
        """Check → where each zone's slots for that check begin; one more for the end."""
        slots = self.slot_starts[-1]
        for check, questions in rrsets.items():
            sizes = [len(some) * len(each) for some, each in zip(questions, self.layouts, strict=True)]
            self.rrset_starts[check] = zone_table.offsets(sizes, slots)
            slots = self.rrset_starts[check][-1]
        self.address_metrics = AddressMetrics.of(slots)
        self.mode = bytearray(size)
        self.result_id = bytearray(size)
        """What was last said of a steady zone: ``MonitorState.steady_results``."""
        self.reachability_id = bytearray(size)
        """Which addresses of a STEADY_SILENT zone answered: ``MonitorState.reachability_patterns``."""
        self.udp_id = bytearray(size)
        """What UDP brought at each address when soa-serial was last evaluated, by ``udp_patterns``."""
        self.udp_patterns: list[tuple[OverUdp, ...]] = [()]
        """In the order of the layout; 0 is nobody's."""
        self.offline: tuple[Family, ...] = ()
        """The families that the monitor is offline over."""
        self.recheck_at = array("q", bytes(8 * size))
        """When a STEADY_SILENT zone must be polled in full, though it says the same; 0: never."""
        self.checked_at = array("q", bytes(8 * size))
        """When soa-serial was last evaluated, or found it as it was; 0 where its zone state says that."""
        self.ok_at: dict[str, array[int]] = {}
        """Check → when it last found a zone good and had nothing more to say; 0 where it said more, or nothing."""
        self.standing: dict[str, bytearray] = {}
        """Check → how its result stands (``monitor.state.standing``): 0 where it does not."""
        self.suspects: set[tuple[str, str, Address]] = set()
        """Check, server and address at which it has found something at one zone at least: the others are asked, too."""
        self.server_findings = ServerFindings()
        self.alike = AlikeZones(size)
        self.group_ids = array("I", bytes(4 * size))
        self.health_since = array("q", bytes(8 * size))
        """Since when the zone's health is what it is; 0 while it was not evaluated."""
        self.levels = bytearray(size)
        self.public_levels = self.levels
        """``levels`` after redaction: the same column where no server is hidden."""
        self.cursor = 0
        """Where ``next_in_mode`` goes on."""

    def slots_of(self, number: int) -> range:
        """The slots of a zone's addresses."""
        return range(self.slot_starts[number], self.slot_starts[number + 1])

    def note_ok(self, check: str, number: int, at: int) -> None:
        column = self.ok_at.get(check)
        if column is None:
            if not at:
                return
            column = self.ok_at[check] = array("q", bytes(8 * len(self.zone_table)))
        column[number] = at

    def zones_at(self, places: Collection[tuple[str, Address]]) -> Iterator[int]:
        """The zones that are served at one of these: server and address."""
        templates = self._templates_at(places)
        return (number for number, template_id in enumerate(self.zone_table.template_ids) if template_id in templates)

    def spread_zones_at(self, places: Collection[tuple[str, Address]], parts: int) -> Iterator[int]:
        """The same, from so many equal parts of the table in turn: zones that follow each other there, by name, are
        more often alike than others.
        """
        templates, template_ids, count = self._templates_at(places), self.zone_table.template_ids, len(self.zone_table)
        bounds = [count * part // parts for part in range(parts + 1)]
        left = deque(
            (number for number in range(first, last) if template_ids[number] in templates)
            for first, last in pairwise(bounds)
        )
        while left:
            part = left.popleft()
            if (number := next(part, None)) is not None:
                yield number
                left.append(part)

    def _templates_at(self, places: Collection[tuple[str, Address]]) -> set[int]:
        return {
            template_id
            for template_id, each in enumerate(self.layouts)
            if any((place.server, place.address) in places for place in each)
        }

    def rrset_slots(self, check: str, number: int) -> range:
        """The slots of a zone's RRsets for a check: those of its first RRset by address, then those of the next …"""
        starts = self.rrset_starts.get(check)
        return range(starts[number], starts[number + 1]) if starts is not None else range(0)

    def set_standing(self, check: str, number: int, stands: int) -> None:
        """``stands``: STANDS, INHERITS, UNSETTLED, or 0."""
        column = self.standing.get(check)
        if column is None:
            if not stands:
                return
            column = self.standing[check] = bytearray(len(self.zone_table))
        column[number] = stands

    def keep_checks(self, checks: Container[str]) -> None:
        """What is kept by check, of these only."""
        self.ok_at = {name: column for name, column in self.ok_at.items() if name in checks}
        self.standing = {name: column for name, column in self.standing.items() if name in checks}
        self.suspects = {suspect for suspect in self.suspects if suspect[0] in checks}
        self.alike.keep_checks(checks)

    def reset_mode(self, mode: int) -> list[int]:
        """Polls all zones of this mode in full from now on; which they were."""
        numbers = list(_indices(self.mode, mode))
        for number in numbers:
            self.mode[number] = FULL_POLL
        return numbers

    def next_in_mode(self, mode: int, limit: int) -> Iterator[int]:
        """Zones of this mode, at most so many: round and round, going on after the one that was last."""
        first = self.cursor
        for start, end in ((first, len(self.mode)), (0, first)):
            found = self.mode.find(mode, start, end)
            while found >= 0:
                if not limit:
                    return
                limit, self.cursor = limit - 1, found + 1
                yield found
                found = self.mode.find(mode, found + 1, end)

    def remap(self, old: "ZoneColumns", old_index: "array[int]") -> "array[int]":
        """Take over what was known before a reload; the old slot of each slot ("q"), or -1.

        ``old_index`` ("q") has each zone's number before, or -1. What was polled goes on where the zone is served as
        it was, however often it is asked now; what is shown goes on for every zone that was there (``ZoneIndex.use``
        puts it in its groups).
        """
        same_template = self._with_template_of(old, old_index)
        old_slots = self._old_slots(old, same_template)
        self.ok_at = {name: array("q", bytes(8 * len(self.zone_table))) for name in old.ok_at}
        octets = (
            (old.mode, self.mode), (old.result_id, self.result_id), (old.reachability_id, self.reachability_id),
            (old.udp_id, self.udp_id),
        )  # fmt: skip
        self.udp_patterns, self.offline = old.udp_patterns, old.offline
        self.standing = {name: bytearray(len(self.zone_table)) for name in old.standing}
        self.suspects = self._still_served(old.suspects)
        self.alike.take_over(old.alike, same_template)
        remap((*octets, *((old.standing[name], column) for name, column in self.standing.items())), same_template)
        times = ((old.checked_at, self.checked_at), (old.recheck_at, self.recheck_at))
        remap((*times, *((old.ok_at[name], column) for name, column in self.ok_at.items())), same_template)
        remap(((old.address_metrics.rtts, self.address_metrics.rtts),), old_slots)
        remap(((old.address_metrics.expires, self.address_metrics.expires),), old_slots)
        remap(((old.group_ids, self.group_ids), (old.health_since, self.health_since)), old_index)
        return old_slots

    def _still_served(self, suspects: Collection[tuple[str, str, Address]]) -> set[tuple[str, str, Address]]:
        """Those at a place where a zone is served."""
        if not suspects:
            return set()
        places = {(place.server, place.address) for each in self.layouts for place in each}
        return {(check, server, address) for check, server, address in suspects if (server, address) in places}

    def _with_template_of(self, old: "ZoneColumns", old_index: "array[int]") -> "array[int]":
        """The index, with -1 also for a zone that is another than it was. How often it is asked is no part of that."""
        number: dict[Zone, int] = {}
        before, after = (
            [
                number.setdefault(replace(template, cadence=(), severity=(), labels=()), len(number))
                for template in table.templates
            ]
            for table in (old.zone_table, self.zone_table)
        )
        common = min(len(before), len(after))
        same_ids = before[:common] == after[:common]
        now, then = self.zone_table.template_ids, old.zone_table.template_ids
        same_template = array("q")
        for start in range(0, len(old_index), BLOCK):
            block = old_index[start : start + BLOCK]
            first, size = block[0], len(block)
            if same_ids and consecutive(block) and now[start : start + size] == then[first : first + size]:
                same_template.extend(block)
            else:
                same_template.extend(
                    past if past >= 0 and after[now[number]] == before[then[past]] else -1
                    for number, past in enumerate(block, start)
                )
        return same_template

    def _old_slots(self, old: "ZoneColumns", same_template: "array[int]") -> "array[int]":
        old_slots = array("q", b"\xff" * (8 * len(self.address_metrics.rtts)))
        numberings = [(old.slot_starts, self.slot_starts)]
        numberings += [
            (old.rrset_starts[name], starts) for name, starts in self.rrset_starts.items() if name in old.rrset_starts
        ]
        for start in range(0, len(same_template), BLOCK):
            block = same_template[start : start + BLOCK]
            if consecutive(block):
                runs = [(start, block[0], len(block))]
            else:
                runs = [(number, past, 1) for number, past in enumerate(block, start) if past >= 0]
            for number, past, size in runs:
                for then, now in numberings:
                    there = range(then[past], then[past + size])
                    old_slots[now[number] : now[number + size]] = array("q", there)
        return old_slots


def layout(zone: Zone) -> AddressLayout:
    return tuple(
        Endpoint(server.name, address, server.name == zone.primary) for server, address in zone.server_addresses()
    )


def server_addresses(zone: AddressLayout) -> Iterator[tuple[str, Address]]:
    """What the connectivity calls the addresses of a layout."""
    return ((place.server, place.address) for place in zone)


def _indices(column: bytearray, value: int) -> Iterator[int]:
    found = column.find(value)
    while found >= 0:
        yield found
        found = column.find(value, found + 1)


@dataclass(frozen=True, slots=True)
class TableChange:
    """From one zone table to another: its columns, and which zones left, came or changed.

    ``old_index`` has for each zone its number before or -1, ``old_slots`` the same for each slot; None when the table
    is the same.
    """

    columns: ZoneColumns
    removed: Sequence[str] = ()
    added_or_changed: Sequence[str] = ()
    old_index: "array[int] | None" = None
    old_slots: "array[int] | None" = None


def change_to(old: ZoneColumns, zone_table: ZoneTable[Zone], rrsets: RrsetQuestions = NO_RRSETS) -> TableChange:
    """Takes some time with very many zones; touches nothing but what it makes. ``rrsets`` are by ``zone_table``."""
    if rrsets.keys() == old.rrsets.keys() and (zone_table is old.zone_table or zone_table == old.zone_table):
        return TableChange(old)
    diff = difference(old.zone_table, zone_table)
    columns = ZoneColumns(zone_table, rrsets)
    old_slots = columns.remap(old, diff.old_index)
    return TableChange(columns, diff.removed, diff.added_or_changed, diff.old_index, old_slots)
