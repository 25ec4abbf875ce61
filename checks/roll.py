"""Which zones are there? A hundred thousand of them need hardly more than their names: most are served alike."""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol, TypeVar, overload

Named = TypeVar("Named", bound="Alike")
D = TypeVar("D")


class Alike(Protocol):
    """A value with a name that can be told apart from the rest of it: a zone, or a zone as it is written."""

    @property
    def name(self) -> str: ...

    def nameless(self: Named) -> Named:
        """The same without its name: equal for all that differ in nothing else. Its name is empty."""
        ...

    def named(self: Named, name: str) -> Named:
        """The nameless value with this name; the inverse of ``nameless``."""
        ...


class Roll(Mapping[str, Named]):
    """Values by name, in the order of their names; each is made when it is looked at.

    A zone's number is its place in that order. Nothing in a roll ever changes: another plan has another roll.
    """

    __slots__ = ("kinds", "names", "templates")

    def __init__(self, names: list[str], kinds: "array[int]", templates: Sequence[Named]) -> None:
        """``names`` are sorted and each is there once; ``kinds`` (typecode "I") says which template is whose."""
        self.names = names
        self.kinds = kinds
        self.templates = tuple(templates)

    @classmethod
    def of(cls, values: Iterable[Named]) -> "Roll[Named]":
        """Of values in any order; the last of a name counts."""
        numbers: dict[Named, int] = {}
        kind = {value.name: numbers.setdefault(value.nameless(), len(numbers)) for value in values}
        names = sorted(kind)
        return cls(names, array("I", map(kind.__getitem__, names)), tuple(numbers))

    def number(self, name: str) -> int:
        """Raises KeyError when there is none of that name."""
        place = bisect_left(self.names, name)
        if place == len(self.names) or self.names[place] != name:
            raise KeyError(name)
        return place

    def at(self, number: int) -> Named:
        """The value of that number."""
        return self.templates[self.kinds[number]].named(self.names[number])

    def template(self, name: str) -> Named:
        """What the value of that name is but for its name. Raises KeyError."""
        return self.templates[self.kinds[self.number(name)]]

    def alike(self) -> Sequence[int]:
        """How many there are of each template, in their order."""
        counts = Counter(self.kinds)
        return [counts[kind] for kind in range(len(self.templates))]

    def starts(self, sizes: Sequence[int]) -> "array[int]":
        """Where each number's places begin, were they laid out one after the other, and where the last one's end.

        ``sizes`` says how many places each template has.
        """
        return array("I", accumulate((sizes[kind] for kind in self.kinds), initial=0))

    def __getitem__(self, name: str) -> Named:
        return self.at(self.number(name))

    @overload
    def get(self, name: str, /) -> Named | None: ...
    @overload
    def get(self, name: str, default: Named | D, /) -> Named | D: ...
    def get(self, name: str, default: object = None, /) -> object:
        place = bisect_left(self.names, name)
        if place == len(self.names) or self.names[place] != name:
            return default
        return self.at(place)

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        place = bisect_left(self.names, name)
        return place < len(self.names) and self.names[place] == name

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Roll):
            return Mapping.__eq__(self, other)
        if self.names != other.names:
            return False
        if self.templates == other.templates:
            return bool(self.kinds == other.kinds)
        pairs = set(zip(self.kinds, other.kinds, strict=True))
        return all(self.templates[mine] == other.templates[theirs] for mine, theirs in pairs)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Parted:
    """What one roll has and another has not. ``fresh`` came or changed; ``was`` ("q") has each number before, or -1."""

    gone: Sequence[str]
    fresh: Sequence[str]
    was: "array[int]"


def difference(old: Roll[Named], new: Roll[Named]) -> Parted:
    """From one roll to another; a value that changed is fresh, and has its number before all the same."""
    known = {template: kind for kind, template in enumerate(old.templates)}
    same = [known.get(template, -1) for template in new.templates]
    if old.names == new.names:
        was = array("q", range(len(new.names)))
        gone: Sequence[str] = ()
    else:
        numbers = dict(zip(old.names, range(len(old.names)), strict=True))
        was = array("q", (numbers.get(name, -1) for name in new.names))
        stayed = bytearray(len(old.names))
        for past in was:
            if past >= 0:
                stayed[past] = 1
        gone = tuple(name for name, stays in zip(old.names, stayed, strict=True) if not stays)
    kinds = old.kinds
    fresh = tuple(
        name
        for name, kind, past in zip(new.names, new.kinds, was, strict=True)
        if past < 0 or same[kind] != kinds[past]
    )
    return Parted(gone, fresh, was)
