"""The digest of a transferred zone, made while its records pass by: nothing is kept of them.

Each record is brought to canonical form (RFC 4034 section 6.2: names uncompressed and in lower case; those in SVCB,
HTTPS and LP records as well, since NSD serves them so, whatever it has got), hashed, and its hash added to the sum of
its bucket, so that the order of records does not matter. The hash is keyed with octets that this process chose at
random and tells nobody, so that no server can write records whose hashes cancel out (the multiset hash MSet-Add-Hash of
Clarke et al., which needs that key). Sums of two zones are thus comparable within one process and nowhere else. A
record that is sent twice is counted twice: whether a difference is one of records, a second transfer tells, that keeps
those of the buckets in question as a set.

The SOA is not in it: it is read beside it. Records of DNSSEC that a signer makes are summed up apart from all others,
and so are SVCB, HTTPS and LP records as they were given, for signatures and digests are made of them so. Of signatures
that have ended is noted whose they are: another of the same RRset may be valid still, and have come before. Of an RRset
that a second transfer watches the signature that ends last is known at its end.

ZONEMD records (RFC 8976) at the apex are noted. What their digest is made of, every record as RFC 4034 has it, in
canonical order and each once, but for them and their signatures, is handed to a ``RecordSorter`` where there is one.
"""

import secrets
from collections.abc import Collection, Iterable
from hashlib import blake2b
from struct import Struct
from struct import error as struct_error
from types import MappingProxyType

from dns.rdatatype import RdataType

from checks.common.serial import HALF, MODULUS
from checks.model.content import BUCKETS, GENERATED_TYPES, MAX_ENDED, MAX_ZONEMD, SignatureOfRRset, ZoneContent, Zonemd
from monitor.probe.message import wire as wire_format
from monitor.probe.message.record_sorter import RecordSorter
from monitor.probe.message.request import IN, name_text
from monitor.probe.message.wire import FIXED, HEADER, SOA, TSIG, Header, Malformed, MessageOutline

MAX_KEPT_RECORDS = 100_000
"""Records of chosen buckets that are kept at most."""
MAX_KEPT_OCTETS = 8_000_000
"""What they may be in all."""

_HASH_KEY = secrets.token_bytes(32)

_LAST_BUCKET = BUCKETS - 1

_PLAIN, _NAMES, _NAPTR, _GENERATED, _SIGNATURE, _ZONEMD, _LATER, _SOA, _META = range(9)

_OF_DNSSEC = (_GENERATED, _SIGNATURE, _ZONEMD)
_NOTED = (_SIGNATURE, _ZONEMD, _LATER)

_ZONEMD_HEAD = Struct("!IBB")
"""Serial, scheme and hash algorithm (RFC 8976 section 2.2), before the digest."""

_ZONEMD_TYPE, _RRSIG_TYPE = (int(rtype).to_bytes(2, "big") for rtype in (RdataType.ZONEMD, RdataType.RRSIG))

_LATER_TYPES = frozenset(int(rtype).to_bytes(2, "big") for rtype in (RdataType.SVCB, RdataType.HTTPS, RdataType.LP))

_LAYOUTS = MappingProxyType(
    {
        **dict.fromkeys((RdataType.NS, RdataType.CNAME, RdataType.PTR, RdataType.DNAME), (0, 1)),
        **dict.fromkeys((RdataType.MB, RdataType.MG, RdataType.MR, RdataType.MD, RdataType.MF), (0, 1)),
        **dict.fromkeys((RdataType.MX, RdataType.AFSDB, RdataType.RT, RdataType.KX), (2, 1)),
        **dict.fromkeys((RdataType.SOA, RdataType.RP, RdataType.MINFO), (0, 2)),
        RdataType.SRV: (6, 1),
        RdataType.PX: (2, 2),
        RdataType.NXT: (0, 1),
        RdataType.SIG: (18, 1),
        RdataType.RRSIG: (18, 1),
        **dict.fromkeys((RdataType.SVCB, RdataType.HTTPS, RdataType.LP), (2, 1)),
    }
)
"""Octets before the first name of rdata, and how many names follow, for the types whose names are written in lower case
(RFC 4034 section 6.2, RFC 6840 section 5.1), and those that came later and are to be compared so. Names of all other
types stay as they are, and are never compressed."""

