"""Zones of which a further look tells more about the machines behind an address: when to look at them again.

Whether a version is that of another machine, and whether a machine is gone, shows by who answers how often. At the
cadence alone that would take forty looks: forty hours where a zone is looked at once an hour. So a zone is looked at
again after PAUSE while that is open, and only so many of them at a time; where all zones of a server are so, the others
are seen at their regular looks. A machine that is known to be stale, and that answers, is left to those as well.
"""

from datetime import datetime, timedelta

from checks.zone_state.identities import unsettled
from checks.zone_state.model import ZoneState

PAUSE = timedelta(seconds=20)

MAX_ZONES = 100
"""Looked at again at a time: at most five a second, under the caps of their servers."""


class IdentityLooks:
    """The zones that are looked at again."""

    def __init__(self) -> None:
        self._next: dict[str, datetime] = {}

    def __contains__(self, zone: object) -> bool:
        return zone in self._next

    def next_look(self, zone: str, zone_state: ZoneState, at: datetime, cadence: timedelta) -> datetime | None:
        """When to look again after the look ``at``, sooner than the next regular one; None: no need, or no room."""
        open_ = any(unsettled(address_state.identities) for address_state in zone_state.address_states)
        if not open_ or cadence <= PAUSE or (zone not in self._next and not self._has_room(at)):
            self._next.pop(zone, None)
            return None
        when = self._next[zone] = at + PAUSE
        return when

    def _has_room(self, at: datetime) -> bool:
        """Zones that nobody has looked at when it was time make room for others: they are watched no more."""
        if len(self._next) >= MAX_ZONES:
            self._next = {zone: when for zone, when in self._next.items() if at <= when + PAUSE}
        return len(self._next) < MAX_ZONES
