"""Numbers for values of which there are few, such that one fits into an octet of a column."""

from typing import TypeVar

_T = TypeVar("_T")

_MAX_NUMBER = 255


def octet_of(table: list[_T], value: _T) -> int:
    """The number of the value, from 1 on, which is entered where it is new; 0 when there is none left for it.

    Tables are short: a few ways in which servers fail.
    """
    try:
        return table.index(value, 1)
    except ValueError:
        if len(table) > _MAX_NUMBER:
            return 0
    table.append(value)
    return len(table) - 1
