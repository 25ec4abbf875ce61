"""Zones of which a new version is on its way to their secondaries: when to look at them again.

A change is followed from its first sight on, in pauses that double from half a second, for half a cadence at most;
what is on its way for longer is left to the sweeps. So a zone with a cadence of a minute has six looks more, and
when a version reached an address is known to within half of the time that it took.

The looks of one zone and cadence double on, however many changes they see, and only so many zones are followed at a
time: where all zones change at once that costs little more, and the others are seen at their next regular look.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

FIRST_PAUSE = timedelta(seconds=0.5)

SHARE = 0.5
"""Of a cadence, for which a change is followed."""

MAX_ZONES = 200
"""Followed at a time."""


@dataclass(slots=True)
class _FollowedChange:
    until: datetime
    """The end of its cadence."""
    pause: timedelta
    moving: bool = True


class FollowedChanges:
    """The zones that are followed, or were within this cadence."""

    def __init__(self) -> None:
        self._known: dict[str, _FollowedChange] = {}

    def __contains__(self, zone: object) -> bool:
        return zone in self._known

    def next_look(self, zone: str, since: datetime | None, at: datetime, cadence: timedelta) -> datetime | None:
        """When to look again after the look ``at``, sooner than the next regular one; None: no need, or no room.

        ``since`` is the first sight of a version that is on its way; None where none is.
        """
        known = self._known.get(zone)
        if known is not None and not known.until - cadence <= at < known.until:  # or the clock was set back
            del self._known[zone]
            known = None
        if since is None or at - since >= cadence * SHARE:
            if known is not None:
                known.moving = False
            return None
        if known is None:
            if not self._has_room(at):
                return None
            known = self._known[zone] = _FollowedChange(at + cadence, FIRST_PAUSE)
        known.moving = True
        when = at + known.pause
        known.pause = min(2 * known.pause, cadence)
        return when if when < known.until else None

    def _has_room(self, at: datetime) -> bool:
        """Zones whose cadence is over, or of which nothing is on its way, make room for others."""
        if len(self._known) >= MAX_ZONES:
            self._known = {zone: one for zone, one in self._known.items() if one.moving and at < one.until}
        return len(self._known) < MAX_ZONES
