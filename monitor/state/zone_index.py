"""The index of all zones in a few octets each: what is shown of very many, without an object for any."""

import asyncio
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime

from alerting.model import Alert
from checks.common.epoch import micros, moment_of
from checks.model import Address, Health, Zone
from checks.model.zone_table import ZoneTable
from monitor.state.column_search import EXCLUDED, apply_mask, first_of, rank_column, select, select_values
from monitor.state.columns import ZoneColumns
from monitor.state.label_search import SoughtLabel
from monitor.state.level import HEALTH_OF_LEVEL, Level
from monitor.state.search import NameSearch, normalise_query
from monitor.state.status import Redact, ServerTally, ZoneStatus
from monitor.state.status_group import StatusGroup, layouts
from monitor.state.status_groups import StatusGroups

GetStatus = Callable[[str], ZoneStatus]

STATUSES_PER_TURN = 25
"""Statuses made before everybody else has a turn."""


class ZoneIndex:
    """What is shown of all zones: 14 octets in the columns for a zone, and none for an address.

    A zone is in a group with all that are shown like it: most are in one with very many others.
    """

    def __init__(self, columns: ZoneColumns, zone_status: GetStatus) -> None:
        """``zone_status`` makes the status of a zone as it is now; it is called on the event loop only."""
        self.zone_status = zone_status
        self.checked_at: datetime | None = None
        self._zones: ZoneView | None = None
        self._use_table(columns)
        unknown = [self.groups.unknown(each).number for each in self._layouts]
        self._assign(array("I", map(unknown.__getitem__, columns.zone_table.template_ids)))

    def _use_table(self, columns: ZoneColumns) -> None:
        self.columns, self.zone_table = columns, columns.zone_table
        self.name_search = NameSearch(self.zone_table.names)
        servers = [server for template in self.zone_table.templates for server in template.servers]
        self.groups = StatusGroups({server.name for server in servers if server.hidden})
        self.server_addresses = frozenset(
            (server.name, at, server.hidden) for server in servers for at in server.addresses
        )
        self._layouts = layouts(self.zone_table.templates)

    def _assign(self, group_ids: "array[int]") -> None:
        """These are the groups of all zones now; a group that no zone is in is dropped."""
        columns, groups = self.columns, self.groups.all
        columns.group_ids = group_ids
        self.groups.count(group_ids)
        columns.levels = bytearray(map([group.level for group in groups].__getitem__, group_ids))
        columns.public_levels = columns.levels
        if self.groups.hidden:
            columns.public_levels = bytearray(map([group.public_level for group in groups].__getitem__, group_ids))
        self._zones = None

    def use(self, columns: ZoneColumns, old_index: "array[int]") -> None:
        """Columns after a reload, with the group ids of before: a zone whose old index is -1 is unknown.

        What was noted of a zone goes on; an address that it did not have before is unknown.
        """
        before = self.groups.all
        self._use_table(columns)
        known: dict[tuple[int, int], int] = {}
        group_ids = array("I")
        for template_id, past, group_id in zip(self.zone_table.template_ids, old_index, columns.group_ids, strict=True):
            old = group_id if past >= 0 else -1
            number = known.get((template_id, old))
            if number is None:
                here = self._layouts[template_id]
                group = self.groups.with_layout(before[old], here) if old >= 0 else self.groups.unknown(here)
                number = known[template_id, old] = group.number
            group_ids.append(number)
        self._assign(group_ids)

    def note(
        self, name: str, health: Health, states: Sequence[str], findings: Sequence[Alert], since: datetime
    ) -> None:
        """How a zone is now. ``states`` are those of its addresses in the order of ``Zone.server_addresses``; its
        health is so ``since`` then if it was another before.
        """
        number, columns = self.zone_table.index(name), self.columns
        before = self.groups.all[columns.group_ids[number]]
        if not columns.health_since[number] or before.health is not health:
            columns.health_since[number] = micros(since)
        group = self.groups.of(self._layouts[self.zone_table.template_ids[number]], health, tuple(states), findings)
        if group is not before:
            self._change(number, before, group)
        self._zones = None

    def note_first(self, numbers: Iterable[int], health: Health, states: Sequence[str], since: datetime) -> None:
        """How zones with the same addresses are, of which nothing was found; as ``note``."""
        columns, at, said = self.columns, micros(since), tuple(states)
        for number in numbers:
            before = self.groups.all[columns.group_ids[number]]
            if not columns.health_since[number] or before.health is not health:
                columns.health_since[number] = at
            group = self.groups.of(self._layouts[self.zone_table.template_ids[number]], health, said, ())
            if group is not before:
                self._change(number, before, group)
        self._zones = None

    def _change(self, number: int, before: StatusGroup, group: StatusGroup) -> None:
        self.groups.swap(before, group)
        columns = self.columns
        columns.group_ids[number] = group.number
        columns.levels[number] = group.level
        if columns.public_levels is not columns.levels:
            columns.public_levels[number] = group.public_level

    def heard(self, at: datetime) -> None:
        """Some zones were heard of, though maybe nothing new: their statuses are others from now on."""
        self.checked_at = at
        self._zones = None

    def since(self, name: str) -> datetime | None:
        """Since when the zone's health is what it is; None while it has not been noted."""
        at = self.columns.health_since[self.zone_table.index(name)]
        return moment_of(at) if at else None

    def zones(self) -> "ZoneView":
        """Another object whenever something was noted or heard since the last call."""
        if self._zones is None:
            self._zones = ZoneView(self)
        return self._zones