_KINDS = MappingProxyType(
    {
        **{int(rtype): _NAMES for rtype in _LAYOUTS},
        **{int(RdataType[name]): _GENERATED for name in GENERATED_TYPES},
        int(RdataType.RRSIG): _SIGNATURE,
        int(RdataType.ZONEMD): _ZONEMD,
        int(RdataType.NAPTR): _NAPTR,
        **{int(rtype): _LATER for rtype in (RdataType.SVCB, RdataType.HTTPS, RdataType.LP)},
        SOA: _SOA,
        **dict.fromkeys((0, int(RdataType.OPT), *range(128, 256)), _META),
    }
)


class ZoneDigest:
    """Reads the messages of one transfer. ``zone`` is the wire name of its apex, in lower case; the records of the
    buckets ``keep`` are kept, as canonical octets, up to MAX_KEPT_RECORDS of them. ``watched`` are the keys of RRsets
    (owner and type, as in the wire) whose signatures are followed; if none, those that had ended at ``now`` are noted,
    in seconds since 1970. ``sorter`` takes what the zone's own digest is made of.
    """

    __slots__ = (
        "_generated", "_keep", "_left", "_now", "_octets", "_overflow", "_records", "_sums", "_watched", "_zone",
        "_zonemd", "kept", "sorter",
    )  # fmt: skip

    def __init__(
        self, zone: bytes, keep: Collection[int] = (), watched: Collection[bytes] = (), now: int = 0,
        sorter: RecordSorter | None = None,
    ) -> None:  # fmt: skip
        self._zone = zone
        self._keep = frozenset(keep)
        self._sums = [0] * BUCKETS
        self._generated = [0] * BUCKETS
        self._records = self._octets = 0
        self._overflow = False
        self._watched = frozenset(watched)
        self._now = now
        self._left: dict[bytes, int] = {}
        """RRset → seconds from now to the end of its last signature."""
        self.kept: set[bytes] = set()
        """The records of those buckets, in canonical wire form."""
        self._zonemd: set[Zonemd] = set()
        self.sorter = sorter

    def content(self, lines: Iterable[str] = ()) -> ZoneContent:
        """What came of the messages so far; ``lines`` are those of the records that were kept."""
        return ZoneContent(
            self._records, _shortened(self._sums), _shortened(self._generated), tuple(lines), self._overflow,
            tuple(self._signature(key, left) for key, left in self._left.items()),
            tuple(self._zonemd),
        )  # fmt: skip

    def outline(self, wire: bytes) -> MessageOutline:
        """Takes in one message, and says what ``wire.outline`` does of it.

        Raises Malformed, for a record outside the zone as well; what was taken in is worth nothing then.
        """
        head = wire_format.header(wire)
        names: dict[int, bytes] = {}
        position = HEADER.size
        try:
            for _ in range(head.questions):
                name, after = wire_format.name(wire, position, len(wire))
                if wire_format.under(name, self._zone):
                    names[position] = name
                position = after + 4
            soas, position = self._answers(wire, head, names, position)
            if self.sorter is not None:
                self._sort_soas(self.sorter, wire, soas)
            tsig = _tsig(wire, head, position)
        except (IndexError, struct_error):
            raise Malformed("a record runs out of the message") from None
        return MessageOutline(head, tuple(soas), tsig)

    def _answers(
        self, wire: bytes, head: Header, names: dict[int, bytes], position: int
    ) -> tuple[list[tuple[int, int]], int]:
        """Adds up the records of the answer section; where SOA records are in it, and where it ends.

        One pass, and no call that can be saved: there may be millions of records.
        """
        known, kinds, unpack, sums, end = names.get, _KINDS.get, FIXED.unpack_from, self._sums, len(wire)
        key, keep, last = _HASH_KEY, self._keep, _LAST_BUCKET
        more = bool(keep) or self.sorter is not None
        soas: list[tuple[int, int]] = []
        for number in range(head.answers):
            start, length = position, wire[position]
            if length >= 192:
                owner, fixed = known((length & 63) << 8 | wire[start + 1]), start + 2
            else:
                fixed = start + length + 1
                pointer = wire[fixed]
                owner = known((pointer & 63) << 8 | wire[fixed + 1]) if pointer >= 192 and 0 < length < 64 else None
                if owner is not None:
                    owner = wire[start:fixed].lower() + owner
                    fixed += 2
            if owner is None or len(owner) > 255:
                owner, fixed = self._owner(wire, start)
            names[start] = owner
            rtype, rclass, _, size = unpack(wire, fixed)
            position = fixed + 10 + size
            if position > end:
                raise Malformed("a record is longer than the message")
            if rclass != IN:
                raise Malformed(f"a record of class {rclass}")
            into, kind = sums, kinds(rtype, _PLAIN)
            if not kind:
                record = owner + wire[fixed:position]
            elif kind == _SOA:
                if owner != self._zone:
                    raise Malformed("a SOA inside the zone")
                soas.append((number, start))
                continue
            else:
                into = self._generated if kind in _OF_DNSSEC else sums
                record = owner + _canonical(wire, fixed, position, rtype, kind, names)
                if kind in _NOTED:
                    self._note(kind, owner, wire, fixed + FIXED.size, position)
            value = int.from_bytes(blake2b(key + record).digest(), "little")
            into[value & last] += value
            if more:
                self._keep_record(owner, record, value & last)
        self._records += head.answers - len(soas)
        return soas, position

    def _sort_soas(self, sorter: RecordSorter, wire: bytes, soas: Iterable[tuple[int, int]]) -> None:
        for _, start in soas:
            one = wire_format.record(wire, start)
            sorter.add(self._zone, _canonical(wire, one.rdata - FIXED.size, one.end, SOA, _SOA, {}))

    def _owner(self, wire: bytes, start: int) -> tuple[bytes, int]:
        owner, after = wire_format.name(wire, start, len(wire))
        if not wire_format.under(owner, self._zone):
            raise Malformed("a record of another zone")
        return owner, after

    def _note(self, kind: int, owner: bytes, wire: bytes, rdata: int, end: int) -> None:
        if kind == _SIGNATURE:
            self._note_end(owner, wire, rdata)
        elif kind == _LATER:
            self._note_given(owner, wire[rdata - FIXED.size : end])
        elif owner == self._zone:
            self._note_zonemd(wire, rdata, end)

    def _note_end(self, owner: bytes, wire: bytes, rdata: int) -> None:
        """Type covered and expiration stand at 0 and 8 (RFC 4034 section 3.1)."""
        left = (int.from_bytes(wire[rdata + 8 : rdata + 12], "big") - self._now + HALF) % MODULUS - HALF
        if left > 0 and not self._left and not self._watched:
            return
        key, known = owner + wire[rdata : rdata + 2], self._left
        if key in known:
            known[key] = max(left, known[key])
        elif key in self._watched or (left <= 0 and not self._watched and len(known) < MAX_ENDED):
            known[key] = left

    def _note_given(self, owner: bytes, record: bytes) -> None:
        value = int.from_bytes(blake2b(_HASH_KEY + owner + record).digest(), "little")
        self._generated[value & _LAST_BUCKET] += value
        if self.sorter is not None:
            self.sorter.add(owner, record)

    def _note_zonemd(self, wire: bytes, rdata: int, end: int) -> None:
        digest = rdata + _ZONEMD_HEAD.size
        if digest > end:
            raise Malformed("a ZONEMD record is cut")
        if len(self._zonemd) <= MAX_ZONEMD:
            serial, scheme, algorithm = _ZONEMD_HEAD.unpack_from(wire, rdata)
            self._zonemd.add(Zonemd(serial, scheme, algorithm, wire[digest:end]))

    def _signature(self, key: bytes, left: int) -> SignatureOfRRset:
        covered = RdataType.to_text(RdataType.make(int.from_bytes(key[-2:], "big")))
        return SignatureOfRRset(key, f"{name_text(key[:-2])} {covered}", (self._now + left) % MODULUS)

    def _keep_record(self, owner: bytes, record: bytes, bucket: int) -> None:
        if self.sorter is not None and self._is_sorted(owner, record):
            self.sorter.add(owner, record[len(owner) :])
        if bucket not in self._keep:
            return
        if len(self.kept) >= MAX_KEPT_RECORDS or self._octets > MAX_KEPT_OCTETS:
            self._overflow = True
        else:
            self.kept.add(record)
            self._octets += len(record)

    def _is_sorted(self, owner: bytes, record: bytes) -> bool:
        """Whether the sorter takes it in this form: not those of ZONEMD itself, and not what it has in another."""
        later = record[len(owner) : len(owner) + 2] in _LATER_TYPES
        return not later and not (owner == self._zone and _is_zonemd(record, len(owner)))


