"""How is the ledger of a zone that stands still kept in some eighty octets?

It stands still when nothing is in doubt, each space has one version and a reference, and every address either serves
its reference or serves nothing: then only what ticks will change until something happens. What ticks at every look is
not in a row: ``looked`` comes back as the ledger's ``at``, and ``rtt`` as None.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from struct import Struct

from checks.history import Ledger, Space, Standing, Version
from checks.looks import SERVING
from checks.model import Address, Outcome, Soa, absolute, relative

Place = tuple[str, Address, str]
"""Server, address, group."""

Layout = tuple[tuple[str, ...], tuple[Place, ...]]
"""The groups of a ledger's spaces and the places of its standings, in order."""

Word = Layout | Soa | str
"""What many ledgers have in common."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_NEVER = -(2**63)

_ALIKE, _ANSWERING = 1, 2
"""Flags of a row: all addresses began to serve the version when it was first seen; every one serves a version."""

_SERIAL, _SYNCED, _EXPIRES, _ESTIMATED = 1, 2, 4, 8
"""Flags of a standing: what it has."""

_HEAD = Struct("<BIq")
_SPACE = Struct("<IIqq")
_STANDING = Struct("<BIqqI")
_LONG = Struct("<q")
_SERIAL_OF = Struct("<I")

MOST = 1_000_000
"""Words that are remembered at most, whatever servers make up to tell themselves apart."""

_INAUDIBLE = frozenset(outcome.value for outcome in Outcome if outcome.silent)


class Words:
    """What rows refer to by number. It only ever grows: a number once given is kept."""

    __slots__ = ("_numbers", "values")

    def __init__(self, values: Iterable[Word] = ()) -> None:
        self.values: list[Word] = list(values)
        self._numbers: dict[Word, int] = {value: number for number, value in enumerate(self.values)}

    def number(self, value: Word) -> int:
        number = self._numbers.get(value)
        if number is None:
            number = self._numbers[value] = len(self.values)
            self.values.append(value)
        return number


class Packer:
    """Ledgers to rows and back, by one table of words."""

    __slots__ = ("_serving", "words")

    def __init__(self, words: Words | None = None) -> None:
        self.words = words if words is not None else Words()
        self._serving = self.words.number(SERVING)

    def pack(self, ledger: Ledger) -> bytes | None:
        """None when the ledger does not stand still, or has never been looked at."""
        if ledger.at is None or not all(map(_settled, ledger.spaces)) or len(self.words.values) >= MOST:
            return None
        references = {space.group: space for space in ledger.spaces}
        for standing in ledger.standings:
            space = references.get(standing.group)
            if space is None or standing.doubt is not None or standing.passed:
                return None
            if standing.state == SERVING and (standing.serial != space.reference or standing.synced is not None):
                return None
        flags = _ANSWERING * all(standing.state == SERVING for standing in ledger.standings)
        flags |= _ALIKE * all(_born(standing, references[standing.group]) for standing in ledger.standings)
        groups = tuple(space.group for space in ledger.spaces)
        layout: Layout = (groups, tuple((s.server, s.address, s.group) for s in ledger.standings))
        parts = [_HEAD.pack(flags, self.words.number(layout), _micros(ledger.at))]
        parts += [self._space(ledger.zone, space) for space in ledger.spaces]
        if not flags & _ALIKE:
            parts += map(self._standing, ledger.standings)
        return b"".join(parts)

    def unpack(self, zone: str, row: bytes) -> Ledger:
        """The ledger that was packed, but for what ticks."""
        flags, layout, looked = _HEAD.unpack_from(row)
        at, position = _moment(looked), _HEAD.size
        groups, places = self._layout(layout)
        spaces = {}
        for group in groups:
            spaces[group] = self._space_of(zone, group, row, position)
            position += _SPACE.size
        if flags & _ALIKE:
            standings = tuple(
                Standing(
                    server, address, group, (space := spaces[group]).reference, space.versions[0].seen, SERVING,
                    space.versions[0].seen, looked=at,
                )
                for server, address, group in places
            )  # fmt: skip
        else:
            standings, position = self._standings(places, spaces, row, position, at)
        return Ledger(zone, tuple(spaces.values()), standings, at)

    def answering(self, row: bytes) -> bool:
        """Whether every address serves a version."""
        return bool(row[0] & _ANSWERING)

    def audible(self, row: bytes) -> tuple[bool, ...]:
        """Of which addresses, in order, anything at all was heard at the last look."""
        ledger = self.unpack("", row)
        return tuple(standing.state not in _INAUDIBLE for standing in ledger.standings)

    def floors(self, row: bytes, near: float) -> tuple[int, ...]:
        """Seconds of EXPIRE that an address must have left for nothing to be found: a share ``near`` of the SOA's."""
        _, layout, _ = _HEAD.unpack_from(row)
        groups, places = self._layout(layout)
        least = {
            group: int(self._soa(_SPACE.unpack_from(row, _HEAD.size + _SPACE.size * number)[1]).expire * near) + 1
            for number, group in enumerate(groups)
        }
        return tuple(least[group] for _, _, group in places)

    def took(self, row: bytes) -> Iterator[tuple[str, Address, datetime]]:
        """When each address that serves a version, or served one last, took it."""
        flags, layout, _ = _HEAD.unpack_from(row)
        groups, places = self._layout(layout)
        if flags & _ALIKE and len(groups) == 1:
            since = _moment(_SPACE.unpack_from(row, _HEAD.size)[2])
            return ((server, address, since) for server, address, _ in places)
        standings = self.unpack("", row).standings
        return ((s.server, s.address, s.since) for s in standings if s.serial is not None)

    def _space(self, zone: str, space: Space) -> bytes:
        """Of the SOA with names as seen from the zone: many zones then have the same, but for its serial."""
        soa, version = space.soa, space.versions[0]
        assert soa is not None  # noqa: S101 - _settled has seen to it
        mname, rname = relative(soa.mname, zone), relative(soa.rname, zone)
        rest = Soa(0, mname, rname, soa.refresh, soa.retry, soa.expire, soa.minimum, soa.ttl)
        absent = _NEVER if version.absent is None else _micros(version.absent)
        return _SPACE.pack(version.serial, self.words.number(rest), _micros(version.seen), absent)

    def _space_of(self, zone: str, group: str, row: bytes, position: int) -> Space:
        reference, soa, seen, absent = _SPACE.unpack_from(row, position)
        rest = self._soa(soa)
        mname, rname = absolute(rest.mname, zone), absolute(rest.rname, zone)
        whole = Soa(reference, mname, rname, rest.refresh, rest.retry, rest.expire, rest.minimum, rest.ttl)
        version = Version(reference, None if absent == _NEVER else _moment(absent), _moment(seen))
        return Space(group, reference, whole, (version,))

    def _standing(self, standing: Standing) -> bytes:
        flags, rest = 0, b""
        if standing.state != SERVING and standing.serial is not None:
            flags, rest = flags | _SERIAL, rest + _SERIAL_OF.pack(standing.serial)
        if standing.synced is not None:
            flags, rest = flags | _SYNCED, rest + _LONG.pack(_micros(standing.synced))
        if standing.expires is not None:
            flags |= _EXPIRES | (_ESTIMATED if standing.estimated else 0)
            rest += _LONG.pack(_micros(standing.expires))
        nsid = 0 if standing.nsid is None else self.words.number(standing.nsid) + 1
        state = self.words.number(standing.state)
        return _STANDING.pack(flags, state, _micros(standing.since), _micros(standing.changed), nsid) + rest

    def _standings(
        self, places: tuple[Place, ...], spaces: dict[str, Space], row: bytes, position: int, at: datetime
    ) -> tuple[tuple[Standing, ...], int]:
        standings: list[Standing] = []
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
            if flags & _EXPIRES:
                expires, position = _moment(_LONG.unpack_from(row, position)[0]), position + _LONG.size
            standings.append(
                Standing(
                    server, address, group, serial, _moment(since), self._text(state), _moment(changed), synced,
                    nsid=self._text(nsid - 1) if nsid else None, looked=at, expires=expires,
                    estimated=bool(flags & _ESTIMATED),
                )
            )  # fmt: skip
        return tuple(standings), position

    def _layout(self, number: int) -> Layout:
        value = self.words.values[number]
        assert isinstance(value, tuple)  # noqa: S101 - rows and words are written together
        return value

    def _soa(self, number: int) -> Soa:
        value = self.words.values[number]
        assert isinstance(value, Soa)  # noqa: S101 - rows and words are written together
        return value

    def _text(self, number: int) -> str:
        value = self.words.values[number]
        assert isinstance(value, str)  # noqa: S101 - rows and words are written together
        return value


def _settled(space: Space) -> bool:
    return (
        space.reference is not None
        and space.soa is not None
        and space.soa.serial == space.reference
        and len(space.versions) == 1
        and space.versions[0].serial == space.reference
        and space.doubt is None
        and space.regressed is None
    )


def _born(standing: Standing, space: Space) -> bool:
    """Whether all that is known of it is what is known of its space."""
    seen = space.versions[0].seen
    return (
        standing.state == SERVING
        and standing.since == seen
        and standing.changed == seen
        and standing.nsid is None
        and standing.expires is None
    )


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _TICK


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
