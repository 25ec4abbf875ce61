"""Whether secondaries take the zone of a transfer, told while its records pass by.

What makes one of them refuse it, and which, is read off real servers:
tests/integration/nameservers/test_secondaries.py. Nothing is kept of the zone but what was seen of the owner at hand
and of the last DNAME above it, for a server sends an owner's records one after the other (BIND, Knot and NSD from a
tree, PowerDNS in the order of names).
"""

from dataclasses import dataclass

import dns.rdataclass
import dns.rdatatype
from dns.rdatatype import RdataType

from monitor.probe.message import rdata
from monitor.probe.message import wire as wire_format
from monitor.probe.message.rdata import BIND
from monitor.probe.message.request import IN, SOA, name_text
from monitor.probe.message.text import bounded
from monitor.probe.message.wire import HEADER, Header, Malformed, Record

_NS, _CNAME, _DNAME = int(RdataType.NS), int(RdataType.CNAME), int(RdataType.DNAME)
_NSEC3 = int(RdataType.NSEC3)

_BOTH = "BIND and Knot"

_BESIDE_CNAME = frozenset({RdataType.RRSIG, RdataType.NSEC})
"""Types an owner of a CNAME may have (RFC 4034 section 2.5)."""

_ONCE_BESIDE_CNAME = frozenset({RdataType.KEY, RdataType.SIG, RdataType.NXT})
"""Types it might have before that (RFC 2181 section 10.1), and for BIND still may."""

_BASE32HEX = frozenset(b"0123456789abcdefghijklmnopqrstuv")

_META = frozenset({0, int(RdataType.OPT), *range(128, 256)})
"""Types of questions and of messages, not of zones (RFC 6895 section 3.1)."""

_LONGEST_OWNER = 80
"""Characters of an owner in a text, so that what is said of it is not cut off."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What makes a secondary refuse the zone: "www.example.net. A: 7 octets of rdata instead of 4", and who does."""

    text: str
    by: str

    def __str__(self) -> str:
        return f"{self.text}; {self.by} would refuse the zone"


