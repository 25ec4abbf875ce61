"""What is known of zones that stand still, in columns: a few octets each instead of objects.

A zone stands still when the road has found nothing pending about it: it is *fit* to be passed over while it says the
same. What that takes is in ``fast_path``; here are only the columns, by the zone's number in the roll of the plan.
"""

from array import array
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from checks.model import Address, Zone
from checks.model.zone_table import ZoneTable, difference
from monitor.probe.bulk.address_metrics import AddressMetrics


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of a zone; those of the primary are asked when all others have been heard."""

    server: str
    address: Address
    primary: bool = False


AddressLayout = tuple[Endpoint, ...]
"""The addresses of a zone, in the order of ``Zone.places``. Most zones share theirs with many others."""


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)

_BLOCK = 4096
"""Zones whose columns are copied at once, where they are still one after the other."""

FULL_POLL, STEADY_UP, STEADY_SILENT = 0, 1, 2
"""How a zone is fit: not at all; every address serves a version; some address does not, and that is old news."""

UNSAID, GOOD = 0, 1
"""What was said of a zone that stands still: nothing; that it is well. Other numbers: ``monitor.state.memory``."""


def micros(at: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (at - EPOCH) // _TICK


def moment(micros: int) -> datetime:
    """The inverse of ``micros``."""
    return EPOCH + timedelta(microseconds=micros)


class ZoneColumns:
    """The columns of one roll. All are changed by the judge only, but ``address_metrics``, which the canvass writes."""

    __slots__ = (
        "address_metrics",
        "checked_at",
        "due",
        "layouts",
        "mode",
        "ok_at",
        "reachability_id",
        "refs",
        "result_id",
        "turn",
        "zone_table",
    )

    def __init__(self, zone_table: ZoneTable[Zone]) -> None:
        self.zone_table = zone_table
        self.layouts: tuple[AddressLayout, ...] = tuple(layout(template) for template in zone_table.templates)
        self.refs = zone_table.starts([len(each) for each in self.layouts])
        """Where each zone's addresses begin in ``address_metrics``; one more for the end."""
        self.address_metrics = AddressMetrics.of(self.refs[-1])
        self.mode = bytearray(len(zone_table))
        self.result_id = bytearray(len(zone_table))
        self.reachability_id = bytearray(len(zone_table))
        """Of which of its addresses anything was heard, of a zone that is SILENT: ``monitor.state.memory``."""
        self.due = array("q", bytes(8 * len(zone_table)))
        """When a zone that is SILENT must be judged again, though it says the same; 0 for never."""
        self.checked_at = array("q", bytes(8 * len(zone_table)))
        """When it was last found as it was; 0 for a zone of which its ledger says that."""
        self.turn = 0
        """Where ``some`` goes on."""
        self.ok_at: dict[str, array[int]] = {}
        """Check → when it last found a zone well and had nothing more to say; 0 where it said more, or nothing."""

    def places(self, number: int) -> range:
        """The refs of a zone's addresses."""
        return range(self.refs[number], self.refs[number + 1])

    def note_ok(self, check: str, number: int, at: int) -> None:
        column = self.ok_at.get(check)
        if column is None:
            if not at:
                return
            column = self.ok_at[check] = array("q", bytes(8 * len(self.zone_table)))
        column[number] = at

    def keep_ok_at(self, checks: Container[str]) -> None:
        """Only what these checks have said."""
        self.ok_at = {name: column for name, column in self.ok_at.items() if name in checks}

    def restless(self, *, mode: int) -> list[int]:
        """Makes all zones restless that were fit in that way; which they were."""
        numbers = list(_all(self.mode, mode))
        for number in numbers:
            self.mode[number] = FULL_POLL
        return numbers

    def some(self, *, mode: int, most: int) -> Iterator[int]:
        """Zones that are fit in that way, at most so many: round and round, going on after the one that was last."""
        first = self.turn
        for start, end in ((first, len(self.mode)), (0, first)):
            found = self.mode.find(mode, start, end)
            while found >= 0:
                if not most:
                    return
                most, self.turn = most - 1, found + 1
                yield found
                found = self.mode.find(mode, found + 1, end)

    def carry(self, old: "ZoneColumns", was: "array[int]") -> "array[int]":
        """Takes over what is known of zones that are as they were; which ref each ref had ("q"), or -1.

        ``was`` has each number's number before, or -1.
        """
        refs = array("q", b"\xff" * (8 * self.refs[-1]))
        alike = _same(self, old)
        unchanged = alike[: len(old.layouts)] == list(range(min(len(alike), len(old.layouts))))
        self.ok_at = {name: array("q", bytes(8 * len(self.zone_table))) for name in old.ok_at}
        for start in range(0, len(was), _BLOCK):
            past = was[start : start + _BLOCK]
            first, size = past[0], len(past)
            whole = unchanged and first >= 0 and past == array("q", range(first, first + size))
            if (
                whole
                and self.zone_table.template_ids[start : start + size]
                == old.zone_table.template_ids[first : first + size]
            ):
                self._take(old, start, first, size, refs)
                continue
            for number, before in enumerate(past, start):
                if before >= 0 and alike[self.zone_table.template_ids[number]] == old.zone_table.template_ids[before]:
                    self._take(old, number, before, 1, refs)
        return refs

    def _take(self, old: "ZoneColumns", number: int, past: int, size: int, refs: "array[int]") -> None:
        """So many zones, one after the other here and there."""
        end, then = number + size, past + size
        self.mode[number:end], self.result_id[number:end] = old.mode[past:then], old.result_id[past:then]
        self.checked_at[number:end], self.due[number:end] = old.checked_at[past:then], old.due[past:then]
        self.reachability_id[number:end] = old.reachability_id[past:then]
        for name, column in self.ok_at.items():
            column[number:end] = old.ok_at[name][past:then]
        here, there = slice(self.refs[number], self.refs[end]), slice(old.refs[past], old.refs[then])
        refs[here] = array("q", range(there.start, there.stop))
        self.address_metrics.rtts[here] = old.address_metrics.rtts[there]
        self.address_metrics.expires[here] = old.address_metrics.expires[there]


