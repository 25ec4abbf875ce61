"""Batches of questions for the engine, and of what has come back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from checks.model import Address, Observation, Query
from monitor.probe.message.request import ask, question

HEAD = b"\0\0\0\1\0\0\0\0\0\1"
"""What follows the id: not recursive, one question, one additional record."""

PLAIN = b"\0\0\0\1\0\0\0\0\0\0"
"""The same without EDNS."""


@dataclass(slots=True)
class QueryBatch:
    """One question to one address for each of many zones.

    ``names`` are wire names in lower case, uncompressed; ``refs`` what the caller knows each by: an index into the
    columns.
    """

    server: str
    address: Address
    names: Sequence[bytes]
    refs: Sequence[int]


@dataclass(slots=True)
class BatchUpdate:
    """A batch: ``same`` are refs that say what they said, ``odd`` what all others say."""

    same: list[int]
    odd: list[tuple[int, Observation]]
    at: datetime


class QueryTemplate:
    """What is asked of all names of a load."""

    __slots__ = ("identify", "qtype", "rtype", "section", "tail")

    def __init__(self, qtype: str = "SOA", *, identify: bool = True) -> None:
        """Raises ValueError when there is no such type."""
        root = question(Query(".", "", Address(""), ".", qtype, identify=identify))
        self.qtype, self.rtype, self.identify = qtype, root.type, identify
        self.section = root.section[1:]
        """What follows the name in the question."""
        self.tail = ask(root, edns=True).wire[13:]
        """What follows it in all, with EDNS."""
