"""Searches very many names in a thread, and remembers what was found for the next page."""

import asyncio
from array import array
from collections.abc import Sequence
from itertools import repeat
from operator import contains

from monitor.probe.message.names import unicode
from monitor.state.column_search import EXCLUDED, SLICE

MAX_CACHED_MASKS = 8
"""Answers that are remembered; each has an octet for every name."""

_FOUND = bytes([EXCLUDED, 0]) + bytes(254)


def normalise_query(text: str) -> str:
    """What is looked for, whoever typed it."""
    return text.strip().casefold()


class NameSearch:
    """Names that never change, searched in both of their forms; one search at a time, for each takes all it can get."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._known: dict[str, bytes] = {}
        self._turn = asyncio.Lock()
        self._readable: tuple[array[int], list[str]] | None = None

    async def mask(self, text: str) -> bytes:
        """A column: 0 for a name that holds the text, MISS for another."""
        async with self._turn:
            mask = self._known.pop(text, None)
            if mask is None:
                mask = await asyncio.to_thread(self._search, text)
            self._known[text] = mask
            if len(self._known) > MAX_CACHED_MASKS:
                del self._known[next(iter(self._known))]
            return mask

    def _search(self, text: str) -> bytes:
        found = holding(self._names, text)
        if self._readable is None:
            self._readable = self._read()
        numbers, names = self._readable
        for number, holds in zip(numbers, holding(names, text), strict=True):
            found[number] |= holds
        return bytes(found.translate(_FOUND))

    def _read(self) -> "tuple[array[int], list[str]]":
        """The names that people write in other letters, by number: usually few."""
        numbers = array("I", (number for number, there in enumerate(holding(self._names, "xn--")) if there))
        return numbers, [unicode(self._names[number]).casefold() for number in numbers]


def holding(names: Sequence[str], text: str) -> bytearray:
    """1 for each name that holds the text, 0 for each that does not."""
    found = bytearray()
    for start in range(0, len(names), SLICE):
        found += bytes(map(contains, names[start : start + SLICE], repeat(text)))
    return found
