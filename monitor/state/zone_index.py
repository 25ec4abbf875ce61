"""The index of all zones in a few octets each: what is shown of very many, without an object for any."""

import asyncio
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from datetime import datetime

from checks.model import Address, Health, Zone
from checks.model.zone_table import ZoneTable
from monitor.state.column_search import MISS, alike, first_of, masked, ranked, select
from monitor.state.columns import micros, moment
from monitor.state.level import OF, Level
from monitor.state.search import NameSearch, wanted
from monitor.state.status import FindingStatus, ServerTally, Veiling, ZoneStatus
from monitor.state.status_groups import StatusGroup, StatusGroups, lineups

Draw = Callable[[str], ZoneStatus]

SLICE = 25
"""Pictures drawn before everybody else has a turn."""


class ZoneIndex:
    """The columns, by the zone's number in the roll: 14 octets for a zone, and none for an address.

    A zone's *face* is all that is tallied of it; most zones share theirs with very many others.
    """

    def __init__(self, zone_table: ZoneTable[Zone], draw: Draw) -> None:
        """``draw`` makes the picture of a zone as it is now; it is called on the event loop only."""
        self.draw = draw
        self.checked_at: datetime | None = None
        self._zones: ZoneView | None = None
        self._lay(zone_table)
        unknown = [self.faces.unknown(each).number for each in self._lineups]
        self._wear(
            array("I", map(unknown.__getitem__, zone_table.template_ids)), array("q", bytes(8 * len(zone_table)))
        )

    def _lay(self, zone_table: ZoneTable[Zone]) -> None:
        self.zone_table = zone_table
        self.seek = NameSearch(zone_table.names)
        servers = [server for template in zone_table.templates for server in template.servers]
        self.faces = StatusGroups({server.name for server in servers if server.hidden})
        self.places = frozenset((server.name, at, server.hidden) for server in servers for at in server.addresses)
        self._lineups = lineups(zone_table.templates)

    def _wear(self, worn: "array[int]", since: "array[int]") -> None:
        """These are the numbers of all zones' faces now. No face may be in use that no zone has."""
        self.worn, self._since = worn, since
        self.faces.count(worn)
        faces = self.faces.all
        self.tones = bytearray(map([face.tone for face in faces].__getitem__, worn))
        """How grave each zone looks."""
        self.told = self.tones
        """How grave it looks to strangers: the same column where no server is hidden."""
        if self.faces.hidden:
            self.told = bytearray(map([face.told for face in faces].__getitem__, worn))
        self._zones = None

    def use(self, zone_table: ZoneTable[Zone], was: "array[int]") -> None:
        """Another plan; ``was`` ("q") has each zone's number before, or -1: such a zone is unknown until it is noted.

        What was noted of a zone goes on; an address that it did not have before is unknown.
        """
        before, worn, since = self.faces.all, self.worn, self._since
        self._lay(zone_table)
        known: dict[tuple[int, int], int] = {}
        now = array("I")
        for kind, past in zip(zone_table.template_ids, was, strict=True):
            old = worn[past] if past >= 0 else -1
            number = known.get((kind, old))
            if number is None:
                here = self._lineups[kind]
                face = self.faces.moved(before[old], here) if old >= 0 else self.faces.unknown(here)
                number = known[kind, old] = face.number
            now.append(number)
        self._wear(now, array("q", (since[past] if past >= 0 else 0 for past in was)))

    def note(
        self, name: str, health: Health, states: Sequence[str], findings: Sequence[FindingStatus], began: datetime
    ) -> None:
        """How a zone is now. ``states`` are those of its addresses in the order of ``Zone.places``; since when it is
        so is when it ``began`` if its health was another before.
        """
        number = self.zone_table.number(name)
        before = self.faces.all[self.worn[number]]
        if not self._since[number] or before.health is not health:
            self._since[number] = micros(began)
        face = self.faces.of(self._lineups[self.zone_table.template_ids[number]], health, tuple(states), findings)
        if face is not before:
            self._change(number, before, face)
        self._zones = None

    def _change(self, number: int, before: StatusGroup, face: StatusGroup) -> None:
        self.faces.swap(before, face)
        self.worn[number] = face.number
        self.tones[number] = face.tone
        if self.told is not self.tones:
            self.told[number] = face.told

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

    def __init__(self, board: ZoneIndex, veiling: Veiling | None = None) -> None:
        self._board = board
        self._veiling = veiling

    @property
    def checked_at(self) -> datetime | None:
        return self._board.checked_at

    def __len__(self) -> int:
        return len(self._board.zone_table)

    def __iter__(self) -> Iterator[str]:
        return iter(self._board.zone_table)

    def __contains__(self, name: object) -> bool:
        return name in self._board.zone_table

    def __getitem__(self, name: str) -> ZoneStatus:
        if name not in self._board.zone_table:
            raise KeyError(name)
        zone = self._board.draw(name)
        return zone if self._veiling is None else self._veiling(zone)

    def get(self, name: str) -> ZoneStatus | None:
        return self[name] if name in self._board.zone_table else None

    def tally(self) -> Mapping[Health, int]:
        tones = self.tones()
        return {health: sum(n for tone, n in tones.items() if OF[tone] is health) for health in Health}

    def tones(self) -> Mapping[Level, int]:
        return self._board.faces.tones(told=self._veiling is not None)

    def servers(self) -> Mapping[str, ServerTally]:
        tallies, hidden = self._board.faces.servers(), self._board.faces.hidden
        if self._veiling is None or not hidden:
            return tallies
        return {name: tally for name, tally in tallies.items() if name not in hidden}

    def places(self) -> Set[tuple[str, Address, bool]]:
        return self._board.places

    async def part(
        self, text: str, healths: Collection[Health], first: int, most: int, *, by_name: bool = False
    ) -> tuple[list[ZoneStatus], int]:
        zone_table, chosen = self._board.zone_table, [tone for tone, health in OF.items() if health in healths]
        mask = await self._board.seek.mask(wanted(text)) if wanted(text) else None
        if (
            zone_table is not self._board.zone_table
        ):  # there is another plan since: the mask is of names that are no more
            return await self.part(text, healths, first, most, by_name=by_name)
        column: bytes | bytearray = self._board.tones if self._veiling is None else self._board.told
        if by_name:
            column = alike(column, chosen)
        if mask is not None:
            column = masked(column, mask)
        numbers, total = select(column, [0] if by_name else chosen, first, most)
        return await self._drawn(zone_table, numbers), total

    async def at_server(self, server: str, first: int, most: int) -> tuple[list[ZoneStatus], int]:
        zone_table = self._board.zone_table
        tones = [face.at_server(server) for face in self._board.faces.all]
        ranks = [MISS if tone is None else int(tone) for tone in tones]
        column = await asyncio.to_thread(ranked, self._board.worn[:], ranks)
        numbers, total = select(column, list(Level), first, most)
        return await self._drawn(zone_table, numbers), total

    async def with_code(self, server: str, code: str) -> ZoneStatus | None:
        faces = [face for face in self._board.faces.worn() if face.has(code, server)]
        if not faces:
            return None
        oldest = min(faces, key=lambda face: face.since_when(code, server))
        return self[self._board.zone_table.names[first_of(self._board.worn, oldest.number)]]

    def veiled(self, veiling: Veiling) -> "ZoneView":
        return ZoneView(self._board, veiling)

    async def _drawn(self, zone_table: ZoneTable[Zone], numbers: Sequence[int]) -> list[ZoneStatus]:
        """The pictures, some at a time; a zone that is watched no longer by then has none."""
        found = []
        for place, number in enumerate(numbers):
            if place % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            if (zone := self.get(zone_table.names[number])) is not None:
                found.append(zone)
        return found
