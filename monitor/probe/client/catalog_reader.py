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

    More than MAX_MEMBERS end the transfer: ``overfull`` says so.
    """

    __slots__ = ("_catalog", "_coo", "_groups", "_targets", "_versions", "overfull")

    def __init__(self, zone: bytes) -> None:
        super().__init__(zone)
        self._catalog = zone
        self._versions: list[tuple[bytes, ...]] = []
        self._targets: dict[bytes, list[bytes]] = {}
        self._groups: dict[bytes, list[bytes]] = {}
        self._coo: dict[bytes, int] = {}
        self.overfull = False

    def _record(self, wire: bytes, record: Record) -> Refusal | None:
        refusal = super()._record(wire, record)
        if refusal is not None or record.type not in (_PTR, _TXT) or not record.owner.endswith(self._catalog):
            return refusal
        match _labels(record.owner[: -len(self._catalog)]), record.type:
            case [b"version"], RdataType.TXT:
                self._versions.append(_strings(wire, record))
            case [unique, b"zones"], RdataType.PTR:
                self._targets.setdefault(unique, []).append(wire_format.name(wire, record.rdata, record.end)[0])
            case [b"group", unique, b"zones"], RdataType.TXT:
                self._groups.setdefault(unique, []).extend(_strings(wire, record))
            case [b"coo", unique, b"zones"], RdataType.PTR:
                self._coo[unique] = self._coo.get(unique, 0) + 1
        if max(len(self._targets), len(self._groups), len(self._coo)) > MAX_MEMBERS:
            self.overfull = True
            return Refusal(f"a catalog of more than {MAX_MEMBERS} zones", "soawatch")
        return None

    def content(self) -> CatalogContent:
        """What the whole transfer said. Raises BrokenCatalog (RFC 9432 sections 4.2 to 4.4, 5.1)."""
        version = self._version()
        for unique, targets in self._targets.items():
            if len(targets) > 1:
                raise BrokenCatalog(
                    f"{self._name(unique)} has {len(targets)} PTR records, and may have one (RFC 9432 section 4.1)"
                )
        for unique, count in self._coo.items():
            if count > 1:
                raise BrokenCatalog(f"coo.{self._name(unique)} has {count} PTR records, and may have one")
        members: dict[str, tuple[str, ...]] = {}
        passed_over: list[str] = []
        for unique, (target,) in sorted(self._targets.items()):
            name = name_text(target)
            if name in members:
                passed_over.append(f"{self._name(unique)} names {_cut(name)}, which another member does already")
            elif target == self._catalog:
                passed_over.append(f"{self._name(unique)} names the catalog itself")
            else:
                groups = dict.fromkeys(self._groups.get(unique, ())[:MAX_GROUPS]) if version == b"2" else {}
                members[name] = tuple(map(_text, groups))
        return CatalogContent(MappingProxyType(members), tuple(passed_over))

    def _version(self) -> bytes:
        where = f"version.{_cut(name_text(self._catalog))}"
        if not self._versions:
            raise BrokenCatalog(f"there is no TXT record {where}, so it is no catalog (RFC 9432 section 4.2)")
        if len(self._versions) > 1:
            raise BrokenCatalog(f"{where} has {len(self._versions)} TXT records, and may have one")
        (strings,) = self._versions
        version = b"".join(strings)
        if version not in VERSIONS:
            raise BrokenCatalog(f'{where} is "{_text(version[:_LONGEST])}"; known are "1" and "2"')
        return version

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
