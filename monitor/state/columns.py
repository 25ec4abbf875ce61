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

RESTLESS, ANSWERING, SILENT = 0, 1, 2
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
    """The columns of one roll. All are changed by the judge only, but ``ticks``, which the canvass writes."""

    __slots__ = ("due", "fit", "layouts", "looked", "plain", "refs", "roll", "said", "ticks", "turn", "voice")

    def __init__(self, roll: ZoneTable[Zone]) -> None:
        self.roll = roll
        self.layouts: tuple[AddressLayout, ...] = tuple(layout(template) for template in roll.templates)
        self.refs = roll.starts([len(each) for each in self.layouts])
        """Where each zone's addresses begin in ``ticks``; one more for the end."""
        self.ticks = AddressMetrics.of(self.refs[-1])
        self.fit = bytearray(len(roll))
        self.said = bytearray(len(roll))
        self.voice = bytearray(len(roll))
        """Of which of its addresses anything was heard, of a zone that is SILENT: ``monitor.state.memory``."""
        self.due = array("q", bytes(8 * len(roll)))
        """When a zone that is SILENT must be judged again, though it says the same; 0 for never."""
        self.looked = array("q", bytes(8 * len(roll)))
        """When it was last found as it was; 0 for a zone of which its ledger says that."""
        self.turn = 0
        """Where ``some`` goes on."""
        self.plain: dict[str, array[int]] = {}
        """Check → when it last found a zone well and had nothing more to say; 0 where it said more, or nothing."""

    def places(self, number: int) -> range:
        """The refs of a zone's addresses."""
        return range(self.refs[number], self.refs[number + 1])

    def note_plain(self, check: str, number: int, at: int) -> None:
        column = self.plain.get(check)
        if column is None:
            if not at:
                return
            column = self.plain[check] = array("q", bytes(8 * len(self.roll)))
        column[number] = at

    def keep_plain(self, checks: Container[str]) -> None:
        """Only what these checks have said."""
        self.plain = {name: column for name, column in self.plain.items() if name in checks}

    def restless(self, *, fit: int) -> list[int]:
        """Makes all zones restless that were fit in that way; which they were."""
        numbers = list(_all(self.fit, fit))
        for number in numbers:
            self.fit[number] = RESTLESS
        return numbers

    def some(self, *, fit: int, most: int) -> Iterator[int]:
        """Zones that are fit in that way, at most so many: round and round, going on after the one that was last."""
        first = self.turn
        for start, end in ((first, len(self.fit)), (0, first)):
            found = self.fit.find(fit, start, end)
            while found >= 0:
                if not most:
                    return
                most, self.turn = most - 1, found + 1
                yield found
                found = self.fit.find(fit, found + 1, end)

    def carry(self, old: "ZoneColumns", was: "array[int]") -> "array[int]":
        """Takes over what is known of zones that are as they were; which ref each ref had ("q"), or -1.

        ``was`` has each number's number before, or -1.
        """
        refs = array("q", b"\xff" * (8 * self.refs[-1]))
        alike = _same(self, old)
        unchanged = alike[: len(old.layouts)] == list(range(min(len(alike), len(old.layouts))))
        self.plain = {name: array("q", bytes(8 * len(self.roll))) for name in old.plain}
        for start in range(0, len(was), _BLOCK):
            past = was[start : start + _BLOCK]
            first, size = past[0], len(past)
            whole = unchanged and first >= 0 and past == array("q", range(first, first + size))
            if whole and self.roll.kinds[start : start + size] == old.roll.kinds[first : first + size]:
                self._take(old, start, first, size, refs)
                continue
            for number, before in enumerate(past, start):
                if before >= 0 and alike[self.roll.kinds[number]] == old.roll.kinds[before]:
                    self._take(old, number, before, 1, refs)
        return refs

    def _take(self, old: "ZoneColumns", number: int, past: int, size: int, refs: "array[int]") -> None:
        """So many zones, one after the other here and there."""
        end, then = number + size, past + size
        self.fit[number:end], self.said[number:end] = old.fit[past:then], old.said[past:then]
        self.looked[number:end], self.due[number:end] = old.looked[past:then], old.due[past:then]
        self.voice[number:end] = old.voice[past:then]
        for name, column in self.plain.items():
            column[number:end] = old.plain[name][past:then]
        here, there = slice(self.refs[number], self.refs[end]), slice(old.refs[past], old.refs[then])
        refs[here] = array("q", range(there.start, there.stop))
        self.ticks.rtts[here] = old.ticks.rtts[there]
        self.ticks.expires[here] = old.ticks.expires[there]


def layout(zone: Zone) -> AddressLayout:
    return tuple(Endpoint(server.name, address, server.name == zone.primary) for server, address in zone.places())


def heard(zone: AddressLayout) -> Iterator[tuple[str, Address]]:
    """What the vantage calls the addresses of a layout."""
    return ((place.server, place.address) for place in zone)


def _same(new: ZoneColumns, old: ZoneColumns) -> list[int]:
    """For each template its number before, -1 for one that is new."""
    known = {template: kind for kind, template in enumerate(old.roll.templates)}
    return [known.get(template, -1) for template in new.roll.templates]


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

    still: ZoneColumns
    gone: Sequence[str] = ()
    fresh: Sequence[str] = ()
    was: "array[int] | None" = None
    refs: "array[int] | None" = None


def change_to(old: ZoneColumns, roll: ZoneTable[Zone]) -> Change:
    """Takes some time with very many zones; touches nothing but what it makes."""
    if roll is old.roll or roll == old.roll:
        return Change(old)
    parted = difference(old.roll, roll)
    still = ZoneColumns(roll)
    refs = still.carry(old, parted.was)
    return Change(still, parted.gone, parted.fresh, parted.was, refs)
