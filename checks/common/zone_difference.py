"""What two sets of records differ in, each record a line of a zone file in canonical form."""

from collections.abc import Iterable
from dataclasses import dataclass

from checks.model.content import GENERATED_TYPES


@dataclass(frozen=True, slots=True)
class ZoneDifference:
    """The records that one zone has and the other has not; owners are in the order of their labels from the right."""

    removed: tuple[str, ...]
    added: tuple[str, ...]

    @property
    def number(self) -> int:
        return len(self.removed) + len(self.added)


def zone_difference(before: Iterable[str], after: Iterable[str], *, dnssec: bool) -> ZoneDifference:
    """From one set to the other. ``dnssec``: records of GENERATED_TYPES count."""
    old, new = set(before), set(after)
    removed = (line for line in old - new if dnssec or not _generated(line))
    added = (line for line in new - old if dnssec or not _generated(line))
    return ZoneDifference(tuple(sorted(removed, key=zone_place)), tuple(sorted(added, key=zone_place)))


def zone_place(line: str) -> tuple[list[str], str]:
    """Sorts lines of a zone: parents before their children, an owner's records together."""
    owner, _, record = line.partition(" ")
    return owner.split(".")[::-1], record


def _generated(line: str) -> bool:
    return line.split(" ", 4)[3] in GENERATED_TYPES
