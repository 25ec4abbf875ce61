"""A circuit breaker: detects an address that does not respond, and limits what is spent on it."""

FAILURE_THRESHOLD = 5
"""Failures in a row that open it."""

HALF_OPEN_PROBES = 4
"""Queries at a time that are tried in full all the same, as the address may only have become slow."""


class CircuitBreaker:
    """Closed while an address responds. After FAILURE_THRESHOLD failures in a row it is half-open while fewer than
    HALF_OPEN_PROBES queries are in flight, and open beyond that. One success closes it.

    How many are in flight is counted by its owner.
    """

    __slots__ = ("_failures",)

    def __init__(self) -> None:
        self._failures = 0

    @property
    def closed(self) -> bool:
        return self._failures < FAILURE_THRESHOLD

    def is_open(self, in_flight: int) -> bool:
        """Whether one more query, beside so many, is not worth the full effort."""
        return self._failures >= FAILURE_THRESHOLD and in_flight >= HALF_OPEN_PROBES

    def success(self) -> None:
        self._failures = 0

    def failure(self) -> None:
        self._failures += 1
