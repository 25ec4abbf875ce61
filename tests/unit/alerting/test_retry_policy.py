"""When a notification is tried again, and when it is given up."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.outbox import DeliveryResult, Lease
from alerting.retry_policy import Failure, RetryPolicy, next_attempt
from tests.support.specimens import at, message

HOUR, DAY = 3600.0, 86400.0
MESSAGE = message("t1")


def again(attempt: int, failure: Failure | None, now: float = 0.0, die: float = 0.5, **more) -> DeliveryResult:
    return next_attempt(Lease(MESSAGE, attempt, at(now + 60)), failure, at(now), replace(RetryPolicy(), **more), die)


def test_a_yes_is_the_end_of_it():
    assert again(3, None, 10.0) == DeliveryResult("t1", at(10))


@pytest.mark.parametrize(
    ("attempt", "die", "seconds"),
    [
        (1, 0.0, 5.0), (1, 0.5, 7.5), (1, 1.0, 10.0),
        (2, 0.0, 5.0), (2, 1.0, 20.0),
        (3, 1.0, 40.0), (6, 1.0, 300.0), (7, 1.0, 300.0), (99, 1.0, 300.0), (99, 0.0, 5.0), (99999, 0.5, 152.5),
    ],
)  # fmt: skip
def test_a_passing_failure_is_tried_again_at_random_under_a_bound_that_doubles(attempt, die, seconds):
    assert again(attempt, Failure("451"), die=die) == DeliveryResult("t1", at(0), "451", again=at(seconds))


def test_a_permanent_failure_is_tried_again_slowly_and_marked():
    assert again(1, Failure("401", permanent=True)) == DeliveryResult(
        "t1", at(0), "401", permanent=True, again=at(1800)
    )


@pytest.mark.parametrize(
    ("failure", "seconds"),
    [
        pytest.param(Failure("429", retry_after=120.0), 120.0, id="as it asks"),
        pytest.param(Failure("429", retry_after=0.0), 7.5, id="not sooner than we would"),
        pytest.param(Failure("403", permanent=True, retry_after=7200.0), 7200.0, id="permanent, and later still"),
        pytest.param(Failure("429", retry_after=1e12), DAY, id="at the last moment, whatever it asks"),
    ],
)
def test_what_the_receiver_asks_for_is_obeyed(failure, seconds):
    assert again(1, failure).again == at(seconds)


@pytest.mark.parametrize("failure", [Failure("451"), Failure("401", permanent=True), Failure("429", retry_after=9e9)])
def test_it_is_given_up_a_day_after_it_was_to_be_told_and_not_before_a_last_attempt(failure):
    assert again(50, failure, DAY - 1.0).again == at(DAY)
    assert again(51, failure, DAY) == DeliveryResult("t1", at(DAY), f"given up: {failure.reason}", failure.permanent)


def test_how_long_is_for_the_operator_to_say():
    assert again(1, Failure("451"), HOUR, give_up_after=HOUR).again is None


@given(
    st.integers(1, 10**9),
    st.floats(0.0, 2 * DAY),
    st.floats(0.0, 1.0),
    st.booleans(),
    st.none() | st.floats(0.0, allow_nan=False, allow_infinity=True),
)
def test_whatever_happens_it_is_tried_again_later_and_within_the_day_or_given_up(attempt, now, die, permanent, wanted):
    settled = again(attempt, Failure("no", permanent, wanted), now, die)
    if now >= DAY:
        assert settled.again is None
    elif now < DAY - 0.001:
        assert at(now) < settled.again <= at(DAY)
    assert settled.error


def test_a_lease_must_outlast_a_sending():
    with pytest.raises(ValueError, match="longer than the deadline"):
        RetryPolicy(deadline=60.0, lease=60.0)
