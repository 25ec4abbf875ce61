"""What is waited for at the servers of a zone: a serial, records, or that all of them serve the same version."""

from dataclasses import dataclass
from enum import StrEnum


class Presence(StrEnum):
    """How an RRset has to relate to the values that are named."""

    CONTAINS = "contains"
    """It has all of them, and maybe others; without values: it is there."""
    EXACT = "exact"
    """It has all of them, and no other."""
    ABSENT = "absent"
    """It has none of them; without values: it is not there."""


@dataclass(frozen=True, slots=True)
class AwaitedRecord:
    """An RRset to wait for. ``name`` is absolute, ``rdata`` canonical (RFC 4034 section 6.2)."""

    name: str
    type: str
    rdata: tuple[str, ...] = ()
    presence: Presence = Presence.CONTAINS

    def __str__(self) -> str:
        return f"{self.name} {self.type}"


@dataclass(frozen=True, slots=True)
class Awaited:
    """What every address has to serve at one look; with neither serial nor records the version that all the others do.

    ``serial`` is met by any that is newer, too (RFC 1982).
    """

    serial: int | None = None
    records: tuple[AwaitedRecord, ...] = ()

    @property
    def same_version(self) -> bool:
        """Nothing is named: all are to serve the version of the primary, or the newest."""
        return self.serial is None and not self.records

    def questions(self, zone: str) -> tuple[tuple[str, str], ...]:
        """The names and types to ask an address for at each look, each once."""
        serials = [(zone, "SOA")] if self.serial is not None or self.same_version else []
        return tuple(dict.fromkeys((*serials, *((record.name, record.type) for record in self.records))))
