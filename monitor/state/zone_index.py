"""The index of all zones in a few octets each: what is shown of very many, without an object for any."""

import asyncio
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from datetime import datetime

from checks.model import Address, Health, Zone
from checks.model.zone_table import ZoneTable
from monitor.state.column_search import EXCLUDED, apply_mask, first_of, rank_column, select, select_values
from monitor.state.columns import micros, moment
from monitor.state.level import OF, Level
from monitor.state.search import NameSearch, normalise_query
from monitor.state.status import FindingStatus, Redact, ServerTally, ZoneStatus
from monitor.state.status_groups import StatusGroup, StatusGroups, layouts

Draw = Callable[[str], ZoneStatus]

SLICE = 25
"""Pictures drawn before everybody else has a turn."""


class ZoneIndex:
    """The columns, by the zone's number in the roll: 14 octets for a zone, and none for an address.

    A zone's *face* is all that is tallied of it; most zones share theirs with very many others.
    """

    def __init__(self, zone_table: ZoneTable[Zone], zone_status: Draw) -> None:
        """``zone_status`` makes the picture of a zone as it is now; it is called on the event loop only."""
        self.zone_status = zone_status
        self.checked_at: datetime | None = None
        self._zones: ZoneView | None = None
        self._lay(zone_table)
        unknown = [self.groups.unknown(each).number for each in self._lineups]
        self._assign(
            array("I", map(unknown.__getitem__, zone_table.template_ids)), array("q", bytes(8 * len(zone_table)))
        )

    def _lay(self, zone_table: ZoneTable[Zone]) -> None:
        self.zone_table = zone_table
        self.name_search = NameSearch(zone_table.names)
        servers = [server for template in zone_table.templates for server in template.servers]
        self.groups = StatusGroups({server.name for server in servers if server.hidden})
        self.places = frozenset((server.name, at, server.hidden) for server in servers for at in server.addresses)
        self._lineups = layouts(zone_table.templates)

    def _assign(self, group_ids: "array[int]", since: "array[int]") -> None:
        """These are the numbers of all zones' faces now. No face may be in use that no zone has."""
        self.group_ids, self._since = group_ids, since
        self.groups.count(group_ids)
        groups = self.groups.all
        self.levels = bytearray(map([group.level for group in groups].__getitem__, group_ids))
        """How grave each zone looks."""
        self.public_level = self.levels
        """How grave it looks to strangers: the same column where no server is hidden."""
        if self.groups.hidden:
            self.public_level = bytearray(map([group.public_level for group in groups].__getitem__, group_ids))
        self._zones = None

    def use(self, zone_table: ZoneTable[Zone], was: "array[int]") -> None:
        """Another plan; ``was`` ("q") has each zone's number before, or -1: such a zone is unknown until it is noted.

        What was noted of a zone goes on; an address that it did not have before is unknown.
        """
        before, group_ids, since = self.groups.all, self.group_ids, self._since
        self._lay(zone_table)
        known: dict[tuple[int, int], int] = {}
        now = array("I")
        for kind, past in zip(zone_table.template_ids, was, strict=True):
            old = group_ids[past] if past >= 0 else -1
            number = known.get((kind, old))
            if number is None:
                here = self._lineups[kind]
                group = self.groups.moved(before[old], here) if old >= 0 else self.groups.unknown(here)
                number = known[kind, old] = group.number
            now.append(number)
        self._assign(now, array("q", (since[past] if past >= 0 else 0 for past in was)))

    def note(
        self, name: str, health: Health, states: Sequence[str], findings: Sequence[FindingStatus], bad_since: datetime
    ) -> None:
        """How a zone is now. ``states`` are those of its addresses in the order of ``Zone.places``; since when it is
        so is when it ``bad_since`` if its health was another before.
        """
        number = self.zone_table.number(name)
        before = self.groups.all[self.group_ids[number]]
        if not self._since[number] or before.health is not health:
            self._since[number] = micros(bad_since)
        group = self.groups.of(self._lineups[self.zone_table.template_ids[number]], health, tuple(states), findings)
        if group is not before:
            self._change(number, before, group)
        self._zones = None

    def _change(self, number: int, before: StatusGroup, group: StatusGroup) -> None:
        self.groups.swap(before, group)
        self.group_ids[number] = group.number
        self.levels[number] = group.level
        if self.public_level is not self.levels:
            self.public_level[number] = group.public_level

    def heard(self, at: datetime) -> None:
        """Some zones were heard of, though maybe nothing new: their pictures are others from now on."""
        self.checked_at = at
        self._zones = None

    def since(self, name: str) -> datetime | None:
        """Since when the zone's health is what it is; None while it has not been noted."""
        at = self._since[self.zone_table.number(name)]
        return moment(at) if at else None

    def zones(self) -> "ZoneView":
        """Another object whenever something was noted or heard since the last call."""
        if self._zones is None:
            self._zones = ZoneView(self)
        return self._zones


