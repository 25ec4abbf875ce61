"""All zones, those of the configuration and those of its lists, and how each is written."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from checks.model.zone_table import ZoneTable
from monitor.config.model import ZoneEntry
from monitor.probe.message import names

Build = Callable[[str], ZoneEntry]
"""What a zone of this name is with the options at hand; mistakes are told."""

STAND_IN = "zone.example."
EXTREMES = ("!.", f"{'~' * 63}.")
"""The names that sort before and after any other: what is written alike for them is written alike for all."""

ROOM = 250
"""Letters that a zone's name and a name below it may have together without a closer look."""


TYPES_WITHOUT_NAMES = frozenset({"A", "AAAA", "CAA", "DNSKEY", "DS", "SSHFP", "TLSA", "TXT"})
"""Types of records in which no name stands: they are the same in every zone."""


@dataclass(frozen=True, slots=True)
class WrittenOptions:
    """The options of zones, as they were written once. ``alike``: they mean the same for every zone …"""

    build: Build
    alike: bool
    named: frozenset[str]
    """… but those whose name is in the options …"""
    room: int
    """… and those that have a longer one."""

    @classmethod
    def of(cls, table: Any, build: Build, quietly: Build) -> tuple["WrittenOptions", ZoneEntry]:
        """With what they are but for a name; mistakes in them are told now, once, and by ``quietly`` never."""
        entry = build(STAND_IN).without_name()
        texts = tuple(_texts(table))
        named = frozenset(_zones_in(texts))
        bound = any("\\" in text for text in texts)
        alike = not bound and (
            not _relative(table) or all(quietly(extreme).without_name() == entry for extreme in EXTREMES)
        )
        room = ROOM - max(map(len, texts), default=0) if texts else 256
        return cls(build, alike, named, room), entry


class ZoneCollector:
    """Takes in zones, many at a time. ``doubled``: some name came twice, and nobody has said yet which."""

    def __init__(self) -> None:
        self.doubled = False
        self._kinds: dict[str, int] = {}
        self._entries: list[ZoneEntry] = []
        self._options: dict[int, WrittenOptions] = {}

    def learn(self, entry: ZoneEntry, options: WrittenOptions | None = None) -> int:
        """What zones that are written like this are called from now on."""
        if options is not None and (options.named or not options.alike):
            self._options[len(self._entries)] = options
        self._entries.append(entry)
        return len(self._entries) - 1

    def add(self, zones: Sequence[str], kinds: Iterable[int]) -> None:
        before = len(self._kinds)
        self._kinds.update(zip(zones, kinds, strict=False))
        self.doubled |= len(self._kinds) != before + len(zones)

    def add_alike(self, zones: Sequence[str], kind: int) -> None:
        self.add(zones, repeat(kind))

    def zone_table(self) -> ZoneTable[ZoneEntry]:
        """All of them. Those that their options do not fit like the others are built one by one."""
        entries: dict[ZoneEntry, int] = {}
        number = [entries.setdefault(entry, len(entries)) for entry in self._entries]
        kinds = self._kinds
        single = {name: self._options[kinds[name]].build(name).without_name() for name in self._unlike()}
        names = sorted(kinds)
        found = array("I", map(number.__getitem__, map(kinds.__getitem__, names)))
        zone_table = ZoneTable(names, found, tuple(entries))
        for name, entry in single.items():
            found[zone_table.index(name)] = entries.setdefault(entry, len(entries))
        return ZoneTable(names, found, tuple(entries)) if single else zone_table

    def _unlike(self) -> Iterator[str]:
        for kind, options in self._options.items():
            if options.alike:
                yield from (name for name in options.named if self._kinds.get(name) == kind)
        bound = {kind: options.room if options.alike else 0 for kind, options in self._options.items()}
        if bound:
            get = bound.get
            yield from (name for name, kind in self._kinds.items() if len(name) > get(kind, 256))


def _texts(table: Any) -> Iterator[str]:
    """What is read with the zone's name in mind."""
    for record in table.records or ():
        if record is not None:
            yield from (text for text in (record.name, *(record.expect or ())) if text)


def _zones_in(texts: Iterable[str]) -> Iterator[str]:
    """Every name that could be that of a zone one of the texts is about."""
    if texts:
        yield "."
    for text in texts:
        for word in text.split():
            labels = word.removesuffix(".").split(".")
            if len(labels) > 127:
                continue
            for start in range(len(labels)):
                for end in range(start + 1, len(labels) + 1):
                    name = ".".join(labels[start:end])
                    yield f"{name.lower()}." if name.isascii() else _parsed(name)


def _parsed(text: str) -> str:
    """The name, or nothing that is one."""
    try:
        return names.parse_name(text)
    except names.BadName:
        return ""


def _relative(table: Any) -> bool:
    """Whether a record is to have a value in which a name could be meant relative to the zone."""
    return any(
        record.expect and (record.type or "").upper() not in TYPES_WITHOUT_NAMES
        for record in table.records or ()
        if record
    )
