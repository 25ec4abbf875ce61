"""When an address counts as dead, and what it is still asked then."""

import pytest

from monitor.probe.circuit_breaker import FAILURE_THRESHOLD, HALF_OPEN_PROBES, CircuitBreaker

FAILED = "x" * FAILURE_THRESHOLD
MANY = 1000


@pytest.mark.parametrize(
    ("history", "in_flight", "closed", "is_open"),
    [
        ("", 0, True, False),
        ("", MANY, True, False),
        ("." * MANY, MANY, True, False),
        (FAILED[1:], MANY, True, False),
        (FAILED, 0, False, False),
        (FAILED, HALF_OPEN_PROBES - 1, False, False),
        (FAILED, HALF_OPEN_PROBES, False, True),
        ("x" * MANY, HALF_OPEN_PROBES - 1, False, False),
        ("x" * MANY, MANY, False, True),
        (FAILED[1:] + "." + FAILED[1:], MANY, True, False),
        (FAILED + ".", MANY, True, False),
        (FAILED + "." + FAILED[1:], MANY, True, False),
        ("." * MANY + FAILED, MANY, False, True),
    ],
)
def test_states(history: str, in_flight: int, closed: bool, is_open: bool) -> None:
    """x: a failure; .: a success. Half-open is neither closed nor open."""
    breaker = CircuitBreaker()
    for what in history:
        breaker.failure() if what == "x" else breaker.success()
    assert (breaker.closed, breaker.is_open(in_flight)) == (closed, is_open)
