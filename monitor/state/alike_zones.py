"""Which kinds of zones each check found good, and which zones it has to poll in full (``monitor.state.alike``)."""

from array import array
from collections.abc import Container, Hashable
from typing import NamedTuple

from monitor.probe.bulk.remap import remap

MAX_KINDS = 4096
"""Kinds that are remembered of a check: where zones differ from each other there is nothing to take over."""

Kind = tuple[int, Hashable]
"""Template, and what the answers come to."""


class Look(NamedTuple):
    """What the addresses of a zone were seen to have, all of them the same, when they were asked from ``began`` on, in
    microseconds since 1970.

    ``words`` are those of ``checks.common.agreement.Likeness``; ``nsids`` are the machines (RFC 5001) that have them:
    of each address one, or None where no answer names any. Empty where the answers of one address name several.
    """

    kind: Kind
    began: int
    words: tuple[str, ...]
    nsids: tuple[str | None, ...]


class AlikeZones:
    """Of the zones of one table, by number in it."""

    __slots__ = ("_good", "_size", "polled_in_full")

    def __init__(self, size: int) -> None:
        self._size = size
        self._good: dict[str, set[Kind]] = {}
        self.polled_in_full: dict[str, bytearray] = {}
        """Check → an octet for each zone: 1 where nothing but a poll in full may tell how it is."""

    def note_good(self, check: str, kind: Kind) -> None:
        kinds = self._good.setdefault(check, set())
        if len(kinds) >= MAX_KINDS:
            kinds.clear()
        kinds.add(kind)

    def is_good(self, check: str, kind: Kind) -> bool:
        return kind in self._good.get(check, ())

    def poll_in_full(self, check: str, number: int, *, wanted: bool) -> None:
        """Whether nothing but a poll in full may tell how the zone is."""
        column = self.polled_in_full.get(check)
        if column is None:
            if not wanted:
                return
            column = self.polled_in_full[check] = bytearray(self._size)
        column[number] = wanted

    def in_full(self, check: str) -> bytearray:
        """An octet for each zone: 1 where it is to be polled in full."""
        return self.polled_in_full.get(check) or bytearray(self._size)

    def forget_kinds(self, check: str) -> None:
        """There are other settings of the check."""
        self._good.pop(check, None)

    def keep_checks(self, checks: Container[str]) -> None:
        self._good = {name: kinds for name, kinds in self._good.items() if name in checks}
        self.polled_in_full = {name: column for name, column in self.polled_in_full.items() if name in checks}

    def take_over(self, old: "AlikeZones", old_index: "array[int]") -> None:
        """What was known of zones of another table; kinds are by template, and found anew."""
        self.polled_in_full = {name: bytearray(self._size) for name in old.polled_in_full}
        remap([(old.polled_in_full[name], column) for name, column in self.polled_in_full.items()], old_index)
