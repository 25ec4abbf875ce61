"""The ledgers of all zones: half a million, of which nearly all stand still."""

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import replace
from datetime import datetime

from checks.zone_state.codec import ZoneStateCodec
from checks.zone_state.model import AddressState, ZoneState
from monitor.state.columns import ZoneColumns, micros, moment


class ZoneStates(MutableMapping[str, ZoneState]):
    """Ledgers by zone: one that stands still is kept packed, and made again when it is looked at.

    What ticks meanwhile is in the columns: a ledger comes out as it would be had each look been written into it.
    """

    __slots__ = ("_looked", "_rows", "_whole", "packer", "still")

    def __init__(
        self,
        packer: ZoneStateCodec | None = None,
        rows: dict[str, bytes] | None = None,
        whole: dict[str, ZoneState] | None = None,
        looked: datetime | None = None,
    ) -> None:
        """The dicts become its own; no zone is in both. What is packed has been ``looked`` at since, or then."""
        self.packer = packer if packer is not None else ZoneStateCodec()
        self.still: ZoneColumns | None = None
        """The columns of the roll that is watched. Only zones that are on it are packed anew."""
        self._rows = {} if rows is None else rows
        self._whole = {} if whole is None else whole
        self._looked = looked

    @classmethod
    def of(cls, ledgers: Mapping[str, ZoneState]) -> "ZoneStates":
        return ledgers if isinstance(ledgers, cls) else cls(whole=dict(ledgers))

    def row(self, name: str) -> bytes | None:
        """The packed ledger of a zone that stands still."""
        return self._rows.get(name)

    def __repr__(self) -> str:
        return repr(dict(self))

    def __getitem__(self, name: str) -> ZoneState:
        whole = self._whole.get(name)
        return whole if whole is not None else self._ticked(name, self.packer.unpack(name, self._rows[name]))

    def __setitem__(self, name: str, ledger: ZoneState) -> None:
        still = self.still
        row = self.packer.pack(ledger) if still is not None and name in still.roll else None
        if row is None:
            self._rows.pop(name, None)
            self._whole[name] = ledger
        else:
            self._whole.pop(name, None)
            self._rows[name] = row
            if still is not None:
                _tick(still, name, ledger)

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

    def _ticked(self, name: str, ledger: ZoneState) -> ZoneState:
        still, number = self.still, -1
        if still is not None and name in still.roll:
            number = still.roll.number(name)
        looked = still.looked[number] if still is not None and number >= 0 else 0
        if still is None or not looked:
            since = self._looked
            return (
                replace(ledger, at=since)
                if since is not None and ledger.at is not None and since > ledger.at
                else ledger
            )
        refs = still.places(number)
        if len(refs) != len(ledger.standings):
            return ledger
        at, ticks = moment(looked), still.ticks
        standings = tuple(
            _moved(standing, at, ticks.rtts[ref], ticks.expires[ref])
            for standing, ref in zip(ledger.standings, refs, strict=True)
        )
        return ZoneState(ledger.zone, ledger.spaces, standings, at)


def _tick(still: ZoneColumns, name: str, ledger: ZoneState) -> None:
    """Into the columns with what a row does not hold."""
    number = still.roll.number(name)
    still.looked[number] = micros(ledger.at) if ledger.at is not None else 0
    for standing, ref in zip(ledger.standings, still.places(number), strict=False):
        still.ticks.rtts[ref] = -1.0 if standing.rtt is None else standing.rtt
        still.ticks.expires[ref] = 0 if standing.expires is None else micros(standing.expires)


def _moved(one: AddressState, at: datetime, rtt: float, expires: int) -> AddressState:
    """Written out, because replace() takes three times as long."""
    until = one.expires
    if expires and until is not None and not one.estimated:
        until = moment(expires)
    return AddressState(
        one.server, one.address, one.group, one.serial, one.since, one.state, one.changed, one.synced, one.passed,
        one.nsid, one.doubt, at, until, one.estimated, rtt if rtt >= 0 else None,
    )  # fmt: skip