def _is_zonemd(record: bytes, start: int) -> bool:
    """Whether its type, at ``start``, is ZONEMD, or it signs ZONEMD records (RFC 8976 section 3.3.1)."""
    rtype, covered = record[start : start + 2], record[start + FIXED.size : start + FIXED.size + 2]
    return rtype == _ZONEMD_TYPE or (rtype == _RRSIG_TYPE and covered == _ZONEMD_TYPE)


def _canonical(wire: bytes, fixed: int, end: int, rtype: int, kind: int, names: dict[int, bytes]) -> bytes:
    """Type, class, TTL, length and rdata in canonical form."""
    if kind == _META:
        raise Malformed(f"a record of type {rtype}, which no zone has")
    if kind in (_GENERATED, _ZONEMD):
        return wire[fixed:end]
    start = position = fixed + FIXED.size
    if kind == _NAPTR:
        before, number = _before_replacement(wire, position), 1
    else:
        before, number = _LAYOUTS[RdataType(rtype)]
    position += before
    parts = [wire[start:position]]
    for _ in range(number):
        name, position = _name(wire, position, end, names)
        parts.append(name)
    if position < end:
        parts.append(wire[position:end])
    rdata = b"".join(parts)
    return wire[fixed : start - 2] + len(rdata).to_bytes(2, "big") + rdata


