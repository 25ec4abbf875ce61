"""Zone data: one version of a zone and its edits, a server's copy of a zone, and the text of the pair's own zones."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, cast

import dns.btreezone
import dns.exception
import dns.name
import dns.rdataset
import dns.rdatatype
import dns.serial
import dns.transaction
import dns.zone
from dns.name import Name
from dns.rdata import Rdata
from dns.rdataset import Rdataset
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.SOA import SOA

Rr = tuple[Name, int, Rdata]
"""One record: owner, TTL, rdata."""

JOURNAL = 16
"""How many older versions are kept for IXFR."""

MAIL = "192.0.2.25"
"""The address of ``mail`` in the pair's own zones."""

_DEFAULT_TTL = 300
_DIRECTIVES = ("$TTL", "$ORIGIN")
"""Neither a file of this machine nor a million generated records."""


class BadZone(ValueError):
    """The text is not a zone or not a record; the sentence says why."""


class ZoneData:
    """One version of a zone, never changed: a dnspython zone with absolute names, and what is looked up in it."""

    def __init__(self, zone: dns.zone.Zone) -> None:
        """Raises BadZone without SOA or NS at the origin. The zone must not be written to any more."""
        try:
            zone.check_origin()
        except dns.exception.DNSException:
            raise BadZone(f"{zone.origin} needs one SOA and at least one NS record") from None
        self._zone = zone
        self.origin = cast("Name", zone.origin)
        with zone.reader() as txn:
            version = cast("dns.btreezone.ImmutableVersion", txn.version)
        self._rrsets = {name: tuple(node.rdatasets) for name, node in version.nodes.items()}
        self._cuts = frozenset(version.delegations)
        self._names = frozenset(above for name in self._rrsets for above in self._up_to_origin(name))
        self.soa_rrset = self.find(self.origin, RdataType.SOA)[0]
        self.soa = cast("SOA", self.soa_rrset[0])
        self.serial = int(self.soa.serial)

    def at(self, name: Name) -> tuple[Rdataset, ...]:
        """All RRsets of that owner."""
        return self._rrsets.get(name, ())

    def find(self, name: Name, rdtype: RdataType) -> tuple[Rdataset, ...]:
        """The RRsets of that owner and type: none, one, or (RRSIG) one for each type covered."""
        return tuple(found for found in self.at(name) if found.rdtype == rdtype)

    def closest_encloser(self, name: Name) -> Name:
        """The longest name at or above this one that exists, empty non-terminals too (RFC 4592 section 2.2.2)."""
        return next(above for above in self._up_to_origin(name) if above in self._names)

    def cut(self, name: Name) -> Name | None:
        """The topmost delegation at or above the name."""
        return next((above for above in self._up_to_origin(name) if above in self._cuts), None)

    def _up_to_origin(self, name: Name) -> Iterator[Name]:
        while name != self.origin:
            yield name
            name = name.parent()
        yield name

    def records(self) -> Iterator[Rr]:
        """Every record but the SOA, in canonical order."""
        return (rr for rr in self._zone.iterate_rdatas() if rr[2].rdtype != RdataType.SOA)

    def copy(self) -> dns.btreezone.Zone:
        """A dnspython zone with this content, free to be changed."""
        zone = dns.btreezone.Zone(self.origin, relativize=False)
        with zone.writer(replacement=True) as txn:
            for name, rdataset in self._zone.iterate_rdatasets():
                txn.replace(name, rdataset)
        return zone


def parse(origin: Name, text: str) -> ZoneData:
    """A whole zone from presentation text (RFC 1035 section 5). Raises BadZone."""
    return ZoneData(_read(origin, text, dns.btreezone.Zone))


def _read(origin: Name, text: str, factory: type[dns.zone.Zone] = dns.zone.Zone) -> dns.zone.Zone:
    try:
        return dns.zone.from_text(
            f"$TTL {_DEFAULT_TTL}\n{text}\n", origin, relativize=False, zone_factory=factory, check_origin=False,
            allow_directives=_DIRECTIVES,
        )  # fmt: skip
    except (dns.exception.DNSException, ValueError, KeyError) as error:
        raise BadZone(f"not zone text: {error!s}") from None