def layout(zone: Zone) -> AddressLayout:
    return tuple(Endpoint(server.name, address, server.name == zone.primary) for server, address in zone.places())


def heard(zone: AddressLayout) -> Iterator[tuple[str, Address]]:
    """What the vantage calls the addresses of a layout."""
    return ((place.server, place.address) for place in zone)


def _same(new: ZoneColumns, old: ZoneColumns) -> list[int]:
    """For each template its number before, -1 for one that is new."""
    known = {template: kind for kind, template in enumerate(old.zone_table.templates)}
    return [known.get(template, -1) for template in new.zone_table.templates]


def _all(column: bytearray, value: int) -> Iterator[int]:
    found = column.find(value)
    while found >= 0:
        yield found
        found = column.find(value, found + 1)


@dataclass(frozen=True, slots=True)
class Change:
    """From one roll to another: its columns, and which zones left, came or changed.

    ``was`` has for each number the number before or -1, ``refs`` the same for each ref; None when the roll is the same.
    """

    columns: ZoneColumns
    gone: Sequence[str] = ()
    fresh: Sequence[str] = ()
    was: "array[int] | None" = None
    refs: "array[int] | None" = None


def change_to(old: ZoneColumns, zone_table: ZoneTable[Zone]) -> Change:
    """Takes some time with very many zones; touches nothing but what it makes."""
    if zone_table is old.zone_table or zone_table == old.zone_table:
        return Change(old)
    parted = difference(old.zone_table, zone_table)
    columns = ZoneColumns(zone_table)
    refs = columns.carry(old, parted.was)
    return Change(columns, parted.gone, parted.fresh, parted.was, refs)
