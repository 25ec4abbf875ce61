"""Packs the ledger of a zone that stands still into some fifty octets.

It stands still when nothing is in doubt, each space has one version and a reference (or none, as nobody has ever served
any), and every address either serves its reference or serves nothing: then only what ticks will change until something
happens. What ticks at every look is not in a row: ``looked`` comes back as the ledger's ``at``, and ``rtt`` as None.
All else comes back as it was.

Time alone can bring soa-serial to a finding about such a ledger in one way only, by ``expires`` of an address that
serves: there is no lag (all serve the reference), no doubt and nothing regressed. An estimate (the primary is silent)
stays what it is, and ``SoaSerial.due`` says when it is near. EDNS EXPIRE was told at the last look and runs down only
if the next look does not renew it: so whoever passes over a look has to see that every address that gave an EXPIRE
gives one again, and none below its ``floors``.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is a class

from checks.model import Outcome, Soa
from checks.zone_state.address import SERVING
from checks.zone_state.intern_table import HERE, InternTable
from checks.zone_state.model import AddressState, SerialGroup, Version, ZoneState

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_NEVER = -(2**63)
_UNKNOWN = 2**32 - 1
"""In place of a span in microseconds; in place of a SOA, where nobody has ever served a version."""

_ANSWERING, _SHORT, _NSIDS, _EXPIRES = 1, 2, 4, 8
"""Flags of a row: every address serves a version, as its primary does; all runs began soon after their version was
first seen, so that four octets tell when; some have an NSID; some an EXPIRE."""

_SERIAL, _SYNCED, _STOPS, _ESTIMATED = 1, 2, 4, 8
"""Flags of a standing in a row that is not short: what it has."""

_HEAD = Struct("<BIq")
_SPACE = Struct("<IIqI")
_LONG_SPACE = Struct("<IIqq")
_STANDING = Struct("<BIqqI")
_LONG = Struct("<q")
_SERIAL_OF = Struct("<I")

_INAUDIBLE = frozenset(outcome.value for outcome in Outcome if outcome.silent)


class ZoneStateCodec:
    """Ledgers to rows and back, by one table of words."""

    __slots__ = ("_serving", "words")

    def __init__(self, words: InternTable | None = None) -> None:
        self.words = words if words is not None else InternTable()
        self._serving = self.words.number(SERVING)

    def pack(self, ledger: ZoneState) -> bytes | None:
        """None when the ledger does not stand still, or has never been looked at."""
        spaces, standings = ledger.spaces, ledger.standings
        if ledger.at is None or self.words.full:
            return None
        references: dict[str, Version | None] = {}
        flags = _ANSWERING | _SHORT
        for space in spaces:
            if not _settled(space):
                return None
            references[space.group] = space.versions[0] if space.versions else None
            if not space.versions:
                flags = 0
        for standing in standings:
            if standing.group not in references or standing.doubt is not None or standing.passed:
                return None
            if standing.state != SERVING or standing.synced is not None or standing.estimated:
                flags = 0
            version = references[standing.group]
            if standing.state == SERVING and (version is None or standing.serial != version.serial):
                return None
        if flags and (row := self._short(ledger, flags)) is not None:
            return row
        parts = [_HEAD.pack(flags & ~_SHORT, self._number_of(ledger), _micros(ledger.at))]
        parts += [self._space(space, ledger.zone) for space in spaces]
        parts += map(self._standing, standings)
        return b"".join(parts)

    def _short(self, ledger: ZoneState, flags: int) -> bytes | None:
        """The row of nearly every zone; None where a span does not fit."""
        numbers = [0, self._number_of(ledger), _micros(ledger.at or _EPOCH)]
        versions: dict[str, Version] = {}
        for space in ledger.spaces:
            version = versions[space.group] = space.versions[0]
            absent = _UNKNOWN if version.absent is None else _micros(version.seen, version.absent)
            if not 0 <= absent < _UNKNOWN + (version.absent is None):
                return None
            numbers += (version.serial, self._soa_number(space, ledger.zone), _micros(version.seen), absent)
        nsids: list[int] = []
        stops: list[int] = []
        for standing in ledger.standings:
            since = standing.since
            after = _micros(since, versions[standing.group].seen)
            if not 0 <= after < _UNKNOWN or (standing.changed is not since and standing.changed != since):
                return None
            numbers.append(after)
            nsid, expires = standing.nsid, standing.expires
            if nsid is not None:
                flags |= _NSIDS
            if expires is not None:
                flags |= _EXPIRES
            nsids.append(0 if nsid is None else self.words.number(nsid) + 1)
            stops.append(_NEVER if expires is None else _micros(expires))
        numbers[0] = flags
        if flags & _NSIDS:
            numbers += nsids
        if flags & _EXPIRES:
            numbers += stops
        return _shape(flags, len(ledger.spaces), len(nsids)).pack(*numbers)

    def unpack(self, zone: str, row: bytes) -> ZoneState:
        """The ledger that was packed, but for what ticks."""
        flags, layout, looked = _HEAD.unpack_from(row)
        at = _moment(looked)
        groups, places = self.words.layout_of(layout)
        if not flags & _SHORT:
            return self._unpack_long(zone, row, at)
        count = len(places)
        numbers = _shape(flags, len(groups), count).unpack(row)
        spaces: dict[str, SerialGroup] = {}
        first: dict[str, datetime] = {}
        place = 3
        for group in groups:
            serial, soa, seen, absent = numbers[place : place + 4]
            first[group] = moment = _moment(seen)
            version = Version(serial, None if absent == _UNKNOWN else moment - timedelta(0, 0, absent), moment)
            spaces[group] = SerialGroup(group, serial, self._soa_of(soa, serial, zone), (version,))
            place += 4
        spans = numbers[place : place + count]
        place += count
        nsids: Iterable[int] = numbers[place : place + count] if flags & _NSIDS else (0,) * count
        stops: Iterable[int] = numbers[-count:] if flags & _EXPIRES else (_NEVER,) * count
        standings = []
        for (server, address, group), span, nsid, stop in zip(places, spans, nsids, stops, strict=True):
            since = first[group] + timedelta(0, 0, span) if span else first[group]
            standings.append(
                AddressState(
                    server, address, group, spaces[group].reference, since, SERVING, since, None, 0,
                    self.words.text_of(nsid - 1) if nsid else None, None, at, None if stop == _NEVER else _moment(stop),
                )
            )  # fmt: skip
        return ZoneState(zone, tuple(spaces.values()), tuple(standings), at)

    def sound(self, row: bytes) -> bool:
        """Whether it is a row by these words: what is kept may have been changed by somebody else."""
        values = self.words.values
        try:
            flags, layout, _ = _HEAD.unpack_from(row)
            if not flags & _SHORT:
                return bool(self.unpack("", row).spaces)
            groups, places = self.words.layout_of(layout)
            numbers = _shape(flags, len(groups), len(places)).unpack(row)
            return all(isinstance(values[soa], Soa) for soa in numbers[4 : 3 + 4 * len(groups) : 4])
        except (StructError, LookupError, AssertionError, OverflowError):
            return False

    def answering(self, row: bytes) -> bool:
        """Whether every address serves a version, and its primary has just said that it is the right one."""
        return bool(row[0] & _ANSWERING)

    def audible(self, row: bytes) -> tuple[bool, ...]:
        """Of which addresses, in order, anything at all was heard at the last look."""
        return audible(self.unpack("", row))

    def floors(self, row: bytes, near: float) -> tuple[int, ...]:
        """Seconds of EXPIRE that an address must have left for nothing to be found: a share ``near`` of the SOA's.

        And a minute more: what an address said at the beginning of a round is judged by its end.
        """
        flags, layout, _ = _HEAD.unpack_from(row)
        groups, places = self.words.layout_of(layout)
        space = _SPACE if flags & _SHORT else _LONG_SPACE
        least: dict[str, int] = {}
        for number, group in enumerate(groups):
            soa = space.unpack_from(row, _HEAD.size + space.size * number)[1]
            least[group] = 0 if soa == _UNKNOWN else int(self.words.soa_of(soa).expire * near) + 61
        return tuple(least[group] for _, _, group in places)

    def _number_of(self, ledger: ZoneState) -> int:
        groups = tuple([space.group for space in ledger.spaces])
        return self.words.number((groups, tuple([(s.server, s.address, s.group) for s in ledger.standings])))

    def _soa_number(self, space: SerialGroup, zone: str) -> int:
        soa = space.soa
        assert soa is not None  # noqa: S101 - _settled has seen to it
        mname = soa.mname.removesuffix(zone) + HERE if soa.mname.endswith(zone) else soa.mname
        rname = soa.rname.removesuffix(zone) + HERE if soa.rname.endswith(zone) else soa.rname
        return self.words.soa((mname, rname, soa.refresh, soa.retry, soa.expire, soa.minimum, soa.ttl))

    def _soa_of(self, number: int, serial: int, zone: str) -> Soa:
        rest = self.words.soa_of(number)
        mname = rest.mname[:-1] + zone if rest.mname.endswith(HERE) else rest.mname
        rname = rest.rname[:-1] + zone if rest.rname.endswith(HERE) else rest.rname
        return Soa(serial, mname, rname, rest.refresh, rest.retry, rest.expire, rest.minimum, rest.ttl)

    def _space(self, space: SerialGroup, zone: str) -> bytes:
        if not space.versions:
            return _LONG_SPACE.pack(0, _UNKNOWN, 0, 0)
        version = space.versions[0]
        absent = _NEVER if version.absent is None else _micros(version.absent)
        return _LONG_SPACE.pack(version.serial, self._soa_number(space, zone), _micros(version.seen), absent)

    def _standing(self, standing: AddressState) -> bytes:
        flags, rest = 0, b""
        if standing.state != SERVING and standing.serial is not None:
            flags, rest = flags | _SERIAL, rest + _SERIAL_OF.pack(standing.serial)
        if standing.synced is not None:
            flags, rest = flags | _SYNCED, rest + _LONG.pack(_micros(standing.synced))
        if standing.expires is not None:
            flags, rest = flags | _STOPS, rest + _LONG.pack(_micros(standing.expires))
        if standing.estimated:
            flags |= _ESTIMATED
        nsid = 0 if standing.nsid is None else self.words.number(standing.nsid) + 1
        state = self.words.number(standing.state)
        return _STANDING.pack(flags, state, _micros(standing.since), _micros(standing.changed), nsid) + rest

    def _unpack_long(self, zone: str, row: bytes, at: datetime) -> ZoneState:
        groups, places = self.words.layout_of(_HEAD.unpack_from(row)[1])
        spaces: dict[str, SerialGroup] = {}
        position = _HEAD.size
        for group in groups:
            serial, soa, seen, absent = _LONG_SPACE.unpack_from(row, position)
            if soa == _UNKNOWN:
                spaces[group] = SerialGroup(group, None, None)
            else:
                version = Version(serial, None if absent == _NEVER else _moment(absent), _moment(seen))
                spaces[group] = SerialGroup(group, serial, self._soa_of(soa, serial, zone), (version,))
            position += _LONG_SPACE.size
        standings: list[AddressState] = []
        for server, address, group in places:
            flags, state, since, changed, nsid = _STANDING.unpack_from(row, position)
            position += _STANDING.size
            serial = spaces[group].reference if state == self._serving else None
            synced = expires = None
            if flags & _SERIAL:
                (serial,) = _SERIAL_OF.unpack_from(row, position)
                position += _SERIAL_OF.size
            if flags & _SYNCED:
                synced, position = _moment(_LONG.unpack_from(row, position)[0]), position + _LONG.size
            if flags & _STOPS:
                expires, position = _moment(_LONG.unpack_from(row, position)[0]), position + _LONG.size
            standings.append(
                AddressState(
                    server, address, group, serial, _moment(since), self.words.text_of(state), _moment(changed), synced,
                    nsid=self.words.text_of(nsid - 1) if nsid else None, looked=at, expires=expires,
                    estimated=bool(flags & _ESTIMATED),
                )
            )  # fmt: skip
        return ZoneState(zone, tuple(spaces.values()), tuple(standings), at)


def audible(ledger: ZoneState) -> tuple[bool, ...]:
    """Of which addresses, in order, anything at all was heard at the last look."""
    return tuple([standing.state not in _INAUDIBLE for standing in ledger.standings])


@cache
def _shape(flags: int, spaces: int, places: int) -> Struct:
    nsids = places if flags & _NSIDS else 0
    stops = places if flags & _EXPIRES else 0
    return Struct(f"<BIq{'IIqI' * spaces}{places + nsids}I{stops}q")


def _settled(space: SerialGroup) -> bool:
    reference = space.reference
    if reference is None:
        return space.soa is None and not space.versions and space.doubt is None and space.regressed is None
    return (
        space.soa is not None
        and space.soa.serial == reference
        and len(space.versions) == 1
        and space.versions[0].serial == reference
        and space.doubt is None
        and space.regressed is None
    )


def _micros(at: datetime, since: datetime = _EPOCH) -> int:
    if at is since:
        return 0
    span = at - since
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(0, 0, micros)