def edit(data: ZoneData, records: Iterable[str] = (), drop: Iterable[str] = (), **soa: Any) -> ZoneData:
    """Other content, under the same serial unless ``soa`` has another.

    ``records`` are lines as in a zone file; each RRset they name takes the place of the one there was. ``drop``
    holds "owner TYPE" pairs of RRsets that go. ``soa`` are fields of the SOA. Raises BadZone.
    """
    lines = list(records)
    edited = _read(data.origin, "\n".join(lines))
    if any(lines) and not edited.nodes:
        raise BadZone(f"none of these records belongs to {data.origin}")
    zone = data.copy()
    with zone.writer() as txn:
        for pair in drop:
            _drop(txn, data.origin, pair)
        for name, rdataset in edited.iterate_rdatasets():
            txn.replace(name, rdataset)
        apex = txn.get(data.origin, RdataType.SOA)
        if soa and apex is not None:
            txn.replace(data.origin, dns.rdataset.from_rdata(apex.ttl, apex[0].replace(**soa)))
    return ZoneData(zone)


def _drop(txn: dns.transaction.Transaction, origin: Name, pair: str) -> None:
    try:
        owner, rdtype = pair.split()
        txn.delete_exact(dns.name.from_text(owner, origin), dns.rdatatype.from_text(rdtype))
    except dns.transaction.DeleteNotExact:
        raise BadZone(f"{pair} is not in {origin}") from None
    except (dns.exception.DNSException, ValueError, KeyError) as error:
        raise BadZone(f"not an owner and a type: {pair!r} ({error})") from None


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


class Condition(StrEnum):
    """The state of a zone at a server."""

    SERVED = "served"
    NOT_LOADED = "not-loaded"
    EXPIRED = "expired"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class ZoneCopy:
    """A zone as a server has it. ``expires`` is on the loop's clock; None at a primary: it never does."""

    origin: Name
    data: ZoneData | None = None
    journal: tuple[ZoneData, ...] = ()
    """Older versions, the oldest first."""
    expires: float | None = None

    def changed(self, data: ZoneData) -> "ZoneCopy":
        """The same zone with newer data; what it had goes to the journal if the serials tell them apart."""
        if self.data is None or self.data.serial == data.serial:
            return replace(self, data=data)
        return replace(self, data=data, journal=(*self.journal, self.data)[-JOURNAL:])


@dataclass(frozen=True, slots=True)
class Served:
    """A zone as it is answered from. ``expire`` is what EDNS EXPIRE says, in seconds (RFC 7314)."""

    origin: Name
    condition: Condition
    data: ZoneData | None
    journal: tuple[ZoneData, ...] = ()
    expire: int | None = None


ZoneLookup = Callable[[Name], Served | None]
"""The zone with that origin, None when the server denies having it."""


@dataclass(frozen=True, slots=True)
class Timers:
    """The SOA's, in whole seconds."""

    refresh: int = 2
    retry: int = 1
    expire: int = 600
    minimum: int = 5


def zone_text(timers: Timers | None = None, serial: int = 1000) -> str:
    """A small zone with one of everything that matters, all of it reserved for documentation (RFC 5737, 3849)."""
    t = timers or Timers()
    return f"""\
@          300 SOA   ns1 hostmaster {serial} {t.refresh} {t.retry} {t.expire} {t.minimum}
@          300 NS    ns1
@          300 NS    ns2
@          300 MX    10 mail
@          300 TXT   "a zone to try soawatch on"
ns1        300 A     192.0.2.1
ns2        300 A     192.0.2.2
www        300 A     192.0.2.80
www        300 AAAA  2001:db8::80
mail       300 A     {MAIL}
alias      300 CNAME www
*.wild     300 TXT   "any name under wild"
child      300 NS    ns.child
ns.child   300 A     192.0.2.53
"""
