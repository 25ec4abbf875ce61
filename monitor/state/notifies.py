"""The latest NOTIFY of each zone: when it came, and from whom."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

MAX_ZONES = 100_000
"""Zones of which it is remembered; the one not announced for longest is forgotten."""


@dataclass(frozen=True, slots=True)
class Notify:
    """``server`` is that of the zone's servers which has the address ``host`` that it came from. ``serial`` is what it
    says the new one is, if it does: a hint that nobody has verified (RFC 1996 section 3.7).
    """

    at: datetime
    server: str
    host: str
    serial: int | None = None


class Notifies:
    """In memory only: after a restart nobody has sent any yet."""

    def __init__(self, most: int = MAX_ZONES) -> None:
        self.since: datetime | None = None
        """Since when all addresses that are listened at are open; None: nobody listens."""
        self._most = most
        self._latest: dict[str, tuple[Notify, ...]] = {}
        """The latest of each server, in the order in which they came; so are the zones."""

    def __len__(self) -> int:
        return len(self._latest)

    def note(self, zone: str, notify: Notify) -> None:
        others = tuple(one for one in self._latest.pop(zone, ()) if one.server != notify.server)
        if len(self._latest) >= self._most:
            del self._latest[next(iter(self._latest))]
        self._latest[zone] = (*others, notify)

    def latest(self, zone: str, server: str | None = None) -> Notify | None:
        """Of this server, or of any."""
        known = self._latest.get(zone, ())
        return next((one for one in reversed(known) if server in (None, one.server)), None)

    def drop(self, zones: Iterable[str]) -> None:
        """These zones are not watched any more."""
        for zone in zones:
            self._latest.pop(zone, None)