def _name(wire: bytes, start: int, end: int, names: dict[int, bytes]) -> tuple[bytes, int]:
    """A name of rdata: most are a pointer to what is known, or one label and such a pointer."""
    length = wire[start]
    after = start if length >= 192 else start + length + 1
    if length and after + 2 <= end and wire[after] >= 192 and not 64 <= length < 192:
        above = names.get((wire[after] & 63) << 8 | wire[after + 1])
        if above is not None and len(above) + after - start <= 255:
            return wire[start:after].lower() + above, after + 2
    return wire_format.name(wire, start, end)


def _before_replacement(wire: bytes, start: int) -> int:
    """Octets of order, preference and three strings (RFC 3403 section 4.1)."""
    position = start + 4
    for _ in range(3):
        position += 1 + wire[position]
    return position - start


def _tsig(wire: bytes, head: Header, position: int) -> int | None:
    """Passes over the other sections, which are no part of the zone; where the TSIG is, if it comes last."""
    others, tsig = head.authorities + head.additionals, None
    for number in range(others):
        record = wire_format.record(wire, position)
        if record.type == TSIG and number == others - 1:
            tsig = record.start
        position = record.end
    if position != len(wire):
        raise Malformed(f"{len(wire) - position} octets too many")
    return tsig


def _shortened(sums: list[int]) -> tuple[bytes, ...]:
    """Of each sum sixteen octets that stand for it; none for the sum of nothing."""
    return tuple(
        blake2b(_HASH_KEY + value.to_bytes(80, "little"), digest_size=16).digest() if value else b"" for value in sums
    )
