"""Packs the state of a steady zone into some fifty octets.

It is steady when nothing is in doubt, no address has machines with different versions behind it, each serial group has
one version and a reference (or none, as nobody has ever served any), and every address either serves its reference or
serves nothing: then only times change until something happens. What changes at every poll is not in a row:
``checked_at`` comes back as the state's ``at``, and ``rtt`` as None. All else comes back as it was.

Time alone can bring soa-serial to a finding about such a zone state in one way only, by ``expires`` of an address that
serves: there is no lag (all serve the reference), no doubt and nothing regressed. An estimate (the primary is silent)
stays what it is, and ``SoaSerial.due`` says when it is near. EDNS EXPIRE was told at the last look and runs down only
if the next look does not renew it: so whoever passes over a look has to see that every address that gave an EXPIRE
gives one again, and none below its ``min_expires``. A zone whose signer has something to sign may pack, but is never
passed over: it gets late by time alone.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import cache
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is a class

from checks.common.epoch import EPOCH, micros, moment_of
from checks.model import Outcome, Soa
from checks.model.relative_names import ZONE_PLACEHOLDER
from checks.zone_state.address import ANSWERED
from checks.zone_state.intern_table import InternTable
from checks.zone_state.model import AddressState, SerialGroup, Version, ZoneState

NEVER = -(2**63)
UNKNOWN = 2**32 - 1
"""In place of a span in microseconds; in place of a SOA, where nobody has ever served a version."""

ANSWERING, SHORT, NSIDS, EXPIRES = 1, 2, 4, 8
"""Flags of a row: every address serves a version, as its primary does; all runs began soon after their version was
first seen, so that four octets tell when; some have an NSID; some an EXPIRE."""

_SERIAL, _SYNCED, _STOPS, _ESTIMATED = 1, 2, 4, 8
"""Flags of an address in a row that is not short: what it has."""

HEAD = Struct("<BIq")
_SHORT_GROUP = Struct("<IIqI")
_LONG_GROUP = Struct("<IIqq")
_ADDRESS = Struct("<BIqqI")
_MICROS = Struct("<q")
_SERIAL_OF = Struct("<I")

_NO_RESPONSE = frozenset(outcome.value for outcome in Outcome if outcome.no_response)


class ZoneStateCodec:
    """Zone states to rows and back, by one intern table."""

    __slots__ = ("_serving", "table")

    def __init__(self, table: InternTable | None = None) -> None:
        self.table = table if table is not None else InternTable()
        self._serving = self.table.number(ANSWERED)

    def pack(self, zone_state: ZoneState) -> bytes | None:
        """None when the zone state is not steady, or has never been looked at."""
        serial_groups, address_states = zone_state.serial_groups, zone_state.address_states
        if zone_state.at is None or self.table.full:
            return None
        references: dict[str, Version | None] = {}
        flags = ANSWERING | SHORT
        for serial_group in serial_groups:
            if not _settled(serial_group):
                return None
            references[serial_group.group] = serial_group.versions[0] if serial_group.versions else None
            if not serial_group.versions:
                flags = 0
        for address_state in address_states:
            if address_state.group not in references or address_state.doubt is not None or address_state.identities:
                return None
            if address_state.passed:
                return None
            if address_state.outcome != ANSWERED or address_state.synced is not None or address_state.estimated:
                flags = 0
            version = references[address_state.group]
            if address_state.outcome == ANSWERED and (version is None or address_state.serial != version.serial):
                return None
        if flags and (row := self._short(zone_state, flags)) is not None:
            return row
        parts = [HEAD.pack(flags & ~SHORT, self._number_of(zone_state), micros(zone_state.at))]
        parts += [self._pack_group(serial_group, zone_state.zone) for serial_group in serial_groups]
        parts += map(self._pack_address, address_states)
        return b"".join(parts)

    def _short(self, zone_state: ZoneState, flags: int) -> bytes | None:
        """The row of nearly every zone; None where a span does not fit."""
        numbers = [0, self._number_of(zone_state), micros(zone_state.at or EPOCH)]
        versions: dict[str, Version] = {}
        for serial_group in zone_state.serial_groups:
            version = versions[serial_group.group] = serial_group.versions[0]
            absent = UNKNOWN if version.absent is None else micros(version.seen, version.absent)
            if not 0 <= absent < UNKNOWN + (version.absent is None):
                return None
            numbers += (version.serial, self._soa_number(serial_group, zone_state.zone), micros(version.seen), absent)
        nsids: list[int] = []
        stops: list[int] = []
        for address_state in zone_state.address_states:
            since = address_state.since
            after = micros(since, versions[address_state.group].seen)
            if not 0 <= after < UNKNOWN or (address_state.changed is not since and address_state.changed != since):
                return None
            numbers.append(after)
            nsid, expires = address_state.nsid, address_state.expires
            if nsid is not None:
                flags |= NSIDS
            if expires is not None:
                flags |= EXPIRES
            nsids.append(0 if nsid is None else self.table.number(nsid) + 1)
            stops.append(NEVER if expires is None else micros(expires))
        numbers[0] = flags
        if flags & NSIDS:
            numbers += nsids
        if flags & EXPIRES:
            numbers += stops
        return short_shape(flags, len(zone_state.serial_groups), len(nsids)).pack(*numbers)

    def unpack(self, zone: str, row: bytes) -> ZoneState:
        """The zone state that was packed, but for what ticks."""
        flags, layout, checked_at = HEAD.unpack_from(row)
        at = moment_of(checked_at)
        groups, places = self.table.layout_of(layout)
        if not flags & SHORT:
            return self._unpack_long(zone, row, at)
        count = len(places)
        numbers = short_shape(flags, len(groups), count).unpack(row)
        serial_groups: dict[str, SerialGroup] = {}
        first: dict[str, datetime] = {}
        place = 3
        for group in groups:
            serial, soa, seen, absent = numbers[place : place + 4]
            first[group] = moment = moment_of(seen)
            version = Version(serial, None if absent == UNKNOWN else moment - timedelta(0, 0, absent), moment)
            serial_groups[group] = SerialGroup(group, serial, self.soa_of(soa, serial, zone), (version,))
            place += 4
        spans = numbers[place : place + count]
        place += count
        nsids: Iterable[int] = numbers[place : place + count] if flags & NSIDS else (0,) * count
        stops: Iterable[int] = numbers[-count:] if flags & EXPIRES else (NEVER,) * count
        address_states = []
        for (server, address, group), span, nsid, stop in zip(places, spans, nsids, stops, strict=True):
            since = first[group] + timedelta(0, 0, span) if span else first[group]
            address_states.append(
                AddressState(
                    server, address, group, serial_groups[group].reference, since, ANSWERED, since, None, 0,
                    self.table.text_of(nsid - 1) if nsid else None, None, at,
                    None if stop == NEVER else moment_of(stop),
                )
            )  # fmt: skip
        return ZoneState(zone, tuple(serial_groups.values()), tuple(address_states), at)

    def is_valid(self, row: bytes) -> bool:
        """Whether it is a row by this intern table: what is kept may have been changed by somebody else."""
        values = self.table.values
        try:
            flags, layout, _ = HEAD.unpack_from(row)
            if not flags & SHORT:
                return bool(self.unpack("", row).serial_groups)
            groups, places = self.table.layout_of(layout)
            numbers = short_shape(flags, len(groups), len(places)).unpack(row)
            return all(isinstance(values[soa], Soa) for soa in numbers[4 : 3 + 4 * len(groups) : 4])
        except (StructError, LookupError, AssertionError, OverflowError):
            return False

    def answering(self, row: bytes) -> bool:
        """Whether every address serves a version, and its primary has just said that it is the right one."""
        return bool(row[0] & ANSWERING)

    def versions(self, row: bytes) -> Iterator[tuple[str, int, int]]:
        """Of each serial group that has a version its serial, and since when that is known, in microseconds."""
        flags, layout, _ = HEAD.unpack_from(row)
        groups, _ = self.table.layout_of(layout)
        serial_group = _SHORT_GROUP if flags & SHORT else _LONG_GROUP
        for number, group in enumerate(groups):
            serial, soa, seen, _ = serial_group.unpack_from(row, HEAD.size + serial_group.size * number)
            if soa != UNKNOWN:
                yield group, serial, seen

    def min_expires(self, row: bytes, near: float) -> tuple[int, ...]:
        """Seconds of EXPIRE that an address must have left for nothing to be found: a share ``near`` of the SOA's.

        And a minute more: what an address said at the beginning of a poll is evaluated by its end.
        """
        flags, layout, _ = HEAD.unpack_from(row)
        groups, places = self.table.layout_of(layout)
        serial_group = _SHORT_GROUP if flags & SHORT else _LONG_GROUP
        least: dict[str, int] = {}
        for number, group in enumerate(groups):
            soa = serial_group.unpack_from(row, HEAD.size + serial_group.size * number)[1]
            least[group] = 0 if soa == UNKNOWN else int(self.table.soa_of(soa).expire * near) + 61
        return tuple(least[group] for _, _, group in places)

    def _number_of(self, zone_state: ZoneState) -> int:
        groups = tuple([serial_group.group for serial_group in zone_state.serial_groups])
        return self.table.number((groups, tuple([(s.server, s.address, s.group) for s in zone_state.address_states])))

    def _soa_number(self, serial_group: SerialGroup, zone: str) -> int:
        soa = serial_group.soa
        assert soa is not None  # noqa: S101 - _settled has seen to it
        mname = soa.mname.removesuffix(zone) + ZONE_PLACEHOLDER if soa.mname.endswith(zone) else soa.mname
        rname = soa.rname.removesuffix(zone) + ZONE_PLACEHOLDER if soa.rname.endswith(zone) else soa.rname
        return self.table.soa((mname, rname, soa.refresh, soa.retry, soa.expire, soa.minimum, soa.ttl))

    def soa_of(self, number: int, serial: int, zone: str) -> Soa:
        """The SOA of this number in the intern table, of this zone with this serial."""
        rest = self.table.soa_of(number)
        mname = rest.mname[:-1] + zone if rest.mname.endswith(ZONE_PLACEHOLDER) else rest.mname
        rname = rest.rname[:-1] + zone if rest.rname.endswith(ZONE_PLACEHOLDER) else rest.rname
        return Soa(serial, mname, rname, rest.refresh, rest.retry, rest.expire, rest.minimum, rest.ttl)

    def _pack_group(self, serial_group: SerialGroup, zone: str) -> bytes:
        if not serial_group.versions:
            return _LONG_GROUP.pack(0, UNKNOWN, 0, 0)
        version = serial_group.versions[0]
        absent = NEVER if version.absent is None else micros(version.absent)
        return _LONG_GROUP.pack(version.serial, self._soa_number(serial_group, zone), micros(version.seen), absent)

    def _pack_address(self, address_state: AddressState) -> bytes:
        flags, rest = 0, b""
        if address_state.outcome != ANSWERED and address_state.serial is not None:
            flags, rest = flags | _SERIAL, rest + _SERIAL_OF.pack(address_state.serial)
        if address_state.synced is not None:
            flags, rest = flags | _SYNCED, rest + _MICROS.pack(micros(address_state.synced))
        if address_state.expires is not None:
            flags, rest = flags | _STOPS, rest + _MICROS.pack(micros(address_state.expires))
        if address_state.estimated:
            flags |= _ESTIMATED
        nsid = 0 if address_state.nsid is None else self.table.number(address_state.nsid) + 1
        state = self.table.number(address_state.outcome)
        return _ADDRESS.pack(flags, state, micros(address_state.since), micros(address_state.changed), nsid) + rest

    def _unpack_long(self, zone: str, row: bytes, at: datetime) -> ZoneState:
        groups, places = self.table.layout_of(HEAD.unpack_from(row)[1])
        serial_groups: dict[str, SerialGroup] = {}
        position = HEAD.size
        for group in groups:
            serial, soa, seen, absent = _LONG_GROUP.unpack_from(row, position)
            if soa == UNKNOWN:
                serial_groups[group] = SerialGroup(group, None, None)
            else:
                version = Version(serial, None if absent == NEVER else moment_of(absent), moment_of(seen))
                serial_groups[group] = SerialGroup(group, serial, self.soa_of(soa, serial, zone), (version,))
            position += _LONG_GROUP.size
        address_states: list[AddressState] = []
        for server, address, group in places:
            flags, state, since, changed, nsid = _ADDRESS.unpack_from(row, position)
            position += _ADDRESS.size
            serial = serial_groups[group].reference if state == self._serving else None
            synced = expires = None
            if flags & _SERIAL:
                (serial,) = _SERIAL_OF.unpack_from(row, position)
                position += _SERIAL_OF.size
            if flags & _SYNCED:
                synced, position = moment_of(_MICROS.unpack_from(row, position)[0]), position + _MICROS.size
            if flags & _STOPS:
                expires, position = moment_of(_MICROS.unpack_from(row, position)[0]), position + _MICROS.size
            address_states.append(
                AddressState(
                    server, address, group, serial, moment_of(since), self.table.text_of(state), moment_of(changed),
                    synced,
                    nsid=self.table.text_of(nsid - 1) if nsid else None, checked_at=at, expires=expires,
                    estimated=bool(flags & _ESTIMATED),
                )
            )  # fmt: skip
        return ZoneState(zone, tuple(serial_groups.values()), tuple(address_states), at)


def reachable_addresses(zone_state: ZoneState) -> tuple[bool, ...]:
    """Of which addresses, in order, anything at all was heard at the last look."""
    return tuple([address_state.outcome not in _NO_RESPONSE for address_state in zone_state.address_states])


@cache
def short_shape(flags: int, serial_groups: int, places: int) -> Struct:
    nsids = places if flags & NSIDS else 0
    stops = places if flags & EXPIRES else 0
    return Struct(f"<BIq{'IIqI' * serial_groups}{places + nsids}I{stops}q")


def _settled(serial_group: SerialGroup) -> bool:
    reference = serial_group.reference
    if reference is None:
        return (
            serial_group.soa is None
            and not serial_group.versions
            and serial_group.doubt is None
            and serial_group.regressed is None
            and serial_group.jumped is None
        )
    return (
        serial_group.soa is not None
        and serial_group.soa.serial == reference
        and len(serial_group.versions) == 1
        and serial_group.versions[0].serial == reference
        and serial_group.doubt is None
        and serial_group.regressed is None
        and serial_group.jumped is None
    )
