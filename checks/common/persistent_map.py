"""An immutable mapping of which the next version costs about the root of its size, not its size."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class PersistentMap(Mapping[K, V]):
    """Whoever holds one sees it as it was, whatever is made of it. Entries are replaced and added, never taken away."""

    __slots__ = ("_base", "_recent")

    def __init__(self, base: dict[K, V] | None = None, recent: dict[K, V] | None = None) -> None:
        """Both are its own from now on: nobody may change them."""
        self._base: dict[K, V] = {} if base is None else base
        self._recent: dict[K, V] = {} if recent is None else recent

    def __getitem__(self, key: K) -> V:
        return self._recent[key] if key in self._recent else self._base[key]

    def __iter__(self) -> Iterator[K]:
        yield from self._base
        yield from (key for key in self._recent if key not in self._base)

    def __len__(self) -> int:
        return len(self._base) + sum(key not in self._base for key in self._recent)

    def updated(self, more: Mapping[K, V]) -> "PersistentMap[K, V]":
        """With these entries in place of those under the same keys."""
        recent = self._recent.copy()
        recent.update(more)
        if len(recent) ** 2 <= len(self._base):
            return PersistentMap(self._base, recent)
        base = self._base.copy()
        base.update(recent)
        return PersistentMap(base)
