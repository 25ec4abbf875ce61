"""Which zones are asked over TCP: every address at each sweep, for one of its zones, and every zone in turn."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from checks.model import Address, Zone
from monitor.clock import monotonic
from monitor.state.columns import ZoneColumns

EARLY = 0.9
"""The share of a cadence after which an address is due again: its zones do not come back to the microsecond."""


class TcpTurns:
    """Of the zones that a check asks equally often. ``cadence``: how often each address is asked; ``interval``: how
    often each zone is, by its template.
    """

    def __init__(
        self, cadence: timedelta, interval: Callable[[Zone], timedelta], clock: Callable[[], float] = monotonic
    ) -> None:
        self._cadence, self._interval, self._clock = cadence, interval, clock
        self._turn = 0
        self._asked: dict[Address, float] = {}

    def begin(self, columns: ZoneColumns) -> None:
        """Another sweep of these zones."""
        self._turn += 1
        now = self._clock()
        known = {place.address for layout in columns.layouts for place in layout}
        self._asked = {address: self._asked.get(address, now - self._cadence.total_seconds()) for address in known}

    def due(self, columns: ZoneColumns, numbers: Sequence[int]) -> set[int]:
        """Those of the zones, by number in the table, that are to be asked over TCP now."""
        template_ids = columns.zone_table.template_ids
        found = self.in_turn(columns, numbers)
        for template_id in {template_ids[number] for number in found}:
            self._note(columns, template_id)
        for template_id, number in {template_ids[number]: number for number in numbers}.items():
            if self._is_due(columns, template_id):
                found.add(number)
                self._note(columns, template_id)
        return found

    def _note(self, columns: ZoneColumns, template_id: int) -> None:
        """A zone of this template is asked."""
        self._asked.update(dict.fromkeys((one.address for one in columns.layouts[template_id]), self._clock()))

    def in_turn(self, columns: ZoneColumns, numbers: Sequence[int]) -> set[int]:
        """Those of the zones that have their own turn in this sweep."""
        template_ids, templates = columns.zone_table.template_ids, columns.zone_table.templates
        turns = {
            template_id: max(1, round(self._interval(templates[template_id]) / self._cadence))
            for template_id in {template_ids[number] for number in numbers}
        }
        return {number for number in numbers if (number - self._turn) % turns[template_ids[number]] == 0}

    def _is_due(self, columns: ZoneColumns, template_id: int) -> bool:
        before = self._clock() - EARLY * self._cadence.total_seconds()
        return any(self._asked.get(one.address, 0.0) <= before for one in columns.layouts[template_id])
