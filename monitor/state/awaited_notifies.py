"""NOTIFYs that should come, or should have come, because the serial of a primary moved."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from alerting.model import Alert, Phase

NOTIFY_CHECK = "notify"
"""What finds them missing is called so, although it asks nothing."""


@dataclass(frozen=True, slots=True)
class ExpectedNotifies:
    """What the configuration says of servers: those whose NOTIFY is expected in any case, and those whose never is.

    Of all others it is for the zones of which they have sent one.
    """

    always: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AwaitedNotify:
    """What is said of the ``server`` if its NOTIFY does not come."""

    server: str
    text: str


class AwaitedNotifies:
    """One at most for each zone, the oldest; and when to look at which zone next."""

    def __init__(self) -> None:
        self._awaited: dict[str, AwaitedNotify] = {}
        self._looks: dict[str, datetime] = {}
        self._next: list[tuple[datetime, str]] = []

    def __len__(self) -> int:
        return len(self._awaited)

    def get(self, zone: str) -> AwaitedNotify | None:
        return self._awaited.get(zone)

    def put(self, zone: str, awaited: AwaitedNotify, due: datetime) -> None:
        """It is missing if it has not come when it is due."""
        if zone not in self._awaited:
            self._awaited[zone] = awaited
            self.look_at(zone, due)

    def end(self, zone: str, at: datetime) -> None:
        """It has come, or is not awaited any more; look at what is said of the zone."""
        if self._awaited.pop(zone, None) is not None:
            self.look_at(zone, at)

    def look_at(self, zone: str, when: datetime) -> None:
        self._looks[zone] = when
        heapq.heappush(self._next, (when, zone))

    def due(self, now: datetime) -> Iterator[str]:
        """The zones to be looked at now; a look that is made meanwhile for later is not among them."""
        while self._next and self._next[0][0] <= now:
            when, zone = heapq.heappop(self._next)
            if self._looks.get(zone) == when:
                del self._looks[zone]
                yield zone

    def restore(self, alerts: Iterable[Alert]) -> None:
        """Go on with what was said before a restart."""
        for alert in alerts:
            key = alert.key
            if key.check == NOTIFY_CHECK and key.server is not None:
                if alert.phase is not Phase.RECOVERING:
                    self._awaited[key.zone] = AwaitedNotify(key.server, alert.text)
                self.look_at(key.zone, alert.since)
