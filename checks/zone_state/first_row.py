"""The packed state of a zone in which all is well, made after or compared with that of a zone that is like it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from checks.common.epoch import moment_of
from checks.model import Address, Soa
from checks.zone_state.address import ANSWERED
from checks.zone_state.codec import (
    EXPIRES,
    HEAD,
    NEVER,
    NSIDS,
    SHORT,
    UNKNOWN,
    ZoneStateCodec,
    short_shape,
)
from checks.zone_state.model import StateChange, ZoneState


@dataclass(frozen=True, slots=True)
class FirstRow:
    """What a row has in common with those of all zones that are served alike: all but serials and times.

    Places are the addresses, in order; ``groups`` has the number of the serial group of each, ``expiring`` whether its
    EXPIRE counts, and ``soas`` the number of the SOA of each group in the intern table.
    """

    flags: int
    layout: int
    soas: tuple[int, ...]
    groups: tuple[int, ...]
    nsids: tuple[int, ...]
    expiring: tuple[bool, ...]

    def pack(
        self, at: int, serials: Sequence[int], looks: Sequence[int], expires: Sequence[int | None]
    ) -> bytes | None:
        """The row of a zone that was looked at first ``at`` then, in microseconds since 1970; None if none can be made.

        ``serials`` is what each place serves, and ``looks`` when it was looked at; ``expires`` when it ends to serve by
        its EXPIRE, of those that are ``expiring``.
        """
        numbers = [self.flags, self.layout, at]
        first: list[int] = []
        for group, soa in enumerate(self.soas):
            shown = {serials[place] for place, own in enumerate(self.groups) if own == group}
            if len(shown) > 1:
                return None
            first.append(min(looks[place] for place, own in enumerate(self.groups) if own == group))
            numbers += (shown.pop(), soa, first[-1], UNKNOWN)
        for look, group in zip(looks, self.groups, strict=True):
            after = look - first[group]
            if after >= UNKNOWN:
                return None
            numbers.append(after)
        numbers += self.nsids
        if self.flags & EXPIRES:
            for expiring, end in zip(self.expiring, expires, strict=True):
                if expiring is not (end is not None):
                    return None
                numbers.append(NEVER if end is None else end)
        return short_shape(self.flags, len(self.soas), len(self.groups)).pack(*numbers)

    def fits(self, row: bytes, serials: Sequence[int]) -> bool:
        """Whether a row says the same as one of these, with these serials, but for times."""
        if HEAD.unpack_from(row)[:2] != (self.flags, self.layout):
            return False
        groups, places = len(self.soas), len(self.groups)
        numbers = short_shape(self.flags, groups, places).unpack(row)
        known, rest = numbers[3 : 3 + 4 * groups : 4], 3 + 4 * groups + places
        return (
            numbers[4 : 3 + 4 * groups : 4] == self.soas
            and all(known[group] == serial for group, serial in zip(self.groups, serials, strict=True))
            and numbers[rest : rest + len(self.nsids)] == self.nsids
            and tuple(end != NEVER for end in self._ends(numbers)) == self.expiring
        )

    def _ends(self, numbers: tuple[int, ...]) -> tuple[int, ...]:
        return numbers[-len(self.groups) :] if self.flags & EXPIRES else (NEVER,) * len(self.groups)

    def soas_for(self, codec: ZoneStateCodec, zone: str) -> tuple[Soa, ...]:
        """The SOA of each group, but for the serial, were it the zone of that name."""
        return tuple(codec.soa_of(number, 0, zone) for number in self.soas)


def first_row(codec: ZoneStateCodec, row: bytes) -> FirstRow | None:
    """Of a zone that has just been looked at; None where a row is not of the usual."""
    flags, layout, _ = HEAD.unpack_from(row)
    if not flags & SHORT:
        return None
    groups, places = codec.table.layout_of(layout)
    numbers = short_shape(flags, len(groups), len(places)).unpack(row)
    rest = 3 + 4 * len(groups) + len(places)
    nsids = numbers[rest : rest + len(places)] if flags & NSIDS else ()
    ends = numbers[-len(places) :] if flags & EXPIRES else (NEVER,) * len(places)
    return FirstRow(
        flags, layout, numbers[4 : 3 + 4 * len(groups) : 4], tuple(groups.index(group) for _, _, group in places),
        nsids, tuple(end != NEVER for end in ends),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewZones:
    """Zone states of zones that had none, as short rows of a codec: what each address serves it has always served."""

    codec: ZoneStateCodec
    rows: Mapping[str, bytes]

    def states(self) -> Iterator[ZoneState]:
        return (self.codec.unpack(zone, row) for zone, row in self.rows.items())

    def state_changes(self) -> Iterator[StateChange]:
        """What each address serves from its first look on."""
        moments: dict[int, datetime] = {}
        for zone, row in self.rows.items():
            for server, address, serial, since in self._places(row):
                moment = moments.get(since)
                if moment is None:
                    moment = moments[since] = moment_of(since)
                yield StateChange(zone, server, address, serial, ANSWERED, moment)

    def _places(self, row: bytes) -> Iterator[tuple[str, Address, int, int]]:
        """Server, address, serial, and microseconds since 1970."""
        flags, layout, _ = HEAD.unpack_from(row)
        groups, places = self.codec.table.layout_of(layout)
        numbers = short_shape(flags, len(groups), len(places)).unpack(row)
        first = {group: 3 + 4 * number for number, group in enumerate(groups)}
        for (server, address, group), after in zip(places, numbers[3 + 4 * len(groups) :], strict=False):
            at = first[group]
            yield server, address, numbers[at], numbers[at + 2] + after

    def without(self, zones: "frozenset[str] | set[str]") -> "NewZones":
        return NewZones(self.codec, {zone: row for zone, row in self.rows.items() if zone not in zones})
