"""All zones in a table. A hundred thousand need hardly more than their names: most are served alike."""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from dataclasses import dataclass
from itertools import accumulate, repeat
from typing import Protocol, TypeVar, overload

Named = TypeVar("Named", bound="Template")
D = TypeVar("D")


class Template(Protocol):
    """A value with a name that can be told apart from the rest of it: a zone, or a zone as it is written."""

    @property
    def name(self) -> str: ...

    def without_name(self: Named) -> Named:
        """The same without its name: equal for all that differ in nothing else. Its name is empty."""
        ...

    def with_name(self: Named, name: str) -> Named:
        """The value without a name under this one; the inverse of ``without_name``."""
        ...


class ZoneTable(Mapping[str, Named]):
    """Values by name, in the order of their names; each is made when it is looked at.

    A zone's number is its place in that order. Nothing in a table ever changes: another plan has another table.
    """

    __slots__ = ("names", "template_ids", "templates")

    def __init__(self, names: list[str], template_ids: "array[int]", templates: Sequence[Named]) -> None:
        """``names`` are sorted and each is there once; ``template_ids`` (typecode "I") says which template is whose."""
        self.names = names
        self.template_ids = template_ids
        self.templates = tuple(templates)

    @classmethod
    def of(cls, values: Iterable[Named]) -> "ZoneTable[Named]":
        """Of values in any order; the last of a name counts."""
        numbers: dict[Named, int] = {}
        kind = {value.name: numbers.setdefault(value.without_name(), len(numbers)) for value in values}
        names = sorted(kind)
        return cls(names, array("I", map(kind.__getitem__, names)), tuple(numbers))

    def index(self, name: str) -> int:
        """Raises KeyError when there is none of that name."""
        place = bisect_left(self.names, name)
        if place == len(self.names) or self.names[place] != name:
            raise KeyError(name)
        return place

    def at(self, number: int) -> Named:
        """The value of that number."""
        return self.templates[self.template_ids[number]].with_name(self.names[number])

    def template(self, name: str) -> Named:
        """What the value of that name is but for its name. Raises KeyError."""
        return self.templates[self.template_ids[self.index(name)]]

    def template_counts(self) -> Sequence[int]:
        """How many there are of each template, in their order."""
        counts = Counter(self.template_ids)
        return [counts[kind] for kind in range(len(self.templates))]

    def names_of(self, template_ids: Collection[int]) -> Iterator[str]:
        """The names of those that have one of these templates, in order."""
        return (
            (name for name, kind in zip(self.names, self.template_ids, strict=True) if kind in template_ids)
            if template_ids
            else iter(())
        )

    def offsets(self, sizes: Sequence[int], first: int = 0) -> "array[int]":
        """Where each number's places begin, were they laid out one after the other, and where the last one's end.

        ``sizes`` says how many places each template has; ``first`` is where the first begins.
        """
        return array("I", accumulate((sizes[kind] for kind in self.template_ids), initial=first))

    def __getitem__(self, name: str) -> Named:
        return self.at(self.index(name))

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

    def values(self) -> "Values[Named]":
        return Values(self)

    def items(self) -> "Items[Named]":
        return Items(self)

    def __len__(self) -> int:
        return len(self.names)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ZoneTable):
            return Mapping.__eq__(self, other)
        if self.names != other.names:
            return False
        if self.templates == other.templates:
            return bool(self.template_ids == other.template_ids)
        pairs = set(zip(self.template_ids, other.template_ids, strict=True))
        return all(self.templates[mine] == other.templates[theirs] for mine, theirs in pairs)

    __hash__ = None  # type: ignore[assignment]


class Values(ValuesView[Named]):
    """What a table holds, in order: nothing is looked up to go through it."""

    _mapping: ZoneTable[Named]

    def __iter__(self) -> Iterator[Named]:
        zone_table = self._mapping
        return (
            zone_table.templates[kind].with_name(name)
            for kind, name in zip(zone_table.template_ids, zone_table.names, strict=True)
        )


class Items(ItemsView[str, Named]):
    """The same with the names."""

    _mapping: ZoneTable[Named]

    def __iter__(self) -> Iterator[tuple[str, Named]]:
        return zip(self._mapping.names, Values(self._mapping), strict=True)


@dataclass(frozen=True, slots=True)
class TableDiff:
    """The names that are gone, and those that are new or changed; ``old_index`` ("q"): each number before, or -1."""

    removed: Sequence[str]
    added_or_changed: Sequence[str]
    old_index: "array[int]"


def difference(old: ZoneTable[Named], new: ZoneTable[Named]) -> TableDiff:
    """From one table to another; a value that changed is fresh, and has its number before all the same.

    Both are walked side by side, in strides over what they have in common: a plan and the next differ in little.
    """
    gone: list[str] = []
    fresh: list[str] = []
    was = array("q")
    number: dict[Named, int] = {}
    before = [number.setdefault(template, len(number)) for template in old.templates]
    after = [number.setdefault(template, len(number)) for template in new.templates]
    past = now = 0
    while past < len(old.names) and now < len(new.names):
        if stride := _in_common(old.names, past, new.names, now):
            was.extend(range(past, past + stride))
            fresh += _changed(old.template_ids[past : past + stride], before, new, range(now, now + stride), after)
            past += stride
            now += stride
        elif old.names[past] < new.names[now]:
            gone.append(old.names[past])
            past += 1
        else:
            fresh.append(new.names[now])
            was.append(-1)
            now += 1
    was.extend(repeat(-1, len(new.names) - now))
    return TableDiff(gone + old.names[past:], fresh + new.names[now:], was)


def _in_common(some: Sequence[str], at: int, others: Sequence[str], there: int) -> int:
    """How many are equal, one after the other, from these places on."""
    if some[at] != others[there]:
        return 0
    stride, step, most = 1, 1, min(len(some) - at, len(others) - there)
    while stride < most and some[at + stride : at + stride + step] == others[there + stride : there + stride + step]:
        stride += min(step, most - stride)
        step *= 2
    while step := step // 2:
        if some[at + stride : at + stride + step] == others[there + stride : there + stride + step]:
            stride += step
    return min(stride, most)


def _changed(
    past: "array[int]", before: Sequence[int], new: ZoneTable[Named], numbers: range, after: Sequence[int]
) -> Iterable[str]:
    """The names of those that are of another kind than they were; ``before`` and ``after`` make kinds comparable."""
    template_ids = new.template_ids[numbers.start : numbers.stop]
    if before == after[: len(before)] and past == template_ids:
        return ()
    return (
        new.names[number]
        for number, was, now in zip(numbers, past, template_ids, strict=True)
        if before[was] != after[now]
    )
