"""What is remembered of the records that a check compares: enough to tell who has changed, and whose answers vary."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LastLook:
    """What an address last had for a record that is not, or was not, the same everywhere.

    ``content`` stands for the values, ``since`` is the first look at which it had them on this serial. ``equal`` looks
    in a row brought the same, or ``unequal`` ones something else each; ``looks`` were there on this serial. What is
    counted is counted as far as it matters.
    """

    server: str
    address: str
    record: str
    serial: int
    content: int
    ttl: int | None
    since: datetime
    equal: int = 1
    unequal: int = 0
    looks: int = 1


@dataclass(frozen=True, slots=True)
class Varying:
    """A record of which servers' own answers differ though the serial is the same; ``at`` is within a day of when that
    was last seen.
    """

    record: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RememberedRecords:
    """``agreed`` stands for what all had for all records that do not vary, and for the serial they had it on, when they
    last agreed; 0: they never did.
    """

    agreed: int = 0
    looks: tuple[LastLook, ...] = ()
    varying: tuple[Varying, ...] = ()

    @property
    def soon_again(self) -> bool:
        """Whether a look that comes soon tells more of a difference: it is new."""
        return any(one.equal < 2 and one.looks < MANY and not self.varies(one.record) for one in self.looks)

    def varies(self, record: str) -> bool:
        return any(one.record == record for one in self.varying)


MANY = 4
"""So many looks at a record are many: it has been found out by then whether it varies, if that can be."""
