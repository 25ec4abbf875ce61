"""What checks are to be told again of the records of a zone: between their polls, and after a restart."""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from checks.model import CheckResult, RememberedRecords, Zone, ZonePoll
from checks.model.zone_table import ZoneTable
from monitor.state.ports import RecordMemory


class _Key(NamedTuple):
    check: str
    zone: str


@dataclass(slots=True)
class RecordMemories:
    """Most zones have a number of eight octets, in a column; what differs or varies somewhere is whole."""

    zone_table: ZoneTable[Zone] = field(default_factory=lambda: ZoneTable.of(()))
    _agreed: dict[str, "array[int]"] = field(default_factory=dict)
    """Check → by the zone's number in the table."""
    _looked: dict[str, "array[int]"] = field(default_factory=dict)
    """Check → when that was seen by a look that soa-serial alone ties to a serial (``monitor.state.alike``), in
    microseconds since 1970; 0: by a poll that did so itself.
    """
    _whole: dict[_Key, RememberedRecords] = field(default_factory=dict)
    _stored: tuple[RecordMemory, ...] = ()

    def restore(self, stored: Iterable[RecordMemory]) -> None:
        """What was kept, of zones whose table is yet to come."""
        self._stored = tuple(stored)

    def use(self, zone_table: ZoneTable[Zone]) -> None:
        """The zones of another table: who is in it still is remembered."""
        if zone_table is self.zone_table:
            return
        before, agreed, looked, self.zone_table = self.zone_table, self._agreed, self._looked, zone_table
        self._agreed, self._looked = (
            {check: array("q", bytes(8 * len(zone_table))) for check in columns} for columns in (agreed, looked)
        )
        for number, name in enumerate(zone_table.names if agreed else ()):
            if name in before:
                past = before.index(name)
                for old, new in ((agreed, self._agreed), (looked, self._looked)):
                    for check, column in old.items():
                        new[check][number] = column[past]
        self._whole = {key: one for key, one in self._whole.items() if key.zone in zone_table}
        if len(zone_table):
            for check, zone, remembered in self._stored:
                self._put(check, zone, remembered)
            self._stored = ()

    def recall(self, poll: ZonePoll) -> ZonePoll:
        """The poll, with what its check is to be told again."""
        remembered = self._get(poll.check, poll.zone)
        return poll if remembered is None else replace(poll, remembered=remembered)

    def note(self, result: CheckResult) -> RecordMemory | None:
        """What a result says is to be remembered; None if it was."""
        return None if result.remembered is None else self._keep(result.check, result.zone, result.remembered)

    def note_agreed(self, check: str, zone: str, agreed: int, looked: int) -> RecordMemory | None:
        """All were seen to have the same for all records, in microseconds since 1970, on the serial that soa-serial
        knew: what is to be remembered of that; None if it was.
        """
        new = self._keep(check, zone, RememberedRecords(agreed))
        self._column(self._looked, check)[self.zone_table.index(zone)] = looked
        return new

    def forget_untied(self, zone: str, before: int) -> Iterator[RecordMemory]:
        """Another version has come since ``before``, in microseconds since 1970: what has been seen since may have been
        of either, and is forgotten. What is to be kept of that.
        """
        for check, column in self._looked.items():
            if zone in self.zone_table and column[self.zone_table.index(zone)] > before:
                new = self._keep(check, zone, RememberedRecords())
                yield from () if new is None else (new,)

    def is_uncertain(self, check: str, zone: str) -> bool:
        """Whether any record differs or varies somewhere, or did."""
        return (check, zone) in self._whole

    def _keep(self, check: str, zone: str, now: RememberedRecords) -> RecordMemory | None:
        if now == (self._get(check, zone) or RememberedRecords()):
            return None
        self._put(check, zone, now)
        return RecordMemory(check, zone, now)

    def every(self) -> Iterable[RecordMemory]:
        """All that is remembered."""
        for check, column in self._agreed.items():
            for number, agreed in enumerate(column):
                name = self.zone_table.names[number]
                if agreed and (check, name) not in self._whole:
                    yield RecordMemory(check, name, RememberedRecords(agreed))
        yield from (RecordMemory(check, name, one) for (check, name), one in self._whole.items())

    def _get(self, check: str, zone: str) -> RememberedRecords | None:
        whole = self._whole.get(_Key(check, zone))
        column = self._agreed.get(check)
        if whole is not None or column is None or zone not in self.zone_table:
            return whole
        agreed = column[self.zone_table.index(zone)]
        return RememberedRecords(agreed) if agreed else None

    def _put(self, check: str, zone: str, remembered: RememberedRecords) -> None:
        if zone not in self.zone_table:
            return
        if remembered.looks or remembered.varying:
            self._whole[_Key(check, zone)] = remembered
        else:
            self._whole.pop(_Key(check, zone), None)
        number = self.zone_table.index(zone)
        self._column(self._agreed, check)[number] = remembered.agreed
        if check in self._looked:
            self._looked[check][number] = 0

    def _column(self, columns: "dict[str, array[int]]", check: str) -> "array[int]":
        column = columns.setdefault(check, array("q"))
        if not column:
            column.frombytes(bytes(8 * len(self.zone_table)))
        return column
