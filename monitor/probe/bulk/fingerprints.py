"""Fingerprints of the latest answer of each address: some thirty octets, in columns by slot."""

from array import array
from collections.abc import Iterable, Sequence
from datetime import datetime
from types import MappingProxyType

from checks.common.epoch import EPOCH, micros
from checks.model import Outcome
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.bulk.remap import remap

UNKNOWN, ANSWERED = 0, 1
NO_FINGERPRINT = -1
"""A fingerprint that no answer has: no hash in CPython is -1."""

_CODES = MappingProxyType(
    {outcome: number for number, outcome in enumerate((one for one in Outcome if one.transport_failed), 2)}
)


class Columns:
    """All columns have one place more than there are slots: the last, -1, is of no address, and never enabled."""

    __slots__ = (
        "content_fingerprints",
        "enabled",
        "expected",
        "expire_offsets",
        "fingerprints",
        "last_fingerprints",
        "min_expires",
    )  # fmt: skip

    def __init__(self, size: int = 0) -> None:
        places = size + 1
        self.fingerprints = array("q", (NO_FINGERPRINT,)) * places
        """Of the whole answer (``soa_response.fingerprint``), for slots on the fast path."""
        self.last_fingerprints = array("q", bytes(8 * places))
        """The same for all slots: of the answer that was last reported as changed."""
        self.content_fingerprints = array("q", bytes(8 * places))
        """Of what the answer says of the question (``quick_response.content_fingerprint``), or 0."""
        self.expire_offsets = array("H", bytes(2 * places))
        """Offset of the EXPIRE in the answer, or 0."""
        self.min_expires = array("I", bytes(4 * places))
        """An EXPIRE below so many seconds is a change."""
        self.expected = bytearray(places)
        """UNKNOWN, ANSWERED, or an outcome of failed transport as 2, 3 …"""
        self.enabled = bytearray(places)

    def __len__(self) -> int:
        return len(self.enabled) - 1

    def answered(self, slot: int, fingerprint: int, content_fingerprint: int, expire_offset: int) -> None:
        """What counts as unchanged once the slot is on the fast path."""
        if slot >= 0:
            self.last_fingerprints[slot], self.content_fingerprints[slot] = fingerprint, content_fingerprint
            self.expire_offsets[slot] = expire_offset
            self.fingerprints[slot], self.expected[slot], self.enabled[slot] = NO_FINGERPRINT, ANSWERED, 0

    def failed(self, slot: int, outcome: Outcome) -> None:
        if slot >= 0:
            self.content_fingerprints[slot] = self.expire_offsets[slot] = 0
            self.fingerprints[slot], self.expected[slot], self.enabled[slot] = NO_FINGERPRINT, outcome_code(outcome), 0

    def forget(self, slot: int) -> None:
        """Whatever it answers next is a change."""
        if slot >= 0:
            self.fingerprints[slot], self.expected[slot], self.enabled[slot] = NO_FINGERPRINT, UNKNOWN, 0

    def enable_fast_path(self, slots: Sequence[int], min_expires: Sequence[int]) -> None:
        fingerprints, last, expected, lowest = (
            self.fingerprints, self.last_fingerprints, self.expected, self.min_expires,
        )  # fmt: skip
        for slot, min_expire in zip(slots, min_expires, strict=True):
            lowest[slot] = min_expire
            self.enabled[slot] = expected[slot] != UNKNOWN
            fingerprints[slot] = last[slot] if expected[slot] == ANSWERED else NO_FINGERPRINT

    def disable_fast_path(self, slots: Iterable[int]) -> None:
        for slot in slots:
            self.fingerprints[slot], self.enabled[slot] = NO_FINGERPRINT, 0

    def remapped(self, size: int, old_index: "array[int]") -> "Columns":
        """Columns of ``size`` slots, with what is known of those that had another slot before."""
        new = Columns(size)
        pairs = [(getattr(self, name), getattr(new, name)) for name in self.__slots__]
        remap(pairs, old_index)
        return new


def outcome_code(outcome: Outcome) -> int:
    return _CODES.get(outcome, UNKNOWN)


class FingerprintTable:
    """What is known of all, and what time it is."""

    __slots__ = ("address_metrics", "at", "columns", "micro", "now")

    def __init__(self) -> None:
        self.columns = Columns()
        self.address_metrics = AddressMetrics()
        self.at = EPOCH
        self.micro = 0
        """``at`` in microseconds since 1970."""
        self.now = 0.0
        """``at`` by the monotonic clock."""

    def begin(self, at: datetime, now: float) -> None:
        """What comes from now on came at this time."""
        self.at, self.now = at, now
        self.micro = micros(at)

    def use(self, address_metrics: AddressMetrics, old_index: "array[int] | None") -> None:
        size = len(address_metrics.rtts)
        self.columns = Columns(size) if old_index is None else self.columns.remapped(size, old_index)
        self.address_metrics = address_metrics
