"""Detects addresses that limit the rate of their responses (RRL).

Response rate limiting puts a truncated answer in the place of some of those that it drops ("slip"), for a resolver to
come again over TCP: what is dropped in the same period is dropped for the same reason.
"""

from checks.model import Address, Query
from monitor.clock import monotonic

PERIOD = 60.0
"""Seconds for which one truncated answer explains silence. BIND, Knot and NSD count over up to 15 seconds, and the
checks that ask the same come a minute apart."""


class RateLimitDetector:
    """By server and address, when the latest truncated answer came in the place of a short one."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[tuple[str, Address], float] = {}

    def note(self, query: Query) -> None:
        self._seen[query.server, query.address] = monotonic()

    def lately(self, query: Query) -> bool:
        seen = self._seen.get((query.server, query.address))
        return seen is not None and monotonic() - seen < PERIOD