def no_zones() -> "ZoneView":
    """A view of no zone at all, for a Status that is made before there is a plan."""

    def none(name: str) -> ZoneStatus:
        raise KeyError(name)

    return ZoneIndex(ZoneColumns(ZoneTable.of(())), none).zones()


class ZoneView:
    """What Status has of the zones: always as they are, whenever it was made."""

    def __init__(self, zone_index: ZoneIndex, redact: Redact | None = None) -> None:
        self._index = zone_index
        self._redact = redact

    @property
    def _columns(self) -> ZoneColumns:
        return self._index.columns

    @property
    def checked_at(self) -> datetime | None:
        return self._index.checked_at

    def __len__(self) -> int:
        return len(self._index.zone_table)

    def __iter__(self) -> Iterator[str]:
        return iter(self._index.zone_table)

    def __contains__(self, name: object) -> bool:
        return name in self._index.zone_table

    def __getitem__(self, name: str) -> ZoneStatus:
        if name not in self._index.zone_table:
            raise KeyError(name)
        zone = self._index.zone_status(name)
        return zone if self._redact is None else self._redact(zone)

    def get(self, name: str) -> ZoneStatus | None:
        return self[name] if name in self._index.zone_table else None

    def tally(self) -> Mapping[Health, int]:
        levels = self.levels()
        return {health: sum(n for level, n in levels.items() if HEALTH_OF_LEVEL[level] is health) for health in Health}

    def levels(self) -> Mapping[Level, int]:
        return self._index.groups.levels(public_level=self._redact is not None)

    def servers(self) -> Mapping[str, ServerTally]:
        tallies, hidden = self._index.groups.servers(), self._index.groups.hidden
        if self._redact is None or not hidden:
            return tallies
        return {name: tally for name, tally in tallies.items() if name not in hidden}

    def server_addresses(self) -> Set[tuple[str, Address, bool]]:
        return self._index.server_addresses

    async def page(
        self,
        text: str,
        healths: Collection[Health],
        first: int,
        most: int,
        *,
        by_name: bool = False,
        labels: Collection[SoughtLabel] = (),
    ) -> tuple[list[ZoneStatus], int]:
        zone_table, chosen = (
            self._index.zone_table,
            [level for level, health in HEALTH_OF_LEVEL.items() if health in healths],
        )
        mask = await self._index.name_search.mask(normalise_query(text)) if normalise_query(text) else None
        labelled = await self._labelled(zone_table, labels) if labels else None
        if (
            zone_table is not self._index.zone_table
        ):  # there is another plan since: the mask is of names that are no more
            return await self.page(text, healths, first, most, by_name=by_name, labels=labels)
        column: bytes | bytearray = self._columns.levels if self._redact is None else self._columns.public_levels
        if by_name:
            column = select_values(column, chosen)
        if mask is not None:
            column = apply_mask(column, mask)
        if labelled is not None:
            column = apply_mask(column, labelled)
        numbers, total = select(column, [0] if by_name else chosen, first, most)
        return await self._statuses(zone_table, numbers), total

    async def _labelled(self, zone_table: ZoneTable[Zone], labels: Collection[SoughtLabel]) -> bytes:
        """A column: 0 for a zone that has all the labels, MISS for another; whoever may not see labels finds none."""
        may_see = self._redact is None
        ranks = [
            0 if may_see and all(label.is_in(each.labels) for label in labels) else EXCLUDED
            for each in zone_table.templates
        ]
        return await asyncio.to_thread(rank_column, zone_table.template_ids, ranks)

    async def at_server(self, server: str, first: int, most: int) -> tuple[list[ZoneStatus], int]:
        zone_table = self._index.zone_table
        groups = self._index.groups
        ranks = [EXCLUDED] * len(groups.all)
        for group in groups.at_server(server):
            level = group.at_server(server)
            ranks[group.number] = EXCLUDED if level is None else int(level)
        column = await asyncio.to_thread(rank_column, self._columns.group_ids[:], ranks)
        numbers, total = select(column, list(Level), first, most)
        return await self._statuses(zone_table, numbers), total

    async def with_code(self, server: str, code: str) -> ZoneStatus | None:
        groups = [group for group in self._index.groups.at_server(server) if group.has(code, server)]
        if not groups:
            return None
        oldest = min(groups, key=lambda group: group.since_when(code, server))
        return self[self._index.zone_table.names[first_of(self._columns.group_ids, oldest.number)]]

    def redacted(self, redact: Redact) -> "ZoneView":
        return ZoneView(self._index, redact)

    async def _statuses(self, zone_table: ZoneTable[Zone], numbers: Sequence[int]) -> list[ZoneStatus]:
        """The statuses, some at a time; a zone that is watched no longer by then has none."""
        found = []
        for place, number in enumerate(numbers):
            if place % STATUSES_PER_TURN == STATUSES_PER_TURN - 1:
                await asyncio.sleep(0)
            if (zone := self.get(zone_table.names[number])) is not None:
                found.append(zone)
        return found
