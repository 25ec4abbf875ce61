"""Names with how often each occurs, in order; and which came and went."""

from bisect import bisect_left, insort
from collections.abc import Set

_NONE: Set[str] = frozenset()


class NameCounts:
    """A multiset of names. One that comes or goes costs a search, however many there are."""

    __slots__ = ("_before", "_counts", "_made", "_moved", "_moved_before", "_sorted")

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._sorted: list[str] = []
        self._made: tuple[str, ...] = ()
        self._before: tuple[str, ...] = ()
        self._moved: Set[str] = _NONE
        """Names that came or went since ``_made`` was made; and those between the one before and that."""
        self._moved_before: Set[str] = _NONE

    def __contains__(self, name: object) -> bool:
        return name in self._counts

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, name: str, by: int = 1) -> None:
        """So many more, or, where that is negative, less; never fewer than none."""
        count = self._counts.get(name, 0)
        self._counts[name] = count + by
        if not count:
            insort(self._sorted, name)
            self._move(name)
        elif not count + by:
            del self._counts[name]
            del self._sorted[bisect_left(self._sorted, name)]
            self._move(name)

    def _move(self, name: str) -> None:
        if not self._moved:
            self._moved = set()
        self._moved ^= {name}

    def hold(self, name: str, *, times: int = 1) -> None:
        """So many, however many there were."""
        by = times - self._counts.get(name, 0)
        if by:
            self.add(name, by)

    @property
    def names(self) -> Set[str]:
        """Each once, as they are at any time."""
        return self._counts.keys()

    @property
    def inorder(self) -> tuple[str, ...]:
        """Each once, in order; the same tuple while they are the same."""
        if self._moved:
            self._before, self._moved_before = self._made, self._moved
            self._made, self._moved = tuple(self._sorted), _NONE
        return self._made

    def moved_since(self, before: tuple[str, ...]) -> Set[str]:
        """Names that came or went since ``before``: quick, if that is what ``inorder`` was, or was before that."""
        if before is self.inorder:
            return _NONE
        return self._moved_before if before is self._before else self._counts.keys() ^ set(before)

    def first(self, most: int) -> list[str]:
        """The first so many."""
        return self._sorted[:most]
