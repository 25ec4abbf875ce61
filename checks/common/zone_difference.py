"""What two zones differ in, each record a line of a zone file in canonical form."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from checks.model import Address, Soa
from checks.model.content import BUCKETS, GENERATED_TYPES

REMOVED, ADDED = "-", "+"


class CannotCompare(Exception):
    """A sentence on why nothing can be told of the two zones."""


@dataclass(frozen=True, slots=True)
class ZoneDifference:
    """The records that one zone has and the other has not; owners are in the order of their labels from the right."""

    removed: tuple[str, ...]
    added: tuple[str, ...]

    @property
    def number(self) -> int:
        return len(self.removed) + len(self.added)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """REMOVED or ADDED, and a record: what is at one owner together, what is gone before what came."""
        lines = [(_owner(line), sign, line) for sign, line in self._signed()]
        lines.sort(key=lambda each: (each[0], each[1] != REMOVED))
        return ((sign, line) for _, sign, line in lines)

    def _signed(self) -> Iterator[tuple[str, str]]:
        yield from ((REMOVED, line) for line in self.removed)
        yield from ((ADDED, line) for line in self.added)

    def __add__(self, other: "ZoneDifference") -> "ZoneDifference":
        """Of two parts of the same zones together."""
        removed, added = (*self.removed, *other.removed), (*self.added, *other.added)
        return ZoneDifference(tuple(sorted(removed, key=zone_place)), tuple(sorted(added, key=zone_place)))


@dataclass(frozen=True, slots=True)
class ComparedZone:
    """One of the two zones: where it is from, its SOA and how many records it has, its SOA among them."""

    server: str
    address: Address
    soa: Soa
    records: int

    def __str__(self) -> str:
        at = str(self.address)
        return self.server if self.server == at else f"{self.server} ({at})"


@dataclass(frozen=True, slots=True)
class ZoneComparison:
    """What two zones differ in. ``unread``: so many of BUCKETS parts differ as well, and were not read; ``partly``:
    some records of those that were read are missing.
    """

    zone: str
    before: ComparedZone
    after: ComparedZone
    difference: ZoneDifference
    unread: int = 0
    partly: bool = False

    @property
    def equal(self) -> bool:
        return not self.difference.number and self.complete

    @property
    def complete(self) -> bool:
        """All that they differ in is known."""
        return not self.unread and not self.partly


def left_out(found: ZoneComparison, shown: int) -> list[str]:
    """In sentences, what else the two differ in where ``shown`` of the records that are known are shown."""
    told = []
    if more := found.difference.number - shown:
        told.append(f"and {more} more" if found.complete else f"and at least {more} more")
    if found.unread:
        told.append(
            f"not read: {found.unread} of {BUCKETS} parts of the zone in which records differ as well; "
            "the serials and numbers of records are those of the whole zone"
        )
    if found.partly:
        told.append("not read: some records of the parts that differ, there were too many")
    return told


def zone_difference(before: Iterable[str], after: Iterable[str], *, dnssec: bool) -> ZoneDifference:
    """From one set to the other. ``dnssec``: records of GENERATED_TYPES count."""
    old, new = set(before), set(after)
    removed = (line for line in old - new if dnssec or not _generated(line))
    added = (line for line in new - old if dnssec or not _generated(line))
    return ZoneDifference(tuple(sorted(removed, key=zone_place)), tuple(sorted(added, key=zone_place)))


def zone_place(line: str) -> tuple[list[str], str]:
    """Sorts lines of a zone: parents before their children, an owner's records together."""
    return _owner(line), line.partition(" ")[2]


def soa_line(zone: str, soa: Soa) -> str:
    """A SOA as the other records of its zone are written."""
    timers = f"{soa.serial} {soa.refresh} {soa.retry} {soa.expire} {soa.minimum}"
    return f"{zone} {soa.ttl} IN SOA {soa.mname} {soa.rname} {timers}"


def _owner(line: str) -> list[str]:
    return line.partition(" ")[0].split(".")[::-1]


def _generated(line: str) -> bool:
    return line.split(" ", 4)[3] in GENERATED_TYPES
