"""Reads tables of prefixes and who announces them: "192.0.2.0 24 64496" (CAIDA's pfx2as), "192.0.2.0/24 64496"."""

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from checks.common.prefix_table import MAX_IPV6_LENGTH, Origins, Prefix, PrefixTable
from monitor.config.errors import InvalidValue, quoted
from monitor.config.files import open_file, reason

MAX_PREFIXES = 4_000_000
"""Three times as many as there are in the Internet."""

MAX_LINE_LENGTH = 4096

TellLine = Callable[[int | None, str, str], None]
"""Takes a mistake: the line, what is wrong, a hint."""

_ORIGINS = re.compile(r"\{?(?:AS)?\d{1,10}(?:[_,](?:AS)?\d{1,10})*\}?", re.IGNORECASE)
_PACKED = {b"\x1f\x8b": "gunzip", b"BZ": "bunzip2", b"\xfd7": "unxz"}
_HINT = "write for example 192.0.2.0/24 64496"
_LARGEST_AS = 2**32 - 1


def prefix_table(path: Path, tell: TellLine) -> PrefixTable:
    """The table in a file. Mistakes are told, the first of each file with its line; what follows is not read then.

    Empty lines, and those that start with # or ;, are passed over, and so are IPv6 prefixes longer than /64.
    """
    try:
        with open_file(path) as file:
            if program := _PACKED.get(file.peek(2)[:2]):  # type: ignore[attr-defined]  # it is a BufferedReader
                tell(None, "is packed", f"unpack it: {program}")
                return PrefixTable()
            return PrefixTable(_rows(iter(lambda: file.readline(MAX_LINE_LENGTH + 1), b""), tell))
    except OSError as error:
        tell(None, f"cannot be read: {reason(error)}", "")
        return PrefixTable()


def _rows(lines: Iterator[bytes], tell: TellLine) -> Iterator[Prefix]:
    known: dict[bytes, Origins] = {}
    many = 0
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0][:1] in (b"#", b";"):
            continue
        try:
            row = _row(words, known)
        except InvalidValue as error:
            tell(number, error.text, error.hint)
            return
        if row is not None:
            many += 1
            yield row
        if many > MAX_PREFIXES:
            tell(number, f"has more than {MAX_PREFIXES} prefixes", "there are not so many in the Internet")
            return
    if not many:
        tell(None, "has no prefix", _HINT)


def _row(words: list[bytes], known: dict[bytes, Origins]) -> Prefix | None:
    """None: it is longer than what is looked up. Raises InvalidValue."""
    if len(words) == 2:
        network, _, size = words[0].partition(b"/")
        words = [network, size, words[1]]
    if len(words) != 3 or not words[1].isdigit():
        raise InvalidValue(f"{_shown(b' '.join(words))} is not a prefix and its AS", _HINT)
    version, bits = (6, 128) if b":" in words[0] else (4, 32)
    length = int(words[1][:4])
    try:
        packed = socket.inet_pton(socket.AF_INET6 if version == 6 else socket.AF_INET, words[0].decode("ascii"))
    except (OSError, ValueError):
        raise InvalidValue(f"{_shown(words[0])} is not an address", _HINT) from None
    value = int.from_bytes(packed, "big")
    if length > bits or value & ((1 << (bits - length)) - 1):
        raise InvalidValue(f"{_shown(words[0])} has bits that are not in its /{length}", _HINT)
    origins = known.get(words[2])
    if origins is None:
        origins = known[words[2]] = _origins(words[2])
    return (
        None
        if version == 6 and length > MAX_IPV6_LENGTH
        else Prefix(version, length, value >> (bits - length), origins)
    )


def _origins(word: bytes) -> Origins:
    text = word.decode("ascii", "replace")
    numbers = frozenset(map(int, re.findall(r"\d+", text))) if _ORIGINS.fullmatch(text) else frozenset[int]()
    if not numbers or max(numbers) > _LARGEST_AS:
        raise InvalidValue(f"{_shown(word)} is not the number of an AS, or several", _HINT)
    return numbers


def _shown(word: bytes) -> str:
    return quoted(word.decode("utf-8", "backslashreplace"))
