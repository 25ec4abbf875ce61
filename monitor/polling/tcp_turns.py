"""Which zones are asked over TCP: every address at each sweep, for one of its zones, and every zone in turn."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from checks.model import Address
from monitor.clock import monotonic
from monitor.state.columns import ZoneColumns

EARLY = 0.9
"""The share of a cadence after which an address is due again: its zones do not come back to the microsecond."""


class TcpTurns:
    """Of one check. ``cadence``: how often each address is asked; ``interval``: each zone."""

    def __init__(self, cadence: timedelta, interval: timedelta, clock: Callable[[], float] = monotonic) -> None:
        self._every = (cadence, interval)
        self._cadence, self._clock = cadence.total_seconds(), clock
        self._turns = max(1, round(interval / cadence))
        """Sweeps in which every zone has its turn once."""
        self._turn = 0
        self._asked: dict[Address, float] = {}

    def are(self, cadence: timedelta, interval: timedelta) -> bool:
        """Whether they come so often."""
        return self._every == (cadence, interval)

    def begin(self, columns: ZoneColumns) -> None:
        """Another sweep of these zones."""
        self._turn = (self._turn + 1) % self._turns
        now = self._clock()
        known = {place.address for layout in columns.layouts for place in layout}
        self._asked = {address: self._asked.get(address, now - self._cadence) for address in known}

    def due(self, columns: ZoneColumns, numbers: Sequence[int]) -> set[int]:
        """Those of the zones, by number in the table, that are to be asked over TCP now."""
        turns, turn, template_ids = self._turns, self._turn, columns.zone_table.template_ids
        found = {number for number in numbers if number % turns == turn}
        for template_id, number in {template_ids[number]: number for number in numbers}.items():
            if self._is_due(columns, template_id):
                found.add(number)
        for template_id in {template_ids[number] for number in found}:
            self._asked.update(dict.fromkeys((one.address for one in columns.layouts[template_id]), self._clock()))
        return found

    def _is_due(self, columns: ZoneColumns, template_id: int) -> bool:
        before = self._clock() - EARLY * self._cadence
        return any(self._asked.get(one.address, 0.0) <= before for one in columns.layouts[template_id])
