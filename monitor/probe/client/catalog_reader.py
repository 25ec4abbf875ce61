"""Reads a catalog zone (RFC 9432) while it is transferred: which zones are in it, and their groups.

Version 1, BIND's own from before the RFC, names its members alike and has no groups.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from dns.rdatatype import RdataType

from monitor.probe.client.checkzone import CheckZone, Refusal
from monitor.probe.message import wire as wire_format
from monitor.probe.message.request import name_text
from monitor.probe.message.text import bounded
from monitor.probe.message.wire import Record

MAX_MEMBERS = 1_000_000
MAX_GROUPS = 16
"""Groups of one member."""
MAX_OCTETS = 256 * 1024 * 1024
"""Of all names and groups that are kept: what a million of the longest names come to."""
VERSIONS = (b"2", b"1")

_PTR, _TXT = int(RdataType.PTR), int(RdataType.TXT)
_LONGEST = 80
"""Characters of a name in a text."""


class BrokenCatalog(Exception):
    """The zone is no catalog, or one that must not be processed; the sentence says why and is printable.

    ``serial`` is that of the zone, where it was transferred to its end.
    """

    def __init__(self, why: str, serial: int | None = None) -> None:
        super().__init__(why)
        self.serial = serial


@dataclass(frozen=True, slots=True)
class CatalogContent:
    """The members, zone name → groups as they are written, and sentences on what is passed over."""

    members: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    passed_over: tuple[str, ...] = ()


class CatalogReader(CheckZone):
    """Takes the messages of one transfer in order, as CheckZone does, and keeps what makes up the catalog.

    More than ``max_members`` of them, or more than MAX_OCTETS that are to be kept, end the transfer: ``overfull`` says
    so. Of what may be there once only the first is kept, and that there were more: no catalog takes more memory.
    """

    __slots__ = (
        "_catalog",
        "_fault",
        "_groups",
        "_max_members",
        "_octets",
        "_owners",
        "_targets",
        "_version",
        "overfull",
    )

    def __init__(self, zone: bytes, max_members: int = MAX_MEMBERS) -> None:
        super().__init__(zone)
        self._catalog, self._max_members = zone, max_members
        self._version: tuple[bytes, ...] | None = None
        self._targets: dict[bytes, bytes] = {}
        self._groups: dict[bytes, list[bytes]] = {}
        self._owners: dict[bytes, bytes] = {}
        """Of the property coo: the catalog that a member goes to."""
        self._fault = ""
        """Why it must not be processed, the version aside."""
        self._octets = 0
        self.overfull = False

    def _record(self, wire: bytes, record: Record) -> Refusal | None:
        refusal = super()._record(wire, record)
        if refusal is not None or record.type not in (_PTR, _TXT) or not wire_format.under(record.owner, self._catalog):
            return refusal
        match _labels(record.owner[: -len(self._catalog)]), record.type:
            case [b"version"], RdataType.TXT:
                self._take_version(_strings(wire, record))
            case [unique, b"zones"], RdataType.PTR:
                self._take_one(self._targets, unique, wire, record)
            case [b"coo", unique, b"zones"], RdataType.PTR:
                self._take_one(self._owners, unique, wire, record)
            case [b"group", unique, b"zones"], RdataType.TXT:
                self._take_groups(unique, _strings(wire, record))
        if max(len(self._targets), len(self._groups), len(self._owners)) > self._max_members:
            self.overfull = True
            return Refusal(f"a catalog of more than {self._max_members} zones", "soawatch")
        if self._octets > MAX_OCTETS:
            self.overfull = True
            return Refusal(f"a catalog of more than {MAX_OCTETS} octets of names and groups", "soawatch")
        return None

    def _take_version(self, strings: tuple[bytes, ...]) -> None:
        if self._version is not None and strings != self._version:
            self._fault = self._fault or f"version.{self._title()} has more than one TXT record, and may have one"
        self._version = self._version or strings

    def _take_one(self, kept: dict[bytes, bytes], unique: bytes, wire: bytes, record: Record) -> None:
        """The one PTR record that there may be at a node (RFC 9432 sections 4.1 and 4.3.1)."""
        target, _ = wire_format.name(wire, record.rdata, record.end)
        before = kept.get(unique)
        if before is None:
            kept[unique] = target
            self._octets += len(unique) + len(target)
        elif before != target:
            where = _cut(name_text(record.owner))
            self._fault = self._fault or f"{where} has more than one PTR record, and may have one (RFC 9432 section 4)"

    def _take_groups(self, unique: bytes, strings: tuple[bytes, ...]) -> None:
        groups = self._groups.setdefault(unique, [])
        for group in strings:
            if group not in groups and len(groups) < MAX_GROUPS:
                groups.append(group)
                self._octets += len(group)

    def content(self) -> CatalogContent:
        """What the whole transfer said. Raises BrokenCatalog (RFC 9432 sections 4.1 to 4.3 and 5.1)."""
        version = self._known_version()
        if self._fault:
            raise BrokenCatalog(self._fault)
        members: dict[str, tuple[str, ...]] = {}
        passed_over: list[str] = []
        for unique, target in sorted(self._targets.items()):
            name = name_text(target)
            if name in members:
                passed_over.append(f"{self._name(unique)} names {_cut(name)}, which another member does already")
            elif target == self._catalog:
                passed_over.append(f"{self._name(unique)} names the catalog itself")
            else:
                groups = self._groups.get(unique, ()) if version == b"2" else ()
                members[name] = tuple(map(_text, sorted(groups)))
        return CatalogContent(MappingProxyType(members), tuple(passed_over))

    def _known_version(self) -> bytes:
        where = f"version.{self._title()}"
        if self._version is None:
            raise BrokenCatalog(f"there is no TXT record {where}, so it is no catalog (RFC 9432 section 4.2)")
        if len(self._version) != 1 or self._version[0] not in VERSIONS:
            said = " ".join(f'"{_text(one[:_LONGEST])}"' for one in self._version[:2])
            raise BrokenCatalog(f'{where} is {said}; known are "1" and "2"')
        return self._version[0]

    def _title(self) -> str:
        return _cut(name_text(self._catalog))

    def _name(self, unique: bytes) -> str:
        return _cut(name_text(bytes([len(unique)]) + unique + b"\5zones" + self._catalog))


def _labels(prefix: bytes) -> list[bytes]:
    """The labels of the first part of a wire name, at most four of them."""
    labels: list[bytes] = []
    position = 0
    while position < len(prefix) and len(labels) < 4:
        labels.append(prefix[position + 1 : position + 1 + prefix[position]])
        position += prefix[position] + 1
    return labels


def _strings(wire: bytes, record: Record) -> tuple[bytes, ...]:
    """The character-strings of a TXT record, which CheckZone has seen to be whole."""
    strings, position = [], record.rdata
    while position < record.end:
        strings.append(wire[position + 1 : position + 1 + wire[position]])
        position += wire[position] + 1
    return tuple(strings)


def _text(octets: bytes) -> str:
    r"""Printable ASCII as it is, all else as ``\255`` (RFC 1035 section 5.1)."""
    return "".join(chr(one) if 32 < one < 127 and one not in b'\\"' else f"\\{one:03}" for one in octets)


def _cut(name: str) -> str:
    return bounded(name, _LONGEST)