class CheckZone:
    """Takes the messages of one transfer in order. ``zone`` is the wire name of its apex, in lower case."""

    __slots__ = ("_cname", "_delegated", "_dname", "_others", "_owner", "_served", "_under", "_zone")

    def __init__(self, zone: bytes) -> None:
        self._zone = zone
        self._served = False
        """Whether the apex has an NS record."""
        self._under = b""
        """The owner of the last DNAME."""
        self._begin(b"")

    def _begin(self, owner: bytes) -> None:
        """What was seen of this owner so far: nothing."""
        self._owner = owner
        self._cname: bytes | None = None
        self._dname: bytes | None = None
        self._others = ""
        """Who refuses what it has so far, if there is a CNAME beside it."""
        self._delegated = False

    def message(self, wire: bytes, head: Header, last: int) -> Refusal | None:
        """The first record of this message that makes a secondary refuse the zone.

        ``last`` is how many records of the answer section belong to the zone: up to its final SOA. Those of the other
        sections are no part of it, but are read.
        """
        if head.truncated:
            return Refusal("the message says of itself, over TCP, that it is cut (TC=1)", "PowerDNS")
        first, position = b"", HEADER.size
        if head.questions:
            first, position = wire_format.name(wire, position, len(wire))
            position += 4
        number = 0
        try:
            for number in range(head.answers + head.authorities + head.additionals):
                record = wire_format.record(wire, position, first)
                position = record.end
                refusal = self._record(wire, record) if number < last else None
                if number >= head.answers:
                    refusal = _beside(wire, record)
                if refusal is not None:
                    return refusal
        except Malformed as reason:
            return Refusal(f"the owner of record {number + 1} of a message is broken: {reason}", rdata.EVERYBODY)
        return None

    def end(self) -> Refusal | None:
        """What only the whole zone tells."""
        if not self._served:
            return Refusal(f"{_name(self._zone)} has no NS record", BIND)
        return None

    def _record(self, wire: bytes, record: Record) -> Refusal | None:
        if record.rclass != IN:
            return Refusal(f"{_title(record)} is of class {dns.rdataclass.to_text(_rclass(record))}", BIND)
        if record.type == SOA:
            return None if record.owner == self._zone else Refusal(f"{_title(record)} inside the zone", "BIND and NSD")
        if record.type in _META:
            return Refusal(f"{_title(record)}: no type that a zone may hold", BIND)
        if (why := rdata.refused(wire, record)) is not None:
            return Refusal(f"{_title(record)}: {why[0]}", why[1])
        return self._misplaced(record) or self._beside_others(wire, record)

    def _misplaced(self, record: Record) -> Refusal | None:
        """Owners that a type may not have."""
        if record.type == _NS and record.owner == self._zone:
            self._served = True
        elif record.type == _NS and record.owner.startswith(b"\1*"):
            return Refusal(f"{_title(record)} at a wildcard (RFC 4592 section 4.2)", BIND)
        elif record.type == _CNAME and record.owner == self._zone:
            return Refusal(f"{_title(record)} beside the SOA of the zone", _BOTH)
        elif record.type == _NSEC3 and not _BASE32HEX.issuperset(record.owner[1 : 1 + record.owner[0]]):
            return Refusal(f"{_title(record)} at an owner that is no hash (RFC 5155 section 3)", BIND)
        return None

    def _beside_others(self, wire: bytes, record: Record) -> Refusal | None:
        """Which records may stand together (RFC 1034 section 3.6.2, RFC 6672 sections 2.3 and 2.4)."""
        if record.owner != self._owner:
            self._begin(record.owner)
            if self._under and _below(record.owner, self._under):
                return Refusal(f"{_title(record)} below the DNAME of {_name(self._under)}", "Knot")
        if record.type in (_CNAME, _DNAME) and self._second(wire, record):
            return Refusal(f"{_title(record)}: two that differ", _BOTH)
        if record.type != _CNAME and record.type not in _BESIDE_CNAME:
            self._others = "Knot" if record.type in _ONCE_BESIDE_CNAME and self._others != _BOTH else _BOTH
        if record.type == _NS and record.owner != self._zone:
            self._delegated = True
        if self._others and self._cname is not None:
            return Refusal(f"{_name(record.owner)} has a CNAME record and others beside it", self._others)
        if self._delegated and self._dname is not None:
            return Refusal(f"{_name(record.owner)} has a DNAME record and NS records beside it", "Knot")
        return None

    def _second(self, wire: bytes, record: Record) -> bool:
        """Remembers where a CNAME or DNAME leads; whether there is one already that leads elsewhere."""
        there, _ = wire_format.name(wire, record.rdata, record.end)
        if record.type == _CNAME:
            before, self._cname = self._cname, there
        else:
            before, self._dname, self._under = self._dname, there, record.owner
        return before is not None and before != there


def _beside(wire: bytes, record: Record) -> Refusal | None:
    """A record of the authority or additional section: only its rdata is looked at, and OPT and TSIG are not."""
    if record.type in (wire_format.OPT, wire_format.TSIG) or record.rclass != IN:
        return None
    why = rdata.refused(wire, record)
    return Refusal(f"{_title(record)}, beside the zone: {why[0]}", BIND) if why is not None else None


def _below(owner: bytes, above: bytes) -> bool:
    return len(owner) > len(above) and wire_format.under(owner, above)


def _rclass(record: Record) -> dns.rdataclass.RdataClass:
    return dns.rdataclass.RdataClass.make(record.rclass)


def _title(record: Record) -> str:
    return f"{_name(record.owner)} {dns.rdatatype.to_text(RdataType.make(record.type))}"


def _name(owner: bytes) -> str:
    return bounded(name_text(owner), _LONGEST_OWNER)
