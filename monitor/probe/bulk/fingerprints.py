"""What each address said when it was last read closely: some thirty octets of each, by slot."""

from array import array
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

from checks.model import Outcome
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.bulk.remap import remap

NOTHING, ANSWER = 0, 1
UNARMED = -1
"""A print that no answer has: no hash in CPython is -1."""

SILENT = (Outcome.TIMEOUT, Outcome.UNREACHABLE, Outcome.REFUSED_CONNECTION)
"""What an address may go on doing without anybody having to hear of it again, but for answering."""

_CODES = MappingProxyType({outcome: number for number, outcome in enumerate(SILENT, 2)})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Columns:
    """All columns have one place more than there are refs: the last is of nobody, and never armed. Its ref is -1."""

    __slots__ = ("armed", "candidates", "cuts", "expected", "floors", "heads", "prints")

    def __init__(self, size: int = 0) -> None:
        places = size + 1
        self.prints = array("q", (UNARMED,)) * places
        """What stands for the answer (``wire.whole``) of those that are armed."""
        self.candidates = array("q", bytes(8 * places))
        """The same of all."""
        self.heads = array("q", bytes(8 * places))
        """What stands for what it says of the SOA (``wire.head``), or 0."""
        self.cuts = array("H", bytes(2 * places))
        """Where the EXPIRE is in it, or 0."""
        self.floors = array("I", bytes(4 * places))
        """An EXPIRE below so many seconds is news."""
        self.expected = bytearray(places)
        """NOTHING, ANSWER, or one of SILENT as 2, 3 …"""
        self.armed = bytearray(places)

    def __len__(self) -> int:
        return len(self.armed) - 1

    def answered(self, ref: int, print_: int, head: int, cut: int) -> None:
        """A candidate: what counts as the same once the ref is armed."""
        if ref >= 0:
            self.candidates[ref], self.heads[ref], self.cuts[ref] = print_, head, cut
            self.prints[ref], self.expected[ref], self.armed[ref] = UNARMED, ANSWER, 0

    def silent(self, ref: int, outcome: Outcome) -> None:
        if ref >= 0:
            self.heads[ref] = self.cuts[ref] = 0
            self.prints[ref], self.expected[ref], self.armed[ref] = UNARMED, code(outcome), 0

    def unclear(self, ref: int) -> None:
        """Nothing that it says can be recognised the next time."""
        if ref >= 0:
            self.prints[ref], self.expected[ref], self.armed[ref] = UNARMED, NOTHING, 0

    def arm(self, refs: Sequence[int], floors: Sequence[int]) -> None:
        prints, candidates, expected, lowest = self.prints, self.candidates, self.expected, self.floors
        for ref, floor in zip(refs, floors, strict=True):
            lowest[ref] = floor
            self.armed[ref] = expected[ref] != NOTHING
            prints[ref] = candidates[ref] if expected[ref] == ANSWER else UNARMED

    def disarm(self, refs: Iterable[int]) -> None:
        for ref in refs:
            self.prints[ref], self.armed[ref] = UNARMED, 0

    def remapped(self, size: int, old_slots: "array[int]") -> "Columns":
        """Columns of ``size`` slots, with what is known of those that had another slot before."""
        new = Columns(size)
        pairs = [(getattr(self, name), getattr(new, name)) for name in self.__slots__]
        remap(pairs, old_slots)
        return new


def code(outcome: Outcome) -> int:
    return _CODES.get(outcome, NOTHING)


class FingerprintTable:
    """What is known of all, and what time it is."""

    __slots__ = ("address_metrics", "at", "columns", "micro", "now")

    def __init__(self) -> None:
        self.columns = Columns()
        self.address_metrics = AddressMetrics()
        self.at = _EPOCH
        self.micro = 0
        """The same in microseconds since 1970."""
        self.now = 0.0
        """The same as intervals are measured."""

    def begin(self, at: datetime, now: float) -> None:
        """What comes from now on came at this time."""
        self.at, self.now = at, now
        self.micro = round((at - _EPOCH).total_seconds() * 1e6)

    def use(self, address_metrics: AddressMetrics, was: "array[int] | None") -> None:
        size = len(address_metrics.rtts)
        self.columns = Columns(size) if was is None else self.columns.remapped(size, was)
        self.address_metrics = address_metrics
