"""The part of a long list that is shown."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlencode

T = TypeVar("T")

PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """``number`` counts from 1; ``earlier`` and ``later`` are links, empty where there is nothing more."""

    items: Sequence[T]
    number: int
    pages: int
    total: int
    earlier: str
    later: str


Fetch = Callable[[int, int], Awaitable[tuple[Sequence[T], int]]]
"""From which item on, and how many: these items, and how many there are in all."""


async def page(fetch: Fetch[T], asked: str | None, keep: dict[str, str], size: int = PAGE_SIZE) -> Page[T]:
    """Part ``asked`` of a list; what is not a number, or beyond the ends, becomes the nearest that is."""
    number = max(1, whole(asked, 1))
    items, total = await fetch((number - 1) * size, size)
    pages = max(1, -(-total // size))
    if number > pages:
        number = pages
        items, total = await fetch((number - 1) * size, size)
    return Page(
        items=items,
        number=number,
        pages=pages,
        total=total,
        earlier=link(keep, number - 1) if number > 1 else "",
        later=link(keep, number + 1) if number < pages else "",
    )


async def page_of(
    items: Sequence[T], asked: str | None, keep: dict[str, str] | None = None, size: int = PAGE_SIZE
) -> Page[T]:
    """Part ``asked`` of a list that is there already."""

    async def fetch(first: int, most: int) -> tuple[Sequence[T], int]:
        return items[first : first + most], len(items)

    return await page(fetch, asked, keep or {}, size)


def link(keep: dict[str, str], number: int) -> str:
    query = {key: value for key, value in keep.items() if value}
    if number > 1:
        query["page"] = str(number)
    return "?" + urlencode(query)


def whole(text: str | None, otherwise: int) -> int:
    """A number written in ASCII digits, of which the first ten count: nothing here is that long."""
    if text is None or not (text.isascii() and text.isdigit()):
        return otherwise
    return int(text[:10])
