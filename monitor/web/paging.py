"""Which part of a long list is shown?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlencode

T = TypeVar("T")

PAGE = 100


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """``number`` counts from 1; ``earlier`` and ``later`` are links, empty where there is nothing more."""

    items: Sequence[T]
    number: int
    pages: int
    total: int
    earlier: str
    later: str


def page(items: Sequence[T], asked: str | None, keep: dict[str, str], size: int = PAGE) -> Page[T]:
    """Part ``asked`` of ``items``; what is not a number, or beyond the ends, becomes the nearest that is."""
    pages = max(1, -(-len(items) // size))
    number = min(pages, max(1, whole(asked, 1)))
    first = (number - 1) * size
    return Page(
        items=items[first : first + size],
        number=number,
        pages=pages,
        total=len(items),
        earlier=link(keep, number - 1) if number > 1 else "",
        later=link(keep, number + 1) if number < pages else "",
    )


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
