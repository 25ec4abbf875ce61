"""Serial number arithmetic (RFC 1982 with SERIAL_BITS = 32): which of two serials is newer."""

from collections.abc import Iterable

MODULUS = 2**32
HALF = 2**31
MAX_STEP = HALF - 1
"""The most that may be added to a serial in one go (RFC 1982 section 3.1)."""


def newer(a: int, b: int) -> bool:
    """Whether ``a`` comes after ``b`` (RFC 1982 section 3.2). False both ways when they cannot be ordered."""
    return 0 < (a - b) % MODULUS < HALF


def unordered(a: int, b: int) -> bool:
    """Whether they are exactly 2^31 apart: RFC 1982 leaves it undefined which is newer."""
    return (a - b) % MODULUS == HALF


def behind(reference: int, serial: int) -> int | None:
    """How many steps ``serial`` is behind the reference: 0 when equal, None when it is newer or unordered.

    Over the serials that are not None this is a total order, which RFC 1982's "newer" alone is not.
    """
    steps = (reference - serial) % MODULUS
    return steps if steps < HALF else None


def newest(serials: Iterable[int]) -> int | None:
    """The one serial that is newer than every other; None when there is no single one, or none at all."""
    some = set(serials)
    best: int | None = None
    for serial in some:
        if best is None or newer(serial, best):
            best = serial
    if best is None or not all(serial == best or newer(best, serial) for serial in some):
        return None
    return best


def above(served: Iterable[int]) -> int | None:
    """The least serial that is newer than each of these, so that every server takes it; None when there is none.

    There is none where two of them cannot be ordered, or where the newest is all but half the circle ahead.
    """
    some = set(served)
    top = newest(some)
    if top is None:
        return None
    step = (top + 1) % MODULUS
    return step if all(newer(step, serial) for serial in some) else None


def path(current: int, wanted: int) -> tuple[int, ...]:
    """The serials to publish, one after the other, to bring secondaries from ``current`` to ``wanted``.

    Every step is newer than the one before, so that every secondary takes it; each must have reached every
    server before the next is set (RFC 2182 section 7). One step when ``wanted`` is newer; otherwise the serial
    is led around the circle by the greatest step allowed. Two steps do, save for going back by exactly one,
    which takes three.
    """
    steps = []
    while current != wanted:
        current = wanted if newer(wanted, current) else (current + MAX_STEP) % MODULUS
        steps.append(current)
    return tuple(steps)
