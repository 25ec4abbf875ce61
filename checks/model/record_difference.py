"""Which records a server has otherwise than another: what a finding says of them, one by one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecordDifference:
    """Lines of a zone file, each printable and cut where it is long: ``removed`` are those that the server called
    ``reference`` alone has, ``added`` those of the server that the finding is about; ``more`` are left out of both.

    Without ``is_complete`` there may be others still: not all that differs was looked at.

    ``summary`` is what the finding says, without its records.
    """

    summary: str
    reference: str
    removed: tuple[str, ...]
    added: tuple[str, ...]
    more: int = 0
    is_complete: bool = True
