"""The order in which the zones of a table are asked, and when each has its turn."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from hashlib import blake2b

from checks.model import Zone
from checks.model.zone_table import ZoneTable


def sweep_position(zone: str, check: str) -> float:
    """Where in a sweep a zone has its turn, 0 ≤ position < 1: always the same, and even over many zones."""
    digest = blake2b(f"{check} {zone}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


class SweepOrder:
    """The zones that a sweep asks, by their turn: ``numbers`` ("I") in the table and ``positions`` ("d")."""

    __slots__ = ("numbers", "positions", "zone_table")

    def __init__(
        self,
        zone_table: ZoneTable[Zone],
        check: str,
        asks: Callable[[Zone], bool],
        only: Iterable[str] | None = None,
    ) -> None:
        """Takes some time with very many zones. ``asks``: whether the sweep asks zones of a template. ``only``: of
        these zones, as far as they are in the table.
        """
        asked_templates = [asks(template.with_name("example.")) for template in zone_table.templates]
        numbers = (
            range(len(zone_table)) if only is None else [zone_table.index(name) for name in only if name in zone_table]
        )
        asked = array("I", (number for number in numbers if asked_templates[zone_table.template_ids[number]]))
        positions = array("d", (sweep_position(zone_table.names[number], check) for number in asked))
        turns = sorted(range(len(asked)), key=positions.__getitem__)
        self.zone_table = zone_table
        self.numbers = array("I", map(asked.__getitem__, turns))
        self.positions = array("d", map(positions.__getitem__, turns))

    def __len__(self) -> int:
        return len(self.numbers)

    def after(self, position: float) -> int:
        """Where those begin that have their turn after ``position``."""
        return bisect_right(self.positions, position)

    def due(self, first: int, until: float, most: int) -> int:
        """Where those end, from ``first`` on, whose positions are before ``until``; at least one, at most so many."""
        return bisect_left(self.positions, until, first + 1, max(first + 1, min(len(self), first + most)))
