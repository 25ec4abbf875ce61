"""What moves at every look though nothing changes: round-trip time and EXPIRE of every address, in columns."""

from array import array
from dataclasses import dataclass, field


def _floats() -> "array[float]":
    return array("f")


def _longs() -> "array[int]":
    return array("q")


@dataclass(slots=True)
class AddressMetrics:
    """Columns by slot, written by the bulk prober at every poll of an unchanged address, read by everybody else.

    ``rtts`` ("f") in seconds, negative where nothing came back; ``expires`` ("q") when the address says it stops
    serving (EDNS EXPIRE, RFC 7314), in microseconds since 1970, 0 where it does not say.
    """

    rtts: "array[float]" = field(default_factory=_floats)
    expires: "array[int]" = field(default_factory=_longs)

    @classmethod
    def of(cls, size: int) -> "AddressMetrics":
        return cls(array("f", bytes(4 * size)), array("q", bytes(8 * size)))
