"""The zone states of all zones: half a million, of which nearly all are steady."""

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import replace
from datetime import datetime

from checks.common.epoch import micros, moment_of
from checks.zone_state.codec import ZoneStateCodec
from checks.zone_state.model import AddressState, ZoneState
from monitor.state.columns import ZoneColumns


class ZoneStates(MutableMapping[str, ZoneState]):
    """Zone states by zone: one that is steady is kept packed, and made again when it is looked at.

    What ticks meanwhile is in the columns: a zone state comes out as it would be had each look been written into it.
    """

    __slots__ = ("_looked", "_rows", "_whole", "codec", "columns")

    def __init__(
        self,
        codec: ZoneStateCodec | None = None,
        rows: dict[str, bytes] | None = None,
        whole: dict[str, ZoneState] | None = None,
        checked_at: datetime | None = None,
    ) -> None:
        """The dicts become its own; no zone is in both. What is packed has been ``checked_at`` at since, or then."""
        self.codec = codec if codec is not None else ZoneStateCodec()
        self.columns: ZoneColumns | None = None
        """The columns of the table that is watched. Only zones that are on it are packed anew."""
        self._rows = {} if rows is None else rows
        self._whole = {} if whole is None else whole
        self._looked = checked_at

    @classmethod
    def of(cls, zone_states: Mapping[str, ZoneState]) -> "ZoneStates":
        return zone_states if isinstance(zone_states, cls) else cls(whole=dict(zone_states))

    def row(self, name: str) -> bytes | None:
        """The packed zone state of a steady zone."""
        return self._rows.get(name)

    def __repr__(self) -> str:
        return repr(dict(self))

    def __getitem__(self, name: str) -> ZoneState:
        whole = self._whole.get(name)
        return whole if whole is not None else self._ticked(name, self.codec.unpack(name, self._rows[name]))

    def __setitem__(self, name: str, zone_state: ZoneState) -> None:
        columns = self.columns
        row = self.codec.pack(zone_state) if columns is not None and name in columns.zone_table else None
        if row is None:
            self._rows.pop(name, None)
            self._whole[name] = zone_state
        else:
            self._whole.pop(name, None)
            self._rows[name] = row
            if columns is not None:
                _tick(columns, name, zone_state)

    def put_row(self, name: str, row: bytes) -> None:
        """The packed zone state of a zone that had none; what ticks is in the columns already."""
        self._rows[name] = row

    @property
    def whole(self) -> Mapping[str, ZoneState]:
        """All that are not packed: those of zones that are not steady."""
        return self._whole

    def change_whole(self, whole: dict[str, ZoneState]) -> None:
        """The very same zones are so now."""
        self._whole = whole

    def __delitem__(self, name: str) -> None:
        if self._rows.pop(name, None) is None:
            del self._whole[name]

    def __contains__(self, name: object) -> bool:
        return name in self._whole or name in self._rows

    def __iter__(self) -> Iterator[str]:
        yield from self._rows
        yield from self._whole

    def __len__(self) -> int:
        return len(self._rows) + len(self._whole)

    def _ticked(self, name: str, zone_state: ZoneState) -> ZoneState:
        columns, number = self.columns, -1
        if columns is not None and name in columns.zone_table:
            number = columns.zone_table.index(name)
        checked_at = columns.checked_at[number] if columns is not None and number >= 0 else 0
        if columns is None or not checked_at:
            since = self._looked
            return (
                replace(zone_state, at=since)
                if since is not None and zone_state.at is not None and since > zone_state.at
                else zone_state
            )
        slots = columns.slots_of(number)
        if len(slots) != len(zone_state.address_states):
            return zone_state
        at, address_metrics = moment_of(checked_at), columns.address_metrics
        address_states = tuple(
            _with_ticks(address_state, at, address_metrics.rtts[slot], address_metrics.expires[slot])
            for address_state, slot in zip(zone_state.address_states, slots, strict=True)
        )
        return ZoneState(zone_state.zone, zone_state.serial_groups, address_states, at)


def _tick(columns: ZoneColumns, name: str, zone_state: ZoneState) -> None:
    """Into the columns with what a row does not hold."""
    number = columns.zone_table.index(name)
    columns.checked_at[number] = micros(zone_state.at) if zone_state.at is not None else 0
    for address_state, slot in zip(zone_state.address_states, columns.slots_of(number), strict=False):
        columns.address_metrics.rtts[slot] = -1.0 if address_state.rtt is None else address_state.rtt
        columns.address_metrics.expires[slot] = 0 if address_state.expires is None else micros(address_state.expires)


def _with_ticks(one: AddressState, at: datetime, rtt: float, expires: int) -> AddressState:
    """Written out, because replace() takes three times as long."""
    until = one.expires
    if expires and until is not None and not one.estimated:
        until = moment_of(expires)
    return AddressState(
        one.server, one.address, one.group, one.serial, one.since, one.outcome, one.changed, one.synced, one.passed,
        one.nsid, one.doubt, at, until, one.estimated, rtt if rtt >= 0 else None,
    )  # fmt: skip
