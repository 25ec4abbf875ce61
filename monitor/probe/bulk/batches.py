"""Batches of questions for the engine, and of what has come back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from checks.model import Address, Observation, Query
from monitor.probe.message.request import make_request, question
from monitor.probe.message.soa_forms import FormedAnswer

HEADER_EDNS = b"\0\0\0\1\0\0\0\0\0\1"
"""What follows the id: not recursive, one question, one additional record."""

HEADER_NO_EDNS = b"\0\0\0\1\0\0\0\0\0\0"
"""The same without EDNS."""


@dataclass(slots=True)
class QueryBatch:
    """One question to one address for each of many zones.

    ``names`` are wire names in lower case, uncompressed; ``slots`` the caller's index of each into the columns, or -1.
    """

    server: str
    address: Address
    names: Sequence[bytes]
    slots: Sequence[int]


@dataclass(slots=True)
class BatchUpdate:
    """``unchanged`` are slots whose answer is as before, ``changed`` has slot and observation of the others, but for
    those whose response was recognised and that are ``formed``.
    """

    unchanged: list[int]
    changed: list[tuple[int, Observation]]
    at: datetime
    formed: Sequence[tuple[int, FormedAnswer]] = ()


class QueryTemplate:
    """What all queries of a batch have in common."""

    __slots__ = ("dnssec", "identify", "qtype", "rtype", "section", "tail")

    def __init__(self, qtype: str = "SOA", *, identify: bool = True, dnssec: bool = False) -> None:
        """Raises ValueError when there is no such type."""
        root = question(Query(".", "", Address(""), ".", qtype, identify=identify, dnssec=dnssec))
        self.qtype, self.rtype, self.identify, self.dnssec = qtype, root.type, identify, dnssec
        self.section = root.section[1:]
        """What follows the name in the question."""
        self.tail = make_request(root, edns=True).wire[13:]
        """What follows it in all, with EDNS."""
