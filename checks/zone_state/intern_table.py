"""Interns what many zone states have in common, so that each of them need only have its number."""

from collections.abc import Iterable
from threading import Lock

from checks.model import Address, Soa

Placement = tuple[str, Address, str]
"""Server, address, group."""

Layout = tuple[tuple[str, ...], tuple[Placement, ...]]
"""The groups of a zone state's serial groups and the places of its address states, in order."""

InternedValue = Layout | Soa | str
"""What many zone states have in common. A SOA is without its serial, and has HERE for the zone's name in its names."""

MAX_VALUES = 1_000_000
"""Where nothing is alike, nothing is gained: then a zone state does not pack."""


class InternTable:
    """What rows refer to by number. It only ever grows: a number once given is kept.

    Threads may share one: who has a number from it will find that value, and all before it.
    """

    __slots__ = ("_adding", "_numbers", "values")

    def __init__(self, values: Iterable[InternedValue] = ()) -> None:
        self.values: list[InternedValue] = list(values)
        self._numbers: dict[object, int] = {}
        self._adding = Lock()
        for number, value in enumerate(self.values):
            self._numbers[_key(value)] = number

    def number(self, value: InternedValue) -> int:
        key = _key(value)
        number = self._numbers.get(key)
        return self._add(key, value) if number is None else number

    def soa(self, key: tuple[object, ...]) -> int:
        """The number of the SOA with these fields after its serial."""
        number = self._numbers.get(key)
        return self._add(key, Soa(0, *key)) if number is None else number  # type: ignore[arg-type]

    def layout_of(self, number: int) -> Layout:
        value = self.values[number]
        assert isinstance(value, tuple)  # noqa: S101 - rows and words are written together
        return value

    def soa_of(self, number: int) -> Soa:
        value = self.values[number]
        assert isinstance(value, Soa)  # noqa: S101 - rows and words are written together
        return value

    def text_of(self, number: int) -> str:
        value = self.values[number]
        assert isinstance(value, str)  # noqa: S101 - rows and words are written together
        return value

    @property
    def full(self) -> bool:
        return len(self.values) >= MAX_VALUES

    def _add(self, key: object, value: InternedValue) -> int:
        with self._adding:
            number = self._numbers.get(key)
            if number is None:
                number = len(self.values)
                self.values.append(value)
                self._numbers[key] = number
            return number


def _key(value: InternedValue) -> object:
    """A SOA's fields after its serial, which are quicker to compare than a SOA."""
    if not isinstance(value, Soa):
        return value
    return (value.mname, value.rname, value.refresh, value.retry, value.expire, value.minimum, value.ttl)
