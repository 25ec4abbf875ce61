"""Searches long columns that have an octet for each zone, none of which is looked at in Python."""

from array import array
from collections.abc import Iterable, Sequence

EXCLUDED = 255
"""What stands in a column for a zone that is not asked for."""

SLICE = 20_000
"""Zones at once, where a thread works for a request: in between the event loop has its turn."""

ByteColumn = bytes | bytearray


def find_nth(column: ByteColumn, value: int, number: int) -> int:
    """Where the value stands for that time, counted from 0; where the column ends if it does not.

    It is closed in on by counting halves: each octet is counted about twice.
    """
    start, end = 0, len(column)
    while end - start > 64:
        middle = (start + end) // 2
        many = column.count(value, start, middle)
        if number < many:
            end = middle
        else:
            number -= many
            start = middle
    place = column.find(value, start)
    while number > 0 and place >= 0:
        place = column.find(value, place + 1)
        number -= 1
    return place if place >= 0 else len(column)


def find_value(column: ByteColumn, value: int, first: int, most: int) -> list[int]:
    """Where the value stands, from its ``first`` time on, at most so many."""
    found: list[int] = []
    place = find_nth(column, value, first) - 1
    while len(found) < most and (place := column.find(value, place + 1)) >= 0:
        found.append(place)
    return found


def select(column: ByteColumn, values: Sequence[int], first: int, most: int) -> tuple[list[int], int]:
    """The places of these values, ordered by value as given, then by place: a part of them, and how many there are."""
    found: list[int] = []
    total = 0
    for value in values:
        many = column.count(value)
        if len(found) < most and first < total + many:
            found += find_value(column, value, max(0, first - total), most - len(found))
        total += many
    return found, total


def select_values(column: ByteColumn, values: Iterable[int]) -> bytes:
    """0 where one of the values stands, MISS elsewhere."""
    table = bytearray([EXCLUDED]) * 256
    for value in values:
        table[value] = 0
    return bytes(column.translate(bytes(table)))


def apply_mask(column: ByteColumn, mask: bytes) -> bytes:
    """The column where the mask is 0, MISS where it is MISS."""
    both = int.from_bytes(column, "little") | int.from_bytes(mask, "little")
    return both.to_bytes(len(column), "little")


def rank_column(indices: "array[int]", ranks: Sequence[int]) -> bytes:
    """For each index its rank: made in slices, and meant for a thread."""
    found = bytearray()
    for start in range(0, len(indices), SLICE):
        found += bytes(map(ranks.__getitem__, indices[start : start + SLICE]))
    return bytes(found)


def first_of(indices: "array[int]", index: int) -> int:
    """The place where the index first stands; where there is none, ValueError is raised."""
    octets, size = indices.tobytes(), indices.itemsize
    sought = array(indices.typecode, [index]).tobytes()
    place = octets.find(sought)
    while place % size and place >= 0:  # it may be made of the end of one and the beginning of the next
        place = octets.find(sought, place + 1)
    if place < 0:
        raise ValueError(index)
    return place // size
