"""One version of a zone, and how it differs from another."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import dns.exception
import dns.name
import dns.rdataset
import dns.rdatatype
import dns.serial
import dns.zone
from dns.name import Name
from dns.rdata import Rdata
from dns.rdataset import Rdataset
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.SOA import SOA

Rr = tuple[Name, int, Rdata]
"""One record: owner, TTL, rdata."""

_DEFAULT_TTL = 300
_DIRECTIVES = ("$TTL", "$ORIGIN")
"""Neither a file of this machine nor a million generated records."""


class BadZone(ValueError):
    """The text is not a zone or not a record; the sentence says why."""


@dataclass(frozen=True, slots=True, eq=False)
class ZoneData:
    """One version of a zone. ``names`` are all that exist, empty non-terminals too; ``cuts`` are delegations."""

    origin: Name
    rrsets: Mapping[Name, tuple[Rdataset, ...]]
    names: frozenset[Name]
    cuts: frozenset[Name]

    def find(self, name: Name, rdtype: RdataType) -> tuple[Rdataset, ...]:
        """The RRsets of that owner and type: none, one, or (RRSIG) one for each type covered."""
        return tuple(found for found in self.rrsets.get(name, ()) if found.rdtype == rdtype)

    @property
    def soa_rrset(self) -> Rdataset:
        return self.find(self.origin, RdataType.SOA)[0]

    @property
    def soa(self) -> SOA:
        return cast("SOA", self.soa_rrset[0])

    @property
    def serial(self) -> int:
        return int(self.soa.serial)

    def records(self) -> Iterator[Rr]:
        """Every record but the SOA."""
        for name, rrsets in self.rrsets.items():
            for rrset in rrsets:
                if rrset.rdtype != RdataType.SOA:
                    yield from ((name, rrset.ttl, rdata) for rdata in rrset)


def build(origin: Name, rrsets: Mapping[Name, Iterable[Rdataset]]) -> ZoneData:
    """A version from its RRsets. Raises BadZone without exactly one SOA, or without NS, at the origin."""
    kept = {name: tuple(found) for name, found in rrsets.items() if found}
    apex = {rrset.rdtype: len(rrset) for rrset in kept.get(origin, ())}
    if apex.get(RdataType.SOA) != 1 or RdataType.NS not in apex:
        raise BadZone(f"{origin} needs one SOA and at least one NS record")
    names = frozenset(above for name in kept for above in _up_to(name, origin))
    cuts = frozenset(
        name for name, found in kept.items() if name != origin and any(r.rdtype == RdataType.NS for r in found)
    )
    return ZoneData(origin, kept, names, cuts)


def _up_to(name: Name, origin: Name) -> Iterator[Name]:
    """The name and the names above it, down to the origin: all of them exist (RFC 4592 section 2.2.2)."""
    while name != origin:
        yield name
        name = name.parent()
    yield origin


def parse(origin: Name, text: str) -> ZoneData:
    """A whole zone from presentation text (RFC 1035 section 5). Raises BadZone."""
    return from_zone(origin, _read(origin, text, whole=True))


def from_zone(origin: Name, zone: dns.zone.Zone) -> ZoneData:
    """The content of a dnspython zone with absolute names. Raises BadZone."""
    return build(origin, {name: tuple(node.rdatasets) for name, node in zone.nodes.items()})


def to_zone(data: ZoneData) -> dns.zone.Zone:
    """A dnspython zone with absolute names, free to be changed."""
    zone = dns.zone.Zone(data.origin, relativize=False)
    for name, rrsets in data.rrsets.items():
        node = zone.find_node(name, create=True)
        node.rdatasets = [dns.rdataset.from_rdata_list(r.ttl, list(r)) for r in rrsets]
    return zone


def _read(origin: Name, text: str, *, whole: bool) -> dns.zone.Zone:
    try:
        return dns.zone.from_text(
            f"$TTL {_DEFAULT_TTL}\n{text}\n", origin, relativize=False, check_origin=whole, allow_directives=_DIRECTIVES
        )
    except (dns.exception.DNSException, ValueError, KeyError) as error:
        raise BadZone(f"not zone text: {error!s}") from None


def edit(data: ZoneData, records: Iterable[str], drop: Iterable[str] = ()) -> ZoneData:
    """Other content under the same serial.

    ``records`` are lines as in a zone file; each RRset they name takes the place of the one there was. ``drop``
    holds "owner TYPE" pairs of RRsets that go. Raises BadZone.
    """
    rrsets = {name: {(r.rdtype, r.covers): r for r in found} for name, found in data.rrsets.items()}
    for pair in drop:
        name, rdtype = _owner_and_type(data.origin, pair)
        found = rrsets.get(name, {})
        if not any(kind == rdtype for kind, _ in found):
            raise BadZone(f"{pair} is not in {data.origin}")
        rrsets[name] = {kind: rrset for kind, rrset in found.items() if kind[0] != rdtype}
    lines = list(records)
    edited = _read(data.origin, "\n".join(lines), whole=False).nodes
    if any(lines) and not edited:
        raise BadZone(f"none of these records belongs to {data.origin}")
    for name, node in edited.items():
        rrsets.setdefault(name, {}).update({(r.rdtype, r.covers): r for r in node.rdatasets})
    return build(data.origin, {name: tuple(found.values()) for name, found in rrsets.items()})


def _owner_and_type(origin: Name, pair: str) -> tuple[Name, RdataType]:
    try:
        owner, rdtype = pair.split()
        return dns.name.from_text(owner, origin), dns.rdatatype.from_text(rdtype)
    except (dns.exception.DNSException, ValueError) as error:
        raise BadZone(f"not an owner and a type: {pair!r} ({error})") from None


def with_serial(data: ZoneData, serial: int) -> ZoneData:
    """The same content under another serial."""
    return with_soa(data, serial=serial)


def with_soa(data: ZoneData, **fields: Any) -> ZoneData:
    """The same content under a SOA that differs in these fields."""
    rrset = dns.rdataset.from_rdata(data.soa_rrset.ttl, data.soa.replace(**fields))
    apex = tuple(rrset if r.rdtype == RdataType.SOA else r for r in data.rrsets[data.origin])
    return replace(data, rrsets={**data.rrsets, data.origin: apex})


def stepped(serial: int, by: int) -> int:
    """Serial arithmetic of RFC 1982; zero is stepped over, as some servers take it for "not set"."""
    return (serial + by) % 2**32 or 1


def newer(serial: int, than: int) -> bool:
    """RFC 1982 section 3.2; False for a pair that cannot be ordered."""
    return bool(dns.serial.Serial(serial) > dns.serial.Serial(than))


def difference(old: ZoneData, new: ZoneData) -> tuple[list[Rr], list[Rr]]:
    """The records to delete and to add, the SOA left out (RFC 1995 section 4)."""
    before, after = dict.fromkeys(old.records()), dict.fromkeys(new.records())
    return [rr for rr in before if rr not in after], [rr for rr in after if rr not in before]