class ZoneView:
    """What Status has of the zones: always as they are, whenever it was made."""

    def __init__(self, zone_index: ZoneIndex, redact: Redact | None = None) -> None:
        self._index = zone_index
        self._redact = redact

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
        return {health: sum(n for level, n in levels.items() if OF[level] is health) for health in Health}

    def levels(self) -> Mapping[Level, int]:
        return self._index.groups.levels(public_level=self._redact is not None)

    def servers(self) -> Mapping[str, ServerTally]:
        tallies, hidden = self._index.groups.servers(), self._index.groups.hidden
        if self._redact is None or not hidden:
            return tallies
        return {name: tally for name, tally in tallies.items() if name not in hidden}

    def places(self) -> Set[tuple[str, Address, bool]]:
        return self._index.places

    async def part(
        self, text: str, healths: Collection[Health], first: int, most: int, *, by_name: bool = False
    ) -> tuple[list[ZoneStatus], int]:
        zone_table, chosen = self._index.zone_table, [level for level, health in OF.items() if health in healths]
        mask = await self._index.name_search.mask(normalise_query(text)) if normalise_query(text) else None
        if (
            zone_table is not self._index.zone_table
        ):  # there is another plan since: the mask is of names that are no more
            return await self.part(text, healths, first, most, by_name=by_name)
        column: bytes | bytearray = self._index.levels if self._redact is None else self._index.public_level
        if by_name:
            column = select_values(column, chosen)
        if mask is not None:
            column = apply_mask(column, mask)
        numbers, total = select(column, [0] if by_name else chosen, first, most)
        return await self._statuses(zone_table, numbers), total

    async def at_server(self, server: str, first: int, most: int) -> tuple[list[ZoneStatus], int]:
        zone_table = self._index.zone_table
        levels = [group.at_server(server) for group in self._index.groups.all]
        ranks = [EXCLUDED if level is None else int(level) for level in levels]
        column = await asyncio.to_thread(rank_column, self._index.group_ids[:], ranks)
        numbers, total = select(column, list(Level), first, most)
        return await self._statuses(zone_table, numbers), total

    async def with_code(self, server: str, code: str) -> ZoneStatus | None:
        groups = [group for group in self._index.groups.group_ids() if group.has(code, server)]
        if not groups:
            return None
        oldest = min(groups, key=lambda group: group.since_when(code, server))
        return self[self._index.zone_table.names[first_of(self._index.group_ids, oldest.number)]]

    def redacted(self, redact: Redact) -> "ZoneView":
        return ZoneView(self._index, redact)

    async def _statuses(self, zone_table: ZoneTable[Zone], numbers: Sequence[int]) -> list[ZoneStatus]:
        """The pictures, some at a time; a zone that is watched no longer by then has none."""
        found = []
        for place, number in enumerate(numbers):
            if place % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            if (zone := self.get(zone_table.names[number])) is not None:
                found.append(zone)
        return found
