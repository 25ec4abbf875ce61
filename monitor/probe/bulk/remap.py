"""Moves columns from one numbering to another: how arrays survive a reload, those by zone and those by address."""

from array import array
from collections.abc import Iterable
from itertools import compress
from typing import TypeVar

Column = TypeVar("Column", "array[int]", "array[float]", bytearray)

BLOCK = 4096
"""Places that are copied at once, where they are still one after the other."""
_NEW = array("q", [-1]) * BLOCK


def consecutive(old_index: "array[int]") -> bool:
    """Whether these places were one after the other, and all there."""
    first = old_index[0]
    return first >= 0 and old_index == array("q", range(first, first + len(old_index)))


def remap(columns: Iterable[tuple[Column, Column]], old_index: "array[int]") -> None:
    """Copy from each old column into the new one beside it; where the index has -1 the new one stays as it is.

    ``old_index`` (typecode "q") has for each place of the new numbering the place in the old one, or -1.
    """
    pairs = list(columns)
    for start in range(0, len(old_index), BLOCK):
        block = old_index[start : start + BLOCK]
        if consecutive(block):
            first, size = block[0], len(block)
            for old, new in pairs:
                new[start : start + size] = old[first : first + size]
            continue
        if block == _NEW[: len(block)]:
            continue
        for place in compress(range(len(block)), map((0).__le__, block)):
            for old, new in pairs:
                new[start + place] = old[block[place]]
