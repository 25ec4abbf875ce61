"""Which autonomous system announces the network of an address: by the longest prefix that it is in."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

Origins = frozenset[int]
"""The AS that announce a prefix: more than one where several do, or it is announced as of a set."""

MAX_IPV6_LENGTH = 64
"""Networks that are smaller are nobody's route."""

_BITS = {4: 32, 6: 128}


class Prefix(NamedTuple):
    """A row of a table. ``bits`` are the first ``length`` of an address of IP ``version``."""

    version: int
    length: int
    bits: int
    origins: Origins


class PrefixTable:
    """All prefixes, in arrays: 8 octets for one of IPv4, 12 for one of IPv6. Nothing in it ever changes."""

    __slots__ = ("_lengths", "_origins", "_rows")

    def __init__(self, rows: Iterable[Prefix] = ()) -> None:
        """A prefix that is there several times is announced by all that any of its rows names."""
        numbers: dict[Origins, int] = {}
        read: dict[tuple[int, int], tuple[array[int], array[int]]] = {}
        for version, length, bits, origins in rows:
            place = read.get((version, length))
            if place is None:
                place = read[version, length] = (array("I" if version == 4 else "Q"), array("I"))
            place[0].append(bits)
            place[1].append(numbers.setdefault(origins, len(numbers)))
        self._rows = {key: _in_order(*read[key], numbers) for key in sorted(read)}
        self._origins = list(numbers)
        self._lengths = {
            version: sorted((length for each, length in self._rows if each == version), reverse=True)
            for version in _BITS
        }

    def origins(self, host: str) -> Origins:
        """Who announces the longest prefix that the address is in; nobody where none is known."""
        address: IPv4Address | IPv6Address = ip_address(host)
        value, size = int(address), _BITS[address.version]
        for length in self._lengths[address.version]:
            bits, numbers = self._rows[address.version, length]
            wanted = value >> (size - length)
            at = bisect_left(bits, wanted)
            if at < len(bits) and bits[at] == wanted:
                return self._origins[numbers[at]]
        return frozenset()

    def __len__(self) -> int:
        return sum(len(bits) for bits, _ in self._rows.values())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PrefixTable):
            return NotImplemented
        return self._rows == other._rows and self._origins == other._origins

    __hash__ = None  # type: ignore[assignment]
    """Compared when the configuration is read again."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} prefixes)"


def _in_order(
    bits: "array[int]", of_bits: "array[int]", numbers: dict[Origins, int]
) -> "tuple[array[int], array[int]]":
    """Each once, in ascending order; ``of_bits`` are the numbers of who announces it."""
    named, each, of_each = list(numbers), array(bits.typecode), array("I")
    for at in sorted(range(len(bits)), key=bits.__getitem__):
        if not each or each[-1] != bits[at]:
            each.append(bits[at])
            of_each.append(of_bits[at])
        elif of_each[-1] != of_bits[at]:
            both = named[of_each[-1]] | named[of_bits[at]]
            of_each[-1] = numbers.setdefault(both, len(numbers))
            if of_each[-1] == len(named):
                named.append(both)
    return each, of_each
